package plan_test

import (
	"testing"

	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// TestEveryPermissionIsNeeded takes each permission of the catalogue away; the other tests run
// with those permissions and no other.
func TestEveryPermissionIsNeeded(t *testing.T) {
	t.Parallel()
	f, _ := offboarding.FunctionOf("plan")
	for _, permission := range f.Roles() {
		t.Run(permission, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			h.Lacks = permission
			h.Tenant.Edit(func(w *simtenant.World) { w.Users[simtenant.UserID(adele)].AccountEnabled = false }) // could be nobody's
			d := deliver(t, h, newPlanner(h), termination(h, "1", offboarding.Employee{UserPrincipalName: adele}))
			if d.DeadReason == "" {
				t.Errorf("plan needs no %s: take it out of the catalogue", permission)
			}
		})
	}
}
