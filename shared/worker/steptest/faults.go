package steptest

import (
	"context"
	"testing"
	"time"

	"leaver/shared/bus"
	"leaver/shared/offboarding"
)

// Handler handles one delivery: worker.Worker.Handle, plan.Planner.Handle. What starts a
// function otherwise is a delivery too, which the function settles when it is done: a webhook
// is sent until it is answered, a timer fires again, an operator asks once more.
type Handler func(context.Context, bus.Delivery) error

// Middleware lets deliveries, or the writes of what handles them, go wrong in one of the ways in
// which a broker, a ledger and a host do.
type Middleware func(Handler) Handler

// Faults are all of them, by name.
var Faults = map[string]Middleware{
	"every message comes twice":          Duplicate,
	"messages overtake one another":      Reorder,
	"every other message is lost":        Drop,
	"killed before the message settled":  CrashBeforeSettle,
	"killed after the message settled":   CrashAfterSettle,
	"twice, out of order, and killed":    func(h Handler) Handler { return Duplicate(Reorder(CrashBeforeSettle(h))) },
	"lost, and twice, and killed after":  func(h Handler) Handler { return Drop(Duplicate(CrashAfterSettle(h))) },
	"killed before and after, and twice": func(h Handler) Handler { return CrashBeforeSettle(CrashAfterSettle(Duplicate(h))) },
	"killed before each write":           CrashBeforeWrite,
	"killed after each write":            CrashAfterWrite,
	"every write is lost at first":       LoseWrite,
	"every write is done, but unheard":   LoseAnswer,
	"unheard, twice, and out of order":   func(h Handler) Handler { return Duplicate(Reorder(LoseAnswer(h))) },
}

// again is the same message, handed out once more.
func again(d bus.Delivery) *Delivery {
	was := d.(*Delivery)
	return &Delivery{message: was.message, broker: was.broker, subscription: was.subscription, first: was}
}

// Duplicate hands every message out twice.
func Duplicate(next Handler) Handler {
	return func(ctx context.Context, d bus.Delivery) error {
		if err := next(ctx, d); err != nil {
			return err
		}
		return next(ctx, again(d))
	}
}

// Reorder keeps every other message back until the next one was handled.
func Reorder(next Handler) Handler {
	var kept *Delivery
	return func(ctx context.Context, d bus.Delivery) error {
		if kept == nil {
			kept = again(d)
			return nil
		}
		late := kept
		kept = nil
		if err := next(ctx, d); err != nil {
			return err
		}
		return next(ctx, late)
	}
}

// Drop loses every other message.
func Drop(next Handler) Handler {
	lost := false
	return func(ctx context.Context, d bus.Delivery) error {
		if lost = !lost; lost {
			return nil
		}
		return next(ctx, d)
	}
}

// CrashBeforeSettle kills every other run when it settles its message: the work is done and
// committed, and the message comes again.
func CrashBeforeSettle(next Handler) Handler {
	return crashing(next, func(d *Delivery) { d.before = errKilled })
}

// CrashAfterSettle kills every other run right after its message was settled.
func CrashAfterSettle(next Handler) Handler {
	return crashing(next, func(d *Delivery) { d.after = errKilled })
}

func crashing(next Handler, spoil func(*Delivery)) Handler {
	crash := false
	return func(ctx context.Context, d bus.Delivery) error {
		if crash = !crash; !crash {
			return next(ctx, d)
		}
		killed := again(d)
		spoil(killed)
		if err := next(ctx, killed); err == nil || killed.Completed || killed.DeadReason != "" {
			return nil
		}
		return next(ctx, again(d))
	}
}

// Carry hands the messages that may move the step to the handler, each when it is due, until
// the step is settled. A message that moved nothing is handed out again after its lock.
func (h *Harness) Carry(t testing.TB, caseID string, name offboarding.StepName, handle Handler) *offboarding.Record {
	t.Helper()
	for range 200 {
		record := h.Record(t, caseID, name)
		if record.State.Settled() {
			return record
		}
		if wait := record.Due.Sub(h.Now()); wait > 0 {
			h.Advance(wait)
		}
		_ = handle(t.Context(), h.Delivery(h.Message(t, caseID, name)))
		if h.Record(t, caseID, name).N == record.N {
			h.Advance(lock + time.Second)
		}
	}
	t.Fatalf("step %s of case %s did not settle in 200 deliveries; last: %+v", name, caseID, h.Record(t, caseID, name))
	return nil
}

func underFaults(t *testing.T, x *fixture) {
	for name, fault := range Faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			y := newFixture(t, x.s)
			record := y.Carry(t, y.c.ID, y.s.Name, fault(y.worker.Handle))
			if record.State != y.s.ends() {
				t.Errorf("ended %s: %s", record.State, record.Reason)
			}
			y.s.Check(t, y.Harness, y.id)
			y.Carry(t, y.c.ID, y.s.Name, fault(y.worker.Handle)) // and once more, late
			y.s.Check(t, y.Harness, y.id)
		})
	}
}
