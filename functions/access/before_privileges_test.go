package access_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"leaver/functions/access"
	"leaver/functions/privileges"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// openOld opens emily's case as the ledger of a version without the step privileges holds it.
func openOld(t *testing.T, h *steptest.Harness) *offboarding.Case {
	t.Helper()
	text, err := os.ReadFile("testdata/opened-before-privileges.json")
	if err != nil {
		t.Fatal(err)
	}
	var old offboarding.Entry
	if err := json.Unmarshal(text, &old); err != nil {
		t.Fatal(err)
	}
	c, err := h.Ledger.Open(t.Context(), ledger.Opening{
		Tenant: h.TenantID(), Leaver: simtenant.UserID(emily), Plan: *old.Plan,
		Request: offboarding.Request{ID: old.Request, EventTime: old.EventTime},
	})
	if err != nil || c.Step(offboarding.StepPrivileges) != nil {
		t.Fatalf("the plan holds privileges; %v", err)
	}
	return c
}

// TestACasePlannedBeforePrivilegesGoesOnByAccess also where the function has lost the permissions: then
// a person is told what to do.
func TestACasePlannedBeforePrivilegesGoesOnByAccess(t *testing.T) {
	t.Parallel()
	t.Run("with the permissions that it had", func(t *testing.T) {
		t.Parallel()
		h := steptest.New(t)
		c := openOld(t, h)
		step := access.New(h.Graph, h.Exchange, h.Ledger, privileges.New(h.Graph, h.Ledger))
		h.Wants(t, h.Settle(t, c.ID, h.Worker(offboarding.StepAccess, step)), offboarding.StateEffective)
		if still := left(h, c.Leaver); len(still) > 0 {
			t.Errorf("left: %v", still)
		}
	})
	t.Run("without them", func(t *testing.T) {
		t.Parallel()
		h := steptest.New(t)
		c := openOld(t, h)
		directory, mailboxes := h.As("access")
		step := access.New(directory, mailboxes, h.Ledger, privileges.New(directory, h.Ledger))
		record := h.Settle(t, c.ID, h.Worker(offboarding.StepAccess, step))
		h.Wants(t, record, offboarding.StateManual, "send the request again")
		if still := strings.Join(left(h, c.Leaver), ", "); strings.Contains(still, "member of "+simtenant.GroupMarketing) || !strings.Contains(still, "role") {
			t.Errorf("left: %s", still)
		}
	})
}

// TestNobodyWaitsForPrivilegesThatIsLeftOut: who is no administrator leaves without it, by the rights that
// access has, and what it would have taken away stays.
func TestNobodyWaitsForPrivilegesThatIsLeftOut(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	policy := offboarding.DefaultPolicy()
	policy.PrivilegesByPerson = true
	c := h.Open(t, "adele.vance@contoso.com", offboarding.Options{}, policy)
	directory, mailboxes := h.As("access")
	h.Wants(t, h.Settle(t, c.ID, h.Worker(offboarding.StepAccess, access.New(directory, mailboxes, h.Ledger, privileges.New(directory, h.Ledger)))), offboarding.StateEffective)
	for _, gate := range []offboarding.StepName{offboarding.StepLicence, offboarding.StepDelete} {
		if c.Step(gate) == nil {
			t.Errorf("the plan holds no %s", gate)
		}
	}
	if c.Step(offboarding.StepPrivileges) != nil {
		t.Error("the plan holds privileges, which nobody will run")
	}
}
