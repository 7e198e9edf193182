package bustest

import (
	"fmt"
	"sync"
	"time"

	"leaver/shared/bus"
)

// soon is how late a scheduled message may be.
const soon = 4 * time.Second

var scheduleCases = []suiteCase{
	{"it arrives not before its time and soon after", func(k *kit) {
		alpha := k.open(subAlpha)
		m := in(message("later", subjectAlpha), 1700*time.Millisecond)
		k.publish(m)
		d := k.receiveOne(alpha)
		late := time.Since(m.At)
		k.wantSame(d, m)
		if late < 0 || late > soon {
			k.Fatalf("%s after its time, want 0 to %s", late, soon)
		}
		k.complete(d)
	}},
	{"a time that is past is now", func(k *kit) {
		k.publish(in(message("past", subjectAlpha), -time.Hour))
		k.wantIDs(k.receive(k.open(subAlpha), 1), "past")
	}},
	{"two for the same subject both arrive, each with its own id", func(k *kit) {
		alpha := k.open(subAlpha)
		k.publish(in(message("one", subjectAlpha), 600*time.Millisecond), in(message("two", subjectAlpha), 700*time.Millisecond))
		k.wantIDs(k.receive(alpha, 2), "one", "two")
	}},
	{"an earlier one overtakes a later one", func(k *kit) {
		alpha := k.open(subAlpha)
		k.publish(in(message("later", subjectAlpha), time.Hour), in(message("sooner", subjectAlpha), 500*time.Millisecond))
		d := k.receiveOne(alpha)
		k.wantIDs([]bus.Delivery{d}, "sooner")
		k.complete(d)
		k.nothing(alpha, quiet)
	}},
	{"every subscription of the subject gets it", func(k *kit) {
		k.publish(in(message("both", subjectBoth), 500*time.Millisecond))
		k.wantIDs(k.receive(k.open(subAlpha), 1), "both")
		k.wantIDs(k.receive(k.open(subBeta), 1), "both")
	}},
	{"it works for the queue", func(k *kit) {
		m := in(request("later"), 500*time.Millisecond)
		k.publish(m)
		k.wantSame(k.receiveOne(k.open(subQueue)), m)
	}},
	{"what comes due with no receiver attached waits", func(k *kit) {
		m := in(message("unattended", subjectAlpha), 300*time.Millisecond)
		k.publish(m)
		k.eventually("it is visible", func() bool { return k.depth(subAlpha).Active == 1 })
		k.wantSame(k.receiveOne(k.open(subAlpha)), m)
	}},
	{"a thousand arrive, each once", func(k *kit) {
		const n = 1000
		at := time.Now().Add(3 * time.Second)
		var wg sync.WaitGroup
		failed := make(chan error, n)
		for worker := range 20 {
			wg.Go(func() {
				for i := worker; i < n; i += 20 {
					m := message(fmt.Sprintf("s-%d", i), subjectAlpha)
					m.At = at
					if _, err := k.Bus.Publish(k.Context(), m); err != nil {
						failed <- err
					}
				}
			})
		}
		wg.Wait()
		if len(failed) > 0 {
			k.Fatalf("%d publications failed, one with %v", len(failed), <-failed)
		}
		alpha := k.open(subAlpha)
		seen := map[string]bool{}
		ctx := k.within(patience)
		for len(seen) < n {
			some, err := alpha.Receive(ctx, 50)
			if err != nil || len(some) == 0 {
				k.Fatalf("%d of %d arrived, then error %v", len(seen), n, err)
			}
			for _, d := range some {
				if seen[d.ID()] {
					k.Fatalf("%s came twice", d.ID())
				}
				seen[d.ID()] = true
			}
			k.complete(some...)
		}
		k.nothing(alpha, quiet)
	}},
}
