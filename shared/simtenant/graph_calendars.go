package simtenant

import (
	"fmt"
	"time"
)

// listCalendars shows the user's own calendar and those of others that they have opened.
func listCalendars(c *call) reply {
	m, u, bad := c.mailbox(true)
	if bad != nil {
		return *bad
	}
	shape := calendarSchema(u)
	items := []item{shape.item(c, m.Owner, m)}
	if m.Contents != nil {
		own := newSchema("calendar", "",
			field[ContentFolder]{"id", func(_ *call, f *ContentFolder) any { return f.ID }},
			field[ContentFolder]{"name", func(_ *call, f *ContentFolder) any { return f.Name }},
			field[ContentFolder]{"owner", func(*call, *ContentFolder) any {
				return map[string]any{"name": m.DisplayName, "address": m.PrimarySMTPAddress}
			}},
		)
		for _, f := range m.Contents.below(ContentEvents, "", true) {
			if f.WellKnown == "" {
				items = append(items, own.item(c, f.ID, f))
			}
		}
	}
	for _, other := range c.t.mailboxes().under("calendar:" + u.ID) {
		if other.Owner != u.ID && usable(other) {
			items = append(items, shape.item(c, other.Owner, other))
		}
	}
	return c.list(items, page{set: "users('" + u.ID + "')/calendars", size: 10, most: 1000}, shape)
}

// calendarSchema is how a user sees the calendar of a mailbox.
func calendarSchema(u *User) *schema[Mailbox] {
	return newSchema("calendar", "",
		field[Mailbox]{"id", func(_ *call, m *Mailbox) any { return "AAMk" + derived("calendar", u.ID, m.Owner) }},
		field[Mailbox]{"name", func(_ *call, m *Mailbox) any { return m.DisplayName }},
		field[Mailbox]{"owner", func(_ *call, m *Mailbox) any {
			return map[string]any{"name": m.DisplayName, "address": m.PrimarySMTPAddress}
		}},
	)
}

// getCalendar shows the user's own calendar.
func getCalendar(c *call) reply {
	m, u, bad := c.mailbox(true)
	if bad != nil {
		return *bad
	}
	shape := calendarSchema(u)
	return c.entity("users('"+u.ID+"')/calendar", shape.item(c, m.Owner, m), false, shape)
}

// outlookTime is a dateTimeTimeZone in UTC.
func outlookTime(t time.Time) any {
	return map[string]any{"dateTime": t.UTC().Format("2006-01-02T15:04:05.0000000"), "timeZone": "UTC"}
}

var eventSchema = newSchema("event", "",
	field[Meeting]{"id", func(_ *call, m *Meeting) any { return m.ID }},
	field[Meeting]{"subject", func(*call, *Meeting) any { return "Planning" }},
	field[Meeting]{"isOrganizer", func(_ *call, m *Meeting) any { return m.Organised }},
	field[Meeting]{"isCancelled", func(*call, *Meeting) any { return false }},
	field[Meeting]{"type", func(_ *call, m *Meeting) any {
		if m.Until.IsZero() {
			return "singleInstance"
		}
		return "seriesMaster"
	}},
	field[Meeting]{"start", func(_ *call, m *Meeting) any { return outlookTime(m.Start) }},
	field[Meeting]{"end", func(_ *call, m *Meeting) any { return outlookTime(m.Start.Add(m.Lasts)) }},
	field[Meeting]{"recurrence", func(_ *call, m *Meeting) any {
		if m.Until.IsZero() {
			return nil
		}
		return map[string]any{
			"pattern": map[string]any{"type": "daily", "interval": 1},
			"range":   map[string]any{"type": "endDate", "startDate": m.Start.Format(time.DateOnly), "endDate": m.Until.Format(time.DateOnly), "recurrenceTimeZone": "UTC", "numberOfOccurrences": 0},
		}
	}},
	field[Meeting]{"attendees", func(_ *call, m *Meeting) any {
		out := []any{}
		for i := range m.Attendees {
			out = append(out, map[string]any{"type": "required", "emailAddress": map[string]any{"name": fmt.Sprintf("Guest %d", i+1), "address": fmt.Sprintf("guest.%d@contoso.com", i+1)}})
		}
		return out
	}},
)

func listEvents(c *call) reply {
	m, u, bad := c.mailbox(true)
	if bad != nil {
		return *bad
	}
	var items []item
	for i := range m.Meetings {
		items = append(items, eventSchema.item(c, m.Meetings[i].ID, &m.Meetings[i]))
	}
	return c.list(items, page{set: fmt.Sprintf("users('%s')/events", u.ID), size: 10, most: 1000}, eventSchema)
}
