package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"leaver/shared/bus"
	"leaver/shared/offboarding"
	"leaver/shared/worker"
	"leaver/shared/worker/steptest"
)

const adele = "adele.vance@contoso.com"

// verdict is a step that always answers the same.
type verdict struct{ err error }

func (v verdict) Work(context.Context, *offboarding.Job) error { return v.err }

func site(t *testing.T, v error) (*steptest.Harness, *offboarding.Case, *worker.Worker) {
	h := steptest.New(t)
	c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	return h, c, h.Worker(offboarding.StepSignout, verdict{v})
}

func TestEveryVerdictHasItsConsequence(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		err       error
		state     offboarding.StepState
		attempts  int
		scheduled time.Duration // to the next message; zero = none
		dead      bool
	}{
		{"nil is effective", nil, offboarding.StateEffective, 1, 0, false},
		{"not yet spends no attempt", offboarding.After(time.Minute, "later"), offboarding.StateWaiting, 0, time.Minute, false},
		{"a planned wait as well", offboarding.ContinueAt(steptest.Begins.Add(90*24*time.Hour), "until its end"), offboarding.StateWaiting, 0, 90 * 24 * time.Hour, false},
		{"withheld", offboarding.Withheld(offboarding.B12, "full"), offboarding.StateWithheld, 1, 0, false},
		{"manual", offboarding.Manual("do it"), offboarding.StateManual, 1, 0, false},
		{"permanent is parked", offboarding.Permanent(errors.New("no")), offboarding.StateParked, 1, 0, true},
		{"any other error is tried again", errors.New("reset"), offboarding.StateRetrying, 1, time.Second, false},
		{"throttled waits as long as it was told", offboarding.Throttled(time.Hour, errors.New("429")), offboarding.StateRetrying, 1, time.Hour, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h, c, w := site(t, tt.err)
			var observed []string
			w.Observe = func(step offboarding.StepName, state offboarding.StepState) {
				observed = append(observed, string(step)+" "+string(state))
			}
			before := len(h.Bus.Messages())
			m := h.Message(t, c.ID, w.Name)
			record, d := h.Step(t, c.ID, w)
			// A stale or parked message that comes again is no verdict.
			if _, err := h.Deliver(t.Context(), w, m); err != nil || len(observed) != 1 || observed[0] != "signout "+string(tt.state) {
				t.Errorf("observed %q, %v", observed, err)
			}
			if record.State != tt.state || record.Attempts != tt.attempts || d.Completed == tt.dead || (d.DeadReason != "") != tt.dead {
				t.Errorf("%s after %d attempts, completed %t, dead %q", record.State, record.Attempts, d.Completed, d.DeadReason)
			}
			if !record.Lease.Until.IsZero() {
				t.Error("the lease was kept")
			}
			published := h.Bus.Messages()[before:]
			if tt.scheduled == 0 {
				if len(published) > 0 {
					t.Errorf("published %+v", published)
				}
				return
			}
			if len(published) != 1 || published[0].At.Sub(h.Now()) != tt.scheduled || record.N != 2 {
				t.Errorf("n %d, published %+v", record.N, published)
			}
		})
	}
}

func TestAWaitPastItsDeadlineIsAManualTask(t *testing.T) {
	t.Parallel()
	h, c, w := site(t, offboarding.After(time.Minute, "the effect does not show"))
	record := h.Settle(t, c.ID, w)
	spec, _ := offboarding.SpecOf(offboarding.StepSignout)
	if record.State != offboarding.StateManual || !strings.Contains(record.Reason, "the effect does not show") {
		t.Errorf("%s: %s; want manual saying \"the effect does not show\"", record.State, record.Reason)
	}
	if waited := h.Now().Sub(c.OpenedAt); waited < spec.Deadline || waited > spec.Deadline+10*time.Minute {
		t.Errorf("after %s", waited)
	}
}

func TestRetriesEndWithTheirBudgetOfTime(t *testing.T) {
	t.Parallel()
	h, c, w := site(t, errors.New("reset"))
	w.Retry.Budget = time.Hour
	record := h.Settle(t, c.ID, w)
	if record.State != offboarding.StateParked || !strings.Contains(record.Reason, "reset") {
		t.Errorf("got %s: %s, want parked", record.State, record.Reason)
	}
	if tried := h.Now().Sub(c.OpenedAt); tried < time.Hour || tried > time.Hour+time.Minute {
		t.Errorf("after %s, want the budget of an hour", tried)
	}
}

func TestAPlannedWaitHasNoDeadlineAndStartsItAnew(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	spec, _ := offboarding.SpecOf(offboarding.StepSignout)
	wait := 3 * spec.Deadline
	run := func(err error) *offboarding.Record {
		record, _ := h.Step(t, c.ID, h.Worker(offboarding.StepSignout, verdict{err}))
		h.Advance(record.Due.Sub(h.Now()))
		return record
	}
	run(offboarding.After(time.Minute, "not effective yet"))
	run(offboarding.ContinueAt(h.Now().Add(wait), "until its end"))
	if record := run(offboarding.After(time.Minute, "its end takes a while")); record.State != offboarding.StateWaiting {
		t.Errorf("%s: %s; want waiting", record.State, record.Reason)
	}
	h.Advance(spec.Deadline)
	if record := run(offboarding.After(time.Minute, "its end takes too long")); record.State != offboarding.StateManual {
		t.Errorf("%s: %s; want manual", record.State, record.Reason)
	}
}

func TestATerminationIsNothingToAStepThatThePlanLeavesOut(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, adele, offboarding.Options{Mailbox: offboarding.Shared}, offboarding.DefaultPolicy())
	w := h.Worker(offboarding.StepPreserve, verdict{errors.New("it ran")})
	for subject, dead := range map[offboarding.StepName]string{bus.SubjectTermination: "", offboarding.StepPreserve: worker.ReasonForeign} {
		m, err := bus.Step{Tenant: c.Tenant, Case: c.ID, PlanVersion: c.Plan.Version, Step: subject, N: 1, Leaver: c.Leaver}.Message(time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		d, err := h.Deliver(t.Context(), w, m)
		if err != nil || d.DeadReason != dead || d.Completed != (dead == "") {
			t.Errorf("%s: completed %t, dead-lettered as %q, %v", subject, d.Completed, d.DeadReason, err)
		}
	}
}

// TestWhatIsThrottledOftenDoesNotSleepLong: whoever says when to come back is asked then, also
// after many times, and not after the quarter of an hour of an error that says nothing.
func TestWhatIsThrottledOftenDoesNotSleepLong(t *testing.T) {
	t.Parallel()
	throttled := offboarding.Throttled(2*time.Second, errors.New("429"))
	h, c, w := site(t, throttled)
	for n := range 12 {
		record, _ := h.Step(t, c.ID, w)
		if delay := record.Due.Sub(h.Now()); delay < 2*time.Second || delay > 30*time.Second {
			t.Errorf("after %d times it sleeps %s", n+1, delay)
		}
		h.Advance(time.Minute)
	}
}

func TestANewerSchemaIsPutOffUnread(t *testing.T) {
	t.Parallel()
	h, c, w := site(t, nil)
	m := h.Message(t, c.ID, offboarding.StepSignout)
	var event map[string]any
	if err := json.Unmarshal(m.Body, &event); err != nil {
		t.Fatal(err)
	}
	event["schemaversion"] = bus.Schema + 1
	m.Body, _ = json.Marshal(event)
	for range 3 {
		d, err := h.Deliver(t.Context(), w, m)
		if err != nil || !d.Completed {
			t.Fatalf("completed %t, %v", d.Completed, err)
		}
		all := h.Bus.Messages()
		again := all[len(all)-1]
		if string(again.Body) != string(m.Body) || again.ID == m.ID || again.At.Sub(h.Now()) < time.Minute || len(again.ID) > 128 {
			t.Fatalf("%s at %s", again.ID, again.At)
		}
		m = again
		h.Advance(again.At.Sub(h.Now()))
	}
}

func TestAMessageBeforeItsTimeComesAgainThen(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	due := h.Record(t, c.ID, offboarding.StepDelete).Due
	record, d := h.Step(t, c.ID, h.Worker(offboarding.StepDelete, verdict{nil}))
	if !d.Completed || record.State != offboarding.StatePlanned || record.N != 2 || !record.Due.Equal(due) {
		t.Errorf("completed %t, %+v", d.Completed, record)
	}
}

// TestAMessageForNoCaseThatCouldBeIsDeadLettered sends ids that no ledger would take.
func TestAMessageForNoCaseThatCouldBeIsDeadLettered(t *testing.T) {
	t.Parallel()
	h, c, w := site(t, nil)
	for _, id := range []string{"NOT.AN.ID", "*", "req-0123456789abcdef01234567", strings.Repeat("9", 200), c.ID + "-1"} {
		m, err := bus.Step{Tenant: c.Tenant, Case: id, PlanVersion: 1, Step: w.Name, N: 1, Leaver: c.Leaver}.Message(time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if d, err := h.Deliver(t.Context(), w, m); err != nil || d.DeadReason != worker.ReasonForeign {
			t.Errorf("case %q: dead-lettered as %q, %v; want %q", id, d.DeadReason, err, worker.ReasonForeign)
		}
	}
}

func TestDispatchIsRepeatable(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.OpenUnpublished(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	for range 2 {
		if _, err := worker.Dispatch(t.Context(), h.Bus, h.Ledger, c); err != nil {
			t.Fatal(err)
		}
	}
	ids := map[string]bool{}
	for _, m := range h.Bus.Messages() {
		if ids[m.ID] {
			t.Errorf("%s twice", m.ID)
		}
		ids[m.ID] = true
	}
}
