package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-ical"
	"github.com/emersion/go-vcard"

	"leaver/shared/offboarding"
)

// converted is an entry in the format of the trade, and the ending of its file: vCard 4.0 (RFC 6350) for
// contacts, iCalendar (RFC 5545) for events and tasks. What the format has no word for is in the JSON.
func converted(part offboarding.MailboxPart, raw json.RawMessage, changes offboarding.SeriesChanges) (text []byte, ending string, err error) {
	switch part {
	case offboarding.PartContacts:
		text, err = card(raw)
		return text, "vcf", err
	case offboarding.PartCalendar:
		text, err = events(raw, changes)
	default:
		text, err = task(raw)
	}
	return text, "ics", err
}

type address struct {
	Street, City, State, PostalCode, CountryOrRegion string
}

func (a address) empty() bool { return a == address{} }

// card is a contact as a vCard. Source: Microsoft Graph, resource type contact.
func card(raw json.RawMessage) ([]byte, error) {
	var c struct {
		ID, DisplayName, GivenName, Surname, MiddleName, Title, NickName string
		CompanyName, Department, JobTitle, PersonalNotes, MobilePhone    string
		BusinessHomePage                                                 string
		Birthday                                                         *time.Time
		EmailAddresses                                                   []struct{ Name, Address string }
		BusinessPhones, HomePhones, ImAddresses, Categories              []string
		BusinessAddress, HomeAddress, OtherAddress                       address
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, fmt.Errorf("the contact cannot be read: %w", err)
	}
	v := vcard.Card{}
	v.SetValue(vcard.FieldUID, c.ID)
	v.SetValue(vcard.FieldFormattedName, c.DisplayName)
	v.AddName(&vcard.Name{FamilyName: c.Surname, GivenName: c.GivenName, AdditionalName: c.MiddleName, HonorificPrefix: c.Title})
	set := func(field, value string) {
		if value != "" {
			v.AddValue(field, value)
		}
	}
	set(vcard.FieldNickname, c.NickName)
	set(vcard.FieldTitle, c.JobTitle)
	set(vcard.FieldNote, c.PersonalNotes)
	set(vcard.FieldURL, c.BusinessHomePage)
	if c.CompanyName != "" || c.Department != "" {
		escape := strings.NewReplacer(";", `\;`)
		v.SetValue(vcard.FieldOrganization, strings.TrimSuffix(escape.Replace(c.CompanyName)+";"+escape.Replace(c.Department), ";"))
	}
	if c.Birthday != nil {
		v.SetValue(vcard.FieldBirthday, c.Birthday.UTC().Format("20060102"))
	}
	for _, e := range c.EmailAddresses {
		set(vcard.FieldEmail, e.Address)
	}
	for _, phones := range []struct {
		kind    string
		numbers []string
	}{{vcard.TypeWork, c.BusinessPhones}, {vcard.TypeHome, c.HomePhones}, {vcard.TypeCell, []string{c.MobilePhone}}} {
		for _, number := range phones.numbers {
			if number != "" {
				v.Add(vcard.FieldTelephone, &vcard.Field{Value: number, Params: vcard.Params{vcard.ParamType: {phones.kind}}})
			}
		}
	}
	for _, im := range c.ImAddresses {
		set(vcard.FieldIMPP, im)
	}
	for _, at := range []struct {
		kind string
		address
	}{{vcard.TypeWork, c.BusinessAddress}, {vcard.TypeHome, c.HomeAddress}, {"", c.OtherAddress}} {
		if at.empty() {
			continue
		}
		a := &vcard.Address{Field: &vcard.Field{}, StreetAddress: at.Street, Locality: at.City, Region: at.State, PostalCode: at.PostalCode, Country: at.CountryOrRegion}
		if at.kind != "" {
			a.Params = vcard.Params{vcard.ParamType: {at.kind}}
		}
		v.AddAddress(a)
	}
	if len(c.Categories) > 0 {
		v.SetValue(vcard.FieldCategories, strings.Join(c.Categories, ","))
	}
	vcard.ToV4(v)
	var b bytes.Buffer
	if err := vcard.NewEncoder(&b).Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// moment is a dateTimeTimeZone of Graph, which is in UTC unless it was asked for another.
type moment struct{ DateTime, TimeZone string }

func (m moment) time() (time.Time, error) {
	return time.Parse("2006-01-02T15:04:05", strings.SplitN(m.DateTime, ".", 2)[0])
}

type recurrence struct {
	Pattern struct {
		Type           string
		Interval       int
		Month          int
		DayOfMonth     int
		DaysOfWeek     []string
		FirstDayOfWeek string
		Index          string
	}
	Range struct {
		Type, EndDate, RecurrenceTimeZone string
		NumberOfOccurrences               int
	}
}

// days are the days of the week as RFC 5545 has them.
func days(names []string) []string {
	var out []string
	for _, name := range names {
		if len(name) >= 2 {
			out = append(out, strings.ToUpper(name[:2]))
		}
	}
	return out
}

// indexes are the places of a day in a month.
var indexes = map[string]string{"first": "1", "second": "2", "third": "3", "fourth": "4", "last": "-1"}

// rule is a recurrence as an RRULE, of a series in a time zone. Sources: Microsoft Graph, resource types
// recurrencePattern and recurrenceRange; RFC 5545, 3.3.10.
func (r recurrence) rule(zone *time.Location) (string, error) {
	p := r.Pattern
	parts := []string{}
	place := func() {
		var on []string
		for _, day := range days(p.DaysOfWeek) {
			on = append(on, indexes[p.Index]+day)
		}
		parts = append(parts, "BYDAY="+strings.Join(on, ","))
	}
	switch p.Type {
	case "daily":
		parts = append(parts, "FREQ=DAILY")
	case "weekly":
		parts = append(parts, "FREQ=WEEKLY", "BYDAY="+strings.Join(days(p.DaysOfWeek), ","))
		if first := days([]string{p.FirstDayOfWeek}); len(first) > 0 {
			parts = append(parts, "WKST="+first[0])
		}
	case "absoluteMonthly":
		parts = append(parts, "FREQ=MONTHLY", "BYMONTHDAY="+strconv.Itoa(p.DayOfMonth))
	case "relativeMonthly":
		parts = append(parts, "FREQ=MONTHLY")
		place()
	case "absoluteYearly":
		parts = append(parts, "FREQ=YEARLY", "BYMONTH="+strconv.Itoa(p.Month), "BYMONTHDAY="+strconv.Itoa(p.DayOfMonth))
	case "relativeYearly":
		parts = append(parts, "FREQ=YEARLY", "BYMONTH="+strconv.Itoa(p.Month))
		place()
	default:
		return "", fmt.Errorf("a recurrence of the type %q", p.Type)
	}
	if p.Interval > 1 {
		parts = append(parts, "INTERVAL="+strconv.Itoa(p.Interval))
	}
	switch r.Range.Type {
	case "numbered":
		parts = append(parts, "COUNT="+strconv.Itoa(r.Range.NumberOfOccurrences))
	case "endDate":
		last, err := time.ParseInLocation(time.DateOnly, r.Range.EndDate, zone)
		if err != nil {
			return "", fmt.Errorf("a recurrence that ends on %q", r.Range.EndDate)
		}
		parts = append(parts, "UNTIL="+last.AddDate(0, 0, 1).Add(-time.Second).UTC().Format(iCalendarTime))
	}
	return strings.Join(parts, ";"), nil
}

// set gives a component its recurrence.
func (r recurrence) set(c *ical.Component, zone *time.Location) error {
	rule, err := r.rule(zone)
	if err != nil {
		return err
	}
	p := ical.NewProp(ical.PropRecurrenceRule)
	p.Value = rule
	c.Props.Set(p)
	return nil
}

// iCalendarTime is a time in UTC, as RFC 5545 has it.
const iCalendarTime = "20060102T150405Z"

// stamped is a component of a calendar with its id and its time.
func stamped(name, uid string, at time.Time) *ical.Component {
	c := ical.NewComponent(name)
	c.Props.SetText(ical.PropUID, uid)
	c.Props.SetDateTime(ical.PropDateTimeStamp, at.UTC())
	return c
}

// calendar is components as a file.
func calendar(of ...*ical.Component) ([]byte, error) {
	out := ical.NewCalendar()
	out.Props.SetText(ical.PropVersion, "2.0")
	out.Props.SetText(ical.PropProductID, "-//Leaver//Mailbox export//EN")
	out.Children = of
	var b bytes.Buffer
	if err := ical.NewEncoder(&b).Encode(out); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// plainBody is a body as text: what Graph previews of HTML, which is whole in the JSON.
func plainBody(kind, content, preview string) string {
	if strings.EqualFold(kind, "text") {
		return content
	}
	return preview
}

// task is a task as iCalendar. Source: Microsoft Graph, resource type todoTask.
func task(raw json.RawMessage) ([]byte, error) {
	var t struct {
		ID, Title, Status, Importance string
		Body                          struct{ ContentType, Content string }
		DueDateTime, StartDateTime    *moment
		CompletedDateTime             *moment
		LastModifiedDateTime          time.Time
		Recurrence                    *recurrence
	}
	if err := json.Unmarshal(raw, &t); err != nil {
		return nil, fmt.Errorf("the task cannot be read: %w", err)
	}
	c := stamped(ical.CompToDo, t.ID, t.LastModifiedDateTime)
	c.Props.SetText(ical.PropSummary, t.Title)
	if text := plainBody(t.Body.ContentType, t.Body.Content, ""); text != "" {
		c.Props.SetText(ical.PropDescription, text)
	}
	c.Props.SetText(ical.PropStatus, map[string]string{"completed": "COMPLETED", "inProgress": "IN-PROCESS"}[t.Status])
	if c.Props.Get(ical.PropStatus).Value == "" {
		c.Props.SetText(ical.PropStatus, "NEEDS-ACTION")
	}
	if priority := map[string]string{"high": "1", "low": "9"}[t.Importance]; priority != "" {
		c.Props.SetText(ical.PropPriority, priority)
	}
	start := t.StartDateTime
	if start == nil && t.Recurrence != nil {
		start = t.DueDateTime // a rule needs a beginning
	}
	for property, at := range map[string]*moment{ical.PropDue: t.DueDateTime, ical.PropDateTimeStart: start, ical.PropCompleted: t.CompletedDateTime} {
		if at == nil || property == ical.PropDue && start == t.DueDateTime && start != nil {
			continue
		}
		moment, err := at.time()
		if err != nil {
			return nil, fmt.Errorf("its %s: %w", property, err)
		}
		c.Props.SetDateTime(property, moment)
	}
	if t.Recurrence != nil {
		if err := t.Recurrence.set(c, time.UTC); err != nil {
			return nil, err
		}
	}
	return calendar(c)
}
