package intake_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"leaver/events"
	"leaver/functions/intake"
	"leaver/functions/plan"
	"leaver/shared/bus"
	"leaver/shared/hris"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/worker/steptest"
)

// TestWebhooksUnderFaults sends the webhooks of a departure as an HR system does, until each is
// answered 202, while webhooks, requests and writes go wrong on their way through intake and
// plan: they end as one case, and every 202 was true.
func TestWebhooksUnderFaults(t *testing.T) {
	t.Parallel()
	const termination, cancellation = "terminated-none.json", "cancelled.json"
	tests := []struct {
		name     string
		webhooks []string
		state    offboarding.CaseState
	}{
		{"a termination", []string{termination}, offboarding.CaseRunning},
		{"and its cancellation", []string{termination, cancellation}, offboarding.CaseCancelled},
		{"a cancellation that came first", []string{cancellation, termination}, offboarding.CaseCancelled},
	}
	for _, tt := range tests {
		for name, fault := range steptest.Faults {
			t.Run(tt.name+": "+name, func(t *testing.T) {
				t.Parallel()
				h := steptest.New(t)
				send, handle := fault(newHRSystem(t, h).send), fault(newPlanner(h).Handle)
				for range 2 { // and all of it once more, late
					for _, file := range tt.webhooks {
						sendUntilTaken(t, h, send, file)
					}
					h.Drain(t, map[string]steptest.Handler{"plan": handle})
				}
				cases, _, err := h.Ledger.AllCases(t.Context())
				if err != nil || len(cases) != 1 || cases[0].State(h.Now()) != tt.state {
					t.Fatalf("%+v, %v", cases, err)
				}
				requests, _, err := h.Ledger.Requests(t.Context())
				if err != nil || len(requests) != len(tt.webhooks) {
					t.Errorf("%d requests, %v", len(requests), err)
				}
				for _, r := range requests {
					if r.Case != cases[0].ID || r.State == ledger.RequestParked {
						t.Errorf("the %s is %s, case %q", r.Kind, r.State, r.Case)
					}
				}
				if letters, _ := h.Bus.DeadLetters(t.Context(), "plan", 1); len(letters) > 0 {
					t.Errorf("parked: %s", letters[0].Description)
				}
			})
		}
	}
}

// hrSystem sends webhooks to intake.
type hrSystem struct {
	t  *testing.T
	h  *steptest.Harness
	in *intake.Intake
}

func newHRSystem(t *testing.T, h *steptest.Harness) *hrSystem {
	t.Helper()
	sources, err := hris.New(hris.Standard(events.Secret))
	if err != nil {
		t.Fatal(err)
	}
	return &hrSystem{t, h, &intake.Intake{Sources: sources, Bus: h.Sender("intake"), Now: h.Now, Log: h.Logger()}}
}

func newPlanner(h *steptest.Harness) *plan.Planner {
	directory, _ := h.As("plan")
	policy := offboarding.DefaultPolicy()
	policy.Requests = offboarding.RequestsAny
	return &plan.Planner{
		Directory: directory, Ledger: h.Ledger, Bus: h.Sender("plan"), Tenant: h.TenantID(),
		Policy: policy, Now: h.Now, Log: h.Logger(),
	}
}

// send sends one webhook, which is settled by a 202, and holds the answer against the bus.
func (hr *hrSystem) send(ctx context.Context, d bus.Delivery) error {
	w := httptest.NewRecorder()
	hr.in.Handler().ServeHTTP(w, webhook(ctx, hr.t, d.ID(), hr.h.Now(), d.Body()))
	switch {
	case ctx.Err() != nil:
		return ctx.Err() // killed: there was no answer
	case w.Code == http.StatusServiceUnavailable && w.Header().Get("Retry-After") != "":
		return fmt.Errorf("answered %d", w.Code)
	case w.Code != http.StatusAccepted:
		hr.t.Errorf("answered %d %s", w.Code, w.Body)
		return fmt.Errorf("answered %d", w.Code)
	}
	var answer struct{ Request string }
	same, err := hris.Vouched(d.ID(), d.Body(), hr.h.Now())
	if err != nil {
		hr.t.Fatal(err)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.Request != same.ID {
		hr.t.Errorf("answered %s, %v", w.Body, err)
	}
	kept := 0
	for _, m := range hr.h.Bus.Messages() {
		if r, err := bus.DecodeRequest(m.Body); err == nil && m.Entity == bus.Queue && r.ID == answer.Request && r.Attempt == 1 {
			kept++
		}
	}
	if kept != 1 {
		hr.t.Errorf("answered 202 with %d requests on the bus", kept)
	}
	return d.Complete(ctx)
}

func sendUntilTaken(t *testing.T, h *steptest.Harness, send steptest.Handler, file string) {
	t.Helper()
	body, err := events.Files.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d := h.Delivery(bus.Message{ID: file, Body: body})
	for range 20 {
		if _ = send(t.Context(), d); d.Completed {
			return
		}
	}
	t.Fatalf("%s was never answered 202", file)
}
