package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/worker"
)

// Release is which departures go on although limits hold them, and by whose word: those that are
// named, those of a source, or all.
type Release struct {
	Who    []Who  `json:"who,omitempty"`
	Source string `json:"source,omitempty"` // as it is declared, or as the ledger has it
	All    bool   `json:"all,omitempty"`
	By     string `json:"by"`
}

// Release lifts the limits from what is meant and returns how that stands. What could not be released
// is an error, and does not keep the others from it.
func (s *Desk) Release(ctx context.Context, ask Release) ([]Status, error) {
	if several := ask.All || ask.Source != ""; several == (len(ask.Who) > 0) {
		return nil, refused("say which departures: name them, or a source, or all")
	}
	by, err := s.acting(Operate, ask.By)
	if err != nil {
		return nil, err
	}
	ids, err := s.limited(ctx, ask)
	if err != nil {
		return nil, err
	}
	released := []Status{}
	var failures []error
	for _, id := range ids {
		one, err := s.release(ctx, id, by)
		if err != nil {
			failures = append(failures, fmt.Errorf("releasing case %s: %w", id, err))
			continue
		}
		released = append(released, one)
	}
	if len(failures) > 0 && len(released) > 0 {
		failures = append(failures, fmt.Errorf("released besides: %d", len(released)))
	}
	return released, errors.Join(failures...)
}

func (s *Desk) release(ctx context.Context, id string, by offboarding.Person) (Status, error) {
	if err := s.othersCase(ctx, id); err != nil {
		return Status{}, err
	}
	c, err := s.Ledger.Release(ctx, id, by)
	if err != nil {
		return Status{}, err
	}
	return s.goOn(ctx, c)
}

// limited are the cases that limits hold, of those that are meant, oldest first; whoever is named has
// to be one of them.
func (s *Desk) limited(ctx context.Context, ask Release) ([]string, error) {
	if len(ask.Who) > 0 {
		var ids []string
		for _, who := range ask.Who {
			open, err := s.open(ctx, who, "release")
			if err != nil {
				return nil, err
			}
			ids = append(ids, open.Case)
		}
		return ids, nil
	}
	cases, _, err := s.Ledger.Cases(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(cases, func(a, b *offboarding.Case) int { return a.OpenedAt.Compare(b.OpenedAt) })
	var ids []string
	for _, c := range cases {
		if c.Limited() && (ask.All || from(ask.Source, c.Source)) {
			ids = append(ids, c.ID)
		}
	}
	return ids, nil
}

// from reports whether a source is meant, as it is declared or as the ledger has it.
func from(meant, source string) bool { return source == meant || source == "webhooks/"+meant }

// goOn publishes a departure that people have just let go on. Should the bus refuse, watch does it
// within a minute.
func (s *Desk) goOn(ctx context.Context, c *offboarding.Case) (Status, error) {
	c, err := worker.Dispatch(ctx, s.Bus, s.Ledger, c)
	if err != nil {
		return Status{}, fmt.Errorf("the ledger has your word, and watch carries it out within a minute: %w", err)
	}
	return s.status(ctx, c)
}

// Approval is a person's word for a departure, or for one step of it; or that it is taken back.
type Approval struct {
	Who      Who                  `json:"who"`
	Step     offboarding.StepName `json:"step,omitempty"`
	By       string               `json:"by"`
	Note     string               `json:"note,omitempty"`
	Withdraw bool                 `json:"withdraw,omitempty"`
	// Leaver is the object id of whom a held request means, whose names are those of different people.
	Leaver string `json:"leaver,omitempty"`
}

// Approve gives or takes back a person's word and returns how the case stands.
func (s *Desk) Approve(ctx context.Context, ask Approval) (Status, error) {
	by, err := s.acting(Approve, ask.By)
	if err != nil {
		return Status{}, err
	}
	if ask.Leaver != "" {
		return s.choose(ctx, ask, by)
	}
	open, err := s.open(ctx, ask.Who, "approve")
	if err != nil {
		return Status{}, err
	}
	if err := s.othersCase(ctx, open.Case); err != nil {
		return Status{}, err
	}
	var c *offboarding.Case
	for _, step := range open.meant(ask.Step) {
		approval := ledger.Approval{Case: open.Case, Step: step, By: by, Note: ask.Note}
		if ask.Withdraw {
			c, err = s.Ledger.Withdraw(ctx, approval)
		} else {
			c, err = s.Ledger.Approve(ctx, approval)
		}
		if err != nil {
			return Status{}, err
		}
	}
	return s.goOn(ctx, c)
}

// choose says whom a held request means, and sends it back to be planned.
func (s *Desk) choose(ctx context.Context, ask Approval, by offboarding.Person) (Status, error) {
	if ask.Who.Request == "" || ask.Step != "" || ask.Withdraw {
		return Status{}, refused("name the request that is held, as leaver status does, and nothing else with --leaver")
	}
	if err := s.Ledger.Choose(ctx, ask.Who.Request, strings.ToLower(ask.Leaver), by); err != nil {
		return Status{}, err
	}
	if _, err := s.replay(ctx, Replay{Who: ask.Who}); err != nil {
		return Status{}, err
	}
	return Status{Request: ask.Who.Request, Opened: s.Now(), State: string(offboarding.CasePlanning), Reason: "it is on its way to be planned", Steps: []StepStatus{}}, nil
}

// meant are the steps that an approval is for: the one that is named, or the departure, and where
// nothing holds that, every step that waits because its source knows no date (B18).
func (s Status) meant(step offboarding.StepName) []offboarding.StepName {
	var undated []offboarding.StepName
	for _, h := range s.Held {
		switch {
		case step != "", h.Kind == offboarding.BrakeApproval && h.Step == "":
			return []offboarding.StepName{step}
		case h.By == offboarding.B18.Name:
			undated = append(undated, h.Step)
		}
	}
	if len(undated) == 0 {
		return []offboarding.StepName{step}
	}
	return undated
}

// Allowance is how many departures a person lets begin on top of every limit.
type Allowance struct {
	Departures int       `json:"departures"`
	Until      time.Time `json:"until"`
	By         string    `json:"by"`
}

// Allow allows more departures, on top of every limit; those that wait go on at once.
func (s *Desk) Allow(ctx context.Context, ask Allowance) (Brakes, error) {
	if ask.Departures < 1 || !ask.Until.After(s.Now()) {
		return Brakes{}, refused("allow at least one departure, until a time that is ahead")
	}
	by, err := s.acting(Operate, ask.By)
	if err != nil {
		return Brakes{}, err
	}
	if err := s.Ledger.AllowDepartures(ctx, ask.Departures, ask.Until, by); err != nil {
		return Brakes{}, err
	}
	cases, _, err := s.Ledger.Cases(ctx)
	if err != nil {
		return Brakes{}, err
	}
	slices.SortFunc(cases, func(a, b *offboarding.Case) int { return a.OpenedAt.Compare(b.OpenedAt) }) // who came first goes on first
	for _, c := range cases {
		if !c.Limited() {
			continue
		}
		c, released, err := s.Ledger.Readmit(ctx, c)
		if err == nil && released {
			_, err = worker.Dispatch(ctx, s.Bus, s.Ledger, c)
		}
		if err != nil {
			return Brakes{}, fmt.Errorf("the ledger has your word, and watch carries it out within a minute: %w", err)
		}
	}
	return s.Brakes(ctx)
}

// Freeze stops every write of the installation, or lets it write again.
type Freeze struct {
	Reason string `json:"reason,omitempty"`
	By     string `json:"by"`
	Thaw   bool   `json:"thaw,omitempty"`
}

// Freeze stops every write of the installation, or lets it write again.
func (s *Desk) Freeze(ctx context.Context, ask Freeze) (Brakes, error) {
	by, err := s.acting(Operate, ask.By)
	switch {
	case err != nil:
	case ask.Thaw:
		err = s.Ledger.Thaw(ctx, by)
	case strings.TrimSpace(ask.Reason) == "":
		err = refused("say why the installation is frozen")
	default:
		err = s.Ledger.Freeze(ctx, by, ask.Reason)
	}
	if err != nil {
		return Brakes{}, err
	}
	return s.Brakes(ctx)
}

// Brakes are those of the whole installation.
type Brakes struct {
	Frozen *Frozen `json:"frozen"` // null while it is not
	// Held are how many departures limits hold.
	Held   int     `json:"held"`
	Limits []Limit `json:"limits"`
	// Allowed are the departures that people have allowed on top; they are in each limit's of.
	Allowed int `json:"allowed"`
}

// Frozen is since when nothing is written, by whose word, and why.
type Frozen struct {
	At       time.Time `json:"at"`
	By       string    `json:"by"`
	Verified bool      `json:"verified"`
	Reason   string    `json:"reason"`
}

// Limit is how much of a limit is used now, in its rolling window.
type Limit struct {
	Name   string `json:"name"`
	Source string `json:"source,omitempty"`
	Window string `json:"window"`
	Used   int    `json:"used"`
	Of     int    `json:"of"`
}

// Brakes are those of the whole installation.
func (s *Desk) Brakes(ctx context.Context) (Brakes, error) {
	known, err := s.Ledger.Brakes(ctx)
	if err != nil {
		return Brakes{}, err
	}
	bounds := known.Bounds // of the functions, where this host does not know their policy
	if !s.PolicyUnknown {
		if bounds, err = s.Planner.Bounds(ctx); err != nil {
			return Brakes{}, err
		}
	}
	now := s.Now()
	out := Brakes{Limits: []Limit{}, Allowed: known.Tally.Allowed(now)}
	for _, b := range bounds {
		out.Limits = append(out.Limits, Limit{
			Name: b.Name, Source: b.Source, Window: offboarding.FormatDuration(b.Window), Used: known.Tally.Used(b, now), Of: b.Of + out.Allowed,
		})
	}
	frozen, is, err := s.Ledger.Freezing(ctx)
	if err != nil {
		return Brakes{}, err
	}
	if is {
		out.Frozen = &Frozen{At: frozen.At, By: frozen.By.Name, Verified: frozen.By.Verified(), Reason: frozen.Reason}
	}
	all, err := s.Index.statuses(ctx, s.Ledger, now)
	for _, one := range all {
		if one.Running() && slices.ContainsFunc(one.Held, func(h Held) bool { return h.Kind == offboarding.BrakeLimit && h.Step == "" }) {
			out.Held++
		}
	}
	return out, err
}

// Held is what holds a departure or a step of it, until people lift it.
type Held struct {
	Kind offboarding.BrakeKind `json:"kind"` // limit: leaver release; approval: leaver approve
	By   string                `json:"by"`
	Step offboarding.StepName  `json:"step,omitempty"`
	Why  string                `json:"why"`
	// Needs is how many people have to approve; 0 of a limit, which one releases.
	Needs     int             `json:"needs"`
	Since     time.Time       `json:"since"`
	Approvals []ApprovalGiven `json:"approvals"`
}

// ApprovalGiven is the word of somebody for what others still have to approve.
type ApprovalGiven struct {
	By       string    `json:"by"`
	At       time.Time `json:"at"`
	Verified bool      `json:"verified"`
}

// held are the brakes of a case that hold.
func held(c *offboarding.Case, personal map[string]string, now time.Time) []Held {
	var out []Held
	for _, b := range c.Brakes {
		if !b.Holds() {
			continue
		}
		h := Held{Kind: b.Kind, By: b.By, Step: b.Step, Why: b.Why, Needs: b.Needs, Since: b.At, Approvals: []ApprovalGiven{}}
		for _, a := range b.Given(now) {
			h.Approvals = append(h.Approvals, ApprovalGiven{By: ledger.Approver(personal, a).Name, At: a.At, Verified: a.Verified})
		}
		out = append(out, h)
	}
	return out
}
