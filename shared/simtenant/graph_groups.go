package simtenant

import (
	"net/http"
	"slices"
	"strings"
)

var groupSchema = newSchema("group", "",
	field[Group]{"id", func(_ *call, g *Group) any { return g.ID }},
	field[Group]{"displayName", func(_ *call, g *Group) any { return g.DisplayName }},
	field[Group]{"description", func(_ *call, g *Group) any { return text(g.Description) }},
	field[Group]{"mail", func(_ *call, g *Group) any { return text(g.Mail) }},
	field[Group]{"mailEnabled", func(_ *call, g *Group) any { return g.MailEnabled }},
	field[Group]{"securityEnabled", func(_ *call, g *Group) any { return g.SecurityEnabled }},
	field[Group]{"groupTypes", func(_ *call, g *Group) any {
		types := []string{}
		if g.Unified {
			types = append(types, "Unified")
		}
		if g.MembershipRule != "" {
			types = append(types, "DynamicMembership")
		}
		return types
	}},
	field[Group]{"visibility", func(_ *call, g *Group) any {
		if g.HiddenMembership {
			return hiddenMembership
		}
		return text(g.Visibility)
	}},
	field[Group]{"membershipRule", func(_ *call, g *Group) any { return text(g.MembershipRule) }},
	field[Group]{"onPremisesSyncEnabled", func(_ *call, g *Group) any { return flag(g.OnPremisesSyncEnabled) }},
	field[Group]{"onPremisesSecurityIdentifier", func(_ *call, g *Group) any { return text(g.OnPremisesSID) }},
	field[Group]{"isAssignableToRole", func(_ *call, g *Group) any {
		if !g.AssignableToRole {
			return nil
		}
		return true
	}},
	field[Group]{"isManagementRestricted", func(_ *call, g *Group) any {
		if !g.IsManagementRestricted {
			return nil
		}
		return true
	}},
	field[Group]{"mailNickname", func(_ *call, g *Group) any {
		nick, _, _ := strings.Cut(g.Mail, "@")
		return text(orElse(g.MailNickname, nick))
	}},
	field[Group]{"assignedLicenses", func(_ *call, g *Group) any {
		out := []any{}
		for _, sku := range g.Licences {
			out = append(out, map[string]any{"skuId": sku, "disabledPlans": []string{}})
		}
		return out
	}},
)

// hiddenMembership is the visibility of a group that shows its members to nobody but those who may see them.
const hiddenMembership = "HiddenMembership"

// shown leaves out the groups whose members the caller may not see.
// Sources: Microsoft Graph, permissions reference, Member.Read.Hidden; directoryObject: checkMemberGroups
// (groups with hidden membership); Get-MgUserMemberOf, migration from AzureAD.
func (c *call) shown(groups []*Group) []*Group {
	return slices.DeleteFunc(groups, func(g *Group) bool { return g.HiddenMembership && !c.has(hiddenRead) })
}

// roleSchema is a directory role as an object one is a member of.
var roleSchema = newSchema("directoryRole", "",
	field[directoryRole]{"id", func(_ *call, r *directoryRole) any { return derived("directoryRole", r.id) }},
	field[directoryRole]{"displayName", func(_ *call, r *directoryRole) any { return r.name }},
	field[directoryRole]{"description", func(*call, *directoryRole) any { return nil }},
	field[directoryRole]{"roleTemplateId", func(_ *call, r *directoryRole) any { return r.id }},
)

func listMemberOf(c *call) reply         { return c.memberOf(false, true, true) }
func listMemberOfGroups(c *call) reply   { return c.memberOf(false, true, false) }
func listMemberOfRoles(c *call) reply    { return c.memberOf(false, false, true) }
func listTransitive(c *call) reply       { return c.memberOf(true, true, true) }
func listTransitiveGroups(c *call) reply { return c.memberOf(true, true, false) }
func listTransitiveRoles(c *call) reply  { return c.memberOf(true, false, true) }

func (c *call) memberOf(deep, wantGroups, wantRoles bool) reply {
	u, bad := c.reading()
	if bad != nil {
		return *bad
	}
	var items []item
	var shapes []shape
	found := c.shown(c.t.groupsOf(u.ID, deep))
	if wantGroups {
		shapes = append(shapes, groupSchema)
		for _, g := range found {
			i := groupSchema.item(c, g.ID, g)
			if !c.has(groupProperties...) {
				i = i.idOnly()
			}
			items = append(items, i)
		}
	}
	if wantGroups && wantRoles { // without a cast
		shapes = append(shapes, unitSchema)
		for _, a := range c.t.world.AdminUnits {
			if slices.Contains(a.Members, u.ID) {
				items = append(items, unitSchema.item(c, a.ID, a))
			}
		}
	}
	if wantRoles {
		shapes = append(shapes, roleSchema)
		through := found
		if !deep {
			through = nil
		}
		for _, r := range c.t.world.rolesHeld(u.ID, through) {
			i := roleSchema.item(c, derived("directoryRole", r.id), r)
			if !c.has(roleProperties...) {
				i = i.idOnly()
			}
			items = append(items, i)
		}
	}
	set := map[bool]string{true: "directoryObjects", false: "groups"}[wantRoles]
	return c.list(items, directoryPage.of(set, wantGroups && wantRoles), shapes...)
}

// rolesHeld are the roles that somebody has, directly or through groups.
func (w *World) rolesHeld(id string, through []*Group) []*directoryRole {
	holders := []string{id}
	for _, g := range through {
		holders = append(holders, g.ID)
	}
	var held []*directoryRole
	for _, a := range w.RoleAssignments {
		if r := roleByID(a.Role); r != nil && slices.Contains(holders, a.Principal) && !slices.Contains(held, r) {
			held = append(held, r)
		}
	}
	return held
}

// checkMemberGroups says which of at most 20 groups the user is in, also through other groups.
func checkMemberGroups(c *call) reply {
	u, bad := c.reading()
	if bad != nil {
		return *bad
	}
	if bad := c.only(c.body, "groupIds"); bad != nil {
		return *bad
	}
	asked, err := asStrings(c.body["groupIds"])
	if err != nil || len(asked) == 0 {
		return c.badRequest("One or more parameters of the operation 'checkMemberGroups' are missing from the request payload. The missing parameters are: groupIds.")
	}
	if len(asked) > 20 {
		return c.badRequest("Too many elements in the collection groupIds. The maximum is 20.")
	}
	in := []string{}
	for _, g := range c.shown(c.t.groupsOf(u.ID, true)) {
		if slices.Contains(asked, g.ID) {
			in = append(in, g.ID)
		}
	}
	return reply{status: http.StatusOK, body: map[string]any{"@odata.context": c.base() + "/$metadata#Collection(Edm.String)", "value": in}}
}

func listOwnedObjects(c *call) reply {
	u, bad := c.reading()
	if bad != nil {
		return *bad
	}
	var items []item
	for _, g := range c.groups().under("owner:" + u.ID) {
		if !g.MailEnabled || g.Unified { // who manages a list is Exchange's to tell: gdocs issue 10763
			items = append(items, groupSchema.item(c, g.ID, g))
		}
	}
	for _, service := range []bool{false, true} {
		for _, r := range c.t.world.registrations(service) {
			if slices.Contains(r.Owners, u.ID) {
				items = append(items, registrationSchema(service).item(c, r.ID, r))
			}
		}
	}
	return c.list(items, directoryPage.of("directoryObjects", true), groupSchema, applicationSchema, servicePrincipalSchema)
}

func listGroups(c *call) reply {
	return listView(c, c.groups(), groupSchema, directoryPage.of("groups", false))
}

func getGroup(c *call) reply {
	g := c.groups().get(strings.ToLower(c.arg["id"]))
	if g == nil {
		return c.notFound(c.arg["id"])
	}
	return c.entity("groups", groupSchema.item(c, g.ID, g), false, groupSchema)
}

func listMembers(c *call) reply {
	groups, users := c.groups(), c.users()
	g := groups.get(strings.ToLower(c.arg["id"]))
	if g == nil {
		return c.notFound(c.arg["id"])
	}
	if g.HiddenMembership && !c.has(hiddenRead) {
		return c.insufficient()
	}
	var items []item
	onlyUsers := strings.HasSuffix(c.op.template, "microsoft.graph.user")
	for _, id := range g.Members {
		if u := users.get(id); u != nil {
			items = append(items, userSchema.item(c, id, u))
		} else if onlyUsers {
			continue
		} else if sub := groups.get(id); sub != nil {
			items = append(items, groupSchema.item(c, id, sub))
		}
	}
	return c.list(items, directoryPage.of("directoryObjects", true), userSchema, groupSchema)
}

// leaveGroup takes a member out of a group, and with it the licences inherited from the group. The
// refusals are those of the contract's table.
func leaveGroup(c *call) reply {
	w := c.t.world
	g := w.Groups[strings.ToLower(c.arg["id"])]
	if g == nil {
		return c.notFound(c.arg["id"])
	}
	member := strings.ToLower(c.arg["member"])
	live := w.Users[member] != nil || w.Groups[member] != nil
	switch {
	case g.IsManagementRestricted || g.AssignableToRole && !c.has(roleAssignables):
		return c.insufficient()
	case g.OnPremisesSyncEnabled != nil && *g.OnPremisesSyncEnabled:
		return c.onPremises()
	case g.MembershipRule != "":
		return c.insufficient()
	case g.MailEnabled && !g.Unified:
		return c.badRequest("Cannot Update a mail-enabled security groups and or distribution list.")
	case !live || !w.isMember(g, member):
		return c.notFound(c.arg["member"])
	}
	c.t.dropMember(g, member)
	return reply{status: http.StatusNoContent}
}

func (t *Tenant) dropMember(g *Group, member string) {
	now := t.clock()
	t.before(kindGroup, g.ID, now)
	t.before(kindUser, member, now)
	t.before(kindMailbox, member, now)
	t.world.removeMember(g, member)
	t.world.reconcile(member, now)
}

func listOwners(c *call) reply {
	g := c.groups().get(strings.ToLower(c.arg["id"]))
	if g == nil {
		return c.notFound(c.arg["id"])
	}
	var items []item
	for _, id := range g.Owners {
		if u := c.users().get(id); u != nil {
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
	case g.IsManagementRestricted || g.AssignableToRole && !c.has(roleAssignables):
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
	id, bad := c.reference()
	if bad != nil {
		return *bad
	}
	switch {
	case c.t.world.Users[id] == nil:
		return c.notFound(id)
	case slices.Contains(g.Owners, id):
		return c.badRequest("One or more added object references already exist for the following modified properties: 'owners'.")
	}
	c.t.before(kindGroup, g.ID, c.now)
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
	c.t.before(kindGroup, g.ID, c.now)
	g.Owners = slices.DeleteFunc(slices.Clone(g.Owners), func(o string) bool { return o == id })
	return noContent
}
