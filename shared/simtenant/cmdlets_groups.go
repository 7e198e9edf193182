package simtenant

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// list is the group with mail that an identity names: by id, address or name; nil = none.
func (c *invocation) list(identity string) *Group {
	w := c.t.world
	for _, id := range slices.Concat([]string{strings.ToLower(identity)}, w.under(kindGroup, key("mail:", identity)), w.under(kindGroup, key("displayname:", identity))) {
		if g := w.Groups[id]; g != nil && g.MailEnabled {
			return g
		}
	}
	return nil
}

func listKind(g *Group) string {
	switch {
	case g.Unified:
		return "GroupMailbox"
	case g.SecurityEnabled:
		return "MailUniversalSecurityGroup"
	}
	return "MailUniversalDistributionGroup"
}

func (c *invocation) showList(g *Group) object {
	managers := []any{}
	for _, id := range g.Owners {
		managers = append(managers, c.alias(id))
	}
	return object{
		"Identity": g.DisplayName, "Name": g.DisplayName, "DisplayName": g.DisplayName, "PrimarySmtpAddress": g.Mail, "RecipientTypeDetails": listKind(g), "RecipientType": listKind(g),
		"ExternalDirectoryObjectId": g.ID, "Guid": derived("exchange", g.ID), "ManagedBy": managers, "IsDirSynced": g.OnPremisesSyncEnabled != nil && *g.OnPremisesSyncEnabled,
	}
}

// distributionGroup is the list or mail-enabled security group that Identity names; Microsoft 365
// groups have cmdlets of their own.
func (c *invocation) distributionGroup() (*Group, *failure) {
	identity, _, bad := c.text("Identity")
	if bad != nil {
		return nil, bad
	}
	if g := c.list(identity); g != nil && !g.Unified {
		return g, nil
	}
	return nil, noObject(identity)
}

// getDistributionGroup finds lists, also by who manages them: Exchange alone keeps that, Graph's
// ownedObjects does not show it. Source: microsoft-graph-docs issue 10763.
func getDistributionGroup(c *invocation) ([]object, *failure) {
	if _, given := c.args["Identity"]; given {
		g, bad := c.distributionGroup()
		if bad != nil {
			return nil, bad
		}
		return []object{c.showList(g)}, nil
	}
	all := view[Group]{c.t, groups}.every
	manager, bad := c.manager()
	if bad != nil {
		return nil, bad
	}
	if manager != "" {
		all = func() []*Group { return view[Group]{c.t, groups}.under("owner:" + manager) }
	}
	var out []object
	for _, g := range all() {
		if g.MailEnabled && !g.Unified {
			out = append(out, c.showList(g))
		}
	}
	return c.limit(out)
}

// manager is whom ManagedBy, or a filter by ManagedBy, names.
func (c *invocation) manager() (string, *failure) {
	if _, given := c.args["ManagedBy"]; given {
		return c.trustee("ManagedBy")
	}
	filter, given, bad := c.text("Filter")
	if bad != nil || !given {
		return "", bad
	}
	name, ok := strings.CutPrefix(filter, "ManagedBy -eq '")
	if name, ended := strings.CutSuffix(name, "'"); ok && ended {
		name = strings.ReplaceAll(name, "''", "'")
		if id := c.t.world.byDN(name); id != "" {
			return id, nil
		}
		return c.anybody(name)
	}
	return "", refused(taskException, "%s", c.t.notSimulated("the filter %s of %s", filter, c.cmdlet))
}

// changingList is the list that Identity names, when the caller may change it here: one that is mastered on premises is
// changed there, and whoever does not manage it has to say that they know.
// Source: Exchange PowerShell, Set-DistributionGroup, BypassSecurityGroupManagerCheck.
func (c *invocation) changingList() (*Group, *failure) {
	g, bad := c.distributionGroup()
	if bad != nil {
		return nil, bad
	}
	if g.OnPremisesSyncEnabled != nil && *g.OnPremisesSyncEnabled {
		return nil, refused(scopeException, "The operation on \"%s\" failed because it's out of the current user's write scope. The object is being synchronized from your on-premises organization.", g.DisplayName)
	}
	if bypass, _, bad := c.truth("BypassSecurityGroupManagerCheck"); bad != nil || !bypass {
		return nil, cmp.Or(bad, refused(managerException, "You don't have sufficient permissions. This operation can only be performed by a manager of the group."))
	}
	return g, nil
}

// setDistributionGroup hands a list to others. A list keeps at least one manager.
func setDistributionGroup(c *invocation) ([]object, *failure) {
	g, bad := c.changingList()
	if bad != nil {
		return nil, bad
	}
	if _, given := c.args["ManagedBy"]; !given {
		return nil, nil
	}
	ids, bad := c.recipients("ManagedBy", g.Owners)
	if bad != nil {
		return nil, bad
	}
	if len(ids) == 0 {
		return nil, refused(recipientException, "The group \"%s\" must have at least one manager.", g.DisplayName)
	}
	c.t.before(kindGroup, g.ID, c.now)
	g.Owners = ids
	return nil, nil
}

func getDistributionGroupMember(c *invocation) ([]object, *failure) {
	g, bad := c.distributionGroup()
	if bad != nil {
		return nil, bad
	}
	var out []object
	for _, id := range slices.Sorted(slices.Values(g.Members)) {
		if u := c.t.world.Users[id]; u != nil {
			out = append(out, object{"Identity": u.MailNickname, "DisplayName": u.DisplayName, "ExternalDirectoryObjectId": id, "PrimarySmtpAddress": u.Mail})
		}
	}
	return c.limit(out)
}

func addDistributionGroupMember(c *invocation) ([]object, *failure) {
	g, bad := c.changingList()
	if bad != nil {
		return nil, bad
	}
	id, bad := c.trustee("Member")
	if bad != nil {
		return nil, bad
	}
	if c.t.world.isMember(g, id) {
		return nil, &failure{http.StatusBadRequest, "BadRequest", "Ex7A3C01", "Microsoft.Exchange.Management.Tasks.MemberAlreadyExistsException",
			fmt.Sprintf("The recipient \"%s\" is already a member of the group \"%s\".", c.upn(id), g.DisplayName)}
	}
	c.t.before(kindGroup, g.ID, c.now)
	c.t.before(kindUser, id, c.now)
	c.t.world.addMember(g, id)
	return nil, nil
}

func removeDistributionGroupMember(c *invocation) ([]object, *failure) {
	g, bad := c.changingList()
	if bad != nil {
		return nil, bad
	}
	member, _, bad := c.text("Member")
	if bad != nil {
		return nil, bad
	}
	id, _ := c.anybody(member)
	if id == "" || !c.t.world.isMember(g, id) {
		return nil, &failure{http.StatusNotFound, "NotFound", "ExFC0E14", "Microsoft.Exchange.Management.Tasks.MemberNotFoundException",
			fmt.Sprintf("The recipient \"%s\" isn't a member of the group \"%s\".", member, g.DisplayName)}
	}
	c.t.dropMember(g, id)
	return nil, nil
}
