package hris

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"leaver/shared/hris/webhook"
	"leaver/shared/offboarding"
)

// finch stands between Leaver and the HR systems of others, and tells that something about a person
// changed.
// Source: Finch-API/finch-api-go, webhook.go; developer.tryfinch.com, developer-resources/Webhooks.
var finch = vendor{
	name: "finch", dated: true, key: webhook.KeyBase64, pace: finchPace, nobody: nobodysUUID,
	setup: []string{
		"events employment and individual",
		"its secret, base64",
		"the access token of the connection, with the products directory, individual and employment",
	},
	verifier: func(c Config) (webhook.Verifier, error) { return finchSignature.With(c.Secrets) },
	read:     readFinch,
	reader: func(c Config, ask *client) Reader {
		ask.sign = func(r *http.Request) {
			bearer(c.API.Secret)(r)
			r.Header.Set("Finch-API-Version", "2020-09-17")
		}
		return &finchReader{ask}
	},
}

var finchSignature = webhook.Signature{
	Header: "finch-signature", Prefix: "v1,", Separator: " ", Encoding: webhook.Base64, Key: webhook.KeyBase64,
	Signed: "{id}.{timestamp}.{body}", ID: "finch-event-id", Timestamp: "finch-timestamp", Tolerance: tolerance,
}

func readFinch(c Config, v webhook.Verified) (Meaning, error) {
	body, err := parseDocument(v.Body())
	if err != nil {
		return Meaning{}, invalid("%w", err)
	}
	e := event{id: v.ID(), name: body.at("/event_type").text(), person: body.at("/data/individual_id").text()}
	var meaning Meaning
	switch kind, _, _ := strings.Cut(e.name, "."); {
	case slices.Contains([]string{"employment.deleted", "individual.deleted", "directory.deleted"}, e.name):
		meaning.Notices = append(meaning.Notices, c.notice(v, e, errDeleted))
	case e.person != "" && slices.Contains([]string{"employment", "individual", "directory"}, kind):
		meaning.hint(c, v, e)
	default:
		meaning.Ignored = append(meaning.Ignored, e.name)
	}
	return meaning, nil
}

// finchPace is for two endpoints, of each of which an application may ask twenty times a minute,
// for all its connections together.
// Source: Finch-API/finch-docs, docs/Development-Guides/Rate-Limits.md.
const finchPace = 2 * time.Second

type finchReader struct{ *client }

// batch asks for individuals and returns what the system behind says of them, each by itself.
func (f *finchReader) batch(ctx context.Context, doing, path string, ids ...string) ([]document, error) {
	var requests []any
	for _, id := range ids {
		requests = append(requests, map[string]any{"individual_id": id})
	}
	doc, _, err := f.ask(ctx, doing, http.MethodPost, path, nil, map[string]any{"requests": requests}, nil)
	if err != nil {
		return nil, err
	}
	return doc.at("/responses").list(), nil
}

// one asks for one individual; where it is not shown it says so.
func (f *finchReader) one(ctx context.Context, doing, path, id string) (document, string, error) {
	answers, err := f.batch(ctx, doing, path, id)
	if err != nil {
		return document{}, "", err
	}
	code := "no answer"
	for _, answer := range answers {
		if answer.at("/individual_id").text() != id {
			continue
		}
		switch code = answer.at("/code").text(); code {
		case "200":
			return answer.at("/body"), "", nil
		case "202", "429", "500", "502", "503", "504":
			return document{}, "", fmt.Errorf("%s: the system behind %s answers %s", doing, f.about, code)
		}
	}
	return document{}, "the record is not shown (" + code + ")", nil
}

// Person implements Reader.
func (f *finchReader) Person(ctx context.Context, id string) (Word, error) {
	word := Word{Person: id}
	individual, unclear, err := f.one(ctx, "reading an individual", "/employer/individual", id)
	if err != nil || unclear != "" {
		word.Unclear = unclear
		return word, err
	}
	for _, mail := range individual.at("/emails").list() {
		if mail.at("/type").text() == "work" {
			word.Employee.Mail = mail.at("/data").text()
		}
	}
	employment, unclear, err := f.one(ctx, "reading an employment", "/employer/employment", id)
	if err != nil || unclear != "" {
		word.Unclear = unclear
		return word, err
	}
	if word.Employee.Mail == "" {
		word.Employee.EmployeeID = employment.at("/source_id").text() // of the system behind, which the tenant may never have seen
	}
	word.Leaving, word.Unclear = finchLeaving(employment)
	return word, nil
}

// finchLeaving is when an employment ends. Whether end_date is the last day is not documented; it is
// taken for it. What the system behind does not support is null.
func finchLeaving(employment document) (leaving Leaving, unclear string) {
	end, err := parseDay(employment.at("/end_date").text())
	again, other := parseDay(employment.at("/latest_rehire_date").text())
	switch {
	case err != nil || other != nil:
		return leaving, "end_date or latest_rehire_date is not a day"
	case !end.IsZero() && !end.Before(again):
		return Leaving{LastDay: end}, ""
	case !end.IsZero(), employment.at("/is_active").isTrue() && employment.has("end_date"):
		return leaving, "" // back again, or here
	}
	return leaving, "the employment is not active and has no end_date, or shows neither"
}

// finchBatch is how many employments are asked for at a time.
const finchBatch = 100

// Leavers implements Reader: everybody of the directory whose employment has an end, those who left
// long ago apart.
// Source: developer.tryfinch.com, api-reference/organization/directory, employment.
func (f *finchReader) Leavers(ctx context.Context, since time.Time) (Leavers, error) {
	ids, err := f.directory(ctx)
	if err != nil {
		return Leavers{}, err
	}
	var all Leavers
	earliest := offboarding.DateOf(since.Add(-latest))
	for some := range slices.Chunk(ids, finchBatch) {
		answers, err := f.batch(ctx, "listing employments", "/employer/employment", some...)
		if err != nil {
			return Leavers{}, err
		}
		for _, answer := range answers {
			leaving, _ := finchLeaving(answer.at("/body"))
			if id := answer.at("/individual_id").text(); id != "" && !leaving.IsZero() && !leaving.LastDay.Before(earliest) {
				all.Ask = append(all.Ask, id)
			}
		}
	}
	return all, nil
}

// directory is the ids of all individuals. Its paging tells how many there are, not where it goes on.
func (f *finchReader) directory(ctx context.Context) ([]string, error) {
	const limit = 500
	var ids []string
	seen := map[string]bool{}
	for page := 0; page < mostPages; page++ {
		doc, err := f.get(ctx, "listing the directory", "/employer/directory", url.Values{"limit": {strconv.Itoa(limit)}, "offset": {strconv.Itoa(len(ids))}}, nil)
		if err != nil {
			return nil, err
		}
		if _, is := doc.at("/individuals").value.([]any); !is {
			return nil, fmt.Errorf("listing the directory: %s answers without a list", f.about)
		}
		fresh := 0
		for _, one := range doc.at("/individuals").list() {
			if id := one.at("/id").text(); id != "" && !seen[id] {
				seen[id] = true
				fresh++
				ids = append(ids, id)
			}
		}
		count, err := strconv.Atoi(doc.at("/paging/count").text())
		switch {
		case err == nil && len(ids) >= count, err != nil && fresh < limit:
			return ids, nil
		case fresh == 0:
			return nil, fmt.Errorf("listing the directory: %w", errRepeats)
		}
	}
	return nil, fmt.Errorf("listing the directory: %s has more than %d pages", f.about, mostPages)
}
