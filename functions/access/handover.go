package access

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"leaver/shared/offboarding"
)

// Ways of the things that are handed over, in the progress, the before and the evidence.
const (
	wayList     = "list"
	wayMailbox  = "mailbox"
	wayForward  = "forwarding"
	wayBookings = "bookings"
)

// withCopy is the before of a forwarding of which the mailbox keeps a copy.
const withCopy = "the leaver's, with a copy"

// passing is something that the leaver sees to, and who sees to it from now on: nobody more where
// others are left.
type passing struct {
	id, to string
	copies bool // of a forwarding: the mailbox keeps a copy
}

// pass hands things over, one by one, and is nil once none is found any more. Who got what is kept,
// and shown.
func (r *run) pass(ctx context.Context, way, left string, find func(context.Context) ([]passing, error), give func(context.Context, passing) error) error {
	err := offboarding.EnsureNone(ctx, r.job, offboarding.Removal[passing]{
		What: "handing over", Left: left, Find: find,
		Before: func(found []passing) map[string]string {
			before := map[string]string{}
			for _, p := range found {
				before[way+" "+p.id] = "the leaver's"
				if p.copies {
					before[way+" "+p.id] = withCopy
				}
			}
			return before
		},
		Remove: func(ctx context.Context, p passing) error {
			if err := give(ctx, p); err != nil || p.to == "" {
				return err
			}
			return r.job.KeepProgress(ctx, offboarding.PassedOn+way+" "+p.id, p.to)
		},
	})
	var passed []string
	for _, name := range slices.Sorted(maps.Keys(r.job.Step.Progress)) {
		if what, is := strings.CutPrefix(name, offboarding.PassedOn); is {
			passed = append(passed, what+" to "+r.job.Step.Progress[name])
		}
	}
	if len(passed) > 0 {
		r.job.Evidence["handedOver"] = strings.Join(passed, "; ")
	}
	return err
}

// heir is who takes over what the leaver sees to, or why there is nobody.
func (r *run) heir(ctx context.Context) (id, why string, err error) {
	if r.successor != nil {
		return r.successor.ID, r.unfit, nil
	}
	who, err := offboarding.Successor(ctx, r.job.Case, "", r.directory, r.departures)
	var unfit *offboarding.UnfitError
	if errors.As(err, &unfit) {
		r.unfit, err = unfit.Why, nil
	}
	if err != nil {
		return "", "", err
	}
	r.successor = &who
	return who.ID, r.unfit, nil
}

// takeOver is the heir for something that would be without anybody; without one it becomes a task, with
// why, and is not handed over.
func (r *run) takeOver(ctx context.Context, p passing, task string) ([]passing, error) {
	to, why, err := r.heir(ctx)
	switch {
	case err != nil:
		return nil, err
	case why != "":
		r.hangs("%s (%s)", task, why)
		return nil, nil
	}
	p.to = to
	return []passing{p}, nil
}

// leftEarlier reports whether somebody has left, and not come back. What ended at this leaver was given
// by that departure, then. What anybody else gave was their own choice, and may be nobody's business but
// theirs: it is a task for a person.
func (r *run) leftEarlier(ctx context.Context, id string) (bool, error) {
	c, err := r.departures.Latest(ctx, id)
	if err != nil || c == nil || c.Cancelled != nil {
		return false, err
	}
	user, err := r.directory.User(ctx, id)
	if errors.Is(err, offboarding.ErrNotFound) {
		return true, nil
	}
	return err == nil && !user.AccountEnabled, err
}

// lists hands the distribution lists and mail-enabled security groups over that would have no manager.
// Graph does not show who manages them.
func (r *run) lists(ctx context.Context) error {
	return r.pass(ctx, wayList, "distribution lists that still show the leaver as their manager: %d", r.findLists, func(ctx context.Context, p passing) error {
		return r.mailboxes.PassGroup(ctx, p.id, r.job.Leaver, p.to)
	})
}

func (r *run) findLists(ctx context.Context) ([]passing, error) {
	managed, err := r.mailboxes.ManagedGroups(ctx, r.job.Leaver)
	if err != nil {
		return nil, err
	}
	var found []passing
	var unseen []error
	for _, l := range managed {
		name := r.user.NameOf(offboarding.Group{ID: l.ID, DisplayName: l.DisplayName})
		if l.ID == "" {
			r.hangs("make somebody else the manager of a distribution list that has no object id, in the Exchange admin center (Get-DistributionGroup -Filter \"ManagedBy -eq 'DN'\" finds it, with the DistinguishedName of the leaver's mailbox)")
			continue
		}
		if l.OnPremises {
			r.hangs("make somebody else the manager of the distribution list %s in the on-premises Active Directory; Entra shows it: %s", name, r.portal.Group(l.ID))
			continue
		}
		others, err := r.staying(ctx, l.Managers)
		if err != nil {
			unseen = append(unseen, err)
			continue
		}
		if others > 0 {
			found = append(found, passing{id: l.ID})
			continue
		}
		some, err := r.takeOver(ctx, passing{id: l.ID}, "make somebody else the manager of the distribution list "+name+" in the Exchange admin center, Groups, Distribution list; Entra shows it: "+r.portal.Group(l.ID))
		unseen = append(unseen, err)
		found = append(found, some...)
	}
	return found, offboarding.Join(unseen...)
}

// openedBy and the object id of a mailbox are kept in the progress when the leaver could open it.
const openedBy = "openedBy "

// couldOpen keeps that the leaver could open a mailbox, when it is one that nobody uses in person, or
// one that an earlier leaver left.
func (r *run) couldOpen(ctx context.Context, mailbox string) error {
	if _, known := r.job.Step.Progress[openedBy+mailbox]; known {
		return nil
	}
	flow, err := r.mailboxes.MailFlow(ctx, mailbox)
	switch {
	case errors.Is(err, offboarding.ErrNotFound):
		return nil
	case err != nil:
		return err
	case flow.RecipientTypeDetails == "UserMailbox":
		if earlier, err := r.leftEarlier(ctx, mailbox); err != nil || !earlier {
			return err
		}
	}
	return r.job.KeepProgress(ctx, openedBy+mailbox, "leaver")
}

// openers hands earlier leavers' mailboxes over that nobody can open any more. Any other is a task.
func (r *run) openers(ctx context.Context) error {
	return r.pass(ctx, wayMailbox, "mailboxes of earlier leavers that do not show yet who can open them: %d", r.findUnopened, func(ctx context.Context, p passing) error {
		var verdicts []error
		for _, kind := range openingKinds {
			if _, had := r.job.Step.Before[string(kind)+" "+p.id]; had || kind == offboarding.RightFull {
				verdicts = append(verdicts, r.open(ctx, p.to, offboarding.MailRight{Kind: kind, Mailbox: p.id}))
			}
		}
		return offboarding.Join(verdicts...)
	})
}

// open gives somebody a right on a mailbox that they have not got. That it was not theirs before is kept
// first: an undo takes no other away.
func (r *run) open(ctx context.Context, to string, right offboarding.MailRight) error {
	has, err := r.mailboxes.HasMailRight(ctx, to, right)
	if err != nil || has {
		return err
	}
	if err := r.job.KeepProgress(ctx, gave+string(right.Kind)+" "+right.Mailbox, to); err != nil {
		return err
	}
	return r.mailboxes.GrantMailRight(ctx, to, right)
}

func (r *run) findUnopened(ctx context.Context) ([]passing, error) {
	var found []passing
	var unseen []error
	for _, name := range slices.Sorted(maps.Keys(r.job.Step.Progress)) {
		mailbox, is := strings.CutPrefix(name, openedBy)
		if !is {
			continue
		}
		names, err := r.mailboxes.Openers(ctx, mailbox)
		if errors.Is(err, offboarding.ErrNotFound) {
			continue
		}
		others := 0
		if err == nil {
			others, err = r.staying(ctx, names)
		}
		if err != nil {
			unseen = append(unseen, err)
			continue
		}
		if others > 0 {
			continue
		}
		task := fmt.Sprintf("nobody but the leaver could open a shared mailbox: give somebody Full Access to it in the Exchange admin center (Get-Mailbox %s shows it, and %s)", mailbox, r.portal.User(mailbox))
		earlier, err := r.leftEarlier(ctx, mailbox)
		switch {
		case err != nil:
			unseen = append(unseen, err)
			continue
		case !earlier:
			r.hangs("%s", task)
			continue
		}
		some, err := r.takeOver(ctx, passing{id: mailbox}, task)
		unseen = append(unseen, err)
		found = append(found, some...)
	}
	return found, offboarding.Join(unseen...)
}

// staying counts those whom Exchange prints who are not the leaver, and do not leave; a group is somebody while
// somebody who stays is in it.
func (r *run) staying(ctx context.Context, names []string) (int, error) {
	n := 0
	for _, name := range names {
		who, err := r.mailboxes.Recipient(ctx, name)
		switch {
		case err != nil:
			return 0, err
		case who.ID == "" && !who.Inside: // whose account is gone: Exchange prints a SID
			continue
		case who.ID == "": // several have this name
			n++
			continue
		case strings.EqualFold(who.ID, r.job.Leaver):
			continue
		case who.Group:
			members, errs := r.directory.SomeMembers(ctx, []string{who.ID})
			alone := false
			if err = errs[0]; err == nil {
				alone, err = r.nobodyElse(ctx, members[0])
			}
			if err != nil {
				return 0, err
			}
			if !alone {
				n++
			}
			continue
		}
		leaving, err := r.leaves(ctx, who.ID)
		if err != nil {
			return 0, err
		}
		if !leaving {
			n++
		}
	}
	return n, nil
}

// leaves reports whether somebody leaves, or has left.
func (r *run) leaves(ctx context.Context, id string) (bool, error) {
	leaving, err := r.departures.Leaving(ctx, id)
	if err != nil || leaving {
		return leaving, err
	}
	return r.leftEarlier(ctx, id)
}

// forwardings moves the mail on that earlier leavers had sent to this one. That of anybody else is a task.
func (r *run) forwardings(ctx context.Context) error {
	return r.pass(ctx, wayForward, "earlier leavers whose mail still goes to the leaver: %d", r.findForwarded, func(ctx context.Context, p passing) error {
		return r.mailboxes.Forward(ctx, p.id, p.to, p.copies)
	})
}

func (r *run) findForwarded(ctx context.Context) ([]passing, error) {
	mailboxes, err := r.mailboxes.ForwardingTo(ctx, r.job.Leaver, r.user.Addresses)
	if err != nil {
		return nil, err
	}
	var found []passing
	var theirs []string
	var unseen []error
	for _, mailbox := range mailboxes {
		earlier, err := r.leftEarlier(ctx, mailbox)
		if err != nil {
			unseen = append(unseen, err)
			continue
		}
		if !earlier {
			theirs = append(theirs, mailbox)
			continue
		}
		flow, err := r.mailboxes.MailFlow(ctx, mailbox)
		if errors.Is(err, offboarding.ErrNotFound) {
			continue
		}
		if err != nil {
			unseen = append(unseen, err)
			continue
		}
		some, err := r.takeOver(ctx, passing{id: mailbox, copies: flow.Copy},
			fmt.Sprintf("the mail of an earlier leaver is forwarded to the leaver: forward it to somebody else in the Exchange admin center (Get-Mailbox %s shows it, and %s)", mailbox, r.portal.User(mailbox)))
		unseen = append(unseen, err)
		found = append(found, some...)
	}
	if len(theirs) > 0 {
		whose := "the mail of a colleague"
		if len(theirs) > 1 {
			whose = fmt.Sprintf("the mail of %d colleagues", len(theirs))
		}
		r.hangs("%s is forwarded to the leaver: ask them where it is to go, and set it in the Exchange admin center (Mailboxes, Email forwarding): %s", whose, offboarding.Pages(r.portal.User, theirs))
	}
	return found, offboarding.Join(unseen...)
}

// bookings hands the rooms and the equipment over whose bookings the leaver alone approves: requests
// would hang.
func (r *run) bookings(ctx context.Context) error {
	return r.pass(ctx, wayBookings, "rooms that still show that the leaver approves their bookings: %d", r.findBookings, func(ctx context.Context, p passing) error {
		return r.mailboxes.PassBookings(ctx, p.id, r.job.Leaver, p.to)
	})
}

// findBookings looks the delegates up whom Exchange prints by name, each once.
func (r *run) findBookings(ctx context.Context) ([]passing, error) {
	resources, err := r.mailboxes.Resources(ctx)
	if err != nil {
		return nil, err
	}
	is := map[string]bool{} // by name: the leaver
	var found []passing
	var unseen []error
	for _, resource := range resources {
		delegates, err := r.mailboxes.BookingDelegates(ctx, resource)
		if errors.Is(err, offboarding.ErrNotFound) {
			continue
		}
		approves := false
		if err == nil {
			approves, err = r.amongThem(ctx, delegates, is)
		}
		others := 0
		if err == nil && approves {
			others, err = r.staying(ctx, delegates)
		}
		switch {
		case err != nil:
			unseen = append(unseen, err)
			continue
		case !approves:
			continue
		case others > 0:
			found = append(found, passing{id: resource})
			continue
		}
		some, err := r.takeOver(ctx, passing{id: resource},
			"the leaver alone approves the bookings of a room or equipment: name somebody else in the Exchange admin center (Resources, Booking delegates); Entra shows which it is: "+r.portal.User(resource))
		unseen = append(unseen, err)
		found = append(found, some...)
	}
	return found, offboarding.Join(unseen...)
}

// amongThem reports whether the leaver is among the delegates; is keeps who was looked up.
func (r *run) amongThem(ctx context.Context, delegates []string, is map[string]bool) (bool, error) {
	for _, name := range delegates {
		if _, known := is[name]; !known {
			who, err := r.mailboxes.Recipient(ctx, name)
			if err != nil {
				return false, err
			}
			is[name] = strings.EqualFold(who.ID, r.job.Leaver)
		}
		if is[name] {
			return true, nil
		}
	}
	return false, nil
}
