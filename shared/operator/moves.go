package operator

import (
	"slices"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
)

// Verb is what a person can do about a departure.
type Verb string

// The verbs, named as the commands.
const (
	VerbRelease Verb = "release"
	VerbApprove Verb = "approve"
	VerbReplay  Verb = "replay"
	VerbSignOff Verb = "sign-off"
	VerbCancel  Verb = "cancel"
	VerbDiscard Verb = "discard" // a parked request
	VerbVerify  Verb = "verify"
	VerbPlan    Verb = "plan"
)

// Move is something that a person may do next, and when it is the right thing.
type Move struct {
	Verb Verb
	Step offboarding.StepName // empty = the departure
	When string
}

// Page is that of leaver help which says what to look at before; empty where there is none.
func (m Move) Page(of Status) string {
	switch {
	case m.Verb == VerbApprove, m.Verb == VerbRelease:
		return "held"
	case m.Verb == VerbVerify:
		return "ledger"
	case m.Verb == VerbPlan:
		return "intake"
	case m.Step != "" && of.Step(m.Step).State != offboarding.StateParked && (m.Verb == VerbReplay || m.Verb == VerbSignOff):
		return "task"
	case m.Verb == VerbReplay, m.Verb == VerbSignOff:
		return "dead-letters"
	}
	return ""
}

// Moves are what may be done next about a departure or a parked request, in the order in which a person
// would think of it.
func (s Status) Moves() []Move {
	var out []Move
	add := func(verb Verb, step offboarding.StepName, when string) {
		move := Move{verb, step, when}
		if !slices.Contains(out, move) {
			out = append(out, move)
		}
	}
	switch {
	case s.Running():
		for _, h := range s.Held {
			if h.Kind == offboarding.BrakeLimit {
				add(VerbRelease, "", "to let it begin all the same")
			} else {
				add(VerbApprove, h.Step, "if that is meant")
			}
		}
		for _, step := range s.Steps {
			left := slices.ContainsFunc(step.Items, func(i Item) bool { return !i.Accepted })
			switch {
			case step.State == offboarding.StateManual:
				add(VerbReplay, step.Name, "when that is done")
			case step.State == offboarding.StateParked:
				add(VerbReplay, step.Name, "when the cause is gone")
			case step.State == offboarding.StateWaiting && step.Name == offboarding.StepWipe && left:
				add(VerbReplay, step.Name, "to have it look at once")
			default:
				continue
			}
			add(VerbSignOff, step.Name, "or accept it as it is")
		}
		if s.State == string(offboarding.CaseUndoing) {
			add(VerbCancel, "", "to stop taking it back")
		} else {
			add(VerbCancel, "", "if the person stays")
		}
	case s.State == string(ledger.RequestParked), s.State == string(ledger.RequestHeld):
		add(VerbReplay, "", "when what it says is mended")
		add(VerbDiscard, "", "when nobody wants it any more")
	case s.State == string(ledger.RequestRefused):
		add(VerbPlan, "", "if somebody has to go all the same; or have the source send it again when it is mended there")
	case s.State == string(offboarding.CaseUnreadable) && s.Case != "":
		add(VerbVerify, "", "to see what is wrong with its history; a person adopts it or sets it aside then")
	}
	return out
}

// Needs reports whether a departure waits for a person: something holds it, or a step is parked or left
// to somebody.
func (s Status) Needs() bool {
	switch {
	case s.State == string(ledger.RequestParked), s.Case == "" && s.State == string(ledger.RequestHeld), s.State == string(ledger.RequestRefused), s.State == string(offboarding.CaseUnreadable):
		return true
	case !s.Running():
		return false
	}
	return len(s.Held) > 0 || slices.ContainsFunc(s.Steps, func(step StepStatus) bool {
		return step.State == offboarding.StateManual || step.State == offboarding.StateParked
	})
}
