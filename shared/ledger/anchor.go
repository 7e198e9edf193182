package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"leaver/shared/offboarding"
)

// Anchorage keeps anchors where whoever writes the ledger cannot change them: an immutable container, a
// bucket with object lock, a folder of another machine.
type Anchorage interface {
	// Put keeps an anchor under a name that sorts by time, and replaces none.
	Put(ctx context.Context, name string, anchor []byte) error
	// Last returns the anchor whose name sorts last among those before a name, and its own; an empty
	// name where there is none.
	Last(ctx context.Context, before string) (name string, anchor []byte, err error)
}

// anchor is where every history ended at a time. Marks only grow: one that the ledger contradicts is
// carried on.
type anchor struct {
	At    time.Time       `json:"at"`
	Heads map[string]mark `json:"heads"` // by id of the history
	// Previous is the hash of the anchor before it.
	Previous string `json:"previous,omitempty"`
}

// mark is where one history ended.
type mark struct {
	Position int    `json:"position"`
	Hash     string `json:"hash"` // of the entry at that position
}

// anchorID is the place of a history's id in what is signed of an anchor.
const anchorID = "anchor"

// How old the anchor that an irreversible step is held to may be, and how often every history is
// compared and a new anchor put.
const (
	anchorRead  = time.Minute
	anchorEvery = 10 * time.Minute
)

// How far ahead the clock of whoever put an anchor may be, and how many objects that are none are
// passed over in search of one.
const (
	anchorAhead = 5 * time.Minute
	mostSkipped = 100
)

// anchorShares is in how many comparisons every history is read again from its beginning: what of one
// was rewritten behind the back of a host which knows it, and where it ended is as it was.
const anchorShares = 6

// comparedAtOnce is how many histories are read at once: in Table Storage one takes some 30 ms, and
// watch has a minute for all.
const comparedAtOnce = 16

func fnv32(id string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // never fails
	return h.Sum32()
}

// anchorName is the name that an anchor of a time has, and sorts by it.
func anchorName(at time.Time) string {
	return "leaver-" + at.UTC().Format("20060102T150405.000Z") + ".json"
}

// foundAt is where a history ended when it was found as it is to be, and as what it was listed.
type foundAt struct {
	mark
	end
}

// anchors are the ledger's own of the last anchor.
type anchors struct {
	mu      sync.Mutex
	last    *anchor
	hash    string
	at      time.Time // when it was read
	skipped []string  // what stood after it and is none, in words

	comparing sync.Mutex
	found     sync.Map       // of foundAt by id: the histories that were found as they are to be
	compared  time.Time      // when all was compared last
	wrong     []Verification // what that found
	round     uint32         // how often
}

// HoldTo holds the ledger to anchors, before it is used.
func (l *Ledger) HoldTo(a Anchorage) { l.proof.Anchors = a }

// LastAnchor is when the ledger was anchored last, zero while it never was; false where there is no
// anchorage. Errors: those of the anchorage, and ErrUnproven.
func (l *Ledger) LastAnchor(ctx context.Context) (at time.Time, kept bool, err error) {
	last, _, err := l.anchored(ctx, true)
	if err == nil && last != nil {
		at = last.At
	}
	return at, l.proof.Anchors != nil, err
}

// holds says in v whether a history still is as an anchor saw it.
func (m mark) holds(v *Verification, c Copy, at time.Time) {
	since := at.UTC().Format(time.RFC3339)
	switch {
	case len(c.Entries) < m.Position:
		v.add(len(c.Entries), ProblemTruncated, fmt.Sprintf("the anchor of %s saw %d entries, and %d are there: the rest was removed, or a backup restored", since, m.Position, len(c.Entries)))
	case m.Position > 0 && hash([]byte(c.Entries[m.Position-1])) != m.Hash:
		v.add(m.Position, ProblemAnchor, fmt.Sprintf("the anchor of %s saw another entry %d: the history was rolled back and written on, or rewritten", since, m.Position))
	}
}

// anchored is the last anchor, at most a minute old; nil where there is none, or no anchorage. It never
// goes back behind the one that this process knows, and passes over what is none: whoever can put
// objects there neither brings an old anchor back nor stops a gate.
func (l *Ledger) anchored(ctx context.Context, fresh bool) (*anchor, string, error) {
	if l.proof.Anchors == nil {
		return nil, "", nil
	}
	a := &l.anchors
	a.mu.Lock()
	defer a.mu.Unlock()
	now := l.now()
	if age := now.Sub(a.at); !fresh && !a.at.IsZero() && age >= 0 && age < anchorRead {
		return a.last, a.hash, nil
	}
	var skipped []string
	for before := anchorName(now.Add(anchorAhead)); ; {
		name, raw, err := l.proof.Anchors.Last(ctx, before)
		if err != nil {
			return nil, "", fmt.Errorf("reading the last anchor: %w", err)
		}
		if a.last != nil && name < anchorName(a.last.At) && anchorName(a.last.At) < before {
			skipped = append(skipped, fmt.Sprintf("the anchor of %s, which this host knows, is not where the anchors are kept any more", a.last.At.UTC().Format(time.RFC3339)))
		}
		if name == "" || a.last != nil && name <= anchorName(a.last.At) {
			break // the one that is known is the last
		}
		read, err := l.proof.anchor(name, raw)
		if err == nil {
			a.last, a.hash = read, hash(raw)
			break
		}
		if skipped = append(skipped, err.Error()); len(skipped) > mostSkipped {
			return nil, "", fmt.Errorf("reading the last anchor: %w: the last %d objects are none", ErrUnproven, len(skipped))
		}
		before = name
	}
	a.at, a.skipped = now, skipped
	return a.last, a.hash, nil
}

// anchor reads a stored anchor, which has the name of its time.
func (p Proof) anchor(name string, raw []byte) (*anchor, error) {
	var read anchor
	if err := json.Unmarshal(raw, &read); err != nil {
		return nil, fmt.Errorf("%q is not JSON of an anchor", name)
	}
	if _, err := p.signer(anchorID, raw); err != nil {
		return nil, fmt.Errorf("the anchor %q: %w", name, err)
	}
	if name != anchorName(read.At) {
		return nil, fmt.Errorf("%q is the anchor of another time, %s", name, read.At.UTC().Format(time.RFC3339))
	}
	return &read, nil
}

// marked is where the last anchor saw a history end, and when.
func (l *Ledger) marked(ctx context.Context, id string) (m mark, is bool, at time.Time, err error) {
	last, _, err := l.anchored(ctx, false)
	if err != nil || last == nil {
		return mark{}, false, time.Time{}, err
	}
	m, is = last.Heads[id]
	return m, is, last.At, nil
}

// contradicted puts a brake on the irreversible steps of a case that is not as the last anchor saw it.
func (l *Ledger) contradicted(ctx context.Context, id string) error {
	m, is, at, err := l.marked(ctx, id)
	if err != nil || !is {
		return err
	}
	if c := l.folds.of(id); c.Position == m.Position && c.Hash == m.Hash {
		return nil
	}
	c, err := l.Copy(ctx, id)
	if err != nil {
		return err
	}
	v := Verification{Case: id, OK: true}
	if m.holds(&v, c, at); v.OK {
		return nil
	}
	return l.distrust(ctx, id, m, v.Problems[0].Why)
}

// distrust holds the irreversible steps of a case for a person's approval, once for each mark that is
// contradicted.
func (l *Ledger) distrust(ctx context.Context, id string, m mark, why string) error {
	by := "anchor " + m.Hash[:min(len(m.Hash), 12)]
	_, err := l.update(ctx, id, func(c *offboarding.Case) (*offboarding.Entry, error) {
		if !c.Open() {
			return nil, nil
		}
		var brakes []offboarding.Brake
		for _, spec := range offboarding.Steps {
			held := slices.ContainsFunc(c.Brakes, func(b offboarding.Brake) bool {
				return b.Kind == offboarding.BrakeApproval && b.By == by && b.Step == spec.Name && !b.Part
			})
			if spec.Irreversible && !held && c.Step(spec.Name) != nil {
				brakes = append(brakes, offboarding.Brake{Kind: offboarding.BrakeApproval, By: by, Step: spec.Name, Why: why, Needs: 1})
			}
		}
		if len(brakes) == 0 {
			return nil, nil
		}
		return &offboarding.Entry{Kind: offboarding.EntryHeld, Brakes: brakes}, nil
	})
	if errors.Is(err, ErrUnreadable) || errors.Is(err, ErrNoCase) || errors.Is(err, ErrTruncated) {
		return nil // nobody acts by it anyway
	}
	return err
}

// brakesOf folds a copy of the history of the brakes.
func (p Proof) brakesOf(c Copy) Brakes {
	var b Brakes
	for _, text := range c.Entries {
		b = p.braked(b, []byte(text))
	}
	return b
}

// answers reports whether a person has thawed although that mark is contradicted.
func (b Brakes) answers(m mark) bool { return slices.Contains(b.answered, m.Hash) }

// brakesContradicted freezes the installation where its brakes are not as the last anchor saw them: a
// freeze, or departures that were counted, may have been cut away.
func (l *Ledger) brakesContradicted(ctx context.Context) error {
	m, is, at, err := l.marked(ctx, brakesID)
	if err != nil || !is || m.Position == 0 {
		return err
	}
	since, err := l.store.Read(ctx, brakesID, m.Position-1)
	switch {
	case err == nil && len(since) > 0 && hash(since[0]) == m.Hash:
		return nil
	case err != nil && !errors.Is(err, ErrTruncated):
		return fmt.Errorf("reading the brakes: %w", err)
	}
	c, err := l.Copy(ctx, brakesID)
	if err != nil && !errors.Is(err, ErrNoCase) {
		return err
	}
	v := Verification{Case: brakesID, OK: true}
	if m.holds(&v, c, at); v.OK {
		return nil
	}
	return l.distrustBrakes(ctx, m, v.Problems[0].Why)
}

// distrustBrakes freezes the installation until a person thaws it, once for each mark that is
// contradicted. What this process knows of the brakes may be of a history that is gone: they are read
// from their beginning.
func (l *Ledger) distrustBrakes(ctx context.Context, m mark, why string) error {
	l.brakes.commit.Lock()
	defer l.brakes.commit.Unlock()
	for range maxTries {
		at := l.now()
		raws, err := l.store.Read(ctx, brakesID, 0)
		if err != nil {
			return fmt.Errorf("reading the brakes: %w", err)
		}
		var known Brakes
		for _, raw := range raws {
			known = l.proof.braked(known, raw)
		}
		if known.answers(m) || !known.Frozen.IsZero() && slices.Contains(known.missing, m.Hash) {
			l.brakes.replace(known, at)
			return nil
		}
		next, err := l.appendBrake(ctx, known, brakeEntry{Kind: brakeFrozen, Marks: []string{m.Hash}, Why: "the brakes are not what they were: " + why})
		if err == nil {
			l.brakes.replace(next, at)
		}
		if !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return contended("the brakes")
}

// Anchor compares every history with the last anchor once in ten minutes, holds the irreversible steps
// of the cases that it contradicts, freezes where it contradicts the brakes, and puts a new anchor of all
// histories where this process signs. It returns what is wrong, also in between; nothing where there is no
// anchorage. Errors: those of the store and of the anchorage.
func (l *Ledger) Anchor(ctx context.Context) ([]Verification, error) {
	if l.proof.Anchors == nil {
		return nil, nil
	}
	a := &l.anchors
	a.comparing.Lock()
	defer a.comparing.Unlock()
	if age := l.now().Sub(a.compared); !a.compared.IsZero() && age >= 0 && age < anchorEvery {
		return a.wrong, nil
	}
	wrong, err := l.compare(ctx)
	if err == nil {
		a.compared, a.wrong = l.now(), wrong
	}
	return wrong, err
}

// compare compares every history with the last anchor, and puts the next one.
func (l *Ledger) compare(ctx context.Context) (wrong []Verification, err error) {
	last, previous, err := l.anchored(ctx, true)
	if err != nil {
		return nil, err
	}
	l.anchors.mu.Lock()
	for _, why := range l.anchors.skipped {
		v := Verification{Case: anchorID}
		v.add(0, ProblemAnchor, why)
		wrong = append(wrong, v)
	}
	l.anchors.mu.Unlock()
	if last == nil {
		last = &anchor{}
	}
	heads, err := l.store.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing histories: %w", err)
	}
	ends := map[string]end{}
	for id := range last.Heads {
		ends[id] = end{}
	}
	for _, head := range heads {
		if Provable(head.ID) {
			ends[head.ID] = end{head.Position, head.Label}
		}
	}
	l.anchors.round++
	next := anchor{At: l.now().UTC(), Heads: make(map[string]mark, len(ends)), Previous: previous}
	var mu sync.Mutex // over next.Heads and wrong
	group, each := errgroup.WithContext(ctx)
	group.SetLimit(comparedAtOnce)
	for id, at := range ends {
		if was, marked := last.Heads[id]; marked && l.unchanged(id, was, at) {
			mu.Lock()
			next.Heads[id] = was
			mu.Unlock()
			continue
		}
		group.Go(func() error {
			v, head, err := l.compareOne(each, id, at, last)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			if next.Heads[id] = head; !v.OK {
				wrong = append(wrong, v)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if l.proof.Signer == nil {
		return wrong, nil
	}
	return wrong, l.putAnchor(ctx, next)
}

// end is where the store lists a history, and as what.
type end struct {
	position int
	label    string
}

// unchanged reports whether a history need not be read: it ends where this process has found it as it is
// to be, and as the last anchor saw it. A share of them is read all the same.
func (l *Ledger) unchanged(id string, was mark, at end) bool {
	if fnv32(id)%anchorShares == l.anchors.round%anchorShares {
		return false
	}
	found, is := l.anchors.found.Load(id)
	return is && found == (foundAt{was, at})
}

// compareOne compares one history with the last anchor, and returns what the next one says of it. One
// that is contradicted stops its irreversible steps.
func (l *Ledger) compareOne(ctx context.Context, id string, at end, last *anchor) (Verification, mark, error) {
	was := last.Heads[id]
	v, err := l.Verify(ctx, id)
	if errors.Is(err, ErrNoCase) {
		v = Verification{Case: id, OK: true, Problems: []Problem{}}
		was.holds(&v, Copy{}, last.At)
		err = nil
	}
	if err != nil {
		return v, mark{}, err
	}
	head := mark{v.Entries, v.Hash}
	unread := len(v.Problems) > 0 && v.Problems[0].Kind == ProblemUnreadable && v.Entries == 0
	if v.Entries < was.Position && (id != brakesID || unread) { // what is behind cannot be read
		head = was
	}
	if err := l.listed(ctx, &v, at.position, at.label); err != nil {
		return v, mark{}, err
	}
	if i := slices.IndexFunc(v.Problems, func(p Problem) bool { return p.Kind == ProblemTruncated || p.Kind == ProblemAnchor }); i >= 0 {
		head = was
		distrust := l.distrust
		if id == brakesID {
			distrust = func(ctx context.Context, _ string, m mark, why string) error { return l.distrustBrakes(ctx, m, why) }
		}
		if err := distrust(ctx, id, was, v.Problems[i].Why); err != nil {
			return v, mark{}, err
		}
	}
	if v.OK && head.Position == at.position {
		l.anchors.found.Store(id, foundAt{head, at})
	} else {
		l.anchors.found.Delete(id)
	}
	return v, head, nil
}

// listed says in v whether an open case is found under another label than its own, or under none, though
// nothing was committed since its end was listed: who looks for open cases passes it over, and its label is
// not signed. What is committed to it next gives it its own again, such as the brakes that this puts on.
func (l *Ledger) listed(ctx context.Context, v *Verification, end int, under string) error {
	if !v.OK || !isCaseID(v.Case) {
		return nil
	}
	c, err := l.Case(ctx, v.Case)
	switch {
	case err != nil && !errors.Is(err, ErrUnavailable):
		return nil // it is named already
	case err != nil:
		return err
	case !c.Open() || label(c) == under || end > 0 && c.Position != end:
		return nil
	case end == 0: // its label may have changed while all were listed
		heads, err := l.store.List(ctx, label(c))
		if err != nil || slices.ContainsFunc(heads, func(h Head) bool { return h.ID == c.ID }) {
			return err
		}
	}
	v.add(c.Position, ProblemLabel, fmt.Sprintf("it is open, and listed as %q: somebody wrote that by hand", under))
	return l.distrust(ctx, c.ID, mark{c.Position, c.Hash}, v.Problems[len(v.Problems)-1].Why)
}

func (l *Ledger) putAnchor(ctx context.Context, a anchor) error {
	raw, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encoding an anchor: %w", err)
	}
	if raw, err = l.proof.sign(ctx, anchorID, raw); err != nil {
		return err
	}
	if err := l.proof.Anchors.Put(ctx, anchorName(a.At), raw); err != nil {
		return fmt.Errorf("putting an anchor: %w", err)
	}
	l.anchors.mu.Lock()
	defer l.anchors.mu.Unlock()
	l.anchors.last, l.anchors.hash, l.anchors.at = &a, hash(raw), l.now()
	return nil
}
