package plan_test

import (
	"testing"
	"time"

	"leaver/shared/bus"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/worker/steptest"
)

func TestANoticeIsKeptForWhoeverLooks(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	n := bus.Notice{Notice: offboarding.Notice{ID: offboarding.RequestID("test", "notice"), Source: "webhooks/scripts", ReceivedAt: h.Now(), Reason: "it names nobody"}}
	m, err := n.Message()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		d := h.Delivery(m)
		if err := newPlanner(h).Handle(t.Context(), d); err != nil || !d.Completed {
			t.Fatalf("got %v, completed %t", err, d.Completed)
		}
	}
	refused, _, err := h.Ledger.Requests(t.Context(), ledger.RequestRefused)
	if err != nil || len(refused) != 1 || refused[0].Reason != n.Reason || refused[0].Source != n.Source || refused[0].Position != 1 {
		t.Errorf("got %+v, %v; want one record of the notice", refused, err)
	}
	lockedOut(t, h)
}

func TestAnotherContentUnderOneIDIsParked(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	p := newPlanner(h)
	first := termination(h, "1", offboarding.Employee{UserPrincipalName: adele})
	first.Digest = "0123456789abcdef"
	deliver(t, h, p, first)
	forged := first
	forged.Digest, forged.LeavingTime = "fedcba9876543210", h.Now().Add(24*time.Hour)
	a, _ := first.Message(time.Time{})
	b, _ := forged.Message(time.Time{})
	if a.ID == b.ID {
		t.Errorf("the broker would take both for %s", a.ID)
	}
	if d := deliver(t, h, p, forged); d.DeadReason != "conflict" {
		t.Errorf("got dead letter %q, want conflict", d.DeadReason)
	}
	record, _, err := h.Ledger.Request(t.Context(), first.ID)
	if err != nil || record.State != ledger.RequestPlanned || record.Digest != first.Digest {
		t.Errorf("got %+v, %v; want the first one as it was", record, err)
	}
	if d := deliver(t, h, p, first); !d.Completed {
		t.Error("the first one, sent again, is not completed")
	}
}

func TestGardenLeaveKeepsWhatTheEmploymentNeeds(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	p := newPlanner(h)
	r := termination(h, "1", offboarding.Employee{UserPrincipalName: adele})
	r.EndOfEmployment = h.Now().Add(90 * 24 * time.Hour)
	deliver(t, h, p, r)
	cases, _, err := h.Ledger.AllCases(t.Context())
	if err != nil || len(cases) != 1 {
		t.Fatalf("got %d cases, %v", len(cases), err)
	}
	for name, early := range map[offboarding.StepName]bool{offboarding.StepSignout: true, offboarding.StepBlock: true, offboarding.StepLicence: false, offboarding.StepDelete: false} {
		if due := cases[0].Step(name).Due; due.Before(r.EndOfEmployment) != early {
			t.Errorf("%s is due %s, want it before the employment ends %s: %t", name, due, r.EndOfEmployment, early)
		}
	}
}
