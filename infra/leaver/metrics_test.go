package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"leaver/infra/leaver/internal/demo"
	"leaver/infra/leaver/internal/loopback"
	"leaver/infra/resident"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
	"leaver/shared/simtenant"
)

// TestMetricsAfterADeparture asks for the metrics without the operator's token.
func TestMetricsAfterADeparture(t *testing.T) {
	t.Parallel()
	tenant, server, _ := startTenant(t, simtenant.Config{})
	policy := offboarding.DefaultPolicy()
	policy.Grace, policy.Requests = 0, offboarding.RequestsAny
	data := t.TempDir()
	h, err := resident.Open(t.Context(), resident.Options{
		Dir: data, Tenant: demo.TenantOf(server.Connection()), Policy: policy, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- h.Run(ctx) }()
	t.Cleanup(func() { stop(); <-served; _ = h.Close() })
	stopOperator, err := (&loopback.Server{Desk: h.Desk(), Metrics: h.Metrics}).Serve(data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stopOperator() })
	for _, person := range []string{adele, "nobody.here@contoso.com"} {
		if code, _, stderr := command(t, "offboard", "--data", data, "--mailbox", "none", person); code != 0 {
			t.Fatalf("exit %d: %s", code, stderr)
		}
	}
	var end []operator.Status
	eventually(t, "one case is complete, one request parked", 2*time.Minute, func() bool {
		end = stateOf(t, data, "")
		states := map[string]int{}
		for _, s := range end {
			states[s.State]++
		}
		return states[string(offboarding.CaseComplete)] == 1 && states["parked"] == 1
	})
	if err := h.Watch.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	host, err := loopback.Dial(data)
	if err != nil {
		t.Fatal(err)
	}
	code, text := get(t, host.Address()+"/metrics")
	if code != http.StatusOK {
		t.Fatalf("%d: %s", code, text)
	}
	// Each verdict that the ledger holds was counted once.
	counted := map[string]int{}
	for _, s := range end {
		if s.Case == "" {
			continue
		}
		history, err := h.Ledger.History(t.Context(), s.Case)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range history {
			if e.Kind == offboarding.EntrySettled {
				counted[verdictLine(e.Step, e.State)]++
			}
		}
	}
	want := []string{`leaver_cases{state="running"} 0`, `leaver_cases{state="planning"} 0`, "leaver_waits_past_deadline 0", "leaver_frozen 0", `leaver_cases{state="held"} 0`}
	for _, subscription := range []string{"plan", "signout", "delete"} {
		want = append(want, `leaver_queue_depth{subscription="`+subscription+`"} 0`, `leaver_oldest_message_age_seconds{subscription="`+subscription+`"} 0`)
	}
	if counted[verdictLine(offboarding.StepDelete, offboarding.StateEffective)] != 1 {
		t.Errorf("the ledger holds %v", counted)
	}
	for line, n := range counted {
		want = append(want, line+" "+strconv.Itoa(n))
	}
	for _, line := range want {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("the metrics lack %s:\n%s", line, text)
		}
	}
	if lines := strings.Count(text, "\nleaver_verdicts_total{"); lines != len(counted) {
		t.Errorf("%d lines of verdicts, the ledger has %v", lines, counted)
	}
	user, deleted := tenant.DeletedUser(simtenant.UserID(adele))
	if !deleted {
		t.Error("the account is not deleted")
	}
	for _, personal := range []string{user.DisplayName, user.UserPrincipalName, user.ID, "adele", "vance", "nobody.here", "contoso", h.TenantID, end[0].Request, end[1].Request} {
		if strings.Contains(strings.ToLower(text), strings.ToLower(personal)) {
			t.Errorf("the metrics hold %q", personal)
		}
	}
	if code, _ := get(t, host.Address()+"/status"); code != http.StatusUnauthorized {
		t.Errorf("/status without the token: %d", code)
	}
}

func verdictLine(step offboarding.StepName, state offboarding.StepState) string {
	return `leaver_verdicts_total{state="` + string(state) + `",step="` + string(step) + `"}`
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}
