// Package worker carries one message through one step: is the case known and open, is the
// message fresh, take the lease, let the step work, read its verdict, commit that to the
// ledger, schedule what follows, and only then settle the message. Nothing is reported done
// because a call was answered: the step observed it.
//
// The worker is the one owner of retry in the whole project. Adapters classify and never
// loop; the Graph SDK's own retry handler is left out; a broker's redelivery only follows a
// crash. So one transient error costs one message, with the back-off in its schedule.
package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"leaver/shared/bus"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
)

// Step does one thing for one leaver. It is level-based: it reads the world and changes only
// what differs, so that twice equals once. The error is its verdict; see package offboarding.
type Step interface {
	Work(ctx context.Context, job *offboarding.Job) error
}

// Worker runs one step.
type Worker struct {
	Name   offboarding.StepName
	Step   Step
	Ledger *ledger.Ledger
	Bus    bus.Publisher
	Tenant string // the one tenant this deployment serves; messages for another are refused
	Now    func() time.Time
	NewID  func() string // makes the holder of each lease
	Log    *slog.Logger
	// Budget bounds retries by elapsed time; zero is [DefaultBudget].
	Budget time.Duration
	// LastLook stands before every write of an irreversible step; without it they are refused.
	LastLook offboarding.LastLook
	// Observe, when set, is told every verdict once it is committed.
	Observe func(step offboarding.StepName, state offboarding.StepState)
}

// DefaultBudget is for how long a step is tried again before it is parked.
const DefaultBudget = 24 * time.Hour

// Reasons of dead letters, for machines.
const (
	ReasonMalformed = "malformed"
	ReasonForeign   = "foreign"
	ReasonParked    = "parked"
)

// Handle settles one delivery. An error means that it could not be settled: the broker hands
// it out again when its lock ends, which changes nothing that took effect.
func (w *Worker) Handle(ctx context.Context, d bus.Delivery) error {
	m, err := bus.DecodeStep(d.Body())
	switch {
	case errors.Is(err, bus.ErrNewerSchema):
		return Later(ctx, w.Bus, d, bus.Topic, string(w.Name), w.Now())
	case err != nil:
		w.Log.Warn("message refused", "step", w.Name, "reason", ReasonMalformed)
		return d.DeadLetter(ctx, ReasonMalformed, err.Error())
	case m.Step != w.Name && m.Step != bus.SubjectTermination:
		return d.DeadLetter(ctx, ReasonForeign, fmt.Sprintf("step %s got a message for step %s", w.Name, m.Step))
	}
	claim := ledger.Claim{
		Tenant: w.Tenant, Case: m.Case, Leaver: m.Leaver,
		PlanVersion: m.PlanVersion, Step: w.Name, N: m.N,
	}
	log := w.Log.With("case", m.Case, "step", w.Name, "n", m.N)
	if m.Tenant != w.Tenant {
		log.Warn("message refused", "reason", ReasonForeign)
		return d.DeadLetter(ctx, ReasonForeign, "the message is for another tenant")
	}
	holder := w.NewID()
	c, err := w.Ledger.Begin(ctx, claim, holder, d.LockedUntil())
	var early *ledger.EarlyError
	var leased *ledger.LeasedError
	switch {
	case err == nil:
	case errors.Is(err, ledger.ErrNotPlanned) && m.Step == bus.SubjectTermination:
		return d.Complete(ctx) // a termination goes to every step, also to those that this plan leaves out
	case errors.Is(err, ledger.ErrForeign):
		log.Warn("message refused", "reason", ReasonForeign, "error", err)
		return d.DeadLetter(ctx, ReasonForeign, err.Error())
	case errors.Is(err, ledger.ErrStale):
		if r := c.Step(w.Name); r != nil && r.State == offboarding.StateParked && r.N == m.N && c.Plan.Version == m.PlanVersion {
			return d.DeadLetter(ctx, ReasonParked, r.Reason)
		}
		return d.Complete(ctx)
	case errors.Is(err, offboarding.ErrCancelled):
		return d.Complete(ctx)
	case errors.As(err, &early):
		return w.reschedule(ctx, d, m, early.Due)
	case errors.As(err, &leased):
		return w.reschedule(ctx, d, m, leased.Until.Add(time.Second))
	default:
		return err
	}

	r := &run{worker: w, holder: holder, caseID: c.ID, c: c, step: w.Name}
	evidence, verdict := r.work(ctx, d)
	if errors.Is(verdict, ledger.ErrLeaseLost) || ctx.Err() != nil {
		return fmt.Errorf("the run ended without a verdict: %w", errors.Join(verdict, context.Cause(ctx)))
	}
	outcome := w.outcome(c.Step(w.Name), offboarding.VerdictOf(verdict))
	outcome.Evidence, outcome.Calls = evidence, r.calls()
	c, err = w.Ledger.Settle(ctx, m.Case, w.Name, holder, outcome)
	if err != nil {
		return err
	}
	record := c.Step(w.Name)
	log.Info("verdict", "state", record.State, "attempts", record.Attempts, "rule", record.Rule, "reason", record.Reason)
	if w.Observe != nil {
		w.Observe(w.Name, record.State)
	}
	switch {
	case record.State == offboarding.StateParked:
		return d.DeadLetter(ctx, ReasonParked, record.Reason)
	case !record.State.Settled():
		if err := publishStep(ctx, w.Bus, c, record); err != nil {
			return err
		}
	}
	return d.Complete(ctx)
}

// outcome is what a verdict means for the step.
func (w *Worker) outcome(record *offboarding.Record, verdict offboarding.Verdict) ledger.Outcome {
	why := brief(verdict.Why)
	switch verdict.Kind {
	case offboarding.KindEffective:
		return ledger.Outcome{State: offboarding.StateEffective, Attempt: true}
	case offboarding.KindCancelled:
		return ledger.Outcome{State: offboarding.StateCancelled, Reason: why}
	case offboarding.KindPlanned:
		return ledger.Outcome{State: offboarding.StateWaiting, Reason: why, Delay: verdict.At.Sub(w.Now()), Planned: true, Observed: verdict.Observed}
	case offboarding.KindNotYet:
		spec, _ := offboarding.SpecOf(record.Name)
		if w.since(record.Since) >= spec.Deadline {
			return ledger.Outcome{State: offboarding.StateManual, Reason: brief(spec.PastDeadline(verdict.Why))}
		}
		return ledger.Outcome{State: offboarding.StateWaiting, Reason: why, Delay: verdict.In}
	case offboarding.KindWithheld:
		return ledger.Outcome{State: offboarding.StateWithheld, Rule: verdict.Rule, Reason: why, Attempt: true}
	case offboarding.KindManual:
		return ledger.Outcome{State: offboarding.StateManual, Reason: why, Attempt: true, Observed: verdict.Observed}
	case offboarding.KindPermanent:
		return ledger.Outcome{State: offboarding.StateParked, Reason: why, Attempt: true}
	}
	budget := cmp.Or(w.Budget, DefaultBudget)
	if w.since(record.FailingSince) >= budget {
		return ledger.Outcome{
			State:  offboarding.StateParked,
			Reason: brief(fmt.Sprintf("still failing after %s: %s", budget, verdict.Why)), Attempt: true,
		}
	}
	delay := Backoff(record.Attempts)
	if offboarding.IsThrottled(verdict.Err) { // whoever says when to come back need not be backed off from for long
		delay = max(min(delay, throttledBackoff), verdict.In)
	}
	return ledger.Outcome{State: offboarding.StateRetrying, Reason: why, Delay: delay, Attempt: true}
}

// since is how long ago a time was; zero when it has not been.
func (w *Worker) since(t time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	return w.Now().Sub(t)
}

// throttledBackoff is the longest delay of our own after an answer that says when to come back: a
// budget that is given back every minute is not used by those who come after a quarter of an hour.
const throttledBackoff = 30 * time.Second

// Backoff is the delay after so many attempts: from 1 s, doubled, to at most 15 minutes.
func Backoff(attempts int) time.Duration {
	b := &backoff.ExponentialBackOff{
		InitialInterval: time.Second, Multiplier: 2, MaxInterval: 15 * time.Minute,
	}
	b.Reset()
	d := b.NextBackOff()
	for range min(attempts, 20) {
		d = b.NextBackOff()
	}
	return d
}

// reschedule gives the step its next number, schedules the message for it and completes the
// one in hand. No attempt is spent.
func (w *Worker) reschedule(ctx context.Context, d bus.Delivery, m bus.Step, due time.Time) error {
	c, err := w.Ledger.Reschedule(ctx, m.Case, w.Name, m.N, due)
	if err != nil {
		return err
	}
	if record := c.Step(w.Name); record != nil && !record.State.Settled() && c.Cancelled == nil {
		if err := publishStep(ctx, w.Bus, c, record); err != nil {
			return err
		}
	}
	return d.Complete(ctx)
}

// Later puts a delivery off unread, for five minutes: a newer version of Leaver wrote it, and
// will read it.
func Later(ctx context.Context, p bus.Publisher, d bus.Delivery, entity, subject string, now time.Time) error {
	id, _, _ := strings.Cut(d.ID(), "~")
	at := now.Add(5 * time.Minute)
	_, err := p.Publish(ctx, bus.Message{
		ID: fmt.Sprintf("%s~%d", id, at.Unix()), Entity: entity, Subject: subject, Body: d.Body(), At: at,
	})
	if err != nil {
		return fmt.Errorf("putting off message %s: %w", d.ID(), err)
	}
	return d.Complete(ctx)
}

// brief keeps a reason readable in a table and small in the ledger.
func brief(s string) string {
	const most = 600
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
