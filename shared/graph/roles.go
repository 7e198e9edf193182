package graph

import (
	"context"
	"errors"
	"slices"
	"strings"

	"leaver/shared/offboarding"
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

// synchronisationApp is the appId of "Microsoft Entra AD Synchronization Service", in which the application
// holds a role by which Entra Connect signs in since version 2.5.76.
// Source: Microsoft Entra, What's new, December 2024.
const synchronisationApp = "6bf85cfa-ac8a-4be5-b5de-425a0d0dc016"

// isConnect reports whether a service principal is that of Entra Connect.
func (c *Client) isConnect(ctx context.Context, id string) (bool, error) {
	roles, err := list[struct{ ResourceID string }](ctx, c, call{
		doing: "reading the app roles of service principal", objects: []string{id}, path: "/servicePrincipals/{}/appRoleAssignments", budget: budgetDirectory,
	})
	if err != nil && !errors.Is(err, offboarding.ErrNotFound) {
		return false, err
	}
	for _, r := range roles {
		resource, err := get[struct{ AppID string }](ctx, c, call{
			doing: "reading service principal", objects: []string{r.ResourceID}, path: "/servicePrincipals/{}", query: "$select=id,appId", budget: budgetDirectory,
		})
		if err != nil && !errors.Is(err, offboarding.ErrNotFound) {
			return false, err
		}
		if strings.EqualFold(resource.AppID, synchronisationApp) {
			return true, nil
		}
	}
	return false, nil
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

// Administrators lists the people who hold an active directory role over the whole tenant, by name or
// through a group, and whether each can sign in. Permissions: RoleManagement.Read.Directory or
// Directory.Read.All, User.Read.All, and GroupMember.Read.All for the members of groups.
func (c *Client) Administrators(ctx context.Context, role string) ([]offboarding.Owner, error) {
	all, err := list[roleAssignment](ctx, c, call{
		doing: "reading the holders of role", objects: []string{role}, path: roleAssignments, query: where("roleDefinitionId eq " + quoted(role)), budget: budgetRoles,
	})
	if err != nil {
		return nil, err
	}
	people := []offboarding.Owner{}
	add := func(o offboarding.Owner) {
		if !slices.ContainsFunc(people, func(known offboarding.Owner) bool { return strings.EqualFold(known.ID, o.ID) }) {
			people = append(people, o)
		}
	}
	for _, a := range all {
		if a.DirectoryScopeID != "/" {
			continue
		}
		u, err := c.User(ctx, a.PrincipalID)
		if err == nil {
			add(offboarding.Owner{ID: u.ID, Enabled: u.AccountEnabled})
			continue
		}
		if !errors.Is(err, offboarding.ErrNotFound) {
			return nil, err
		}
		members, err := c.membersOf(ctx, a.PrincipalID)
		if err != nil && !errors.Is(err, offboarding.ErrNotFound) { // an application
			return nil, err
		}
		for _, m := range members {
			add(m)
		}
	}
	return people, nil
}

// membersOf lists the people who are directly in a group: one that may hold a role takes no groups.
// Source: Microsoft Entra, groups-concept.
func (c *Client) membersOf(ctx context.Context, group string) ([]offboarding.Owner, error) {
	objects, err := list[directoryObject](ctx, c, call{
		doing: "reading the members of group", objects: []string{group}, path: "/groups/{}/members", query: "$select=id,accountEnabled", budget: budgetDirectory,
	})
	if err != nil {
		return nil, err
	}
	var people []offboarding.Owner
	for _, o := range objects {
		if o.Type == typeUser {
			people = append(people, offboarding.Owner{ID: o.ID, Enabled: value(o.AccountEnabled)})
		}
	}
	return people, nil
}

// AssignRole gives a user an active directory role over the whole tenant; nil as well when they hold it
// already. Permission: RoleManagement.ReadWrite.Directory. Source: Microsoft Graph, Create
// unifiedRoleAssignment.
func (c *Client) AssignRole(ctx context.Context, user, role string) error {
	_, err := c.write(ctx, call{
		doing: "giving a role to user", objects: []string{user}, path: roleAssignments, budget: budgetRoles,
		body: map[string]string{"principalId": user, "roleDefinitionId": role, "directoryScopeId": "/"},
	})
	if !offboarding.IsPermanent(err) {
		return err
	}
	// The answer to one that is there already is a 400 like others: whether it is, a read tells.
	holders, again := c.Administrators(ctx, role)
	if again == nil && slices.ContainsFunc(holders, func(o offboarding.Owner) bool { return strings.EqualFold(o.ID, user) }) {
		return nil
	}
	return err
}
