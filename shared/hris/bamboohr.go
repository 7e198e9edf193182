package hris

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"leaver/shared/hris/webhook"
	"leaver/shared/offboarding"
)

// bamboohr tells that somebody's status took effect, and nothing before; what is planned has to be
// polled. It never sends again what was answered 4xx.
// Source: documentation.bamboohr.com, webhooks, event-based webhooks; BambooHR/bhr-api-php, docs/Api.
var bamboohr = vendor{
	name: "bamboohr", dated: true, unverified: http.StatusServiceUnavailable, maxBody: 256 << 10, nobody: "2147483647",
	setup: []string{
		"a global webhook in the admin pages, not one through the API: that one ends with its creator",
		"events employee.updated and employee.deleted, format JSON, the monitored field Employment Status",
		"its private key, as the secret",
		"an API key that sees workEmail, employeeNumber, terminationDate and the table employmentStatus",
	},
	validate: func(c Config) error {
		if c.Signature != nil {
			return errors.New("signature: BambooHR has its own")
		}
		if m := c.Map; m != nil && (len(m.Terminated) == 0 || len(m.Cancelled) > 0 || slices.ContainsFunc(pointersOf(m), func(p string) bool { return p != "" })) {
			return errors.New("map: only terminated can be declared, the labels of employment status that mean that somebody left")
		}
		return nil
	},
	verifier: func(c Config) (webhook.Verifier, error) { return bambooSignature.With(c.Secrets) },
	read:     readBambooHR,
	reader: func(c Config, ask *client) Reader {
		ask.sign = func(r *http.Request) { r.SetBasicAuth(c.API.Secret, "x") }
		labels := []string{"Terminated"}
		if c.Map != nil {
			labels = c.Map.Terminated
		}
		return &bambooReader{client: ask, terminated: labels}
	},
}

// bambooSignature has a wide tolerance: whether a webhook that is sent again, up to two and a half
// hours later, has a new timestamp is not documented, and what it says is read back.
var bambooSignature = webhook.Signature{
	Header: "X-BambooHR-Signature", Signed: "{body}{timestamp}", Timestamp: "X-BambooHR-Timestamp",
	Unit: webhook.SecondsOrRFC3339, Tolerance: 3 * time.Hour,
}

// bambooSelf is the id that means whoever owns the API key, and in lists a user who is no employee.
// Source: documentation.bamboohr.com, get employee; smeggingsmegger/PyBambooHR#52.
const bambooSelf = "0"

func pointersOf(m *Map) []string {
	var all []string
	for _, p := range m.pointers() {
		all = append(all, *p)
	}
	return all
}

func readBambooHR(c Config, v webhook.Verified) (Meaning, error) {
	body, err := parseDocument(v.Body())
	if err != nil {
		return Meaning{}, invalid("%w; choose the format JSON for the webhook", err)
	}
	var meaning Meaning
	for _, one := range body.at("/employees").list() { // the older, field-based kind
		if id := one.at("/id").text(); id != "" && id != bambooSelf {
			meaning.hint(c, v, event{name: "employee_with_fields", person: id, raw: one.raw()})
		}
	}
	e := event{name: body.at("/type").text(), person: body.at("/data/employeeId").text()}
	e.id = strings.Join([]string{body.at("/data/companyId").text(), e.person, body.at("/timestamp").text(), string(body.at("/data/changedFields").raw())}, "\x00")
	switch {
	case e.person == bambooSelf:
		meaning.Ignored = append(meaning.Ignored, e.name+" of no employee")
	case e.name == "employee.updated" && e.person != "":
		meaning.hint(c, v, e)
	case e.name == "employee.deleted":
		meaning.Notices = append(meaning.Notices, c.notice(v, e, errDeleted))
	case e.name != "":
		meaning.Ignored = append(meaning.Ignored, e.name)
	case len(meaning.Hints) == 0:
		return Meaning{}, invalid("it has neither a type nor employees")
	}
	return meaning, nil
}

type bambooReader struct {
	*client
	terminated []string
	everybody  daily
}

// Person implements Reader. A future departure stands in the table of the employment status alone.
func (b *bambooReader) Person(ctx context.Context, id string) (Word, error) {
	word := Word{Person: id}
	if id == bambooSelf {
		word.Unclear = "the id 0 is whoever owns the API key, and no employee"
		return word, nil
	}
	path := "/api/v1/employees/" + url.PathEscape(id)
	record, err := b.get(ctx, "reading an employee", path, url.Values{
		"fields": {"employeeNumber,workEmail,status,terminationDate"}, "onlyCurrent": {"true"},
	}, nil)
	if errors.Is(err, errNotFound) {
		word.Unclear = "the record is not shown any more"
		return word, nil
	}
	if err != nil {
		return word, err
	}
	word.Employee = offboarding.Employee{Mail: record.at("/workEmail").text(), EmployeeID: record.at("/employeeNumber").text()}
	rows, err := b.get(ctx, "reading the employment status", path+"/tables/employmentStatus", nil, nil)
	if err != nil && !errors.Is(err, errNotFound) && !offboarding.IsPermanent(err) {
		return word, err
	}
	inactive, active := strings.EqualFold(record.at("/status").text(), "Inactive"), strings.EqualFold(record.at("/status").text(), "Active")
	leaving, known, unclear := b.status(rows.list())
	if unclear != nil {
		word.Unclear = unclear.Error()
		return word, nil
	}
	if err == nil && known {
		word.Leaving.LastDay = leaving
		if inactive && leaving.IsZero() {
			word.Unclear = "the employee is inactive, and the newest employment status is none that means leaving: declare its label as map.terminated"
		}
		return word, nil
	}
	// Without the table, only what is in effect is known.
	switch day, err := parseDay(record.at("/terminationDate").text()); {
	case err != nil:
		word.Unclear = "terminationDate is not a day"
	case active && over(day, b.now()):
		word.Unclear = "the employee is active, and terminationDate is over: give the API key the right to see the table employmentStatus"
	case !day.IsZero():
		word.Leaving.LastDay = day
	default: // which does not say that nothing is planned
		word.Unclear = "the table employmentStatus is not shown, or empty: give the API key the right to see it"
	}
	return word, nil
}

// status is the day that the newest row of the employment status ends the employment on, zero where
// it does not; false when there is no row. Its error says what of a row cannot be read: without that
// row another would be the newest.
func (b *bambooReader) status(rows []document) (day offboarding.Date, known bool, err error) {
	type row struct {
		day   offboarding.Date
		label string
	}
	var all []row
	for _, r := range rows {
		day, err := parseDay(r.at("/date").text())
		label := r.at("/employmentStatus").text()
		switch {
		case err != nil:
			return offboarding.Date{}, false, errors.New("a date of the employment status is not a day")
		case label == unreadable:
			return offboarding.Date{}, false, errors.New("a label of the employment status is not a text")
		case !day.IsZero() && label != "":
			all = append(all, row{day, label})
		}
	}
	if len(all) == 0 {
		return offboarding.Date{}, false, nil
	}
	slices.SortStableFunc(all, func(a, b row) int { return cmp.Compare(a.day.String(), b.day.String()) })
	if last := all[len(all)-1]; slices.ContainsFunc(b.terminated, func(label string) bool { return strings.EqualFold(label, last.label) }) {
		return last.day, true, nil
	}
	return offboarding.Date{}, true, nil
}

// Leavers implements Reader: whose employment status was changed, by a row that may lie ahead, and
// once a day everybody whose newest row ends the employment. What was entered before Leaver was there
// is found in no other way.
func (b *bambooReader) Leavers(ctx context.Context, since time.Time) (Leavers, error) {
	changed, err := b.get(ctx, "listing changes of the employment status", "/api/v1/employees/changed/tables/employmentStatus",
		url.Values{"since": {since.UTC().Format(time.RFC3339)}}, nil)
	if err != nil {
		return Leavers{}, err
	}
	var all Leavers
	employees, _ := changed.at("/employees").value.(map[string]any) // an empty one is written as a list
	for id := range employees {
		if id != bambooSelf {
			all.Ask = append(all.Ask, id)
		}
	}
	if b.everybody.due(b.now()) {
		planned, err := b.planned(ctx, since)
		if err != nil {
			b.everybody.missed()
			return Leavers{}, err
		}
		all.Ask = append(all.Ask, planned...)
	}
	slices.Sort(all.Ask)
	all.Ask = slices.Compact(all.Ask)
	return all, nil
}

// planned are the ids of those whose employment ends, or ended not long before a time.
func (b *bambooReader) planned(ctx context.Context, since time.Time) ([]string, error) {
	table, err := b.get(ctx, "listing the employment status of everybody", "/api/v1/employees/all/tables/employmentStatus", nil, nil)
	if err != nil {
		return nil, err
	}
	rows := map[string][]document{}
	for _, row := range table.list() {
		id := row.at("/employeeId").text()
		rows[id] = append(rows[id], row)
	}
	delete(rows, "")
	delete(rows, bambooSelf)
	earliest := offboarding.DateOf(since.Add(-latest))
	var ids []string
	for id, all := range rows {
		if day, _, err := b.status(all); err != nil || !day.Before(earliest) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}
