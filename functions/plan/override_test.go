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
	shared, grace := offboarding.Shared, 7*24*time.Hour
	policy := offboarding.DefaultPolicy()
	policy.Overrides = []offboarding.Override{
		{Department: "Marketing", Settings: offboarding.Settings{Mailbox: &shared}},
		{Group: simtenant.GroupID(simtenant.GroupEverybody), Settings: offboarding.Settings{Grace: &grace}},
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
