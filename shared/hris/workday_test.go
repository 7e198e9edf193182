package hris

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

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

func TestWhatIsNoDepartureInWorkday(t *testing.T) {
	t.Parallel()
	// On leave the worker is active; an end of which the worker is still active long after is of another
	// time; a contract's expected end is none.
	answers(t, "workday", "stays", workdayDates("true", "<On_Leave>1</On_Leave>"))
	answers(t, "workday", "stays", workdayDates("1", "<Expected_Date_of_Return>2027-03-01</Expected_Date_of_Return><End_Employment_Date>2026-11-30</End_Employment_Date>"))
	answers(t, "workday", "stays", workdayDates("1", "<Termination_Date>2024-10-06</Termination_Date>"))
}
