package worker

import (
	"context"
	"maps"
	"sync/atomic"
	"time"

	"leaver/shared/offboarding"
)

// Rehearsal is what a run of a step would meet in the world as it is.
type Rehearsal struct {
	// Acts is set when the step would write.
	Acts bool
	// Verdict is what the run ended with: rehearsed when the step would only write.
	Verdict offboarding.Verdict
	// Evidence is what the run observed.
	Evidence map[string]string
}

// Rehearse runs a step that may not write and keeps nothing: each write that it asks for is
// refused, and what else it meets is its verdict. Personal values are those the case would have.
func Rehearse(ctx context.Context, step Step, name offboarding.StepName, c *offboarding.Case, personal map[string]string, now time.Time) Rehearsal {
	record := *c.Step(name)
	record.Before, record.Progress = maps.Clone(record.Before), maps.Clone(record.Progress)
	keep := func(into *map[string]string, values map[string]string) {
		if *into == nil {
			*into = map[string]string{}
		}
		maps.Copy(*into, values)
	}
	job := &offboarding.Job{
		Leaver: c.Leaver, Case: c, Step: &record, Now: now, Evidence: map[string]string{},
		Keep: func(_ context.Context, before, progress map[string]string) error {
			keep(&record.Before, before)
			keep(&record.Progress, progress)
			return nil
		},
		KeepPersonal: func(_ context.Context, before map[string]string) error {
			for name := range before {
				keep(&record.Before, map[string]string{name: "sealed"})
			}
			return nil
		},
		Personal: func(context.Context) (map[string]string, error) { return personal, nil },
	}
	var r rehearsing
	verdict := step.Work(offboarding.WithWriteGuard(ctx, &r), job)
	return Rehearsal{Acts: r.asked.Load(), Verdict: offboarding.VerdictOf(verdict), Evidence: job.Evidence}
}

// rehearsing is a write guard that never allows.
type rehearsing struct{ asked atomic.Bool }

// Allow implements offboarding.WriteGuard.
func (r *rehearsing) Allow(context.Context) error {
	r.asked.Store(true)
	return offboarding.ErrRehearsed
}

// Record implements offboarding.WriteGuard.
func (r *rehearsing) Record(offboarding.Call) {}
