package offboarding

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Plan is what will be done for one leaver, compiled before any call. It holds no
// personal data.
type Plan struct {
	Version     int         `json:"version"` // from 1, raised when a later request changes it
	LeavingTime time.Time   `json:"leavingTime"`
	Mailbox     Handling    `json:"mailbox"`
	Forwarding  *Forwarding `json:"forwarding,omitempty"` // with the handling forward only
	// AutoReply is what senders are told, with the placeholders of the policy.
	AutoReply      AutoReplyTexts     `json:"autoReply,omitzero"`
	KeepMail       Keeping            `json:"keepMail"`
	KeepFiles      Keeping            `json:"keepFiles"`
	HoldFor        time.Duration      `json:"holdFor,omitempty"` // of a litigation hold, nanoseconds; Unlimited has no end
	CancelMeetings bool               `json:"cancelMeetings,omitempty"`
	Delegates      []MailRightKind    `json:"delegates,omitempty"`  // of a shared mailbox, for the manager
	SeatPrices     map[string]float64 `json:"seatPrices,omitempty"` // a month, by skuPartNumber
	BlackBerry     bool               `json:"blackBerry,omitempty"`
	// FilesTo is manager (also when empty), the id of a drive, or the object id of a person, whom the
	// policy may name otherwise; empty as well when FilesUnclear says why nobody could be found.
	FilesTo      string `json:"filesTo,omitempty"`
	FilesUnclear string `json:"filesUnclear,omitempty"` // no personal data
	// Rereads are the policy's, in nanoseconds.
	Rereads []time.Duration `json:"rereads,omitempty"`
	Steps   []PlannedStep   `json:"steps"`
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

// same reports whether two plans handle new mail alike.
func (p Plan) same(q Plan) bool {
	a, b := p.Forwarding, q.Forwarding
	return p.Mailbox == q.Mailbox && (a == nil) == (b == nil) &&
		(a == nil || a.To == b.To && a.Address == b.Address && a.Unclear == b.Unclear && a.Copy == b.Copy && a.Until.Equal(b.Until))
}

// sameFiles reports whether two plans keep the files alike.
func (p Plan) sameFiles(q Plan) bool {
	return p.KeepFiles == q.KeepFiles && p.FilesTo == q.FilesTo && p.FilesUnclear == q.FilesUnclear
}

// PlannedStep is one step of a plan: when it is due, or which rule withholds it from the
// start.
type PlannedStep struct {
	Name     StepName  `json:"name"`
	Due      time.Time `json:"due"`
	Withheld Rule      `json:"withheld,omitzero"`
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
	mailbox, err := handling(r.Options, policy)
	if err != nil {
		return Plan{}, err
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
		AutoReply:   policy.AutoReply,
		KeepMail:    policy.KeepMail,
		KeepFiles:   policy.KeepFiles,
		FilesTo:     policy.FilesTo,
		HoldFor:     policy.HoldFor,

		CancelMeetings: policy.CancelMeetings,
		Delegates:      policy.Delegates,
		SeatPrices:     policy.SeatPrices,
		BlackBerry:     policy.BlackBerry,
		Rereads:        policy.Rereads,
	}
	if mailbox == Forward {
		plan.Forwarding = &Forwarding{Until: release, Copy: policy.ForwardCopy}
		switch lasts := cmp.Or(r.Options.ForwardFor, policy.ForwardFor); {
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
	if mailbox == Hold {
		plan.KeepMail = KeepHold
	}
	for _, spec := range Steps {
		step := PlannedStep{Name: spec.Name, Due: r.LeavingTime}
		switch spec.Name {
		case StepPreserve:
			if !plan.preserves() {
				continue
			}
		case StepLicence:
			step.Due = release
			if plan.forwardsForEver() {
				step.Withheld, step.Why = B2, noEnd
			}
			if mailbox == Hold {
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

// handling is what the request asks for, or the policy; contradictions are refused.
func handling(o Options, policy Policy) (Handling, error) {
	mailbox := cmp.Or(o.Mailbox, policy.Mailbox)
	if _, err := ParseHandling(string(mailbox)); err != nil {
		return "", &Refusal{Why: "mailbox: " + err.Error()}
	}
	forwards := o.ForwardTo != "" || o.ForwardFor != nil
	switch {
	case mailbox == Hold && forwards:
		return "", &Refusal{Why: fmt.Sprintf("%s: %s (%s); leave out forwardTo and forwardFor, or send mailbox forward", B6, B6.Text, B6.Source)}
	case mailbox != Forward && forwards:
		return "", &Refusal{Why: fmt.Sprintf("forwardTo and forwardFor go with mailbox forward only, and this request has mailbox %s; leave them out, or send mailbox forward", mailbox)}
	case o.ForwardFor != nil && *o.ForwardFor <= 0:
		return "", &Refusal{Why: "forwardFor must be longer than nothing; to forward nothing, send mailbox none"}
	}
	return mailbox, nil
}

// noEnd is why the gates of a plan that forwards for ever stay closed.
const noEnd = "mail is forwarded with no end"

func (p Plan) forwardsForEver() bool {
	return p.Mailbox == Forward && p.Forwarding != nil && p.Forwarding.Until.IsZero()
}

// preserves reports whether the plan keeps the mail before the account goes. A shared mailbox, and
// one that forwards for ever, stay.
func (p Plan) preserves() bool {
	return p.KeepMail != KeepNone && p.Mailbox != Shared && !p.forwardsForEver()
}

// Same reports whether two plans do the same at the same times; versions do not count.
func (p Plan) Same(q Plan) bool {
	q.Version = p.Version
	return p.LeavingTime.Equal(q.LeavingTime) && p.same(q) && p.AutoReply == q.AutoReply &&
		p.KeepMail == q.KeepMail && p.HoldFor == q.HoldFor && p.CancelMeetings == q.CancelMeetings && slices.Equal(p.Delegates, q.Delegates) && p.sameFiles(q) &&
		slices.EqualFunc(p.Steps, q.Steps, func(a, b PlannedStep) bool {
			return a.Name == b.Name && a.Due.Equal(b.Due) && a.Withheld == b.Withheld
		})
}
