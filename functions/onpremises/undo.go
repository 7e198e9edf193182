package onpremises

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"leaver/shared/offboarding"
)

// Undo implements worker.Undoer: the account is where it was, described as it was, in its groups and in
// the address lists; and once everything else has been taken back it is enabled, which the next
// synchronisation carries to the cloud. One that was deleted is a domain administrator's to restore.
func (s *Step) Undo(ctx context.Context, job *offboarding.Job) error {
	if job.Step.Before["account"] == "" {
		return nil
	}
	who, err := s.identity(ctx, job)
	if err != nil {
		return err
	}
	directory, err := s.open(ctx, who.Domain, job.Step.Progress[disabledOn])
	if err != nil {
		return err
	}
	defer directory.Close()
	account, err := directory.Find(ctx, who)
	switch {
	case errors.Is(err, offboarding.ErrNotFound):
		return offboarding.Manual(fmt.Sprintf("account %s is not there any more: restore it from the Active Directory Recycle Bin of the domain %s, with its groups, then replay", job.Step.Before["account"], who.Domain))
	case err != nil:
		return err
	case account.Privileged:
		return offboarding.Manual(fmt.Sprintf("account %s is privileged on premises by now (adminCount is 1): a domain administrator takes the departure back there, then signs off", account.ID))
	}
	sealed, err := job.SealedBefore(ctx)
	if err != nil {
		return err
	}
	w := wayBack{job: job, d: directory, sealed: sealed}
	rest := offboarding.Join(w.move(ctx, account), w.describe(ctx, account), w.show(ctx, account), w.rejoin(ctx, account))
	if v := offboarding.VerdictOf(rest); v.Kind > offboarding.KindPermanent {
		return rest
	}
	if waits := job.AwaitTakenBack(offboarding.StepLicence, offboarding.StepPreserve, offboarding.StepForward, offboarding.StepWipe, offboarding.StepOnedrive, offboarding.StepAccess); waits != nil {
		return offboarding.Join(rest, waits)
	}
	return offboarding.Join(rest, w.enable(ctx, account))
}

// wayBack is one run of the way back.
type wayBack struct {
	job    *offboarding.Job
	d      Directory
	sealed map[string]string
}

// ensure makes one thing of the account as it was.
func (w wayBack) ensure(ctx context.Context, a offboarding.OnPremisesAccount, what string, wanted func(offboarding.OnPremisesAccount) bool, write func(context.Context, offboarding.OnPremisesAccount) error) error {
	_, err := offboarding.Ensure(ctx, w.job, offboarding.Effect[offboarding.OnPremisesAccount]{
		What: what, Seen: &a, Wanted: wanted, Write: write,
		Read:  func(ctx context.Context) (offboarding.OnPremisesAccount, error) { return w.d.Account(ctx, a.ID) },
		Shows: func(offboarding.OnPremisesAccount) string { return "the directory does not show it yet" },
	})
	return err
}

// move puts the account back where it was, if it is where this step moved it.
func (w wayBack) move(ctx context.Context, a offboarding.OnPremisesAccount) error {
	was, target := w.sealed["parent"], w.d.Treatment().MoveTo
	if was == "" || target == "" || !strings.EqualFold(a.Parent, target) {
		return nil
	}
	return w.ensure(ctx, a, "the move back", func(a offboarding.OnPremisesAccount) bool { return strings.EqualFold(a.Parent, was) },
		func(ctx context.Context, a offboarding.OnPremisesAccount) error { return w.d.Move(ctx, a.ID, was) })
}

// describe gives the account its description back, if it bears this step's.
func (w wayBack) describe(ctx context.Context, a offboarding.OnPremisesAccount) error {
	was, kept := w.sealed["description"]
	if text := w.d.Treatment().Description; !kept || text == "" || a.Description != text {
		return nil
	}
	return w.ensure(ctx, a, "the description as it was", func(a offboarding.OnPremisesAccount) bool { return a.Description == was },
		func(ctx context.Context, a offboarding.OnPremisesAccount) error {
			return w.d.SetDescription(ctx, a.ID, was)
		})
}

func (w wayBack) show(ctx context.Context, a offboarding.OnPremisesAccount) error {
	if w.job.Step.Before["hidden"] != "false" || !a.HasAddressList {
		return nil
	}
	return w.ensure(ctx, a, "showing it in the address lists", func(a offboarding.OnPremisesAccount) bool { return !a.Hidden },
		func(ctx context.Context, a offboarding.OnPremisesAccount) error {
			return w.d.ShowInAddressLists(ctx, a.ID)
		})
}

func (w wayBack) rejoin(ctx context.Context, a offboarding.OnPremisesAccount) error {
	were := w.job.Step.Kept("member ")
	if len(were) == 0 {
		return nil
	}
	return offboarding.EnsureBack(ctx, w.job, offboarding.Return[string]{
		What: "joining", Missing: "groups that do not name the account: %d",
		Find: func(ctx context.Context) ([]string, error) {
			is, err := w.d.Groups(ctx, a.ID)
			if err != nil {
				return nil, err
			}
			return slices.DeleteFunc(slices.Clone(were), func(id string) bool {
				return slices.ContainsFunc(is, func(g offboarding.OnPremisesGroup) bool { return g.ID == id })
			}), nil
		},
		Give:    offboarding.Each(func(ctx context.Context, id string) error { return w.d.JoinGroup(ctx, id, a.ID) }),
		Refused: func(id string, _ error) string { return "put the account into the group " + id + " on premises" },
	})
}

// enable enables the account, if it was before the departure.
func (w wayBack) enable(ctx context.Context, a offboarding.OnPremisesAccount) error {
	if w.job.Step.Before["enabled"] != "true" {
		w.job.Evidence["enabled"] = "false, as before the departure"
		return nil
	}
	now, err := w.d.Account(ctx, a.ID)
	if err != nil {
		return err
	}
	err = w.ensure(ctx, now, "enabling", func(a offboarding.OnPremisesAccount) bool { return a.Enabled }, w.d.Enable)
	if err == nil {
		w.job.Evidence["enabled"] = "true"
	}
	return err
}
