package simtenant

import (
	"strings"
)

// ConditionalAccessPolicy is a policy of Conditional Access. Who is named is so by object id; "All" and
// "GuestsOrExternalUsers" are words of Microsoft's.
type ConditionalAccessPolicy struct {
	ID, DisplayName string
	State           string // enabled, disabled, enabledForReportingButNotEnforced
	IncludeUsers    []string
	ExcludeUsers    []string
	ExcludeGroups   []string
	ExcludeRoles    []string // role template ids
	GrantControls   []string // builtInControls: block, mfa, compliantDevice, …
	Strength        bool     // it asks for phishing-resistant methods
}

// phishingResistant is the id of that built-in authentication strength.
// Source: Microsoft Graph, authenticationStrengthPolicy.
const phishingResistant = "00000000-0000-0000-0000-000000000004"

// policySchema shows of the conditions those on people; the other ones are empty, as of a policy
// for everything.
var policySchema = newSchema("conditionalAccessPolicy", "",
	field[ConditionalAccessPolicy]{"id", func(_ *call, p *ConditionalAccessPolicy) any { return p.ID }},
	field[ConditionalAccessPolicy]{"displayName", func(_ *call, p *ConditionalAccessPolicy) any { return p.DisplayName }},
	field[ConditionalAccessPolicy]{"state", func(_ *call, p *ConditionalAccessPolicy) any { return p.State }},
	field[ConditionalAccessPolicy]{"conditions", func(_ *call, p *ConditionalAccessPolicy) any {
		return map[string]any{
			"clientAppTypes": []string{"all"}, "applications": map[string]any{"includeApplications": []string{"All"}},
			"users": map[string]any{
				"includeUsers": p.IncludeUsers, "excludeUsers": orNone(p.ExcludeUsers), "includeGroups": []string{}, "excludeGroups": orNone(p.ExcludeGroups),
				"includeRoles": []string{}, "excludeRoles": orNone(p.ExcludeRoles),
			},
		}
	}},
	field[ConditionalAccessPolicy]{"grantControls", func(_ *call, p *ConditionalAccessPolicy) any {
		if len(p.GrantControls) == 0 && !p.Strength {
			return nil
		}
		controls := map[string]any{"operator": "OR", "builtInControls": orNone(p.GrantControls), "authenticationStrength": nil}
		if p.Strength {
			controls["authenticationStrength"] = map[string]any{"id": phishingResistant, "displayName": "Phishing-resistant MFA"}
		}
		return controls
	}},
)

func orNone(list []string) []string { return append([]string{}, list...) }

func listPolicies(c *call) reply {
	var items []item
	for i := range c.t.world.ConditionalAccess {
		p := &c.t.world.ConditionalAccess[i]
		items = append(items, policySchema.item(c, p.ID, p))
	}
	return c.list(items, directoryPage.of("identity/conditionalAccess/policies", false), policySchema)
}

// listTransitiveMembers are the people and groups in a group, directly or through others.
func listTransitiveMembers(c *call) reply {
	groups, users := c.groups(), c.users()
	if groups.get(strings.ToLower(c.arg["id"])) == nil {
		return c.notFound(c.arg["id"])
	}
	var items []item
	seen := map[string]bool{}
	for queue := []string{strings.ToLower(c.arg["id"])}; len(queue) > 0; queue = queue[1:] {
		g := groups.get(queue[0])
		if g == nil {
			continue
		}
		if g.HiddenMembership && !c.has(hiddenRead) {
			return c.insufficient()
		}
		for _, id := range g.Members {
			u, sub := users.get(id), groups.get(id)
			switch {
			case seen[id]:
			case u != nil:
				items = append(items, userSchema.item(c, id, u))
			case sub != nil:
				items, queue = append(items, groupSchema.item(c, id, sub)), append(queue, id)
			}
			seen[id] = true
		}
	}
	return c.list(items, directoryPage.of("directoryObjects", true), userSchema, groupSchema)
}

// listPrincipalAssigned are the app roles of a service principal that others were given.
func listPrincipalAssigned(c *call) reply {
	of, bad := c.registration(true)
	if bad != nil {
		return *bad
	}
	var items []item
	for _, r := range c.t.world.registrations(true) {
		shape := appRoleSchema(r.ID, "ServicePrincipal")
		for i := range r.AppRoles {
			if r.AppRoles[i].Resource == of.ID {
				items = append(items, shape.item(c, r.AppRoles[i].ID, &r.AppRoles[i]))
			}
		}
	}
	return c.list(items, directoryPage.of("appRoleAssignments", false), appRoleSchema("", "ServicePrincipal"))
}

// SeedPolicy is a policy of Conditional Access; people are named by user principal name, groups
// and roles by display name.
type SeedPolicy struct {
	Name          string   `yaml:"displayName"`
	State         string   `yaml:"state"`        // absent = enabled
	IncludeUsers  []string `yaml:"includeUsers"` // absent = All
	ExcludeUsers  []string `yaml:"excludeUsers"`
	ExcludeGroups []string `yaml:"excludeGroups"`
	ExcludeRoles  []string `yaml:"excludeRoles"`
	GrantControls []string `yaml:"grantControls"` // absent = mfa
}
