package simtenant

import (
	"net/http"
	"slices"
)

// grantBody is a permission as Graph writes it; from is the folder it is inherited from.
func grantBody(g Grant, from map[string]any) map[string]any {
	m := map[string]any{"id": g.ID, "roles": g.Roles}
	if g.Link != "" {
		m["link"] = map[string]any{"type": g.Link, "scope": g.Scope, "webUrl": "https://contoso-my.sharepoint.com/:x:/g/personal/" + g.ID}
	} else {
		m["grantedToV2"] = map[string]any{"user": map[string]any{"id": g.User, "email": g.Email}}
		if !slices.Contains(g.Roles, "owner") {
			m["invitation"] = map[string]any{"email": g.Email, "signInRequired": true}
		}
	}
	if g.Expires != "" {
		m["expirationDateTime"] = g.Expires
	}
	if from != nil {
		m["inheritedFrom"] = from
	}
	return m
}

// above are the folders an item inherits from, itself first, the root ("") last.
func (e entry) above() []string {
	var ids []string
	for i := e.item; i != nil; i = e.drive.item(i.Parent) {
		ids = append(ids, i.ID)
	}
	return append(ids, "")
}

// grants are the permissions of a drive with its owner's, which is on the root.
func (c *call) grants(d *Drive) []Grant {
	return append([]Grant{{ID: derived("owner", d.ID), User: d.Owner, Email: c.ownerUPN(d), Roles: []string{"owner"}}}, d.Grants...)
}

func listGrants(c *call) reply {
	e, bad := c.entry()
	if bad != nil {
		return *bad
	}
	value := []any{}
	for _, folder := range e.above() {
		var from map[string]any
		if folder != e.inner() {
			from = map[string]any{"driveId": e.drive.ID, "id": orElse(folder, e.drive.rootID())}
		}
		for _, g := range c.grants(e.drive) {
			if g.Item == folder {
				value = append(value, grantBody(g, from))
			}
		}
	}
	return reply{status: http.StatusOK, body: map[string]any{"@odata.context": c.context("permissions", nil, false), "value": value}}
}

// removeGrant takes a permission away where it was given; it is refused where it is inherited.
// Source: Microsoft Graph, Delete permission: inheritedFrom must be null.
func removeGrant(c *call) reply {
	e, bad := c.entry()
	if bad != nil {
		return *bad
	}
	for _, g := range c.grants(e.drive) {
		switch {
		case g.ID != c.arg["permission"] || !slices.Contains(e.above(), g.Item):
		case g.Item != e.inner() || slices.Contains(g.Roles, "owner"):
			return c.fail(http.StatusBadRequest, "invalidRequest", "Only permissions that are not inherited can be deleted.")
		default:
			e.drive.Grants = slices.DeleteFunc(e.drive.Grants, func(o Grant) bool { return o.ID == g.ID })
			return reply{status: http.StatusNoContent}
		}
	}
	return *c.noItem()
}

func invite(c *call) reply {
	e, bad := c.entry()
	if bad != nil {
		return *bad
	}
	if bad := c.only(c.body, "recipients", "roles", "requireSignIn", "sendInvitation", "message", "expirationDateTime"); bad != nil {
		return *bad
	}
	roles, err := asStrings(c.body["roles"])
	recipients, ok := c.body["recipients"].([]any)
	if err != nil || !ok || len(recipients) == 0 || len(roles) == 0 {
		return c.fail(http.StatusBadRequest, "invalidRequest", "recipients and roles are required.")
	}
	expires, _ := str(c.body, "expirationDateTime")
	status, value := http.StatusOK, []any{}
	for _, x := range recipients {
		m, _ := x.(map[string]any)
		email, _ := str(m, "email")
		id, _ := str(m, "objectId")
		u := c.t.world.Users[c.t.world.userID(orElse(id, email))]
		if u == nil {
			status = http.StatusMultiStatus
			value = append(value, map[string]any{"invitation": map[string]any{"email": email}, "error": map[string]any{"code": "noResolvedUsers", "message": "The user could not be found."}})
			continue
		}
		g := Grant{ID: derived("grant", e.drive.ID, e.inner(), u.ID), Item: e.inner(), User: u.ID, Email: orElse(u.Mail, u.UserPrincipalName), Roles: roles, Expires: expires}
		if i := slices.IndexFunc(e.drive.Grants, func(o Grant) bool { return o.ID == g.ID }); i >= 0 {
			e.drive.Grants[i] = g
		} else {
			e.drive.Grants = append(e.drive.Grants, g)
		}
		value = append(value, grantBody(g, nil))
	}
	return reply{status: status, body: map[string]any{"value": value}}
}
