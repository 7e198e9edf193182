package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"leaver/shared/bus"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
)

// work lets the step work while the lock and the lease are kept, and returns its verdict and its job,
// with the evidence it gathered and what it asked for.
func (w *Worker) work(ctx context.Context, d bus.Delivery, run *ledger.Run) (job *offboarding.Job, verdict error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var renewal sync.WaitGroup
	renewal.Go(func() { w.renew(ctx, d, run, stop) })
	defer renewal.Wait()
	defer stop(nil)

	c := run.Case()
	job = &offboarding.Job{
		Leaver: c.Leaver, Case: c, Step: c.Step(w.Name), Now: w.Now(), Thawed: run.Thawed(),
		Evidence: map[string]string{}, Personal: run.Personal,
	}
	kept := func(c *offboarding.Case, err error) error {
		if err == nil {
			job.Case, job.Step = c, c.Step(w.Name)
		}
		return err
	}
	job.Keep = func(ctx context.Context, before, progress map[string]string) error {
		return kept(run.Keep(ctx, before, progress))
	}
	job.KeepPersonal = func(ctx context.Context, before map[string]string) error {
		return kept(run.KeepPersonal(ctx, before))
	}
	working := offboarding.WithWriteGuard(ctx, run)
	spec, _ := offboarding.SpecOf(w.Name)
	if spec.Irreversible && !job.Step.Undo {
		working = offboarding.WithWriteGuard(ctx, w.LastLook.Before(run, c, w.Name))
	}
	if spec.Urgent {
		working = offboarding.WithUrgency(working)
	}
	switch {
	case job.Step.Undo:
		verdict = undo(working, w.Step, job)
	default:
		if verdict = job.HeldBack(); verdict == nil {
			verdict = w.LastLook.Begins(working, job)
		}
		if verdict == nil {
			verdict = w.Step.Work(working, job)
		}
	}
	if cause := context.Cause(ctx); cause != nil && verdict != nil {
		verdict = errors.Join(cause, verdict)
	}
	return job, verdict
}

// renew keeps lock and lease while the step works; when either is lost, the work is stopped.
func (w *Worker) renew(ctx context.Context, d bus.Delivery, run *ledger.Run, stop context.CancelCauseFunc) {
	until := d.LockedUntil()
	for {
		timer := time.NewTimer(max(until.Sub(w.Now())/3, 10*time.Millisecond))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		var err error
		if until, err = d.Renew(ctx); err == nil {
			err = run.Renew(ctx, until)
		}
		if err != nil && ctx.Err() == nil {
			stop(fmt.Errorf("%w: %w", ledger.ErrLeaseLost, err))
			return
		}
	}
}
