package block_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// devicesOf are the devices that a person registered, by object id, and whether each is enabled.
func devicesOf(h *steptest.Harness, person string) map[string]bool {
	found := map[string]bool{}
	h.Tenant.Edit(func(w *simtenant.World) {
		for _, d := range w.Devices {
			if slices.Contains(d.Registered, simtenant.UserID(person)) {
				found[d.ID] = d.AccountEnabled
			}
		}
	})
	return found
}

// TestAComputerThatOthersUseIsNotDisabled: issue 6, kind 3.
func TestAComputerThatOthersUseIsNotDisabled(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	var shared string
	h.Tenant.Edit(func(w *simtenant.World) {
		for _, d := range w.Devices {
			if shared == "" && slices.Contains(d.Registered, simtenant.UserID(adele)) {
				shared = d.ID
				d.Registered = append(d.Registered, simtenant.UserID(megan))
			}
		}
	})
	c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepBlock, newStep(h)))
	h.Wants(t, record, offboarding.StateManual, "others use", offboarding.PortalWorldwide.Device(shared))
	for id, on := range devicesOf(h, adele) {
		if on != (id == shared) {
			t.Errorf("device %s: enabled %t, want only the shared one to be", id, on)
		}
	}
	if is, of := record.Evidence["devices"], len(devicesOf(h, adele)); is != fmt.Sprintf("%d of %d disabled", of-1, of) {
		t.Errorf("got the evidence %q of %d devices, want all but the shared one", is, of)
	}
	if enabled(t, h, simtenant.UserID(adele)) || !record.Observed {
		t.Errorf("got an account that is enabled, or a block that others wait for (%t)", record.Observed)
	}
}

// TestMoreComputersThanAPersonHasAreNotDisabled: issue 6, kind 3.
func TestMoreComputersThanAPersonHasAreNotDisabled(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	policy := offboarding.DefaultPolicy()
	policy.Devices = 1
	c := h.Open(t, adele, offboarding.Options{}, policy)
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepBlock, newStep(h)))
	h.Wants(t, record, offboarding.StateManual, "more than the 1 of the policy")
	for id, on := range devicesOf(h, adele) {
		if !on || !strings.Contains(record.Reason, id) {
			t.Errorf("device %s: enabled %t, want it enabled and named in %q", id, on, record.Reason)
		}
	}
	if enabled(t, h, simtenant.UserID(adele)) {
		t.Error("the account is enabled")
	}
}

// TestWithoutALimitEveryComputerIsDisabled: the policy's 0 says that there is none.
func TestWithoutALimitEveryComputerIsDisabled(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	policy := offboarding.DefaultPolicy()
	policy.Devices = 0
	c := h.Open(t, adele, offboarding.Options{}, policy)
	h.Wants(t, h.Settle(t, c.ID, h.Worker(offboarding.StepBlock, newStep(h))), offboarding.StateEffective)
	for id, on := range devicesOf(h, adele) {
		if on {
			t.Errorf("device %s is enabled", id)
		}
	}
}

// TestB9AComputerMasteredOnPremisesIsWatchedThenATask: MicrosoftDocs/azure-docs PR 35963.
func TestB9AComputerMasteredOnPremisesIsWatchedThenATask(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) {
		w.DirectorySyncEvery = 20 * time.Minute
		for _, d := range w.Devices {
			if slices.Contains(d.Registered, simtenant.UserID(adele)) {
				d.TrustType = "ServerAd"
			}
		}
	})
	c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	w := h.Worker(offboarding.StepBlock, newStep(h))
	record, _ := h.Step(t, c.ID, w)
	for record.State != offboarding.StateWaiting || !strings.HasPrefix(record.Reason, "B9") {
		if record.State.Settled() {
			t.Fatalf("got %s: %s, want it looked at again", record.State, record.Reason)
		}
		h.Advance(max(record.Due.Sub(h.Now()), time.Second))
		record, _ = h.Step(t, c.ID, w)
	}
	h.Advance(25 * time.Minute)
	on := 0
	for _, enabled := range devicesOf(h, adele) {
		if enabled {
			on++
		}
	}
	if on == 0 {
		t.Fatal("the synchronisation enabled no computer")
	}
	h.Advance(max(record.Due.Sub(h.Now()), 0))
	h.Step(t, c.ID, w)
	for id, enabled := range devicesOf(h, adele) {
		if enabled {
			t.Errorf("looked at again, computer %s is enabled still", id)
		}
	}
	record = h.Settle(t, c.ID, w)
	h.Wants(t, record, offboarding.StateManual, "on-premises Active Directory")
	if !record.Observed {
		t.Error("other steps wait for a task about a computer")
	}
}

// TestARefusalInARestrictedUnitSaysSo: microsoftgraph/microsoft-graph-docs#13816.
func TestARefusalInARestrictedUnitSaysSo(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) { w.Users[simtenant.UserID(adele)].IsManagementRestricted = true })
	c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepBlock, newStep(h)))
	h.Wants(t, record, offboarding.StateParked, "restricted management administrative unit", simtenant.UserID(adele))
	if u, _ := h.Tenant.User(simtenant.UserID(adele)); !u.SessionsValidFrom.After(u.Created) {
		t.Error("the sessions were not revoked all the same")
	}
	if open := openProtocols(h, simtenant.UserID(adele)); len(open) > 0 {
		t.Errorf("the mailbox is open by %v, want it closed all the same", open)
	}
	for id, on := range devicesOf(h, adele) {
		if on {
			t.Errorf("device %s is enabled, want it disabled all the same", id)
		}
	}
}

// TestOneComputerThatCannotBeLookedAtKeepsNoOtherEnabled: issue 6, kind 6.
func TestOneComputerThatCannotBeLookedAtKeepsNoOtherEnabled(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	var refused string
	for id := range devicesOf(h, adele) {
		refused = max(refused, id)
	}
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Faults = append(w.Faults, simtenant.Fault{Operation: "GET /devices/{id}/registeredUsers", Target: refused, Status: 403, Code: "Authorization_RequestDenied"})
	})
	c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	w := h.Worker(offboarding.StepBlock, newStep(h))
	record := h.Settle(t, c.ID, w)
	h.Wants(t, record, offboarding.StateParked, offboarding.PortalWorldwide.Device(refused))
	others := devicesOf(h, adele)
	if len(others) < 2 {
		t.Fatal("she has one computer alone: the test proves nothing")
	}
	for id, on := range others {
		if on != (id == refused) {
			t.Errorf("device %s: enabled %t, want only the one that nobody may look at to be", id, on)
		}
	}
	h.Tenant.Edit(func(w *simtenant.World) { w.Faults = nil })
	if _, err := h.Ledger.Replay(t.Context(), c.ID, offboarding.StepBlock); err != nil {
		t.Fatal(err)
	}
	h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateEffective)
	if devicesOf(h, adele)[refused] {
		t.Error("the last computer is still enabled")
	}
}
