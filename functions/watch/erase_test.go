package watch_test

import (
	"testing"
	"time"

	"leaver/functions/watch"
	"leaver/shared/bus"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/worker"
	"leaver/shared/worker/steptest"
)

// TestPersonalValuesAreErasedSomeTimeAfterTheEnd ends departures and lets watch run a day at a time:
// the values go when the policy says, and never within the 30 days of a restore.
func TestPersonalValuesAreErasedSomeTimeAfterTheEnd(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for name, tt := range map[string]struct {
		after time.Duration // of the plan
		want  time.Duration
	}{
		"the policy's default":                 {offboarding.DefaultPolicy().EraseAfter, 90 * day},
		"as the policy says":                   {40 * day, 40 * day},
		"not while the account can come back":  {day, 30 * day},
		"a plan of an older version of Leaver": {0, 90 * day},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			request := offboarding.RequestID("test", "1")
			w := newWatch(h, lossy{Publisher: h.Sender("watch")})
			plan, err := offboarding.Compile(offboarding.Request{
				ID: request, Kind: offboarding.Termination, EventTime: h.Now(), ReceivedAt: h.Now(), LeavingTime: h.Now(),
				Employee: offboarding.Employee{UserPrincipalName: adele},
			}, offboarding.DefaultPolicy())
			if err != nil {
				t.Fatal(err)
			}
			plan.EraseAfter = tt.after
			c, err := h.Ledger.Open(t.Context(), ledger.Opening{
				Tenant: h.TenantID(), Leaver: "00000000-0000-0000-0000-000000000001", Plan: plan, Personal: map[string]string{"userPrincipalName": adele},
				Request: offboarding.Request{ID: request, EventTime: h.Now()},
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := h.Ledger.Decide(t.Context(), ledger.Decision{ID: request, Kind: offboarding.Termination, State: ledger.RequestPlanned, Case: c.ID}, map[string]string{"userPrincipalName": adele}); err != nil {
				t.Fatal(err)
			}
			still := func() int {
				t.Helper()
				values := 0
				for _, id := range []string{c.ID, request} {
					personal, err := h.Ledger.Personal(t.Context(), id)
					if err != nil {
						t.Fatal(err)
					}
					values += len(personal)
				}
				return values
			}
			run(t, w)
			if got := still(); got != 2 {
				t.Fatalf("an open case has %d personal values, want 2", got)
			}
			if _, err := h.Ledger.Cancel(t.Context(), ledger.Cancellation{Tenant: h.TenantID(), Leaver: c.Leaver, Request: "req-2", EventTime: h.Now().Add(time.Second)}); err != nil {
				t.Fatal(err)
			}
			days := time.Duration(0)
			for ; still() > 0 && days < 200; days++ {
				h.Advance(day)
				run(t, w)
			}
			if days*day != tt.want {
				t.Errorf("erased after %d days, want %s", days, offboarding.FormatDuration(tt.want))
			}
			h.Advance(2 * time.Hour)
			run(t, w)
			history, err := h.Ledger.History(t.Context(), c.ID) // it verifies the chain
			if err != nil {
				t.Fatal(err)
			}
			if last := history[len(history)-1]; last.Kind != offboarding.EntryErased || history[len(history)-2].Kind == offboarding.EntryErased {
				t.Errorf("the history ends with %s, want one erased", last.Kind)
			}
			if all, _, err := h.Ledger.AllCases(t.Context()); err != nil || len(all) != 1 || all[0].ErasedAt.IsZero() {
				t.Errorf("got %d cases, %v, want the one, erased", len(all), err)
			}
		})
	}
}

func run(t *testing.T, w *watch.Watch) {
	t.Helper()
	if err := w.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestWhatIsPersonalOfARequestThatNobodyWantsIsErased parks a request and refuses another, and lets watch
// run until nothing of either is left.
func TestWhatIsPersonalOfARequestThatNobodyWantsIsErased(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	h := steptest.New(t)
	b := h.Sender("watch")
	w := newWatch(h, b)
	id := offboarding.RequestID("test", "1")
	if err := h.Ledger.Decide(t.Context(), ledger.Decision{ID: id, Kind: offboarding.Termination, State: ledger.RequestParked, Reason: "nobody"}, map[string]string{"userPrincipalName": adele}); err != nil {
		t.Fatal(err)
	}
	h.Bus.Park(offboarding.FunctionPlan, bus.Message{ID: id, Entity: bus.Queue, Body: []byte(adele)}, worker.ReasonParked, "nobody")
	left := func() int {
		t.Helper()
		letters, err := h.Bus.DeadLetters(t.Context(), offboarding.FunctionPlan, 10)
		if err != nil {
			t.Fatal(err)
		}
		personal, err := h.Ledger.Personal(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return len(letters) + len(personal)
	}
	run(t, w)
	if got := left(); got != 2 {
		t.Fatalf("a parked request leaves %d, want the letter and the name", got)
	}
	h.Advance(91 * day)
	run(t, w)
	if got := left(); got != 0 {
		t.Errorf("after 91 days %d are left, want none", got)
	}
	if d, known, err := h.Ledger.Request(t.Context(), id); err != nil || !known || d.State != ledger.RequestDiscarded {
		t.Errorf("the request is %s, %v; want discarded", d.State, err)
	}
}
