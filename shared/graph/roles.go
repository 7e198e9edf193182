package graph

import (
	"context"
	"slices"
)

// readMemberships asks for large pages: people are in hundreds of groups and hold few roles. The
// narrower listing, cast to directoryRole, is an advanced query of Graph and not among its
// documented permissions.
func readMemberships(user string) call {
	return call{
		doing: "reading the roles of user", objects: []string{user}, path: "/users/{}/transitiveMemberOf", query: "$select=id,displayName,roleTemplateId&$top=999",
		budget: budgetDirectory,
	}
}

// DirectoryRoles lists the display names of the directory roles that the user holds, directly
// or through groups, sorted. Not seen are roles limited to an administrative unit, roles of
// the organisation's own making, and roles that are only eligible. Permissions:
// User.Read.All, and RoleManagement.Read.Directory for the names.
func (c *Client) DirectoryRoles(ctx context.Context, id string) ([]string, error) {
	memberships, err := list[directoryObject](ctx, c, readMemberships(id))
	return rolesIn(memberships), err
}

// rolesIn picks the roles out of all memberships.
func rolesIn(memberships []directoryObject) []string {
	var names []string
	for _, m := range memberships {
		if m.Type != typeRole {
			continue
		}
		name := m.DisplayName
		if name == "" { // Graph hides the properties of what the app may not read
			name = m.ID
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// roleSyncAccounts is the template of the role by which Entra Connect writes.
// Source: Microsoft Entra, built-in roles, Directory Synchronization Accounts.
const roleSyncAccounts = "d29b2b05-8046-44ba-8758-1e26182fcf32"

// synchronises reports whether a user is the account of Entra Connect.
func (c *Client) synchronises(ctx context.Context, user string) (bool, error) {
	memberships, err := list[directoryObject](ctx, c, readMemberships(user))
	return slices.ContainsFunc(memberships, func(m directoryObject) bool { return m.Type == typeRole && m.RoleTemplateID == roleSyncAccounts }), err
}

// roleAssignment is an active directory role, or with a status and a schedule one that can be
// activated.
type roleAssignment struct {
	ID               string
	PrincipalID      string
	RoleDefinitionID string
	DirectoryScopeID string
	Status           string
	ScheduleInfo     struct {
		Expiration struct{ EndDateTime string }
	}
}

const (
	roleAssignments         = "/roleManagement/directory/roleAssignments"
	roleEligibilities       = "/roleManagement/directory/roleEligibilitySchedules"
	roleEligibilityRequests = "/roleManagement/directory/roleEligibilityScheduleRequests"
)

// RoleHolders lists who holds an active directory role over the whole tenant, by object id: users,
// groups and applications. Permission: RoleManagement.Read.Directory or Directory.Read.All.
func (c *Client) RoleHolders(ctx context.Context, role string) ([]string, error) {
	all, err := list[roleAssignment](ctx, c, call{
		doing: "reading the holders of role", objects: []string{role}, path: roleAssignments, query: where("roleDefinitionId eq " + quoted(role)), budget: budgetRoles,
	})
	if err != nil {
		return nil, err
	}
	holders := []string{}
	for _, a := range all {
		if a.DirectoryScopeID == "/" {
			holders = append(holders, a.PrincipalID)
		}
	}
	return holders, nil
}
