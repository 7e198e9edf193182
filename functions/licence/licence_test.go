package licence_test

import (
	"crypto/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/functions/access"
	"leaver/functions/block"
	"leaver/functions/forward"
	"leaver/functions/licence"
	"leaver/functions/privileges"
	"leaver/functions/signout"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
	"leaver/shared/worker/steptest"
)

func newStep(h *steptest.Harness) worker.Step { return licence.New(h.As("licence")) }

// lockOut makes the steps effective that go before everything else.
func lockOut(t *testing.T, h *steptest.Harness, c *offboarding.Case) {
	t.Helper()
	directory, _ := h.As("signout")
	h.Settle(t, c.ID, h.Worker(offboarding.StepSignout, signout.New(directory, rand.Reader)))
	h.Settle(t, c.ID, h.Worker(offboarding.StepBlock, block.New(h.As("block"))))
}

func prepare(t *testing.T, h *steptest.Harness, c *offboarding.Case) {
	directory, mailboxes := h.As("forward")
	h.Settle(t, c.ID, h.Worker(offboarding.StepForward, forward.New(directory, mailboxes, h.Ledger, offboarding.DefaultPolicy())))
	lockOut(t, h, c)
	takeAccess(t, h, c)
}

// giveMailUp leaves the step preserve out of the plan.
func giveMailUp(p *offboarding.Policy) { p.KeepMail = offboarding.KeepNone }

func mailGivenUp() offboarding.Policy {
	policy := offboarding.DefaultPolicy()
	giveMailUp(&policy)
	return policy
}

func TestStep(t *testing.T) {
	t.Parallel()
	steptest.Run(t, inherited(), afterForwarding())
}

func inherited() steptest.Subject {
	return steptest.Subject{
		Case: "direct and inherited licences",
		Name: offboarding.StepLicence, New: newStep, Person: "adele.vance@contoso.com", Policy: giveMailUp, Options: offboarding.Options{Mailbox: offboarding.None}, Prepare: prepare,
		Check: func(t *testing.T, h *steptest.Harness, id string) {
			if left := h.Tenant.Licences(id); len(left) > 0 {
				t.Errorf("licences are left: %v", left)
			}
		},
		Refusals: []string{"POST /users/{id}/assignLicense", "DELETE /groups/{id}/members/{member}/$ref"},
		Lagging:  true,
		Stops:    licenceStops, UndoStops: map[string]string{
			"GET /users/{id}": steptest.Everything, "POST /users/{id}/assignLicense": "Mailboxes.SoftDeletedAt Users.Licences", // a mailbox comes with its licence
		},
	}
}

// licenceStops: nothing goes before the gate has read the account, the phones and the mailbox, and kept by their names
// what was held.
var licenceStops = map[string]string{
	"GET /users/{id}": steptest.Everything, "Get-MobileDevice": steptest.Everything, "Get-MobileDeviceStatistics": steptest.Everything, "Get-CASMailbox": steptest.Everything,
	"GET /subscribedSkus": steptest.Everything, "POST /users/{id}/assignLicense": "Mailboxes.SoftDeletedAt Users.Licences",
	"Get-Mailbox": steptest.Everything, "Get-MailboxStatistics": steptest.Everything, "Get-MailboxFolderStatistics": steptest.Everything, "Get-OrganizationConfig": steptest.Everything,
}

func TestB11InheritedLicencesAreReleasedByTheirGroup(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, person string
		task         string
	}{
		{"a dynamic group is a manual task with its name", "isaiah.langer@contoso.com", "membership rule of the dynamic group"},
		{"a synced group is a manual task with its name", "diego.siciliani@contoso.com", "on-premises Active Directory"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			c := h.Open(t, tt.person, offboarding.Options{Mailbox: offboarding.None}, mailGivenUp())
			prepare(t, h, c)
			record := h.Settle(t, c.ID, h.Worker(offboarding.StepLicence, newStep(h)))
			h.Wants(t, record, offboarding.StateManual, tt.task)
			if len(h.Tenant.Licences(simtenant.UserID(tt.person))) == 0 {
				t.Error("the tenant shows no licence: the test proves nothing")
			}
		})
	}
}

func TestB16AReEnabledLeaverKeepsTheLicence(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, "adele.vance@contoso.com", offboarding.Options{Mailbox: offboarding.None}, mailGivenUp())
	prepare(t, h, c)
	id := simtenant.UserID("adele.vance@contoso.com")
	h.Tenant.Edit(func(w *simtenant.World) { w.Users[id].AccountEnabled = true })
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepLicence, newStep(h)))
	h.Wants(t, record, offboarding.StateManual, offboarding.B16.Name)
	if len(h.Tenant.Licences(id)) == 0 {
		t.Error("the licence went")
	}
}

func TestTheLicenceWaitsForTheBlock(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, "adele.vance@contoso.com", offboarding.Options{Mailbox: offboarding.None}, mailGivenUp())
	h.Advance(mailGivenUp().Grace)
	w := h.Worker(offboarding.StepLicence, newStep(h))
	record, _ := h.Step(t, c.ID, w)
	h.Wants(t, record, offboarding.StateWaiting, "block")
	h.Advance(30 * 24 * time.Hour) // block has a deadline of its own, and whoever is asked then is asked once
	record, _ = h.Step(t, c.ID, w)
	h.Wants(t, record, offboarding.StateWaiting, "block")
	if at := record.Deadline(); !at.IsZero() {
		t.Errorf("the gate that waits becomes a task at %s, want never", at)
	}
}

func TestSeatsFreedAreReported(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, "adele.vance@contoso.com", offboarding.Options{Mailbox: offboarding.None}, mailGivenUp())
	prepare(t, h, c)
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepLicence, newStep(h)))
	freed := record.Evidence["seatsFreed"]
	if strings.Count(freed, ",") != 1 || !strings.Contains(freed, "(group ") {
		t.Errorf("freed: %s", freed)
	}
}

// TestB11AGroupThatGaveLicencesIsLeftToo: access leaves it to licence, and it need not give any when its turn comes,
// or be there.
func TestB11AGroupThatGaveLicencesIsLeftToo(t *testing.T) {
	t.Parallel()
	group := simtenant.GroupID(simtenant.GroupLicenceEMS)
	for name, meanwhile := range map[string]func(*simtenant.World){
		"it gives none any more": func(w *simtenant.World) { w.Groups[group].Licences = nil },
		"it is gone":             func(w *simtenant.World) { delete(w.Groups, group) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			c := h.Open(t, "adele.vance@contoso.com", offboarding.Options{Mailbox: offboarding.None}, mailGivenUp())
			prepare(t, h, c)
			if g, _ := h.Tenant.Group(group); !slices.Contains(g.Members, c.Leaver) {
				t.Fatal("access has left the group: the test proves nothing")
			}
			h.Tenant.Edit(meanwhile)
			h.Wants(t, h.Settle(t, c.ID, h.Worker(offboarding.StepLicence, newStep(h))), offboarding.StateEffective)
			if g, _ := h.Tenant.Group(group); slices.Contains(g.Members, c.Leaver) || len(h.Tenant.Licences(c.Leaver)) > 0 {
				t.Errorf("the leaver is in the group still, with the licences %v", h.Tenant.Licences(c.Leaver))
			}
		})
	}
}

// TestB12WhatTheMailboxHeldIsThatOfTheFirstLook: the mailbox goes with its licence, and the gate of delete asks what
// was in it. A second run, while the release does not show yet, sees nothing any more.
func TestB12WhatTheMailboxHeldIsThatOfTheFirstLook(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, "adele.vance@contoso.com", offboarding.Options{Mailbox: offboarding.None}, mailGivenUp())
	prepare(t, h, c)
	h.Tenant.Edit(func(w *simtenant.World) { w.ReadLag, w.Mailboxes[c.Leaver].ItemCount = 5*time.Second, 7 })
	h.Advance(mailGivenUp().Grace)
	w := h.Worker(offboarding.StepLicence, newStep(h))
	if record, _ := h.Step(t, c.ID, w); record.State != offboarding.StateWaiting {
		t.Fatalf("licence is %s: %s; want it waiting for the release to show", record.State, record.Reason)
	}
	h.Tenant.Edit(func(w *simtenant.World) { delete(w.Mailboxes, c.Leaver) })
	h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateEffective)
	latest, err := h.Ledger.Case(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if items, known := latest.MailboxHeld(); items != 7 || !known {
		t.Errorf("the mailbox held %d items, known %t; want 7", items, known)
	}
}

// takeAccess runs the steps privileges and access.
func takeAccess(t *testing.T, h *steptest.Harness, c *offboarding.Case) {
	t.Helper()
	powers, _ := h.As("privileges")
	h.Settle(t, c.ID, h.Worker(offboarding.StepPrivileges, privileges.New(powers, h.Ledger)))
	directory, mailboxes := h.As("access")
	h.Settle(t, c.ID, h.Worker(offboarding.StepAccess, access.New(directory, mailboxes, h.Ledger, nil)))
}

// TestThreat8TheLicenceOfAnAccountProtectedAfterPlanningStays, and with it the mailbox.
func TestThreat8TheLicenceOfAnAccountProtectedAfterPlanningStays(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, "adele.vance@contoso.com", offboarding.Options{Mailbox: offboarding.None}, mailGivenUp())
	prepare(t, h, c)
	h.Policy.Protected = []string{c.Leaver}
	held := len(h.Tenant.Licences(c.Leaver))
	h.Wants(t, h.Settle(t, c.ID, h.Worker(offboarding.StepLicence, newStep(h))), offboarding.StateManual, "protects")
	if left := h.Tenant.Licences(c.Leaver); len(left) != held || held == 0 {
		t.Errorf("%d licences are left of %d", len(left), held)
	}
}
