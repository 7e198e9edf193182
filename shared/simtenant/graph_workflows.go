package simtenant

import (
	"maps"
	"slices"
	"strings"
)

// Workflow is one of Entra's Lifecycle Workflows.
type Workflow struct {
	ID, DisplayName string
	Category        string // joiner, leaver, mover
	Enabled         bool
	Scheduled       bool
}

var workflowSchema = newSchema("workflow", "",
	field[Workflow]{"id", func(_ *call, w *Workflow) any { return w.ID }},
	field[Workflow]{"displayName", func(_ *call, w *Workflow) any { return w.DisplayName }},
	field[Workflow]{"category", func(_ *call, w *Workflow) any { return w.Category }},
	field[Workflow]{"isEnabled", func(_ *call, w *Workflow) any { return w.Enabled }},
	field[Workflow]{"isSchedulingEnabled", func(_ *call, w *Workflow) any { return w.Scheduled }},
)

func listWorkflows(c *call) reply {
	var items []item
	for i := range c.t.world.Workflows {
		w := &c.t.world.Workflows[i]
		items = append(items, workflowSchema.item(c, w.ID, w))
	}
	return c.list(items, directoryPage.of("identityGovernance/lifecycleWorkflows/workflows", false), workflowSchema)
}

// getRoleGroupMember lists the applications in a role group of Exchange; a group that no application is
// in is not there.
func getRoleGroupMember(c *invocation) ([]object, *failure) {
	identity, _, bad := c.text("Identity")
	if bad != nil {
		return nil, bad
	}
	var out []object
	for _, id := range slices.Sorted(maps.Keys(c.t.world.Apps)) {
		a := c.t.world.Apps[id]
		if slices.ContainsFunc(a.ExchangeGroups, func(g string) bool { return strings.EqualFold(g, identity) }) {
			principal := servicePrincipalID(id)
			out = append(out, object{"Identity": principal, "Name": principal, "ExternalDirectoryObjectId": principal, "DisplayName": a.Name, "RecipientType": "ServicePrincipal"})
		}
	}
	if out == nil {
		return nil, noObject(identity)
	}
	return out, nil
}
