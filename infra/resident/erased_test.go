package resident_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/functions/watch"
	"leaver/shared/bus"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
	"leaver/shared/simhr"
	"leaver/shared/simtenant"
)

// TestNothingPersonalOutlivesItsErasure has somebody with a full life leave, stay and be taken back, with
// everything that people say on the way. Months later no byte of any sink holds a value that was hers, or
// the name of whoever did something: neither the ledger nor what stands beside it, an export of it, a
// report, a page of the console, a notice, a message, a dead letter, an anchor or the log.
func TestNothingPersonalOutlivesItsErasure(t *testing.T) {
	t.Parallel()
	const vendor = "hibob"
	id := simtenant.UserID(adele)
	policy := noLimits()
	policy.OnCancel, policy.KeepMail, policy.KeepFiles = offboarding.OnCancelUndo, offboarding.KeepNone, offboarding.KeepNone
	h := newHouse(t, policy, source(vendor, "Europe/Berlin"))
	h.Tenant.Edit(aFullLife)
	sinks := h.opened(t)
	hr := h.hr[vendor]
	work := func(d time.Duration) {
		t.Helper()
		h.at(t, h.Now().Add(d))
		sinks.fill(t)
	}
	hr.Hire(simhr.Person{ID: "4711", Number: "E0001", Mail: adele})
	hr.Dismiss("4711", dayOf("2026-11-30"), dayOf("2026-12-31"))
	work(15 * time.Minute)
	h.at(t, time.Date(2026, 11, 30, 22, 59, 59, 0, time.UTC))
	for range 30 {
		work(20 * time.Minute)
	}
	if !h.out(adele) {
		t.Fatalf("the departure did not take place\n%s", h.log)
	}
	back, err := bus.Request{Attempt: 1, Request: offboarding.Request{
		ID: offboarding.RequestID("test", "stays"), Kind: offboarding.Cancellation, Source: "test",
		EventTime: h.Now(), ReceivedAt: h.Now(), LeavingTime: h.Now(), Employee: offboarding.Employee{EmployeeID: "E0001"},
	}}.Message(time.Time{})
	must(t, err)
	if d := h.Delivery(back); h.planner.Handle(t.Context(), d) != nil || !d.Completed {
		t.Fatalf("the cancellation was not taken: %s", d.DeadSentence)
	}
	c, err := h.Ledger.Latest(t.Context(), id)
	must(t, err)
	if c.State(h.Now()) != offboarding.CaseHeld {
		t.Fatalf("the case is %s, want its undo held\n%s", c.State(h.Now()), h.log)
	}
	_, err = sinks.desk.Undo(t.Context(), operator.Undo{Who: operator.OfCase(c.ID), By: "Miriam Graham", Reason: "Adele Vance takes the promotion"})
	must(t, err)
	for range 60 {
		work(time.Minute)
	}
	_, err = sinks.desk.SignOff(t.Context(), operator.SignOff{Who: operator.OfCase(c.ID), Step: offboarding.StepSignout, By: "Joni Sherman", Note: "handed to Adele Vance in room 4"})
	must(t, err)
	if c, err = h.Ledger.Case(t.Context(), c.ID); err != nil || !c.Undone() {
		for _, s := range c.Steps {
			t.Logf("%s %s %s", s.Name, s.State, s.Reason)
		}
		t.Fatalf("the case is %s, %v, want it undone", c.State(h.Now()), err)
	}
	work(15 * time.Minute)

	hers := []string{
		"adele", "vance", "E0001", "2065550123", "lidia.holloway", "fabrikam", "On a trip", "promotion", "room 4", // of hers, and about her
		"Miriam Graham", "Joni Sherman",
	}
	before := sinks.says(t)
	for _, where := range []string{"beside the ledger", "the export of the ledger", "the report as a page", "the page of a departure", "what the operator is shown"} {
		if !strings.Contains(strings.ToLower(before[where]), "adele") { // else the test proves nothing
			t.Errorf("before the erasure %s does not say who it is about", where)
		}
	}
	for _, value := range []string{"E0001", "2065550123", "Miriam Graham", "room 4", "promotion"} {
		if !strings.Contains(before["beside the ledger"], value) {
			t.Errorf("%s is not kept beside the ledger: its erasure proves nothing", value)
		}
	}

	watcher := &watch.Watch{Ledger: h.Ledger, Bus: h.Sender("watch"), Now: h.Now, Log: h.Logger()}
	for range 3 {
		h.Advance(31 * 24 * time.Hour)
		must(t, watcher.Run(t.Context()))
		sinks.fill(t)
	}
	if c, err = h.Ledger.Case(t.Context(), c.ID); err != nil || c.ErasedAt.IsZero() {
		t.Fatalf("three months later the case is not erased: %v", err)
	}
	sinks.told = map[string]*strings.Builder{} // what was sent before is with whoever got it
	after := sinks.says(t)
	// The broker of the tests remembers what was sent: what waits is what counts.
	maps.DeleteFunc(after, func(where, _ string) bool { return strings.HasPrefix(where, "a message of ") })
	for _, s := range bus.Subscriptions() {
		if depth, err := h.Bus.Depth(t.Context(), s.Name); err != nil || s.OfQueue() && depth != (bus.Depth{}) {
			t.Errorf("for %s wait %+v, %v; want nothing that names people", s.Name, depth, err)
		}
	}
	for _, where := range slices.Sorted(maps.Keys(after)) {
		for _, value := range hers {
			text := strings.ToLower(after[where])
			if at := strings.Index(text, strings.ToLower(value)); at >= 0 {
				t.Errorf("%s still holds %q: …%s", where, value, after[where][max(0, at-150):min(len(text), at+100)])
			}
		}
	}
	for _, where := range []string{"the ledger", "the export of the ledger", "the report as a page", "the report as JSON", "the page of a departure", "what the operator is shown"} {
		if len(after[where]) < 100 {
			t.Errorf("%s is empty: %q", where, after[where])
		}
	}
}
