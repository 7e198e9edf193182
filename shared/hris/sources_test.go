package hris_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"leaver/shared/hris"
	"leaver/shared/offboarding"
)

const secret = "a secret of 32 letters, or longer"

// declared is the one source of a file.
func declared(t testing.TB, text string) *hris.Source {
	t.Helper()
	d, err := hris.Parse([]byte("sources:\n" + text))
	if err != nil {
		t.Fatal(err)
	}
	sources, err := hris.New(d.Sources...)
	if err != nil {
		t.Fatal(err)
	}
	source, known := sources.Source(d.Sources[0].Name)
	if !known {
		t.Fatalf("the source %s is not there", d.Sources[0].Name)
	}
	return source
}

// The sources that are told by declaration alone.
const (
	scripts = `
  - name: scripts
    vendor: hmac
    secrets: ["` + secret + `"]
    zone: Europe/Berlin
    at: "18:00"
    signature: {header: X-Hub-Signature-256, prefix: "sha256="}
    map: {each: /people, id: /id, type: /event, terminated: [left], cancelled: [stays], employee.employeeId: /person/number, leavingDate: /person/lastDay, endOfEmployment: /contract/ends, zone: /person/zone}
`
	ownWords = `
  - name: own
    vendor: hmac
    secrets: ["` + secret + `"]
    signature: {header: X-Signature}
`
	clouds = `
  - {name: clouds, vendor: cloudevents, secrets: ["` + secret + `"], zone: America/Los_Angeles}
`
	grid = `
  - name: grid
    vendor: eventgrid
    secrets: ["` + secret + `"]
    map: {type: /eventType, terminated: [Contoso.HR.EmployeeTerminated], employee.employeeId: /data/employeeId}
`
	oktaHook = `
  - {name: okta, vendor: okta, secrets: ["Basic bGVhdmVyOmEgcGFzc3dvcmQgb2YgMjQgbGV0dGVycw=="]}
`
)

// arrival is a webhook with what its source wants to see.
func arrival(t testing.TB, source *hris.Source, body string, header map[string]string) hris.Arrival {
	t.Helper()
	a := hris.Arrival{Method: http.MethodPost, Header: http.Header{}, Query: url.Values{}, Body: []byte(body), At: now}
	a.Header.Set("Content-Type", "application/json")
	switch source.Vendor {
	case "hmac":
		signature, err := source.Signature.Signature.Sign(secret, a)
		if err != nil {
			t.Fatal(err)
		}
		a.Header.Set(source.Signature.Header, signature)
	case "cloudevents":
		a.Header.Set("Authorization", "Bearer "+secret)
		a.Header.Set("Content-Type", "application/cloudevents+json")
	case "eventgrid":
		a.Query.Set("code", secret)
	case "okta":
		a.Header.Set("Authorization", source.Secrets[0])
	}
	for name, value := range header {
		a.Header.Set(name, value)
	}
	return a
}

// outcome is what a webhook means, in a line.
func outcome(m hris.Meaning, err error) string {
	var all []string
	for _, r := range m.Requests {
		_, who := r.Employee.Key()
		says := string(r.Kind) + " of " + who
		if r.Kind == offboarding.Termination {
			says += " at " + r.LeavingTime.UTC().Format(time.RFC3339)
		}
		if !r.EndOfEmployment.IsZero() {
			says += " until " + r.EndOfEmployment.UTC().Format(time.RFC3339)
		}
		if r.Reversible {
			says += ", reversible"
		}
		all = append(all, says)
	}
	for _, h := range m.Hints {
		all = append(all, "hint of "+h.Person)
	}
	for _, n := range m.Notices {
		all = append(all, "notice: "+n.Reason)
	}
	for _, name := range m.Ignored {
		all = append(all, "nothing: "+name)
	}
	if m.Answer != nil {
		all = append(all, "answer "+strconv.Itoa(m.Answer.Status)+" "+m.Answer.Body)
	}
	if err != nil && len(m.Notices) == 0 {
		all = append(all, err.Error())
	}
	return strings.Join(all, "; ")
}

const (
	cloudEvent = `{"specversion":"1.0","id":"9f1c","source":"/hr/contoso","type":"employee.terminated","time":"2026-11-22T08:00:00Z","subject":"4711","data":{"employee":{"employeeId":"4711"},"leavingDate":"2026-11-30"}}`
	oktaEvent  = `{"uuid":"u1","published":"2026-11-22T08:59:00.000Z","eventType":"user.lifecycle.deactivate","outcome":{"result":"SUCCESS"},"actor":{"type":"User","alternateId":"hr.admin@contoso.com"},"target":[{"id":"00u2","type":"User","alternateId":"adele.vance@contoso.com"}]}`
	gridEvent  = `{"id":"8a","topic":"/subscriptions/0000","subject":"employee/4711","eventType":"Contoso.HR.EmployeeTerminated","eventTime":"2026-11-22T08:00:00Z","dataVersion":"1","data":{"employeeId":"4711"}}`
)

func posted(events ...string) string {
	return `{"eventType":"com.okta.event_hook","cloudEventsVersion":"0.1","eventId":"c0ffee","data":{"events":[` + strings.Join(events, ",") + `]}}`
}

// TestWhatTheWebhooksOfEverySourceMean is the table of section "Mapping at a glance".
func TestWhatTheWebhooksOfEverySourceMean(t *testing.T) {
	t.Parallel()
	person := func(event, person, contract string) string {
		return `{"people":[{"id":"1","event":"` + event + `","person":{` + person + `},"contract":{` + contract + `}}]}`
	}
	change := func(text string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(text) }
	for _, tt := range []struct {
		name, source, body string
		header             map[string]string
		want               string
	}{
		{"a day", scripts, person("left", `"number":4711,"lastDay":"2026-11-30"`, ``), nil, "termination of 4711 at 2026-11-30T17:00:00Z"},
		{"a day in the person's own zone", scripts, person("left", `"number":"4711","lastDay":"2026-11-30","zone":"Pacific/Auckland"`, ``), nil, "termination of 4711 at 2026-11-30T05:00:00Z"},
		{"garden leave", scripts, person("left", `"number":"4711","lastDay":"2026-11-30"`, `"ends":"2027-02-28"`), nil, "termination of 4711 at 2026-11-30T17:00:00Z until 2027-02-28T22:59:59Z"},
		{"a contract that ends first", scripts, person("left", `"number":"4711","lastDay":"2026-12-31"`, `"ends":"2026-11-30"`), nil, "termination of 4711 at 2026-11-30T17:00:00Z until 2026-12-31T22:59:59Z"},
		{"a contract alone", scripts, person("left", `"number":"4711"`, `"ends":"2026-11-30"`), nil, "termination of 4711 at 2026-11-30T17:00:00Z"},
		{"a day dressed as midnight", scripts, person("left", `"number":"4711","lastDay":"2026-11-30T00:00:00Z"`, ``), nil, "termination of 4711 at 2026-11-30T17:00:00Z"},
		{"a day with a zone, as XML has it", scripts, person("left", `"number":"4711","lastDay":"2026-11-30-08:00"`, ``), nil, "termination of 4711 at 2026-11-30T17:00:00Z"},
		{"a day of milliseconds", scripts, person("left", `"number":"4711","lastDay":1795996800000`, ``), nil, "termination of 4711 at 2026-11-30T17:00:00Z"},
		{"never, written as a day", scripts, person("left", `"number":"4711","lastDay":"9999-12-31"`, ``), nil, "notice: the webhook cannot be used: the date says that none is known"},
		{"no day", scripts, person("left", `"number":"4711","lastDay":null`, ``), nil, "notice: the webhook cannot be used: the date says that none is known"},
		{"an empty day", scripts, person("left", `"number":"4711","lastDay":""`, ``), nil, "notice: the webhook cannot be used: the date says that none is known"},
		{"a day that is none", scripts, person("left", `"number":"4711","lastDay":"30.11.2026"`, ``), nil, "notice: the webhook cannot be used: leavingDate: a day is written like 2026-11-30, a time like 2026-11-30T17:00:00+01:00"},
		{"a day long ago", scripts, person("left", `"number":"4711","lastDay":"2024-11-30"`, ``), nil, "notice: the webhook cannot be used: the leaving time is more than 14 days ago; if the account is still to go, use leaver offboard"},
		{"a zone that is none", scripts, person("left", `"number":"4711","lastDay":"2026-11-30","zone":"CEST"`, ``), nil, `notice: the webhook cannot be used: "CEST" is not a time zone; write it like Europe/Berlin`},
		{"blanks around a name", scripts, person("left", `"number":" 4711\t","lastDay":"2026-11-30"`, ``), nil, "termination of 4711 at 2026-11-30T17:00:00Z"},
		{"nobody", scripts, person("left", `"number":"","lastDay":"2026-11-30"`, ``), nil, "notice: the webhook cannot be used: it names nobody: id, userPrincipalName, mail or employeeId is needed; a private address does not say who is meant"},
		{"a name that is none", scripts, person("left", `"number":"47\u001b11","lastDay":"2026-11-30"`, ``), nil, "notice: the webhook cannot be used: employee.employeeId: it holds characters that no name has"},
		{"somebody who stays", scripts, person("stays", `"number":"4711"`, ``), nil, "cancellation of 4711"},
		{"somebody who married", scripts, person("married", `"number":"4711"`, ``), nil, "nothing: married"},
		{"key of another case", scripts, `{"people":[{"id":"1","Event":"left","event":"stays","person":{"number":"4711"}}]}`, nil, "cancellation of 4711"},
		{
			"a batch with one bad entry", scripts,
			`{"people":[{"id":"1","event":"left","person":{"number":"1","lastDay":"2026-11-30"}},{"id":"2","event":"left","person":{"lastDay":"2026-11-30"}},{"id":"3","event":"stays","person":{"number":"3"}}]}`, nil,
			"termination of 1 at 2026-11-30T17:00:00Z; cancellation of 3; notice: the webhook cannot be used: it names nobody: id, userPrincipalName, mail or employeeId is needed; a private address does not say who is meant",
		},
		{"nothing in a batch", scripts, `{"people":[]}`, nil, ""},
		{"not JSON", scripts, `people: none`, nil, "notice: the webhook cannot be used: the body is not JSON (byte 1)"},
		{"JSON and more", scripts, `{"people":[]} {}`, nil, "notice: the webhook cannot be used: the body is not JSON: something follows it"},
		{"too deep", scripts, strings.Repeat("[", 5000), nil, "notice: the webhook cannot be used: the body is not JSON that anybody means: it is too deep"},

		{"our own words", ownWords, `{"type":"employee.terminated","data":{"employee":{"userPrincipalName":"Adele.Vance@contoso.com "}}}`, nil, "termination of adele.vance@contoso.com at 2026-11-22T09:00:00Z"},
		{"our own words, a moment", ownWords, `{"type":"employee.terminated","data":{"employee":{"mail":"adele.vance@contoso.com"},"leavingTime":"2026-11-30T17:00:00+01:00"}}`, nil, "termination of adele.vance@contoso.com at 2026-11-30T16:00:00Z"},
		{"our own words, a day without a zone", ownWords, `{"type":"employee.terminated","data":{"employee":{"mail":"adele.vance@contoso.com"},"leavingDate":"2026-11-30"}}`, nil, "termination of adele.vance@contoso.com at 2026-12-01T11:59:59Z"},
		{"options are never a vendor's", ownWords, `{"type":"employee.terminated","data":{"employee":{"mail":"adele.vance@contoso.com"},"options":{"mailbox":"none"}}}`, nil, "termination of adele.vance@contoso.com at 2026-11-22T09:00:00Z"},

		{"structured", clouds, cloudEvent, nil, "termination of 4711 at 2026-12-01T07:59:59Z"},
		{"a batch", clouds, "[" + cloudEvent + "," + change(cloudEvent, "terminated", "termination_cancelled", "9f1c", "9f1d") + "]", map[string]string{"Content-Type": "application/cloudevents-batch+json"}, "termination of 4711 at 2026-12-01T07:59:59Z; cancellation of 4711"},
		{"a batch that is none", clouds, cloudEvent, map[string]string{"Content-Type": "application/cloudevents-batch+json"}, "notice: the webhook cannot be used: a batch is a list of events"},
		{"a list that is no batch", clouds, "[" + cloudEvent + "]", nil, "notice: the webhook cannot be used: a list of events is sent as application/cloudevents-batch+json"},
		{
			"binary", clouds, `{"employee":{"employeeId":"4711"},"leavingDate":"2026-11-30"}`,
			map[string]string{"Content-Type": "application/json", "ce-specversion": "1.0", "ce-id": "9f1c", "ce-source": "/hr/contoso", "ce-type": "employee.terminated"},
			"termination of 4711 at 2026-12-01T07:59:59Z",
		},
		{"an older version", clouds, change(cloudEvent, `"1.0"`, `"0.3"`), nil, "notice: the webhook cannot be used: a CloudEvent 1.0 has specversion 1.0, id, source and type"},
		{"another event", clouds, change(cloudEvent, "terminated", "promoted"), nil, "nothing: employee.promoted"},

		{"Event Grid", grid, "[" + gridEvent + "]", nil, "termination of 4711 at 2026-11-22T09:00:00Z"},
		{"Event Grid, another event", grid, "[" + change(gridEvent, "Terminated", "Hired") + "]", nil, "nothing: Contoso.HR.EmployeeHired"},
		{
			"the validation of Event Grid", grid, `[{"id":"1","eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","data":{"validationCode":"512d38b6"}}]`,
			map[string]string{"aeg-event-type": "SubscriptionValidation"}, `answer 200 {"validationResponse":"512d38b6"}`,
		},

		{"Okta deactivates", oktaHook, posted(oktaEvent), nil, "termination of adele.vance@contoso.com at 2026-11-22T09:00:00Z, reversible"},
		{"Okta reactivates", oktaHook, posted(change(oktaEvent, "deactivate", "reactivate")), nil, "cancellation of adele.vance@contoso.com, reversible"},
		{"Okta fails to deactivate", oktaHook, posted(change(oktaEvent, "SUCCESS", "FAILURE")), nil, "nothing: user.lifecycle.deactivate without success"},
		{"Okta suspends", oktaHook, posted(change(oktaEvent, "deactivate", "suspend")), nil, "nothing: user.lifecycle.suspend"},
		{"Okta deletes", oktaHook, posted(change(oktaEvent, "deactivate", "delete.initiated")), nil, "notice: the webhook cannot be used: a record was deleted, which does not say that anybody left; if somebody did, use leaver offboard"},
		{"Okta names nobody", oktaHook, posted(change(oktaEvent, "adele.vance@contoso.com", "unknown")), nil, "notice: the webhook cannot be used: target: it names no user, or several"},
		{"several of Okta's", oktaHook, posted(oktaEvent, change(oktaEvent, "u1", "u2", "adele.vance", "alex.wilber")), nil, "termination of adele.vance@contoso.com at 2026-11-22T09:00:00Z, reversible; termination of alex.wilber@contoso.com at 2026-11-22T09:00:00Z, reversible"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			source := declared(t, tt.source)
			meaning, err := source.Receive(arrival(t, source, tt.body, tt.header))
			if got := outcome(meaning, err); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			again, _ := source.Receive(arrival(t, source, tt.body, tt.header))
			for i, r := range meaning.Requests {
				if again.Requests[i].ID != r.ID || again.Requests[i].Digest != r.Digest || r.Digest == "" {
					t.Errorf("sent again it is %s %s, was %s %s", again.Requests[i].ID, again.Requests[i].Digest, r.ID, r.Digest)
				}
			}
			for i, n := range meaning.Notices {
				if again.Notices[i].ID != n.ID {
					t.Errorf("sent again the notice is %s, was %s", again.Notices[i].ID, n.ID)
				}
			}
		})
	}
}

// TestTwoEventsUnderOneIDAreTold: the id is the same where its sender says so, the digest is not.
func TestTwoEventsUnderOneIDAreTold(t *testing.T) {
	t.Parallel()
	source := declared(t, clouds)
	first, _ := source.Receive(arrival(t, source, cloudEvent, nil))
	moved, _ := source.Receive(arrival(t, source, strings.Replace(cloudEvent, "2026-11-30", "2026-12-24", 1), nil))
	a, b := first.Requests[0], moved.Requests[0]
	if a.ID != b.ID || a.Digest == b.Digest {
		t.Errorf("got %s %s and %s %s; want one id and two digests", a.ID, a.Digest, b.ID, b.Digest)
	}
	other, _ := source.Receive(arrival(t, source, strings.Replace(cloudEvent, "/hr/contoso", "/hr/fabrikam", 1), nil))
	if other.Requests[0].ID == a.ID {
		t.Error("an id is unique in the source of its event alone")
	}
}

func TestWhatIsNotProvedMeansNothing(t *testing.T) {
	t.Parallel()
	for source, body := range map[string]string{scripts: `{"people":[]}`, ownWords: `{}`, clouds: cloudEvent, grid: "[" + gridEvent + "]", oktaHook: posted(oktaEvent)} {
		s := declared(t, source)
		for name, change := range map[string]func(*hris.Arrival){
			"nothing": func(a *hris.Arrival) { a.Header, a.Query = http.Header{}, url.Values{} },
			"a wrong secret": func(a *hris.Arrival) {
				if s.Signature != nil {
					signature, err := s.Signature.Signature.Sign(secret+"x", *a)
					if err != nil {
						t.Fatal(err)
					}
					a.Header.Set(s.Signature.Header, signature)
				}
				a.Header.Set("Authorization", "Bearer "+secret+"x")
				a.Query = url.Values{"code": {secret + "x"}}
			},
		} {
			a := arrival(t, s, body, nil)
			change(&a)
			if meaning, err := s.Receive(a); !errors.Is(err, hris.ErrUnauthorized) || outcome(meaning, nil) != "" {
				t.Errorf("%s with %s: got %s, %v; want it unauthorized", s.Name, name, outcome(meaning, nil), err)
			}
		}
	}
}

func TestHandshakesAreAnswered(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, source string
		arrival      hris.Arrival
		want         *hris.Answer
	}{
		{
			"Okta", oktaHook, hris.Arrival{Method: http.MethodGet, Header: http.Header{"X-Okta-Verification-Challenge": {"abc\"<"}}},
			&hris.Answer{Status: 200, Header: map[string]string{"Content-Type": "application/json"}, Body: "{\"verification\":\"abc\\\"\\u003c\"}"},
		},
		{"Okta without a challenge", oktaHook, hris.Arrival{Method: http.MethodGet, Header: http.Header{}}, &hris.Answer{Status: 400}},
		{"an event of Okta", oktaHook, hris.Arrival{Method: http.MethodPost, Header: http.Header{"X-Okta-Verification-Challenge": {"abc"}}}, nil},
		{
			"CloudEvents", clouds, hris.Arrival{Method: http.MethodOptions, Header: http.Header{"Webhook-Request-Origin": {"eventgrid.azure.net"}}},
			&hris.Answer{Status: 200, Header: map[string]string{"WebHook-Allowed-Origin": "eventgrid.azure.net", "WebHook-Allowed-Rate": "*", "Allow": "POST, OPTIONS"}},
		},
		{"CloudEvents of nobody", clouds, hris.Arrival{Method: http.MethodOptions, Header: http.Header{}}, &hris.Answer{Status: 400}},
		{"our own", ownWords, hris.Arrival{Method: http.MethodPost, Header: http.Header{}}, nil},
	} {
		got, is := declared(t, tt.source).Handshake(tt.arrival)
		if is != (tt.want != nil) {
			t.Errorf("%s: got an answer: %t, want one: %t", tt.name, is, tt.want != nil)
			continue
		}
		if tt.want != nil && (got.Status != tt.want.Status || got.Body != tt.want.Body || len(got.Header) != len(tt.want.Header)) {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, *tt.want)
		}
	}
}

func TestADeclarationThatProvesTooLittleIsRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`  - {name: a, vendor: sap, secrets: [` + secret + `]}`:                                                       "there is no \"sap\"; use one of bamboohr,",
		`  - {name: A, vendor: okta, secrets: ["` + secret + `"]}`:                                                    "name: use up to 32",
		`  - {name: a, vendor: okta}`:                                                                                 "it has no secret",
		`  - {name: a, vendor: okta, secrets: [""]}`:                                                                  "secret 1 has fewer than 24 bytes",
		`  - {name: a, vendor: okta, secrets: ["` + secret + `", short]}`:                                             "secret 2 has fewer than 24 bytes",
		`  - {name: a, vendor: okta, secrets: ["` + secret + `"], zone: Berlin}`:                                      "zone: \"Berlin\" is not a time zone",
		`  - {name: a, vendor: okta, secrets: ["` + secret + `"], at: noon}`:                                          "at: \"noon\" is not a time of day",
		`  - {name: a, vendor: okta, secrets: ["` + secret + `"], match: [shoeSize]}`:                                 "match: use id",
		`  - {name: a, vendor: okta, secrets: ["` + secret + `"], every: soon}`:                                       "is not a duration",
		`  - {name: a, vendor: okta, secrets: ["` + secret + `"], api: {url: "https://x.example"}}`:                   "nothing is read",
		`  - {name: a, vendor: okta, secrets: ["` + secret + `"], map: {id: /x}}`:                                     "this vendor has its own",
		`  - {name: a, vendor: okta, secrets: ["` + secret + `"], colour: red}`:                                       "colour",
		`  - {name: a, vendor: hmac, secrets: ["` + secret + `"]}`:                                                    "signature: say how the sender signs",
		`  - {name: a, vendor: hmac, secrets: ["` + secret + `"], signature: {header: X, signed: "{timestamp}"}}`:     "{body} is not in it",
		`  - {name: a, vendor: hmac, secrets: ["` + secret + `"], signature: {header: X}, map: {id: person}}`:         "map.id: write a JSON pointer",
		`  - {name: a, vendor: hmac, secrets: ["` + secret + `"], signature: {header: X}, map: {type: /event}}`:       "map.terminated: list the values",
		`  - {name: a, vendor: cloudevents, secrets: ["` + secret + `"], signature: {header: X}}`:                     "use the vendor hmac",
		"  - {name: a, vendor: okta, secrets: [\"" + secret + "\"]}\n  - {name: a, vendor: okta, secrets: [x]}":       "another one is named a too",
		`  - {name: a, vendor: standard, secrets: ["whsec_bGVhdmVyLXNhbXBsZS1zZWNyZXQ="]}`:                            "secret 1 has fewer than 24 bytes",
		`  - {name: a, vendor: hmac, secrets: ["bGVhdmVyLXNhbXBsZS1zZWNyZXQ="], signature: {header: X, key: base64}}`: "secret 1 has fewer than 24 bytes",
	} {
		d, err := hris.Parse([]byte("sources:\n" + text))
		if err == nil {
			_, err = hris.New(d.Sources...)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot  %v\nwant %s", text, err, want)
		} else if strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "bGVhdmVy") {
			t.Errorf("the error shows a secret: %v", err)
		}
	}
}

func TestAMatchChoosesTheNamesThatTheTenantKnows(t *testing.T) {
	t.Parallel()
	source := declared(t, strings.Replace(ownWords, "    signature", "    match: [employeeId]\n    signature", 1))
	body := `{"type":"employee.terminated","data":{"employee":{"mail":"adele@example.com","employeeId":"4711"}}}`
	meaning, err := source.Receive(arrival(t, source, body, nil))
	if got := outcome(meaning, err); got != "termination of 4711 at 2026-11-22T09:00:00Z" || meaning.Requests[0].Employee.Mail != "" {
		t.Errorf("got %s with the address %q", got, meaning.Requests[0].Employee.Mail)
	}
}

// TestTheNumberIsLookedUpWhereTheTenantKeepsIt: in the extension attribute that is declared, and
// never in one that a webhook names.
func TestTheNumberIsLookedUpWhereTheTenantKeepsIt(t *testing.T) {
	t.Parallel()
	body := `{"type":"employee.terminated","data":{"employee":{"mail":"adele@example.com","employeeId":" 4711 ","extension":{"number":1,"value":"x"}}}}`
	for match, want := range map[string]offboarding.Employee{
		"[extensionAttribute5]": {Extension: offboarding.Extension{Number: 5, Value: "4711"}},
		"[mail]":                {Mail: "adele@example.com"},
	} {
		source := declared(t, strings.Replace(ownWords, "    signature", "    match: "+match+"\n    signature", 1))
		meaning, err := source.Receive(arrival(t, source, body, nil))
		if err != nil || len(meaning.Requests) != 1 || meaning.Requests[0].Employee != want {
			t.Errorf("%s: got %+v, %v; want %+v", match, meaning, err, want)
		}
	}
	for _, wrong := range []string{"extensionAttribute0", "extensionAttribute16", "extensionAttribute05", "extensionAttribute5 or true"} {
		if n := offboarding.ExtensionNumber(wrong); n != 0 {
			t.Errorf("%q is taken for the number %d", wrong, n)
		}
	}
}

// TestEverySourceIsRotatedWithoutAGap: webhooks with the old and with the new secret are taken.
func TestEverySourceIsRotatedWithoutAGap(t *testing.T) {
	t.Parallel()
	d, err := hris.Parse([]byte("sources:" + strings.ReplaceAll(scripts, `["`+secret+`"]`, `["the new secret, just as long as the old", "`+secret+`"]`)))
	if err != nil {
		t.Fatal(err)
	}
	sources, err := hris.New(d.Sources...)
	if err != nil {
		t.Fatal(err)
	}
	source, _ := sources.Source("scripts")
	for _, with := range d.Sources[0].Secrets {
		a := arrival(t, source, `{"people":[]}`, nil)
		signature, err := source.Signature.Signature.Sign(with, a)
		if err != nil {
			t.Fatal(err)
		}
		a.Header.Set(source.Signature.Header, signature)
		if _, err := source.Receive(a); err != nil {
			t.Errorf("secret %d: %v", slices.Index(d.Sources[0].Secrets, with)+1, err)
		}
	}
}

// FuzzDeclaration reads any file of sources.
func FuzzDeclaration(f *testing.F) {
	f.Add("sources: [{name: hr, vendor: leaver, secrets: [env:SECRET], every: 15m}]")
	f.Add("sources:\n  - secrets: !00\n" + strings.Repeat("0", 51)) // at which the YAML library panics
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := hris.Parse([]byte(text)); err != nil && len(d.Sources) > 0 {
			t.Error("an error with sources")
		}
	})
}

func FuzzMappers(f *testing.F) {
	sources := map[string]*hris.Source{}
	for name, text := range map[string]string{"scripts": scripts, "own": ownWords, "clouds": clouds, "grid": grid, "okta": oktaHook} {
		sources[name] = declared(f, text)
	}
	for _, body := range []string{cloudEvent, "[" + cloudEvent + "]", posted(oktaEvent), "[" + gridEvent + "]", `{"people":[{"event":"left","person":{"number":4711,"lastDay":"2026-11-30"}}]}`} {
		f.Add([]byte(body), "application/json")
		f.Add([]byte(body), "application/cloudevents+json")
	}
	f.Fuzz(func(t *testing.T, body []byte, media string) {
		for name, source := range sources {
			a := arrival(t, source, string(body), map[string]string{"Content-Type": media})
			meaning, err := source.Receive(a)
			if err != nil && !errors.Is(err, hris.ErrInvalid) {
				t.Errorf("%s: %v", name, err)
			}
			for _, r := range meaning.Requests {
				if err := r.Validate(); err != nil {
					t.Errorf("%s: a request that is not valid: %v", name, err)
				}
				if r.Options != (offboarding.Options{}) {
					t.Errorf("%s: options from a vendor: %+v", name, r.Options)
				}
			}
		}
	})
}

// TestTheExampleDeclaresEveryVendorWithoutAPage and can be used as it is.
func TestTheExampleDeclaresEveryVendorWithoutAPage(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("sources.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d, err := hris.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	declared := map[string]bool{"standard": true}
	for _, c := range d.Sources {
		declared[c.Vendor] = true
	}
	for _, vendor := range hris.Vendors() {
		if _, err := os.Stat(strings.ToUpper(vendor) + ".md"); err != nil && !declared[vendor] {
			t.Errorf("neither the example nor a page has %s", vendor)
		}
	}
	asked := map[string]bool{}
	sources, err := hris.Load(t.Context(), text, "", func(_ context.Context, place string) (string, error) {
		asked[place] = true
		return "YSBzZWNyZXQgb2YgMzIgbGV0dGVycywgb3IgbG9uZ2Vy", nil
	})
	if err != nil || asked["env:BOB_TOKEN"] || !asked["env:BOB_SECRET"] {
		t.Errorf("got %v, asked for %v; want the secrets of webhooks alone", err, asked)
	}
	if _, known := sources.Source("bob"); !known {
		t.Error("bob has no endpoint")
	}
	clear(asked)
	readers, err := hris.LoadReaders(t.Context(), text, func(_ context.Context, place string) (string, error) {
		asked[place] = true
		return "credential", nil
	}, hris.Access{Now: time.Now, Tenant: &hris.Tenant{URL: "https://graph.microsoft.com/v1.0"}})
	if err != nil || len(readers) != 2 || asked["env:BOB_SECRET"] {
		t.Errorf("got %d readers, %v, asked for %v; want the credentials alone", len(readers), err, asked)
	}
}

// TestTheSchemaIsCurrent and the example keeps to it.
func TestTheSchemaIsCurrent(t *testing.T) {
	t.Parallel()
	want, err := hris.Schema()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile("sources.schema.json"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("sources.schema.json is not what go generate ./... writes (%v)", err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("sources.schema.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("sources.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("sources.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for text, ok := range map[string]bool{
		string(example): true, "sources: [{name: bob, vendor: hibob, every: 15m}]": true, "sources: [{name: Bob, vendor: hibob}]": false,
		"sources: [{name: bob, vendor: sap}]": false, "sources: [{name: bob}]": false, "sources: [{name: bob, vendor: hibob, colour: red}]": false,
		"sources: [{name: bob, vendor: hibob, every: soon}]": false,
	} {
		asJSON, err := yaml.YAMLToJSON([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(instance); ok != (err == nil) {
			t.Errorf("%s: got %v, want it to keep to the schema: %t", text[:min(len(text), 60)], err, ok)
		}
	}
}
