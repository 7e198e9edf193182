package ledger

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"leaver/shared/offboarding"
)

// Claim is a message's claim to move a step.
type Claim struct {
	Tenant      string
	Case        string
	Leaver      string // object id
	PlanVersion int
	Step        offboarding.StepName
	N           int
}

// Admission says whether a message may move its step now, and why not.
type Admission struct {
	Kind AdmissionKind
	// Again is when the message is to come again, of one that is early or leased.
	Again time.Time
	// Why is in words, of one that is foreign or parked. It holds no personal data.
	Why string
}

// AdmissionKind is what an [Admission] says.
type AdmissionKind string

// The kinds of admission.
const (
	Admitted   AdmissionKind = "admitted"
	Foreign    AdmissionKind = "foreign"     // the ledger knows no such case, or not with this step, leaver or number
	NotPlanned AdmissionKind = "not planned" // the message fits the case, but its plan leaves the step out
	Stale      AdmissionKind = "stale"       // the ledger is past the message
	Parked     AdmissionKind = "parked"      // this very message parked the step
	Cancelled  AdmissionKind = "cancelled"   // the case is
	Early      AdmissionKind = "early"       // the step is not due yet
	Leased     AdmissionKind = "leased"      // another run works on the step
	Held       AdmissionKind = "held"        // a brake holds the departure, or the step
	Frozen     AdmissionKind = "frozen"      // the installation is
)

// Begin takes the lease of a step for a run, until a time. The run is there when the message is
// admitted, and nil otherwise. A departure that has not passed the limits yet is counted before its
// first run. Errors: ErrUnreadable, and those of the store.
func (l *Ledger) Begin(ctx context.Context, m Claim, until time.Time) (*Run, Admission, error) {
	holder, err := l.runID()
	if err != nil {
		return nil, Admission{}, fmt.Errorf("naming a run of step %s: %w", m.Step, err)
	}
	if spec, _ := offboarding.SpecOf(m.Step); spec.Irreversible {
		if err := l.brakesContradicted(ctx); err != nil {
			return nil, Admission{}, fmt.Errorf("holding the brakes to the last anchor: %w", err)
		}
		if err := l.contradicted(ctx, m.Case); err != nil && !errors.Is(err, ErrNoCase) {
			return nil, Admission{}, fmt.Errorf("holding step %s of case %s to the last anchor: %w", m.Step, m.Case, err)
		}
	}
	var admission Admission
	counted := false
	begin := func(c *offboarding.Case) (*offboarding.Entry, error) {
		if admission = admit(c, m, l.now()); admission.Kind != Admitted || !c.Counted() && !counted {
			return nil, nil
		}
		switch err := l.thawed(ctx); {
		case errors.Is(err, offboarding.ErrFrozen):
			admission = Admission{Kind: Frozen, Why: err.Error()}
			return nil, nil
		case err != nil:
			return nil, err
		}
		return &offboarding.Entry{
			Kind: offboarding.EntryBegun, Step: m.Step, N: m.N,
			Lease: &offboarding.Lease{Holder: holder, Until: until.UTC()},
		}, nil
	}
	c, err := l.update(ctx, m.Case, begin)
	if err == nil && admission.Kind == Admitted && !c.Counted() {
		if counted, c, err = l.countLate(ctx, c); err == nil {
			c, err = l.update(ctx, m.Case, begin)
		}
	}
	switch {
	case errors.Is(err, ErrNoCase):
		return nil, Admission{Kind: Foreign, Why: err.Error()}, nil
	case err != nil:
		return nil, Admission{}, err
	case admission.Kind != Admitted:
		return nil, admission, nil
	}
	return &Run{ledger: l, step: m.Step, holder: holder, c: c}, admission, nil
}

// runID names a run, as nobody else names theirs.
func (l *Ledger) runID() (string, error) {
	id := make([]byte, 16)
	_, err := io.ReadFull(l.random, id)
	return hex.EncodeToString(id), err
}

// countLate counts a departure that was not counted when it was opened: it was held for an approval,
// or an older version opened it. What would exceed a bound is held.
func (l *Ledger) countLate(ctx context.Context, c *offboarding.Case) (counted bool, _ *offboarding.Case, err error) {
	bounds, err := l.lastBounds(ctx)
	if err != nil {
		return false, nil, err
	}
	exceeded, err := l.count(ctx, l.beginning(c), bounds)
	if err != nil || len(exceeded) == 0 {
		return err == nil, c, err
	}
	c, err = l.hold(ctx, c.ID, limitBrakes(exceeded))
	return false, c, err
}

// admit says what a message may do to a case.
func admit(c *offboarding.Case, m Claim, now time.Time) Admission {
	step := c.Step(m.Step)
	switch {
	case c.Leaver != m.Leaver || c.Tenant != m.Tenant:
		return Admission{Kind: Foreign, Why: "the case is about another leaver or tenant"}
	case c.Over(m.Step):
		return Admission{Kind: Cancelled}
	case m.PlanVersion < c.Plan.Version:
		return Admission{Kind: Stale}
	case step == nil && m.PlanVersion == c.Plan.Version:
		return Admission{Kind: NotPlanned, Why: fmt.Sprintf("the plan does not hold step %s", m.Step)}
	case step == nil || m.PlanVersion > c.Plan.Version || m.N > step.N:
		return Admission{Kind: Foreign, Why: fmt.Sprintf("the plan does not hold step %s, version %d, n %d", m.Step, m.PlanVersion, m.N)}
	case m.N == step.N && step.State == offboarding.StateParked:
		return Admission{Kind: Parked, Why: step.Reason}
	case m.N < step.N || step.State.Settled():
		return Admission{Kind: Stale}
	case c.Stopped(m.Step):
		return Admission{Kind: Held}
	case step.Due.After(now.Add(early)):
		return Admission{Kind: Early, Again: step.Due}
	case planned(c, m.Step).After(now.Add(early)): // which is signed, and the record's due time is not
		return Admission{Kind: Early, Again: planned(c, m.Step)}
	case step.Lease.Holds(now):
		return Admission{Kind: Leased, Again: step.Lease.Until}
	}
	return Admission{Kind: Admitted}
}

// planned is before when the plan lets no run of the step begin.
func planned(c *offboarding.Case, step offboarding.StepName) time.Time {
	p, _ := c.Plan.Step(step)
	return p.Due
}

// Run is one run of one step under its lease. It is the write guard that adapters ask before every
// write. It is safe for concurrent use.
type Run struct {
	ledger *Ledger
	step   offboarding.StepName
	holder string

	mu    sync.Mutex
	c     *offboarding.Case
	calls []offboarding.Call
}

// maxCalls bounds the evidence of one run: an entry has to fit into 64 KiB.
const maxCalls = 200

// Case is the case as this run knows it.
func (r *Run) Case() *offboarding.Case {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.c
}

// Thawed is when the last freeze of the installation ended, as known when the run was admitted or asked
// last; zero when there was none.
func (r *Run) Thawed() time.Time {
	known, _ := r.ledger.brakes.get()
	return known.Thawed
}

// Record implements offboarding.WriteGuard: the call is evidence of what the run settles.
func (r *Run) Record(c offboarding.Call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.calls) < maxCalls {
		r.calls = append(r.calls, c)
	}
}

func (r *Run) recorded() []offboarding.Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clip(r.calls)
}

// knows takes the case as it is now.
func (r *Run) knows(c *offboarding.Case) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.Position > r.c.Position {
		r.c = c
	}
}

// Allow implements offboarding.WriteGuard: it is nil when the run may write now. Errors:
// offboarding.ErrCancelled, ErrHeld, ErrFrozen and ErrRehearsed, ErrLeaseLost, ErrReplanned,
// ErrUnreadable, and those of the store.
func (r *Run) Allow(ctx context.Context) error {
	c, err := r.ledger.newest(ctx, r.Case())
	if err != nil {
		return err
	}
	r.knows(c)
	record, err := r.held(c)
	switch {
	case c.Over(r.step) && !offboarding.PutsBack(ctx):
		err = offboarding.ErrCancelled
	case err != nil:
	case record.Replanned:
		err = ErrReplanned
	case !record.Lease.Until.After(r.ledger.now()):
		err = ErrLeaseLost
	case c.Stopped(r.step):
		err = offboarding.ErrHeld
	case c.Plan.Mode == offboarding.Observe:
		err = offboarding.ErrRehearsed
	default:
		err = r.ledger.thawed(ctx)
	}
	if err != nil {
		return fmt.Errorf("asking whether step %s of case %s may write: %w", r.step, c.ID, err)
	}
	return nil
}

// held is the record of the step while this run has its lease. A plan that has changed may not hold
// the step any more.
func (r *Run) held(c *offboarding.Case) (*offboarding.Record, error) {
	record := c.Step(r.step)
	if record == nil || record.Lease.Holder != r.holder {
		return nil, ErrLeaseLost
	}
	return record, nil
}

// update commits what decide makes of the step's record while this run has its lease.
func (r *Run) update(ctx context.Context, doing string, decide func(*offboarding.Case, *offboarding.Record) (*offboarding.Entry, error)) (*offboarding.Case, error) {
	id := r.Case().ID
	c, err := r.ledger.update(ctx, id, func(c *offboarding.Case) (*offboarding.Entry, error) {
		record, err := r.held(c)
		if err != nil {
			return nil, err
		}
		e, err := decide(c, record)
		if e != nil {
			e.Step = r.step
		}
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("%s of step %s of case %s: %w", doing, r.step, id, err)
	}
	r.knows(c)
	return c, nil
}

// Renew prolongs the lease. Errors: ErrLeaseLost, and those of the store.
func (r *Run) Renew(ctx context.Context, until time.Time) error {
	_, err := r.update(ctx, "renewing the lease", func(*offboarding.Case, *offboarding.Record) (*offboarding.Entry, error) {
		return &offboarding.Entry{Kind: offboarding.EntryRenewed, Lease: &offboarding.Lease{Holder: r.holder, Until: until.UTC()}}, nil
	})
	return err
}

// Keep commits facts of the run, the before and the progress of its step, and returns the case with
// them. A step that is being taken back keeps no more of the before: the order to take it back is
// signed, and bears out what stood before it. Errors: ErrLeaseLost, and those of the store.
func (r *Run) Keep(ctx context.Context, before, progress map[string]string) (*offboarding.Case, error) {
	return r.update(ctx, "keeping facts", func(_ *offboarding.Case, record *offboarding.Record) (*offboarding.Entry, error) {
		if record.Undo {
			if before = nil; len(progress) == 0 {
				return nil, nil
			}
		}
		return &offboarding.Entry{Kind: offboarding.EntryKept, Before: before, Progress: progress}, nil
	})
}

// KeepPersonal commits personal facts of the run and returns the case with them: the values are
// sealed beside the history under PersonalName, and the before of the step says "sealed" for each.
// The first value of a name stays.
func (r *Run) KeepPersonal(ctx context.Context, before map[string]string) (*offboarding.Case, error) {
	// Values are replaced before the commit can tell that the lease is lost.
	fresh, err := r.ledger.newest(ctx, r.Case())
	if err != nil {
		return nil, err
	}
	r.knows(fresh)
	return r.update(ctx, "keeping personal facts", func(c *offboarding.Case, record *offboarding.Record) (*offboarding.Entry, error) {
		if record.Undo {
			return nil, nil
		}
		values, said := map[string]string{}, map[string]string{}
		for name, value := range before {
			if sealed := PersonalName(r.step, name); !c.Sealed(sealed) {
				values[sealed], said[name] = value, "sealed"
			}
		}
		if len(values) == 0 {
			return nil, nil
		}
		sealed, err := r.ledger.seal(ctx, c.ID, values)
		if err != nil {
			return nil, err
		}
		return &offboarding.Entry{Kind: offboarding.EntryKept, Before: said, Sealed: sealed}, nil
	})
}

// PersonalName is the name under which a personal value of a step's before is sealed.
func PersonalName(step offboarding.StepName, name string) string { return string(step) + "-" + name }

// Personal returns the personal values of the run's case that were not erased; see [Ledger.PersonalOf].
func (r *Run) Personal(ctx context.Context) (map[string]string, error) {
	return r.ledger.PersonalOf(ctx, r.Case())
}

// Settlement is how a run ends.
type Settlement struct {
	State    offboarding.StepState
	Rule     offboarding.Rule
	Reason   string        // no personal data
	Delay    time.Duration // to the next message, for waiting and retrying
	Attempt  bool          // the run spent an attempt
	Planned  bool          // the wait is part of the plan, not a delay
	Observed bool          // of a manual task: the step's own effect was observed
	Would    string        // of a rehearsed run: what it would have done; no personal data
	Brakes   []offboarding.Brake
	Evidence map[string]string
}

// Settle commits how the run ends, with the calls it has recorded, and gives its lease back. For
// waiting and retrying the step's n is raised with its next due time in the same commit, so that a
// message for it may be scheduled after. On a cancelled case what would go on is cancelled instead.
// Under a plan that has changed since the run began, its word counts for nothing: the step is as
// the new plan has it, and runs again. Errors: ErrLeaseLost, and those of the store.
func (r *Run) Settle(ctx context.Context, s Settlement) (*offboarding.Case, error) {
	return r.update(ctx, "settling a run", func(c *offboarding.Case, record *offboarding.Record) (*offboarding.Entry, error) {
		e := &offboarding.Entry{Kind: offboarding.EntrySettled, N: record.N, Due: record.Due, Calls: r.recorded()}
		if record.Replanned && !c.Over(r.step) {
			e.State, e.Rule, e.Reason, e.Planned = record.State, record.Rule, record.Reason, true
			return e, nil
		}
		e.State, e.Rule, e.Reason = s.State, s.Rule, s.Reason
		e.Attempt, e.Planned, e.Observed, e.Evidence = s.Attempt, s.Planned, s.Observed, s.Evidence
		e.Would = s.Would
		e.Brakes = notYetOn(c, s.Brakes)
		switch {
		case s.State.Settled():
		case c.Over(r.step):
			e.State, e.Reason = offboarding.StateCancelled, "the departure was cancelled"
		default:
			e.N, e.Due = record.N+1, r.ledger.now().Add(s.Delay).UTC()
		}
		return e, nil
	})
}

// Expire makes a manual task of a wait that has passed its step's deadline, as the worker does
// when a message comes. It does nothing unless the step is waiting at n, past its deadline, and
// no run holds its lease; expired reports whether it did.
func (l *Ledger) Expire(ctx context.Context, id string, step offboarding.StepName, n int) (c *offboarding.Case, expired bool, err error) {
	c, err = l.update(ctx, id, func(c *offboarding.Case) (*offboarding.Entry, error) {
		expired = false
		record, now := c.Step(step), l.now()
		if record == nil || record.N != n || c.Over(step) || record.Lease.Holds(now) {
			return nil, nil
		}
		if deadline := record.Deadline(); deadline.IsZero() || now.Before(deadline) {
			return nil, nil
		}
		expired = true
		spec, _ := offboarding.SpecOf(step)
		return &offboarding.Entry{
			Kind: offboarding.EntrySettled, Step: step, N: record.N, Due: record.Due,
			State: offboarding.StateManual, Reason: spec.PastDeadline(record.Reason),
		}, nil
	})
	return c, expired && err == nil, err
}

// Reschedule gives a step that is not settled its next message: n is raised, due at a time.
// It does nothing when the ledger is past n already.
func (l *Ledger) Reschedule(ctx context.Context, id string, step offboarding.StepName, n int, due time.Time) (*offboarding.Case, error) {
	return l.update(ctx, id, func(c *offboarding.Case) (*offboarding.Entry, error) {
		record := c.Step(step)
		if record == nil || record.N != n || record.State.Settled() || c.Over(step) {
			return nil, nil
		}
		return &offboarding.Entry{Kind: offboarding.EntryRescheduled, Step: step, N: n + 1, Due: due.UTC()}, nil
	})
}

// ErrNotReplayable: the step cannot be sent back to work; the error says why.
var ErrNotReplayable = errors.New("nothing to replay")

// Replayable is nil when the step may be sent back to work: it is parked, a manual task,
// withheld or signed off, or it is effective but a step that needs it is withheld, as when what
// it had reached did not last; and its case is not cancelled.
func Replayable(c *offboarding.Case, step offboarding.StepName) error {
	record := c.Step(step)
	switch {
	case c.Over(step):
		return fmt.Errorf("%w: %w", ErrNotReplayable, offboarding.ErrCancelled)
	case record == nil:
		return fmt.Errorf("%w: the plan does not hold step %s", ErrNotReplayable, step)
	}
	switch record.State {
	case offboarding.StateParked, offboarding.StateManual, offboarding.StateWithheld, offboarding.StateSignedOff:
		return nil
	case offboarding.StateEffective:
		for _, spec := range offboarding.Steps {
			if r := c.Step(spec.Name); r != nil && r.State == offboarding.StateWithheld && slices.Contains(spec.Needs, step) {
				return nil
			}
		}
	}
	return fmt.Errorf("%w: step %s is %s", ErrNotReplayable, step, record.State)
}

// Replay sends a settled step back to work: planned again, due now but not before its plan says,
// under a new n. What [Replayable] refuses is an error.
func (l *Ledger) Replay(ctx context.Context, id string, step offboarding.StepName) (*offboarding.Case, error) {
	return l.update(ctx, id, func(c *offboarding.Case) (*offboarding.Entry, error) {
		if err := Replayable(c, step); err != nil {
			return nil, err
		}
		due := l.now().UTC()
		if planned, _ := c.Plan.Step(step); planned.Due.After(due) && !c.Step(step).Undo {
			due = planned.Due
		}
		return &offboarding.Entry{
			Kind: offboarding.EntryRescheduled, Step: step, N: c.Step(step).N + 1, Due: due,
			State: offboarding.StatePlanned,
		}, nil
	})
}
