package hris

import (
	"testing"
	"time"

	"leaver/shared/hris/webhook"
)

func TestWhatTheWebhooksOfDeelMean(t *testing.T) {
	t.Parallel()
	deel := func(kind, simulated, resource string) string {
		return `{"data":{"meta":{"event_type":"` + kind + `","tracking_id":"9a7e","is_simulation":` + simulated + `},"resource":` + resource + `},"timestamp":"2026-11-22T09:00:00.000Z"}`
	}
	meanings(t, "deel", []meaning{
		{"a contract in a list", "", deel("contract.terminated", "false", `[{"id":"m3k9","completion_date":"2026-11-30"}]`), "hint contract.terminated of "},
		{"a worker as an object", "", deel("worker.v2.updated", "false", `{"hris_profile_id":"w1"}`), "hint worker.v2.updated of w1"},
		{"a simulation", "", deel("contract.terminated", "true", `[{"id":"m3k9"}]`), "nothing: contract.terminated, simulated"},
		{"an invoice", "", deel("invoice.paid", "false", `[]`), "nothing: invoice.paid"},
	})
}

func TestWrongRecipesForDeelFail(t *testing.T) {
	t.Parallel()
	wrongRecipes(t, "deel", reportSecret, deelSignature, map[string]recipe{
		"the body alone":     {Signature: webhook.Signature{Header: "x-deel-signature"}},
		"a prefix":           {Signature: webhook.Signature{Header: "x-deel-signature", Prefix: "sha256=", Signed: "{method}{body}"}},
		"a point in between": {Signature: webhook.Signature{Header: "x-deel-signature", Signed: "{method}.{body}"}},
		"base64":             {Signature: webhook.Signature{Header: "x-deel-signature", Signed: "{method}{body}", Encoding: webhook.Base64}},
		"JSON written anew":  {Signature: deelSignature, body: `{"a":1,"type":"employee.updated"}`},
	})
}

// TestDeelSendsAgainAndGivesUp: ten times, and then nothing any more.
// Source: api-evangelist/deel, asyncapi.
func TestDeelSendsAgainAndGivesUp(t *testing.T) {
	t.Parallel()
	delivers(t, "deel", delivery{10, 10, 2 * time.Hour, true})
}

func TestWhatIsNoDepartureInDeel(t *testing.T) {
	t.Parallel()
	// Leave, an offboarding that Deel cancelled, and a second record of the same person.
	answers(t, "deel", "stays", deelSays(`{"termination_last_day":null,"is_ended":false,"hiring_status":"active","time_off":"PARENTAL"}`, ""))
	answers(t, "deel", "stays", deelSays(`{"termination_last_day":null,"is_ended":false,"offboarding_status":"CANCELLED"}`, ""))
	record := func(id, employment string) string {
		return `{"id":"` + id + `","emails":[{"type":"work","value":"adele.vance@contoso.com"}],"employments":[` + employment + `]}`
	}
	lists(t, scripted(t, "deel", always(`{"data":[`+record("4711", `{"termination_last_day":"2026-11-30"}`)+`,`+record("4712", `{"termination_last_day":null,"is_ended":false}`)+`],"page":{"total_rows":2}}`)), "4711 unclear")
}
