package worker_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/worker"
)

func TestBackoffDoublesUpToAQuarterOfAnHour(t *testing.T) {
	t.Parallel()
	for attempts, want := range map[int]time.Duration{0: time.Second, 1: 2 * time.Second, 5: 32 * time.Second, 10: 15 * time.Minute, 1000: 15 * time.Minute} {
		if got := worker.Backoff(attempts); got != want {
			t.Errorf("after %d attempts %s, wanted %s", attempts, got, want)
		}
	}
}

func TestAFailureIsTriedAgainOrParked(t *testing.T) {
	t.Parallel()
	reset := errors.New("reset")
	for _, tt := range []struct {
		name     string
		budget   time.Duration
		err      error
		attempts int
		failing  time.Duration
		delay    time.Duration
		parked   string // what the reason says; empty = tried again
	}{
		{"the first failure", 0, reset, 0, 0, time.Second, ""},
		{"a later one", 0, reset, 5, time.Hour, 32 * time.Second, ""},
		{"one of many calls, each time another", 0, reset, 9, 6 * time.Minute, 90 * time.Second, ""},
		{"the first after many waits", 0, reset, 40, 0, 30 * time.Second, ""},
		{"hours of them", 0, reset, 40, 2 * time.Hour, 15 * time.Minute, ""},
		{"a day of them", 0, reset, 40, 24 * time.Hour, 0, "still failing after 24h0m0s: reset; look whether the service has trouble (of Microsoft: Microsoft 365 admin center, Health, Service health), and whether this host reaches it (leaver doctor)"},
		{"a budget of its own", time.Minute, reset, 3, time.Minute, 0, "still failing after 1m0s: reset; look whether the service has trouble (of Microsoft: Microsoft 365 admin center, Health, Service health), and whether this host reaches it (leaver doctor)"},
		{"nothing can help", 0, offboarding.Permanent(reset), 0, 0, 0, "reset"},
		{"told when to come back", 0, offboarding.Throttled(time.Hour, reset), 0, 0, time.Hour, ""},
		{"told often", 0, offboarding.Throttled(time.Second, reset), 30, time.Hour, 30 * time.Second, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			delay, parked := worker.Retry{Budget: tt.budget}.Next(offboarding.VerdictOf(tt.err), tt.attempts, tt.failing)
			if delay != tt.delay || parked != tt.parked {
				t.Errorf("again in %s, parked %q; want %s and %q", delay, parked, tt.delay, tt.parked)
			}
		})
	}
}

// TestWhatNoVersionEverReadsIsParkedAfterAWeek hands the same message out each time it comes again.
func TestWhatNoVersionEverReadsIsParkedAfterAWeek(t *testing.T) {
	t.Parallel()
	h, c, w := site(t, nil)
	m := h.Message(t, c.ID, offboarding.StepSignout)
	m.Body = []byte(strings.Replace(string(m.Body), `"schemaversion":1`, `"schemaversion":99`, 1))
	from := h.Now()
	for {
		d, err := h.Deliver(t.Context(), w, m)
		if err != nil {
			t.Fatal(err)
		}
		if d.DeadReason != "" {
			if waited := h.Now().Sub(from); d.DeadReason != worker.ReasonNewer || waited < 7*24*time.Hour || waited > 8*24*time.Hour {
				t.Errorf("dead-lettered as %q after %s, want %q after a week", d.DeadReason, waited, worker.ReasonNewer)
			}
			return
		}
		all := h.Bus.Messages()
		m = all[len(all)-1]
		h.Advance(max(m.At.Sub(h.Now()), 6*time.Hour)) // nobody was there for a while
	}
}
