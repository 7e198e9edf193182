package bus_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"leaver/shared/bus"
	"leaver/shared/offboarding"
)

var at = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func step() bus.Step {
	return bus.Step{
		Tenant: "a7c1e9d2-5b34-4f0e-9a61-0d6f3c2b8e17", Case: "87d349ed-44d7-43e1-9a83-5f2406dee5bd-1",
		PlanVersion: 1, Step: offboarding.StepBlock, N: 3, Leaver: "87d349ed-44d7-43e1-9a83-5f2406dee5bd",
	}
}

func request() bus.Request {
	forwardFor := 720 * time.Hour
	return bus.Request{Attempt: 2, Request: offboarding.Request{
		ID: "req-0123456789abcdef01234567", Kind: offboarding.Termination, Source: "webhooks/standard", EventTime: at, ReceivedAt: at, LeavingTime: at,
		Employee: offboarding.Employee{UserPrincipalName: "adele.vance@contoso.com"},
		Options:  offboarding.Options{Mailbox: offboarding.Forward, ForwardFor: &forwardFor, ForwardTo: "alex.wilber@contoso.com"},
	}}
}

// dated is a request as a source with dates makes it.
func dated() bus.Request {
	return bus.Request{Attempt: 1, Request: offboarding.Request{
		ID: "req-0123456789abcdef01234569", Kind: offboarding.Termination, Source: "webhooks/bob", EventTime: at, ReceivedAt: at, LeavingTime: at,
		Employee:    offboarding.Employee{EmployeeID: "4711"},
		LeavingDate: offboarding.Date{Year: 2026, Month: 11, Day: 22}, Zone: "Europe/Berlin", EndOfEmployment: at.Add(720 * time.Hour),
		Reversible: true, Person: "200047", Digest: "0123456789abcdef",
	}}
}

func notice() bus.Notice {
	return bus.Notice{Notice: offboarding.Notice{ID: "req-0123456789abcdef01234568", Source: "webhooks/bob", ReceivedAt: at, Reason: "it names nobody"}}
}

func hint() bus.Hint {
	return bus.Hint{Attempt: 1, Hint: offboarding.Hint{
		ID: "req-4", Source: "bob", Person: "200047", Event: "second look", ReceivedAt: at, LeavingTime: at.Add(time.Minute), Digest: "0123456789abcdef",
	}}
}

// TestOldMessagesStayReadable reads a message of every schema version there was: a delayed one
// may be a month old, and a dead letter a year.
func TestOldMessagesStayReadable(t *testing.T) {
	t.Parallel()
	read := func(name string) []byte {
		text, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if s, err := bus.DecodeStep(read("step-1.json")); err != nil || s != step() {
		t.Errorf("%+v, %v", s, err)
	}
	r, err := bus.DecodeRequest(read("request-1.json"))
	if err != nil || r.ID != "req-0123456789abcdef01234567" || *r.Options.ForwardFor != 720*time.Hour || r.Attempt != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	n, err := bus.DecodeNotice(read("notice-1.json"))
	if err != nil || n != notice() {
		t.Errorf("%+v, %v", n, err)
	}
	if r, err := bus.DecodeRequest(read("request-1-dated.json")); err != nil || r != dated() {
		t.Errorf("%+v, %v", r, err)
	}
	if h, err := bus.DecodeHint(read("hint-1.json")); err != nil || h != hint() {
		t.Errorf("%+v, %v", h, err)
	}
	for name, message := range map[string]func() (bus.Message, error){
		"hint-1.json":          func() (bus.Message, error) { return hint().Message(at) },
		"notice-1.json":        func() (bus.Message, error) { return notice().Message() },
		"request-1-dated.json": func() (bus.Message, error) { return dated().Message(at) },
		"step-1.json":          func() (bus.Message, error) { return step().Message(at) },
		"request-1.json":       func() (bus.Message, error) { return request().Message(at) },
	} {
		m, err := message()
		if want := strings.TrimSpace(string(read(name))); err != nil || string(m.Body) != want {
			t.Errorf("schema 1 is not written like %s any more: raise bus.Schema and add a file\n%s\n%v", name, m.Body, err)
		}
	}
}

func TestWhatIsNoMessageIsRefused(t *testing.T) {
	t.Parallel()
	m, err := step().Message(at)
	if err != nil {
		t.Fatal(err)
	}
	good := string(m.Body)
	for name, body := range map[string]string{
		"empty":          "",
		"not JSON":       "hello",
		"no CloudEvent":  `{}`,
		"another type":   strings.Replace(good, bus.TypeStep, bus.TypeRequest, 1),
		"another spec":   strings.Replace(good, `"specversion":"1.0"`, `"specversion":"0.3"`, 1),
		"no n":           strings.Replace(good, `"n":3`, `"n":0`, 1),
		"a wrong type":   strings.Replace(good, `"n":3`, `"n":"3"`, 1),
		"no plan":        strings.Replace(good, `"planVersion":1`, `"planVersion":-1`, 1),
		"data is a list": strings.Replace(good, `"data":{`, `"data":[{`, 1),
	} {
		if _, err := bus.DecodeStep([]byte(body)); !errors.Is(err, bus.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	newer := strings.Replace(good, `"schemaversion":1`, `"schemaversion":2`, 1)
	if _, err := bus.DecodeStep([]byte(newer)); !errors.Is(err, bus.ErrNewerSchema) {
		t.Errorf("a newer schema: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, name := range []string{"step-1.json", "request-1.json"} {
		text, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if s, err := bus.DecodeStep(body); err == nil && (s.Case == "" || s.Leaver == "" || s.N < 1) {
			t.Errorf("%+v", s)
		}
		if r, err := bus.DecodeRequest(body); err == nil && r.Validate() != nil {
			t.Errorf("%+v", r)
		}
	})
}
