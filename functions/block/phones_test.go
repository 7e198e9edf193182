package block_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"leaver/functions/wipe"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

const henrik = "henrik.holm@contoso.com" // one phone on push, and one that never answers

// withPhones is a leaver with the phones of Henrik, of which those that never answer are left out
// unless dead is set.
func withPhones(t *testing.T, grace time.Duration, dead bool) (*steptest.Harness, *offboarding.Case, string) {
	t.Helper()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) {
		for _, p := range w.Phones {
			p.Removed = p.Removed || p.Dead != dead
		}
	})
	policy := offboarding.DefaultPolicy()
	policy.PhoneGrace = grace
	return h, h.Open(t, henrik, offboarding.Options{}, policy), simtenant.UserID(henrik)
}

func acknowledged(h *steptest.Harness) bool {
	acked := false
	h.Tenant.Edit(func(w *simtenant.World) {
		for _, p := range w.Phones {
			acked = acked || p.Mailbox == simtenant.UserID(henrik) && !p.WipeAcked.IsZero()
		}
	})
	return acked
}

// TestAPhoneHearsOfItsWipeBeforeItIsShutOut: see CASES.md. The account waits for nothing.
func TestAPhoneHearsOfItsWipeBeforeItIsShutOut(t *testing.T) {
	t.Parallel()
	h, c, id := withPhones(t, time.Minute, false)
	b, w := h.Worker(offboarding.StepBlock, newStep(h)), h.Worker(offboarding.StepWipe, wipe.New(h.As("wipe")))
	record, _ := h.Step(t, c.ID, b)
	if open := strings.Join(openProtocols(h, id), " "); enabled(t, h, id) || open != offboarding.ActiveSync || record.LockedOutAt.IsZero() {
		t.Fatalf("got enabled %t, open %q, locked out %s; want the account closed and ActiveSync open", enabled(t, h, id), open, record.LockedOutAt)
	}
	h.Wants(t, record, offboarding.StateWaiting, "B13", "the account is not waited for")
	h.Step(t, c.ID, w)
	h.Advance(30 * time.Second)
	if !acknowledged(h) {
		t.Fatal("the phone did not hear of its wipe")
	}
	record = h.Settle(t, c.ID, b)
	h.Wants(t, record, offboarding.StateEffective)
	if open := openProtocols(h, id); len(open) > 0 || !strings.Contains(record.Evidence["activeSync"], "acknowledged its wipe, 30s after") {
		t.Errorf("got open %v, evidence %v", open, record.Evidence)
	}
	h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateEffective)
}

// TestAPhoneHearsOfItsWipeAfterAFreeze freezes before the wipe is asked for: the moment begins anew.
func TestAPhoneHearsOfItsWipeAfterAFreeze(t *testing.T) {
	t.Parallel()
	h, c, id := withPhones(t, time.Minute, false)
	b, w := h.Worker(offboarding.StepBlock, newStep(h)), h.Worker(offboarding.StepWipe, wipe.New(h.As("wipe")))
	h.Step(t, c.ID, b)
	miriam := offboarding.Person{Name: "Miriam Graham"}
	if err := h.Ledger.Freeze(t.Context(), miriam, "a secret has leaked"); err != nil {
		t.Fatal(err)
	}
	h.Advance(10 * time.Minute)
	if err := h.Ledger.Thaw(t.Context(), miriam); err != nil {
		t.Fatal(err)
	}
	h.Advance(30 * time.Second) // until somebody looks
	h.Step(t, c.ID, b)
	if open := strings.Join(openProtocols(h, id), " "); open != offboarding.ActiveSync {
		t.Fatalf("thawed, got open %q; want ActiveSync open until the phone has heard", open)
	}
	h.Step(t, c.ID, w)
	h.Advance(30 * time.Second)
	h.Wants(t, h.Settle(t, c.ID, b), offboarding.StateEffective)
	h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateEffective)
	if !acknowledged(h) {
		t.Error("the phone did not hear of its wipe")
	}
}

// TestAPhoneThatIsToldLateHearsOfItsWipeAllTheSame: when thousands leave at once, block comes minutes before
// wipe; the moment begins when the phone was told.
func TestAPhoneThatIsToldLateHearsOfItsWipeAllTheSame(t *testing.T) {
	t.Parallel()
	h, c, id := withPhones(t, time.Minute, false)
	b, w := h.Worker(offboarding.StepBlock, newStep(h)), h.Worker(offboarding.StepWipe, wipe.New(h.As("wipe")))
	h.Step(t, c.ID, b)
	h.Advance(5 * time.Minute)
	record, _ := h.Step(t, c.ID, b)
	h.Wants(t, record, offboarding.StateWaiting, "B13")
	if open := strings.Join(openProtocols(h, id), " "); open != offboarding.ActiveSync || enabled(t, h, id) {
		t.Fatalf("five minutes on and no wipe asked for, got open %q, enabled %t; want ActiveSync open and the account closed", open, enabled(t, h, id))
	}
	h.Step(t, c.ID, w)
	h.Advance(30 * time.Second)
	h.Wants(t, h.Settle(t, c.ID, b), offboarding.StateEffective)
	h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateEffective)
	if !acknowledged(h) {
		t.Error("the phone did not hear of its wipe")
	}
}

// TestAPhoneWhoseWipeNobodyAsksForIsShutOutAtLast: a wipe step that never comes keeps nothing open for good.
func TestAPhoneWhoseWipeNobodyAsksForIsShutOutAtLast(t *testing.T) {
	t.Parallel()
	h, c, id := withPhones(t, time.Minute, false)
	begun := h.Now()
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepBlock, newStep(h)))
	h.Wants(t, record, offboarding.StateEffective)
	if open := openProtocols(h, id); len(open) > 0 || !strings.Contains(record.Evidence["activeSync"], "closed after 10m, by when wipe had not told") {
		t.Errorf("got open %v, evidence %v", open, record.Evidence)
	}
	if took := h.Now().Sub(begun); took > 11*time.Minute {
		t.Errorf("got the mailbox closed after %s, want 10m", took)
	}
}

func TestAPhoneIsWaitedForAsLongAsThePolicySays(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		grace time.Duration
		dead  bool
		fault []simtenant.Fault
		says  string
		waits time.Duration
	}{
		"one that never answers":             {grace: time.Minute, dead: true, says: "now cannot any more", waits: time.Minute},
		"not at all":                         {grace: 0, dead: false},
		"not when nobody says what there is": {grace: time.Minute, fault: []simtenant.Fault{{Operation: "Get-MobileDevice", Status: http.StatusForbidden, Times: 9}}, says: "did not tell"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, c, id := withPhones(t, tt.grace, tt.dead)
			h.Tenant.Edit(func(w *simtenant.World) { w.Faults = tt.fault })
			begun := h.Now()
			if tt.fault == nil {
				h.Step(t, c.ID, h.Worker(offboarding.StepWipe, wipe.New(h.As("wipe"))))
			}
			record := h.Settle(t, c.ID, h.Worker(offboarding.StepBlock, newStep(h)))
			h.Wants(t, record, offboarding.StateEffective)
			if open := openProtocols(h, id); len(open) > 0 || !strings.Contains(record.Evidence["activeSync"], tt.says) {
				t.Errorf("got open %v, evidence %v, want it to say %q", open, record.Evidence, tt.says)
			}
			if took := h.Now().Sub(begun); took < tt.waits || took > tt.waits+15*time.Second {
				t.Errorf("got the mailbox closed after %s, want %s", took, tt.waits)
			}
		})
	}
}

// TestAPhoneThatIsShutOutNeverHearsOfItsWipe: what phoneGrace is for; without it the phone is a task.
func TestAPhoneThatIsShutOutNeverHearsOfItsWipe(t *testing.T) {
	t.Parallel()
	h, c, _ := withPhones(t, 0, false)
	h.Settle(t, c.ID, h.Worker(offboarding.StepBlock, newStep(h)))
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepWipe, wipe.New(h.As("wipe"))))
	h.Wants(t, record, offboarding.StateManual, "account wipe not acknowledged")
	if acknowledged(h) {
		t.Error("a phone that was shut out acknowledged")
	}
}
