package hris

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"leaver/shared/hris/webhook"
	"leaver/shared/offboarding"
)

// deel tells that a contract ends; whoever ends one may have another, so the person is asked about.
// It gives an endpoint up that refuses, and simulates events that are answered like real ones.
// Source: developer.deel.com, docs/webhooks-get-started, docs/security, docs/webhook-event-types.
var deel = vendor{
	name: "deel", dated: true,
	setup: []string{
		"events contract.terminated and worker.v2.updated",
		"its signing key, as the secret",
		"a token with the scopes contracts:read and people:read",
	},
	verifier: func(c Config) (webhook.Verifier, error) { return deelSignature.With(c.Secrets) },
	read:     readDeel,
	reader: func(c Config, ask *client) Reader {
		ask.sign = bearer(c.API.Secret)
		return &deelReader{ask}
	},
}

var deelSignature = webhook.Signature{Header: "x-deel-signature", Signed: "{method}{body}"}

func readDeel(c Config, v webhook.Verified) (Meaning, error) {
	body, err := parseDocument(v.Body())
	if err != nil {
		return Meaning{}, invalid("%w", err)
	}
	name := body.at("/data/meta/event_type").text()
	if body.at("/data/meta/is_simulation").isTrue() {
		return Meaning{Ignored: []string{name + ", simulated"}}, nil
	}
	var meaning Meaning
	if !slices.Contains([]string{"contract.terminated", "contract.status.updated", "worker.v2.updated", "employee.updated.direct"}, name) {
		meaning.Ignored = append(meaning.Ignored, name)
		return meaning, nil
	}
	for _, one := range body.at("/data/resource").list() {
		e := event{name: name, raw: one.raw()}
		for _, at := range []string{"/hris_profile_id", "/hris_profile/id", "/worker/id", "/worker_id"} {
			if e.person == "" {
				e.person = one.at(at).text()
			}
		}
		// A contract does not name its person; then all who leave are asked about.
		e.id = strings.Join([]string{body.at("/data/meta/tracking_id").text(), name, e.person}, "\x00")
		meaning.hint(c, v, e)
	}
	return meaning, nil
}

type deelReader struct{ *client }

// Person implements Reader. Somebody with several employments leaves when all of them end.
func (d *deelReader) Person(ctx context.Context, id string) (Word, error) {
	word := Word{Person: id}
	doc, err := d.get(ctx, "reading a person", "/rest/v2/people/"+url.PathEscape(id), nil, nil)
	if errors.Is(err, errNotFound) {
		word.Unclear = "the record is not shown any more"
		return word, nil
	}
	if err != nil {
		return word, err
	}
	if data := doc.at("/data"); data.value != nil {
		doc = data
	}
	for _, mail := range doc.at("/emails").list() {
		if mail.at("/type").text() == "work" {
			word.Employee.Mail = mail.at("/value").text()
		}
	}
	word.Employee.EmployeeID = doc.at("/external_id").text()
	all := doc.at("/employments").list()
	if len(all) == 0 {
		word.Unclear = "no employment is shown"
	}
	for _, one := range all {
		last, err := parseDay(one.at("/termination_last_day").text())
		if err != nil {
			word.Unclear = "termination_last_day is not a day"
			return word, nil
		}
		switch {
		case !last.IsZero():
		case one.at("/is_ended").isTrue():
			continue // long ago, or nobody wrote down when
		default:
			word.Leaving = Leaving{} // this one goes on
			return word, nil
		}
		if word.Leaving.LastDay.Before(last) {
			word.Leaving.LastDay, word.Leaving.Zone = last, zoneOrNone(one.at("/timezone").text())
		}
	}
	if len(all) > 0 && word.Leaving.IsZero() {
		word.Unclear = "every employment is over, and none says since when"
	}
	return word, nil
}

// zoneOrNone is a time zone, or none where the text is not one.
func zoneOrNone(name string) string {
	if _, err := offboarding.LoadZone(name); err != nil {
		return ""
	}
	return name
}

// Leavers implements Reader: whoever is in the tracker of offboardings.
func (d *deelReader) Leavers(ctx context.Context, _ time.Time) (Leavers, error) {
	doc, err := d.get(ctx, "listing offboardings", "/rest/v2/offboarding/tracker", nil, nil)
	if err != nil {
		return Leavers{}, err
	}
	var all Leavers
	for _, one := range doc.at("/data").list() {
		for _, at := range []string{"/hris_profile_id", "/hris_profile/id", "/hris_profile_oid"} {
			if id := one.at(at).text(); id != "" {
				all.Ask = append(all.Ask, id)
				break
			}
		}
	}
	return all, nil
}
