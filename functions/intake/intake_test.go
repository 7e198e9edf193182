package intake_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"golang.org/x/time/rate"

	"leaver/events"
	"leaver/functions/intake"
	"leaver/shared/bus"
	"leaver/shared/hris"
)

var now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// queue keeps what is published, or fails.
type queue struct {
	messages []bus.Message
	fail     error
}

func (q *queue) Publish(_ context.Context, m bus.Message) (bool, error) {
	if q.fail != nil {
		return false, q.fail
	}
	q.messages = append(q.messages, m)
	return false, nil
}

// webhook is a webhook that the HR system signs at a time.
func webhook(ctx context.Context, t testing.TB, id string, at time.Time, body []byte) *http.Request {
	t.Helper()
	signer, err := standardwebhooks.NewWebhook(events.Secret)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := signer.Sign(id, at, body)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/webhooks/standard", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("webhook-id", id)
	r.Header.Set("webhook-timestamp", strconv.FormatInt(at.Unix(), 10))
	r.Header.Set("webhook-signature", signature)
	return r
}

func post(t *testing.T, in *intake.Intake, change func(*http.Request), body []byte) *httptest.ResponseRecorder {
	t.Helper()
	r := webhook(t.Context(), t, "msg_1", now, body)
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	in.Handler().ServeHTTP(w, r)
	return w
}

func newIntake(t *testing.T, q *queue) *intake.Intake {
	t.Helper()
	sources, err := hris.New(hris.Standard(events.Secret))
	if err != nil {
		t.Fatal(err)
	}
	return &intake.Intake{Sources: sources, Bus: q, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)}
}

func TestAnAcceptedWebhookIsOnTheBus(t *testing.T) {
	t.Parallel()
	body, err := events.Files.ReadFile("terminated-none.json")
	if err != nil {
		t.Fatal(err)
	}
	q := &queue{}
	in := newIntake(t, q)
	first, second := post(t, in, nil, body), post(t, in, nil, body)
	if first.Code != http.StatusAccepted || second.Body.String() != first.Body.String() {
		t.Fatalf("%d %s, then %s", first.Code, first.Body, second.Body)
	}
	if len(q.messages) != 2 || q.messages[0].ID != q.messages[1].ID || q.messages[0].Entity != bus.Queue {
		t.Fatalf("%+v", q.messages)
	}
	r, err := bus.DecodeRequest(q.messages[0].Body)
	if err != nil || !strings.Contains(first.Body.String(), r.ID) || r.Employee.UserPrincipalName != "adele.vance@contoso.com" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestRefusalsSayWhatToFixAndLeaveNothingOnTheBus(t *testing.T) {
	t.Parallel()
	good, err := events.Files.ReadFile("terminated-none.json")
	if err != nil {
		t.Fatal(err)
	}
	sample := func(name string) []byte {
		body, err := events.Files.ReadFile("invalid/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	stamp := func(at time.Time) func(*http.Request) {
		return set("webhook-timestamp", strconv.FormatInt(at.Unix(), 10))
	}
	tests := []struct {
		name   string
		body   []byte
		change func(*http.Request)
		status int
		says   string
	}{
		{"a wrong signature", good, set("webhook-signature", "v1,AAAA"), 401, "secret"},
		{"an old timestamp", good, stamp(now.Add(-6 * time.Minute)), 401, "clock"},
		{"a future timestamp", good, stamp(now.Add(6 * time.Minute)), 401, "clock"},
		{"no signature", good, func(r *http.Request) { r.Header.Del("webhook-signature") }, 401, "webhook-signature"},
		{"a body of 1 MiB", bytes.Repeat([]byte("a"), 1<<20), nil, 413, "65536"},
		{"another method", good, func(r *http.Request) { r.Method = http.MethodGet }, 405, "POST"},
		{"another source", good, func(r *http.Request) { r.URL.Path = "/webhooks/sap" }, 404, "source"},
		{"a wrong media type", good, set("Content-Type", "text/plain"), 415, "application/json"},
		{"no media type", good, func(r *http.Request) { r.Header.Del("Content-Type") }, 415, "application/json"},
		{"not JSON", []byte("hello"), nil, 422, "not JSON"},
		{"a wrong field type", sample("wrong-type.json"), nil, 422, "employee"},
		{"an unknown option", sample("unknown-option.json"), nil, 422, "unknown key"},
		{"an unknown type", sample("unknown-type.json"), nil, 422, "employee.terminated"},
		{"no employee", sample("no-employee.json"), nil, 422, "userPrincipalName"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			q := &queue{}
			w := post(t, newIntake(t, q), tt.change, tt.body)
			var problem struct {
				Status        int
				Title, Detail string
			}
			if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil {
				t.Fatal(err)
			}
			if w.Code != tt.status || problem.Status != tt.status || problem.Title == "" || !strings.Contains(problem.Detail, tt.says) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if media := w.Header().Get("Content-Type"); media != "application/problem+json" {
				t.Errorf("media type %s", media)
			}
			if proved := tt.status == http.StatusUnprocessableEntity; len(q.messages) != map[bool]int{true: 1}[proved] {
				t.Errorf("got %d messages on the bus, want one only of what was proved: a notice", len(q.messages))
			} else if proved {
				n, err := bus.DecodeNotice(q.messages[0].Body)
				if err != nil || n.Source != hris.SourceStandard || !strings.Contains(n.Reason, tt.says) {
					t.Errorf("got the notice %+v, %v; want it to say %s", n, err, tt.says)
				}
			}
		})
	}
}

func TestABusThatIsAwayIsSentAgain(t *testing.T) {
	t.Parallel()
	body, _ := events.Files.ReadFile("terminated-none.json")
	w := post(t, newIntake(t, &queue{fail: fmt.Errorf("no: %w", bus.ErrUnavailable)}), nil, body)
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}

func TestTooManyAreToldWhenToComeBack(t *testing.T) {
	t.Parallel()
	body, _ := events.Files.ReadFile("terminated-none.json")
	in := newIntake(t, &queue{})
	in.Limit = rate.NewLimiter(1, 1)
	post(t, in, nil, body)
	w := post(t, in, nil, body)
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	newIntake(t, &queue{}).Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/healthz", nil))
	if w.Code != http.StatusOK {
		t.Errorf("%d", w.Code)
	}
}

func TestWhoeverGuessesIsNotListenedToAndWhoeverSignsIs(t *testing.T) {
	t.Parallel()
	body, err := events.Files.ReadFile("terminated-none.json")
	if err != nil {
		t.Fatal(err)
	}
	in := newIntake(t, &queue{})
	in.Limit = rate.NewLimiter(1, 1)
	counted := map[string]int{}
	in.Count = func(source, outcome string) { counted[source+" "+outcome]++ }
	codes := map[int]int{}
	for range 100 {
		codes[post(t, in, func(r *http.Request) { r.Header.Set("webhook-signature", "v1,AAAA") }, body).Code]++
	}
	if codes[http.StatusUnauthorized] != 20 || codes[http.StatusTooManyRequests] != 80 || counted["standard unverified"] != 100 {
		t.Errorf("got %v, counted %v; want 20 refused, 80 not listened to", codes, counted)
	}
	if w := post(t, in, nil, body); w.Code != http.StatusAccepted {
		t.Errorf("got %d %s, want a signed webhook from the same address taken", w.Code, w.Body)
	}
}

// TestEverySourceIsAnsweredAsItsVendorExpects: one webhook that is proved, and one that is not.
func TestEverySourceIsAnsweredAsItsVendorExpects(t *testing.T) {
	t.Parallel()
	const secret = "a secret of 32 letters, or longer"
	declared, err := hris.Parse([]byte(`sources:
  - {name: clouds, vendor: cloudevents, secrets: ["` + secret + `"]}
  - {name: grid, vendor: eventgrid, secrets: ["` + secret + `"]}
  - {name: okta, vendor: okta, secrets: ["` + secret + `"]}`))
	if err != nil {
		t.Fatal(err)
	}
	sources, err := hris.New(declared.Sources...)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, method, target, header, value, media, body string
		code                                             int
		says                                             string
		messages                                         int
	}{
		{"CloudEvents", "POST", "/webhooks/clouds?access_token=" + url.QueryEscape(secret), "", "", "application/cloudevents+json", `{"specversion":"1.0","id":"1","source":"/hr","type":"employee.terminated","data":{"employee":{"employeeId":"4711"}}}`, 202, "req-", 1},
		{"a CloudEvent that cannot be used", "POST", "/webhooks/clouds", "Authorization", "Bearer " + secret, "application/cloudevents+json", `[]`, 202, "refused", 1},
		{"CloudEvents, media type", "POST", "/webhooks/clouds", "Authorization", "Bearer " + secret, "text/plain", `{}`, 415, "application/cloudevents+json", 0},
		{"CloudEvents, handshake", "OPTIONS", "/webhooks/clouds", "WebHook-Request-Origin", "eventgrid.azure.net", "", ``, 200, "", 0},
		{"CloudEvents, another method", "PUT", "/webhooks/clouds", "", "", "", ``, 405, "POST or OPTIONS", 0},
		{"CloudEvents, nobody", "POST", "/webhooks/clouds", "", "", "application/cloudevents+json", `{}`, 401, "access_token", 0},
		{"CloudEvents, 1 MB and more", "POST", "/webhooks/clouds", "Authorization", "Bearer " + secret, "application/cloudevents+json", strings.Repeat(" ", 1<<20+1), 413, "1048576", 0},
		{"Event Grid", "POST", "/webhooks/grid?code=" + url.QueryEscape(secret), "", "", "application/json", `[{"id":"1","eventType":"employee.terminated","data":{"employee":{"employeeId":"4711"}}}]`, 200, "req-", 1},
		{"Event Grid, handshake", "POST", "/webhooks/grid?code=" + url.QueryEscape(secret), "aeg-event-type", "SubscriptionValidation", "application/json", `[{"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","data":{"validationCode":"512d"}}]`, 200, `{"validationResponse":"512d"}`, 0},
		{"Event Grid, nobody", "POST", "/webhooks/grid?code=guess", "aeg-event-type", "SubscriptionValidation", "application/json", `[{"data":{"validationCode":"512d"}}]`, 401, "secret", 0},
		{"Okta, handshake", "GET", "/webhooks/okta", "X-Okta-Verification-Challenge", "abc", "", ``, 200, `{"verification":"abc"}`, 0},
		{"Okta", "POST", "/webhooks/okta", "Authorization", secret, "application/json", `{"data":{"events":[{"uuid":"1","eventType":"user.lifecycle.suspend"}]}}`, 200, "{}", 0},
		{"Okta, nobody: a 4xx would be its last try", "POST", "/webhooks/okta", "Authorization", "guess", "application/json", `{}`, 503, "secret", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			q := &queue{}
			in := &intake.Intake{Sources: sources, Bus: q, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)}
			r := httptest.NewRequestWithContext(t.Context(), tt.method, tt.target, strings.NewReader(tt.body))
			if tt.media != "" {
				r.Header.Set("Content-Type", tt.media)
			}
			if tt.header != "" {
				r.Header.Set(tt.header, tt.value)
			}
			w := httptest.NewRecorder()
			in.Handler().ServeHTTP(w, r)
			if w.Code != tt.code || !strings.Contains(w.Body.String(), tt.says) || len(q.messages) != tt.messages {
				t.Errorf("got %d %s and %d messages; want %d %s and %d", w.Code, w.Body, len(q.messages), tt.code, tt.says, tt.messages)
			}
			if w.Code == http.StatusServiceUnavailable && w.Header().Get("Retry-After") == "" {
				t.Error("got no Retry-After")
			}
		})
	}
}
