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

// reading reads one of the listings of what a user can reach.
func reading(id, doing, path, query string, budget budget) call {
	return call{doing: "reading the " + doing + " of user", objects: []string{id}, path: path, query: query, budget: budget}
}

func readingRoles(id string) call {
	return reading(id, "roles", roleAssignments, where("principalId eq "+quoted(id)), budgetRoles)
}

// listing is one of the listings of what a user can reach.
type listing struct {
	kind offboarding.GrantKind // in Unread; empty where it stands in the error alone
	call call
	read func(one call, first answer) error
	// refused says what the error means of it; nil: that the listing could not be read.
	refused func(error) error
}

// readEach reads all of the listings, whatever became of the others.
func (c *Client) readEach(ctx context.Context, listings ...listing) (offboarding.Unread, error) {
	var calls []call
	for _, l := range listings {
		calls = append(calls, l.call)
	}
	unread := offboarding.Unread{}
	answers, errs := c.batch(ctx, calls...)
	for i, l := range listings {
		switch {
		case errs[i] == nil:
			errs[i] = l.read(l.call, answers[i])
		case l.refused != nil:
			errs[i] = l.refused(errs[i])
		}
		if errs[i] != nil {
			unread[l.kind] = errs[i]
		}
	}
	return unread, offboarding.Join(errs...)
}

// groupListings are those of the groups that the user is in, and of what they own. The applications and service principals
// are picked out of all owned objects: the narrower listings, cast to one type, are advanced queries.
func (c *Client) groupListings(ctx context.Context, id string, in, owned *[]offboarding.Group, apps *[]offboarding.OwnedApp) []listing {
	return []listing{
		{kind: offboarding.GrantMember, call: reading(id, "groups", "/users/{}/memberOf", selectGroups+largePages, budgetDirectory),
			read: func(one call, first answer) (err error) {
				*in, _, err = c.groupsIn(ctx, one, first)
				return err
			}},
		{kind: offboarding.GrantOwner, call: reading(id, "owned objects", "/users/{}/ownedObjects", selectOwned+largePages, budgetDirectory),
			read: func(one call, first answer) (err error) {
				*owned, *apps, err = c.groupsIn(ctx, one, first)
				return err
			}},
	}
}

// grantListing is that of the user's rights of a kind.
func (c *Client) grantListing(ctx context.Context, id string, kind offboarding.GrantKind, one call, into *[]offboarding.Grant) listing {
	return listing{kind: kind, call: one, read: func(one call, first answer) error {
		found, err := c.grantsOf(ctx, id, kind, one, first)
		*into = append(*into, found...)
		return err
	}}
}

// Access lists what the user can reach in Entra, directly: groups, ownerships and OAuth grants, whether
// they hold a directory role, what their licences bring, and who reports to them, in one round trip as
// long as they are few. A group whose licences Graph does not show is an error. Each listing is read whatever
// became of the others, and the error is that of all which could not be. Permissions: Directory.Read.All, and
// Member.Read.Hidden for the groups whose membership is hidden, which Graph leaves out without it.
func (c *Client) Access(ctx context.Context, id string) (a offboarding.Access, err error) {
	var roles []offboarding.Grant
	a.Unread, err = c.readEach(ctx, append(c.groupListings(ctx, id, &a.Groups, &a.Owned, &a.Apps),
		listing{call: reading(id, "licences", "/users/{}/licenseDetails", "", budgetDirectory), read: func(one call, first answer) error {
			licences, err := rest[licenceDetails](ctx, c, one, first)
			a.Phone = slices.ContainsFunc(licences, licenceDetails.phone)
			for _, l := range licences {
				for _, p := range l.ServicePlans {
					a.Plans = append(a.Plans, p.ServicePlanName)
				}
			}
			return err
		}},
		c.grantListing(ctx, id, offboarding.GrantConsent, reading(id, "consents", "/users/{}/oauth2PermissionGrants", "", budgetDirectory), &a.Grants),
		c.grantListing(ctx, id, offboarding.GrantRole, readingRoles(id), &roles),
		listing{call: reading(id, "direct reports", "/users/{}/directReports", "$select=id,accountEnabled"+largePages, budgetDirectory), read: func(one call, first answer) error {
			reports, err := rest[directoryObject](ctx, c, one, first)
			for _, o := range reports { // an organisational contact has no account
				if o.Type == typeUser && value(o.AccountEnabled) {
					a.Reports = append(a.Reports, o.ID)
				}
			}
			return err
		}},
	)...)
	a.Role = len(roles) > 0
	return a, err
}

// Privileges lists what makes the user powerful in Entra, directly: [Client.Powers] and authentication
// methods, in one round trip as long as they are few, likewise. 21Vianet lists authentication methods of some
// types only. Permissions: those of Powers, and UserAuthenticationMethod.Read.All.
func (c *Client) Privileges(ctx context.Context, id string) (p offboarding.Privileges, err error) {
	methods := c.grantListing(ctx, id, offboarding.GrantMethod, reading(id, "authentication methods", "/users/{}/authentication/methods", "", budgetDirectory), &p.Grants)
	methods.refused = func(err error) error {
		if !unknown(err) {
			return err
		}
		p.Hidden = []offboarding.GrantKind{offboarding.GrantMethod}
		found, err := c.methodsByType(ctx, id)
		p.Grants = append(p.Grants, found...)
		return err
	}
	err = c.powers(ctx, id, &p, methods)
	return p, err
}

// Powers lists what can be given back of what makes the user powerful in Entra, directly: role-assignable
// groups and ownerships of such, directory roles active and eligible, and app roles, in one round trip as
// long as they are few. Each listing is read whatever became of the others, and the error is that of all which
// could not be. A tenant without Privileged Identity Management has no eligible roles. Permissions:
// Directory.Read.All, and RoleManagement.Read.Directory for the eligible roles.
func (c *Client) Powers(ctx context.Context, id string) (p offboarding.Privileges, err error) {
	err = c.powers(ctx, id, &p)
	return p, err
}

// powers reads what Powers does, and more listings.
func (c *Client) powers(ctx context.Context, id string, p *offboarding.Privileges, more ...listing) (err error) {
	eligible := c.grantListing(ctx, id, offboarding.GrantEligibleRole, reading(id, "eligible roles", roleEligibilities, where("principalId eq "+quoted(id)), budgetRoles), &p.Grants)
	eligible.refused = func(err error) error {
		if has(err, "AadPremiumLicenseRequired") {
			return nil
		}
		return err
	}
	var apps []offboarding.OwnedApp // which hold no role
	listings := append(c.groupListings(ctx, id, &p.Groups, &p.Owned, &apps), eligible,
		c.grantListing(ctx, id, offboarding.GrantRole, readingRoles(id), &p.Grants),
		c.grantListing(ctx, id, offboarding.GrantAppRole, reading(id, "app roles", "/users/{}/appRoleAssignments", "", budgetDirectory), &p.Grants),
	)
	p.Unread, err = c.readEach(ctx, append(listings, more...)...)
	ordinary := func(g offboarding.Group) bool { return !g.AssignableToRole }
	p.Groups, p.Owned = slices.DeleteFunc(p.Groups, ordinary), slices.DeleteFunc(p.Owned, ordinary)
	return err
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
		switch {
		case unknown(errs[i]): // the metadata is no promise, and that methods are hidden is said anyhow
			errs[i] = nil
		case errs[i] == nil:
			var found []grant
			found, errs[i] = rest[grant](ctx, c, calls[i], answers[i])
			for _, g := range found {
				methods = append(methods, offboarding.Grant{Kind: offboarding.GrantMethod, ID: g.ID, Type: name})
			}
		}
	}
	return methods, offboarding.Join(errs...)
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
