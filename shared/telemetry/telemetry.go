// Package telemetry shows from outside what the functions do: metrics, which Prometheus fetches, and
// traces and the same metrics, which an [Exporter] sends by OTLP over HTTP to a collector of
// OpenTelemetry. Nothing in them is about a person but the object id that a case is named after.
//
// A departure is one trace: a message carries the span that published it in the extension of
// CloudEvents for distributed tracing, and the span of whoever takes the message is its child. A gate
// begins a trace of its own, days later, which is linked to the departure's. Calls to Microsoft are
// spans with the vendor's request ids, named by their operation: no address, name or query is in
// them. For that reason nothing is ever set as OpenTelemetry's global provider: kiota, the SDK below
// package graph, would send spans of its own, with whole addresses. Who begins a span takes the
// provider from the span that is in the context.
package telemetry

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Settings say whether and where to an [Exporter] sends.
type Settings struct {
	// Endpoint is the base URL of the collector, OTEL_EXPORTER_OTLP_ENDPOINT. Without one nothing is
	// sent. The other variables of OpenTelemetry (headers, certificate, compression, timeouts, sampler,
	// batches, resource) are read by its SDK.
	Endpoint string
	// Service is what the process is called, where OTEL_SERVICE_NAME says nothing: the function.
	Service string
	Metrics *Metrics
	Log     *slog.Logger
}

// flushTime is how long spans and metrics may take to leave when a process is about to be frozen or to
// end: a collector that hangs costs that much, and no departure waits for it.
const flushTime = 2 * time.Second

// Exporter sends the traces and metrics of one process. A nil one sends nothing and costs nothing:
// what it is laid around stays as it is. It is safe for concurrent use.
type Exporter struct {
	traces  *sdk.TracerProvider
	metrics *metric.MeterProvider
	tracer  trace.Tracer

	noSpans, noMetrics *failures
}

// Scope is the name of the instrumentation.
const Scope = "leaver"

// Export begins to send, or returns nil where there is no endpoint.
func Export(ctx context.Context, s Settings) (*Exporter, error) {
	if s.Endpoint == "" || strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return nil, nil
	}
	if protocol := os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"); protocol != "" && !strings.HasPrefix(protocol, "http/") {
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL is %q: set it to http/protobuf, and OTEL_EXPORTER_OTLP_ENDPOINT to the collector's port for it, by default 4318", protocol)
	}
	about, err := resource.New(ctx,
		resource.WithAttributes(
			attribute.String("service.namespace", Scope), attribute.String("service.name", cmp.Or(s.Service, Scope)),
			attribute.String("service.version", version()),
			// Two processes of a function count each for itself.
			attribute.String("service.instance.id", uuid.NewString()),
		),
		resource.WithFromEnv(), resource.WithTelemetrySDK(),
	)
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	toTraces, err := endpoint(s.Endpoint, "traces")
	if err != nil {
		return nil, err
	}
	toMetrics, err := endpoint(s.Endpoint, "metrics")
	if err != nil {
		return nil, err
	}
	spans, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(toTraces), otlptracehttp.WithRetry(again))
	if err != nil {
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_ENDPOINT: %w", err)
	}
	figures, err := otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpointURL(toMetrics), otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig(again)))
	if err != nil {
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_ENDPOINT: %w", err)
	}
	noSpans := &failures{log: s.Log, what: "spans", none: "OTEL_TRACES_EXPORTER"}
	noMetrics := &failures{log: s.Log, what: "metrics", none: "OTEL_METRICS_EXPORTER"}
	sends := sdk.WithBatcher(quietSpans{spans, noSpans})
	if unwanted("OTEL_TRACES_EXPORTER") {
		sends = sdk.WithSampler(sdk.NeverSample())
	}
	e := &Exporter{traces: sdk.NewTracerProvider(sends, sdk.WithResource(about)), noSpans: noSpans, noMetrics: noMetrics}
	if s.Metrics != nil && !unwanted("OTEL_METRICS_EXPORTER") {
		e.metrics = metric.NewMeterProvider(metric.WithResource(about), metric.WithReader(metric.NewPeriodicReader(
			quietMetrics{figures, noMetrics}, metric.WithProducer(prometheus.NewMetricProducer(prometheus.WithGatherer(s.Metrics.registry))),
		)))
	}
	e.tracer = e.traces.Tracer(Scope)
	return e, nil
}

// again is how often what a collector would not take for the moment is sent to it once more: within the
// time that a process has before it is frozen. The SDK's own first repetition comes after five seconds.
var again = otlptracehttp.RetryConfig{Enabled: true, InitialInterval: 100 * time.Millisecond, MaxInterval: flushTime / 4, MaxElapsedTime: flushTime}

// endpoint is where a signal goes: below the base URL, unless a variable of its own says elsewhere. The
// SDK takes anything, and what it cannot use goes nowhere or to this machine, without a word.
// Source: OpenTelemetry, OTLP exporter configuration, endpoint URLs for OTLP/HTTP.
func endpoint(base, signal string) (string, error) {
	const general = "OTEL_EXPORTER_OTLP_ENDPOINT"
	name := "OTEL_EXPORTER_OTLP_" + strings.ToUpper(signal) + "_ENDPOINT"
	to := os.Getenv(name)
	if to == "" {
		name, to = general, base
	}
	at, err := url.Parse(to)
	switch {
	case err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https": // it may hold a password
		return "", fmt.Errorf("%s is no URL: write http:// or https://, the host and the port of the collector for OTLP over HTTP, by default 4318", name)
	case name != general:
		return to, nil
	case strings.HasSuffix(strings.TrimRight(at.Path, "/"), "/v1/traces"), strings.HasSuffix(strings.TrimRight(at.Path, "/"), "/v1/metrics"):
		return "", fmt.Errorf("%s ends in the path of one signal: leave it out, /v1/traces and /v1/metrics are put behind it", name)
	}
	return at.JoinPath("v1", signal).String(), nil
}

// unwanted reports whether a signal is not to be sent, as where a collector takes traces only.
func unwanted(variable string) bool { return strings.EqualFold(os.Getenv(variable), "none") }

// Flush sends what is there, for [flushTime] at most: Lambda freezes a process at the end of an
// invocation, and what was not sent would leave with the next one, or never.
func (e *Exporter) Flush(ctx context.Context) {
	if e == nil {
		return
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
	defer stop()
	var both sync.WaitGroup
	both.Go(func() { e.noSpans.unsent(e.traces.ForceFlush(ctx)) })
	if e.metrics != nil {
		both.Go(func() { e.noMetrics.unsent(e.metrics.ForceFlush(ctx)) })
	}
	both.Wait()
}

// Close sends what is there and ends the exporter. What could not be sent is lost, and is no error:
// nobody's departure depends on it.
func (e *Exporter) Close(ctx context.Context) {
	if e == nil {
		return
	}
	e.Flush(ctx)
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
	defer stop()
	_ = e.traces.Shutdown(ctx)
	if e.metrics != nil {
		_ = e.metrics.Shutdown(ctx)
	}
}

// version is which build this is; empty where the toolchain has not stamped it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return info.Main.Version
}

// failures logs that something could not be sent: at once, and again every hour for as long as that
// lasts. The SDK would tell a handler that is global to the process.
type failures struct {
	log  *slog.Logger
	what string // spans or metrics
	none string // the variable that stops them

	mu      sync.Mutex
	failing bool
	last    time.Time
}

func (f *failures) say(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.log == nil {
		return
	}
	if err == nil {
		if f.failing {
			f.log.Info("the collector of OTEL_EXPORTER_OTLP_ENDPOINT takes " + f.what + " again")
		}
		f.failing = false
		return
	}
	// A time of the process alone: how often a log line is written is no matter of the domain's clock.
	if f.failing && time.Since(f.last) < time.Hour {
		return
	}
	f.failing, f.last = true, time.Now()
	f.log.Warn("the collector of OTEL_EXPORTER_OTLP_ENDPOINT did not take "+f.what+"; departures go on, and what it did not take is lost. If it is not meant to take any: "+f.none+"=none", "error", err)
}

// unsent says that there was no time left to send anything; what was sent has said how that went.
func (f *failures) unsent(err error) {
	if err != nil {
		f.say(err)
	}
}

// quietSpans and quietMetrics are exporters whose failures go to the log.
type quietSpans struct {
	sdk.SpanExporter
	failures *failures
}

func (q quietSpans) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	q.failures.say(q.SpanExporter.ExportSpans(ctx, spans))
	return nil
}

type quietMetrics struct {
	metric.Exporter
	failures *failures
}

func (q quietMetrics) Export(ctx context.Context, figures *metricdata.ResourceMetrics) error {
	q.failures.say(q.Exporter.Export(ctx, figures))
	return nil
}
