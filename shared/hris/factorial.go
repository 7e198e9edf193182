package hris

import (
	"context"
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

// factorial sends the whole record of an employee, bank account and all, and does not say what
// happened: each event has an endpoint of its own. All that is taken of it is the id. It shows its
// secret with every webhook, so what it says is read back; it gives an endpoint up that refuses.
// Source: factorialco/factorial-api-sdks, api-guides/manage-webhooks.md, webhooks-policies.md.
var factorial = vendor{
	name: "factorial", dated: true, leastSecret: 32, maxBody: 256 << 10,
	setup: []string{
		"three subscriptions: employees/employee/terminate, unterminate and update, to the address with /terminate, /unterminate and /update",
		"the challenge, at least 32 characters, which is the secret",
		"an API key, which reads everything: Factorial has none that reads less",
	},
	verifier: func(c Config) (webhook.Verifier, error) {
		return webhook.Secret{Header: "x-factorial-wh-challenge"}.With(c.Secrets)
	},
	read: readFactorial,
	reader: func(c Config, ask *client) Reader {
		ask.sign = func(r *http.Request) { r.Header.Set("x-api-key", c.API.Secret) }
		return &factorialReader{client: ask}
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

type factorialReader struct {
	*client
	everybody daily
}

const factorialEmployees = "/api/" + factorialVersion + "/resources/employees/employees"

// Person implements Reader.
func (f *factorialReader) Person(ctx context.Context, id string) (Word, error) {
	doc, err := f.get(ctx, "reading an employee", factorialEmployees+"/"+url.PathEscape(id), nil, nil)
	if errors.Is(err, errNotFound) {
		return Word{Person: id, Unclear: "the record is not shown any more"}, nil
	}
	if err != nil {
		return Word{Person: id}, err
	}
	return factorialWord(id, doc, f.now()), nil
}

// factorialWord is what a record says. terminated_on is the last day: an employee may use Factorial
// during it. What a credential may not see is null, and null is not "no date".
// Source: help.factorialhr.com, en/i-am-an-admin-can-i-terminate-an-employee.
func factorialWord(id string, doc document, now time.Time) Word {
	if about := doc.at("/id").text(); about != "" && about != id {
		return Word{Person: id, Unclear: "the answer is about somebody else"}
	}
	word := Word{Person: id, Employee: offboarding.Employee{Mail: doc.at("/login_email").text(), EmployeeID: doc.at("/company_identifier").text()}}
	if word.Employee.Mail == "" {
		word.Employee.Mail = doc.at("/communications_email").text() // email and personal_email are private
	}
	day, err := parseDay(doc.at("/terminated_on").text())
	terminating, told := doc.at("/is_terminating").value.(bool)
	active := doc.at("/active").isTrue()
	switch {
	case err != nil:
		word.Unclear = "terminated_on is not a day"
	case active && over(day, now):
		// The date is of a departure from which the person is back.
	case !day.IsZero():
		word.Leaving.LastDay = day
	case !doc.has("terminated_on") || !active:
		word.Unclear = "the record does not show terminated_on, or the employee is not active and has none"
	case !told || terminating:
		word.Unclear = "the employee is leaving, or it is not shown, and terminated_on is not: give the credential the right to see it"
	}
	return word
}

// Leavers implements Reader: whoever was changed since the day of a time, and once a day everybody.
// Two parameters have to be there whatever they say; left out, those who left are.
// Source: factorialco/factorial-api-sdks, ruby/docs/EmployeesEmployeeApi.md, api-guides/pagination.md.
func (f *factorialReader) Leavers(ctx context.Context, since time.Time) (Leavers, error) {
	query := url.Values{"only_active": {"false"}, "only_managers": {"false"}, "limit": {"100"}}
	whole := f.everybody.due(f.now())
	if !whole {
		query.Set("updated_at_gteq", since.UTC().Format(time.DateOnly))
	}
	all, err := f.pages(ctx, query)
	if err != nil && whole {
		f.everybody.missed()
	}
	return all, err
}

func (f *factorialReader) pages(ctx context.Context, query url.Values) (Leavers, error) {
	var all Leavers
	for range mostPages {
		list, err := f.get(ctx, "listing employees", factorialEmployees, query, nil)
		if err != nil {
			return Leavers{}, err
		}
		if _, is := list.at("/data").value.([]any); !is {
			// Nothing changed is told as no errors and no data; nobody at all is told by no company.
			// Source: t4dhg/mcp-factorial, README.md, endpoint quirks.
			if query.Has("updated_at_gteq") && list.has("errors") && list.at("/errors").value == nil && !list.has("data") {
				return Leavers{}, nil
			}
			return Leavers{}, fmt.Errorf("listing employees: %s answers without a list", f.about)
		}
		for _, one := range list.at("/data").list() {
			if id := one.at("/id").text(); id != "" {
				all.Words = append(all.Words, factorialWord(id, one, f.now()))
			}
		}
		next := list.at("/meta/end_cursor").text()
		switch {
		case !list.at("/meta/has_next_page").isTrue():
			all.Words = distinct(all.Words)
			return all, nil
		case next == "" || next == query.Get("after_id"):
			return Leavers{}, fmt.Errorf("listing employees: %w", errRepeats)
		}
		query.Set("after_id", next)
	}
	return Leavers{}, fmt.Errorf("listing employees: %s has more than %d pages", f.about, mostPages)
}
