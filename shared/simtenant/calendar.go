package simtenant

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

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

// removeCalendarEvents cancels what the owner organised and has ahead in the window. A series that has begun ends with yesterday.
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
