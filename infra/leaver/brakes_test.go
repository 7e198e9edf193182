package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/operator"
	"leaver/shared/simtenant"
)

const grady = "grady.archie@contoso.com"

// TestTheBrakesAreTyped holds a departure by a limit, and its deletion for an approval, and lifts both as
// an operator does.
func TestTheBrakesAreTyped(t *testing.T) {
	t.Parallel()
	policy := quickPolicy()
	policy.KeepFiles, policy.KeepMail = offboarding.KeepNone, offboarding.KeepNone
	policy.Limits, policy.Approvals.Delete = offboarding.Limits{PerHour: 1}, 1
	tenant, data := runningHost(t, simtenant.Config{SyncEvery: time.Second}, policy)
	typed := func(want string, args ...string) string {
		t.Helper()
		code, stdout, stderr := command(t, append(args, "--data", data)...)
		if code != 0 || !strings.Contains(stdout, want) {
			t.Fatalf("leaver %v: exit %d, said %q %q; want %q", args, code, stdout, stderr, want)
		}
		return stdout
	}
	refused := func(want string, args ...string) {
		t.Helper()
		if code, _, stderr := command(t, append(args, "--data", data)...); code != 1 || !strings.Contains(stderr, want) {
			t.Errorf("leaver %v: exit %d, said %q; want it refused, because %q", args, code, stderr, want)
		}
	}
	first := func(person string) operator.Status {
		found := stateOf(t, data, person)
		if len(found) == 0 {
			return operator.Status{}
		}
		return found[0]
	}

	typed("request", "offboard", adele, "--by", "Patti Fernandez")
	eventually(t, "she is locked out", 30*time.Second, func() bool { return first(adele).LockedOutAt != nil })
	typed("request", "offboard", grady, "--by", "Patti Fernandez")
	eventually(t, "he is held", 30*time.Second, func() bool { return first(grady).State == string(offboarding.CaseHeld) })
	if user, _ := tenant.User(simtenant.UserID(grady)); !user.AccountEnabled || user.PasswordChanges > 0 {
		t.Error("held, he is locked out")
	}
	typed("held by perHour", "status", grady)
	typed("release "+first(grady).Case, "status", grady)
	var limits operator.Brakes
	if err := json.Unmarshal([]byte(typed("", "limits", "--json")), &limits); err != nil || limits.Held != 1 || len(limits.Limits) != 1 || limits.Limits[0].Used != 1 || limits.Limits[0].Of != 1 || limits.Frozen != nil {
		t.Errorf("limits says %+v, %v; want 1 of 1, and 1 held", limits, err)
	}
	refused("nothing to lift", "release", adele)

	eventually(t, "her deletion waits", time.Minute, func() bool { return first(adele).Step(offboarding.StepDelete).State == offboarding.StateHeld })
	typed("delete held by delete", "status", adele)
	refused("another person has to approve", "approve", adele, "delete", "--by", "patti fernandez")
	refused("nothing to lift", "approve", adele, "wipe", "--by", "Miriam Graham")
	typed(adele, "approve", adele, "delete", "--by", "Miriam Graham", "--note", "spoke to her manager")
	eventually(t, "her case is complete", time.Minute, func() bool { return first(adele).State == string(offboarding.CaseComplete) })

	typed("FROZEN since", "freeze", "--reason", "a drill", "--by", "Miriam Graham")
	if said := typed("FROZEN since", "status"); !strings.HasPrefix(said, "FROZEN since") || !strings.Contains(said, "by Miriam Graham: a drill") {
		t.Errorf("status says %q, want it loud", said)
	}
	typed("1 released", "release", grady, "--by", "Miriam Graham")
	if user, _ := tenant.User(simtenant.UserID(grady)); !user.AccountEnabled {
		t.Error("frozen, he is locked out")
	}
	typed("2 of 1 in 1h", "thaw")
	typed("2 of 7 in 1h", "allow", "--departures", "6", "--until", time.Now().Add(time.Hour).Format(time.RFC3339))
}
