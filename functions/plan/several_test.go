package plan_test

import (
	"strings"
	"testing"
	"time"

	"leaver/functions/replay"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// TestB15NamesOfTwoPeopleAreHeldUntilSomebodySaysWhoIsMeant: nothing is begun for either. The word of a
// person is for one of the two and nobody else; what the HR system says of the same names after that
// is about the same person, and a cancellation needs no word when only one of them leaves.
func TestB15NamesOfTwoPeopleAreHeldUntilSomebodySaysWhoIsMeant(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	p := newPlanner(h)
	adeleID, alexID := simtenant.UserID(adele), simtenant.UserID("alex.wilber@contoso.com")
	both := offboarding.Employee{Mail: adele, EmployeeID: "E0002"}
	first := termination(h, "1", both)
	if _, err := h.Sender("intake").Publish(t.Context(), must1(first.Message(time.Time{}))); err != nil {
		t.Fatal(err)
	}
	h.Bus.HandOut(t.Context(), "plan", p.Handle)
	record, _, err := h.Ledger.Request(t.Context(), first.ID)
	letters := must1(h.Bus.DeadLetters(t.Context(), "plan", 9))
	if err != nil || record.State != ledger.RequestHeld || len(letters) != 1 || letters[0].Reason != "held" {
		t.Fatalf("got %+v, %+v, %v; want it held", record, letters, err)
	}
	for _, says := range []string{adeleID, alexID, "leaver approve " + first.ID + " --leaver", "another user"} {
		if !strings.Contains(record.Reason, says) {
			t.Errorf("the reason does not say %s: %s", says, record.Reason)
		}
	}
	if strings.Contains(record.Reason+h.Log(), "contoso.com") {
		t.Errorf("the reason or the log names somebody: %s %s", record.Reason, h.Log())
	}
	nobodyLeaves := func(doing string, ids ...string) {
		t.Helper()
		for _, id := range ids {
			if c, err := h.Ledger.Latest(t.Context(), id); err != nil || c != nil && c.Cancelled == nil {
				t.Errorf("%s: %s has the case %v, %v", doing, id, c, err)
			}
		}
	}
	nobodyLeaves("held", adeleID, alexID)

	person := offboarding.Person{Name: "miriam"}
	if err := h.Ledger.Choose(t.Context(), first.ID, simtenant.UserID("nestor.wilke@contoso.com"), person); err == nil {
		t.Error("somebody can be chosen whom the request does not name")
	}
	if err := h.Ledger.Choose(t.Context(), first.ID, adeleID, offboarding.Person{}); err == nil {
		t.Error("nobody's word counts")
	}
	again := func(id string) {
		t.Helper()
		replayer := &replay.Replayer{Ledger: h.Ledger, Bus: h.Bus, Now: h.Now, Log: h.Logger()}
		if items, err := replayer.Replay(t.Context(), replay.Selection{Request: id}); err != nil || len(items) != 1 || !items[0].Sent {
			t.Fatalf("got %+v, %v", items, err)
		}
		h.Bus.HandOut(t.Context(), "plan", p.Handle)
	}
	again(first.ID)
	nobodyLeaves("sent again with no word", adeleID, alexID)
	if err := h.Ledger.Choose(t.Context(), first.ID, adeleID, person); err != nil {
		t.Fatal(err)
	}
	again(first.ID)
	c, err := h.Ledger.Latest(t.Context(), adeleID)
	if err != nil || c == nil || c.Cancelled != nil {
		t.Fatalf("got %v, %v; want the departure of the one who is meant\n%s", c, err, h.Log())
	}
	nobodyLeaves("the other one", alexID)

	moved := termination(h, "2", both)
	moved.LeavingTime = h.Now().Add(48 * time.Hour)
	h.Advance(time.Minute)
	moved.EventTime, moved.ReceivedAt = h.Now(), h.Now()
	deliver(t, h, p, moved)
	if got := must1(h.Ledger.Latest(t.Context(), adeleID)); !got.Plan.LeavingTime.Equal(moved.LeavingTime) {
		t.Errorf("moved: got the leaving time %s, want %s", got.Plan.LeavingTime, moved.LeavingTime)
	}
	other := termination(h, "3", offboarding.Employee{UserPrincipalName: adele, Mail: adele, EmployeeID: "E0005"})
	if d := deliver(t, h, p, other); d.DeadReason != "held" {
		t.Errorf("other names: got %q, want it held", d.DeadReason)
	}
	h.Advance(time.Minute)
	back := termination(h, "4", offboarding.Employee{Mail: adele, EmployeeID: "E0003"})
	back.Kind, back.EventTime, back.ReceivedAt = offboarding.Cancellation, h.Now(), h.Now()
	deliver(t, h, p, back)
	nobodyLeaves("taken back", adeleID, alexID)
}

func must1[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
