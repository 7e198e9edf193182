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
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"

	"leaver/shared/offboarding"
)

// Errors of the ledger, beside those of the [Store].
var (
	// ErrNoCase: there is no such case.
	ErrNoCase = errors.New("no such case")
	// ErrLeaseLost: another run holds the step now; this one must not write any more.
	ErrLeaseLost = errors.New("the lease is lost")
	// ErrReplanned: the plan has changed since the run began; it must not write any more.
	ErrReplanned = errors.New("the plan has changed")
	// ErrUnreadable: a history does not hold what this version of Leaver can read: an entry was
	// altered, or a newer version wrote it. Nothing is done by it until a person has looked.
	ErrUnreadable = errors.New("the history is unreadable")
)

// Unreadable is a case or request whose history cannot be read, and why.
type Unreadable struct {
	ID  string
	Why error // ErrUnreadable or ErrTruncated
}

// maxTries bounds how often a commit is decided again because another one came first.
const maxTries = 100

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
	// exclusives are positions in the histories of [Ledger.Exclusively], by name.
	exclusives sync.Map
	brakes     brakes
	proof      Proof
	anchors    anchors
}

// New makes a ledger on a store. Now is the clock of the entries, random the source of the
// salts that protect the hashes of personal values, proof says whose signatures count.
func New(store Store, now func() time.Time, random io.Reader, proof Proof) *Ledger {
	return &Ledger{store: store, now: now, random: random, proof: proof}
}

// Case is the case as it is now, strongly consistent. Errors: ErrNoCase, ErrUnreadable, and those
// of the store.
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

// newest is c with what was committed since, while all of it is proven.
func (l *Ledger) newest(ctx context.Context, c *offboarding.Case) (*offboarding.Case, error) {
	c, err := l.whole(ctx, c)
	if err == nil && c.Unproven != "" {
		return nil, fmt.Errorf("%w: case %s, %w: %s", ErrUnreadable, c.ID, ErrUnproven, c.Unproven)
	}
	return c, err
}

// whole is c with what was committed since, proven or not.
func (l *Ledger) whole(ctx context.Context, c *offboarding.Case) (*offboarding.Case, error) {
	entries, err := l.store.Read(ctx, c.ID, c.Position)
	if err != nil {
		return nil, fmt.Errorf("reading case %s from entry %d on: %w", c.ID, c.Position+1, err)
	}
	for _, raw := range entries {
		if c, err = l.proof.with(c, raw); err != nil {
			return nil, err
		}
	}
	if len(entries) > 0 {
		l.folds.keep(c)
	}
	return c, nil
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
		if c, err = l.proof.with(c, raw); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(raw, &entries[i]); err != nil {
			return nil, fmt.Errorf("reading case %s: %w", id, err)
		}
	}
	return entries, nil
}

// Latest is the newest case of a leaver that is not set aside; nil when there was none yet.
func (l *Ledger) Latest(ctx context.Context, leaver string) (*offboarding.Case, error) {
	latest, _, err := l.latest(ctx, leaver)
	return latest, err
}

// latest is the newest case of a leaver, and the id of the one after all there are.
func (l *Ledger) latest(ctx context.Context, leaver string) (latest *offboarding.Case, next string, err error) {
	for k := 1; ; k++ {
		id := caseID(leaver, k)
		c, err := l.fold(ctx, id)
		if errors.Is(err, ErrUnreadable) {
			if is, asked := l.isAside(ctx, id); is || asked != nil {
				if asked != nil {
					return nil, "", asked
				}
				continue
			}
		}
		if err != nil {
			return nil, "", err
		}
		if c.Position == 0 {
			return latest, id, nil
		}
		latest = c
	}
}

// Leaving reports whether a user has an open case.
func (l *Ledger) Leaving(ctx context.Context, user string) (bool, error) {
	c, err := l.Latest(ctx, user)
	return c != nil && c.Leaving(), err
}

// Opening is what opens a case or joins one.
type Opening struct {
	Tenant  string
	Leaver  string // object id
	Request offboarding.Request
	Plan    offboarding.Plan
	// Trace is a span of the trace that a new case belongs to, as W3C Trace Context has it; empty = none.
	Trace string
	// Brakes hold the departure from the beginning. Bounds are what it is counted against; without
	// any it is counted all the same.
	Brakes []offboarding.Brake
	Bounds []offboarding.Bound
	// Personal values are kept beside the history, such as the userPrincipalName.
	Personal map[string]string
}

// Open opens a case for the leaver, or joins the request to the one that is open; there is
// never more than one. A request that is not newer than what the leaver's last case knew when it
// closed gets that case as it is: a later cancellation wins, and a departure that is over is not
// done again to somebody who came back. A joined request whose event is newer and whose plan
// differs changes the plan, and the case is planning again.
//
// A departure that would exceed a bound at its leaving time, or now where that is past, is held. It
// is counted once, when it is opened; one that is held for an approval is counted when it begins.
func (l *Ledger) Open(ctx context.Context, o Opening) (*offboarding.Case, error) {
	return l.nextCase(ctx, o.Leaver, func(latest *offboarding.Case, id string) (*offboarding.Case, error) {
		switch {
		case latest == nil:
		case slices.Contains(latest.Requests, o.Request.ID):
			return latest, nil
		case !latest.Leaving() && !o.Request.EventTime.After(latest.EventTime):
			return latest, nil
		case latest.Undoing(): // who leaves anew is not brought back any more
			if _, err := l.StopUndo(ctx, latest.ID, offboarding.Person{}); err != nil {
				return nil, err
			}
		case latest.Leaving():
			return l.update(ctx, latest.ID, func(c *offboarding.Case) (*offboarding.Entry, error) { return l.join(ctx, c, o) })
		}
		counted, brakes, err := l.measure(ctx, id, o, slices.ContainsFunc(o.Brakes, func(b offboarding.Brake) bool { return b.Step == "" }))
		if err != nil {
			return nil, err
		}
		return l.create(ctx, id, offboarding.Entry{
			Kind: offboarding.EntryOpened, Tenant: o.Tenant, Leaver: o.Leaver, Source: o.Request.Source,
			Request: o.Request.ID, EventTime: o.Request.EventTime, Plan: &o.Plan, Trace: o.Trace,
			Counted: counted, Brakes: append(slices.Clip(o.Brakes), brakes...),
		}, withAsker(o.Personal, 1, o.Request.By))
	})
}

// measure counts a departure for the time that its plan says, or returns the brakes of the bounds
// that it would exceed. One that is held otherwise is not counted yet.
func (l *Ledger) measure(ctx context.Context, id string, o Opening, held bool) (counted bool, brakes []offboarding.Brake, err error) {
	b := offboarding.Beginning{Case: id, Source: o.Request.Source, At: l.beginsAt(o.Plan)}
	var exceeded []offboarding.Bound
	if held {
		known, err := l.Brakes(ctx)
		if err != nil {
			return false, nil, err
		}
		exceeded = known.Tally.Exceeded(b, o.Bounds)
	} else if exceeded, err = l.count(ctx, b, o.Bounds); err != nil {
		return false, nil, err
	}
	return !held && len(exceeded) == 0, limitBrakes(exceeded), nil
}

// withAsker adds who asked to the personal values of an entry, where that is a person.
func withAsker(personal map[string]string, position int, by offboarding.Person) map[string]string {
	if !by.Named() {
		return personal
	}
	personal = maps.Clone(personal)
	if personal == nil {
		personal = map[string]string{}
	}
	maps.Copy(personal, personValues(askedBy, position, by, nil))
	return personal
}

// join is the entry by which a request joins an open case, and changes its plan or not.
func (l *Ledger) join(ctx context.Context, c *offboarding.Case, o Opening) (*offboarding.Entry, error) {
	if !c.Leaving() {
		return nil, ErrConflict
	}
	if slices.Contains(c.Requests, o.Request.ID) {
		return nil, nil
	}
	e := &offboarding.Entry{Kind: offboarding.EntryJoined, Request: o.Request.ID, EventTime: o.Request.EventTime, Source: o.Request.Source}
	var personal map[string]string
	var err error
	if o.Request.EventTime.After(c.EventTime) && (!c.Plan.Same(o.Plan) || unasked(c, o.Brakes)) {
		plan := o.Plan
		plan.Version = c.Plan.Version + 1
		e.Plan = &plan
		personal = maps.Clone(o.Personal)
		maps.DeleteFunc(personal, func(name, _ string) bool { return c.Sealed(name) })
		e.Brakes = o.Brakes
		if !c.Begun() && !c.Plan.LeavingTime.Equal(plan.LeavingTime) {
			held := len(o.Brakes) > 0 || slices.ContainsFunc(c.Held(), func(b offboarding.Brake) bool { return b.Kind == offboarding.BrakeApproval })
			var brakes []offboarding.Brake
			if e.Counted, brakes, err = l.measure(ctx, c.ID, o, held); err != nil {
				return nil, err
			}
			e.Brakes = append(slices.Clip(o.Brakes), brakes...)
		}
	}
	e.Sealed, err = l.seal(ctx, c.ID, withAsker(personal, c.Position+1, o.Request.By))
	return e, err
}

// unasked reports whether a brake holds that came with the plan and that brakes do not ask for.
func unasked(c *offboarding.Case, brakes []offboarding.Brake) bool {
	return slices.ContainsFunc(c.Brakes, func(was offboarding.Brake) bool {
		return was.Plan && was.Holds() && !slices.ContainsFunc(brakes, func(b offboarding.Brake) bool {
			return b.Kind == was.Kind && b.By == was.By && b.Step == was.Step
		})
	})
}

// nextCase lets decide go on from the leaver's latest case, nil when there is none; id is that of
// a case after it. It is asked again as long as another commit comes first.
func (l *Ledger) nextCase(ctx context.Context, leaver string, decide func(latest *offboarding.Case, id string) (*offboarding.Case, error)) (*offboarding.Case, error) {
	for range maxTries {
		latest, next, err := l.latest(ctx, leaver)
		if err != nil {
			return nil, err
		}
		c, err := decide(latest, next)
		if !errors.Is(err, ErrConflict) {
			return c, err
		}
	}
	return nil, contended("the cases of " + leaver)
}

// create commits the first entry of a case; ErrConflict when it exists already.
func (l *Ledger) create(ctx context.Context, id string, e offboarding.Entry, personal map[string]string) (*offboarding.Case, error) {
	sealed, err := l.seal(ctx, id, personal)
	if err != nil {
		return nil, err
	}
	e.Sealed = sealed
	return l.append(ctx, &offboarding.Case{ID: id}, e)
}

// MarkPublished commits that every message of the case's plan was acknowledged.
func (l *Ledger) MarkPublished(ctx context.Context, id string, planVersion int) (*offboarding.Case, error) {
	return l.update(ctx, id, func(c *offboarding.Case) (*offboarding.Entry, error) {
		if c.Published() || c.Plan.Version != planVersion || c.Cancelled != nil && !c.Undoing() {
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
	c, err := l.nextCase(ctx, k.Leaver, func(latest *offboarding.Case, id string) (*offboarding.Case, error) {
		switch {
		case latest != nil && latest.Undoing() && !latest.Leaving():
			return latest, nil // who stays is being brought back
		case latest == nil, !latest.Leaving() && k.EventTime.After(latest.EventTime):
			return l.create(ctx, id, entry, k.Personal)
		case !latest.Leaving(), k.EventTime.Before(latest.EventTime):
			return latest, nil
		}
		var err error
		if entry.Sealed, err = l.seal(ctx, latest.ID, k.Personal); err != nil {
			return nil, err
		}
		return l.update(ctx, latest.ID, func(c *offboarding.Case) (*offboarding.Entry, error) {
			if !c.Leaving() || k.EventTime.Before(c.EventTime) {
				return nil, nil
			}
			return &entry, nil
		})
	})
	if err == nil && c.Cancelled != nil && !c.Begun() {
		err = l.drop(ctx, c.ID)
	}
	return c, err
}

// Cases returns the cases that are not closed, each strongly consistent. One that cannot be read
// keeps nobody from the others: it is among the unreadable.
func (l *Ledger) Cases(ctx context.Context) ([]*offboarding.Case, []Unreadable, error) {
	return l.list(ctx, labelPlanning, labelOpen)
}

// AllCases returns every case there ever was, as [Ledger.Cases] does.
func (l *Ledger) AllCases(ctx context.Context) ([]*offboarding.Case, []Unreadable, error) {
	return l.list(ctx, labelPlanning, labelOpen, labelClosed, labelErased)
}

// Unerased returns the closed cases that may have personal values, as [Ledger.Cases] does.
func (l *Ledger) Unerased(ctx context.Context) ([]*offboarding.Case, []Unreadable, error) {
	return l.list(ctx, labelClosed)
}

// CaseHeads are the ends of the histories of the cases that are open, and of those that are over as the index
// has them, each of which may be stale by a moment. Who keeps what they made of a case reads it again when
// its head is another.
func (l *Ledger) CaseHeads(ctx context.Context) (open, over []Head, err error) {
	// First those that are open: one that ends meanwhile is in both, and not in neither.
	if open, err = l.store.List(ctx, labelPlanning, labelOpen); err != nil {
		return nil, nil, fmt.Errorf("listing cases: %w", err)
	}
	if over, err = l.store.Hints(ctx, labelClosed, labelErased); err != nil {
		return nil, nil, fmt.Errorf("listing cases: %w", err)
	}
	is := make(map[string]bool, len(open))
	for _, head := range open {
		is[head.ID] = true
	}
	return open, slices.DeleteFunc(over, func(h Head) bool { return is[h.ID] }), nil
}

func (l *Ledger) list(ctx context.Context, labels ...string) (cases []*offboarding.Case, unreadable []Unreadable, err error) {
	heads, err := l.store.List(ctx, labels...)
	if err != nil {
		return nil, nil, fmt.Errorf("listing cases: %w", err)
	}
	for _, head := range heads {
		c, err := l.Case(ctx, head.ID)
		switch {
		case err == nil:
			cases = append(cases, c)
		case errors.Is(err, ErrUnreadable), errors.Is(err, ErrTruncated), errors.Is(err, ErrNoCase):
			is, asked := l.isAside(ctx, head.ID)
			if asked != nil {
				return nil, nil, asked
			}
			if !is {
				unreadable = append(unreadable, Unreadable{head.ID, err})
			}
		default:
			return nil, nil, err
		}
	}
	return cases, unreadable, nil
}

// fold reads a case; one that does not exist has position 0.
func (l *Ledger) fold(ctx context.Context, id string) (*offboarding.Case, error) {
	if !isCaseID(id) {
		return nil, fmt.Errorf("%w: %q is not the id of a case", ErrNoCase, id)
	}
	return l.newest(ctx, l.folds.of(id))
}

// update commits the entry that decide makes of the case as it is; decide returns a nil entry
// when there is nothing to commit. It begins with the newest fold at hand and reads nothing: the
// commit itself proves that no other entry came first. When one did, or when decide would commit
// nothing, the case is read and decide asked again.
func (l *Ledger) update(ctx context.Context, id string, decide func(*offboarding.Case) (*offboarding.Entry, error)) (*offboarding.Case, error) {
	if !isCaseID(id) {
		return nil, fmt.Errorf("%w: %q is not the id of a case", ErrNoCase, id)
	}
	c := l.folds.of(id)
	read := false
	for range maxTries {
		if c.Position > 0 && c.Unproven == "" {
			entry, err := decide(c)
			switch {
			case err == nil && entry != nil:
				next, err := l.append(ctx, c, *entry)
				if !errors.Is(err, ErrConflict) {
					return next, err
				}
			case read && err != nil:
				return nil, err
			case read:
				return c, nil
			}
		}
		var err error
		if c, err = l.newest(ctx, c); err != nil {
			return nil, err
		}
		if read = true; c.Position == 0 {
			return nil, fmt.Errorf("%w: %s", ErrNoCase, id)
		}
	}
	return nil, contended("case " + id)
}

// contended is the error of a commit that others always came before.
func contended(what string) error {
	return fmt.Errorf("committing to %s: %w: another commit came first %d times", what, ErrUnavailable, maxTries)
}

// append commits the entry as the next one of c and returns c with it.
func (l *Ledger) append(ctx context.Context, c *offboarding.Case, e offboarding.Entry) (*offboarding.Case, error) {
	e.Position, e.Previous, e.At = c.Position+1, c.Hash, l.now().UTC()
	raw, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encoding entry %d of case %s: %w", e.Position, c.ID, err)
	}
	if e.Kind.Decides() {
		if raw, err = l.proof.sign(ctx, c.ID, raw); err != nil {
			return nil, err
		}
	}
	next, err := l.proof.with(c, raw)
	if err != nil {
		return nil, err
	}
	if next.Unproven != "" {
		return nil, fmt.Errorf("%w: case %s, %s", ErrUnproven, c.ID, next.Unproven)
	}
	if err := l.store.Append(ctx, c.ID, e.Position, label(next), raw); err != nil {
		return nil, fmt.Errorf("appending entry %d (%s) to case %s: %w", e.Position, e.Kind, c.ID, err)
	}
	l.folds.keep(next)
	return next, nil
}

func hash(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
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

// The id of a case is its leaver's object id and a number. Those of requests are of another form
// (see [offboarding.IsRequestID]), so that neither is ever taken for the other.
var caseIDs = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-[1-9][0-9]{0,8}$`)

func isCaseID(id string) bool { return caseIDs.MatchString(id) }

func caseID(leaver string, k int) string { return leaver + "-" + strconv.Itoa(k) }
