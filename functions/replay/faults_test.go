package replay_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/events"
	"leaver/functions/plan"
	"leaver/functions/replay"
	"leaver/functions/signout"
	"leaver/functions/watch"
	"leaver/shared/bus"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

const grady = "grady.archie@contoso.com"

// office is a house in which signout was refused for two leavers, whose dead letters are with
// the broker, and where everything from then on goes wrong in one way.
type office struct {
	*steptest.Harness
	adele, grady *offboarding.Case
	policy       offboarding.Policy
	ask, minute  steptest.Handler
	handlers     map[string]steptest.Handler
}

func newOffice(t *testing.T, fault steptest.Middleware) *office {
	h := steptest.New(t)
	o := &office{Harness: h, policy: offboarding.DefaultPolicy()}
	o.policy.Requests = offboarding.RequestsAny
	o.refuse(true)
	o.adele = h.Open(t, adele, offboarding.Options{}, o.policy)
	o.grady = h.Open(t, grady, offboarding.Options{}, o.policy)
	step := h.Worker(offboarding.StepSignout, signout.New(h.Graph, rand.Reader))
	h.Bus.HandOut(t.Context(), "signout", step.Handle)

	directory, _ := h.As("plan")
	planner := &plan.Planner{
		Directory: directory, Ledger: h.Ledger, Bus: h.Sender("plan"), Tenant: h.TenantID(),
		Policy: o.policy, Now: h.Now, Log: h.Logger(),
	}
	o.handlers = map[string]steptest.Handler{"signout": fault(step.Handle), "plan": fault(planner.Handle)}
	r := &replay.Replayer{Ledger: h.Ledger, Bus: h.Sender("replay"), Now: h.Now, Log: h.Logger()}
	o.ask = fault(func(ctx context.Context, d bus.Delivery) error {
		var s replay.Selection
		if err := json.Unmarshal(d.Body(), &s); err != nil {
			return err
		}
		items, err := r.Replay(ctx, s)
		if err != nil {
			return err
		}
		for _, item := range items {
			if item.Refused != "" && !strings.Contains(item.Refused, ledger.ErrNotReplayable.Error()) {
				return fmt.Errorf("refused: %s", item.Refused)
			}
		}
		return d.Complete(ctx)
	})
	w := &watch.Watch{Ledger: h.Ledger, Bus: h.Sender("watch"), Now: h.Now, Log: h.Logger()}
	o.minute = fault(func(ctx context.Context, d bus.Delivery) error {
		if err := w.Run(ctx); err != nil {
			return err
		}
		return d.Complete(ctx)
	})
	return o
}

// refuse lets the tenant refuse what signout does, or not any more.
func (o *office) refuse(refuse bool) {
	o.Tenant.Edit(func(w *simtenant.World) {
		w.Faults = nil
		if refuse {
			w.Faults = []simtenant.Fault{{Operation: "PATCH /users/{id}", Status: http.StatusForbidden}}
		}
	})
}

// replay asks until it is answered, as an operator does.
func (o *office) replay(t *testing.T, s replay.Selection) {
	t.Helper()
	body, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	d := o.Delivery(bus.Message{ID: "ask", Body: body})
	for range 20 {
		if _ = o.ask(t.Context(), d); d.Completed {
			return
		}
	}
	t.Fatalf("replay %s was never done", body)
}

// work lets everything that is on its way arrive, and what got lost be found.
func (o *office) work(t *testing.T) {
	t.Helper()
	for range 10 {
		o.Advance(time.Minute)
		_ = o.minute(t.Context(), o.Delivery(bus.Message{ID: "minute"}))
		o.Drain(t, o.handlers)
	}
}

// runs are the verdicts on a leaver's signout, in order, but those that it tries again after
// by itself.
func (o *office) runs(t *testing.T, c *offboarding.Case) string {
	t.Helper()
	history, err := o.Ledger.History(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	var states []string
	for _, e := range history {
		if e.Kind == offboarding.EntrySettled && e.Step == offboarding.StepSignout && e.State.Settled() {
			states = append(states, string(e.State))
		}
	}
	return strings.Join(states, ", ")
}

func (o *office) cancel(t *testing.T, c *offboarding.Case) {
	t.Helper()
	if _, err := o.Ledger.Cancel(t.Context(), ledger.Cancellation{
		Tenant: o.TenantID(), Leaver: c.Leaver, Request: "req-cancel", EventTime: o.Now().Add(time.Second),
	}); err != nil {
		t.Fatal(err)
	}
}

// TestReplayUnderFaults replays while the asking, the messages and the writes go wrong: a step
// runs again exactly as often as it was asked to, nothing is lost, nothing cancelled revives.
func TestReplayUnderFaults(t *testing.T) {
	t.Parallel()
	const parked, again = "parked", "parked, effective"
	all := replay.Selection{All: true}
	tests := []struct {
		name         string
		do           func(*testing.T, *office)
		adele, grady string // verdicts
		left         int    // dead letters; -1 = that depends on the fault
	}{
		{"list", func(t *testing.T, o *office) { o.replay(t, replay.Selection{}) }, parked, parked, 2},
		{"preview", func(t *testing.T, o *office) { o.replay(t, replay.Selection{All: true, Preview: true}) }, parked, parked, 2},
		{"one step", func(t *testing.T, o *office) { o.replay(t, replay.Selection{Step: "signout"}) }, again, again, 0},
		{"one case", func(t *testing.T, o *office) { o.replay(t, replay.Selection{Case: o.adele.ID}) }, again, parked, 1},
		{"one step of one case", func(t *testing.T, o *office) { o.replay(t, replay.Selection{Case: o.grady.ID, Step: "signout"}) }, parked, again, 1},
		{"all", func(t *testing.T, o *office) { o.replay(t, all) }, again, again, 0},
		{"all, in vain, and once more", func(t *testing.T, o *office) {
			o.refuse(true)
			o.replay(t, all)
			o.work(t)
			o.refuse(false)
			o.replay(t, all)
		}, "parked, parked, effective", "parked, parked, effective", 0},
		{"a case without its dead letter", func(t *testing.T, o *office) {
			for _, letter := range letters(t, o.Harness, "signout") {
				if err := o.Bus.Discard(t.Context(), "signout", letter.Key); err != nil {
					t.Fatal(err)
				}
			}
			o.replay(t, replay.Selection{Case: o.adele.ID})
		}, again, parked, 0},
		{"broken off in the middle", func(t *testing.T, o *office) {
			body, _ := json.Marshal(all)
			_ = o.ask(t.Context(), o.Delivery(bus.Message{ID: "ask", Body: body}))
			o.work(t)
			o.replay(t, all)
		}, again, again, 0},
		{"cancelled before", func(t *testing.T, o *office) {
			o.cancel(t, o.adele)
			o.replay(t, all)
		}, parked, again, 1},
		{"broken off in the middle, then cancelled", func(t *testing.T, o *office) {
			body, _ := json.Marshal(all)
			_ = o.ask(t.Context(), o.Delivery(bus.Message{ID: "ask", Body: body}))
			o.cancel(t, o.adele)
			o.work(t)
			o.replay(t, all)
		}, parked, again, -1},
		{"an event of a step", func(t *testing.T, o *office) {
			o.replay(t, replay.Selection{Event: o.Message(t, o.adele.ID, offboarding.StepSignout).Body})
			o.replay(t, all)
			o.replay(t, replay.Selection{Event: o.Message(t, o.adele.ID, offboarding.StepSignout).Body})
		}, again, again, 0},
		{"an event of a cancelled case", func(t *testing.T, o *office) {
			o.cancel(t, o.adele)
			o.replay(t, replay.Selection{Event: o.Message(t, o.adele.ID, offboarding.StepSignout).Body})
		}, parked, parked, 2},
	}
	for _, tt := range tests {
		for name, fault := range steptest.Faults {
			t.Run(tt.name+": "+name, func(t *testing.T) {
				t.Parallel()
				o := newOffice(t, fault)
				o.refuse(false)
				tt.do(t, o)
				o.work(t)
				for _, leaver := range []struct {
					c    *offboarding.Case
					want string
				}{{o.adele, tt.adele}, {o.grady, tt.grady}} {
					if got := o.runs(t, leaver.c); got != leaver.want {
						t.Errorf("signout of %s ran: %s; wanted %s", leaver.c.ID, got, leaver.want)
					}
					// A crash between the change and its record costs one more: nobody knows either.
					if n := o.Tenant.PasswordChanges(leaver.c.Leaver); n > 0 != strings.HasSuffix(leaver.want, "effective") {
						t.Errorf("the password of %s changed %d times", leaver.c.ID, n)
					}
				}
				if left := letters(t, o.Harness, "signout"); tt.left >= 0 && len(left) != tt.left {
					t.Errorf("%d dead letters are left, wanted %d", len(left), tt.left)
				}
			})
		}
	}
}

func letters(t *testing.T, h *steptest.Harness, subscription string) []bus.DeadLetter {
	t.Helper()
	letters, err := h.Bus.DeadLetters(t.Context(), subscription, 100)
	if err != nil {
		t.Fatal(err)
	}
	return letters
}

// TestRequestsAreReplayedUnderFaults replays a parked request, and a kept webhook: they end as
// one case, and a cancellation that came in between wins.
func TestRequestsAreReplayedUnderFaults(t *testing.T) {
	t.Parallel()
	const alex = "alex.wilber@contoso.com"
	webhook, err := events.Files.ReadFile("terminated-none.json")
	if err != nil {
		t.Fatal(err)
	}
	webhook = []byte(strings.ReplaceAll(string(webhook), adele, alex))
	tests := []struct {
		name   string
		parked bool // a request of the day before
		cancel bool
		s      replay.Selection
		state  offboarding.CaseState
	}{
		{"a request", true, false, replay.Selection{Step: "plan"}, offboarding.CaseRunning},
		{"a request among all", true, false, replay.Selection{All: true}, offboarding.CaseRunning},
		{"a request cancelled since", true, true, replay.Selection{Step: "plan"}, offboarding.CaseCancelled},
		{"a kept webhook", false, false, replay.Selection{Event: webhook}, offboarding.CaseRunning},
	}
	for _, tt := range tests {
		for name, fault := range steptest.Faults {
			t.Run(tt.name+": "+name, func(t *testing.T) {
				t.Parallel()
				o := newOffice(t, fault)
				o.refuse(false)
				if tt.parked {
					m, err := bus.Request{Attempt: 1, Request: offboarding.Request{
						ID: offboarding.RequestID("test", "alex"), Kind: offboarding.Termination, Source: "test", EventTime: o.Now(), ReceivedAt: o.Now(), LeavingTime: o.Now(),
						Employee: offboarding.Employee{UserPrincipalName: alex},
					}}.Message(time.Time{})
					if err != nil {
						t.Fatal(err)
					}
					o.Bus.Park("plan", m, "parked", "test")
				}
				if tt.cancel {
					o.cancel(t, &offboarding.Case{Leaver: simtenant.UserID(alex)})
				}
				o.replay(t, tt.s)
				o.work(t)
				all, _, err := o.Ledger.AllCases(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				all = slices.DeleteFunc(all, func(c *offboarding.Case) bool { return c.Leaver != simtenant.UserID(alex) })
				if len(all) != 1 || all[0].State(o.Now()) != tt.state {
					t.Errorf("%+v", all)
				}
				if left := letters(t, o.Harness, "plan"); len(left) > 0 {
					t.Errorf("dead letters are left: %s", left[0].Description)
				}
			})
		}
	}
}
