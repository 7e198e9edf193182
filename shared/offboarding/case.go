package offboarding

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// CaseState is where a whole departure stands.
type CaseState string

// The states of a case.
const (
	CasePlanning   CaseState = "planning" // opened, not every message is acknowledged yet
	CaseRunning    CaseState = "running"
	CaseCancelling CaseState = "cancelling" // cancelled, but a step still holds its lease
	CaseCancelled  CaseState = "cancelled"
	CaseComplete   CaseState = "complete" // every step is effective, withheld or signed off
)

// EntryKind is what an entry of a case's history says.
type EntryKind string

// The kinds of entry.
const (
	EntryOpened      EntryKind = "opened"      // the case, its leaver and its plan
	EntryJoined      EntryKind = "joined"      // another request for the same leaver
	EntryPublished   EntryKind = "published"   // every message of the plan was acknowledged
	EntryBegun       EntryKind = "begun"       // a step took its lease
	EntryRenewed     EntryKind = "renewed"     // a step kept its lease
	EntryKept        EntryKind = "kept"        // a step kept a fact: the before, or its progress
	EntrySettled     EntryKind = "settled"     // a step's verdict
	EntryRescheduled EntryKind = "rescheduled" // a step's next message gets a new number
	EntrySignedOff   EntryKind = "signed off"  // a named person accepted a step as it is
	EntryCancelled   EntryKind = "cancelled"   // the tombstone
	EntryErased      EntryKind = "erased"      // the personal values beside the history are gone
)

// Lease is the right of one run to work on a step until a time.
type Lease struct {
	Holder string    `json:"holder"`
	Until  time.Time `json:"until"`
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
	Plan      *Plan     `json:"plan,omitempty"`

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

	// Sealed names the personal values that belong to the entry and gives the salted
	// SHA-256 of each; the values stand beside the history and can be erased.
	Sealed map[string]string `json:"sealed,omitempty"`

	// Previous is the hash of the entry before. The hash of an entry is the SHA-256 of its
	// JSON, hex.
	Previous string `json:"previous,omitempty"`
}

// Case is one departure: the fold of its history.
type Case struct {
	ID       string
	Tenant   string
	Leaver   string // object id
	Requests []string
	// EventTime is the newest event time of its requests.
	EventTime time.Time
	OpenedAt  time.Time
	Plan      Plan
	Steps     []*Record // in the order of the plan
	Cancelled *Entry    // the tombstone, when there is one

	Position  int    // of the last entry
	Hash      string // of the last entry
	ChangedAt time.Time
	// ErasedAt is when the personal values were erased; zero while there may be any.
	ErasedAt time.Time

	published bool
	sealed    map[string]string // as in the entries
}

// Clone is a case that can be folded on without changing this one.
func (c *Case) Clone() *Case {
	clone := *c
	clone.Requests = slices.Clip(c.Requests) // an append copies them
	clone.Steps = make([]*Record, len(c.Steps))
	for i, s := range c.Steps {
		record := *s
		record.Calls = slices.Clip(s.Calls)
		clone.Steps[i] = &record
	}
	return &clone
}

// Sealed reports whether the history refers to a personal value of that name.
func (c *Case) Sealed(name string) bool { return c.sealed[name] != "" }

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
	// FailingSince is when the step began to retry without a verdict in between; zero when its
	// last run did not fail.
	FailingSince time.Time
	EffectiveAt  time.Time
	// DecidedAt is when the last verdict or signature came; zero while there is none since the plan
	// or a replay.
	DecidedAt time.Time
	// Observed is set while the step's effect stands as observed, also when it leaves a task to a
	// person.
	Observed bool
	Lease    Lease
	// SignedOff is the state that a person accepted, of a step that is signed off.
	SignedOff StepState
	// Replanned is set when the plan has changed since the run that holds the lease began.
	Replanned bool
	Before    map[string]string // the world before the first write
	Progress  map[string]string
	Evidence  map[string]string
	Calls     []Call
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
	if c.Cancelled != nil {
		for _, s := range c.Steps {
			if s.Lease.Until.After(now) {
				return CaseCancelling
			}
		}
		return CaseCancelled
	}
	if !c.published {
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
	return c.Cancelled == nil && slices.ContainsFunc(c.Steps, func(s *Record) bool { return !s.State.Closed() })
}

// Published reports whether every message of the current plan was acknowledged once.
func (c *Case) Published() bool { return c.published }

// Apply folds the next entry into the case. An entry that does not fit the history is an
// error, and the case is as before.
func (c *Case) Apply(e Entry, hash string) error {
	if e.Position != c.Position+1 {
		return fmt.Errorf("case %s: entry %d follows entry %d", c.ID, e.Position, c.Position)
	}
	if e.Previous != c.Hash {
		return fmt.Errorf("case %s: entry %d does not continue the chain", c.ID, e.Position)
	}
	if e.Kind != EntryOpened && e.Kind != EntryCancelled && c.OpenedAt.IsZero() {
		return fmt.Errorf("case %s: entry %d (%s) before the case was opened", c.ID, e.Position, e.Kind)
	}
	var step *Record
	if e.Step != "" {
		if step = c.Step(e.Step); step == nil {
			return fmt.Errorf("case %s: entry %d is about step %q, which the plan does not hold", c.ID, e.Position, e.Step)
		}
	}
	switch e.Kind {
	case EntryOpened:
		c.Tenant, c.Leaver, c.OpenedAt = e.Tenant, e.Leaver, e.At
		c.join(e)
		c.replan(*e.Plan)
	case EntryJoined:
		c.join(e)
		if e.Plan != nil {
			c.replan(*e.Plan)
		}
	case EntryPublished:
		c.published = true
	case EntryBegun:
		step.Lease, step.Replanned = *e.Lease, false
	case EntryRenewed:
		step.Lease = *e.Lease
	case EntryKept:
		step.Before = merged(e.Before, step.Before)
		step.Progress = merged(step.Progress, e.Progress)
	case EntrySettled:
		step.settle(e)
	case EntryRescheduled:
		step.N, step.Due = e.N, e.Due
		if e.State != "" {
			step.State, step.Reason, step.Rule, step.Observed = e.State, e.Reason, Rule{}, false
			step.Since, step.FailingSince, step.DecidedAt = time.Time{}, time.Time{}, time.Time{}
		}
	case EntrySignedOff:
		step.State, step.Rule, step.Reason, step.SignedOff = StateSignedOff, Rule{}, e.Reason, e.State
		step.Since, step.FailingSince, step.DecidedAt = time.Time{}, time.Time{}, e.At
	case EntryCancelled:
		if c.OpenedAt.IsZero() {
			c.Tenant, c.Leaver, c.OpenedAt = e.Tenant, e.Leaver, e.At
		}
		c.join(e)
		tombstone := e
		c.Cancelled = &tombstone
		for _, s := range c.Steps {
			if !s.State.Settled() {
				s.State = StateCancelled
				s.Reason = s.cancelled()
			}
		}
	case EntryErased:
		c.ErasedAt = e.At
	default:
		return fmt.Errorf("case %s: entry %d has the unknown kind %q", c.ID, e.Position, e.Kind)
	}
	c.sealed = merged(c.sealed, e.Sealed)
	if len(e.Sealed) > 0 {
		c.ErasedAt = time.Time{}
	}
	c.Position, c.Hash, c.ChangedAt = e.Position, hash, e.At
	return nil
}

func (c *Case) join(e Entry) {
	if e.Request != "" && !slices.Contains(c.Requests, e.Request) {
		c.Requests = append(c.Requests, e.Request)
	}
	if e.EventTime.After(c.EventTime) {
		c.EventTime = e.EventTime
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
			record.Before, record.Progress, record.Calls = was.Before, was.Progress, was.Calls
		}
		c.Steps = append(c.Steps, record)
	}
}

func (s *Record) settle(e Entry) {
	s.State, s.Rule, s.Reason = e.State, e.Rule, e.Reason
	s.N, s.Due = e.N, e.Due
	s.DecidedAt = e.At
	s.Lease, s.Replanned = Lease{}, false
	s.Evidence = merged(s.Evidence, e.Evidence)
	s.Calls = append(s.Calls, e.Calls...)
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
	out := make(map[string]string, len(base)+len(over))
	for k, v := range base {
		out[k] = v
	}
	for k, v := range over {
		out[k] = v
	}
	return out
}
