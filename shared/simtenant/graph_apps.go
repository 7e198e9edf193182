package simtenant

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// synchronisationAppID is "Microsoft Entra AD Synchronization Service", whose role
// ADSynchronization.ReadWrite.All an application holds by which Entra Connect signs in.
// Source: Microsoft Entra, What's new, December 2024.
const synchronisationAppID = "6bf85cfa-ac8a-4be5-b5de-425a0d0dc016"

// SyncApp is the client id of the application by which Entra Connect signs in when it does so as an
// application.
const SyncApp = "0c3f1d52-7c1e-4a6b-9d0a-55a1b7f8e021"

var applicationSchema = newSchema("application", "",
	field[Registration]{"id", func(_ *call, r *Registration) any { return r.ID }},
	field[Registration]{"appId", func(_ *call, r *Registration) any { return r.AppID }},
	field[Registration]{"displayName", func(_ *call, r *Registration) any { return r.DisplayName }},
	field[Registration]{"passwordCredentials", func(_ *call, r *Registration) any { return credentials(r, false) }},
	field[Registration]{"keyCredentials", func(_ *call, r *Registration) any { return credentials(r, true) }},
)

// Credential is a secret or a certificate of an application, as far as Graph shows it.
type Credential struct {
	Certificate  bool
	Begins, Ends time.Time
}

func credentials(r *Registration, certificates bool) []any {
	all := []any{}
	for i, k := range r.Credentials {
		if k.Certificate == certificates {
			all = append(all, map[string]any{"keyId": derived("credential", r.ID, strconv.Itoa(i)), "displayName": nil, "startDateTime": stamp(k.Begins), "endDateTime": stamp(k.Ends)})
		}
	}
	return all
}

var servicePrincipalSchema = newSchema("servicePrincipal", "",
	field[Registration]{"id", func(_ *call, r *Registration) any { return r.ID }},
	field[Registration]{"appId", func(_ *call, r *Registration) any { return r.AppID }},
	field[Registration]{"displayName", func(_ *call, r *Registration) any { return r.DisplayName }},
	field[Registration]{"accountEnabled", func(_ *call, r *Registration) any { return !r.Disabled }},
	field[Registration]{"appRoles", func(_ *call, r *Registration) any {
		roles := []any{}
		for _, name := range r.Offers {
			roles = append(roles, map[string]any{"id": derived("appRole", name), "value": name, "displayName": name, "description": name, "isEnabled": true, "origin": "Application", "allowedMemberTypes": []string{"Application"}})
		}
		return roles
	}},
	field[Registration]{"servicePrincipalType", func(*call, *Registration) any { return "Application" }},
)

func registrationSchema(service bool) *schema[Registration] {
	if service {
		return servicePrincipalSchema
	}
	return applicationSchema
}

// registrations are all applications or all service principals, the tenant's own apps among them.
func (w *World) registrations(service bool) []*Registration {
	var list []*Registration
	for _, id := range slices.Sorted(maps.Keys(w.Registrations)) {
		if r := w.Registrations[id]; r.Service == service {
			list = append(list, r)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(w.Apps)) {
		a := w.Apps[id]
		if service && a.NoPrincipal {
			continue
		}
		r := &Registration{ID: derived("application", id), AppID: id, DisplayName: a.Name, Service: service, Owners: a.Owners, Credentials: a.Credentials}
		if service {
			r.ID, r.Disabled, r.AppRoles = servicePrincipalID(id), a.Disabled, a.appRoles(w.offers)
		}
		list = append(list, r)
	}
	if service {
		list = append(list,
			&Registration{ID: servicePrincipalID(graphAppID), AppID: graphAppID, DisplayName: "Microsoft Graph", Service: true, Offers: w.offered(func(role string) bool { return role != exchangeRole })},
			&Registration{ID: servicePrincipalID(exchangeAppID), AppID: exchangeAppID, DisplayName: "Office 365 Exchange Online", Service: true, Offers: w.offered(func(role string) bool { return role == exchangeRole })})
		if w.SyncAsApplication {
			synchronisation := derived("servicePrincipal", synchronisationAppID)
			list = append(list,
				&Registration{ID: synchronisation, AppID: synchronisationAppID, DisplayName: "Microsoft Entra AD Synchronization Service", Service: true},
				&Registration{ID: servicePrincipalID(SyncApp), AppID: SyncApp, DisplayName: syncAppName, Service: true, AppRoles: []AppRole{
					{ID: strings.ReplaceAll(derived("appRoleAssignment", SyncApp), "-", "_"), Role: derived("appRole", "ADSynchronization.ReadWrite.All"), Resource: synchronisation},
				}})
		}
	}
	return list
}

// The applications of Microsoft's whose permissions others are given.
const (
	graphAppID    = "00000003-0000-0000-c000-000000000000"
	exchangeAppID = "00000002-0000-0ff1-ce00-000000000000"
)

// offered are the permissions of one of them.
func (w *World) offered(is func(role string) bool) []string {
	return slices.DeleteFunc(slices.Clone(w.Permissions), func(role string) bool { return !is(role) || !w.offers(role) })
}

// offers reports whether the tenant's cloud has a permission: none of which it has no operation. That Graph lacks
// there what nothing asks for follows from the metadata, and is not documented.
func (w *World) offers(role string) bool {
	has := offered[orElse(w.Cloud, "worldwide")]
	return len(w.Opens[role]) == 0 || slices.ContainsFunc(w.Opens[role], func(operation string) bool { return has[operation] })
}

// appRoles are the permissions of an app as they were assigned to its service principal, of those that there are.
func (a *App) appRoles(is func(role string) bool) []AppRole {
	var all []AppRole
	for _, role := range a.Roles {
		if !is(role) {
			continue
		}
		resource := graphAppID
		if role == exchangeRole {
			resource = exchangeAppID
		}
		all = append(all, AppRole{ID: strings.ReplaceAll(derived("appRoleAssignment", a.ClientID, role), "-", "_"), Role: derived("appRole", role), Resource: servicePrincipalID(resource)})
	}
	return all
}

const syncAppName = "ConnectSyncProvisioning_AADC01_5c2a"

func servicePrincipalID(appID string) string { return derived("service principal", appID) }

// registration is the one of the path: by its id, or by appId='…'.
func (c *call) registration(service bool) (*Registration, *reply) {
	for _, r := range c.t.world.registrations(service) {
		if strings.EqualFold(r.ID, c.arg["id"]) || strings.EqualFold("appId="+r.AppID, c.arg["id"]) {
			return r, nil
		}
	}
	bad := c.notFound(c.arg["id"])
	return nil, &bad
}

func (c *call) listRegistrations(service bool, set string) reply {
	shape := registrationSchema(service)
	var items []item
	for _, r := range c.t.world.registrations(service) {
		items = append(items, shape.item(c, r.ID, r))
	}
	return c.list(items, directoryPage.of(set, false), shape)
}

func (c *call) getRegistration(service bool, set string) reply {
	r, bad := c.registration(service)
	if bad != nil {
		return *bad
	}
	return c.entity(set, registrationSchema(service).item(c, r.ID, r), false, registrationSchema(service))
}

func (c *call) listRegistrationOwners(service bool) reply {
	r, bad := c.registration(service)
	if bad != nil {
		return *bad
	}
	return c.people(r.Owners)
}

// people lists users by their ids.
func (c *call) people(ids []string) reply {
	var items []item
	for _, id := range ids {
		if u := c.users().get(id); u != nil {
			items = append(items, userSchema.item(c, id, u))
		}
	}
	return c.list(items, directoryPage.of("directoryObjects", true), userSchema)
}

func (c *call) addRegistrationOwner(service bool) reply {
	r, bad := c.registration(service)
	if bad != nil {
		return *bad
	}
	id, bad := c.reference()
	if bad != nil {
		return *bad
	}
	switch {
	case c.t.world.Users[id] == nil:
		return c.notFound(id)
	case slices.Contains(r.Owners, id):
		return c.badRequest("One or more added object references already exist for the following modified properties: 'owners'.")
	}
	c.own(r, append(slices.Clone(r.Owners), id))
	return noContent
}

// own changes the owners of a registration, which of the tenant's own apps is made for the call.
func (c *call) own(r *Registration, owners []string) {
	r.Owners = owners
	if a := c.t.world.Apps[r.AppID]; a != nil {
		a.Owners = owners
	}
}

func (c *call) removeRegistrationOwner(service bool) reply {
	r, bad := c.registration(service)
	if bad != nil {
		return *bad
	}
	id := strings.ToLower(c.arg["member"])
	if !slices.Contains(r.Owners, id) {
		return c.notFound(id)
	}
	c.own(r, slices.DeleteFunc(slices.Clone(r.Owners), func(o string) bool { return o == id }))
	return noContent
}

func listApplications(c *call) reply     { return c.listRegistrations(false, "applications") }
func getApplication(c *call) reply       { return c.getRegistration(false, "applications") }
func listAppOwners(c *call) reply        { return c.listRegistrationOwners(false) }
func addAppOwner(c *call) reply          { return c.addRegistrationOwner(false) }
func removeAppOwner(c *call) reply       { return c.removeRegistrationOwner(false) }
func listPrincipals(c *call) reply       { return c.listRegistrations(true, "servicePrincipals") }
func getPrincipal(c *call) reply         { return c.getRegistration(true, "servicePrincipals") }
func listPrincipalOwners(c *call) reply  { return c.listRegistrationOwners(true) }
func addPrincipalOwner(c *call) reply    { return c.addRegistrationOwner(true) }
func removePrincipalOwner(c *call) reply { return c.removeRegistrationOwner(true) }

// listPrincipalRoles are the app roles that a service principal was given.
func listPrincipalRoles(c *call) reply {
	r, bad := c.registration(true)
	if bad != nil {
		return *bad
	}
	shape := appRoleSchema(r.ID, "ServicePrincipal")
	var items []item
	for i := range r.AppRoles {
		items = append(items, shape.item(c, r.AppRoles[i].ID, &r.AppRoles[i]))
	}
	return c.list(items, directoryPage.of("appRoleAssignments", false), shape)
}

var unitSchema = newSchema("administrativeUnit", "",
	field[AdministrativeUnit]{"id", func(_ *call, a *AdministrativeUnit) any { return a.ID }},
	field[AdministrativeUnit]{"displayName", func(_ *call, a *AdministrativeUnit) any { return a.DisplayName }},
	field[AdministrativeUnit]{"description", func(*call, *AdministrativeUnit) any { return nil }},
	field[AdministrativeUnit]{"isMemberManagementRestricted", func(_ *call, a *AdministrativeUnit) any { return a.Restricted }},
)

func listUnits(c *call) reply {
	var items []item
	for _, a := range c.t.world.AdminUnits {
		items = append(items, unitSchema.item(c, a.ID, a))
	}
	return c.list(items, directoryPage.of("directory/administrativeUnits", false), unitSchema)
}

// listUnitMembers lists users, groups and devices.
// Source: Microsoft Graph, administrativeUnit: list members.
func listUnitMembers(c *call) reply {
	at := slices.IndexFunc(c.t.world.AdminUnits, func(a *AdministrativeUnit) bool { return strings.EqualFold(a.ID, c.arg["id"]) })
	if at < 0 {
		return c.notFound(c.arg["id"])
	}
	var items []item
	for _, id := range c.t.world.AdminUnits[at].Members {
		if u := c.users().get(id); u != nil {
			items = append(items, userSchema.item(c, id, u))
		} else if g := c.groups().get(id); g != nil {
			items = append(items, groupSchema.item(c, id, g))
		} else if d := c.t.world.Devices[id]; d != nil {
			items = append(items, deviceSchema.item(c, id, d))
		}
	}
	return c.list(items, directoryPage.of("directoryObjects", true), userSchema, groupSchema, deviceSchema)
}

// Registration is the current state of an application or service principal, by object id.
func (t *Tenant) Registration(id string) (Registration, bool) {
	return copied(t, func(w *World) *Registration { return w.Registrations[id] })
}

// getMemberGroups answers the groups that somebody is in, also through others; getMemberObjects, unless asked for
// security groups only, the roles and administrative units too.
// Source: Microsoft Graph, directoryObject: getMemberGroups, getMemberObjects.
func getMemberGroups(c *call) reply {
	u, bad := c.reading()
	if bad != nil {
		return *bad
	}
	if bad := c.only(c.body, "securityEnabledOnly"); bad != nil {
		return *bad
	}
	only, given := c.body["securityEnabledOnly"].(bool)
	asked := c.op.name()[strings.LastIndexByte(c.op.name(), '/')+1:]
	if !given {
		return c.badRequest("One or more parameters of the operation '%s' are missing from the request payload. The missing parameters are: securityEnabledOnly.", asked)
	}
	ids := []string{}
	groups := c.shown(c.t.groupsOf(u.ID, true))
	for _, g := range groups {
		if !only || g.SecurityEnabled {
			ids = append(ids, g.ID)
		}
	}
	if asked == "getMemberObjects" && !only {
		for _, r := range c.t.world.rolesHeld(u.ID, groups) {
			ids = append(ids, derived("directoryRole", r.id))
		}
		for _, unit := range c.t.world.AdminUnits {
			if slices.Contains(unit.Members, u.ID) {
				ids = append(ids, unit.ID)
			}
		}
	}
	return reply{status: http.StatusOK, body: map[string]any{"@odata.context": c.base() + "/$metadata#Collection(Edm.String)", "value": ids}}
}
