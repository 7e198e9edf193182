package steptest

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"leaver/shared/bus"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
)

// Subject is one step under test, with everything to do in one way.
type Subject struct {
	Name offboarding.StepName
	// Case tells the subjects of one step apart.
	Case string
	// New makes the step on the adapters of Harness.As.
	New func(h *Harness) worker.Step
	// Person is the userPrincipalName of somebody for whom the step has everything to do.
	Person  string
	Options offboarding.Options
	Policy  func(*offboarding.Policy)
	// Prepare makes the steps that this one needs effective.
	Prepare func(t *testing.T, h *Harness, c *offboarding.Case)
	// Undoing is what a person does before an undo of the step begins; nil where nobody has to.
	Undoing func(t *testing.T, h *Harness, c *offboarding.Case)
	// Ends is the state in which the step ends; empty is effective.
	Ends offboarding.StepState
	// Check fails the test unless the tenant is as the effective step leaves it.
	Check func(t *testing.T, h *Harness, id string)
	// Hidden reports that something of the leaver is as before the step, which a missing permission
	// did not refuse but hid from it. Nil where every permission refuses.
	Hidden func(h *Harness, id string) bool
	// Administrator is somebody on whom Microsoft refuses the step because of the role Global
	// Administrator, which the step names (B10); empty when nobody is protected from it.
	Administrator string
	// Refusals are Graph operations and cmdlets that, refused with 403, park the step.
	Refusals []string
	// Lagging is set when the effect shows later under read lag.
	Lagging bool
	// Stops says what of the tenant stays as it is with a Graph operation or cmdlet that is refused, by kind and
	// field: "Mailboxes.Protocols Users.Numbers". What changes one field alone needs no word. UndoStops is that for
	// the way back. Where they are nil it is not tried.
	Stops, UndoStops map[string]string
}

func (s Subject) ends() offboarding.StepState { return cmp.Or(s.Ends, offboarding.StateEffective) }

// Run runs the suite over the subjects of one step, and then holds the step's permissions in
// the catalogue against what the subjects need.
func Run(t *testing.T, subjects ...Subject) {
	for _, s := range subjects {
		t.Run(cmp.Or(s.Case, "everything to do"), func(t *testing.T) {
			t.Parallel()
			suite(t, s)
		})
	}
	t.Run("every permission is needed, and no other", func(t *testing.T) {
		t.Parallel()
		leastPrivilege(t, subjects)
	})
}

func suite(t *testing.T, s Subject) {
	tests := []struct {
		name string
		run  func(*testing.T, *fixture)
	}{
		{"effective only when the world is as wanted", effective},
		{"twice equals once", twice},
		{"a stale message changes nothing", stale},
		{"a foreign message is dead-lettered and changes nothing (B15)", foreign},
		{"a cancelled case gets no write (B16)", cancelled},
		{"a cancellation in the middle stops the next write (B16)", cancelledMidway},
		{"a crash at any call changes nothing in the outcome", crash},
		{"a transient error is tried again by a scheduled message", transient},
		{"a refusal parks the step with its reason", refused},
		{"what never answers, or never ends, says where to look", unanswered},
		{"an administrator is refused with the name of the role, at first in the hope of access (B10)", protected},
		{"nothing is written before what was there is kept", unkept},
		{"an accepted but unseen effect is not yet", lagging},
		{"a lease held by another run is respected", leased},
		{"duplicates, reordering, loss and crashes change nothing in the outcome", underFaults},
		{"logs hold no personal data", quiet},
		{"one refusal stops nothing else", alone},
		{"one refusal stops nothing else on the way back", aloneBack},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.run(t, newFixture(t, s))
		})
	}
}

// fixture is one house with the subject's case in it, ready for the step.
type fixture struct {
	*Harness
	s      Subject
	worker *worker.Worker
	c      *offboarding.Case
	id     string // of the leaver
}

func newFixture(t *testing.T, s Subject) *fixture { return newFixtureLacking(t, s, "") }

// newFixtureLacking is a fixture whose step lacks a permission of the catalogue.
func newFixtureLacking(t *testing.T, s Subject, permission string) *fixture {
	h := New(t)
	policy := offboarding.DefaultPolicy()
	if s.Policy != nil {
		s.Policy(&policy)
	}
	x := &fixture{Harness: h, s: s, id: simtenant.UserID(s.Person)}
	x.c = h.Open(t, s.Person, s.Options, policy)
	if s.Prepare != nil {
		s.Prepare(t, h, x.c)
	}
	h.Lacks = permission
	x.worker = h.Worker(s.Name, s.New(h))
	if wait := h.Record(t, x.c.ID, s.Name).Due.Sub(h.Now()); wait > 0 {
		h.Advance(wait)
	}
	return x
}

func effective(t *testing.T, x *fixture) {
	record := x.Settle(t, x.c.ID, x.worker)
	if record.State != x.s.ends() || record.State == offboarding.StateEffective && record.EffectiveAt.IsZero() {
		t.Fatalf("ended %s: %s", record.State, record.Reason)
	}
	if len(record.Calls) == 0 {
		t.Error("no vendor request id was kept as evidence")
	}
	for _, call := range record.Calls {
		if call.RequestID == "" {
			t.Errorf("%s was kept without its request id", call.Operation)
		}
	}
	x.s.Check(t, x.Harness, x.id)
}

func twice(t *testing.T, x *fixture) {
	m := x.Message(t, x.c.ID, x.s.Name)
	x.Settle(t, x.c.ID, x.worker)
	writes := x.Writes()
	d, err := x.Deliver(t.Context(), x.worker, m)
	if err != nil || !d.Completed {
		t.Fatalf("the second delivery: completed %t, %v", d.Completed, err)
	}
	if x.Writes() != writes {
		t.Error("the second delivery wrote to the tenant")
	}
	x.s.Check(t, x.Harness, x.id)
}

func stale(t *testing.T, x *fixture) {
	m := x.Message(t, x.c.ID, x.s.Name)
	if _, err := x.Ledger.Reschedule(t.Context(), x.c.ID, x.s.Name, x.Record(t, x.c.ID, x.s.Name).N, x.Now()); err != nil {
		t.Fatal(err)
	}
	writes := x.Writes()
	d, err := x.Deliver(t.Context(), x.worker, m)
	if err != nil || !d.Completed || x.Writes() != writes {
		t.Errorf("completed %t, %d writes, %v", d.Completed, x.Writes()-writes, err)
	}
}

func foreign(t *testing.T, x *fixture) {
	good := bus.Step{Tenant: x.TenantID(), Case: x.c.ID, PlanVersion: 1, Step: x.s.Name, N: x.Record(t, x.c.ID, x.s.Name).N, Leaver: x.id}
	for name, spoil := range map[string]func(*bus.Step){
		"another tenant":       func(m *bus.Step) { m.Tenant = "5a9b2f0e-0000-4000-8000-000000000000" },
		"an unknown case":      func(m *bus.Step) { m.Case = simtenant.UserID("alex.wilber@contoso.com") + "-1" },
		"another leaver":       func(m *bus.Step) { m.Leaver = simtenant.UserID("alex.wilber@contoso.com") },
		"a plan that is ahead": func(m *bus.Step) { m.PlanVersion = 9 },
		"a number ahead":       func(m *bus.Step) { m.N += 7 },
		"another step":         func(m *bus.Step) { m.Step = "promote" },
		"no leaver at all":     func(m *bus.Step) { m.Leaver = "" },
	} {
		t.Run(name, func(t *testing.T) {
			step := good
			spoil(&step)
			m, err := step.Message(time.Time{})
			must(t, err)
			writes := x.Writes()
			d, err := x.Deliver(t.Context(), x.worker, m)
			if err != nil || d.DeadReason == "" || d.Completed {
				t.Errorf("dead-lettered as %q, completed %t, %v", d.DeadReason, d.Completed, err)
			}
			if x.Writes() != writes {
				t.Error("it wrote to the tenant")
			}
		})
	}
}

func (x *fixture) cancel(t *testing.T) {
	t.Helper()
	_, err := x.cancelCase(t.Context())
	must(t, err)
}

func cancelled(t *testing.T, x *fixture) {
	m := x.Message(t, x.c.ID, x.s.Name)
	x.cancel(t)
	writes := x.Writes()
	d, err := x.Deliver(t.Context(), x.worker, m)
	if err != nil || !d.Completed || x.Writes() != writes {
		t.Errorf("completed %t, %d writes, %v", d.Completed, x.Writes()-writes, err)
	}
	if state := x.Record(t, x.c.ID, x.s.Name).State; state != offboarding.StateCancelled {
		t.Errorf("the step is %s", state)
	}
}

func cancelledMidway(t *testing.T, x *fixture) {
	writes := x.Writes()
	first := true
	x.OnRequest = func(r *http.Request) error {
		if first {
			first = false
			_, err := x.cancelCase(r.Context())
			return err
		}
		return nil
	}
	record, d := x.Step(t, x.c.ID, x.worker)
	if !d.Completed || record.State != offboarding.StateCancelled {
		t.Errorf("completed %t, state %s", d.Completed, record.State)
	}
	if n := x.Writes() - writes; n != 0 {
		t.Errorf("%d writes after the cancellation", n)
	}
	c, err := x.Ledger.Case(t.Context(), x.c.ID)
	must(t, err)
	if state := c.State(x.Now()); state != offboarding.CaseCancelled {
		t.Errorf("the case is %s", state)
	}
}

var errKilled = errors.New("the process was killed")

// crash kills the host just before and just after every call of the step, and starts another
// one when the lease is over.
func crash(t *testing.T, x *fixture) {
	for _, after := range []bool{false, true} {
		for call := 1; ; call++ {
			y := newFixture(t, x.s)
			ctx, kill := context.WithCancel(t.Context())
			n := 0
			count := func(*http.Request) error {
				if n++; n == call {
					kill()
					return errKilled
				}
				return nil
			}
			if after {
				y.OnAnswer = count
			} else {
				y.OnRequest = count
			}
			_, err := y.Deliver(ctx, y.worker, y.Message(t, y.c.ID, y.s.Name))
			killed := ctx.Err() != nil
			kill()
			if !killed {
				break // the step makes fewer calls
			}
			if err == nil {
				t.Fatalf("call %d: a killed run settled its message", call)
			}
			y.OnRequest, y.OnAnswer = nil, nil
			y.Advance(lock + time.Second)
			record := y.Settle(t, y.c.ID, y.worker)
			if record.State != y.s.ends() {
				t.Errorf("killed at call %d (after its effect: %t): ended %s: %s", call, after, record.State, record.Reason)
			}
			y.s.Check(t, y.Harness, y.id)
			if t.Failed() {
				return
			}
		}
	}
}

func transient(t *testing.T, x *fixture) {
	x.Tenant.Edit(func(w *simtenant.World) {
		w.Faults = append(w.Faults, simtenant.Fault{Operation: "*", Status: http.StatusServiceUnavailable, RetryAfter: 7 * time.Second, Times: 2})
	})
	n := x.Record(t, x.c.ID, x.s.Name).N
	record, d := x.Step(t, x.c.ID, x.worker)
	if !d.Completed || record.State != offboarding.StateRetrying || record.N != n+1 || record.Attempts == 0 {
		t.Fatalf("completed %t, %s, n %d, %d attempts: %s", d.Completed, record.State, record.N, record.Attempts, record.Reason)
	}
	published := x.Bus.Messages()
	last := published[len(published)-1]
	if last.ID != x.Message(t, x.c.ID, x.s.Name).ID || !last.At.Equal(record.Due) {
		t.Errorf("the message %s at %s was not scheduled for the record's due %s", last.ID, last.At, record.Due)
	}
	if record := x.Settle(t, x.c.ID, x.worker); record.State != x.s.ends() {
		t.Errorf("ended %s: %s", record.State, record.Reason)
	}
	x.s.Check(t, x.Harness, x.id)
}

func refused(t *testing.T, x *fixture) {
	for _, operation := range x.s.Refusals {
		t.Run(operation, func(t *testing.T) {
			y := newFixture(t, x.s)
			y.Tenant.Edit(func(w *simtenant.World) {
				w.Faults = append(w.Faults, simtenant.Fault{Operation: operation, Status: http.StatusForbidden, Code: "AccessDenied"})
			})
			m := y.Message(t, y.c.ID, y.s.Name)
			record, d := y.Step(t, y.c.ID, y.worker)
			if record.State != offboarding.StateParked || record.Reason == "" || d.DeadReason != worker.ReasonParked || d.DeadSentence != record.Reason {
				t.Fatalf("%s %q, dead-lettered as %q", record.State, record.Reason, d.DeadReason)
			}
			// A crash between the commit and the dead-lettering: the message comes again.
			again, err := y.Deliver(t.Context(), y.worker, m)
			if err != nil || again.DeadReason != worker.ReasonParked {
				t.Errorf("delivered again: dead-lettered as %q, %v", again.DeadReason, err)
			}
		})
	}
}

// unanswered breaks every connection, and then lets every listing lead back to itself: what is left to a person in
// the end is findable.
func unanswered(t *testing.T, x *fixture) {
	for name, fault := range map[string]simtenant.Fault{
		"every connection breaks": {Reset: true}, "pages in a circle": {Circle: true},
	} {
		t.Run(name, func(t *testing.T) {
			y := newFixture(t, x.s)
			y.worker.Retry = worker.Retry{Budget: time.Minute}
			for _, operation := range []string{"GET *", "POST /$batch", "Get-*"} {
				each := fault
				each.Operation = operation
				y.Tenant.Edit(func(w *simtenant.World) { w.Faults = append(w.Faults, each) })
			}
			if y.endsAsWanted(t) && fault.Reset {
				t.Error("it is done although nothing answered")
			}
			record := y.Record(t, y.c.ID, y.s.Name)
			if fault.Reset && (record.State != offboarding.StateParked || !strings.Contains(record.Reason, "Service health")) {
				t.Errorf("%s: %s; want it parked with where to look", record.State, record.Reason)
			}
		})
	}
}

func protected(t *testing.T, x *fixture) {
	if x.s.Administrator == "" {
		return
	}
	s := x.s
	s.Person, s.Prepare = s.Administrator, nil
	x = newFixture(t, s)
	// Who is an administrator of Exchange may block the account by its mailbox.
	x.Tenant.Edit(func(w *simtenant.World) { delete(w.Mailboxes, x.id) })
	wants := func(record *offboarding.Record, state offboarding.StepState) {
		t.Helper()
		if record.State != state || !strings.Contains(record.Reason, offboarding.B10.Name) || !strings.Contains(record.Reason, administrator) {
			t.Errorf("%s: %s", record.State, record.Reason)
		}
	}
	record, _ := x.Step(t, x.c.ID, x.worker)
	wants(record, offboarding.StateWaiting)
	wants(x.Settle(t, x.c.ID, x.worker), offboarding.StateParked)
}

func unkept(t *testing.T, x *fixture) { Unkept(t, x.s) }

// Unkept refuses what a step keeps in the ledger: what could not be taken back is not done. Of a gate each thing is
// refused by itself, one after the other; of others, whose parts go on without one another, everything.
func Unkept(t *testing.T, s Subject) {
	spec, _ := offboarding.SpecOf(s.Name)
	for number := 1; ; number++ {
		x := newFixture(t, s)
		kept, before := 0, 0
		ctx := context.WithValue(t.Context(), hostKey{}, &host{writes: &writes{
			spoil: func(func(), func() error) error { return errAway },
			picks: func(what string) bool {
				if !strings.Contains(what, "{"+string(offboarding.EntryKept)+" ") && !strings.HasPrefix(what, "seal ") {
					return false
				}
				if kept++; kept == number {
					before = x.Writes()
				}
				return kept == number || kept > number && !spec.Gate
			},
		}})
		_, _ = x.Deliver(ctx, x.worker, x.Message(t, x.c.ID, s.Name))
		if n := x.Writes() - before; kept >= number && n != 0 {
			t.Errorf("%d writes to the tenant after number %d could not be kept, want none", n, number)
		}
		if kept < number || !spec.Gate {
			return
		}
	}
}

const administrator = "Global Administrator"

// refusedAdministrator is how the step ends for the administrator, lacking a permission.
func refusedAdministrator(t *testing.T, s Subject, lacking string) *offboarding.Record {
	t.Helper()
	s.Person, s.Prepare = s.Administrator, nil
	x := newFixtureLacking(t, s, lacking)
	return x.Settle(t, x.c.ID, x.worker)
}

func lagging(t *testing.T, x *fixture) {
	if !x.s.Lagging {
		return
	}
	x.Tenant.Edit(func(w *simtenant.World) { w.ReadLag = 5 * time.Second })
	x.Advance(time.Minute)
	record, d := x.Step(t, x.c.ID, x.worker)
	if record.State != offboarding.StateWaiting || !d.Completed || record.Attempts != 0 {
		t.Fatalf("%s with %d attempts, completed %t: %s", record.State, record.Attempts, d.Completed, record.Reason)
	}
	if record := x.Settle(t, x.c.ID, x.worker); record.State != x.s.ends() {
		t.Errorf("ended %s: %s", record.State, record.Reason)
	}
	x.s.Check(t, x.Harness, x.id)
}

func leased(t *testing.T, x *fixture) {
	x.Lease(t, x.c.ID, x.s.Name)
	writes := x.Writes()
	record, d := x.Step(t, x.c.ID, x.worker)
	if !d.Completed || record.Attempts != 0 || x.Writes() != writes {
		t.Errorf("completed %t, %d attempts, %d writes", d.Completed, record.Attempts, x.Writes()-writes)
	}
	if record := x.Settle(t, x.c.ID, x.worker); record.State != x.s.ends() {
		t.Errorf("ended %s: %s", record.State, record.Reason)
	}
}

func quiet(t *testing.T, x *fixture) {
	x.Tenant.Edit(func(w *simtenant.World) {
		w.Faults = append(w.Faults, simtenant.Fault{Operation: "*", Status: http.StatusServiceUnavailable, Times: 1})
	})
	x.Settle(t, x.c.ID, x.worker)
	user, ok := x.Tenant.User(x.id)
	if !ok {
		user, _ = x.Tenant.DeletedUser(x.id)
	}
	history, err := x.Ledger.History(t.Context(), x.c.ID)
	must(t, err)
	assertNothingPersonal(t, "log", x.Log(), user)
	for _, e := range history {
		assertNothingPersonal(t, "history", asJSON(t, e), user)
	}
}
