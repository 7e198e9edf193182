package hris

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"leaver/shared/offboarding"
)

// bob is the body of a webhook.
func bob(kind, data string) string {
	return `{"companyId":100200,"type":"` + kind + `","triggeredBy":"system","triggeredAt":"2026-11-22T13:06:26.915906","version":"v2","data":{` + data + `}}`
}

func TestWhatGoesWrongWithHiBob(t *testing.T) { elsewhere(t, "hibob", hibobReports) }

var hibobReports = map[string]func(*testing.T){
	"those who are active alone are read": func(t *testing.T) {
		hr, r, _ := simulated(t, "hibob", 2)
		hr.Dismiss("4711", dayOf(t, "2026-11-20"), offboarding.Date{})
		lists(t, r, "4711 leaves 2026-11-20")
	},
	"whoever is absent counts as deleted": func(t *testing.T) {
		hr, r, _ := simulated(t, "hibob", 2)
		hr.Delete("4711")
		says(t, r, "unclear")
		lists(t, r, "nobody")
		means(t, "hibob", "", bob("employee.deleted", `"employeeId":"4711"`), "task")
	},
	"fields are left out without a word": func(t *testing.T) {
		answers(t, "hibob", "unclear", always(`{"/root/id":{"value":"4711"},"/root/email":{"value":"adele.vance@contoso.com"}}`))
		answers(t, "hibob", "unclear", always(`{"/root/id":{"value":"4711"},"/internal/lifecycleStatus":{"value":"terminated"}}`))
	},
	"the group does not see who was terminated": func(t *testing.T) {
		hr, r, _ := simulated(t, "hibob", 1)
		hr.Dismiss("4711", dayOf(t, "2026-11-22"), offboarding.Date{})
		says(t, r, "leaves 2026-11-22")
		hr.Delete("4711") // to this reader it looks the same
		says(t, r, "unclear")
	},
	"a guide reads people by the page": func(t *testing.T) {
		hr, r, _ := simulated(t, "hibob", 1500)
		reads := hr.Reads()
		hr.Dismiss("6210", dayOf(t, "2026-11-30"), offboarding.Date{})
		lists(t, r, "6210 leaves 2026-11-30")
		if hr.Reads() != reads+1 {
			t.Errorf("got %d answers, want all of them in one", hr.Reads()-reads)
		}
	},
	"a right to see the dates is lost": func(t *testing.T) {
		hr, r, _ := simulated(t, "hibob", 1)
		hr.Dismiss("4711", dayOf(t, "2026-11-30"), offboarding.Date{})
		says(t, r, "leaves 2026-11-30")
		hr.Without = "/employee/lastDayOfWork"
		says(t, r, "unclear")
		lists(t, r, "nobody")
		hr.Without = ""
		hr.TakeBack("4711")
		says(t, r, "stays")
		hr.Without = "lifecycle"
		says(t, r, "unclear")
	},
	"a status is the id of an item of a list": func(t *testing.T) {
		answers(t, "hibob", "leaves 2026-11-10", always(`{"/root/id":{"value":"4711"},"/internal/lifecycleStatus":{"value":"251240318"},"/employee/lastDayOfWork":{"value":"2026-11-10"}}`))
	},
	"parental leave looks like leaving": func(t *testing.T) {
		means(t, "hibob", "", bob("employee.inactivated", `"employeeId":"4711"`), "nothing: employee.inactivated")
		means(t, "hibob", "", bob("employee.temporaryLeave", `"employeeId":"4711"`), "nothing: employee.temporaryLeave")
		answers(t, "hibob", "stays", paths(map[string]string{
			"/v1/people/4711":           `{"/root/id":{"value":"4711"},"/internal/lifecycleStatus":{"value":"parental leave"},"/internal/status":{"value":"Inactive"}}`,
			"/v1/people/4711/lifecycle": `{"values":[{"status":"parental leave","effectiveDate":"2026-10-01"},{"status":"employed","effectiveDate":"2020-01-01"}]}`,
		}))
	},
	"garden leave comes before the end": func(t *testing.T) {
		hr, r, _ := simulated(t, "hibob", 1)
		hr.Dismiss("4711", dayOf(t, "2026-11-27"), dayOf(t, "2027-02-28"))
		says(t, r, "leaves 2026-11-27 until 2027-02-28")
	},
	"a row that is deleted is not told": func(t *testing.T) {
		hr, r, source := simulated(t, "hibob", 1)
		to := &endpoint{Source: source}
		hr.Dismiss("4711", dayOf(t, "2026-11-30"), offboarding.Date{})
		sends(t, hr, to)
		hr.TakeBack("4711")
		sends(t, hr, to)
		if len(to.took) != 1 {
			t.Errorf("got %v told, want the row that was made alone", to.took)
		}
		says(t, r, "stays")
	},
	"the body is of version 1": func(t *testing.T) {
		means(t, "hibob", "", `{"companyId":100200,"type":"employee.left","employee":{"id":"4711","email":"adele.vance@contoso.com"},"creationDate":"2026-11-22"}`, "hint employee.left of ")
	},
	"access is revoked before the last day": func(t *testing.T) {
		_, r, _ := simulated(t, "hibob", 1)
		means(t, "hibob", "", bob("employee.access.revoked.immediately", `"employeeId":"4711"`), "hint employee.access.revoked.immediately of 4711")
		if !r.Immediate("employee.access.revoked.immediately") || r.Immediate("employee.left") {
			t.Error("got another event, want this one alone to be at once")
		}
	},
	"one stuck event holds up all others": func(t *testing.T) {
		hr, _, source := simulated(t, "hibob", 2)
		to := &endpoint{Source: source, away: http.StatusInternalServerError}
		hr.Dismiss("4711", dayOf(t, "2026-11-30"), offboarding.Date{})
		hr.Dismiss("4712", dayOf(t, "2026-11-30"), offboarding.Date{})
		sends(t, hr, to)
		to.away = 0
		sends(t, hr, to)
		if hr.Waiting() != 2 || len(to.took) != 0 {
			t.Errorf("got %d waiting and %v taken, want the second behind the first", hr.Waiting(), to.took)
		}
		if source.Unusable() != http.StatusAccepted { // so what cannot be used holds nothing up
			t.Errorf("got %d for what cannot be used, want it taken", source.Unusable())
		}
	},
	"too many searches": func(t *testing.T) {
		answers(t, "hibob", "again in 45s", always(fmt.Sprintf("429 X-RateLimit-Reset: %d\n", heardAt.Add(45*time.Second).Unix())))
		answers(t, "hibob", "again in 15m0s", always(fmt.Sprintf("429 X-RateLimit-Reset: %d\n", heardAt.Add(time.Hour).Unix())))
	},
	"the type of the content is missing": func(t *testing.T) {
		answers(t, "hibob", "leaves 2026-11-30", func(r *http.Request, _ string) string {
			if r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Accept") != "application/json" {
				return "415 "
			}
			return `{"/root/id":{"value":"4711"},"/employee/lastDayOfWork":{"value":"2026-11-30"}}`
		})
		lists(t, scripted(t, "hibob", always("415 ")), "fails") // and is no run that went well
	},
	"a whole section is missing": func(t *testing.T) {
		answers(t, "hibob", "unclear", always(`{"id":"4711","work":null,"internal":null,"employee":null}`))
		word := answers(t, "hibob", "leaves until 2026-11-30", always(`{"id":"4711","email":"adele.vance@contoso.com","work":null,"internal":{"terminationDate":"2026-11-30"}}`))
		if word.Employee != (offboarding.Employee{Mail: "adele.vance@contoso.com"}) {
			t.Errorf("got %+v, want the address alone", word.Employee)
		}
	},
	"the token is a person's": func(t *testing.T) {
		answers(t, "hibob", "leaves 2026-11-30", func(r *http.Request, _ string) string {
			if id, token, is := r.BasicAuth(); !is || id != "u" || token != "p" {
				return "401 "
			}
			return `{"/root/id":{"value":"4711"},"/employee/lastDayOfWork":{"value":"2026-11-30"}}`
		})
		answers(t, "hibob", "refused", always("401 "))
		lists(t, scripted(t, "hibob", always("403 ")), "refused")
	},
	"a key is a number": func(t *testing.T) {
		lists(t, scripted(t, "hibob", always(`{"employees":[{"/root/id":{"value":4711},"/internal/terminationDate":{"value":"2026-11-30"},"1629151319875":{"value":"a column of one's own"},"work":{"customColumns":{"1":"x"}}}]}`)), "4711 leaves until 2026-11-30")
	},
	"the connector looks on the day after": func(t *testing.T) {
		hr, r, _ := simulated(t, "hibob", 1)
		hr.Dismiss("4711", dayOf(t, "2026-11-30"), offboarding.Date{})
		word := says(t, r, "leaves 2026-11-30")
		r.Zone = "Asia/Jerusalem"
		request, err := r.Request(word, 1, heardAt)
		if got, want := request.LeavingTime.UTC().Format(time.RFC3339), "2026-11-30T21:59:59Z"; err != nil || got != want {
			t.Errorf("got %s, %v; want the end of the day itself, %s", got, err, want)
		}
	},
}
