package plan_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/functions/plan"
	"leaver/shared/bus"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

const adele = "adele.vance@contoso.com"

func newPlanner(h *steptest.Harness) *plan.Planner {
	directory, _ := h.As("plan")
	return &plan.Planner{
		Directory: directory, Ledger: h.Ledger, Bus: h.Sender("plan"), Tenant: h.TenantID(),
		Policy: offboarding.DefaultPolicy(), Now: h.Now, Log: h.Logger(),
	}
}

func termination(h *steptest.Harness, id string, e offboarding.Employee) bus.Request {
	return bus.Request{Attempt: 1, Request: offboarding.Request{
		ID: offboarding.RequestID("test", id), Kind: offboarding.Termination, Source: "test",
		EventTime: h.Now(), ReceivedAt: h.Now(), LeavingTime: h.Now(), Employee: e,
	}}
}

func deliver(t *testing.T, h *steptest.Harness, p *plan.Planner, r bus.Request) *steptest.Delivery {
	t.Helper()
	m, err := r.Message(time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	d := h.Delivery(m)
	if err := p.Handle(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	h.Findable(t, r.ID)
	return d
}

func TestThePersonIsFoundByAnyOfTheirNames(t *testing.T) {
	t.Parallel()
	for name, e := range map[string]offboarding.Employee{
		"object id":         {ID: simtenant.UserID(adele)},
		"userPrincipalName": {UserPrincipalName: "Adele.Vance@contoso.com"},
		"mail":              {Mail: adele},
		"employeeId":        {EmployeeID: "E0001"},
		"all of them":       {ID: simtenant.UserID(adele), UserPrincipalName: adele, Mail: adele, EmployeeID: "E0001"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			d := deliver(t, h, newPlanner(h), termination(h, "1", e))
			c, err := h.Ledger.Latest(t.Context(), simtenant.UserID(adele))
			if err != nil || c == nil || !d.Completed {
				t.Fatalf("case %v, completed %t, %v", c, d.Completed, err)
			}
			if c.State(h.Now()) != offboarding.CaseRunning {
				t.Errorf("the case is %s", c.State(h.Now()))
			}
			var subjects []string
			for _, m := range h.Bus.Messages() {
				subjects = append(subjects, m.Subject)
			}
			for _, want := range []string{bus.SubjectTermination, "licence", "delete"} {
				if !strings.Contains(strings.Join(subjects, " "), want) {
					t.Errorf("published %v, wanted %s too", subjects, want)
				}
			}
			for _, m := range h.Bus.Messages() {
				if body := strings.ToLower(string(m.Body)); strings.Contains(body, "adele") {
					t.Errorf("a message names the leaver: %s", body)
				}
			}
		})
	}
}

func TestB15WhatCannotBePlannedIsParkedWithItsReason(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		e      offboarding.Employee
		change func(*plan.Planner)
		reason string
	}{
		{"nobody", offboarding.Employee{UserPrincipalName: "nobody.here@contoso.com"}, nil, "no user"},
		{"several", offboarding.Employee{Mail: "lynne.robbins@contoso.com"}, nil, "2 users"},
		{"protected", offboarding.Employee{UserPrincipalName: adele}, func(p *plan.Planner) { p.Policy.Protected = []string{"ADELE.VANCE@contoso.com"} }, "protect"},
		{"protected by an address that is not the first", offboarding.Employee{UserPrincipalName: adele}, func(p *plan.Planner) { p.Policy.Protected = []string{"a.vance@contoso.com"} }, "protect"},
		{"in a protected group", offboarding.Employee{UserPrincipalName: "emily.braun@contoso.com"}, func(p *plan.Planner) { p.Policy.ProtectedGroups = []string{simtenant.GroupID(simtenant.GroupProject)} }, "protect"},
		{"a name that finds nobody", offboarding.Employee{UserPrincipalName: adele, EmployeeID: "E9999"}, nil, "no user in the tenant has this employeeId"},
		{"a quote in the name finds nobody", offboarding.Employee{Mail: "x' or mail ne '"}, nil, "no user"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			p := newPlanner(h)
			if tt.change != nil {
				tt.change(p)
			}
			r := termination(h, "1", tt.e)
			d := deliver(t, h, p, r)
			record, known, err := h.Ledger.Request(t.Context(), r.ID)
			if err != nil || !known || record.State != ledger.RequestParked || !strings.Contains(record.Reason, tt.reason) {
				t.Fatalf("%+v, %v", record, err)
			}
			if d.DeadSentence != record.Reason {
				t.Errorf("dead-lettered with %q", d.DeadSentence)
			}
			if strings.Contains(record.Reason, "contoso.com") || strings.Contains(strings.ToLower(h.Log()), "contoso.com") {
				t.Errorf("the reason or the log names somebody: %s %s", record.Reason, h.Log())
			}
			personal, err := h.Ledger.Personal(t.Context(), r.ID)
			if _, who := tt.e.Key(); err != nil || personal["userPrincipalName"] != who {
				t.Errorf("the operator cannot see who was meant: %v, %v", personal, err)
			}
			if len(h.Bus.Messages()) > 0 {
				t.Error("something was published")
			}
		})
	}
}

// TestB15ASuccessorWithTheSameNameDoesNotLeave gives the name of somebody who left long ago to
// somebody new, before a request that was parked meanwhile is sent back to work.
func TestB15ASuccessorWithTheSameNameDoesNotLeave(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	r := termination(h, "1", offboarding.Employee{UserPrincipalName: adele})
	h.Advance(40 * 24 * time.Hour)
	h.Tenant.Edit(func(w *simtenant.World) { w.Users[simtenant.UserID(adele)].Created = h.Now() })
	if d := deliver(t, h, newPlanner(h), r); !strings.Contains(d.DeadSentence, "created after") {
		t.Errorf("dead-lettered with %q", d.DeadSentence)
	}
	r.Attempt, r.Employee.ID = 2, simtenant.UserID(adele)
	if d := deliver(t, h, newPlanner(h), r); !d.Completed {
		t.Errorf("by object id: dead-lettered with %q", d.DeadSentence)
	}
}

func TestTheGraceOfAParkedRequestBeginsWhenItIsPlanned(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	r := termination(h, "1", offboarding.Employee{UserPrincipalName: adele})
	h.Advance(40 * 24 * time.Hour)
	deliver(t, h, newPlanner(h), r)
	c, err := h.Ledger.Latest(t.Context(), simtenant.UserID(adele))
	if err != nil || c == nil {
		t.Fatal(err)
	}
	if due, want := c.Step(offboarding.StepLicence).Due, h.Now().Add(offboarding.DefaultPolicy().Grace); !due.Equal(want) {
		t.Errorf("the licence goes at %s, wanted %s", due, want)
	}
}

// TestB16AProtectedAccountsDepartureIsCancelled protects an account while its departure is on
// its way: that is no reason to refuse the cancellation.
func TestB16AProtectedAccountsDepartureIsCancelled(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	p := newPlanner(h)
	deliver(t, h, p, termination(h, "1", offboarding.Employee{UserPrincipalName: adele}))
	p.Policy.Protected = []string{adele}
	cancellation := termination(h, "2", offboarding.Employee{ID: simtenant.UserID(adele)})
	cancellation.Kind = offboarding.Cancellation
	d := deliver(t, h, p, cancellation)
	if c, err := h.Ledger.Latest(t.Context(), simtenant.UserID(adele)); err != nil || c == nil || c.Cancelled == nil {
		t.Errorf("the departure goes on: %v, %q", err, d.DeadSentence)
	}
}

func TestTheSameRequestTwiceIsOneCase(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	p := newPlanner(h)
	r := termination(h, "1", offboarding.Employee{UserPrincipalName: adele})
	deliver(t, h, p, r)
	published := len(h.Bus.Messages())
	h.Advance(time.Hour)
	if d := deliver(t, h, p, r); !d.Completed || len(h.Bus.Messages()) != published {
		t.Errorf("completed %t, %d messages more", d.Completed, len(h.Bus.Messages())-published)
	}
}

func TestAnotherRequestJoinsTheOpenCase(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	p := newPlanner(h)
	deliver(t, h, p, termination(h, "1", offboarding.Employee{UserPrincipalName: adele}))
	h.Advance(time.Minute)
	later := termination(h, "2", offboarding.Employee{EmployeeID: "E0001"})
	later.LeavingTime = h.Now().Add(48 * time.Hour)
	deliver(t, h, p, later)
	all, _, err := h.Ledger.AllCases(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatalf("%d cases, %v", len(all), err)
	}
	c := all[0]
	if c.Plan.Version != 2 || !c.Plan.LeavingTime.Equal(later.LeavingTime) || !c.Published() || len(c.Requests) != 2 {
		t.Errorf("%+v", c.Plan)
	}
	last := h.Bus.Messages()[len(h.Bus.Messages())-1]
	if last.Subject != bus.SubjectTermination || !last.At.Equal(later.LeavingTime) {
		t.Errorf("the termination is %s at %s", last.ID, last.At)
	}
}

func TestACrashAnywhereIsResumed(t *testing.T) {
	t.Parallel()
	crash := errors.New("the process was killed")
	for publications := range 4 {
		h := steptest.New(t)
		p := newPlanner(h)
		p.Bus = &failing{Publisher: h.Bus, after: publications, err: crash}
		r := termination(h, "1", offboarding.Employee{UserPrincipalName: adele})
		m, err := r.Message(time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Handle(t.Context(), h.Delivery(m)); publications < 3 && !errors.Is(err, crash) {
			t.Fatalf("publication %d did not fail: %v", publications, err)
		}
		p.Bus = h.Bus
		if d := deliver(t, h, p, r); !d.Completed {
			t.Errorf("not completed after a crash at publication %d", publications)
		}
		all, _, err := h.Ledger.AllCases(t.Context())
		if err != nil || len(all) != 1 || !all[0].Published() || len(h.Bus.Messages()) != 3 {
			t.Errorf("crash at publication %d: %d cases, %d messages, %v", publications, len(all), len(h.Bus.Messages()), err)
		}
	}
}

// failing publishes some messages and then fails, as a process that is killed does.
type failing struct {
	bus.Publisher
	after int
	err   error
}

func (f *failing) Publish(ctx context.Context, m bus.Message) (bool, error) {
	if f.after--; f.after < 0 {
		return false, f.err
	}
	return f.Publisher.Publish(ctx, m)
}

func TestATenantThatIsAwayIsAskedAgain(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	p := newPlanner(h)
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Faults = append(w.Faults, simtenant.Fault{Operation: "*", Status: http.StatusTooManyRequests, RetryAfter: 9 * time.Second, Times: 1})
	})
	r := termination(h, "1", offboarding.Employee{UserPrincipalName: adele})
	if d := deliver(t, h, p, r); !d.Completed {
		t.Fatal("the message was not completed")
	}
	again := h.Bus.Messages()
	if len(again) != 1 || again[0].Entity != bus.Queue || again[0].At.Sub(h.Now()) < 9*time.Second {
		t.Fatalf("%+v", again)
	}
	next, err := bus.DecodeRequest(again[0].Body)
	if err != nil || next.Attempt != 2 {
		t.Fatalf("%+v, %v", next, err)
	}
	h.Advance(10 * time.Second)
	if d := deliver(t, h, p, next); !d.Completed {
		t.Error("the second try was not completed")
	}
	if c, _ := h.Ledger.Latest(t.Context(), simtenant.UserID(adele)); c == nil {
		t.Error("there is no case")
	}
}

func TestTheBudgetOfARequestEnds(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Faults = append(w.Faults, simtenant.Fault{Operation: "*", Status: http.StatusServiceUnavailable})
	})
	r := termination(h, "1", offboarding.Employee{UserPrincipalName: adele})
	h.Advance(25 * time.Hour)
	if d := deliver(t, h, newPlanner(h), r); d.DeadReason == "" {
		t.Error("it was not parked")
	}
}

func TestB16ACancellationWinsHoweverItArrives(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		first     offboarding.Kind
		state     offboarding.CaseState
		cancelled time.Duration // of the cancellation's event after the request's
	}{
		{"after the request", offboarding.Termination, offboarding.CaseCancelled, time.Minute},
		{"overtaking the request", offboarding.Cancellation, offboarding.CaseCancelled, time.Minute},
		{"older than the request and late", offboarding.Termination, offboarding.CaseRunning, -time.Minute},
		{"older than the request and in order", offboarding.Cancellation, offboarding.CaseRunning, -time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			p := newPlanner(h)
			request := termination(h, "1", offboarding.Employee{UserPrincipalName: adele})
			cancellation := termination(h, "2", offboarding.Employee{UserPrincipalName: adele})
			cancellation.Kind, cancellation.EventTime = offboarding.Cancellation, request.EventTime.Add(tt.cancelled)
			order := []bus.Request{request, cancellation}
			if tt.first == offboarding.Cancellation {
				order = []bus.Request{cancellation, request}
			}
			for _, r := range order {
				deliver(t, h, p, r)
				deliver(t, h, p, r) // everything comes twice
			}
			c, err := h.Ledger.Latest(t.Context(), simtenant.UserID(adele))
			if err != nil || c == nil || c.State(h.Now()) != tt.state {
				t.Errorf("%+v, %v", c, err)
			}
			if tt.state == offboarding.CaseCancelled && tt.first == offboarding.Cancellation && len(h.Bus.Messages()) > 0 {
				t.Error("a cancelled departure published messages")
			}
			late := tt.state == offboarding.CaseRunning && tt.first == offboarding.Termination
			record, _, err := h.Ledger.Request(t.Context(), cancellation.ID)
			if refused := record.State == ledger.RequestParked; err != nil || refused != late || refused && !strings.Contains(record.Reason, "case "+c.ID+" is running and newer") {
				t.Errorf("the cancellation is %s (%s), %v; want it refused: %t", record.State, record.Reason, err, late)
			}
		})
	}
}

// TestB16ARenamedLeaversDepartureIsCancelled cancels by the name that the termination came by.
func TestB16ARenamedLeaversDepartureIsCancelled(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	p := newPlanner(h)
	who := offboarding.Employee{UserPrincipalName: adele}
	deliver(t, h, p, termination(h, "1", who))
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Users[simtenant.UserID(adele)].UserPrincipalName = "adele.vance-lee@contoso.com"
	})
	cancellation := termination(h, "2", who)
	cancellation.Kind = offboarding.Cancellation
	d := deliver(t, h, p, cancellation)
	if c, err := h.Ledger.Latest(t.Context(), simtenant.UserID(adele)); err != nil || c == nil || c.Cancelled == nil {
		t.Errorf("the departure goes on: %v, %q", err, d.DeadSentence)
	}
}

// TestB16ACancellationWinsAlsoOverASecondDeparture lets one overtake its request when the leaver has
// a departure behind them, of which it cancels nothing.
func TestB16ACancellationWinsAlsoOverASecondDeparture(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	p := newPlanner(h)
	who := offboarding.Employee{UserPrincipalName: adele}
	deliver(t, h, p, termination(h, "1", who))
	first, err := h.Ledger.Latest(t.Context(), simtenant.UserID(adele))
	if err != nil || first == nil {
		t.Fatal(err)
	}
	h.Advance(31 * 24 * time.Hour)
	for _, step := range first.Plan.Steps {
		h.Step(t, first.ID, h.Worker(step.Name, effective{}))
	}
	h.Advance(time.Hour)
	request := termination(h, "2", who)
	h.Advance(time.Minute)
	cancellation := termination(h, "3", who)
	cancellation.Kind = offboarding.Cancellation
	if d := deliver(t, h, p, cancellation); !strings.Contains(d.DeadSentence, first.ID+" is complete") {
		t.Errorf("the cancellation is parked with %q", d.DeadSentence)
	}
	deliver(t, h, p, request)
	if c, err := h.Ledger.Latest(t.Context(), simtenant.UserID(adele)); err != nil || c.State(h.Now()) != offboarding.CaseCancelled {
		t.Errorf("%s is %s, %v", c.ID, c.State(h.Now()), err)
	}
	lockedOut(t, h)
}

// effective is a step that finds everything done.
type effective struct{}

func (effective) Work(context.Context, *offboarding.Job) error { return nil }

// TestRequestsUnderFaults lets requests come twice, out of order, lost or with the host killed
// around their settling: there is one case, published whole, whatever happens.
func TestRequestsUnderFaults(t *testing.T) {
	t.Parallel()
	for name, fault := range steptest.Faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			handle := fault(newPlanner(h).Handle)
			for _, id := range []string{"1", "2"} {
				m, err := termination(h, id, offboarding.Employee{UserPrincipalName: adele}).Message(time.Time{})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := h.Bus.Publish(t.Context(), m); err != nil {
					t.Fatal(err)
				}
			}
			h.Drain(t, map[string]steptest.Handler{"plan": handle})
			all, _, err := h.Ledger.AllCases(t.Context())
			if err != nil || len(all) != 1 || !all[0].Published() || len(all[0].Requests) != 2 {
				t.Fatalf("%d cases, %v", len(all), err)
			}
			ids := map[string]int{}
			for _, m := range h.Bus.Messages() {
				ids[m.Subject]++
			}
			if ids[bus.SubjectTermination] != all[0].Plan.Version || ids["delete"] != all[0].Plan.Version {
				t.Errorf("plan version %d, published %v", all[0].Plan.Version, ids)
			}
		})
	}
}

// TestThreat4AnAliasDoesNotDecideWhoIsMeant gives the address of somebody who left to a colleague, as
// is usual after a departure: a request by that address used to lock out the colleague.
func TestThreat4AnAliasDoesNotDecideWhoIsMeant(t *testing.T) {
	t.Parallel()
	const bob = "bob.leaver@contoso.com"
	for name, tt := range map[string]struct {
		e       offboarding.Employee
		planned bool
	}{
		"by the alias alone":                  {e: offboarding.Employee{Mail: bob}},
		"by the alias and a name that agrees": {e: offboarding.Employee{Mail: bob, EmployeeID: "E0001"}, planned: true},
		"by the primary address":              {e: offboarding.Employee{Mail: adele}, planned: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			h.Tenant.Edit(func(w *simtenant.World) {
				u := w.Users[simtenant.UserID(adele)]
				u.ProxyAddresses = append(u.ProxyAddresses, "smtp:"+bob)
			})
			d := deliver(t, h, newPlanner(h), termination(h, "1", tt.e))
			c, err := h.Ledger.Latest(t.Context(), simtenant.UserID(adele))
			if err != nil || (c != nil) != tt.planned || len(h.Bus.Messages()) > 0 != tt.planned {
				t.Errorf("planned %t, want %t: %q, %v", c != nil, tt.planned, d.DeadSentence, err)
			}
			if !tt.planned && (!strings.Contains(d.DeadSentence, "object id") || !strings.Contains(d.DeadSentence, simtenant.UserID(adele))) {
				t.Errorf("dead-lettered with %q, want the account named, and what to send", d.DeadSentence)
			}
			if tt.planned {
				lockedOut(t, h, simtenant.UserID(adele))
			} else {
				lockedOut(t, h)
			}
		})
	}
}

// TestThreat6ARequestNeverWeakensThePolicy: the mail of a policy that holds it was deleted because a
// webhook said so.
func TestThreat6ARequestNeverWeakensThePolicy(t *testing.T) {
	t.Parallel()
	week, year := 7*24*time.Hour, 365*24*time.Hour
	for name, tt := range map[string]struct {
		policy  func(*offboarding.Policy)
		options offboarding.Options
		reason  string // empty = nothing is held
	}{
		"none for forward":   {options: offboarding.Options{Mailbox: offboarding.None}, reason: "mailbox none"},
		"forward for shared": {policy: func(p *offboarding.Policy) { p.Mailbox = offboarding.Shared }, options: offboarding.Options{Mailbox: offboarding.Forward}, reason: "mailbox forward"},
		"none for a hold of an override": {policy: func(p *offboarding.Policy) {
			p.KeepMail = offboarding.KeepNone
			p.Overrides = []offboarding.Override{{Department: "Sales", Changes: offboarding.Changes{"mailbox": "hold"}}, {Department: "Marketing", Changes: offboarding.Changes{"mailbox": "hold"}}, {Department: "Engineering", Changes: offboarding.Changes{"mailbox": "hold"}}}
		}, options: offboarding.Options{Mailbox: offboarding.None}, reason: "policy's hold"},
		"a shorter forwarding":   {options: offboarding.Options{ForwardFor: &week}, reason: "forwardFor 7d"},
		"a longer forwarding":    {options: offboarding.Options{ForwardFor: &year}},
		"shared for forward":     {options: offboarding.Options{Mailbox: offboarding.Shared}},
		"hold for forward":       {options: offboarding.Options{Mailbox: offboarding.Hold}},
		"what the policy allows": {policy: func(p *offboarding.Policy) { p.Requests = offboarding.RequestsAny }, options: offboarding.Options{Mailbox: offboarding.None}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			h.Tenant.Edit(func(w *simtenant.World) { w.Users[simtenant.UserID(adele)].Department = "Sales" })
			p := newPlanner(h)
			if tt.policy != nil {
				tt.policy(&p.Policy)
			}
			r := termination(h, "1", offboarding.Employee{UserPrincipalName: adele})
			r.Options = tt.options
			d := deliver(t, h, p, r)
			c, err := h.Ledger.Latest(t.Context(), simtenant.UserID(adele))
			if err != nil || c == nil || len(c.Held()) > 0 {
				t.Fatalf("the case is %+v, %q, %v; want it planned, and the lockout not held", c, d.DeadSentence, err)
			}
			for _, step := range []offboarding.StepName{offboarding.StepLicence, offboarding.StepDelete} {
				held := c.HeldStep(step)
				if (len(held) > 0) != (tt.reason != "") || len(held) > 0 && !strings.Contains(held[0].Why, tt.reason) {
					t.Errorf("%s is held by %+v, want %q", step, held, tt.reason)
				}
			}
		})
	}
}

// TestThreat6AnOverrideThatHoldsTheMailboxKeepsTheMail whatever the policy beside it says.
func TestThreat6AnOverrideThatHoldsTheMailboxKeepsTheMail(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	p := newPlanner(h)
	p.Policy.KeepMail, p.Policy.Requests = offboarding.KeepNone, offboarding.RequestsAny
	p.Policy.Overrides = []offboarding.Override{{Department: "Sales", Changes: offboarding.Changes{"mailbox": "hold"}}}
	h.Tenant.Edit(func(w *simtenant.World) { w.Users[simtenant.UserID(adele)].Department = "Sales" })
	r := termination(h, "1", offboarding.Employee{UserPrincipalName: adele})
	r.Options.Mailbox = offboarding.None
	deliver(t, h, p, r)
	c, err := h.Ledger.Latest(t.Context(), simtenant.UserID(adele))
	if err != nil || c == nil || c.Plan.KeepMail != offboarding.KeepHold || c.Step(offboarding.StepPreserve) == nil {
		t.Errorf("the plan is %+v, %v", c, err)
	}
}

// TestWhatTheHRSystemCanDoAtWorst has whoever holds a webhook's secret ask for a departure in every way that a
// request has: licence and account wait for the policy's grace from when it was heard, nothing is kept less than
// the policy keeps unless a person approves, and mail goes to nobody but the managers.
func TestWhatTheHRSystemCanDoAtWorst(t *testing.T) {
	t.Parallel()
	if n := reflect.TypeFor[offboarding.Options]().NumField(); n != 3 {
		t.Fatalf("a request has %d options, and three are tried", n)
	}
	moment, years := time.Second, 5*365*24*time.Hour
	type asked struct {
		off, end time.Duration // from now
		options  offboarding.Options
	}
	var all []asked
	for _, mailbox := range []offboarding.Handling{"", offboarding.Forward, offboarding.Shared, offboarding.Hold, offboarding.None} {
		for _, to := range []string{"", "alex.wilber@contoso.com", "lee.gu@contoso.com", "mallory@fabrikam.com"} {
			for _, lasts := range []*time.Duration{nil, &moment, &years} {
				all = append(all, asked{options: offboarding.Options{Mailbox: mailbox, ForwardTo: to, ForwardFor: lasts}})
			}
		}
	}
	for _, off := range []time.Duration{-years, -time.Hour, time.Hour, years} {
		for _, end := range []time.Duration{0, -years, years} {
			all = append(all, asked{off: off, end: end, options: offboarding.Options{Mailbox: offboarding.None}})
		}
	}
	for _, ask := range all {
		t.Run(fmt.Sprintf("%+v", ask), func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			var managers []string
			h.Tenant.Edit(func(w *simtenant.World) {
				for at := w.Users[simtenant.UserID(adele)].ManagerID; at != "" && !slices.Contains(managers, at); at = w.Users[at].ManagerID {
					managers = append(managers, at)
				}
			})
			p := newPlanner(h)
			r := termination(h, "1", offboarding.Employee{UserPrincipalName: adele})
			r.Options, r.LeavingTime = ask.options, h.Now().Add(ask.off)
			if ask.end != 0 {
				r.EndOfEmployment = h.Now().Add(ask.end)
			}
			heard := r.ReceivedAt
			d := deliver(t, h, p, r)
			c, err := h.Ledger.Latest(t.Context(), simtenant.UserID(adele))
			if err != nil {
				t.Fatal(err)
			}
			if c == nil {
				if d.DeadSentence == "" {
					t.Error("nothing is planned, and nobody is told why")
				}
				return
			}
			keeps := []offboarding.Handling{offboarding.None, offboarding.Forward, offboarding.Shared, offboarding.Hold}
			less := slices.Index(keeps, c.Plan.Mailbox) < slices.Index(keeps, p.Policy.Mailbox)
			for _, step := range []offboarding.StepName{offboarding.StepLicence, offboarding.StepDelete} {
				planned := c.Step(step)
				if planned == nil {
					continue
				}
				if planned.Due.Before(heard.Add(p.Policy.Grace)) {
					t.Errorf("%s is due %s, %s after it was heard; want the grace", step, planned.Due, planned.Due.Sub(heard))
				}
				if less && len(c.HeldStep(step)) == 0 {
					t.Errorf("%s waits for nobody, and the plan keeps less: %s", step, c.Plan.Mailbox)
				}
			}
			if f := c.Plan.Forwarding; f != nil && (f.Address != "" || f.To != "" && !slices.Contains(managers, f.To)) {
				t.Errorf("the mail goes to %+v, and the managers are %q", f, managers)
			}
		})
	}
}
