package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"leaver/shared/bus"
	"leaver/shared/offboarding"
	"leaver/shared/telemetry"
	"leaver/shared/telemetry/collectortest"
)

// Public reports of telemetry that did not come, that said too much, or that took what it watched down
// with it, each tried here.

// written is a log that can be read while it is written.
type written struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *written) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// logging is an exporter, and what it logs.
func logging(t *testing.T, endpoint string) (*telemetry.Exporter, *written) {
	t.Helper()
	log := &written{}
	m := telemetry.New()
	m.Success("plan")
	e, err := telemetry.Export(t.Context(), telemetry.Settings{Endpoint: endpoint, Service: "test", Metrics: m, Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close(context.Background()) })
	return e, log
}

// handled has the exporter see one message.
func handled(t *testing.T, e *telemetry.Exporter, err error) {
	t.Helper()
	m, broken := bus.Step{Tenant: "t", Case: "c", PlanVersion: 1, Step: "block", N: 1, Leaver: "l"}.Message(time.Time{})
	if broken != nil {
		t.Fatal(broken)
	}
	if got := e.Handled("block", func(context.Context, bus.Delivery) error { return err })(t.Context(), delivery{m: m}); !errors.Is(got, err) {
		t.Fatalf("the handler's answer became %v, want %v", got, err)
	}
}

// TestSpansGoBelowTheBaseURLHoweverItIsWritten: a base with a path, or with a slash at its end, was
// posted to as it stood; the collector answered 404, and nothing told anybody.
// Reports: fullsend-ai/fullsend#5545, FriendsOfShopware/shopmon#822, baekenough/second-brain#187.
func TestSpansGoBelowTheBaseURLHoweverItIsWritten(t *testing.T) {
	t.Parallel()
	for base, below := range map[string]string{"": "/v1/", "/": "/v1/", "/otlp": "/otlp/v1/", "/api/public/otel/": "/api/public/otel/v1/"} {
		t.Run(strconv.Quote(base), func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var asked []string
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				asked = append(asked, r.URL.Path)
			}))
			t.Cleanup(server.Close)
			e, _ := logging(t, server.URL+base)
			handled(t, e, nil)
			e.Flush(t.Context())
			mu.Lock()
			defer mu.Unlock()
			slices.Sort(asked)
			if want := []string{below + "metrics", below + "traces"}; !slices.Equal(asked, want) {
				t.Errorf("asked was %q, want %q", asked, want)
			}
		})
	}
}

// TestABaseURLThatGoesNowhereIsRefused: without a scheme the host was lost and the SDK sent to this machine
// or to nobody; with the path of a signal it was there twice. What is refused is not repeated: it may hold
// a password.
// Reports: open-telemetry/opentelemetry-python#1801, opentelemetry-collector#2539 and #10761, opentelemetry-java#8489,
// SigNoz/signoz.io#1936, open-telemetry/opentelemetry.io#3627.
func TestABaseURLThatGoesNowhereIsRefused(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]string{
		"collector:4318":                           "http:// or https://",
		"//collector:4318":                         "http:// or https://",
		"http:collector:4318":                      "http:// or https://",
		"https:/collector":                         "http:// or https://",
		"grpc://hidden:hidden@collector:4317":      "http:// or https://",
		"http://collector:port":                    "http:// or https://",
		"http://collector:4318/v1/traces":          "leave it out",
		"https://hidden:hidden@c:4318/v1/metrics/": "leave it out",
	} {
		_, err := telemetry.Export(t.Context(), telemetry.Settings{Endpoint: base})
		if err == nil || !strings.Contains(err.Error(), "OTEL_EXPORTER_OTLP_ENDPOINT") || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: got %v; want an error that says %q and no more of the address", base, err, want)
		}
	}
}

// TestASignalMayHaveAPlaceOfItsOwn, which is taken as it is.
// Source: OpenTelemetry, OTLP exporter configuration.
func TestASignalMayHaveAPlaceOfItsOwn(t *testing.T) {
	collector := collectortest.New(t)
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", collector.URL+"/v1/traces")
	e, _ := logging(t, "http://127.0.0.1:1")
	handled(t, e, nil)
	e.Flush(t.Context())
	if n := len(collector.Spans()); n != 1 {
		t.Errorf("%d spans came to the place of the traces, want 1", n)
	}
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector:4318")
	if _, err := telemetry.Export(t.Context(), telemetry.Settings{Endpoint: collector.URL}); err == nil || !strings.Contains(err.Error(), "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") {
		t.Errorf("got %v; want an error that names the variable", err)
	}
}

// TestOneRefusalLosesNoSpan: Lambda freezes the process once the invocation is over, and the SDK would try
// again after five seconds what a collector had no room for at that moment: the last spans were lost.
// Reports: aws-observability/aws-otel-lambda#229 and #503, open-telemetry/opentelemetry-js#1295,
// opentelemetry-lambda#224, fullsend-ai/fullsend#5545.
func TestOneRefusalLosesNoSpan(t *testing.T) {
	t.Parallel()
	collector := collectortest.New(t)
	var mu sync.Mutex
	asked := map[string]int{}
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked[r.URL.Path]++
		first := asked[r.URL.Path] == 1
		mu.Unlock()
		if first {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		collector.ServeHTTP(w, r)
	}))
	t.Cleanup(busy.Close)
	e, log := logging(t, busy.URL)
	handled(t, e, nil)
	e.Flush(t.Context())
	if n := len(collector.Spans()); n != 1 {
		t.Errorf("%d spans came, want the one: %s", n, log)
	}
	if _, came := collector.Figure("leaver_successes_total"); !came {
		t.Errorf("the metrics did not come: %s", log)
	}
}

// TestNobodyWaitsForACollectorThatIsDown: an application hung while its collector did, or for more than a
// minute when it was to end. Here it hangs, refuses, or says to come back in an hour, while thousands of
// messages are worked on.
// Reports: open-telemetry/opentelemetry-python#2024, #3309 and #4043, opentelemetry-collector#1192,
// opentelemetry-php#1448, n8n-io/n8n#37203.
func TestNobodyWaitsForACollectorThatIsDown(t *testing.T) {
	t.Parallel()
	later := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(later.Close)
	for name, at := range map[string]string{"hangs": collectortest.Hanging(t), "is not there": "http://127.0.0.1:1", "says in an hour": later.URL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, log := logging(t, at)
			began := time.Now()
			for range 5000 { // more than twice what the SDK keeps
				handled(t, e, nil)
			}
			e.Flush(t.Context())
			e.Close(t.Context())
			if took := time.Since(began); took > time.Minute { // six seconds on an idle machine
				t.Errorf("it took %s", took)
			}
			if n := strings.Count(log.String(), "did not take spans"); n != 1 {
				t.Errorf("it is said %d times that spans are lost, want once:\n%s", n, log)
			}
		})
	}
}

// TestABackendThatTakesNoMetricsIsNotAskedForEver: one that takes traces only answered 404 every minute, and
// every minute the log said so; nothing told how to stop it.
// Reports: alibaba/loongsuite-go#240, open-telemetry/opentelemetry-collector-contrib#32212, open-telemetry/opentelemetry-php#1075.
func TestABackendThatTakesNoMetricsIsNotAskedForEver(t *testing.T) {
	collector := collectortest.New(t)
	var metrics atomic.Int32
	jaeger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/traces" {
			metrics.Add(1)
			http.NotFound(w, r)
			return
		}
		collector.ServeHTTP(w, r)
	}))
	t.Cleanup(jaeger.Close)
	e, log := logging(t, jaeger.URL)
	for range 5 {
		e.Flush(t.Context())
	}
	if n := strings.Count(log.String(), "did not take metrics"); n != 1 || metrics.Load() != 5 || !strings.Contains(log.String(), "OTEL_METRICS_EXPORTER=none") {
		t.Errorf("said %d times in %d tries, want once, and what stops it:\n%s", n, metrics.Load(), log)
	}
	t.Setenv("OTEL_METRICS_EXPORTER", "none")
	e, _ = logging(t, jaeger.URL)
	handled(t, e, nil)
	e.Flush(t.Context())
	if metrics.Load() != 5 || len(collector.Spans()) != 1 {
		t.Errorf("metrics were sent %d times more, and %d spans came; want no metrics and one span", metrics.Load()-5, len(collector.Spans()))
	}
	t.Setenv("OTEL_TRACES_EXPORTER", "none")
	e, _ = logging(t, jaeger.URL)
	handled(t, e, nil)
	e.Flush(t.Context())
	if len(collector.Spans()) != 1 {
		t.Error("spans came although nobody wants any")
	}
}

// TestWhatComesAgainIsSaid: that a collector takes what it did not take before, once.
func TestWhatComesAgainIsSaid(t *testing.T) {
	t.Parallel()
	collector := collectortest.New(t)
	var down atomic.Bool
	down.Store(true)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		collector.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	e, log := logging(t, server.URL)
	for _, is := range []bool{true, true, false, false} {
		down.Store(is)
		handled(t, e, nil)
		e.Flush(t.Context())
	}
	if lost, again := strings.Count(log.String(), "did not take spans"), strings.Count(log.String(), "takes spans again"); lost != 1 || again != 1 {
		t.Errorf("lost is said %d times and again %d times, want once each:\n%s", lost, again, log)
	}
}

// TestStrangersDecideNoSizes: every method that somebody made up became a label, and addresses and ports of
// whoever called did, until the memory was gone. A span of a webhook keeps no word of a stranger's.
// Reports: open-telemetry/opentelemetry-go-contrib#3071, cyanheads/mcp-ts-core#114, telekom/k8s-breakglass#463.
func TestStrangersDecideNoSizes(t *testing.T) {
	t.Parallel()
	collector := collectortest.New(t)
	e := exporter(t, collector.URL)
	served := e.Served("intake", http.NotFoundHandler())
	for n := range 50 {
		r := httptest.NewRequestWithContext(t.Context(), fmt.Sprintf("STRANGE%d%s", n, strings.Repeat("X", 4096)), "/webhooks/STRANGE?STRANGE=1", nil)
		r.Header.Set("User-Agent", "STRANGE")
		r.Header.Set("Tracestate", "strange=1")
		r.Header.Set("Baggage", "strange=1")
		served.ServeHTTP(httptest.NewRecorder(), r)
	}
	served.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/", nil))
	served.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, offboarding.HealthPath, nil)) // no work
	e.Flush(t.Context())
	methods := map[string]int{}
	for _, s := range collector.Spans() {
		methods[s.Attributes["http.request.method"]]++
	}
	if methods["_OTHER"] != 50 || methods["PUT"] != 1 || len(methods) != 2 || strings.Contains(strings.ToLower(collector.Text()), "strange") {
		t.Errorf("the methods are %v; want 50 of them unnamed and a PUT, and nothing of a stranger's", methods)
	}
}

// TestATraceThatComesBrokenLosesNothing: a context that a message carried was not valid, of a later version,
// or grown beyond measure, and the consumer failed over it or began a trace for each of its calls. The message
// is worked on, in one trace.
// Reports: open-telemetry/opentelemetry-java-instrumentation#2822 and #3531, emqx/emqx#12752.
func TestATraceThatComesBrokenLosesNothing(t *testing.T) {
	t.Parallel()
	const sound = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for carried, kept := range map[string]bool{
		`"traceparent":"` + sound + `"`:                                                                  true,
		`"traceparent":"` + sound + `","tracestate":"vendor=1"`:                                          true,
		`"traceparent":"` + sound + `","tracestate":"` + strings.Repeat("a=b,", 200) + `=="`:             true, // the state alone is dropped
		`"traceparent":"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-brings"`: false,
		`"traceparent":"00-00000000000000000000000000000000-0000000000000000-01"`:                        false,
		`"traceparent":"00-4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-01"`:                        false,
		`"traceparent":"4bf92f3577b34da6"`:                                                               false,
		`"traceparent":42`:                                                                               false,
		`"traceparent":"` + strings.Repeat("0", 100_000) + `"`:                                           false,
	} {
		t.Run(carried[:min(len(carried), 90)], func(t *testing.T) {
			t.Parallel()
			collector := collectortest.New(t)
			e := exporter(t, collector.URL)
			b := &broker{}
			traced := e.Bus(b)
			worked := false
			err := e.Handled("block", func(ctx context.Context, _ bus.Delivery) error {
				worked = true
				for n := range 2 {
					m, err := bus.Step{Tenant: "t", Case: "c", PlanVersion: 1, Step: "block", N: n + 2, Leaver: "l"}.Message(time.Time{})
					if err == nil {
						_, err = traced.Publish(ctx, m)
					}
					if err != nil {
						return err
					}
				}
				return nil
			})(t.Context(), delivery{m: bus.Message{Body: []byte(`{"specversion":"1.0",` + carried + `}`)}})
			e.Flush(t.Context())
			if err != nil || !worked {
				t.Fatalf("the message was not worked on: %v", err)
			}
			traces := map[string]bool{}
			for _, s := range collector.Spans() {
				traces[s.Trace] = true
			}
			if len(traces) != 1 || traces["4bf92f3577b34da6a3ce929d0e0e4736"] != kept || len(collector.Spans()) != 3 {
				t.Errorf("%d spans in %v; want three in one trace, that of the message: %t", len(collector.Spans()), traces, kept)
			}
			for _, m := range b.sent {
				if len(m.Body) > 2048 {
					t.Errorf("a message that follows has %d bytes", len(m.Body))
				}
			}
		})
	}
}

// TestAnErrorOfTheNetworkNamesNobody: the text of an exception went into the span, and with it what a
// sanitiser had taken out of the address. An error of net/http holds the whole address.
// Reports: open-telemetry/opentelemetry-java-instrumentation#3039, open-telemetry/semantic-conventions#128 and #860.
func TestAnErrorOfTheNetworkNamesNobody(t *testing.T) {
	t.Parallel()
	collector := collectortest.New(t)
	e := exporter(t, collector.URL)
	client := e.Client(&http.Client{})
	err := e.Handled("block", func(ctx context.Context, _ bus.Delivery) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://adele:secret@127.0.0.1:1/v1.0/users/adele.vance@contoso.com?$filter=mail%20eq%20'adele@contoso.com'", nil)
		if err != nil {
			return err
		}
		res, err := client.Do(r)
		if err == nil {
			_ = res.Body.Close()
			return errors.New("somebody answered")
		}
		return offboarding.Permanent(errors.New("reading user 87d349ed-44d7-43e1-9a83-5f2406dee5bd: no answer"))
	})(t.Context(), delivery{})
	e.Flush(t.Context())
	if err == nil || len(collector.Spans()) != 2 {
		t.Fatalf("%v, %d spans; want two that failed", err, len(collector.Spans()))
	}
	for _, s := range collector.Spans() {
		if !s.Failed {
			t.Errorf("%s has not failed", s.Name)
		}
	}
	for _, personal := range []string{"adele", "contoso.com", "secret", "filter"} {
		if strings.Contains(strings.ToLower(collector.Text()), personal) {
			t.Errorf("the spans hold %q", personal)
		}
	}
}
