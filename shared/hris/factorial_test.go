package hris

import (
	"testing"
	"time"

	"leaver/shared/hris/webhook"
)

func TestWhatTheWebhooksOfFactorialMean(t *testing.T) {
	t.Parallel()
	meanings(t, "factorial", []meaning{
		{"terminated", "terminate", `{"id":"1180","email":"adele@example.com","terminated_on":"2026-11-30","bank_number":"DE89"}`, "hint terminate of 1180"},
		{"an id that is a number", "unterminate", `{"id":1180,"terminated_on":null}`, "hint unterminate of 1180"},
		{"an address that names no event", "", `{"id":"1180"}`, "refused"},
		{"nobody", "terminate", `{}`, "refused"},
	})
}

func TestWrongRecipesForFactorialFail(t *testing.T) {
	t.Parallel()
	wrongRecipes(t, "factorial", reportSecret, webhook.Signature{}, map[string]recipe{
		"the challenge as a key":    {Signature: webhook.Signature{Header: "x-factorial-wh-challenge"}},
		"one of an invented header": {Signature: webhook.Signature{Header: "X-Factorial-Signature"}},
	})
}

// TestFactorialSendsAgainAndGivesUp: twenty times within two days, and then nothing any more.
// Source: factorialco/factorial-api-sdks, api-guides/webhooks-policies.md.
func TestFactorialSendsAgainAndGivesUp(t *testing.T) {
	t.Parallel()
	delivers(t, "factorial", delivery{20, 20, 49 * time.Hour, true})
}
