package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

// TestACaseIsCompleteOnceWhatIsLeftIsSignedOff: steps that nobody can replay are accepted by
// name, their dead letters are gone, and the case is complete; no other step can be accepted.
func TestACaseIsCompleteOnceWhatIsLeftIsSignedOff(t *testing.T) {
	t.Parallel()
	tenant, data := runningHost(t, simtenant.Config{Knobs: simtenant.Knobs{Faults: []simtenant.Fault{{Operation: "DELETE /users/{id}", Status: http.StatusForbidden}}}}, quickPolicy())
	if code, _, stderr := command(t, "offboard", adele, "--mailbox", "none", "--data", data); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	eventually(t, "the deletion is parked", 60*time.Second, func() bool {
		found := stateOf(t, data, adele)
		return len(found) == 1 && found[0].Step(offboarding.StepDelete).State == offboarding.StateParked
	})
	id := stateOf(t, data, adele)[0].Case
	for _, wrong := range [][]string{
		{"sign-off", id, "block", "--by", "Miriam Graham", "--note", "done", "--data", data},
		{"sign-off", id, "no-such-step", "--by", "Miriam Graham", "--note", "done", "--data", data},
		{"sign-off", "no-such-case", "delete", "--by", "Miriam Graham", "--note", "done", "--data", data},
	} {
		if code, _, stderr := command(t, wrong...); code != 1 || strings.TrimSpace(stderr) == "" {
			t.Errorf("%v: exit %d: %s", wrong, code, stderr)
		}
	}
	for range 2 { // again changes nothing
		code, stdout, stderr := command(t, "sign-off", id, "delete", "--by", "Miriam Graham", "--note", "deleted by hand", "--data", data)
		if code != 0 || !strings.Contains(stdout, "complete") || !strings.Contains(stdout, "by Miriam Graham: deleted by hand") || !strings.Contains(stdout, "was parked") {
			t.Fatalf("exit %d: %s%s", code, stdout, stderr)
		}
	}
	if code, stdout, _ := command(t, "replay", "--data", data); code != 0 || !strings.Contains(stdout, "nothing is parked") {
		t.Errorf("exit %d: %s", code, stdout)
	}
	if _, there := tenant.User(simtenant.UserID(adele)); !there {
		t.Error("a signature deleted the account")
	}
}
