package steptest

import (
	"strings"
	"testing"

	"leaver/shared/offboarding"
)

// leastPrivilege takes each permission of the catalogue away and expects that one of the
// subjects does not end as wanted any more, or that the refusal of its administrator does
// not name the role. That they do with all of them is the rest of
// the suite: it runs with the permissions of the catalogue and no other.
func leastPrivilege(t *testing.T, subjects []Subject) {
	f, ok := offboarding.FunctionOf(string(subjects[0].Name))
	if !ok {
		t.Fatalf("no function serves the step %s", subjects[0].Name)
	}
	for _, permission := range f.Roles() {
		t.Run(permission, func(t *testing.T) {
			t.Parallel()
			for _, s := range subjects {
				if !newFixtureLacking(t, s, permission).endsAsWanted(t) {
					return
				}
				if s.Administrator != "" && !strings.Contains(refusedAdministrator(t, s, permission).Reason, administrator) {
					return
				}
			}
			t.Errorf("%s needs no %s: take it out of the catalogue, or add a subject who needs it", f.Name, permission)
		})
	}
}

// endsAsWanted runs the step whenever it is due, until it is settled or it is clear that it
// will not be.
func (x *fixture) endsAsWanted(t *testing.T) bool {
	t.Helper()
	for range 50 {
		record := x.Record(t, x.c.ID, x.s.Name)
		if record.State.Settled() {
			return record.State == x.s.ends() && (x.s.Hidden == nil || !x.s.Hidden(x.Harness, x.id))
		}
		if wait := record.Due.Sub(x.Now()); wait > 0 {
			x.Advance(wait)
		}
		x.Step(t, x.c.ID, x.worker)
	}
	return false
}
