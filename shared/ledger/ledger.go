// Package ledger is the truth about every departure. A case's state is the fold of its
// history, an append-only, hash-chained list of entries; one append at an expected position
// is the only commit. What the bus carries are hints.
//
// [Ledger] holds what is the same for every database; [Store] is the port that drivers
// implement.
package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"

	"leaver/shared/offboarding"
)

// Errors of the ledger, beside those of the [Store].
var (
	// ErrNoCase: there is no such case.
	ErrNoCase = errors.New("no such case")
	// ErrForeign: the message does not belong to any step of the case as the ledger knows it.
	ErrForeign = errors.New("the message is foreign")
	// ErrNotPlanned: the message fits the case, but the plan does not hold the step.
	ErrNotPlanned = fmt.Errorf("%w: the plan does not hold the step", ErrForeign)
	// ErrStale: the ledger is past the message.
	ErrStale = errors.New("the message is stale")
	// ErrLeaseLost: another run holds the step now; this one must not write any more.
	ErrLeaseLost = errors.New("the lease is lost")
	// ErrReplanned: the plan has changed since the run began; it must not write any more.
	ErrReplanned = errors.New("the plan has changed")
)

// LeasedError says that another run works on the step.
type LeasedError struct{ Until time.Time }

func (e *LeasedError) Error() string { return "another run holds the lease" }

// EarlyError says that the step is not due yet.
type EarlyError struct{ Due time.Time }

func (e *EarlyError) Error() string { return "the step is not due yet" }

// The labels by which List finds cases; requests are labelled with their state.
const (
	labelPlanning = "planning"
	labelOpen     = "open"
	labelClosed   = "closed"
	labelErased   = "erased" // closed, and without personal values
)

// early is how much before its due time a step may begin: what two clocks may differ.
const early = 2 * time.Second

// Ledger reads and writes cases and requests. It is safe for concurrent use.
type Ledger struct {
	store  Store
	now    func() time.Time
	random io.Reader
	folds  folds
}

// New makes a ledger on a store. Now is the clock of the entries, random the source of the
// salts that protect the hashes of personal values.
func New(store Store, now func() time.Time, random io.Reader) *Ledger {
	return &Ledger{store: store, now: now, random: random}
}

// Case is the case as it is now, strongly consistent, or ErrNoCase.
func (l *Ledger) Case(ctx context.Context, id string) (*offboarding.Case, error) {
	c, err := l.fold(ctx, id)
	if err != nil {
		return nil, err
	}
	if c.Position == 0 {
		return nil, fmt.Errorf("%w: %s", ErrNoCase, id)
	}
	return c, nil
}

// Refresh folds what was committed since into c and reports whether there was anything.
func (l *Ledger) Refresh(ctx context.Context, c *offboarding.Case) (bool, error) {
	entries, err := l.store.Read(ctx, c.ID, c.Position)
	if err != nil {
		return false, fmt.Errorf("reading the end of case %s: %w", c.ID, err)
	}
	for _, raw := range entries {
		if err := apply(c, raw); err != nil {
			return false, err
		}
	}
	if len(entries) > 0 {
		l.folds.keep(c)
	}
	return len(entries) > 0, nil
}

// History returns the entries of a case, after checking that its chain is whole.
func (l *Ledger) History(ctx context.Context, id string) ([]offboarding.Entry, error) {
	raws, err := l.store.Read(ctx, id, 0)
	if err != nil {
		return nil, fmt.Errorf("reading case %s: %w", id, err)
	}
	c := &offboarding.Case{ID: id}
	entries := make([]offboarding.Entry, len(raws))
	for i, raw := range raws {
		if err := apply(c, raw); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(raw, &entries[i]); err != nil {
			return nil, fmt.Errorf("reading case %s: %w", id, err)
		}
	}
	return entries, nil
}

// Latest is the newest case of a leaver; nil when there was none yet.
func (l *Ledger) Latest(ctx context.Context, leaver string) (*offboarding.Case, error) {
	var latest *offboarding.Case
	for k := 1; ; k++ {
		c, err := l.fold(ctx, caseID(leaver, k))
		if err != nil {
			return nil, err
		}
		if c.Position == 0 {
			return latest, nil
		}
		latest = c
	}
}

// Leaving reports whether a user has an open case.
func (l *Ledger) Leaving(ctx context.Context, user string) (bool, error) {
	c, err := l.Latest(ctx, user)
	return c != nil && c.Open(), err
}

// Opening is what opens a case or joins one.
type Opening struct {
	Tenant  string
	Leaver  string // object id
	Request offboarding.Request
	Plan    offboarding.Plan
	// Personal values are kept beside the history, such as the userPrincipalName.
	Personal map[string]string
}

// Open opens a case for the leaver, or joins the request to the one that is open; there is
// never more than one. A request that is not newer than what the leaver's last case knew when it
// closed gets that case as it is: a later cancellation wins, and a departure that is over is not
// done again to somebody who came back. A joined request whose event is newer and whose plan differs changes
// the plan, and the case is planning again.
func (l *Ledger) Open(ctx context.Context, o Opening) (*offboarding.Case, error) {
	for {
		latest, err := l.Latest(ctx, o.Leaver)
		if err != nil {
			return nil, err
		}
		k := 1
		if latest != nil {
			k = ordinal(latest.ID) + 1
			switch {
			case knows(latest, o.Request.ID):
				return latest, nil
			case !latest.Open() && !o.Request.EventTime.After(latest.EventTime):
				return latest, nil
			case latest.Open():
				c, err := l.update(ctx, latest.ID, func(c *offboarding.Case) (*offboarding.Entry, error) {
					if !c.Open() {
						return nil, ErrConflict
					}
					if knows(c, o.Request.ID) {
						return nil, nil
					}
					e := &offboarding.Entry{Kind: offboarding.EntryJoined, Request: o.Request.ID, EventTime: o.Request.EventTime}
					if o.Request.EventTime.After(c.EventTime) && !c.Plan.Same(o.Plan) {
						plan := o.Plan
						plan.Version = c.Plan.Version + 1
						e.Plan = &plan
						personal := maps.Clone(o.Personal)
						maps.DeleteFunc(personal, func(name, _ string) bool { return c.Sealed(name) })
						var err error
						if e.Sealed, err = l.seal(ctx, c.ID, personal); err != nil {
							return nil, err
						}
					}
					return e, nil
				})
				if errors.Is(err, ErrConflict) {
					continue
				}
				return c, err
			}
		}
		c, err := l.create(ctx, caseID(o.Leaver, k), offboarding.Entry{
			Kind: offboarding.EntryOpened, Tenant: o.Tenant, Leaver: o.Leaver,
			Request: o.Request.ID, EventTime: o.Request.EventTime, Plan: &o.Plan,
		}, o.Personal)
		if errors.Is(err, ErrConflict) {
			continue
		}
		return c, err
	}
}

// create commits the first entry of a case; ErrConflict when it exists already.
func (l *Ledger) create(ctx context.Context, id string, e offboarding.Entry, personal map[string]string) (*offboarding.Case, error) {
	sealed, err := l.seal(ctx, id, personal)
	if err != nil {
		return nil, err
	}
	e.Sealed = sealed
	c := &offboarding.Case{ID: id}
	if err := l.append(ctx, c, e); err != nil {
		return nil, err
	}
	return c, nil
}

// MarkPublished commits that every message of the case's plan was acknowledged.
func (l *Ledger) MarkPublished(ctx context.Context, id string, planVersion int) (*offboarding.Case, error) {
	return l.update(ctx, id, func(c *offboarding.Case) (*offboarding.Entry, error) {
		if c.Published() || c.Plan.Version != planVersion || c.Cancelled != nil {
			return nil, nil
		}
		return &offboarding.Entry{Kind: offboarding.EntryPublished}, nil
	})
}

// Cancellation is what ends a departure.
type Cancellation struct {
	Tenant    string
	Leaver    string // object id
	Request   string
	EventTime time.Time
	Reason    string // no personal data
	// Personal values are kept beside the history, such as the words of who cancelled.
	Personal map[string]string
}

// Cancel writes the tombstone of the leaver's open case. A cancellation for which no case is
// open yet is kept as a case of its own, so that it wins over a request it has overtaken. One
// that is older than the newest request of the leaver's last case, or no newer than what that knew
// when it closed, changes nothing: the case is returned as it is.
func (l *Ledger) Cancel(ctx context.Context, k Cancellation) (*offboarding.Case, error) {
	entry := offboarding.Entry{
		Kind: offboarding.EntryCancelled, Tenant: k.Tenant, Leaver: k.Leaver,
		Request: k.Request, EventTime: k.EventTime, Reason: k.Reason,
	}
	for {
		latest, err := l.Latest(ctx, k.Leaver)
		if err != nil {
			return nil, err
		}
		if latest != nil && (latest.Open() || !k.EventTime.After(latest.EventTime)) {
			if !latest.Open() || k.EventTime.Before(latest.EventTime) {
				return latest, nil
			}
			if entry.Sealed, err = l.seal(ctx, latest.ID, k.Personal); err != nil {
				return nil, err
			}
			return l.update(ctx, latest.ID, func(c *offboarding.Case) (*offboarding.Entry, error) {
				if !c.Open() || k.EventTime.Before(c.EventTime) {
					return nil, nil
				}
				return &entry, nil
			})
		}
		next := 1
		if latest != nil {
			next = ordinal(latest.ID) + 1
		}
		c, err := l.create(ctx, caseID(k.Leaver, next), entry, k.Personal)
		if errors.Is(err, ErrConflict) {
			continue
		}
		return c, err
	}
}

// Cases returns the cases that are not closed, each strongly consistent.
func (l *Ledger) Cases(ctx context.Context) ([]*offboarding.Case, error) {
	return l.list(ctx, labelPlanning, labelOpen)
}

// AllCases returns every case there ever was.
func (l *Ledger) AllCases(ctx context.Context) ([]*offboarding.Case, error) {
	return l.list(ctx, labelPlanning, labelOpen, labelClosed, labelErased)
}

// Unerased returns the closed cases that may have personal values.
func (l *Ledger) Unerased(ctx context.Context) ([]*offboarding.Case, error) {
	return l.list(ctx, labelClosed)
}

func (l *Ledger) list(ctx context.Context, labels ...string) ([]*offboarding.Case, error) {
	heads, err := l.store.List(ctx, labels...)
	if err != nil {
		return nil, fmt.Errorf("listing cases: %w", err)
	}
	cases := make([]*offboarding.Case, 0, len(heads))
	for _, head := range heads {
		c, err := l.Case(ctx, head.ID)
		if err != nil {
			return nil, err
		}
		cases = append(cases, c)
	}
	return cases, nil
}

// fold reads a case; one that does not exist has position 0.
func (l *Ledger) fold(ctx context.Context, id string) (*offboarding.Case, error) {
	c := l.folds.of(id)
	_, err := l.Refresh(ctx, c)
	return c, err
}

// update commits the entry that decide makes of the case as it is; decide returns a nil entry
// when there is nothing to commit. It begins with the newest fold at hand and reads nothing: the
// commit itself proves that no other entry came first. When one did, or when decide would commit
// nothing, the case is read and decide asked again.
func (l *Ledger) update(ctx context.Context, id string, decide func(*offboarding.Case) (*offboarding.Entry, error)) (*offboarding.Case, error) {
	c := l.folds.of(id)
	read := false
	for {
		if c.Position > 0 {
			entry, err := decide(c)
			switch {
			case err == nil && entry != nil:
				if err := l.append(ctx, c, *entry); !errors.Is(err, ErrConflict) {
					return c, err
				}
			case read:
				return c, err
			}
		}
		if _, err := l.Refresh(ctx, c); err != nil {
			return nil, err
		}
		if read = true; c.Position == 0 {
			return nil, fmt.Errorf("%w: %s", ErrNoCase, id)
		}
	}
}

// append commits the entry as the next one of c and folds it in.
func (l *Ledger) append(ctx context.Context, c *offboarding.Case, e offboarding.Entry) error {
	e.Position, e.Previous, e.At = c.Position+1, c.Hash, l.now().UTC()
	raw, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encoding entry %d of case %s: %w", e.Position, c.ID, err)
	}
	next := c.Clone()
	if err := apply(next, raw); err != nil {
		return err
	}
	if err := l.store.Append(ctx, c.ID, e.Position, label(next), raw); err != nil {
		return fmt.Errorf("appending entry %d (%s) to case %s: %w", e.Position, e.Kind, c.ID, err)
	}
	l.folds.keep(next)
	*c = *next
	return nil
}

// apply folds a stored entry into the case; the hash it is chained by is that of its bytes.
func apply(c *offboarding.Case, raw []byte) error {
	var e offboarding.Entry
	if err := json.Unmarshal(raw, &e); err != nil {
		return fmt.Errorf("case %s, entry %d: %w", c.ID, c.Position+1, err)
	}
	sum := sha256.Sum256(raw)
	return c.Apply(e, hex.EncodeToString(sum[:]))
}

// label is what List finds a case by.
func label(c *offboarding.Case) string {
	switch {
	case !c.Open() && !c.ErasedAt.IsZero():
		return labelErased
	case !c.Open():
		return labelClosed
	case c.Published():
		return labelOpen
	}
	return labelPlanning
}

func caseID(leaver string, k int) string { return fmt.Sprintf("%s-%d", leaver, k) }

func ordinal(id string) int {
	var k int
	for i := len(id) - 1; i >= 0; i-- {
		if id[i] == '-' {
			_, _ = fmt.Sscanf(id[i+1:], "%d", &k)
			break
		}
	}
	return k
}

func knows(c *offboarding.Case, request string) bool {
	for _, r := range c.Requests {
		if r == request {
			return true
		}
	}
	return false
}
