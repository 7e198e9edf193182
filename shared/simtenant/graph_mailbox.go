package simtenant

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// mailbox is the user's mailbox for an Outlook call: as a read finds it, or as it is.
func (c *call) mailbox(reading bool) (*Mailbox, *User, *reply) {
	u, bad := c.writing()
	if reading {
		u, bad = c.reading()
	}
	if bad != nil {
		r := c.fail(http.StatusNotFound, "ErrorInvalidUser", "The requested user '%s' is invalid.", c.arg["id"])
		return nil, nil, &r
	}
	m := c.t.world.Mailboxes[u.ID]
	if reading {
		m = seen(c.t, kindMailbox, u.ID, c.t.world.Mailboxes)
	}
	if !usable(m) {
		r := c.fail(http.StatusNotFound, "MailboxNotEnabledForRESTAPI", "The mailbox is either inactive, soft-deleted, or is hosted on-premise.")
		return nil, nil, &r
	}
	return m, u, nil
}

var settingsSchema = newSchema("mailboxSettings", "",
	field[Mailbox]{"automaticRepliesSetting", func(_ *call, m *Mailbox) any {
		a := m.AutoReply
		return map[string]any{
			"status": a.Status, "externalAudience": a.Audience, "internalReplyMessage": a.Internal, "externalReplyMessage": a.External,
			"scheduledStartDateTime": map[string]any{"dateTime": a.Start.UTC().Format("2006-01-02T15:04:05.0000000"), "timeZone": orElse(a.StartZone, "UTC")},
			"scheduledEndDateTime":   map[string]any{"dateTime": a.End.UTC().Format("2006-01-02T15:04:05.0000000"), "timeZone": orElse(a.EndZone, "UTC")},
		}
	}},
	field[Mailbox]{"timeZone", func(*call, *Mailbox) any { return "W. Europe Standard Time" }},
	field[Mailbox]{"userPurpose", func(_ *call, m *Mailbox) any {
		switch m.Type {
		case "SharedMailbox":
			return "shared"
		case "RoomMailbox":
			return "room"
		case "EquipmentMailbox":
			return "equipment"
		}
		return "user"
	}},
)

func getMailboxSettings(c *call) reply {
	m, u, bad := c.mailbox(true)
	if bad != nil {
		return *bad
	}
	names, bad := c.selection(settingsSchema)
	if bad != nil {
		return *bad
	}
	body := settingsSchema.item(c, "", m).render(names, false)
	body["@odata.context"] = c.context(fmt.Sprintf("users('%s')/mailboxSettings", u.ID), names, false)
	return reply{status: http.StatusOK, body: body}
}

func (c *call) invalidArgument(format string, args ...any) *reply {
	r := c.fail(http.StatusBadRequest, "ErrorInvalidArgument", format, args...)
	return &r
}

func patchMailboxSettings(c *call) reply {
	m, u, bad := c.mailbox(false)
	if bad != nil {
		return *bad
	}
	if bad := c.only(c.body, "automaticRepliesSetting"); bad != nil {
		return *bad
	}
	s, ok := c.body["automaticRepliesSetting"].(map[string]any)
	if !ok {
		return *c.invalidArgument("automaticRepliesSetting is missing.")
	}
	if bad := c.only(s, "status", "externalAudience", "internalReplyMessage", "externalReplyMessage", "scheduledStartDateTime", "scheduledEndDateTime"); bad != nil {
		return *bad
	}
	a := m.AutoReply
	if bad := c.choice(s, "status", &a.Status, "disabled", "alwaysEnabled", "scheduled"); bad != nil {
		return *bad
	}
	if bad := c.choice(s, "externalAudience", &a.Audience, "none", "contactsOnly", "all"); bad != nil {
		return *bad
	}
	for key, to := range map[string]*string{"internalReplyMessage": &a.Internal, "externalReplyMessage": &a.External} {
		if v, ok := str(s, key); ok {
			*to = v
		}
	}
	for key, to := range map[string]struct {
		at   *time.Time
		zone *string
	}{"scheduledStartDateTime": {&a.Start, &a.StartZone}, "scheduledEndDateTime": {&a.End, &a.EndZone}} {
		v, ok := s[key].(map[string]any)
		if !ok {
			continue
		}
		at, _ := str(v, "dateTime")
		zone, _ := str(v, "timeZone")
		moment, err := time.Parse("2006-01-02T15:04:05.999999999", at)
		if err != nil || zone == "" {
			return *c.invalidArgument("%s is no dateTimeTimeZone.", key)
		}
		*to.at, *to.zone = moment, zone
	}
	c.t.before(kindMailbox, u.ID, c.now)
	m.AutoReply = a
	body := settingsSchema.item(c, "", m).render([]string{"automaticRepliesSetting"}, false)
	body["@odata.context"] = c.context(fmt.Sprintf("users('%s')/mailboxSettings", u.ID), nil, false)
	return reply{status: http.StatusOK, body: body}
}

func (c *call) choice(m map[string]any, key string, to *string, allowed ...string) *reply {
	v, given := m[key]
	if !given || v == nil {
		return nil
	}
	s, _ := v.(string)
	if !slices.Contains(allowed, s) {
		return c.invalidArgument("Requested value '%v' for %s was not found.", v, key)
	}
	*to = s
	return nil
}

var ruleSchema = newSchema("messageRule", "",
	field[InboxRule]{"id", func(_ *call, r *InboxRule) any { return r.ID }},
	field[InboxRule]{"displayName", func(_ *call, r *InboxRule) any { return r.Name }},
	field[InboxRule]{"sequence", func(_ *call, r *InboxRule) any { return r.Sequence }},
	field[InboxRule]{"isEnabled", func(_ *call, r *InboxRule) any { return r.Enabled }},
	field[InboxRule]{"hasError", func(*call, *InboxRule) any { return false }},
	field[InboxRule]{"isReadOnly", func(*call, *InboxRule) any { return false }},
	field[InboxRule]{"conditions", func(_ *call, r *InboxRule) any { return r.Conditions }},
	field[InboxRule]{"actions", func(_ *call, r *InboxRule) any { return r.Actions }},
)

func listRules(c *call) reply {
	m, u, bad := c.mailbox(true)
	if bad != nil {
		return *bad
	}
	var items []item
	for i := range m.Rules {
		items = append(items, ruleSchema.item(c, m.Rules[i].ID, &m.Rules[i]))
	}
	return c.list(items, page{set: fmt.Sprintf("users('%s')/mailFolders('inbox')/messageRules", u.ID), size: 100, most: 1000}, ruleSchema)
}

func (m *Mailbox) rule(id string) *InboxRule {
	for i := range m.Rules {
		if m.Rules[i].ID == id {
			return &m.Rules[i]
		}
	}
	return nil
}

func (c *call) noRule() reply {
	return c.fail(http.StatusNotFound, "ErrorItemNotFound", "The specified object was not found in the store.")
}

func getRule(c *call) reply {
	m, u, bad := c.mailbox(true)
	if bad != nil {
		return *bad
	}
	r := m.rule(c.arg["rule"])
	if r == nil {
		return c.noRule()
	}
	return c.entity(fmt.Sprintf("users('%s')/mailFolders('inbox')/messageRules", u.ID), ruleSchema.item(c, r.ID, r), false, ruleSchema)
}

// createRule makes a new rule every time it is asked, as Outlook does: it is not idempotent.
func createRule(c *call) reply {
	m, u, bad := c.mailbox(false)
	if bad != nil {
		return *bad
	}
	r := InboxRule{ID: "AQAAA" + derived("rule", u.ID, c.requestID)[:8] + "=", Sequence: len(m.Rules) + 1, Enabled: true}
	if bad := c.fillRule(&r); bad != nil {
		return *bad
	}
	if r.Name == "" || len(r.Actions) == 0 {
		return *c.invalidArgument("A rule needs displayName and actions.")
	}
	c.t.before(kindMailbox, u.ID, c.now)
	m.Rules = append(slices.Clone(m.Rules), r)
	body := ruleSchema.item(c, r.ID, &r).render(nil, false)
	body["@odata.context"] = c.context(fmt.Sprintf("users('%s')/mailFolders('inbox')/messageRules", u.ID), nil, true)
	return reply{status: http.StatusCreated, body: body}
}

func (c *call) fillRule(r *InboxRule) *reply {
	if bad := c.only(c.body, "displayName", "sequence", "isEnabled", "actions", "conditions", "exceptions"); bad != nil {
		return bad
	}
	if v, ok := str(c.body, "displayName"); ok {
		r.Name = v
	}
	if v, ok := c.body["isEnabled"].(bool); ok {
		r.Enabled = v
	}
	if v, ok := c.body["sequence"].(json.Number); ok {
		n, err := v.Int64()
		if err != nil {
			return c.invalidArgument("sequence is no number.")
		}
		r.Sequence = int(n)
	}
	if v, ok := c.body["actions"].(map[string]any); ok {
		r.Actions = v
	}
	if v, ok := c.body["conditions"].(map[string]any); ok {
		r.Conditions = v
	}
	return nil
}

func patchRule(c *call) reply {
	m, u, bad := c.mailbox(false)
	if bad != nil {
		return *bad
	}
	r := m.rule(c.arg["rule"])
	if r == nil {
		return c.noRule()
	}
	changed := *r
	if bad := c.fillRule(&changed); bad != nil {
		return *bad
	}
	c.t.before(kindMailbox, u.ID, c.now)
	*r = changed
	body := ruleSchema.item(c, r.ID, r).render(nil, false)
	body["@odata.context"] = c.context(fmt.Sprintf("users('%s')/mailFolders('inbox')/messageRules", u.ID), nil, true)
	return reply{status: http.StatusOK, body: body}
}

func deleteRule(c *call) reply {
	m, u, bad := c.mailbox(false)
	if bad != nil {
		return *bad
	}
	if m.rule(c.arg["rule"]) == nil {
		return c.noRule()
	}
	c.t.before(kindMailbox, u.ID, c.now)
	m.Rules = slices.DeleteFunc(slices.Clone(m.Rules), func(r InboxRule) bool { return r.ID == c.arg["rule"] })
	return noContent
}
