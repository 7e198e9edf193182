package hris

import (
	"encoding/json"
	"errors"
	"net/http"

	"leaver/shared/hris/webhook"
)

// eventgrid is Azure Event Grid in its own schema; a topic that delivers CloudEvents is declared as
// cloudevents. The secret is the parameter code that the subscription's endpoint carries.
// Source: Microsoft Learn, Endpoint validation with Event Grid event schema.
var eventgrid = vendor{
	name: "eventgrid", maxBody: 1 << 20, accepted: http.StatusOK,
	setup: []string{
		"the address with ?code= and the secret",
		"the Event Grid event schema",
	},
	validate: func(c Config) error {
		if c.Signature != nil {
			return errors.New("signature: Event Grid signs nothing; it shows the query parameter code")
		}
		return c.Map.validate()
	},
	verifier: func(c Config) (webhook.Verifier, error) { return webhook.Secret{Query: "code"}.With(c.Secrets) },
	read:     readEventGrid,
}

// eventGridMap is ownMap as the properties of an event are named.
var eventGridMap = func() Map { m := ownMap; m.Type, m.Timestamp = "/eventType", "/eventTime"; return m }()

const validation = "Microsoft.EventGrid.SubscriptionValidationEvent"

func readEventGrid(c Config, v webhook.Verified) (Meaning, error) {
	body, err := parseDocument(v.Body())
	if err != nil {
		return Meaning{}, invalid("%w", err)
	}
	events := body.list()
	if v.Header("aeg-event-type") == "SubscriptionValidation" || len(events) == 1 && events[0].at("/eventType").text() == validation {
		code := body.at("/0/data/validationCode").text()
		if code == "" || len(code) > 512 {
			return Meaning{}, invalid("a validation event has data.validationCode")
		}
		answer, err := json.Marshal(map[string]string{"validationResponse": code})
		if err != nil {
			return Meaning{}, invalid("a validation event has data.validationCode")
		}
		return Meaning{Answer: &Answer{Status: http.StatusOK, Header: map[string]string{"Content-Type": "application/json"}, Body: string(answer)}}, nil
	}
	return c.Map.over(eventGridMap).read(c, v, body), nil
}
