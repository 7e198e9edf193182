package hris

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// asked is a transport that answers everything alike and remembers the questions.
type asked struct {
	answer string
	bodies []string
}

func (a *asked) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		a.bodies = append(a.bodies, string(bytes.TrimSpace(body)))
	}
	w := httptest.NewRecorder()
	_, _ = w.WriteString(a.answer)
	return w.Result(), nil
}

// TestWhatGoesWrongInOtherPeoplesHands is what public code did to these vendors' answers, by the
// thread in which it was found.
func TestWhatGoesWrongInOtherPeoplesHands(t *testing.T) {
	t.Parallel()
	worker := func(active, dates string) string {
		return `<Envelope><Body><Get_Workers_Response><Response_Results><Total_Pages>1</Total_Pages></Response_Results><Response_Data><Worker><Worker_Reference><ID type="WID">4711</ID></Worker_Reference>` +
			`<Worker_Data><Worker_ID>E1</Worker_ID><Employment_Data><Worker_Status_Data><Active>` + active + `</Active>` + dates + `</Worker_Status_Data></Employment_Data></Worker_Data></Worker></Response_Data></Get_Workers_Response></Body></Envelope>`
	}
	finch := func(body string) string {
		return `{"responses":[{"individual_id":"4711","code":200,"body":` + body + `}]}`
	}
	for _, tt := range []struct{ vendor, thread, what, answer, want string }{
		{"bamboohr", "NangoHQ/integration-templates/pull/526", "the day of hiring was taken for the last one", `{"status":"Inactive","employmentHistoryStatus":"Terminated","hireDate":"2020-01-01"}`, "unclear"},
		{"bamboohr", "wp-erp/wp-erp/issues/165", "without a date, whoever left counted as employed", `{"status":"Inactive","terminationDate":"0000-00-00"}`, "unclear"},
		{"hibob", "horilla/horilla-hr/issues/398", "whoever is not active is not shown, and missing is not leaving", `{"internal":{}}`, "unclear"},
		{"personio", "personio/api-docs/pull/1", "the last working day is not the end of the contract", `{"access_token":"t","_data":[{"termination":{"last_working_date":"2026-11-27","termination_date":"2027-02-28"}}]}`, "leaves 2026-11-27 until 2027-02-28"},
		{"personio", "personio/api-docs/pull/169", "answers are not as their schema says", `{"access_token":"t","_data":[{"termination":"none"}]}`, "stays"},
		{"workday", "treestryder/powershell_module_workdayapi/issues/29", "the last day of work stands beside the end", worker("1", "<Termination_Date>2027-02-28</Termination_Date><Termination_Last_Day_of_Work>2026-11-27</Termination_Last_Day_of_Work>"), "leaves 2026-11-27 until 2027-02-28"},
		{"workday", "faros-ai/airbyte-connectors/pull/1504", "a date with a zone was made a moment of another day", worker("1", "<Termination_Date>2026-11-30-08:00</Termination_Date>"), "leaves  until 2026-11-30"},
		{"workday", "Netflix/iep/pull/287", "a date is still set of somebody who came back", worker("1", "<Termination_Date>2026-11-15</Termination_Date>"), "stays"},
		{"workday", "Netflix/iep/pull/287", "and of somebody who did not", worker("0", "<Termination_Date>2026-11-15</Termination_Date>"), "leaves  until 2026-11-15"},
		{"workday", "demisto/content/pull/10465", "a date in the future was taken for now", worker("1", "<Termination_Date>2099-12-31</Termination_Date>"), "leaves  until 2099-12-31"},
		{"finch", "frappe/erpnext/pull/26029", "seasonal workers are inactive, and did not leave", finch(`{"is_active":false,"end_date":null}`), "unclear"},
		{"finch", "Netflix/iep/pull/287", "a date is still set of somebody who came back", finch(`{"is_active":true,"end_date":"2026-06-30","latest_rehire_date":"2026-10-01"}`), "stays"},
		{"deel", "frappe/erpnext/pull/26029", "one of several contracts ends", `{"data":{"employments":[{"termination_last_day":"2026-11-30"},{"termination_last_day":null,"is_ended":false}]}}`, "stays"},
	} {
		c := Config{Name: "hr", Vendor: tt.vendor, Zone: "Europe/Berlin", API: API{URL: "https://hr.example", User: "u", Secret: "p"}}
		readers, err := NewReaders([]Config{c}, Access{Transport: &asked{answer: tt.answer}, Now: func() time.Time { return heardAt }})
		if err != nil {
			t.Fatal(err)
		}
		word, err := readers["hr"].Person(t.Context(), "4711")
		got := "stays"
		switch l := word.Leaving; {
		case err != nil:
			got = err.Error()
		case word.Unclear != "":
			got = "unclear"
		case !l.IsZero():
			got = fmt.Sprintf("leaves %s until %s", l.LastDay, l.EndOfEmployment)
		}
		if got != tt.want {
			t.Errorf("%s: %s (github.com/%s): got %s, want %s", tt.vendor, tt.what, tt.thread, got, tt.want)
		}
	}
}

// TestListsAskForThoseWhoLeft: public integrations list the active alone (github.com/port-labs/ocean/pull/1273),
// or by one of two dates (github.com/treestryder/powershell_module_workdayapi/issues/29).
func TestListsAskForThoseWhoLeft(t *testing.T) {
	t.Parallel()
	for vendor, want := range map[string][]string{
		"hibob": {`"showInactive":true`}, "workday": {"<bsvc:Updated_From>", "<bsvc:Effective_From>", "<bsvc:Exclude_Inactive_Workers>false"},
	} {
		to := &asked{answer: `{}`}
		if vendor == "workday" {
			to.answer = "<Envelope/>"
		}
		c := Config{Name: "hr", Vendor: vendor, Zone: "Europe/Berlin", API: API{URL: "https://hr.example", User: "u", Secret: "p"}}
		readers, err := NewReaders([]Config{c}, Access{Transport: to, Now: func() time.Time { return heardAt }})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := readers["hr"].Leavers(t.Context(), heardAt); err != nil {
			t.Fatal(err)
		}
		for _, part := range want {
			if !strings.Contains(strings.Join(to.bodies, "\n"), part) {
				t.Errorf("%s: nothing asks for %s in %v", vendor, part, to.bodies)
			}
		}
	}
}

// TestKeysAreJoinedOtherwiseThanDocumented: github.com/personio/api-docs/issues/210.
func TestKeysAreJoinedOtherwiseThanDocumented(t *testing.T) {
	t.Parallel()
	for _, key := range []string{`"person_id":"4711"`, `"person-id":"4711"`, `"person":{"id":"4711"}`} {
		if got := said(t, "personio", "", `{"event_name":"employment.updated","payload":{`+key+`}}`); got != "hint employment.updated of 4711" {
			t.Errorf("%s: got %s", key, got)
		}
	}
}
