package delete

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

// Undo implements worker.Undoer: the account is among the users again, under its own name. Nothing of
// anybody else's is taken for it: a name or an address that somebody has by now is a person's to decide
// about.
func (s *Step) Undo(ctx context.Context, job *offboarding.Job) error {
	user, err := s.directory.User(ctx, job.Leaver)
	if err == nil {
		job.Evidence["account"] = "among the users"
		return licensed(ctx, job, user)
	}
	if !errors.Is(err, offboarding.ErrNotFound) {
		return err
	}
	gone, err := s.directory.DeletedUser(ctx, job.Leaver)
	switch {
	case errors.Is(err, offboarding.ErrNotFound):
		return job.NotYet("the account shows neither as a user nor among the deleted items")
	case err != nil:
		return err
	case job.Case.Plan.OnPremisesAccount != nil:
		return offboarding.Manual(fmt.Sprintf("account %s is mastered on premises and is restored there (Active Directory Recycle Bin), or the next synchronisation deletes it again; replay when the cloud shows it", job.Leaver))
	case gone.At.Add(offboarding.Restorable).Before(job.Now):
		return offboarding.Manual("the account was deleted more than 30 days ago: Microsoft does not restore it; whoever comes back gets a new account")
	}
	holders, err := s.holders(ctx, job, gone)
	switch {
	case err != nil:
		return err
	case len(holders) > 0:
		return conflict(job, holders)
	}
	if err := s.directory.RestoreUser(ctx, job.Leaver); err != nil && !errors.Is(err, offboarding.ErrNotFound) {
		if !offboarding.IsPermanent(err) {
			return err
		}
		return offboarding.Manual(fmt.Sprintf("Microsoft refuses to restore account %s (%s): restore it, under another name where its own is taken, then replay: %s", job.Leaver, err, job.Case.Plan.Cloud().DeletedUsers()))
	}
	if user, err = s.directory.User(ctx, job.Leaver); err != nil {
		return job.NotShown(err)
	}
	job.Evidence["account"] = "restored"
	return licensed(ctx, job, user)
}

// The account may be deleted with licences, which a hold needs until then.
const (
	licence         = "licence " // begins the names of the before: SKU and the group that gives it, or direct
	direct          = "direct"
	unlicensedSince = "undo: without its licences since"
	// relicensed is how long Microsoft may take to give a restored account its licences again.
	relicensed = 5 * time.Minute
)

// keepLicences keeps with which licences the account is deleted.
func keepLicences(ctx context.Context, job *offboarding.Job, user offboarding.User) error {
	before := map[string]string{}
	for _, l := range user.Licences {
		before[licence+l.SKU+" "+cmp.Or(l.AssignedByGroup, direct)] = "held"
	}
	return job.KeepBefore(ctx, before)
}

// licensed is nil once a restored account holds what it was deleted with. A seat that somebody else has got
// since is not given again, and nothing says so but the account.
// Source: office365itpros.com, 7 August 2023, Why Some Deleted User Accounts Store License Information.
func licensed(ctx context.Context, job *offboarding.Job, user offboarding.User) error {
	lacking := slices.DeleteFunc(job.Step.Kept(licence), func(name string) bool {
		return slices.ContainsFunc(user.Licences, func(l offboarding.Licence) bool {
			return name == l.SKU+" "+cmp.Or(l.AssignedByGroup, direct) && l.State != "Error"
		})
	})
	if len(lacking) == 0 {
		return nil
	}
	since, err := job.Seen(ctx, unlicensedSince)
	if err != nil || job.Now.Sub(since) < relicensed {
		return cmp.Or(err, job.NotYet("the account is back, but %s that it was deleted with cannot be seen yet", offboarding.Count(len(lacking), "licence")))
	}
	return offboarding.Manual(fmt.Sprintf("the account is back without %s that it was deleted with (SKU and way: %s), as where somebody else has got the seat by now: give them again (%s, Licenses and apps), then replay; mailbox and files come back with them",
		offboarding.Count(len(lacking), "licence"), strings.Join(lacking, ", "), job.Case.Plan.Cloud().Account(job.Leaver)))
}

// holders are the accounts that have the leaver's name or one of the addresses by now, and which.
func (s *Step) holders(ctx context.Context, job *offboarding.Job, gone offboarding.DeletedUser) ([]string, error) {
	asked := []offboarding.Employee{{UserPrincipalName: gone.UserPrincipalName}}
	for _, address := range gone.Addresses {
		asked = append(asked, offboarding.Employee{Mail: address})
	}
	var holders []string
	for _, who := range asked {
		what, value := who.Key()
		if value == "" {
			continue
		}
		found, err := s.directory.Find(ctx, who)
		if err != nil {
			return nil, fmt.Errorf("looking up who has the %s of the leaver: %w", what, err)
		}
		for _, u := range found {
			if line := fmt.Sprintf("%s (its %s)", job.Case.Plan.Cloud().User(u.ID), what); !strings.EqualFold(u.ID, job.Leaver) && !slices.Contains(holders, line) {
				holders = append(holders, line)
			}
		}
	}
	return holders, nil
}

// conflict is the task of a name or an address that somebody has by now.
func conflict(job *offboarding.Job, holders []string) error {
	return offboarding.Manual(fmt.Sprintf("account %s is not restored, because others have its name or an address of it by now: %s; decide who keeps it: restore the account under another name (%s), or take the name off the other account, then replay",
		job.Leaver, strings.Join(holders, ", "), job.Case.Plan.Cloud().DeletedUsers()))
}
