package privileges_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
	"leaver/shared/worker/steptest"
)

// listings are those in which the step looks, with how what each of them shows begins in left. Reading roles takes
// a permission each, and Microsoft has refused the documented ones: microsoftgraph/microsoft-graph-docs#17653,
// #22292 (eligible roles), microsoftgraph/msgraph-sdk-powershell#2602 (authentication methods).
var listings = map[string]string{
	"GET /users/{id}/memberOf":                               "member of",
	"GET /users/{id}/ownedObjects":                           "owner of",
	"GET /roleManagement/directory/roleEligibilitySchedules": "eligible role",
	"GET /users/{id}/appRoleAssignments":                     "app role",
	"GET /users/{id}/authentication/methods":                 "authentication method",
}

// everything lets somebody hold of all kinds, beside others who do.
func everything(h *steptest.Harness, person string) {
	h.Tenant.Edit(func(w *simtenant.World) {
		g := w.Groups[simtenant.GroupID(simtenant.GroupTierZero)]
		g.Owners = []string{simtenant.UserID(person), simtenant.UserID(adele)}
	})
}

// TestOneListingThatIsRefusedKeepsNothingElse with the leaver. A replay after it is allowed takes the rest.
func TestOneListingThatIsRefusedKeepsNothingElse(t *testing.T) {
	t.Parallel()
	for listing, begins := range listings {
		for status, ends := range map[int]offboarding.StepState{http.StatusForbidden: offboarding.StateParked, http.StatusServiceUnavailable: offboarding.StateRetrying} {
			t.Run(listing+" "+http.StatusText(status), func(t *testing.T) {
				t.Parallel()
				h := steptest.New(t)
				everything(h, emily)
				h.Tenant.Edit(func(w *simtenant.World) {
					w.Faults = append(w.Faults, simtenant.Fault{Operation: listing, Status: status})
				})
				c := h.Open(t, emily, offboarding.Options{}, offboarding.DefaultPolicy())
				w := h.Worker(offboarding.StepPrivileges, newStep(h))
				record, _ := h.Step(t, c.ID, w)
				h.Wants(t, record, ends, c.Leaver)
				still := left(h, c.Leaver)
				if len(still) == 0 || slices.ContainsFunc(still, func(what string) bool { return !strings.HasPrefix(what, begins) }) {
					t.Errorf("left: %v, want what could not be seen alone, %v", still, begins)
				}
				if record.Evidence["privileges"] != "" {
					t.Errorf("the evidence is %q, and not everything could be read", record.Evidence["privileges"])
				}
				h.Tenant.Edit(func(w *simtenant.World) { w.Faults = nil })
				if record.State == offboarding.StateParked {
					if _, err := h.Ledger.Replay(t.Context(), c.ID, offboarding.StepPrivileges); err != nil {
						t.Fatal(err)
					}
				}
				h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateEffective)
				if still := left(h, c.Leaver); len(still) > 0 {
					t.Errorf("left after it is allowed: %v", still)
				}
			})
		}
	}
}

// TestWhoseRolesCannotBeReadKeepsEverything: they may be the last who can administer the tenant.
func TestWhoseRolesCannotBeReadKeepsEverything(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Faults = append(w.Faults, simtenant.Fault{Operation: "GET /roleManagement/directory/roleAssignments", Status: http.StatusForbidden})
	})
	had := left(h, simtenant.UserID(emily))
	c, record := settle(t, h, emily)
	h.Wants(t, record, offboarding.StateParked, c.Leaver)
	if still := left(h, c.Leaver); !slices.Equal(still, had) {
		t.Errorf("left: %v of %v", still, had)
	}
}

// TestThreat2WhoHoldsTheRoleByAGroupThatCannotBeSeenMustStay: the group that makes the leaver an administrator is not
// listed, and the administrators are counted all the same.
func TestThreat2WhoHoldsTheRoleByAGroupThatCannotBeSeenMustStay(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	id, tierZero := simtenant.UserID(adele), simtenant.GroupID(simtenant.GroupTierZero)
	signIns(h, adele)
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Groups[tierZero].Members = []string{id}
		w.RoleAssignments = []simtenant.RoleAssignment{
			{ID: "by-group", Principal: tierZero, Role: offboarding.GlobalAdministrator},
			{ID: "other", Principal: simtenant.UserID(nestor), Role: offboarding.GlobalAdministrator},
		}
		w.Faults = append(w.Faults, simtenant.Fault{Operation: "GET /users/{id}/memberOf", Status: http.StatusForbidden})
	})
	had := left(h, id)
	_, record := settle(t, h, adele)
	h.Wants(t, record, offboarding.StateManual, "only 1")
	if still := left(h, id); !slices.Equal(still, had) || !canSignIn(h, id) {
		t.Errorf("left: %v of %v, can sign in: %t", still, had, canSignIn(h, id))
	}
}

// TestOneListingThatIsRefusedKeepsNothingElseFromComingBack: likewise on the way back.
func TestOneListingThatIsRefusedKeepsNothingElseFromComingBack(t *testing.T) {
	t.Parallel()
	all := map[string]string{"GET /roleManagement/directory/roleAssignments": "role"}
	for listing, begins := range listings {
		if begins != "authentication method" { // for the person to register anew
			all[listing] = begins
		}
	}
	for listing, begins := range all {
		t.Run(listing, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			everything(h, emily)
			had := slices.DeleteFunc(left(h, simtenant.UserID(emily)), func(what string) bool { return what == "authentication method" })
			c, record := settle(t, h, emily)
			h.Wants(t, record, offboarding.StateEffective)
			c, err := h.Ledger.Undo(t.Context(), ledger.UndoOrder{Case: c.ID, Step: offboarding.StepPrivileges, By: offboarding.Person{Name: "Miriam Graham"}, Reason: "a mistake", Source: "operator"})
			if err == nil {
				c, err = h.Ledger.Approve(t.Context(), ledger.Approval{Case: c.ID, Step: offboarding.StepPrivileges, By: offboarding.Person{Name: "Patti Fernandez"}})
			}
			if err == nil {
				c, err = worker.Dispatch(t.Context(), h.Bus, h.Ledger, c)
			}
			if err != nil {
				t.Fatal(err)
			}
			h.Tenant.Edit(func(w *simtenant.World) {
				w.Faults = append(w.Faults, simtenant.Fault{Operation: listing, Status: http.StatusForbidden})
			})
			w := h.Worker(offboarding.StepPrivileges, newStep(h))
			h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateParked, c.Leaver)
			is := left(h, c.Leaver)
			for _, what := range had {
				if back, seen := slices.Contains(is, what), !strings.HasPrefix(what, begins); back != seen {
					t.Errorf("%s is back: %t, want %t", what, back, seen)
				}
			}
			h.Tenant.Edit(func(w *simtenant.World) { w.Faults = nil })
			if _, err := h.Ledger.Replay(t.Context(), c.ID, offboarding.StepPrivileges); err != nil {
				t.Fatal(err)
			}
			h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateUndone)
			if is := left(h, c.Leaver); !slices.Equal(is, had) {
				t.Errorf("back are %v, want %v", is, had)
			}
		})
	}
}
