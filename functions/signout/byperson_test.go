package signout_test

import (
	"slices"
	"testing"

	"leaver/functions/block"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// TestAnAdministratorIsOneTaskWherePrivilegesIsLeftOut: signout asks a person, every other step waits for
// that, and nothing else is a task; when the roles are gone the departure goes on.
func TestAnAdministratorIsOneTaskWherePrivilegesIsLeftOut(t *testing.T) {
	t.Parallel()
	const nestor = "nestor.wilke@contoso.com"
	policy := offboarding.DefaultPolicy()
	policy.PrivilegesByPerson = true
	h := steptest.New(t)
	h.Administrator = true
	c := h.Open(t, nestor, offboarding.Options{}, policy)
	if c.Step(offboarding.StepPrivileges) != nil {
		t.Fatal("the plan holds privileges")
	}
	signsOut := h.Worker(offboarding.StepSignout, newStep(h))
	directory, mailboxes := h.As("block")
	blocks := h.Worker(offboarding.StepBlock, block.New(directory, mailboxes))
	h.Step(t, c.ID, blocks)
	h.Wants(t, h.Record(t, c.ID, offboarding.StepBlock), offboarding.StateWaiting, "waits for signout")
	h.Wants(t, h.Settle(t, c.ID, signsOut), offboarding.StateManual, "Global Administrator")
	h.Step(t, c.ID, blocks)
	h.Wants(t, h.Record(t, c.ID, offboarding.StepBlock), offboarding.StateWaiting, "waits for a person")
	if u, _ := h.Tenant.User(c.Leaver); !u.AccountEnabled {
		t.Error("the administrator is locked out before a person has looked")
	}
	h.Tenant.Edit(func(w *simtenant.World) {
		w.RoleAssignments = slices.DeleteFunc(w.RoleAssignments, func(r simtenant.RoleAssignment) bool { return r.Principal == c.Leaver })
	})
	if _, err := h.Ledger.Replay(t.Context(), c.ID, offboarding.StepSignout); err != nil {
		t.Fatal(err)
	}
	h.Wants(t, h.Settle(t, c.ID, signsOut), offboarding.StateEffective)
	h.Wants(t, h.Settle(t, c.ID, blocks), offboarding.StateEffective)
}
