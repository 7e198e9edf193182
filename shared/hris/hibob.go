package hris

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"leaver/shared/hris/webhook"
	"leaver/shared/offboarding"
)

// hibob tells of a departure as soon as it is entered, and nothing when it is taken back. It sends
// in order and keeps to that for three days, so whatever cannot be used is answered all the same.
// Source: apidocs.hibob.com, webhooks v2; docs/working-with-webhooks.
var hibob = vendor{
	name: "hibob", dated: true,
	setup: []string{
		"a webhook of version 2 with the categories Employee and Table",
		"its secret, as it is shown",
		"a service user in a permission group that sees email, employee id, lifecycle status, last day of work and termination date",
	},
	verifier:  func(c Config) (webhook.Verifier, error) { return hibobSignature.With(c.Secrets) },
	handshake: pingOfHiBob,
	probe:     &Arrival{Method: http.MethodPost, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(`{"text":"Ping test"}`)},
	read:      readHiBob,
	immediate: []string{"employee.access.revoked.immediately"},
	reader:    func(_ Config, ask *client) Reader { return &hibobReader{ask} },
}

var hibobSignature = webhook.Signature{Header: "Bob-Signature", Algorithm: webhook.SHA512, Encoding: webhook.Base64}

// pingOfHiBob answers the test of a connection; whether it is signed is not documented.
func pingOfHiBob(_ Config, a Arrival) (Answer, bool) {
	const ping = "Ping test"
	var object struct{ Text string }
	var text string
	body := bytes.TrimSpace(a.Body)
	is := len(body) < 64 && (string(body) == ping || json.Unmarshal(body, &text) == nil && text == ping || json.Unmarshal(body, &object) == nil && object.Text == ping)
	return Answer{Status: http.StatusOK}, a.Method == http.MethodPost && is
}

func readHiBob(c Config, v webhook.Verified) (Meaning, error) {
	body, err := parseDocument(v.Body())
	if err != nil {
		return Meaning{}, invalid("%w", err)
	}
	e := event{name: body.at("/type").text(), person: body.at("/data/employeeId").text()}
	e.id = strings.Join([]string{body.at("/companyId").text(), e.name, e.person, body.at("/triggeredAt").text()}, "\x00")
	var meaning Meaning
	table := body.at("/data/tableId").text()
	switch {
	case strings.HasPrefix(e.name, "table.entry.") && table != "" && table != "lifecycle":
		meaning.Ignored = append(meaning.Ignored, e.name+" of "+table)
	case e.name == "employee.deleted":
		meaning.Notices = append(meaning.Notices, c.notice(v, e, errDeleted))
	case slices.Contains([]string{
		"table.entry.created", "table.entry.updated", "employee.left", "employee.access.revoked.immediately", "employee.joined", "employee.activated",
	}, e.name):
		// Without an id, everybody is asked about: what the inner data holds is documented for tables alone.
		meaning.hint(c, v, e)
	default:
		meaning.Ignored = append(meaning.Ignored, e.name)
	}
	return meaning, nil
}

type hibobReader struct{ *client }

// hibobFields are what is read; one that the service user may not see is left out of the answer
// without a word.
var hibobFields = []string{"root.id", "root.email", "work.employeeIdInCompany", "internal.terminationDate", "employee.lastDayOfWork", "internal.lifecycleStatus", "internal.status"}

// Person implements Reader.
func (h *hibobReader) Person(ctx context.Context, id string) (Word, error) {
	doc, _, err := h.ask(ctx, "reading a person", http.MethodPost, "/v1/people/"+url.PathEscape(id), nil,
		map[string]any{"fields": hibobFields, "humanReadable": "APPEND"}, nil)
	if errors.Is(err, errNotFound) {
		return Word{Person: id, Unclear: "the record is not shown any more"}, nil
	}
	if err != nil {
		return Word{}, err
	}
	word := hibobWord(id, doc, h.now())
	if word.Unclear != "" || !word.Leaving.IsZero() {
		return word, nil
	}
	return h.confirm(ctx, id, word)
}

// confirm makes sure that somebody stays of whom no date is shown. A date that the service user may not
// see is left out as one that is not there is; the table of the lifecycle, which is refused then, tells.
func (h *hibobReader) confirm(ctx context.Context, id string, word Word) (Word, error) {
	table, err := h.get(ctx, "reading the lifecycle", "/v1/people/"+url.PathEscape(id)+"/lifecycle", nil, nil)
	switch {
	case errors.Is(err, errCredential), errors.Is(err, errNotFound):
		word.Unclear = "no date is shown, nor the lifecycle: give the service user the right to see the section Lifecycle"
		return word, nil
	case err != nil:
		return word, err
	}
	var newest offboarding.Date
	left := false
	for _, row := range table.at("/values").list() {
		day, err := parseDay(row.at("/effectiveDate").text())
		if err == nil && !day.Before(newest) {
			newest, left = day, hibobLeft(row.at("/status").text())
		}
	}
	if left {
		word.Unclear = "the lifecycle ends, and no date is shown: give the service user the right to see internal.terminationDate"
	}
	return word, nil
}

// hibobLeft reports whether a status of the lifecycle is that of somebody who left, or works no more.
func hibobLeft(status string) bool {
	status = strings.ToLower(status)
	return strings.Contains(status, "terminated") || strings.Contains(status, "garden")
}

// Leavers implements Reader. What changed since a time cannot be asked, so it is everybody, those who
// left included. Of whom no date is shown it says nothing: they are asked about one by one, where it
// matters.
func (h *hibobReader) Leavers(ctx context.Context, _ time.Time) (Leavers, error) {
	doc, _, err := h.ask(ctx, "searching for people", http.MethodPost, "/v1/people/search", nil,
		map[string]any{"fields": hibobFields, "showInactive": true, "humanReadable": "APPEND"}, nil)
	if err != nil {
		return Leavers{}, err
	}
	if _, is := doc.at("/employees").value.([]any); !is {
		return Leavers{}, fmt.Errorf("searching for people: %s answers without a list of employees", h.about)
	}
	var all Leavers
	for _, one := range doc.at("/employees").list() {
		if id := hibobField(one, "root.id"); id != "" {
			all.Words = append(all.Words, hibobWord(id, one, h.now()))
		}
	}
	all.Words = slices.DeleteFunc(distinct(all.Words), func(w Word) bool { return w.Unclear == "" && w.Leaving.IsZero() })
	return all, nil
}

// hibobField is a field of an answer, whose paths are joined by slashes or nested.
func hibobField(doc document, name string) string {
	joined := "/" + strings.ReplaceAll(name, ".", "/")
	for _, at := range []document{
		doc.at("/" + strings.ReplaceAll(joined, "/", "~1") + "/value"), doc.at("/" + strings.ReplaceAll(joined, "/", "~1")),
		doc.at(joined + "/value"), doc.at(joined), doc.at(strings.TrimPrefix(joined, "/root")),
	} {
		if _, inner := at.value.(map[string]any); inner {
			continue // what holds it, or nothing
		}
		if text := at.text(); text != "" {
			return text
		}
	}
	return ""
}

func hibobWord(id string, doc document, now time.Time) Word {
	word := Word{Person: id, Employee: offboarding.Employee{
		Mail: hibobField(doc, "root.email"), EmployeeID: hibobField(doc, "work.employeeIdInCompany"),
	}}
	var err, other error
	word.Leaving.EndOfEmployment, err = parseDay(hibobField(doc, "internal.terminationDate"))
	word.Leaving.LastDay, other = parseDay(hibobField(doc, "employee.lastDayOfWork"))
	status := strings.ToLower(hibobField(doc, "internal.lifecycleStatus"))
	left := hibobLeft(status)
	here := strings.Contains(status, "employed") || strings.Contains(status, "hired") // and no list item's id
	switch {
	case err != nil || other != nil:
		word.Unclear = "terminationDate or lastDayOfWork is not a day"
	case here && over(cmpDate(word.Leaving.LastDay, word.Leaving.EndOfEmployment), now):
		word.Leaving = Leaving{} // the dates are of a departure from which the person is back
	case !word.Leaving.IsZero():
	case status == "" && hibobField(doc, "internal.status") == "":
		word.Unclear = "neither dates nor a status are shown: give the service user the right to see internal and employee"
	case left:
		word.Unclear = "the person left, but no date is shown: give the service user the right to see internal.terminationDate"
	}
	return word
}
