package demo

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"leaver/infra/leaver/internal/demo/reporttest"
	"leaver/shared/activedirectory/sambatest"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// playing is held while a scenario is played, and taken while its reports are looked at: a browser would
// take the time from departures that have to be locked out within seconds.
var playing sync.RWMutex

// played plays and returns what was printed. It looks at the reports of whatever is played to its end.
func played(t *testing.T, o Options) (string, error) {
	t.Helper()
	var out, log bytes.Buffer
	o.Out, o.Log, o.Reports, o.Busy, o.Record = &out, &log, t.TempDir(), true, steptest.Record()
	playing.RLock()
	err := Play(t.Context(), o)
	playing.RUnlock()
	playing.Lock()
	defer playing.Unlock()
	if err == nil && o.Scenario != "contradiction" { // that one opens no case
		reporttest.Look(t, o.Scenario, o.Reports)
	}
	return out.String(), err
}

// TestScenario plays every scenario of whole departures: the judge of the demo decides.
func TestScenario(t *testing.T) {
	t.Parallel()
	for _, s := range scenarios {
		if s.run != nil {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			if s.directory != nil {
				sambatest.Need(t)
			}
			out, err := played(t, Options{Scenario: s.name, JSON: true})
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			lines := strings.Split(strings.TrimSpace(out), "\n")
			if len(lines) != len(s.departures) {
				t.Fatalf("%d lines for %d departures:\n%s", len(lines), len(s.departures), out)
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

// TestALockoutThatTookTooLongIsAFault, and one that did not happen, but on a machine that is busy.
func TestALockoutThatTookTooLongIsAFault(t *testing.T) {
	t.Parallel()
	tenant, err := simtenant.New(simtenant.Config{})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	for took, fault := range map[time.Duration]bool{time.Second: false, 3 * time.Second: true, 0: true} {
		s := operator.Status{Opened: began}
		if took > 0 {
			at := began.Add(took)
			s.LockedOutAt = &at
		}
		for _, p := range []*play{{tenant: tenant, scenario: scenario{lockout: unkindLockout}}, {tenant: tenant}} {
			said := strings.Contains(strings.Join(p.misses(t.Context(), departure{}, s), "\n"), "locked out after")
			if want := fault && p.lockout > 0; said != want {
				t.Errorf("%s, at most %s: a fault: %t, want %t", took, p.lockout, said, want)
			}
		}
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
		s := operator.Status{State: string(offboarding.CaseComplete), Leaver: operator.Leaver{ID: simtenant.UserID(d.person), UserPrincipalName: d.person}}
		for _, spec := range offboarding.Steps {
			if end := d.end(spec.Name); end != unplanned {
				s.Steps = append(s.Steps, operator.StepStatus{Name: spec.Name, State: end.state, Rule: end.rule})
			}
		}
		ends, err := p.judge(t.Context(), []operator.Status{s})
		if err == nil || len(ends) != 1 || ends[0].Why != nil {
			t.Errorf("%s: %v, %+v", d.title, err, ends)
		}
		s.Steps = s.Steps[1:]
		if _, err := p.judge(t.Context(), []operator.Status{s}); err == nil || !strings.Contains(err.Error(), "signout") {
			t.Errorf("%s: a step that is missing: %v", d.title, err)
		}
	}
}

// TestScenarioCost holds that the costly departure takes effect, and that its requests are counted.
func TestScenarioCost(t *testing.T) {
	t.Parallel()
	stdout, err := played(t, Options{Scenario: "cost"})
	if err != nil {
		t.Fatalf("%v\n%s", err, stdout)
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

// TestScenarioLayoffSaysWhy: its JSON has the shape of the others'.
func TestScenarioLayoffSaysWhy(t *testing.T) {
	t.Parallel()
	ends := everybody([]operator.Status{{Steps: []operator.StepStatus{{Name: offboarding.StepDelete, State: offboarding.StateWithheld, Rule: offboarding.B1, Reason: "B1: it anchors"}}}})
	if len(ends) != 1 || ends[0].Scenario != "layoff" || len(ends[0].Why) != 2 || !strings.Contains(ends[0].Why[1], offboarding.B1.Text) {
		t.Errorf("%+v", ends)
	}
}

// TestScenarioLayoffLosesNobody plays a small one, whose own judge reads the tenant.
func TestScenarioLayoffLosesNobody(t *testing.T) {
	t.Parallel()
	out, err := played(t, Options{Scenario: "layoff", JSON: true, Layoff: Layoff{Users: 60, Leavers: 6, Throttle: 60}})
	if lines := strings.Count(out, "\n"); err != nil || lines != 6 {
		t.Errorf("%v and %d lines, want one for each of 6:\n%s", err, lines, out)
	}
}

// TestScenarioAttackHarmsNobody: its own judge reads the tenant. What it stops is counted.
// What intake answers when more come than it takes is 503: HR systems send again, and so does the layoff.
func TestTheLayoffPostsAgainWhatIntakeDidNotTake(t *testing.T) {
	var asked atomic.Int32
	intake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	defer intake.Close()
	if err := postAll(t.Context(), intake.URL, []string{"adele.vance@contoso.com", "alex.wilber@contoso.com"}); err != nil {
		t.Fatal(err)
	}
	if got := asked.Load(); got != 3 {
		t.Errorf("intake was asked %d times, want 3", got)
	}
}

func TestTheLayoffEndsAtOnceWhereIntakeRefuses(t *testing.T) {
	intake := httptest.NewServer(http.NotFoundHandler())
	defer intake.Close()
	if err := postAll(t.Context(), intake.URL, []string{"adele.vance@contoso.com"}); err == nil {
		t.Error("a webhook that was refused is no error")
	}
}

func TestScenarioAttackHarmsNobody(t *testing.T) {
	t.Parallel()
	out, err := played(t, Options{Scenario: "attack", JSON: true})
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var held []int
	for line := range strings.Lines(out) {
		var s stopped
		if err := json.Unmarshal([]byte(line), &s); err != nil || s.Touched > 0 || len(s.Mended) == 0 {
			t.Errorf("%s: %v; want nobody touched, and what mends it", line, err)
		}
		held = append(held, s.Asked-s.Held)
	}
	if want := []int{0, 3}; len(held) != 3 || !slices.Equal(held[:2], want) {
		t.Errorf("of the stolen secret, the import and the administrator %v go on, want %v and the last ones planned", held, want)
	}
}

// TestScenarioUndoBringsEverybodyBack: its own judge reads the tenant.
func TestScenarioUndoBringsEverybodyBack(t *testing.T) {
	t.Parallel()
	out, err := played(t, Options{Scenario: "undo", JSON: true})
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.Lines(out) {
		var end result
		if err := json.Unmarshal([]byte(line), &end); err != nil || end.State != string(offboarding.CaseUndone) || len(end.Why) == 0 {
			t.Errorf("%s: %v; want it undone, and why", line, err)
		}
	}
}
