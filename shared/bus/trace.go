package bus

import (
	"bytes"
	"context"
	"encoding/json"
)

// Trace is the span that published a message, as the W3C has it; empty where none was.
// Source: cloudevents/spec, extensions/distributed-tracing.md; W3C Trace Context.
type Trace struct {
	Parent string `json:"traceparent,omitempty"`
	State  string `json:"tracestate,omitempty"`
}

// TraceOf is the trace that a message carries. It is no authority: it says what belongs together, and
// nothing is done or left by it.
func TraceOf(body []byte) Trace {
	var t Trace
	if json.Unmarshal(body, &t) != nil || len(t.Parent) > longestParent {
		return Trace{}
	}
	return t
}

// longestParent is longer than a traceparent. Source: W3C Trace Context, traceparent, version 00: 55.
const longestParent = 64

type traceKey struct{}

// Within returns a context in which what is published belongs to a trace, unless a span is under way: what
// a schedule publishes for a departure belongs to that of the departure.
func Within(ctx context.Context, t Trace) context.Context {
	if t.Parent == "" {
		return ctx
	}
	return context.WithValue(ctx, traceKey{}, t)
}

// TraceWithin is the trace that [Within] was told.
func TraceWithin(ctx context.Context) Trace {
	t, _ := ctx.Value(traceKey{}).(Trace)
	return t
}

// WithTrace is a message that carries a trace. One that carries one already keeps it: it was put off
// unread, and whoever published it first is meant.
func WithTrace(body []byte, t Trace) []byte {
	body = bytes.TrimSpace(body)
	if t.Parent == "" || len(body) < 2 || body[0] != '{' || TraceOf(body).Parent != "" {
		return body
	}
	attributes, err := json.Marshal(t)
	if err != nil || bytes.Equal(body, []byte("{}")) {
		return body
	}
	carrying := append(bytes.TrimSuffix(attributes, []byte("}")), ',')
	carrying = append(carrying, body[1:]...)
	if len(carrying) > MaxBody {
		return body
	}
	return carrying
}
