// Package forward is the step that sees to the leaver's mail: new mail goes to the manager or
// the named recipient, with or without a copy, until its end or for ever; or the mailbox
// becomes a shared one. In both cases senders get an out-of-office text, the mailbox is hidden
// from address lists, and inbox rules that send outside are disabled. Whatever becomes of the
// mailbox, the leaver's own forwarding to the outside ends, and the meetings that the leaver
// organised are cancelled while the mailbox can still send that.
//
// The end of a forwarding is a delayed message of its own: while it is in effect the step
// waits for that. It is done when the mailbox was read back as the plan wants it: forwarding
// with no end, shared, or, after the end, not forwarding any more. The gates read it again.
//
// Sources: Exchange PowerShell, Set-Mailbox, Disable-InboxRule and
// Set-MailboxAutoReplyConfiguration; Microsoft 365 admin, Remove a former employee, step 4, and
// convert-user-mailbox-to-shared-mailbox.
package forward

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"leaver/shared/offboarding"
)

// Directory is what forward needs of Microsoft Graph.
type Directory interface {
	User(ctx context.Context, id string) (offboarding.User, error)
	// Manager returns whom a user reports to, or offboarding.ErrNotFound.
	Manager(ctx context.Context, id string) (offboarding.User, error)
	OrganisedMeetings(ctx context.Context, id string, from time.Time) (int, error)
}

// Mailboxes is what forward needs of Exchange Online.
type Mailboxes interface {
	MailFlow(ctx context.Context, id string) (offboarding.MailFlow, error)
	Recipient(ctx context.Context, identity string) (offboarding.Recipient, error)
	Forward(ctx context.Context, id, recipient string, keepCopy bool) error
	ForwardOutside(ctx context.Context, id, address string, keepCopy bool) error
	StopForwarding(ctx context.Context, id string) error
	Share(ctx context.Context, id string) error
	Hide(ctx context.Context, id string) error
	RulesOutside(ctx context.Context, id string) ([]offboarding.InboxRule, error)
	DisableInboxRule(ctx context.Context, id, rule string) error
	AutoReply(ctx context.Context, id string) (offboarding.AutoReply, error)
	SetAutoReply(ctx context.Context, id string, r offboarding.AutoReply) error
	CancelMeetings(ctx context.Context, id string, from time.Time) error
	HasMailRight(ctx context.Context, user string, r offboarding.MailRight) (bool, error)
	GrantMailRight(ctx context.Context, user string, r offboarding.MailRight) error
}

// Departures is what forward needs of the ledger.
type Departures interface {
	Leaving(ctx context.Context, user string) (bool, error)
}

// Step sees to a leaver's mail.
type Step struct {
	directory  Directory
	mailboxes  Mailboxes
	departures Departures
	policy     offboarding.Policy
}

// New makes the step.
func New(directory Directory, mailboxes Mailboxes, departures Departures, policy offboarding.Policy) *Step {
	return &Step{directory: directory, mailboxes: mailboxes, departures: departures, policy: policy}
}

// target is where new mail is to go; the zero value is nowhere else.
type target struct {
	id      string // of a recipient in the organisation
	address string // outside of it
	contact string // the address that senders are told
	copy    bool
}

// Work implements worker.Step. Each part is tried whatever became of the others.
func (s *Step) Work(ctx context.Context, job *offboarding.Job) error {
	user, err := s.directory.User(ctx, job.Leaver)
	if errors.Is(err, offboarding.ErrNotFound) {
		return offboarding.After(job.Patience(), "the tenant does not show the account")
	}
	if err != nil {
		return err
	}
	flow, err := s.mailboxes.MailFlow(ctx, job.Leaver)
	if errors.Is(err, offboarding.ErrNotFound) {
		job.Evidence[offboarding.MailboxSeen] = "none"
		return nil
	}
	if err != nil {
		return err
	}
	if err := s.keepBefore(ctx, job, flow); err != nil {
		return err
	}

	plan := job.Case.Plan.Forwarding
	over := plan != nil && !plan.Until.IsZero() && !job.Now.Before(plan.Until)
	to := target{contact: flow.Address}
	var nobody error
	if plan != nil && !over {
		to, nobody = s.recipient(ctx, job, plan)
	}
	rules := s.rules(ctx, job)
	var mail, reply error
	share := job.Case.Plan.Mailbox == offboarding.Shared
	unhandled := job.Case.Plan.Mailbox == offboarding.None || job.Case.Plan.Mailbox == offboarding.Hold
	early := job.MayShare(user)
	switch {
	case early != nil:
		mail = early
	case share && rules != nil: // B8: they are reviewed first, and say themselves why they are not
	case unhandled:
		mail = s.stopOutside(ctx, job, flow)
	case nobody == nil:
		mail = onPremises(user, s.mail(ctx, job, flow, to), "change where the mail of the account goes")
	case offboarding.VerdictOf(nobody).Kind == offboarding.KindManual:
		mail = offboarding.Join(nobody, s.stopOutside(ctx, job, flow))
	default:
		mail = nobody
	}
	if !over && !unhandled && nobody == nil {
		reply = s.reply(ctx, job, flow.DisplayName, to.contact)
	}
	verdict := offboarding.Join(mail, rules, s.hide(ctx, job, user, flow), s.meetings(ctx, job, user), s.delegates(ctx, job), reply)
	if plan == nil || plan.Until.IsZero() || over || mail != nil {
		return verdict
	}
	// Forwarding is in effect. Its end comes in any case, also when a person has to see to
	// something else; what can still change by itself goes first.
	why := "forwarding is in effect and ends at " + offboarding.Stamp(plan.Until)
	switch {
	case verdict == nil:
	case offboarding.VerdictOf(verdict).Kind == offboarding.KindManual:
		why += "; then a person must act: " + offboarding.VerdictOf(verdict).Why
	default:
		return verdict
	}
	return offboarding.ContinueAt(plan.Until, why)
}

// The before. Personal values are sealed.
const (
	mailboxType       = "recipientTypeDetails"
	hidden            = "hiddenFromAddressLists"
	delivered         = "deliverToMailboxAndForward"
	forwardingAddress = "forwardingAddress"     // personal
	forwardingSMTP    = "forwardingSmtpAddress" // personal
	rulesOutside      = "rulesOutside"          // ids of the rules that sent outside
	replyState        = "autoReplyState"
	replyAudience     = "autoReplyAudience"
	replyInside       = "autoReplyInside"  // personal
	replyOutside      = "autoReplyOutside" // personal
)

func (s *Step) keepBefore(ctx context.Context, job *offboarding.Job, flow offboarding.MailFlow) error {
	if _, kept := job.Step.Before[mailboxType]; kept {
		return nil
	}
	personal := map[string]string{}
	for name, value := range map[string]string{forwardingAddress: flow.ForwardsTo, forwardingSMTP: flow.ForwardsToAddress} {
		if value != "" {
			personal[name] = value
		}
	}
	if err := job.KeepPersonal(ctx, personal); err != nil {
		return err
	}
	return job.Keep(ctx, map[string]string{
		mailboxType: flow.RecipientTypeDetails, hidden: strconv.FormatBool(flow.Hidden), delivered: strconv.FormatBool(flow.Copy),
	}, nil)
}

// recipient finds and checks who gets the mail: there, reachable, not leaving, and not sending
// it back. What is wrong with them is a task for a person.
func (s *Step) recipient(ctx context.Context, job *offboarding.Job, plan *offboarding.Forwarding) (target, error) {
	refuse := func(why string) (target, error) {
		return target{}, offboarding.Manual(why + "; name somebody: leaver offboard " + job.Leaver + " --mailbox forward --forward-to ADDRESS")
	}
	if plan.Address != "" {
		personal, err := job.Personal(ctx)
		if err != nil {
			return target{}, err
		}
		address := personal[plan.Address]
		switch {
		case address == "":
			return refuse("the address to forward to was erased")
		case !s.policy.ForwardsTo(address):
			return refuse("the policy does not name the domain of the address to forward to (forwardDomains)")
		}
		return target{address: address, contact: address, copy: plan.Copy}, nil
	}
	if plan.Unclear != "" {
		return refuse(plan.Unclear)
	}
	switch plan.To {
	case "":
		return refuse("there is nobody to forward to: nobody was named, and the leaver has no manager")
	case job.Leaver:
		return refuse("the leaver cannot get the leaver's mail")
	}
	user, err := s.directory.User(ctx, plan.To)
	if errors.Is(err, offboarding.ErrNotFound) {
		return refuse("the recipient " + plan.To + " does not exist any more")
	}
	if err != nil {
		return target{}, err
	}
	leaving, err := s.departures.Leaving(ctx, plan.To)
	if err != nil {
		return target{}, err
	}
	if leaving {
		return refuse("the recipient " + plan.To + " is leaving as well")
	}
	flow, err := s.mailboxes.MailFlow(ctx, plan.To)
	if errors.Is(err, offboarding.ErrNotFound) {
		return refuse("the recipient " + plan.To + " has no mailbox")
	}
	if err != nil {
		return target{}, err
	}
	if !user.AccountEnabled && !flow.Shared() { // the account of a shared mailbox is disabled
		return refuse("the account of the recipient " + plan.To + " is disabled")
	}
	back, err := s.leadsBack(ctx, flow, job.Leaver)
	if err != nil {
		return target{}, err
	}
	if back {
		return refuse("the mail of the recipient " + plan.To + " is forwarded to the leaver, which would make a loop")
	}
	return target{id: plan.To, contact: flow.Address, copy: plan.Copy}, nil
}

// longestChain is how many forwardings are followed to find a loop.
const longestChain = 10

// leadsBack follows a forwarding from mailbox to mailbox.
func (s *Step) leadsBack(ctx context.Context, flow offboarding.MailFlow, leaver string) (bool, error) {
	for range longestChain {
		next, err := s.next(ctx, flow)
		if err != nil || next.ID == "" {
			return false, err
		}
		if strings.EqualFold(next.ID, leaver) {
			return true, nil
		}
		flow, err = s.mailboxes.MailFlow(ctx, next.ID)
		if errors.Is(err, offboarding.ErrNotFound) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// next is who gets the mail of a mailbox. Exchange ignores the address when a recipient is set.
func (s *Step) next(ctx context.Context, flow offboarding.MailFlow) (offboarding.Recipient, error) {
	switch {
	case flow.ForwardsTo != "":
		return s.mailboxes.Recipient(ctx, flow.ForwardsTo)
	case flow.ForwardsToAddress != "":
		return s.mailboxes.Recipient(ctx, flow.ForwardsToAddress)
	}
	return offboarding.Recipient{}, nil
}

// mail makes new mail go where it is to go, and the mailbox shared where the plan says so.
func (s *Step) mail(ctx context.Context, job *offboarding.Job, flow offboarding.MailFlow, to target) error {
	share := job.Case.Plan.Mailbox == offboarding.Shared
	asWanted := func() (bool, error) {
		reached, err := s.reached(ctx, flow, to)
		return reached && (!share || flow.Shared()), err
	}
	done, err := asWanted()
	if err != nil {
		return err
	}
	if !done {
		if err := s.change(ctx, job.Leaver, flow, to, share); err != nil {
			return err
		}
		if flow, err = s.mailboxes.MailFlow(ctx, job.Leaver); err != nil {
			return err
		}
		if done, err = asWanted(); err != nil {
			return err
		}
	}
	switch {
	case !done && share:
		return offboarding.After(job.Patience(), "the conversion was accepted, but the mailbox still reads "+flow.RecipientTypeDetails)
	case !done:
		return offboarding.After(job.Patience(), "the change of the forwarding was accepted, but the mailbox does not show it yet")
	case share:
		job.Evidence[mailboxType] = flow.RecipientTypeDetails
	case to.id != "":
		job.Evidence["forwarding"], job.Evidence["forwardedTo"] = "in effect", to.id
	case to.address != "":
		job.Evidence["forwarding"], job.Evidence["forwardedTo"] = "in effect", "an address outside of the organisation"
	default:
		job.Evidence["forwarding"] = "ended"
	}
	return nil
}

func (s *Step) change(ctx context.Context, leaver string, flow offboarding.MailFlow, to target, share bool) error {
	reached, err := s.reached(ctx, flow, to)
	switch {
	case err != nil:
		return err
	case reached:
	case to.id != "":
		err = s.mailboxes.Forward(ctx, leaver, to.id, to.copy)
	case to.address != "":
		err = s.mailboxes.ForwardOutside(ctx, leaver, to.address, to.copy)
	default:
		err = s.mailboxes.StopForwarding(ctx, leaver)
	}
	if err == nil && share && !flow.Shared() {
		err = s.mailboxes.Share(ctx, leaver)
	}
	return err
}

// reached reports whether mail goes where it is to go, and nowhere else.
func (s *Step) reached(ctx context.Context, flow offboarding.MailFlow, to target) (bool, error) {
	switch {
	case to.id != "":
		if flow.ForwardsTo == "" || flow.ForwardsToAddress != "" || flow.Copy != to.copy {
			return false, nil
		}
		r, err := s.mailboxes.Recipient(ctx, flow.ForwardsTo)
		return strings.EqualFold(r.ID, to.id), err
	case to.address != "":
		return flow.ForwardsTo == "" && strings.EqualFold(flow.ForwardsToAddress, to.address) && flow.Copy == to.copy, nil
	}
	return !flow.Forwards(), nil
}

// stopOutside ends a forwarding that somebody else had set and that leaves the organisation,
// when it is not known yet who is to get the mail. One that stays inside goes on.
func (s *Step) stopOutside(ctx context.Context, job *offboarding.Job, flow offboarding.MailFlow) error {
	if !flow.Forwards() {
		return nil
	}
	next, err := s.next(ctx, flow)
	if err != nil || next.Inside {
		return err
	}
	return s.mail(ctx, job, flow, target{})
}

// rules disables the inbox rules that send outside.
func (s *Step) rules(ctx context.Context, job *offboarding.Job) error {
	enabled, err := s.enabledOutside(ctx, job.Leaver)
	if err != nil {
		return err
	}
	if _, kept := job.Step.Before[rulesOutside]; !kept {
		if err := job.Keep(ctx, map[string]string{rulesOutside: strings.Join(enabled, " ")}, nil); err != nil {
			return err
		}
	}
	if len(enabled) > 0 {
		var verdicts []error
		for _, rule := range enabled {
			verdicts = append(verdicts, s.mailboxes.DisableInboxRule(ctx, job.Leaver, rule))
		}
		if err := offboarding.Join(verdicts...); err != nil {
			return err
		}
		if enabled, err = s.enabledOutside(ctx, job.Leaver); err != nil {
			return err
		}
	}
	if len(enabled) > 0 {
		return offboarding.After(job.Patience(), fmt.Sprintf("disabling was accepted, but %d inbox rules that send outside still read enabled", len(enabled)))
	}
	if were := job.Step.Before[rulesOutside]; were != "" {
		job.Evidence["rulesDisabled"] = were
	}
	return nil
}

func (s *Step) enabledOutside(ctx context.Context, leaver string) ([]string, error) {
	rules, err := s.mailboxes.RulesOutside(ctx, leaver)
	if err != nil {
		return nil, err
	}
	var enabled []string
	for _, r := range rules {
		if r.Enabled {
			enabled = append(enabled, r.ID)
		}
	}
	slices.Sort(enabled)
	return enabled, nil
}

// hide takes the mailbox out of the address lists.
func (s *Step) hide(ctx context.Context, job *offboarding.Job, user offboarding.User, flow offboarding.MailFlow) error {
	if !flow.Hidden {
		if err := s.mailboxes.Hide(ctx, job.Leaver); err != nil {
			return onPremises(user, err, "hide the account from address lists (msExchHideFromAddressLists)")
		}
		var err error
		if flow, err = s.mailboxes.MailFlow(ctx, job.Leaver); err != nil {
			return err
		}
	}
	if !flow.Hidden {
		return offboarding.After(job.Patience(), "hiding was accepted, but the mailbox still shows in address lists")
	}
	job.Evidence[hidden] = "true"
	return nil
}

// onPremises turns the refusal of a change to an account that an on-premises Active Directory
// masters into the task that it is.
func onPremises(user offboarding.User, err error, task string) error {
	if user.OnPremisesSyncEnabled && offboarding.IsPermanent(err) {
		return offboarding.Manual("the account is synchronised from an on-premises Active Directory: " + task + " there, then replay")
	}
	return err
}

// reply tells senders that the leaver is not there any more.
func (s *Step) reply(ctx context.Context, job *offboarding.Job, name, contact string) error {
	texts := job.Case.Plan.AutoReply.Fill(name, contact)
	if texts == (offboarding.AutoReplyTexts{}) {
		return nil
	}
	is, err := s.mailboxes.AutoReply(ctx, job.Leaver)
	if err != nil {
		return err
	}
	if _, kept := job.Step.Before[replyState]; !kept {
		if err := job.KeepPersonal(ctx, map[string]string{replyInside: is.Inside, replyOutside: is.Outside}); err != nil {
			return err
		}
		if err := job.Keep(ctx, map[string]string{replyState: is.State, replyAudience: is.Audience}, nil); err != nil {
			return err
		}
	}
	want := offboarding.AutoReply{State: "Enabled", Audience: "All", AutoReplyTexts: texts}
	if texts.Outside == "" {
		want.Audience = "None"
	}
	asWanted := func() bool {
		return is.State == want.State && is.Audience == want.Audience &&
			plain(is.Inside) == plain(want.Inside) && plain(is.Outside) == plain(want.Outside)
	}
	if !asWanted() {
		if err := s.mailboxes.SetAutoReply(ctx, job.Leaver, want); err != nil {
			return err
		}
		if is, err = s.mailboxes.AutoReply(ctx, job.Leaver); err != nil {
			return err
		}
	}
	if !asWanted() {
		return offboarding.After(job.Patience(), "the automatic reply was accepted, but does not read as it was written")
	}
	job.Evidence["autoReply"] = "on"
	return nil
}
