package hris

import (
	"encoding/json"
	"net/http"

	"leaver/shared/hris/webhook"
	"leaver/shared/offboarding"
)

// okta is an event hook of Okta. It knows no date, and a deactivation may only mean that somebody
// fell out of an import, so what it begins can be taken back.
// Source: Okta, concepts/event-hooks, and the catalogue of event types.
var okta = vendor{
	name: "okta", maxBody: 1 << 20, accepted: http.StatusOK, unverified: http.StatusServiceUnavailable,
	setup: []string{
		"the whole value of the header Authorization",
		"events user.lifecycle.deactivate, activate, reactivate, unsuspend and delete.initiated",
	},
	methods: []string{http.MethodGet},
	verifier: func(c Config) (webhook.Verifier, error) {
		return webhook.Secret{Header: "Authorization"}.With(c.Secrets)
	},
	handshake: func(_ Config, a Arrival) (Answer, bool) {
		challenge := a.Header.Get("x-okta-verification-challenge")
		if a.Method != http.MethodGet {
			return Answer{}, false
		}
		if challenge == "" || len(challenge) > 512 {
			return Answer{Status: http.StatusBadRequest}, true
		}
		body, err := json.Marshal(map[string]string{"verification": challenge})
		if err != nil {
			return Answer{Status: http.StatusBadRequest}, true
		}
		return Answer{Status: http.StatusOK, Header: map[string]string{"Content-Type": "application/json"}, Body: string(body)}, true
	},
	probe: &Arrival{Method: http.MethodGet, Header: http.Header{"X-Okta-Verification-Challenge": {"leaver-sources-check"}}},
	read:  readOkta,
}

func readOkta(c Config, v webhook.Verified) (Meaning, error) {
	body, err := parseDocument(v.Body())
	if err != nil {
		return Meaning{}, invalid("%w", err)
	}
	var meaning Meaning
	for _, one := range body.at("/data/events").list() {
		e := event{id: one.at("/uuid").text(), name: one.at("/eventType").text(), raw: one.raw(), reversible: true}
		e.at, _ = parseInstant(one.at("/published").text())
		switch e.name {
		case "user.lifecycle.deactivate":
			e.kind = offboarding.Termination
		case "user.lifecycle.activate", "user.lifecycle.reactivate", "user.lifecycle.unsuspend":
			e.kind = offboarding.Cancellation
		case "user.lifecycle.delete.initiated":
			meaning.Notices = append(meaning.Notices, c.notice(v, e, errDeleted))
			continue
		default:
			meaning.Ignored = append(meaning.Ignored, e.name)
			continue
		}
		if one.at("/outcome/result").text() != "SUCCESS" {
			meaning.Ignored = append(meaning.Ignored, e.name+" without success")
			continue
		}
		if e.employee.UserPrincipalName = oktaLogin(one); e.employee.UserPrincipalName == "" {
			meaning.Notices = append(meaning.Notices, c.notice(v, e, invalid("target: it names no user, or several")))
			continue
		}
		meaning.add(c, v, e)
	}
	return meaning, nil
}

// errDeleted is of a record that an HR system deleted: duplicates are deleted too, so nobody leaves
// because of it.
var errDeleted = invalid("a record was deleted, which does not say that anybody left; if somebody did, use leaver offboard")

// oktaLogin is the login of the one user that an event is about; never the actor's.
func oktaLogin(event document) string {
	var login string
	for _, target := range event.at("/target").list() {
		if target.at("/type").text() != "User" {
			continue
		}
		if login != "" {
			return ""
		}
		if login = target.at("/alternateId").text(); login == "unknown" {
			return ""
		}
	}
	return login
}
