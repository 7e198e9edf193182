package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"leaver/shared/offboarding"
)

// Claim is a message's claim to move a step.
type Claim struct {
	Tenant      string
	Case        string
	Leaver      string // object id
	PlanVersion int
	Step        offboarding.StepName
	N           int
}

// Begin takes the lease of a step for a run, until a time. It refuses with ErrForeign what
// the ledger does not know so, ErrStale what it is past, *[EarlyError], *[LeasedError], and
// offboarding.ErrCancelled; the case is returned with all but ErrForeign.
func (l *Ledger) Begin(ctx context.Context, m Claim, holder string, until time.Time) (*offboarding.Case, error) {
	c, err := l.update(ctx, m.Case, func(c *offboarding.Case) (*offboarding.Entry, error) {
		if c.Leaver != m.Leaver || c.Tenant != m.Tenant {
			return nil, fmt.Errorf("%w: the case is about another leaver or tenant", ErrForeign)
		}
		if c.Cancelled != nil {
			return nil, fmt.Errorf("step %s of case %s: %w", m.Step, m.Case, offboarding.ErrCancelled)
		}
		if m.PlanVersion < c.Plan.Version {
			return nil, ErrStale
		}
		step := c.Step(m.Step)
		if step == nil && m.PlanVersion == c.Plan.Version {
			return nil, fmt.Errorf("%w: %s", ErrNotPlanned, m.Step)
		}
		if step == nil || m.PlanVersion > c.Plan.Version || m.N > step.N {
			return nil, fmt.Errorf("%w: the plan does not hold step %s, version %d, n %d", ErrForeign, m.Step, m.PlanVersion, m.N)
		}
		now := l.now()
		switch {
		case m.N < step.N || step.State.Settled():
			return nil, ErrStale
		case step.Due.After(now.Add(early)):
			return nil, &EarlyError{Due: step.Due}
		case step.Lease.Until.After(now) && step.Lease.Holder != holder:
			return nil, &LeasedError{Until: step.Lease.Until}
		}
		return &offboarding.Entry{
			Kind: offboarding.EntryBegun, Step: m.Step, N: m.N,
			Lease: &offboarding.Lease{Holder: holder, Until: until.UTC()},
		}, nil
	})
	if errors.Is(err, ErrNoCase) {
		return nil, fmt.Errorf("%w: %w", ErrForeign, err)
	}
	if errors.Is(err, ErrForeign) {
		return nil, err
	}
	return c, err
}

// Check is nil when the holder may write for the step now. It folds what is new into c.
func (l *Ledger) Check(ctx context.Context, c *offboarding.Case, step offboarding.StepName, holder string) error {
	if _, err := l.Refresh(ctx, c); err != nil {
		return err
	}
	if c.Cancelled != nil {
		return fmt.Errorf("step %s of case %s: %w", step, c.ID, offboarding.ErrCancelled)
	}
	record, err := held(c, step, holder)
	switch {
	case err != nil:
		return err
	case record.Replanned:
		return fmt.Errorf("step %s of case %s: %w", step, c.ID, ErrReplanned)
	case !record.Lease.Until.After(l.now()):
		return fmt.Errorf("step %s of case %s: %w", step, c.ID, ErrLeaseLost)
	}
	return nil
}

// held is the record of a step while the holder has its lease. A plan that has changed may not
// hold the step any more.
func held(c *offboarding.Case, step offboarding.StepName, holder string) (*offboarding.Record, error) {
	record := c.Step(step)
	if record == nil || record.Lease.Holder != holder {
		return nil, fmt.Errorf("step %s of case %s: %w", step, c.ID, ErrLeaseLost)
	}
	return record, nil
}

// Renew prolongs the lease that the holder has.
func (l *Ledger) Renew(ctx context.Context, id string, step offboarding.StepName, holder string, until time.Time) error {
	_, err := l.update(ctx, id, func(c *offboarding.Case) (*offboarding.Entry, error) {
		if _, err := held(c, step, holder); err != nil {
			return nil, fmt.Errorf("renewing the lease: %w", err)
		}
		return &offboarding.Entry{
			Kind: offboarding.EntryRenewed, Step: step,
			Lease: &offboarding.Lease{Holder: holder, Until: until.UTC()},
		}, nil
	})
	return err
}

// Keep commits facts of a run: the before and the progress of its step.
func (l *Ledger) Keep(ctx context.Context, id string, step offboarding.StepName, holder string, before, progress map[string]string) (*offboarding.Case, error) {
	return l.update(ctx, id, func(c *offboarding.Case) (*offboarding.Entry, error) {
		if _, err := held(c, step, holder); err != nil {
			return nil, fmt.Errorf("keeping facts: %w", err)
		}
		return &offboarding.Entry{Kind: offboarding.EntryKept, Step: step, Before: before, Progress: progress}, nil
	})
}

// KeepPersonal commits personal facts of a run: the values are sealed beside the history under
// PersonalName, and the before of the step says "sealed" for each. The first value of a name
// stays.
func (l *Ledger) KeepPersonal(ctx context.Context, id string, step offboarding.StepName, holder string, before map[string]string) (*offboarding.Case, error) {
	if _, err := l.Case(ctx, id); err != nil { // values are replaced before the commit can tell that the lease is lost
		return nil, err
	}
	return l.update(ctx, id, func(c *offboarding.Case) (*offboarding.Entry, error) {
		if _, err := held(c, step, holder); err != nil {
			return nil, fmt.Errorf("keeping facts: %w", err)
		}
		values, said := map[string]string{}, map[string]string{}
		for name, value := range before {
			if sealed := PersonalName(step, name); !c.Sealed(sealed) {
				values[sealed], said[name] = value, "sealed"
			}
		}
		if len(values) == 0 {
			return nil, nil
		}
		sealed, err := l.seal(ctx, id, values)
		if err != nil {
			return nil, err
		}
		return &offboarding.Entry{Kind: offboarding.EntryKept, Step: step, Before: said, Sealed: sealed}, nil
	})
}

// PersonalName is the name under which a personal value of a step's before is sealed.
func PersonalName(step offboarding.StepName, name string) string { return string(step) + "-" + name }

// Outcome is the end of a run.
type Outcome struct {
	State    offboarding.StepState
	Rule     offboarding.Rule
	Reason   string        // no personal data
	Delay    time.Duration // to the next message, for waiting and retrying
	Attempt  bool          // the run spent an attempt
	Planned  bool          // the wait is part of the plan, not a delay
	Observed bool          // of a manual task: the step's own effect was observed
	Evidence map[string]string
	Calls    []offboarding.Call
}

// Settle commits the outcome of the holder's run and ends its lease. For waiting and
// retrying the step's n is raised with its next due time in the same commit, so that a message
// for it may be scheduled after. A run that lost its lease is ErrLeaseLost and commits nothing.
// On a cancelled case what would go on is cancelled instead. Under a plan that has changed since
// the run began, its outcome is none: the step is as the new plan has it, and runs again.
func (l *Ledger) Settle(ctx context.Context, id string, step offboarding.StepName, holder string, o Outcome) (*offboarding.Case, error) {
	return l.update(ctx, id, func(c *offboarding.Case) (*offboarding.Entry, error) {
		record, err := held(c, step, holder)
		if err != nil {
			return nil, fmt.Errorf("settling: %w", err)
		}
		if record.Replanned && c.Cancelled == nil {
			return &offboarding.Entry{
				Kind: offboarding.EntrySettled, Step: step, N: record.N, Due: record.Due,
				State: record.State, Rule: record.Rule, Reason: record.Reason, Planned: true, Calls: o.Calls,
			}, nil
		}
		e := &offboarding.Entry{
			Kind: offboarding.EntrySettled, Step: step, N: record.N, Due: record.Due,
			State: o.State, Rule: o.Rule, Reason: o.Reason,
			Attempt: o.Attempt, Planned: o.Planned, Observed: o.Observed, Evidence: o.Evidence, Calls: o.Calls,
		}
		switch {
		case o.State.Settled():
		case c.Cancelled != nil:
			e.State, e.Reason = offboarding.StateCancelled, "the departure was cancelled"
		default:
			e.N, e.Due = record.N+1, l.now().Add(o.Delay).UTC()
		}
		return e, nil
	})
}

// Expire makes a manual task of a wait that has passed its step's deadline, as the worker does
// when a message comes. It does nothing unless the step is waiting at n, past its deadline, and
// no run holds its lease; expired reports whether it did.
func (l *Ledger) Expire(ctx context.Context, id string, step offboarding.StepName, n int) (c *offboarding.Case, expired bool, err error) {
	c, err = l.update(ctx, id, func(c *offboarding.Case) (*offboarding.Entry, error) {
		expired = false
		record, now := c.Step(step), l.now()
		if record == nil || record.N != n || c.Cancelled != nil || record.Lease.Until.After(now) {
			return nil, nil
		}
		if deadline := record.Deadline(); deadline.IsZero() || now.Before(deadline) {
			return nil, nil
		}
		expired = true
		spec, _ := offboarding.SpecOf(step)
		return &offboarding.Entry{
			Kind: offboarding.EntrySettled, Step: step, N: record.N, Due: record.Due,
			State: offboarding.StateManual, Reason: spec.PastDeadline(record.Reason),
		}, nil
	})
	return c, expired && err == nil, err
}

// Reschedule gives a step that is not settled its next message: n is raised, due at a time.
// It does nothing when the ledger is past n already.
func (l *Ledger) Reschedule(ctx context.Context, id string, step offboarding.StepName, n int, due time.Time) (*offboarding.Case, error) {
	return l.update(ctx, id, func(c *offboarding.Case) (*offboarding.Entry, error) {
		record := c.Step(step)
		if record == nil || record.N != n || record.State.Settled() || c.Cancelled != nil {
			return nil, nil
		}
		return &offboarding.Entry{Kind: offboarding.EntryRescheduled, Step: step, N: n + 1, Due: due.UTC()}, nil
	})
}

// ErrNotReplayable: the step cannot be sent back to work; the error says why.
var ErrNotReplayable = errors.New("nothing to replay")

// Replayable is nil when the step may be sent back to work: it is parked, a manual task,
// withheld or signed off, or it is effective but a step that needs it is withheld, as when what
// it had reached did not last; and its case is not cancelled.
func Replayable(c *offboarding.Case, step offboarding.StepName) error {
	record := c.Step(step)
	switch {
	case c.Cancelled != nil:
		return fmt.Errorf("%w: %w", ErrNotReplayable, offboarding.ErrCancelled)
	case record == nil:
		return fmt.Errorf("%w: the plan does not hold step %s", ErrNotReplayable, step)
	}
	switch record.State {
	case offboarding.StateParked, offboarding.StateManual, offboarding.StateWithheld, offboarding.StateSignedOff:
		return nil
	case offboarding.StateEffective:
		for _, spec := range offboarding.Steps {
			if r := c.Step(spec.Name); r != nil && r.State == offboarding.StateWithheld && slices.Contains(spec.Needs, step) {
				return nil
			}
		}
	}
	return fmt.Errorf("%w: step %s is %s", ErrNotReplayable, step, record.State)
}

// Replay sends a settled step back to work: planned again, due now but not before its plan says,
// under a new n. What [Replayable] refuses is an error.
func (l *Ledger) Replay(ctx context.Context, id string, step offboarding.StepName) (*offboarding.Case, error) {
	return l.update(ctx, id, func(c *offboarding.Case) (*offboarding.Entry, error) {
		if err := Replayable(c, step); err != nil {
			return nil, err
		}
		due := l.now().UTC()
		if planned, _ := c.Plan.Step(step); planned.Due.After(due) {
			due = planned.Due
		}
		return &offboarding.Entry{
			Kind: offboarding.EntryRescheduled, Step: step, N: c.Step(step).N + 1, Due: due,
			State: offboarding.StatePlanned,
		}, nil
	})
}
