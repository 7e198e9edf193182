package hris

import (
	"strings"
	"testing"
	"time"

	"leaver/shared/hris/webhook"
)

func TestWhatTheWebhooksOfGustoMean(t *testing.T) {
	t.Parallel()
	gusto := func(kind, entity string) string {
		return `{"uuid":"6057","event_type":"` + kind + `","resource_type":"Company","entity_type":"` + entity + `","entity_uuid":"3f5e","timestamp":1795348800}`
	}
	meanings(t, "gusto", []meaning{
		{"entered", "", gusto("employee.terminated", "Employee"), "hint employee.terminated of 3f5e"},
		{"in effect, by the one name", "", gusto("employee.terminated_effective", "Employee"), "hint employee.terminated_effective of 3f5e"},
		{"in effect, by the other", "", gusto("employee.termination_effective", "Employee"), "hint employee.termination_effective of 3f5e"},
		{"cancelled", "", gusto("employee.termination_cancelled", "Employee"), "hint employee.termination_cancelled of 3f5e"},
		{"rehired", "", gusto("employee.rehired", "Employee"), "hint employee.rehired of 3f5e"},
		{"a contractor", "", gusto("contractor.deactivated", "Contractor"), "nothing: contractor.deactivated"},
		{"deleted", "", gusto("employee.deleted", "Employee"), "task"},
		{"keys in another case", "", strings.ReplaceAll(gusto("employee.terminated", "Employee"), "event_type", "Event_Type"), "nothing: "},
	})
}

func TestWrongRecipesForGustoFail(t *testing.T) {
	t.Parallel()
	wrongRecipes(t, "gusto", reportSecret, webhook.Signature{Header: "X-Gusto-Signature"}, map[string]recipe{
		"base64":            {Signature: webhook.Signature{Header: "X-Gusto-Signature", Encoding: webhook.Base64}},
		"SHA-512":           {Signature: webhook.Signature{Header: "X-Gusto-Signature", Algorithm: webhook.SHA512}},
		"a prefix":          {Signature: webhook.Signature{Header: "X-Gusto-Signature", Prefix: "sha256="}},
		"JSON written anew": {Signature: webhook.Signature{Header: "X-Gusto-Signature"}, body: `{"a":1,"type":"employee.updated"}`},
	})
}

// TestGustoSendsAgainAndGivesUp: sixteen times more, within three days.
// Source: docs.gusto.com, app-integrations/docs/webhooks.
func TestGustoSendsAgainAndGivesUp(t *testing.T) {
	t.Parallel()
	delivers(t, "gusto", delivery{17, 17, 74 * time.Hour, false})
}

func TestWhatIsNoDepartureInGusto(t *testing.T) {
	t.Parallel()
	// Somebody on leave has no termination, and another one's contract is a contractor's.
	answers(t, "gusto", "stays", gustoSays(`{"work_email":"adele.vance@contoso.com","terminated":false,"current_employment_status":"on_leave"}`, `[]`))
	meanings(t, "gusto", []meaning{
		{"an employee who changed", "", gustoEvent("employee.updated", "Employee"), "nothing: employee.updated"},
		{"a job that ended", "", gustoEvent("employee_job.deleted", "EmployeeJob"), "nothing: employee_job.deleted"},
	})
}
