package wipe_test

import (
	"testing"

	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// TestThreat8NoDeviceOfAnAccountProtectedAfterPlanningIsWiped looks at the devices, none of which may
// have been told anything.
func TestThreat8NoDeviceOfAnAccountProtectedAfterPlanningIsWiped(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, patti, offboarding.Options{}, offboarding.DefaultPolicy())
	h.Policy.Protected = []string{patti}
	h.Wants(t, h.Settle(t, c.ID, h.Worker(offboarding.StepWipe, newStep(h))), offboarding.StateManual, "protects")
	managed, apps, phones := world(h, patti)
	for _, d := range managed {
		if d.State != "managed" {
			t.Errorf("device %s is %s", d.ID, d.State)
		}
	}
	for _, a := range apps {
		if !a.WipeRequested.IsZero() {
			t.Errorf("app %s is to be wiped", a.ID)
		}
	}
	for _, p := range phones {
		if !p.WipeRequested.IsZero() {
			t.Errorf("phone %s is to be wiped", p.Identity)
		}
	}
	if mailbox, _ := h.Tenant.Mailbox(simtenant.UserID(patti)); len(mailbox.BlockedDeviceIDs) > 0 || len(managed)+len(apps)+len(phones) == 0 {
		t.Errorf("blocked %v of %d devices, %d apps, %d phones", mailbox.BlockedDeviceIDs, len(managed), len(apps), len(phones))
	}
}
