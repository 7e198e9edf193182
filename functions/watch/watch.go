// Package watch is the function that runs every minute and trusts only the ledger: it
// resumes cases that were half planned, gives overdue steps a new message, and makes a manual
// task of a wait that has passed its deadline without one. If every queued message were lost,
// watch would bring each case to its end. It reports what waits where, and warns of dead letters
// and of messages that nobody takes; and it erases what is personal of departures
// that ended long enough ago. It is done when no open case is half planned, no step is
// overdue without a message on its way, and none waits past its deadline.
package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"leaver/shared/bus"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/worker"
)

// Bus is what watch needs of the broker.
type Bus interface {
	bus.Publisher
	Depth(ctx context.Context, subscription string) (bus.Depth, error)
	DeadLetters(ctx context.Context, subscription string, max int) ([]bus.DeadLetter, error)
	Discard(ctx context.Context, subscription, key string) error
}

// Report takes the figures of each run.
type Report interface {
	// Queue is told of every subscription.
	Queue(subscription string, d bus.Depth)
	// Cases is told how many open cases are in each state a case can be open in, and how many
	// of their steps still wait although their deadline has passed.
	Cases(states map[offboarding.CaseState]int, pastDeadline int)
	// Frozen is told whether the installation is.
	Frozen(frozen bool)
	// Unproven is told how many histories cannot be read, are not proven, or are not as the last anchor
	// saw them.
	Unproven(histories int)
	// Verdict is told every verdict that watch committed itself.
	Verdict(step offboarding.StepName, state offboarding.StepState)
}

// Watch looks after all open cases.
type Watch struct {
	Ledger *ledger.Ledger
	Bus    Bus
	Now    func() time.Time
	Log    *slog.Logger
	Report Report // optional
	// Expect, when set, is told of every step whose message becomes visible later, so that
	// somebody is there to take it at once.
	Expect func(ctx context.Context, step offboarding.StepName, due time.Time)

	erased time.Time // when it was last looked for what is to be erased
}

const (
	// patience is how long a message may be on its way before it counts as lost, and a case
	// planning before it counts as half planned.
	patience = 30 * time.Second
	// lastChance is how long the message that is due past the deadline of a wait may take
	// before the wait is given up.
	lastChance = 10 * time.Minute
	// tooOld is the age of a waiting message from which nobody seems to take any.
	tooOld = 5 * time.Minute
	// eraseEvery is how often it is looked for what is to be erased.
	eraseEvery = time.Hour
)

// Run goes over every open case once. What fails for one case does not keep it from the
// others; all errors are returned together.
func (w *Watch) Run(ctx context.Context) error {
	ages, unmeasured := w.measure(ctx)
	// There is no index by state to repair: the label by which the NATS store finds these cases
	// travels in the entry itself, and the hints of the Azure store are written before the commit
	// and believed only of a head that says the same.
	cases, unreadable, err := w.Ledger.Cases(ctx)
	if err != nil {
		return err
	}
	brakes, err := w.Ledger.Brakes(ctx)
	if err != nil {
		return err // nobody knows whether the installation is frozen
	}
	if !brakes.Frozen.IsZero() {
		w.Log.Warn("the installation is frozen: nothing is written", "since", brakes.Frozen)
	}
	states := map[offboarding.CaseState]int{offboarding.CasePlanning: 0, offboarding.CaseHeld: 0, offboarding.CaseRunning: 0, offboarding.CaseUnreadable: 0}
	pastDeadline := 0
	failures := []error{unmeasured}
	for _, u := range unreadable {
		states[offboarding.CaseUnreadable]++
		failures = append(failures, fmt.Errorf("looking after case %s: %w", u.ID, u.Why))
	}
	slices.SortFunc(cases, func(a, b *offboarding.Case) int { return a.OpenedAt.Compare(b.OpenedAt) }) // who came first goes on first
	for _, c := range cases {
		c, err := w.look(ctx, c, ages, brakes)
		if err != nil {
			failures = append(failures, err)
		}
		if c.Open() {
			states[c.State(w.Now())]++
		}
		for _, step := range c.Steps {
			if isPast(step.Deadline(), w.Now()) {
				pastDeadline++
			}
		}
	}
	wrong, err := w.proof(ctx, unreadable, brakes)
	failures = append(failures, err)
	if w.Report != nil {
		w.Report.Cases(states, pastDeadline)
		w.Report.Frozen(!brakes.Frozen.IsZero())
		w.Report.Unproven(wrong)
	}
	failures = append(failures, w.erase(ctx))
	return errors.Join(failures...)
}

// proof counts the histories that nobody should trust, and says in words what is wrong with those that
// can be read all the same.
func (w *Watch) proof(ctx context.Context, unreadable []ledger.Unreadable, brakes ledger.Brakes) (int, error) {
	histories := map[string]bool{}
	for _, u := range unreadable {
		histories[u.ID] = true
	}
	for _, why := range brakes.Unproven {
		histories["brakes"] = true
		w.Log.Error("the ledger does not verify", "history", "brakes", "why", why)
	}
	wrong, err := w.Ledger.Anchor(ctx)
	for _, v := range wrong {
		histories[v.Case] = true
		for _, p := range v.Problems {
			w.Log.Error("the ledger does not verify", "history", v.Case, "entry", p.Entry, "kind", p.Kind, "why", p.Why)
		}
	}
	return len(histories), err
}

// look does what one case needs and returns the case as that leaves it.
func (w *Watch) look(ctx context.Context, c *offboarding.Case, ages map[string]time.Duration, brakes ledger.Brakes) (*offboarding.Case, error) {
	now := w.Now()
	if len(c.Held()) > 0 {
		return c, nil // people let it go on, and plan by what they have allowed
	}
	if !c.Published() {
		if now.Sub(c.ChangedAt) < patience {
			return c, nil
		}
		w.Log.Warn("half-planned case resumed", "case", c.ID)
		return w.dispatch(ctx, c)
	}
	if !brakes.Frozen.IsZero() {
		return c, nil // the messages that are due are declined
	}
	for _, step := range c.Steps {
		overdue := now.Sub(latest(step.Due, brakes.Thawed))
		if w.Expect != nil && overdue < 0 && !step.State.Settled() {
			w.Expect(ctx, step.Name, step.Due)
		}
		if step.State.Settled() || overdue < patience || step.Lease.Holds(now) {
			continue
		}
		age, measured := ages[string(step.Name)]
		switch deadline := step.Deadline(); {
		case isPast(deadline, now) && !step.Due.Before(deadline):
			// The message due past the deadline has not come either.
			if overdue < lastChance {
				continue
			}
			after, err := w.expire(ctx, c, step)
			if err != nil {
				return c, err
			}
			c = after
			continue
		case isPast(deadline, now):
			// One more message, whatever still waits: after a standstill of the whole host the
			// effect may long be there, and the step has to look before a person does.
		case !measured, age >= overdue:
			// A message as old as that is still in the queue: a backlog, not a loss. Of a queue that does not tell,
			// nobody knows which it is.
			continue
		}
		w.Log.Warn("overdue step republished", "case", c.ID, "step", step.Name, "n", step.N, "overdue", overdue.Round(time.Second))
		if err := worker.Republish(ctx, w.Bus, w.Ledger, c, step, now); err != nil {
			return c, err
		}
	}
	return c, nil
}

// dispatch publishes a case, and returns it as that leaves it.
func (w *Watch) dispatch(ctx context.Context, c *offboarding.Case) (*offboarding.Case, error) {
	published, err := worker.Dispatch(ctx, w.Bus, w.Ledger, c)
	if err != nil {
		return c, err
	}
	return published, nil
}

// erase removes the personal values of the cases that ended long enough ago; their plans say when.
func (w *Watch) erase(ctx context.Context) error {
	now := w.Now()
	if now.Sub(w.erased) < eraseEvery {
		return nil
	}
	cases, unreadable, err := w.Ledger.Unerased(ctx)
	if err != nil {
		return err
	}
	var failures []error
	for _, u := range unreadable {
		failures = append(failures, fmt.Errorf("erasing the personal values of case %s: %w", u.ID, u.Why))
	}
	for _, c := range cases {
		if !isPast(c.EraseAt(now), now) {
			continue
		}
		switch _, erased, err := w.Ledger.Erase(ctx, c.ID); {
		case err != nil:
			failures = append(failures, err)
		case erased:
			w.Log.Info("personal values erased", "case", c.ID)
		}
	}
	failures = append(failures, w.eraseRequests(ctx, now.Add(-offboarding.DefaultPolicy().EraseAfter)))
	if err := errors.Join(failures...); err != nil {
		return err
	}
	w.erased = now
	return nil
}

// mostLetters bounds how many dead letters of a queue are looked at; the others come the next time.
const mostLetters = 1000

// eraseRequests removes what is personal of requests that came to nothing and that nobody has wanted since
// a time: the values beside them, and the dead letters of the queues, which hold names.
func (w *Watch) eraseRequests(ctx context.Context, before time.Time) error {
	var failures []error
	for _, s := range bus.Subscriptions() {
		if !s.OfQueue() {
			continue
		}
		letters, err := w.Bus.DeadLetters(ctx, s.Name, mostLetters)
		failures = append(failures, err)
		for _, letter := range letters {
			if letter.At.Before(before) {
				failures = append(failures, w.Bus.Discard(ctx, s.Name, letter.Key))
			}
		}
	}
	requests, _, err := w.Ledger.Requests(ctx, ledger.RequestParked, ledger.RequestRefused)
	failures = append(failures, err)
	for _, r := range requests {
		if r.At.Before(before) {
			failures = append(failures, w.Ledger.Forget(ctx, r))
		}
	}
	return errors.Join(failures...)
}

// expire gives up a wait.
func (w *Watch) expire(ctx context.Context, c *offboarding.Case, step *offboarding.Record) (*offboarding.Case, error) {
	after, expired, err := w.Ledger.Expire(ctx, c.ID, step.Name, step.N)
	if err != nil {
		return nil, err
	}
	if expired {
		w.Log.Warn("wait past its deadline is a manual task now", "case", c.ID, "step", step.Name, "n", step.N)
		if w.Report != nil {
			w.Report.Verdict(step.Name, after.Step(step.Name).State)
		}
	}
	return after, nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func isPast(deadline, now time.Time) bool { return !deadline.IsZero() && !now.Before(deadline) }

// measure reports what waits for every subscription, warns of what should not, and returns the
// age of the oldest message of each.
func (w *Watch) measure(ctx context.Context) (map[string]time.Duration, error) {
	ages := map[string]time.Duration{}
	var failures []error
	for _, s := range bus.Subscriptions() {
		depth, err := w.Bus.Depth(ctx, s.Name)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		ages[s.Name] = depth.OldestAge
		if w.Report != nil {
			w.Report.Queue(s.Name, depth)
		}
		if depth.DeadLetters > 0 || depth.OldestAge > tooOld {
			w.Log.Warn("messages need attention", "subscription", s.Name, "deadLetters", depth.DeadLetters,
				"waiting", depth.Active, "oldest", depth.OldestAge.Round(time.Second))
		}
	}
	return ages, errors.Join(failures...)
}
