// Package ledgertest is the conformance suite of the ledger's store port: what every driver
// must do, whatever it keeps the histories in.
package ledgertest

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"leaver/shared/ledger"
)

// Main runs the tests of a driver, many cases at once: they wait more than they compute.
func Main(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		_ = f.Value.Set("8")
	}
	os.Exit(m.Run())
}

// Harness is a driver's side of one case: storage of its own with nothing in it.
type Harness struct {
	Store ledger.Store
	// Reopen ends the store and everything of it in this process, and returns a new one on
	// the same storage, which it restarts if it can.
	Reopen func(t *testing.T) ledger.Store
	// Second returns another store on the same storage, as another process would have it.
	Second func(t *testing.T) ledger.Store
	// Reaches looks for bytes wherever the driver can see them stored, files of its server
	// included; nil when it can see none of it (a service in the cloud).
	Reaches func(t *testing.T, needle []byte) bool
}

// Run runs every case on a harness of its own, in parallel.
func Run(t *testing.T, fresh func(t *testing.T) Harness) {
	t.Logf("%d cases", len(historyCases)+len(listCases)+len(valueCases))
	for _, group := range []struct {
		name  string
		cases []suiteCase
	}{
		{"history", historyCases},
		{"list", listCases},
		{"values", valueCases},
	} {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			for _, c := range group.cases {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					c.run(&kit{T: t, Harness: fresh(t)})
				})
			}
		})
	}
}

type suiteCase struct {
	name string
	run  func(k *kit)
}

// patience is how long one case may take.
const patience = 20 * time.Second

// kit is a case's hands on its harness. What fails ends the case.
type kit struct {
	*testing.T
	Harness
}

func (k *kit) ctx() context.Context {
	ctx, cancel := context.WithTimeout(k.Context(), patience)
	k.Cleanup(cancel)
	return ctx
}

func (k *kit) append(id string, position int, label, entry string) {
	k.Helper()
	if err := k.Store.Append(k.ctx(), id, position, label, []byte(entry)); err != nil {
		k.Fatalf("appending %d to %s: %v", position, id, err)
	}
}

func (k *kit) wantConflict(id string, position int) {
	k.Helper()
	if err := k.Store.Append(k.ctx(), id, position, "wrong", []byte("wrong")); !errors.Is(err, ledger.ErrConflict) {
		k.Fatalf("appending %d to %s: error %v, want ErrConflict", position, id, err)
	}
}

func (k *kit) wantEntries(s ledger.Store, id string, after int, want ...string) {
	k.Helper()
	got, err := s.Read(k.ctx(), id, after)
	if err != nil {
		k.Fatalf("reading %s after %d: %v", id, after, err)
	}
	if !slices.EqualFunc(got, want, func(g []byte, w string) bool { return string(g) == w }) {
		k.Fatalf("reading %s after %d: %q, want %q", id, after, got, want)
	}
}

func (k *kit) wantHeads(s ledger.Store, labels []string, want ...ledger.Head) {
	k.Helper()
	got, err := s.List(k.ctx(), labels...)
	if err != nil {
		k.Fatalf("listing: %v", err)
	}
	byID := func(a, b ledger.Head) int { return strings.Compare(a.ID, b.ID) }
	slices.SortFunc(got, byID)
	slices.SortFunc(want, byID)
	if !slices.Equal(got, want) {
		k.Fatalf("listing %v: %v, want %v", labels, got, want)
	}
}

// eventuallyHeads allows List its moment of staleness.
func (k *kit) eventuallyHeads(s ledger.Store, labels []string, holds func([]ledger.Head) bool) {
	k.Helper()
	ctx := k.ctx()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		got, err := s.List(ctx, labels...)
		if err != nil {
			k.Fatalf("listing: %v", err)
		}
		if holds(got) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			k.Fatalf("still not as wanted: %v", got)
		}
	}
}

func (k *kit) seal(id string, values map[string]ledger.Value) {
	k.Helper()
	if err := k.Store.Seal(k.ctx(), id, values); err != nil {
		k.Fatalf("sealing: %v", err)
	}
}

func (k *kit) erase(id string) {
	k.Helper()
	if err := k.Store.Erase(k.ctx(), id); err != nil {
		k.Fatalf("erasing: %v", err)
	}
}

func (k *kit) wantValues(s ledger.Store, id string, want map[string]ledger.Value) {
	k.Helper()
	got, err := s.Unseal(k.ctx(), id)
	if err != nil {
		k.Fatalf("unsealing: %v", err)
	}
	same := func(a, b ledger.Value) bool { return a.Value == b.Value && bytes.Equal(a.Salt, b.Salt) }
	if !maps.EqualFunc(got, want, same) {
		k.Fatalf("unsealed %v, want %v", got, want)
	}
}

var historyCases = []suiteCase{
	{"entries are read in order, all or a tail", func(k *kit) {
		for i, e := range []string{"one", "two", "three", "four"} {
			k.append("case-1", i+1, "open", e)
		}
		k.wantEntries(k.Store, "case-1", 0, "one", "two", "three", "four")
		k.wantEntries(k.Store, "case-1", 1, "two", "three", "four")
		k.wantEntries(k.Store, "case-1", 3, "four")
		k.wantEntries(k.Store, "case-1", 4)
	}},
	{"an end before what is known is said", func(k *kit) {
		k.append("case-1", 1, "open", "one")
		for id, after := range map[string]int{"case-1": 2, "none": 1} {
			for name, store := range map[string]ledger.Store{"the one that wrote it": k.Store, "another": k.Second(k.T)} {
				if got, err := store.Read(k.ctx(), id, after); !errors.Is(err, ledger.ErrTruncated) || len(got) > 0 {
					k.Errorf("reading %s after %d by %s: %q, error %v, want ErrTruncated", id, after, name, got, err)
				}
			}
		}
	}},
	{"one that does not exist is empty", func(k *kit) {
		k.wantEntries(k.Store, "none", 0)
		k.append("case-1", 1, "open", "one")
		k.wantEntries(k.Store, "none", 0)
		k.wantEntries(k.Store, "case", 0)
	}},
	{"histories do not mix", func(k *kit) {
		k.append("case-1", 1, "open", "a1")
		k.append("case-11", 1, "open", "b1")
		k.append("case-1", 2, "open", "a2")
		k.append("case-11", 2, "open", "b2")
		k.wantEntries(k.Store, "case-1", 0, "a1", "a2")
		k.wantEntries(k.Store, "case-11", 0, "b1", "b2")
	}},
	{"a position that is taken is a conflict and writes nothing", func(k *kit) {
		k.append("case-1", 1, "open", "one")
		k.wantConflict("case-1", 1)
		k.append("case-1", 2, "open", "two")
		k.wantConflict("case-1", 1)
		k.wantConflict("case-1", 2)
		k.wantEntries(k.Store, "case-1", 0, "one", "two")
		k.wantHeads(k.Store, nil, ledger.Head{ID: "case-1", Position: 2, Label: "open"})
	}},
	{"a gap is a conflict and writes nothing", func(k *kit) {
		k.wantConflict("case-1", 2)
		k.wantEntries(k.Store, "case-1", 0)
		k.append("case-1", 1, "open", "one")
		k.wantConflict("case-1", 3)
		k.wantConflict("case-1", 0)
		k.wantConflict("case-1", -1)
		k.append("case-1", 2, "open", "two")
		k.wantEntries(k.Store, "case-1", 0, "one", "two")
	}},
	{"of fifty writers of one position exactly one wins", func(k *kit) {
		second := k.Second(k.T)
		for position := 1; position <= 3; position++ {
			var wg sync.WaitGroup
			var mu sync.Mutex
			var won []string
			for i := range 50 {
				store, entry := k.Store, fmt.Sprintf("%d by %d", position, i)
				if i%2 == 1 {
					store = second
				}
				wg.Go(func() {
					switch err := store.Append(k.Context(), "case-1", position, "open", []byte(entry)); {
					case err == nil:
						mu.Lock()
						won = append(won, entry)
						mu.Unlock()
					case !errors.Is(err, ledger.ErrConflict):
						k.Errorf("error %v, want ErrConflict", err)
					}
				})
			}
			wg.Wait()
			if len(won) != 1 {
				k.Fatalf("position %d: %v won, want exactly one", position, won)
			}
			k.wantEntries(k.Store, "case-1", position-1, won[0])
			k.wantEntries(second, "case-1", position-1, won[0])
		}
	}},
	{"what another store has committed is read, and appended to, at once", func(k *kit) {
		second := k.Second(k.T)
		for position := 1; position <= 20; position++ {
			writer, reader := k.Store, second
			if position%2 == 0 {
				writer, reader = second, k.Store
			}
			entry := fmt.Sprint("entry ", position)
			if err := writer.Append(k.ctx(), "case-1", position, "open", []byte(entry)); err != nil {
				k.Fatalf("appending %d: %v", position, err)
			}
			k.wantEntries(reader, "case-1", position-1, entry)
			if err := reader.Append(k.ctx(), "case-1", position, "open", nil); !errors.Is(err, ledger.ErrConflict) {
				k.Fatalf("appending %d twice: error %v, want ErrConflict", position, err)
			}
		}
	}},
	{"a thousand entries are read in order", func(k *kit) {
		const n = 1000
		var all []string
		for i := 1; i <= n; i++ {
			all = append(all, fmt.Sprintf("entry %d", i))
			k.append("case-1", i, "open", all[i-1])
			if i%100 == 0 {
				k.append(fmt.Sprint("other-", i), 1, "open", "noise")
			}
		}
		k.wantEntries(k.Store, "case-1", 0, all...)
		k.wantEntries(k.Store, "case-1", 500, all[500:]...)
		k.wantEntries(k.Second(k.T), "case-1", 0, all...)
	}},
	{"any bytes up to 64 KiB come back as they were", func(k *kit) {
		random := rand.NewChaCha8([32]byte{})
		position := 0
		for _, size := range []int{0, 1, 255, 4096, 64 << 10} {
			entry := make([]byte, size)
			_, _ = random.Read(entry)
			position++
			k.append("case-1", position, "open", string(entry))
			k.wantEntries(k.Store, "case-1", position-1, string(entry))
		}
		for range 10 { // more than one answer may hold
			entry := make([]byte, 64<<10)
			_, _ = random.Read(entry)
			position++
			k.append("case-1", position, "open", string(entry))
		}
		got, err := k.Store.Read(k.ctx(), "case-1", 0)
		if err != nil || len(got) != position {
			k.Fatalf("read %d entries, error %v, want %d", len(got), err, position)
		}
	}},
	{"it survives a reopen", func(k *kit) {
		k.append("case-1", 1, "open", "one")
		k.append("case-1", 2, "closed", "two")
		k.Store = k.Reopen(k.T)
		k.wantEntries(k.Store, "case-1", 0, "one", "two")
		k.wantHeads(k.Store, nil, ledger.Head{ID: "case-1", Position: 2, Label: "closed"})
		k.wantConflict("case-1", 2)
		k.append("case-1", 3, "closed", "three")
		k.wantEntries(k.Store, "case-1", 2, "three")
	}},
	{"ids are 1 to 64 characters of a-z, 0-9 and '-'", func(k *kit) {
		for _, id := range []string{"a", "0", "-", "0b9e4a3c-7d52-4f0e-9a43-1c2d3e4f5a6b", strings.Repeat("z", 64)} {
			k.append(id, 1, "open", "entry of "+id)
			k.wantEntries(k.Store, id, 0, "entry of "+id)
		}
		for _, id := range []string{"", "A", "a.b", "a b", "a*", ">", "a/b", "ä", strings.Repeat("z", 65)} {
			ctx := k.ctx()
			_, read := k.Store.Read(ctx, id, 0)
			_, unseal := k.Store.Unseal(ctx, id)
			for doing, err := range map[string]error{
				"appending": k.Store.Append(ctx, id, 1, "open", nil), "reading": read, "unsealing": unseal,
				"sealing": k.Store.Seal(ctx, id, map[string]ledger.Value{"n": {}}), "erasing": k.Store.Erase(ctx, id),
			} {
				if err == nil || errors.Is(err, ledger.ErrConflict) || errors.Is(err, ledger.ErrUnavailable) {
					k.Errorf("%s with id %q: error %v, want a refusal", doing, id, err)
				}
			}
		}
	}},
	{"a done context is ErrUnavailable", func(k *kit) {
		ctx, cancel := context.WithCancel(k.Context())
		cancel()
		_, read := k.Store.Read(ctx, "case-1", 0)
		for doing, err := range map[string]error{
			"appending": k.Store.Append(ctx, "case-1", 1, "open", nil), "reading": read,
		} {
			if !errors.Is(err, ledger.ErrUnavailable) || !errors.Is(err, context.Canceled) {
				k.Errorf("%s: error %v, want ErrUnavailable and the context's", doing, err)
			}
		}
	}},
	{"after Close it is ErrUnavailable", func(k *kit) {
		if err := k.Store.Close(); err != nil {
			k.Fatal(err)
		}
		ctx := k.ctx()
		_, read := k.Store.Read(ctx, "case-1", 0)
		_, list := k.Store.List(ctx)
		for doing, err := range map[string]error{
			"appending": k.Store.Append(ctx, "case-1", 1, "open", nil), "reading": read, "listing": list,
			"sealing": k.Store.Seal(ctx, "case-1", map[string]ledger.Value{"n": {}}), "erasing": k.Store.Erase(ctx, "case-1"),
		} {
			if !errors.Is(err, ledger.ErrUnavailable) {
				k.Errorf("%s: error %v, want ErrUnavailable", doing, err)
			}
		}
	}},
}

var listCases = []suiteCase{
	{"nothing is an empty list", func(k *kit) {
		k.wantHeads(k.Store, nil)
		k.wantHeads(k.Store, []string{"open"})
	}},
	{"it finds histories by any of the labels, or all", func(k *kit) {
		a, b, c := ledger.Head{ID: "a", Position: 1, Label: "open"}, ledger.Head{ID: "b", Position: 1, Label: "planning"}, ledger.Head{ID: "c", Position: 1, Label: "closed"}
		for _, h := range []ledger.Head{a, b, c} {
			k.append(h.ID, 1, h.Label, "entry")
		}
		k.wantHeads(k.Store, nil, a, b, c)
		k.wantHeads(k.Store, []string{"open"}, a)
		k.wantHeads(k.Store, []string{"open", "planning"}, a, b)
		k.wantHeads(k.Store, []string{"none such"})
	}},
	{"a label moves with the last entry", func(k *kit) {
		k.append("a", 1, "planning", "one")
		k.wantHeads(k.Store, []string{"planning"}, ledger.Head{ID: "a", Position: 1, Label: "planning"})
		k.append("a", 2, "open", "two")
		k.wantHeads(k.Store, []string{"planning"})
		k.wantHeads(k.Store, []string{"open"}, ledger.Head{ID: "a", Position: 2, Label: "open"})
	}},
	{"hints leave none of a label out", func(k *kit) {
		k.append("a", 1, "planning", "one")
		k.append("a", 2, "open", "two")
		k.append("a", 3, "open", "three")
		k.append("b", 1, "closed", "one")
		k.append("c", 1, "open", "one")
		k.append("c", 2, "closed", "two")
		k.append("c", 3, "erased", "three")
		for label, want := range map[string][]string{"open": {"a"}, "closed": {"b"}, "erased": {"c"}, "none such": nil} {
			got, err := k.Store.Hints(k.ctx(), label)
			if err != nil {
				k.Fatalf("hints of %s: %v", label, err)
			}
			for _, id := range want {
				if !slices.ContainsFunc(got, func(h ledger.Head) bool { return h.ID == id && h.Label == label && h.Position > 0 }) {
					k.Errorf("hints of %s: %v, want %s among them", label, got, id)
				}
			}
			if len(want) == 0 && len(got) > 0 {
				k.Errorf("hints of %s: %v, want none", label, got)
			}
		}
		before, err := k.Store.Hints(k.ctx(), "closed", "erased")
		if err != nil {
			k.Fatal(err)
		}
		k.append("b", 2, "erased", "two")
		after, err := k.Store.Hints(k.ctx(), "closed", "erased")
		if err != nil || slices.Equal(before, after) {
			k.Errorf("hints are %v, %v, before and after a label has changed", after, err)
		}
	}},
	{"a label may be any text", func(k *kit) {
		for i, label := range []string{"", "with space", `"quoted"`, "ünïcode", "a.b*c>d"} {
			id := fmt.Sprint("case-", i)
			k.append(id, 1, label, "entry")
			k.wantHeads(k.Store, []string{label}, ledger.Head{ID: id, Position: 1, Label: label})
		}
	}},
	{"it sees what another store appends", func(k *kit) {
		second := k.Second(k.T)
		k.append("a", 1, "open", "one")
		k.eventuallyHeads(second, []string{"open"}, func(h []ledger.Head) bool { return len(h) == 1 && h[0].Position == 1 })
		k.append("a", 2, "closed", "two")
		k.append("b", 1, "open", "one")
		k.eventuallyHeads(second, []string{"open"}, func(h []ledger.Head) bool { return len(h) == 1 && h[0].ID == "b" })
		k.eventuallyHeads(second, []string{"closed"}, func(h []ledger.Head) bool { return len(h) == 1 && h[0].ID == "a" && h[0].Position == 2 })
	}},
	{"fifteen hundred histories are all there, at first sight and later", func(k *kit) {
		const n = 1500
		late := k.Second(k.T)
		k.wantHeads(k.Store, nil)
		var wg sync.WaitGroup
		for worker := range 10 {
			wg.Go(func() {
				for i := worker; i < n; i += 10 {
					if err := k.Store.Append(k.Context(), fmt.Sprint("case-", i), 1, []string{"open", "closed"}[i%2], []byte("entry")); err != nil {
						k.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		for _, s := range []ledger.Store{k.Store, late} {
			k.eventuallyHeads(s, []string{"open"}, func(h []ledger.Head) bool { return len(h) == n/2 })
			k.eventuallyHeads(s, nil, func(h []ledger.Head) bool { return len(h) == n })
		}
	}},
}

var (
	mail  = ledger.Value{Salt: []byte{0, 1, 255}, Value: "adele.vance@contoso.example"}
	phone = ledger.Value{Salt: []byte("salt"), Value: "+49 30 1234567 \"ä\"\n"}
)

var valueCases = []suiteCase{
	{"what was sealed is unsealed", func(k *kit) {
		k.wantValues(k.Store, "case-1", nil)
		want := map[string]ledger.Value{"mail": mail, "phone": phone, "": {}, "a name.with *>/@ ä": mail}
		k.seal("case-1", want)
		k.wantValues(k.Store, "case-1", want)
		k.wantValues(k.Second(k.T), "case-1", want)
		k.wantValues(k.Store, "case-11", nil)
	}},
	{"sealing a name again replaces it and leaves the others", func(k *kit) {
		k.seal("case-1", map[string]ledger.Value{"mail": mail, "phone": phone})
		k.seal("case-1", map[string]ledger.Value{"mail": phone})
		k.wantValues(k.Store, "case-1", map[string]ledger.Value{"mail": phone, "phone": phone})
	}},
	{"erasing removes them for everyone, other histories keep theirs", func(k *kit) {
		for _, id := range []string{"case-1", "case-11"} {
			k.append(id, 1, "open", "entry")
			k.seal(id, map[string]ledger.Value{"mail": mail, "phone": phone})
		}
		k.erase("case-1")
		k.wantValues(k.Store, "case-1", nil)
		k.wantValues(k.Second(k.T), "case-1", nil)
		k.wantValues(k.Store, "case-11", map[string]ledger.Value{"mail": mail, "phone": phone})
		k.wantEntries(k.Store, "case-1", 0, "entry")
		k.append("case-1", 2, "closed", "erased")
		k.erase("case-1")
		k.erase("never-sealed")
	}},
	{"they can be sealed again after erasing", func(k *kit) {
		k.seal("case-1", map[string]ledger.Value{"mail": mail})
		k.erase("case-1")
		k.seal("case-1", map[string]ledger.Value{"mail": phone})
		k.wantValues(k.Store, "case-1", map[string]ledger.Value{"mail": phone})
	}},
	{"both survive a reopen", func(k *kit) {
		k.seal("case-1", map[string]ledger.Value{"mail": mail})
		k.seal("case-2", map[string]ledger.Value{"mail": mail})
		k.erase("case-2")
		k.Store = k.Reopen(k.T)
		k.wantValues(k.Store, "case-1", map[string]ledger.Value{"mail": mail})
		k.wantValues(k.Store, "case-2", nil)
	}},
	{"nothing readable is left of erased or replaced ones", func(k *kit) {
		if k.Reaches == nil {
			return // the driver's storage cannot be seen; its own tests say why that is enough
		}
		secret := func(n int) ledger.Value {
			return ledger.Value{Salt: []byte("salt"), Value: fmt.Sprintf("secret-number-%d-of-someone", n)}
		}
		stored := func(n int) bool { return k.Reaches(k.T, []byte(secret(n).Value)) }
		k.seal("keeps", map[string]ledger.Value{"mail": secret(0)})
		k.seal("case-1", map[string]ledger.Value{"mail": secret(1)})
		k.seal("case-1", map[string]ledger.Value{"phone": secret(2)})
		for n := range 3 {
			if !stored(n) {
				k.Fatalf("secret %d is not seen while it is stored: the case proves nothing", n)
			}
		}
		k.seal("case-1", map[string]ledger.Value{"mail": secret(3)})
		if stored(1) {
			k.Fatal("a replaced value can be read")
		}
		k.erase("case-1")
		wantGone := func(when string) {
			k.Helper()
			for n := 1; n <= 3; n++ {
				if stored(n) {
					k.Fatalf("erased secret %d can be read %s", n, when)
				}
			}
			if !stored(0) {
				k.Fatalf("what was not erased is gone %s", when)
			}
		}
		wantGone("at once")
		k.Store = k.Reopen(k.T)
		wantGone("after a reopen")
		k.wantValues(k.Store, "keeps", map[string]ledger.Value{"mail": secret(0)})
		k.wantValues(k.Store, "case-1", nil)
	}},
}
