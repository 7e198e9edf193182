package watch_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"leaver/functions/watch"
	"leaver/infra/resident"
	"leaver/shared/bus"
	"leaver/shared/ledger"
	"leaver/shared/objectstore"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
	"leaver/shared/worker/steptest"
)

const adele = "adele.vance@contoso.com"

// lossy is a bus on which every message that was ever published is gone.
type lossy struct {
	bus.Publisher
	waiting time.Duration // age of the oldest message of every subscription
}

func (l lossy) Depth(context.Context, string) (bus.Depth, error) {
	return bus.Depth{OldestAge: l.waiting}, nil
}

func (lossy) DeadLetters(context.Context, string, int) ([]bus.DeadLetter, error) { return nil, nil }

func (lossy) Discard(context.Context, string, string) error { return nil }

func steps(h *steptest.Harness) map[offboarding.StepName]*worker.Worker {
	all := map[offboarding.StepName]*worker.Worker{}
	for name, step := range resident.Steps(h.Graph, h.Exchange, h.Ledger, objectstore.New("", nil), offboarding.DefaultPolicy()) {
		all[name] = h.Worker(name, step)
	}
	return all
}

func newWatch(h *steptest.Harness, b watch.Bus) *watch.Watch {
	return &watch.Watch{Ledger: h.Ledger, Bus: b, Now: h.Now, Log: h.Logger()}
}

// TestEveryQueuedMessageLost loses every message of a departure but those that watch has just
// published, and expects the departure to end all the same.
func TestEveryQueuedMessageLost(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	workers := steps(h)
	c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	w := newWatch(h, lossy{Publisher: h.Sender("watch")})
	seen := len(h.Bus.Messages()) // what Open published is lost
	for range 500 {
		h.Advance(2 * time.Hour)
		if err := w.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		republished := h.Bus.Messages()[seen:]
		for _, m := range republished {
			if _, err := h.Deliver(t.Context(), workers[offboarding.StepName(m.Subject)], m); err != nil {
				t.Fatal(err)
			}
		}
		seen = len(h.Bus.Messages()) // and what the workers scheduled is lost too
		now, err := h.Ledger.Case(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		if now.State(h.Now()) == offboarding.CaseComplete {
			if _, deleted := h.Tenant.DeletedUser(simtenant.UserID(adele)); !deleted {
				t.Error("complete, but the account is not deleted")
			}
			if n := h.Tenant.PasswordChanges(simtenant.UserID(adele)); n != 1 {
				t.Errorf("the password changed %d times", n)
			}
			return
		}
	}
	t.Error("the case did not end")
}

func TestAHalfPlannedCaseIsResumed(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.OpenUnpublished(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	w := newWatch(h, lossy{Publisher: h.Sender("watch")})
	if err := w.Run(t.Context()); err != nil || len(h.Bus.Messages()) > 0 {
		t.Fatalf("plan was not given the time to do it itself: %d messages, %v", len(h.Bus.Messages()), err)
	}
	h.Advance(time.Minute)
	if err := w.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	now, err := h.Ledger.Case(t.Context(), c.ID)
	if err != nil || !now.Published() || len(h.Bus.Messages()) != 3 {
		t.Errorf("published %t, %d messages, %v", now.Published(), len(h.Bus.Messages()), err)
	}
}

// TestACaseThatCannotBeReadKeepsNobodyFromTheOthers puts a row that was written by hand before a
// half-planned case.
func TestACaseThatCannotBeReadKeepsNobodyFromTheOthers(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	const bad = "00000000-0000-4000-8000-000000000000-1"
	if err := h.Store.Append(t.Context(), bad, 1, "planning", []byte(`{"position":1,"kind":"opened"}`)); err != nil {
		t.Fatal(err)
	}
	c := h.OpenUnpublished(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	h.Advance(time.Minute)
	w, report := newWatch(h, lossy{Publisher: h.Sender("watch")}), &seen{}
	w.Report = report
	if err := w.Run(t.Context()); !errors.Is(err, ledger.ErrUnreadable) || !strings.Contains(err.Error(), bad) {
		t.Errorf("error %v, want ErrUnreadable and the case", err)
	}
	if report.states[offboarding.CaseUnreadable] != 1 {
		t.Errorf("reported %v, want one unreadable case", report.states)
	}
	if now, err := h.Ledger.Case(t.Context(), c.ID); err != nil || !now.Published() {
		t.Errorf("the other case: published %t, %v", now.Published(), err)
	}
}

// silent is a bus of which one subscription does not tell what waits.
type silent struct {
	lossy
	subscription string
}

func (s silent) Depth(ctx context.Context, subscription string) (bus.Depth, error) {
	if subscription == s.subscription {
		return bus.Depth{}, bus.ErrUnavailable
	}
	return s.lossy.Depth(ctx, subscription)
}

// TestAQueueThatDoesNotTellKeepsNoCaseFromTheLook: what is lost of the others is published again, and of that one
// nobody knows whether it was. Azure/azure-sdk-for-java#18351.
func TestAQueueThatDoesNotTellKeepsNoCaseFromTheLook(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	published := len(h.Bus.Messages())
	h.Advance(10 * time.Minute)
	w := newWatch(h, silent{lossy{Publisher: h.Sender("watch")}, string(offboarding.StepWipe)})
	if err := w.Run(t.Context()); !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("error %v, want that the queue does not tell", err)
	}
	again := map[string]bool{}
	for _, m := range h.Bus.Messages()[published:] {
		again[m.Subject] = true
	}
	if !again[string(offboarding.StepSignout)] || again[string(offboarding.StepWipe)] {
		t.Errorf("published again: %v, want signout and not wipe", again)
	}
}

func TestABacklogIsNotALoss(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	published := len(h.Bus.Messages())
	h.Advance(10 * time.Minute)
	if err := newWatch(h, lossy{Publisher: h.Sender("watch"), waiting: 10 * time.Minute}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(h.Bus.Messages()); n != published {
		t.Errorf("%d messages were published again although they still wait", n-published)
	}
}

func TestAStepThatIsWorkedOnIsLeftAlone(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	h.Advance(10 * time.Minute)
	for _, step := range c.Steps {
		if !step.Due.After(h.Now()) {
			h.Lease(t, c.ID, step.Name)
		}
	}
	published := len(h.Bus.Messages())
	if err := newWatch(h, lossy{Publisher: h.Sender("watch")}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(h.Bus.Messages()); n != published {
		t.Errorf("%d messages were published for steps under a lease", n-published)
	}
}

// TestAWaitPastItsDeadlineIsGivenUp runs watch while the function of a waiting step does not.
func TestAWaitPastItsDeadlineIsGivenUp(t *testing.T) {
	t.Parallel()
	spec, _ := offboarding.SpecOf(offboarding.StepSignout)
	wait := verdict{offboarding.After(time.Minute, "lag")}
	tests := []struct {
		name     string
		step     worker.Step   // what ran once before; nil is nothing
		after    time.Duration // from that run to the first run of watch
		backlog  bool          // messages are not lost, nobody takes them
		leased   bool          // another run works on the step
		cancel   bool
		minutes  int // watch runs
		state    offboarding.StepState
		verdicts int // reported
	}{
		{"before the deadline it waits", wait, spec.Deadline - 20*time.Minute, true, false, false, 15, offboarding.StateWaiting, 0},
		{"past it the step may look once more", wait, 50 * time.Hour, true, false, false, 9, offboarding.StateWaiting, 0},
		{"then it is a manual task", wait, 50 * time.Hour, true, false, false, 15, offboarding.StateManual, 1},
		{"also when all messages are lost", wait, 50 * time.Hour, false, false, false, 15, offboarding.StateManual, 1},
		{"not while a run has the lease", wait, 50 * time.Hour, true, true, false, 15, offboarding.StateWaiting, 0},
		{"a message due much later is waited for", verdict{offboarding.After(30*24*time.Hour, "lag")}, 50 * time.Hour, true, false, false, 15, offboarding.StateWaiting, 0},
		{"retries have their budget instead", verdict{errors.New("reset")}, 50 * time.Hour, true, false, false, 15, offboarding.StateRetrying, 0},
		{"a step that never ran is not a wait", nil, 50 * time.Hour, true, false, false, 15, offboarding.StatePlanned, 0},
		{"a cancelled case is left alone", wait, 50 * time.Hour, true, false, true, 15, offboarding.StateCancelled, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
			if tt.step != nil {
				h.Step(t, c.ID, h.Worker(offboarding.StepSignout, tt.step))
			}
			if tt.cancel {
				if _, err := h.Ledger.Cancel(t.Context(), ledger.Cancellation{
					Tenant: h.TenantID(), Leaver: c.Leaver, Request: "req-cancel", EventTime: h.Now().Add(time.Second),
				}); err != nil {
					t.Fatal(err)
				}
			}
			h.Advance(tt.after)
			seen := &seen{}
			b := lossy{Publisher: h.Sender("watch")}
			if tt.backlog {
				b.waiting = 1000 * time.Hour
			}
			w := newWatch(h, b)
			w.Report = seen
			keep := func() {}
			if tt.leased {
				keep = keepLease(t, h, c.ID)
			}
			for range tt.minutes {
				keep()
				if err := w.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				h.Advance(time.Minute)
			}
			record := h.Record(t, c.ID, offboarding.StepSignout)
			if record.State != tt.state || len(seen.verdicts) != tt.verdicts {
				t.Errorf("%s: %s; reported %v; want %s", record.State, record.Reason, seen.verdicts, tt.state)
			}
			if tt.state == offboarding.StateManual && (record.Reason != spec.PastDeadline("lag") || seen.verdicts[0] != "signout manual") {
				t.Errorf("%s; reported %v", record.Reason, seen.verdicts)
			}
		})
	}
}

// TestAStandstillOfTheHostCostsNoManualTask lets a whole host stand still for days while a step
// waits: it looks again before anything is given up, and finds the effect.
func TestAStandstillOfTheHostCostsNoManualTask(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	h.Step(t, c.ID, h.Worker(offboarding.StepSignout, verdict{offboarding.After(time.Minute, "lag")}))
	h.Advance(50 * time.Hour)
	published := len(h.Bus.Messages())
	if err := newWatch(h, lossy{Publisher: h.Sender("watch"), waiting: 50 * time.Hour}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, m := range h.Bus.Messages()[published:] {
		if m.Subject == string(offboarding.StepSignout) {
			if _, err := h.Deliver(t.Context(), h.Worker(offboarding.StepSignout, verdict{}), m); err != nil {
				t.Fatal(err)
			}
		}
	}
	if record := h.Record(t, c.ID, offboarding.StepSignout); record.State != offboarding.StateEffective {
		t.Errorf("%s: %s; want effective", record.State, record.Reason)
	}
}

func TestFiguresAreReportedAndWarnedOf(t *testing.T) {
	t.Parallel()
	quiet := bus.Depth{Active: 3, OldestAge: 5 * time.Minute}
	tests := []struct {
		name  string
		depth bus.Depth
		warns []string // parts of the warning; none = no warning
	}{
		{"nothing waits", bus.Depth{}, nil},
		{"five minutes are a backlog", quiet, nil},
		{"more than five minutes", bus.Depth{Active: 3, OldestAge: 301 * time.Second}, []string{"waiting=3", "oldest=5m1s", "deadLetters=0"}},
		{"a dead letter", bus.Depth{DeadLetters: 2}, []string{"deadLetters=2"}},
	}
	for _, tt := range tests {
		for _, subscription := range []string{"plan", "block"} {
			t.Run(subscription+": "+tt.name, func(t *testing.T) {
				t.Parallel()
				h := steptest.New(t)
				h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
				h.OpenUnpublished(t, "grady.archie@contoso.com", offboarding.Options{}, offboarding.DefaultPolicy())
				seen := &seen{}
				w := newWatch(h, depths{h.Sender("watch"), map[string]bus.Depth{subscription: tt.depth}})
				w.Report = seen
				for range 2 {
					if err := w.Run(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				if len(seen.queues) != len(bus.Subscriptions()) || seen.queues[subscription] != tt.depth {
					t.Errorf("reported %+v", seen.queues)
				}
				if seen.states[offboarding.CaseRunning] != 1 || seen.states[offboarding.CasePlanning] != 1 || seen.pastDeadline != 0 {
					t.Errorf("reported %v, %d past their deadline", seen.states, seen.pastDeadline)
				}
				warnings := strings.Count(h.Log(), "messages need attention")
				if want := 2 * min(1, len(tt.warns)); warnings != want {
					t.Errorf("two runs warned %d times, wanted %d: %s", warnings, want, h.Log())
				}
				for _, part := range tt.warns {
					if !strings.Contains(h.Log(), part) || !strings.Contains(h.Log(), "subscription="+subscription) {
						t.Errorf("the warning lacks %s: %s", part, h.Log())
					}
				}
			})
		}
	}
}

func TestWaitsPastTheirDeadlineAreCounted(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	h.Step(t, c.ID, h.Worker(offboarding.StepSignout, verdict{offboarding.After(time.Minute, "lag")}))
	h.Advance(2 * time.Hour)
	seen := &seen{}
	w := newWatch(h, lossy{Publisher: h.Sender("watch")})
	w.Report = seen
	for minute, want := range []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0} {
		if err := w.Run(t.Context()); err != nil || seen.pastDeadline != want {
			t.Errorf("minute %d: %d wait past their deadline, wanted %d, %v", minute, seen.pastDeadline, want, err)
		}
		h.Advance(time.Minute)
	}
}

// verdict is a step that always answers the same.
type verdict struct{ err error }

func (v verdict) Work(context.Context, *offboarding.Job) error { return v.err }

// depths is a bus with some depths; no message is ever delivered.
type depths struct {
	bus.Publisher
	of map[string]bus.Depth
}

func (depths) DeadLetters(context.Context, string, int) ([]bus.DeadLetter, error) { return nil, nil }

func (depths) Discard(context.Context, string, string) error { return nil }

func (d depths) Depth(_ context.Context, subscription string) (bus.Depth, error) {
	return d.of[subscription], nil
}

// seen keeps what was reported last, and all verdicts.
type seen struct {
	queues       map[string]bus.Depth
	states       map[offboarding.CaseState]int
	pastDeadline int
	verdicts     []string
	frozen       bool
	unproven     int
}

func (s *seen) Queue(subscription string, d bus.Depth) {
	if s.queues == nil {
		s.queues = map[string]bus.Depth{}
	}
	s.queues[subscription] = d
}

func (s *seen) Cases(states map[offboarding.CaseState]int, pastDeadline int) {
	s.states, s.pastDeadline = states, pastDeadline
}

func (s *seen) Frozen(frozen bool) { s.frozen = frozen }

func (s *seen) Unproven(histories int) { s.unproven = histories }

func (s *seen) Verdict(step offboarding.StepName, state offboarding.StepState) {
	s.verdicts = append(s.verdicts, string(step)+" "+string(state))
}

// keepLease is a lease of signout that another run has and prolongs each time it is called.
func keepLease(t *testing.T, h *steptest.Harness, caseID string) func() {
	t.Helper()
	run := h.Lease(t, caseID, offboarding.StepSignout)
	return func() {
		t.Helper()
		if err := run.Renew(t.Context(), h.Now().Add(2*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
}
