package ledger_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/shared/ledger"
	"leaver/shared/ledger/ledgertest"
	"leaver/shared/offboarding"
)

// FuzzVerify verifies any three rows as those of a case: it never panics, and rows that nobody signed
// never verify when they open one.
func FuzzVerify(f *testing.F) {
	s := newMemory()
	l := onMemory(s, ledgertest.Proof("tenant"))
	if _, err := l.Open(f.Context(), opening(f, "1", start)); err != nil {
		f.Fatal(err)
	}
	signed := string(s.entries[leaver+"-1"][0])
	f.Add(signed, "", "")
	f.Add(signed, `{"position":2,"kind":"adopted"}`, "")
	f.Add(strings.Replace(signed, `,"signature":`, `,"Signature":`, 1), signed, "")
	f.Add(`{"position":1,"kind":"opened","tenant":"tenant","leaver":"l","plan":{"version":1}}`, `{"position":2,"kind":"adopted","signature":{}}`, "")
	f.Add(`{"signature":{"key":"","alg":"EdDSA","value":"AA=="}}`, `,"signature":`, `,"signature":{}}`)
	f.Fuzz(func(t *testing.T, first, second, third string) {
		proof := ledgertest.Proof("tenant")
		proof.Signer = nil
		v := proof.Verify(ledger.Copy{ID: leaver + "-1", Entries: []string{first, second, third}})
		for _, p := range v.Problems {
			if p.Why == "" || p.Kind == "" {
				t.Errorf("a problem without a word: %+v", p)
			}
		}
		if v.OK && first != signed {
			t.Errorf("it verifies, and the first row is not the one that was signed: %q", first)
		}
		_ = ledger.Proof{Keys: proof.Keys}.Verify(ledger.Copy{ID: "brakes", Entries: []string{first, second, third}})
	})
}

// FuzzForged puts any two rows behind a departure that was properly opened and held for an approval, and any
// value beside it, as whoever may write and holds no key: whatever is asked of the case, nothing panics, no
// deletion begins, and nobody has approved.
func FuzzForged(f *testing.F) {
	whole := &ledgertest.Memory{}
	// The salt is the same in every process that fuzzes.
	l := ledger.New(whole, func() time.Time { return start }, strings.NewReader(strings.Repeat("salt", 1000)), ledgertest.Proof("tenant"))
	asks := opening(f, "1", start)
	asks.Request.By = offboarding.Person{Name: "Joni Sherman"}
	asks.Brakes = []offboarding.Brake{{Kind: offboarding.BrakeApproval, By: "privileged", Needs: 1, Why: "Global Administrator"}}
	c, err := l.Open(f.Context(), asks)
	if err != nil {
		f.Fatal(err)
	}
	rows, err := whole.Read(f.Context(), c.ID, 0)
	if err != nil {
		f.Fatal(err)
	}
	for _, kind := range []string{"published", "begun", "renewed", "kept", "settled", "rescheduled", "held", "erased", "export deleted", "approved", "released", "undo", "accepted", "adopted"} {
		for _, rest := range []string{``, `,"step":"signout","n":1`, `,"step":"delete","n":1,"state":"waiting","due":"2026-11-22T09:00:00Z","lease":{"until":"2999-01-01T00:00:00Z"}`, `,"step":"signout","sealed":{"signout-x":"ab","asked-by-1":""}`, `,"brakes":[{"kind":"approval","by":"privileged","approvals":[{"by":"approved-by-1"}]}]`, `,"undo":["delete"],"export":{},"items":[""],"progress":{"":""}`} {
			f.Add(fmt.Sprintf(`{"kind":%q%s}`, kind, rest), `{"kind":"kept","step":"signout","sealed":{"signout-x":"ab"}}`, "signout-x~ab")
		}
	}
	f.Fuzz(func(t *testing.T, second, third, value string) {
		s := &ledgertest.Memory{}
		previous := sum(rows[0])
		if err := s.Append(t.Context(), c.ID, 1, "planning", rows[0]); err != nil {
			t.Fatal(err)
		}
		for i, row := range []string{second, third} {
			raw := chained(row, i+2, previous)
			if err := s.Append(t.Context(), c.ID, i+2, "open", raw); err != nil {
				t.Fatal(err)
			}
			previous = sum(raw)
		}
		if err := s.Seal(t.Context(), c.ID, map[string]ledger.Value{value: {Value: value}}); err != nil {
			t.Fatal(err)
		}
		proof := ledgertest.Proof("tenant")
		proof.Signer = nil
		l := onMemory(s, proof)
		_, _ = l.Evidence(t.Context(), c.ID)
		_, _ = l.Verify(t.Context(), c.ID)
		is, err := l.Case(t.Context(), c.ID)
		if err != nil {
			if !errors.Is(err, ledger.ErrUnreadable) {
				t.Errorf("error %v, want ErrUnreadable", err)
			}
			return
		}
		_, _ = is.State(start), offboarding.Deadlines(is)
		if personal, err := l.PersonalOf(t.Context(), is); err != nil || len(personal) > 0 {
			t.Errorf("its personal values: %v, %v; want none that the history does not bear out", personal, err)
		}
		if is.Leaver != c.Leaver || is.Tenant != c.Tenant || len(is.HeldStep("")) == 0 || len(is.HeldStep("")[0].Approvals) > 0 {
			t.Errorf("it is about %s of %s, and held by %+v", is.Leaver, is.Tenant, is.HeldStep(""))
		}
		for _, step := range is.Steps {
			run, _, err := l.Begin(t.Context(), ledger.Claim{
				Tenant: is.Tenant, Case: is.ID, Leaver: is.Leaver, PlanVersion: is.Plan.Version, Step: step.Name, N: step.N,
			}, start.Add(time.Minute))
			if run != nil {
				t.Errorf("step %s begins, %v; want it held", step.Name, err)
			}
		}
		_, _, _ = l.Expire(t.Context(), is.ID, offboarding.StepSignout, 1)
		_, _, _ = l.Erase(t.Context(), is.ID)
	})
}

// FuzzBrakes reads any two rows of the brakes: nothing that is not signed lets the installation write
// again, or more of it leave.
func FuzzBrakes(f *testing.F) {
	for _, row := range []string{
		`{"kind":"frozen","at":"2026-11-22T09:00:00Z"}`, `{"kind":"thawed"}`, `{"kind":"allowed","allowance":{"departures":9,"from":"2020-01-01T00:00:00Z","until":"2030-01-01T00:00:00Z"}}`,
		`{"kind":"counted","beginning":{"case":"c","at":"2026-11-22T09:00:00Z"}}`, `{"kind":"counted"}`, `{"kind":"dropped"}`, `null`, ``, `{`,
	} {
		f.Add(`{"kind":"frozen","at":"2026-11-22T09:00:00Z"}`, row)
		f.Add(row, `{"kind":"thawed"}`)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		s := newMemory()
		for _, row := range []string{`{"kind":"frozen","at":"2026-11-22T09:00:00Z"}`, first, second} {
			previous := ""
			if n := len(s.entries["brakes"]); n > 0 {
				previous = sum(s.entries["brakes"][n-1])
			}
			s.entries["brakes"] = append(s.entries["brakes"], chained(row, len(s.entries["brakes"])+1, previous))
		}
		whole := &ledgertest.Memory{}
		for i, raw := range s.entries["brakes"] {
			if err := whole.Append(t.Context(), "brakes", i+1, "brakes", raw); err != nil {
				t.Fatal(err)
			}
		}
		if freezing, frozen, err := onMemory(whole, ledgertest.Proof("tenant")).Freezing(t.Context()); err != nil || !frozen || freezing.By.Named() {
			t.Errorf("it is frozen: %t by %v, %v; want by nobody who is known", frozen, freezing.By, err)
		}
		known, err := onMemory(s, ledgertest.Proof("tenant")).Brakes(t.Context())
		if err != nil || known.Frozen.IsZero() || known.Tally.Allowed(start) != 0 {
			t.Errorf("frozen since %v, %d allowed, %v; want frozen and none", known.Frozen, known.Tally.Allowed(start), err)
		}
	})
}

// FuzzRecords reads any two rows as decisions about a request, and as words of an HR system.
func FuzzRecords(f *testing.F) {
	f.Add(`{"kind":"termination","state":"parked"}`, `{"kind":"cancellation","state":"cancelled"}`)
	f.Add(`{"state":"refused"}`, `null`)
	f.Add(`{"source":"bob","leavingTime":"2026-11-22T09:00:00Z"}`, `{"leavingTime":"tomorrow"}`)
	f.Fuzz(func(t *testing.T, first, second string) {
		id := offboarding.RequestID("test", "1")
		s := newMemory()
		for _, row := range []string{first, second} {
			previous := ""
			if n := len(s.entries[id]); n > 0 {
				previous = sum(s.entries[id][n-1])
			}
			s.entries[id] = append(s.entries[id], chained(row, len(s.entries[id])+1, previous))
		}
		l := onMemory(s, ledgertest.Proof("tenant"))
		if _, _, err := l.Request(t.Context(), id); err != nil && !errors.Is(err, ledger.ErrUnreadable) {
			t.Errorf("reading a request: %v, want ErrUnreadable", err)
		}
		w, err := l.Word(t.Context(), "bob", "1")
		if err != nil || w.Position != 0 {
			t.Errorf("reading a word that is not there: %+v, %v", w, err)
		}
		for word := range s.entries {
			s.entries["word-"+word] = s.entries[word]
		}
		_ = l.KeepWord(t.Context(), "1", ledger.Word{}, ledger.Word{Source: "bob", LeavingTime: start.Add(time.Hour)})
	})
}

// FuzzAnchor reads any bytes as the last anchor: it is passed over and told, or it is the one that was signed.
func FuzzAnchor(f *testing.F) {
	anchors := &ledgertest.Anchors{}
	proof := ledgertest.Proof("tenant")
	proof.Anchors = anchors
	s := newMemory()
	// The salt is the same in every process that fuzzes, so that they all know the same anchor.
	l := ledger.New(s, func() time.Time { return start }, strings.NewReader(strings.Repeat("salt", 1000)), proof)
	if _, err := l.Open(f.Context(), opening(f, "1", start)); err != nil {
		f.Fatal(err)
	}
	if _, err := l.Anchor(f.Context()); err != nil {
		f.Fatal(err)
	}
	name, signed, err := anchors.Last(f.Context(), "leaver-3")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(signed)
	f.Add([]byte(`{"at":"2026-11-22T09:00:00Z","heads":{"x":{"position":-1}}}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, last []byte) {
		if last == nil {
			return // there is none
		}
		held := &ledgertest.Anchors{}
		if err := held.Put(t.Context(), name, last); err != nil {
			t.Fatal(err)
		}
		proof := proof
		proof.Anchors = held
		at, _, err := onMemory(s, proof).LastAnchor(t.Context())
		if err != nil || !at.IsZero() && string(last) != string(signed) {
			t.Errorf("it is taken for the anchor of %v, %v: %q", at, err, last)
		}
		if !json.Valid(last) {
			return // comparing every history is slow
		}
		if wrong, err := onMemory(s, proof).Anchor(t.Context()); err == nil && len(wrong) == 0 && string(last) != string(signed) {
			t.Errorf("it is taken: %q", last)
		}
	})
}

// FuzzKeys reads any text as public and as private keys.
func FuzzKeys(f *testing.F) {
	f.Add(ledgertest.Proof("t").Keys[0].String())
	f.Add("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n-----END PRIVATE KEY-----\n")
	f.Fuzz(func(t *testing.T, text string) {
		keys, err := ledger.ParseKeys(text)
		for _, k := range keys {
			if k.ID == "" || k.String() == "" || err != nil {
				t.Errorf("a key without an id: %+v, %v", k, err)
			}
		}
		if signer, keys, err := ledger.ParseSigner([]byte(text)); (err == nil) != (signer != nil && len(keys) > 0) {
			t.Errorf("a signer %v with %d keys, %v", signer, len(keys), err)
		}
	})
}

// FuzzImport puts any history into a store: it is there byte for byte, and a second time changes nothing; or
// it is refused, and what stood there still does.
func FuzzImport(f *testing.F) {
	f.Add(leaver+"-1", "open", `{"position":1}`, `{"position":2}`, "userPrincipalName")
	f.Add("brakes", "", ``, `null`, "")
	f.Add("", "closed", "\xff", `{`, "\x00")
	f.Fuzz(func(t *testing.T, id, label, first, second, name string) {
		s := newMemory()
		s.entries[leaver+"-2"] = [][]byte{[]byte("there")}
		c := ledger.Copy{ID: id, Label: label, Entries: []string{first, second}, Values: map[string]ledger.Value{name: {}}}
		l := onMemory(s, ledgertest.Proof("tenant"))
		if err := l.Import(t.Context(), c, false); ledger.Provable(id) && (!errors.Is(err, ledger.ErrUnproven) || len(s.entries[id]) > 1) {
			t.Errorf("nothing of %q is signed: error %v, and %d entries, want it refused", id, err, len(s.entries[id]))
		}
		for range 2 {
			if err := l.Import(t.Context(), c, true); err != nil {
				if id != leaver+"-2" {
					t.Errorf("importing %q: %v", id, err)
				}
				break
			}
		}
		if id != leaver+"-2" && (len(s.entries[id]) != 2 || string(s.entries[id][0]) != first || string(s.entries[id][1]) != second) {
			t.Errorf("%q holds %q", id, s.entries[id])
		}
		if there := s.entries[leaver+"-2"]; len(there) != 1 || string(there[0]) != "there" {
			t.Errorf("what was there is %q", there)
		}
		var listed ledgertest.Memory
		_ = onMemory(&listed, ledgertest.Proof("tenant")).Import(t.Context(), c, true)
		if heads, _ := listed.List(t.Context()); id == leaver+"-1" && (len(heads) != 1 || heads[0].Label != "open") {
			t.Errorf("what is not proven is listed as %+v: nobody would look after it", heads)
		}
		_, _, _ = l.Cases(t.Context())
		_, _, _ = l.Requests(t.Context())
	})
}

// FuzzAside reads any row as the lease of a name, as what was told of a case, and as the word that one is set
// aside: nobody unsigned sets a case aside, and a lease that cannot be read is nobody's.
func FuzzAside(f *testing.F) {
	f.Add(`{"position":1,"holder":"h","until":"2026-11-22T09:00:00Z"}`)
	f.Add(`{"position":1,"until":"2999-01-01T00:00:00Z"}`)
	f.Add(`{"position":-7}`)
	f.Add(`{"position":1,"of":"` + leaver + `-1","notice":"n","channel":"c","attempts":-1}`)
	f.Add(`{"position":1,"case":"` + leaver + `-1","signature":{"key":"","alg":"EdDSA","value":"AA=="}}`)
	f.Fuzz(func(t *testing.T, row string) {
		s := newMemory()
		id := leaver + "-1"
		s.entries[id] = [][]byte{[]byte(`}`)}
		for _, prefix := range []string{"aside-", "told-"} {
			s.entries[prefix+id] = [][]byte{[]byte(row)}
		}
		s.entries["exclusive-privileged"] = [][]byte{[]byte(row)}
		l := onMemory(s, ledgertest.Proof("tenant"))
		if _, err := l.Told(t.Context(), id); err != nil && !errors.Is(err, ledger.ErrUnreadable) {
			t.Errorf("what was told: %v, want ErrUnreadable", err)
		}
		if _, unreadable, err := l.Cases(t.Context()); err != nil || !slices.ContainsFunc(unreadable, func(u ledger.Unreadable) bool { return u.ID == id }) {
			t.Errorf("what cannot be read: %v, %v; want the case among it: nobody has set it aside", unreadable, err)
		}
		ran := false
		err := l.Exclusively(t.Context(), "privileged", func(context.Context) error { ran = true; return nil })
		if ran != (err == nil) {
			t.Errorf("it ran: %v, and %v", ran, err)
		}
	})
}
