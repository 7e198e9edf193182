package simtenant

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"
)

// EligibleRole is a directory role that Privileged Identity Management lets a user activate.
type EligibleRole struct {
	ID    string
	Role  string // role template id
	Scope string // directoryScopeId, "/" = the whole directory
}

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

// AuthenticationMethod is a way to sign in, beside the password, which everybody has.
type AuthenticationMethod struct {
	ID      string
	Type    string // phone, fido2, microsoftAuthenticator, …: its collection without "Methods"
	Default bool   // what the user is asked for first
}

// TelephoneNumber is a number of Teams assigned to a user.
type TelephoneNumber struct {
	Number    string
	Type      string    // directRouting, callingPlan, operatorConnect
	ReleaseAt time.Time // it has been asked to be taken away, which shows then
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
	for _, u := range c.t.world.Users {
		if i := slices.IndexFunc(u.Consents, func(g Consent) bool { return g.ID == c.arg["id"] }); i >= 0 {
			c.t.before("user", u.ID, c.now)
			u.Consents = slices.Delete(slices.Clone(u.Consents), i, i+1)
			return noContent
		}
	}
	return c.notFound(c.arg["id"])
}

func listAppRoles(c *call) reply {
	u, bad := c.reading()
	if bad != nil {
		return *bad
	}
	shape := newSchema("appRoleAssignment", "",
		field[AppRole]{"id", func(_ *call, r *AppRole) any { return r.ID }},
		field[AppRole]{"appRoleId", func(_ *call, r *AppRole) any { return r.Role }},
		field[AppRole]{"principalId", func(*call, *AppRole) any { return u.ID }},
		field[AppRole]{"principalType", func(*call, *AppRole) any { return "User" }},
		field[AppRole]{"resourceId", func(_ *call, r *AppRole) any { return r.Resource }},
	)
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
	c.t.before("user", u.ID, c.now)
	u.AppRoles = slices.Delete(slices.Clone(u.AppRoles), i, i+1)
	return noContent
}

// passwordMethodID is the id that every user's password has as an authentication method.
const passwordMethodID = "28c10230-6103-485e-b985-444c60001490"

func listMethods(c *call) reply {
	u, bad := c.reading()
	if bad != nil {
		return *bad
	}
	shape := newSchema("authenticationMethod", "",
		field[AuthenticationMethod]{"id", func(_ *call, m *AuthenticationMethod) any { return m.ID }},
		field[AuthenticationMethod]{"createdDateTime", func(*call, *AuthenticationMethod) any { return stamp(u.Created) }},
	)
	var items []item
	for _, m := range append([]AuthenticationMethod{{ID: passwordMethodID, Type: "password"}}, u.Methods...) {
		i := shape.item(c, m.ID, &m)
		i.typ = m.Type + "AuthenticationMethod"
		items = append(items, i)
	}
	return c.list(items, directoryPage.of("authenticationMethods", true), shape)
}

// deleteMethod refuses the default one while there are others. Observed; see the contract.
func deleteMethod(c *call) reply {
	u, bad := c.writing()
	if bad != nil {
		return *bad
	}
	kind, isCollection := strings.CutSuffix(c.arg["collection"], "Methods")
	i := slices.IndexFunc(u.Methods, func(m AuthenticationMethod) bool { return m.ID == c.arg["method"] && m.Type == kind })
	switch {
	case kind == "password" || !isCollection:
		return c.fail(http.StatusMethodNotAllowed, "methodNotAllowed", "The HTTP method is not supported for this resource.")
	case i < 0:
		return c.fail(http.StatusNotFound, "resourceNotFound", "The requested resource could not be found.")
	case u.Methods[i].Default && len(u.Methods) > 1:
		return c.fail(http.StatusBadRequest, "badRequest", "Cannot delete default method with other methods configured. Please change default method before deletion.")
	}
	c.t.before("user", u.ID, c.now)
	u.Methods = slices.Delete(slices.Clone(u.Methods), i, i+1)
	return noContent
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
	for id, u := range c.users() {
		for i := range u.Eligible {
			items = append(items, eligibilitySchema.item(c, u.Eligible[i].ID, &eligibility{&u.Eligible[i], id}))
		}
	}
	return c.list(items, directoryPage.of("roleManagement/directory/roleEligibilitySchedules", false), eligibilitySchema)
}

// requestEligibility carries out adminRemove; other actions are not simulated.
func requestEligibility(c *call) reply {
	if bad := c.noPIM(); bad != nil {
		return *bad
	}
	if bad := c.only(c.body, "action", "principalId", "roleDefinitionId", "directoryScopeId", "justification"); bad != nil {
		return *bad
	}
	action, _ := str(c.body, "action")
	if !strings.EqualFold(action, "adminRemove") {
		return c.badRequest("%s", c.t.notSimulated("the action %s of %s", action, c.op.name()))
	}
	principal, _ := str(c.body, "principalId")
	role, _ := str(c.body, "roleDefinitionId")
	scope, _ := str(c.body, "directoryScopeId")
	u := c.t.world.Users[strings.ToLower(principal)]
	if u == nil {
		return c.fail(http.StatusNotFound, "SubjectNotFound", "The subject is not found.")
	}
	i := slices.IndexFunc(u.Eligible, func(e EligibleRole) bool { return e.Role == role && e.Scope == scope })
	if i < 0 {
		return c.fail(http.StatusBadRequest, "RoleAssignmentDoesNotExist", "The Role assignment does not exist.")
	}
	c.t.before("user", u.ID, c.now)
	u.Eligible = slices.Delete(slices.Clone(u.Eligible), i, i+1)
	return reply{status: http.StatusCreated, body: map[string]any{
		"@odata.context": c.base() + "/$metadata#roleManagement/directory/roleEligibilityScheduleRequests/$entity",
		"id":             derived("request", u.ID, role, c.requestID), "status": "Revoked", "action": "adminRemove", "createdDateTime": stamp(c.now),
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

type numberAssignment struct {
	TelephoneNumber
	user string
}

var numberSchema = newSchema("teamsAdministration.numberAssignment", "",
	field[numberAssignment]{"id", func(_ *call, n *numberAssignment) any {
		return base64.StdEncoding.EncodeToString([]byte("number|" + n.Number))
	}},
	field[numberAssignment]{"telephoneNumber", func(_ *call, n *numberAssignment) any { return n.Number }},
	field[numberAssignment]{"numberType", func(_ *call, n *numberAssignment) any { return n.Type }},
	field[numberAssignment]{"activationState", func(*call, *numberAssignment) any { return "activated" }},
	field[numberAssignment]{"assignmentStatus", func(*call, *numberAssignment) any { return "userAssigned" }},
	field[numberAssignment]{"assignmentCategory", func(*call, *numberAssignment) any { return "primary" }},
	field[numberAssignment]{"assignmentTargetId", func(_ *call, n *numberAssignment) any { return n.user }},
)

func listNumbers(c *call) reply {
	var items []item
	for id, u := range c.users() {
		for _, n := range u.Numbers {
			items = append(items, numberSchema.item(c, n.Number, &numberAssignment{n, id}))
		}
	}
	return c.list(items, page{set: "admin/teams/telephoneNumberManagement/numberAssignments", size: 100, most: 999}, numberSchema)
}

// unassignNumber takes an order, which is carried out after the delay.
func unassignNumber(c *call) reply {
	if bad := c.only(c.body, "telephoneNumber", "numberType"); bad != nil {
		return *bad
	}
	number, _ := str(c.body, "telephoneNumber")
	kind, _ := str(c.body, "numberType")
	for _, u := range c.t.world.Users {
		i := slices.IndexFunc(u.Numbers, func(n TelephoneNumber) bool { return n.Number == number && strings.EqualFold(n.Type, kind) })
		if i < 0 {
			continue
		}
		c.t.before("user", u.ID, c.now)
		u.Numbers = slices.Clone(u.Numbers)
		if u.Numbers[i].ReleaseAt.IsZero() {
			u.Numbers[i].ReleaseAt = c.now.Add(c.t.world.NumberDelay)
		}
		c.t.settle()
		return reply{status: http.StatusAccepted, header: map[string]string{
			"Location": c.base() + "/admin/teams/telephoneNumberManagement/operations('" + base64.RawURLEncoding.EncodeToString([]byte("Unassignment|"+c.requestID)) + "')",
		}}
	}
	return c.badRequest("The telephone number is not assigned.")
}

// releaseNumbers carries out the orders of unassignNumber that are due.
func (t *Tenant) releaseNumbers(now time.Time) {
	due := func(n TelephoneNumber) bool { return !n.ReleaseAt.IsZero() && !n.ReleaseAt.After(now) }
	for _, u := range t.world.Users {
		if slices.ContainsFunc(u.Numbers, due) {
			t.before("user", u.ID, now)
			u.Numbers = slices.DeleteFunc(slices.Clone(u.Numbers), due)
		}
	}
}

// listCalendars shows the user's own calendar and those of others that they have opened.
func listCalendars(c *call) reply {
	m, u, bad := c.mailbox(true)
	if bad != nil {
		return *bad
	}
	shape := newSchema("calendar", "",
		field[Mailbox]{"id", func(_ *call, m *Mailbox) any { return "AAMk" + derived("calendar", u.ID, m.Owner) }},
		field[Mailbox]{"name", func(_ *call, m *Mailbox) any { return m.DisplayName }},
		field[Mailbox]{"owner", func(_ *call, m *Mailbox) any {
			return map[string]any{"name": m.DisplayName, "address": m.PrimarySMTPAddress}
		}},
	)
	items := []item{shape.item(c, m.Owner, m)}
	for id, other := range seenAll(c.t, "mailbox", c.t.world.Mailboxes) {
		if id != u.ID && usable(other) && slices.ContainsFunc(other.Calendars, func(f Calendar) bool { return f.sharedWith(u.ID) }) {
			items = append(items, shape.item(c, id, other))
		}
	}
	return c.list(items, page{set: "users('" + u.ID + "')/calendars", size: 10, most: 1000}, shape)
}

func listOwners(c *call) reply {
	g := c.groups()[strings.ToLower(c.arg["id"])]
	if g == nil {
		return c.notFound(c.arg["id"])
	}
	var items []item
	for _, id := range g.Owners {
		if u := c.users()[id]; u != nil {
			items = append(items, userSchema.item(c, id, u))
		}
	}
	return c.list(items, directoryPage.of("directoryObjects", true), userSchema)
}

// owned is the group of the path when its owners can be changed by this call.
func (c *call) owned() (*Group, *reply) {
	g := c.t.world.Groups[strings.ToLower(c.arg["id"])]
	var bad reply
	switch {
	case g == nil:
		bad = c.notFound(c.arg["id"])
	case g.AssignableToRole && !c.has(roleAssignables):
		bad = c.insufficient()
	case g.OnPremisesSyncEnabled != nil && *g.OnPremisesSyncEnabled:
		bad = c.onPremises()
	case g.MailEnabled && !g.Unified:
		bad = c.badRequest("Cannot Update a mail-enabled security groups and or distribution list.")
	default:
		return g, nil
	}
	return nil, &bad
}

func addOwner(c *call) reply {
	g, bad := c.owned()
	if bad != nil {
		return *bad
	}
	reference, _ := str(c.body, "@odata.id")
	id := strings.ToLower(reference[strings.LastIndexByte(reference, '/')+1:])
	switch {
	case c.t.world.Users[id] == nil:
		return c.notFound(id)
	case slices.Contains(g.Owners, id):
		return c.badRequest("One or more added object references already exist for the following modified properties: 'owners'.")
	}
	c.t.before("group", g.ID, c.now)
	g.Owners = append(slices.Clone(g.Owners), id)
	return noContent
}

func removeOwner(c *call) reply {
	g, bad := c.owned()
	if bad != nil {
		return *bad
	}
	id := strings.ToLower(c.arg["member"])
	switch {
	case !slices.Contains(g.Owners, id):
		return c.notFound(id)
	case len(g.Owners) == 1:
		return c.badRequest("The group must have at least one owner, hence this owner cannot be removed.")
	}
	c.t.before("group", g.ID, c.now)
	g.Owners = slices.DeleteFunc(slices.Clone(g.Owners), func(o string) bool { return o == id })
	return noContent
}
