package forward_test

import (
	"strings"
	"testing"

	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

func TestB8NothingIsSharedBeforeItsAccountIsBlocked(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, henrik, offboarding.Options{Mailbox: offboarding.Shared}, offboarding.DefaultPolicy())
	w := h.Worker(offboarding.StepForward, newStep(h))
	record, _ := h.Step(t, c.ID, w)
	if record.State != offboarding.StateWaiting || !strings.Contains(record.Reason, "B8") || mailbox(t, h, c.Leaver).Type != "UserMailbox" {
		t.Fatalf("%s: %s; %s", record.State, record.Reason, mailbox(t, h, c.Leaver).Type)
	}
	blocked(t, h, c)
	record = h.Settle(t, c.ID, w)
	m := mailbox(t, h, c.Leaver)
	if record.State != offboarding.StateEffective || m.Type != "SharedMailbox" {
		t.Errorf("%s: %s; %s", record.State, record.Reason, m.Type)
	}
	for _, rule := range m.Rules {
		if rule.Enabled {
			t.Errorf("rule %s was not reviewed", rule.ID)
		}
	}
}

// TestB17WhetherDelegatesGetInIsLeftToAPerson: Microsoft does not say, so the report does.
func TestB17WhetherDelegatesGetInIsLeftToAPerson(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, henrik, offboarding.Options{Mailbox: offboarding.Shared}, offboarding.DefaultPolicy())
	blocked(t, h, c)
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepForward, newStep(h)))
	if !strings.HasPrefix(record.Evidence["delegates"], "B17") || record.Evidence["delegate/fullAccess"] != simtenant.UserID(alex) {
		t.Errorf("%s: %v", record.State, record.Evidence)
	}
}

func TestASharedMailboxThatNobodyCanOpenIsATask(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) { w.Users[simtenant.UserID(henrik)].ManagerID = "" })
	c := h.Open(t, henrik, offboarding.Options{Mailbox: offboarding.Shared}, offboarding.DefaultPolicy())
	blocked(t, h, c)
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepForward, newStep(h)))
	if record.State != offboarding.StateManual || !strings.Contains(record.Reason, "no manager") || mailbox(t, h, c.Leaver).Type != "SharedMailbox" {
		t.Errorf("%s: %s", record.State, record.Reason)
	}
}
