package servicebus_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"leaver/shared/bus"
	"leaver/shared/bus/bustest"
	"leaver/shared/bus/servicebus"
	"leaver/shared/bus/servicebustest"
)

// TestDroppingTheConnectionAtEveryFrame drops it once at each frame of an operation, before and
// after the frame took effect, or has the broker end the connection, the session or the link with
// a condition that is fatal to the client. The caller does what callers do: it tries again what was
// unavailable. Then the broker must look as if nothing had happened.
func TestDroppingTheConnectionAtEveryFrame(t *testing.T) {
	t.Parallel()
	both := func(id string) bus.Message {
		return bus.Message{ID: id, Entity: bus.Topic, Subject: "start", Body: []byte("body of " + id)}
	}
	for _, s := range []scenario{
		{
			name: "publish",
			do:   func(w *world) { w.publish(both("m")) },
			want: counts{"alpha": {Active: 1}, "beta": {Active: 1}},
		},
		{
			name: "publish on an open link",
			from: func(w *world) { w.publish(both("l")) },
			do:   func(w *world) { w.publish(both("m")) },
			want: counts{"alpha": {Active: 2}, "beta": {Active: 2}},
		},
		{
			name: "schedule",
			do: func(w *world) {
				m := both("m")
				m.At = w.peer.Now().Add(time.Hour)
				w.publish(m)
				w.publish(m)
				w.peer.Advance(2 * time.Hour)
			},
			want: counts{"alpha": {Active: 1}, "beta": {Active: 1}},
		},
		{
			name: "receive",
			from: func(w *world) { w.publish(both("m")) },
			do:   func(w *world) { w.receive(w.alpha) },
			want: counts{"alpha": {Active: 1, Locked: 1}, "beta": {Active: 1}},
		},
		{
			name: "receive on an open link",
			from: func(w *world) {
				w.publish(both("l"))
				w.complete(w.receive(w.alpha))
				w.publish(both("m"))
			},
			do: func(w *world) {
				if d := w.receive(w.alpha); d.ID() != "m" {
					w.Errorf("%s was handed out after it was completed", d.ID())
				}
			},
			want: counts{"alpha": {Active: 1, Locked: 1}, "beta": {Active: 2}},
		},
		{
			name: "complete",
			from: func(w *world) { w.publish(both("m")); w.held = w.receive(w.alpha) },
			do:   func(w *world) { w.complete(w.held) },
			want: counts{"beta": {Active: 1}},
		},
		{
			name: "dead-letter",
			from: func(w *world) { w.publish(both("m")); w.held = w.receive(w.alpha) },
			do:   func(w *world) { w.park(w.held) },
			want: counts{"alpha": {DeadLetters: 1}, "beta": {Active: 1}},
		},
		{
			name: "renew",
			from: func(w *world) { w.publish(both("m")); w.held = w.receive(w.alpha) },
			do: func(w *world) {
				w.again(func(ctx context.Context) error { _, err := w.held.Renew(ctx); return err })
				w.complete(w.held)
			},
			want: counts{"beta": {Active: 1}},
		},
		{
			name: "resubmit",
			from: func(w *world) { w.publish(both("m")); w.park(w.receive(w.alpha)) },
			do: func(w *world) {
				w.again(func(ctx context.Context) error {
					err := w.bus.Resubmit(ctx, "alpha", w.key(), both("again"))
					if err != nil {
						w.peer.Advance(2 * lock) // the dead letter may be locked in vain
					}
					return err
				}, bus.ErrNotFound, bus.ErrLockLost)
			},
			want: counts{"alpha": {Active: 1}, "beta": {Active: 1}},
		},
		{
			name: "close",
			from: func(w *world) { w.publish(both("m")); w.held = w.receive(w.alpha) },
			do: func(w *world) {
				_ = w.alpha.Close(within(w))
				w.peer.Advance(2 * lock)
				w.complete(w.receive(receiver(w, w.bus, "alpha")))
			},
			want: counts{"beta": {Active: 1}},
		},
		{
			name: "everything",
			do: func(w *world) {
				w.publish(both("m"))
				w.complete(w.receive(w.alpha))
				w.park(w.receive(w.beta))
			},
			want: counts{"beta": {DeadLetters: 1}},
		},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			frames := s.run(t, nil)
			if frames == 0 {
				t.Fatal("no frame has passed")
			}
			t.Logf("%d frames", frames)
			for n := 1; n <= frames; n++ {
				for when, action := range map[string]servicebustest.Action{
					"before": servicebustest.DropBefore, "after": servicebustest.DropAfter,
					"ending the connection": servicebustest.EndConnection("amqp:resource-limit-exceeded", ""),
					"ending the session":    servicebustest.EndSession("amqp:resource-limit-exceeded", ""),
					"ending the link":       servicebustest.EndLink("amqp:resource-limit-exceeded", ""),
				} {
					t.Run(fmt.Sprintf("%s %d", when, n), func(t *testing.T) {
						t.Parallel()
						s.run(t, servicebustest.At(n, action))
					})
				}
			}
		})
	}
}

const lock = time.Minute

type counts map[string]servicebustest.Counts // by subscription

// scenario is an operation under faults.
type scenario struct {
	name string
	from func(*world) // without faults, to begin with
	do   func(*world)
	want counts // afterwards; what is left out is zero
}

// world is a peer and a bus on it, and a caller that tries again.
type world struct {
	testing.TB
	peer        *servicebustest.Peer
	bus         *servicebus.Bus
	alpha, beta bus.Receiver
	held        bus.Delivery
}

// run runs the scenario on a peer of its own and returns how many frames have passed.
func (s scenario) run(t testing.TB, fault func(servicebustest.Frame) servicebustest.Action) int {
	peer := start(t, servicebustest.Options{Lock: lock, DuplicateWindow: 24 * time.Hour})
	b := open(t, peer)
	w := &world{TB: t, peer: peer, bus: b, alpha: receiver(t, b, "alpha"), beta: receiver(t, b, "beta")}
	if s.from != nil {
		s.from(w)
	}
	peer.Fault(fault)
	s.do(w)
	frames := peer.Frames()
	peer.Fault(nil)
	for _, sub := range bustest.Subscriptions() {
		if sub.Entity != bus.Topic {
			continue
		}
		if got := count(t, peer, bus.Topic+"/Subscriptions/"+sub.Name); got != s.want[sub.Name] {
			t.Errorf("%s has %+v, want %+v", sub.Name, got, s.want[sub.Name])
		}
	}
	return frames
}

// again tries until it works or ends in one of the other ways.
func (w *world) again(do func(context.Context) error, or ...error) {
	w.Helper()
	for range 3 {
		err := do(within(w))
		if err == nil {
			return
		}
		for _, other := range or {
			if errors.Is(err, other) {
				return
			}
		}
		if !errors.Is(err, bus.ErrUnavailable) {
			w.Fatal(err)
		}
	}
	w.Fatal("it did not work three times")
}

func (w *world) publish(m bus.Message) {
	w.Helper()
	w.again(func(ctx context.Context) error { _, err := w.bus.Publish(ctx, m); return err })
}

// receive receives one message. What got lost on its way comes again when its lock has ended.
func (w *world) receive(r bus.Receiver) bus.Delivery {
	w.Helper()
	for range 5 {
		ctx, stop := context.WithTimeout(w.Context(), 5*time.Second)
		some, err := r.Receive(ctx, 1)
		stop()
		if len(some) == 1 {
			return some[0]
		}
		if err != nil && !errors.Is(err, bus.ErrUnavailable) {
			w.Fatal(err)
		}
		if err == nil {
			w.peer.Advance(2 * lock)
		}
	}
	w.Fatal("the message is lost")
	return nil
}

// complete completes. That the lock is lost may also mean that the answer was.
func (w *world) complete(d bus.Delivery) {
	w.Helper()
	w.again(d.Complete, bus.ErrLockLost)
}

func (w *world) park(d bus.Delivery) {
	w.Helper()
	w.again(func(ctx context.Context) error { return d.DeadLetter(ctx, "reason", "description") }, bus.ErrLockLost)
}

// key is that of the one dead letter of alpha, or one that is gone.
func (w *world) key() string {
	w.Helper()
	var letters []bus.DeadLetter
	w.again(func(ctx context.Context) (err error) {
		letters, err = w.bus.DeadLetters(ctx, "alpha", 2)
		return err
	})
	if len(letters) == 0 {
		return "alpha/0"
	}
	return letters[0].Key
}
