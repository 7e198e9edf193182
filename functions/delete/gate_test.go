package delete_test

import (
	"net/http"
	"strings"
	"testing"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// TestWhatDeleteCannotReadIsNotTakenForNothing refuses one read of the gate, once: whatever it would have
// said, the account stays, and a replay that may read deletes it.
func TestWhatDeleteCannotReadIsNotTakenForNothing(t *testing.T) {
	t.Parallel()
	const grady = "grady.archie@contoso.com" // whose OneDrive is copied
	id := simtenant.UserID(grady)
	for _, read := range []string{"GET /users/{id}", "Get-Mailbox", "GET /users/{id}/drive/root", "GET /drives/{drive}/root/delta"} {
		t.Run(read, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			c := h.Open(t, grady, offboarding.Options{Mailbox: offboarding.None}, mailGivenUp())
			prepare(t, h, c)
			h.Tenant.Edit(func(w *simtenant.World) {
				w.Faults = append(w.Faults, simtenant.Fault{Operation: read, Status: http.StatusForbidden, Code: "AccessDenied", Times: 1})
			})
			w := h.Worker(offboarding.StepDelete, newStep(h))
			h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateParked)
			if _, alive := h.Tenant.User(id); !alive {
				t.Fatalf("the account is deleted, though %s was refused", read)
			}
			if _, err := h.Ledger.Replay(t.Context(), c.ID, offboarding.StepDelete); err != nil {
				t.Fatal(err)
			}
			h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateEffective)
			if _, deleted := h.Tenant.DeletedUser(id); !deleted {
				t.Error("the account is not among the deleted items")
			}
		})
	}
}

// TestB12MailThatCannotBeReadIsNotTakenForWhatWasSeenBefore refuses the look at the mailbox that no hold keeps:
// that it was empty when the licence was looked at says nothing of now.
func TestB12MailThatCannotBeReadIsNotTakenForWhatWasSeenBefore(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	id := simtenant.UserID("christie.cline@contoso.com") // whose licence permits no hold
	edit := func(items int, archive bool) {
		h.Tenant.Edit(func(w *simtenant.World) { w.Mailboxes[id].ItemCount, w.Mailboxes[id].Archive = items, archive })
	}
	edit(0, true) // which keeps the licence, and with it the mailbox
	c := h.Open(t, "christie.cline@contoso.com", offboarding.Options{Mailbox: offboarding.None}, offboarding.DefaultPolicy())
	prepare(t, h, c)
	if _, err := h.Ledger.SignOff(t.Context(), ledger.SignOff{Case: c.ID, Step: offboarding.StepLicence, By: "Joni Sherman", Note: "accepted"}); err != nil {
		t.Fatal(err)
	}
	edit(0, false)
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Faults = append(w.Faults, simtenant.Fault{Operation: "Get-MailboxStatistics", Status: http.StatusForbidden, Times: 1})
	})
	w := h.Worker(offboarding.StepDelete, newStep(h))
	h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateParked)
	if _, alive := h.Tenant.User(id); !alive {
		t.Fatal("the account is deleted, though nobody could look into its mailbox")
	}
	if _, err := h.Ledger.Replay(t.Context(), c.ID, offboarding.StepDelete); err != nil {
		t.Fatal(err)
	}
	h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateEffective)
}

// TestB16TheGateStaysShutForASynchronisedAccountThatIsEnabled: what is deleted on premises is no write of
// this step's, so that no last look comes before it.
func TestB16TheGateStaysShutForASynchronisedAccountThatIsEnabled(t *testing.T) {
	t.Parallel()
	for name, enabled := range map[string]bool{"blocked": false, "enabled again": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			c := gateOf(t, h)
			synced := true
			h.Tenant.Edit(func(w *simtenant.World) {
				w.Users[c.Leaver].OnPremisesSyncEnabled, w.Users[c.Leaver].AccountEnabled = &synced, enabled
			})
			record := h.Settle(t, c.ID, h.Worker(offboarding.StepDelete, newStep(h)))
			after, err := h.Ledger.Case(t.Context(), c.ID)
			if err != nil {
				t.Fatal(err)
			}
			if open := !after.DeletionOpened().IsZero(); open == enabled || strings.HasPrefix(record.Reason, offboarding.B16.Name) != enabled {
				t.Errorf("the gate is open %t, %s: %s; want it open %t, and B16 named otherwise", open, record.State, record.Reason, !enabled)
			}
		})
	}
}

// TestAPolicyThatDeleteCouldNotReadIsARisk of the evidence: the deletion goes on, and does not claim that
// nothing of the organisation held the mailbox.
func TestAPolicyThatDeleteCouldNotReadIsARisk(t *testing.T) {
	t.Parallel()
	for name, refused := range map[string]bool{"read": false, "refused": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			c := h.Open(t, "lidia.holloway@contoso.com", offboarding.Options{Mailbox: offboarding.Hold}, offboarding.DefaultPolicy())
			prepare(t, h, c)
			if refused {
				h.Tenant.Edit(func(w *simtenant.World) {
					w.Faults = append(w.Faults, simtenant.Fault{Operation: "Get-OrganizationConfig", Status: http.StatusForbidden})
				})
			}
			record := h.Settle(t, c.ID, h.Worker(offboarding.StepDelete, newStep(h)))
			h.Wants(t, record, offboarding.StateEffective)
			if got := record.Evidence[offboarding.ResidualRisk]; strings.Contains(got, offboarding.PoliciesUnseen) != refused {
				t.Errorf("got the residual risk %q, want the policies among it: %t", got, refused)
			}
		})
	}
}
