package operator

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
)

// Index keeps what was made of every case, so that nobody folds ten thousand of them to see the few that
// need a person: a case is read again only when its head is another. The zero value is ready.
type Index struct {
	// Within is how long a look may take to read cases that are over, of which there may be thousands that
	// nobody has read yet; those that are left, or could not be read just now, are read by the next ones.
	// Open cases are always read. Zero is as long as it takes.
	Within time.Duration

	reading sync.Mutex // held while it is brought up to date: one is enough

	mu     sync.Mutex
	cases  map[string]indexed
	unread int // of the last look
}

// indexed is a case as it was at a head.
type indexed struct {
	head ledger.Head
	// open is the case while its state may change by the time alone, with the personal values; then
	// status is not there.
	open     *offboarding.Case
	personal map[string]string
	status   Status // in short
}

// readers are how many cases are read at the same time.
const readers = 16

// statuses are the cases as they are now, in short.
func (x *Index) statuses(ctx context.Context, l *ledger.Ledger, now time.Time) ([]Status, error) {
	patience := ctx
	if x.Within > 0 {
		var stop context.CancelFunc
		patience, stop = context.WithTimeout(ctx, x.Within)
		defer stop()
	}
	x.reading.Lock()
	defer x.reading.Unlock()
	open, over, err := l.CaseHeads(ctx)
	if err == nil {
		err = x.readAll(ctx, l, open, now)
	}
	if err == nil {
		err = x.readAll(patience, l, over, now)
		// The next look goes on where there was no time left, or one of thousands of reads failed.
		if x.Within > 0 && ctx.Err() == nil && (patience.Err() != nil || errors.Is(err, ledger.ErrUnavailable)) {
			err = nil
		}
	}
	if err != nil {
		return nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.unread = 0
	out := make([]Status, 0, len(open)+len(over))
	for _, head := range append(open, over...) {
		each, known := x.cases[head.ID]
		if !known {
			x.unread++
			continue
		}
		if each.open != nil {
			each = indexedAt(each.head, each.open, each.personal, now)
			x.cases[head.ID] = each
		}
		if each.open != nil {
			each.status = short(StatusOf(each.open, each.personal, now))
		}
		out = append(out, each.status)
	}
	return out, nil
}

// readAll reads those whose heads are others than before.
func (x *Index) readAll(ctx context.Context, l *ledger.Ledger, heads []ledger.Head, now time.Time) error {
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for _, head := range heads {
		x.mu.Lock()
		was, known := x.cases[head.ID]
		x.mu.Unlock()
		if known && was.head == head { // one that ends earlier than before has to be looked at, too
			continue
		}
		if groupCtx.Err() != nil {
			break
		}
		group.Go(func() error { return x.read(groupCtx, l, head, now) })
	}
	return cmp.Or(group.Wait(), ctx.Err())
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
		each = indexedAt(head, c, personal, now)
	case errors.Is(err, ledger.ErrUnreadable), errors.Is(err, ledger.ErrTruncated), errors.Is(err, ledger.ErrNoCase):
		personal, failed := l.Personal(ctx, head.ID)
		if failed != nil {
			return failed
		}
		each = indexed{head: head, status: unreadable(ledger.Unreadable{ID: head.ID, Why: err}, personal)}
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
func indexedAt(head ledger.Head, c *offboarding.Case, personal map[string]string, now time.Time) indexed {
	if state := c.State(now); state == offboarding.CaseComplete || state == offboarding.CaseCancelled {
		return indexed{head: head, status: short(StatusOf(c, personal, now))}
	}
	return indexed{head: head, open: c, personal: personal}
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

// Unread is how many cases that are over the last overview has left out, because nobody has read them yet:
// see [Index].
func (s *Desk) Unread() int {
	s.Index.mu.Lock()
	defer s.Index.mu.Unlock()
	return s.Index.unread
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
	slices.SortFunc(out, func(a, b Status) int {
		return cmp.Or(a.Opened.Compare(b.Opened), strings.Compare(a.Case, b.Case), strings.Compare(a.Request, b.Request))
	})
	brakes, err := s.Ledger.Brakes(ctx)
	if err != nil {
		return nil, err
	}
	for i := range out {
		out[i].Frozen = known(brakes.Frozen)
	}
	return out, nil
}
