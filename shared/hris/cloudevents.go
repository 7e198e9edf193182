package hris

import (
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"leaver/shared/hris/webhook"
)

// cloudevents is CloudEvents 1.0 over HTTP: structured, binary and in batches. The sender shows a
// token, as the specification of webhooks for it says.
// Source: cloudevents/spec, cloudevents/http-webhook.md, bindings/http-protocol-binding.md.
var cloudevents = vendor{
	name: "cloudevents", maxBody: 1 << 20,
	setup: []string{
		"the token, as Authorization: Bearer or as ?access_token=",
		"events employee.terminated and employee.termination_cancelled, or those of the map",
	},
	media:   []string{structured, batch, "application/json"},
	methods: []string{http.MethodOptions},
	validate: func(c Config) error {
		if c.Signature != nil {
			return errors.New("signature: the sender of CloudEvents shows a token; use the vendor hmac where it signs")
		}
		return c.Map.validate()
	},
	verifier: func(c Config) (webhook.Verifier, error) {
		return webhook.Secret{Bearer: true, Query: "access_token"}.With(c.Secrets)
	},
	handshake: allowOrigin,
	probe:     &Arrival{Method: http.MethodOptions, Header: http.Header{"Webhook-Request-Origin": {"leaver.example"}}},
	read:      readCloudEvents,
}

const (
	structured = "application/cloudevents+json"
	batch      = "application/cloudevents-batch+json"
)

// allowOrigin consents to be sent events. It says nothing that is not known, and a sender without
// the token is refused all the same.
// Source: cloudevents/spec, cloudevents/http-webhook.md, 4 Abuse protection.
func allowOrigin(_ Config, a Arrival) (Answer, bool) {
	origin := a.Header.Get("WebHook-Request-Origin")
	if a.Method != http.MethodOptions {
		return Answer{}, false
	}
	if origin == "" || len(origin) > 253 || strings.ContainsAny(origin, "\r\n") {
		return Answer{Status: http.StatusBadRequest}, true
	}
	return Answer{Status: http.StatusOK, Header: map[string]string{
		"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*", "Allow": "POST, OPTIONS",
	}}, true
}

// cloudEventMap is ownMap as the attributes of a CloudEvent are named.
var cloudEventMap = func() Map { m := ownMap; m.Timestamp = "/time"; return m }()

func readCloudEvents(c Config, v webhook.Verified) (Meaning, error) {
	media, _, _ := mime.ParseMediaType(v.Header("Content-Type"))
	body, err := parseDocument(v.Body())
	if err != nil {
		return Meaning{}, invalid("%w", err)
	}
	_, isList := body.value.([]any)
	switch {
	case media == batch && !isList:
		return Meaning{}, invalid("a batch is a list of events")
	case media != batch && isList:
		return Meaning{}, invalid("a list of events is sent as %s", batch)
	case media != batch && media != structured:
		body = document{binaryEvent(v, body)}
	}
	m := c.Map.over(cloudEventMap)
	var meaning Meaning
	for _, one := range body.list() {
		if one.at("/specversion").text() != "1.0" || one.at("/id").text() == "" || one.at("/source").text() == "" || one.at("/type").text() == "" {
			e := event{raw: one.raw()}
			meaning.Notices = append(meaning.Notices, c.notice(v, e, invalid("a CloudEvent 1.0 has specversion 1.0, id, source and type")))
			continue
		}
		if m.ID == cloudEventMap.ID { // its id is unique in its source alone
			object := one.value.(map[string]any)
			object["id"] = one.at("/source").text() + "\x00" + one.at("/id").text()
		}
		meaning = meaning.and(m.read(c, v, one))
	}
	return meaning, nil
}

// binaryEvent is the event whose attributes are headers, and whose body is the data alone.
func binaryEvent(v webhook.Verified, data document) map[string]any {
	object := map[string]any{"data": data.value}
	for _, name := range []string{"specversion", "id", "source", "type", "time", "subject"} {
		if value := v.Header("ce-" + name); value != "" {
			if plain, err := url.PathUnescape(value); err == nil {
				value = plain
			}
			object[name] = value
		}
	}
	return object
}

// and joins two meanings of one webhook.
func (m Meaning) and(other Meaning) Meaning {
	m.Requests = append(m.Requests, other.Requests...)
	m.Hints = append(m.Hints, other.Hints...)
	m.Notices = append(m.Notices, other.Notices...)
	m.Ignored = append(m.Ignored, other.Ignored...)
	return m
}
