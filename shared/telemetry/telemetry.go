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
	at := func(signal, variable string) string {
		return cmp.Or(os.Getenv(variable), strings.TrimSuffix(s.Endpoint, "/")+"/v1/"+signal)
	}
	// The SDK's own repetitions would outlast the process that is frozen; what fails is dropped.
	spans, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(at("traces", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")))
	if err != nil {
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_ENDPOINT: %w", err)
	}
	figures, err := otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpointURL(at("metrics", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")))
	if err != nil {
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_ENDPOINT: %w", err)
	}
	failures := &failures{log: s.Log}
	e := &Exporter{traces: sdk.NewTracerProvider(sdk.WithBatcher(quietSpans{spans, failures}), sdk.WithResource(about))}
	if s.Metrics != nil {
		e.metrics = metric.NewMeterProvider(metric.WithResource(about), metric.WithReader(metric.NewPeriodicReader(
			quietMetrics{figures, failures}, metric.WithProducer(prometheus.NewMetricProducer(prometheus.WithGatherer(s.Metrics.registry))),
		)))
	}
	e.tracer = e.traces.Tracer(Scope)
	return e, nil
}

// Flush sends what is there, for [flushTime] at most: Lambda freezes a process at the end of an
// invocation, and what was not sent would leave with the next one, or never.
func (e *Exporter) Flush(ctx context.Context) {
	if e == nil {
		return
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
	defer stop()
	var both sync.WaitGroup
	both.Go(func() { _ = e.traces.ForceFlush(ctx) }) // what fails is said by failures
	if e.metrics != nil {
		both.Go(func() { _ = e.metrics.ForceFlush(ctx) })
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

// failures logs what could not be sent, at most once a minute. The SDK would tell a handler that is
// global to the process.
type failures struct {
	log  *slog.Logger
	mu   sync.Mutex
	last time.Time
}

func (f *failures) say(what string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	// A time of the process alone: how often a log line is written is no matter of the domain's clock.
	if err == nil || f.log == nil || time.Since(f.last) < time.Minute && !f.last.IsZero() {
		return
	}
	f.last = time.Now()
	f.log.Warn("the collector of OTEL_EXPORTER_OTLP_ENDPOINT did not take "+what+"; departures go on, and what it did not take is lost", "error", err)
}

// quietSpans and quietMetrics are exporters whose failures go to the log.
type quietSpans struct {
	sdk.SpanExporter
	failures *failures
}

func (q quietSpans) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	q.failures.say("spans", q.SpanExporter.ExportSpans(ctx, spans))
	return nil
}

type quietMetrics struct {
	metric.Exporter
	failures *failures
}

func (q quietMetrics) Export(ctx context.Context, figures *metricdata.ResourceMetrics) error {
	q.failures.say("metrics", q.Exporter.Export(ctx, figures))
	return nil
}
