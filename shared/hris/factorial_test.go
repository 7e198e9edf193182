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

func TestWhatIsNoDepartureInFactorial(t *testing.T) {
	t.Parallel()
	// The end of a contract is not that of the access, and leave is neither.
	// Source: help.factorialhr.com, en_US/contracts-terminations/understanding-contract-end-dates-and-platform-access.
	answers(t, "factorial", "stays", always(`{"active":true,"is_terminating":false,"terminated_on":null,"contract_ends_on":"2026-11-30"}`))
	answers(t, "factorial", "stays", always(`{"active":true,"is_terminating":false,"terminated_on":null,"leaves":[{"name":"Paternity leave"}]}`))
	lists(t, scripted(t, "factorial", always(`{"data":[
		{"id":"4711","login_email":"adele.vance@contoso.com","active":true,"is_terminating":true,"terminated_on":"2026-11-30"},
		{"id":"4712","login_email":"adele.vance@contoso.com","active":true,"is_terminating":false,"terminated_on":null}],"meta":{"has_next_page":false}}`)), "4711 unclear")
}

// TestADayOfFactorialIsTheLastDay: an employee may use Factorial during the day of termination, so
// terminated_on is the last one, and the person is out when it ends.
// Source: help.factorialhr.com, en/i-am-an-admin-can-i-terminate-an-employee.
func TestADayOfFactorialIsTheLastDay(t *testing.T) {
	t.Parallel()
	outAtTheEndOf(t, "factorial", always(`{"login_email":"adele.vance@contoso.com","active":true,"is_terminating":true,"terminated_on":"2026-11-30"}`))
}
