package telemetry_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"leaver/shared/bus"
	"leaver/shared/telemetry"
	"leaver/shared/telemetry/collectortest"
)

func exporter(t testing.TB, endpoint string) *telemetry.Exporter {
	t.Helper()
	e, err := telemetry.Export(t.Context(), telemetry.Settings{Endpoint: endpoint, Service: "test", Metrics: telemetry.New(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close(context.Background()) })
	return e
}

// delivery is a message that was published.
type delivery struct {
	bus.Delivery
	m bus.Message
}

func (d delivery) ID() string   { return d.m.ID }
func (d delivery) Body() []byte { return d.m.Body }

// broker keeps what is published.
type broker struct {
	bus.Bus
	sent []bus.Message
}

func (b *broker) Publish(_ context.Context, m bus.Message) (bool, error) {
	b.sent = append(b.sent, m)
	return false, nil
}

func (b *broker) last() delivery { return delivery{m: b.sent[len(b.sent)-1]} }

// TestAGateBeginsALinkedTraceAndStaysInIt hands a gate its first message and the one it sends itself.
func TestAGateBeginsALinkedTraceAndStaysInIt(t *testing.T) {
	t.Parallel()
	collector := collectortest.New(t)
	e := exporter(t, collector.URL)
	b := &broker{}
	traced := e.Bus(b)
	publish := func(ctx context.Context, _ bus.Delivery) error {
		m, err := bus.Step{Tenant: "t", Case: "c", PlanVersion: 1, Step: "licence", N: len(b.sent) + 1, Leaver: "l"}.Message(time.Time{})
		if err == nil {
			_, err = traced.Publish(ctx, m)
		}
		return err
	}
	plan := e.Handled("plan", publish)
	gate := e.Handled("licence", publish)
	for _, run := range []telemetry.Handler{plan, gate, gate} {
		var d bus.Delivery = delivery{m: bus.Message{Body: []byte(`{"specversion":"1.0"}`)}}
		if len(b.sent) > 0 {
			d = b.last()
		}
		if err := run(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	e.Flush(t.Context())
	spans := collector.Spans()
	traces, links := map[string]bool{}, 0
	for _, s := range spans {
		traces[s.Trace], links = true, links+len(s.Links)
	}
	if wrong := collectortest.Connected(spans); len(wrong) > 0 || len(traces) != 2 || links != 1 {
		t.Errorf("%d traces, %d links, %v; want the plan's and the gate's, linked once", len(traces), links, wrong)
	}
}

// TestAWebhookBeginsATraceOfItsOwn whatever its sender says.
func TestAWebhookBeginsATraceOfItsOwn(t *testing.T) {
	t.Parallel()
	collector := collectortest.New(t)
	e := exporter(t, collector.URL)
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/webhooks/bob?code=secret", nil)
	r.Header.Set("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	e.Served("intake", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })).
		ServeHTTP(httptest.NewRecorder(), r)
	e.Flush(t.Context())
	spans := collector.Spans()
	if len(spans) != 1 || spans[0].Parent != "" || strings.HasPrefix(spans[0].Trace, "4bf9") || spans[0].Attributes["http.response.status_code"] == "" || !spans[0].Failed {
		t.Errorf("got %+v; want one failed root", spans)
	}
	if strings.Contains(collector.Text(), "secret") {
		t.Error("the spans hold the query")
	}
}

// TestAnOperationNamesNobody: only words of Graph stay.
func TestAnOperationNamesNobody(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://g/v1.0/users/87d349ed-44d7-43e1-9a83-5f2406dee5bd/revokeSignInSessions": "GET /v1.0/users/{id}/revokeSignInSessions",
		"https://g/v1.0/users/adele.vance@contoso.com":                                   "GET /v1.0/users/{id}",
		"https://g/v1.0/users?$filter=mail%20eq%20'adele.vance@contoso.com'":             "GET /v1.0/users",
		"https://g/v1.0/drives/b!aB-c_d/items/01ABC/children":                            "GET /v1.0/drives/{id}/items/{id}/children",
		"https://g/v1.0/$batch":                                   "GET /v1.0/$batch",
		"https://g/v1.0/users/" + strings.Repeat("abcdefghij", 6): "GET /v1.0/users/{id}",
	} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", address[len("https://g"):], nil)
		if got := telemetry.Operation(r); got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
}

// TestNothingIsLaidAroundWithoutACollector: off, everything stays as it is.
func TestNothingIsLaidAroundWithoutACollector(t *testing.T) {
	t.Parallel()
	e := exporter(t, "")
	client, b := &http.Client{}, &broker{}
	if e != nil || e.Client(client) != client || e.Bus(b) != bus.Bus(b) {
		t.Errorf("an exporter without a collector is %v", e)
	}
	e.Flush(t.Context())
}

// TestAProtocolThatIsNotSpokenIsRefused tells what to set.
func TestAProtocolThatIsNotSpokenIsRefused(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
	_, err := telemetry.Export(t.Context(), telemetry.Settings{Endpoint: "http://127.0.0.1:4317"})
	if err == nil || !strings.Contains(err.Error(), "http/protobuf") {
		t.Errorf("got %v; want an error that says what to set", err)
	}
}

// BenchmarkHandled is what a message costs, with its publication, off and on.
func BenchmarkHandled(b *testing.B) {
	for name, endpoint := range map[string]string{"off": "", "on": collectortest.New(b).URL} {
		b.Run(name, func(b *testing.B) {
			e := exporter(b, endpoint)
			to := &broker{}
			traced := e.Bus(to)
			m, err := bus.Step{Tenant: "t", Case: "c", PlanVersion: 1, Step: "block", N: 1, Leaver: "l"}.Message(time.Time{})
			if err != nil {
				b.Fatal(err)
			}
			handle := e.Handled("block", func(ctx context.Context, _ bus.Delivery) error {
				to.sent = to.sent[:0]
				_, err := traced.Publish(ctx, m)
				return err
			})
			b.ReportAllocs()
			for b.Loop() {
				if err := handle(b.Context(), delivery{m: m}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
