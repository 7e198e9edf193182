package simtenant

import (
	"net/http"
	"slices"
)

// Consent is an OAuth 2.0 grant: an app may act for the user.
type Consent struct {
	ID       string
	Client   string // object id of the app's service principal
	Resource string
	Scope    string
}

// AppRole is a role in an app.
type AppRole struct {
	ID       string
	Role     string // appRoleId
	Resource string
}

// consentSchemaFor is what Graph shows of a user's consents.
func consentSchemaFor(user string) *schema[Consent] {
	return newSchema("oAuth2PermissionGrant", "",
		field[Consent]{"id", func(_ *call, g *Consent) any { return g.ID }},
		field[Consent]{"clientId", func(_ *call, g *Consent) any { return g.Client }},
		field[Consent]{"consentType", func(*call, *Consent) any { return "Principal" }},
		field[Consent]{"principalId", func(*call, *Consent) any { return user }},
		field[Consent]{"resourceId", func(_ *call, g *Consent) any { return g.Resource }},
		field[Consent]{"scope", func(_ *call, g *Consent) any { return g.Scope }},
	)
}

func listConsents(c *call) reply {
	u, bad := c.reading()
	if bad != nil {
		return *bad
	}
	shape := consentSchemaFor(u.ID)
	var items []item
	for i := range u.Consents {
		items = append(items, shape.item(c, u.Consents[i].ID, &u.Consents[i]))
	}
	return c.list(items, directoryPage.of("oauth2PermissionGrants", false), shape)
}

func deleteConsent(c *call) reply {
	if u := c.t.world.Users[c.t.world.one(kindUser, key("consent:", c.arg["id"]))]; u != nil {
		if i := slices.IndexFunc(u.Consents, func(g Consent) bool { return g.ID == c.arg["id"] }); i >= 0 {
			c.t.before(kindUser, u.ID, c.now)
			u.Consents = slices.Delete(slices.Clone(u.Consents), i, i+1)
			return noContent
		}
	}
	return c.notFound(c.arg["id"])
}

// appRoleSchema is what Graph shows of the roles in apps that somebody or something holds.
func appRoleSchema(principal, kind string) *schema[AppRole] {
	return newSchema("appRoleAssignment", "",
		field[AppRole]{"id", func(_ *call, r *AppRole) any { return r.ID }},
		field[AppRole]{"appRoleId", func(_ *call, r *AppRole) any { return r.Role }},
		field[AppRole]{"principalId", func(*call, *AppRole) any { return principal }},
		field[AppRole]{"principalType", func(*call, *AppRole) any { return kind }},
		field[AppRole]{"resourceId", func(_ *call, r *AppRole) any { return r.Resource }},
	)
}

func listAppRoles(c *call) reply {
	u, bad := c.reading()
	if bad != nil {
		return *bad
	}
	shape := appRoleSchema(u.ID, "User")
	var items []item
	for i := range u.AppRoles {
		items = append(items, shape.item(c, u.AppRoles[i].ID, &u.AppRoles[i]))
	}
	return c.list(items, directoryPage.of("appRoleAssignments", false), shape)
}

func deleteAppRole(c *call) reply {
	u, bad := c.writing()
	if bad != nil {
		return *bad
	}
	i := slices.IndexFunc(u.AppRoles, func(r AppRole) bool { return r.ID == c.arg["assignment"] })
	if i < 0 {
		return c.notFound(c.arg["assignment"])
	}
	c.t.before(kindUser, u.ID, c.now)
	u.AppRoles = slices.Delete(slices.Clone(u.AppRoles), i, i+1)
	return noContent
}

// createAppRole gives a user a role in an app; one that they have is refused.
func createAppRole(c *call) reply {
	u, bad := c.writing()
	if bad != nil {
		return *bad
	}
	if bad := c.only(c.body, "principalId", "resourceId", "appRoleId"); bad != nil {
		return *bad
	}
	resource, _ := str(c.body, "resourceId")
	role, _ := str(c.body, "appRoleId")
	r := AppRole{ID: derived("appRole", u.ID, role, c.requestID), Role: role, Resource: resource}
	switch {
	case resource == "", role == "":
		return c.badRequest("Invalid request body.")
	case slices.ContainsFunc(u.AppRoles, func(had AppRole) bool { return had.Role == role && had.Resource == resource }):
		return c.badRequest("Permission being assigned already exists on the object")
	}
	c.t.before(kindUser, u.ID, c.now)
	u.AppRoles = append(slices.Clone(u.AppRoles), r)
	body := appRoleSchema(u.ID, "User").item(c, r.ID, &r).render(nil, false)
	body["@odata.context"] = c.base() + "/$metadata#appRoleAssignments/$entity"
	return reply{status: http.StatusCreated, body: body}
}
