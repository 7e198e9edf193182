// Package collectortest is a collector of OpenTelemetry for tests: it takes OTLP over HTTP and tells
// what came, and whether the traces of a departure hang together.
package collectortest

import (
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	metrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	traces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/protobuf/proto"
)

// Span is one that came.
type Span struct {
	Service, Name     string
	Trace, ID, Parent string
	Links             []string // the traces that it is linked to
	Attributes        map[string]string
	Failed            bool
}

// Collector takes what exporters send. It is safe for concurrent use.
type Collector struct {
	URL string

	mu      sync.Mutex
	spans   []Span
	figures map[string]float64 // the newest of each metric, over its labels
	text    strings.Builder    // all that came, for a look at what it holds
}

// New serves a collector until the test ends.
func New(t testing.TB) *Collector {
	t.Helper()
	c := &Collector{figures: map[string]float64{}}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	c.URL = server.URL
	return c
}

// ServeHTTP implements [http.Handler].
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || r.Header.Get("Content-Type") != "application/x-protobuf" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch r.URL.Path {
	case "/v1/traces":
		err = c.takeTraces(body)
	case "/v1/metrics":
		err = c.takeMetrics(body)
	default:
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

func (c *Collector) takeTraces(body []byte) error {
	var request traces.ExportTraceServiceRequest
	if err := proto.Unmarshal(body, &request); err != nil {
		return err
	}
	c.text.WriteString(request.String())
	for _, process := range request.ResourceSpans {
		service := attributes(process.Resource.Attributes)["service.name"]
		for _, scope := range process.ScopeSpans {
			for _, s := range scope.Spans {
				span := Span{
					Service: service, Name: s.Name, Trace: hex.EncodeToString(s.TraceId), ID: hex.EncodeToString(s.SpanId),
					Parent: hex.EncodeToString(s.ParentSpanId), Attributes: attributes(s.Attributes), Failed: s.Status.GetCode() == 2,
				}
				for _, link := range s.Links {
					span.Links = append(span.Links, hex.EncodeToString(link.TraceId))
				}
				c.spans = append(c.spans, span)
			}
		}
	}
	return nil
}

func (c *Collector) takeMetrics(body []byte) error {
	var request metrics.ExportMetricsServiceRequest
	if err := proto.Unmarshal(body, &request); err != nil {
		return err
	}
	c.text.WriteString(request.String())
	for _, process := range request.ResourceMetrics {
		for _, scope := range process.ScopeMetrics {
			for _, m := range scope.Metrics {
				sum := 0.0
				for _, p := range m.GetSum().GetDataPoints() {
					sum += p.GetAsDouble()
				}
				for _, p := range m.GetGauge().GetDataPoints() {
					sum += p.GetAsDouble()
				}
				c.figures[m.Name] = sum
			}
		}
	}
	return nil
}

func attributes(of []*v1.KeyValue) map[string]string {
	all := map[string]string{}
	for _, a := range of {
		all[a.Key] = strings.Trim(strings.TrimPrefix(fmt.Sprint(a.Value), "string_value:"), `"`)
	}
	return all
}

// Spans are all that came.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

// Figure is the newest value of a metric, summed over its labels; false where none came.
func (c *Collector) Figure(name string) (float64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	value, came := c.figures[name]
	return value, came
}

// Text is all that came, as text.
func (c *Collector) Text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

// Connected is what is wrong with some spans as the trace of one departure: a parent that never came,
// or a trace that nothing links to the others.
func Connected(spans []Span) []string {
	var wrong []string
	ids := map[string]bool{}
	group := map[string]string{} // of a trace: a trace that it hangs together with
	var root func(string) string
	root = func(trace string) string {
		if group[trace] == "" || group[trace] == trace {
			return trace
		}
		return root(group[trace])
	}
	for _, s := range spans {
		ids[s.Trace+s.ID] = true
		if group[s.Trace] == "" {
			group[s.Trace] = s.Trace
		}
	}
	for _, s := range spans {
		if s.Parent != "" && !ids[s.Trace+s.Parent] {
			wrong = append(wrong, fmt.Sprintf("%s %q has a parent that did not come", s.Service, s.Name))
		}
		for _, link := range s.Links {
			if group[link] == "" {
				wrong = append(wrong, fmt.Sprintf("%s %q is linked to a trace that did not come", s.Service, s.Name))
				continue
			}
			group[root(s.Trace)] = root(link)
		}
	}
	apart := map[string][]string{}
	for _, s := range spans {
		at := root(s.Trace)
		apart[at] = append(apart[at], s.Name)
	}
	if len(apart) != 1 {
		wrong = append(wrong, fmt.Sprintf("the spans are %d groups that nothing connects: %v", len(apart), slices.Collect(maps.Values(apart))))
	}
	return wrong
}

// Hanging is the URL of a collector that takes every request and answers none, until the test ends.
func Hanging(t testing.TB) string {
	t.Helper()
	over := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-over
	}))
	t.Cleanup(func() { close(over); server.Close() })
	return server.URL
}
