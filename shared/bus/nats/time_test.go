package nats_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats-server/v2/server/ats"

	"leaver/shared/bus"
	"leaver/shared/bus/bustest"
	"leaver/shared/bus/nats"
	"leaver/shared/embedded"
)

// A message that is due in thirty days arrives in thirty days, over a restart, with the
// server's own clock moved by synctest.
func TestThirtyDays(t *testing.T) {
	// The server's ticker of access times must not belong to the bubble, or it hangs.
	ats.Register()
	defer ats.Unregister()
	// nats.go keeps timers in a pool, and none of the bubble may be used outside it, or the other way round.
	emptyPools()
	defer emptyPools()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := &harness{
			dir:    dir,
			server: embedded.Options{NoSync: true},
			opts:   nats.Options{Subscriptions: bustest.Subscriptions()[:1], Lock: time.Minute},
		}
		h.start(t)
		const month = 30 * 24 * time.Hour
		due := time.Now().Add(month)
		h.publish(t, bus.Message{ID: "delete", Entity: bus.Queue, Body: []byte("b"), At: due})
		h.restart(t)
		// Nobody asks for it until the last minute; the 30 days are the server's alone.
		almost, cancel := context.WithDeadline(t.Context(), due.Add(-time.Minute))
		defer cancel()
		<-almost.Done()
		r, err := h.bus.Open(t.Context(), "requests")
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.Receive(t.Context(), 1)
		if err != nil || len(got) != 1 || got[0].ID() != "delete" {
			t.Fatalf("received %v, error %v", got, err)
		}
		if late := time.Since(due); late < 0 || late > 2*time.Second {
			t.Errorf("arrived %s after its time", late)
		}
		if err := got[0].Complete(t.Context()); err != nil {
			t.Error(err)
		}
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
		h.stop(t)
		synctest.Wait()
	})
}

// emptyPools empties every sync.Pool: what is in one outlives a single collection.
func emptyPools() {
	runtime.GC()
	runtime.GC()
}

// TestAnotherClockThanTheServers: what whoever sends and receives says of time is by their clock, here one
// that is ahead; the server waits as long as they do.
func TestAnotherClockThanTheServers(t *testing.T) {
	t.Parallel()
	ahead := func() time.Time { return time.Now().Add(2 * time.Hour) }
	h := newHarness(t, embedded.Options{NoSync: true}, nats.Options{Subscriptions: bustest.Subscriptions()[:1], Lock: 20 * time.Second, Now: ahead})
	due := ahead().Add(300 * time.Millisecond)
	h.publish(t, bus.Message{ID: "1", Entity: bus.Queue, Body: []byte("b"), At: due})
	r, err := h.bus.Open(t.Context(), "requests")
	if err != nil {
		t.Fatal(err)
	}
	wait, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	got, err := r.Receive(wait, 1)
	if err != nil || len(got) != 1 {
		t.Fatalf("received %v within a minute, error %v: want the message", got, err)
	}
	if ahead().Before(due) {
		t.Error("it arrived before its time")
	}
	until := got[0].LockedUntil()
	renewed, err := got[0].Renew(t.Context())
	if err != nil || until.Before(ahead()) || renewed.Before(until) {
		t.Errorf("locked until %s, and renewed until %s, %v; want both ahead", until, renewed, err)
	}
	if err := got[0].Complete(t.Context()); err != nil {
		t.Error(err)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
