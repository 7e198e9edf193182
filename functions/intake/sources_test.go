package intake_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"leaver/functions/intake"
	"leaver/shared/bus"
	"leaver/shared/hris"
	hriswebhook "leaver/shared/hris/webhook"
	"leaver/shared/offboarding"
	"leaver/shared/simhr"
)

// sender sends what a vendor sends, or something like it.
type sender struct {
	vendor, secret string
	hr             *simhr.System // nil of the tenant itself
	now            time.Time
}

// newSender is one with a webhook to send that means something.
func newSender(t *testing.T, vendor string) *sender {
	t.Helper()
	s := &sender{vendor: vendor, now: now, secret: strings.Repeat("a client state ", 3)}
	if vendor == "entra" {
		return s
	}
	hr, err := simhr.New(vendor, func() time.Time { return s.now })
	if err != nil {
		t.Fatal(err)
	}
	s.hr, s.secret = hr, hr.Secret
	hr.Hire(simhr.Person{ID: "4711", Mail: "adele.vance@contoso.com"})
	s.hr.Dismiss("4711", offboarding.DateOf(now.AddDate(0, 0, 8)), offboarding.Date{})
	s.hr.TakeEffect("4711")
	return s
}

// sends is its webhook, with another body where one is given.
func (s *sender) sends(t *testing.T, body string) *http.Request {
	t.Helper()
	if s.hr == nil {
		if body == "" {
			body = `{"value":[{"changeType":"updated","clientState":"` + s.secret + `","resourceData":{"id":"ade1e000-0000-4000-8000-000000004711"}}]}`
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/webhooks/hr", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		return r
	}
	outbox := s.hr.Outbox()
	w := outbox[len(outbox)-1]
	if body != "" {
		w.Body = []byte(body)
	}
	r, err := s.hr.Request(t.Context(), "http://hooks.contoso.com/webhooks/hr", w)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// takes is intake with the vendor as its source, and the secrets that are given.
func (s *sender) takes(t *testing.T, secrets ...string) (*intake.Intake, *queue, *hris.Source) {
	t.Helper()
	c := hris.Config{Name: "hr", Vendor: s.vendor, Zone: "Europe/Berlin", Secrets: secrets}
	switch {
	case s.hr != nil && s.hr.Asked():
		c.API = hris.API{URL: "https://hr.example"}
	case s.hr == nil:
		c.Every, c.API.Secret = hris.Duration(time.Hour), s.secret
	}
	if s.vendor == "hmac" {
		c.Signature = &hris.Signature{Signature: hriswebhook.Signature{Header: "X-Hub-Signature-256", Prefix: "sha256="}}
	}
	sources, err := hris.New(c)
	if err != nil {
		t.Fatal(err)
	}
	source, _ := sources.Source("hr")
	q := &queue{}
	return &intake.Intake{Sources: sources, Bus: q, Now: func() time.Time { return s.now }, Log: slog.New(slog.DiscardHandler)}, q, source
}

func answerTo(in *intake.Intake, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	in.Handler().ServeHTTP(w, r)
	return w
}

// window is the longest time for which a signature counts that says when it was made.
const window = 3 * time.Hour

// TestWhatEverySourceIsAnswered: each ends as its vendor needs it. Of those that never send again after a
// 4xx, a secret that is wrong here must not be the end of what they have to tell.
// Source: the vendors' pages on deliveries and retries, as the file of each of them names them.
func TestWhatEverySourceIsAnswered(t *testing.T) {
	t.Parallel()
	for _, vendor := range hris.Vendors() {
		hr, err := simhr.New(vendor, time.Now) // nobody simulates the tenant there
		if err == nil && !hr.Sends() {
			continue
		}
		unverified := http.StatusUnauthorized
		stamped := false
		if err == nil {
			stamped = hr.Stamps()
			if hr.NeverAfter4xx() {
				unverified = http.StatusServiceUnavailable
			}
		}
		t.Run(vendor, func(t *testing.T) {
			t.Parallel()
			s := newSender(t, vendor)
			in, q, source := s.takes(t, s.secret)
			wants := func(doing string, w *httptest.ResponseRecorder, status, messages int) {
				t.Helper()
				if w.Code != status || len(q.messages) != messages {
					t.Errorf("%s: answered %d %s with %d messages on the bus, want %d with %d", doing, w.Code, w.Body, len(q.messages), status, messages)
				}
				if w.Code == http.StatusServiceUnavailable && w.Header().Get("Retry-After") == "" {
					t.Errorf("%s: nobody is told when to send again", doing)
				}
				q.messages = nil
			}
			wants("as it is sent", answerTo(in, s.sends(t, "")), source.Accepted(), 1)
			wants("over the largest body", answerTo(in, s.sends(t, strings.Repeat(" ", int(source.MaxBody())+1))), http.StatusRequestEntityTooLarge, 0)
			wants("1 MB and one byte", answerTo(in, s.sends(t, strings.Repeat("a", 1<<20+1))), http.StatusRequestEntityTooLarge, 0)
			media := s.sends(t, "")
			media.Header.Set("Content-Type", "application/pdf")
			wants("another media type", answerTo(in, media), http.StatusUnsupportedMediaType, 0)
			method := s.sends(t, "")
			method.Method = http.MethodPut
			put := answerTo(in, method)
			if !strings.Contains(put.Header().Get("Allow"), http.MethodPost) {
				t.Errorf("another method: got Allow %q", put.Header().Get("Allow"))
			}
			wants("another method", put, http.StatusMethodNotAllowed, 0)

			other := strings.Repeat("YWJj", 11) + "YWI="
			wrong, none, _ := s.takes(t, other)
			if w := answerTo(wrong, s.sends(t, "")); w.Code != unverified || len(none.messages) > 0 {
				t.Errorf("a wrong secret: answered %d %s with %d messages, want %d", w.Code, w.Body, len(none.messages), unverified)
			}
			rotated, kept, _ := s.takes(t, other, s.secret)
			if w := answerTo(rotated, s.sends(t, "")); w.Code != source.Accepted() || len(kept.messages) != 1 {
				t.Errorf("secrets rotated: answered %d %s with %d messages, want it taken by the old one", w.Code, w.Body, len(kept.messages))
			}

			first, again := s.sends(t, ""), s.sends(t, "")
			wants("to be repeated", answerTo(in, first), source.Accepted(), 1)
			if stamped {
				s.now = now.Add(window + time.Minute)
				wants("repeated after the window", answerTo(in, again), unverified, 0)
				return
			}
			repeated := answerTo(in, again)
			id := q.messages[0].ID
			wants("repeated, of a vendor that signs no time", repeated, source.Accepted(), 1)
			answerTo(in, s.sends(t, ""))
			if got := q.messages[0].ID; got != id {
				t.Errorf("repeated it is the message %s, was %s: the bus does not know it again", got, id)
			}
		})
	}
}

// TestABatchWithOneBadEntry of every source that sends several events at once: the good ones are taken,
// the bad one is a notice, and all of it is answered as if nothing were wrong, or the vendor would send
// it for ever.
func TestABatchWithOneBadEntry(t *testing.T) {
	t.Parallel()
	for vendor, tt := range map[string]struct {
		media, body              string
		requests, hints, notices int
	}{
		"hmac": {
			"", `[{"type":"employee.terminated","id":"1","data":{"employee":{"employeeId":"1"}}},{"type":"employee.terminated","id":"2","data":{"employee":{}}},{"type":"employee.terminated","id":"3","data":{"employee":{"employeeId":"3"}}}]`, 2, 0, 1,
		},
		"cloudevents": {
			"application/cloudevents-batch+json", `[{"specversion":"1.0","id":"1","source":"/hr","type":"employee.terminated","data":{"employee":{"employeeId":"1"}}},{"specversion":"1.0","id":"2","source":"/hr","type":"employee.terminated","data":{"employee":{}}}]`, 1, 0, 1,
		},
		"eventgrid": {
			"", `[{"id":"1","eventType":"employee.terminated","data":{"employee":{"employeeId":"1"}}},{"id":"2","eventType":"employee.terminated","data":{"employee":{}}}]`, 1, 0, 1,
		},
		"okta": {
			"", `{"data":{"events":[{"uuid":"1","eventType":"user.lifecycle.deactivate","outcome":{"result":"SUCCESS"},"target":[{"type":"User","alternateId":"adele.vance@contoso.com"}]},{"uuid":"2","eventType":"user.lifecycle.deactivate","outcome":{"result":"SUCCESS"},"target":[{"type":"User","alternateId":"unknown"}]}]}}`, 1, 0, 1,
		},
		"bamboohr": {"", `{"employees":[{"id":"5"},{"id":null},{"id":6}]}`, 0, 2, 0},
		"entra": {
			"", `{"value":[{"clientState":"%[1]s","changeType":"updated","resourceData":{"id":"ade1e000-0000-4000-8000-000000004711"}},{"clientState":"%[1]s","changeType":"updated","resourceData":{"id":"../.."}},{"clientState":"%[1]s","lifecycleEvent":"missed"}]}`, 0, 2, 0,
		},
		"deel": {
			"", `{"data":{"meta":{"event_type":"worker.v2.updated","tracking_id":"1"},"resource":[{"hris_profile_id":"w1"},{"hris_profile_id":"w2"}]}}`, 0, 2, 0,
		},
	} {
		t.Run(vendor, func(t *testing.T) {
			t.Parallel()
			s := newSender(t, vendor)
			in, q, source := s.takes(t, s.secret)
			body := tt.body
			if vendor == "entra" {
				body = fmt.Sprintf(body, s.secret)
			}
			r := s.sends(t, body)
			if tt.media != "" {
				r.Header.Set("Content-Type", tt.media)
			}
			w := answerTo(in, r)
			requests, hints, notices := 0, 0, 0
			for _, m := range q.messages {
				_, isRequest := bus.DecodeRequest(m.Body)
				_, isHint := bus.DecodeHint(m.Body)
				switch {
				case isRequest == nil:
					requests++
				case isHint == nil:
					hints++
				case bytes.Contains(m.Body, []byte("reason")):
					notices++
				}
			}
			if w.Code != source.Accepted() || requests != tt.requests || hints != tt.hints || notices != tt.notices {
				t.Errorf("answered %d %s with %d requests, %d hints, %d notices; want %d with %d, %d, %d",
					w.Code, w.Body, requests, hints, notices, source.Accepted(), tt.requests, tt.hints, tt.notices)
			}
		})
	}
}
