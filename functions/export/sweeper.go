package export

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"leaver/shared/offboarding"
)

// Sweeper deletes exports whose time is over, in every storage that the policy names.
type Sweeper struct {
	Storage  Storage
	Storages []string
	// Frozen is asked before every deletion: nothing is deleted while the installation is frozen, or when
	// nobody knows whether it is.
	Frozen func(ctx context.Context) (bool, error)
	Now    func() time.Time
	Log    *slog.Logger

	mu   sync.Mutex
	last time.Time
}

// sweepEvery is how often a process looks.
const sweepEvery = time.Hour

// Run looks into every storage, unless it did within the hour. Storages that nobody has written to yet, or
// that cannot be reached, are left for the next time.
func (s *Sweeper) Run(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.Now()
	if !s.last.IsZero() && now.Sub(s.last) < sweepEvery {
		return nil
	}
	s.last = now
	ctx = offboarding.WithWriteGuard(ctx, unlessFrozen{s.Frozen})
	var failures []error
	for _, storage := range s.Storages {
		deleted, err := Sweep(ctx, s.Storage, storage, now)
		for _, id := range deleted {
			s.Log.Info("an export was deleted, because its time is over", "case", id)
		}
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

// unlessFrozen is the write guard of a sweep.
type unlessFrozen struct {
	frozen func(ctx context.Context) (bool, error)
}

var errFrozen = errors.New("the installation is frozen")

func (g unlessFrozen) Allow(ctx context.Context) error {
	frozen, err := g.frozen(ctx)
	if err == nil && frozen {
		err = errFrozen
	}
	return err
}

func (unlessFrozen) Record(offboarding.Call) {}
