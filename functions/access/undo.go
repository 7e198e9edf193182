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
	r := &run{Step: s, job: job, user: user}
	return offboarding.Join(
		told(job, "memberships", len(job.Step.Kept("member ")), offboarding.Join(s.rejoin(ctx, job), s.rejoinLists(ctx, job))),
		told(job, "ownerships", len(job.Step.Kept("owner ")), s.reown(ctx, job)),
		s.renumber(ctx, job, user),
		told(job, "mailboxRights", len(rights(job)), s.regrant(ctx, job)),
		r.takeBack(ctx), s.older(job),
	)
}

// told says in the evidence how many of a kind were observed to be there again, when all are.
func told(job *offboarding.Job, what string, n int, err error) error {
	if err == nil && n > 0 {
		job.Evidence[what] = fmt.Sprintf("%d, there again", n)
	}
	return err
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
	return offboarding.DoneWithTask(fmt.Sprintf("%d roles were taken away before privileges was a step of its own: give back in the Entra admin center what is to be, then sign off", n))
}

// groups are those of the before that were left by one way and are not there now.
func (s *Step) missing(ctx context.Context, job *offboarding.Job, way string) ([]string, error) {
	is, err := s.directory.Access(ctx, job.Leaver)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, id := range job.Step.Kept("member ") {
		if job.Step.Before["member "+id] == way && !slices.ContainsFunc(is.Groups, func(g offboarding.Group) bool { return g.ID == id }) {
			out = append(out, id)
		}
	}
	return out, nil
}

func refusedGroup(id string, err error) string {
	if errors.Is(err, offboarding.ErrNotFound) {
		return "the group " + id + " is not there any more: restore it, or put the person where it was for"
	}
	return "put the person into the group " + id + ", which Leaver's application may not change any more"
}

func (s *Step) rejoin(ctx context.Context, job *offboarding.Job) error {
	return offboarding.EnsureBack(ctx, job, offboarding.Return[string]{
		What: "joining", Missing: "%d groups do not show the leaver",
		Find:    func(ctx context.Context) ([]string, error) { return s.missing(ctx, job, "group") },
		Give:    func(ctx context.Context, ids []string) []error { return s.directory.JoinGroups(ctx, job.Leaver, ids) },
		Refused: refusedGroup,
	})
}

func (s *Step) rejoinLists(ctx context.Context, job *offboarding.Job) error {
	return offboarding.EnsureBack(ctx, job, offboarding.Return[string]{
		What: "joining", Missing: "%d distribution lists do not show the leaver",
		Find: func(ctx context.Context) ([]string, error) { return s.missing(ctx, job, "distribution") },
		Give: offboarding.Each(func(ctx context.Context, id string) error {
			return s.mailboxes.JoinDistributionGroup(ctx, id, job.Leaver)
		}),
		Refused: refusedGroup,
	})
}

func (s *Step) reown(ctx context.Context, job *offboarding.Job) error {
	return offboarding.EnsureBack(ctx, job, offboarding.Return[string]{
		What: "the ownership", Missing: "%d groups do not show their owner",
		Find: func(ctx context.Context) ([]string, error) {
			were := job.Step.Kept("owner ")
			if len(were) == 0 {
				return nil, nil
			}
			is, err := s.directory.Access(ctx, job.Leaver)
			return slices.DeleteFunc(were, func(id string) bool {
				return slices.ContainsFunc(is.Owned, func(g offboarding.Group) bool { return g.ID == id })
			}), err
		},
		Give: offboarding.Each(func(ctx context.Context, id string) error { return s.directory.AddOwner(ctx, id, job.Leaver) }),
		Refused: func(id string, err error) string {
			if errors.Is(err, offboarding.ErrNotFound) {
				return "the group " + id + ", which the person owned, is not there any more"
			}
			return "make the person an owner of the group " + id
		},
	})
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
			return offboarding.DoneWithTask("the telephone numbers of before were erased: assign one in the Teams admin center, then sign off")
		}
		were = append(were, offboarding.TelephoneNumber{Type: kind, Number: number})
	}
	err = offboarding.EnsureBack(ctx, job, offboarding.Return[offboarding.TelephoneNumber]{
		What: "assigning", Missing: "Teams does not show %d telephone numbers yet",
		Find: func(ctx context.Context) ([]offboarding.TelephoneNumber, error) {
			have, err := s.directory.TelephoneNumbers(ctx, job.Leaver)
			return slices.DeleteFunc(slices.Clone(were), func(n offboarding.TelephoneNumber) bool {
				return slices.ContainsFunc(have, func(h offboarding.TelephoneNumber) bool {
					return strings.TrimPrefix(h.Number, "+") == strings.TrimPrefix(n.Number, "+")
				})
			}), err
		},
		Give: offboarding.Each(func(ctx context.Context, n offboarding.TelephoneNumber) error {
			taken, err := s.directory.NumberTaken(ctx, job.Leaver, n.Number)
			if err == nil && taken {
				return offboarding.Permanent(errors.New("somebody else has it by now"))
			}
			if err == nil {
				err = s.directory.AssignNumber(ctx, job.Leaver, n)
			}
			return err
		}),
		Refused: func(_ offboarding.TelephoneNumber, err error) string {
			return fmt.Sprintf("a telephone number of the person's cannot be given back (%s): assign one in the Teams admin center", err)
		},
	})
	if errors.Is(err, offboarding.ErrNotOffered) {
		return offboarding.DoneWithTask("this cloud shows no application the telephone numbers of Teams: assign the person's in the Teams admin center, then sign off")
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
		What: "granting", Missing: "%d rights on mailboxes do not show yet",
		Find: func(ctx context.Context) ([]offboarding.MailRight, error) {
			var lacking []offboarding.MailRight
			for _, r := range were {
				has, err := s.mailboxes.HasMailRight(ctx, job.Leaver, r)
				if err != nil && !errors.Is(err, offboarding.ErrNotFound) {
					return nil, err
				}
				if !has {
					lacking = append(lacking, r)
				}
			}
			return lacking, nil
		},
		Give: offboarding.Each(func(ctx context.Context, r offboarding.MailRight) error {
			return s.mailboxes.GrantMailRight(ctx, job.Leaver, r)
		}),
		Refused: func(r offboarding.MailRight, _ error) string {
			return fmt.Sprintf("the right %s on mailbox %s cannot be given back: ask its owner", r.Kind, r.Mailbox)
		},
	})
}
