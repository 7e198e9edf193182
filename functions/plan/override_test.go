package plan_test

import (
	"testing"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// TestThePolicyIsTheLeaversOwn: overrides by department and by group, nested, reach the plan.
func TestThePolicyIsTheLeaversOwn(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	const grace = 7 * 24 * time.Hour
	policy := offboarding.DefaultPolicy()
	policy.Overrides = []offboarding.Override{
		{Department: "Marketing", Changes: offboarding.Changes{"mailbox": "shared"}},
		{Group: simtenant.GroupID(simtenant.GroupEverybody), Changes: offboarding.Changes{"grace": "7d"}},
	}
	for _, tt := range []struct {
		who     string
		mailbox offboarding.Handling
		grace   time.Duration
	}{
		{"adele.vance@contoso.com", offboarding.Shared, grace},
		{"grady.archie@contoso.com", policy.Mailbox, policy.Grace}, // of another department, and in no group
	} {
		d, c := ask(t, h, policy, "req-"+string(tt.mailbox), tt.who, offboarding.Options{})
		if c == nil {
			t.Fatalf("%s: parked: %q", tt.who, d.dead)
		}
		licence, _ := c.Plan.Step(offboarding.StepLicence)
		if c.Plan.Mailbox != tt.mailbox || !licence.Due.Equal(c.Plan.LeavingTime.Add(tt.grace)) {
			t.Errorf("%s: %+v", tt.who, c.Plan)
		}
	}
}
