package simtenant

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// textProperties are the properties of a user that are a text, which an administrator may write.
var textProperties = map[string]func(*User) *string{
	"displayName":       func(u *User) *string { return &u.DisplayName },
	"givenName":         func(u *User) *string { return &u.GivenName },
	"surname":           func(u *User) *string { return &u.Surname },
	"mailNickname":      func(u *User) *string { return &u.MailNickname },
	"userPrincipalName": func(u *User) *string { return &u.UserPrincipalName },
	"mail":              func(u *User) *string { return &u.Mail },
	"mobilePhone":       func(u *User) *string { return &u.MobilePhone },
	"jobTitle":          func(u *User) *string { return &u.JobTitle },
	"department":        func(u *User) *string { return &u.Department },
	"companyName":       func(u *User) *string { return &u.CompanyName },
	"officeLocation":    func(u *User) *string { return &u.OfficeLocation },
	"preferredLanguage": func(u *User) *string { return &u.PreferredLanguage },
	"usageLocation":     func(u *User) *string { return &u.UsageLocation },
	"employeeId":        func(u *User) *string { return &u.EmployeeID },
	"userType":          func(u *User) *string { return &u.UserType },
}

// keptProperties are properties of a user that the tenant keeps and answers, and that mean nothing
// to it.
var keptProperties = strings.Fields("city country state streetAddress postalCode employeeType employeeHireDate faxNumber preferredDataLocation showInAddressList ageGroup consentProvidedForMinor passwordPolicies")

// sensitive are the properties that a privileged user is protected from: see mayActOn.
var sensitive = strings.Fields("accountEnabled businessPhones mobilePhone onPremisesImmutableId otherMails passwordProfile userPrincipalName")

// notCleared are the properties that have a value always.
var notCleared = strings.Fields("displayName mailNickname usageLocation userPrincipalName")

// inPrincipalName says that the part of a userPrincipalName before the @ may have a character.
// Source: Microsoft Graph, resource type user, userPrincipalName.
func inPrincipalName(r rune) bool {
	return 'a' <= r|0x20 && r|0x20 <= 'z' || '0' <= r && r <= '9' || strings.ContainsRune("'.-_!#^~", r)
}

// fill lays the properties of a body over a user. accountEnabled and passwordProfile are the
// caller's. A text is cleared by null, never by an empty one.
// Sources: Microsoft Graph, Update user; microsoftgraph/microsoft-graph-docs-contrib#8421; msgraph-sdk-dotnet#187, msgraph-sdk-powershell#852 and #2087.
func (c *call) fill(u *User) *reply {
	refuse := func(name string) *reply {
		r := c.badRequest("Invalid value specified for property '%s' of resource 'User'.", name)
		return &r
	}
	for name, value := range c.body {
		s, isText := value.(string)
		field := textProperties[name]
		switch {
		case name == "accountEnabled", name == "passwordProfile", annotation(name):
		case isText && s == "", value == nil && slices.Contains(notCleared, name):
			return refuse(name)
		case name == "usageLocation" && len(s) != len("DE"):
			return refuse(name)
		case field != nil && (isText || value == nil):
			*field(u) = s
		case field != nil:
			return refuse(name)
		case name == "otherMails" || name == "businessPhones":
			list, err := asStrings(value)
			if err != nil || name == "businessPhones" && len(list) > 1 {
				return refuse(name)
			}
			if name == "otherMails" {
				u.OtherMails = list
			} else {
				u.BusinessPhones = list
			}
		case name == "employeeLeaveDateTime":
			if !c.has("User-LifeCycleInfo.ReadWrite.All") {
				r := c.insufficient()
				return &r
			}
			u.EmployeeLeave = time.Time{}
			if value != nil {
				at, err := time.Parse(time.RFC3339, s)
				if err != nil {
					return refuse(name)
				}
				u.EmployeeLeave = at
			}
		case slices.Contains(keptProperties, name):
			if _, err := time.Parse(time.RFC3339, s); value != nil && typed[strings.ToLower(name)] == "Edm.DateTimeOffset" && err != nil {
				return refuse(name)
			}
			if u.Attributes == nil {
				u.Attributes = map[string]any{}
			}
			u.Attributes[name] = value
		default:
			return c.noProperty(name, "user")
		}
	}
	if u.UserType == "" {
		u.UserType = "Member"
	}
	if c.body["userPrincipalName"] != nil {
		name, domain, _ := strings.Cut(u.UserPrincipalName, "@")
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return !inPrincipalName(r) }) {
			return refuse("userPrincipalName")
		}
		if !strings.EqualFold(domain, c.t.world.Domain) {
			r := c.badRequest("The domain portion of the userPrincipalName property is invalid. You must use one of the verified domain names in your organization.")
			return &r
		}
	}
	if mail, _ := str(c.body, "mail"); mail != "" && slices.ContainsFunc(c.users().under(key("proxyaddresses:", "smtp:"+mail)), func(other *User) bool { return other.ID != u.ID }) {
		r := c.badRequest("Another object with the same value for property proxyAddresses already exists.")
		return &r
	}
	if id := c.t.world.userID(u.UserPrincipalName); id != "" && id != u.ID {
		r := c.badRequest("Another object with the same value for property userPrincipalName already exists.")
		return &r
	}
	return nil
}

// spelt gives the names in a body the spelling of the type's properties: Entra reads them without regard to case.
// Source: CLI for Microsoft 365 (pnp/cli-microsoft365), entra user add and entra group add, which write mailNickName.
func (c *call) spelt(typ string) {
	for _, known := range documented[typ] {
		for name, value := range c.body {
			if name != known && strings.EqualFold(name, known) {
				delete(c.body, name)
				c.body[known] = value
			}
		}
	}
}

// noProperty is the refusal of a property: as Graph words it when there is none, and as what it is
// when the tenant does not simulate it.
func (c *call) noProperty(name, typ string) *reply {
	if strings.HasSuffix(name, "@odata.bind") || isDocumented(typ, name) {
		r := c.notSimulated("the property %s of %s in %s", name, typ, c.op.name())
		return &r
	}
	r := c.badRequest("Property '%s' does not exist on type 'microsoft.graph.%s'.", name, typ)
	return &r
}

// createUser makes a person as an administrator does: no licence, no mailbox.
func createUser(c *call) reply {
	c.spelt("user")
	on, hasEnabled := c.body["accountEnabled"].(bool)
	var missing []string
	for _, name := range []string{"displayName", "mailNickname", "userPrincipalName"} {
		if s, _ := str(c.body, name); s == "" {
			missing = append(missing, name)
		}
	}
	if profile, _ := c.body["passwordProfile"].(map[string]any); !hasEnabled || len(missing) > 0 || profile == nil {
		return c.badRequest("A value is required for property '%s' of resource 'User'.", strings.Join(append(missing, "accountEnabled", "passwordProfile")[:1], ""))
	}
	if bad := c.password(); bad != nil {
		return *bad
	}
	now := c.now.Truncate(time.Second)
	u := &User{ID: derived("user", c.requestID), AccountEnabled: on, Created: now, LastPasswordChange: now, SessionsValidFrom: now}
	if bad := c.fill(u); bad != nil {
		return *bad
	}
	c.t.before(kindUser, u.ID, c.now)
	c.t.world.Users[u.ID] = u
	body := userSchema.item(c, u.ID, u).render(nil, false)
	body["@odata.context"] = c.context("users", nil, true)
	return reply{status: http.StatusCreated, body: body}
}

// password judges the password of a body.
func (c *call) password() *reply {
	p, _ := c.body["passwordProfile"].(map[string]any)
	if bad := c.only(p, "password", "forceChangePasswordNextSignIn", "forceChangePasswordNextSignInWithMfa"); bad != nil {
		return bad
	}
	password, given := str(p, "password")
	if !given && c.method == http.MethodPatch { // what is asked at the next sign-in changes without it
		return nil
	}
	if len(password) < 8 || len(password) > 256 || characterKinds(password) < 3 {
		r := c.badRequest("The specified password does not comply with password complexity requirements. Please provide a different password.")
		return &r
	}
	return nil
}

// reference is the object id that a body points to by an address.
// Source: microsoftgraph/msgraph-sdk-dotnet#1846, msgraph-sdk-powershell#3156.
func (c *call) reference() (string, *reply) {
	address, _ := str(c.body, "@odata.id")
	at, err := url.Parse(address)
	if err != nil || at.Scheme != "https" || at.Host == "" {
		r := c.fail(http.StatusBadRequest, "BadRequest", "Invalid URL format specified in payload.")
		return "", &r
	}
	return strings.ToLower(at.Path[strings.LastIndexByte(at.Path, '/')+1:]), nil
}

func setManager(c *call) reply {
	u, bad := c.unrestricted()
	if bad != nil {
		return *bad
	}
	who, bad := c.reference()
	if bad != nil {
		return *bad
	}
	id := c.t.world.userID(who) // m365 points to them by userPrincipalName
	if c.t.world.Users[id] == nil {
		return c.notFound(who)
	}
	c.t.before(kindUser, u.ID, c.now)
	u.ManagerID = id
	return noContent
}

func removeManager(c *call) reply {
	u, bad := c.unrestricted()
	if bad != nil {
		return *bad
	}
	if u.ManagerID == "" {
		return c.notFound("manager")
	}
	c.t.before(kindUser, u.ID, c.now)
	u.ManagerID = ""
	return noContent
}

// listReports are the users whose manager the user is.
func listReports(c *call) reply {
	u, bad := c.reading()
	if bad != nil {
		return *bad
	}
	var items []item
	for _, r := range c.users().under("manager:" + u.ID) {
		items = append(items, userSchema.item(c, r.ID, r))
	}
	return c.list(items, directoryPage.of("directoryObjects", true), userSchema)
}

// unrestricted is the user of the path when an application without a role of its own in a restricted
// management administrative unit may change it.
// Source: Microsoft Entra, Restricted management administrative units.
func (c *call) unrestricted() (*User, *reply) {
	u, bad := c.writing()
	if bad == nil && u.IsManagementRestricted {
		r := c.insufficient()
		return nil, &r
	}
	return u, bad
}

// createGroup makes a security or a Microsoft 365 group; Graph makes no lists for mail.
func createGroup(c *call) reply {
	g := &Group{ID: derived("group", c.requestID)}
	if bad := c.fillGroup(g); bad != nil {
		return *bad
	}
	if g.DisplayName == "" || g.MailNickname == "" || c.body["mailEnabled"] == nil || c.body["securityEnabled"] == nil {
		return c.badRequest("A value is required for property 'displayName, mailEnabled, mailNickname, securityEnabled' of resource 'Group'.")
	}
	if g.MailEnabled && !g.Unified {
		return c.badRequest("Cannot create mail-enabled security groups and distribution lists.")
	}
	if g.Unified {
		g.Mail = strings.ToLower(g.MailNickname) + "@" + c.t.world.Domain
	}
	bound, bad := c.bound(g)
	if bad != nil {
		return *bad
	}
	c.t.before(kindGroup, g.ID, c.now)
	c.t.world.Groups[g.ID] = g
	c.bind(g, bound)
	body := groupSchema.item(c, g.ID, g).render(nil, false)
	body["@odata.context"] = c.context("groups", nil, true)
	return reply{status: http.StatusCreated, body: body}
}

// fillGroup lays the properties of a body over a group. An application makes no list and no mail-enabled security group
// of another group; who is in a group is hidden when it is made or never.
// Sources: Microsoft Graph, Update group; microsoftgraph/microsoft-graph-docs#12014, #4957; msgraph-sdk-javascript#947.
func (c *call) fillGroup(g *Group) *reply {
	c.spelt("group")
	change := c.method == http.MethodPatch
	refuse := func(format string, args ...any) *reply {
		r := c.badRequest(format, args...)
		return &r
	}
	for name, value := range c.body {
		s, _ := value.(string)
		on, _ := value.(bool)
		switch name {
		case "displayName":
			if s == "" {
				return refuse("Invalid value specified for property 'displayName' of resource 'Group'.")
			}
			g.DisplayName = s
		case "mail":
			return refuse("Property 'mail' is read-only and cannot be set.")
		case "description":
			g.Description = s
		case "mailNickname":
			g.MailNickname = s
		case "mailEnabled":
			if change && on && !g.Unified {
				return refuse("The service does not currently support writes of mail-enabled groups.")
			}
			g.MailEnabled = on || change && g.Unified
		case "securityEnabled":
			g.SecurityEnabled = on
		case "isAssignableToRole":
			g.AssignableToRole = on
		case "membershipRule":
			g.MembershipRule = s
		case "visibility":
			if hide := strings.EqualFold(s, hiddenMembership); hide && change && !g.HiddenMembership {
				return refuse("Invalid value specified for property 'visibility' of resource 'Group'.")
			} else if hide {
				g.HiddenMembership = true
			} else {
				g.Visibility = s
			}
		case "membershipRuleProcessingState":
		case "groupTypes":
			kinds, err := asStrings(value)
			if err != nil {
				return refuse("Invalid value specified for property 'groupTypes' of resource 'Group'.")
			}
			g.Unified = slices.Contains(kinds, "Unified")
		case "members@odata.bind", "owners@odata.bind": // see bound
		default:
			if !annotation(name) {
				return c.noProperty(name, "group")
			}
		}
	}
	return nil
}

func patchGroup(c *call) reply {
	g, bad := c.owned()
	if bad != nil {
		return *bad
	}
	after := g.clone()
	if bad := c.fillGroup(after); bad != nil {
		return *bad
	}
	bound, bad := c.bound(g)
	if bad != nil {
		return *bad
	}
	c.t.before(kindGroup, g.ID, c.now)
	*g = *after
	c.bind(g, bound)
	return noContent
}

// mostBound is how many objects one request may add to a group.
const mostBound = 20

// bound are the objects that the body adds to a group, by the relation: members or owners.
// Sources: Microsoft Graph, Add members (several in one request), Create group with owners and members.
func (c *call) bound(g *Group) (map[string][]string, *reply) {
	added := map[string][]string{}
	for relation, have := range map[string]func(string) bool{
		"members": func(id string) bool { return c.t.world.isMember(g, id) },
		"owners":  func(id string) bool { return slices.Contains(g.Owners, id) },
	} {
		if c.body[relation+"@odata.bind"] == nil {
			continue
		}
		links, err := asStrings(c.body[relation+"@odata.bind"])
		if err != nil || len(links) > mostBound || relation == "members" && g.MembershipRule != "" {
			r := c.badRequest("Invalid value specified for property '%s' of resource 'Group'.", relation)
			return nil, &r
		}
		for _, link := range links {
			id := strings.ToLower(link[strings.LastIndexByte(link, '/')+1:])
			switch user := c.t.world.Users[id] != nil; {
			case !user && (relation == "owners" || c.t.world.Groups[id] == nil):
				r := c.notFound(id)
				return nil, &r
			case have(id) || slices.Contains(added[relation], id):
				r := c.badRequest("One or more added object references already exist for the following modified properties: '%s'.", relation)
				return nil, &r
			}
			added[relation] = append(added[relation], id)
		}
	}
	return added, nil
}

// bind adds what a body has bound, and the licences that come with it.
func (c *call) bind(g *Group, bound map[string][]string) {
	g.Owners = append(slices.Clone(g.Owners), bound["owners"]...)
	for _, id := range bound["members"] {
		c.t.before(kindUser, id, c.now)
		c.t.before(kindMailbox, id, c.now)
		c.t.world.addMember(g, id)
		c.t.world.reconcile(id, c.now)
	}
}

// joinGroup adds a member, and with it the licences that the group gives.
func joinGroup(c *call) reply {
	g, bad := c.owned()
	if bad != nil {
		return *bad
	}
	w := c.t.world
	id, bad := c.reference()
	if bad != nil {
		return *bad
	}
	switch {
	case w.Users[id] == nil && w.Groups[id] == nil:
		return c.notFound(id)
	case g.MembershipRule != "":
		return c.insufficient()
	case w.isMember(g, id):
		return c.badRequest("One or more added object references already exist for the following modified properties: 'members'.")
	}
	c.t.before(kindGroup, g.ID, c.now)
	c.t.before(kindUser, id, c.now)
	c.t.before(kindMailbox, id, c.now)
	w.addMember(g, id)
	w.reconcile(id, c.now)
	return noContent
}

// deleteGroup puts a Microsoft 365 or a cloud security group into deletedItems for 30 days, with its
// members. Source: Microsoft Entra, What's new, March 2026 (soft deletion of security groups).
func deleteGroup(c *call) reply {
	g, bad := c.owned()
	if bad != nil {
		return *bad
	}
	w := c.t.world
	c.t.before(kindGroup, g.ID, c.now)
	gone := g.clone()
	gone.DeletedAt = c.now.Truncate(time.Second)
	for _, member := range slices.Clone(g.Members) {
		c.t.dropMember(g, member)
	}
	delete(w.Groups, g.ID)
	w.DeletedGroups[g.ID] = gone
	return noContent
}

var deletedGroupSchema = func() *schema[Group] {
	s := newSchema("group", "", append(slices.Clone(groupSchema.fields), field[Group]{"deletedDateTime", func(_ *call, g *Group) any { return stamp(g.DeletedAt) }})...)
	return s
}()

// deletedGroups are those whose 30 days are not over.
func (c *call) deletedGroups() []*Group {
	var list []*Group
	for _, g := range c.t.world.DeletedGroups {
		if g.DeletedAt.Add(keptDeleted).After(c.now) {
			list = append(list, g)
		}
	}
	return list
}

func listDeletedGroups(c *call) reply {
	var items []item
	for _, g := range c.deletedGroups() {
		items = append(items, deletedGroupSchema.item(c, g.ID, g))
	}
	return c.list(items, directoryPage.of("groups", false), deletedGroupSchema)
}

// restoreGroup brings a group back with those of its members that are still there.
func (c *call) restoreGroup(gone *Group) reply {
	w := c.t.world
	delete(w.DeletedGroups, gone.ID)
	g := gone.clone()
	g.DeletedAt, g.Members = time.Time{}, nil
	c.t.before(kindGroup, g.ID, c.now)
	w.Groups[g.ID] = g
	for _, member := range gone.Members {
		if w.Users[member] != nil || w.Deleted[member] != nil || w.Groups[member] != nil {
			c.t.before(kindUser, member, c.now)
			c.t.before(kindMailbox, member, c.now)
			w.addMember(g, member)
			w.reconcile(member, c.now)
		}
	}
	body := groupSchema.item(c, g.ID, g).render(nil, true)
	body["@odata.context"] = c.base() + "/$metadata#directoryObjects/$entity"
	return reply{status: http.StatusOK, body: body}
}
