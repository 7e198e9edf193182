package forward

import (
	"context"
	"errors"
	"slices"
	"strings"

	"leaver/shared/offboarding"
)

// sentTo is the progress under which the way back keeps where this step had sent the mail.
const sentTo = "undo: forwardedTo"

// Undo implements worker.Undoer: the mailbox is the user's again, its mail goes where it went, it is in
// the address lists, its rules run, its reply is the earlier one, and nobody has rights in it whom the
// departure gave them. What somebody changed since stays. Meetings that were cancelled stay so.
func (s *Step) Undo(ctx context.Context, job *offboarding.Job) error {
	if job.Step.Before[mailboxType] == "" {
		return nil // there was no mailbox, or nothing was written
	}
	if _, kept := job.Step.Progress[sentTo]; !kept {
		if err := job.KeepProgress(ctx, sentTo, job.Step.Evidence["forwardedTo"]+" "); err != nil {
			return err
		}
	}
	user, err := s.directory.User(ctx, job.Leaver)
	if err != nil {
		return job.NotShown(err)
	}
	flow, err := s.mailboxes.MailFlow(ctx, job.Leaver)
	if errors.Is(err, offboarding.ErrNotFound) {
		return job.NotYet("the mailbox does not show yet")
	}
	if err != nil {
		return err
	}
	sealed, err := job.SealedBefore(ctx)
	if err != nil {
		return err
	}
	w := wayBack{Step: s, job: job, sealed: sealed}
	regular := w.unshare(ctx, flow)
	return offboarding.Join(regular, w.forwarding(ctx, flow), w.show(ctx, user, flow), w.rules(ctx), w.reply(ctx, flow), w.delegates(ctx))
}

// wayBack is one run of the way back.
type wayBack struct {
	*Step
	job    *offboarding.Job
	sealed map[string]string
}

func (w wayBack) read(ctx context.Context) (offboarding.MailFlow, error) {
	return w.mailboxes.MailFlow(ctx, w.job.Leaver)
}

// unshare makes a user's mailbox of a shared one that was a user's before.
func (w wayBack) unshare(ctx context.Context, flow offboarding.MailFlow) error {
	if w.job.Step.Before[mailboxType] != "UserMailbox" || w.job.Case.Plan.Mailbox != offboarding.Shared {
		return nil
	}
	_, err := offboarding.Ensure(ctx, w.job, offboarding.Effect[offboarding.MailFlow]{
		What: "the conversion back", Seen: &flow, Read: w.read,
		Wanted: func(flow offboarding.MailFlow) bool { return !flow.Shared() },
		Write:  func(ctx context.Context, _ offboarding.MailFlow) error { return w.mailboxes.Unshare(ctx, w.job.Leaver) },
		Shows:  func(flow offboarding.MailFlow) string { return "the mailbox still reads " + flow.RecipientTypeDetails },
	})
	if err == nil {
		w.job.Evidence[mailboxType] = "UserMailbox"
	}
	return err
}

// forwarding has the mail go where it went before the departure, unless somebody has sent it elsewhere
// since.
func (w wayBack) forwarding(ctx context.Context, flow offboarding.MailFlow) error {
	was := offboarding.MailFlow{ForwardsTo: w.sealed[forwardingAddress], ForwardsToAddress: w.sealed[forwardingSMTP], Copy: w.job.Step.Before[delivered] == "true"}
	for _, name := range []string{forwardingAddress, forwardingSMTP} {
		if w.job.Step.Before[name] != "" && w.sealed[name] == "" {
			return offboarding.DoneWithTask("where the mail was forwarded to before was erased: ask the person, and set it in the Exchange admin center (Mailboxes, Email forwarding; Get-Mailbox " + w.job.Leaver + " shows it), then sign off")
		}
	}
	wanted := func(is offboarding.MailFlow) bool {
		return is.ForwardsTo == was.ForwardsTo && strings.EqualFold(is.ForwardsToAddress, was.ForwardsToAddress) && is.Copy == was.Copy
	}
	if !wanted(flow) && flow.Forwards() {
		ours, err := w.sent(ctx, flow)
		if err != nil {
			return err
		}
		if !ours {
			w.job.Evidence[offboarding.ForwardingSeen] = "somebody has sent the mail elsewhere since: it stays so"
			return nil
		}
	}
	_, err := offboarding.Ensure(ctx, w.job, offboarding.Effect[offboarding.MailFlow]{
		What: "the forwarding as it was", Seen: &flow, Read: w.read, Wanted: wanted,
		Write: func(ctx context.Context, _ offboarding.MailFlow) error {
			return w.mailboxes.RestoreForwarding(ctx, w.job.Leaver, was.ForwardsTo, was.ForwardsToAddress, was.Copy)
		},
		Shows: func(offboarding.MailFlow) string { return "the mailbox does not show it yet" },
	})
	if offboarding.IsPermanent(err) || errors.Is(err, offboarding.ErrNotFound) {
		return offboarding.DoneWithTask("Exchange does not forward the mail as before (" + err.Error() + "); likely whom it went to is not there any more: ask the person, and set the forwarding in the Exchange admin center (Mailboxes, Email forwarding; Get-Mailbox " + w.job.Leaver + " shows it), then sign off")
	}
	if err == nil {
		w.job.Evidence[offboarding.ForwardingSeen] = "as before the departure"
	}
	return err
}

// sent reports whether the mail goes where the departure had sent it.
func (w wayBack) sent(ctx context.Context, flow offboarding.MailFlow) (bool, error) {
	to := strings.TrimSpace(w.job.Step.Progress[sentTo])
	if to == outsideAddress {
		personal, err := w.job.Personal(ctx)
		address := personal[w.job.Case.Plan.Forwarding.Address]
		return flow.ForwardsTo == "" && (address == "" || strings.EqualFold(flow.ForwardsToAddress, address)), err
	}
	next, err := w.next(ctx, flow)
	return to != "" && strings.EqualFold(next.ID, to), err
}

// show puts the mailbox into the address lists again, if it was in them.
func (w wayBack) show(ctx context.Context, user offboarding.User, flow offboarding.MailFlow) error {
	if w.job.Step.Before[hidden] != "false" {
		return nil
	}
	_, err := offboarding.Ensure(ctx, w.job, offboarding.Effect[offboarding.MailFlow]{
		What: "showing the mailbox in the address lists", Seen: &flow, Read: w.read,
		Wanted: func(flow offboarding.MailFlow) bool { return !flow.Hidden },
		Write: func(ctx context.Context, _ offboarding.MailFlow) error {
			return w.job.OnPremises(user, w.mailboxes.Show(ctx, w.job.Leaver), "show it in the address lists again (msExchHideFromAddressLists)")
		},
		Shows: func(offboarding.MailFlow) string { return "it still reads hidden" },
	})
	if err == nil {
		w.job.Evidence[hidden] = "false"
	}
	return err
}

// rules enables the inbox rules that this step disabled and that are still there.
func (w wayBack) rules(ctx context.Context) error {
	were := strings.Fields(w.job.Step.Before[rulesOutside])
	if len(were) == 0 {
		return nil
	}
	return offboarding.EnsureBack(ctx, w.job, offboarding.Return[string]{
		What: "enabling", Missing: "inbox rules that still read disabled: %d",
		Find: func(ctx context.Context) ([]string, error) {
			all, err := w.mailboxes.RulesOutside(ctx, w.job.Leaver)
			var off []string
			for _, r := range all {
				if !r.Enabled && slices.Contains(were, r.ID) {
					off = append(off, r.ID)
				}
			}
			return off, err
		},
		Give: offboarding.Each(func(ctx context.Context, rule string) error {
			return w.mailboxes.EnableInboxRule(ctx, w.job.Leaver, rule)
		}),
		Refused: func(rule string, _ error) string {
			return "enable an inbox rule: Enable-InboxRule -Mailbox " + w.job.Leaver + " -Identity " + rule
		},
	})
}

// reply brings the earlier automatic reply back where the one of the departure still stands.
func (w wayBack) reply(ctx context.Context, flow offboarding.MailFlow) error {
	was := offboarding.AutoReply{
		State: w.job.Step.Before[replyState], Audience: w.job.Step.Before[replyAudience],
		AutoReplyTexts: offboarding.AutoReplyTexts{Inside: w.sealed[replyInside], Outside: w.sealed[replyOutside]},
	}
	if was.State == "" {
		return nil
	}
	same := func(a, b offboarding.AutoReplyTexts) bool {
		return plain(a.Inside) == plain(b.Inside) && plain(a.Outside) == plain(b.Outside)
	}
	contact, err := w.contact(ctx, flow)
	if err != nil {
		return err
	}
	ours := func(is offboarding.AutoReply) bool {
		return same(is.AutoReplyTexts, w.job.Case.Plan.AutoReply.Fill(flow.DisplayName, contact))
	}
	changed := false
	_, err = offboarding.Ensure(ctx, w.job, offboarding.Effect[offboarding.AutoReply]{
		What: "the automatic reply as it was",
		Read: func(ctx context.Context) (offboarding.AutoReply, error) {
			return w.mailboxes.AutoReply(ctx, w.job.Leaver)
		},
		Wanted: func(is offboarding.AutoReply) bool {
			asBefore := is.State == was.State && is.Audience == was.Audience && same(is.AutoReplyTexts, was.AutoReplyTexts)
			changed = !asBefore && !ours(is)
			return asBefore || changed
		},
		Write: func(ctx context.Context, _ offboarding.AutoReply) error {
			return w.mailboxes.SetAutoReply(ctx, w.job.Leaver, was)
		},
		Shows: func(offboarding.AutoReply) string { return "it does not read so yet" },
	})
	switch {
	case err != nil:
	case changed:
		w.job.Evidence["autoReply"] = "somebody changed it since: it stays so"
	default:
		w.job.Evidence["autoReply"] = strings.ToLower(was.State)
	}
	return err
}

// contact is the address that the reply of the departure names. Without it nobody could tell that reply from one that
// somebody has written since.
func (w wayBack) contact(ctx context.Context, flow offboarding.MailFlow) (string, error) {
	switch to := strings.TrimSpace(w.job.Step.Progress[sentTo]); to {
	case "":
		return flow.Address, nil
	case outsideAddress:
		personal, err := w.job.Personal(ctx)
		return personal[w.job.Case.Plan.Forwarding.Address], err
	default:
		theirs, err := w.mailboxes.MailFlow(ctx, to)
		if errors.Is(err, offboarding.ErrNotFound) {
			err = nil // the reply stays, and somebody looks at it
		}
		return theirs.Address, err
	}
}

// delegates takes the rights in the mailbox away that the departure gave.
func (w wayBack) delegates(ctx context.Context) error {
	var verdicts []error
	for _, kind := range w.job.Step.Kept("delegate/") {
		who, had, _ := strings.Cut(w.job.Step.Before["delegate/"+kind], " ")
		if had != "false" {
			continue
		}
		right := offboarding.MailRight{Kind: offboarding.MailRightKind(kind), Mailbox: w.job.Leaver}
		_, err := offboarding.Ensure(ctx, w.job, offboarding.Effect[bool]{
			What:   "taking the right " + kind + " from " + who,
			Read:   func(ctx context.Context) (bool, error) { return w.mailboxes.HasMailRight(ctx, who, right) },
			Wanted: func(has bool) bool { return !has },
			Write:  func(ctx context.Context, _ bool) error { return w.mailboxes.RemoveMailRight(ctx, who, right) },
			Shows:  func(bool) string { return "it still shows" },
		})
		verdicts = append(verdicts, err)
	}
	return offboarding.Join(verdicts...)
}
