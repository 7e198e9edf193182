package watch_test

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"leaver/functions/watch"
	"leaver/shared/bus"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// TestDeparturesUnderFaults lets watch and every step run while their runs, their messages and
// their writes go wrong: each departure comes to the same end as without a fault.
func TestDeparturesUnderFaults(t *testing.T) {
	t.Parallel()
	open := (*steptest.Harness).Open
	for _, s := range []scenario{
		{name: "messages come", open: open},
		{name: "every message is lost that is not handled at once", open: open, lossy: true},
		{name: "half planned", open: (*steptest.Harness).OpenUnpublished},
		{name: "half planned, and messages are lost", open: (*steptest.Harness).OpenUnpublished, lossy: true},
		{name: "a wait is overdue", open: open, stuck: true},
		{name: "a wait is overdue, and messages are lost", open: open, stuck: true, lossy: true},
		{name: "cancelled", open: open, cancel: true},
		{name: "cancelled when half planned", open: (*steptest.Harness).OpenUnpublished, cancel: true},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			want := s.run(t, func(h steptest.Handler) steptest.Handler { return h })
			s.check(t, want)
			for name, fault := range steptest.Faults {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					if got := s.run(t, fault); !maps.Equal(got, want) {
						t.Errorf("ended %v, and without the fault %v", got, want)
					}
				})
			}
		})
	}
}

type scenario struct {
	name   string
	open   func(*steptest.Harness, testing.TB, string, offboarding.Options, offboarding.Policy) *offboarding.Case
	lossy  bool // what is not settled within the minute is lost, and what is scheduled too
	stuck  bool // signout waits, and its function does not run any more, until a person accepts that
	cancel bool
}

// ends is in which state each step ended.
type ends map[offboarding.StepName]offboarding.StepState

// check says in words how the scenario ends without a fault.
func (s scenario) check(t *testing.T, got ends) {
	t.Helper()
	for step, state := range got {
		want := offboarding.StateEffective
		switch {
		case s.cancel:
			want = offboarding.StateCancelled
		case s.stuck && step == offboarding.StepSignout:
			want = offboarding.StateSignedOff
		case step == offboarding.StepLicence:
			want = offboarding.StateWithheld // mail on hold: the deletion frees it (B5)
		}
		if state != want {
			t.Errorf("%s ended %s, wanted %s", step, state, want)
		}
	}
}

// run carries one departure to its end, a minute at a time.
func (s scenario) run(t *testing.T, fault steptest.Middleware) ends {
	h := steptest.New(t)
	policy := offboarding.DefaultPolicy()
	policy.Grace = 10 * time.Minute
	c := s.open(h, t, adele, offboarding.Options{}, policy)
	handlers := map[string]steptest.Handler{}
	for name, w := range steps(h) {
		handlers[string(name)] = fault(w.Handle)
	}
	if s.stuck {
		h.Step(t, c.ID, h.Worker(offboarding.StepSignout, verdict{offboarding.After(time.Minute, "lag")}))
		delete(handlers, "signout")
		h.Advance(50 * time.Hour)
	}
	writes := h.Writes()
	if s.cancel {
		if _, err := h.Ledger.Cancel(t.Context(), ledger.Cancellation{
			Tenant: h.TenantID(), Leaver: c.Leaver, Request: "req-cancel", EventTime: h.Now().Add(time.Second),
		}); err != nil {
			t.Fatal(err)
		}
	}
	w := &watch.Watch{Ledger: h.Ledger, Bus: h.Sender("watch"), Now: h.Now, Log: h.Logger()}
	minute := fault(func(ctx context.Context, d bus.Delivery) error {
		if err := w.Run(ctx); err != nil {
			return err
		}
		return d.Complete(ctx)
	})
	if s.lossy {
		h.Bus.Lose()
	}
	for minutes := range 200 {
		h.Advance(time.Minute)
		_ = minute(t.Context(), h.Delivery(bus.Message{ID: "minute"}))
		for _, name := range slices.Sorted(maps.Keys(handlers)) {
			h.Bus.HandOut(t.Context(), name, handlers[name])
		}
		if s.lossy {
			h.Bus.Lose()
		}
		now, err := h.Ledger.Case(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		if now.Step(offboarding.StepSignout).State == offboarding.StateManual {
			if now, err = h.Ledger.SignOff(t.Context(), ledger.SignOff{
				Case: c.ID, Step: offboarding.StepSignout, By: "Miriam Graham", Note: "signed out in the Entra admin center",
			}); err != nil {
				t.Fatal(err)
			}
		}
		if minutes < 10 || slices.ContainsFunc(now.Steps, func(r *offboarding.Record) bool { return !r.State.Settled() }) {
			continue
		}
		s.world(t, h, c.ID, h.Writes()-writes)
		got := ends{}
		for _, r := range now.Steps {
			got[r.Name] = r.State
		}
		return got
	}
	now, _ := h.Ledger.Case(t.Context(), c.ID)
	for _, r := range now.Steps {
		t.Logf("%s is %s: %s", r.Name, r.State, r.Reason)
	}
	t.Fatal("the departure did not end")
	return nil
}

// world holds the tenant and the history against what the scenario may have done.
func (s scenario) world(t *testing.T, h *steptest.Harness, caseID string, writes int) {
	t.Helper()
	if s.cancel {
		if writes > 0 {
			t.Errorf("%d writes for a cancelled departure", writes)
		}
		return
	}
	if _, deleted := h.Tenant.DeletedUser(simtenant.UserID(adele)); !deleted {
		t.Error("the account is not deleted")
	}
	tasks := 0
	if s.stuck {
		tasks = 1
	}
	// A crash between the change and its record costs one more: nobody knows either.
	if n := h.Tenant.PasswordChanges(simtenant.UserID(adele)); n > 0 == s.stuck {
		t.Errorf("the password changed %d times", n)
	}
	history, err := h.Ledger.History(t.Context(), caseID)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range history {
		if e.Kind == offboarding.EntrySettled && e.State == offboarding.StateManual {
			tasks--
		}
	}
	if tasks != 0 {
		t.Errorf("manual tasks: %d too few", tasks)
	}
}
