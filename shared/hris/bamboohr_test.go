package hris

import (
	"testing"
	"time"

	"leaver/shared/hris/webhook"
)

func TestWhatTheWebhooksOfBambooHRMean(t *testing.T) {
	t.Parallel()
	meanings(t, "bamboohr", []meaning{
		{"a status that took effect", "", `{"type":"employee.updated","timestamp":"2026-11-30T18:42:00+0000","data":{"companyId":"8800","employeeId":"4711","changedFields":["status"]}}`, "hint employee.updated of 4711"},
		{"a record that was deleted", "", `{"type":"employee.deleted","timestamp":"2026-11-30T18:42:00+0000","data":{"companyId":"8800","employeeId":"4711"}}`, "task"},
		{"a record that was made", "", `{"type":"employee.created","data":{"employeeId":"4711"}}`, "nothing: employee.created"},
		{"the older kind, several at once", "", `{"employees":[{"id":"5","changedFields":["Status"],"fields":{"Status":{"value":"Inactive"}}},{"id":6}]}`, "hint employee_with_fields of 5; hint employee_with_fields of 6"},
		{"a form", "", `type=employee.updated&data[employeeId]=4711`, "refused"},
		{"neither", "", `{}`, "refused"},
	})
}

func TestWrongRecipesForBambooHRFail(t *testing.T) {
	t.Parallel()
	wrongRecipes(t, "bamboohr", "123b929362d51613054f71e5e5d4bf2c", bambooSignature, map[string]recipe{
		"time.body, as Stripe": {Signature: webhook.Signature{Header: "X-BambooHR-Signature", Signed: "{timestamp}.{body}"}},
		"time before the body": {Signature: webhook.Signature{Header: "X-BambooHR-Signature", Signed: "{timestamp}{body}"}},
		"the body alone":       {Signature: webhook.Signature{Header: "X-BambooHR-Signature"}},
		"the key as hex":       {Signature: webhook.Signature{Header: "X-BambooHR-Signature", Signed: "{body}{timestamp}", Key: webhook.KeyHex}},
		"base64":               {Signature: webhook.Signature{Header: "X-BambooHR-Signature", Signed: "{body}{timestamp}", Encoding: webhook.Base64}},
		"JSON written anew":    {Signature: bambooSignature, body: `{"a":1,"type":"employee.updated"}`},
	})
}

// TestBambooHRSendsAgainAndGivesUp: 5xx five times more, within two and a half hours; 4xx never.
// Source: documentation.bamboohr.com, reference/employee-updated-webhook.
func TestBambooHRSendsAgainAndGivesUp(t *testing.T) {
	t.Parallel()
	delivers(t, "bamboohr", delivery{6, 1, 155 * time.Minute, false})
}

func TestWhatIsNoDepartureInBambooHR(t *testing.T) {
	t.Parallel()
	active := `{"workEmail":"adele.vance@contoso.com","status":"Active","terminationDate":"0000-00-00"}`
	answers(t, "bamboohr", "stays", bamboo(active, `[{"date":"2026-10-01","employmentStatus":"Maternity Leave"},{"date":"2020-01-01","employmentStatus":"Full-Time"}]`))
	answers(t, "bamboohr", "unclear", bamboo(`{"status":"Inactive"}`, `[{"date":"2026-10-01","employmentStatus":"Maternity Leave"}]`))
	// One contract ends and the next begins.
	answers(t, "bamboohr", "stays", bamboo(active, `[{"date":"2026-12-01","employmentStatus":"Full-Time"},{"date":"2020-01-01","employmentStatus":"Contractor"}]`))
	answers(t, "bamboohr", "stays", bamboo(active, `[{"date":"2026-11-30","employmentStatus":"Terminated"},{"date":"2026-12-01","employmentStatus":"Full-Time"}]`))
}
