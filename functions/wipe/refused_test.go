package wipe_test

import (
	"net/http"
	"testing"

	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// TestOneRefusalStopsNoOtherWipe: issue 6, kind 6. Phones, devices and apps are each tried, whichever of them is
// refused.
func TestOneRefusalStopsNoOtherWipe(t *testing.T) {
	t.Parallel()
	for _, refused := range []string{"Clear-MobileDevice", "POST /deviceManagement/managedDevices/{id}/retire", "POST /users/{id}/wipeManagedAppRegistrationsByDeviceTag"} {
		t.Run(refused, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			h.Tenant.Edit(func(w *simtenant.World) {
				w.Faults = append(w.Faults, simtenant.Fault{Operation: refused, Status: http.StatusForbidden, Times: 100})
			})
			c, w := open(t, h, patti)
			if record, _ := h.Step(t, c.ID, w); record.State != offboarding.StateParked && record.State != offboarding.StateRetrying {
				t.Errorf("got %s (%s), want the refusal told", record.State, record.Reason)
			}
			managed, apps, phones := world(h, patti)
			if len(managed)*len(apps)*len(phones) == 0 {
				t.Fatalf("got %d devices, %d apps and %d phones, want some of each", len(managed), len(apps), len(phones))
			}
			asked := map[string]bool{
				"Clear-MobileDevice": !phones[0].WipeRequested.IsZero(),
				"POST /deviceManagement/managedDevices/{id}/retire":       managed[0].State != "managed",
				"POST /users/{id}/wipeManagedAppRegistrationsByDeviceTag": !apps[0].WipeRequested.IsZero(),
			}
			for operation, done := range asked {
				if done == (operation == refused) {
					t.Errorf("%s: done %t while %s is refused", operation, done, refused)
				}
			}
		})
	}
}
