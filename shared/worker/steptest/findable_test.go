package steptest

import (
	"strings"
	"testing"

	"leaver/shared/offboarding"
)

// TestWhatIsLeftToAPersonHasToBeFindable: issue 6, kind 5; the law itself.
func TestWhatIsLeftToAPersonHasToBeFindable(t *testing.T) {
	t.Parallel()
	const leaver, other = "9c47b5a3-03bf-5d30-8054-a2bd5aa95f1e", "f44be2d0-2e8d-5013-ad96-3de25b75f449"
	page := offboarding.PortalChina.User(other)
	for reason, finds := range map[string]bool{
		"nothing is named":            true,
		"see to the leaver " + leaver: true,
		"see to " + other:             false,
		"see to " + other + "; " + offboarding.PortalChina.User(leaver):                                      false, // the page of something else
		"see to " + other + ": " + page:                                                                      true,
		`leave the group "Buyers" (` + other + ")":                                                           true,
		"licences ENTERPRISEPACK (" + other + ") stay":                                                       true,
		"look at phone " + other + " (Get-MobileDevice " + other + ")":                                       true,
		"accept it: leaver sign-off CASE wipe --item " + other:                                               true,
		"Graph answered 403 (request " + other + "); likely it is late":                                      true,
		"leaving group " + other + " " + leaver + ": Graph answered 403; likely a role is missing; " + page:  true,
		"leaving group " + other + " " + leaver + ": Graph answered 403; likely a role is missing":           false,
		"the successor " + other + " does not exist any more":                                                true,
		"reading the owners of " + other + ": Graph answered 403; Get-MgApplication -ApplicationId " + other: true,
		"that was account " + other + " (leaver report " + other + "-2 tells of it)":                         true,
		"case " + other + "-2 is complete":                                                                   false,
	} {
		for _, state := range []offboarding.StepState{offboarding.StateManual, offboarding.StateParked, offboarding.StateEffective} {
			got := Unfindable(&offboarding.Case{Leaver: leaver}, &offboarding.Record{State: state, Reason: reason})
			if (len(got) == 0) != finds {
				t.Errorf("%s: got %s of %q, want it findable: %t", state, strings.Join(got, " "), reason, finds)
			}
			back := Unfindable(&offboarding.Case{Leaver: leaver}, &offboarding.Record{State: state, Reason: reason, Undo: true})
			if (len(back) == 0) != finds {
				t.Errorf("%s, taken back: got %s of %q, want it findable: %t", state, strings.Join(back, " "), reason, finds)
			}
		}
		if got := Unfindable(&offboarding.Case{Leaver: leaver}, &offboarding.Record{State: offboarding.StateWaiting, Reason: reason}); got != nil {
			t.Errorf("got %v of a step that waits, want nothing", got)
		}
	}
}
