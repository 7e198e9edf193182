package offboarding_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"leaver/shared/offboarding"
)

// TestADayIsAMomentWhereThePersonWorks: of the request's zone before the policy's, and of nobody's
// zone it is parked.
func TestADayIsAMomentWhereThePersonWorks(t *testing.T) {
	t.Parallel()
	day, err := offboarding.ParseDate("2026-12-24")
	if err != nil {
		t.Fatal(err)
	}
	end, err := offboarding.ParseDate("2026-12-31")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name, zone, policy string
		leaves             string // of the plan
	}{
		{"the policy's", "", "Asia/Kolkata", "2026-12-24 23:59:59 in Asia/Kolkata, the end of 2026-12-24, the last day at work there; the employment ends 2026-12-31 23:59:59 in Asia/Kolkata, and licence and account stay until after that"},
		{"the request's", "Pacific/Auckland", "Asia/Kolkata", "2026-12-24 23:59:59 in Pacific/Auckland, the end of 2026-12-24, the last day at work there; the employment ends 2026-12-31 23:59:59 in Pacific/Auckland, and licence and account stay until after that"},
		{"nobody's", "", "", ""},
	} {
		r := offboarding.Request{
			ID: offboarding.RequestID("test", "1"), Kind: offboarding.Termination, Source: "test", EventTime: now, ReceivedAt: now,
			Employee: offboarding.Employee{EmployeeID: "E0001"}, LeavingDate: day, Zone: tt.zone,
			LeavingTime: day.At(offboarding.EndOfDay, offboarding.AnywhereOnEarth), EndOfEmployment: end.At(offboarding.EndOfDay, offboarding.AnywhereOnEarth),
		}
		if tt.zone != "" {
			location, err := offboarding.LoadZone(tt.zone)
			if err != nil {
				t.Fatal(err)
			}
			r.LeavingTime, r.EndOfEmployment = day.At(offboarding.EndOfDay, location), end.At(offboarding.EndOfDay, location)
		}
		policy := offboarding.DefaultPolicy()
		policy.Zone = tt.policy
		plan, err := offboarding.Compile(r, policy)
		var refusal *offboarding.Refusal
		switch {
		case tt.leaves == "" && (!errors.As(err, &refusal) || !strings.Contains(refusal.Why, "set zone in the policy")):
			t.Errorf("%s: got %v, want it refused", tt.name, err)
		case tt.leaves != "" && (err != nil || plan.Leaves() != tt.leaves):
			t.Errorf("%s: got %q, %v\nwant %q", tt.name, plan.Leaves(), err, tt.leaves)
		}
	}
	policy := offboarding.DefaultPolicy()
	policy.Zone = "Berlin"
	if err := policy.Validate(); err == nil || !strings.Contains(err.Error(), "zone") {
		t.Errorf("a zone that is none: got %v", err)
	}
}
