// Package watch is the function that runs every minute and trusts only the ledger: it
// resumes cases that were half planned and gives overdue steps a new message. If every queued
// message were lost, watch would bring each case to its end. It is done when no open case is
// half planned and no step is overdue without a message on its way.
package watch

import (
	"context"
	"errors"
	"log/slog"
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
}

// Watch looks after all open cases.
type Watch struct {
	Ledger *ledger.Ledger
	Bus    Bus
	Now    func() time.Time
	Log    *slog.Logger
}

// patience is how long a message may be on its way before it counts as lost, and a case
// planning before it counts as half planned.
const patience = 30 * time.Second

// Run goes over every open case once. What fails for one case does not keep it from the
// others; all errors are returned together.
func (w *Watch) Run(ctx context.Context) error {
	cases, err := w.Ledger.Cases(ctx)
	if err != nil {
		return err
	}
	waiting, err := w.oldest(ctx)
	if err != nil {
		return err
	}
	var failures []error
	for _, c := range cases {
		if err := w.look(ctx, c, waiting); err != nil {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

func (w *Watch) look(ctx context.Context, c *offboarding.Case, waiting map[offboarding.StepName]time.Duration) error {
	now := w.Now()
	if !c.Published() {
		if now.Sub(c.ChangedAt) < patience {
			return nil
		}
		w.Log.Warn("half-planned case resumed", "case", c.ID)
		_, err := worker.Dispatch(ctx, w.Bus, w.Ledger, c)
		return err
	}
	for _, step := range c.Steps {
		overdue := now.Sub(step.Due)
		if step.State.Settled() || overdue < patience || step.Lease.Until.After(now) {
			continue
		}
		// A message as old as that is still in the queue: a backlog, not a loss.
		if waiting[step.Name] >= overdue {
			continue
		}
		w.Log.Warn("overdue step republished", "case", c.ID, "step", step.Name, "n", step.N, "overdue", overdue.Round(time.Second))
		if err := worker.Republish(ctx, w.Bus, w.Ledger, c, step, now); err != nil {
			return err
		}
	}
	return nil
}

// oldest is the age of the oldest message that waits for each step.
func (w *Watch) oldest(ctx context.Context) (map[offboarding.StepName]time.Duration, error) {
	ages := map[offboarding.StepName]time.Duration{}
	for _, spec := range offboarding.Steps {
		depth, err := w.Bus.Depth(ctx, string(spec.Name))
		if err != nil {
			return nil, err
		}
		ages[spec.Name] = depth.OldestAge
	}
	return ages, nil
}
