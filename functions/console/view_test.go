package console

import (
	"testing"

	"leaver/shared/offboarding"
	"leaver/shared/operator"
)

// TestAPortalIsSaidByItsName where its page cannot be opened; any other address stays as it is.
func TestAPortalIsSaidByItsName(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Entra shows it: https://entra.microsoft.com/#view/X/~/Overview/groupId/1; then replay": "Entra shows it: entra.microsoft.com; then replay",
		"see https://entra.microsoft.com.evil.example/x":                                        "see https://entra.microsoft.com.evil.example/x",
	} {
		if got := portalsNamed(text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

// TestWhatAPersonSignedOffIsNotCalledEffective: nor is what a rule withholds.
func TestWhatAPersonSignedOffIsNotCalledEffective(t *testing.T) {
	t.Parallel()
	var s operator.Status
	for _, state := range []offboarding.StepState{offboarding.StateEffective, offboarding.StateSignedOff, offboarding.StateWithheld, offboarding.StateWithheld} {
		s.Steps = append(s.Steps, operator.StepStatus{State: state})
	}
	if got, want := progress(s), "1 of 4 steps effective, 1 signed off, 2 withheld"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
