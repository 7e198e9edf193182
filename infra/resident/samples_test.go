package resident_test

import (
	"encoding/json"
	"net/http"
	"os"
	"testing"
	"time"

	"leaver/events"
	"leaver/functions/plan"
	"leaver/infra/resident"
	"leaver/shared/bus"
	"leaver/shared/hris"
	"leaver/shared/objectstore"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// sampledPerson is who leaves in the samples, and sampled when.
const sampledPerson = "irvin.sayers@contoso.com"

var sampled = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func sampleFile(function string) string { return "../../events/" + function + ".json" }

// TestTheSamplesCarryADeparture hands every function its sample, in order: plan opens the case
// that the steps' messages are about.
func TestTheSamplesCarryADeparture(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	policy := offboarding.DefaultPolicy()
	policy.Grace, policy.KeepMail = 0, offboarding.KeepExport // so that every step is planned
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
	steps := resident.Steps(h.Graph, h.Exchange, h.Ledger, objectstore.New(t.TempDir(), nil), policy)
	caseID := simtenant.UserID(sampledPerson) + "-1"
	for _, spec := range offboarding.Steps {
		if spec.Inside {
			continue // no sample is for it: Lambda never runs it
		}
		w := h.Worker(spec.Name, steps[spec.Name])
		if err := w.Handle(t.Context(), first(string(spec.Name))); err != nil {
			t.Fatal(err)
		}
		if record := h.Record(t, caseID, spec.Name); record.N == 1 && record.State == offboarding.StatePlanned {
			t.Errorf("the sample of %s moved nothing", spec.Name)
		}
		if record := h.Settle(t, caseID, w); !record.State.Closed() {
			t.Errorf("%s is %s: %s; want it closed", spec.Name, record.State, record.Reason)
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
