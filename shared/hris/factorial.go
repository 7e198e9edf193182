package hris

import (
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

// factorial sends the whole record of an employee, bank account and all, and does not say what
// happened: each event has an endpoint of its own. All that is taken of it is the id. It shows its
// secret with every webhook, so what it says is read back; it gives an endpoint up that refuses.
// Source: factorialco/factorial-api-sdks, api-guides/manage-webhooks.md, webhooks-policies.md.
var factorial = vendor{
	name: "factorial", dated: true, leastSecret: 32, maxBody: 256 << 10,
	setup: []string{
		"three subscriptions: employees/employee/terminate, unterminate and update, to the address with /terminate, /unterminate and /update",
		"the challenge, at least 32 characters, which is the secret",
		"an API key that reads employees",
	},
	verifier: func(c Config) (webhook.Verifier, error) {
		return webhook.Secret{Header: "x-factorial-wh-challenge"}.With(c.Secrets)
	},
	read: readFactorial,
	reader: func(c Config, ask *client) Reader {
		ask.sign = func(r *http.Request) { r.Header.Set("x-api-key", c.API.Secret) }
		return &factorialReader{ask}
	},
}

// factorialVersion stands in every path of the API.
const factorialVersion = "2026-07-01"

func readFactorial(c Config, v webhook.Verified) (Meaning, error) {
	body, err := parseDocument(v.Body())
	if err != nil {
		return Meaning{}, invalid("%w", err)
	}
	e := event{name: v.Event(), person: body.at("/id").text()}
	// It has no id of its own, and the rest of the record changes for other reasons.
	e.id = strings.Join([]string{e.name, e.person, body.at("/terminated_on").text(), body.at("/updated_at").text()}, "\x00")
	e.raw = []byte(e.id)
	switch {
	case !slices.Contains([]string{"terminate", "unterminate", "update"}, e.name):
		return Meaning{}, invalid("subscribe the events with the addresses /webhooks/%s/terminate, /unterminate and /update: the body names none", c.Name)
	case e.person == "":
		return Meaning{}, invalid("id: it names nobody")
	}
	var meaning Meaning
	meaning.hint(c, v, e)
	return meaning, nil
}

type factorialReader struct{ *client }

// Person implements Reader. Whether terminated_on is the last day is not documented; it is taken for
// it.
func (f *factorialReader) Person(ctx context.Context, id string) (Word, error) {
	word := Word{Person: id}
	doc, err := f.get(ctx, "reading an employee", "/api/"+factorialVersion+"/resources/employees/employees/"+url.PathEscape(id), nil, nil)
	if errors.Is(err, errNotFound) {
		word.Unclear = "the record is not shown any more"
		return word, nil
	}
	if err != nil {
		return word, err
	}
	word.Employee = offboarding.Employee{Mail: doc.at("/login_email").text(), EmployeeID: doc.at("/company_identifier").text()}
	if word.Employee.Mail == "" {
		word.Employee.Mail = doc.at("/communications_email").text() // email and personal_email are private
	}
	day, err := parseDay(doc.at("/terminated_on").text())
	switch {
	case err != nil:
		word.Unclear = "terminated_on is not a day"
	case !day.IsZero():
		word.Leaving.LastDay = day
	case !doc.has("terminated_on") || !doc.at("/active").isTrue():
		word.Unclear = "the record does not show terminated_on, or the employee is not active and has none"
	}
	return word, nil
}

// Leavers implements Reader: whoever leaves by the last word is asked about one by one.
func (f *factorialReader) Leavers(context.Context, time.Time) (Leavers, error) { return Leavers{}, nil }
