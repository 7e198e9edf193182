package simtenant

import (
	"slices"
	"strconv"
)

func (c *invocation) trustee(parameter string) (string, *failure) {
	name, _, bad := c.text(parameter)
	if bad != nil {
		return "", bad
	}
	return c.anybody(name)
}

func getMailboxPermission(c *invocation) ([]object, *failure) {
	only, under := "", ""
	if _, given := c.args["User"]; given {
		id, bad := c.trustee("User")
		if bad != nil {
			return nil, bad
		}
		only, under = id, "permission:"+id
	}
	boxes, bad := c.others(under)
	if bad != nil {
		return nil, bad
	}
	out := []object{}
	for _, m := range boxes {
		if only == "" {
			out = append(out, object{"Identity": m.Alias, "User": `NT AUTHORITY\SELF`, "AccessRights": []string{"FullAccess", "ReadPermission"}, "IsInherited": false, "Deny": false})
		}
		for _, p := range m.Permissions {
			if only == "" || p.User == only {
				out = append(out, object{"Identity": m.Alias, "User": c.trusted(p.User), "AccessRights": p.Rights, "IsInherited": false, "Deny": false})
			}
		}
	}
	return c.limit(out)
}

func addMailboxPermission(c *invocation) ([]object, *failure) {
	return c.permission(func(have, rights []string) []string {
		return slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(have), rights...))))
	})
}

func removeMailboxPermission(c *invocation) ([]object, *failure) {
	return c.permission(func(have, rights []string) []string {
		return slices.DeleteFunc(slices.Clone(have), func(r string) bool { return slices.Contains(rights, r) })
	})
}

func (c *invocation) permission(edit func(have, rights []string) []string) ([]object, *failure) {
	m, bad := c.named("Identity", false)
	if bad != nil {
		return nil, bad
	}
	who, bad := c.trustee("User")
	if bad != nil {
		return nil, bad
	}
	rights, bad := c.edited("AccessRights", nil)
	if bad != nil {
		return nil, bad
	}
	for _, r := range rights {
		if !slices.Contains([]string{"FullAccess", "ReadPermission", "DeleteItem", "ChangePermission", "ChangeOwner", "SendAs", "ExternalAccount"}, r) {
			return nil, badValue("AccessRights", r)
		}
	}
	if len(rights) == 0 {
		return nil, badValue("AccessRights", c.args["AccessRights"])
	}
	out, bad := c.change(m, func(after *Mailbox) *failure {
		i := slices.IndexFunc(after.Permissions, func(p MailboxPermission) bool { return p.User == who })
		if i < 0 {
			after.Permissions = append(after.Permissions, MailboxPermission{User: who})
			i = len(after.Permissions) - 1
		}
		if after.Permissions[i].Rights = edit(after.Permissions[i].Rights, rights); len(after.Permissions[i].Rights) == 0 {
			after.Permissions = slices.Delete(after.Permissions, i, i+1)
		}
		if len(after.Permissions) == 0 {
			after.Permissions = nil
		}
		return nil
	})
	return out, bad
}

func getRecipientPermission(c *invocation) ([]object, *failure) {
	only, under := "", ""
	if _, given := c.args["Trustee"]; given {
		id, bad := c.trustee("Trustee")
		if bad != nil {
			return nil, bad
		}
		only, under = id, "sendas:"+id
	}
	boxes, bad := c.others(under)
	if bad != nil {
		return nil, bad
	}
	var out []object
	for _, m := range boxes {
		for _, id := range m.SendAs {
			if only == "" || id == only {
				out = append(out, object{"Identity": m.Alias, "Trustee": c.upn(id), "AccessControlType": "Allow", "AccessRights": []string{"SendAs"}, "IsInherited": false, "InheritanceType": "None"})
			}
		}
	}
	return c.limit(out)
}

func addRecipientPermission(c *invocation) ([]object, *failure) {
	m, bad := c.named("Identity", false)
	if bad != nil {
		return nil, bad
	}
	who, bad := c.trustee("Trustee")
	if bad != nil {
		return nil, bad
	}
	rights, bad := c.edited("AccessRights", nil)
	if bad != nil {
		return nil, bad
	}
	if !slices.Equal(rights, []string{"SendAs"}) {
		return nil, badValue("AccessRights", c.args["AccessRights"])
	}
	return c.change(m, func(after *Mailbox) *failure {
		if !slices.Contains(after.SendAs, who) {
			after.SendAs = append(after.SendAs, who)
		}
		return nil
	})
}

func removeRecipientPermission(c *invocation) ([]object, *failure) {
	m, bad := c.named("Identity", false)
	if bad != nil {
		return nil, bad
	}
	who, bad := c.trustee("Trustee")
	if bad != nil {
		return nil, bad
	}
	return c.change(m, func(after *Mailbox) *failure {
		after.SendAs = slices.DeleteFunc(after.SendAs, func(id string) bool { return id == who })
		if len(after.SendAs) == 0 {
			after.SendAs = nil
		}
		return nil
	})
}

// trusted is how Exchange prints who has a right: of somebody whose account is gone, by a SID.
// Source: MicrosoftDocs/office-docs-powershell issue 9089.
func (c *invocation) trusted(id string) string {
	if u := c.t.world.Users[id]; u != nil {
		return u.UserPrincipalName
	}
	if g := c.t.world.Groups[id]; g != nil {
		return g.DisplayName
	}
	return "S-1-5-21-1004336348-1177238915-682003330-" + strconv.Itoa(1000+len(id))
}
