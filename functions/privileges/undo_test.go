package privileges_test

import (
	"testing"

	"leaver/functions/privileges"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// TestNoPowerComesBackWithoutASecondPerson runs the way back of a case that nothing holds, as no order of the
// ledger's leaves one: the step looks for the approval itself, and the tenant stays as it is.
func TestNoPowerComesBackWithoutASecondPerson(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	directory, _ := h.As("privileges")
	id := simtenant.UserID("adele.vance@contoso.com")
	for _, before := range []string{"member ", "owner "} {
		err := privileges.New(directory, h.Ledger).Undo(t.Context(), &offboarding.Job{
			Leaver: id, Now: h.Now(), Evidence: map[string]string{}, Case: &offboarding.Case{ID: id + "-1", Leaver: id},
			Step: &offboarding.Record{Name: offboarding.StepPrivileges, Before: map[string]string{before + simtenant.GroupID(simtenant.GroupTierZero): "group"}},
		})
		if v := offboarding.VerdictOf(err); v.Kind != offboarding.KindManual || h.Writes() > 0 {
			t.Errorf("%s: %v, %d writes; want a task, and none", before, err, h.Writes())
		}
	}
}
