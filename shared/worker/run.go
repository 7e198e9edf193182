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

// run is one run of a step under its lease. It is the write guard that adapters ask before every
// write.
type run struct {
	worker *Worker
	holder string
	caseID string
	step   offboarding.StepName

	mu    sync.Mutex
	c     *offboarding.Case
	noted []offboarding.Call
}

// mostCalls bounds the evidence of one run: a ledger entry has to fit into 64 KiB.
const mostCalls = 200

// work lets the step work while the lock and the lease are kept, and returns its verdict and
// the evidence it gathered.
func (r *run) work(ctx context.Context, d bus.Delivery) (evidence map[string]string, verdict error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var renewal sync.WaitGroup
	renewal.Go(func() { r.renew(ctx, d, stop) })
	defer renewal.Wait()
	defer stop(nil)

	job := &offboarding.Job{
		Leaver: r.c.Leaver, Case: r.c, Step: r.c.Step(r.step), Now: r.worker.Now(),
		Evidence: map[string]string{},
	}
	job.Keep = func(ctx context.Context, before, progress map[string]string) error {
		c, err := r.worker.Ledger.Keep(ctx, r.caseID, r.step, r.holder, before, progress)
		if err != nil {
			return err
		}
		job.Case, job.Step = c, c.Step(r.step)
		return nil
	}
	job.KeepPersonal = func(ctx context.Context, before map[string]string) error {
		c, err := r.worker.Ledger.KeepPersonal(ctx, r.caseID, r.step, r.holder, before)
		if err != nil {
			return err
		}
		job.Case, job.Step = c, c.Step(r.step)
		return nil
	}
	job.Personal = func(ctx context.Context) (map[string]string, error) {
		return r.worker.Ledger.Personal(ctx, r.caseID)
	}
	working := offboarding.WithWriteGuard(ctx, r)
	spec, _ := offboarding.SpecOf(r.step)
	if spec.Irreversible {
		working = offboarding.WithWriteGuard(ctx, r.worker.LastLook.Before(r, r.c, r.step))
	}
	if spec.Urgent {
		working = offboarding.WithUrgency(working)
	}
	verdict = r.worker.Step.Work(working, job)
	if cause := context.Cause(ctx); cause != nil && verdict != nil {
		verdict = errors.Join(cause, verdict)
	}
	return job.Evidence, verdict
}

// renew keeps lock and lease while the step works; when either is lost, the work is stopped.
func (r *run) renew(ctx context.Context, d bus.Delivery, stop context.CancelCauseFunc) {
	until := d.LockedUntil()
	for {
		timer := time.NewTimer(max(until.Sub(r.worker.Now())/3, 10*time.Millisecond))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		var err error
		if until, err = d.Renew(ctx); err == nil {
			err = r.worker.Ledger.Renew(ctx, r.caseID, r.step, r.holder, until)
		}
		if err != nil && ctx.Err() == nil {
			stop(fmt.Errorf("%w: %w", ledger.ErrLeaseLost, err))
			return
		}
	}
}

// Check implements offboarding.WriteGuard.
func (r *run) Allow(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	// A fold of its own: the step reads the job's case at the same time.
	fresh := r.c.Clone()
	if err := r.worker.Ledger.Check(ctx, fresh, r.step, r.holder); err != nil {
		return err
	}
	r.c = fresh
	return nil
}

// Note implements offboarding.WriteGuard.
func (r *run) Record(c offboarding.Call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.noted) < mostCalls {
		r.noted = append(r.noted, c)
	}
}

func (r *run) calls() []offboarding.Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.noted
}
