package simtenant

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Calendar is a calendar folder of a mailbox, and whom it is shared with.
type Calendar struct {
	Path   string // "/Calendar", in the language of the mailbox
	Shared []MailboxPermission
}

func (f Calendar) sharedWith(user string) bool {
	return slices.ContainsFunc(f.Shared, func(p MailboxPermission) bool { return p.User == user })
}

// distinguishedName is how a filter names a recipient.
func (w *World) distinguishedName(m *Mailbox) string {
	return "CN=" + m.Alias + ",OU=" + w.TenantID + ",OU=Microsoft Exchange Hosted Organizations,DC=EURPR01A001,DC=PROD,DC=OUTLOOK,DC=COM"
}

// onBehalfFilter reads the one filter that is simulated: GrantSendOnBehalfTo -eq 'distinguished name'. It answers the object id.
func (c *invocation) onBehalfFilter() (string, bool, *failure) {
	filter, given, bad := c.text("Filter")
	if bad != nil || !given {
		return "", given, bad
	}
	name, ok := strings.CutPrefix(filter, "GrantSendOnBehalfTo -eq '")
	if name, ok2 := strings.CutSuffix(name, "'"); ok && ok2 {
		for id, m := range c.t.world.Mailboxes {
			if c.t.world.distinguishedName(m) == strings.ReplaceAll(name, "''", "'") {
				return id, true, nil
			}
		}
		return "", true, badValue("Filter", filter)
	}
	return "", true, refused(taskException, "%s", c.t.notSimulated("the filter %s of %s", filter, c.cmdlet))
}

// others are the mailboxes that Identity means: one, or with "*" or without it all.
func (c *invocation) others() ([]*Mailbox, *failure) {
	if identity, given, bad := c.text("Identity"); bad != nil {
		return nil, bad
	} else if given && identity != "*" {
		m, bad := c.named("Identity", true)
		return []*Mailbox{m}, bad
	}
	all := seenAll(c.t, "mailbox", c.t.world.Mailboxes)
	var found []*Mailbox
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if usable(all[id]) {
			found = append(found, all[id])
		}
	}
	return found, nil
}

func getRecipientPermission(c *invocation) ([]object, *failure) {
	boxes, bad := c.others()
	if bad != nil {
		return nil, bad
	}
	only := ""
	if _, given := c.args["Trustee"]; given {
		if only, bad = c.trustee("Trustee"); bad != nil {
			return nil, bad
		}
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

// calendars are the calendar folders of a mailbox; every one has at least one.
func (m *Mailbox) calendars() []Calendar {
	if len(m.Calendars) == 0 {
		return []Calendar{{Path: "/Calendar"}}
	}
	return m.Calendars
}

func getMailboxFolderStatistics(c *invocation) ([]object, *failure) {
	m, bad := c.named("Identity", true)
	if bad != nil {
		return nil, bad
	}
	if scope, _, bad := c.text("FolderScope"); bad != nil || scope != "Calendar" {
		return nil, refused(taskException, "%s", c.t.notSimulated("the FolderScope %s of %s", scope, c.cmdlet))
	}
	var out []object
	for _, f := range m.calendars() {
		out = append(out, object{"Identity": m.Alias + strings.ReplaceAll(f.Path, "/", `\`), "Name": f.Path[strings.LastIndexByte(f.Path, '/')+1:], "FolderPath": f.Path, "FolderType": "Calendar", "ItemsInFolder": 0})
	}
	return out, nil
}

// folder is the calendar that Identity names, such as id:\Calendar, and its place in the mailbox.
func (c *invocation) folder(reading bool) (*Mailbox, int, *failure) {
	identity, _, bad := c.text("Identity")
	if bad != nil {
		return nil, 0, bad
	}
	box, path, _ := strings.Cut(identity, ":")
	m := c.t.world.mailbox(box)
	if m != nil && reading {
		m = seen(c.t, "mailbox", m.Owner, c.t.world.Mailboxes)
	}
	if !usable(m) {
		return nil, 0, noObject(identity)
	}
	i := slices.IndexFunc(m.calendars(), func(f Calendar) bool { return strings.EqualFold(strings.ReplaceAll(f.Path, "/", `\`), path) })
	if i < 0 {
		return nil, 0, noObject(identity)
	}
	return m, i, nil
}

// noEntry is the refusal when somebody has no permission on a folder.
func noEntry(user string) *failure {
	return &failure{http.StatusNotFound, "NotFound", "ExE0A1C7", "Microsoft.Exchange.Management.StoreTasks.UserNotFoundInPermissionEntryException",
		fmt.Sprintf("There is no existing permission entry found for user: %s.", user)}
}

func getMailboxFolderPermission(c *invocation) ([]object, *failure) {
	m, i, bad := c.folder(true)
	if bad != nil {
		return nil, bad
	}
	who, bad := c.trustee("User")
	if bad != nil {
		return nil, bad
	}
	for _, p := range m.calendars()[i].Shared {
		if p.User == who {
			return []object{{"Identity": m.calendars()[i].Path, "FolderName": "Calendar", "User": c.upn(who), "AccessRights": p.Rights, "SharingPermissionFlags": nil}}, nil
		}
	}
	return nil, noEntry(c.upn(who))
}

func removeMailboxFolderPermission(c *invocation) ([]object, *failure) {
	m, i, bad := c.folder(false)
	if bad != nil {
		return nil, bad
	}
	who, bad := c.trustee("User")
	if bad != nil {
		return nil, bad
	}
	if !m.calendars()[i].sharedWith(who) {
		return nil, noEntry(c.upn(who))
	}
	return c.change(m, func(after *Mailbox) *failure {
		after.Calendars[i].Shared = slices.DeleteFunc(slices.Clone(after.Calendars[i].Shared), func(p MailboxPermission) bool { return p.User == who })
		return nil
	})
}
