package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"leaver/shared/offboarding"
)

// brakesID is the one history in which departures are counted, allowed and frozen: every host appends
// to it at an expected position, so that a limit is exact however many there are.
const brakesID = "brakes"

// The kinds of its entries.
const (
	brakeCounted = "counted" // a departure has passed the limits
	brakeDropped = "dropped" // it ended before it began
	brakeAllowed = "allowed" // a person allowed more departures
	brakeFrozen  = "frozen"
	brakeThawed  = "thawed"
)

type brakeEntry struct {
	Position  int                    `json:"position"`
	At        time.Time              `json:"at"`
	Kind      string                 `json:"kind"`
	Beginning *offboarding.Beginning `json:"beginning,omitempty"` // counted
	Bounds    []offboarding.Bound    `json:"bounds,omitempty"`    // counted: those it was held to
	Released  bool                   `json:"released,omitempty"`  // counted: whatever the bounds, by a person's word
	Case      string                 `json:"case,omitempty"`      // dropped
	Allowance *offboarding.Allowance `json:"allowance,omitempty"` // allowed
	Why       string                 `json:"why,omitempty"`       // frozen by no person: no personal data
	Marks     []string               `json:"marks,omitempty"`     // hashes of what an anchor saw and is not there: frozen for it, thawed all the same
	Sealed    map[string]string      `json:"sealed,omitempty"`
	Previous  string                 `json:"previous,omitempty"`
}

// Brakes are those of the whole installation.
type Brakes struct {
	Tally offboarding.Tally
	// Bounds are those that the last departure was held to, and the last of each source.
	Bounds []offboarding.Bound
	// Frozen is since when nothing is written; zero while it is not. Thawed is when that ended last.
	Frozen, Thawed time.Time
	// Unproven are the entries since the last thaw that had to be signed and are not, which nobody
	// honours, and those that cannot be read; in words.
	Unproven []string

	position int
	hash     string
	at       time.Time         // of the last entry
	frozenBy int               // position of the entry
	why      string            // its
	proven   time.Time         // of the last entry that is signed
	missing  []string          // the marks that it was frozen for
	answered []string          // those for which it was thawed all the same
	sealed   map[string]string // its
}

// decides reports whether an entry lifts something, or makes room, and so counts only when it is signed.
func (e brakeEntry) decides() bool {
	return e.Kind == brakeAllowed || e.Kind == brakeThawed || e.Kind == brakeDropped
}

// brake is a stored entry that follows b. One that had to be signed and is not is not honoured; one that
// cannot be read stops everything, as if it were a freeze, until a person thaws: nobody knows whether
// it was one.
func (p Proof) brake(b Brakes, raw []byte) (e brakeEntry, wrong ProblemKind, why string) {
	position := b.position + 1
	if err := json.Unmarshal(raw, &e); err != nil {
		return brakeEntry{At: b.at}, ProblemUnreadable, fmt.Sprintf("entry %d of the brakes is not JSON of one", position)
	}
	switch {
	case e.Position != position || e.Previous != b.hash:
		return brakeEntry{At: b.at}, ProblemChain, fmt.Sprintf("entry %d of the brakes does not continue the chain", position)
	case e.decides():
		if _, err := p.signer(brakesID, raw); err != nil {
			return e, ProblemUnproven, fmt.Sprintf("entry %d of the brakes (%s): %s", position, e.Kind, err)
		}
	}
	switch {
	case e.Kind == brakeCounted && e.Beginning != nil, e.Kind == brakeAllowed && e.Allowance != nil,
		e.Kind == brakeDropped, e.Kind == brakeFrozen, e.Kind == brakeThawed:
		return e, "", ""
	}
	return brakeEntry{At: b.at}, ProblemUnreadable, fmt.Sprintf("entry %d of the brakes has the unknown kind %q; a newer version of Leaver may have written it", position, e.Kind)
}

// earliestFreeze keeps a freeze from being none: a freeze needs no signature, and one at the zero time
// would lift the one before.
var earliestFreeze = time.Unix(0, 0).UTC()

// braked is the brakes with a stored entry.
func (p Proof) braked(b Brakes, raw []byte) Brakes {
	e, wrong, why := p.brake(b, raw)
	_, unsigned := p.signer(brakesID, raw)
	proven := wrong == "" && unsigned == nil
	if wrong != "" {
		b.Unproven = append(slices.Clip(b.Unproven), why)
	}
	switch {
	case wrong == ProblemUnproven:
	case wrong != "":
		b.Frozen, b.frozenBy, b.sealed = latest(e.At, earliestFreeze), 0, nil
		b.why = ""
	case e.Kind == brakeCounted:
		b.Tally = counting(b, *e.Beginning, proven)
		if proven && !e.Released {
			b.Bounds = slices.DeleteFunc(slices.Clone(b.Bounds), func(was offboarding.Bound) bool {
				return was.Source == "" || strings.EqualFold(was.Source, e.Beginning.Source)
			})
			b.Bounds = append(append([]offboarding.Bound{}, e.Bounds...), b.Bounds...) // not nil, also where there is none
		}
	case e.Kind == brakeDropped:
		b.Tally = b.Tally.Without(e.Case)
	case e.Kind == brakeAllowed:
		b.Tally = b.Tally.Allowing(*e.Allowance)
	case e.Kind == brakeFrozen:
		b.Frozen, b.frozenBy, b.sealed = latest(e.At, earliestFreeze), e.Position, e.Sealed
		b.why, b.missing = e.Why, append(slices.Clip(b.missing), e.Marks...)
	case e.Kind == brakeThawed:
		b.Frozen, b.Thawed, b.Unproven = time.Time{}, e.At, nil
		b.why, b.missing, b.answered = "", nil, append(slices.Clip(b.answered), e.Marks...)
	}
	if proven { // nobody else's clock makes room
		b.Tally, b.proven = b.Tally.Since(e.At), latest(e.At, b.proven)
	}
	b.position, b.hash, b.at = b.position+1, hash(raw), latest(e.At, b.at)
	return b
}

// counting is the tally with a departure that passed the limits. A step counts without a key: it moves
// none that is counted, and counts none from before the last moment that somebody has signed.
func counting(b Brakes, next offboarding.Beginning, proven bool) offboarding.Tally {
	if next.Proven = proven; !proven {
		if _, counted := b.Tally.Counted(next.Case); counted {
			return b.Tally
		}
		next.At = latest(next.At, b.proven)
	}
	return b.Tally.With(next)
}

// verifyBrakes says what is wrong with a copy of the history of the brakes.
func (p Proof) verifyBrakes(c Copy, v *Verification) {
	var b Brakes
	for _, text := range c.Entries {
		if _, wrong, why := p.brake(b, []byte(text)); wrong != "" {
			v.add(b.position+1, wrong, why)
		}
		b = p.braked(b, []byte(text))
	}
	v.Entries, v.Hash = b.position, b.hash
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// How old what is known of a freeze may be: it is read again after the first, and past the second
// nobody knows.
const (
	freezeRead    = 500 * time.Millisecond
	freezeUnknown = time.Second
)

// brakes keep the newest fold at hand.
type brakes struct {
	commit sync.Mutex // held over a commit: those of one process do not get into each other's way
	read   sync.Mutex // held over a read: one is enough

	mu    sync.Mutex
	known Brakes
	at    time.Time // when that was the newest
}

func (b *brakes) get() (Brakes, time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.known, b.at
}

func (b *brakes) keep(known Brakes, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if known.position >= b.known.position {
		b.known = known
	}
	if at.After(b.at) {
		b.at = at
	}
}

// replace keeps a fold in the place of one that is no longer what is stored.
func (b *brakes) replace(known Brakes, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.known, b.at = known, at
}

// Brakes are those of the whole installation as they are now, strongly consistent.
func (l *Ledger) Brakes(ctx context.Context) (Brakes, error) {
	known, _ := l.brakes.get()
	at := l.now()
	raws, err := l.store.Read(ctx, brakesID, known.position)
	if errors.Is(err, ErrUnreadable) { // who spoils a row may have spoiled a freeze
		known.Frozen, known.Unproven = latest(known.at, earliestFreeze), append(slices.Clip(known.Unproven), err.Error())
		return known, nil
	}
	if err != nil {
		return Brakes{}, fmt.Errorf("reading the brakes: %w", err)
	}
	for _, raw := range raws {
		known = l.proof.braked(known, raw)
	}
	l.brakes.keep(known, at)
	return known, nil
}

// thawed is nil while writes are allowed, and offboarding.ErrFrozen otherwise. It reads the brakes at
// most every half second; when nobody has been able to for a second, it is the error of reading.
func (l *Ledger) thawed(ctx context.Context) error {
	l.brakes.read.Lock()
	defer l.brakes.read.Unlock()
	known, at := l.brakes.get()
	if age := l.now().Sub(at); at.IsZero() || age >= freezeRead || age < 0 {
		fresh, err := l.Brakes(ctx)
		switch {
		case err == nil:
			known = fresh
		case at.IsZero(), age < 0, age >= freezeUnknown, errors.Is(err, ErrTruncated):
			return fmt.Errorf("asking whether the installation is frozen: %w", err)
		}
	}
	if !known.Frozen.IsZero() {
		return fmt.Errorf("%w since %s", offboarding.ErrFrozen, known.Frozen.UTC().Format(time.RFC3339))
	}
	return nil
}

// updateBrakes commits the entry that decide makes of the brakes as they are; decide returns nil when
// there is nothing to commit.
func (l *Ledger) updateBrakes(ctx context.Context, decide func(Brakes) (*brakeEntry, error)) error {
	l.brakes.commit.Lock()
	defer l.brakes.commit.Unlock()
	known, _ := l.brakes.get()
	read := false
	for range maxTries {
		e, err := decide(known)
		switch {
		case err == nil && e != nil:
			if _, err := l.appendBrake(ctx, known, *e); !errors.Is(err, ErrConflict) {
				return err
			}
		case read:
			return err
		}
		if known, err = l.Brakes(ctx); err != nil {
			return err
		}
		read = true
	}
	return contended("the brakes")
}

func (l *Ledger) appendBrake(ctx context.Context, known Brakes, e brakeEntry) (next Brakes, err error) {
	at := l.now()
	e.Position, e.Previous, e.At = known.position+1, known.hash, at.UTC()
	raw, err := json.Marshal(e)
	if err != nil {
		return Brakes{}, fmt.Errorf("encoding entry %d of the brakes: %w", e.Position, err)
	}
	if e.decides() || e.Kind == brakeCounted && l.proof.Signer != nil {
		if raw, err = l.proof.sign(ctx, brakesID, raw); err != nil {
			return Brakes{}, err
		}
	}
	if _, wrong, why := l.proof.brake(known, raw); wrong != "" {
		return Brakes{}, fmt.Errorf("%w: %s", ErrUnproven, why)
	}
	next = l.proof.braked(known, raw)
	if err := l.store.Append(ctx, brakesID, e.Position, brakesID, raw); err != nil {
		return Brakes{}, fmt.Errorf("appending entry %d (%s) to the brakes: %w", e.Position, e.Kind, err)
	}
	l.brakes.keep(next, at)
	return next, nil
}

// count lets a departure pass the limits, or returns those that it would exceed; nil bounds are those
// of one that a person releases. A departure counts once, however often it is counted; one that has
// not begun moves to its new time.
func (l *Ledger) count(ctx context.Context, b offboarding.Beginning, bounds []offboarding.Bound) (exceeded []offboarding.Bound, err error) {
	err = l.updateBrakes(ctx, func(known Brakes) (*brakeEntry, error) {
		exceeded = nil
		was, counted := known.Tally.Counted(b.Case)
		if signs := l.proof.Signer != nil; counted && (was.Proven || !signs) && (was.At.Equal(b.At) || !was.At.After(l.now())) {
			return nil, nil
		}
		if exceeded = known.Tally.Exceeded(b, bounds); len(exceeded) > 0 {
			return nil, nil
		}
		if counted && l.proof.Signer == nil {
			return nil, nil // which moves nothing
		}
		return &brakeEntry{Kind: brakeCounted, Beginning: &b, Bounds: bounds, Released: bounds == nil}, nil
	})
	return exceeded, err
}

// drop takes a departure that ended before it began out of the count.
func (l *Ledger) drop(ctx context.Context, caseID string) error {
	return l.updateBrakes(ctx, func(known Brakes) (*brakeEntry, error) {
		if _, counted := known.Tally.Counted(caseID); !counted {
			return nil, nil
		}
		return &brakeEntry{Kind: brakeDropped, Case: caseID}, nil
	})
}

// limitBrakes are the brakes of the bounds that a departure would exceed.
func limitBrakes(exceeded []offboarding.Bound) []offboarding.Brake {
	var out []offboarding.Brake
	for _, b := range exceeded {
		out = append(out, offboarding.Brake{
			Kind: offboarding.BrakeLimit, By: b.String(),
			Why: fmt.Sprintf("it would be more than %s in %s", offboarding.Count(b.Of, "departure"), offboarding.FormatDuration(b.Window)),
		})
	}
	return out
}

// lastBounds are those that the installation was held to last, or where it never was those of the
// default policy.
func (l *Ledger) lastBounds(ctx context.Context) ([]offboarding.Bound, error) {
	known, err := l.Brakes(ctx)
	if err != nil || known.Bounds != nil {
		return known.Bounds, err
	}
	return offboarding.DefaultPolicy().Limits.Bounds(0), nil
}

// Errors of what people ask of the brakes.
var (
	// ErrNobody: a person has to say who they are.
	ErrNobody = errors.New("say who you are")
	// ErrNotHeld: no brake of that kind holds the departure or the step.
	ErrNotHeld = errors.New("nothing to lift")
	// ErrOwnWord: whoever asked for a departure, or has approved it already, does not approve it.
	ErrOwnWord = errors.New("another person has to approve")
	// ErrSpoiled: who asked for a departure, or has approved it, cannot be read any more, so that nobody
	// knows whether another person approves. The departure can still be cancelled, and asked for anew.
	ErrSpoiled = errors.New("a name beside the history is not the one that it refers to: somebody changed it; cancel the departure, and ask for it anew")
	// ErrUnverified: the policy wants an identity that a token proves.
	ErrUnverified = errors.New("sign in to approve: the policy takes no name that nobody proves")
)

// Frozen reports whether the installation is frozen.
func (l *Ledger) Frozen(ctx context.Context) (bool, error) {
	_, frozen, err := l.Freezing(ctx)
	return frozen, err
}

// AllowDepartures allows so many departures more, on top of every limit, until a time. What limits
// hold goes on with [Ledger.Readmit].
func (l *Ledger) AllowDepartures(ctx context.Context, n int, until time.Time, by offboarding.Person) error {
	now := l.now().UTC()
	switch {
	case !by.Named():
		return ErrNobody
	case n < 1 || !until.After(now):
		return errors.New("allow at least one departure, until a time that is ahead")
	}
	return l.updateBrakes(ctx, func(known Brakes) (*brakeEntry, error) {
		sealed, err := l.seal(ctx, brakesID, personValues("allowed-by", known.position+1, by, nil))
		if err != nil {
			return nil, err
		}
		return &brakeEntry{Kind: brakeAllowed, Allowance: &offboarding.Allowance{Departures: n, From: now, Until: until.UTC()}, Sealed: sealed}, nil
	})
}

// Freeze stops every write of every function of the installation within a second, until it is thawed.
// Freezing again changes nothing.
func (l *Ledger) Freeze(ctx context.Context, by offboarding.Person, reason string) error {
	if !by.Named() {
		return ErrNobody
	}
	return l.updateBrakes(ctx, func(known Brakes) (*brakeEntry, error) {
		if !known.Frozen.IsZero() {
			return nil, nil
		}
		sealed, err := l.seal(ctx, brakesID, personValues("frozen-by", known.position+1, by, map[string]string{"frozen-reason": reason}))
		if err != nil {
			return nil, err
		}
		return &brakeEntry{Kind: brakeFrozen, Sealed: sealed}, nil
	})
}

// Thaw lets the installation write again: whoever does so has looked at what stopped it, also where
// that is an entry which cannot be read.
func (l *Ledger) Thaw(ctx context.Context, by offboarding.Person) error {
	if !by.Named() {
		return ErrNobody
	}
	return l.updateBrakes(ctx, func(known Brakes) (*brakeEntry, error) {
		if known.Frozen.IsZero() && len(known.Unproven) == 0 {
			return nil, nil
		}
		sealed, err := l.seal(ctx, brakesID, personValues("thawed-by", known.position+1, by, nil))
		if err != nil {
			return nil, err
		}
		return &brakeEntry{Kind: brakeThawed, Marks: known.missing, Sealed: sealed}, nil
	})
}

// Freezing is who froze the installation and why.
type Freezing struct {
	At     time.Time
	By     offboarding.Person
	Reason string
}

// Freezing is the freeze that lasts; false when the installation is not frozen.
func (l *Ledger) Freezing(ctx context.Context) (Freezing, bool, error) {
	known, err := l.Brakes(ctx)
	if err != nil || known.Frozen.IsZero() {
		return Freezing{}, false, err
	}
	if known.frozenBy == 0 {
		return Freezing{At: known.Frozen, Reason: strings.Join(known.Unproven, "; ")}, true, nil
	}
	if known.why != "" {
		return Freezing{At: known.Frozen, Reason: known.why}, true, nil
	}
	values, err := l.store.Unseal(ctx, brakesID)
	if err != nil {
		return Freezing{}, false, fmt.Errorf("reading personal values of the brakes: %w", err)
	}
	personal := map[string]string{}
	for name, hash := range known.sealed {
		if v, kept := values[key(name, hash)]; kept && saltedHash(v.Salt, v.Value) == hash {
			personal[name] = v.Value
		}
	}
	return Freezing{
		At: known.Frozen, By: personOf(personal, personName("frozen-by", known.frozenBy)),
		Reason: personal[personName("frozen-reason", known.frozenBy)],
	}, true, nil
}

// personName is the name of the personal value that says who did what an entry says.
func personName(what string, position int) string { return what + "-" + strconv.Itoa(position) }

// personValues are the personal values of an entry: who did it, and more.
func personValues(what string, position int, by offboarding.Person, more map[string]string) map[string]string {
	name := personName(what, position)
	values := map[string]string{name: by.Name}
	if by.Verified() {
		values[name+"-id"] = by.ID
	}
	for key, value := range more {
		if value != "" {
			values[personName(key, position)] = value
		}
	}
	return values
}

// personOf is who a personal value names.
func personOf(personal map[string]string, name string) offboarding.Person {
	return offboarding.Person{ID: personal[name+"-id"], Name: personal[name]}
}
