package hris

import (
	"testing"
	"time"

	"leaver/shared/hris/webhook"
)

func TestWhatTheWebhooksOfPersonioMean(t *testing.T) {
	t.Parallel()
	meanings(t, "personio", []meaning{
		{"ended", "", `{"company_id":"42","event_name":"employment.terminated","occurred_at":"2026-11-30T00:00:00Z","payload":{"id":"e1","person_id":"4711"}}`, "hint employment.terminated of 4711"},
		{"joined otherwise", "", `{"event_name":"employment_updated","payload":{}}`, "nothing: employment-updated"},
		{"about nobody", "", `{"event_name":"employment.updated","payload":{}}`, "hint employment.updated of "},
		{"of a cost centre", "", `{"event_name":"employment.updated.cost-centers","payload":{"person_id":"4711"}}`, "nothing: employment.updated.cost-centers"},
		{"deleted", "", `{"event_name":"person.deleted","payload":{"id":"4711"}}`, "task"},
		{"an invented event", "", `{"event_name":"employee.departed","payload":{"person_id":"4711"}}`, "nothing: employee.departed"},
	})
}

func TestWrongRecipesForPersonioFail(t *testing.T) {
	t.Parallel()
	wrongRecipes(t, "personio", reportSecret, webhook.Signature{}, map[string]recipe{
		"an invented header": {Signature: webhook.Signature{Header: "X-Personio-Signature"}},
		"one with a prefix":  {Signature: webhook.Signature{Header: "X-Personio-Signature", Prefix: "sha256="}},
	})
}

// TestPersonioSendsAgainAndGivesUp: 5xx alone; of the two pages that say how often, the shorter.
// Source: developer.personio.de, changelog of 2024-06-24.
func TestPersonioSendsAgainAndGivesUp(t *testing.T) {
	t.Parallel()
	delivers(t, "personio", delivery{7, 1, 3 * 24 * time.Hour, false})
}

func TestWhatIsNoDepartureInPersonio(t *testing.T) {
	t.Parallel()
	// Parental leave, a contract for a time that nobody has ended, and one of two contracts.
	answers(t, "personio", "stays", personioSays(personioRecord, `{"_data":[{"status":"LEAVE","termination":null}]}`))
	answers(t, "personio", "stays", personioSays(personioRecord, `{"_data":[{"contract_end_date":"2026-11-30","termination":null}]}`))
	answers(t, "personio", "stays", personioSays(personioRecord, `{"_data":[{"termination":{"last_working_date":"2026-11-30","termination_date":"2026-11-30"}},{"termination":null}]}`))
}
