package resident_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"testing"
	"time"

	"leaver/events"
	"leaver/functions/plan"
	"leaver/functions/replay"
	"leaver/infra/resident"
	"leaver/shared/bus"
	"leaver/shared/hris"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

var update = flag.Bool("update", false, "write the samples of the functions in events/ anew")

// sampled is when the samples happen.
var sampled = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

const sampledPerson = "irvin.sayers@contoso.com"

// samples are what events/NAME.json holds, for every function.
func samples(t *testing.T, tenant string) map[string]any {
	t.Helper()
	message := func(m bus.Message, err error) any {
		if err != nil {
			t.Fatal(err)
		}
		return map[string]any{"messages": []json.RawMessage{m.Body}}
	}
	webhook, err := events.Files.ReadFile("terminated-forward.json")
	if err != nil {
		t.Fatal(err)
	}
	signed, err := events.Sign(webhook, "msg_1", sampled)
	if err != nil {
		t.Fatal(err)
	}
	leaver := simtenant.UserID(sampledPerson)
	all := map[string]any{
		"intake": json.RawMessage(signed),
		"plan": message(bus.Request{Attempt: 1, Request: offboarding.Request{
			ID: offboarding.RequestID(hris.SourceStandard, "msg_1"), Kind: offboarding.Termination, Source: hris.SourceStandard,
			EventTime: sampled, ReceivedAt: sampled, LeavingTime: sampled,
			Employee: offboarding.Employee{UserPrincipalName: sampledPerson},
		}}.Message(time.Time{})),
		"watch":  map[string]any{"version": "0", "source": "aws.events", "detail-type": "Scheduled Event", "time": sampled, "detail": map[string]any{}},
		"replay": replay.Selection{Step: "signout", Preview: true},
	}
	for _, spec := range offboarding.Steps {
		all[string(spec.Name)] = message(bus.Step{
			Tenant: tenant, Case: leaver + "-1", PlanVersion: 1, Step: spec.Name, N: 1, Leaver: leaver,
		}.Message(time.Time{}))
	}
	return all
}

func sampleFile(function string) string { return "../../events/" + function + ".json" }

func TestThereIsASampleForEveryFunction(t *testing.T) {
	t.Parallel()
	all := samples(t, simtenant.DefaultTenantID)
	for _, f := range offboarding.Functions() {
		want, err := json.MarshalIndent(all[f.Name], "", "  ")
		if err != nil || all[f.Name] == nil {
			t.Fatalf("%s has no sample: %v", f.Name, err)
		}
		want = append(want, '\n')
		if *update {
			if err := os.WriteFile(sampleFile(f.Name), want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(sampleFile(f.Name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("events/%s.json should hold\n%s(go test ./infra/resident -run Sample -update) %v", f.Name, want, err)
		}
	}
}

// TestTheSamplesCarryADeparture hands every function its sample, in order: plan opens the case
// that the steps' messages are about.
func TestTheSamplesCarryADeparture(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	policy := offboarding.DefaultPolicy()
	policy.Grace = 0
	first := func(function string) *steptest.Delivery {
		t.Helper()
		text, err := os.ReadFile(sampleFile(function))
		if err != nil {
			t.Fatal(err)
		}
		var in struct{ Messages []json.RawMessage }
		if err := json.Unmarshal(text, &in); err != nil || len(in.Messages) != 1 {
			t.Fatalf("%s: %d messages, %v", function, len(in.Messages), err)
		}
		return h.Delivery(bus.Message{ID: function, Body: in.Messages[0]})
	}
	planner := &plan.Planner{
		Directory: h.Graph, Ledger: h.Ledger, Bus: h.Bus, Tenant: h.TenantID(),
		Policy: policy, Now: h.Now, Log: h.Logger(),
	}
	d := first("plan")
	if err := planner.Handle(t.Context(), d); err != nil || !d.Completed {
		t.Fatalf("plan: completed %t, %v, %s", d.Completed, err, d.DeadSentence)
	}
	steps := resident.Steps(h.Graph, h.Exchange, h.Ledger, policy)
	caseID := simtenant.UserID(sampledPerson) + "-1"
	for _, spec := range offboarding.Steps {
		w := h.Worker(spec.Name, steps[spec.Name])
		if err := w.Handle(t.Context(), first(string(spec.Name))); err != nil {
			t.Fatal(err)
		}
		if record := h.Record(t, caseID, spec.Name); record.N == 1 && record.State == offboarding.StatePlanned {
			t.Errorf("the sample of %s moved nothing", spec.Name)
		}
		if record := h.Settle(t, caseID, w); !record.State.Closed() {
			t.Errorf("%s is %s: %s", spec.Name, record.State, record.Reason)
		}
	}
}

// TestTheSampleOfIntakeIsSigned reads the webhook out of the event as intake does.
func TestTheSampleOfIntakeIsSigned(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(sampleFile("intake"))
	if err != nil {
		t.Fatal(err)
	}
	var in struct {
		Headers map[string]string
		Body    string
	}
	if err := json.Unmarshal(text, &in); err != nil {
		t.Fatal(err)
	}
	header := http.Header{}
	for name, v := range in.Headers {
		header.Set(name, v)
	}
	sources, err := hris.New(hris.Standard(events.Secret))
	if err != nil {
		t.Fatal(err)
	}
	source, _ := sources.Source("standard")
	if _, err := source.Receive(hris.Arrival{Header: header, Body: []byte(in.Body), At: sampled}); err != nil {
		t.Error(err)
	}
}
