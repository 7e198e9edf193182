package licence_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"leaver/functions/forward"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// forwarded makes the lockout and forward effective, the end of a forwarding included.
func forwarded(t *testing.T, h *steptest.Harness, c *offboarding.Case) {
	t.Helper()
	lockOut(t, h, c)
	takeAccess(t, h, c)
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepForward, forward.New(h.Graph, h.Exchange, h.Ledger, mailGivenUp())))
	if record.State != offboarding.StateEffective {
		t.Fatalf("forward is %s: %s; want effective", record.State, record.Reason)
	}
}

func afterForwarding() steptest.Subject {
	return steptest.Subject{
		Case: "after forwarding",
		Name: offboarding.StepLicence, New: newStep, Person: "irvin.sayers@contoso.com", Policy: giveMailUp, Prepare: forwarded,
		Check: func(t *testing.T, h *steptest.Harness, id string) {
			if left := h.Tenant.Licences(id); len(left) > 0 {
				t.Errorf("licences are left: %v", left)
			}
		},
		Refusals: []string{"POST /users/{id}/assignLicense"},
		Lagging:  true,
	}
}

func TestB2B3B4B5WhatTheMailboxNeedsTheLicenceFor(t *testing.T) {
	t.Parallel()
	forward, shared := offboarding.Options{}, offboarding.Options{Mailbox: offboarding.Shared}
	forEver := offboarding.Unlimited
	tests := []struct {
		name, person string
		options      offboarding.Options
		meanwhile    func(*simtenant.Mailbox) // after forward was effective
		by           offboarding.Rule         // empty = released
		says         string
	}{
		{name: "forwarding that ended", person: "irvin.sayers@contoso.com", options: forward},
		{name: "B2: forwarding that somebody set again", person: "irvin.sayers@contoso.com", options: forward,
			meanwhile: func(m *simtenant.Mailbox) { m.ForwardingSMTPAddress = "smtp:irvin@fabrikam.com" }, by: offboarding.B2, says: "forwards now"},
		{name: "B2: forwarding with no end", person: "irvin.sayers@contoso.com", options: offboarding.Options{ForwardFor: &forEver}, by: offboarding.B2, says: "no end"},
		{name: "a shared mailbox", person: "lidia.holloway@contoso.com", options: shared},
		{name: "B3: a mailbox that somebody converted back", person: "lidia.holloway@contoso.com", options: shared,
			meanwhile: func(m *simtenant.Mailbox) { m.Type = "UserMailbox" }, by: offboarding.B3, says: "UserMailbox"},
		{name: "B9: a mailbox that the next synchronisation takes back", person: "lidia.holloway@contoso.com", options: shared,
			meanwhile: func(m *simtenant.Mailbox) { m.RemoteRecipientType = "ProvisionMailbox" }, by: offboarding.B9, says: "Set-RemoteMailbox -Type Shared"},
		{name: "one that was migrated stays shared", person: "lidia.holloway@contoso.com", options: shared,
			meanwhile: func(m *simtenant.Mailbox) { m.RemoteRecipientType = "Migrated" }},
		{name: "B4: 61 GiB and an archive", person: "lee.gu@contoso.com", options: shared, by: offboarding.B4, says: "61.0 GB (65498251264 bytes), more than 50 GB, and it has an archive"},
		{name: "B4: a litigation hold", person: "debra.berger@contoso.com", options: shared, by: offboarding.B4, says: "on hold"},
		{name: "B5: a mailbox on hold that is not to be shared", person: "debra.berger@contoso.com", options: forward, by: offboarding.B5, says: "on hold"},
		{name: "B5: a delay hold, of a hold that ended", person: "irvin.sayers@contoso.com", options: forward,
			meanwhile: func(m *simtenant.Mailbox) { m.DelayHoldApplied = true }, by: offboarding.B5, says: "on hold"},
		{name: "B5: a retention label", person: "irvin.sayers@contoso.com", options: forward,
			meanwhile: func(m *simtenant.Mailbox) { m.ComplianceTagHoldApplied = true }, by: offboarding.B5, says: "on hold"},
		{name: "B5: a retention policy", person: "irvin.sayers@contoso.com", options: forward, by: offboarding.B5, says: "on hold",
			meanwhile: func(m *simtenant.Mailbox) { m.InPlaceHolds = []string{"mbx7cfb30345d454ac0a989ab3041051209:2"} }},
		{name: "B5: an eDiscovery case", person: "irvin.sayers@contoso.com", options: forward, by: offboarding.B5, says: "on hold",
			meanwhile: func(m *simtenant.Mailbox) { m.InPlaceHolds = []string{"UniH7e8f2a5b-64d1-4a2f-9d0c-2d0f5a0b1c11"} }},
		{name: "B5: a policy of chats", person: "irvin.sayers@contoso.com", options: forward, by: offboarding.B5, says: "on hold",
			meanwhile: func(m *simtenant.Mailbox) { m.InPlaceHolds = []string{"skp127d7cf1076947929bf136b7a2a8c36f:2"} }},
		{name: "a policy that only deletes, and one that leaves this mailbox out", person: "irvin.sayers@contoso.com", options: forward,
			meanwhile: func(m *simtenant.Mailbox) {
				m.InPlaceHolds = []string{"mbx7cfb30345d454ac0a989ab3041051209:1", "-mbx7cfb30345d454ac0a989ab3041051210:2"}
			}},
		{name: "B5: chats are kept", person: "irvin.sayers@contoso.com", options: forward,
			meanwhile: func(m *simtenant.Mailbox) {
				m.InPlaceHolds = []string{"skp127d7cf1076947929bf136b7a2a8c36f:2"}
			}, by: offboarding.B5, says: "on hold"},
		{name: "a policy that only deletes, and an exclusion from one, keep nothing", person: "irvin.sayers@contoso.com", options: forward,
			meanwhile: func(m *simtenant.Mailbox) {
				m.InPlaceHolds = []string{"mbxcdbbb86ce60342489bff371876e7f224:1", "-mbx7cfb30345d454ac0a989ab3041051209:3"}
			}},
		{name: "B5: a hold of eDiscovery", person: "irvin.sayers@contoso.com", options: forward,
			meanwhile: func(m *simtenant.Mailbox) {
				m.InPlaceHolds = []string{"UniH7d895d48-7e23-4a8d-8346-533c3beac15d"}
			}, by: offboarding.B5, says: "on hold"},
		{name: "B4: a mailbox that grew in the grace", person: "lidia.holloway@contoso.com", options: shared,
			meanwhile: func(m *simtenant.Mailbox) { m.Size = 51 << 30 }, by: offboarding.B4, says: "51.0 GB"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			c := h.Open(t, tt.person, tt.options, mailGivenUp())
			forwarded(t, h, c)
			if tt.meanwhile != nil {
				h.Tenant.Edit(func(w *simtenant.World) { tt.meanwhile(w.Mailboxes[c.Leaver]) })
			}
			record := h.Settle(t, c.ID, h.Worker(offboarding.StepLicence, newStep(h)))
			left := len(h.Tenant.Licences(c.Leaver))
			if tt.by.IsZero() {
				if record.State != offboarding.StateEffective || left > 0 {
					t.Errorf("%s with %d licences: %s; want effective", record.State, left, record.Reason)
				}
				return
			}
			if record.State != offboarding.StateWithheld || record.Rule != tt.by || !strings.Contains(record.Reason, tt.says) || left == 0 {
				t.Errorf("%s by %s with %d licences: %s; want withheld by %s saying %q", record.State, record.Rule, left, record.Reason, tt.by, tt.says)
			}
		})
	}
}

// TestB2B3B4AMailboxThatDoesNotShowIsNotTakenForNone hides a mailbox once, of which Exchange still
// says how much it holds.
func TestB2B3B4AMailboxThatDoesNotShowIsNotTakenForNone(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, "lee.gu@contoso.com", offboarding.Options{Mailbox: offboarding.Shared}, mailGivenUp())
	forwarded(t, h, c)
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Faults = append(w.Faults, simtenant.Fault{Operation: "Get-Mailbox", Status: http.StatusNotFound, Code: "ManagementObjectNotFoundException", Times: 1})
	})
	h.Advance(mailGivenUp().Grace)
	w := h.Worker(offboarding.StepLicence, newStep(h))
	if record, _ := h.Step(t, c.ID, w); record.State != offboarding.StateWaiting || len(h.Tenant.Licences(c.Leaver)) == 0 {
		t.Errorf("%s: %s; want waiting and the licences kept", record.State, record.Reason)
	}
	if record := h.Settle(t, c.ID, w); record.Rule != offboarding.B4 || len(h.Tenant.Licences(c.Leaver)) == 0 {
		t.Errorf("%s by %s: %s; want by B4 and the licences kept", record.State, record.Rule, record.Reason)
	}
}

func TestB3TheLicenceWaitsForTheConversion(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) { w.SharedDelay = time.Hour })
	c := h.Open(t, "lidia.holloway@contoso.com", offboarding.Options{Mailbox: offboarding.Shared}, mailGivenUp())
	lockOut(t, h, c)
	takeAccess(t, h, c)
	h.Advance(mailGivenUp().Grace)
	h.Step(t, c.ID, h.Worker(offboarding.StepForward, forward.New(h.Graph, h.Exchange, h.Ledger, mailGivenUp())))
	record, _ := h.Step(t, c.ID, h.Worker(offboarding.StepLicence, newStep(h)))
	if record.State != offboarding.StateWaiting || !strings.Contains(record.Reason, "forward") || len(h.Tenant.Licences(c.Leaver)) == 0 {
		t.Errorf("%s: %s; want waiting saying \"forward\" and the licences kept", record.State, record.Reason)
	}
}
