package hris

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"leaver/shared/hris/webhook"
	"leaver/shared/offboarding"
)

var heardAt = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// said is what a verified webhook of a vendor means, in a line.
func said(t testing.TB, name, event, body string) string {
	t.Helper()
	v, err := vendorOf(name)
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Name: "hr", Vendor: name, Zone: "Europe/Berlin"}
	verifier, err := webhook.Secret{Header: "X"}.With([]string{"s"})
	if err != nil {
		t.Fatal(err)
	}
	verified, err := verifier.Verify(webhook.Arrival{Method: http.MethodPost, Header: http.Header{"X": {"s"}}, Event: event, Body: []byte(body), At: heardAt})
	if err != nil {
		t.Fatal(err)
	}
	m, err := v.read(c, verified)
	var all []string
	for _, h := range m.Hints {
		all = append(all, "hint "+h.Event+" of "+h.Person)
	}
	for _, r := range m.Requests {
		all = append(all, "request "+string(r.Kind))
	}
	for range m.Notices {
		all = append(all, "task")
	}
	for _, name := range m.Ignored {
		all = append(all, "nothing: "+name)
	}
	if err != nil {
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
		all = append(all, "refused")
	}
	return strings.Join(all, "; ")
}

// TestWhatTheEventsOfEveryVendorMean is the table of what becomes a hint, a task for a person, or
// nothing. No vendor whose word has to be read back makes a request.
func TestWhatTheEventsOfEveryVendorMean(t *testing.T) {
	t.Parallel()
	bob := func(kind, data string) string {
		return `{"companyId":100200,"type":"` + kind + `","triggeredAt":"2026-11-22T13:06:26.915906","version":"v2","data":{` + data + `}}`
	}
	gusto := func(kind, entity string) string {
		return `{"uuid":"6057","event_type":"` + kind + `","resource_type":"Company","entity_type":"` + entity + `","entity_uuid":"3f5e","timestamp":1795348800}`
	}
	deel := func(kind, simulated, resource string) string {
		return `{"data":{"meta":{"event_type":"` + kind + `","tracking_id":"9a7e","is_simulation":` + simulated + `},"resource":` + resource + `},"timestamp":"2026-11-22T09:00:00.000Z"}`
	}
	for _, tt := range []struct{ name, vendor, event, body, want string }{
		{"a status that took effect", "bamboohr", "", `{"type":"employee.updated","timestamp":"2026-11-30T18:42:00+0000","data":{"companyId":"8800","employeeId":"4711","changedFields":["status"]}}`, "hint employee.updated of 4711"},
		{"a record that was deleted", "bamboohr", "", `{"type":"employee.deleted","timestamp":"2026-11-30T18:42:00+0000","data":{"companyId":"8800","employeeId":"4711"}}`, "task"},
		{"a record that was made", "bamboohr", "", `{"type":"employee.created","data":{"employeeId":"4711"}}`, "nothing: employee.created"},
		{"the older kind, several at once", "bamboohr", "", `{"employees":[{"id":"5","changedFields":["Status"],"fields":{"Status":{"value":"Inactive"}}},{"id":6}]}`, "hint employee_with_fields of 5; hint employee_with_fields of 6"},
		{"a form", "bamboohr", "", `type=employee.updated&data[employeeId]=4711`, "refused"},
		{"neither", "bamboohr", "", `{}`, "refused"},

		{"a row of the lifecycle", "hibob", "", bob("table.entry.created", `"employeeId":"4711","tableId":"lifecycle","effectiveDate":"2026-11-30"`), "hint table.entry.created of 4711"},
		{"a row that changed, as it was sent before March 2026", "hibob", "", bob("table.entry.updated", `"employeeId":"4711","tableId":null,"effectiveDate":null,"id":null`), "hint table.entry.updated of 4711"},
		{"a row of another table", "hibob", "", bob("table.entry.created", `"employeeId":"4711","tableId":"equity"`), "nothing: table.entry.created of equity"},
		{"left", "hibob", "", bob("employee.left", `"employeeId":"4711"`), "hint employee.left of 4711"},
		{"left, by nobody", "hibob", "", bob("employee.left", ``), "hint employee.left of "},
		{"parental leave", "hibob", "", bob("employee.inactivated", `"employeeId":"4711"`), "nothing: employee.inactivated"},
		{"a long leave", "hibob", "", bob("employee.temporaryLeave", `"employeeId":"4711"`), "nothing: employee.temporaryLeave"},
		{"back", "hibob", "", bob("employee.joined", `"employeeId":"4711"`), "hint employee.joined of 4711"},
		{"deleted", "hibob", "", bob("employee.deleted", `"employeeId":"4711"`), "task"},

		{"entered", "gusto", "", gusto("employee.terminated", "Employee"), "hint employee.terminated of 3f5e"},
		{"in effect, by the one name", "gusto", "", gusto("employee.terminated_effective", "Employee"), "hint employee.terminated_effective of 3f5e"},
		{"in effect, by the other", "gusto", "", gusto("employee.termination_effective", "Employee"), "hint employee.termination_effective of 3f5e"},
		{"cancelled", "gusto", "", gusto("employee.termination_cancelled", "Employee"), "hint employee.termination_cancelled of 3f5e"},
		{"rehired", "gusto", "", gusto("employee.rehired", "Employee"), "hint employee.rehired of 3f5e"},
		{"a contractor", "gusto", "", gusto("contractor.deactivated", "Contractor"), "nothing: contractor.deactivated"},
		{"deleted", "gusto", "", gusto("employee.deleted", "Employee"), "task"},

		{"terminated", "factorial", "terminate", `{"id":"1180","email":"adele@example.com","terminated_on":"2026-11-30","bank_number":"DE89"}`, "hint terminate of 1180"},
		{"an id that is a number", "factorial", "unterminate", `{"id":1180,"terminated_on":null}`, "hint unterminate of 1180"},
		{"an address that names no event", "factorial", "", `{"id":"1180"}`, "refused"},
		{"nobody", "factorial", "terminate", `{}`, "refused"},

		{"ended", "personio", "", `{"company_id":"42","event_name":"employment.terminated","occurred_at":"2026-11-30T00:00:00Z","payload":{"id":"e1","person_id":"4711"}}`, "hint employment.terminated of 4711"},
		{"joined otherwise", "personio", "", `{"event_name":"employment_updated","payload":{}}`, "nothing: employment-updated"},
		{"about nobody", "personio", "", `{"event_name":"employment.updated","payload":{}}`, "hint employment.updated of "},
		{"of a cost centre", "personio", "", `{"event_name":"employment.updated.cost-centers","payload":{"person_id":"4711"}}`, "nothing: employment.updated.cost-centers"},
		{"deleted", "personio", "", `{"event_name":"person.deleted","payload":{"id":"4711"}}`, "task"},
		{"an invented event", "personio", "", `{"event_name":"employee.departed","payload":{"person_id":"4711"}}`, "nothing: employee.departed"},

		{"a contract in a list", "deel", "", deel("contract.terminated", "false", `[{"id":"m3k9","completion_date":"2026-11-30"}]`), "hint contract.terminated of "},
		{"a worker as an object", "deel", "", deel("worker.v2.updated", "false", `{"hris_profile_id":"w1"}`), "hint worker.v2.updated of w1"},
		{"a simulation", "deel", "", deel("contract.terminated", "true", `[{"id":"m3k9"}]`), "nothing: contract.terminated, simulated"},
		{"an invoice", "deel", "", deel("invoice.paid", "false", `[]`), "nothing: invoice.paid"},

		{"a user who changed", "entra", "", `{"value":[{"changeType":"updated","resourceData":{"id":"ADE1E000-0000-4000-8000-000000004711"}}]}`, "hint updated of ade1e000-0000-4000-8000-000000004711"},
		{"one user twice, another once", "entra", "", `{"value":[{"changeType":"updated","resourceData":{"id":"ade1e000-0000-4000-8000-000000004711"}},{"changeType":"updated","resourceData":{"id":"ade1e000-0000-4000-8000-000000004711"}},{"changeType":"updated","resourceData":{"id":"ade1e000-0000-4000-8000-000000004712"}}]}`, "hint updated of ade1e000-0000-4000-8000-000000004711; hint updated of ade1e000-0000-4000-8000-000000004712"},
		{"many users: everybody", "entra", "", `{"value":[` + manyUpdated(11) + `]}`, "hint updated of "},
		{"a user who was deleted", "entra", "", `{"value":[{"changeType":"deleted","resourceData":{"id":"ade1e000-0000-4000-8000-000000004711"}}]}`, "nothing: deleted"},
		{"no object id", "entra", "", `{"value":[{"changeType":"updated","resourceData":{"id":"../../applications"}}]}`, "nothing: a notification about no user"},
		{"a subscription that was removed", "entra", "", `{"value":[{"lifecycleEvent":"subscriptionRemoved"}]}`, "hint subscriptionRemoved of "},
		{"notifications that were missed", "entra", "", `{"value":[{"lifecycleEvent":"missed"}]}`, "hint missed of "},
		{"nothing at all", "entra", "", `{"value":[]}`, ""},

		{"changed", "finch", "", `{"event_type":"employment.updated","data":{"individual_id":"f2c3"}}`, "hint employment.updated of f2c3"},
		{"a job", "finch", "", `{"event_type":"job.data_sync_all.completed","data":{"job_id":"1"}}`, "nothing: job.data_sync_all.completed"},
		{"no longer visible", "finch", "", `{"event_type":"individual.deleted","data":{"individual_id":"f2c3"}}`, "task"},

		{"keys in another case", "gusto", "", strings.ReplaceAll(gusto("employee.terminated", "Employee"), "event_type", "Event_Type"), "nothing: "},
	} {
		if got := said(t, tt.vendor, tt.event, tt.body); got != tt.want {
			t.Errorf("%s: %s: got %s, want %s", tt.vendor, tt.name, got, tt.want)
		}
	}
}

// TestWrongRecipesOfPublicCodeFail: what integrations in public repositories do to these vendors'
// webhooks. Each signs the same body with the right key in a wrong way.
func TestWrongRecipesOfPublicCodeFail(t *testing.T) {
	t.Parallel()
	const body, key = `{"type":"employee.updated","a":1}`, "a secret of 32 letters, or longer"
	hexOf := webhook.Signature{Header: "S"}
	for name, tt := range map[string]struct {
		vendor string
		wrong  webhook.Signature
		change func(http.Header)
	}{
		"bamboohr: time.body, as Stripe": {"bamboohr", webhook.Signature{Header: "X-BambooHR-Signature", Signed: "{timestamp}.{body}", Timestamp: "X-BambooHR-Timestamp"}, nil},
		"bamboohr: the body alone":       {"bamboohr", webhook.Signature{Header: "X-BambooHR-Signature"}, nil},
		"hibob: SHA-256":                 {"hibob", webhook.Signature{Header: "Bob-Signature", Encoding: webhook.Base64}, nil},
		"hibob: hex":                     {"hibob", webhook.Signature{Header: "Bob-Signature", Algorithm: webhook.SHA512}, nil},
		"gusto: base64":                  {"gusto", webhook.Signature{Header: "X-Gusto-Signature", Encoding: webhook.Base64}, nil},
		"deel: no POST":                  {"deel", webhook.Signature{Header: "x-deel-signature"}, nil},
		"deel: a prefix":                 {"deel", webhook.Signature{Header: "x-deel-signature", Prefix: "sha256=", Signed: "{method}{body}"}, nil},
		"finch: the secret as text":      {"finch", webhook.Signature{Header: "finch-signature", Prefix: "v1,", Encoding: webhook.Base64, Signed: "{id}.{timestamp}.{body}", ID: "finch-event-id", Timestamp: "finch-timestamp"}, nil},
		"personio: an invented header":   {"personio", webhook.Signature{Header: "X-Personio-Signature"}, nil},
		"factorial: a signature":         {"factorial", hexOf, func(h http.Header) { h.Set("x-factorial-wh-challenge", h.Get("S")) }},
	} {
		c := Config{Name: "hr", Vendor: tt.vendor, Zone: "Europe/Berlin", Secrets: []string{key}, API: API{URL: "https://hr.example"}}
		if tt.vendor == "finch" {
			c.Secrets = []string{"YSBzZWNyZXQgb2YgMzIgbGV0dGVycywgb3IgbG9uZ2Vy"}
		}
		source, err := newSource(c)
		if err != nil {
			t.Fatal(err)
		}
		a := Arrival{Method: http.MethodPost, Header: http.Header{}, Query: url.Values{}, Body: []byte(body), At: heardAt}
		for _, stamp := range []string{"X-BambooHR-Timestamp", "finch-timestamp"} {
			a.Header.Set(stamp, "1795338000")
		}
		a.Header.Set("finch-event-id", "msg_1")
		signature, err := tt.wrong.Sign(c.Secrets[0], a)
		if err != nil {
			t.Fatal(err)
		}
		a.Header.Set(tt.wrong.Header, signature)
		if tt.change != nil {
			tt.change(a.Header)
		}
		if m, err := source.Receive(a); !errors.Is(err, ErrUnauthorized) || len(m.Hints)+len(m.Notices) > 0 {
			t.Errorf("%s: got %+v, %v; want it unauthorized", name, m, err)
		}
	}
}

// TestVendorsThatGiveUpAreNotRefused: what each is answered that cannot be used or is not proved.
func TestVendorsThatGiveUpAreNotRefused(t *testing.T) {
	t.Parallel()
	for vendor, want := range map[string][2]int{
		"standard": {422, 401}, "hmac": {202, 401}, "okta": {200, 503}, "bamboohr": {202, 503}, "hibob": {202, 401}, "deel": {202, 401}, "factorial": {202, 401}, "eventgrid": {200, 401},
	} {
		v, err := vendorOf(vendor)
		if err != nil {
			t.Fatal(err)
		}
		s := &Source{vendor: v}
		if got := [2]int{s.Unusable(), s.Unverified()}; got != want {
			t.Errorf("%s: got %v, want %v", vendor, got, want)
		}
	}
}

func TestPingsAndTokensAreAnsweredAndMeanNothing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		vendor, body string
		status       int
	}{
		{"hibob", `Ping test`, 200}, {"hibob", `"Ping test"`, 200}, {"hibob", `{"text":"Ping test"}`, 200}, {"hibob", `{"type":"employee.left"}`, 0},
		{"gusto", `{"verification_token":"0b7e"}`, 202}, {"gusto", `{"verification_token":"0b7e","event_type":"employee.terminated"}`, 0}, {"gusto", `{"uuid":"1"}`, 0},
	} {
		v, err := vendorOf(tt.vendor)
		if err != nil {
			t.Fatal(err)
		}
		answer, is := v.handshake(Config{}, Arrival{Method: http.MethodPost, Header: http.Header{}, Body: []byte(tt.body)})
		if is != (tt.status != 0) || is && answer.Status != tt.status {
			t.Errorf("%s %s: got %d, %t; want %d", tt.vendor, tt.body, answer.Status, is, tt.status)
		}
	}
}

func TestAReportOfWorkdayIsReadByItsColumns(t *testing.T) {
	t.Parallel()
	body := `{"Report_Entry":[
		{"Employee_ID":"4711","Work_Email":"adele.vance@contoso.com","Termination_Date":"2026-11-30","Last_Day_of_Work":"2026-11-27"},
		{"Employee_ID":"4712","Termination_Date":"","Last_Day_of_Work":""},
		{"Employee_ID":"4713"}]}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "ISU" || password != "p" || r.URL.Query().Get("format") != "json" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(body))
	}))
	defer server.Close()
	c := Config{
		Name: "workday", Vendor: "workday", Zone: "America/Chicago", Every: Duration(time.Hour), API: API{URL: server.URL + "/ccx/report", User: "ISU", Secret: "p"},
		Map: &Map{EmployeeID: "/Employee_ID", Mail: "/Work_Email", LeavingDate: "/Last_Day_of_Work", EndOfEmployment: "/Termination_Date"},
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	readers, err := NewReaders([]Config{c}, Access{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	list, err := readers["workday"].Leavers(t.Context(), heardAt)
	if err != nil || len(list.Words) != 3 {
		t.Fatalf("got %+v, %v; want three words", list, err)
	}
	for i, want := range []string{"2026-11-27 2026-11-30 ", "  ", "  the row has none of the columns of a date"} {
		w := list.Words[i]
		if got := w.Leaving.LastDay.String() + " " + w.Leaving.EndOfEmployment.String() + " " + w.Unclear; got != want {
			t.Errorf("row %d: got %q, want %q", i+1, got, want)
		}
	}
	word, err := readers["workday"].Person(t.Context(), "9999")
	if err != nil || word.Unclear == "" {
		t.Errorf("somebody who is not in the report: got %+v, %v; want it unclear", word, err)
	}
}

// TestAReportWithARowForEveryPosition: rows about one worker that disagree say nothing.
func TestAReportWithARowForEveryPosition(t *testing.T) {
	t.Parallel()
	c := Config{
		Name: "hr", Vendor: "workday", Zone: "America/Chicago", API: API{URL: "https://hr.example/ccx/report", User: "ISU", Secret: "p"},
		Map: &Map{EmployeeID: "/Employee_ID", Mail: "/Work_Email", LeavingDate: "/Last_Day_of_Work", EndOfEmployment: "/Termination_Date"},
	}
	row := func(end string) string {
		return fmt.Sprintf(`{"Employee_ID":"4711","Work_Email":"adele.vance@contoso.com","Termination_Date":%q,"Last_Day_of_Work":%q}`, end, end)
	}
	for rows, want := range map[string]string{
		row("2026-11-30") + "," + row(""):           "unclear",
		row("") + "," + row("2026-11-30"):           "unclear",
		row("2026-11-30") + "," + row("2026-11-30"): "leaves 2026-11-30",
	} {
		says(t, reading(t, c, always(`{"Report_Entry":[`+rows+`]}`), nil), want)
	}
	lists(t, reading(t, c, always(`{"error":"invalid request"}`), nil), "fails")
}

// TestADateThatIsStillThereOfSomebodyWhoIsBack says nothing once it is over, where the record says that
// the person is here.
func TestADateThatIsStillThereOfSomebodyWhoIsBack(t *testing.T) {
	t.Parallel()
	bob := `{"/root/id":{"value":"4711"},"/internal/lifecycleStatus":{"value":"employed"},"/internal/terminationDate":{"value":"DAY"}}`
	answers(t, "hibob", "stays", always(strings.Replace(bob, "DAY", "2026-11-15", 1)))
	answers(t, "hibob", "leaves until 2026-11-30", always(strings.Replace(bob, "DAY", "2026-11-30", 1)))
	answers(t, "factorial", "stays", always(`{"active":true,"is_terminating":false,"terminated_on":"2024-10-06"}`))
	answers(t, "factorial", "leaves 2024-10-06", always(`{"active":false,"is_terminating":false,"terminated_on":"2024-10-06"}`))
	answers(t, "workday", "stays", workdayDates("1", "<Termination_Date>2026-11-15</Termination_Date>"))
	answers(t, "bamboohr", "unclear", bamboo(`{"status":"Active","terminationDate":"2026-11-15"}`, "403 "))
}

// TestACredentialGoesNowhereElse: no redirect is followed, and plain http is for this machine alone.
func TestACredentialGoesNowhereElse(t *testing.T) {
	t.Parallel()
	asked := false
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer thief.Close()
	api := httptest.NewServer(http.RedirectHandler(thief.URL, http.StatusFound))
	defer api.Close()
	c := Config{Name: "bob", Vendor: "hibob", Zone: "Europe/Berlin", Secrets: []string{"x"}, API: API{URL: api.URL, User: "u", Secret: "p"}}
	readers, err := NewReaders([]Config{c}, Access{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readers["bob"].Person(t.Context(), "../../v1/company"); err == nil || asked || strings.Contains(err.Error(), "company") {
		t.Errorf("got %v, asked elsewhere: %t; want an error that names nobody", err, asked)
	}
	for address, ok := range map[string]bool{
		"https://api.hibob.com": true, "http://127.0.0.1:8080": true, "http://localhost": true, "http://api.hibob.com": false, "http://127.0.0.1.evil.example": false,
		"https://user:p@api.hibob.com": false, "https://api.hibob.com?x=1": false, "file:///etc/passwd": false, "": false,
	} {
		if err := safe(address); ok != (err == nil) {
			t.Errorf("%q: got %v, want it safe: %t", address, err, ok)
		}
	}
}

func TestACheckSaysWhatWorks(t *testing.T) {
	t.Parallel()
	c := Config{Name: "bob", Vendor: "hibob", Zone: "Europe/Berlin", Secrets: []string{"short"}, API: API{URL: "http://127.0.0.1:1", User: "u", Secret: "p"}}
	readers, err := NewReaders([]Config{c}, Access{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()
	got := c.Check(ctx, readers["bob"], heardAt)
	if len(got) != 3 || got[0].OK || got[1].OK || got[2].OK {
		t.Errorf("got %+v, want everything wrong", got)
	}
	for _, v := range vendors {
		if len(v.setup) == 0 {
			t.Errorf("%s: nobody is told how to set it up", v.name)
		}
	}
	if setup := c.Setup(); !strings.HasSuffix(setup[0], "/webhooks/bob") {
		t.Errorf("got %q, want the address first", setup)
	}
}

// eight are the vendors that are asked over their own APIs.
var eight = []string{"bamboohr", "hibob", "gusto", "factorial", "personio", "deel", "finch", "workday"}

// TestACheckOfEveryVendor finds nothing wrong where nothing is, says which credential is refused, and
// mistakes nobody for somebody.
func TestACheckOfEveryVendor(t *testing.T) {
	t.Parallel()
	for _, vendor := range eight {
		hr, r, source := simulated(t, vendor, 3)
		if source != nil {
			r.Config = source.Config
		}
		hr.Dismiss("4711", dayOf(t, "2026-11-30"), offboarding.Date{})
		findings := r.Check(t.Context(), r.Reader, heardAt)
		for _, f := range findings {
			if !f.OK {
				t.Errorf("%s: got %+v, want nothing wrong", vendor, f)
			}
		}
		if last := findings[len(findings)-1].Says; strings.HasPrefix(last, "0 words and 0 people") {
			t.Errorf("%s: got %q, want somebody listed", vendor, last)
		}
		hr.Refusing = true
		for _, f := range r.Check(t.Context(), r.Reader, heardAt) {
			if f.What != "secrets" && (f.OK || !strings.Contains(f.Says, "api.secret")) {
				t.Errorf("%s, which refuses: got %+v, want it said what to renew", vendor, f)
			}
		}
	}
}

// TestEveryVendorHasItsPage: short, with the check and the reports.
func TestEveryVendorHasItsPage(t *testing.T) {
	t.Parallel()
	for _, vendor := range eight {
		page, err := os.ReadFile(strings.ToUpper(vendor) + ".md")
		if err != nil {
			t.Errorf("%s: %v", vendor, err)
			continue
		}
		if lines := strings.Count(string(page), "\n"); lines > 60 {
			t.Errorf("%s: got %d lines, want 60 at most", vendor, lines)
		}
		for _, part := range []string{"vendor: " + vendor, "leaver sources check", "REPORTS.md", "**Limits**"} {
			if !strings.Contains(string(page), part) {
				t.Errorf("%s: the page lacks %q", vendor, part)
			}
		}
	}
}

func FuzzVendors(f *testing.F) {
	for _, body := range []string{
		`{"type":"employee.updated","data":{"employeeId":"4711"}}`, `{"employees":[{"id":"5"}]}`, `{"event_type":"employee.terminated","entity_type":"Employee","entity_uuid":"3f5e"}`,
		`{"id":1180,"terminated_on":null}`, `{"event_name":"employment.updated","payload":{}}`, `{"data":{"meta":{"event_type":"contract.terminated"},"resource":[{}]}}`, `[]`, `null`,
	} {
		f.Add(body, "terminate")
	}
	f.Fuzz(func(t *testing.T, body, event string) {
		for _, v := range vendors {
			if v.read != nil {
				if got := said(t, v.name, event, body); strings.Contains(got, "request") && v.reader != nil {
					t.Errorf("%s makes a request by itself: %s", v.name, got)
				}
			}
		}
	})
}

// FuzzReaders reads whatever an HR system may answer.
func FuzzReaders(f *testing.F) {
	f.Add(`{"id":"4711","terminated_on":"2026-11-30","active":true}`)
	f.Add(`{"_data":[{"termination":{"last_working_date":"2026-11-27"}}]}`)
	f.Add(`[{"date":"2026-11-30","employmentStatus":"Terminated"}]`)
	f.Add(`{"responses":[{"individual_id":"4711","code":200,"body":{"end_date":null,"is_active":true}}]}`)
	f.Add(`{"employees":[{"/root/id":{"value":"1"},"internal":{"terminationDate":"9999-12-31"}}]}`)
	f.Add(`<Envelope><Body><Get_Workers_Response><Response_Data><Worker/></Response_Data></Get_Workers_Response></Body></Envelope>`)
	f.Add(`{"id":"4711","employeeLeaveDateTime":"2026-11-30T00:00:00Z","value":[{"id":"4711","employeeLeaveDateTime":null}]}`)
	f.Add(`{"data":{"employments":[{"termination_last_day":"2026-11-30","timezone":"Mars/Base"}]}}`)
	f.Add(`{"data":[{"id":"4711","active":true,"is_terminating":null,"terminated_on":"2026-11-30"}],"meta":{"has_next_page":true,"end_cursor":"x"},"page":{"total_rows":9}}`)
	f.Add(`{"resource":{"type":"Company","uuid":"c"},"paging":{"count":-1},"individuals":[{"id":""}],"_data":[null],"_meta":{"links":{"next":{"href":":"}}}}`)
	f.Add(`{"values":[{"status":"terminated","effectiveDate":null}],"employees":[],"access_token":"t"}`)
	f.Add(`<Envelope><Body><Fault><faultcode>SOAP-ENV:Client.authenticationError</faultcode></Fault></Body></Envelope>`)
	f.Fuzz(func(t *testing.T, answer string) {
		transport := always(answer)
		for _, v := range vendors {
			if v.reader == nil {
				continue
			}
			c := Config{Name: "hr", Vendor: v.name, Zone: "Europe/Berlin", API: API{URL: "https://hr.example", User: "u", Secret: "p"}}
			tenant := &Tenant{URL: "https://graph.example/v1.0", Transport: transport, Token: func(context.Context) (string, error) {
				return "e30.eyJyb2xlcyI6WyJVc2VyLUxpZmVDeWNsZUluZm8uUmVhZC5BbGwiXX0.x", nil // {"roles":["User-LifeCycleInfo.Read.All"]}
			}}
			readers, err := NewReaders([]Config{c}, Access{Transport: transport, Now: func() time.Time { return heardAt }, Tenant: tenant, Unpaced: true})
			if err != nil {
				t.Fatal(err)
			}
			if word, err := readers["hr"].Person(t.Context(), "4711"); err == nil && word.Unclear == "" {
				if r, err := readers["hr"].Request(word, 1, heardAt); err == nil && r.Validate() != nil {
					t.Errorf("%s: a request that is not valid: %v", v.name, r.Validate())
				}
			}
			_, _ = readers["hr"].Leavers(t.Context(), heardAt)
		}
	})
}

// manyUpdated are notifications of so many users.
func manyUpdated(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`{"changeType":"updated","resourceData":{"id":"ade1e000-0000-4000-8000-%012d"}}`, i))
	}
	return strings.Join(all, ",")
}
