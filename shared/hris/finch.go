package hris

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"leaver/shared/hris/webhook"
)

// finch stands between Leaver and the HR systems of others, and tells that something about a person
// changed.
// Source: Finch-API/finch-api-go, webhook.go; developer.tryfinch.com, developer-resources/Webhooks.
var finch = vendor{
	name: "finch", dated: true, key: webhook.KeyBase64,
	setup: []string{
		"events employment and individual",
		"its secret, base64",
		"the access token of the connection",
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

type finchReader struct{ *client }

// one asks for one individual and returns what the system behind says of them.
func (f *finchReader) one(ctx context.Context, doing, path, id string) (document, string, error) {
	doc, _, err := f.ask(ctx, doing, http.MethodPost, path, nil, map[string]any{"requests": []any{map[string]any{"individual_id": id}}}, nil)
	if err != nil {
		return document{}, "", err
	}
	answer := doc.at("/responses/0")
	if code := answer.at("/code").text(); code != "200" || answer.at("/individual_id").text() != id {
		return document{}, "the record is not shown (" + code + ")", nil
	}
	return answer.at("/body"), "", nil
}

// Person implements Reader. Whether end_date is the last day is not documented; it is taken for it.
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
	word.Employee.EmployeeID = employment.at("/source_id").text()
	if word.Employee.Mail != "" {
		word.Employee.EmployeeID = "" // the id of the system behind, which the tenant may never have seen
	}
	end, err := parseDay(employment.at("/end_date").text())
	again, other := parseDay(employment.at("/latest_rehire_date").text())
	switch {
	case err != nil || other != nil:
		word.Unclear = "end_date or latest_rehire_date is not a day"
	case !end.IsZero() && !end.Before(again):
		word.Leaving.LastDay = end
	case !end.IsZero(), employment.at("/is_active").isTrue() && employment.has("end_date"):
		// Back again, or here.
	default:
		word.Unclear = "the employment is not active and has no end_date, or shows neither"
	}
	return word, nil
}

// Leavers implements Reader: whoever leaves by the last word is asked about one by one.
func (f *finchReader) Leavers(context.Context, time.Time) (Leavers, error) { return Leavers{}, nil }
