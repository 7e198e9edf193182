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
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"leaver/shared/bus"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
)

// Step does one thing for one leaver. It is level-based: it reads the world and changes only
// what differs, so that twice equals once. The error is its verdict; see package offboarding.
type Step interface {
	Work(ctx context.Context, job *offboarding.Job) error
}

// Undoer is a step that can take back what it did: it reads the world, puts back what still is as the
// step left it, by the before that the step kept, and reads that back. Somebody else's later change
// stays. Twice equals once. The error is its verdict, as that of Work: nil is taken back and observed so.
type Undoer interface {
	Undo(ctx context.Context, job *offboarding.Job) error
}

// undo takes a step back when what comes before it has been, and leaves it to a person where the step
// cannot.
func undo(ctx context.Context, step Step, job *offboarding.Job) error {
	if waits := job.AwaitUndo(); waits != nil {
		return waits
	}
	undoer, can := step.(Undoer)
	if !can {
		return offboarding.DoneWithTask("this step takes nothing back by itself: look at what it did, take back what is to be, and sign off")
	}
	return undoer.Undo(ctx, job)
}

// Worker runs one step.
type Worker struct {
	Name   offboarding.StepName
	Step   Step
	Ledger *ledger.Ledger
	Bus    bus.Publisher
	Tenant string // the one tenant this deployment serves; messages for another are refused
	Now    func() time.Time
	Log    *slog.Logger
	Retry  Retry
	// LastLook stands before every write of an irreversible step, and before a run that locks out somebody
	// whose departure was planned before; without it both are refused.
	LastLook offboarding.LastLook
	// Observe, when set, is told every verdict once it is committed.
	Observe func(step offboarding.StepName, state offboarding.StepState)
}

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
	run, admission, err := w.Ledger.Begin(ctx, claim, d.LockedUntil())
	switch {
	case errors.Is(err, ledger.ErrUnreadable):
		log.Error("message put off: its case cannot be read", "error", err)
		return Later(ctx, w.Bus, d, bus.Topic, string(w.Name), w.Now())
	case err != nil:
		return err
	case run == nil:
		return w.decline(ctx, d, m, admission, log)
	}
	job, verdict := w.work(ctx, d, run)
	if errors.Is(verdict, ledger.ErrLeaseLost) || ctx.Err() != nil {
		return fmt.Errorf("the run ended without a verdict: %w", errors.Join(verdict, context.Cause(ctx)))
	}
	settlement := w.settlement(run.Case(), offboarding.VerdictOf(verdict))
	settlement.Evidence, settlement.Brakes = job.Evidence, job.Asked()
	c, err := run.Settle(ctx, settlement)
	if err != nil {
		return err
	}
	record := c.Step(w.Name)
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.SetAttributes(attribute.String("leaver.case", c.ID), attribute.String("leaver.step", string(w.Name)),
			attribute.String("leaver.state", string(record.State)), attribute.String("leaver.rule", record.Rule.Name))
	}
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

// decline settles a message that does not move its step now.
func (w *Worker) decline(ctx context.Context, d bus.Delivery, m bus.Step, a ledger.Admission, log *slog.Logger) error {
	switch {
	case a.Kind == ledger.Early:
		return w.reschedule(ctx, d, m, a.Again)
	case a.Kind == ledger.Leased:
		return w.reschedule(ctx, d, m, a.Again.Add(time.Second))
	case a.Kind == ledger.Parked:
		return d.DeadLetter(ctx, ReasonParked, a.Why)
	case a.Kind == ledger.NotPlanned && m.Step == bus.SubjectTermination:
		return d.Complete(ctx) // a termination goes to every step, also to those that this plan leaves out
	case a.Kind == ledger.Foreign, a.Kind == ledger.NotPlanned:
		log.Warn("message refused", "reason", ReasonForeign, "why", a.Why)
		return d.DeadLetter(ctx, ReasonForeign, a.Why)
	}
	// Stale, or the case is cancelled. What is held or frozen gets a new message when people have
	// lifted that: the ledger knows that it is due.
	return d.Complete(ctx)
}

// settlement is what a verdict means for the step.
func (w *Worker) settlement(c *offboarding.Case, verdict offboarding.Verdict) ledger.Settlement {
	record, why := c.Step(w.Name), brief(verdict.Why)
	switch {
	case errors.Is(verdict.Err, offboarding.ErrFrozen), errors.Is(verdict.Err, offboarding.ErrHeld):
		return ledger.Settlement{State: offboarding.StateWaiting, Reason: why, Delay: stopped, Planned: true}
	case c.Plan.Mode == offboarding.Observe && verdict.Kind != offboarding.KindTransient && verdict.Kind != offboarding.KindPermanent && verdict.Kind != offboarding.KindCancelled:
		return ledger.Settlement{State: offboarding.StateRehearsed, Rule: verdict.Rule, Reason: why, Would: brief(would(verdict)), Attempt: true}
	}
	switch verdict.Kind {
	case offboarding.KindEffective:
		if record.Undo {
			return ledger.Settlement{State: offboarding.StateUndone, Attempt: true}
		}
		return ledger.Settlement{State: offboarding.StateEffective, Attempt: true}
	case offboarding.KindCancelled:
		return ledger.Settlement{State: offboarding.StateCancelled, Reason: why}
	case offboarding.KindPlanned:
		return ledger.Settlement{State: offboarding.StateWaiting, Reason: why, Delay: verdict.At.Sub(w.Now()), Planned: true, Observed: verdict.Observed}
	case offboarding.KindNotYet:
		spec, _ := offboarding.SpecOf(record.Name)
		if w.since(record.Since) >= spec.Deadline {
			return ledger.Settlement{State: offboarding.StateManual, Reason: w.typed(c, brief(spec.PastDeadline(verdict.Why)))}
		}
		return ledger.Settlement{State: offboarding.StateWaiting, Reason: why, Delay: verdict.In}
	case offboarding.KindWithheld:
		return ledger.Settlement{State: offboarding.StateWithheld, Rule: verdict.Rule, Reason: why, Attempt: true}
	case offboarding.KindManual:
		return ledger.Settlement{State: offboarding.StateManual, Reason: w.typed(c, why), Attempt: true, Observed: verdict.Observed}
	}
	delay, parked := w.Retry.Next(verdict, record.Attempts, w.since(record.FailingSince))
	if parked != "" {
		return ledger.Settlement{State: offboarding.StateParked, Reason: w.typed(c, mended(brief(parked))), Attempt: true}
	}
	if !offboarding.IsThrottled(verdict.Err) {
		delay = c.Soon(record.Name, delay)
	}
	return ledger.Settlement{State: offboarding.StateRetrying, Reason: why, Delay: delay, Attempt: true}
}

// mended asks for a replay where a reason does not ask for one.
func mended(why string) string {
	if strings.Contains(why, "replay") {
		return why
	}
	return why + "; mend that, then replay"
}

// typed adds what to type to a reason that asks for a replay, or for a signature.
func (w *Worker) typed(c *offboarding.Case, why string) string {
	var commands []string
	if strings.Contains(why, "replay") && !strings.Contains(why, "leaver replay") {
		commands = append(commands, fmt.Sprintf("leaver replay --case %s --step %s", c.ID, w.Name))
	}
	signed := strings.Contains(why, "sign off") || strings.Contains(why, fmt.Sprintf("sign %s off", w.Name))
	if signed && !strings.Contains(why, "leaver sign-off") {
		commands = append(commands, fmt.Sprintf("leaver sign-off %s %s --by NAME --note WHY", c.ID, w.Name))
	}
	if len(commands) == 0 {
		return why
	}
	return why + " (" + strings.Join(commands, "; ") + ")"
}

// would says what a step would have done that may not write.
func would(v offboarding.Verdict) string {
	switch v.Kind {
	case offboarding.KindEffective:
		return "nothing: all is as wanted"
	case offboarding.KindRehearsed:
		return v.Would()
	case offboarding.KindWithheld:
		return fmt.Sprintf("be withheld by %s: %s", v.Rule, v.Why)
	case offboarding.KindManual:
		return "leave to a person: " + v.Why
	}
	return "wait: " + v.Why
}

// since is how long ago a time was; zero when it has not been.
func (w *Worker) since(t time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	return w.Now().Sub(t)
}

// reschedule gives the step its next number, schedules the message for it and completes the
// one in hand. No attempt is spent.
func (w *Worker) reschedule(ctx context.Context, d bus.Delivery, m bus.Step, due time.Time) error {
	c, err := w.Ledger.Reschedule(ctx, m.Case, w.Name, m.N, due)
	if err != nil {
		return err
	}
	if record := c.Step(w.Name); record != nil && !record.State.Settled() && !c.Over(w.Name) {
		if err := publishStep(ctx, w.Bus, c, record); err != nil {
			return err
		}
	}
	return d.Complete(ctx)
}

// brief keeps a reason readable in a table and small in the ledger.
func brief(s string) string {
	const most = 3000
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
