package hris

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"leaver/shared/hris/webhook"
	"leaver/shared/offboarding"
)

// deel tells that a contract ends; whoever ends one may have another, so the person is asked about.
// It gives an endpoint up that refuses, and simulates events that are answered like real ones.
// Source: developer.deel.com, docs/webhooks-get-started, docs/security, docs/webhook-event-types.
var deel = vendor{
	name: "deel", dated: true, nobody: nobodysUUID,
	setup: []string{
		"events contract.terminated and worker.v2.updated",
		"its signing key, as the secret",
		"an organisation token with the scope people:read",
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
	return deelWord(id, doc), nil
}

// deelWord is what a record says. Somebody with several employments leaves when all of them end; a
// contract that was deleted is none.
func deelWord(id string, doc document) Word {
	word := Word{Person: id, Employee: offboarding.Employee{EmployeeID: doc.at("/external_id").text()}}
	for _, mail := range doc.at("/emails").list() {
		if mail.at("/type").text() == "work" {
			word.Employee.Mail = mail.at("/value").text()
		}
	}
	for _, one := range doc.at("/employments").list() {
		word.Employee.Mail = cmp.Or(word.Employee.Mail, one.at("/work_email").text())
	}
	all := slices.DeleteFunc(doc.at("/employments").list(), func(d document) bool { return d.at("/is_user_contract_deleted").isTrue() })
	if len(all) == 0 {
		word.Unclear = "no employment is shown"
		return word
	}
	for _, one := range all {
		last, err := parseDay(one.at("/termination_last_day").text())
		if last.IsZero() && err == nil && len(all) == 1 {
			// Of a direct employee the date stands beside the employment.
			last, err = parseDay(doc.at("/direct_employee_termination_last_day").text())
		}
		switch {
		case err != nil:
			word.Leaving, word.Unclear = Leaving{}, "termination_last_day is not a day"
			return word
		case last.IsZero() && one.at("/is_ended").isTrue():
			continue // long ago, or nobody wrote down when
		case last.IsZero() && !one.has("termination_last_day"):
			word.Leaving, word.Unclear = Leaving{}, "an employment does not show termination_last_day: give the token the right to see it"
			return word
		case last.IsZero():
			word.Leaving = Leaving{} // this one goes on
			return word
		}
		if word.Leaving.LastDay.Before(last) {
			word.Leaving.LastDay, word.Leaving.Zone = last, cmp.Or(zoneOrNone(one.at("/timezone").text()), zoneOrNone(doc.at("/timezone").text()))
		}
	}
	if word.Leaving.IsZero() {
		word.Unclear = "every employment is over, and none says since when"
	}
	return word
}

// zoneOrNone is a time zone, or none where the text is not one.
func zoneOrNone(name string) string {
	if _, err := offboarding.LoadZone(name); err != nil {
		return ""
	}
	return name
}

// Leavers implements Reader: everybody, a page at a time. The tracker of offboardings shows what ends
// within 45 days alone, and how its pages go on is not documented.
// Source: developer.deel.com, api/reference/endpoints/people, offboarding/retrieve-offboarding-list.
func (d *deelReader) Leavers(ctx context.Context, _ time.Time) (Leavers, error) {
	const limit = 100
	var all Leavers
	seen := map[string]bool{}
	for offset, page := 0, 0; page < mostPages; page++ {
		doc, err := d.get(ctx, "listing people", "/rest/v2/people", url.Values{"limit": {strconv.Itoa(limit)}, "offset": {strconv.Itoa(offset)}}, nil)
		if err != nil {
			return Leavers{}, err
		}
		if _, is := doc.at("/data").value.([]any); !is {
			return Leavers{}, fmt.Errorf("listing people: %s answers without a list", d.about)
		}
		people, fresh := doc.at("/data").list(), 0
		for _, one := range people {
			if id := one.at("/id").text(); id != "" && !seen[id] {
				seen[id] = true
				fresh++
				all.Words = append(all.Words, deelWord(id, one))
			}
		}
		// A page may hold fewer than asked for, so the number of all is what counts where it is told.
		offset += len(people)
		total, err := strconv.Atoi(doc.at("/page/total_rows").text())
		switch {
		case len(people) == 0, err == nil && offset >= total, err != nil && len(people) < limit:
			all.Words = distinct(all.Words)
			return all, nil
		case fresh == 0:
			return Leavers{}, fmt.Errorf("listing people: %w", errRepeats)
		}
	}
	return Leavers{}, fmt.Errorf("listing people: %s has more than %d pages", d.about, mostPages)
}
