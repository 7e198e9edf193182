package access

import (
	"context"
	"maps"
	"slices"
	"strings"

	"leaver/shared/offboarding"
)

// mostKept is how many values are kept in one entry of the ledger, which takes 64 KiB.
const mostKept = 200

// keepBefore keeps what is taken away in Entra, one value each, and which groups are left to
// the step licence. What shows up in a later run is kept then.
func (r *run) keepBefore(ctx context.Context, a offboarding.Access, groups memberships) error {
	before := map[string]string{}
	for _, g := range groups.graph {
		before["member "+g.ID] = "group"
	}
	for _, g := range groups.exchange {
		before["member "+g.ID] = "distribution"
	}
	for _, g := range a.Owned {
		before["owner "+g.ID] = "owner"
	}
	for _, g := range a.Grants {
		before[string(g.Kind)+" "+g.ID] = strings.TrimSpace(g.Of + " " + g.Type + " " + g.Until)
	}
	if err := r.keep(ctx, before); err != nil {
		return err
	}
	licensed := strings.Join(groups.licensed, " ")
	if licensed == "" || licensed == r.job.Step.Progress[offboarding.LicenceGroups] {
		return nil
	}
	return r.job.Keep(ctx, nil, map[string]string{offboarding.LicenceGroups: licensed})
}

// keep keeps those values of the before that are new.
func (r *run) keep(ctx context.Context, before map[string]string) error {
	maps.DeleteFunc(before, func(name, _ string) bool { _, kept := r.job.Step.Before[name]; return kept })
	for part := range slices.Chunk(slices.Sorted(maps.Keys(before)), mostKept) {
		some := map[string]string{}
		for _, name := range part {
			some[name] = before[name]
		}
		if err := r.job.Keep(ctx, some, nil); err != nil {
			return err
		}
	}
	return nil
}
