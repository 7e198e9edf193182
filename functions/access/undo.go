package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"leaver/shared/offboarding"
)

// Undo implements worker.Undoer: groups, ownerships, telephone numbers and rights on the mailboxes of
// others are there again, and what was handed over is taken back where it still is as Leaver left it.
// Whoever became an owner of a group instead stays one. Consents are the person's to give
// anew, and a number that somebody else has by now stays theirs.
func (s *Step) Undo(ctx context.Context, job *offboarding.Job) error {
	user, err := s.directory.User(ctx, job.Leaver)
	if err != nil {
		return job.NotShown(err)
	}
	if n := len(job.Step.Kept(string(offboarding.GrantConsent) + " ")); n > 0 {
		job.Evidence["consents"] = fmt.Sprintf("%d, for the person to give again", n)
	}
	r := &run{Step: s, job: job, user: user, portal: job.Case.Plan.Cloud().Portal}
	err = offboarding.Join(
		s.rejoin(ctx, job), s.renumber(ctx, job, user), s.regrant(ctx, job), r.takeBack(ctx), s.older(job),
	)
	if err == nil && len(job.Evidence) == 0 {
		job.Evidence["access"] = "nothing had been taken away"
	}
	return err
}

// told says in the evidence how many of a kind were observed to be there again.
func told(job *offboarding.Job, what string, there, of int) {
	switch {
	case of == 0:
	case there == of:
		job.Evidence[what] = fmt.Sprintf("%d, there again", of)
	default:
		job.Evidence[what] = fmt.Sprintf("%d of %d, there again", there, of)
	}
}

// older leaves to a person what a departure took away before privileges was a step of its own.
func (s *Step) older(job *offboarding.Job) error {
	n := 0
	for _, kind := range []offboarding.GrantKind{offboarding.GrantRole, offboarding.GrantEligibleRole, offboarding.GrantAppRole} {
		n += len(job.Step.Kept(string(kind) + " "))
	}
	if n == 0 {
		return nil
	}
	return offboarding.DoneWithTask(fmt.Sprintf("roles were taken away before privileges was a step of its own (%d): give back what is to be, then sign off: %s", n, job.Case.Plan.Cloud().Roles(job.Leaver)))
}

// place is a group that the leaver was in, or owned: by the beginning of its name in the before, and by
// which way a membership was left.
type place struct{ kind, way, group string }

const (
	memberOf = string(offboarding.GrantMember) + " "
	ownerOf  = string(offboarding.GrantOwner) + " "
	asGroup  = "group"
	asList   = "distribution"
)

// places are those of the before. A group that licence leaves is its own to join again.
func places(job *offboarding.Job) []place {
	var out []place
	for _, id := range job.Step.Kept(memberOf) {
		if way := job.Step.Before[memberOf+id]; way == asGroup || way == asList {
			out = append(out, place{memberOf, way, id})
		}
	}
	for _, id := range job.Step.Kept(ownerOf) {
		out = append(out, place{kind: ownerOf, group: id})
	}
	return out
}

// rejoin puts the leaver into groups and on distribution lists again, and makes them an owner: all that is
// looked at together is looked at once.
func (s *Step) rejoin(ctx context.Context, job *offboarding.Job) error {
	were := places(job)
	if len(were) == 0 {
		return nil
	}
	return offboarding.EnsureBack(ctx, job, offboarding.Return[place]{
		What: "joining", Missing: "groups that do not show the leaver: %d",
		Find: func(ctx context.Context) ([]place, error) {
			is, _ := s.directory.Access(ctx, job.Leaver) // what it could not read of anything else is no matter here
			var missing []place
			var unread []error
			for _, now := range []struct {
				kind, what string
				groups     []offboarding.Group
				unread     error
			}{
				{memberOf, "memberships", is.Groups, is.Unread[offboarding.GrantMember]},
				{ownerOf, "ownerships", is.Owned, is.Unread[offboarding.GrantOwner]},
			} {
				theirs := slices.DeleteFunc(slices.Clone(were), func(p place) bool { return p.kind != now.kind })
				switch {
				case len(theirs) == 0:
				case now.unread != nil:
					unread = append(unread, now.unread)
				default:
					gone := slices.DeleteFunc(slices.Clone(theirs), func(p place) bool {
						return slices.ContainsFunc(now.groups, func(g offboarding.Group) bool { return g.ID == p.group })
					})
					told(job, now.what, len(theirs)-len(gone), len(theirs))
					missing = append(missing, gone...)
				}
			}
			return missing, offboarding.Join(unread...)
		},
		Give:    func(ctx context.Context, missing []place) []error { return s.putBack(ctx, job.Leaver, missing) },
		Refused: func(p place, err error) string { return refusedPlace(job.Case.Plan.Cloud().Portal, p, err) },
	})
}

// putBack gives places back: groups and ownerships 20 at once, distribution lists one by one.
func (s *Step) putBack(ctx context.Context, leaver string, missing []place) []error {
	errs := make([]error, len(missing))
	batched := func(give func(context.Context, string, []string) []error, is func(place) bool) {
		var ids []string
		var at []int
		for i, p := range missing {
			if is(p) {
				ids, at = append(ids, p.group), append(at, i)
			}
		}
		if len(ids) == 0 {
			return
		}
		for i, err := range give(ctx, leaver, ids) {
			errs[at[i]] = err
		}
	}
	batched(s.directory.JoinGroups, func(p place) bool { return p.way == asGroup })
	batched(s.directory.OwnGroups, func(p place) bool { return p.kind == ownerOf })
	for i, p := range missing {
		if p.way == asList {
			errs[i] = s.mailboxes.JoinDistributionGroup(ctx, p.group, leaver)
		}
	}
	return errs
}

func refusedPlace(portal offboarding.Portal, p place, err error) string {
	gone := errors.Is(err, offboarding.ErrNotFound)
	switch {
	case gone && p.kind == ownerOf:
		return "the group " + p.group + ", which the person owned, is not there any more: restore it, if it is to be (" + portal.DeletedGroups() + ")"
	case gone:
		return "the group " + p.group + " is not there any more: restore it (" + portal.DeletedGroups() + "), or put the person where it was for"
	case p.kind == ownerOf:
		return "make the person an owner of the group " + p.group + " (" + portal.Owners(p.group) + ")"
	}
	return "put the person into the group " + p.group + " (" + portal.Group(p.group) + "), which Leaver's application may not change any more"
}

// renumber gives telephone numbers back that nobody else has.
func (s *Step) renumber(ctx context.Context, job *offboarding.Job, _ offboarding.User) error {
	kept := job.Step.Kept("number ")
	if len(kept) == 0 {
		return nil
	}
	sealed, err := job.SealedBefore(ctx)
	if err != nil {
		return err
	}
	var were []offboarding.TelephoneNumber
	for _, which := range kept {
		kind, number, is := strings.Cut(sealed["number "+which], " ")
		if !is {
			return offboarding.DoneWithTask("the telephone numbers of before were erased: assign one in the Teams admin center, then sign off: " + job.Case.Plan.Cloud().TelephoneNumbers())
		}
		were = append(were, offboarding.TelephoneNumber{Type: kind, Number: number})
	}
	err = offboarding.EnsureBack(ctx, job, offboarding.Return[offboarding.TelephoneNumber]{
		What: "assigning", Missing: "telephone numbers that Teams does not show yet: %d",
		Find: func(ctx context.Context) ([]offboarding.TelephoneNumber, error) {
			have, err := s.directory.TelephoneNumbers(ctx, job.Leaver)
			if err != nil {
				return nil, err
			}
			return slices.DeleteFunc(slices.Clone(were), func(n offboarding.TelephoneNumber) bool {
				return slices.ContainsFunc(have, func(h offboarding.TelephoneNumber) bool {
					return strings.TrimPrefix(h.Number, "+") == strings.TrimPrefix(n.Number, "+")
				})
			}), nil
		},
		Give: offboarding.Each(func(ctx context.Context, n offboarding.TelephoneNumber) error {
			taken, err := s.directory.NumberTaken(ctx, job.Leaver, n.Number)
			if err == nil && taken {
				return offboarding.LeaveIt("somebody else has it by now")
			}
			if err == nil {
				err = s.directory.AssignNumber(ctx, job.Leaver, n)
			}
			return err
		}),
		Refused: func(_ offboarding.TelephoneNumber, err error) string {
			return fmt.Sprintf("a telephone number of the person's cannot be given back (%s): assign one in the Teams admin center: %s", err, job.Case.Plan.Cloud().TelephoneNumbers())
		},
	})
	if errors.Is(err, offboarding.ErrNotOffered) {
		return offboarding.DoneWithTask("this cloud shows no application the telephone numbers of Teams: assign the person's in the Teams admin center, then sign off: " + job.Case.Plan.Cloud().TelephoneNumbers())
	}
	if err == nil {
		job.Evidence["telephoneNumbers"] = "as before the departure"
	}
	return err
}

// rights are those of the before on the mailboxes and calendars of others.
func rights(job *offboarding.Job) []offboarding.MailRight {
	var out []offboarding.MailRight
	for _, kind := range []offboarding.MailRightKind{offboarding.RightFull, offboarding.RightSendAs, offboarding.RightOnBehalf, offboarding.RightCalendar} {
		for _, on := range job.Step.Kept(string(kind) + " ") {
			mailbox, folder, _ := strings.Cut(on, " ")
			out = append(out, offboarding.MailRight{Kind: kind, Mailbox: mailbox, Folder: folder, Rights: job.Step.Before[string(kind)+" "+on]})
		}
	}
	return out
}

func (s *Step) regrant(ctx context.Context, job *offboarding.Job) error {
	were := rights(job)
	if len(were) == 0 {
		return nil
	}
	return offboarding.EnsureBack(ctx, job, offboarding.Return[offboarding.MailRight]{
		What: "granting", Missing: "rights on mailboxes that do not show yet: %d",
		Find: func(ctx context.Context) ([]offboarding.MailRight, error) {
			var lacking []offboarding.MailRight
			var unread []error
			for _, r := range were {
				switch has, err := s.mailboxes.HasMailRight(ctx, job.Leaver, r); {
				case err != nil && !errors.Is(err, offboarding.ErrNotFound):
					unread = append(unread, err)
				case !has:
					lacking = append(lacking, r)
				}
			}
			told(job, "mailboxRights", len(were)-len(lacking)-len(unread), len(were))
			return lacking, offboarding.Join(unread...)
		},
		Give: offboarding.Each(func(ctx context.Context, r offboarding.MailRight) error {
			return s.mailboxes.GrantMailRight(ctx, job.Leaver, r)
		}),
		Refused: func(r offboarding.MailRight, _ error) string {
			return fmt.Sprintf("the right %s on a mailbox cannot be given back: ask its owner (Get-Mailbox %s shows it, and %s)", r.Kind, r.Mailbox, job.Case.Plan.Cloud().User(r.Mailbox))
		},
	})
}
