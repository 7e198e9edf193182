package wipe_test

import (
	"slices"
	"strings"
	"testing"

	"leaver/functions/block"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// TestADeviceThatOthersUseIsNotRetired: issue 6, kind 3. The rest is, and a person accepts the one.
func TestADeviceThatOthersUseIsNotRetired(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	managed, _, _ := world(h, patti)
	shared := managed[0].ID
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Managed[shared].Users = append(w.Managed[shared].Users, simtenant.UserID(henrik))
	})
	c, w := open(t, h, patti)
	record := h.Settle(t, c.ID, w)
	h.Wants(t, record, offboarding.StateManual, shared, simtenant.UserID(henrik), "--item "+shared)
	if left, _, _ := world(h, patti); len(left) != 1 || left[0].ID != shared || left[0].State != "managed" {
		t.Errorf("got %+v, want the shared device as it was, and only that", left)
	}
	accept(t, h, c, shared)
	record = h.Settle(t, c.ID, w)
	h.Wants(t, record, offboarding.StateEffective)
	if got := record.Evidence["managedDevice/"+shared]; !strings.HasPrefix(got, "accepted as it is") {
		t.Errorf("got evidence %q of the shared device", got)
	}
}

// TestADeviceThatIsForNobodyIsNotRetired: Microsoft Intune, Find the primary user. A device without one is shared, whoever
// enrolled it.
func TestADeviceThatIsForNobodyIsNotRetired(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	managed, _, _ := world(h, patti)
	kiosk := managed[0].ID
	h.Tenant.Edit(func(w *simtenant.World) { w.Managed[kiosk].Shared = true })
	c, w := open(t, h, patti)
	record := h.Settle(t, c.ID, w)
	h.Wants(t, record, offboarding.StateManual, kiosk, "it has no primary user", "--item "+kiosk)
	if left, _, _ := world(h, patti); len(left) != 1 || left[0].ID != kiosk || left[0].State != "managed" {
		t.Errorf("got %+v, want the shared device as it was, and only that", left)
	}
}

// TestWithoutALimitEveryDeviceIsRetired: the policy's 0 says that there is none.
func TestWithoutALimitEveryDeviceIsRetired(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	policy := offboarding.DefaultPolicy()
	policy.Devices = 0
	c := h.Open(t, patti, offboarding.Options{}, policy)
	h.Wants(t, h.Settle(t, c.ID, h.Worker(offboarding.StepWipe, newStep(h))), offboarding.StateEffective)
	if left, _, _ := world(h, patti); len(left) > 0 {
		t.Errorf("got %+v, want no device left", left)
	}
}

// accept is a person who accepts a device as it is.
func accept(t *testing.T, h *steptest.Harness, c *offboarding.Case, ids ...string) {
	t.Helper()
	if _, err := h.Ledger.SignOff(t.Context(), ledger.SignOff{Case: c.ID, Step: offboarding.StepWipe, Items: ids, By: "Miriam Graham", Note: "it stays at the desk"}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Ledger.Replay(t.Context(), c.ID, offboarding.StepWipe); err != nil {
		t.Fatal(err)
	}
}

// TestMoreDevicesThanAPersonHasAreNotRetired: issue 6, kind 3.
func TestMoreDevicesThanAPersonHasAreNotRetired(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	managed, _, _ := world(h, patti)
	policy := offboarding.DefaultPolicy()
	policy.Devices = 1
	c := h.Open(t, patti, offboarding.Options{}, policy)
	w := h.Worker(offboarding.StepWipe, newStep(h))
	record := h.Settle(t, c.ID, w)
	h.Wants(t, record, offboarding.StateManual, managed[0].ID, managed[1].ID, "more than the 1 of the policy")
	left, apps, phones := world(h, patti)
	for _, d := range left {
		if d.State != "managed" {
			t.Errorf("got device %s %s, want it left alone", d.ID, d.State)
		}
	}
	if len(left) != 2 || len(apps) != 0 || phones[0].WipeAcked.IsZero() {
		t.Errorf("got %d devices, %d apps, phone wiped at %v: want both devices, and the rest done", len(left), len(apps), phones[0].WipeAcked)
	}
	accept(t, h, c, managed[0].ID)
	record = h.Settle(t, c.ID, w)
	h.Wants(t, record, offboarding.StateEffective)
	if left, _, _ := world(h, patti); len(left) != 1 || left[0].ID != managed[0].ID {
		t.Errorf("got %+v, want only the accepted device left", left)
	}
}

// TestWhatARetirementDoesBesideIsSaid: MicrosoftDocs/memdocs#3019, IntuneDocs#1948.
func TestWhatARetirementDoesBesideIsSaid(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c, w := open(t, h, patti)
	record := h.Settle(t, c.ID, w)
	kept := 0
	h.Tenant.Edit(func(w *simtenant.World) { // the recovery keys are with them
		for _, d := range w.Devices {
			if slices.Contains(d.Registered, c.Leaver) {
				kept++
			}
		}
	})
	if managed, _, _ := world(h, patti); kept == 0 || len(managed) > 0 {
		t.Errorf("%d devices are in Entra and %d in Intune, want those of Entra kept and none in Intune", kept, len(managed))
	}
	for id := range record.Before {
		if id, is := strings.CutPrefix(id, "managedDevice/"); is && strings.HasPrefix(record.Before["managedDevice/"+id], "company ") && !strings.Contains(record.Evidence[offboarding.ResidualRisk], id) {
			t.Errorf("the residual risk does not name device %s", id)
		}
	}
	for _, want := range []string{"BitLocker", "Windows Autopilot", "private computer"} {
		if got := record.Evidence[offboarding.ResidualRisk]; !strings.Contains(got, want) {
			t.Errorf("got the residual risk %q, want %s in it", got, want)
		}
	}
}

// TestADisabledDeviceIsRetiredAllTheSame: see PAIRS.md. block has disabled the device in Entra before it calls home,
// and a device hears of its retirement by its enrolment.
func TestADisabledDeviceIsRetiredAllTheSame(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c, w := open(t, h, patti)
	h.Settle(t, c.ID, h.Worker(offboarding.StepBlock, block.New(h.As("block"))))
	h.Tenant.Edit(func(w *simtenant.World) {
		for _, d := range w.Devices {
			if slices.Contains(d.Owners, c.Leaver) && d.AccountEnabled {
				t.Errorf("device %s is enabled after block", d.ID)
			}
		}
	})
	if managed, _, _ := world(h, patti); len(managed) == 0 {
		t.Fatal("the leaver has no device in Intune")
	}
	h.Settle(t, c.ID, w) // what becomes of a phone that is shut out is another pair
	if managed, _, _ := world(h, patti); len(managed) > 0 {
		t.Errorf("got %d devices in Intune, want none: %+v", len(managed), managed)
	}
}
