package privileges

import (
	"context"
	"errors"

	"leaver/shared/offboarding"
)

// leave takes the leaver out of groups that may hold a role.
func (r *run) leave(ctx context.Context, groups []offboarding.Group) error {
	var ids []string
	for _, g := range groups {
		ids = append(ids, g.ID)
	}
	var verdicts []error
	for i, err := range r.directory.LeaveGroups(ctx, r.job.Leaver, ids) {
		verdicts = append(verdicts, r.refused(groups[i], "remove the leaver from", err))
	}
	return offboarding.Join(verdicts...)
}

// disown ends the leaver's ownership of groups that may hold a role, where somebody else who can act
// owns them too. Nobody is made an owner: a person decides who may give a role to themselves.
func (r *run) disown(ctx context.Context, owned []offboarding.Group) error {
	var verdicts []error
	for _, g := range owned {
		owners, err := r.directory.Owners(ctx, g.ID)
		if err != nil {
			verdicts = append(verdicts, err)
			continue
		}
		others, err := offboarding.WhoStay(ctx, owners, r.job.Leaver, r.departures)
		if err != nil {
			verdicts = append(verdicts, err)
			continue
		}
		if others == 0 {
			r.addTask(g.ID, "%s: make somebody the owner of the role-assignable group %s, whose only owner is the leaver: %s", offboarding.B14, r.user.NameOf(g), r.job.Case.Plan.Cloud().Owners(g.ID))
			continue
		}
		verdicts = append(verdicts, r.refused(g, "make somebody else the owner of", r.directory.RemoveOwner(ctx, g.ID, r.job.Leaver)))
	}
	return offboarding.Join(verdicts...)
}

// refused reads the answer to a change of a group: one that is gone is as wanted, and one that the
// application may not change is a person's.
func (r *run) refused(g offboarding.Group, task string, err error) error {
	switch {
	case errors.Is(err, offboarding.ErrNotFound):
		return nil
	case offboarding.IsPermanent(err):
		r.addTask(g.ID, "%s the role-assignable group %s, which Leaver's application may not change (%s)", task, r.user.NameOf(g), err)
		return nil
	}
	return err
}
