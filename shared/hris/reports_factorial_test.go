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

func TestWhatGoesWrongWithFactorial(t *testing.T) { elsewhere(t, "factorial", factorialReports) }

var factorialReports = map[string]func(*testing.T){
	"an id is larger than any integer": func(t *testing.T) {
		const id = "36893488147419100711"
		means(t, "factorial", "terminate", `{"id":`+id+`,"terminated_on":"2026-11-30"}`, "hint terminate of "+id)
		means(t, "factorial", "terminate", `{"id":"`+id+`","terminated_on":"2026-11-30"}`, "hint terminate of "+id)
		lists(t, scripted(t, "factorial", always(`{"data":[{"id":`+id+`,"active":true,"is_terminating":true,"terminated_on":"2026-11-30"}],"meta":{"has_next_page":false}}`)), id+" leaves 2026-11-30")
	},
	"a page is taken for all": func(t *testing.T) {
		hr, r, _ := simulated(t, "factorial", 250)
		hr.Dismiss("4955", dayOf(t, "2026-11-30"), offboarding.Date{})
		if list := lists(t, r, "4955 leaves 2026-11-30"); len(list.Words) != 250 {
			t.Errorf("got %d people, want 250", len(list.Words))
		}
		lists(t, scripted(t, "factorial", always(`{"data":[{"id":"1"}],"meta":{"has_next_page":true,"end_cursor":"Mjc="}}`)), "fails")
		lists(t, scripted(t, "factorial", always(`[]`)), "fails")
	},
	"two parameters have to be there": func(t *testing.T) {
		hr, r, _ := simulated(t, "factorial", 2)
		hr.Dismiss("4711", dayOf(t, "2026-11-20"), offboarding.Date{})
		lists(t, r, "4711 leaves 2026-11-20") // who left is in it, and it is not refused
	},
	"what may not be seen is null": func(t *testing.T) {
		answers(t, "factorial", "unclear", always(`{"id":"4711","active":true,"is_terminating":true,"terminated_on":null}`))
		answers(t, "factorial", "unclear", always(`{"id":"4711","active":true,"is_terminating":null,"terminated_on":null}`))
		answers(t, "factorial", "unclear", always(`{"id":"4711","active":null,"is_terminating":false,"terminated_on":null}`))
		answers(t, "factorial", "stays", always(`{"id":"4711","active":true,"is_terminating":false,"terminated_on":null}`))
	},
	"a key reads bank accounts": func(t *testing.T) {
		hr, r, _ := simulated(t, "factorial", 1)
		hr.Dismiss("4711", dayOf(t, "2026-11-30"), offboarding.Date{})
		word := says(t, r, "leaves 2026-11-30")
		if kept := fmt.Sprintf("%+v", word); strings.Contains(kept, simhr.Canary) || strings.Contains(kept, "example.com") {
			t.Errorf("got %s kept", kept)
		}
	},
	"an old version is answered by an older one": func(t *testing.T) {
		answers(t, "factorial", "unclear", always(`{"id":4711,"active":true,"terminated_at":"2026-11-30"}`))
	},
	"an enumeration is null": func(t *testing.T) {
		answers(t, "factorial", "leaves 2026-11-30", always(`{"id":"4711","gender":null,"termination_reason_type":null,"active":true,"is_terminating":true,"terminated_on":"2026-11-30"}`))
	},
	"a subscription is disabled": func(t *testing.T) {
		hr, r, source := simulated(t, "factorial", 2)
		now := heardAt
		hr.Now = func() time.Time { return now }
		to := &endpoint{Source: source, away: http.StatusBadGateway}
		hr.Dismiss("4711", dayOf(t, "2026-12-31"), offboarding.Date{})
		tries := 0
		for ; len(hr.Lost()) == 0 && tries < 100; tries++ {
			sends(t, hr, to)
			now = now.Add(3 * time.Hour)
		}
		to.away = 0
		hr.Dismiss("4712", dayOf(t, "2026-12-31"), offboarding.Date{})
		sends(t, hr, to)
		if tries != 20 || len(hr.Lost()) != 2 || len(to.took) > 0 {
			t.Errorf("got %d tries, %d lost and %v taken; want it to give up after twenty, and to tell nothing more", tries, len(hr.Lost()), to.took)
		}
		lists(t, r, "4711 leaves 2026-12-31, 4712 leaves 2026-12-31")
		hr.Enable()
		hr.Move("4711", dayOf(t, "2027-01-31"), offboarding.Date{})
		sends(t, hr, to)
		if len(to.took) != 1 {
			t.Errorf("got %v taken, want what is told after it was enabled", to.took)
		}
	},
	"the body names no event": func(t *testing.T) {
		means(t, "factorial", "", `{"id":"4711"}`, "refused")
		means(t, "factorial", "unterminate", `{"id":"4711","terminated_on":null}`, "hint unterminate of 4711")
	},
	"the challenge is no signature": func(t *testing.T) {
		for name, send := range map[string]func(*Arrival){
			"":                  func(a *Arrival) { a.Header.Set("X-Factorial-Wh-Challenge", reportSecret) },
			"signed with it":    signed(t, webhook.Signature{Header: "X-Factorial-Wh-Challenge"}, reportSecret),
			"another":           func(a *Arrival) { a.Header.Set("X-Factorial-Wh-Challenge", reportSecret+" ") },
			"in another header": func(a *Arrival) { a.Header.Set("Authorization", reportSecret) },
		} {
			if got := proves(t, "factorial", reportSecret, send); got != (name == "") {
				t.Errorf("%q: it is taken: %t", name, got)
			}
		}
		if _, err := newSource(Config{Name: "hr", Vendor: "factorial", Zone: "Europe/Berlin", Secrets: []string{"2zal4e6d"}, API: API{URL: "https://hr.example"}}); err == nil {
			t.Error("the challenge of the guide's example is taken, which anybody could guess")
		}
	},
	"the address is private": func(t *testing.T) {
		word := answers(t, "factorial", "leaves 2026-11-30", always(`{"email":"adele@example.com","personal_email":"adele@example.com","login_email":null,"communications_email":null,"company_identifier":"E0001","active":true,"terminated_on":"2026-11-30"}`))
		if word.Employee != (offboarding.Employee{EmployeeID: "E0001"}) {
			t.Errorf("got %+v, want the number alone", word.Employee)
		}
	},
	"changes are asked for by the day": func(t *testing.T) {
		asked := ""
		r := scripted(t, "factorial", func(r *http.Request, _ string) string {
			asked = r.URL.Query().Get("updated_at_gteq")
			return `{"data":[],"meta":{"has_next_page":false}}`
		})
		for _, want := range []string{"", "2026-11-19"} { // everybody once a day, and else since that day
			lists(t, r, "nobody")
			if asked != want {
				t.Errorf("got %q, want %q", asked, want)
			}
		}
	},
	"somebody who is there is not found": func(t *testing.T) {
		hr, r, _ := simulated(t, "factorial", 2)
		hr.Dismiss("4711", dayOf(t, "2026-11-30"), offboarding.Date{})
		hr.Odd = func(w http.ResponseWriter, r *http.Request) bool {
			one := strings.HasSuffix(r.URL.Path, "/4711")
			if one {
				w.WriteHeader(http.StatusNotFound)
			}
			return one
		}
		says(t, r, "unclear") // and not that somebody is gone, or stays
		lists(t, r, "4711 leaves 2026-11-30")
	},
	"an empty list is none": func(t *testing.T) {
		r := scripted(t, "factorial", always(`{"errors":null}`))
		lists(t, r, "fails") // of everybody
		r = scripted(t, "factorial", func(r *http.Request, _ string) string {
			if r.URL.Query().Has("updated_at_gteq") {
				return `{"errors":null}`
			}
			return `{"data":[],"meta":{"has_next_page":false}}`
		})
		lists(t, r, "nobody")
		lists(t, r, "nobody") // of those who were changed
		r.Reader.(*factorialReader).everybody.missed()
		lists(t, scripted(t, "factorial", always(`{"errors":["x"]}`)), "fails")
	},
	"the paths are others": func(t *testing.T) {
		lists(t, scripted(t, "factorial", always("404 ")), "fails") // and nobody is said to be gone
	},
	"the answer is about somebody else": func(t *testing.T) {
		answers(t, "factorial", "unclear", always(`{"id":"815","active":true,"is_terminating":true,"terminated_on":"2026-11-30"}`))
		answers(t, "factorial", "unclear", always(`null`))
	},
	"a field is of another type": func(t *testing.T) {
		word := answers(t, "factorial", "leaves 2026-11-30", always(`{"id":4711,"company_identifier":42,"contact_number":"0049","active":true,"is_terminating":true,"terminated_on":"2026-11-30"}`))
		if word.Employee.EmployeeID != "42" {
			t.Errorf("got %+v, want the number as it is written", word.Employee)
		}
		answers(t, "factorial", "unclear", always(`{"id":4711,"active":true,"is_terminating":false,"terminated_on":{"date":"2026-11-30"}}`))
		answers(t, "factorial", "unclear", always(`{"id":4711,"active":"true","is_terminating":"false","terminated_on":null}`))
	},
	"a field is missing of some": func(t *testing.T) {
		lists(t, scripted(t, "factorial", always(`{"data":[{"id":"4711","active":true,"is_terminating":true,"terminated_on":"2026-11-30"},{"id":"4712","full_name":"x"}],"meta":{"has_next_page":false}}`)), "4711 leaves 2026-11-30, 4712 unclear")
	},
	"a request that worked is refused": func(t *testing.T) {
		lists(t, scripted(t, "factorial", always(`400 {"errors":["date is missing"]}`)), "fails")
		lists(t, scripted(t, "factorial", always("422 ")), "fails")
	},
	"an old address is gone": func(t *testing.T) {
		lists(t, scripted(t, "factorial", always("410 ")), "fails")
		answers(t, "factorial", "unclear", always("410 "))
	},
	"the filter by time filters nothing": func(t *testing.T) {
		hr, r, _ := simulated(t, "factorial", 3)
		hr.Dismiss("4712", dayOf(t, "2026-12-31"), offboarding.Date{})
		lists(t, r, "4712 leaves 2026-12-31")
		lists(t, r, "4712 leaves 2026-12-31") // asked for changes, it answers everybody again
	},
}
