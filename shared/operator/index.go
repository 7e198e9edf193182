package operator

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
)

// Index keeps what was made of every case, so that nobody folds ten thousand of them to see the few that
// need a person: a case is read again only when something was appended to it. The zero value is ready.
type Index struct {
	reading sync.Mutex // held while it is brought up to date: one is enough

	mu    sync.Mutex
	cases map[string]indexed
}

// indexed is a case as it was at a position.
type indexed struct {
	position int
	// open is the case while its state may change by the time alone, with the personal values; then
	// status is not there.
	open     *offboarding.Case
	personal map[string]string
	status   Status // in short
}

// readers are how many cases are read at the same time.
const readers = 16

// statuses are all cases as they are now, in short.
func (x *Index) statuses(ctx context.Context, l *ledger.Ledger, now time.Time) ([]Status, error) {
	x.reading.Lock()
	defer x.reading.Unlock()
	heads, err := l.CaseHeads(ctx)
	if err != nil {
		return nil, err
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for _, head := range heads {
		x.mu.Lock()
		was, known := x.cases[head.ID]
		x.mu.Unlock()
		if known && was.position == head.Position { // one that ends earlier than before has to be looked at, too
			continue
		}
		group.Go(func() error { return x.read(groupCtx, l, head, now) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	out := make([]Status, 0, len(heads))
	for _, head := range heads {
		each := x.cases[head.ID]
		if each.open != nil {
			each = indexedAt(each.open, each.personal, now)
			x.cases[head.ID] = each
		}
		if each.open != nil {
			each.status = short(StatusOf(each.open, each.personal, now))
		}
		out = append(out, each.status)
	}
	return out, nil
}

// read reads a case. One that cannot be read is shown as such, and keeps nobody from the others.
func (x *Index) read(ctx context.Context, l *ledger.Ledger, head ledger.Head, now time.Time) error {
	c, err := l.Case(ctx, head.ID)
	var each indexed
	switch {
	case err == nil:
		personal, err := l.PersonalOf(ctx, c)
		if err != nil {
			return err
		}
		each = indexedAt(c, personal, now)
	case errors.Is(err, ledger.ErrUnreadable), errors.Is(err, ledger.ErrTruncated), errors.Is(err, ledger.ErrNoCase):
		personal, failed := l.Personal(ctx, head.ID)
		if failed != nil {
			return failed
		}
		each = indexed{position: head.Position, status: unreadable(ledger.Unreadable{ID: head.ID, Why: err}, personal)}
	default:
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.cases == nil {
		x.cases = map[string]indexed{}
	}
	x.cases[head.ID] = each
	return nil
}

// indexedAt is a case as it is kept: whole while the time alone changes how it stands.
func indexedAt(c *offboarding.Case, personal map[string]string, now time.Time) indexed {
	if state := c.State(now); state == offboarding.CaseComplete || state == offboarding.CaseCancelled {
		return indexed{position: c.Position, status: short(StatusOf(c, personal, now))}
	}
	return indexed{position: c.Position, open: c, personal: personal}
}

// short is a status without what only the page of a single case shows.
func short(s Status) Status {
	for i := range s.Steps {
		s.Steps[i].Evidence, s.Steps[i].Rule.Text, s.Steps[i].Rule.Source = nil, "", ""
	}
	return s
}

// unreadable is how a case is shown that cannot be read.
func unreadable(u ledger.Unreadable, personal map[string]string) Status {
	return Status{
		Case: u.ID, Leaver: Leaver{UserPrincipalName: personal["userPrincipalName"]},
		State: string(offboarding.CaseUnreadable), Reason: u.Why.Error(), Steps: []StepStatus{},
	}
}

// Overview are all cases and parked requests in short, oldest first: without what was observed.
func (s *Desk) Overview(ctx context.Context) ([]Status, error) {
	out, err := s.Index.statuses(ctx, s.Ledger, s.Now())
	if err != nil {
		return nil, err
	}
	parked, err := parkedRequests(ctx, s.Ledger)
	if err != nil {
		return nil, err
	}
	out = append(out, parked...)
	slices.SortStableFunc(out, func(a, b Status) int { return a.Opened.Compare(b.Opened) })
	brakes, err := s.Ledger.Brakes(ctx)
	if err != nil {
		return nil, err
	}
	for i := range out {
		out[i].Frozen = known(brakes.Frozen)
	}
	return out, nil
}
