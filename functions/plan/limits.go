package plan

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/worker"
)

// bounds are the limits that a departure by the word of a source is held to.
func (p *Planner) bounds(ctx context.Context, source string) ([]offboarding.Bound, error) {
	n := 0
	if p.Policy.Limits.Share > 0 {
		var err error
		if n, err = p.members.count(ctx, p.Directory, p.Now()); err != nil {
			return nil, fmt.Errorf("looking up what the limits are: %w", err)
		}
	}
	bounds := p.Policy.Limits.Bounds(n)
	if perHour := p.SourceLimits[source]; perHour > 0 {
		bounds = append(bounds, offboarding.SourceBound(source, perHour))
	}
	return bounds, nil
}

// Bounds are all limits, those of the sources too.
func (p *Planner) Bounds(ctx context.Context) ([]offboarding.Bound, error) {
	bounds, err := p.bounds(ctx, "")
	for _, source := range slices.Sorted(maps.Keys(p.SourceLimits)) {
		bounds = append(bounds, offboarding.SourceBound(source, p.SourceLimits[source]))
	}
	return bounds, err
}

// members is how many members were enabled when they were counted last.
type members struct {
	mu sync.Mutex
	n  int
	at time.Time
}

// membersLast is for how long: the share of a limit is a few percent of them.
const membersLast = time.Hour

func (m *members) count(ctx context.Context, d Directory, now time.Time) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.at.IsZero() && now.Sub(m.at) < membersLast {
		return m.n, nil
	}
	n, err := d.EnabledMembers(ctx)
	if err != nil {
		return 0, err
	}
	m.n, m.at = n, now
	return n, nil
}

// Minute is what plan does by the clock: it lets departures go on that a person has made room for, holds
// those ahead that have become dangerous, and puts the anchors of the ledger, which no other function may sign.
func (p *Planner) Minute(ctx context.Context) error {
	_, err := p.Ledger.Anchor(ctx) // what is wrong, watch says
	return errors.Join(p.readmit(ctx), p.lookAgain(ctx), err)
}

// readmit lets the departures go on that limits hold and that a person has made room for, who came first
// first. What fails for one of them does not keep it from the others.
func (p *Planner) readmit(ctx context.Context) error {
	brakes, err := p.Ledger.Brakes(ctx)
	if err != nil || brakes.Tally.Allowed(p.Now()) == 0 {
		return err
	}
	cases, _, err := p.Ledger.Cases(ctx)
	if err != nil {
		return err
	}
	slices.SortFunc(cases, func(a, b *offboarding.Case) int { return a.OpenedAt.Compare(b.OpenedAt) })
	var failures []error
	for _, c := range cases {
		c, released, err := p.Ledger.Readmit(ctx, c)
		if err == nil && released {
			p.Log.Info("held departure goes on: a person has allowed more", "case", c.ID)
			_, err = worker.Dispatch(ctx, p.Bus, p.Ledger, c)
		}
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}
