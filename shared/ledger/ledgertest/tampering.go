package ledgertest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
)

// Anchors keep anchors in memory. The zero value is ready.
type Anchors struct {
	mu  sync.Mutex
	all []named
	// Fail is what asking is answered with; nil is nothing.
	Fail error
}

type named struct {
	name   string
	anchor []byte
}

// Put implements ledger.Anchorage.
func (a *Anchors) Put(_ context.Context, name string, anchor []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, named{name, anchor})
	return a.Fail
}

// Last implements ledger.Anchorage.
func (a *Anchors) Last(_ context.Context, before string) (string, []byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var last named
	for _, each := range a.all {
		if each.name < before && each.name >= last.name {
			last = each // of one name, what was put last: clocks of tests stand still
		}
	}
	return last.name, last.anchor, a.Fail
}

// Take takes the last anchors away, as whoever may remove them would.
func (a *Anchors) Take(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = a.all[:len(a.all)-n]
}

// The people of the tampering, by object id: what becomes of one must not touch the other.
const (
	victim    = "11111111-1111-4111-8111-111111111111"
	bystander = "22222222-2222-4222-8222-222222222222"
	tenant    = "tenant"
)

var begins = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// tampering is one thing that somebody does who may write the whole database, and holds no key.
type tampering struct {
	name string
	do   func(t *testing.T, rows map[string][]string)
	// want is what Verify finds first of the victim's case.
	want ledger.ProblemKind
	// readable is set where the case can still be folded: only its irreversible steps stop.
	readable bool
	// gone is set where nothing at all is left of it, or it is found nowhere.
	gone bool
	// says is what status has to say of a case that is held; empty is that an anchor contradicts it.
	says string
}

const victimCase, bystanderCase = victim + "-1", bystander + "-1"

var tamperings = []tampering{
	{name: "a changed row", want: ledger.ProblemChain, do: func(t *testing.T, rows map[string][]string) {
		edit(t, rows[victimCase], 0, func(e map[string]any) { e["leaver"] = bystander })
	}},
	{name: "a changed row and a new chain", want: ledger.ProblemUnproven, do: func(t *testing.T, rows map[string][]string) {
		edit(t, rows[victimCase], 0, func(e map[string]any) { e["leaver"] = bystander })
		rechain(t, rows[victimCase])
	}},
	{name: "a removed row", want: ledger.ProblemChain, do: func(_ *testing.T, rows map[string][]string) {
		rows[victimCase] = slices.Delete(rows[victimCase], 1, 2)
	}},
	{name: "a removed row and a new chain", want: ledger.ProblemTruncated, readable: true, do: func(t *testing.T, rows map[string][]string) {
		rows[victimCase] = slices.Delete(rows[victimCase], 1, 2)
		rechain(t, rows[victimCase])
	}},
	{name: "reordered rows", want: ledger.ProblemChain, do: func(_ *testing.T, rows map[string][]string) {
		rows[victimCase][1], rows[victimCase][2] = rows[victimCase][2], rows[victimCase][1]
	}},
	{name: "a tail cut short", want: ledger.ProblemTruncated, readable: true, do: func(_ *testing.T, rows map[string][]string) {
		rows[victimCase] = rows[victimCase][:2]
	}},
	{name: "a forged approval", want: ledger.ProblemUnproven, do: func(t *testing.T, rows map[string][]string) {
		add(t, rows, victimCase, offboarding.Entry{Kind: offboarding.EntryApproved, Step: offboarding.StepDelete, Approval: &offboarding.Approval{By: "approved-by-9"}})
	}},
	{name: "a forged case", want: ledger.ProblemUnproven, do: func(t *testing.T, rows map[string][]string) {
		rows[victimCase] = nil
		add(t, rows, victimCase, offboarding.Entry{
			Kind: offboarding.EntryOpened, Tenant: tenant, Leaver: victim,
			Plan: &offboarding.Plan{Version: 1, LeavingTime: begins, Steps: []offboarding.PlannedStep{{Name: offboarding.StepDelete, Due: begins}}},
		})
	}},
	{name: "rolled back and written on", want: ledger.ProblemAnchor, readable: true, do: func(t *testing.T, rows map[string][]string) {
		rows[victimCase] = rows[victimCase][:2]
		for range 5 {
			add(t, rows, victimCase, offboarding.Entry{Kind: offboarding.EntryKept, Step: offboarding.StepDelete, Progress: map[string]string{"a": "b"}})
		}
	}},
	{name: "another case's rows", want: ledger.ProblemUnproven, do: func(_ *testing.T, rows map[string][]string) {
		rows[victimCase] = slices.Clone(rows[bystanderCase])
	}},
	{name: "another tenant's rows", want: ledger.ProblemUnproven, do: func(t *testing.T, rows map[string][]string) {
		other := copied(t, honest(t, &Memory{}, ledger.Proof{Tenant: "elsewhere", Signer: Proof(tenant).Signer, Keys: Proof(tenant).Keys}), victimCase)
		rows[victimCase] = other
	}},
	{name: "rows of an older version, which signed nothing", want: ledger.ProblemUnproven, do: func(t *testing.T, rows map[string][]string) {
		unsign(t, rows[victimCase])
	}},
	{name: "rows that another key signed", want: ledger.ProblemUnproven, do: func(t *testing.T, rows map[string][]string) {
		rows[victimCase] = copied(t, honest(t, &Memory{}, ProofBy(tenant, 7)), victimCase)
	}},
	{name: "a signature of another algorithm", want: ledger.ProblemUnproven, do: func(t *testing.T, rows map[string][]string) {
		for i, row := range rows[victimCase] {
			rows[victimCase][i] = strings.Replace(row, `"alg":"EdDSA"`, `"alg":"ES256"`, 1)
		}
		rechain(t, rows[victimCase])
	}},
	{name: "words after a signature", want: ledger.ProblemUnproven, do: func(t *testing.T, rows map[string][]string) {
		rows[victimCase][0] = strings.TrimSuffix(rows[victimCase][0], "}") + `,"leaver":"` + bystander + `"}`
		rechain(t, rows[victimCase])
	}},
	{name: "a field that stands there twice", want: ledger.ProblemUnproven, do: func(t *testing.T, rows map[string][]string) {
		rows[victimCase][0] = strings.Replace(rows[victimCase][0], `,"signature":`, `,"leaver":"`+bystander+`","signature":`, 1)
		rechain(t, rows[victimCase])
	}},
	{name: "an unknown kind", want: ledger.ProblemUnreadable, do: func(t *testing.T, rows map[string][]string) {
		add(t, rows, victimCase, offboarding.Entry{Kind: "promoted"})
	}},
	{name: "no JSON", want: ledger.ProblemUnreadable, do: func(_ *testing.T, rows map[string][]string) {
		rows[victimCase] = append(rows[victimCase], "\x00}")
	}},
	{name: "a case removed as a whole", want: ledger.ProblemTruncated, gone: true, do: func(_ *testing.T, rows map[string][]string) {
		delete(rows, victimCase)
	}},
}

// A Way is one more of tampering, by the means of one kind of database: with the rows where they stand.
type Way struct {
	Name string
	Do   func(t *testing.T, victim string) // victim is the id of the case
	// Want is what comparing finds first. Held and Gone are those of Tampered; Says is what status has to say
	// of a case that is held.
	Want       ledger.ProblemKind
	Held, Gone bool
	Says       string
}

// Tampered is a ledger after somebody has tampered with it, and which cases that concerns.
type Tampered struct {
	Ledger            *ledger.Ledger // of a process that holds no key
	Victim, Bystander string         // ids of the cases
	// Held is set where the case can still be read, and its irreversible steps are held. Gone is set
	// where nothing is left of it, or no list has it.
	Held, Gone bool
	// Says is what a person is told of a case that is held.
	Says string
}

// Tampering tampers with a ledger in every way and opens it again: each is noticed, in words, and stops
// what it concerns and nothing else. Fresh makes empty stores; what those say who look at it, also checks.
func Tampering(t *testing.T, fresh func(t *testing.T) ledger.Store, also ...func(t *testing.T, after Tampered)) {
	t.Logf("%d ways", len(tamperings))
	for _, way := range tamperings {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			anchors := &Anchors{}
			proof := Proof(tenant)
			proof.Anchors = anchors
			before := honest(t, &Memory{}, proof)
			if wrong, err := before.Anchor(t.Context()); err != nil || len(wrong) > 0 {
				t.Fatalf("anchoring the honest ledger: %v, %v", wrong, err)
			}
			rows := map[string][]string{victimCase: copied(t, before, victimCase), bystanderCase: copied(t, before, bystanderCase), "brakes": copied(t, before, "brakes")}
			way.do(t, rows)
			store := fresh(t)
			for id, all := range rows {
				label := "open"
				if id == "brakes" {
					label = id
				}
				for i, row := range all {
					if err := store.Append(t.Context(), id, i+1, label, []byte(row)); err != nil {
						t.Fatal(err)
					}
				}
			}
			way.look(t, store, proof, also)
		})
	}
}

// TamperingInPlace writes an honest ledger to a store and tampers with it in ways of its own, each in a
// fresh one. Again opens the same store once more, as another process would.
func TamperingInPlace(t *testing.T, ways []Way, fresh, again func(t *testing.T) ledger.Store, also ...func(t *testing.T, after Tampered)) {
	for _, own := range ways {
		t.Run(own.Name, func(t *testing.T) {
			t.Parallel()
			proof := Proof(tenant)
			proof.Anchors = &Anchors{}
			if wrong, err := honest(t, fresh(t), proof).Anchor(t.Context()); err != nil || len(wrong) > 0 {
				t.Fatalf("anchoring the honest ledger: %v, %v", wrong, err)
			}
			step := proof
			step.Signer = nil
			warm := ledger.New(again(t), func() time.Time { return begins.Add(time.Hour) }, rand.Reader, step)
			if cases, _, err := warm.Cases(t.Context()); err != nil || len(cases) != 2 {
				t.Fatalf("%d cases, %v; want two", len(cases), err)
			}
			own.Do(t, victimCase)
			way := tampering{name: own.Name, want: own.Want, readable: own.Held, gone: own.Gone, says: own.Says}
			way.look(t, again(t), proof, also)
			warmly(t, warm)
		})
	}
}

// warmly asks a process that knew the cases before: whether it notices already or not, nobody else is concerned,
// and nothing fails as a whole.
func warmly(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	wrong, err := l.Anchor(t.Context())
	if err != nil || slices.ContainsFunc(wrong, func(v ledger.Verification) bool { return v.Case != victimCase }) {
		t.Errorf("who knew the cases finds %+v, %v; want no other case, and no failure", wrong, err)
	}
	_, unreadable, err := l.AllCases(t.Context())
	if err != nil || slices.ContainsFunc(unreadable, func(u ledger.Unreadable) bool { return u.ID != victimCase }) {
		t.Errorf("who knew the cases cannot read %+v, %v; want no other case, and no failure", unreadable, err)
	}
}

// look opens the ledger as a step does, which holds no key.
func (way tampering) look(t *testing.T, store ledger.Store, proof ledger.Proof, also []func(*testing.T, Tampered)) {
	t.Helper()
	proof.Signer = nil
	l := ledger.New(store, func() time.Time { return begins.Add(time.Hour) }, rand.Reader, proof)
	way.check(t, l)
	says := way.says
	if says == "" {
		says = "the anchor of "
	}
	for _, check := range also {
		check(t, Tampered{Ledger: l, Victim: victimCase, Bystander: bystanderCase, Held: way.readable, Gone: way.gone, Says: says})
	}
}

func (way tampering) check(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	wrong, err := l.Anchor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(wrong, func(v ledger.Verification) bool { return v.Case == victimCase })
	if i < 0 || wrong[i].Problems[0].Kind != way.want || wrong[i].Problems[0].Why == "" {
		t.Errorf("comparing finds %+v; want %s of %s first", wrong, way.want, victimCase)
	}
	if len(wrong) != 1 {
		t.Errorf("it finds something wrong with %d histories, want 1: %+v", len(wrong), wrong)
	}
	if v, err := l.Verify(t.Context(), victimCase); !way.gone && way.want != ledger.ProblemLabel && (err != nil || v.OK) {
		t.Errorf("verifying: %+v, %v; want that it does not", v, err)
	}
	if v, err := l.Verify(t.Context(), bystanderCase); err != nil || !v.OK || len(v.Problems) > 0 {
		t.Errorf("the other case: %+v, %v; want that it verifies", v, err)
	}
	if run := beginDelete(t, l, bystander); run == nil {
		t.Error("the other departure stands still")
	}
	cases, unreadable, err := l.Cases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	named := slices.ContainsFunc(unreadable, func(u ledger.Unreadable) bool { return u.ID == victimCase && errors.Is(u.Why, ledger.ErrUnreadable) })
	held := slices.ContainsFunc(cases, func(c *offboarding.Case) bool {
		return c.ID == victimCase && c.Step(offboarding.StepDelete).State == offboarding.StateHeld
	})
	if named == way.readable && !way.gone || held != way.readable {
		t.Errorf("the case is named as unreadable: %t, and its deletion is held: %t; want one of the two", named, held)
	}
	if run := beginDelete(t, l, victim); run != nil {
		t.Error("the account would be deleted")
	}
}

// beginDelete begins the deletion of somebody's account; nil when that is not admitted.
func beginDelete(t *testing.T, l *ledger.Ledger, leaver string) *ledger.Run {
	t.Helper()
	n := 1
	if c, err := l.Case(t.Context(), leaver+"-1"); err == nil && c.Step(offboarding.StepDelete) != nil {
		n = c.Step(offboarding.StepDelete).N
	}
	run, _, err := l.Begin(t.Context(), ledger.Claim{
		Tenant: tenant, Case: leaver + "-1", Leaver: leaver, PlanVersion: 1, Step: offboarding.StepDelete, N: n,
	}, begins.Add(2*time.Hour))
	if err != nil && !errors.Is(err, ledger.ErrUnreadable) {
		t.Errorf("beginning: %v", err)
	}
	return run
}

// honest is a ledger with two departures, each of whose deletion a person has approved.
func honest(t *testing.T, store ledger.Store, proof ledger.Proof) *ledger.Ledger {
	t.Helper()
	l := ledger.New(store, func() time.Time { return begins }, rand.Reader, proof)
	for _, leaver := range []string{victim, bystander} {
		request := offboarding.Request{
			ID: offboarding.RequestID("test", leaver), Kind: offboarding.Termination, Source: "test",
			EventTime: begins, ReceivedAt: begins, LeavingTime: begins, Employee: offboarding.Employee{ID: leaver},
		}
		plan := offboarding.Plan{Version: 1, LeavingTime: begins, Steps: []offboarding.PlannedStep{{Name: offboarding.StepDelete, Due: begins}}}
		c, err := l.Open(t.Context(), ledger.Opening{
			Tenant: proof.Tenant, Leaver: leaver, Request: request, Plan: plan,
			Brakes: []offboarding.Brake{{Kind: offboarding.BrakeApproval, By: offboarding.ApproveDelete, Step: offboarding.StepDelete, Why: "the policy wants it", Needs: 1}},
		})
		if err == nil {
			_, err = l.Approve(t.Context(), ledger.Approval{Case: c.ID, Step: offboarding.StepDelete, By: offboarding.Person{Name: "miriam"}})
		}
		if err == nil {
			_, err = l.MarkPublished(t.Context(), c.ID, 1)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return l
}

func copied(t *testing.T, l *ledger.Ledger, id string) []string {
	t.Helper()
	c, err := l.Copy(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return c.Entries
}

func edit(t *testing.T, rows []string, i int, how func(map[string]any)) {
	t.Helper()
	// In the order of the fields, so that what is signed still ends with its signature.
	body, tail, _ := strings.Cut(rows[i], `,"signature":`)
	var fields map[string]any
	if err := json.Unmarshal([]byte(strings.TrimSuffix(body, "}")+"}"), &fields); err != nil {
		t.Fatal(err)
	}
	how(fields)
	raw, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	rows[i] = string(raw)
	if tail != "" {
		rows[i] = strings.TrimSuffix(rows[i], "}") + `,"signature":` + tail
	}
}

// rechain gives every row its position and the hash of the one before, as whoever forges would.
func rechain(t *testing.T, rows []string) {
	t.Helper()
	previous := ""
	for i := range rows {
		if i > 0 {
			edit(t, rows, i, func(e map[string]any) { e["position"], e["previous"] = i+1, previous })
		}
		sum := sha256.Sum256([]byte(rows[i]))
		previous = hex.EncodeToString(sum[:])
	}
}

func unsign(t *testing.T, rows []string) {
	t.Helper()
	for i, row := range rows {
		if body, _, signed := strings.Cut(row, `,"signature":`); signed {
			rows[i] = body + "}"
		}
	}
	rechain(t, rows)
}

// add appends an entry that continues the chain.
func add(t *testing.T, rows map[string][]string, id string, e offboarding.Entry) {
	t.Helper()
	e.Position, e.At = len(rows[id])+1, begins
	if n := len(rows[id]); n > 0 {
		sum := sha256.Sum256([]byte(rows[id][n-1]))
		e.Previous = hex.EncodeToString(sum[:])
	}
	raw, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	rows[id] = append(rows[id], string(raw))
}
