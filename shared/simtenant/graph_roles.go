package simtenant

import (
	"net/http"
	"slices"
	"strings"
)

// EligibleRole is a directory role that Privileged Identity Management lets a user activate.
type EligibleRole struct {
	ID    string
	Role  string // role template id
	Scope string // directoryScopeId, "/" = the whole directory
}

type eligibility struct {
	*EligibleRole
	user string
}

var eligibilitySchema = newSchema("unifiedRoleEligibilitySchedule", "",
	field[eligibility]{"id", func(_ *call, e *eligibility) any { return e.ID }},
	field[eligibility]{"principalId", func(_ *call, e *eligibility) any { return e.user }},
	field[eligibility]{"roleDefinitionId", func(_ *call, e *eligibility) any { return e.Role }},
	field[eligibility]{"directoryScopeId", func(_ *call, e *eligibility) any { return e.Scope }},
	field[eligibility]{"memberType", func(*call, *eligibility) any { return "Direct" }},
	field[eligibility]{"status", func(*call, *eligibility) any { return "Provisioned" }},
)

// noPIM is the refusal of a tenant without the licence for Privileged Identity Management.
func (c *call) noPIM() *reply {
	if !c.t.world.WithoutPIM {
		return nil
	}
	r := c.fail(http.StatusBadRequest, "AadPremiumLicenseRequired", "The tenant needs to have Microsoft Entra ID P2 or Microsoft Entra ID Governance license.")
	return &r
}

func listEligibilities(c *call) reply {
	if bad := c.noPIM(); bad != nil {
		return *bad
	}
	var items []item
	for _, u := range c.users().under("has:eligible") {
		for i := range u.Eligible {
			items = append(items, eligibilitySchema.item(c, u.Eligible[i].ID, &eligibility{&u.Eligible[i], u.ID}))
		}
	}
	return c.list(items, directoryPage.of("roleManagement/directory/roleEligibilitySchedules", false), eligibilitySchema)
}

// requestEligibility carries out adminRemove and adminAssign; other actions are not simulated.
func requestEligibility(c *call) reply {
	if bad := c.noPIM(); bad != nil {
		return *bad
	}
	if bad := c.only(c.body, "action", "principalId", "roleDefinitionId", "directoryScopeId", "justification", "scheduleInfo"); bad != nil {
		return *bad
	}
	action, _ := str(c.body, "action")
	if action == "" {
		return c.badRequest("Invalid request body.")
	}
	if !strings.EqualFold(action, "adminRemove") && !strings.EqualFold(action, "adminAssign") {
		return c.notSimulated("the action %s of %s", action, c.op.name())
	}
	principal, _ := str(c.body, "principalId")
	role, _ := str(c.body, "roleDefinitionId")
	scope, _ := str(c.body, "directoryScopeId")
	u := c.t.world.Users[strings.ToLower(principal)]
	if u == nil {
		return c.fail(http.StatusNotFound, "SubjectNotFound", "The subject is not found.")
	}
	i := slices.IndexFunc(u.Eligible, func(e EligibleRole) bool { return e.Role == role && e.Scope == scope })
	if strings.EqualFold(action, "adminAssign") {
		if i >= 0 {
			return c.fail(http.StatusBadRequest, "RoleAssignmentExists", "The Role assignment already exists.")
		}
		c.t.before(kindUser, u.ID, c.now)
		u.Eligible = append(slices.Clone(u.Eligible), EligibleRole{ID: derived("eligible", u.ID, role, c.requestID), Role: role, Scope: scope})
		return c.eligibilityRequested(u, role, scope, "Provisioned", "adminAssign")
	}
	if i < 0 {
		return c.fail(http.StatusBadRequest, "RoleAssignmentDoesNotExist", "The Role assignment does not exist.")
	}
	c.t.before(kindUser, u.ID, c.now)
	u.Eligible = slices.Delete(slices.Clone(u.Eligible), i, i+1)
	return c.eligibilityRequested(u, role, scope, "Revoked", "adminRemove")
}

// eligibilityRequested is the answer to requestEligibility.
func (c *call) eligibilityRequested(u *User, role, scope, status, action string) reply {
	return reply{status: http.StatusCreated, body: map[string]any{
		"@odata.context": c.base() + "/$metadata#roleManagement/directory/roleEligibilityScheduleRequests/$entity",
		"id":             derived("request", u.ID, role, c.requestID), "status": status, "action": action, "createdDateTime": stamp(c.now),
		"principalId": u.ID, "roleDefinitionId": role, "directoryScopeId": scope,
	}}
}

func deleteRoleAssignment(c *call) reply {
	w := c.t.world
	i := slices.IndexFunc(w.RoleAssignments, func(a RoleAssignment) bool { return a.ID == c.arg["id"] })
	if i < 0 {
		return c.notFound(c.arg["id"])
	}
	w.RoleAssignments = slices.Delete(slices.Clone(w.RoleAssignments), i, i+1)
	return noContent
}

// createRoleAssignment gives a role over the whole directory; one that is there already is refused.
func createRoleAssignment(c *call) reply {
	if bad := c.only(c.body, "principalId", "roleDefinitionId", "directoryScopeId"); bad != nil {
		return *bad
	}
	principal, _ := str(c.body, "principalId")
	role, _ := str(c.body, "roleDefinitionId")
	scope, _ := str(c.body, "directoryScopeId")
	w := c.t.world
	a := RoleAssignment{ID: derived("assignment", principal, role, c.requestID), Principal: strings.ToLower(principal), Role: role}
	switch {
	case principal == "", role == "", scope == "":
		return c.badRequest("Invalid request body.")
	case scope != "/":
		return c.notSimulated("the scope %s of %s", scope, c.op.name())
	case roleByID(role) == nil, w.Users[a.Principal] == nil && w.Groups[a.Principal] == nil:
		return c.notFound(role)
	case slices.ContainsFunc(w.RoleAssignments, func(had RoleAssignment) bool { return had.Principal == a.Principal && had.Role == a.Role }):
		return c.badRequest("A conflicting object with one or more of the specified property values is present in the directory.")
	}
	w.RoleAssignments = append(slices.Clone(w.RoleAssignments), a)
	body := assignmentSchema.item(c, a.ID, &a).render(nil, false)
	body["@odata.context"] = c.base() + "/$metadata#roleManagement/directory/roleAssignments/$entity"
	return reply{status: http.StatusCreated, body: body}
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
		return c.notSimulated("$expand=%s of %s", expand, c.op.name())
	}
	var items []item
	assignments := c.t.world.RoleAssignments
	for id, app := range c.t.world.Apps {
		for _, name := range append(slices.Clone(app.DirectoryRoles), app.ExchangeRole) {
			if role := roleByName(name); role != nil {
				assignments = append(slices.Clip(assignments), RoleAssignment{ID: derived("assignment", id, role.id), Principal: servicePrincipalID(id), Role: role.id})
			}
		}
	}
	for i := range assignments {
		a := &assignments[i]
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

// listDirectoryRoles are the roles that somebody was given, which is what activates one.
// Source: Microsoft Graph, List directoryRoles.
func listDirectoryRoles(c *call) reply {
	var items []item
	for i := range directoryRoles {
		r := &directoryRoles[i]
		if slices.ContainsFunc(c.t.world.RoleAssignments, func(a RoleAssignment) bool { return a.Role == r.id }) {
			items = append(items, roleSchema.item(c, derived("directoryRole", r.id), r))
		}
	}
	return c.list(items, directoryPage.of("directoryRoles", false), roleSchema)
}

// role is the one of the path: by its id, or by roleTemplateId='…'.
func (c *call) role() (*directoryRole, *reply) {
	for i := range directoryRoles {
		r := &directoryRoles[i]
		if strings.EqualFold(derived("directoryRole", r.id), c.arg["role"]) || strings.EqualFold("roleTemplateId="+r.id, c.arg["role"]) {
			return r, nil
		}
	}
	bad := c.notFound(c.arg["role"])
	return nil, &bad
}

// listRoleMembers are the people who hold a role themselves. Source: Microsoft Graph, directoryRole: list members.
func listRoleMembers(c *call) reply {
	r, bad := c.role()
	if bad != nil {
		return *bad
	}
	var ids []string
	for _, a := range c.t.world.RoleAssignments {
		if a.Role == r.id {
			ids = append(ids, a.Principal)
		}
	}
	return c.people(ids)
}

// removeRoleMember takes a role away. Source: Microsoft Graph, directoryRole: remove member.
func removeRoleMember(c *call) reply {
	r, bad := c.role()
	if bad != nil {
		return *bad
	}
	w, member := c.t.world, strings.ToLower(c.arg["member"])
	left := slices.DeleteFunc(slices.Clone(w.RoleAssignments), func(a RoleAssignment) bool { return a.Role == r.id && a.Principal == member })
	if len(left) == len(w.RoleAssignments) {
		return c.notFound(c.arg["member"])
	}
	w.RoleAssignments = left
	return noContent
}
