package lambda_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"leaver/shared/bus"
	"leaver/shared/offboarding"
	"leaver/shared/telemetry"
	"leaver/shared/worker/lambda"
)

// emf is a document of the embedded metric format.
type emf struct {
	AWS struct {
		Timestamp         int64
		CloudWatchMetrics []struct {
			Namespace  string
			Dimensions [][]string
			Metrics    []struct{ Name, Unit string }
		}
	} `json:"_aws"`
}

func TestMetricsAreInTheEmbeddedMetricFormat(t *testing.T) {
	var out bytes.Buffer
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	m := &lambda.Metrics{Out: &out, Now: func() time.Time { return now }, Also: telemetry.New()}
	m.Queue("signout", bus.Depth{Active: 3, DeadLetters: 1, OldestAge: 90 * time.Second})
	m.Verdict(offboarding.StepBlock, offboarding.StateParked)
	m.Cases(map[offboarding.CaseState]int{offboarding.CaseRunning: 7}, 2)
	m.Frozen(true)
	m.Unproven(2)
	m.Wrong(3)
	m.ChannelFailing("it", true)
	works := lambda.HandlerFunc(func(context.Context, []byte) ([]byte, error) { return nil, nil })
	fails := lambda.HandlerFunc(func(context.Context, []byte) ([]byte, error) { return nil, errors.New("no") })
	_, _ = m.Measured("watch", works).Invoke(t.Context(), nil)
	_, _ = m.Measured("plan", fails).Invoke(t.Context(), nil)
	want := []map[string]any{
		{"Subscription": "signout", "ActiveMessages": 3.0, "DeadLetters": 1.0, "OldestMessageAge": 90.0},
		{"Step": "block", "State": "parked", "Verdicts": 1.0},
		{"CaseState": "running", "Cases": 7.0},
		{"WaitsPastDeadline": 2.0},
		{"Frozen": 1.0},
		{"Unproven": 2.0},
		{"Wrong": 3.0},
		{"ChannelsFailing": 1.0},
		{"Function": "watch", "Success": 1.0},
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d lines: %s", len(lines), out.String())
	}
	for i, line := range lines {
		var values map[string]any
		var document emf
		if json.Unmarshal([]byte(line), &values) != nil || json.Unmarshal([]byte(line), &document) != nil {
			t.Fatal(line)
		}
		if len(values) != len(want[i])+1 {
			t.Errorf("%s", line)
		}
		for name, value := range want[i] {
			if values[name] != value {
				t.Errorf("%s is %v in %s", name, values[name], line)
			}
		}
		directive := document.AWS.CloudWatchMetrics[0]
		if document.AWS.Timestamp != now.UnixMilli() || directive.Namespace != "Leaver" || len(directive.Dimensions) != 1 || len(directive.Dimensions[0])+len(directive.Metrics) != len(want[i]) {
			t.Errorf("%s", line)
		}
		// Every dimension is a string of the document, and every metric a number of it.
		for _, name := range directive.Dimensions[0] {
			if _, is := values[name].(string); !is {
				t.Errorf("dimension %s of %s", name, line)
			}
		}
		for _, metric := range directive.Metrics {
			if _, is := values[metric.Name].(float64); !is || metric.Unit == "" {
				t.Errorf("metric %s of %s", metric.Name, line)
			}
		}
	} // A collector is told the same.
	w := httptest.NewRecorder()
	m.Also.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	for _, figure := range []string{
		`leaver_queue_depth{subscription="signout"} 3`, `leaver_verdicts_total{state="parked",step="block"} 1`, `leaver_cases{state="running"} 7`,
		"leaver_waits_past_deadline 2", "leaver_frozen 1", "leaver_ledger_unproven 2", "leaver_doctor_wrong 3", `leaver_channel_failing{channel="it"} 1`,
		`leaver_successes_total{function="watch"} 1`,
	} {
		if !strings.Contains(w.Body.String(), figure+"\n") {
			t.Errorf("got %s, want %s in it", w.Body, figure)
		}
	}
}
