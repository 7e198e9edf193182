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
	return object{
		"Identity": g.DisplayName, "Name": g.DisplayName, "DisplayName": g.DisplayName, "PrimarySmtpAddress": g.Mail, "RecipientTypeDetails": listKind(g), "RecipientType": listKind(g),
		"ExternalDirectoryObjectId": g.ID, "Guid": derived("exchange", g.ID), "ManagedBy": c.aliases(g.Owners), "IsDirSynced": g.OnPremisesSyncEnabled != nil && *g.OnPremisesSyncEnabled,
		"ModerationEnabled": g.ModerationEnabled, "ModeratedBy": c.aliases(g.ModeratedBy),
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
	overseers, bad := c.overseers()
	if bad != nil {
		return nil, bad
	}
	if len(overseers) > 0 {
		all = func() (found []*Group) {
			for _, key := range overseers {
				for _, g := range (view[Group]{c.t, groups}).under(key) {
					if !slices.Contains(found, g) {
						found = append(found, g)
					}
				}
			}
			return found
		}
	}
	var out []object
	for _, g := range all() {
		if g.MailEnabled && !g.Unified {
			out = append(out, c.showList(g))
		}
	}
	return c.limit(out)
}

// overseen are the properties by which a group is found, and their keys.
// Source: Exchange, Filterable properties for the Filter parameter, ManagedBy and ModeratedBy.
var overseen = map[string]string{"ManagedBy": "owner:", "ModeratedBy": "moderator:"}

// overseers are the keys of whom ManagedBy names, or a filter of properties of which one is enough; none is everybody.
func (c *invocation) overseers() ([]string, *failure) {
	if _, given := c.args["ManagedBy"]; given {
		id, bad := c.trustee("ManagedBy")
		return []string{overseen["ManagedBy"] + id}, bad
	}
	filter, given, bad := c.text("Filter")
	if bad != nil || !given {
		return nil, bad
	}
	var keys []string
	for clause := range strings.SplitSeq(filter, " -or ") {
		property, rest, _ := strings.Cut(clause, " -eq '")
		name, ended := strings.CutSuffix(rest, "'")
		if overseen[property] == "" || !ended {
			return nil, refused(taskException, "%s", c.t.notSimulated("the filter %s of %s", filter, c.cmdlet))
		}
		name = strings.ReplaceAll(name, "''", "'")
		id := c.t.world.byDN(name)
		if id == "" {
			if id, bad = c.anybody(name); bad != nil {
				return nil, bad
			}
		}
		keys = append(keys, overseen[property]+id)
	}
	return keys, nil
}

// getDynamicDistributionGroup finds lists whose members are looked up each time. One has one manager or none.
// Source: Exchange PowerShell, Get-DynamicDistributionGroup and Set-DynamicDistributionGroup, ManagedBy.
func getDynamicDistributionGroup(c *invocation) ([]object, *failure) {
	identity, given, bad := c.text("Identity")
	if bad != nil {
		return nil, bad
	}
	overseers, bad := c.overseers()
	if bad != nil {
		return nil, bad
	}
	var out []object
	for _, g := range c.t.world.Organization.DynamicGroups {
		keys := append(prefixed("moderator:", g.ModeratedBy), key("owner:", g.ManagedBy))
		by := len(overseers) == 0 || slices.ContainsFunc(overseers, func(o string) bool { return slices.Contains(keys, o) })
		if !by || given && !strings.EqualFold(identity, g.GUID) && !strings.EqualFold(identity, g.DisplayName) {
			continue
		}
		out = append(out, object{
			"Identity": g.DisplayName, "Name": g.DisplayName, "DisplayName": g.DisplayName, "Guid": g.GUID, "ExternalDirectoryObjectId": "", "IsDirSynced": false,
			"RecipientType": "DynamicDistributionGroup", "RecipientTypeDetails": "DynamicDistributionGroup",
			"ManagedBy": c.alias(g.ManagedBy), "ModerationEnabled": g.ModerationEnabled, "ModeratedBy": c.aliases(g.ModeratedBy),
		})
	}
	if given && out == nil {
		return nil, noObject(identity)
	}
	return c.limit(out)
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
