package graph

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"leaver/shared/offboarding"
)

// largePages asks for the largest pages that Graph has of directory objects.
const largePages = "&$top=999"

// reading is one of the listings of what a user can reach.
func reading(id, doing, path, query string, budget budget) call {
	return call{doing: "reading the " + doing + " of user", objects: []string{id}, path: path, query: query, budget: budget}
}

func readingGroups(id string) []call {
	return []call{
		reading(id, "groups", "/users/{}/memberOf", selectGroups+largePages, budgetDirectory),
		reading(id, "owned objects", "/users/{}/ownedObjects", selectOwned+largePages, budgetDirectory),
	}
}

func readingRoles(id string) call {
	return reading(id, "roles", roleAssignments, where("principalId eq "+quoted(id)), budgetRoles)
}

// Access lists what the user can reach in Entra, directly: groups, ownerships and OAuth grants, whether
// they hold a directory role, what their licences bring, and who reports to them, in one round trip as
// long as they are few. A group whose licences Graph does not show is an error. Each listing is read whatever
// became of the others, and the error says which could not be: what it would have shown is missing. Where
// that is the roles, nothing is shown (Access.Known). Permissions: Directory.Read.All, and Member.Read.Hidden
// for the groups whose membership is hidden, which Graph leaves out without it.
func (c *Client) Access(ctx context.Context, id string) (a offboarding.Access, err error) {
	calls := append(readingGroups(id),
		reading(id, "licences", "/users/{}/licenseDetails", "", budgetDirectory),
		reading(id, "consents", "/users/{}/oauth2PermissionGrants", "", budgetDirectory),
		readingRoles(id),
		reading(id, "direct reports", "/users/{}/directReports", "$select=id,accountEnabled"+largePages, budgetDirectory),
	)
	answers, errs := c.batch(ctx, calls...)
	read := func(i int, into func() error) {
		if errs[i] == nil {
			errs[i] = into()
		}
	}
	read(4, func() error {
		roles, err := c.grantsOf(ctx, id, offboarding.GrantRole, calls[4], answers[4])
		a.Role = len(roles) > 0
		return err
	})
	if errs[4] != nil {
		return offboarding.Access{}, errs[4]
	}
	a.Known = true
	for i, into := range []*[]offboarding.Group{&a.Groups, &a.Owned} {
		read(i, func() (err error) {
			var apps []offboarding.OwnedApp
			*into, apps, err = c.groupsIn(ctx, calls[i], answers[i])
			a.Apps = append(a.Apps, apps...)
			return err
		})
	}
	read(2, func() error {
		licences, err := rest[licenceDetails](ctx, c, calls[2], answers[2])
		a.Phone, a.Automation = slices.ContainsFunc(licences, licenceDetails.phone), slices.ContainsFunc(licences, licenceDetails.automates)
		return err
	})
	read(3, func() (err error) {
		a.Grants, err = c.grantsOf(ctx, id, offboarding.GrantConsent, calls[3], answers[3])
		return err
	})
	read(5, func() error {
		reports, err := rest[directoryObject](ctx, c, calls[5], answers[5])
		for _, o := range reports { // an organisational contact has no account
			if o.Type == typeUser && value(o.AccountEnabled) {
				a.Reports = append(a.Reports, o.ID)
			}
		}
		return err
	})
	return a, offboarding.Join(errs...)
}

// Privileges lists what makes the user powerful in Entra, directly: [Client.Powers] and authentication
// methods, in one round trip as long as they are few. 21Vianet lists authentication methods of some types
// only. Permissions: those of Powers, and UserAuthenticationMethod.Read.All.
func (c *Client) Privileges(ctx context.Context, id string) (offboarding.Privileges, error) {
	return c.powers(ctx, id, reading(id, "authentication methods", "/users/{}/authentication/methods", "", budgetDirectory))
}

// Powers lists what can be given back of what makes the user powerful in Entra, directly: role-assignable
// groups and ownerships of such, directory roles active and eligible, and app roles, in one round trip as
// long as they are few. A tenant without Privileged Identity Management has no eligible roles. Permissions:
// Directory.Read.All, and RoleManagement.Read.Directory for the eligible roles.
func (c *Client) Powers(ctx context.Context, id string) (offboarding.Privileges, error) {
	return c.powers(ctx, id)
}

// powers are those of Powers and, where a call asks for them too, the authentication methods.
func (c *Client) powers(ctx context.Context, id string, methods ...call) (p offboarding.Privileges, err error) {
	kinds := []offboarding.GrantKind{offboarding.GrantEligibleRole, offboarding.GrantRole, offboarding.GrantAppRole}
	calls := append(readingGroups(id),
		reading(id, "eligible roles", roleEligibilities, where("principalId eq "+quoted(id)), budgetRoles),
		readingRoles(id),
		reading(id, "app roles", "/users/{}/appRoleAssignments", "", budgetDirectory),
	)
	if len(methods) > 0 {
		calls, kinds = append(calls, methods...), append(kinds, offboarding.GrantMethod)
	}
	const grants = 2
	answers, errs := c.batch(ctx, calls...)
	unmanaged := has(errs[grants], "AadPremiumLicenseRequired")
	if unmanaged {
		errs[grants] = nil
	}
	if last := len(calls) - 1; len(methods) > 0 && unknown(errs[last]) {
		p.Hidden, errs[last] = []offboarding.GrantKind{offboarding.GrantMethod}, nil
		if p.Grants, err = c.methodsByType(ctx, id); err != nil {
			return p, err
		}
	}
	if err := firstOf(errs); err != nil {
		return p, err
	}
	if p.Groups, p.Owned, _, err = c.groupsOf(ctx, calls, answers); err != nil {
		return p, err
	}
	ordinary := func(g offboarding.Group) bool { return !g.AssignableToRole }
	p.Groups, p.Owned = slices.DeleteFunc(p.Groups, ordinary), slices.DeleteFunc(p.Owned, ordinary)
	for i, kind := range kinds {
		if kind == offboarding.GrantEligibleRole && unmanaged || slices.Contains(p.Hidden, kind) {
			continue
		}
		found, err := c.grantsOf(ctx, id, kind, calls[grants+i], answers[grants+i])
		if err != nil {
			return p, err
		}
		p.Grants = append(p.Grants, found...)
	}
	return p, nil
}

// methodsListedAlone are the types of authentication methods that 21Vianet has, each listed by itself.
// Asking for another is not merely in vain: listing fido2Methods takes a permission of its own.
// Sources: Microsoft Graph, the metadata of microsoftgraph.chinacloudapi.cn; permissions reference,
// UserAuthMethod-Passkey.Read.All.
var methodsListedAlone = []string{
	"microsoftAuthenticatorAuthenticationMethod", "phoneAuthenticationMethod", "platformCredentialAuthenticationMethod",
}

// methodsByType lists the authentication methods in a cloud that does not list them together: of the
// types that it has.
func (c *Client) methodsByType(ctx context.Context, id string) (methods []offboarding.Grant, err error) {
	var calls []call
	for _, name := range methodsListedAlone {
		calls = append(calls, reading(id, "authentication methods of a type", "/users/{}/authentication/"+methodCollections[name], "", budgetDirectory))
	}
	answers, errs := c.batch(ctx, calls...)
	for i, name := range methodsListedAlone {
		if unknown(errs[i]) { // the metadata is no promise, and that methods are hidden is said anyhow
			continue
		}
		if errs[i] != nil {
			return nil, errs[i]
		}
		found, err := rest[grant](ctx, c, calls[i], answers[i])
		if err != nil {
			return nil, err
		}
		for _, g := range found {
			methods = append(methods, offboarding.Grant{Kind: offboarding.GrantMethod, ID: g.ID, Type: name})
		}
	}
	return methods, nil
}

// groupsOf reads the answers to readingGroups to their end. The applications and service principals are
// picked out of all owned objects: the narrower listings, cast to one type, are advanced queries.
func (c *Client) groupsOf(ctx context.Context, calls []call, answers []answer) (in, owned []offboarding.Group, apps []offboarding.OwnedApp, err error) {
	for i, into := range []*[]offboarding.Group{&in, &owned} {
		var theirs []offboarding.OwnedApp
		if *into, theirs, err = c.groupsIn(ctx, calls[i], answers[i]); err != nil {
			return nil, nil, nil, err
		}
		apps = append(apps, theirs...)
	}
	return in, owned, apps, nil
}

// groupsIn reads a listing of groups to its end, and the applications among them.
func (c *Client) groupsIn(ctx context.Context, one call, first answer) (groups []offboarding.Group, apps []offboarding.OwnedApp, err error) {
	objects, err := rest[group](ctx, c, one, first)
	if err == nil {
		groups, err = groupsIn(objects)
	}
	if err != nil {
		return nil, nil, err
	}
	for _, o := range objects {
		if o.Type == typeApp || o.Type == typeService {
			apps = append(apps, offboarding.OwnedApp{ID: o.ID, AppID: o.AppID, DisplayName: o.DisplayName, Service: o.Type == typeService})
		}
	}
	return groups, apps, nil
}

// grantsOf reads a listing of rights to its end: those that are the user's to lose.
func (c *Client) grantsOf(ctx context.Context, user string, kind offboarding.GrantKind, one call, first answer) ([]offboarding.Grant, error) {
	found, err := rest[grant](ctx, c, one, first)
	if err != nil {
		return nil, err
	}
	var out []offboarding.Grant
	for _, g := range found {
		if g.belongs(kind, user) {
			out = append(out, g.domain(kind))
		}
	}
	return out, nil
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
			errs[i] = offboarding.Manual(fmt.Sprintf("delete the authentication method of type %s (%s), which Graph cannot delete: %s", g.Type, g.ID, c.Portal().Methods(user)))
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

// Give gives rights in Entra back to the user, 20 in one round trip, and returns for each what became of
// it: directory roles, active and eligible, and roles in applications. One that is held already is
// refused: permanent. Permissions: RoleManagement.ReadWrite.Directory, AppRoleAssignment.ReadWrite.All.
// Source: Microsoft Graph, Create unifiedRoleAssignment, Create roleEligibilityScheduleRequests, Grant an
// appRoleAssignment.
func (c *Client) Give(ctx context.Context, user string, grants []offboarding.Grant) []error {
	var calls []call
	for _, g := range grants {
		one := call{doing: "giving the " + string(g.Kind) + " " + g.ID + " to user", objects: []string{user}, method: http.MethodPost, budget: budgetRoles}
		switch g.Kind {
		case offboarding.GrantRole:
			one.path, one.body = roleAssignments, map[string]string{"principalId": user, "roleDefinitionId": g.Of, "directoryScopeId": cmp.Or(g.Type, "/")}
		case offboarding.GrantEligibleRole:
			expiration := map[string]string{"type": "noExpiration"}
			if g.Until != "" {
				expiration = map[string]string{"type": "afterDateTime", "endDateTime": g.Until}
			}
			one.path, one.body = roleEligibilityRequests, map[string]any{
				"action": "adminAssign", "principalId": user, "roleDefinitionId": g.Of, "directoryScopeId": cmp.Or(g.Type, "/"),
				"justification": "the departure was undone", "scheduleInfo": map[string]any{"expiration": expiration},
			}
		case offboarding.GrantAppRole:
			role, resource, _ := strings.Cut(g.Of, " of ")
			one.path, one.budget = "/users/{}/appRoleAssignments", budgetDirectory
			one.body = map[string]string{"principalId": user, "resourceId": resource, "appRoleId": role}
		}
		calls = append(calls, one)
	}
	_, errs := c.batch(ctx, calls...)
	return errs
}
