package demo

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/worker"
)

// meter counts the requests of each function next to the wire, and when its runs were at work.
type meter struct {
	next http.RoundTripper

	mu      sync.Mutex
	traffic map[string]*traffic // by function
	runs    []span
}

// traffic is what one function asked of its vendors. A batch is one request to Graph, its items
// are counted beside it.
type traffic struct{ graph, items, exchange int }

// span is a time in which a function was at work.
type span struct{ from, to time.Time }

type functionKey struct{}

// around marks the requests of a step as its own; all others are those of plan.
func (m *meter) around(name offboarding.StepName, step worker.Step) worker.Step {
	return metered{step: step, name: name, meter: m}
}

type metered struct {
	step  worker.Step
	name  offboarding.StepName
	meter *meter
}

// Work implements worker.Step.
func (s metered) Work(ctx context.Context, job *offboarding.Job) error {
	from := time.Now()
	defer func() {
		s.meter.mu.Lock()
		defer s.meter.mu.Unlock()
		s.meter.runs = append(s.meter.runs, span{from: from, to: time.Now()})
	}()
	return s.step.Work(context.WithValue(ctx, functionKey{}, string(s.name)), job)
}

// Undo implements worker.Undoer.
func (s metered) Undo(ctx context.Context, job *offboarding.Job) error {
	undoer, can := s.step.(worker.Undoer)
	if !can {
		return offboarding.Manual("the step takes nothing back by itself")
	}
	return undoer.Undo(context.WithValue(ctx, functionKey{}, string(s.name)), job)
}

// RoundTrip implements http.RoundTripper.
func (m *meter) RoundTrip(r *http.Request) (*http.Response, error) {
	items, err := batched(r)
	if err != nil {
		return nil, err
	}
	function, _ := r.Context().Value(functionKey{}).(string)
	m.count(cmp.Or(function, "plan"), r, items)
	return m.next.RoundTrip(r)
}

// count leaves requests for tokens out: they are kept for an hour.
func (m *meter) count(function string, r *http.Request, items int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.traffic[function]
	if t == nil {
		t = &traffic{}
		m.traffic[function] = t
	}
	switch path := r.URL.Path; {
	case strings.HasPrefix(path, "/v1.0/"), strings.HasPrefix(path, "/monitor/"):
		t.graph++
		t.items += items
	case strings.HasPrefix(path, "/adminapi/"):
		t.exchange++
	}
}

// batched is how many requests a batch holds; 0 for what is none.
func batched(r *http.Request) (int, error) {
	if r.Body == nil || !strings.HasSuffix(r.URL.Path, "/$batch") {
		return 0, nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var batch struct{ Requests []json.RawMessage }
	err = json.Unmarshal(body, &batch)
	return len(batch.Requests), err
}

// atWork is how long at least one run was at work.
func (m *meter) atWork() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	slices.SortFunc(m.runs, func(a, b span) int { return a.from.Compare(b.from) })
	var total time.Duration
	var until time.Time
	for _, run := range m.runs {
		if run.from.After(until) {
			until = run.from
		}
		if run.to.After(until) {
			total += run.to.Sub(until)
			until = run.to
		}
	}
	return total
}
