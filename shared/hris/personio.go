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
// only ever a hint. It sends again after 5xx alone.
// Source: developer.personio.de, API v2, webhooks and employments.
var personio = vendor{
	name: "personio", dated: true, unverified: http.StatusServiceUnavailable,
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

// read asks with a token. One that is not taken any more before its time is got anew, once: Personio
// ends tokens when credentials are changed.
func (p *personioReader) read(ctx context.Context, doing, path string, query url.Values) (document, error) {
	for again := false; ; again = true {
		if err := p.signOn(ctx); err != nil {
			return document{}, err
		}
		doc, err := p.get(ctx, doing, path, query, nil)
		if again || !errors.Is(err, errCredential) {
			return doc, err
		}
		p.mu.Lock()
		p.token, p.until = "", time.Time{}
		p.mu.Unlock()
	}
}

// personioPage is how many a page holds at most; without it a page holds ten.
const personioPage = "50"

// pages reads a list whole. Of the link to the next page only the cursor is taken: a credential goes
// nowhere else.
func (p *personioReader) pages(ctx context.Context, doing, path string, query url.Values) ([]document, error) {
	var all []document
	query.Set("limit", personioPage)
	for range mostPages {
		doc, err := p.read(ctx, doing, path, query)
		if err != nil {
			return nil, err
		}
		if _, is := doc.at("/_data").value.([]any); !is {
			return nil, fmt.Errorf("%s: %s answers without a list", doing, p.about)
		}
		all = append(all, doc.at("/_data").list()...)
		link := doc.at("/_meta/links/next/href").text()
		if link == "" {
			return all, nil
		}
		next, err := url.Parse(link)
		if err != nil || next.Query().Get("cursor") == "" || next.Query().Get("cursor") == query.Get("cursor") {
			return nil, fmt.Errorf("%s: %w", doing, errRepeats)
		}
		query.Set("cursor", next.Query().Get("cursor"))
	}
	return nil, fmt.Errorf("%s: %s has more than %d pages", doing, p.about, mostPages)
}

// Person implements Reader. Somebody with several employments leaves when all of them end.
func (p *personioReader) Person(ctx context.Context, id string) (Word, error) {
	word := Word{Person: id}
	path := "/v2/persons/" + url.PathEscape(id)
	record, err := p.read(ctx, "reading a person", path, nil)
	if errors.Is(err, errNotFound) {
		word.Unclear = "the record is not shown any more"
		return word, nil
	}
	if err != nil {
		return word, err
	}
	if data := record.at("/_data").list(); len(data) > 0 {
		record = data[0]
	}
	word.Employee = offboarding.Employee{Mail: record.at("/email").text()}
	employments, err := p.pages(ctx, "reading employments", path+"/employments", url.Values{})
	if err != nil {
		return word, err
	}
	word.Leaving, word.Unclear = personioLeaving(employments)
	return word, nil
}

// personioLeaving is when the last of some employments ends; zero where one goes on. A credential that
// is older than the field last_working_date does not see it: then the end of the contract is all that
// is known.
// Source: developer.personio.de, changelog, fixed missing termination fields (credential refresh required).
func personioLeaving(employments []document) (leaving Leaving, unclear string) {
	if len(employments) == 0 {
		return leaving, "no employment is shown"
	}
	for _, one := range employments {
		if !one.has("termination") {
			return Leaving{}, "an employment does not show its termination: give the credential the right to read it"
		}
		termination := one.at("/termination")
		last, err := parseDay(termination.at("/last_working_date").text())
		end, other := parseDay(termination.at("/termination_date").text())
		switch {
		case err != nil || other != nil:
			return Leaving{}, "a date of a termination is not a day"
		case last.IsZero() && end.IsZero() && termination.at("/terminated_at").text() != "":
			return Leaving{}, "an employment was terminated, and shows no date: give the credential the right to read it"
		case last.IsZero() && end.IsZero():
			return Leaving{}, "" // this one goes on
		case last.IsZero():
			last = end
		}
		leaving.LastDay = cmpDate(leaving.LastDay, last)
		leaving.EndOfEmployment = cmpDate(leaving.EndOfEmployment, end)
	}
	return leaving, ""
}

// Leavers implements Reader: whoever was changed since a time. Employments are read one person at a
// time, so it is not everybody: Personio allows too few reads for that.
// Source: developer.personio.de, reference/persons-1; discuss/67efa67b353ba300697c52f6.
func (p *personioReader) Leavers(ctx context.Context, since time.Time) (Leavers, error) {
	persons, err := p.pages(ctx, "listing persons", "/v2/persons", url.Values{"updated_at.gt": {since.UTC().Format(time.RFC3339)}})
	if err != nil {
		return Leavers{}, err
	}
	var all Leavers
	for _, one := range persons {
		if id := one.at("/id").text(); id != "" && !slices.Contains(all.Ask, id) {
			all.Ask = append(all.Ask, id)
		}
	}
	return all, nil
}
