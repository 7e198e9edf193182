package telemetry_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"leaver/shared/bus"
	"leaver/shared/offboarding"
	"leaver/shared/telemetry"
)

func TestMetricsSayWhatTheyWereTold(t *testing.T) {
	t.Parallel()
	m := telemetry.New()
	m.Webhook("bob", "unverified")
	m.Reading("bob", "unread")
	m.Verdict(offboarding.StepBlock, offboarding.StateWaiting)
	m.Verdict(offboarding.StepBlock, offboarding.StateWaiting)
	m.Verdict(offboarding.StepBlock, offboarding.StateEffective)
	m.Queue("plan", bus.Depth{Active: 9, OldestAge: time.Hour})
	m.Queue("plan", bus.Depth{Active: 4, DeadLetters: 2, OldestAge: 1500 * time.Millisecond})
	m.Cases(map[offboarding.CaseState]int{offboarding.CaseRunning: 7}, 3)
	m.Cases(map[offboarding.CaseState]int{offboarding.CaseRunning: 5, offboarding.CasePlanning: 0}, 1)
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	var got []string
	for line := range strings.Lines(answer.Body.String()) {
		if !strings.HasPrefix(line, "#") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	want := `leaver_backup_age_seconds 0
leaver_cases{state="planning"} 0
leaver_cases{state="running"} 5
leaver_dead_letters{subscription="plan"} 2
leaver_doctor_wrong 0
leaver_frozen 0
leaver_ledger_unproven 0
leaver_oldest_message_age_seconds{subscription="plan"} 1.5
leaver_queue_depth{subscription="plan"} 4
leaver_readings_total{outcome="unread",source="bob"} 1
leaver_verdicts_total{state="effective",step="block"} 1
leaver_verdicts_total{state="waiting",step="block"} 2
leaver_waits_past_deadline 1
leaver_webhooks_total{outcome="unverified",source="bob"} 1`
	if text := strings.Join(got, "\n"); answer.Code != 200 || text != want {
		t.Errorf("%d\n%s", answer.Code, text)
	}
}
