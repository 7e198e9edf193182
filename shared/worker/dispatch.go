package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"leaver/shared/bus"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
)

// Dispatch publishes every message of the case's plan and then commits that it did; nothing while
// the case is held. After a crash anywhere in between it can simply be repeated: the ids are the
// same, and what the ledger is past is stale.
func Dispatch(ctx context.Context, p bus.Publisher, l *ledger.Ledger, c *offboarding.Case) (*offboarding.Case, error) {
	if c.Published() || c.Cancelled != nil && !c.Undoing() || len(c.Held()) > 0 {
		return c, nil
	}
	atOnce := false
	for _, record := range c.Steps {
		if record.State.Settled() || c.Over(record.Name) {
			continue
		}
		// What was held has numbers of its own.
		if spec, _ := offboarding.SpecOf(record.Name); !spec.OwnMessage() && record.N == 1 {
			atOnce = true
			continue
		}
		if err := publishStep(ctx, p, c, record); err != nil {
			return nil, err
		}
	}
	if atOnce {
		termination := &offboarding.Record{Name: bus.SubjectTermination, N: 1, Due: c.Plan.LeavingTime}
		if err := publishStep(ctx, p, c, termination); err != nil {
			return nil, err
		}
	}
	return l.MarkPublished(ctx, c.ID, c.Plan.Version)
}

// Republish gives a step its next number, due at a time, and publishes the message for it. It
// does nothing when the ledger is past record.N.
func Republish(ctx context.Context, p bus.Publisher, l *ledger.Ledger, c *offboarding.Case, record *offboarding.Record, due time.Time) error {
	c, err := l.Reschedule(ctx, c.ID, record.Name, record.N, due)
	if err != nil {
		return err
	}
	next := c.Step(record.Name)
	if next == nil || next.N != record.N+1 || next.State.Settled() || c.Over(record.Name) {
		return nil
	}
	return publishStep(ctx, p, c, next)
}

// Hurry has what locks the leaver out look at once, where it waits for what a person has just done: it does so
// every quarter of an hour only.
func Hurry(ctx context.Context, p bus.Publisher, l *ledger.Ledger, id string, now time.Time) error {
	c, err := l.Case(ctx, id)
	if err != nil {
		return err
	}
	var failures []error
	for _, record := range c.Steps {
		spec, _ := offboarding.SpecOf(record.Name)
		if spec.Urgent && record.State == offboarding.StateWaiting && record.Due.After(now) && !record.Lease.Holds(now) {
			failures = append(failures, Republish(ctx, p, l, c, record, now))
		}
	}
	return errors.Join(failures...)
}

// Replay sends a settled step back to work in the ledger and returns the message for it.
func Replay(ctx context.Context, l *ledger.Ledger, caseID string, step offboarding.StepName) (bus.Message, error) {
	c, err := l.Replay(ctx, caseID, step)
	if err != nil {
		return bus.Message{}, err
	}
	m, err := message(c, c.Step(step))
	m.Body = bus.WithTrace(m.Body, traceOf(c))
	return m, err
}

// traceOf is the trace of a departure.
func traceOf(c *offboarding.Case) bus.Trace { return bus.Trace{Parent: c.Trace} }

// message is the message of a step record, visible when it is due.
func message(c *offboarding.Case, record *offboarding.Record) (bus.Message, error) {
	return bus.Step{
		Tenant: c.Tenant, Case: c.ID, PlanVersion: c.Plan.Version,
		Step: record.Name, N: record.N, Leaver: c.Leaver,
	}.Message(record.Due)
}

func publishStep(ctx context.Context, p bus.Publisher, c *offboarding.Case, record *offboarding.Record) error {
	m, err := message(c, record)
	if err == nil {
		_, err = p.Publish(bus.Within(ctx, traceOf(c)), m)
	}
	if err != nil {
		return fmt.Errorf("publishing %s: %w", m.ID, err)
	}
	return nil
}
