package graph

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"leaver/shared/offboarding"
)

// Access lists what the user can reach in Entra, directly: groups, ownerships, directory roles
// active and eligible, OAuth grants, app roles and authentication methods, and whether they have
// Teams Phone, in one round trip as long as they are few. A tenant without Privileged Identity
// Management has no eligible roles. A group whose licences Graph does not show is an error.
// Permissions: Directory.Read.All, RoleManagement.Read.Directory for the eligible roles,
// UserAuthenticationMethod.Read.All.
func (c *Client) Access(ctx context.Context, id string) (a offboarding.Access, err error) {
	reading := func(doing, path, query string, budget budget) call {
		return call{doing: "reading the " + doing + " of user", objects: []string{id}, path: path, query: query, budget: budget}
	}
	ofUser := where("principalId eq " + quoted(id))
	calls := []call{
		reading("groups", "/users/{}/memberOf", selectGroups, budgetDirectory),
		reading("owned objects", "/users/{}/ownedObjects", selectGroups, budgetDirectory),
		reading("licences", "/users/{}/licenseDetails", "", budgetDirectory),
		// The grants, in the order of [offboarding.GrantKinds].
		reading("eligible roles", roleEligibilities, ofUser, budgetRoles),
		reading("roles", roleAssignments, ofUser, budgetRoles),
		reading("consents", "/users/{}/oauth2PermissionGrants", "", budgetDirectory),
		reading("app roles", "/users/{}/appRoleAssignments", "", budgetDirectory),
		reading("authentication methods", "/users/{}/authentication/methods", "", budgetDirectory),
	}
	const grants = 3
	answers, errs := c.batch(ctx, calls...)
	unmanaged := has(errs[grants], "AadPremiumLicenseRequired")
	if unmanaged {
		errs[grants] = nil
	}
	if err := firstOf(errs); err != nil {
		return a, err
	}
	for i, into := range []*[]offboarding.Group{&a.Groups, &a.Owned} {
		objects, err := rest[group](ctx, c, calls[i], answers[i])
		if err == nil {
			*into, err = groupsIn(objects)
		}
		if err != nil {
			return a, err
		}
	}
	licences, err := rest[licenceDetails](ctx, c, calls[2], answers[2])
	if err != nil {
		return a, err
	}
	a.Phone = slices.ContainsFunc(licences, licenceDetails.phone)
	for i, kind := range offboarding.GrantKinds {
		if kind == offboarding.GrantEligibleRole && unmanaged {
			continue
		}
		found, err := rest[grant](ctx, c, calls[grants+i], answers[grants+i])
		if err != nil {
			return a, err
		}
		for _, g := range found {
			if g.belongs(kind, id) {
				a.Grants = append(a.Grants, g.domain(kind))
			}
		}
	}
	return a, nil
}

// grant is one right of a user, of any kind.
type grant struct {
	roleAssignment
	Type       string `json:"@odata.type"`
	ClientID   string
	ResourceID string
	Scope      string
	AppRoleID  string
}

// passwordMethod is what every user has and nobody can delete.
const passwordMethod = "#microsoft.graph.passwordAuthenticationMethod"

// belongs reports whether the right is the user's to lose: not that of a group they are in, not
// the password, and not gone already.
func (g grant) belongs(kind offboarding.GrantKind, user string) bool {
	switch kind {
	case offboarding.GrantMethod:
		return g.Type != passwordMethod
	case offboarding.GrantEligibleRole:
		return g.Status != "Revoked" && strings.EqualFold(g.PrincipalID, user)
	}
	return strings.EqualFold(g.PrincipalID, user)
}

func (g grant) domain(kind offboarding.GrantKind) offboarding.Grant {
	out := offboarding.Grant{Kind: kind, ID: g.ID}
	switch kind {
	case offboarding.GrantEligibleRole, offboarding.GrantRole:
		out.Of, out.Type, out.Until = g.RoleDefinitionID, g.DirectoryScopeID, g.ScheduleInfo.Expiration.EndDateTime
	case offboarding.GrantConsent:
		out.Of = strings.TrimSpace(g.ClientID + " at " + g.ResourceID + ": " + strings.TrimSpace(g.Scope))
	case offboarding.GrantAppRole:
		out.Of = g.AppRoleID + " of " + g.ResourceID
	case offboarding.GrantMethod:
		out.Type = strings.TrimPrefix(g.Type, "#microsoft.graph.")
	}
	return out
}

// Revoke takes rights in Entra away from the user, 20 in one round trip, and returns for each
// what became of it; offboarding.ErrNotFound when it is gone already. The default authentication
// method is refused while there are others: permanent. Permissions:
// RoleManagement.ReadWrite.Directory, DelegatedPermissionGrant.ReadWrite.All,
// AppRoleAssignment.ReadWrite.All, UserAuthenticationMethod.ReadWrite.All, and an Entra role
// where the user holds one (B10).
func (c *Client) Revoke(ctx context.Context, user string, grants []offboarding.Grant) []error {
	errs := make([]error, len(grants))
	var calls []call
	var at []int
	for i, g := range grants {
		one := revocation(user, g)
		if one.path == "" {
			errs[i] = offboarding.Manual(fmt.Sprintf("delete the authentication method %s of type %s in the Entra admin center", g.ID, g.Type))
			continue
		}
		calls, at = append(calls, one), append(at, i)
	}
	_, done := c.batch(ctx, calls...)
	for i, err := range done {
		errs[at[i]] = err
	}
	return errs
}

// methodCollections are where Graph deletes authentication methods, by type.
// Source: Microsoft Graph, resource type authentication.
var methodCollections = map[string]string{
	"emailAuthenticationMethod":                   "emailMethods",
	"externalAuthenticationMethod":                "externalAuthenticationMethods",
	"fido2AuthenticationMethod":                   "fido2Methods",
	"microsoftAuthenticatorAuthenticationMethod":  "microsoftAuthenticatorMethods",
	"phoneAuthenticationMethod":                   "phoneMethods",
	"platformCredentialAuthenticationMethod":      "platformCredentialMethods",
	"softwareOathAuthenticationMethod":            "softwareOathMethods",
	"temporaryAccessPassAuthenticationMethod":     "temporaryAccessPassMethods",
	"windowsHelloForBusinessAuthenticationMethod": "windowsHelloForBusinessMethods",
}

// revocation is the write that takes a right away; without a path when Graph has none.
func revocation(user string, g offboarding.Grant) call {
	id := url.PathEscape(g.ID) // only some of them are GUIDs
	one := call{doing: "taking the " + string(g.Kind) + " " + g.ID + " from user", objects: []string{user}, method: http.MethodDelete, budget: budgetDirectory}
	switch g.Kind {
	case offboarding.GrantEligibleRole:
		// Source: Microsoft Graph, Create roleEligibilityScheduleRequests, adminRemove.
		one.method, one.path, one.budget = http.MethodPost, roleEligibilityRequests, budgetRoles
		one.body = map[string]string{
			"action": "adminRemove", "principalId": user, "roleDefinitionId": g.Of, "directoryScopeId": g.Type,
			"justification": "departure",
		}
	case offboarding.GrantRole:
		one.path, one.budget = roleAssignments+"/"+id, budgetRoles
	case offboarding.GrantConsent:
		one.path = "/oauth2PermissionGrants/" + id
	case offboarding.GrantAppRole:
		one.path = "/users/{}/appRoleAssignments/" + id
	case offboarding.GrantMethod:
		if collection := methodCollections[g.Type]; collection != "" {
			one.path = "/users/{}/authentication/" + collection + "/" + id
		}
	}
	return one
}
