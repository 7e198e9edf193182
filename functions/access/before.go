package access

import (
	"cmp"
	"context"
	"strings"

	"leaver/shared/offboarding"
)

// keepBefore keeps what is taken away in Entra, one value each, and which groups are left to
// the step licence. What shows up in a later run is kept then.
func (r *run) keepBefore(ctx context.Context, a offboarding.Access, groups memberships) error {
	before := map[string]string{}
	for _, g := range groups.graph {
		before[memberOf+g.ID] = asGroup
	}
	for _, g := range groups.exchange {
		before[memberOf+g.ID] = asList
	}
	for _, g := range a.Owned {
		if !g.AssignableToRole {
			before[ownerOf+g.ID] = "owner"
		}
	}
	for _, g := range a.Grants {
		before[string(g.Kind)+" "+g.ID] = strings.TrimSpace(g.Of + " " + g.Type + " " + g.Until)
	}
	if err := r.job.KeepBefore(ctx, before); err != nil {
		return err
	}
	onPremises := cmp.Or(strings.Join(groups.licensedOnPremises, " "), "none")
	if r.job.Case.Step(offboarding.StepOnpremises) != nil && a.Unread[offboarding.GrantMember] == nil { // else onpremises would leave them (B2)
		if err := r.job.KeepProgress(ctx, offboarding.LicensedOnPremises, onPremises); err != nil {
			return err
		}
	}
	if len(groups.licensed) == 0 {
		return nil // those of an earlier run are still licence's to leave
	}
	return r.job.KeepProgress(ctx, offboarding.LicenceGroups, strings.Join(groups.licensed, " "))
}
