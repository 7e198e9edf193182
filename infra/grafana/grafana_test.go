// Package grafana holds the dashboard against the metrics that there are.
package grafana_test

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
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

// served is what /metrics serves once something of everything has happened.
func served(t *testing.T) string {
	t.Helper()
	m := telemetry.New()
	m.Success("plan")
	m.Verdict(offboarding.StepBlock, offboarding.StateEffective)
	m.Webhook("bob", "taken")
	m.Reading("bob", "read")
	m.Queue("plan", bus.Depth{})
	m.Cases(map[offboarding.CaseState]int{offboarding.CaseHeld: 0}, 0)
	m.Notice("it", "sent")
	m.ChannelFailing("it", false)
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	return answer.Body.String()
}

func TestTheDashboardShowsEveryMetricAndNoOther(t *testing.T) {
	t.Parallel()
	dashboard, err := os.ReadFile("dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	declared, err := os.ReadFile("../../shared/telemetry/metrics.go")
	if err != nil {
		t.Fatal(err)
	}
	want := names(declared)
	if got := names([]byte(served(t))); !slices.Equal(got, want) {
		t.Errorf("served are %v, and declared %v: let something of each happen in this test", got, want)
	}
	if got := names(dashboard); !slices.Equal(got, want) {
		t.Errorf("it shows %v, and there are %v", got, want)
	}
}

var (
	asked    = regexp.MustCompile(`(?:by \(([a-z, ]+)\) )?\(?(?:rate\()?(leaver_[a-z_]+)(?:\{([a-z]+)=)?`)
	template = regexp.MustCompile(`{{([a-z]+)}}`)
	labelled = regexp.MustCompile(`(?m)^(leaver_[a-z_]+)(?:{(.*)})? `)
	label    = regexp.MustCompile(`([a-z]+)="`)
)

// TestTheDashboardAsksForLabelsThatThereAre: a query by a label that no metric has shows one line for all, and
// no error.
func TestTheDashboardAsksForLabelsThatThereAre(t *testing.T) {
	t.Parallel()
	labels := map[string][]string{}
	for _, line := range labelled.FindAllStringSubmatch(served(t), -1) {
		for _, l := range label.FindAllStringSubmatch(line[2], -1) {
			labels[line[1]] = append(labels[line[1]], l[1])
		}
	}
	text, err := os.ReadFile("dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title, Description string
			Targets            []struct{ Expr, LegendFormat string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	for _, panel := range dashboard.Panels {
		if page, is := strings.CutPrefix(panel.Description, "infra/"); is {
			if _, err := os.Stat("../" + page); err != nil {
				t.Errorf("%s leads to %s: %v", panel.Title, panel.Description, err)
			}
		}
		for _, target := range panel.Targets {
			found := asked.FindStringSubmatch(target.Expr)
			if found == nil {
				t.Errorf("%s: %q asks for nothing", panel.Title, target.Expr)
				continue
			}
			uses := strings.FieldsFunc(found[1]+","+found[3], func(r rune) bool { return r == ',' || r == ' ' })
			for _, named := range template.FindAllStringSubmatch(target.LegendFormat, -1) {
				uses = append(uses, named[1])
			}
			for _, use := range uses {
				if !slices.Contains(labels[found[2]], use) {
					t.Errorf("%s asks %s for the label %s; it has %v", panel.Title, found[2], use, labels[found[2]])
				}
			}
		}
	}
}
