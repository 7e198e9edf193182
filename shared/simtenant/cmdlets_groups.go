package simtenant

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

func removeDistributionGroupMember(c *invocation) ([]object, *failure) {
	identity, _, bad := c.text("Identity")
	if bad != nil {
		return nil, bad
	}
	member, _, bad := c.text("Member")
	if bad != nil {
		return nil, bad
	}
	id := c.t.world.userID(member)
	if m := c.t.world.mailbox(member); id == "" && m != nil {
		id = m.Owner
	}
	w := c.t.world
	for _, at := range slices.Concat([]string{strings.ToLower(identity)}, w.under(kindGroup, key("mail:", identity)), w.under(kindGroup, key("displayname:", identity))) {
		g := w.Groups[at]
		if g == nil || !g.MailEnabled || g.Unified {
			continue
		}
		switch {
		case g.OnPremisesSyncEnabled != nil && *g.OnPremisesSyncEnabled:
			return nil, refused(scopeException, "The operation on \"%s\" failed because it's out of the current user's write scope. The object is being synchronized from your on-premises organization.", g.DisplayName)
		case id == "" || !w.isMember(g, id):
			return nil, &failure{http.StatusNotFound, "NotFound", "ExFC0E14", "Microsoft.Exchange.Management.Tasks.MemberNotFoundException",
				fmt.Sprintf("The recipient \"%s\" isn't a member of the group \"%s\".", member, g.DisplayName)}
		}
		c.t.dropMember(g, id)
		return nil, nil
	}
	return nil, noObject(identity)
}
