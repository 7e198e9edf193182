package hris

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"leaver/shared/hris/webhook"
	"leaver/shared/offboarding"
)

// gusto tells of a termination when it is entered, when it takes effect, and when it is cancelled.
// Source: docs.gusto.com, app-integrations/docs/webhooks, embedded-payroll/docs/employee-events.
var gusto = vendor{
	name: "gusto", dated: true, nobody: nobodysUUID,
	setup: []string{
		"leaver sources enrol: Gusto posts the token that becomes the secret",
		"the type Employee",
		"a company's access token with the scopes employees:read and employments:read",
	},
	verifier: func(c Config) (webhook.Verifier, error) {
		return webhook.Signature{Header: "X-Gusto-Signature"}.With(c.Secrets)
	},
	handshake: tokenOfGusto,
	enrol:     enrolAtGusto,
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

// enrolAtGusto subscribes, and shows Gusto the tokens that were posted until it accepts one: that is
// its own, and anybody's else is refused.
// Source: docs.gusto.com, embedded-payroll/reference, put-v1-verify-webhook-subscription-uuid.
func enrolAtGusto(ctx context.Context, ask *client, address string, posted <-chan document) (secret string, err error) {
	version := http.Header{"X-Gusto-Api-Version": {gustoVersion}}
	made, _, err := ask.ask(ctx, "subscribing", http.MethodPost, "/v1/webhook_subscriptions", nil,
		map[string]any{"url": address, "subscription_types": []string{"Employee"}}, version)
	if err != nil {
		return "", err
	}
	id := made.at("/uuid").text()
	if id == "" {
		return "", fmt.Errorf("subscribing: %s answers without a uuid", ask.about)
	}
	for {
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case body := <-posted:
			token := body.at("/verification_token").text()
			if token == "" {
				continue
			}
			_, _, err := ask.ask(ctx, "verifying the subscription", http.MethodPut, "/v1/webhook_subscriptions/"+url.PathEscape(id)+"/verify", nil,
				map[string]any{"verification_token": token}, version)
			if err == nil {
				return token, nil
			}
		}
	}
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
	terminations, err := g.get(ctx, "reading terminations", path+"/terminations", nil, nil)
	if err != nil {
		return word, err
	}
	return gustoWord(id, record, terminations), nil
}

// gustoWord is what a record and its terminations say. Those that are in effect are of an earlier
// departure where the record says that the person is not terminated.
func gustoWord(id string, record, terminations document) Word {
	word := Word{Person: id, Employee: offboarding.Employee{Mail: record.at("/work_email").text()}} // email may be private
	if _, is := terminations.value.([]any); !is {
		word.Unclear = "the terminations are not a list"
		return word
	}
	back := record.has("terminated") && !record.at("/terminated").isTrue()
	for _, one := range terminations.list() {
		day, err := parseDay(one.at("/effective_date").text())
		switch {
		case err != nil || day.IsZero():
			word.Unclear = "the effective_date of a termination is not a day"
			return word
		case one.at("/active").isTrue() && back:
		case word.Leaving.LastDay.Before(day):
			word.Leaving.LastDay = day
		}
	}
	if word.Leaving.IsZero() && record.at("/terminated").isTrue() {
		word.Unclear = "the employee is terminated, and no termination says since when"
	}
	return word
}

// Leavers implements Reader: the employees of the token's company who left or are to leave, a page at
// a time. The filter shows nobody else, so whoever was taken back is not in it and is asked about.
// Source: docs.gusto.com, app-integrations/reference, get-v1-token-info, get-v1-companies-employees.
func (g *gustoReader) Leavers(ctx context.Context, _ time.Time) (Leavers, error) {
	info, err := g.get(ctx, "reading what the token is for", "/v1/token_info", nil, nil)
	if err != nil {
		return Leavers{}, err
	}
	company := info.at("/resource/uuid").text()
	if info.at("/resource/type").text() != "Company" || company == "" {
		return Leavers{}, offboarding.Permanent(fmt.Errorf("listing who leaves: the token of %s is not a company's; use the one that a company gave", g.about))
	}
	const per = "100"
	var all Leavers
	seen := map[string]bool{}
	for page, shown := 1, 0; page <= mostPages; page++ {
		list, answered, err := g.ask(ctx, "listing who leaves", http.MethodGet, "/v1/companies/"+url.PathEscape(company)+"/employees",
			url.Values{"terminated": {"true"}, "page": {strconv.Itoa(page)}, "per": {per}}, nil, nil)
		if err != nil {
			return Leavers{}, err
		}
		if _, is := list.value.([]any); !is {
			return Leavers{}, fmt.Errorf("listing who leaves: %s answers without a list", g.about)
		}
		fresh := 0
		for _, record := range list.list() {
			id := record.at("/uuid").text()
			if id == "" || seen[id] {
				continue
			}
			seen[id] = true
			fresh++
			if record.has("terminations") {
				all.Words = append(all.Words, gustoWord(id, record, record.at("/terminations")))
			} else {
				all.Ask = append(all.Ask, id)
			}
		}
		// A page may hold fewer than asked for, so the number of all is what counts where it is told.
		shown += len(list.list())
		total, untold := strconv.Atoi(answered.Get("X-Total-Count"))
		switch {
		case untold == nil && shown >= total, untold != nil && len(list.list()) == 0:
			return all, nil
		case fresh == 0:
			return Leavers{}, fmt.Errorf("listing who leaves: %w", errRepeats)
		}
	}
	return Leavers{}, fmt.Errorf("listing who leaves: %s has more than %d pages", g.about, mostPages)
}
