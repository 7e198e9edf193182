package offboarding_test

import (
	"testing"
	"time"

	"leaver/shared/offboarding"
)

func limited(by string) offboarding.Brake {
	return offboarding.Brake{Kind: offboarding.BrakeLimit, By: by, Why: "11 of 10"}
}

func wanted(by string, needs int, step offboarding.StepName) offboarding.Brake {
	return offboarding.Brake{Kind: offboarding.BrakeApproval, By: by, Needs: needs, Step: step, Why: "it is dangerous"}
}

func approved(by string, step offboarding.StepName) offboarding.Entry {
	return offboarding.Entry{Kind: offboarding.EntryApproved, Step: step, Approval: &offboarding.Approval{By: by}}
}

// TestWhatLiftsABrake folds entries into a case that is held from its opening on.
func TestWhatLiftsABrake(t *testing.T) {
	t.Parallel()
	released := offboarding.Entry{Kind: offboarding.EntryReleased}
	withdrawn := func(by string) offboarding.Entry {
		return offboarding.Entry{Kind: offboarding.EntryWithdrawn, Approval: &offboarding.Approval{By: by}}
	}
	late := approved("b", "")
	late.At = leaving.Add(8 * 24 * time.Hour)
	verified := wanted("privileged", 1, "")
	verified.Verified = true
	proved := offboarding.Entry{Kind: offboarding.EntryApproved, Approval: &offboarding.Approval{By: "a", Verified: true}}
	for _, tt := range []struct {
		name    string
		brakes  []offboarding.Brake
		entries []offboarding.Entry
		want    offboarding.CaseState
	}{
		{"nothing holds", nil, nil, offboarding.CasePlanning},
		{"a limit holds", []offboarding.Brake{limited("perHour")}, nil, offboarding.CaseHeld},
		{"a release lifts every limit", []offboarding.Brake{limited("perHour"), limited("share")}, []offboarding.Entry{released}, offboarding.CasePlanning},
		{"an approval lifts no limit", []offboarding.Brake{limited("perHour")}, []offboarding.Entry{approved("a", "")}, offboarding.CaseHeld},
		{"a release is no approval", []offboarding.Brake{wanted("privileged", 1, "")}, []offboarding.Entry{released}, offboarding.CaseHeld},
		{"held for both needs both", []offboarding.Brake{limited("perHour"), wanted("privileged", 1, "")}, []offboarding.Entry{released, approved("a", "")}, offboarding.CasePlanning},
		{"one that asks for less stands in the way of none", []offboarding.Brake{wanted("privileged", 1, "")}, []offboarding.Entry{{Kind: offboarding.EntryHeld, Brakes: []offboarding.Brake{wanted("privileged", 2, "")}}, approved("a", "")}, offboarding.CaseHeld},
		{"two approvals are wanted, one is there", []offboarding.Brake{wanted("privileged", 2, "")}, []offboarding.Entry{approved("a", "")}, offboarding.CaseHeld},
		{"two are there", []offboarding.Brake{wanted("privileged", 2, "")}, []offboarding.Entry{approved("a", ""), approved("b", "")}, offboarding.CasePlanning},
		{"one was withdrawn", []offboarding.Brake{wanted("privileged", 2, "")}, []offboarding.Entry{approved("a", ""), withdrawn("a"), approved("b", "")}, offboarding.CaseHeld},
		{"one has expired", []offboarding.Brake{wanted("privileged", 2, "")}, []offboarding.Entry{approved("a", ""), late}, offboarding.CaseHeld},
		{"nobody can take back what has gone on", []offboarding.Brake{wanted("privileged", 1, "")}, []offboarding.Entry{approved("a", ""), withdrawn("a")}, offboarding.CasePlanning},
		{"only a proved identity counts", []offboarding.Brake{verified}, []offboarding.Entry{approved("a", "")}, offboarding.CaseHeld},
		{"and it does", []offboarding.Brake{verified}, []offboarding.Entry{proved}, offboarding.CasePlanning},
		{"an approval of a step lifts nothing else", []offboarding.Brake{wanted("privileged", 1, "")}, []offboarding.Entry{approved("a", offboarding.StepWipe)}, offboarding.CaseHeld},
		{"a brake of a step holds nothing else", []offboarding.Brake{wanted("wipeDevice", 1, offboarding.StepWipe)}, nil, offboarding.CasePlanning},
		{"a cancellation ends it", []offboarding.Brake{limited("perHour")}, []offboarding.Entry{{Kind: offboarding.EntryCancelled}}, offboarding.CaseCancelled},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			first := opened(t)
			first.Brakes = tt.brakes
			c := history(t, append([]offboarding.Entry{first}, tt.entries...)...)
			if got := c.State(leaving.Add(time.Hour)); got != tt.want {
				t.Errorf("the case is %s, want %s; brakes %+v", got, tt.want, c.Brakes)
			}
		})
	}
}

// TestWhatWasHeldGetsNewMessages: those that came while it was held were declined.
func TestWhatWasHeldGetsNewMessages(t *testing.T) {
	t.Parallel()
	const wipe, block = offboarding.StepWipe, offboarding.StepBlock
	asked := settled(wipe, offboarding.StateHeld, 1)
	asked.Brakes = []offboarding.Brake{wanted("wipeDevice", 1, wipe)}
	published := offboarding.Entry{Kind: offboarding.EntryPublished}

	c := history(t, opened(t), published, asked)
	if got := c.Step(wipe).State; got != offboarding.StateHeld || c.State(leaving) != offboarding.CaseRunning || len(c.HeldStep(wipe)) != 1 {
		t.Errorf("the step is %s in a case that is %s; want it held in a running one", got, c.State(leaving))
	}
	c = history(t, opened(t), published, asked, approved("a", wipe))
	if s := c.Step(wipe); s.State != offboarding.StatePlanned || s.N != 2 || c.Published() || !c.Approved("wipeDevice", wipe) {
		t.Errorf("approved, the step is %s with n %d; want it planned with n 2, to be published", s.State, s.N)
	}
	if s := c.Step(block); s.N != 1 {
		t.Errorf("another step has n %d, want 1", s.N)
	}

	// A whole departure that had been published is held, and released.
	held := offboarding.Entry{Kind: offboarding.EntryHeld, Brakes: []offboarding.Brake{limited("perHour")}}
	c = history(t, opened(t), published, settled(block, offboarding.StateEffective, 1), held, offboarding.Entry{Kind: offboarding.EntryReleased})
	if s := c.Step(wipe); s.N != 2 || c.Published() || !c.Counted() {
		t.Errorf("released, wipe has n %d, published %t, counted %t; want 2, to be published, counted", s.N, c.Published(), c.Counted())
	}
	if s := c.Step(block); s.N != 1 || s.State != offboarding.StateEffective {
		t.Errorf("what took effect is %s with n %d, want it as it was", s.State, s.N)
	}
}

func TestWhoIsTheSamePerson(t *testing.T) {
	t.Parallel()
	type p = offboarding.Person
	for _, tt := range []struct {
		name string
		a, b offboarding.Person
		want bool
	}{
		{"the same name, whatever its case", p{Name: "Miriam"}, p{Name: "MIRIAM "}, true},
		{"other names", p{Name: "Miriam"}, p{Name: "Joni"}, false},
		{"the same object id under another name", p{ID: "A1", Name: "Miriam"}, p{ID: "a1", Name: "M. Graham"}, true},
		{"two of one name", p{ID: "a1", Name: "Miriam"}, p{ID: "a2", Name: "Miriam"}, false},
		{"one proved, one not", p{ID: "a1", Name: "Miriam"}, p{Name: "miriam"}, true},
		{"nobody is nobody", p{}, p{}, false},
		{"nor is a source", p{Name: "Miriam"}, p{}, false},
	} {
		if got := tt.a.Is(tt.b); got != tt.want || tt.b.Is(tt.a) != tt.want {
			t.Errorf("%s: %t, want %t", tt.name, got, tt.want)
		}
	}
}
