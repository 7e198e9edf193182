package hris

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"leaver/shared/hris/webhook"
	"leaver/shared/offboarding"
	"leaver/shared/simhr"
)

// deelSays answers with the employments of a person, and what stands beside them.
func deelSays(employments, beside string) script {
	return always(`{"data":{"id":"4711","emails":[{"type":"work","value":"adele.vance@contoso.com"}],"employments":[` + employments + `]` + beside + `}}`)
}

func deelEvent(kind, simulated, resource string) string {
	return `{"data":{"meta":{"event_type":"` + kind + `","tracking_id":"9a7e","is_simulation":` + simulated + `},"resource":` + resource + `},"timestamp":"2026-11-22T09:00:00.000Z"}`
}

func TestWhatGoesWrongWithDeel(t *testing.T) { elsewhere(t, "deel", deelReports) }

var deelReports = map[string]func(*testing.T){
	"the tracker ends after 45 days": func(t *testing.T) {
		hr, r, _ := simulated(t, "deel", 1)
		hr.Dismiss("4711", dayOf(t, "2027-02-28"), offboarding.Date{})
		lists(t, r, "4711 leaves 2027-02-28")
	},
	"a page is taken for all": func(t *testing.T) {
		hr, r, _ := simulated(t, "deel", 130)
		hr.Dismiss("4840", dayOf(t, "2026-11-30"), offboarding.Date{})
		if list := lists(t, r, "4840 leaves 2026-11-30"); len(list.Words) != 130 {
			t.Errorf("got %d people, want 130", len(list.Words))
		}
		lists(t, scripted(t, "deel", always(`{"data":[{"id":"1"}],"page":{"total_rows":70}}`)), "fails")
	},
	"the method is left out of what is signed": func(t *testing.T) {
		for name, recipe := range map[string]webhook.Signature{
			"":             deelSignature,
			"the body":     {Header: "x-deel-signature"},
			"with a point": {Header: "x-deel-signature", Signed: "{method}.{body}"},
			"a prefix":     {Header: "x-deel-signature", Prefix: "sha256=", Signed: "{method}{body}"},
		} {
			if got := proves(t, "deel", reportSecret, signed(t, recipe, reportSecret)); got != (name == "") {
				t.Errorf("%q: it is taken: %t", name, got)
			}
		}
	},
	"what is signed is written anew": func(t *testing.T) {
		right := signed(t, deelSignature, reportSecret)
		if proves(t, "deel", reportSecret, func(a *Arrival) { right(a); a.Body = []byte(`{"a":1,"type":"x"}`) }) {
			t.Error("a body that was parsed and written anew is taken")
		}
	},
	"everybody's data ends up in a log": func(t *testing.T) {
		hr, r, _ := simulated(t, "deel", 1)
		word := says(t, r, "stays")
		if kept := fmt.Sprintf("%+v", word); strings.Contains(kept, simhr.Canary) || strings.Contains(kept, "example.com") {
			t.Errorf("got %s kept", kept)
		}
		hr.Refusing = true
		if _, err := r.Person(t.Context(), "4711"); err == nil || strings.Contains(err.Error(), "4711") {
			t.Errorf("got %v, want an error that names nobody", err)
		}
	},
	"a test is taken for an event": func(t *testing.T) {
		means(t, "deel", "", deelEvent("contract.terminated", "true", `[{"id":"m3k9","completion_date":"2026-11-30"}]`), "nothing: contract.terminated, simulated")
	},
	"one webhook holds several": func(t *testing.T) {
		means(t, "deel", "", deelEvent("worker.v2.updated", "false", `[{"hris_profile_id":"4711"},{"hris_profile_id":"4712"}]`), "hint worker.v2.updated of 4711; hint worker.v2.updated of 4712")
		means(t, "deel", "", deelEvent("worker.v2.updated", "false", `{"hris_profile_id":"4711"}`), "hint worker.v2.updated of 4711")
	},
	"a contract does not name its person": func(t *testing.T) {
		means(t, "deel", "", deelEvent("contract.terminated", "false", `[{"id":"m3k9","completion_date":"2026-11-30"}]`), "hint contract.terminated of ")
	},
	"one of several contracts ends": func(t *testing.T) {
		answers(t, "deel", "stays", deelSays(`{"termination_last_day":"2026-11-30"},{"termination_last_day":null,"is_ended":false}`, ""))
		answers(t, "deel", "leaves 2026-12-31", deelSays(`{"termination_last_day":"2026-11-30"},{"termination_last_day":"2026-12-31"},{"is_ended":true}`, ""))
		answers(t, "deel", "unclear", deelSays(`{"is_ended":true}`, ""))
	},
	"a day is written as a moment": func(t *testing.T) {
		answers(t, "deel", "leaves 2026-11-30 in America/Sao_Paulo", deelSays(`{"termination_last_day":"2026-11-30T00:00:00.000Z","timezone":"America/Sao_Paulo"}`, ""))
		answers(t, "deel", "leaves 2026-11-30", deelSays(`{"termination_last_day":"2026-11-30T00:00:00.000Z","timezone":"GMT-3 (somewhere)"}`, ""))
	},
	"the day of a direct employee stands elsewhere": func(t *testing.T) {
		answers(t, "deel", "leaves 2026-11-30", deelSays(`{"is_ended":false}`, `,"direct_employee_termination_last_day":"2026-11-30"`))
		answers(t, "deel", "stays", deelSays(`{"is_ended":false,"termination_last_day":null},{"is_ended":false,"termination_last_day":null}`, `,"direct_employee_termination_last_day":"2026-11-30"`))
	},
	"a field is missing, and another is used": func(t *testing.T) {
		answers(t, "deel", "unclear", deelSays(`{"is_ended":false}`, ""))
		answers(t, "deel", "stays", deelSays(`{"is_ended":false,"termination_last_day":null}`, ""))
		word := answers(t, "deel", "leaves 2026-11-30 in Europe/Lisbon", always(`{"data":{"timezone":"Europe/Lisbon","emails":[{"type":"personal","value":"adele@example.com"}],"employments":[{"work_email":"adele.vance@contoso.com","termination_last_day":"2026-11-30","timezone":null}]}}`))
		if word.Employee.Mail != "adele.vance@contoso.com" {
			t.Errorf("got %+v, want the address at work", word.Employee)
		}
	},
	"a contract was deleted": func(t *testing.T) {
		answers(t, "deel", "leaves 2026-11-30", deelSays(`{"termination_last_day":"2026-11-30"},{"is_ended":false,"is_user_contract_deleted":true}`, ""))
		answers(t, "deel", "unclear", deelSays(`{"is_ended":false,"is_user_contract_deleted":true}`, ""))
	},
	"a subscription is disabled": func(t *testing.T) {
		hr, r, source := simulated(t, "deel", 1)
		now := heardAt
		hr.Now = func() time.Time { return now }
		to := &endpoint{Source: source, away: http.StatusUnprocessableEntity}
		hr.Dismiss("4711", dayOf(t, "2026-12-31"), offboarding.Date{})
		tries := 0
		for ; len(hr.Lost()) == 0 && tries < 100; tries++ {
			sends(t, hr, to)
			now = now.Add(2 * time.Hour)
		}
		if tries != 10 {
			t.Errorf("got %d tries, want ten", tries)
		}
		lists(t, r, "4711 leaves 2026-12-31")
		if source.Unusable() != http.StatusAccepted { // so that it never comes to this
			t.Errorf("got %d for what cannot be used, want it taken", source.Unusable())
		}
	},
	"all tokens share one limit": func(t *testing.T) {
		readers, err := NewReaders([]Config{{Name: "hr", Vendor: "deel", Zone: "Europe/Berlin", API: API{URL: "https://hr.example"}}}, Access{Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		if pace := readers["hr"].Reader.(*deelReader).pace; pace == nil || pace.Limit() >= 5 {
			t.Errorf("got %v, want fewer than five reads a second", pace)
		}
		answers(t, "deel", "again in 30s", always("429 ")) // no header says how long
	},
	"the token leaves with its owner": func(t *testing.T) {
		_, err := scripted(t, "deel", always("401 ")).Leavers(t.Context(), heardAt)
		if !offboarding.IsPermanent(err) || !strings.Contains(err.Error(), "renew api.secret") {
			t.Errorf("got %v, want it refused, with what to renew", err)
		}
	},
	"the token has no scope": func(t *testing.T) {
		_, err := scripted(t, "deel", always("403 ")).Leavers(t.Context(), heardAt)
		if !offboarding.IsPermanent(err) || !strings.Contains(err.Error(), "the right to read") {
			t.Errorf("got %v, want it refused, with the right that is missing", err)
		}
	},
	"an id is a number": func(t *testing.T) {
		lists(t, scripted(t, "deel", always(`{"data":[{"id":4711,"department":{"name":"x"},"external_id":42,"employments":[{"termination_last_day":"2026-11-30","department":"x"}]}],"page":{"total_rows":"1"}}`)), "4711 leaves 2026-11-30")
		means(t, "deel", "", deelEvent("worker.v2.updated", "false", `[{"hris_profile_id":4711}]`), "hint worker.v2.updated of 4711")
	},
	"what was flat is an object": func(t *testing.T) {
		means(t, "deel", "", deelEvent("contract.terminated", "false", `[{"id":"m3k9","worker":{"id":"4711","full_name":"x"}}]`), "hint contract.terminated of 4711")
		answers(t, "deel", "unclear", deelSays(`{"is_ended":false,"termination_last_day":{"date":"2026-11-30"}}`, ""))
	},
	"there is no list of offboardings": func(t *testing.T) {
		hr, r, _ := simulated(t, "deel", 1)
		hr.Dismiss("4711", dayOf(t, "2026-11-30"), offboarding.Date{})
		hr.Odd = func(w http.ResponseWriter, r *http.Request) bool {
			if strings.Contains(r.URL.Path, "offboarding") {
				t.Errorf("got %s asked, want people", r.URL.Path)
			}
			return false
		}
		lists(t, r, "4711 leaves 2026-11-30")
		lists(t, scripted(t, "deel", always("404 ")), "fails") // a list that is not there is no empty one
	},
	"a manager is no worker": func(t *testing.T) {
		hr, r, _ := simulated(t, "deel", 2)
		hr.Delete("4711") // to the API, a manager without a contract looks like this
		says(t, r, "unclear")
		lists(t, r, "nobody")
	},
	"the address is that of a login": func(t *testing.T) {
		word := answers(t, "deel", "leaves 2026-11-30", always(`{"data":{"id":"4711","external_id":"E0001","emails":[{"type":"primary","value":"adele@example.com"},{"type":"personal","value":"adele@example.org"},{"type":"work","value":null}],"employments":[{"email":"adele@example.com","work_email":null,"termination_last_day":"2026-11-30"}]}}`))
		if word.Employee != (offboarding.Employee{EmployeeID: "E0001"}) {
			t.Errorf("got %+v, want the number alone", word.Employee)
		}
	},
}
