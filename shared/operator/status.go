package operator

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"time"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/worker"
)

// Status is one case, or one request that found none, as an operator sees it.
type Status struct {
	Case    string    `json:"case"`
	Request string    `json:"request"`
	Leaver  Leaver    `json:"leaver"`
	State   string    `json:"state"`
	Reason  string    `json:"reason,omitempty"` // of a parked request
	Opened  time.Time `json:"openedAt"`
	Source  string    `json:"source,omitempty"` // who asked for it, as the ledger has it
	// AskedBy is the person who asked for it; nil where a source did, and once the name is erased.
	AskedBy *Asker `json:"askedBy,omitempty"`
	// LeavingTime is when the leaver is to be out; Leaves says so as clocks show it in Zone, and why
	// then. They are empty of a request.
	LeavingTime *time.Time `json:"leavingTime,omitempty"`
	Zone        string     `json:"zone,omitempty"`
	Leaves      string     `json:"leaves,omitempty"`
	// LockedOutAt is when the leaver had been locked out, read back.
	LockedOutAt *time.Time   `json:"lockedOutAt,omitempty"`
	Steps       []StepStatus `json:"steps"`
	// Held is what holds the departure, or a step of it, until people lift it.
	Held []Held `json:"held,omitempty"`
	// Frozen is since when the whole installation writes nothing.
	Frozen *time.Time `json:"frozen,omitempty"`
	// Deadlines are what ends by itself and when, earliest first.
	Deadlines []offboarding.Deadline `json:"deadlines,omitempty"`
	// Erased is when the personal values were erased.
	Erased *time.Time `json:"erased,omitempty"`
	// DeletedExports are the exports of the mailbox that are gone, because their time was over.
	DeletedExports []offboarding.DeletedExport `json:"deletedExports,omitempty"`

	requests []string
}

// Leaver is who leaves, as far as it is known.
type Leaver struct {
	ID                string `json:"id"`
	UserPrincipalName string `json:"userPrincipalName"`
}

// Asker is a person who asked for a departure.
type Asker struct {
	Name     string `json:"name"`
	Verified bool   `json:"verified"`
}

// StepStatus is one step as an operator sees it.
type StepStatus struct {
	Name     offboarding.StepName  `json:"name"`
	State    offboarding.StepState `json:"state"`
	Rule     offboarding.Rule      `json:"rule,omitzero"`
	Reason   string                `json:"reason"`
	Attempts int                   `json:"attempts"`
	// Since is when the step began to wait or to fail, when it was left to a person, or taken back.
	Since *time.Time `json:"since,omitempty"`
	Due   *time.Time `json:"due,omitempty"` // of a step that is not settled
	// Deadline is when a step that waits becomes a task for a person, and one that fails is parked.
	Deadline    *time.Time        `json:"deadline,omitempty"`
	EffectiveAt *time.Time        `json:"effectiveAt"`
	Would       string            `json:"would,omitempty"` // of a rehearsed step: what it would have done
	Evidence    map[string]string `json:"evidence,omitempty"`
	SignedOff   *SignedOff        `json:"signedOff,omitempty"`
	// Items are the things that the step has left to a person, each of which can be accepted as it is.
	Items []Item `json:"items,omitempty"`
}

// Item is a thing, such as a file, a phone or a licence, by what the step's reason calls it.
type Item struct {
	ID string `json:"id"`
	// URL is where a person finds it, where no portal does by the id; until the personal values are erased.
	URL      string `json:"url,omitempty"`
	Accepted bool   `json:"accepted"`
}

// SignedOff is who accepted a step, and their note, until the personal values are erased.
type SignedOff struct {
	By   string `json:"by"`
	Note string `json:"note"`
}

// Status are the cases and parked requests that are meant, oldest first.
func (s *Desk) Status(ctx context.Context, who Who) ([]Status, error) {
	found, err := s.find(ctx, who)
	if err != nil {
		return nil, err
	}
	gone, err := s.gone(ctx)
	if err != nil {
		return nil, err
	}
	found = append(found, slices.DeleteFunc(gone, func(one Status) bool {
		return !one.is(who, nil) || slices.ContainsFunc(found, func(named Status) bool { return named.Case == one.Case })
	})...)
	brakes, err := s.Ledger.Brakes(ctx)
	for i := range found {
		found[i].Frozen = known(brakes.Frozen)
	}
	return found, err
}

// status is how a case stands now.
func (s *Desk) status(ctx context.Context, c *offboarding.Case) (Status, error) {
	personal, err := s.Ledger.PersonalOf(ctx, c)
	if err != nil {
		return Status{}, err
	}
	return StatusOf(c, personal, s.Now()), nil
}

// StatusOf is a case with the personal values that were not erased.
func StatusOf(c *offboarding.Case, personal map[string]string, now time.Time) Status {
	s := Status{
		Case:   c.ID,
		Leaver: Leaver{ID: c.Leaver, UserPrincipalName: personal["userPrincipalName"]},
		State:  string(c.State(now)), Opened: c.OpenedAt, Source: c.Source, Steps: []StepStatus{}, requests: c.Requests,
		LeavingTime: known(c.Plan.LeavingTime), Zone: c.Plan.Zone, Leaves: c.Plan.Leaves(),
		Deadlines: offboarding.Deadlines(c), Erased: known(c.ErasedAt), DeletedExports: c.DeletedExports, Held: held(c, personal, now),
	}
	if by := ledger.AskedBy(personal); by.Name != "" {
		s.AskedBy = &Asker{Name: by.Name, Verified: by.Verified()}
	}
	if at, out := c.LockedOut(); out {
		s.LockedOutAt = &at
	}
	if len(c.Requests) > 0 {
		s.Request = c.Requests[0]
	}
	for _, r := range c.Steps {
		step := StepStatus{Name: r.Name, State: r.State, Rule: r.Rule, Reason: r.Reason, Attempts: r.Attempts, Evidence: r.Evidence, Would: r.Would}
		if !r.Rule.IsZero() {
			step.Reason = r.Rule.Name + ": " + r.Reason
		}
		switch r.State {
		case offboarding.StateWaiting:
			step.Since, step.Deadline = known(r.Since), known(r.Deadline())
		case offboarding.StateRetrying:
			step.Since, step.Deadline = known(r.FailingSince), known(r.FailingSince.Add(worker.DefaultBudget))
		case offboarding.StateManual, offboarding.StateParked, offboarding.StateUndone:
			step.Since = known(r.DecidedAt)
		}
		step.EffectiveAt = known(r.EffectiveAt)
		if !r.State.Settled() {
			step.Due = known(r.Due)
		}
		if r.State == offboarding.StateSignedOff {
			by, note := ledger.SignedOff(personal, r)
			step.SignedOff = &SignedOff{By: cmp.Or(by, "erased"), Note: cmp.Or(note, "erased")}
		}
		step.Items = items(r, personal)
		s.Steps = append(s.Steps, step)
	}
	return s
}

// named are the items of a reason, as it says what to type about them.
var named = regexp.MustCompile(`--item ([A-Za-z0-9!_.-]{1,200})`)

// items are those that the step's reason names, and those that people have accepted.
func items(r *offboarding.Record, personal map[string]string) []Item {
	var out []Item
	add := func(id string, accepted bool) {
		if !slices.ContainsFunc(out, func(i Item) bool { return i.ID == id }) {
			out = append(out, Item{ID: id, URL: personal[ledger.PersonalName(r.Name, offboarding.ItemAt+id)], Accepted: accepted})
		}
	}
	for _, id := range r.Accepted {
		add(id, true)
	}
	for _, found := range named.FindAllStringSubmatch(r.Reason, -1) {
		add(found[1], false)
	}
	return out
}

// known is a time that there is; nil for the zero value.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// Statuses are all cases and parked requests, oldest first.
func Statuses(ctx context.Context, l *ledger.Ledger, now time.Time) ([]Status, error) {
	cases, damaged, err := l.AllCases(ctx)
	if err != nil {
		return nil, err
	}
	out := []Status{}
	for _, c := range cases {
		personal, err := l.PersonalOf(ctx, c)
		if err != nil {
			return nil, err
		}
		out = append(out, StatusOf(c, personal, now))
	}
	for _, u := range damaged {
		personal, err := l.Personal(ctx, u.ID)
		if err != nil {
			return nil, err
		}
		out = append(out, unreadable(u, personal))
	}
	parked, err := parkedRequests(ctx, l)
	if err != nil {
		return nil, err
	}
	out = append(out, parked...)
	slices.SortFunc(out, func(a, b Status) int { return a.Opened.Compare(b.Opened) })
	return out, nil
}

// parkedRequests are the requests that found no case, and those that cannot be used.
func parkedRequests(ctx context.Context, l *ledger.Ledger) ([]Status, error) {
	requests, damaged, err := l.Requests(ctx, ledger.RequestParked, ledger.RequestHeld, ledger.RequestRefused)
	if err != nil {
		return nil, err
	}
	var out []Status
	for _, u := range damaged {
		personal, err := l.Personal(ctx, u.ID)
		if err != nil {
			return nil, err
		}
		out = append(out, unreadable(u, personal))
	}
	for _, r := range requests {
		personal, err := l.Personal(ctx, r.ID)
		if err != nil {
			return nil, err
		}
		out = append(out, Status{
			Request: r.ID, Leaver: Leaver{UserPrincipalName: personal["userPrincipalName"]},
			State: string(r.State), Reason: r.Reason, Opened: r.At, Source: r.Source, Steps: []StepStatus{},
		})
	}
	return out, nil
}

// Step is the named one; the zero value when the case does not hold it.
func (s Status) Step(name offboarding.StepName) StepStatus {
	for _, step := range s.Steps {
		if step.Name == name {
			return step
		}
	}
	return StepStatus{}
}

// Name is what the leaver is called, or was before the personal values were erased.
func (s Status) Name() string {
	if s.Leaver.UserPrincipalName == "" && s.Erased != nil {
		return s.Leaver.ID + " (erased)"
	}
	return cmp.Or(s.Leaver.UserPrincipalName, s.Leaver.ID)
}

// Running reports whether anything is still to be done for a case.
func (s Status) Running() bool {
	return s.Case != "" && slices.Contains([]string{
		string(offboarding.CasePlanning), string(offboarding.CaseRunning), string(offboarding.CaseHeld), string(offboarding.CaseUndoing),
	}, s.State)
}

// LockedOut is how long after the opening of the case the leaver had been locked out, read back.
func (s Status) LockedOut() (time.Duration, bool) {
	if s.LockedOutAt == nil {
		return 0, false
	}
	return s.LockedOutAt.Sub(s.Opened), true
}
