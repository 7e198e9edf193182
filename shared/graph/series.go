package graph

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"leaver/shared/offboarding"
)

// seriesOf are the parts of a series that say how long it goes on.
type seriesOf struct {
	Start      struct{ DateTime string }
	Recurrence *struct {
		Pattern struct {
			Type     string
			Interval int
		}
		Range struct {
			Type, EndDate       string
			NumberOfOccurrences int
		}
	}
}

// exceptionOccurrences is no call of its own: a series is asked to be answered with them.
const exceptionOccurrences = "/users/{}/events/{}/exceptionOccurrences"

// SeriesChanges are the occurrences of a series of events that were changed or cancelled. Microsoft's clouds
// for the US government and China do not say them of the series: there all occurrences are listed.
// Permission: Calendars.Read.
// Sources: Microsoft Graph, resource type event, exceptionOccurrences and cancelledOccurrences, which come
// only when asked for by name; microsoft-graph-docs-contrib issues 4485 and 6480.
func (c *Client) SeriesChanges(ctx context.Context, user, event string) (offboarding.SeriesChanges, error) {
	one := call{
		doing: "reading the changed occurrences of event", objects: []string{user}, items: []string{event}, path: "/users/{}/events/{}",
		query: "$select=id,cancelledOccurrences&$expand=exceptionOccurrences", budget: budgetMailbox, prefer: lastingIDs,
	}
	if c.lacks(exceptionOccurrences) {
		return c.occurrences(ctx, user, event)
	}
	s, err := get[struct {
		CancelledOccurrences []string
		ExceptionOccurrences []json.RawMessage
		Next                 string `json:"exceptionOccurrences@odata.nextLink"`
	}](ctx, c, one)
	if unknown(err) || has(err, "RequestBroker--ParseUri") {
		return c.occurrences(ctx, user, event)
	}
	if err != nil {
		return offboarding.SeriesChanges{}, ofItem(err)
	}
	var out offboarding.SeriesChanges
	for _, id := range s.CancelledOccurrences { // OID.<id of the series>.<day>
		out.Cancelled = append(out.Cancelled, id[strings.LastIndexByte(id, '.')+1:])
	}
	all := s.ExceptionOccurrences
	if one.next = s.Next; one.next != "" {
		more, err := list[json.RawMessage](ctx, c, one)
		if err != nil {
			return out, ofItem(err)
		}
		all = append(all, more...)
	}
	for _, raw := range all {
		if out.Changed, err = withEntry(out.Changed, raw, one); err != nil {
			return out, err
		}
	}
	return out, nil
}

func withEntry(all []offboarding.MailboxEntry, raw json.RawMessage, one call) ([]offboarding.MailboxEntry, error) {
	var known struct{ ID, ChangeKey string }
	if err := json.Unmarshal(raw, &known); err != nil || known.ID == "" {
		return all, fmt.Errorf("%s: an occurrence cannot be read", one.what())
	}
	return append(all, offboarding.MailboxEntry{ID: known.ID, Version: known.ChangeKey, JSON: raw}), nil
}

const (
	day = 24 * time.Hour
	// viewed is how long a time the occurrences of are asked for at once: Outlook shows 1,825 days.
	viewed = 1800 * day
	// moved is how far an occurrence is looked for from where the rule has it.
	moved = 366 * day
	// ahead is how far a series without an end is looked at, from now.
	ahead = 2 * moved
	// longestSeries bounds one that has an end nobody will see.
	longestSeries = 100 * moved
)

// ends is when a series is over, as far as its rule says without being counted out.
func (s seriesOf) ends(start, now time.Time) (end time.Time, open bool) {
	r := s.Recurrence
	switch r.Range.Type {
	case "endDate":
		if last, err := time.Parse(time.DateOnly, r.Range.EndDate); err == nil {
			if end = last.Add(day); end.After(start.Add(longestSeries)) {
				end = start.Add(longestSeries)
			}
			return end, false
		}
	case "numbered":
		step := day
		for kind, days := range map[string]time.Duration{"weekly": 7 * day, "Monthly": 31 * day, "Yearly": moved} {
			if strings.HasSuffix(r.Pattern.Type, kind) {
				step = days
			}
		}
		most := longestSeries / step
		times, every := time.Duration(max(r.Range.NumberOfOccurrences, 1)), time.Duration(max(r.Pattern.Interval, 1))
		return start.Add(min(min(times, most)*min(every, most), most) * step), false
	}
	return now.Add(ahead), true
}

// occurrences lists all occurrences of a series.
// Source: Microsoft Graph, event: list instances.
func (c *Client) occurrences(ctx context.Context, user, event string) (offboarding.SeriesChanges, error) {
	var out offboarding.SeriesChanges
	about := call{doing: "reading the occurrences of event", objects: []string{user}, items: []string{event}, path: "/users/{}/events/{}", query: "$select=id,start,recurrence", budget: budgetMailbox, prefer: lastingIDs}
	a, err := c.send(ctx, about)
	if err != nil {
		return out, ofItem(err)
	}
	s, err := decode[seriesOf](a)
	if err != nil {
		return out, err
	}
	start, err := outlookTime(s.Start.DateTime)
	if err != nil || s.Recurrence == nil {
		return out, fmt.Errorf("%s: it is no series", about.what())
	}
	end, open := s.ends(start, a.at)
	if out.Until = end; open {
		out.Until = end.Add(-moved) // who was moved out of sight is not taken for cancelled
	}
	seen := map[string]bool{} // what reaches from one view into the next is in both
	for from := start.Add(-moved); from.Before(end.Add(moved)); from = from.Add(viewed) {
		const form = "2006-01-02T15:04:05"
		one := about
		one.path, one.query = "/users/{}/events/{}/instances", fmt.Sprintf("startDateTime=%s&endDateTime=%s&$select=id,type,start,originalStart&$top=500", from.Format(form), from.Add(viewed).Format(form))
		type instance struct {
			ID, Type      string
			Start         struct{ DateTime string }
			OriginalStart time.Time
		}
		found, err := list[instance](ctx, c, one)
		if err != nil {
			return out, ofItem(err)
		}
		for _, i := range found {
			if seen[i.ID] {
				continue
			}
			seen[i.ID] = true
			if i.Type == "exception" {
				one := about
				one.items, one.query = []string{i.ID}, ""
				raw, err := get[json.RawMessage](ctx, c, one)
				if err == nil {
					out.Changed, err = withEntry(out.Changed, raw, one)
				}
				if err != nil {
					return out, ofItem(err)
				}
				continue
			}
			at, err := outlookTime(i.Start.DateTime)
			if err != nil {
				return out, fmt.Errorf("%s: an occurrence has no beginning", about.what())
			}
			out.Unchanged = append(out.Unchanged, at)
		}
	}
	return out, nil
}

// outlookTime is the time of a dateTimeTimeZone, in UTC.
func outlookTime(text string) (time.Time, error) {
	whole, _, _ := strings.Cut(text, ".")
	return time.Parse("2006-01-02T15:04:05", whole)
}
