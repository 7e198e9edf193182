package export

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-ical"

	"leaver/shared/offboarding"
)

// hasAttachments reports whether an event says that it has some.
func hasAttachments(raw json.RawMessage) bool {
	var e struct{ HasAttachments bool }
	return json.Unmarshal(raw, &e) == nil && e.HasAttachments
}

// isSeries reports whether an event stands for a series.
func isSeries(raw json.RawMessage) bool {
	var e struct{ Type string }
	return json.Unmarshal(raw, &e) == nil && e.Type == "seriesMaster"
}

// withOccurrences is a series as Graph has it, with what was changed and cancelled of it under the names by
// which Graph hands them out.
func withOccurrences(raw json.RawMessage, changes offboarding.SeriesChanges) json.RawMessage {
	var e map[string]json.RawMessage
	if len(changes.Changed)+len(changes.Cancelled) == 0 || json.Unmarshal(raw, &e) != nil {
		return raw
	}
	var changed []json.RawMessage
	for _, c := range changes.Changed {
		changed = append(changed, c.JSON)
	}
	e["exceptionOccurrences"], _ = json.Marshal(changed) // that were JSON always marshal, and so do strings
	e["cancelledOccurrences"], _ = json.Marshal(changes.Cancelled)
	text, _ := json.Marshal(e)
	return text
}

type mailbox struct {
	EmailAddress struct{ Name, Address string }
}

// event is what iCalendar has words for of an event of Graph.
type event struct {
	ID, ICalUID, Subject, BodyPreview, OriginalStartTimeZone, Sensitivity string
	Body                                                                  struct{ ContentType, Content string }
	Start, End                                                            moment
	IsAllDay, IsCancelled                                                 bool
	LastModifiedDateTime, OriginalStart                                   time.Time
	Location                                                              struct{ DisplayName string }
	Organizer                                                             mailbox
	Attendees                                                             []struct {
		mailbox
		Type   string
		Status struct{ Response string }
	}
	Recurrence *recurrence
}

// events is an event as iCalendar. A series is in its own time zone, so that it keeps its hour over summer
// time, and has its rule, the days on which it does not take place, and every changed occurrence beside it,
// under the same UID and the RECURRENCE-ID of when it would have begun. Where a zone has no name that is known
// everything is in UTC, and the zone is named as X-MICROSOFT-TIMEZONE alone.
// Sources: Microsoft Graph, resource type event; RFC 5545, 3.6.1, 3.8.4.4 and 3.8.5.1.
func events(raw json.RawMessage, changes offboarding.SeriesChanges) ([]byte, error) {
	var e event
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, fmt.Errorf("the event cannot be read: %w", err)
	}
	uid := e.ICalUID
	if uid == "" {
		uid = e.ID
	}
	if e.Recurrence == nil {
		c, err := e.component(uid, time.UTC)
		if err != nil {
			return nil, err
		}
		return calendar(c)
	}
	zone := time.UTC
	if !e.IsAllDay {
		zone = zoneOf(e.Recurrence.Range.RecurrenceTimeZone, e.OriginalStartTimeZone)
	}
	series, err := e.component(uid, zone)
	if err == nil {
		err = e.Recurrence.set(series, zone)
	}
	if err != nil {
		return nil, err
	}
	start, _ := e.Start.time() // which component has read
	last := start
	all := []*ical.Component{series}
	var original []time.Time
	for _, c := range changes.Changed {
		var changed event
		if err := json.Unmarshal(c.JSON, &changed); err != nil || changed.OriginalStart.IsZero() {
			return nil, errors.New("a changed occurrence does not say which it was")
		}
		one, err := changed.component(uid, zone)
		if err != nil {
			return nil, fmt.Errorf("a changed occurrence: %w", err)
		}
		one.Props.Add(e.moment(ical.PropRecurrenceID, changed.OriginalStart.In(zone)))
		all, original = append(all, one), append(original, changed.OriginalStart)
		if changed.OriginalStart.After(last) {
			last = changed.OriginalStart
		}
	}
	cancelled, err := e.cancelled(series, changes, original, start.In(zone))
	if err != nil {
		return nil, err
	}
	for _, at := range cancelled {
		series.Props.Add(e.moment(ical.PropExceptionDates, at))
	}
	if zone != time.UTC {
		all = append([]*ical.Component{zoneComponent(zone, start, last.AddDate(zoneYears, 0, 0))}, all...)
	}
	return calendar(all...)
}

// zoneYears is for how long behind the last time that is known a zone is written out.
const zoneYears = 20

// moment is a time of an event: a day when it has no hours.
func (e event) moment(property string, at time.Time) *ical.Prop {
	p := ical.NewProp(property)
	if e.IsAllDay {
		p.SetDate(at)
	} else {
		p.SetDateTime(at)
	}
	return p
}

// cancelled are when occurrences would have begun that do not take place: on the days that Graph says, or
// what is missing of those that the rule says.
func (e event) cancelled(series *ical.Component, changes offboarding.SeriesChanges, original []time.Time, start time.Time) ([]time.Time, error) {
	var found []time.Time
	for _, text := range changes.Cancelled {
		day, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return nil, fmt.Errorf("a cancelled occurrence is of the day %q", text)
		}
		found = append(found, time.Date(day.Year(), day.Month(), day.Day(), start.Hour(), start.Minute(), start.Second(), 0, start.Location()))
	}
	if changes.Until.IsZero() {
		return found, nil
	}
	rule, err := series.RecurrenceSet(start.Location())
	if err != nil {
		return nil, fmt.Errorf("its rule: %w", err)
	}
	for _, at := range rule.Between(start, changes.Until, true) {
		same := func(other time.Time) bool { return other.Equal(at) }
		if !slices.ContainsFunc(changes.Unchanged, same) && !slices.ContainsFunc(original, same) {
			found = append(found, at)
		}
	}
	return found, nil
}

// component is the event as a component, with its times in a zone.
func (e event) component(uid string, zone *time.Location) (*ical.Component, error) {
	start, err := e.Start.time()
	if err != nil {
		return nil, fmt.Errorf("its start: %w", err)
	}
	end, err := e.End.time()
	if err != nil {
		return nil, fmt.Errorf("its end: %w", err)
	}
	c := stamped(ical.CompEvent, uid, e.LastModifiedDateTime)
	c.Props.Add(e.moment(ical.PropDateTimeStart, start.In(zone)))
	c.Props.Add(e.moment(ical.PropDateTimeEnd, end.In(zone)))
	for property, value := range map[string]string{ical.PropSummary: e.Subject, ical.PropDescription: plainBody(e.Body.ContentType, e.Body.Content, e.BodyPreview), ical.PropLocation: e.Location.DisplayName, "X-MICROSOFT-TIMEZONE": e.OriginalStartTimeZone} {
		if value != "" {
			c.Props.SetText(property, value)
		}
	}
	if e.IsCancelled {
		c.Props.SetText(ical.PropStatus, "CANCELLED")
	}
	if e.Sensitivity == "private" || e.Sensitivity == "confidential" {
		c.Props.SetText(ical.PropClass, strings.ToUpper(e.Sensitivity))
	}
	person(c, ical.PropOrganizer, e.Organizer.EmailAddress.Name, e.Organizer.EmailAddress.Address, "", "")
	for _, a := range e.Attendees {
		person(c, ical.PropAttendee, a.EmailAddress.Name, a.EmailAddress.Address, roles[a.Type], answers[a.Status.Response])
	}
	return c, nil
}

// person adds an organiser or attendee.
func person(c *ical.Component, property, name, address, role, answer string) {
	if address == "" {
		return
	}
	p := ical.NewProp(property)
	p.Value = "mailto:" + address
	for param, value := range map[string]string{ical.ParamCommonName: name, ical.ParamRole: role, ical.ParamParticipationStatus: answer} {
		if value != "" {
			p.Params.Set(param, strings.Map(func(r rune) rune {
				if r == '"' || r < ' ' {
					return '\''
				}
				return r
			}, value))
		}
	}
	c.Props.Add(p)
}

// What Graph calls the part of an attendee, and what they answered, as RFC 5545 has it.
var (
	roles   = map[string]string{"required": "REQ-PARTICIPANT", "optional": "OPT-PARTICIPANT", "resource": "NON-PARTICIPANT"}
	answers = map[string]string{"accepted": "ACCEPTED", "declined": "DECLINED", "tentativelyAccepted": "TENTATIVE", "notResponded": "NEEDS-ACTION", "none": "NEEDS-ACTION"}
)
