package replay_test

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"leaver/events"
	"leaver/functions/replay"
	"leaver/functions/signout"
	"leaver/shared/bus"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
	"leaver/shared/worker/steptest"
)

const adele = "adele.vance@contoso.com"

type fixture struct {
	*steptest.Harness
	c        *offboarding.Case
	worker   *worker.Worker
	replayer *replay.Replayer
}

// parked is a house where signout was refused for good.
func parked(t *testing.T) *fixture {
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Faults = []simtenant.Fault{{Operation: "PATCH /users/{id}", Status: http.StatusForbidden}}
	})
	x := &fixture{Harness: h}
	x.c = h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	x.worker = h.Worker(offboarding.StepSignout, signout.New(h.Graph, rand.Reader))
	h.Bus.HandOut(t.Context(), "signout", x.worker.Handle)
	x.replayer = &replay.Replayer{Ledger: h.Ledger, Bus: h.Sender("replay"), Now: h.Now, Log: h.Logger()}
	h.Advance(time.Hour)
	return x
}

func (x *fixture) replay(t *testing.T, s replay.Selection) []replay.Item {
	t.Helper()
	items, err := x.replayer.Replay(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return items
}

func TestWhatWasParkedIsListedAndNothingSent(t *testing.T) {
	t.Parallel()
	x := parked(t)
	published := len(x.Bus.Messages())
	for _, s := range []replay.Selection{{}, {All: true, Preview: true}, {Step: "signout", Preview: true}, {Case: x.c.ID, Preview: true}} {
		items := x.replay(t, s)
		if len(items) != 1 || items[0].Case != x.c.ID || items[0].Reason == "" || items[0].Age != time.Hour || items[0].Attempts != 1 || items[0].Sent {
			t.Errorf("%+v: %+v", s, items)
		}
	}
	if items := x.replay(t, replay.Selection{Step: "block"}); len(items) != 0 {
		t.Errorf("block has nothing parked: %+v", items)
	}
	if len(x.Bus.Messages()) != published || len(letters(t, x.Harness, "signout")) != 1 {
		t.Error("listing sent something")
	}
}

func TestAReplayedStepWorksAgainUnderANewNumber(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]replay.Selection{"step": {Step: "signout"}, "all": {All: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := parked(t)
			x.Tenant.Edit(func(w *simtenant.World) { w.Faults = nil })
			before := x.Record(t, x.c.ID, offboarding.StepSignout).N
			if items := x.replay(t, s); len(items) != 1 || !items[0].Sent {
				t.Fatalf("%+v", items)
			}
			record := x.Record(t, x.c.ID, offboarding.StepSignout)
			all := x.Bus.Messages()
			last := all[len(all)-1]
			if record.State != offboarding.StatePlanned || record.N != before+1 || last.Subject != "signout" || len(letters(t, x.Harness, "signout")) != 0 {
				t.Fatalf("%+v, last message %s", record, last.ID)
			}
			if record := x.Settle(t, x.c.ID, x.worker); record.State != offboarding.StateEffective {
				t.Errorf("%s: %s; want effective", record.State, record.Reason)
			}
		})
	}
}

func TestB16ACancelledCaseIsNotReplayed(t *testing.T) {
	t.Parallel()
	x := parked(t)
	if _, err := x.Ledger.Cancel(t.Context(), ledger.Cancellation{Tenant: x.TenantID(), Leaver: x.c.Leaver, Request: "req-2", EventTime: x.Now()}); err != nil {
		t.Fatal(err)
	}
	items := x.replay(t, replay.Selection{All: true})
	if len(items) != 1 || items[0].Sent || !strings.Contains(items[0].Refused, "cancelled") {
		t.Errorf("%+v", items)
	}
	if items := x.replay(t, replay.Selection{All: true, Discard: true}); len(items) != 1 || !items[0].Discarded || len(letters(t, x.Harness, "signout")) > 0 {
		t.Errorf("%+v", items)
	}
}

// TestWhatIsStillToBeDoneIsNotDiscarded: a parked step is sent or signed off.
func TestWhatIsStillToBeDoneIsNotDiscarded(t *testing.T) {
	t.Parallel()
	x := parked(t)
	if items := x.replay(t, replay.Selection{All: true, Discard: true}); len(items) != 1 || items[0].Discarded || !strings.Contains(items[0].Refused, "sign-off") || len(letters(t, x.Harness, "signout")) != 1 {
		t.Errorf("%+v", items)
	}
}

func TestAManualStepOfACaseIsReplayed(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, "megan.bowen@contoso.com", offboarding.Options{}, offboarding.DefaultPolicy())
	h.Settle(t, c.ID, h.Worker(offboarding.StepSignout, signout.New(h.Graph, rand.Reader)))
	r := &replay.Replayer{Ledger: h.Ledger, Bus: h.Sender("replay"), Now: h.Now, Log: h.Logger()}
	items, err := r.Replay(t.Context(), replay.Selection{Case: c.ID})
	if err != nil || len(items) != 1 || !items[0].Sent || items[0].Step != "signout" {
		t.Fatalf("%+v, %v", items, err)
	}
	if state := h.Record(t, c.ID, offboarding.StepSignout).State; state != offboarding.StatePlanned {
		t.Errorf("signout is %s", state)
	}
}

func TestDeadLettersThatLeadNowhereSayWhy(t *testing.T) {
	t.Parallel()
	x := parked(t)
	foreign, err := bus.Step{Tenant: x.TenantID(), Case: "nobody-1", PlanVersion: 1, Step: "signout", N: 1, Leaver: "x"}.Message(time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range [][]byte{[]byte("hello"), foreign.Body, letters(t, x.Harness, "signout")[0].Body} {
		x.Bus.Park("signout", bus.Message{Body: body}, "test", "test")
	}
	items := x.replay(t, replay.Selection{All: true})
	if len(items) != 4 || !items[0].Sent {
		t.Fatalf("%+v", items)
	}
	for _, item := range items[1:] {
		if item.Sent || item.Refused == "" {
			t.Errorf("%+v", item)
		}
	}
	if _, err := x.replayer.Replay(t.Context(), replay.Selection{Step: "promote"}); err == nil {
		t.Error("an unknown step was taken")
	}
}

func TestAnEventIsPublishedAgain(t *testing.T) {
	t.Parallel()
	x := parked(t)
	webhook, err := events.Files.ReadFile("terminated-none.json")
	if err != nil {
		t.Fatal(err)
	}
	kept := x.Message(t, x.c.ID, offboarding.StepSignout)
	for name, event := range map[string]json.RawMessage{"a webhook body": webhook, "a step message": kept.Body} {
		before := len(x.Bus.Messages())
		items := x.replay(t, replay.Selection{Event: event, Preview: true})
		if len(items) != 1 || items[0].Sent || len(x.Bus.Messages()) != before {
			t.Errorf("%s, preview: %+v", name, items)
		}
		if items := x.replay(t, replay.Selection{Event: event}); len(items) != 1 || !items[0].Sent || len(x.Bus.Messages()) != before+1 {
			t.Errorf("%s: %+v", name, items)
		}
	}
	if _, err := x.replayer.Replay(t.Context(), replay.Selection{Event: json.RawMessage(`{"hello":1}`)}); err == nil {
		t.Error("an event that is none was taken")
	}
}

// TestAStepThatWaitsLooksAtOnceWhenItIsNamed: whoever has mended something need not wait for the next look, and how
// long the step has waited by now still counts.
func TestAStepThatWaitsLooksAtOnceWhenItIsNamed(t *testing.T) {
	t.Parallel()
	for name, unkind := range map[string]func(*simtenant.World){
		"waiting": func(w *simtenant.World) { w.ReadLag = time.Minute },
		"retrying": func(w *simtenant.World) {
			w.Faults = []simtenant.Fault{{Operation: "PATCH /users/{id}", Status: http.StatusServiceUnavailable}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			h.Tenant.Edit(unkind)
			c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
			w := h.Worker(offboarding.StepSignout, signout.New(h.Graph, rand.Reader))
			before, _ := h.Step(t, c.ID, w)
			h.Tenant.Edit(func(w *simtenant.World) { w.Faults, w.ReadLag = nil, 0 })
			replayer := &replay.Replayer{Ledger: h.Ledger, Bus: h.Sender("replay"), Now: h.Now, Log: h.Logger()}
			items, err := replayer.Replay(t.Context(), replay.Selection{Case: c.ID, Step: "signout"})
			if err != nil || len(items) != 1 || !items[0].Sent {
				t.Fatalf("%+v, %v; want it sent", items, err)
			}
			record := h.Record(t, c.ID, offboarding.StepSignout)
			if string(record.State) != name || record.N != before.N+1 || record.Due.After(h.Now()) || !record.Since.Equal(before.Since) {
				t.Fatalf("%s, n %d, due %s, since %s; was n %d since %s", record.State, record.N, record.Due, record.Since, before.N, before.Since)
			}
			h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateEffective)
		})
	}
}
