package telemetry

import (
	"cmp"
	"context"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"leaver/shared/bus"
	"leaver/shared/offboarding"
)

// Bus is b, with a span for each message that is published; the message carries it.
func (e *Exporter) Bus(b bus.Bus) bus.Bus {
	if e == nil {
		return b
	}
	return tracedBus{b, e}
}

type tracedBus struct {
	bus.Bus
	exporter *Exporter
}

// Publish implements bus.Publisher.
func (t tracedBus) Publish(ctx context.Context, m bus.Message) (duplicate bool, err error) {
	ctx, span := t.exporter.sends(ctx, &m)
	duplicate, err = t.Bus.Publish(ctx, m)
	end(span, err)
	return duplicate, err
}

// Resubmit implements bus.Bus.
func (t tracedBus) Resubmit(ctx context.Context, subscription, key string, m bus.Message) error {
	ctx, span := t.exporter.sends(ctx, &m)
	err := t.Bus.Resubmit(ctx, subscription, key, m)
	end(span, err)
	return err
}

// sends begins the span of a message that is published, and has the message carry it. Where no span is
// under way, as on a schedule, it is a child of the departure's that the caller names, or that the message
// carries.
// Source: OpenTelemetry, Semantic conventions for messaging spans.
func (e *Exporter) sends(ctx context.Context, m *bus.Message) (context.Context, trace.Span) {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		of := cmp.Or(bus.TraceWithin(ctx), bus.TraceOf(m.Body))
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": of.Parent, "tracestate": of.State})
	}
	ctx, span := e.tracer.Start(ctx, "send "+cmp.Or(m.Subject, m.Entity), trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(
		attribute.String("messaging.operation.type", "send"), attribute.String("messaging.destination.name", m.Entity),
		attribute.String("messaging.message.id", m.ID),
	))
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	if gate, is := ctx.Value(gateKey{}).(string); is {
		if state, err := span.SpanContext().TraceState().Insert(gateMember, gate); err == nil {
			carrier["tracestate"] = state.String()
		}
	}
	m.Body = bus.WithTrace(m.Body, bus.Trace{Parent: carrier["traceparent"], State: carrier["tracestate"]})
	return ctx, span
}

// gateMember is the member of the trace state by which a gate knows its own messages again: those
// stay in its trace. Its value is the gate's name.
const gateMember = "leaver"

type gateKey struct{}

// Handler works on one message; it is what a worker.Host hands them to.
type Handler func(context.Context, bus.Delivery) error

// Handled is handle with a span for each message: a child of the one that published it. The first
// message of a gate begins a trace, which is linked to the departure's.
func (e *Exporter) Handled(subscription string, handle Handler) Handler {
	if e == nil {
		return handle
	}
	spec, _ := offboarding.SpecOf(offboarding.StepName(subscription))
	return func(ctx context.Context, d bus.Delivery) error {
		carried := bus.TraceOf(d.Body())
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": carried.Parent, "tracestate": carried.State})
		from := trace.SpanContextFromContext(ctx)
		options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
			attribute.String("messaging.operation.type", "process"), attribute.String("messaging.destination.subscription.name", subscription),
			attribute.String("messaging.message.id", d.ID()),
		)}
		if spec.Gate {
			if from.TraceState().Get(gateMember) != subscription {
				options = append(options, trace.WithNewRoot(), trace.WithLinks(trace.Link{SpanContext: from}))
			}
			ctx = context.WithValue(ctx, gateKey{}, subscription)
		}
		ctx, span := e.tracer.Start(ctx, "process "+subscription, options...)
		err := handle(ctx, d)
		end(span, err)
		return err
	}
}

// Served is h with a span for each request, which begins a trace: who faces the internet takes nobody's
// word for one. A question at [offboarding.HealthPath] is no work, and comes every few seconds.
func (e *Exporter) Served(name string, h http.Handler) http.Handler {
	if e == nil {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == offboarding.HealthPath {
			h.ServeHTTP(w, r)
			return
		}
		ctx, span := e.tracer.Start(r.Context(), name, trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindServer),
			trace.WithAttributes(attribute.String("http.request.method", method(r))))
		defer span.End()
		h.ServeHTTP(&answering{w, span}, r.WithContext(ctx))
	})
}

// method is that of a request whose sender nobody knows: a word that HTTP has not is not kept, or as many
// kilobytes of it as somebody likes would wait with every span.
// Source: OpenTelemetry, Semantic conventions for HTTP, http.request.method.
func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return r.Method
	}
	return "_OTHER"
}

// answering tells the span what was answered.
type answering struct {
	http.ResponseWriter
	span trace.Span
}

// WriteHeader implements [http.ResponseWriter].
func (a *answering) WriteHeader(status int) {
	a.span.SetAttributes(attribute.Int("http.response.status_code", status))
	if status >= http.StatusInternalServerError {
		a.span.SetStatus(codes.Error, "")
	}
	a.ResponseWriter.WriteHeader(status)
}

// Client is c with a span for each call to Microsoft that is made within a span.
func (e *Exporter) Client(c *http.Client) *http.Client {
	if e == nil {
		return c
	}
	own := *c
	own.Transport = tracedTransport{cmp.Or[http.RoundTripper](c.Transport, http.DefaultTransport), e}
	return &own
}

type tracedTransport struct {
	next     http.RoundTripper
	exporter *Exporter
}

// RoundTrip implements [http.RoundTripper].
func (t tracedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !trace.SpanContextFromContext(r.Context()).IsValid() {
		return t.next.RoundTrip(r)
	}
	operation := Operation(r)
	ctx, span := t.exporter.tracer.Start(r.Context(), operation, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("http.request.method", r.Method), attribute.String("server.address", r.URL.Hostname()),
	))
	defer span.End()
	// Without a traceparent: Microsoft is told nothing of whose departure it is.
	answer, err := t.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		span.SetStatus(codes.Error, "no answer") // the error may hold the address
		return nil, err
	}
	span.SetAttributes(attribute.Int("http.response.status_code", answer.StatusCode))
	for _, header := range []string{"request-id", "client-request-id", "Retry-After"} {
		if value := answer.Header.Get(header); value != "" {
			span.SetAttributes(attribute.String("http.response.header."+strings.ToLower(header), value))
		}
	}
	if answer.StatusCode >= http.StatusBadRequest {
		span.SetStatus(codes.Error, "")
	}
	return answer, nil
}

// Operation names a call to Microsoft and nobody: the cmdlet, or the method and the path with {id} for
// every segment that is not a word of Graph.
func Operation(r *http.Request) string {
	if cmdlet := r.Header.Get("X-CmdletName"); cmdlet != "" {
		return cmdlet
	}
	segments := strings.Split(r.URL.Path, "/")
	for i, s := range segments {
		if len(s) > longestWord || strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ$.") != "" && s != "v1.0" {
			segments[i] = "{id}"
		}
	}
	return r.Method + " " + strings.Join(segments, "/")
}

// longestWord is longer than every word in a path of Graph.
const longestWord = 48

// end ends a span, with the error of what it was about.
func end(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, err.Error()) // which names object ids alone, as the log does
	}
	span.End()
}
