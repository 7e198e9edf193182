package hris_test

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"leaver/events"
	"leaver/shared/hris"
	"leaver/shared/hris/webhook"
	"leaver/shared/offboarding"
)

var now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

const otherSecret = "whsec_b3RoZXItc2VjcmV0LW90aGVyLXNlY3JldC1vdGhlcg=="

func sign(t testing.TB, secret, id string, at time.Time, body []byte) http.Header {
	t.Helper()
	w, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := w.Sign(id, at, body)
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", strconv.FormatInt(at.Unix(), 10))
	h.Set("webhook-signature", signature)
	return h
}

// standard is the source that needs no declaration.
func standard(t testing.TB, secrets string) *hris.Source {
	t.Helper()
	sources, err := hris.New(hris.Standard(secrets))
	if err != nil {
		t.Fatal(err)
	}
	source, known := sources.Source("standard")
	if !known {
		t.Fatal("there is no source standard")
	}
	return source
}

func TestAStandardWebhookIsVerified(t *testing.T) {
	t.Parallel()
	source := standard(t, otherSecret+" "+events.Secret)
	body := []byte(`{"type":"employee.terminated","timestamp":"2026-11-22T09:00:00Z","data":{"employee":{"id":"x"}}}`)
	good := func() http.Header { return sign(t, events.Secret, "msg_1", now, body) }
	tests := []struct {
		name   string
		header func() http.Header
		body   []byte
		ok     bool
	}{
		{"signed with the second secret", good, body, true},
		{"signed with the first secret", func() http.Header { return sign(t, otherSecret, "msg_1", now, body) }, body, true},
		{"one of several signatures", func() http.Header {
			h := good()
			h.Set("webhook-signature", "v1,AAAA v1a,BBBB "+h.Get("webhook-signature"))
			return h
		}, body, true},
		{"almost five minutes old", func() http.Header { return sign(t, events.Secret, "msg_1", now.Add(-299*time.Second), body) }, body, true},
		{"too old", func() http.Header { return sign(t, events.Secret, "msg_1", now.Add(-301*time.Second), body) }, body, false},
		{"from the future", func() http.Header { return sign(t, events.Secret, "msg_1", now.Add(301*time.Second), body) }, body, false},
		{"another body", good, []byte(string(body) + " "), false},
		{"another id", func() http.Header { h := good(); h.Set("webhook-id", "msg_2"); return h }, body, false},
		{"another secret", func() http.Header {
			return sign(t, "whsec_c29tZWJvZHktZWxzZXMtc2VjcmV0LW9mLXRoaXJ0eQ==", "msg_1", now, body)
		}, body, false},
		{"no headers", func() http.Header { return http.Header{} }, body, false},
		{"a timestamp that is no number", func() http.Header { h := good(); h.Set("webhook-timestamp", "now"); return h }, body, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			meaning, err := source.Receive(webhook.Arrival{Header: tt.header(), Body: tt.body, At: now})
			if tt.ok != (err == nil) || (err != nil && !errors.Is(err, hris.ErrUnauthorized)) || tt.ok != (len(meaning.Requests) == 1) {
				t.Errorf("got %+v, %v; want it verified: %t", meaning, err, tt.ok)
			}
		})
	}
}

func TestSecretsThatCannotBeUsedAreRefused(t *testing.T) {
	t.Parallel()
	for _, secrets := range []string{"", "   ", "whsec_!!!", "whsec_c2hvcnQ=", events.Secret + " whsec_c2hvcnQ=", "whsec_" + strings.Repeat("A", 30) + "=="} {
		_, err := hris.New(hris.Standard(secrets))
		if err == nil {
			t.Errorf("%q was taken", secrets)
		} else if strings.Contains(err.Error(), "c2hvcnQ") {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
}

func TestAStandardWebhookIsRead(t *testing.T) {
	t.Parallel()
	const whole = `{"type":"employee.terminated","timestamp":"2026-11-22T09:00:00Z","vendor":{"x":1},"data":{"employee":{"userPrincipalName":"adele.vance@contoso.com","shoeSize":38},"leavingTime":"2026-11-22T17:00:00+01:00","options":{"mailbox":"forward","forwardFor":"720h","forwardTo":"alex.wilber@contoso.com"}}}`
	r, err := hris.Vouched("msg_1", []byte(whole), now)
	if err != nil {
		t.Fatal(err)
	}
	if r.Kind != offboarding.Termination || !r.LeavingTime.Equal(now.Add(7*time.Hour)) || *r.Options.ForwardFor != 720*time.Hour ||
		r.Options.Mailbox != offboarding.Forward || !strings.HasPrefix(r.ID, "req-") {
		t.Errorf("%+v", r)
	}
	if days, err := hris.Vouched("msg_1", []byte(strings.Replace(whole, "720h", "30d", 1)), now); err != nil || *days.Options.ForwardFor != 720*time.Hour {
		t.Errorf("30d is read as %+v, %v", days.Options, err)
	}
	again, err := hris.Vouched("msg_1", []byte(strings.Replace(whole, `"leavingTime":"2026-11-22T17:00:00+01:00",`, "", 1)), now.Add(time.Minute))
	if err != nil || again.ID != r.ID || !again.LeavingTime.Equal(now.Add(time.Minute)) {
		t.Errorf("without a leaving time: %+v, %v", again, err)
	}
	for name, body := range map[string]string{
		"a cancellation":  strings.Replace(whole, "employee.terminated", "employee.termination_cancelled", 1),
		"somebody else":   strings.Replace(whole, "adele.vance", "alex.wilber", 1),
		"by another name": strings.Replace(whole, `"userPrincipalName"`, `"mail"`, 1),
	} {
		if other, err := hris.Vouched("msg_1", []byte(body), now); err != nil || other.ID == r.ID {
			t.Errorf("%s under the same id passes for the first: %+v, %v", name, other, err)
		}
	}
	for name, body := range map[string]string{
		"not JSON":              `type: employee.terminated`,
		"an empty body":         ``,
		"an array":              `[]`,
		"a wrong field type":    strings.Replace(whole, `"adele.vance@contoso.com"`, "7", 1),
		"an unknown option":     strings.Replace(whole, `"mailbox"`, `"mailbx"`, 1),
		"an unknown handling":   strings.Replace(whole, `"forward"`, `"burn"`, 1),
		"a wrong duration":      strings.Replace(whole, "720h", "30 days", 1),
		"a negative duration":   strings.Replace(whole, "720h", "-1h", 1),
		"a wrong time":          strings.Replace(whole, "2026-11-22T17:00:00+01:00", "tomorrow", 1),
		"no event time":         strings.Replace(whole, `"timestamp":"2026-11-22T09:00:00Z",`, "", 1),
		"an unknown type":       strings.Replace(whole, "employee.terminated", "employee.promoted", 1),
		"two employees":         strings.Replace(whole, `"employee":{`, `"employee":{"mail":"alex.wilber@contoso.com"},"employee":{`, 1),
		"an Employee as well":   strings.Replace(whole, `"employee":{`, `"Employee":{"id":"x"},"employee":{`, 1),
		"two names of a kind":   strings.Replace(whole, `"shoeSize":38`, `"userprincipalname":"alex.wilber@contoso.com"`, 1),
		"a long s":              strings.Replace(whole, `"options":{`, `"option\u017f":{"mailbox":"none"},"options":{`, 1),
		"two handlings":         strings.Replace(whole, `"mailbox":"forward"`, `"mailbox":"forward","Mailbox":"none"`, 1),
		"an address, misplaced": strings.Replace(whole, `"forwardFor":"720h"`, `"forwardFor":"alex.wilber@contoso.com"`, 1),
		"a leaver for ever":     strings.Replace(whole, "2026-11-22T17:00:00+01:00", "9999-12-31T00:00:00Z", 1),
		"a leaver since ever":   strings.Replace(whole, "2026-11-22T17:00:00+01:00", "1900-01-01T00:00:00Z", 1),
		"a leaver at year one":  strings.Replace(whole, "2026-11-22T17:00:00+01:00", "0001-01-01T00:00:00Z", 1),
		"no employee":           strings.Replace(whole, `"userPrincipalName"`, `"nickname"`, 1),
		"options are a string":  strings.Replace(whole, `{"mailbox":"forward","forwardFor":"720h","forwardTo":"alex.wilber@contoso.com"}`, `"none"`, 1),
	} {
		_, err := hris.Vouched("msg_1", []byte(body), now)
		if !errors.Is(err, hris.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), "contoso.com") {
			t.Errorf("%s: the error repeats a personal value: %v", name, err)
		}
	}
}

// TestB16AClockAheadHoldsNoCancellationUp fails when an event counts from a time that has not come.
func TestB16AClockAheadHoldsNoCancellationUp(t *testing.T) {
	t.Parallel()
	parse := func(at string, received time.Time) offboarding.Request {
		// Whatever the leaving time of a cancellation is.
		r, err := hris.Vouched("msg_1", []byte(`{"type":"employee.termination_cancelled","timestamp":"`+at+`","data":{"leavingTime":"9999-12-31T00:00:00Z","employee":{"employeeId":"E0001"}}}`), received)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	wrong := parse("2099-01-01T00:00:00Z", now)
	if right := parse("2026-11-22T10:00:00Z", now.Add(time.Hour)); !right.EventTime.After(wrong.EventTime) {
		t.Errorf("%s, and an hour later %s", wrong.EventTime, right.EventTime)
	}
	if early := parse("2026-11-22T09:01:00Z", now); !early.EventTime.Equal(now.Add(time.Minute)) {
		t.Errorf("a clock that is a minute ahead keeps its order: %s", early.EventTime)
	}
}

func FuzzParse(f *testing.F) {
	entries, err := events.Files.ReadDir(".")
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range entries {
		if body, err := events.Files.ReadFile(e.Name()); err == nil {
			f.Add(body)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := hris.Vouched("msg_1", body, now)
		if err == nil && r.Validate() != nil {
			t.Errorf("parsed into a request that is not valid: %v", r.Validate())
		}
		if err != nil && !errors.Is(err, hris.ErrInvalid) {
			t.Errorf("%v", err)
		}
	})
}

// TestAnUnknownOptionIsNotRepeated: the name of a key that a webhook makes up may be somebody's, and goes
// into no answer and no log.
func TestAnUnknownOptionIsNotRepeated(t *testing.T) {
	t.Parallel()
	_, err := hris.Vouched("msg_1", []byte(`{"type":"employee.terminated","timestamp":"2026-11-22T09:00:00Z","data":{"employee":{"id":"87d349ed-44d7-43e1-9a83-5f2406dee5bd"},"options":{"alex.wilber@contoso.com":1}}}`), now)
	if err == nil || strings.Contains(err.Error(), "alex") {
		t.Errorf("got %v, want that it holds an unknown key, without its name", err)
	}
}
