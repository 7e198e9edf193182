package worker_test

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"leaver/shared/bus"
	"leaver/shared/worker"
)

// TestLockoutGoesFirst gives an urgent and an ordinary host a backlog each, and expects no
// ordinary message to be taken while urgent ones are in hand.
func TestLockoutGoesFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var mu sync.Mutex
		var order []string
		handle := func(ctx context.Context, d bus.Delivery) error {
			<-time.After(time.Second) // by the clock of the bubble: the work takes a while
			mu.Lock()
			defer mu.Unlock()
			order = append(order, d.Subject())
			return nil
		}
		var lane worker.Lane
		var hosts sync.WaitGroup
		for _, urgent := range []bool{true, false} {
			backlog := &backlog{n: 20, subject: strconv.FormatBool(urgent)}
			h := &worker.Host{Bus: backlog, Subscription: "s", Handle: handle, Concurrency: 4, Lane: &lane, Urgent: urgent, Log: slog.New(slog.DiscardHandler)}
			hosts.Go(func() { _ = h.Run(ctx) })
			if urgent {
				synctest.Wait()
			}
		}
		timer := time.NewTimer(time.Minute)
		<-timer.C
		stop()
		hosts.Wait()
		if len(order) != 40 {
			t.Fatalf("%d of 40 messages were handled", len(order))
		}
		last := len(order) - 1 - slices.Index(reversed(order), "true")
		if first := slices.Index(order, "false"); last-first > 4 {
			t.Errorf("ordinary messages were taken before the urgent ones were done: %v", order)
		}
	})
}

func reversed(s []string) []string {
	s = slices.Clone(s)
	slices.Reverse(s)
	return s
}

// backlog is a bus with some messages waiting.
type backlog struct {
	bus.Bus
	mu      sync.Mutex
	n       int
	subject string
}

func (b *backlog) Open(context.Context, string) (bus.Receiver, error) { return receiver{b}, nil }

func (b receiver) Receive(ctx context.Context, most int) ([]bus.Delivery, error) {
	b.mu.Lock()
	var out []bus.Delivery
	for range min(most, b.n) {
		b.n--
		out = append(out, waiting{subject: b.subject})
	}
	b.mu.Unlock()
	if len(out) == 0 {
		<-ctx.Done()
	}
	return out, nil
}

type waiting struct {
	bus.Delivery
	subject string
}

func (w waiting) ID() string      { return "m" }
func (w waiting) Subject() string { return w.subject }

type receiver struct{ *backlog }

func (receiver) Close(context.Context) error { return nil }
