package console_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/shared/embedded/embeddedtest"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
	"leaver/shared/simtenant"
)

// settles lets a step of a departure end so.
func (w *world) settles(c *offboarding.Case, step offboarding.StepName, s ledger.Settlement) {
	w.Helper()
	now, err := w.desk.Ledger.Case(w.Context(), c.ID)
	if err != nil {
		w.Fatal(err)
	}
	run, admission, err := w.desk.Ledger.Begin(w.Context(), ledger.Claim{
		Tenant: c.Tenant, Case: c.ID, Leaver: c.Leaver, PlanVersion: now.Plan.Version, Step: step, N: now.Step(step).N,
	}, w.desk.Now().Add(time.Minute))
	if err != nil || run == nil {
		w.Fatalf("beginning %s: %+v, %v", step, admission, err)
	}
	if _, err := run.Settle(w.Context(), s); err != nil {
		w.Fatal(err)
	}
}

// TestWhoIsPagedAtNightFindsTheWayOut opens what the overview says needs a person, without a script: each page
// says what to do next, which page of the playbooks to read before, and opens the portal that its reason
// names, but no address that somebody else has written into it.
func TestWhoIsPagedAtNightFindsTheWayOut(t *testing.T) {
	t.Parallel()
	store := embeddedtest.Store(t)
	w := newWorldOn(t, store, nil)
	const damaged, refused = "00000000-0000-4000-8000-00000000dead-1", "req-00000000000000000000beef"
	portal := offboarding.PortalUSGov.Owners(simtenant.UserID(chief))
	c := w.leaves("grady.archie@contoso.com")
	w.settles(c, offboarding.StepAccess, ledger.Settlement{State: offboarding.StateManual, Reason: "hand the group over (" + portal + "); it is called https://evil.example/now"})
	w.settles(c, offboarding.StepForward, ledger.Settlement{State: offboarding.StateParked, Reason: "the mailbox is gone"})
	if err := store.Append(t.Context(), damaged, 1, "planning", []byte(`{"position":1,"kind":"opened"}`)); err != nil {
		t.Fatal(err)
	}
	now := w.desk.Now().UTC()
	if err := w.desk.Ledger.Decide(t.Context(), ledger.Decision{ID: refused, Source: "webhooks/bob", EventTime: now, State: ledger.RequestRefused, Reason: "it names nobody"}, nil); err != nil {
		t.Fatal(err)
	}
	b := w.as(helpdesk)
	list := b.get("/console/departures?of=needs").text
	for path, wants := range map[string][]string{
		"/console/cases/" + c.ID: {
			"hand the group over", `<a href="` + strings.ReplaceAll(portal, "&", "&amp;") + `"`, "https://evil.example/now", "leaver help task", "leaver help dead-letters",
			"/sign-off", "/replay", "/cancel",
		},
		"/console/cases/" + damaged:    {"Verify its history", "leaver help ledger", `action="/console/ledger"`},
		"/console/requests/" + refused: {"it names nobody", `href="/console/plan"`, "leaver help intake"},
	} {
		if !strings.Contains(list, `href="`+path+`"`) {
			t.Errorf("what needs a person does not lead to %s", path)
		}
		p := b.get(path)
		if p.status != 200 || !strings.Contains(p.text, "What to do next") {
			t.Errorf("%s: got %d, and nothing that is to be done", path, p.status)
		}
		for _, want := range wants {
			if !strings.Contains(p.text, want) {
				t.Errorf("%s lacks %q", path, want)
			}
		}
		if strings.Contains(p.text, `href="https://evil`) {
			t.Errorf("%s opens an address of somebody else's", path)
		}
	}
	if p := b.get("/console/cases/" + c.ID + "/report"); !strings.Contains(p.text, "<code>leaver status "+c.ID+"</code>") {
		t.Error("the report does not say how a person goes on")
	}
	if p := b.post("/console/ledger", map[string][]string{"who": {damaged}}); p.status != 200 || !strings.Contains(p.text, "does not verify") || !strings.Contains(p.text, "Set aside") {
		t.Errorf("its history verified: got %d, without what is wrong and how it is given up", p.status)
	}
}

// TestWhateverNeedsAPersonHasAMove: of every state of a departure, of a request and of a step in it.
func TestWhateverNeedsAPersonHasAMove(t *testing.T) {
	t.Parallel()
	steps := []offboarding.StepState{
		offboarding.StatePlanned, offboarding.StateWaiting, offboarding.StateRetrying, offboarding.StateEffective, offboarding.StateWithheld, offboarding.StateManual,
		offboarding.StateParked, offboarding.StateSignedOff, offboarding.StateHeld,
	}
	needed := 0
	try := func(s operator.Status) {
		if !s.Needs() {
			return
		}
		needed++
		moves := s.Moves()
		if !slices.ContainsFunc(moves, func(m operator.Move) bool { return m.Verb != operator.VerbCancel }) {
			t.Errorf("%q with %+v needs a person, who may do no more than %+v", s.State, s.Steps, moves)
		}
		for _, m := range moves {
			if m.When == "" || m.Verb != operator.VerbCancel && m.Verb != operator.VerbDiscard && m.Page(s) == "" {
				t.Errorf("%q: %+v does not say when, or what to look at before", s.State, m)
			}
		}
	}
	for _, state := range []offboarding.CaseState{
		offboarding.CasePlanning, offboarding.CaseRunning, offboarding.CaseHeld, offboarding.CaseCancelling, offboarding.CaseCancelled, offboarding.CaseComplete,
		offboarding.CaseUndoing, offboarding.CaseUndone, offboarding.CaseUnreadable,
	} {
		for _, step := range steps {
			s := operator.Status{Case: "00000000-0000-4000-8000-000000000001-1", State: string(state), Steps: []operator.StepStatus{{Name: offboarding.StepAccess, State: step}}}
			try(s)
			for _, kind := range []offboarding.BrakeKind{offboarding.BrakeLimit, offboarding.BrakeApproval} {
				s.Held = []operator.Held{{Kind: kind}}
				try(s)
			}
		}
	}
	for _, state := range []ledger.RequestState{ledger.RequestPlanned, ledger.RequestCancelled, ledger.RequestParked, ledger.RequestHeld, ledger.RequestDiscarded, ledger.RequestRefused} {
		try(operator.Status{Request: "req-01", State: string(state)})
	}
	if needed < 10 {
		t.Errorf("%s need a person, want more", fmt.Sprint(needed))
	}
}
