package hris

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"leaver/shared/offboarding"
)

const gustoPath = "/v1/employees/4711"

// gustoSays answers with a record and its terminations.
func gustoSays(record, terminations string) script {
	return paths(map[string]string{gustoPath: record, gustoPath + "/terminations": terminations})
}

func gustoEvent(kind, entity string) string {
	return `{"uuid":"6057","event_type":"` + kind + `","resource_type":"Company","entity_type":"` + entity + `","entity_uuid":"4711","timestamp":1795348800}`
}

func TestWhatGoesWrongWithGusto(t *testing.T) { elsewhere(t, "gusto", gustoReports) }

var gustoReports = map[string]func(*testing.T){
	"a filter is taken for an addition": func(t *testing.T) {
		hr, r, _ := simulated(t, "gusto", 3)
		hr.Dismiss("4712", dayOf(t, "2026-12-31"), offboarding.Date{})
		if list := lists(t, r, "4712 leaves 2026-12-31"); len(list.Words) != 1 {
			t.Errorf("got %d people, want those who leave alone", len(list.Words))
		}
		hr.TakeBack("4712") // not in the list any more, which says nothing: they are asked about
		lists(t, r, "nobody")
		says(t, r, "stays")
	},
	"the first page is taken for all": func(t *testing.T) {
		hr, r, _ := simulated(t, "gusto", 230)
		for i := range 230 {
			hr.Dismiss(fmt.Sprint(4711+i), dayOf(t, "2026-12-31"), offboarding.Date{})
		}
		if list, err := r.Leavers(t.Context(), heardAt); err != nil || len(list.Words) != 230 {
			t.Errorf("got %d people, %v; want 230", len(list.Words), err)
		}
		page := `[` + strings.TrimSuffix(strings.Repeat(`{"uuid":"1","terminations":[]},`, 100), ",") + `]`
		lists(t, scripted(t, "gusto", paths(map[string]string{"/v1/token_info": `{"resource":{"type":"Company","uuid":"c"}}`, "/v1/companies/c/employees": page})), "fails")
	},
	"the token is somebody else's": func(t *testing.T) {
		lists(t, scripted(t, "gusto", paths(map[string]string{"/v1/token_info": `{"resource":{"type":"Application","uuid":"a"}}`})), "refused")
	},
	"one event has two names": func(t *testing.T) {
		for _, kind := range []string{"employee.terminated_effective", "employee.termination_effective"} {
			means(t, "gusto", "", gustoEvent(kind, "Employee"), "hint "+kind+" of 4711")
		}
	},
	"the day ends in California": func(t *testing.T) {
		hr, r, _ := simulated(t, "gusto", 1)
		hr.Dismiss("4711", dayOf(t, "2026-11-30"), offboarding.Date{})
		word := says(t, r, "leaves 2026-11-30")
		for zone, want := range map[string]string{"America/New_York": "2026-12-01T04:59:59Z", "America/Los_Angeles": "2026-12-01T07:59:59Z"} {
			r.Zone = zone
			request, err := r.Request(word, 1, heardAt)
			if got := request.LeavingTime.UTC().Format(time.RFC3339); err != nil || got != want {
				t.Errorf("%s: got %s, %v; want %s", zone, got, err, want)
			}
		}
	},
	"the address is private": func(t *testing.T) {
		word := answers(t, "gusto", "leaves 2026-11-30", gustoSays(`{"uuid":"4711","email":"adele@example.com","terminated":false}`, `[{"active":false,"effective_date":"2026-11-30"}]`))
		if _, err := (Config{Name: "hr", Vendor: "gusto", Zone: "Europe/Berlin"}).Request(word, 1, heardAt); !errors.Is(err, ErrInvalid) {
			t.Errorf("got %v, want nobody to be named by a private address", err)
		}
	},
	"an employee has no address": func(t *testing.T) {
		for _, address := range []string{``, `,"work_email":null`, `,"work_email":""`} {
			word := answers(t, "gusto", "leaves 2026-11-30", gustoSays(`{"uuid":"4711","terminated":false`+address+`}`, `[{"active":false,"effective_date":"2026-11-30"}]`))
			if _, err := (Config{Name: "hr", Vendor: "gusto", Zone: "Europe/Berlin"}).Request(word, 1, heardAt); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "names nobody") {
				t.Errorf("%q: got %v, want it said that nobody is named", address, err)
			}
		}
	},
	"an earlier termination is still listed": func(t *testing.T) {
		old := `{"active":true,"effective_date":"2023-05-31"}`
		answers(t, "gusto", "stays", gustoSays(`{"terminated":false}`, `[`+old+`]`))
		for _, all := range []string{old + `,{"active":false,"effective_date":"2026-12-31"}`, `{"active":false,"effective_date":"2026-12-31"},` + old} {
			answers(t, "gusto", "leaves 2026-12-31", gustoSays(`{"terminated":false}`, `[`+all+`]`))
		}
		answers(t, "gusto", "unclear", gustoSays(`{"terminated":true}`, `[]`))
	},
	"the token of the organisation is written otherwise": func(t *testing.T) {
		enrolment, err := (Config{Name: "hr", Vendor: "gusto", API: API{URL: "https://hr.example"}}).Enrol()
		if err != nil {
			t.Fatal(err)
		}
		enrolment.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/webhooks/hr", strings.NewReader(`{"verification_token":"0b7e"}`)))
		ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
		defer stop()
		secret, err := enrolment.Subscribe(ctx, script(func(r *http.Request, _ string) string {
			if r.Header.Get("Authorization") != "Bearer organisation" {
				return "401 "
			}
			return `{"uuid":"5ab5"}`
		}), "organisation", "https://hooks.example/webhooks/hr")
		if err != nil || secret != "0b7e" {
			t.Errorf("got %q, %v; want the token that was posted", secret, err)
		}
	},
	"anybody posts a token": func(t *testing.T) {
		source, err := newSource(Config{Name: "hr", Vendor: "gusto", Zone: "Europe/Berlin", Secrets: []string{reportSecret}, API: API{URL: "https://hr.example"}})
		if err != nil {
			t.Fatal(err)
		}
		a := Arrival{Method: http.MethodPost, Header: http.Header{}, Body: []byte(`{"verification_token":"a token of somebody, just as long"}`), At: heardAt}
		if answer, is := source.Handshake(a); !is || answer.Status != http.StatusAccepted || answer.Body != "" {
			t.Errorf("got %+v, %t; want it answered", answer, is)
		}
		a.Body = []byte(gustoEvent("employee.terminated", "Employee"))
		a.Header.Set("X-Gusto-Signature", "00")
		if m, err := source.Receive(a); !errors.Is(err, ErrUnauthorized) || len(m.Hints) > 0 {
			t.Errorf("got %+v, %v; want nothing learned from it", m, err)
		}
	},
	"one action is several events": func(t *testing.T) {
		v, err := vendorOf("gusto")
		if err != nil {
			t.Fatal(err)
		}
		event := gustoEvent("employee.terminated", "Employee")
		first, again, other := hintIDs(t, v, event), hintIDs(t, v, event), hintIDs(t, v, strings.Replace(event, "6057", "6058", 1))
		if first[0] != again[0] || first[0] == other[0] {
			t.Errorf("got %v, %v and %v; want the id to tell them apart, and a repetition not", first, again, other)
		}
	},
	"a contractor is dismissed": func(t *testing.T) {
		for _, kind := range []string{"contractor.deactivated", "contractor.deactivation_effective", "contractor.deactivation_cancelled"} {
			means(t, "gusto", "", gustoEvent(kind, "Contractor"), "nothing: "+kind)
		}
	},
	"the version of the API moves": func(t *testing.T) {
		answers(t, "gusto", "stays", func(r *http.Request, _ string) string {
			switch {
			case r.Header.Get("X-Gusto-API-Version") != "2026-02-01":
				return "406 "
			case r.URL.Path == gustoPath:
				return `{"terminated":false}`
			}
			return `[]`
		})
	},
	"the token has no right to employments": func(t *testing.T) {
		answers(t, "gusto", "refused", gustoSays(`{"terminated":false}`, `403 {"errors":[{"error_key":"request","category":"missing_oauth_scopes"}]}`))
	},
	"a page is shorter than asked for": func(t *testing.T) {
		hr, r, _ := simulated(t, "gusto", 130)
		for i := range 130 {
			hr.Dismiss(fmt.Sprint(4711+i), dayOf(t, "2026-12-31"), offboarding.Date{})
		}
		hr.Odd = func(_ http.ResponseWriter, r *http.Request) bool {
			query := r.URL.Query()
			query.Set("per", "40") // whatever was asked for
			r.URL.RawQuery = query.Encode()
			return false
		}
		if list, err := r.Leavers(t.Context(), heardAt); err != nil || len(list.Words) != 130 {
			t.Errorf("got %d people, %v; want 130", len(list.Words), err)
		}
		untold := func(pages ...string) script {
			return func(r *http.Request, _ string) string {
				if r.URL.Path == "/v1/token_info" {
					return `{"resource":{"type":"Company","uuid":"c"}}`
				}
				page, err := strconv.Atoi(r.URL.Query().Get("page"))
				if err != nil || page > len(pages) {
					return `[]`
				}
				return pages[page-1]
			}
		}
		lists(t, scripted(t, "gusto", untold(`[{"uuid":"1"}]`, `[{"uuid":"2"}]`)), "1, 2")
		lists(t, scripted(t, "gusto", untold("X-Total-Count: 3\n"+`[{"uuid":"1"}]`, "X-Total-Count: 3\n"+`[]`)), "fails")
	},
	"the token ends after two hours": func(t *testing.T) {
		word, err := scripted(t, "gusto", always("401 ")).Person(t.Context(), "4711")
		if outcomeOf(word, err) != "refused" || !strings.Contains(err.Error(), "renew api.secret") {
			t.Errorf("got %v, want it refused, with what to renew", err)
		}
		renewed(t, "gusto")
	},
	"the token is of the demonstration": func(t *testing.T) {
		lists(t, scripted(t, "gusto", paths(map[string]string{"/v1/token_info": "401 "})), "refused")
	},
	"changes cannot be asked for": func(t *testing.T) {
		hr, r, _ := simulated(t, "gusto", 2)
		hr.Dismiss("4712", dayOf(t, "2027-03-31"), offboarding.Date{}) // entered long before the time that is asked for
		list, err := r.Leavers(t.Context(), heardAt.AddDate(0, 2, 0))
		if err != nil || len(list.Words) != 1 {
			t.Errorf("got %+v, %v; want everybody who is to leave, whenever it was entered", list.Words, err)
		}
	},
	"a day slips by one": func(t *testing.T) {
		word := answers(t, "gusto", "leaves 2026-11-30", gustoSays(`{"work_email":"adele.vance@contoso.com","terminated":false}`, `[{"active":false,"effective_date":"2026-11-30"}]`))
		for _, zone := range []string{"Pacific/Honolulu", "America/Los_Angeles", "Europe/Berlin", "Pacific/Auckland"} {
			in, err := time.LoadLocation(zone)
			if err != nil {
				t.Fatal(err)
			}
			request, err := (Config{Name: "hr", Vendor: "gusto", Zone: zone}).Request(word, 1, heardAt)
			if got := request.LeavingTime.In(in).Format(time.DateTime); err != nil || got != "2026-11-30 23:59:59" {
				t.Errorf("%s: got %s, %v; want the end of the same day", zone, got, err)
			}
		}
	},
	"an event that nobody knew": func(t *testing.T) {
		means(t, "gusto", "", gustoEvent("payroll_sync.created", "PayrollSync"), "nothing: payroll_sync.created")
		means(t, "gusto", "", gustoEvent("employee.terminated", "PayrollSync"), "nothing: employee.terminated")
	},
}
