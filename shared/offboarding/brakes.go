package offboarding

import (
	"errors"
	"slices"
	"strings"
	"time"
)

// ErrFrozen is wrapped when the installation is frozen: nothing is written until it is thawed.
var ErrFrozen = errors.New("the installation is frozen")

// ErrHeld is wrapped when a brake holds the departure or the step: nothing is written for it until
// people have lifted it.
var ErrHeld = errors.New("the departure is held")

// BrakeKind is what lifts a brake.
type BrakeKind string

// The kinds of brake.
const (
	BrakeLimit    BrakeKind = "limit"    // a person releases it, or allows more departures
	BrakeApproval BrakeKind = "approval" // so many people approve it
)

// Brake holds a departure, or one step of it, before it writes anything, until people lift it.
type Brake struct {
	Kind BrakeKind `json:"kind"`
	// By is what holds: the name of a bound, or what the policy wants approved.
	By   string   `json:"by"`
	Step StepName `json:"step,omitempty"` // empty = the whole departure
	Why  string   `json:"why"`            // no personal data
	// Needs is how many people have to approve; Verified is set when only people count whose identity
	// a token proves.
	Needs    int  `json:"needs,omitempty"`
	Verified bool `json:"verified,omitempty"`
	// Part is set when it holds only a part of the step: the step runs, and looks for the approval
	// itself.
	Part bool `json:"part,omitempty"`
	// Plan is set when it came with the plan, and goes when another one asks for no such thing.
	Plan bool `json:"plan,omitempty"`

	// What the history made of it.
	At        time.Time  `json:"-"`
	Approvals []Approval `json:"-"`
	Lifted    time.Time  `json:"-"` // zero while it holds
}

// Holds reports whether nobody has lifted the brake yet.
func (b Brake) Holds() bool { return b.Lifted.IsZero() }

// Approval is one person's word for what a brake holds.
type Approval struct {
	At time.Time `json:"-"`
	// By is the name of the personal value that says who it is.
	By       string `json:"by"`
	Verified bool   `json:"verified,omitempty"`
}

// same reports whether two hold the same for the same reason.
func (b Brake) same(other Brake) bool {
	return b.Kind == other.Kind && b.By == other.By && b.Step == other.Step
}

// What has to be approved, as brakes name it.
const (
	ApproveDelete     = "delete"
	ApprovePrivileged = "privileged" // the leaver must not be locked out by accident
	ApproveWeaker     = "weaker"     // the request keeps less than the policy
	ApproveNobodys    = "nobody's"   // the account does not look like a person's
	ApproveProtected  = "protected"  // the policy protects the account since the departure was planned
	// ApproveWipe and a blank and the id of a device is its wipe to the factory's state.
	ApproveWipe = "wipeDevice"
)

// Approvals are how many people have to approve what nobody can take back.
type Approvals struct {
	WipeDevice int  `yaml:"wipeDevice" json:"wipeDevice,omitempty" default:"1" about:"people who approve the wipe of a company's device to the factory's state (companyDevices: wipe); at least 1"`
	Privileged int  `yaml:"privileged" json:"privileged,omitempty" default:"1" about:"people who approve the departure of somebody who must not be locked out by accident: who holds a privileged directory role (active, eligible, through a group), writes as the directory synchronisation, owns an app registration of Leaver's, or is left out of Conditional Access; 0 = nobody has to, and even then two Global Administrators must remain"`
	Delete     int  `yaml:"delete" json:"delete,omitempty" default:"0" about:"people who approve the deletion of an account; 0 = nobody has to"`
	Verified   bool `yaml:"verified" json:"verified,omitempty" default:"false" about:"whether only people count whose identity a token proves"`
}

// Brake wants something of a step approved by so many people.
func (a Approvals) Brake(what string, step StepName, people int, why string) Brake {
	return Brake{Kind: BrakeApproval, By: what, Step: step, Why: why, Needs: max(people, 1), Verified: a.Verified}
}

// Brakes are those that the plan of a request begins with: what its source cannot know (B18), and what
// the policy wants approved.
func (p Plan) Brakes(r Request) []Brake {
	var out []Brake
	ask := func(what string, step StepName, people int, why string) {
		if planned, is := p.Step(step); is && planned.Withheld.IsZero() {
			b := p.Approvals.Brake(what, step, people, why)
			b.Plan = true
			out = append(out, b)
		}
	}
	if r.Reversible {
		for _, step := range []StepName{StepWipe, StepLicence, StepDelete} {
			ask(B18.Name, step, 1, "the source of the request knows no leaving date: "+B18.Text)
		}
	}
	if p.Approvals.Delete > 0 {
		ask(ApproveDelete, StepDelete, p.Approvals.Delete, "the policy wants the deletion of an account approved")
	}
	return out
}

// approvalLasts is for how long an approval counts while others are still missing.
const approvalLasts = 7 * day

// Given are the approvals that count at a time: those that have not expired.
func (b Brake) Given(at time.Time) []Approval {
	return slices.DeleteFunc(slices.Clone(b.Approvals), func(a Approval) bool {
		return at.Sub(a.At) > approvalLasts || b.Verified && !a.Verified
	})
}

// Person is somebody who decides: the object id that a token proves where there is one, and a name.
// A source of requests is nobody.
type Person struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

// Verified reports whether a token proves who it is.
func (p Person) Verified() bool { return p.ID != "" }

// Named reports whether it is somebody.
func (p Person) Named() bool { return p.ID != "" || strings.TrimSpace(p.Name) != "" }

// Is reports whether two are the same person, as far as anybody can tell: two people differ in their
// object ids, and where either has none in their names, whatever the case.
func (p Person) Is(q Person) bool {
	if p.ID != "" && q.ID != "" {
		return strings.EqualFold(p.ID, q.ID)
	}
	return p.Named() && q.Named() && strings.EqualFold(strings.TrimSpace(p.Name), strings.TrimSpace(q.Name))
}

// Held are the brakes that hold the whole departure.
func (c *Case) Held() []Brake { return c.HeldStep("") }

// HeldStep are the brakes that hold a step and nothing else; those of the whole departure for "".
func (c *Case) HeldStep(step StepName) []Brake {
	var out []Brake
	for _, b := range c.Brakes {
		if b.Step == step && b.Holds() {
			out = append(out, b)
		}
	}
	return out
}

// Stopped reports whether a brake holds the departure, or the whole of a step.
func (c *Case) Stopped(step StepName) bool {
	return slices.ContainsFunc(c.Brakes, func(b Brake) bool { return b.Holds() && !b.Part && (b.Step == "" || b.Step == step) })
}

// Approved reports whether people have approved what a policy wants approved of a step, or of the
// whole departure for "".
func (c *Case) Approved(what string, step StepName) bool {
	return slices.ContainsFunc(c.Brakes, func(b Brake) bool {
		return b.Kind == BrakeApproval && b.By == what && b.Step == step && !b.Holds()
	})
}

// Administrator reports whether nobody may lock the leaver out before the tenant can do without them: as
// the plan says, or as was found since.
func (c *Case) Administrator() bool {
	return c.Plan.Administrator || slices.ContainsFunc(c.Brakes, func(b Brake) bool { return b.By == ApprovePrivileged && b.Step == "" })
}

// Limited reports whether a limit holds the departure.
func (c *Case) Limited() bool {
	return slices.ContainsFunc(c.Held(), func(b Brake) bool { return b.Kind == BrakeLimit })
}

// Counted reports whether the departure has passed the limits.
func (c *Case) Counted() bool { return c.counted }

// Begun reports whether any step has run.
func (c *Case) Begun() bool { return c.begun }

// brake puts the brakes of an entry on. One that holds already is not put on twice: it asks for as many
// people as either does, because who puts a brake on signs nothing, and one that asks for less must not
// stand in the way of another. What people have approved of a plan is not asked for again.
func (c *Case) brake(e Entry) {
	c.Brakes = slices.Clone(c.Brakes)
	for _, b := range e.Brakes {
		i := slices.IndexFunc(c.Brakes, func(was Brake) bool { return was.same(b) && (was.Holds() || b.Plan) })
		switch {
		case i < 0:
			b.At = e.At
			c.Brakes = append(c.Brakes, b)
		case !c.Brakes[i].Holds():
			continue
		default:
			was := &c.Brakes[i]
			was.Needs, was.Verified, was.Part = max(was.Needs, b.Needs), was.Verified || b.Verified, was.Part && b.Part
		}
		if b.Step != "" && !b.Part {
			c.change(b.Step, func(s *Record) {
				if !s.State.Settled() {
					s.State, s.Reason = StateHeld, b.Why
				}
			})
		}
	}
}

// unplan takes the brakes of the plan off that another plan does not ask for.
func (c *Case) unplan(e Entry) {
	c.Brakes = slices.DeleteFunc(slices.Clone(c.Brakes), func(b Brake) bool {
		return b.Plan && b.Holds() && !slices.ContainsFunc(e.Brakes, b.same)
	})
}

// lift changes the brakes of a step, or of the departure, and lets it go on when none holds any more.
func (c *Case) lift(e Entry, change func(*Brake)) {
	held := len(c.HeldStep(e.Step)) > 0
	c.Brakes = slices.Clone(c.Brakes)
	for i := range c.Brakes {
		if b := &c.Brakes[i]; b.Step == e.Step && b.Holds() {
			change(b)
		}
	}
	if !held || len(c.HeldStep(e.Step)) > 0 {
		return
	}
	// What was on its way while it was held is gone: the next messages have numbers of their own.
	for _, s := range c.Steps {
		if e.Step != "" && s.Name != e.Step || s.State.Settled() && s.State != StateHeld || e.Step == "" && !c.published {
			continue
		}
		c.change(s.Name, func(s *Record) {
			if s.State == StateHeld {
				s.State, s.Reason = StatePlanned, ""
			}
			s.N++
			if s.Due.Before(e.At) {
				s.Due = e.At
			}
		})
	}
	c.published = false
}

func (c *Case) release(e Entry) {
	c.lift(e, func(b *Brake) {
		if b.Kind == BrakeLimit {
			b.Lifted = e.At
		}
	})
	c.counted = true
}

func (c *Case) approve(e Entry) {
	a := *e.Approval
	a.At = e.At
	c.lift(e, func(b *Brake) {
		if b.Kind != BrakeApproval {
			return
		}
		b.Approvals = append(slices.Clip(b.Approvals), a)
		if len(b.Given(e.At)) >= b.Needs {
			b.Lifted = e.At
		}
	})
}

func (c *Case) withdraw(e Entry) {
	c.lift(e, func(b *Brake) {
		b.Approvals = slices.DeleteFunc(slices.Clone(b.Approvals), func(a Approval) bool { return a.By == e.Approval.By })
	})
}
