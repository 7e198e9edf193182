package hris

import (
	"testing"
	"time"

	"leaver/shared/hris/webhook"
)

func TestWhatTheWebhooksOfHiBobMean(t *testing.T) {
	t.Parallel()
	meanings(t, "hibob", []meaning{
		{"a row of the lifecycle", "", bob("table.entry.created", `"employeeId":"4711","tableId":"lifecycle","effectiveDate":"2026-11-30"`), "hint table.entry.created of 4711"},
		{"a row that changed, as it was sent before March 2026", "", bob("table.entry.updated", `"employeeId":"4711","tableId":null,"effectiveDate":null,"id":null`), "hint table.entry.updated of 4711"},
		{"a row of another table", "", bob("table.entry.created", `"employeeId":"4711","tableId":"equity"`), "nothing: table.entry.created of equity"},
		{"left", "", bob("employee.left", `"employeeId":"4711"`), "hint employee.left of 4711"},
		{"left, by nobody", "", bob("employee.left", ``), "hint employee.left of "},
		{"parental leave", "", bob("employee.inactivated", `"employeeId":"4711"`), "nothing: employee.inactivated"},
		{"a long leave", "", bob("employee.temporaryLeave", `"employeeId":"4711"`), "nothing: employee.temporaryLeave"},
		{"back", "", bob("employee.joined", `"employeeId":"4711"`), "hint employee.joined of 4711"},
		{"deleted", "", bob("employee.deleted", `"employeeId":"4711"`), "task"},
	})
}

func TestWrongRecipesForHiBobFail(t *testing.T) {
	t.Parallel()
	wrongRecipes(t, "hibob", reportSecret, hibobSignature, map[string]recipe{
		"SHA-256":           {Signature: webhook.Signature{Header: "Bob-Signature", Encoding: webhook.Base64}},
		"hex":               {Signature: webhook.Signature{Header: "Bob-Signature", Algorithm: webhook.SHA512}},
		"a prefix":          {Signature: webhook.Signature{Header: "Bob-Signature", Prefix: "sha512=", Algorithm: webhook.SHA512, Encoding: webhook.Base64}},
		"JSON written anew": {Signature: hibobSignature, body: `{"a":1,"type":"employee.updated"}`},
	})
}

// TestHiBobSendsAgainAndGivesUp: whatever is not 2xx for three days.
// Source: apidocs.hibob.com, reference/webhook-events-v2.
func TestHiBobSendsAgainAndGivesUp(t *testing.T) {
	t.Parallel()
	delivers(t, "hibob", delivery{13, 13, 3 * 24 * time.Hour, false})
}

func TestWhatIsNoDepartureInHiBob(t *testing.T) {
	t.Parallel()
	meanings(t, "hibob", []meaning{
		{"another job, by the table work", "", bob("table.entry.created", `"employeeId":"4711","tableId":"work","effectiveDate":"2026-12-01"`), "nothing: table.entry.created of work"},
		{"parental leave that is over", "", bob("employee.activated", `"employeeId":"4711"`), "hint employee.activated of 4711"},
	})
	// A contractor who becomes an employee: one record ends, and the other goes on.
	lists(t, scripted(t, "hibob", always(`{"employees":[
		{"/root/id":{"value":"4711"},"/root/email":{"value":"adele.vance@contoso.com"},"/internal/lifecycleStatus":{"value":"employed"},"/internal/terminationDate":{"value":"2026-11-30"}},
		{"/root/id":{"value":"4712"},"/root/email":{"value":"Adele.Vance@contoso.com"},"/internal/lifecycleStatus":{"value":"employed"}}]}`)), "4711 unclear")
}
