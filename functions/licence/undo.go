package licence

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"leaver/shared/offboarding"
)

// assigned begins the names of the before that hold each licence: the SKU and the group that gives it,
// or that it is direct; the value are the plans that were disabled.
const (
	assigned = "assigned "
	direct   = "direct"
	mailbox  = "exchangeGuid" // before: which mailbox it was
	// progress: since when the licences are back and the mailbox is not
	missingSince = "undo: the mailbox does not show since"
)

// reconnects is how long Exchange may take to connect a mailbox with its account again. The wait is
// shorter than the step's own: the account is not enabled before.
const reconnects = 24 * time.Hour

// Undo implements worker.Undoer: the leaver is in the groups that give licences again, and holds the
// direct ones with the plans that were disabled. It is done when the tenant shows them as active, and
// the mailbox as the one that it was.
func (s *Step) Undo(ctx context.Context, job *offboarding.Job) error {
	user, err := s.directory.User(ctx, job.Leaver)
	if err != nil {
		return job.NotShown(err)
	}
	were := held(job)
	groups := job.Case.LeftToLicence()
	for _, l := range were {
		if g := l.AssignedByGroup; g != "" && !slices.Contains(groups, g) {
			groups = append(groups, g)
		}
	}
	if len(were) == 0 && job.Step.Before[licences] != "" {
		return offboarding.Manual("an older version kept no more than the names of the licences: give the leaver " + job.Step.Before[licences] + ", then sign off: " + job.Case.Plan.Cloud().Licences(job.Leaver))
	}
	joined, given := s.join(ctx, job, groups), s.give(ctx, job, user, were)
	if given != nil || offboarding.VerdictOf(joined).Kind > offboarding.KindManual {
		return offboarding.Join(joined, given)
	}
	return offboarding.Join(joined, s.observeBack(ctx, job, were))
}

// held are the licences as they were.
func held(job *offboarding.Job) []offboarding.Licence {
	var out []offboarding.Licence
	for _, name := range job.Step.Kept(assigned) {
		sku, way, _ := strings.Cut(name, " ")
		l := offboarding.Licence{SKU: sku, AssignedByGroup: way, DisabledPlans: job.Step.Before[assigned+name]}
		if way == direct {
			l.AssignedByGroup = ""
		}
		out = append(out, l)
	}
	return out
}

// join puts the leaver into the groups again, those that give licences and are the cloud's.
func (s *Step) join(ctx context.Context, job *offboarding.Job, groups []string) error {
	if len(groups) == 0 {
		return nil
	}
	byID, portal := map[string]offboarding.Group{}, job.Case.Plan.Cloud().Portal
	return offboarding.EnsureBack(ctx, job, offboarding.Return[string]{
		What: "joining the groups that give licences", Missing: "of them do not show the leaver yet: %d",
		Find: func(ctx context.Context) ([]string, error) {
			var missing []string
			for some := range slices.Chunk(groups, 20) {
				in, err := s.directory.MemberGroups(ctx, job.Leaver, some)
				if err != nil {
					return missing, err
				}
				for _, id := range some {
					if !slices.Contains(in, id) {
						missing = append(missing, id)
					}
				}
			}
			return missing, nil
		},
		Give: offboarding.Each(func(ctx context.Context, id string) error {
			group, err := s.directory.Group(ctx, id)
			if err != nil {
				return err
			}
			byID[id] = group
			switch {
			case group.Dynamic || group.OnPremisesSyncEnabled:
				return offboarding.LeaveIt("its members are not the cloud's to change")
			case group.Distribution:
				return s.mailboxes.JoinDistributionGroup(ctx, id, job.Leaver)
			}
			return offboarding.Join(s.directory.JoinGroups(ctx, job.Leaver, []string{id})...)
		}),
		Refused: func(id string, err error) string {
			switch g := byID[id]; {
			case errors.Is(err, offboarding.ErrNotFound):
				return "the group " + id + ", which gave a licence, is not there any more: give the licence directly (" + portal.Licences(job.Leaver) + "), or restore the group (" + portal.DeletedGroups() + ")"
			case g.Dynamic:
				return "have the membership rule of the dynamic group " + id + " (" + job.Case.Plan.Cloud().Group(id) + ") take the leaver in"
			case g.OnPremisesSyncEnabled:
				return "put the leaver into a group in the on-premises Active Directory; Entra shows which: " + portal.Group(id)
			}
			return "put the leaver into the group " + id + " (" + job.Case.Plan.Cloud().Group(id) + ")"
		},
	})
}

// give assigns the direct licences that the user lacks. Without a seat, or a usageLocation, Graph
// refuses, and a person has to see to that first: mailbox and files wait for it.
func (s *Step) give(ctx context.Context, job *offboarding.Job, user offboarding.User, were []offboarding.Licence) error {
	missing := lacking(user, were, true)
	if len(missing) == 0 {
		return nil
	}
	err := s.directory.AssignLicences(ctx, job.Leaver, missing)
	if !offboarding.IsPermanent(err) {
		return err
	}
	var skus []string
	for _, l := range missing {
		skus = append(skus, l.SKU)
	}
	seats, _ := s.directory.Seats(ctx) // without them the task names no number
	var full []string
	for _, seat := range seats {
		if slices.Contains(skus, seat.SKU) && seat.Consumed >= seat.Enabled {
			full = append(full, fmt.Sprintf("%s (%d of %d in use)", seat.PartNumber, seat.Consumed, seat.Enabled))
		}
	}
	if len(full) > 0 {
		return offboarding.Manual("no seat is left of " + strings.Join(full, ", ") + ": buy or free one, then replay; the mailbox comes back with it")
	}
	return offboarding.Manual(fmt.Sprintf("Microsoft refuses the licences %s (%s): look at the usage location and at the licences that they depend on, then replay; the mailbox comes back with them", strings.Join(s.partNumbers(ctx, skus), ", "), err))
}

// lacking are those of the licences that the user does not show as active: the direct ones, or those of
// groups.
func lacking(user offboarding.User, were []offboarding.Licence, direct bool) []offboarding.Licence {
	return slices.DeleteFunc(slices.Clone(were), func(l offboarding.Licence) bool {
		return (l.AssignedByGroup == "") != direct || slices.ContainsFunc(user.Licences, func(is offboarding.Licence) bool {
			return is.SKU == l.SKU && is.AssignedByGroup == l.AssignedByGroup && (is.State == "" || is.State == "Active" || is.State == "ActiveWithError")
		})
	})
}

// observeBack reads the licences and the mailbox that came with them.
func (s *Step) observeBack(ctx context.Context, job *offboarding.Job, were []offboarding.Licence) error {
	user, err := s.directory.User(ctx, job.Leaver)
	if err != nil {
		return err
	}
	if left := len(lacking(user, were, true)); left > 0 {
		return job.NotYet("the licences were accepted, but %s cannot be seen yet", offboarding.Count(left, "licence"))
	}
	for _, l := range lacking(user, were, false) {
		for _, is := range user.Licences {
			if is.SKU == l.SKU && is.AssignedByGroup == l.AssignedByGroup && is.State == "Error" {
				return offboarding.Manual(fmt.Sprintf("the licence %s of a group does not reach the leaver (%s): mend that, then replay: %s, Licenses", s.partNumbers(ctx, []string{l.SKU})[0], is.Error, job.Case.Plan.Cloud().Group(l.AssignedByGroup)))
			}
		}
	}
	job.Evidence["licences"] = job.Step.Before[licences]
	was := job.Step.Before[mailbox]
	if was == "" {
		return nil
	}
	flow, err := s.mailboxes.KeptMailFlow(ctx, job.Leaver)
	switch {
	case errors.Is(err, offboarding.ErrNotFound):
		since, err := job.Seen(ctx, missingSince)
		if err != nil || job.Now.Sub(since) < reconnects {
			return cmp.Or(err, job.NotYet("the licences are back, but the mailbox does not show yet"))
		}
		return offboarding.Manual("the licences have been back for a day, and the mailbox has not come with them: look for it in Exchange by its ExchangeGuid (Get-Mailbox " + was + " -SoftDeletedMailbox, or -InactiveMailboxOnly), recover or restore it (Undo-SoftDeletedMailbox, New-MailboxRestoreRequest), then replay")
	case err != nil:
		return err
	case flow.GUID != was:
		return offboarding.DoneWithTask("the mailbox is a new, empty one (ExchangeGuid " + flow.GUID + "), and the old one is kept soft-deleted or inactive (ExchangeGuid " + was + "): bring its content over, then sign off: New-MailboxRestoreRequest -SourceMailbox " + was + " -TargetMailbox " + flow.GUID + " -AllowLegacyDNMismatch")
	}
	job.Evidence["mailbox"] = "the one that it was"
	return nil
}
