package hris

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"leaver/shared/hris/webhook"
	"leaver/shared/offboarding"
)

const bambooPath = "/api/v1/employees/4711"

// bamboo answers with a record and a table of the employment status.
func bamboo(record, table string) script {
	return paths(map[string]string{bambooPath: record, bambooPath + "/tables/employmentStatus": table})
}

func TestWhatGoesWrongWithBambooHR(t *testing.T) { elsewhere(t, "bamboohr", bamboohrReports) }

var bamboohrReports = map[string]func(*testing.T){
	"every column but the id is null": func(t *testing.T) {
		answers(t, "bamboohr", "unclear", bamboo(`{"id":"4711","workEmail":null,"status":null,"terminationDate":null}`, "403 "))
	},
	"a field is empty for everybody": func(t *testing.T) {
		answers(t, "bamboohr", "unclear", bamboo(`{"id":"4711","workEmail":"adele.vance@contoso.com","status":"Inactive"}`, `[]`))
	},
	"the day of hiring is taken for the last one": func(t *testing.T) {
		answers(t, "bamboohr", "unclear", bamboo(`{"status":"Inactive","employmentHistoryStatus":"Terminated","hireDate":"2020-01-01","terminationDate":"0000-00-00"}`, ""))
	},
	"leaving has a label of one's own": func(t *testing.T) {
		answering := bamboo(`{"status":"Inactive","terminationDate":"0000-00-00"}`, `[{"date":"2026-11-20","employmentStatus":"Ausgeschieden"},{"date":"2020-01-01","employmentStatus":"Vollzeit"}]`)
		if word := answers(t, "bamboohr", "unclear", answering); !strings.Contains(word.Unclear, "map.terminated") {
			t.Errorf("got %q, want what to declare", word.Unclear)
		}
		r := scripted(t, "bamboohr", answering)
		r.Reader.(*bambooReader).terminated = []string{"ausgeschieden"}
		says(t, r, "leaves 2026-11-20")
	},
	"a user is no employee": func(t *testing.T) {
		means(t, "bamboohr", "", `{"type":"employee.updated","data":{"employeeId":"0"}}`, "nothing: employee.updated of no employee")
		means(t, "bamboohr", "", `{"employees":[{"id":0},{"id":"5"}]}`, "hint employee_with_fields of 5")
		_, r, _ := simulated(t, "bamboohr", 1)
		if word, err := r.Person(t.Context(), "0"); outcomeOf(word, err) != "unclear" {
			t.Errorf("got %+v, %v; want the owner of the key to be nobody", word, err)
		}
		for _, f := range r.Check(t.Context(), r.Reader, heardAt) {
			if !f.OK && f.What == "reading a person" {
				t.Errorf("got %+v, want a check that asks about nobody", f)
			}
		}
	},
	"the list of changes breaks off": func(t *testing.T) {
		lists(t, scripted(t, "bamboohr", always(`{"table":"employmentStatus","employees":{"4711":{"lastCh`)), "fails")
	},
	"only those who are current are listed": func(t *testing.T) {
		hr, r, _ := simulated(t, "bamboohr", 3)
		hr.Dismiss("4711", dayOf(t, "2026-11-20"), offboarding.Date{})
		hr.Dismiss("4712", dayOf(t, "2019-11-20"), offboarding.Date{})
		hr.Odd = func(w http.ResponseWriter, r *http.Request) bool { // nothing changed for a long time
			changed := strings.Contains(r.URL.Path, "/changed/")
			if changed {
				_, _ = w.Write([]byte(`{"table":"employmentStatus","employees":[]}`))
			}
			return changed
		}
		lists(t, r, "4711")
		lists(t, r, "nobody") // everybody is read once a day
		says(t, r, "leaves 2026-11-20")
	},
	"what is planned is not in the record": func(t *testing.T) {
		hr, r, _ := simulated(t, "bamboohr", 1)
		hr.Dismiss("4711", dayOf(t, "2027-01-31"), offboarding.Date{})
		says(t, r, "leaves 2027-01-31")
		lists(t, r, "4711")
	},
	"the webhook fires for anything": func(t *testing.T) {
		means(t, "bamboohr", "", `{"type":"employee.updated","data":{"employeeId":"4711","changedFields":["mobilePhone"]}}`, "hint employee.updated of 4711")
		_, r, _ := simulated(t, "bamboohr", 1)
		says(t, r, "stays")
	},
	"the recipe leaves the time out": func(t *testing.T) {
		right := signed(t, bambooSignature, reportSecret)
		for name, send := range map[string]func(*Arrival){
			"the body alone": signed(t, webhook.Signature{Header: "X-BambooHR-Signature"}, reportSecret),
			"as Stripe does": signed(t, webhook.Signature{Header: "X-BambooHR-Signature", Signed: "{timestamp}.{body}", Timestamp: "X-BambooHR-Timestamp"}, reportSecret),
			"written anew":   func(a *Arrival) { right(a); a.Body = []byte(`{"a":1,"type":"x"}`) },
			"":               right,
		} {
			got := proves(t, "bamboohr", reportSecret, func(a *Arrival) {
				a.Header.Set("X-BambooHR-Timestamp", "1795338000")
				send(a)
			})
			if got != (name == "") {
				t.Errorf("%q: it is taken: %t", name, got)
			}
		}
	},
	"throttling is a 503": func(t *testing.T) {
		answers(t, "bamboohr", "again in 7s", always("503 Retry-After: 7\n"))
		answers(t, "bamboohr", "again in 30s", always("503 "))
	},
	"a departure that is planned is not told": func(t *testing.T) {
		hr, r, source := simulated(t, "bamboohr", 1)
		to := &endpoint{Source: source}
		sends(t, hr, to)
		hr.Dismiss("4711", dayOf(t, "2026-12-31"), offboarding.Date{})
		sends(t, hr, to)
		if len(to.took) > 0 {
			t.Errorf("got %v told, want nothing until it takes effect", to.took)
		}
		lists(t, r, "4711")
	},
	"one save is two events": func(t *testing.T) {
		var ids []string
		for _, fields := range []string{`["status"]`, `["customBadge"]`} {
			v, err := vendorOf("bamboohr")
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, hintIDs(t, v, `{"type":"employee.updated","timestamp":"2026-11-30T18:42:00+0000","data":{"companyId":"8800","employeeId":"4711","changedFields":`+fields+`}}`)...)
		}
		if len(ids) != 2 || ids[0] == ids[1] {
			t.Errorf("got %v, want two hints that are told apart", ids)
		}
	},
	"a refused webhook never comes again": func(t *testing.T) {
		hr, _, source := simulated(t, "bamboohr", 1)
		to := &endpoint{Source: source}
		sends(t, hr, to)
		hr.Known("another key of 32 letters, or longer", hr.User, hr.Credential)
		hr.TakeEffect("4711")
		sends(t, hr, to)
		if hr.Waiting() != 1 || len(hr.Lost()) > 0 {
			t.Errorf("got %d waiting and %d lost, want it sent again until the key is right", hr.Waiting(), len(hr.Lost()))
		}
		to.away = http.StatusUnauthorized // as others answer
		hr.TakeEffect("4711")
		sends(t, hr, to)
		if len(hr.Lost()) != 1 {
			t.Errorf("got %d lost, want the one that was refused with a 4xx", len(hr.Lost()))
		}
	},
	"the answer is XML": func(t *testing.T) {
		json := bamboo(`{"status":"Active","terminationDate":"0000-00-00"}`, `[{"date":"2026-11-30","employmentStatus":"Terminated"}]`)
		answers(t, "bamboohr", "leaves 2026-11-30", func(r *http.Request, body string) string {
			if r.Header.Get("Accept") != "application/json" {
				return `<employee id="4711"><field id="status">Active</field></employee>`
			}
			return json(r, body)
		})
		answers(t, "bamboohr", "fails", always(`<employee id="4711"/>`))
		lists(t, scripted(t, "bamboohr", always(`<table/>`)), "fails")
		means(t, "bamboohr", "", `<employees/>`, "refused")
	},
	"a day is written otherwise": func(t *testing.T) {
		active := `{"status":"Active","terminationDate":"0000-00-00"}`
		answers(t, "bamboohr", "unclear", bamboo(`{"status":"Inactive","terminationDate":"30.11.2026"}`, "403 "))
		for _, row := range []string{`{"date":"30.11.2026","employmentStatus":"Terminated"}`, `{"date":"2026-11-30","employmentStatus":{"id":4}}`} {
			table := `[` + row + `,{"date":"2020-01-01","employmentStatus":"Full-Time"}]`
			answers(t, "bamboohr", "unclear", bamboo(active, table)) // and not what the row before says
			lists(t, scripted(t, "bamboohr", paths(map[string]string{
				"/api/v1/employees/changed/tables/employmentStatus": `{"employees":[]}`,
				"/api/v1/employees/all/tables/employmentStatus":     strings.ReplaceAll(table, `{"date"`, `{"employeeId":"4711","date"`),
			})), "4711")
		}
	},
	"one record that is not there ends the run": func(t *testing.T) {
		answers(t, "bamboohr", "unclear", bamboo(`{"status":"Active","terminationDate":"0000-00-00"}`, ""))
		hr, r, _ := simulated(t, "bamboohr", 3)
		hr.Delete("4711")
		hr.Dismiss("4712", dayOf(t, "2026-11-30"), offboarding.Date{})
		says(t, r, "unclear")
		lists(t, r, "4712, 4713")
	},
	"somebody is hired for later": func(t *testing.T) {
		later := `[{"date":"2027-01-15","employmentStatus":"Full-Time"}]`
		answers(t, "bamboohr", "stays", bamboo(`{"status":"Active","terminationDate":"0000-00-00"}`, later))
		answers(t, "bamboohr", "unclear", bamboo(`{"status":"Inactive","terminationDate":"0000-00-00"}`, later))
	},
}

// hintIDs are the ids of the hints that a body means.
func hintIDs(t *testing.T, v vendor, body string) []string {
	t.Helper()
	verifier, err := webhook.Secret{Header: "X"}.With([]string{"s"})
	if err != nil {
		t.Fatal(err)
	}
	verified, err := verifier.Verify(webhook.Arrival{Method: http.MethodPost, Header: http.Header{"X": {"s"}}, Body: []byte(body), At: heardAt})
	if err != nil {
		t.Fatal(err)
	}
	m, err := v.read(Config{Name: "hr", Vendor: v.name, Zone: "Europe/Berlin"}, verified)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, h := range m.Hints {
		ids = append(ids, h.ID)
	}
	slices.Sort(ids)
	return ids
}
