package hris

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"leaver/shared/hris/webhook"
	"leaver/shared/offboarding"
)

// personio signs nothing that is documented, so its webhook shows a secret in its address and is
// only ever a hint.
// Source: developer.personio.de, API v2, webhooks and employments.
var personio = vendor{
	name: "personio", dated: true,
	setup: []string{
		"the address with ?code= and the secret, at least 128 bits of it by chance",
		"events employment.created, updated, started, terminated, deleted and person.deleted",
		"an API credential that reads persons and employments",
	},
	verifier: func(c Config) (webhook.Verifier, error) { return webhook.Secret{Query: "code"}.With(c.Secrets) },
	read:     readPersonio,
	reader: func(c Config, ask *client) Reader {
		p := &personioReader{client: ask, api: c.API}
		ask.sign = p.authorize
		return p
	},
}

func readPersonio(c Config, v webhook.Verified) (Meaning, error) {
	body, err := parseDocument(v.Body())
	if err != nil {
		return Meaning{}, invalid("%w", err)
	}
	// The documents join words in other ways than the webhooks do.
	e := event{name: strings.ReplaceAll(strings.ToLower(body.at("/event_name").text()), "_", "-")}
	payload := body.at("/payload")
	for _, at := range []string{"/person_id", "/person-id", "/person/id"} {
		if e.person == "" {
			e.person = payload.at(at).text()
		}
	}
	if e.person == "" && strings.HasPrefix(e.name, "person.") {
		e.person = payload.at("/id").text()
	}
	e.id = strings.Join([]string{e.name, e.person, payload.at("/id").text(), payload.at("/employment_id").text(), body.at("/occurred_at").text()}, "\x00")
	var meaning Meaning
	switch {
	case e.name == "person.deleted":
		meaning.Notices = append(meaning.Notices, c.notice(v, e, errDeleted))
	case slices.Contains([]string{"employment.terminated", "employment.updated", "employment.deleted", "employment.created", "employment.started"}, e.name):
		meaning.hint(c, v, e) // of everybody where the payload names nobody
	default:
		meaning.Ignored = append(meaning.Ignored, e.name)
	}
	return meaning, nil
}

type personioReader struct {
	*client
	api API

	mu    sync.Mutex
	token string
	until time.Time // when the token is asked for again
}

func (p *personioReader) authorize(r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.token != "" {
		bearer(p.token)(r)
	}
}

// signOn gets a token for the client's credentials, again before the last one ends.
func (p *personioReader) signOn(ctx context.Context) error {
	p.mu.Lock()
	valid := p.now().Before(p.until)
	p.mu.Unlock()
	if valid {
		return nil
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {p.api.User}, "client_secret": {p.api.Secret}}
	text, _, err := p.send(ctx, "signing on", http.MethodPost, "/v2/auth/token", nil, strings.NewReader(form.Encode()), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
	if err != nil {
		return err
	}
	doc, err := parseDocument(text)
	token := doc.at("/access_token").text()
	if err != nil || token == "" {
		return fmt.Errorf("signing on: %s answers without an access_token", p.about)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.token, p.until = token, p.now().Add(tokenLives)
	return nil
}

// tokenLives is shorter than any token does.
const tokenLives = 5 * time.Minute

// Person implements Reader. Somebody with several employments leaves when all of them end.
func (p *personioReader) Person(ctx context.Context, id string) (Word, error) {
	word := Word{Person: id}
	if err := p.signOn(ctx); err != nil {
		return word, err
	}
	path := "/v2/persons/" + url.PathEscape(id)
	record, err := p.get(ctx, "reading a person", path, nil, nil)
	if errors.Is(err, errNotFound) {
		word.Unclear = "the record is not shown any more"
		return word, nil
	}
	if err != nil {
		return word, err
	}
	if data := record.at("/_data"); data.value != nil {
		record = document{data.list()[0].value}
	}
	word.Employee = offboarding.Employee{Mail: record.at("/email").text()}
	employments, err := p.get(ctx, "reading employments", path+"/employments", nil, nil)
	if err != nil {
		return word, err
	}
	all := employments.at("/_data").list()
	if len(all) == 0 {
		word.Unclear = "no employment is shown"
	}
	for _, one := range all {
		if !one.has("termination") {
			word.Unclear = "an employment does not show its termination: give the credential the right to read it"
			return word, nil
		}
		last, err := parseDay(one.at("/termination/last_working_date").text())
		end, other := parseDay(one.at("/termination/termination_date").text())
		if err != nil || other != nil {
			word.Unclear = "a date of a termination is not a day"
			return word, nil
		}
		if last.IsZero() && end.IsZero() {
			word.Leaving = Leaving{} // this one goes on
			return word, nil
		}
		if last.IsZero() {
			last = end
		}
		word.Leaving.LastDay = cmpDate(word.Leaving.LastDay, last)
		word.Leaving.EndOfEmployment = cmpDate(word.Leaving.EndOfEmployment, end)
	}
	return word, nil
}

// Leavers implements Reader: whoever leaves by the last word is asked about one by one.
func (p *personioReader) Leavers(context.Context, time.Time) (Leavers, error) { return Leavers{}, nil }
