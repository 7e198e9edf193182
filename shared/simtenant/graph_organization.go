package simtenant

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

var organizationSchema = newSchema("organization", "",
	field[World]{"id", func(_ *call, w *World) any { return w.TenantID }},
	field[World]{"displayName", func(_ *call, w *World) any { return w.Company }},
	field[World]{"tenantType", func(*call, *World) any { return "AAD" }},
	field[World]{"countryLetterCode", func(*call, *World) any { return "DE" }},
	field[World]{"onPremisesSyncEnabled", func(_ *call, w *World) any {
		return slices.ContainsFunc(slices.Collect(maps.Values(w.Users)), (*User).Synced)
	}},
	field[World]{"verifiedDomains", func(_ *call, w *World) any {
		return []any{map[string]any{"name": w.Domain, "isDefault": true, "isInitial": false, "type": "Managed", "capabilities": "Email, OfficeCommunicationsOnline"}}
	}},
)

func getOrganization(c *call) reply {
	w := c.t.world
	return c.list([]item{organizationSchema.item(c, w.TenantID, w)}, page{set: "organization", size: 100, most: 999}, organizationSchema)
}

var assignmentSchema = newSchema("unifiedRoleAssignment", "",
	field[RoleAssignment]{"id", func(_ *call, a *RoleAssignment) any { return a.ID }},
	field[RoleAssignment]{"principalId", func(_ *call, a *RoleAssignment) any { return a.Principal }},
	field[RoleAssignment]{"roleDefinitionId", func(_ *call, a *RoleAssignment) any { return a.Role }},
	field[RoleAssignment]{"directoryScopeId", func(*call, *RoleAssignment) any { return "/" }},
)

var roleDefinitionSchema = newSchema("unifiedRoleDefinition", "",
	field[directoryRole]{"id", func(_ *call, r *directoryRole) any { return r.id }},
	field[directoryRole]{"displayName", func(_ *call, r *directoryRole) any { return r.name }},
	field[directoryRole]{"templateId", func(_ *call, r *directoryRole) any { return r.id }},
	field[directoryRole]{"isBuiltIn", func(*call, *directoryRole) any { return true }},
	field[directoryRole]{"isEnabled", func(*call, *directoryRole) any { return true }},
)

func listRoleAssignments(c *call) reply {
	expand := c.query.Get("$expand")
	if expand != "" && expand != "roleDefinition" {
		return c.fail(http.StatusBadRequest, "BadRequest", "%s", c.t.notSimulated("$expand=%s of %s", expand, c.op.name()))
	}
	var items []item
	for i := range c.t.world.RoleAssignments {
		a := &c.t.world.RoleAssignments[i]
		it := assignmentSchema.item(c, a.ID, a)
		if plainGet := it.get; expand != "" {
			it.defaults = append(slices.Clone(it.defaults), "roleDefinition")
			it.get = func(name string) (any, bool) {
				if name == "roleDefinition" {
					return roleDefinitionSchema.item(c, a.Role, roleByID(a.Role)).render(nil, false), true
				}
				return plainGet(name)
			}
		}
		items = append(items, it)
	}
	return c.list(items, directoryPage.of("roleManagement/directory/roleAssignments", false), assignmentSchema)
}

func listRoleDefinitions(c *call) reply {
	var items []item
	for i := range directoryRoles {
		items = append(items, roleDefinitionSchema.item(c, directoryRoles[i].id, &directoryRoles[i]))
	}
	return c.list(items, directoryPage.of("roleManagement/directory/roleDefinitions", false), roleDefinitionSchema)
}

func getRoleDefinition(c *call) reply {
	r := roleByID(strings.ToLower(c.arg["id"]))
	if r == nil {
		return c.notFound(c.arg["id"])
	}
	return c.entity("roleManagement/directory/roleDefinitions", roleDefinitionSchema.item(c, r.id, r), false, roleDefinitionSchema)
}
