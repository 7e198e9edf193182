package hris

import (
	"testing"
	"time"

	"leaver/shared/hris/webhook"
)

func TestWhatTheWebhooksOfFinchMean(t *testing.T) {
	t.Parallel()
	meanings(t, "finch", []meaning{
		{"changed", "", `{"event_type":"employment.updated","data":{"individual_id":"f2c3"}}`, "hint employment.updated of f2c3"},
		{"a job", "", `{"event_type":"job.data_sync_all.completed","data":{"job_id":"1"}}`, "nothing: job.data_sync_all.completed"},
		{"no longer visible", "", `{"event_type":"individual.deleted","data":{"individual_id":"f2c3"}}`, "task"},
	})
}

func TestWrongRecipesForFinchFail(t *testing.T) {
	t.Parallel()
	wrongRecipes(t, "finch", "YSBzZWNyZXQgb2YgMzIgbGV0dGVycywgb3IgbG9uZ2Vy", finchSignature, map[string]recipe{
		"the secret as text": {Signature: webhook.Signature{Header: "finch-signature", Prefix: "v1,", Encoding: webhook.Base64, Signed: "{id}.{timestamp}.{body}"}},
		"without the id":     {Signature: webhook.Signature{Header: "finch-signature", Prefix: "v1,", Encoding: webhook.Base64, Key: webhook.KeyBase64, Signed: "{timestamp}.{body}"}},
		"hex":                {Signature: webhook.Signature{Header: "finch-signature", Prefix: "v1,", Key: webhook.KeyBase64, Signed: "{id}.{timestamp}.{body}"}},
		"the body alone":     {Signature: webhook.Signature{Header: "finch-signature", Prefix: "v1,", Encoding: webhook.Base64, Key: webhook.KeyBase64}},
		"JSON written anew":  {Signature: finchSignature, body: `{"a":1,"type":"employee.updated"}`},
	})
}

// TestFinchSendsAgainAndGivesUp: how often it sends again is documented nowhere; this is a guess.
func TestFinchSendsAgainAndGivesUp(t *testing.T) {
	t.Parallel()
	delivers(t, "finch", delivery{11, 11, 18 * time.Hour, false})
}

func TestWhatIsNoDepartureInFinch(t *testing.T) {
	t.Parallel()
	answers(t, "finch", "stays", finchSays(finchIndividual, `{"is_active":true,"employment_status":"leave","end_date":null}`))
	answers(t, "finch", "stays", finchSays(finchIndividual, `{"is_active":true,"end_date":"2024-06-30","latest_rehire_date":"2025-01-01"}`))
	answers(t, "finch", "stays", finchSays(finchIndividual, `{"is_active":true,"end_date":"9999-12-31"}`))
}

// TestADayOfFinchIsTheLastDay: whether end_date is the last day or the first one gone, nobody documents,
// neither the reference nor the vendor's own clients; so it is the later one, to its end.
func TestADayOfFinchIsTheLastDay(t *testing.T) {
	t.Parallel()
	outAtTheEndOf(t, "finch", finchSays(finchIndividual, `{"is_active":true,"end_date":"2026-11-30"}`))
}
