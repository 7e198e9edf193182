package operator_test

import (
	"context"
	"crypto/rand"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/shared/ledger"
	"leaver/shared/ledger/ledgertest"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
)

var (
	start = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	alex  = offboarding.Person{ID: "aaaaaaaa-0000-4000-8000-000000000001", Name: "alex.wilber@contoso.com"}
)

const leaver = "bbbbbbbb-0000-4000-8000-000000000001"

// acts are all acts of people, as somebody who has a case before them would ask for them.
var acts = map[string]struct {
	needs operator.Role
	do    func(*operator.Desk, context.Context, operator.Who) error
}{
	"Release": {operator.Operate, func(d *operator.Desk, ctx context.Context, who operator.Who) error {
		_, err := d.Release(ctx, operator.Release{Who: []operator.Who{who}, By: "mallory"})
		return err
	}},
	"Approve": {operator.Approve, func(d *operator.Desk, ctx context.Context, who operator.Who) error {
		_, err := d.Approve(ctx, operator.Approval{Who: who, By: "mallory"})
		return err
	}},
	"Allow": {operator.Operate, func(d *operator.Desk, ctx context.Context, _ operator.Who) error {
		_, err := d.Allow(ctx, operator.Allowance{Departures: 1000, Until: start.Add(time.Hour), By: "mallory"})
		return err
	}},
	"Freeze": {operator.Operate, func(d *operator.Desk, ctx context.Context, _ operator.Who) error {
		_, err := d.Freeze(ctx, operator.Freeze{Thaw: true, By: "mallory"})
		return err
	}},
	"Cancel": {operator.Operate, func(d *operator.Desk, ctx context.Context, who operator.Who) error {
		_, err := d.Cancel(ctx, operator.Cancellation{Who: who, Reason: "because", By: "mallory"})
		return err
	}},
	"SignOff": {operator.Operate, func(d *operator.Desk, ctx context.Context, who operator.Who) error {
		_, err := d.SignOff(ctx, operator.SignOff{Who: who, Step: offboarding.StepDelete, By: "mallory", Note: "done"})
		return err
	}},
	"Adopt": {operator.Operate, func(d *operator.Desk, ctx context.Context, who operator.Who) error {
		_, err := d.Adopt(ctx, operator.Adoption{Who: []operator.Who{who}, Seen: strings.Repeat("0", 32), By: "mallory"})
		return err
	}},
	"SetAside": {operator.Operate, func(d *operator.Desk, ctx context.Context, who operator.Who) error {
		_, err := d.SetAside(ctx, operator.Adoption{Who: []operator.Who{who}, By: "mallory"})
		return err
	}},
	"RestoresFrozen": {operator.Operate, func(d *operator.Desk, ctx context.Context, _ operator.Who) error {
		return d.RestoresFrozen(ctx, "mallory")
	}},
	"Restore": {operator.Operate, func(d *operator.Desk, ctx context.Context, who operator.Who) error {
		return d.Restore(ctx, operator.Restoring{History: ledger.Copy{ID: who.Case + "1", Entries: []string{"{}"}}, Unproven: true, By: "mallory"})
	}},
	"Undo": {operator.Operate, func(d *operator.Desk, ctx context.Context, who operator.Who) error {
		_, err := d.Undo(ctx, operator.Undo{Who: who, Reason: "because", By: "mallory"})
		return err
	}},
	"Replay": {operator.Operate, func(d *operator.Desk, ctx context.Context, who operator.Who) error {
		_, err := d.Replay(ctx, operator.Replay{Who: who})
		return err
	}},
	"Offboard": {operator.Operate, func(d *operator.Desk, ctx context.Context, _ operator.Who) error {
		_, err := d.Offboard(ctx, offboarding.Request{Kind: offboarding.Termination, Employee: offboarding.Employee{ID: leaver}})
		return err
	}},
}

// questions are what a desk answers to whoever may read.
var questions = []string{"As", "Brakes", "Overview", "Unread", "Plan", "Preview", "Report", "Status", "Story", "Verify"}

// TestEveryActChecksWhoActs asks for every act as somebody who lacks its role, and as somebody whom no
// token proves: both are refused before the ledger is asked to write. A desk has no act that is not tried.
func TestEveryActChecksWhoActs(t *testing.T) {
	t.Parallel()
	methods := reflect.TypeFor[*operator.Desk]()
	for i := range methods.NumMethod() {
		name := methods.Method(i).Name
		if _, is := acts[name]; is == slices.Contains(questions, name) {
			t.Errorf("Desk.%s has to be either an act that is tried here, or a question", name)
		}
	}
	for name, act := range acts {
		others := slices.DeleteFunc([]operator.Role{operator.Read, operator.Operate, operator.Approve}, func(r operator.Role) bool { return r == act.needs })
		for who, desk := range map[string]func(*operator.Desk) *operator.Desk{
			"without the role": func(d *operator.Desk) *operator.Desk { return d.As(alex, others...) },
			"without any role": func(d *operator.Desk) *operator.Desk { return d.As(alex) },
			"without a token":  func(d *operator.Desk) *operator.Desk { return d.As(offboarding.Person{}, act.needs) },
		} {
			store := &ledgertest.Memory{}
			proof := ledgertest.Proof("tenant")
			l := ledger.New(store, func() time.Time { return start }, rand.Reader, proof)
			c, err := l.Open(t.Context(), departure(t))
			if err != nil {
				t.Fatal(err)
			}
			before := store.Written()
			d := desk(&operator.Desk{Ledger: l, Index: &operator.Index{}, Now: func() time.Time { return start }}) // no bus: whoever gets past panics
			if err := act.do(d, t.Context(), operator.OfCase(c.ID)); err == nil || operator.StatusCode(err) != 422 {
				t.Errorf("%s %s: error %v; want it refused", name, who, err)
			}
			if after := store.Written(); after != before {
				t.Errorf("%s %s: %d entries were written", name, who, after-before)
			}
		}
	}
}

// TestWhereNobodyIsNamedNobodyIsMeant has one departure in the ledger: what is asked of a departure that
// nobody has named is refused, and not taken for that one.
func TestWhereNobodyIsNamedNobodyIsMeant(t *testing.T) {
	t.Parallel()
	store := &ledgertest.Memory{}
	l := ledger.New(store, func() time.Time { return start }, rand.Reader, ledgertest.Proof("tenant"))
	if _, err := l.Open(t.Context(), departure(t)); err != nil {
		t.Fatal(err)
	}
	before := store.Written()
	d := &operator.Desk{Ledger: l, Index: &operator.Index{}, Now: func() time.Time { return start }}
	asks := map[string]func(*operator.Desk, context.Context, operator.Who) error{
		"Story": func(d *operator.Desk, ctx context.Context, who operator.Who) error {
			_, err := d.Story(ctx, who)
			return err
		},
	}
	for _, name := range []string{"Release", "Approve", "Cancel", "SignOff", "Adopt", "SetAside", "Undo"} {
		asks[name] = acts[name].do
	}
	for name, ask := range asks {
		if err := ask(d, t.Context(), operator.Who{}); err == nil || operator.StatusCode(err) != 422 {
			t.Errorf("%s of nobody: error %v; want it refused", name, err)
		}
	}
	if after := store.Written(); after != before {
		t.Errorf("%d entries were written", after-before)
	}
}

func departure(t *testing.T) ledger.Opening {
	t.Helper()
	r := offboarding.Request{
		ID: offboarding.RequestID("test", "1"), Kind: offboarding.Termination, Source: "test",
		EventTime: start, ReceivedAt: start, LeavingTime: start, Employee: offboarding.Employee{ID: leaver},
	}
	plan, err := offboarding.Compile(r, offboarding.DefaultPolicy())
	if err != nil {
		t.Fatal(err)
	}
	return ledger.Opening{Tenant: "tenant", Leaver: leaver, Request: r, Plan: plan}
}

// peoples are what the ledger does on a person's word alone.
var peoples = []string{"Release", "Approve", "Withdraw", "AllowDepartures", "Freeze", "Thaw", "SignOff", "Adopt", "SetAside", "StopUndo", "Choose", "Import"}

// TestNoOtherRoomDoesWhatPeopleDo looks through the code of the project: what the ledger does on a
// person's word is asked of it here and nowhere else, and only functions that sign hold a desk. (A request
// that comes after the lockout may prepare an undo, which begins on a person's word.)
func TestNoOtherRoomDoesWhatPeopleDo(t *testing.T) {
	t.Parallel()
	asked := map[string]int{}
	err := fs.WalkDir(os.DirFS("../.."), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != "." {
			return cmp(err, fs.SkipDir)
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "shared/ledger/") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), "../../"+path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, is := n.(*ast.CallExpr)
			if !is {
				return true
			}
			method, is := call.Fun.(*ast.SelectorExpr)
			if !is || !slices.Contains(peoples, method.Sel.Name) || !ofLedger(method.X) {
				return true
			}
			asked[method.Sel.Name]++
			if !strings.HasPrefix(path, "shared/operator/") {
				t.Errorf("%s asks the ledger to %s: only shared/operator does", path, method.Sel.Name)
			}
			return true
		})
		for _, i := range file.Imports {
			room, _, _ := strings.Cut(strings.TrimPrefix(path, "functions/"), "/")
			f, is := offboarding.FunctionOf(room)
			if is && strings.HasPrefix(path, "functions/") && i.Path.Value == `"leaver/shared/operator"` && (!f.Signs || !f.People) {
				t.Errorf("%s holds the operator's desk, and %s is no function of people", path, room)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range peoples {
		if asked[name] == 0 {
			t.Errorf("nobody asks the ledger to %s: is it called otherwise now?", name)
		}
	}
}

// ofLedger reports whether an expression is called a ledger, as every one is.
func ofLedger(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.SelectorExpr:
		return x.Sel.Name == "Ledger" || x.Sel.Name == "ledger"
	case *ast.Ident:
		return x.Name == "l" || x.Name == "ledger"
	}
	return false
}

func cmp(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}
