package bustest

import (
	"context"
	"errors"
	"time"

	"leaver/shared/bus"
)

var settleCases = []suiteCase{
	{"a completed message is gone", func(k *kit) {
		alpha := k.open(subAlpha)
		k.publish(message("once", subjectAlpha))
		d := k.receiveOne(alpha)
		k.complete(d)
		if depth := k.depth(subAlpha); depth.Active != 0 {
			k.Fatalf("depth %d after completing, want 0", depth.Active)
		}
		k.nothing(alpha, k.Lock+k.Lock/2)
	}},
	{"an unsettled message is handed out again after the lock", func(k *kit) {
		alpha := k.open(subAlpha)
		m := message("again", subjectAlpha)
		k.publish(m)
		before := time.Now()
		first := k.receiveOne(alpha)
		if left := first.LockedUntil().Sub(before); left < k.Lock/2 || left > k.Lock+patience/2 {
			k.Fatalf("locked for %s, want about %s", left, k.Lock)
		}
		second := k.receiveOne(alpha)
		if held := time.Since(before); held < k.Lock*9/10 {
			k.Fatalf("handed out again after %s, the lock is %s", held, k.Lock)
		}
		k.wantSame(second, m)
		k.complete(second)
		k.nothing(alpha, k.Lock+k.Lock/2)
	}},
	{"renewal keeps the lock", func(k *kit) {
		alpha := k.open(subAlpha)
		k.publish(message("long", subjectAlpha))
		d := k.receiveOne(alpha)
		end := time.Now().Add(3 * k.Lock)
		// Another receiver waits for it all the time.
		other := make(chan []bus.Delivery, 1)
		rival := k.open(subAlpha)
		go func() {
			ctx, cancel := context.WithDeadline(k.Context(), end)
			defer cancel()
			got, _ := rival.Receive(ctx, 1)
			other <- got
		}()
		tick := time.NewTicker(k.Lock / 5)
		defer tick.Stop()
		for range tick.C {
			if time.Now().After(end) {
				break
			}
			until, err := d.Renew(k.within(patience))
			if err != nil {
				k.Fatalf("renewing: %v", err)
			}
			if time.Until(until) < k.Lock/4 || !until.Equal(d.LockedUntil()) {
				k.Fatalf("renewed for %s, want about %s; LockedUntil says %s", time.Until(until), k.Lock, d.LockedUntil())
			}
		}
		if got := <-other; len(got) > 0 {
			k.Fatal("handed out to another receiver while the lock was renewed")
		}
		k.complete(d)
		k.nothing(alpha, k.Lock+k.Lock/2)
	}},
	{"settling or renewing after the lock is ErrLockLost", func(k *kit) {
		alpha := k.open(subAlpha)
		k.publish(message("slow", subjectAlpha))
		d := k.receiveOne(alpha)
		k.pass(d.LockedUntil().Add(k.Lock / 5))
		ctx := k.within(patience)
		_, renewal := d.Renew(ctx)
		for doing, err := range map[string]error{
			"completing": d.Complete(ctx), "dead-lettering": d.DeadLetter(ctx, "r", "d"), "renewing": renewal,
		} {
			if !errors.Is(err, bus.ErrLockLost) {
				k.Fatalf("%s: error %v, want ErrLockLost", doing, err)
			}
		}
		if n := len(k.parked(subAlpha)); n != 0 {
			k.Fatalf("%d dead letters, want none", n)
		}
		k.complete(k.receiveOne(alpha))
	}},
	{"a message that was handed out twelve times is still there", func(k *kit) {
		alpha := k.open(subAlpha)
		k.publish(message("stubborn", subjectAlpha))
		for range 11 {
			k.receiveOne(alpha)
		}
		k.complete(k.receiveOne(alpha))
		if n := len(k.parked(subAlpha)); n != 0 {
			k.Fatalf("%d dead letters, want none", n)
		}
	}},
	{"completing for one subscription leaves the other its message", func(k *kit) {
		k.publish(message("both", subjectBoth))
		k.complete(k.receiveOne(k.open(subAlpha)))
		k.wantIDs(k.receive(k.open(subBeta), 1), "both")
	}},
}

var reopenCases = []suiteCase{
	{"what is waiting", func(k *kit) {
		m := message("patient", subjectAlpha)
		k.publish(m)
		k.closeReceiverAfter(subAlpha, 1)
		k.Bus = k.Reopen(k.T)
		d := k.receiveOne(k.open(subAlpha))
		k.wantSame(d, m)
		k.complete(d)
	}},
	{"but not what was completed", func(k *kit) {
		k.publish(message("done", subjectBoth), message("open", subjectBoth))
		alpha := k.open(subAlpha)
		for _, d := range k.receive(alpha, 2) {
			if d.ID() == "done" {
				k.complete(d)
			}
		}
		k.closeReceiver(alpha)
		k.Bus = k.Reopen(k.T)
		alpha = k.open(subAlpha)
		d := k.receiveOne(alpha)
		k.wantIDs([]bus.Delivery{d}, "open")
		k.complete(d)
		k.nothing(alpha, k.Lock+k.Lock/2)
		k.wantIDs(k.receive(k.open(subBeta), 2), "done", "open")
	}},
	{"schedules that are not due", func(k *kit) {
		one, two := in(message("one", subjectAlpha), 3*time.Second), in(message("two", subjectAlpha), 3*time.Second)
		k.publish(one, two)
		k.Bus = k.Reopen(k.T)
		alpha := k.open(subAlpha)
		k.wantIDs(k.receive(alpha, 2), "one", "two")
		if early := time.Until(one.At); early > 0 {
			k.Fatalf("arrived %s early", early)
		}
	}},
	{"schedules that came due meanwhile", func(k *kit) {
		m := in(message("overdue", subjectAlpha), 300*time.Millisecond)
		k.publish(m)
		if err := k.Bus.Close(); err != nil {
			k.Fatalf("closing: %v", err)
		}
		k.pass(m.At.Add(200 * time.Millisecond))
		k.Bus = k.Reopen(k.T)
		alpha := k.open(subAlpha)
		d := k.receiveOne(alpha)
		k.wantSame(d, m)
		k.complete(d)
		k.nothing(alpha, time.Second)
	}},
	{"dead letters", func(k *kit) {
		k.publish(message("bad", subjectAlpha))
		alpha := k.open(subAlpha)
		k.park(k.receiveOne(alpha), "reason", "description")
		k.closeReceiver(alpha)
		k.Bus = k.Reopen(k.T)
		all := k.parked(subAlpha)
		if len(all) != 1 || all[0].ID != "bad" || all[0].Reason != "reason" {
			k.Fatalf("dead letters %+v, want the one", all)
		}
		k.nothing(k.open(subAlpha), quiet)
	}},
}

// closeReceiverAfter receives n messages and closes the receiver without settling them.
func (k *kit) closeReceiverAfter(subscription string, n int) {
	k.Helper()
	r := k.open(subscription)
	k.receive(r, n)
	k.closeReceiver(r)
}
