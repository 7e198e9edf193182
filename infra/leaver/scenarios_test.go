package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

// TestScenario plays every scenario of whole departures: the judge of the demo decides.
func TestScenario(t *testing.T) {
	t.Parallel()
	for _, s := range scenarios {
		if s.run != nil {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := command(t, "demo", "--json", "--scenario", s.name, "--latency", "0s")
			if code != 0 {
				t.Fatalf("exit %d: %s\n%s", code, stderr, stdout)
			}
			lines := strings.Split(strings.TrimSpace(stdout), "\n")
			if len(lines) != len(s.departures) {
				t.Fatalf("%d lines for %d departures:\n%s", len(lines), len(s.departures), stdout)
			}
			for i, line := range lines {
				var end struct {
					State    string
					Scenario string
					Why      []string
				}
				want := string(offboarding.CaseComplete)
				if s.departures[i].refused != (offboarding.Rule{}) {
					want = "parked"
				}
				if err := json.Unmarshal([]byte(line), &end); err != nil || end.State != want || end.Scenario != s.name || slices.Contains(end.Why, "") || len(end.Why) == 0 {
					t.Errorf("%s: %v", line, err)
				}
			}
		})
	}
}

// TestScenarioThatOnlySaysSo has a table in which all is well, and a tenant in which nothing was
// done: the demo believes the tenant.
func TestScenarioThatOnlySaysSo(t *testing.T) {
	t.Parallel()
	tenant, err := simtenant.New(simtenant.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []departure{nothingToKeep, shared, held, synchronised} {
		p := &play{scenario: scenario{departures: []departure{d}}, tenant: tenant, view: silent{}, acted: map[string]bool{}}
		s := status{State: string(offboarding.CaseComplete), Leaver: leaverStatus{ID: simtenant.UserID(d.person), UserPrincipalName: d.person}}
		for _, spec := range offboarding.Steps {
			if end := d.end(spec.Name); end != unplanned {
				s.Steps = append(s.Steps, stepStatus{Name: spec.Name, State: end.state, Rule: end.rule})
			}
		}
		ends, err := p.judge(t.Context(), []status{s})
		if err == nil || len(ends) != 1 || ends[0].Why != nil {
			t.Errorf("%s: %v, %+v", d.title, err, ends)
		}
		s.Steps = s.Steps[1:]
		if _, err := p.judge(t.Context(), []status{s}); err == nil || !strings.Contains(err.Error(), "signout") {
			t.Errorf("%s: a step that is missing: %v", d.title, err)
		}
	}
}

// TestScenarioCost holds that the costly departure takes effect, and that its requests are counted.
func TestScenarioCost(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := command(t, "demo", "--scenario", "cost", "--latency", "0s")
	if code != 0 {
		t.Fatalf("exit %d: %s\n%s", code, stderr, stdout)
	}
	if !strings.Contains(stdout, "\nwhy: ") {
		t.Errorf("no why:\n%s", stdout)
	}
	for _, function := range []string{"plan", "signout", "wipe", "onedrive", "delete", "all"} {
		if !strings.Contains(stdout, "\n"+function+" ") {
			t.Errorf("no figures of %s:\n%s", function, stdout)
		}
	}
}

func TestScenarioThatIsNone(t *testing.T) {
	t.Parallel()
	code, _, stderr := command(t, "demo", "--scenario", "nonsense")
	if code != 2 {
		t.Errorf("exit %d", code)
	}
	for _, s := range scenarios {
		if !strings.Contains(stderr, s.name) {
			t.Errorf("it does not name %s: %s", s.name, stderr)
		}
	}
}

// TestScenarioLayoffSaysWhy: its JSON has the shape of the others'.
func TestScenarioLayoffSaysWhy(t *testing.T) {
	t.Parallel()
	ends := everybody([]status{{Steps: []stepStatus{{Name: offboarding.StepDelete, State: offboarding.StateWithheld, Rule: offboarding.B1, Reason: "B1: it anchors"}}}})
	if len(ends) != 1 || ends[0].Scenario != "layoff" || len(ends[0].Why) != 2 || !strings.Contains(ends[0].Why[1], offboarding.B1.Text) {
		t.Errorf("%+v", ends)
	}
}
