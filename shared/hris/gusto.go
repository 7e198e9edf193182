package hris

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"leaver/shared/hris/webhook"
	"leaver/shared/offboarding"
)

// gusto tells of a termination when it is entered, when it takes effect, and when it is cancelled.
// Source: docs.gusto.com, app-integrations/docs/webhooks, embedded-payroll/docs/employee-events.
var gusto = vendor{
	name: "gusto", dated: true,
	setup: []string{
		"leaver sources enrol: Gusto posts the token that becomes the secret",
		"the type Employee",
		"a token with the scopes employees:read and employments:read",
	},
	verifier: func(c Config) (webhook.Verifier, error) {
		return webhook.Signature{Header: "X-Gusto-Signature"}.With(c.Secrets)
	},
	handshake: tokenOfGusto,
	read:      readGusto,
	reader: func(c Config, ask *client) Reader {
		ask.sign = func(r *http.Request) {
			bearer(c.API.Secret)(r)
			r.Header.Set("X-Gusto-API-Version", gustoVersion)
		}
		return &gustoReader{ask}
	},
}

// gustoVersion is pinned: the default of the API moves.
const gustoVersion = "2026-02-01"

// tokenOfGusto answers the post that offers a verification token. Anybody can send one, so nothing is
// learned from it here: an operator takes the token who has asked Gusto for it.
func tokenOfGusto(_ Config, a Arrival) (Answer, bool) {
	if a.Method != http.MethodPost || a.Header.Get("X-Gusto-Signature") != "" || len(a.Body) > 512 {
		return Answer{}, false
	}
	body, err := parseDocument(a.Body)
	return Answer{Status: http.StatusAccepted}, err == nil && body.has("verification_token") && !body.has("event_type")
}

func readGusto(c Config, v webhook.Verified) (Meaning, error) {
	body, err := parseDocument(v.Body())
	if err != nil {
		return Meaning{}, invalid("%w", err)
	}
	e := event{id: body.at("/uuid").text(), name: body.at("/event_type").text(), person: body.at("/entity_uuid").text()}
	var meaning Meaning
	switch {
	case e.name == "employee.deleted":
		meaning.Notices = append(meaning.Notices, c.notice(v, e, errDeleted))
	case body.at("/entity_type").text() == "Employee" && e.person != "" && slices.Contains([]string{
		"employee.terminated", "employee.terminated_effective", "employee.termination_effective", "employee.termination_cancelled", // two names of one event
		"employee.rehired", "employee.rehire_effective", "employee.rehire_cancelled",
	}, e.name):
		meaning.hint(c, v, e)
	default:
		meaning.Ignored = append(meaning.Ignored, e.name)
	}
	return meaning, nil
}

type gustoReader struct{ *client }

// Person implements Reader: the last of the terminations, each of whose dates is a last day of work.
func (g *gustoReader) Person(ctx context.Context, id string) (Word, error) {
	word := Word{Person: id}
	path := "/v1/employees/" + url.PathEscape(id)
	record, err := g.get(ctx, "reading an employee", path, nil, nil)
	if errors.Is(err, errNotFound) {
		word.Unclear = "the record is not shown any more"
		return word, nil
	}
	if err != nil {
		return word, err
	}
	word.Employee = offboarding.Employee{Mail: record.at("/work_email").text()} // email may be private
	terminations, err := g.get(ctx, "reading terminations", path+"/terminations", nil, nil)
	if err != nil {
		return word, err
	}
	if _, is := terminations.value.([]any); !is {
		word.Unclear = "the terminations are not a list"
		return word, nil
	}
	for _, one := range terminations.list() {
		day, err := parseDay(one.at("/effective_date").text())
		if err != nil || day.IsZero() {
			word.Unclear = "the effective_date of a termination is not a day"
			return word, nil
		}
		if word.Leaving.LastDay.Before(day) {
			word.Leaving.LastDay = day
		}
		if active := one.at("/active"); active.isTrue() && record.has("terminated") && !record.at("/terminated").isTrue() {
			word.Leaving = Leaving{} // it was in effect, and the person is back
		}
	}
	return word, nil
}

// Leavers implements Reader. No list of terminations is documented: whoever leaves by the last word
// is asked about one by one.
func (g *gustoReader) Leavers(context.Context, time.Time) (Leavers, error) { return Leavers{}, nil }
