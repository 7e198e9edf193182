package worker_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"leaver/functions/block"
	"leaver/functions/delete"
	"leaver/functions/signout"
	"leaver/shared/bus"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
	"leaver/shared/worker/steptest"

	"crypto/rand"
)

var miriam = offboarding.Person{Name: "Miriam Graham"}

// meanwhile is a step during whose run something happens first.
type meanwhile struct {
	worker.Step
	happens func()
}

func (m meanwhile) Work(ctx context.Context, job *offboarding.Job) error {
	m.happens()
	return m.Step.Work(ctx, job)
}

// TestAFrozenStepWritesNothingAndGoesOnWhenThawed freezes in the middle of a lockout.
func TestAFrozenStepWritesNothingAndGoesOnWhenThawed(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	directory, _ := h.As("signout")
	step := signout.New(directory, rand.Reader)
	frozen := h.Worker(offboarding.StepSignout, meanwhile{step, func() {
		if err := h.Ledger.Freeze(t.Context(), miriam, "a secret has leaked"); err != nil {
			t.Error(err)
		}
	}})
	writes := h.Writes()
	record, d := h.Step(t, c.ID, frozen)
	if record.State != offboarding.StateWaiting || record.Attempts != 0 || !d.Completed || !strings.Contains(record.Reason, offboarding.ErrFrozen.Error()) {
		t.Errorf("frozen, signout is %s after %d attempts: %s; want it waiting, no attempt spent", record.State, record.Attempts, record.Reason)
	}
	h.Advance(time.Minute)
	record, d = h.Step(t, c.ID, h.Worker(offboarding.StepSignout, step)) // its message is declined
	if record.State != offboarding.StateWaiting || !d.Completed || h.Writes() != writes {
		t.Errorf("still frozen, signout is %s, %d writes; want it waiting and none", record.State, h.Writes()-writes)
	}
	h.Advance(30 * 24 * time.Hour) // far past its deadline
	if err := h.Ledger.Thaw(t.Context(), miriam); err != nil {
		t.Fatal(err)
	}
	if record := h.Settle(t, c.ID, h.Worker(offboarding.StepSignout, step)); record.State != offboarding.StateEffective {
		t.Errorf("thawed, signout ended %s: %s; want it effective", record.State, record.Reason)
	}
}

// TestAHeldDepartureIsPublishedWhenItIsReleased holds one from its planning on.
func TestAHeldDepartureIsPublishedWhenItIsReleased(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	plan, err := offboarding.Compile(offboarding.Request{
		ID: offboarding.RequestID("test", "1"), Kind: offboarding.Termination, EventTime: h.Now(), ReceivedAt: h.Now(), LeavingTime: h.Now(),
		Employee: offboarding.Employee{UserPrincipalName: adele},
	}, offboarding.DefaultPolicy())
	if err != nil {
		t.Fatal(err)
	}
	c, err := h.Ledger.Open(t.Context(), ledger.Opening{
		Tenant: h.TenantID(), Leaver: simtenant.UserID(adele), Plan: plan, Request: offboarding.Request{ID: offboarding.RequestID("test", "1"), EventTime: h.Now()},
		Bounds: []offboarding.Bound{{Name: offboarding.BoundPerHour, Window: time.Hour, Of: 0}},
	})
	if err != nil || c.State(h.Now()) != offboarding.CaseHeld {
		t.Fatalf("the case is %s, %v; want held", c.State(h.Now()), err)
	}
	if c, err = worker.Dispatch(t.Context(), h.Bus, h.Ledger, c); err != nil || len(h.Bus.Messages()) > 0 || c.Published() {
		t.Fatalf("held, %d messages were published, %v; want none", len(h.Bus.Messages()), err)
	}
	// Somebody sends a message all the same.
	w := h.Worker(offboarding.StepSignout, verdict{errors.New("it ran")})
	if record, d := h.Step(t, c.ID, w); record.State != offboarding.StatePlanned || !d.Completed || record.Lease.Holder != "" {
		t.Errorf("held, signout is %s, completed %t; want it planned, the message declined", record.State, d.Completed)
	}
	if c, err = h.Ledger.Release(t.Context(), c.ID, miriam); err != nil {
		t.Fatal(err)
	}
	if c, err = worker.Dispatch(t.Context(), h.Bus, h.Ledger, c); err != nil || !c.Published() {
		t.Fatalf("released, published %t, %v; want it published", c.Published(), err)
	}
	var subjects []string
	for _, m := range h.Bus.Messages() {
		subjects = append(subjects, m.Subject)
	}
	if !strings.Contains(strings.Join(subjects, " "), bus.SubjectTermination) {
		t.Errorf("published %v, want the termination among them", subjects)
	}
	if record := h.Settle(t, c.ID, h.Worker(offboarding.StepSignout, verdict{nil})); record.State != offboarding.StateEffective {
		t.Errorf("released, signout ended %s: %s", record.State, record.Reason)
	}
}

// TestAnObservedDepartureSaysWhatItWouldDo runs steps that may read and not write.
func TestAnObservedDepartureSaysWhatItWouldDo(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	policy := offboarding.DefaultPolicy()
	policy.Mode = offboarding.Observe
	c := h.Open(t, adele, offboarding.Options{}, policy)
	writes := h.Writes()
	for _, tt := range []struct {
		name  offboarding.StepName
		step  worker.Step
		would string
	}{
		{offboarding.StepSignout, signout.New(h.Graph, rand.Reader), "password"},
		{offboarding.StepBlock, block.New(h.Graph, h.Exchange), ""},
		{offboarding.StepForward, verdict{offboarding.Withheld(offboarding.B12, "the mailbox is full")}, "be withheld by B12: the mailbox is full"},
		{offboarding.StepAccess, verdict{offboarding.Manual("hand the group over")}, "leave to a person: hand the group over"},
		{offboarding.StepOnedrive, verdict{nil}, "nothing: all is as wanted"},
		{offboarding.StepDelete, delete.New(h.Graph, h.Exchange), "wait: waits for signout"},
	} {
		record := h.Settle(t, c.ID, h.Worker(tt.name, tt.step))
		if record.State != offboarding.StateRehearsed || record.Would == "" || !strings.Contains(record.Would, tt.would) {
			t.Errorf("%s is %s and would %q (%s); want it rehearsed, and %q", tt.name, record.State, record.Would, record.Reason, tt.would)
		}
	}
	if n := h.Writes() - writes; n != 0 {
		t.Errorf("%d writes to the tenant, want none", n)
	}
}
