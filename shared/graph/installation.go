package graph

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"leaver/shared/offboarding"
)

// applications of Microsoft's whose app roles Leaver is given.
const (
	graphAppID    = "00000003-0000-0000-c000-000000000000"
	exchangeAppID = "00000002-0000-0ff1-ce00-000000000000"
)

// application is a registration as Graph has it.
type application struct {
	ID, AppID, DisplayName string
	PasswordCredentials    []credential
	KeyCredentials         []credential
}

type credential struct{ StartDateTime, EndDateTime time.Time }

// servicePrincipal is one as Graph has it.
type servicePrincipal struct {
	ID, AppID      string
	AccountEnabled bool
	AppRoles       []struct{ ID, Value string }
}

const selectApplication = "&$select=id,appId,displayName,passwordCredentials,keyCredentials"

// Registrations lists Leaver's app registrations (whose names begin with [offboarding.Registrations])
// and that of the client id own, which may be empty. Permissions: Application.Read.All,
// RoleManagement.Read.Directory.
// Source: Microsoft Graph, application, servicePrincipal, appRoleAssignment.
func (c *Client) Registrations(ctx context.Context, own string) ([]offboarding.Registration, error) {
	ours, err := list[application](ctx, c, call{
		doing: "listing the registrations of Leaver", path: "/applications", budget: budgetDirectory,
		query: where("startswith(displayName,"+quoted(offboarding.Registrations)+")") + selectApplication,
	})
	if err != nil {
		return nil, err
	}
	if own != "" && !slices.ContainsFunc(ours, func(a application) bool { return strings.EqualFold(a.AppID, own) }) {
		its, err := list[application](ctx, c, call{doing: "looking for Leaver's own registration", path: "/applications", query: where("appId eq "+quoted(own)) + selectApplication, budget: budgetDirectory})
		if err != nil {
			return nil, err
		}
		ours = append(ours, its...)
	}
	names, err := c.permissionNames(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]offboarding.Registration, len(ours))
	for i, a := range ours {
		if all[i], err = c.registration(ctx, a, names); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b offboarding.Registration) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// Permissions are the application permissions that Graph and Exchange give in this cloud: what a cloud does not
// have, nobody can be given there. Permission: Application.Read.All.
// Source: Microsoft Graph, servicePrincipal: appRoles.
func (c *Client) Permissions(ctx context.Context) ([]string, error) {
	names, err := c.permissionNames(ctx)
	return slices.Sorted(maps.Values(names)), err
}

// permissionNames are the application permissions of Graph and Exchange by their ids.
func (c *Client) permissionNames(ctx context.Context) (map[string]string, error) {
	names := map[string]string{}
	for _, app := range []string{graphAppID, exchangeAppID} {
		found, err := list[servicePrincipal](ctx, c, call{
			doing: "reading the permissions that there are", path: "/servicePrincipals", query: where("appId eq "+quoted(app)) + "&$select=id,appId,appRoles", budget: budgetDirectory,
		})
		if err != nil {
			return nil, err
		}
		for _, p := range found {
			for _, role := range p.AppRoles {
				names[strings.ToLower(role.ID)] = role.Value
			}
		}
	}
	return names, nil
}

// registration reads what belongs to an application.
func (c *Client) registration(ctx context.Context, a application, names map[string]string) (offboarding.Registration, error) {
	r := offboarding.Registration{ID: a.ID, AppID: a.AppID, Name: a.DisplayName}
	for _, p := range a.PasswordCredentials {
		r.Credentials = append(r.Credentials, offboarding.Credential{Begins: p.StartDateTime, Ends: p.EndDateTime})
	}
	for _, k := range a.KeyCredentials {
		r.Credentials = append(r.Credentials, offboarding.Credential{Certificate: true, Begins: k.StartDateTime, Ends: k.EndDateTime})
	}
	principals, err := list[servicePrincipal](ctx, c, call{
		doing: "looking for the service principal of", path: "/servicePrincipals", query: where("appId eq "+quoted(a.AppID)) + "&$select=id,appId,accountEnabled", budget: budgetDirectory,
	})
	if err != nil {
		return r, err
	}
	owners := []call{ownersOf("/applications/{}/owners", a.ID)}
	if len(principals) > 0 {
		r.Principal, r.Enabled = principals[0].ID, principals[0].AccountEnabled
		owners = append(owners, ownersOf("/servicePrincipals/{}/owners", r.Principal))
		if r.Permissions, r.DirectoryRoles, err = c.given(ctx, r.Principal, names); err != nil {
			return r, err
		}
	}
	for _, one := range owners {
		people, err := list[directoryObject](ctx, c, one)
		if err != nil {
			return r, err
		}
		for _, p := range people {
			if !slices.Contains(r.Owners, p.ID) {
				r.Owners = append(r.Owners, p.ID)
			}
		}
	}
	return r, nil
}

// given are the application permissions and the directory roles of a service principal.
func (c *Client) given(ctx context.Context, principal string, names map[string]string) (permissions, roles []string, err error) {
	assigned, err := list[struct{ AppRoleID string }](ctx, c, call{
		doing: "reading the permissions of", objects: []string{principal}, path: "/servicePrincipals/{}/appRoleAssignments", budget: budgetDirectory,
	})
	if err != nil {
		return nil, nil, err
	}
	for _, a := range assigned {
		name := names[strings.ToLower(a.AppRoleID)]
		if name == "" {
			name = "a permission of another application (" + a.AppRoleID + ")"
		}
		permissions = append(permissions, name)
	}
	held, err := list[roleAssignment](ctx, c, call{
		doing: "reading the directory roles of " + principal, path: roleAssignments, query: where("principalId eq " + quoted(principal)), budget: budgetRoles,
	})
	for _, h := range held {
		name := privilegedRoles[strings.ToLower(h.RoleDefinitionID)]
		if of, is := exchangeRoles[strings.ToLower(h.RoleDefinitionID)]; is {
			name = of
		}
		if name == "" {
			name = h.RoleDefinitionID
		}
		roles = append(roles, name)
	}
	return permissions, roles, err
}

// exchangeRoles are the built-in directory roles by which an application may run cmdlets.
// Source: Microsoft Entra, built-in roles.
var exchangeRoles = map[string]string{
	"29232cdf-9323-42fd-ade2-1d097af3e4de": offboarding.ExchangeAdministrator,
	"31392ffb-586c-42d1-9346-e59415a2cc4e": offboarding.ExchangeRecipientAdministrator,
}

// Emergency reads who could still sign in when nobody else can. Permissions:
// RoleManagement.Read.Directory, Policy.Read.All, User.Read.All, GroupMember.Read.All.
// Source: Microsoft Entra, Manage emergency access accounts.
func (c *Client) Emergency(ctx context.Context) (offboarding.Emergency, error) {
	var e offboarding.Emergency
	administrators, err := c.Administrators(ctx, offboarding.GlobalAdministrator)
	if err != nil {
		return e, err
	}
	left := map[string]int{} // out of how many policies
	for _, a := range administrators {
		if a.Enabled {
			e.Administrators = append(e.Administrators, a.ID)
			left[strings.ToLower(a.ID)] = 0
		}
	}
	policies, err := list[conditionalAccessPolicy](ctx, c, call{doing: "listing Conditional Access policies", path: "/identity/conditionalAccess/policies", query: "$select=id,state,conditions,grantControls", budget: budgetRoles})
	if err != nil {
		return e, err
	}
	for _, p := range policies {
		if !p.guards() {
			continue
		}
		e.Policies++
		out := map[string]bool{}
		for _, id := range p.Conditions.Users.ExcludeUsers {
			out[strings.ToLower(id)] = true
		}
		for _, group := range p.Conditions.Users.ExcludeGroups {
			members, err := list[directoryObject](ctx, c, call{doing: "reading the members of group", objects: []string{group}, path: "/groups/{}/transitiveMembers", query: "$select=id&$top=999", budget: budgetDirectory})
			if err != nil && !errors.Is(err, offboarding.ErrNotFound) {
				return e, err
			}
			for _, m := range members {
				out[strings.ToLower(m.ID)] = true
			}
		}
		for id := range out {
			if _, administrator := left[id]; administrator {
				left[id]++
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(left)) {
		if left[id] == e.Policies && e.Policies > 0 {
			e.Excluded = append(e.Excluded, id)
		}
	}
	return e, nil
}

// LifecycleWorkflows lists Entra's own workflows. Permission: LifecycleWorkflows.Read.All. A tenant
// without the licence for them has none.
// Source: Microsoft Graph, List workflows.
func (c *Client) LifecycleWorkflows(ctx context.Context) ([]offboarding.Workflow, error) {
	found, err := list[struct {
		ID, Category        string
		IsEnabled           bool
		IsSchedulingEnabled bool
	}](ctx, c, call{doing: "listing Lifecycle Workflows", path: "/identityGovernance/lifecycleWorkflows/workflows", query: "$select=id,category,isEnabled,isSchedulingEnabled", budget: budgetRoles})
	var all []offboarding.Workflow
	for _, w := range found {
		all = append(all, offboarding.Workflow{ID: w.ID, Leaver: w.Category == "leaver", Enabled: w.IsEnabled && w.IsSchedulingEnabled})
	}
	return all, err
}

// Clock is the tenant's own time, by the Date header of an answer.
func (c *Client) Clock(ctx context.Context) (time.Time, error) {
	a, err := c.send(ctx, call{doing: "reading the tenant's time", path: "/organization", query: "$select=id", budget: budgetDirectory})
	if err == nil && a.at.IsZero() {
		err = fmt.Errorf("%s: the answer has no Date", a.what)
	}
	return a.at, err
}
