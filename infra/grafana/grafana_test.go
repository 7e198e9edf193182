// Package grafana holds the dashboard against the metrics that there are.
package grafana_test

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"testing"

	"leaver/shared/bus"
	"leaver/shared/offboarding"
	"leaver/shared/telemetry"
)

var metric = regexp.MustCompile(`leaver_[a-z_]+`)

// names are the metrics that a text names, each once.
func names(text []byte) []string {
	all := metric.FindAllString(string(text), -1)
	slices.Sort(all)
	return slices.Compact(all)
}

func TestTheDashboardShowsEveryMetricAndNoOther(t *testing.T) {
	t.Parallel()
	m := telemetry.New()
	m.Success("plan")
	m.Verdict(offboarding.StepBlock, offboarding.StateEffective)
	m.Webhook("bob", "taken")
	m.Queue("plan", bus.Depth{})
	m.Cases(map[offboarding.CaseState]int{offboarding.CaseHeld: 0}, 0)
	m.Notice("it", "sent")
	m.ChannelFailing("it", false)
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	dashboard, err := os.ReadFile("dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	if want, got := names(answer.Body.Bytes()), names(dashboard); !slices.Equal(got, want) {
		t.Errorf("it shows %v, and there are %v", got, want)
	}
	if !json.Valid(dashboard) {
		t.Error("it is not JSON")
	}
}
