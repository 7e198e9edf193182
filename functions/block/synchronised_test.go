package block_test

import (
	"strings"
	"testing"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

const (
	megan  = "megan.bowen@contoso.com" // mastered by an on-premises Active Directory
	miriam = "joni.sherman@contoso.com"
)

// synchronised is a house whose tenant lets a synchronised account be blocked in the cloud.
func synchronised(t *testing.T, every time.Duration) (*steptest.Harness, *offboarding.Case, string) {
	t.Helper()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) { w.SyncedWritable, w.DirectorySyncEvery = true, every })
	return h, h.Open(t, megan, offboarding.Options{}, offboarding.DefaultPolicy()), simtenant.UserID(megan)
}

func enabled(t *testing.T, h *steptest.Harness, id string) bool {
	t.Helper()
	user, ok := h.Tenant.User(id)
	if !ok {
		t.Fatal("the account is gone")
	}
	return user.AccountEnabled
}

func TestB9ASynchronisedAccountStaysOpenUntilAPersonSignsOff(t *testing.T) {
	t.Parallel()
	h, c, id := synchronised(t, 0)
	w := h.Worker(offboarding.StepBlock, newStep(h))
	begun := h.Now()
	record, _ := h.Step(t, c.ID, w)
	if record.State != offboarding.StateWaiting || !strings.Contains(record.Reason, "on-premises Active Directory") || enabled(t, h, id) {
		t.Fatalf("%s: %s; want waiting saying \"on-premises Active Directory\"", record.State, record.Reason)
	}
	for _, after := range []time.Duration{30 * time.Minute, time.Hour, 24 * time.Hour} {
		if wait := record.Due.Sub(begun); wait < after-time.Second || wait > after+time.Minute {
			t.Errorf("looked at again after %s instead of %s", wait, after)
		}
		h.Advance(record.Due.Sub(h.Now()))
		record, _ = h.Step(t, c.ID, w)
	}
	h.Wants(t, record, offboarding.StateManual, "sign off")
}

func TestB9TheSynchronisationIsBlockedAgainst(t *testing.T) {
	t.Parallel()
	h, c, id := synchronised(t, 20*time.Minute)
	w := h.Worker(offboarding.StepBlock, newStep(h))
	record, _ := h.Step(t, c.ID, w)
	h.Advance(25 * time.Minute)
	if !enabled(t, h, id) {
		t.Fatal("the synchronisation did not enable the account")
	}
	h.Advance(record.Due.Sub(h.Now()))
	record, _ = h.Step(t, c.ID, w)
	if record.State != offboarding.StateWaiting || enabled(t, h, id) || record.Evidence["blockedAgain"] != "1" {
		t.Fatalf("%s: %s %v; want waiting with blockedAgain 1", record.State, record.Reason, record.Evidence)
	}
	// Now a person disables the account where it is mastered, and it stays so.
	h.Tenant.Edit(func(w *simtenant.World) { w.Users[id].OnPremisesDisabled = true })
	record = h.Settle(t, c.ID, w)
	if record.State != offboarding.StateManual || !strings.HasPrefix(record.Reason, "B9") || enabled(t, h, id) || record.Evidence["blockedAgain"] != "1" {
		t.Errorf("%s: %s %v; want manual saying \"B9\" with blockedAgain 1", record.State, record.Reason, record.Evidence)
	}
}

func TestB9WhoeverDoesNotDisableItOnPremisesIsTold(t *testing.T) {
	t.Parallel()
	h, c, _ := synchronised(t, 20*time.Minute)
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepBlock, newStep(h)))
	h.Wants(t, record, offboarding.StateManual, "4 times")
}

func TestB16WhoeverEnablesASynchronisedAccountAgainStopsTheDeparture(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		enable func(h *steptest.Harness, id string)
		says   string
	}{
		"a person": {func(h *steptest.Harness, id string) { h.Tenant.EnableAccount(id, simtenant.UserID(miriam)) }, simtenant.UserID(miriam)},
		"an application": {func(h *steptest.Harness, id string) {
			h.Tenant.Edit(func(w *simtenant.World) {
				w.Users[id].AccountEnabled = true
				w.Audit = append(w.Audit, simtenant.AuditEntry{At: h.Now(), Activity: "Enable account", App: "another", Target: id})
			})
		}, "an application"},
		"nobody knows who": {func(h *steptest.Harness, id string) {
			h.Tenant.Edit(func(w *simtenant.World) { w.Users[id].AccountEnabled = true })
		}, "does not say by whom"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, c, id := synchronised(t, 0)
			w := h.Worker(offboarding.StepBlock, newStep(h))
			h.Step(t, c.ID, w)
			h.Advance(10 * time.Minute)
			tt.enable(h, id)
			record := h.Settle(t, c.ID, w)
			if record.State != offboarding.StateManual || !strings.HasPrefix(record.Reason, "B16") || !strings.Contains(record.Reason, tt.says) {
				t.Errorf("%s: %s; want manual saying \"B16\" and saying %q", record.State, record.Reason, tt.says)
			}
			if !enabled(t, h, id) {
				t.Error("the account was blocked against whoever enabled it")
			}
		})
	}
}

// TestB9TheSynchronisationAsAnApplicationIsBlockedAgainst: Entra Connect since 2.5.76.
func TestB9TheSynchronisationAsAnApplicationIsBlockedAgainst(t *testing.T) {
	t.Parallel()
	h, c, id := synchronised(t, 20*time.Minute)
	h.Tenant.Edit(func(w *simtenant.World) { w.SyncAsApplication = true })
	w := h.Worker(offboarding.StepBlock, newStep(h))
	record, _ := h.Step(t, c.ID, w)
	h.Advance(25 * time.Minute)
	if !enabled(t, h, id) {
		t.Fatal("the synchronisation did not enable the account")
	}
	h.Advance(record.Due.Sub(h.Now()))
	record, _ = h.Step(t, c.ID, w)
	if record.State != offboarding.StateWaiting || enabled(t, h, id) || record.Evidence["blockedAgain"] != "1" {
		t.Fatalf("got %s: %s %v, want it blocked again", record.State, record.Reason, record.Evidence)
	}
}

// TestAnAccountThatIsEnabledAgainIsLookedAtEveryHalfMinute: issue 6, kind 8. The leaver can sign in while the
// audit log does not say yet who enabled the account.
func TestAnAccountThatIsEnabledAgainIsLookedAtEveryHalfMinute(t *testing.T) {
	t.Parallel()
	h, c, id := synchronised(t, 0)
	w := h.Worker(offboarding.StepBlock, newStep(h))
	h.Step(t, c.ID, w)
	h.Tenant.Edit(func(w *simtenant.World) { w.Users[id].AccountEnabled = true })
	h.Advance(30 * time.Minute)
	record, _ := h.Step(t, c.ID, w)
	if wait := record.Due.Sub(h.Now()); record.State != offboarding.StateWaiting || wait > 30*time.Second {
		t.Errorf("got %s, looked at again after %s (%s); want it within half a minute", record.State, wait, record.Reason)
	}
}
