package licence_test

import (
	"net/http"
	"testing"

	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// TestWhatLicenceCannotReadIsNotTakenForNothing refuses one read of the gate, once: whatever it would have
// said, every licence stays, and a replay that may read releases them.
func TestWhatLicenceCannotReadIsNotTakenForNothing(t *testing.T) {
	t.Parallel()
	for _, read := range []string{"GET /users/{id}", "Get-MobileDevice", "Get-MailboxStatistics", "Get-Mailbox", "GET /subscribedSkus"} {
		t.Run(read, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			c := h.Open(t, "irvin.sayers@contoso.com", offboarding.Options{}, mailGivenUp())
			forwarded(t, h, c)
			held := len(h.Tenant.Licences(c.Leaver))
			h.Tenant.Edit(func(w *simtenant.World) {
				w.Faults = append(w.Faults, simtenant.Fault{Operation: read, Status: http.StatusForbidden, Code: "AccessDenied", Times: 1})
			})
			w := h.Worker(offboarding.StepLicence, newStep(h))
			h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateParked)
			if left := len(h.Tenant.Licences(c.Leaver)); left != held || held == 0 {
				t.Fatalf("%d of %d licences are left, though %s was refused", left, held, read)
			}
			if _, err := h.Ledger.Replay(t.Context(), c.ID, offboarding.StepLicence); err != nil {
				t.Fatal(err)
			}
			h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateEffective)
			if left := h.Tenant.Licences(c.Leaver); len(left) > 0 {
				t.Errorf("licences are left: %v", left)
			}
		})
	}
}
