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
	"maps"
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
	EnableInboxRule(ctx context.Context, id, rule string) error
	RestoreForwarding(ctx context.Context, id, recipient, address string, keepCopy bool) error
	Unshare(ctx context.Context, id string) error
	Show(ctx context.Context, id string) error
	RemoveMailRight(ctx context.Context, user string, r offboarding.MailRight) error
	AutoReply(ctx context.Context, id string) (offboarding.AutoReply, error)
	SetAutoReply(ctx context.Context, id string, r offboarding.AutoReply) error
	// ForwardingOutside is what may keep mail from being forwarded out of the organisation.
	ForwardingOutside(ctx context.Context) (offboarding.ForwardingOutside, error)
	CancelMeetings(ctx context.Context, id string, from time.Time) error
	HasMailRight(ctx context.Context, user string, r offboarding.MailRight) (bool, error)
	GrantMailRight(ctx context.Context, user string, r offboarding.MailRight) error
}

// Step sees to a leaver's mail.
type Step struct {
	directory  Directory
	mailboxes  Mailboxes
	departures offboarding.Departures
	policy     offboarding.Policy
}

func New(directory Directory, mailboxes Mailboxes, departures offboarding.Departures, policy offboarding.Policy) *Step {
	return &Step{directory: directory, mailboxes: mailboxes, departures: departures, policy: policy}
}

// target is where new mail is to go; the zero value is nowhere else.
type target struct {
	id      string // of a recipient in the organisation
	address string // outside of it
	contact string // the address that senders are told
	copy    bool
}

// elsewhere is nil for whoever has no mailbox at all, and a task for a person where it lives outside of
// Exchange Online, in an Exchange of the organisation's own or at somebody else's: Exchange shows
// a MailUser then, whose archive may be here all the same: no gate can count it, and so none opens before a
// person has looked, unless the mail is given up (B12). That of a guest, or of a member of another tenant,
// is their own. Sources: Exchange, RecipientTypeDetails; KB 2757430, Archive mailbox issues, scenario 5.
func (s *Step) elsewhere(ctx context.Context, job *offboarding.Job, user offboarding.User) error {
	if user.Outsider() {
		return nil
	}
	r, err := s.mailboxes.Recipient(ctx, job.Leaver)
	if err != nil || r.Inside || !strings.EqualFold(r.ID, job.Leaver) {
		return err
	}
	job.Risk("a mailbox that lives elsewhere may have its archive in Exchange Online, which nobody counts or keeps, and which goes with the licence: Get-MailUser " + job.Leaver + " shows its ArchiveGuid (zeros: there is none)")
	var tasks []string
	if p := job.Case.Plan; p.Mailbox != offboarding.None {
		tasks = append(tasks, "see to its mail there ("+string(p.Mailbox)+")")
	}
	if p := job.Case.Plan; p.KeepMail != offboarding.KeepNone {
		tasks = append(tasks, "keep what is to be kept of it (keepMail: "+string(p.KeepMail)+") there, and of an archive that is here: Get-MailUser "+job.Leaver+" shows its ArchiveGuid")
	}
	if len(tasks) == 0 {
		return nil
	}
	return offboarding.Manual("the leaver is a MailUser: the mailbox lives outside of Exchange Online; " + strings.Join(tasks, "; ") + "; then sign forward off")
}

// Work implements worker.Step. Each part is tried whatever became of the others.
func (s *Step) Work(ctx context.Context, job *offboarding.Job) error {
	user, err := s.directory.User(ctx, job.Leaver)
	if err != nil {
		return job.NotShown(err)
	}
	flow, err := s.mailboxes.MailFlow(ctx, job.Leaver)
	if errors.Is(err, offboarding.ErrNotFound) {
		job.Evidence[offboarding.MailboxSeen] = "none"
		return s.elsewhere(ctx, job, user)
	}
	if err != nil {
		return err
	}
	if verdict := offboarding.APersons(flow.RecipientTypeDetails); verdict != nil {
		return verdict
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
	reviewed := !share || rules == nil // B8: rules that send outside come first, and say themselves why they stay
	switch {
	case unhandled:
		mail = s.endWithGrace(ctx, job, flow)
	case nobody == nil && early == nil && reviewed:
		mail = job.OnPremises(user, s.mail(ctx, job, flow, to), "change where the mail of the account goes")
	default:
		mail = offboarding.Join(nobody, early, s.stopOutside(ctx, job, flow))
	}
	if !over && !unhandled && nobody == nil {
		reply = s.reply(ctx, job, flow.DisplayName, to.contact)
	}
	var outside error
	if mail == nil && to.address != "" {
		outside = s.mayLeave(ctx, job, to.address)
	}
	verdict := offboarding.Join(mail, outside, rules, s.hide(ctx, job, user, flow), s.meetings(ctx, job, user), s.delegates(ctx, job), reply)
	if plan == nil || plan.Until.IsZero() || over || mail != nil {
		return verdict
	}
	return untilItEnds(plan.Until, outside == nil, verdict)
}

// untilItEnds is the verdict while mail is forwarded. The end comes in any case, also when a person has to
// see to something else; what can still change by itself goes first.
func untilItEnds(end time.Time, inEffect bool, verdict error) error {
	why := "forwarding is in effect and ends at " + offboarding.Stamp(end)
	if !inEffect {
		why = "forwarding is set, not in effect, and ends at " + offboarding.Stamp(end)
	}
	switch v := offboarding.VerdictOf(verdict); v.Kind {
	case offboarding.KindEffective:
	case offboarding.KindManual:
		why += "; then a person must act: " + v.Why
	default:
		return verdict
	}
	return offboarding.ContinueAt(end, why)
}

// outsideAddress is the evidence of where the mail goes, in place of an address that names somebody.
const outsideAddress = "an address outside of the organisation"

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
		return nil // a forwarding that shows now may be this step's
	}
	personal := map[string]string{forwardingAddress: flow.ForwardsTo, forwardingSMTP: flow.ForwardsToAddress}
	maps.DeleteFunc(personal, func(_, value string) bool { return value == "" })
	if err := job.Seal(ctx, personal); err != nil {
		return err
	}
	return job.KeepBefore(ctx, map[string]string{
		mailboxType: flow.RecipientTypeDetails, hidden: strconv.FormatBool(flow.Hidden), delivered: strconv.FormatBool(flow.Copy),
	})
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
	who, unfit := offboarding.Successor(ctx, job.Case, "", s.directory, s.departures)
	var why *offboarding.UnfitError
	if unfit != nil && !errors.As(unfit, &why) {
		return target{}, unfit
	}
	if why != nil && !why.Disabled {
		return refuse(why.Why)
	}
	flow, err := s.mailboxes.MailFlow(ctx, who.ID)
	switch {
	case errors.Is(err, offboarding.ErrNotFound):
		return refuse("the successor " + who.ID + " has no mailbox (" + job.Case.Plan.Cloud().User(who.ID) + ")")
	case err != nil:
		return target{}, err
	case why != nil && !flow.Shared(): // the account of a shared mailbox is disabled
		return refuse(why.Why)
	}
	back, err := s.leadsBack(ctx, flow, job.Leaver)
	if err != nil {
		return target{}, err
	}
	if back {
		return refuse("the mail of the successor " + who.ID + " is forwarded to the leaver, which would make a loop (" + job.Case.Plan.Cloud().User(who.ID) + ")")
	}
	return target{id: who.ID, contact: flow.Address, copy: plan.Copy}, job.Name(ctx, who)
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

// delivery is a mailbox, and whether its mail goes where it is to go, and nowhere else.
type delivery struct {
	offboarding.MailFlow
	reached bool
}

// mail makes new mail go where it is to go, and the mailbox shared where the plan says so.
func (s *Step) mail(ctx context.Context, job *offboarding.Job, flow offboarding.MailFlow, to target) error {
	share := job.Case.Plan.Mailbox == offboarding.Shared
	reached, err := s.reached(ctx, flow, to)
	if err != nil {
		return err
	}
	what := "the change of the forwarding"
	if share {
		what = "the conversion"
	}
	is, err := offboarding.Ensure(ctx, job, offboarding.Effect[delivery]{
		What: what,
		Seen: &delivery{flow, reached},
		Read: func(ctx context.Context) (delivery, error) {
			flow, err := s.mailboxes.MailFlow(ctx, job.Leaver)
			if err != nil {
				return delivery{}, err
			}
			reached, err := s.reached(ctx, flow, to)
			return delivery{flow, reached}, err
		},
		Wanted: func(is delivery) bool { return is.reached && (!share || is.Shared()) },
		Write: func(ctx context.Context, is delivery) error {
			var err error
			if !is.reached {
				err = s.send(ctx, job.Leaver, to)
			}
			if err == nil && share && !is.Shared() {
				err = s.mailboxes.Share(ctx, job.Leaver)
			}
			return err
		},
		Shows: func(is delivery) string {
			if share {
				return "the mailbox still reads " + is.RecipientTypeDetails
			}
			return "the mailbox does not show it yet"
		},
	})
	switch {
	case err != nil:
		return err
	case share && is.TakenBack:
		job.Evidence[mailboxType] = is.RecipientTypeDetails
		return offboarding.Manual(offboarding.B9.Name + ": " + offboarding.SharedOnPremises)
	case share:
		job.Evidence[mailboxType] = is.RecipientTypeDetails
	case to.id != "":
		job.Evidence[offboarding.ForwardingSeen], job.Evidence["forwardedTo"] = "in effect", to.id
	case to.address != "":
		job.Evidence[offboarding.ForwardingSeen], job.Evidence["forwardedTo"] = "in effect", outsideAddress
	default:
		job.Evidence[offboarding.ForwardingSeen] = "ended"
	}
	return nil
}

// send makes new mail go to a target.
func (s *Step) send(ctx context.Context, leaver string, to target) error {
	switch {
	case to.id != "":
		return s.mailboxes.Forward(ctx, leaver, to.id, to.copy)
	case to.address != "":
		return s.mailboxes.ForwardOutside(ctx, leaver, to.address, to.copy)
	}
	return s.mailboxes.StopForwarding(ctx, leaver)
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

// stopOutside ends a forwarding that somebody else had set and that leaves the organisation, while the mail
// cannot go yet where it is to go: nobody knows where, or the mailbox may not be shared yet. One that stays
// inside goes on.
func (s *Step) stopOutside(ctx context.Context, job *offboarding.Job, flow offboarding.MailFlow) error {
	if !flow.Forwards() {
		return nil
	}
	next, err := s.next(ctx, flow)
	if err != nil || next.Inside {
		return err
	}
	return s.stop(ctx, job, flow)
}

// stop ends every forwarding of the mailbox itself.
func (s *Step) stop(ctx context.Context, job *offboarding.Job, flow offboarding.MailFlow) error {
	_, err := offboarding.Ensure(ctx, job, offboarding.Effect[offboarding.MailFlow]{
		What: "the end of the forwarding", Seen: &flow,
		Read:   func(ctx context.Context) (offboarding.MailFlow, error) { return s.mailboxes.MailFlow(ctx, job.Leaver) },
		Wanted: func(is offboarding.MailFlow) bool { return !is.Forwards() },
		Write: func(ctx context.Context, _ offboarding.MailFlow) error {
			return s.mailboxes.StopForwarding(ctx, job.Leaver)
		},
		Shows: func(offboarding.MailFlow) string { return "the mailbox does not show it yet" },
	})
	if err == nil {
		job.Evidence[offboarding.ForwardingSeen] = "ended"
	}
	return err
}

// endWithGrace ends a forwarding that somebody else had set, where the plan has none: at once when it
// leaves the organisation, and otherwise when the grace ends. No gate could open before.
func (s *Step) endWithGrace(ctx context.Context, job *offboarding.Job, flow offboarding.MailFlow) error {
	if !flow.Forwards() {
		return nil
	}
	next, err := s.next(ctx, flow)
	if err != nil {
		return err
	}
	end, _ := job.Case.Plan.Step(offboarding.StepLicence)
	if next.Inside && job.Now.Before(end.Due) {
		return offboarding.ContinueAt(end.Due, "somebody had forwarded the mail inside of the organisation: that goes on until the grace ends, at "+offboarding.Stamp(end.Due))
	}
	return s.stop(ctx, job, flow)
}

// mayLeave is nil unless the organisation keeps mail from being forwarded to an address outside: the
// mailbox reads as forwarding then, and senders get 5.7.520.
// Source: Microsoft Defender for Office 365, Control automatic external email forwarding.
func (s *Step) mayLeave(ctx context.Context, job *offboarding.Job, address string) error {
	rules, err := s.mailboxes.ForwardingOutside(ctx)
	if offboarding.IsPermanent(err) {
		job.Risk("Exchange refused to show whether the outbound spam policy and the remote domains let mail be forwarded outside: send a message and see it arrive")
		return nil
	}
	if err != nil {
		return err
	}
	if rules.Forbidden(address[strings.LastIndexByte(address, '@')+1:]) {
		job.Evidence[offboarding.ForwardingSeen] = "set, and forbidden by the organisation"
		return offboarding.Manual("the outbound spam policy or the remote domain lets no mail be forwarded to that domain, and senders get 5.7.520: allow it (Microsoft Defender, Anti-spam outbound policy, Automatic forwarding rules; Exchange, Remote domains) and replay, or name somebody inside: leaver offboard " + job.Leaver + " --mailbox forward --forward-to ADDRESS")
	}
	job.Risk("the policies let mail be forwarded outside, and nobody saw a message arrive")
	return nil
}

// rules disables the inbox rules that send outside.
func (s *Step) rules(ctx context.Context, job *offboarding.Job) error {
	err := offboarding.EnsureNone(ctx, job, offboarding.Removal[string]{
		What: "disabling", Left: "inbox rules that send outside and still read enabled: %d",
		Find: func(ctx context.Context) ([]string, error) { return s.enabledOutside(ctx, job.Leaver) },
		Before: func(enabled []string) map[string]string {
			return map[string]string{rulesOutside: strings.Join(enabled, " ")}
		},
		Remove: func(ctx context.Context, rule string) error {
			return s.mailboxes.DisableInboxRule(ctx, job.Leaver, rule)
		},
	})
	if were := job.Step.Before[rulesOutside]; err == nil && were != "" {
		job.Evidence["rulesDisabled"] = were
	}
	return err
}

func (s *Step) enabledOutside(ctx context.Context, leaver string) ([]string, error) {
	rules, err := s.mailboxes.RulesOutside(ctx, leaver)
	var enabled []string
	for _, r := range rules {
		if r.Enabled {
			enabled = append(enabled, r.ID)
		}
	}
	slices.Sort(enabled)
	return enabled, err
}

// hide takes the mailbox out of the address lists.
func (s *Step) hide(ctx context.Context, job *offboarding.Job, user offboarding.User, flow offboarding.MailFlow) error {
	_, err := offboarding.Ensure(ctx, job, offboarding.Effect[offboarding.MailFlow]{
		What:   "hiding",
		Seen:   &flow,
		Read:   func(ctx context.Context) (offboarding.MailFlow, error) { return s.mailboxes.MailFlow(ctx, job.Leaver) },
		Wanted: func(flow offboarding.MailFlow) bool { return flow.Hidden },
		Write: func(ctx context.Context, _ offboarding.MailFlow) error {
			if why := job.Case.NotHiddenOnPremises(); why != "" {
				return offboarding.Manual("the on-premises directory masters the account and cannot hide it from address lists: " + why + "; give it that, or hide it by a rule of the synchronisation, then replay")
			}
			return job.OnPremises(user, s.mailboxes.Hide(ctx, job.Leaver), "hide the account from address lists (msExchHideFromAddressLists)")
		},
		Shows: func(offboarding.MailFlow) string { return "the mailbox still shows in address lists" },
	})
	if err == nil {
		job.Evidence[hidden] = "true"
	}
	return err
}

// reply tells senders that the leaver is not there any more.
func (s *Step) reply(ctx context.Context, job *offboarding.Job, name, contact string) error {
	texts := job.Case.Plan.AutoReply.Fill(name, contact)
	if texts == (offboarding.AutoReplyTexts{}) {
		return nil
	}
	want := offboarding.AutoReply{State: "Enabled", Audience: "All", AutoReplyTexts: texts}
	if texts.Outside == "" {
		want.Audience = "None"
	}
	_, err := offboarding.Ensure(ctx, job, offboarding.Effect[offboarding.AutoReply]{
		What: "the automatic reply",
		Read: func(ctx context.Context) (offboarding.AutoReply, error) {
			return s.mailboxes.AutoReply(ctx, job.Leaver)
		},
		Wanted: func(is offboarding.AutoReply) bool {
			return is.State == want.State && is.Audience == want.Audience &&
				plain(is.Inside) == plain(want.Inside) && plain(is.Outside) == plain(want.Outside)
		},
		Sealed: func(is offboarding.AutoReply) map[string]string {
			return map[string]string{replyInside: is.Inside, replyOutside: is.Outside}
		},
		Before: func(is offboarding.AutoReply) map[string]string {
			return map[string]string{replyState: is.State, replyAudience: is.Audience}
		},
		Write: func(ctx context.Context, _ offboarding.AutoReply) error {
			return s.mailboxes.SetAutoReply(ctx, job.Leaver, want)
		},
		Shows: func(offboarding.AutoReply) string { return "it does not read as it was written" },
	})
	switch f := job.Case.Plan.Forwarding; {
	case err != nil:
	case f != nil && !f.Copy:
		// Source: KelvinTegelaar/CIPP issue 1549.
		job.Evidence["autoReply"] = "set, and Exchange sends none: the mail is forwarded without a copy in the mailbox (forwardCopy)"
	default:
		job.Evidence["autoReply"] = "on"
	}
	return err
}
