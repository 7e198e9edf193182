package operator_test

import (
	"slices"
	"testing"

	"leaver/shared/offboarding"
	"leaver/shared/operator"
)

// TestAPhoneThatIsWaitedForCanBeAccepted: what a wipe that waits has left to a person has a way out before the step's
// deadline, on the page of the console as by the command.
func TestAPhoneThatIsWaitedForCanBeAccepted(t *testing.T) {
	t.Parallel()
	signsOff := func(state offboarding.StepState, items ...operator.Item) bool {
		s := operator.Status{Case: "c-1", State: string(offboarding.CaseRunning), Steps: []operator.StepStatus{
			{Name: offboarding.StepWipe, State: state, Items: items},
		}}
		verbs := []operator.Verb{}
		for _, m := range s.Moves() {
			if m.Step == offboarding.StepWipe {
				verbs = append(verbs, m.Verb)
			}
		}
		return slices.Equal(verbs, []operator.Verb{operator.VerbReplay, operator.VerbSignOff})
	}
	phone := operator.Item{ID: "da7186b9"}
	if !signsOff(offboarding.StateWaiting, phone) || !signsOff(offboarding.StateManual) {
		t.Error("a wipe that has left something to a person offers no way out")
	}
	phone.Accepted = true
	if signsOff(offboarding.StateWaiting, phone) || signsOff(offboarding.StateWaiting) || signsOff(offboarding.StateEffective) {
		t.Error("a wipe that has left nothing to anybody asks for a signature")
	}
}
