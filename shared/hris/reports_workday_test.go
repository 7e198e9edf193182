package hris

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/simhr"
)

// workdayWorker is a worker as Get_Workers has it.
func workdayWorker(id, number, mail, active, dates string) string {
	return `<Worker><Worker_Reference><ID type="WID">` + id + `</ID></Worker_Reference><Worker_Data><Worker_ID>` + number + `</Worker_ID>` +
		`<Personal_Data><Contact_Data><Email_Address_Data><Email_Address>` + mail + `</Email_Address><Usage_Data><Type_Data><Type_Reference><ID>WORK</ID></Type_Reference></Type_Data></Usage_Data></Email_Address_Data></Contact_Data></Personal_Data>` +
		`<Employment_Data><Worker_Status_Data><Active>` + active + `</Active>` + dates + `</Worker_Status_Data></Employment_Data></Worker_Data></Worker>`
}

// workdaySays answers with some workers.
func workdaySays(all ...string) script {
	return always(`<Envelope><Body><Get_Workers_Response><Response_Results><Total_Pages>1</Total_Pages></Response_Results><Response_Data>` + strings.Join(all, "") + `</Response_Data></Get_Workers_Response></Body></Envelope>`)
}

// workdayDates answers about 4711 with a status and dates.
func workdayDates(active, dates string) script {
	return workdaySays(workdayWorker("4711", "E0001", "adele.vance@contoso.com", active, dates))
}

func TestWhatGoesWrongWithWorkday(t *testing.T) { elsewhere(t, "workday", workdayReports) }

var workdayReports = map[string]func(*testing.T){
	"a contractor becomes an employee": func(t *testing.T) {
		lists(t, scripted(t, "workday", workdaySays(
			workdayWorker("w1", "C0001", "adele.vance@contoso.com", "1", "<Termination_Date>2026-11-30</Termination_Date>"),
			workdayWorker("w2", "E0001", "Adele.Vance@contoso.com", "1", ""),
		)), "w1 unclear")
	},
	"two records have one name": func(t *testing.T) {
		lists(t, scripted(t, "workday", workdaySays(
			workdayWorker("w1", "E0001", "", "0", "<Termination_Date>2026-11-20</Termination_Date>"),
			workdayWorker("w2", "E0001", "", "1", ""),
			workdayWorker("w3", "", "", "0", "<Termination_Date>2026-11-20</Termination_Date>"), // nothing in common
		)), "w1 unclear, w3 leaves until 2026-11-20")
	},
	"a domain is missing, and nobody comes": func(t *testing.T) {
		lists(t, scripted(t, "workday", workdaySays()), "nobody")
		answers(t, "workday", "unclear", workdaySays())
		hr, r, _ := simulated(t, "workday", 1)
		hr.Without = "Worker_Status_Data"
		says(t, r, "unclear")
	},
	"the password of the integration user ends": func(t *testing.T) {
		hr, r, _ := simulated(t, "workday", 1)
		hr.Credential = "another"
		says(t, r, "refused")
		lists(t, r, "refused")
		answers(t, "workday", "fails", always(`500 <Envelope><Body><Fault><faultcode>SOAP-ENV:Client.validationError</faultcode><faultstring>Processing error occurred. The task submitted is not authorized.</faultstring></Fault></Body></Envelope>`))
		fault := always(`<Envelope><Body><Fault><faultcode>SOAP-ENV:Server.timeout</faultcode><faultstring>of 4711</faultstring></Fault></Body></Envelope>`)
		lists(t, scripted(t, "workday", fault), "fails")
		if _, err := scripted(t, "workday", fault).Person(t.Context(), "4711"); err == nil || strings.Contains(err.Error(), "4711") {
			t.Errorf("got %v, want an error that names nobody", err)
		}
		answers(t, "workday", "fails", always(`<html><body>Workday is currently unavailable</body>`))
	},
	"a leave of absence is no departure": func(t *testing.T) {
		answers(t, "workday", "stays", workdayDates("1", ""))
		answers(t, "workday", "unclear", workdayDates("0", ""))
	},
	"few of those who left come": func(t *testing.T) {
		var asked []string
		r := scripted(t, "workday", func(_ *http.Request, body string) string {
			asked = append(asked, body)
			return "<Envelope/>"
		})
		lists(t, r, "nobody")
		for _, part := range []string{"<bsvc:Exclude_Inactive_Workers>false", "<bsvc:Updated_From>", "<bsvc:Effective_From>"} {
			if !strings.Contains(strings.Join(asked, "\n"), part) {
				t.Errorf("nothing asks for %s", part)
			}
		}
	},
	"one range of dates misses the other": func(t *testing.T) {
		answers(t, "workday", "leaves 2026-11-27 until 2027-02-28", workdayDates("1", "<Termination_Date>2027-02-28</Termination_Date><Termination_Last_Day_of_Work>2026-11-27</Termination_Last_Day_of_Work>"))
		hr, r, _ := simulated(t, "workday", 70)
		hr.Dismiss("4780", dayOf(t, "2026-12-24"), offboarding.Date{})
		if list := lists(t, r, "4780 leaves 2026-12-24"); len(list.Words) != 70 { // by both, on several pages, and once
			t.Errorf("got %d workers, want 70", len(list.Words))
		}
		repeated := workdayDates("1", "")(nil, "")
		lists(t, scripted(t, "workday", always(strings.Replace(repeated, "<Total_Pages>1<", "<Total_Pages>9<", 1))), "fails")
	},
	"a change was missed by a run": func(t *testing.T) {
		var asked string
		r := scripted(t, "workday", func(_ *http.Request, body string) string {
			if strings.Contains(body, "Updated_From") {
				asked = body
			}
			return "<Envelope/>"
		})
		lists(t, r, "nobody")
		if !strings.Contains(asked, "<bsvc:Updated_From>2026-11-19T09:00:00Z</bsvc:Updated_From><bsvc:Updated_Through>2026-11-22T09:00:00Z") {
			t.Errorf("got %s, want days that runs before it have read too", asked)
		}
	},
	"the end is not compared with today": func(t *testing.T) {
		answers(t, "workday", "leaves until 2099-12-31", workdayDates("1", "<Termination_Date>2099-12-31</Termination_Date>"))
		answers(t, "workday", "leaves until 2026-11-15", workdayDates("0", "<Termination_Date>2026-11-15</Termination_Date>"))
	},
	"a day becomes a moment of another day": func(t *testing.T) {
		answers(t, "workday", "leaves until 2026-11-30", workdayDates("1", "<Termination_Date>2026-11-30-08:00</Termination_Date>"))
	},
	"a date in the future is taken for now": func(t *testing.T) {
		hr, r, _ := simulated(t, "workday", 1)
		hr.Dismiss("4711", dayOf(t, "2026-12-31"), offboarding.Date{})
		word := says(t, r, "leaves 2026-12-31")
		r.Zone = "America/Los_Angeles"
		if request, err := r.Request(word, 1, heardAt); err != nil || request.LeavingTime.UTC().Format(time.RFC3339) != "2027-01-01T07:59:59Z" {
			t.Errorf("got %s, %v; want the end of that day", request.LeavingTime, err)
		}
	},
	"an address changes": func(t *testing.T) {
		hr, r, _ := simulated(t, "workday", 1)
		hr.Hire(simhr.Person{ID: "w9", Number: "E0009", Mail: "new.name@contoso.com"})
		list := lists(t, r, "nobody")
		i := slices.IndexFunc(list.Words, func(w Word) bool { return w.Person == "w9" })
		if i < 0 || list.Words[i].Employee != (offboarding.Employee{EmployeeID: "E0009", Mail: "new.name@contoso.com"}) {
			t.Errorf("got %+v, want the number too, which does not change", list.Words)
		}
	},
	"the integration user lives in California": func(t *testing.T) {
		asked := ""
		scripted(t, "workday", func(_ *http.Request, body string) string { asked = body; return "<Envelope/>" }).Person(t.Context(), "4711") //nolint:errcheck // what is asked counts
		for _, part := range []string{"<bsvc:As_Of_Effective_Date>2026-11-23<", "<bsvc:As_Of_Entry_DateTime>2026-11-22T09:00:00Z<"} {
			if !strings.Contains(asked, part) {
				t.Errorf("got %s, want %s", asked, part)
			}
		}
	},
}
