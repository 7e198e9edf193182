package offboarding

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// CaseState is where a whole departure stands.
type CaseState string

// The states of a case.
const (
	CasePlanning   CaseState = "planning" // opened, not every message is acknowledged yet
	CaseHeld       CaseState = "held"     // a brake holds it: nothing is written until people lift it
	CaseRunning    CaseState = "running"
	CaseCancelling CaseState = "cancelling" // cancelled, but a step still holds its lease
	CaseCancelled  CaseState = "cancelled"
	CaseUndoing    CaseState = "undoing"  // its steps are being taken back
	CaseUndone     CaseState = "undone"   // every step was taken back
	CaseComplete   CaseState = "complete" // every step is effective, withheld or signed off
	// CaseUnreadable is shown of a case that could not be folded: nobody acts by it.
	CaseUnreadable CaseState = "unreadable"
)

// EntryKind is what an entry of a case's history says.
type EntryKind string

// The kinds of entry.
const (
	EntryOpened      EntryKind = "opened"       // the case, its leaver and its plan
	EntryJoined      EntryKind = "joined"       // another request for the same leaver
	EntryPublished   EntryKind = "published"    // every message of the plan was acknowledged
	EntryBegun       EntryKind = "begun"        // a step took its lease
	EntryRenewed     EntryKind = "renewed"      // a step kept its lease
	EntryKept        EntryKind = "kept"         // a step kept a fact: the before, or its progress
	EntrySettled     EntryKind = "settled"      // a step's verdict
	EntryRescheduled EntryKind = "rescheduled"  // a step's next message gets a new number
	EntrySignedOff   EntryKind = "signed off"   // a named person accepted a step as it is
	EntryAccepted    EntryKind = "accepted"     // a named person accepted some things of a step as they are
	EntryHeld        EntryKind = "held"         // a brake holds the departure, or a step
	EntryReleased    EntryKind = "released"     // a person lifted the limits that held it
	EntryApproved    EntryKind = "approved"     // a person approved what a brake holds
	EntryWithdrawn   EntryKind = "withdrawn"    // a person took their approval back
	EntryCancelled   EntryKind = "cancelled"    // the tombstone
	EntryUndo        EntryKind = "undo"         // the steps are to be taken back
	EntryUndoStopped EntryKind = "undo stopped" // and no more
	EntryAdopted     EntryKind = "adopted"      // a named person takes the history up to here as it stands
	EntryErased      EntryKind = "erased"       // the personal values beside the history are gone
	// EntryExportDeleted: an export is gone, because the time for which the policy keeps it was over.
	EntryExportDeleted EntryKind = "export deleted"
)

// Decides reports whether an entry of the kind opens or changes a case, opens a gate or lifts a brake:
// it counts only when it is signed, by a key that no step holds. The others tell what a step did, put
// brakes on, or make something run again.
func (k EntryKind) Decides() bool {
	switch k {
	case EntryPublished, EntryBegun, EntryRenewed, EntryKept, EntrySettled, EntryRescheduled, EntryHeld, EntryErased, EntryExportDeleted:
		return false
	}
	return true
}

// Lease is the right of one run to work on a step until a time.
type Lease struct {
	Holder string    `json:"holder"`
	Until  time.Time `json:"until"`
}

// longestLease is far longer than any lock of a message, after which a lease ends.
const longestLease = time.Hour

// Holds reports whether a run works on the step at a time. Nobody signs a lease: one that is longer than any
// that a run takes is nobody's, and keeps no step from running for ever.
func (l Lease) Holds(at time.Time) bool {
	return l.Until.After(at) && !l.Until.After(at.Add(longestLease))
}

// Entry is one line of a case's history. Which fields are set depends on Kind.
type Entry struct {
	Position int       `json:"position"` // from 1
	At       time.Time `json:"at"`
	Kind     EntryKind `json:"kind"`

	// opened, joined, cancelled
	Tenant    string    `json:"tenant,omitempty"`
	Leaver    string    `json:"leaver,omitempty"` // object id
	Request   string    `json:"request,omitempty"`
	EventTime time.Time `json:"eventTime,omitzero"`
	Source    string    `json:"source,omitempty"` // of the request
	Plan      *Plan     `json:"plan,omitempty"`
	// Trace is the span that the request came from, as W3C Trace Context has it; of opened alone.
	Trace string `json:"trace,omitempty"`
	// Counted says that the departure has passed the limits, for the time that the plan says.
	Counted bool `json:"counted,omitempty"`

	// opened, joined, held, settled: what holds from now on
	Brakes []Brake `json:"brakes,omitempty"`
	// approved, withdrawn
	Approval *Approval `json:"approval,omitempty"`

	// everything about one step
	Step   StepName `json:"step,omitempty"`
	N      int      `json:"n,omitempty"`
	Lease  *Lease   `json:"lease,omitempty"`
	Holder string   `json:"holder,omitempty"`

	// kept
	Before   map[string]string `json:"before,omitempty"`
	Progress map[string]string `json:"progress,omitempty"`

	// settled, rescheduled, signed off (the state before), cancelled
	State    StepState         `json:"state,omitempty"`
	Rule     Rule              `json:"rule,omitzero"`
	Reason   string            `json:"reason,omitempty"`
	Due      time.Time         `json:"due,omitzero"`
	Evidence map[string]string `json:"evidence,omitempty"`
	Calls    []Call            `json:"calls,omitempty"`
	Attempt  bool              `json:"attempt,omitempty"` // the run spent an attempt
	Planned  bool              `json:"planned,omitempty"` // the wait is part of the plan, not a delay
	// Observed says of a manual step that its own effect was observed.
	Observed bool `json:"observed,omitempty"`
	// Would says of a rehearsed step what it would have done.
	Would string `json:"would,omitempty"`

	// undo: the steps that are to be taken back
	Undo []StepName `json:"undo,omitempty"`

	// accepted: ids of what the step leaves as it is
	Items []string `json:"items,omitempty"`

	// export deleted
	Export *DeletedExport `json:"export,omitempty"`

	// Sealed names the personal values that belong to the entry and gives the salted
	// SHA-256 of each; the values stand beside the history and can be erased.
	Sealed map[string]string `json:"sealed,omitempty"`

	// Previous is the hash of the entry before. The hash of an entry is the SHA-256 of its
	// JSON, hex.
	Previous string `json:"previous,omitempty"`
}

// Case is one departure: the fold of its history. It does not change: [Case.With] makes the next
// one, which shares with it what stays the same. So whoever is handed a case, or a record of it,
// reads it and never writes to it.
type Case struct {
	ID       string
	Tenant   string
	Leaver   string // object id
	Requests []string
	Source   string // of the request that opened it
	Trace    string // a span of its trace, where traces are sent
	// EventTime is the newest event time of its requests.
	EventTime time.Time
	OpenedAt  time.Time
	Plan      Plan
	Steps     []*Record // in the order of the plan
	Cancelled *Entry    // the tombstone, when there is one
	Undo      *Undo     // the last order to take it back; nil when there was none
	Brakes    []Brake   // all that ever held it

	Position  int       // of the last entry
	Hash      string    // of the last entry
	ChangedAt time.Time // by an entry about the departure
	// ErasedAt is when the personal values were erased; zero while there may be any.
	ErasedAt time.Time
	// DeletedExports are those whose time was over, in order.
	DeletedExports []DeletedExport
	// Unproven says which entry had to be signed and is not, in words, where the ledger found one:
	// nobody acts by the case.
	Unproven string

	published bool
	counted   bool
	begun     bool
	sealed    map[string]string // as in the entries
}

// Sealed reports whether the history refers to a personal value of that name.
func (c *Case) Sealed(name string) bool { return c.sealed[name] != "" }

// SealedHash is the salted hash by which the history refers to a personal value; empty when it does
// not.
func (c *Case) SealedHash(name string) string { return c.sealed[name] }

// SealedHashes are the salted hashes by which the history refers to personal values, by name.
func (c *Case) SealedHashes() map[string]string { return maps.Clone(c.sealed) }

// Record is one step of a case.
type Record struct {
	Name     StepName
	State    StepState
	Rule     Rule
	Reason   string
	N        int       // number of the message that may move the step; older ones are stale
	Due      time.Time // when that message is due
	Attempts int
	// Since is when the step began to wait or to retry; zero when it does neither.
	Since time.Time
	// ReasonSince is since when each of its verdicts has given the same reason.
	ReasonSince time.Time
	// FailingSince is when the step began to retry without a verdict in between; zero when its
	// last run did not fail.
	FailingSince time.Time
	EffectiveAt  time.Time
	// LockedOutAt is when block had first read that the account is disabled and its sessions are
	// revoked, whatever else it still waits for.
	LockedOutAt time.Time
	// DecidedAt is when the last verdict or signature came; zero while there is none since the plan
	// or a replay.
	DecidedAt time.Time
	// Observed is set while the step's effect stands as observed, also when it leaves a task to a
	// person.
	Observed bool
	Lease    Lease
	// SignedOff is the state that a person accepted, of a step that is signed off.
	SignedOff StepState
	// Accepted are the ids of what a person accepted as it is, such as a file that cannot be copied or
	// a phone that will not come back: the step leaves them alone, and so do the gates.
	Accepted []string
	// Replanned is set when the plan has changed since the run that holds the lease began.
	Replanned bool
	// Undo is set of a step that is being taken back, or was.
	Undo     bool
	Before   map[string]string // the world before the first write
	Progress map[string]string
	Evidence map[string]string
	Would    string // what a rehearsed step would have done
	Calls    []Call

	begun bool // it has run
}

// Step is the named record; nil when the plan does not hold the step.
func (c *Case) Step(name StepName) *Record {
	for _, s := range c.Steps {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// LockedOut is when the leaver had been locked out and that was read back: the password changed, the
// account disabled and its sessions revoked. False while that is not so.
func (c *Case) LockedOut() (at time.Time, out bool) {
	signout, block := c.Step(StepSignout), c.Step(StepBlock)
	if signout == nil || block == nil || signout.EffectiveAt.IsZero() || block.LockedOutAt.IsZero() {
		return time.Time{}, false
	}
	if at = block.LockedOutAt; signout.EffectiveAt.After(at) {
		at = signout.EffectiveAt
	}
	return at, true
}

// Deadline is when the step's wait becomes a manual task; zero when it does not wait.
func (s *Record) Deadline() time.Time {
	spec, known := SpecOf(s.Name)
	if s.State != StateWaiting || s.Since.IsZero() || !known {
		return time.Time{}
	}
	return s.Since.Add(spec.Deadline)
}

// State is where the case stands at a time; the time tells which leases still hold.
func (c *Case) State(now time.Time) CaseState {
	switch {
	case c.Undoing() && len(c.Held()) > 0:
		return CaseHeld
	case c.Undoing() && !c.Leaving():
		return CaseUndoing
	case c.Undone():
		return CaseUndone
	}
	stopped := c.Undo != nil && !c.Undo.Stopped.IsZero() && !c.Leaving()
	if c.Cancelled != nil || stopped {
		for _, s := range c.Steps {
			if s.Lease.Holds(now) {
				return CaseCancelling
			}
		}
		return CaseCancelled
	}
	switch {
	case len(c.Held()) > 0:
		return CaseHeld
	case !c.published:
		return CasePlanning
	}
	for _, s := range c.Steps {
		if !s.State.Closed() {
			return CaseRunning
		}
	}
	return CaseComplete
}

// Open reports whether steps may still act for the case.
func (c *Case) Open() bool {
	return c.Leaving() || c.Undoing()
}

// Published reports whether every message of the current plan was acknowledged once.
func (c *Case) Published() bool { return c.published }

// With is the case with the next entry of its history folded in. An entry that does not continue
// the history, or lacks what its kind needs, is an error: it was altered, or written by a newer
// version of Leaver.
func (c *Case) With(e Entry, hash string) (*Case, error) {
	if err := c.fits(e); err != nil {
		return nil, fmt.Errorf("folding entry %d (%s) into case %s: %w", e.Position, e.Kind, c.ID, err)
	}
	next := *c
	switch e.Kind {
	case EntryOpened:
		next.Tenant, next.Leaver, next.OpenedAt = e.Tenant, e.Leaver, e.At
		next.Source, next.Trace, next.counted = e.Source, e.Trace, e.Counted
		next.join(e)
		next.replan(*e.Plan)
	case EntryJoined:
		next.join(e)
		if e.Plan != nil {
			next.unplan(e)
			next.replan(*e.Plan)
		}
		if e.Counted {
			next.release(e)
		}
	case EntryPublished:
		next.published = true
	case EntryBegun:
		next.change(e.Step, func(s *Record) { s.Lease, s.Replanned, s.begun = *e.Lease, false, true })
		next.begun, next.counted = true, true
	case EntryRenewed:
		next.change(e.Step, func(s *Record) { s.Lease = *e.Lease })
	case EntryKept:
		next.change(e.Step, func(s *Record) {
			s.Progress = merged(s.Progress, e.Progress)
			if !s.Undo { // the order to take it back is signed, and bears out what stood before it alone
				s.Before = merged(e.Before, s.Before)
			}
		})
	case EntrySettled:
		next.change(e.Step, func(s *Record) { s.settle(e) })
	case EntryRescheduled:
		next.change(e.Step, func(s *Record) { s.reschedule(e) })
	case EntrySignedOff:
		next.change(e.Step, func(s *Record) {
			s.State, s.Rule, s.Reason, s.SignedOff = StateSignedOff, Rule{}, e.Reason, e.State
			s.Since, s.FailingSince, s.DecidedAt = time.Time{}, time.Time{}, e.At
		})
	case EntryAccepted:
		next.change(e.Step, func(s *Record) { s.Accepted = slices.Concat(s.Accepted, e.Items) })
	case EntryReleased:
		next.release(e)
	case EntryApproved:
		next.approve(e)
	case EntryWithdrawn:
		next.withdraw(e)
	case EntryCancelled:
		next.cancel(e)
	case EntryUndo:
		next.undo(e)
	case EntryUndoStopped:
		next.stopUndo(e)
	case EntryErased:
		next.ErasedAt = e.At
	case EntryExportDeleted:
		next.DeletedExports = append(slices.Clip(c.DeletedExports), *e.Export)
	}
	if len(e.Brakes) > 0 {
		next.brake(e)
	}
	if e.Kind.Decides() {
		next.sealed = merged(c.sealed, e.Sealed)
	} else if r := c.Step(e.Step); r == nil || !r.Undo { // a step adds what it saw, under its own name, and replaces nobody's word
		next.sealed = merged(own(e), c.sealed)
	}
	if len(e.Sealed) > 0 {
		next.ErasedAt = time.Time{}
	}
	next.Position, next.Hash = e.Position, hash
	if e.Kind != EntryExportDeleted { // which is long after the end, and puts off no erasure
		next.ChangedAt = e.At
	}
	return &next, nil
}

// saltedHashLength is that of the hex of a SHA-256, by which an entry refers to a personal value.
const saltedHashLength = 64

// own are the personal values of an entry that are named after its step: who asked or approved, no step
// says.
func own(e Entry) map[string]string {
	sealed := maps.Clone(e.Sealed)
	maps.DeleteFunc(sealed, func(name, _ string) bool { return e.Step == "" || !strings.HasPrefix(name, string(e.Step)+"-") })
	return sealed
}

// fits says what keeps an entry from being the next one of the case.
func (c *Case) fits(e Entry) error {
	switch {
	case e.Position != c.Position+1:
		return fmt.Errorf("it follows entry %d", c.Position)
	case e.Previous != c.Hash:
		return errors.New("it does not continue the chain")
	case c.Position == 0 && e.Kind != EntryOpened && e.Kind != EntryCancelled:
		return errors.New("the case was not opened before")
	case c.Position == 0 && e.Leaver == "":
		return errors.New("it names no leaver")
	}
	for _, hash := range e.Sealed {
		if len(hash) != saltedHashLength {
			return errors.New("it refers to a personal value by what is no hash")
		}
	}
	switch e.Kind {
	case EntryOpened:
		if c.Position > 0 {
			return errors.New("the case was opened before")
		}
		return e.Plan.follows(0)
	case EntryJoined:
		if e.Plan == nil {
			return nil
		}
		return e.Plan.follows(c.Plan.Version)
	case EntryPublished, EntryReleased, EntryCancelled, EntryErased, EntryAdopted:
		return nil
	case EntryExportDeleted:
		if e.Export == nil {
			return errors.New("it does not say which export")
		}
		return nil
	case EntryUndo:
		for _, name := range e.Undo {
			if c.Step(name) == nil {
				return fmt.Errorf("it takes back step %q, which the plan does not hold", name)
			}
		}
		return nil
	case EntryUndoStopped:
		if c.Undo == nil {
			return errors.New("there is no undo that it could stop")
		}
		return nil
	case EntryHeld:
		if len(e.Brakes) == 0 {
			return errors.New("it holds no brake")
		}
		return nil
	case EntryApproved, EntryWithdrawn:
		if e.Approval == nil {
			return errors.New("it holds no approval")
		}
		return nil
	case EntryBegun, EntryRenewed, EntryKept, EntrySettled, EntryRescheduled, EntrySignedOff, EntryAccepted:
		return c.fitsStep(e)
	}
	return errors.New("its kind is unknown; a newer version of Leaver may have written it")
}

func (c *Case) fitsStep(e Entry) error {
	if c.Step(e.Step) == nil {
		return fmt.Errorf("it is about step %q, which the plan does not hold", e.Step)
	}
	stateless := e.Kind == EntryRescheduled && e.State == "" || e.Kind == EntryBegun || e.Kind == EntryRenewed || e.Kind == EntryKept || e.Kind == EntryAccepted
	switch {
	case (e.Kind == EntryBegun || e.Kind == EntryRenewed) && e.Lease == nil:
		return errors.New("it holds no lease")
	case (e.Kind == EntrySettled || e.Kind == EntryRescheduled) && e.N < 1:
		return errors.New("it says no number for the step's next message")
	case e.State == StateSignedOff:
		return errors.New("only a person signs a step off")
	case !stateless && !e.State.known():
		return fmt.Errorf("the state %q is unknown; a newer version of Leaver may have written it", e.State)
	}
	return nil
}

// follows says why a plan of a stored entry cannot take the place of one of a version.
func (p *Plan) follows(version int) error {
	if p == nil || p.Version <= version {
		return fmt.Errorf("it holds no plan that is newer than version %d", version)
	}
	planned := map[StepName]bool{}
	for _, s := range p.Steps {
		if planned[s.Name] {
			return fmt.Errorf("its plan holds step %q twice", s.Name)
		}
		planned[s.Name] = true
	}
	return nil
}

// change puts a changed copy of a step in its place.
func (c *Case) change(name StepName, how func(*Record)) {
	c.Steps = slices.Clone(c.Steps)
	for i, s := range c.Steps {
		if s.Name == name {
			changed := *s
			how(&changed)
			c.Steps[i] = &changed
		}
	}
}

func (c *Case) join(e Entry) {
	if e.Request != "" && !slices.Contains(c.Requests, e.Request) {
		c.Requests = append(slices.Clip(c.Requests), e.Request)
	}
	if e.EventTime.After(c.EventTime) {
		c.EventTime = e.EventTime
	}
}

func (c *Case) cancel(e Entry) {
	if c.OpenedAt.IsZero() {
		c.Tenant, c.Leaver, c.OpenedAt = e.Tenant, e.Leaver, e.At
	}
	c.join(e)
	c.Cancelled = &e
	for _, s := range c.Steps {
		if !s.State.Settled() {
			c.change(s.Name, func(s *Record) { s.State, s.Reason = StateCancelled, s.cancelled() })
		}
	}
}

// replan lays a plan over the case: steps that already took effect stay as they are, unless
// the plan now asks for another effect.
func (c *Case) replan(p Plan) {
	before, old := c.Plan, c.Steps
	c.Plan, c.Steps, c.published = p, nil, false
	for _, planned := range p.Steps {
		record := &Record{Name: planned.Name, State: StatePlanned, N: 1, Due: planned.Due}
		if !planned.Withheld.IsZero() {
			record.State, record.Rule, record.Reason = StateWithheld, planned.Withheld, planned.Why
		}
		for _, was := range old {
			if was.Name != planned.Name {
				continue
			}
			if was.Observed && !Redone(was.Name, before, p) {
				record = was
				break
			}
			record.Lease, record.Attempts = was.Lease, was.Attempts
			record.Replanned = was.Lease.Holder != ""
			record.Before, record.Progress, record.Calls, record.Accepted = was.Before, was.Progress, was.Calls, was.Accepted
			record.begun = was.begun
		}
		for _, b := range c.HeldStep(planned.Name) {
			if !b.Part && !record.State.Settled() {
				record.State, record.Reason = StateHeld, b.Why
			}
		}
		c.Steps = append(c.Steps, record)
	}
}

func (s *Record) reschedule(e Entry) {
	s.N, s.Due = e.N, e.Due
	if e.State != "" {
		s.State, s.Reason, s.Rule, s.Observed = e.State, e.Reason, Rule{}, false
		s.Since, s.FailingSince, s.DecidedAt = time.Time{}, time.Time{}, time.Time{}
	}
}

func (s *Record) settle(e Entry) {
	if e.Reason != s.Reason || s.ReasonSince.IsZero() {
		s.ReasonSince = e.At
	}
	s.State, s.Rule, s.Reason = e.State, e.Rule, e.Reason
	s.N, s.Due = e.N, e.Due
	s.DecidedAt = e.At
	s.Lease, s.Replanned = Lease{}, false
	s.Would = e.Would
	if !s.Undo {
		s.Evidence = merged(s.Evidence, e.Evidence)
	}
	s.Calls = append(slices.Clip(s.Calls), e.Calls...)
	if e.State == StateCancelled {
		s.Reason = s.cancelled()
	}
	if e.Attempt {
		s.Attempts++
	}
	switch {
	case e.State != StateRetrying:
		s.FailingSince = time.Time{}
	case s.FailingSince.IsZero():
		s.FailingSince = e.At
	}
	if s.Name == StepBlock && !s.Undo && e.Evidence[AccountEnabled] == "false" && s.LockedOutAt.IsZero() {
		s.LockedOutAt = e.At
	}
	if s.Undo {
		s.settleUndo(e)
		return
	}
	s.Observed = e.State == StateEffective || e.Observed
	switch {
	case s.Observed:
		s.EffectiveAt, s.Since = e.At, time.Time{}
	case e.State.Settled(), e.Planned:
		s.Since = time.Time{}
	case s.Since.IsZero():
		s.Since = e.At
	}
}

// cancelled says what a cancelled step had written before: that has taken effect, or still may.
func (s *Record) cancelled() string {
	var written []string
	for _, c := range s.Calls {
		if c.Status < 300 && !slices.Contains(written, c.Operation) {
			written = append(written, c.Operation)
		}
	}
	const why = "the departure was cancelled"
	if len(written) == 0 {
		return why
	}
	return why + "; the step had written: " + strings.Join(written, ", ")
}

func merged(base, over map[string]string) map[string]string {
	if len(base) == 0 {
		return over
	}
	out := maps.Clone(base)
	maps.Copy(out, over)
	return out
}
