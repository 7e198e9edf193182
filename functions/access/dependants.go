package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"leaver/shared/offboarding"
)

// mostNamed is how many ids a task names.
const mostNamed = 10

// named lists the first of some ids, and says how many more there are.
func named(ids []string) string {
	text := strings.Join(ids[:min(len(ids), mostNamed)], ", ")
	if more := len(ids) - mostNamed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// hangs is something that will be without anybody: a task for which no other step waits, because nothing
// is lost with the account that the task does not name.
func (r *run) hangs(format string, args ...any) {
	r.dependants = append(r.dependants, fmt.Sprintf(format, args...))
}

// handOverTask is all of it as one.
func (r *run) handOverTask() error {
	if len(r.dependants) == 0 {
		return nil
	}
	slices.Sort(r.dependants)
	tasks := slices.Compact(r.dependants)
	r.job.Evidence["dependants"] = strings.Join(tasks, "; ")
	return offboarding.DoneWithTask(brief(tasks) + "; then replay, or sign off")
}

// reports leaves whoever reports to the leaver to a person, unless they leave as well: without a manager
// nobody approves for them, and nobody gets their mail when they leave.
func (r *run) reports(ctx context.Context, reports []string) error {
	var stay []string
	for _, id := range reports {
		leaving, err := r.departures.Leaving(ctx, id)
		if err != nil {
			return err
		}
		if !leaving {
			stay = append(stay, id)
		}
	}
	if len(stay) > 0 {
		r.hangs("%d people report to the leaver and will have no manager: give them another one in Entra (users %s)", len(stay), named(stay))
	}
	return nil
}

// apps leaves the applications that would be without an owner who can act to a person.
func (r *run) apps(ctx context.Context, apps []offboarding.OwnedApp) error {
	var verdicts []error
	for _, app := range apps {
		owners, err := r.directory.AppOwners(ctx, app)
		if errors.Is(err, offboarding.ErrNotFound) {
			continue
		}
		if err != nil {
			verdicts = append(verdicts, err)
			continue
		}
		if slices.ContainsFunc(owners, func(o offboarding.Owner) bool { return o.Enabled && !strings.EqualFold(o.ID, r.job.Leaver) }) {
			continue
		}
		kind := "app registration"
		if app.Service {
			kind = "enterprise application"
		}
		r.hangs("make somebody the owner of the %s %s (appId %s), whose only owner is the leaver, in the Entra admin center",
			kind, r.user.NameOf(offboarding.Group{ID: app.ID, DisplayName: app.DisplayName}), app.AppID)
	}
	return offboarding.Join(verdicts...)
}

// openedBy and the object id of a shared mailbox are kept in the progress when the leaver could open it.
const openedBy = "openedBy "

// couldOpen keeps that the leaver could open a mailbox, when it is one that nobody owns in person.
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
		return nil
	}
	return r.job.KeepProgress(ctx, openedBy+mailbox, "leaver")
}

// openers leaves the shared mailboxes that nobody can open any more to a person.
func (r *run) openers(ctx context.Context) error {
	for name := range r.job.Step.Progress {
		mailbox, is := strings.CutPrefix(name, openedBy)
		if !is {
			continue
		}
		names, err := r.mailboxes.Openers(ctx, mailbox)
		if errors.Is(err, offboarding.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		others := 0
		for _, name := range names {
			stays, err := r.stays(ctx, name)
			if err != nil {
				return err
			}
			if stays {
				others++
			}
		}
		if others == 0 {
			r.hangs("nobody but the leaver could open the shared mailbox %s: give somebody Full Access to it in the Exchange admin center", mailbox)
		}
	}
	return nil
}

// stays reports whether somebody whom Exchange prints is another than the leaver, and does not leave.
func (r *run) stays(ctx context.Context, name string) (bool, error) {
	who, err := r.mailboxes.Recipient(ctx, name)
	switch {
	case err != nil:
		return false, err
	case who.ID == "": // a group
		return true, nil
	case strings.EqualFold(who.ID, r.job.Leaver):
		return false, nil
	}
	leaving, err := r.departures.Leaving(ctx, who.ID)
	return !leaving, err
}

// forwardings leaves mail that earlier leavers, or anybody else, have sent on to the leaver to a person.
func (r *run) forwardings(ctx context.Context) error {
	mailboxes, err := r.mailboxes.ForwardingTo(ctx, r.job.Leaver)
	if len(mailboxes) > 0 {
		r.hangs("the mail of %d mailboxes is forwarded to the leaver: forward it to somebody else in the Exchange admin center (mailboxes %s)", len(mailboxes), named(mailboxes))
	}
	return err
}

// bookings leaves the rooms and the equipment whose bookings the leaver approves to a person: requests
// would hang. Exchange prints the delegates by name, and each is looked up.
func (r *run) bookings(ctx context.Context) error {
	resources, err := r.mailboxes.Resources(ctx)
	if err != nil {
		return err
	}
	is := map[string]bool{} // by name: the leaver
	for _, resource := range resources {
		delegates, err := r.mailboxes.BookingDelegates(ctx, resource)
		if errors.Is(err, offboarding.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		for _, name := range delegates {
			if _, known := is[name]; !known {
				who, err := r.mailboxes.Recipient(ctx, name)
				if err != nil {
					return err
				}
				is[name] = strings.EqualFold(who.ID, r.job.Leaver)
			}
			if is[name] {
				r.hangs("the leaver approves the bookings of the room or equipment %s: name somebody else in the Exchange admin center (Resources, Booking delegates)", resource)
			}
		}
	}
	return nil
}
