package offboarding

import (
	"fmt"
	"slices"
	"time"
)

// Plan is what will be done for one leaver, compiled before any call. It holds no
// personal data.
type Plan struct {
	Version     int           `json:"version"` // from 1, raised when a later request changes it
	LeavingTime time.Time     `json:"leavingTime"`
	Mailbox     Handling      `json:"mailbox"`
	KeepMail    Keeping       `json:"keepMail"`
	KeepFiles   Keeping       `json:"keepFiles"`
	Steps       []PlannedStep `json:"steps"`
}

// PlannedStep is one step of a plan: when it is due, or which rule withholds it from the
// start.
type PlannedStep struct {
	Name     StepName  `json:"name"`
	Due      time.Time `json:"due"`
	Withheld Rule      `json:"withheld,omitempty"`
	Why      string    `json:"why,omitempty"`
}

// Step is the named step of the plan; false when the plan does not hold it.
func (p Plan) Step(name StepName) (PlannedStep, bool) {
	for _, s := range p.Steps {
		if s.Name == name {
			return s, true
		}
	}
	return PlannedStep{}, false
}

// Refusal is the error of a request that cannot be planned; it says what to change.
type Refusal struct{ Why string }

func (e *Refusal) Error() string { return e.Why }

// Compile makes the plan of a request under a policy. It is pure: it says before any call
// what is due when and what is withheld by which rule. A request that contradicts itself or
// asks for what no function serves yet is a *[Refusal].
func Compile(r Request, policy Policy) (Plan, error) {
	if err := r.Validate(); err != nil {
		return Plan{}, &Refusal{Why: err.Error()}
	}
	if err := policy.Validate(); err != nil {
		return Plan{}, &Refusal{Why: "the policy cannot be used: " + err.Error()}
	}
	if r.Kind != Termination {
		return Plan{}, &Refusal{Why: fmt.Sprintf("a %s makes no plan", r.Kind)}
	}
	mailbox := r.Options.Mailbox
	if mailbox == "" {
		mailbox = policy.Mailbox
	}
	if mailbox != None {
		return Plan{}, &Refusal{Why: fmt.Sprintf("mailbox handling %q is not served yet; send the request again with mailbox none", mailbox)}
	}
	graceFrom := r.LeavingTime
	if r.ReceivedAt.After(graceFrom) {
		graceFrom = r.ReceivedAt
	}
	release := graceFrom.Add(policy.Grace)
	plan := Plan{
		Version:     1,
		LeavingTime: r.LeavingTime,
		Mailbox:     mailbox,
		KeepMail:    policy.KeepMail,
		KeepFiles:   policy.KeepFiles,
	}
	for _, spec := range Steps {
		step := PlannedStep{Name: spec.Name, Due: r.LeavingTime}
		switch spec.Name {
		case StepLicence:
			step.Due = release
		case StepDelete:
			step.Due = release.Add(policy.DeleteAfter)
		}
		plan.Steps = append(plan.Steps, step)
	}
	return plan, nil
}

// Same reports whether two plans do the same at the same times; versions do not count.
func (p Plan) Same(q Plan) bool {
	q.Version = p.Version
	return p.LeavingTime.Equal(q.LeavingTime) && p.Mailbox == q.Mailbox &&
		p.KeepMail == q.KeepMail && p.KeepFiles == q.KeepFiles &&
		slices.EqualFunc(p.Steps, q.Steps, func(a, b PlannedStep) bool {
			return a.Name == b.Name && a.Due.Equal(b.Due) && a.Withheld == b.Withheld
		})
}
