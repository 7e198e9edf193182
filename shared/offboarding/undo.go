package offboarding

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Undo is the order to take a departure back, or some steps of it.
type Undo struct {
	At    time.Time
	Steps []StepName
	// Stopped is when people stopped it; zero while it stands.
	Stopped time.Time
}

// ApproveUndo and ApproveRehired are what brakes of an undo want approved: that it begins, which a
// webhook alone does not decide, and that it goes on although somebody else has the leaver's number or
// name by now.
const (
	ApproveUndo    = "undo"
	ApproveRehired = "rehired"
)

// OnCancel is what a cancellation does that comes after the lockout.
type OnCancel string

// What it can do. No webhook alone enables an account.
const (
	OnCancelStop OnCancel = "stop"
	OnCancelUndo OnCancel = "undo" // the undo is prepared, and held
)

// undoNeeds are the steps that have to be taken back before one is: the order of a way back. What
// brings the account back comes first, what opens it last.
// Source: Microsoft Entra, Recover from deletions; Microsoft 365 admin, Restore a user.
var undoNeeds = map[StepName][]StepName{
	StepLicence:  {StepDelete},
	StepPreserve: {StepDelete, StepLicence},
	StepForward:  {StepDelete, StepLicence},
	StepWipe:     {StepDelete, StepLicence},
	StepOnedrive: {StepDelete, StepLicence},
	StepAccess:   {StepDelete, StepLicence},
	StepBlock:    {StepDelete, StepLicence, StepPreserve, StepForward, StepWipe, StepOnedrive, StepAccess, StepOnpremises},
	StepSignout:  {StepBlock},
	// The application that enables an account may not, once that holds a role again (B10).
	StepPrivileges: {StepBlock},
}

// AwaitUndo is nil when every step that has to be taken back before this one has been, or leaves no
// more than a task; and the verdict to return otherwise.
func (j *Job) AwaitUndo() error { return j.AwaitTakenBack(undoNeeds[j.Step.Name]...) }

// AwaitTakenBack is AwaitUndo for those steps.
func (j *Job) AwaitTakenBack(steps ...StepName) error {
	var open []string
	for _, need := range steps {
		r := j.Case.Step(need)
		if r == nil || !r.Undo || r.State.Closed() || r.Observed {
			continue
		}
		if r.State.Settled() { // a person's: no deadline runs meanwhile
			looks := min(max(j.Now.Sub(r.DecidedAt)/2, 2*time.Second), again)
			return ContinueAt(j.Now.Add(looks), fmt.Sprintf("waits for a person: the undo of %s is %s", need, r.State))
		}
		open = append(open, string(need))
	}
	if len(open) == 0 {
		return nil
	}
	is := "is"
	if len(open) > 1 {
		is = "are"
	}
	return j.NotYet("waits until %s %s taken back", strings.Join(open, ", "), is)
}

// Undoing reports whether steps of the case are still to be taken back.
func (c *Case) Undoing() bool {
	return c.Undo != nil && c.Undo.Stopped.IsZero() && slices.ContainsFunc(c.Steps, func(s *Record) bool { return s.Undo && !s.State.Closed() })
}

// Undone reports whether the whole departure was taken back.
func (c *Case) Undone() bool {
	return c.Undo != nil && len(c.Steps) > 0 && !slices.ContainsFunc(c.Steps, func(s *Record) bool { return !s.Undo || !s.State.Closed() })
}

// Leaving reports whether steps may still act for the departure itself.
func (c *Case) Leaving() bool {
	return c.Cancelled == nil && slices.ContainsFunc(c.Steps, func(s *Record) bool { return !s.Undo && !s.State.Closed() })
}

// Over reports whether nothing may be written for a step any more: its case was cancelled, and the step
// is not being taken back.
func (c *Case) Over(step StepName) bool {
	if r := c.Step(step); r != nil && r.Undo {
		return !c.Undo.Stopped.IsZero()
	}
	return c.Cancelled != nil
}

// Undoable are the steps of the case that have run and are not taken back: there is something to undo.
func (c *Case) Undoable() []StepName {
	var out []StepName
	for _, s := range c.Steps {
		if s.begun && s.State != StateUndone {
			out = append(out, s.Name)
		}
	}
	return out
}

// undo begins to take steps back. What held the departure itself holds that no more, and a run that is
// under way may not write any more.
func (c *Case) undo(e Entry) {
	c.Undo, c.published = &Undo{At: e.At, Steps: e.Undo}, false
	c.Brakes = slices.DeleteFunc(slices.Clone(c.Brakes), func(b Brake) bool {
		return b.Holds() && (b.Step == "" || slices.Contains(e.Undo, b.Step))
	})
	for _, name := range e.Undo {
		c.change(name, func(s *Record) {
			if s.State == StateUndone {
				return
			}
			s.Undo, s.Replanned = true, s.Lease.Holds(e.At)
			s.Rule, s.Reason, s.Would, s.SignedOff, s.Observed, s.Attempts = Rule{}, "", "", "", false, 0
			s.Since, s.FailingSince, s.DecidedAt = time.Time{}, time.Time{}, time.Time{}
			s.State, s.N, s.Due = StatePlanned, s.N+1, e.At
			if !s.begun {
				s.State, s.Reason, s.Observed = StateUndone, "it had not begun", true
			}
		})
	}
}

// stopUndo ends an undo where it is.
func (c *Case) stopUndo(e Entry) {
	stopped := *c.Undo
	stopped.Stopped = e.At
	c.Undo = &stopped
	for _, s := range c.Steps {
		if s.Undo && !s.State.Settled() || s.Undo && s.State == StateHeld {
			c.change(s.Name, func(s *Record) {
				s.State, s.Reason = StateCancelled, "the undo was stopped; the step is taken back as far as its requests say"
			})
		}
	}
	c.Brakes = slices.DeleteFunc(slices.Clone(c.Brakes), func(b Brake) bool {
		return b.Holds() && (b.By == ApproveUndo || b.By == ApproveRehired || slices.Contains(stopped.Steps, b.Step))
	})
}

// settleUndo is [Record.settle] of a run that took the step back.
func (s *Record) settleUndo(e Entry) {
	if e.State == StateUndone || len(e.Evidence) > 0 {
		s.Evidence = e.Evidence // what the departure observed is not so any more
	}
	s.Observed = e.State == StateUndone || e.Observed
	if s.Observed || e.State.Settled() || e.Planned {
		s.Since = time.Time{}
	} else if s.Since.IsZero() {
		s.Since = e.At
	}
}

// UndoBrakes hold what of an undo needs a second person: what gives an administrator's power back.
func (c *Case) UndoBrakes() []Brake {
	r := c.Step(StepPrivileges)
	if r == nil || !r.begun || r.State == StateUndone {
		return nil
	}
	powers := 0
	for name := range r.Before {
		if kind, _, _ := strings.Cut(name, " "); kind != string(GrantMethod) {
			powers++
		}
	}
	if powers == 0 {
		return nil
	}
	b := c.Plan.Approvals.Brake(ApprovePrivileged, StepPrivileges, c.Plan.Approvals.Privileged,
		Count(powers, "right")+" of a directory role, a role-assignable group or an application would come back: what made the leaver powerful needs a second person's word")
	return []Brake{b}
}

// Lost is what an undo cannot bring back of what the steps did, in words, and what a person has to do
// for it, as far as the ledger knows: said before it begins.
func (c *Case) Lost(steps []StepName) []string {
	var out []string
	for _, name := range steps {
		r := c.Step(name)
		if r == nil || !r.begun || lost[name] == nil {
			continue
		}
		for _, what := range lost[name](c, r) {
			out = append(out, string(name)+": "+what)
		}
	}
	return out
}

// counted are the values of a before whose names begin so.
func (s *Record) counted(prefix string) int {
	n := 0
	for name := range s.Before {
		if strings.HasPrefix(name, prefix) {
			n++
		}
	}
	return n
}

// lost says of each step what nobody can take back, in the order of contract-2.md 3.3.
var lost = map[StepName]func(c *Case, r *Record) []string{
	StepSignout: func(*Case, *Record) []string {
		return []string{"the password does not come back: a person hands a new one or a Temporary Access Pass over; sessions are signed in anew"}
	},
	StepWipe: func(_ *Case, r *Record) []string {
		var out []string
		if n := r.counted("managedDevice/"); n > 0 {
			out = append(out, Count(n, "device")+" of those that were retired or wiped: their user enrols them again")
		}
		if n := r.counted("phone/"); n > 0 {
			out = append(out, Count(n, "phone")+", where the account is set up again by whoever's phone had heard of its wipe")
		}
		if n := r.counted("managedApps/"); n > 0 {
			out = append(out, "the data of protected apps on "+Count(n, "device")+" is gone; the apps fetch it again")
		}
		return out
	},
	StepForward: func(_ *Case, r *Record) []string {
		var out []string
		if n := r.Before["meetingsOrganised"]; n != "" && n != "0" {
			out = append(out, n+" meetings that were cancelled stay so: the cancellations were sent")
		}
		if r.Before["autoReplyState"] != "" && r.Before["autoReplyState"] != "Disabled" && r.Before["autoReplyInside"] == "" {
			out = append(out, "the texts of the earlier automatic reply were not kept")
		}
		return out
	},
	StepPreserve: func(_ *Case, r *Record) []string {
		if r.Before["litigationHoldEnabled"] != "false" {
			return nil
		}
		return []string{"Exchange keeps holding the mailbox for 30 days after the hold is taken off (delay hold)"}
	},
	StepOnedrive: func(_ *Case, r *Record) []string {
		var out []string
		if n := r.counted("link "); n > 0 {
			out = append(out, Count(n, "sharing link")+", turned off, to be made again with new addresses")
		}
		if r.Progress["targetFolder"] != "" {
			out = append(out, "the copies of the files stay with whoever got them")
		}
		return out
	},
	StepPrivileges: func(_ *Case, r *Record) []string {
		if n := r.counted(string(GrantMethod) + " "); n > 0 {
			return []string{Count(n, "authentication method") + ", which the person registers anew"}
		}
		return nil
	},
	StepAccess: func(c *Case, r *Record) []string {
		portal := c.Plan.Cloud().Portal
		whom := func(id string) string { return id + " (" + portal.User(id) + ")" }
		out := []string{"private and shared channels of Teams are memberships of their own, which Leaver does not see"}
		if n := r.counted(string(GrantConsent) + " "); n > 0 {
			out = append(out, Count(n, "consent")+" to applications, for the person to give again")
		}
		for _, name := range slices.Sorted(maps.Keys(r.Progress)) {
			if group, is := strings.CutPrefix(name, HandedTo); is {
				out = append(out, "the group "+group+" ("+portal.Group(group)+") keeps its new owner "+whom(r.Progress[name])+" beside the person")
			}
			if what, is := strings.CutPrefix(name, PassedOn); is {
				_, id, _ := strings.Cut(what, " ")
				out = append(out, what+" (Get-Recipient "+id+" shows it) comes back from "+whom(r.Progress[name])+" if it still is as Leaver left it, and is a task if not")
			}
		}
		if r.Evidence["tasks"] != "" {
			out = append(out, "what people did by hand, people take back: "+r.Evidence["tasks"])
		}
		return out
	},
	StepDelete: func(c *Case, _ *Record) []string {
		if at := c.AccountDeleted(); !at.IsZero() {
			return []string{"the account can be restored until " + Stamp(at.Add(Restorable))}
		}
		return nil
	},
}

// Kept are the names in the step's before that begin so, without the prefix, in order; the values go
// with them.
func (s *Record) Kept(prefix string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(s.Before)) {
		if rest, is := strings.CutPrefix(name, prefix); is {
			out = append(out, rest)
		}
	}
	return out
}

// SealedBefore are the step's own personal values of its before that were not erased, by their names
// there.
func (j *Job) SealedBefore(ctx context.Context) (map[string]string, error) {
	all, err := j.Personal(ctx)
	if err != nil {
		return nil, err
	}
	own := map[string]string{}
	for name, value := range all {
		if short, is := strings.CutPrefix(name, string(j.Step.Name)+"-"); is {
			own[short] = value
		}
	}
	return own, nil
}

// Return is things that are to be there again, one by one.
type Return[T any] struct {
	// What was asked for, and Missing what still does not show, with %d for how many:
	// "groups that do not show the leaver: %d".
	What, Missing string
	// Find returns what of the before is not there now; also beside an error, when it could not look everywhere.
	Find func(context.Context) ([]T, error)
	// Give brings all of them back and returns for each what became of it; each is tried. What the step
	// itself knows better than to give is [LeaveIt].
	Give func(context.Context, []T) []error
	// Refused says in words what a person has to do about one that the vendor refuses for good. Others
	// come back all the same.
	Refused func(T, error) string
}

// leftAsItIs is what a step itself does not give back.
type leftAsItIs struct{ why string }

func (e *leftAsItIs) Error() string { return e.why }

// LeaveIt is why a step does not give something back, as it has read itself: no later try says otherwise.
func LeaveIt(why string) error { return &leftAsItIs{why} }

// Microsoft may refuse for a while what it takes a little later: parts of it hear late that an account is
// there again, or show late that it is in a group already.
// Source: hashicorp/terraform-provider-azuread, pull request 283.
const (
	hearsLate    = 5 * time.Minute
	refusedSince = "undo: refused since: "
)

// EnsureBack is [EnsureNone] the other way round: nil once nothing is missing any more, and a task for
// which nothing waits where the vendor goes on refusing some of it.
func EnsureBack[T any](ctx context.Context, j *Job, r Return[T]) error {
	missing, unseen := r.Find(ctx)
	if len(missing) == 0 {
		return unseen
	}
	var verdicts []error
	var tasks []string
	refused := false
	for i, err := range r.Give(ctx, missing) {
		var left *leftAsItIs
		switch known := errors.As(err, &left); {
		case known, IsPermanent(err), errors.Is(err, ErrNotFound):
			tasks, refused = append(tasks, r.Refused(missing[i], err)), refused || !known
		case err != nil:
			verdicts = append(verdicts, err)
		}
	}
	if err := Join(verdicts...); err != nil {
		return Join(err, unseen)
	}
	still, unseen := r.Find(ctx)
	switch {
	case len(still) == 0:
		return unseen
	case len(still) > len(tasks):
		return Join(j.NotYet("%s was accepted, but "+r.Missing, r.What, len(still)-len(tasks)), unseen)
	}
	slices.Sort(tasks)
	task := strings.Join(slices.Compact(tasks), "; ")
	if refused {
		since, err := j.Seen(ctx, refusedSince+r.What)
		if err != nil {
			return err
		}
		if j.Now.Sub(since) < hearsLate {
			return Join(j.NotYet("%s is refused, which passes where Microsoft hears late that the account is back; a task if it does not: %s", r.What, task), unseen)
		}
	}
	return Join(DoneWithTask(task+"; then sign off"), unseen)
}

// Each gives things back one by one.
func Each[T any](give func(context.Context, T) error) func(context.Context, []T) []error {
	return func(ctx context.Context, all []T) []error {
		errs := make([]error, len(all))
		for i, one := range all {
			errs[i] = give(ctx, one)
		}
		return errs
	}
}
