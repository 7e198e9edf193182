package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"leaver/shared/offboarding"
)

// theirOwn is why something is left as it is: what Leaver did not do, it does not undo.
const theirOwn = "it is not as Leaver left it any more"

// takeBack gives back what was handed over, as far as it still is exactly as Leaver left it. What
// somebody has changed since is a task for a person, with where they find it.
func (r *run) takeBack(ctx context.Context) error {
	return offboarding.Join(
		r.back(ctx, wayList, "make the person the manager of a distribution list again, if that is to be (%s): %s", r.portal.Group, r.listIsBack, func(ctx context.Context, p passing) error {
			return r.mailboxes.PassGroup(ctx, p.id, p.to, r.job.Leaver)
		}),
		r.back(ctx, wayMailbox, "take the successor's rights on a mailbox away, if the person is to have it alone (%s): %s", r.mailboxPage, r.mailboxIsBack, r.closeMailbox),
		r.back(ctx, wayForward, "forward the mail of an earlier leaver to the person again, if that is to be (%s): %s", r.mailboxPage, r.forwardingIsBack, func(ctx context.Context, p passing) error {
			return r.mailboxes.Forward(ctx, p.id, r.job.Leaver, p.copies)
		}),
		r.back(ctx, wayBookings, "have the person approve the bookings of a room or equipment again, if that is to be (%s): %s", r.mailboxPage, r.bookingsAreBack, func(ctx context.Context, p passing) error {
			return r.mailboxes.PassBookings(ctx, p.id, p.to, r.job.Leaver)
		}),
	)
}

// mailboxPage is where a person finds whose a mailbox is: Exchange's own portal finds nothing by an id.
func (r *run) mailboxPage(id string) string {
	return "Get-Mailbox " + id + " shows it, and " + r.portal.User(id)
}

// back takes back what was handed over one way. look reports whether something is as before, and says
// why when it is not to be touched.
func (r *run) back(ctx context.Context, way, task string, page func(id string) string, look func(context.Context, passing) (is bool, changed string, err error), give func(context.Context, passing) error) error {
	changed := map[string]string{} // by object id
	var seen []string
	err := offboarding.EnsureBack(ctx, r.job, offboarding.Return[passing]{
		What: "handing back", Missing: "things of the kind " + way + " that do not show it yet: %d",
		Find: func(ctx context.Context) ([]passing, error) {
			var out []passing
			var unread []error
			seen = nil
			for _, id := range r.job.Step.Kept(way + " ") {
				p := passing{id: id, to: r.job.Step.Progress[offboarding.PassedOn+way+" "+id], copies: r.job.Step.Before[way+" "+id] == withCopy}
				is, why, err := look(ctx, p)
				if errors.Is(err, offboarding.ErrNotFound) {
					why, err = "it is not there any more", nil
				}
				switch {
				case err != nil:
					unread = append(unread, err)
				case is:
					seen = append(seen, way+" "+id)
				default:
					changed[id] = why
					out = append(out, p)
				}
			}
			return out, offboarding.Join(unread...)
		},
		Give: offboarding.Each(func(ctx context.Context, p passing) error {
			if why := changed[p.id]; why != "" {
				return offboarding.LeaveIt(why)
			}
			return give(ctx, p)
		}),
		Refused: func(p passing, err error) string {
			if p.to != "" {
				err = fmt.Errorf("%w, and went to %s", err, r.portal.User(p.to))
			}
			return fmt.Sprintf(task, err, page(p.id))
		},
	})
	if len(seen) > 0 {
		r.job.Evidence["handedBack "+way] = strings.Join(seen, "; ")
	}
	return err
}

// listIsBack reads the successor's lists before the person's, so that a change in between is not taken
// for somebody else's.
func (r *run) listIsBack(ctx context.Context, p passing) (bool, string, error) {
	alone := p.to == "" // beside others the person only comes back
	if p.to != "" {
		theirs, err := r.mailboxes.ManagedGroups(ctx, p.to)
		if err != nil {
			return false, "", err
		}
		alone = slices.ContainsFunc(theirs, func(g offboarding.MailGroup) bool { return g.ID == p.id && len(g.Managers) == 1 })
	}
	own, err := r.mailboxes.ManagedGroups(ctx, r.job.Leaver)
	switch {
	case err != nil:
		return false, "", err
	case slices.ContainsFunc(own, func(g offboarding.MailGroup) bool { return g.ID == p.id }):
		return true, "", nil
	case !alone:
		return false, theirOwn, nil
	}
	return false, "", nil
}

// gave, the kind of a right and a mailbox's object id is to whom the departure gave that right, in the
// progress. A right that the successor had before is not among them.
const gave = "gave "

// openingKinds are the rights on a mailbox that are handed over.
var openingKinds = []offboarding.MailRightKind{offboarding.RightFull, offboarding.RightSendAs, offboarding.RightOnBehalf}

// given are the rights on a mailbox that the departure gave, and whoever got each has still.
func (r *run) given(ctx context.Context, mailbox string) (map[offboarding.MailRightKind]string, error) {
	still := map[offboarding.MailRightKind]string{}
	for _, kind := range openingKinds {
		to := r.job.Step.Progress[gave+string(kind)+" "+mailbox]
		if to == "" {
			continue
		}
		has, err := r.mailboxes.HasMailRight(ctx, to, offboarding.MailRight{Kind: kind, Mailbox: mailbox})
		if err != nil {
			return nil, err
		}
		if has {
			still[kind] = to
		}
	}
	return still, nil
}

// mailboxIsBack leaves the successor's rights where the person has not got theirs again: nobody could
// open the mailbox.
func (r *run) mailboxIsBack(ctx context.Context, p passing) (bool, string, error) {
	full := offboarding.MailRight{Kind: offboarding.RightFull, Mailbox: p.id}
	if p.to != "" && r.job.Step.Progress[gave+string(full.Kind)+" "+p.id] == "" {
		has, err := r.mailboxes.HasMailRight(ctx, p.to, full)
		return err == nil && !has, "which rights Leaver gave was not kept then", err
	}
	still, err := r.given(ctx, p.id)
	if err != nil || len(still) == 0 {
		return err == nil, "", err
	}
	opens, err := r.mailboxes.HasMailRight(ctx, r.job.Leaver, full)
	if err == nil && !opens {
		return false, "the person cannot open it, and nobody else could", nil
	}
	return false, "", err
}

func (r *run) closeMailbox(ctx context.Context, p passing) error {
	still, err := r.given(ctx, p.id)
	if err != nil {
		return err
	}
	var verdicts []error
	for _, kind := range openingKinds {
		if to := still[kind]; to != "" {
			verdicts = append(verdicts, r.mailboxes.RemoveMailRight(ctx, to, offboarding.MailRight{Kind: kind, Mailbox: p.id}))
		}
	}
	return offboarding.Join(verdicts...)
}

// forwardingIsBack leaves the mail of somebody who has come back meanwhile to them.
func (r *run) forwardingIsBack(ctx context.Context, p passing) (bool, string, error) {
	flow, err := r.mailboxes.MailFlow(ctx, p.id)
	if err != nil {
		return false, "", err
	}
	who, err := r.mailboxes.Recipient(ctx, flow.ForwardsTo)
	switch {
	case err != nil:
		return false, "", err
	case strings.EqualFold(who.ID, r.job.Leaver):
		return true, "", nil
	case p.to == "", !strings.EqualFold(who.ID, p.to), flow.ForwardsToAddress != "", flow.Copy != p.copies:
		return false, theirOwn, nil
	}
	earlier, err := r.leftEarlier(ctx, p.id)
	if err == nil && !earlier {
		return false, "they work here again", nil
	}
	return false, "", err
}

func (r *run) bookingsAreBack(ctx context.Context, p passing) (bool, string, error) {
	delegates, err := r.mailboxes.BookingDelegates(ctx, p.id)
	if err != nil {
		return false, "", err
	}
	var ids []string
	for _, name := range delegates {
		who, err := r.mailboxes.Recipient(ctx, name)
		if err != nil {
			return false, "", err
		}
		ids = append(ids, strings.ToLower(who.ID))
	}
	switch {
	case slices.Contains(ids, strings.ToLower(r.job.Leaver)):
		return true, "", nil
	case p.to != "" && !slices.Equal(ids, []string{strings.ToLower(p.to)}):
		return false, theirOwn, nil
	}
	return false, "", nil
}
