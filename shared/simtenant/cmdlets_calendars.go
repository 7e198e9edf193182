package simtenant

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Calendar is a calendar folder of a mailbox, and whom it is shared with.
type Calendar struct {
	Path   string // "/Calendar", in the language of the mailbox
	Shared []MailboxPermission
}

func (f Calendar) sharedWith(user string) bool {
	return slices.ContainsFunc(f.Shared, func(p MailboxPermission) bool { return p.User == user })
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
	switch scope, _, bad := c.text("FolderScope"); {
	case bad != nil:
		return nil, bad
	case scope == "RecoverableItems":
		return recoverable(m), nil
	case scope != "Calendar":
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
		m = seen(c.t, kindMailbox, m.Owner, c.t.world.Mailboxes)
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

// addMailboxFolderPermission shares a calendar; somebody who has a permission on it already is refused.
func addMailboxFolderPermission(c *invocation) ([]object, *failure) {
	m, i, bad := c.folder(false)
	if bad != nil {
		return nil, bad
	}
	who, bad := c.trustee("User")
	if bad != nil {
		return nil, bad
	}
	rights, err := asStrings(c.args["AccessRights"])
	if err != nil || len(rights) == 0 {
		return nil, badValue("AccessRights", c.args["AccessRights"])
	}
	if m.calendars()[i].sharedWith(who) {
		return nil, &failure{http.StatusBadRequest, "BadRequest", "Ex2B81F7", "Microsoft.Exchange.Management.StoreTasks.UserAlreadyExistsInPermissionEntryException",
			fmt.Sprintf("An existing permission entry was found for user: %s.", c.upn(who))}
	}
	return c.change(m, func(after *Mailbox) *failure {
		after.Calendars = slices.Clone(after.calendars())
		after.Calendars[i].Shared = append(slices.Clone(after.Calendars[i].Shared), MailboxPermission{User: who, Rights: rights})
		return nil
	})
}

// removeCalendarEvents cancels what the owner organised and has ahead in the window. A series that
// has begun ends with yesterday.
func removeCalendarEvents(c *invocation) ([]object, *failure) {
	m, bad := c.named("Identity", false)
	if bad != nil {
		return nil, bad
	}
	cancel, _, bad := c.truth("CancelOrganizedMeetings")
	if bad != nil {
		return nil, bad
	}
	preview, _, bad := c.truth("PreviewOnly")
	if bad != nil {
		return nil, bad
	}
	from := c.now
	if text, given, bad := c.text("QueryStartDate"); bad != nil {
		return nil, bad
	} else if given {
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return nil, badValue("QueryStartDate", text)
		}
		from = t
	}
	days, err := strconv.Atoi(fmt.Sprint(c.args["QueryWindowInDays"]))
	if err != nil || days < 1 || days > 1825 {
		return nil, badValue("QueryWindowInDays", fmt.Sprint(c.args["QueryWindowInDays"]))
	}
	if !cancel {
		return nil, refused(recipientException, "Specify CancelOrganizedMeetings.")
	}
	if preview {
		return nil, nil
	}
	return c.change(m, func(after *Mailbox) *failure {
		today := from.Truncate(24 * time.Hour)
		for i := range after.Meetings {
			if e := &after.Meetings[i]; e.Organised && !e.Until.IsZero() && e.Start.Before(from) && !e.Until.Before(today) {
				e.Until = today.Add(-time.Second)
			}
		}
		after.Meetings = slices.DeleteFunc(after.Meetings, func(e Meeting) bool {
			return e.Organised && e.Attendees > 0 && !e.Start.Before(from) && e.Start.Before(from.AddDate(0, 0, days))
		})
		return nil
	})
}

// recoverable are the folders of what was deleted. Everything lies in Deletions here.
// Source: Exchange, Recoverable Items folder.
func recoverable(m *Mailbox) []object {
	var out []object
	for _, name := range []string{"Recoverable Items", "Deletions", "Purges", "Versions", "DiscoveryHolds"} {
		count, size := 0, int64(0)
		if name == "Deletions" {
			count, size = m.DeletedItemCount, m.DeletedItemSize
		}
		out = append(out, object{"Identity": m.Alias + `\` + name, "Name": name, "FolderPath": "/" + name, "FolderType": strings.ReplaceAll("RecoverableItems"+strings.TrimPrefix(name, "Recoverable Items"), " ", ""),
			"ItemsInFolder": count, "FolderSize": sizeText(size)})
	}
	return out
}

// getCalendarProcessing says of a room or a piece of equipment who approves its bookings.
func getCalendarProcessing(c *invocation) ([]object, *failure) {
	return c.each(func(m *Mailbox) object {
		delegates := c.aliases(m.ResourceDelegates)
		automate := "AutoUpdate"
		if m.Type == "RoomMailbox" || m.Type == "EquipmentMailbox" {
			automate = "AutoAccept"
		}
		return object{
			"Identity": m.Alias, "MailboxOwnerId": m.Alias, "AutomateProcessing": automate, "ResourceDelegates": delegates,
			"ForwardRequestsToDelegates": true, "AllBookInPolicy": len(delegates) == 0, "AllRequestInPolicy": len(delegates) > 0,
		}
	})
}

func setCalendarProcessing(c *invocation) ([]object, *failure) {
	m, bad := c.named("Identity", false)
	if bad != nil {
		return nil, bad
	}
	return c.change(m, func(after *Mailbox) *failure {
		if _, given := c.args["ResourceDelegates"]; !given {
			return nil
		}
		ids, bad := c.recipients("ResourceDelegates", after.ResourceDelegates)
		after.ResourceDelegates = ids
		return bad
	})
}

// recipients applies a multi-valued parameter that names mailboxes to a list of object ids.
func (c *invocation) recipients(parameter string, have []string) ([]string, *failure) {
	if table, ok := c.args[parameter].(map[string]any); ok { // what is there is named as the caller may name it
		names := map[string]any{}
		for k, v := range table {
			list, err := asStrings(v)
			if one, isText := v.(string); isText {
				list, err = []string{one}, nil
			}
			if k == "@odata.type" || err != nil {
				names[k] = v
				continue
			}
			ids := []any{}
			for _, n := range list {
				id, bad := c.anybody(n)
				if bad != nil {
					return nil, bad
				}
				ids = append(ids, id)
			}
			names[k] = ids
		}
		c.args[parameter] = names
	}
	names, bad := c.edited(parameter, have)
	if bad != nil {
		return nil, bad
	}
	var ids []string
	for _, n := range names {
		id, bad := c.anybody(n)
		if bad != nil {
			return nil, bad
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// anybody is the object id of a user or the owner of a mailbox.
func (c *invocation) anybody(name string) (string, *failure) {
	if id := c.t.world.userID(name); id != "" {
		return id, nil
	}
	if m := c.t.world.mailbox(name); m != nil {
		return m.Owner, nil
	}
	return "", noObject(name)
}
