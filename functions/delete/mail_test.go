package delete_test

import (
	"strings"
	"testing"
	"time"

	"leaver/functions/forward"
	"leaver/functions/licence"
	"leaver/functions/wipe"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

func TestB1WhatAnchorsMailIsNotDeleted(t *testing.T) {
	t.Parallel()
	forEver := offboarding.Unlimited
	// A shared mailbox outlives its licence.
	shared := func(m *simtenant.Mailbox) { m.SoftDeletedAt, m.Type = time.Time{}, "SharedMailbox" }
	tests := []struct {
		name      string
		options   offboarding.Options
		meanwhile func(*simtenant.Mailbox) // after licence was settled
		replayed  bool                     // what the plan withheld
		withheld  bool
		says      string
	}{
		{name: "forwarding that ended"},
		{name: "no mailbox handling", options: offboarding.Options{Mailbox: offboarding.None}},
		{name: "forwarding with no end", options: offboarding.Options{ForwardFor: &forEver}, withheld: true, says: "no end"},
		{name: "a shared mailbox", options: offboarding.Options{Mailbox: offboarding.Shared}, withheld: true, says: "shared mailbox"},
		{name: "forwarding that the plan knows nothing of", options: offboarding.Options{Mailbox: offboarding.None}, withheld: true, says: "forwards now",
			meanwhile: func(m *simtenant.Mailbox) {
				shared(m)
				m.ForwardingAddress = simtenant.UserID("alex.wilber@contoso.com")
			}},
		{name: "forwarding outside that the plan knows nothing of", options: offboarding.Options{Mailbox: offboarding.None}, withheld: true, says: "forwards now",
			meanwhile: func(m *simtenant.Mailbox) {
				shared(m)
				m.ForwardingSMTPAddress = "smtp:irvin@fabrikam.com"
			}},
		{name: "a shared mailbox that the plan knows nothing of", withheld: true, says: "shared now", meanwhile: shared},
		{name: "forwarding with no end, which somebody interrupted", options: offboarding.Options{ForwardFor: &forEver}, withheld: true, says: "no end", replayed: true,
			meanwhile: func(m *simtenant.Mailbox) { m.ForwardingAddress = "" }},
		{name: "a shared mailbox, which somebody converted back", options: offboarding.Options{Mailbox: offboarding.Shared}, withheld: true, says: "shared mailbox", replayed: true,
			meanwhile: func(m *simtenant.Mailbox) { m.Type = "UserMailbox" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			c := h.Open(t, "irvin.sayers@contoso.com", tt.options, mailGivenUp())
			lockOut(t, h, c)
			takeAccess(t, h, c)
			h.Settle(t, c.ID, h.Worker(offboarding.StepWipe, wipe.New(h.As("wipe"))))
			keepFiles(t, h, c)
			if _, planned := c.Plan.Step(offboarding.StepForward); planned {
				h.Settle(t, c.ID, h.Worker(offboarding.StepForward, forward.New(h.Graph, h.Exchange, h.Ledger, mailGivenUp())))
			}
			h.Settle(t, c.ID, h.Worker(offboarding.StepLicence, licence.New(h.As("licence"))))
			if tt.meanwhile != nil {
				h.Tenant.Edit(func(w *simtenant.World) { tt.meanwhile(w.Mailboxes[c.Leaver]) })
			}
			if tt.replayed {
				if _, err := h.Ledger.Replay(t.Context(), c.ID, offboarding.StepDelete); err != nil {
					t.Fatal(err)
				}
			}
			record := h.Settle(t, c.ID, h.Worker(offboarding.StepDelete, newStep(h)))
			_, alive := h.Tenant.User(c.Leaver)
			switch {
			case tt.withheld && (record.State != offboarding.StateWithheld || record.Rule != offboarding.B1 || !alive || !strings.Contains(record.Reason, tt.says)):
				t.Errorf("%s by %s, alive %t: %s; want withheld by B1 and alive saying %q", record.State, record.Rule, alive, record.Reason, tt.says)
			case !tt.withheld && (record.State != offboarding.StateEffective || alive):
				t.Errorf("%s by %s, alive %t: %s; want effective and gone", record.State, record.Rule, alive, record.Reason)
			}
		})
	}
}

func TestB1DeleteWaitsForTheEndOfForwarding(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, "irvin.sayers@contoso.com", offboarding.Options{}, mailGivenUp())
	lockOut(t, h, c)
	takeAccess(t, h, c)
	h.Settle(t, c.ID, h.Worker(offboarding.StepWipe, wipe.New(h.As("wipe"))))
	keepFiles(t, h, c)
	h.Step(t, c.ID, h.Worker(offboarding.StepForward, forward.New(h.Graph, h.Exchange, h.Ledger, mailGivenUp())))
	h.Advance(mailGivenUp().Grace)
	w := h.Worker(offboarding.StepDelete, newStep(h))
	for range 2 { // also when that is longer than a deadline of its own would be
		record, _ := h.Step(t, c.ID, w)
		if record.State != offboarding.StateWaiting || record.Reason != "waits for forward, licence" || !record.Deadline().IsZero() {
			t.Errorf("%s until %s: %s; want waiting without an end saying \"waits for forward, licence\"", record.State, record.Deadline(), record.Reason)
		}
		h.Advance(10 * 24 * time.Hour)
	}
}
