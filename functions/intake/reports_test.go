package intake_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/time/rate"

	"leaver/events"
	"leaver/functions/intake"
	"leaver/shared/hris"
)

// What went wrong with the endpoints of others, tried here.

// unsigned is a webhook that nobody has signed, from an address.
func unsigned(t *testing.T, address string, body io.Reader) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/webhooks/standard", body)
	r.RemoteAddr = address
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("webhook-id", "msg_1")
	r.Header.Set("webhook-timestamp", fmt.Sprint(now.Unix()))
	r.Header.Set("webhook-signature", "v1,AAAA")
	return r
}

func answered(in *intake.Intake, r *http.Request) int {
	w := httptest.NewRecorder()
	in.Handler().ServeHTTP(w, r)
	return w.Code
}

// endless is a body without an end, which counts what is read of it.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	e.read += len(p)
	return len(p), nil
}

// TestABodyWithoutEndIsReadNoFurtherThanItMayBe: others read everything before they verified it.
// Sources: adnanh/webhook issue 756; open-mercato/open-mercato issue 4044; QuackbackIO/quackback issue 302.
func TestABodyWithoutEndIsReadNoFurtherThanItMayBe(t *testing.T) {
	t.Parallel()
	body := &endless{}
	if code := answered(newIntake(t, &queue{}), unsigned(t, "192.0.2.1:4711", body)); code != http.StatusRequestEntityTooLarge || body.read > 256<<10 {
		t.Errorf("got %d after %d bytes, want 413 soon after 64 KiB", code, body.read)
	}
}

// TestWhoFailsIsKnownByTheConnectionAlone: others believed a header, which whoever fails may write.
// Source: JhaSourav07/commitpulse issue 6014.
func TestWhoFailsIsKnownByTheConnectionAlone(t *testing.T) {
	t.Parallel()
	in := newIntake(t, &queue{})
	codes := map[int]int{}
	for i := range 60 {
		r := unsigned(t, "192.0.2.1:4711", strings.NewReader("{}"))
		for _, name := range []string{"X-Forwarded-For", "X-Real-IP", "Forwarded", "CF-Connecting-IP"} {
			r.Header.Set(name, fmt.Sprintf("198.51.100.%d", i))
		}
		codes[answered(in, r)]++
	}
	if codes[http.StatusTooManyRequests] != 40 {
		t.Errorf("got %v, want 40 of 60 not listened to", codes)
	}
}

// TestManyAddressesFillNoLog: whoever has a network of addresses is one sender, whoever has many networks is
// not, and of neither is more than a sample in the log.
// Sources: solana-foundation/solana-developer-platform pull request 1712; frappe/whatsapp pull request 33 (review).
func TestManyAddressesFillNoLog(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		address   string
		listened  int
		mostLines int
	}{
		"of one network":    {"[2001:db8:1:2::%x]:4711", 20, 21},
		"of a network each": {"[2001:db8:%x::1]:4711", 30_000, 101},
		"of no form":        {"%d", 30_000, 101},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := newIntake(t, &queue{})
			var log strings.Builder
			in.Log = slog.New(slog.NewTextHandler(&log, nil))
			listened := 0
			for i := range 30_000 {
				if answered(in, unsigned(t, fmt.Sprintf(tt.address, i), strings.NewReader("{}"))) == http.StatusUnauthorized {
					listened++
				}
			}
			if lines := strings.Count(log.String(), "\n"); listened != tt.listened || lines > tt.mostLines {
				t.Errorf("%d of 30,000 listened to, %d lines in the log; want %d and at most %d", listened, lines, tt.listened, tt.mostLines)
			}
		})
	}
}

// TestWhatIsNotProvedUsesNothingUpOfWhatIs: others counted before they verified, and behind one proxy
// everybody has one address.
// Sources: NousResearch/hermes-agent issue 12544; kalyan-1845/ai-code-reviewer issue 1419; getarcaneapp/arcane
// pull request 3742 (review).
func TestWhatIsNotProvedUsesNothingUpOfWhatIs(t *testing.T) {
	t.Parallel()
	body, err := events.Files.ReadFile("terminated-none.json")
	if err != nil {
		t.Fatal(err)
	}
	in := newIntake(t, &queue{})
	in.Limit = rate.NewLimiter(rate.Limit(1), 1)
	for range 500 {
		answered(in, unsigned(t, "192.0.2.1:4711", strings.NewReader("{}")))
	}
	if w := post(t, in, func(r *http.Request) { r.RemoteAddr = "192.0.2.1:4712" }, body); w.Code != http.StatusAccepted {
		t.Errorf("got %d %s, want the signed one taken", w.Code, w.Body)
	}
}

// TestNoSecretIsInTheLog wherever the sender shows it, whether it is right or wrong, and whatever comes with it.
// Sources: fleetdm/fleet issue 12570; keel-hq/keel pull request 844; paytaca/watchtower-cash pull request 460.
func TestNoSecretIsInTheLog(t *testing.T) {
	t.Parallel()
	const secret, guess = "a secret of 32 letters, or longer", "a guess of 32 letters, or longer"
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
	var log strings.Builder
	in := &intake.Intake{Sources: sources, Bus: &queue{}, Now: newIntake(t, nil).Now, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	answers := ""
	for _, shown := range []string{secret, guess} {
		for _, target := range []string{"/webhooks/clouds?access_token=", "/webhooks/grid?code=", "/webhooks/okta?x=", "/webhooks/nobody?code=", "/webhooks/grid/event?code="} {
			for _, body := range []string{"{}", "[]", `{"employee":"` + shown + `"}`, "", strings.Repeat("x", 2<<20)} {
				for _, media := range []string{"application/json", "application/cloudevents+json", "text/plain"} {
					r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, target+url.QueryEscape(shown), bytes.NewReader([]byte(body)))
					r.Header.Set("Content-Type", media)
					if strings.Contains(target, "okta") {
						r.Header.Set("Authorization", shown)
					}
					w := httptest.NewRecorder()
					in.Handler().ServeHTTP(w, r)
					answers += w.Body.String()
				}
			}
		}
	}
	if log.Len() == 0 {
		t.Fatal("nothing is in the log")
	}
	for what, text := range map[string]string{"log": log.String(), "answers": answers} {
		for _, shown := range []string{secret, guess, url.QueryEscape(secret), url.QueryEscape(guess), url.PathEscape(secret)} {
			if strings.Contains(text, shown) {
				t.Errorf("%q is in the %s", shown, what)
			}
		}
	}
}
