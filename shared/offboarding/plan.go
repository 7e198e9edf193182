package offboarding

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Plan is what will be done for one leaver, compiled before any call. It holds no
// personal data. The tag step names who acts again when a new plan changes a field, see [Redone].
type Plan struct {
	Version     int       `json:"version" same:"-"` // from 1, raised when a later request changes it
	LeavingTime time.Time `json:"leavingTime"`
	// LeavingDate is set where LeavingTime is the end of a day at work, and Zone is where: what a
	// person is told about the moment. EndOfEmployment is set where the employment ends later, and
	// licence and delete with it.
	LeavingDate     Date      `json:"leavingDate,omitzero" same:"-"`
	Zone            string    `json:"zone,omitempty" same:"-"`
	EndOfEmployment time.Time `json:"endOfEmployment,omitzero"`
	// CloudName is which of Microsoft's clouds the tenant is in; see [Plan.Cloud].
	CloudName string `json:"cloud,omitempty" same:"-"`
	// StepSettings are those of the policy for this leaver; a duration is in nanoseconds. Nobody
	// is named: FilesTo is empty when FilesUnclear says why nobody could be found.
	StepSettings
	// Administrator is set when the leaver held privileges by which nobody may be locked out before it
	// is certain that enough others remain.
	Administrator bool        `json:"administrator,omitempty"`
	Forwarding    *Forwarding `json:"forwarding,omitempty" step:"forward"` // with the handling forward only
	// OnPremisesAccount is which account of an on-premises Active Directory the plan also means.
	OnPremisesAccount *OnPremisesIdentity `json:"onPremisesAccount,omitempty" step:"onpremises"`
	FilesUnclear      string              `json:"filesUnclear,omitempty" step:"onedrive"` // no personal data
	// MailElsewhere is set of a leaver who has an address and no mailbox in Exchange Online when it was
	// planned: it lives on premises or at somebody else's, and its mail is a person's to see to.
	MailElsewhere bool          `json:"mailElsewhere,omitempty" same:"-"`
	Steps         []PlannedStep `json:"steps"`
}

// Forwarding is where new mail goes and until when. Who gets it is looked up after the plan is
// compiled: To or Address, or neither when nobody was named and the leaver has no manager.
type Forwarding struct {
	To string `json:"to,omitempty"` // object id
	// Address is the name of the personal value that holds an address outside of the
	// organisation; the address itself is kept beside the history.
	Address string `json:"address,omitempty"`
	// Unclear says why nobody could be found who gets the mail; no personal data.
	Unclear string    `json:"unclear,omitempty"`
	Until   time.Time `json:"until,omitzero"` // zero = no end
	Copy    bool      `json:"copy,omitempty"` // mail also stays in the mailbox
}

// PlannedStep is one step of a plan: when it is due, or which rule withholds it from the
// start.
type PlannedStep struct {
	Name     StepName  `json:"name"`
	Due      time.Time `json:"due"`
	Withheld Rule      `json:"withheld,omitzero"`
	Why      string    `json:"why,omitempty" same:"-"`
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
	if err := r.Options.check(policy); err != nil {
		return Plan{}, err
	}
	policy, err := policy.With(r.Options.changes())
	if err != nil {
		return Plan{}, &Refusal{Why: err.Error()}
	}
	if r, err = r.in(policy.Zone); err != nil {
		return Plan{}, err
	}
	graceFrom := r.LeavingTime
	if r.ReceivedAt.After(graceFrom) {
		graceFrom = r.ReceivedAt
	}
	if r.EndOfEmployment.After(graceFrom) {
		graceFrom = r.EndOfEmployment
	}
	release := graceFrom.Add(policy.Grace)
	plan := Plan{
		Version: 1, LeavingTime: r.LeavingTime, LeavingDate: r.LeavingDate, Zone: r.Zone, EndOfEmployment: r.EndOfEmployment,
		StepSettings: policy.StepSettings,
	}
	if plan.Mailbox == Forward {
		plan.Forwarding = &Forwarding{Until: release, Copy: policy.ForwardCopy}
		switch lasts := policy.ForwardFor; {
		case lasts == nil:
		case *lasts == Unlimited:
			plan.Forwarding.Until = time.Time{}
		default:
			plan.Forwarding.Until = graceFrom.Add(*lasts)
		}
		if plan.Forwarding.Until.After(release) {
			release = plan.Forwarding.Until
		}
	}
	if plan.Mailbox == Hold {
		plan.KeepMail = KeepHold
	}
	for _, spec := range Steps {
		step := PlannedStep{Name: spec.Name, Due: r.LeavingTime}
		if spec.When != nil && !spec.When(plan) {
			continue
		}
		switch spec.Name {
		case StepOnpremises:
			continue // see [Plan.AddOnPremises]
		case StepLicence:
			step.Due = release
			if plan.forwardsForEver() {
				step.Withheld, step.Why = B2, noEnd
			}
			if plan.Mailbox == Hold {
				step.Withheld, step.Why = B5, "the deletion of the account frees it"
			}
		case StepDelete:
			step.Due = release.Add(policy.DeleteAfter)
			may := VerdictOf(MayDelete(plan))
			step.Withheld, step.Why = may.Rule, may.Why
		}
		plan.Steps = append(plan.Steps, step)
	}
	return plan, nil
}

// AddOnPremises adds the step onpremises for the account that an on-premises Active Directory
// masters, where the policy lets the function do it.
func (p *Plan) AddOnPremises(who OnPremisesIdentity) {
	if p.OnPremises != OnPremisesByFunction {
		return
	}
	p.OnPremisesAccount = &who
	at := slices.IndexFunc(p.Steps, func(s PlannedStep) bool { return s.Name == StepLicence })
	p.Steps = slices.Insert(p.Steps, at, PlannedStep{Name: StepOnpremises, Due: p.LeavingTime})
}

// changes are the settings that the request chooses itself: those that [Options] has a field for.
func (o Options) changes() Changes {
	c := Changes{}
	chosen := reflect.ValueOf(o)
	for _, f := range reflect.VisibleFields(chosen.Type()) {
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		isSetting := func(s Setting) bool { return s.Key == key }
		if value := chosen.FieldByIndex(f.Index); !value.IsZero() && slices.ContainsFunc(Declared(reflect.TypeFor[Settings]()), isSetting) {
			c[key] = value.Interface()
		}
	}
	return c
}

// check refuses what contradicts itself, or the policy.
func (o Options) check(policy Policy) error {
	mailbox := cmp.Or(o.Mailbox, policy.Mailbox)
	if _, err := ParseHandling(string(mailbox)); err != nil {
		return &Refusal{Why: "mailbox: " + err.Error()}
	}
	forwards := o.ForwardTo != "" || o.ForwardFor != nil
	switch {
	case mailbox == Hold && forwards:
		return &Refusal{Why: fmt.Sprintf("%s: %s (%s); leave out forwardTo and forwardFor, or send mailbox forward", B6, B6.Text, B6.Source)}
	case mailbox != Forward && forwards:
		return &Refusal{Why: fmt.Sprintf("forwardTo and forwardFor go with mailbox forward only, and this request has mailbox %s; leave them out, or send mailbox forward", mailbox)}
	case o.ForwardFor != nil && *o.ForwardFor <= 0:
		return &Refusal{Why: "forwardFor must be longer than nothing; to forward nothing, send mailbox none"}
	}
	return nil
}

// noEnd is why the gates of a plan that forwards for ever stay closed.
const noEnd = "mail is forwarded with no end"

func (p Plan) forwardsForEver() bool {
	return p.Mailbox == Forward && p.Forwarding != nil && p.Forwarding.Until.IsZero()
}

// takesPrivileges reports whether the function privileges takes roles and authentication methods away.
func (p Plan) takesPrivileges() bool { return !p.PrivilegesByPerson }

// preserves reports whether the plan keeps the mail before the account goes. A shared mailbox, and
// one that forwards for ever, stay.
func (p Plan) preserves() bool {
	return p.KeepMail != KeepNone && p.Mailbox != Shared && !p.forwardsForEver()
}

// Same reports whether two plans do the same at the same times; versions do not count.
func (p Plan) Same(q Plan) bool { return Same(p, q) }
