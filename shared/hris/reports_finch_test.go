package hris

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"leaver/shared/offboarding"
)

// finchSays answers each request with an individual and an employment.
func finchSays(individual, employment string) script {
	one := func(body string) string {
		return `{"responses":[{"individual_id":"4711","code":200,"body":` + body + `}]}`
	}
	return paths(map[string]string{"/employer/individual": one(individual), "/employer/employment": one(employment)})
}

// finchSigned signs an arrival as Finch does.
func finchSigned(t *testing.T, secret string, a *Arrival) {
	t.Helper()
	a.Header.Set("finch-event-id", "msg_1")
	a.Header.Set("finch-timestamp", fmt.Sprint(heardAt.Unix()))
	signature, err := finchSignature.Sign(secret, *a)
	if err != nil {
		t.Fatal(err)
	}
	a.Header.Set("finch-signature", signature)
}

const finchIndividual = `{"id":"4711","emails":[{"type":"personal","data":"adele@example.com"},{"type":"work","data":"adele.vance@contoso.com"}]}`

func TestWhatGoesWrongWithFinch(t *testing.T) { elsewhere(t, "finch", finchReports) }

var finchReports = map[string]func(*testing.T){
	"twenty reads a minute are all there are": func(t *testing.T) {
		readers, err := NewReaders([]Config{{Name: "hr", Vendor: "finch", Zone: "Europe/Berlin", API: API{URL: "https://hr.example"}}}, Access{Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		// Every second one goes to the same endpoint.
		if a := readers["hr"].Reader.(*finchReader).pace; float64(a.Limit())*60/2 > 20 {
			t.Errorf("got %f reads a second, want at most twenty a minute of one endpoint", a.Limit())
		}
		answers(t, "finch", "again in 30s", always(`429 {"finch_code":"finch_application_rl"}`))
	},
	"nothing was fetched yet": func(t *testing.T) {
		answers(t, "finch", "fails", always(`202 {"finch_code":"data_sync_in_progress"}`))
		lists(t, scripted(t, "finch", always(`202 {}`)), "fails")
		answers(t, "finch", "fails", always(`{"responses":[{"individual_id":"4711","code":202,"body":{}}]}`))
	},
	"what is not supported is null": func(t *testing.T) {
		answers(t, "finch", "unclear", finchSays(finchIndividual, `{"is_active":null,"end_date":null}`))
		answers(t, "finch", "unclear", finchSays(finchIndividual, `{"is_active":true}`))
	},
	"whoever is inactive may be on leave": func(t *testing.T) {
		answers(t, "finch", "unclear", finchSays(finchIndividual, `{"is_active":false,"employment_status":"leave","end_date":null}`))
	},
	"ids are others after signing on otherwise": func(t *testing.T) {
		answers(t, "finch", "unclear", always(`{"responses":[{"individual_id":"4711","code":404,"body":{"finch_code":"individual_not_found"}}]}`))
		answers(t, "finch", "unclear", always(`{"responses":[{"individual_id":"0815","code":200,"body":{"end_date":"2026-11-30"}}]}`))
	},
	"the employer has to sign on again": func(t *testing.T) {
		answers(t, "finch", "refused", always(`401 {"code":401,"name":"authentication_error","finch_code":"reauthenticate_user"}`))
	},
	"whoever signs on again sees less": func(t *testing.T) {
		hr, r, _ := simulated(t, "finch", 2)
		hr.Dismiss("4711", dayOf(t, "2026-11-30"), offboarding.Date{})
		lists(t, r, "4711")
		hr.Delete("4711")
		lists(t, r, "nobody")
		says(t, r, "unclear")
	},
	"an error is inside of an answer": func(t *testing.T) {
		answers(t, "finch", "fails", always(`{"responses":[{"individual_id":"4711","code":500,"body":{"message":"the provider is away"}}]}`))
		answers(t, "finch", "unclear", always(`{"responses":[]}`))
		answers(t, "finch", "unclear", always(`{"responses":[{"individual_id":"4711","code":200,"body":{"name":"not_found_error","code":404,"finch_code":"individual_not_found"}}]}`))
	},
	"the directory has pages": func(t *testing.T) {
		hr, r, _ := simulated(t, "finch", 1200)
		hr.Dismiss("5900", dayOf(t, "2026-12-31"), offboarding.Date{})
		hr.Dismiss("5901", dayOf(t, "2019-12-31"), offboarding.Date{})
		reads := hr.Reads()
		lists(t, r, "5900")
		if got := hr.Reads() - reads; got != 15 {
			t.Errorf("got %d reads, want three pages and a dozen batches", got)
		}
		lists(t, scripted(t, "finch", paths(map[string]string{"/employer/directory": `{"paging":{"count":70},"individuals":[{"id":"1"}]}`})), "fails")
	},
	"an address is no key": func(t *testing.T) {
		word := answers(t, "finch", "leaves 2026-11-30", finchSays(finchIndividual, `{"source_id":"42","is_active":true,"end_date":"2026-11-30"}`))
		if word.Employee != (offboarding.Employee{Mail: "adele.vance@contoso.com"}) {
			t.Errorf("got %+v, want the address at work alone", word.Employee)
		}
		word = answers(t, "finch", "leaves 2026-11-30", finchSays(`{"emails":[{"type":"personal","data":"adele@example.com"}]}`, `{"source_id":"42","is_active":true,"end_date":"2026-11-30"}`))
		if word.Employee != (offboarding.Employee{EmployeeID: "42"}) {
			t.Errorf("got %+v, want no private address", word.Employee)
		}
	},
	"somebody is hired again": func(t *testing.T) {
		answers(t, "finch", "stays", finchSays(finchIndividual, `{"is_active":true,"end_date":"2026-06-30","latest_rehire_date":"2026-10-01"}`))
		answers(t, "finch", "leaves 2026-12-31", finchSays(finchIndividual, `{"is_active":true,"end_date":"2026-12-31","latest_rehire_date":"2026-10-01"}`))
	},
	"the schema names another value": func(t *testing.T) {
		answers(t, "finch", "leaves 2026-11-30", finchSays(finchIndividual, `{"employment":{"type":"surprise"},"employment_status":"surprise","is_active":true,"end_date":"2026-11-30"}`))
	},
	"signatures come in several headers": func(t *testing.T) {
		secret := base64.StdEncoding.EncodeToString([]byte(reportSecret))
		for name, send := range map[string]func(a *Arrival, right string){
			"two headers": func(a *Arrival, right string) { a.Header["Finch-Signature"] = []string{"v1,AAAA", right} },
			"two in one":  func(a *Arrival, right string) { a.Header.Set("finch-signature", "v1,AAAA "+right) },
			"none":        func(a *Arrival, _ string) { a.Header.Set("finch-signature", "v1,AAAA") },
			"an older recipe": func(a *Arrival, right string) {
				a.Header.Set("finch-signature", strings.Replace(right, "v1,", "v0,", 1))
			},
			"another time": func(a *Arrival, right string) {
				a.Header.Set("finch-signature", right)
				a.Header.Set("finch-timestamp", "1795338001")
			},
			"ten minutes late": func(a *Arrival, right string) {
				a.Header.Set("finch-signature", right)
				a.At = a.At.Add(10 * time.Minute)
			},
		} {
			got := proves(t, "finch", secret, func(a *Arrival) {
				finchSigned(t, secret, a)
				right := a.Header.Get("finch-signature")
				a.Header.Del("finch-signature")
				send(a, right)
			})
			if got != strings.HasPrefix(name, "two") {
				t.Errorf("%s: it is taken: %t", name, got)
			}
		}
	},
	"a job or an account is no person": func(t *testing.T) {
		for _, kind := range []string{"job.data_sync_all.completed", "job.data-sync-all.completed", "account.updated", "company.updated", "pay_statement.created"} {
			means(t, "finch", "", `{"event_type":"`+kind+`","data":{"individual_id":null}}`, "nothing: "+kind)
		}
		means(t, "finch", "", `{"event_type":"individual.deleted","data":{"individual_id":"4711"}}`, "task")
	},
	"the version of the API has to be there": func(t *testing.T) {
		answers(t, "finch", "leaves 2026-11-30", func(r *http.Request, body string) string {
			if r.Header.Get("Finch-API-Version") != "2020-09-17" {
				return "400 "
			}
			return finchSays(finchIndividual, `{"end_date":"2026-11-30"}`)(r, body)
		})
	},
	"headers have other names": func(t *testing.T) {
		secret := base64.StdEncoding.EncodeToString([]byte(reportSecret))
		if proves(t, "finch", secret, func(a *Arrival) {
			finchSigned(t, secret, a)
			for _, name := range []string{"Event-Id", "Timestamp", "Signature"} {
				a.Header.Set("Webhook-"+strings.TrimPrefix(name, "Event-"), a.Header.Get("Finch-"+name))
				a.Header.Del("Finch-" + name)
			}
		}) {
			t.Error("what is signed under the names of the first days is taken")
		}
	},
	"headers come in small letters": func(t *testing.T) {
		secret := base64.StdEncoding.EncodeToString([]byte(reportSecret))
		if !proves(t, "finch", secret, func(a *Arrival) {
			finchSigned(t, secret, a)
			raw := "POST / HTTP/1.1\r\nhost: x\r\n"
			for name := range a.Header {
				raw += strings.ToLower(name) + ": " + a.Header.Get(name) + "\r\n"
			}
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw + "\r\n")))
			if err != nil {
				t.Fatal(err)
			}
			a.Header = r.Header
		}) {
			t.Error("what comes through a proxy that writes small letters is not taken")
		}
	},
	"how long to wait is told as a date": func(t *testing.T) {
		answers(t, "finch", "again in 40s", always("429 Retry-After: "+heardAt.Add(40*time.Second).Format(http.TimeFormat)+"\n"))
	},
	"every credential is sent at once": func(t *testing.T) {
		answers(t, "finch", "leaves 2026-11-30", func(r *http.Request, body string) string {
			if got := r.Header.Values("Authorization"); len(got) != 1 || got[0] != "Bearer p" {
				return "401 "
			}
			return finchSays(finchIndividual, `{"end_date":"2026-11-30"}`)(r, body)
		})
	},
	"a list is null": func(t *testing.T) {
		lists(t, scripted(t, "finch", always(`null`)), "fails")
		lists(t, scripted(t, "finch", always(`{"paging":null,"individuals":null}`)), "fails")
		answers(t, "finch", "unclear", always(`{"responses":null}`))
	},
	"a page is empty": func(t *testing.T) {
		directory := func(answer string) Readable {
			return scripted(t, "finch", paths(map[string]string{"/employer/directory": answer}))
		}
		lists(t, directory(`{"paging":{"count":0,"offset":0},"individuals":[]}`), "nobody")
		lists(t, directory(`{"paging":{"count":3,"offset":0},"individuals":[]}`), "fails")
	},
	"the answer is a page for people": func(t *testing.T) {
		answers(t, "finch", "fails", always(`<html><body>Back soon</body></html>`))
		lists(t, scripted(t, "finch", always(`<html><body>Back soon</body></html>`)), "fails")
	},
}
