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
