package access

import (
	"context"
	"fmt"
	"time"

	"leaver/shared/offboarding"
)

// groupsLeft is when the groups were first read, in the progress: one that was deleted before may
// hold the leaver still.
const groupsLeft = "groupsLeft"

// restorable looks again at the groups of a leaver where some were deleted before the leaver left theirs:
// a deleted group comes back with its members, and Graph does not show who they are. It does so as often
// as at a synchronised account; what can be restored after that is a residual risk.
// Sources: Microsoft Entra, Restore a deleted group; What's new, March 2026: security groups too.
func (r *run) restorable(ctx context.Context) error {
	since, err := r.job.Seen(ctx, groupsLeft)
	if err != nil {
		return err
	}
	deleted, err := r.directory.DeletedGroups(ctx)
	if offboarding.IsPermanent(err) {
		r.job.Risk("Graph did not show which deleted groups can be restored: one that is comes back with its members")
		return nil
	}
	if err != nil {
		return err
	}
	const clocks = 5 * time.Minute // the tenant's and ours
	var ids []string
	var until time.Time
	for _, g := range deleted {
		if g.At.After(since.Add(clocks)) {
			continue // the leaver had left it
		}
		ids = append(ids, g.ID)
		if ends := g.At.Add(offboarding.Restorable); ends.After(until) {
			until = ends
		}
	}
	if len(ids) == 0 {
		return nil
	}
	for _, reread := range r.job.Case.Plan.Rereads {
		if at := since.Add(reread); at.After(r.job.Now) {
			return offboarding.DoneUntil(at, fmt.Sprintf("%s had been deleted before the leaver left theirs, and would come back with the members: looked at again at %s", offboarding.Count(len(ids), "group"), offboarding.Stamp(at)))
		}
	}
	r.job.Risk(fmt.Sprintf("%s can be restored with its members, the leaver perhaps among them, until %s: whoever restores one looks (%s: %s)", offboarding.Count(len(ids), "deleted group"), offboarding.Stamp(until), r.portal.DeletedGroups(), named(ids)))
	return nil
}
