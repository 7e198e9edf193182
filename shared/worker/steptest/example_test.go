package steptest_test

import (
	"crypto/rand"
	"testing"

	"leaver/functions/signout"
	"leaver/shared/offboarding"
	"leaver/shared/worker"
	"leaver/shared/worker/steptest"
)

// The suite for all steps: it runs the step with everything to do, twice, late, out of order, killed
// at every call, refused and throttled, and takes away each of its permissions.
func ExampleRun() {
	var t *testing.T // of TestStep(t *testing.T)
	steptest.Run(t, steptest.Subject{
		Name:   offboarding.StepSignout,
		New:    newSignout,
		Person: "adele.vance@contoso.com",
		Check: func(t *testing.T, h *steptest.Harness, id string) {
			if h.Tenant.PasswordChanges(id) == 0 {
				t.Error("got the old password, want a new one")
			}
		},
		Lagging: true,
	})
}

// A test of one thing about a step: a case for somebody, the step until it is settled, and then
// what the step's record and the tenant say.
func ExampleHarness_Wants() {
	var t *testing.T // of TestASyncedUserIsATask(t *testing.T)
	h := steptest.New(t)
	c := h.Open(t, "megan.bowen@contoso.com", offboarding.Options{}, offboarding.DefaultPolicy())
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepSignout, newSignout(h)))
	h.Wants(t, record, offboarding.StateManual, "on-premises Active Directory")
}

func newSignout(h *steptest.Harness) worker.Step {
	directory, _ := h.As("signout")
	return signout.New(directory, rand.Reader)
}
