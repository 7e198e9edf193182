package forward_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/functions/block"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

func TestB8NothingIsSharedBeforeItsAccountIsBlocked(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, henrik, offboarding.Options{Mailbox: offboarding.Shared}, offboarding.DefaultPolicy())
	w := h.Worker(offboarding.StepForward, newStep(h))
	waits := func(state offboarding.StepState, says string) {
		t.Helper()
		h.Advance(time.Minute)
		record, _ := h.Step(t, c.ID, w)
		if record.State != state || !strings.Contains(record.Reason, says) || mailbox(t, h, c.Leaver).Type != "UserMailbox" {
			t.Fatalf("%s: %s; %s; want %s saying %q", record.State, record.Reason, mailbox(t, h, c.Leaver).Type, state, says)
		}
	}
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Faults = append(w.Faults, simtenant.Fault{Operation: "Disable-InboxRule", Status: http.StatusServiceUnavailable, Times: 3})
	})
	waits(offboarding.StateRetrying, "B8: the mailbox is not shared before its account is blocked")
	h.Settle(t, c.ID, h.Worker(offboarding.StepBlock, block.New(h.As("block"))))
	waits(offboarding.StateRetrying, "B8: the mailbox is not shared before its password is reset")
	signedOut(t, h, c)
	waits(offboarding.StateRetrying, "Disable-InboxRule")
	record := h.Settle(t, c.ID, w)
	m := mailbox(t, h, c.Leaver)
	if record.State != offboarding.StateEffective || m.Type != "SharedMailbox" {
		t.Errorf("%s: %s; %s; want effective", record.State, record.Reason, m.Type)
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
		t.Errorf("%s: %s; want manual saying \"no manager\"", record.State, record.Reason)
	}
}

// TestOneRightThatIsRefusedKeepsNoOtherFromTheSuccessor: KelvinTegelaar/CIPP#2482, where full access failed and
// the rest was not heard of.
func TestOneRightThatIsRefusedKeepsNoOtherFromTheSuccessor(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Faults = append(w.Faults, simtenant.Fault{Operation: "Add-MailboxPermission", Status: http.StatusForbidden})
	})
	c := h.Open(t, henrik, offboarding.Options{Mailbox: offboarding.Shared}, offboarding.DefaultPolicy())
	blocked(t, h, c)
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepForward, newStep(h)))
	h.Wants(t, record, offboarding.StateParked, "Get-Recipient "+c.Leaver)
	m := mailbox(t, h, c.Leaver)
	if m.Type != "SharedMailbox" || !slices.Contains(m.SendAs, simtenant.UserID(alex)) {
		t.Errorf("got a %s that %v may send as, want a shared one, and the successor among them", m.Type, m.SendAs)
	}
}

// TestB13NothingIsSharedWhileAPhoneMayHearOfItsWipe: MicrosoftDocs/microsoft-365-docs#7502. A wipe is not possible
// any more once the mailbox is shared; the account is locked out meanwhile.
func TestB13NothingIsSharedWhileAPhoneMayHearOfItsWipe(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	policy := offboarding.DefaultPolicy()
	policy.PhoneGrace = time.Minute
	c := h.Open(t, henrik, offboarding.Options{Mailbox: offboarding.Shared}, policy)
	signedOut(t, h, c)
	b, w := h.Worker(offboarding.StepBlock, block.New(h.As("block"))), h.Worker(offboarding.StepForward, newStep(h))
	h.Step(t, c.ID, b)
	if u, _ := h.Tenant.User(c.Leaver); u.AccountEnabled {
		t.Fatal("the account is enabled")
	}
	record, _ := h.Step(t, c.ID, w)
	if m := mailbox(t, h, c.Leaver); record.State.Settled() || m.Type != "UserMailbox" || !strings.Contains(record.Reason, "B13") {
		t.Fatalf("got a %s, forward %s: %s; want it not shared yet by B13", m.Type, record.State, record.Reason)
	}
	h.Settle(t, c.ID, b)
	h.Settle(t, c.ID, w)
	if m := mailbox(t, h, c.Leaver); m.Type != "SharedMailbox" {
		t.Errorf("the mailbox is a %s, want it shared once the moment has passed", m.Type)
	}
}
