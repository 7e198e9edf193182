package bustest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"leaver/shared/bus"
)

var depthCases = []suiteCase{
	{"it counts what is visible and not settled", func(k *kit) {
		if depth := k.depth(subAlpha); depth != (bus.Depth{}) {
			k.Fatalf("depth of nothing %+v", depth)
		}
		k.publish(message("one", subjectAlpha), message("two", subjectBoth), in(message("hidden", subjectAlpha), time.Hour))
		if n := k.depth(subAlpha).Active; n != 2 {
			k.Fatalf("depth %d, want 2", n)
		}
		if n := k.depth(subBeta).Active; n != 1 {
			k.Fatalf("depth of the other subscription %d, want 1", n)
		}
		d := k.receiveOne(k.open(subAlpha))
		if n := k.depth(subAlpha).Active; n != 2 {
			k.Fatalf("depth %d while one is handed out, want 2", n)
		}
		k.complete(d)
		if n := k.depth(subAlpha).Active; n != 1 {
			k.Fatalf("depth %d, want 1", n)
		}
	}},
	{"the oldest age is that of the oldest visible message, and zero without one", func(k *kit) {
		before := time.Now()
		k.publish(message("old", subjectAlpha))
		k.pass(time.Now().Add(1200 * time.Millisecond)) // after the broker has it, however long that took
		k.publish(message("new", subjectAlpha))
		if age, most := k.depth(subAlpha).OldestAge, time.Since(before)+time.Second; age < time.Second || age > most {
			k.Fatalf("oldest age %s, want between 1s and %s", age, most)
		}
		all := k.receive(k.open(subAlpha), 2)
		for _, d := range all {
			if d.ID() == "old" {
				k.complete(d)
			}
		}
		between := time.Now()
		if age := k.depth(subAlpha).OldestAge; age > between.Sub(before)-time.Second+time.Since(between) {
			k.Fatalf("oldest age %s after the old one was completed", age)
		}
		for _, d := range all {
			if d.ID() == "new" {
				k.complete(d)
			}
		}
		if depth := k.depth(subAlpha); depth.OldestAge != 0 || depth.Active != 0 {
			k.Fatalf("depth %+v, want nothing", depth)
		}
	}},
}

var receiveCases = []suiteCase{
	{"a done context is not an error", func(k *kit) {
		alpha := k.open(subAlpha)
		done, cancel := context.WithCancel(k.Context())
		cancel()
		if some, err := alpha.Receive(done, 1); err != nil || len(some) != 0 {
			k.Fatalf("received %v, error %v", ids(some), err)
		}
		start := time.Now()
		k.nothing(alpha, quiet)
		if took := time.Since(start); took < quiet*9/10 {
			k.Fatalf("returned after %s, before its deadline", took)
		}
		ctx, cancel := context.WithCancel(k.Context())
		go func() {
			k.pass(time.Now().Add(quiet))
			cancel()
		}()
		if some, err := alpha.Receive(ctx, 1); err != nil || len(some) != 0 {
			k.Fatalf("received %v, error %v", ids(some), err)
		}
		k.publish(message("then", subjectAlpha))
		k.wantIDs(k.receive(alpha, 1), "then")
	}},
	{"it returns as soon as one message is there", func(k *kit) {
		alpha := k.open(subAlpha)
		got := make(chan []bus.Delivery, 1)
		go func() {
			some, _ := alpha.Receive(k.within(patience), 10)
			got <- some
		}()
		k.pass(time.Now().Add(quiet / 2)) // so that it waits, most likely
		sent := time.Now()
		k.publish(message("first", subjectAlpha))
		some := <-got
		k.wantIDs(some, "first")
		if took := time.Since(sent); took > patience/4 {
			k.Fatalf("took %s", took)
		}
		k.complete(some...)
	}},
	{"at most max are handed out at once", func(k *kit) {
		all := numbered("m", 7)
		for _, id := range all {
			k.publish(message(id, subjectAlpha))
		}
		alpha := k.open(subAlpha)
		var got []bus.Delivery
		for _, max := range []int{1, 2, 100} {
			some, err := alpha.Receive(k.within(patience), max)
			if err != nil || len(some) == 0 || len(some) > max {
				k.Fatalf("received %d with max %d, error %v", len(some), max, err)
			}
			got = append(got, some...)
			k.complete(some...)
		}
		rest := k.receive(alpha, len(all)-len(got))
		k.wantIDs(append(got, rest...), all...)
	}},
	{"a message that arrives while a receive is cancelled is not lost", func(k *kit) {
		alpha := k.open(subAlpha)
		for i, id := range numbered("m", 30) {
			ctx, cancel := context.WithTimeout(k.Context(), time.Duration(i)*100*time.Microsecond)
			got := make(chan []bus.Delivery, 1)
			go func() {
				some, _ := alpha.Receive(ctx, 1)
				got <- some
			}()
			k.publish(message(id, subjectAlpha))
			some := <-got
			cancel()
			if len(some) == 0 {
				some = k.receive(alpha, 1)
			}
			k.wantIDs(some, id)
			k.complete(some...)
		}
	}},
	{"an unknown subscription is ErrNotFound", func(k *kit) {
		const name = "no-such-subscription"
		r, err := k.Bus.Open(k.within(patience), name)
		if err == nil {
			_, err = r.Receive(k.within(patience), 1)
		}
		_, depth := k.Bus.Depth(k.within(patience), name)
		_, letters := k.Bus.DeadLetters(k.within(patience), name, 1)
		for doing, err := range map[string]error{
			"receiving": err, "measuring": depth, "reading dead letters": letters,
			"discarding":   k.Bus.Discard(k.within(patience), name, "1"),
			"resubmitting": k.Bus.Resubmit(k.within(patience), name, "1", message("x", subjectAlpha)),
		} {
			if !errors.Is(err, bus.ErrNotFound) {
				k.Fatalf("%s: error %v, want ErrNotFound", doing, err)
			}
		}
	}},
	{"two receivers share the messages", func(k *kit) {
		one, two := k.open(subAlpha), k.open(subAlpha)
		all := numbered("m", 10)
		for _, id := range all {
			k.publish(message(id, subjectAlpha))
		}
		var got []bus.Delivery
		for len(got) < len(all) {
			for _, r := range []bus.Receiver{one, two} {
				if len(got) < len(all) {
					d := k.receive(r, 1)
					k.complete(d...)
					got = append(got, d...)
				}
			}
		}
		k.wantIDs(got, all...)
	}},
	{"a closed receiver gives back what was not settled", func(k *kit) {
		all := numbered("m", 5)
		for _, id := range all {
			k.publish(message(id, subjectAlpha))
		}
		first := k.open(subAlpha)
		held := k.receive(first, 3)
		k.complete(held[0])
		k.closeReceiver(first)
		second := k.open(subAlpha)
		rest := k.receive(second, 4)
		k.complete(rest...)
		k.wantIDs(append(rest, held[0]), all...)
		k.nothing(second, quiet)
	}},
	{"after the bus is closed it does not hang", func(k *kit) {
		alpha := k.open(subAlpha)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, _ = alpha.Receive(k.within(patience), 1)
		}()
		if err := k.Bus.Close(); err != nil {
			k.Fatalf("closing: %v", err)
		}
		start := time.Now()
		_, _ = alpha.Receive(k.within(patience), 1)
		<-ended
		if took := time.Since(start); took > patience/2 {
			k.Fatalf("took %s", took)
		}
	}},
	{"concurrent publishers and receivers lose nothing and complete each message once", func(k *kit) {
		const publishers, each, receivers = 8, 60, 4
		ctx, cancel := context.WithCancel(k.within(6 * patience))
		defer cancel()
		var publishing, receiving sync.WaitGroup
		var mu sync.Mutex
		completed, late := map[string]int{}, map[string]bool{}
		var failed []error
		fail := func(err error) {
			mu.Lock()
			defer mu.Unlock()
			failed = append(failed, err)
			cancel()
		}
		for range receivers {
			r := k.open(subQueue)
			receiving.Go(func() {
				for ctx.Err() == nil {
					some, err := r.Receive(ctx, 5)
					if err != nil {
						fail(err)
						return
					}
					for _, d := range some {
						if err := d.Complete(k.Context()); err != nil {
							if !errors.Is(err, bus.ErrLockLost) {
								fail(err)
								continue
							}
							mu.Lock()
							if completed[d.ID()] == 0 {
								late[d.ID()] = true // it comes again, unless it was completed in the last moment
							}
							mu.Unlock()
							continue
						}
						mu.Lock()
						completed[d.ID()]++
						delete(late, d.ID())
						if len(completed) == publishers*each {
							cancel()
						}
						mu.Unlock()
					}
				}
			})
		}
		for p := range publishers {
			publishing.Go(func() {
				for i := range each {
					if _, err := k.Bus.Publish(k.Context(), request(fmt.Sprintf("%d-%d", p, i))); err != nil {
						fail(err)
					}
				}
			})
		}
		publishing.Wait()
		receiving.Wait()
		if len(failed) > 0 {
			k.Fatalf("%d errors, the first: %v", len(failed), failed[0])
		}
		if len(completed)+len(late) != publishers*each {
			k.Fatalf("%d of %d messages completed, %d too late", len(completed), publishers*each, len(late))
		}
		for id, n := range completed {
			if n != 1 {
				k.Fatalf("%s was completed %d times", id, n)
			}
		}
		if depth := k.depth(subQueue); depth.Active != 0 {
			k.Fatalf("depth %d at the end, want 0", depth.Active)
		}
	}},
}
