package hris

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"leaver/shared/offboarding"
)

// personioSays answers with a record and its employments.
func personioSays(record, employments string) script {
	return paths(map[string]string{"/v2/auth/token": `{"access_token":"t"}`, "/v2/persons/4711": record, "/v2/persons/4711/employments": employments})
}

const personioRecord = `{"id":"4711","email":"adele.vance@contoso.com"}`

func TestWhatGoesWrongWithPersonio(t *testing.T) { elsewhere(t, "personio", personioReports) }

var personioReports = map[string]func(*testing.T){
	"a credential is older than a field": func(t *testing.T) {
		answers(t, "personio", "leaves 2026-11-30", personioSays(personioRecord, `{"_data":[{"termination":{"termination_date":"2026-11-30","terminated_at":null}}]}`))
	},
	"all data of an employment is missing": func(t *testing.T) {
		answers(t, "personio", "unclear", personioSays(personioRecord, `{"_data":[{"id":"e1","person":{"id":"4711"},"status":"ACTIVE"}]}`))
	},
	"a person is nothing but an id": func(t *testing.T) {
		word := answers(t, "personio", "leaves 2026-11-30", personioSays(`{"employments":[{"id":"eb3f"}],"id":"4711"}`, `{"_data":[{"termination":{"last_working_date":"2026-11-30","termination_date":"2026-11-30"}}]}`))
		if _, err := (Config{Name: "hr", Vendor: "personio", Zone: "Europe/Berlin"}).Request(word, 1, heardAt); !errors.Is(err, ErrInvalid) {
			t.Errorf("got %v, want it said that nobody is named", err)
		}
	},
	"everybody's employments are too many reads": func(t *testing.T) {
		hr, r, _ := simulated(t, "personio", 700)
		reads := hr.Reads()
		if list, err := r.Leavers(t.Context(), heardAt); err != nil || len(list.Ask) != 700 || hr.Reads()-reads != 15 {
			t.Errorf("got %d to ask about after %d reads, %v; want 700 after a token and 14 pages", len(list.Ask), hr.Reads()-reads, err)
		}
		var asked string
		lists(t, scripted(t, "personio", func(r *http.Request, _ string) string {
			if r.URL.Path == "/v2/auth/token" {
				return `{"access_token":"t"}`
			}
			asked = r.URL.Query().Get("updated_at.gt")
			return `{"_data":[]}`
		}), "nobody")
		if asked != "2026-11-19T09:00:00Z" {
			t.Errorf("got %q asked for, want what changed alone", asked)
		}
	},
	"nobody says how much is too much": func(t *testing.T) {
		answers(t, "personio", "again in 30s", personioSays("429 ", ""))
	},
	"too many sign on": func(t *testing.T) {
		tokens := 0
		r := scripted(t, "personio", func(r *http.Request, body string) string {
			if r.URL.Path == "/v2/auth/token" {
				tokens++
			}
			return personioSays(personioRecord, `{"_data":[{"termination":null}]}`)(r, body)
		})
		for range 20 {
			says(t, r, "stays")
		}
		if tokens != 1 {
			t.Errorf("got %d tokens for 20 reads, want one", tokens)
		}
		answers(t, "personio", "again in 1m0s", always("429 Retry-After: 60\n"))
	},
	"a page is taken for all": func(t *testing.T) {
		_, r, _ := simulated(t, "personio", 130)
		if list, err := r.Leavers(t.Context(), heardAt); err != nil || len(list.Ask) != 130 || !slices.Contains(list.Ask, "4840") {
			t.Errorf("got %d people, %v; want 130", len(list.Ask), err)
		}
	},
	"employments are on several pages": func(t *testing.T) {
		page := func(from, to int, more string) string {
			var all []string
			for i := from; i < to; i++ {
				all = append(all, fmt.Sprintf(`{"id":"e%d","termination":{"termination_date":"2026-11-30"}}`, i))
			}
			return `{"_data":[` + strings.Join(all, ",") + more
		}
		answers(t, "personio", "stays", func(r *http.Request, body string) string {
			if !strings.HasSuffix(r.URL.Path, "/employments") {
				return personioSays(personioRecord, "")(r, body)
			}
			if r.URL.Query().Get("cursor") == "" {
				return page(0, 50, `],"_meta":{"links":{"next":{"href":"https://evil.example/v2/persons/4711/employments?cursor=abc"}}}}`)
			}
			return page(50, 51, `,{"id":"e51","termination":null}]}`)
		})
	},
	"a list changes while it is read": func(t *testing.T) {
		list := lists(t, scripted(t, "personio", func(r *http.Request, _ string) string {
			switch {
			case r.URL.Path == "/v2/auth/token":
				return `{"access_token":"t"}`
			case r.URL.Query().Get("cursor") == "":
				return `{"_data":[{"id":"1"},{"id":"2"}],"_meta":{"links":{"next":{"href":"?cursor=b"}}}}`
			}
			return `{"_data":[{"id":"2"}]}`
		}), "1, 2")
		if len(list.Ask) != 2 {
			t.Errorf("got %v, want each once", list.Ask)
		}
		lists(t, scripted(t, "personio", paths(map[string]string{
			"/v2/auth/token": `{"access_token":"t"}`, "/v2/persons": `{"_data":[{"id":"1"}],"_meta":{"links":{"next":{"href":"?cursor=b"}}}}`,
		})), "fails")
	},
	"a change fires no webhook": func(t *testing.T) {
		hr, r, source := simulated(t, "personio", 1)
		to := &endpoint{Source: source}
		hr.Silent = true
		hr.Dismiss("4711", dayOf(t, "2026-11-30"), offboarding.Date{})
		sends(t, hr, to)
		if len(to.took) > 0 {
			t.Fatalf("got %v told", to.took)
		}
		lists(t, r, "4711")
		says(t, r, "leaves 2026-11-30")
	},
	"keys are joined otherwise than documented": func(t *testing.T) {
		for _, key := range []string{`"person_id":"4711"`, `"person-id":"4711"`, `"person":{"id":"4711"}`} {
			means(t, "personio", "", `{"event_name":"employment.updated","payload":{`+key+`}}`, "hint employment.updated of 4711")
		}
	},
	"the last working day is not the end": func(t *testing.T) {
		answers(t, "personio", "leaves 2026-01-15 until 2026-01-18", personioSays(personioRecord, `{"_data":[{"termination":{"last_working_date":"2026-01-15","reason":"123","terminated_at":null,"termination_date":"2026-01-18","type":"QUIT"}}]}`))
	},
	"it answers with a bad gateway now and then": func(t *testing.T) {
		answers(t, "personio", "fails", personioSays("502 <html>Bad Gateway</html>", ""))
	},
	"the status is not what it should be": func(t *testing.T) {
		answers(t, "personio", "leaves 2026-11-30", personioSays(`{"id":"4711","email":"adele.vance@contoso.com","custom_attributes":[]}`, `{"_data":[{"status":"ACTIVE","termination":{"last_working_date":"2026-11-30","termination_date":"2026-11-30"}}]}`))
	},
	"one person has several employments": func(t *testing.T) {
		ended := `{"id":"e1","status":"INACTIVE","termination":{"last_working_date":"2024-06-30","termination_date":"2024-06-30"}}`
		answers(t, "personio", "stays", personioSays(personioRecord, `{"_data":[`+ended+`,{"id":"e2","status":"ACTIVE","termination":null}]}`))
		answers(t, "personio", "leaves 2026-12-31", personioSays(personioRecord, `{"_data":[{"id":"e2","termination":{"termination_date":"2026-12-31"}},`+ended+`]}`))
	},
	"answers are not as their schema says": func(t *testing.T) {
		answers(t, "personio", "stays", personioSays(`{"_data":[`+personioRecord+`]}`, `{"_data":[{"termination":"none"}]}`))
		answers(t, "personio", "fails", personioSays(personioRecord, `{"success":true,"data":[]}`))
		answers(t, "personio", "unclear", personioSays(personioRecord, `{"_data":[{"termination":{"last_working_date":null,"termination_date":null,"terminated_at":"2026-11-20T10:00:00Z"}}]}`))
	},
	"a token ends before its time": func(t *testing.T) {
		hr, r, _ := simulated(t, "personio", 1)
		says(t, r, "stays")
		hr.Known("", hr.User, hr.Credential) // its tokens are no good any more
		says(t, r, "stays")
		hr.Known("", hr.User, "another")
		says(t, r, "refused")
	},
	"a page is ten and no more": func(t *testing.T) {
		var limits []string
		answers(t, "personio", "stays", func(r *http.Request, body string) string {
			if strings.HasSuffix(r.URL.Path, "/employments") {
				limits = append(limits, r.URL.Query().Get("limit"))
			}
			return personioSays(personioRecord, `{"_data":[{"termination":null}]}`)(r, body)
		})
		if !slices.Equal(limits, []string{"50"}) {
			t.Errorf("got the limits %v, want the most that it takes", limits)
		}
	},
}
