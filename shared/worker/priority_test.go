package worker_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"leaver/shared/bus"
	"leaver/shared/worker"
)

// TestLockoutGoesFirst lets an urgent and an ordinary host wait for messages, and gives each a
// backlog. No ordinary message is worked on before every urgent one is done with, although the
// ordinary host gets the first of its own while it has long been receiving.
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
		urgent, ordinary := make(waitingMessages, 20), make(waitingMessages, 20)
		var priority worker.Priority
		var hosts sync.WaitGroup
		for _, backlog := range []waitingMessages{urgent, ordinary} {
			h := &worker.Host{
				Bus: subscription{messages: backlog}, Subscription: "s", Handle: handle, Concurrency: 4,
				Priority: &priority, Urgent: backlog == urgent, Log: slog.New(slog.DiscardHandler),
			}
			hosts.Go(func() { _ = h.Run(ctx) })
		}
		synctest.Wait() // both receive
		for range 20 {
			urgent <- message{subject: "urgent"}
		}
		synctest.Wait() // the first are in hand
		for range 20 {
			ordinary <- message{subject: "ordinary"}
		}
		<-time.After(time.Minute)
		stop()
		hosts.Wait()
		if len(order) != 40 {
			t.Fatalf("%d of 40 messages were handled", len(order))
		}
		if slices.Contains(order[:20], "ordinary") {
			t.Errorf("ordinary messages were worked on before the urgent ones were done: %v", order)
		}
	})
}

// waitingMessages is what waits on a subscription.
type waitingMessages chan bus.Delivery

type subscription struct {
	bus.Bus
	messages waitingMessages
}

func (s subscription) Open(context.Context, string) (bus.Receiver, error) { return s.messages, nil }

func (m waitingMessages) Receive(ctx context.Context, most int) ([]bus.Delivery, error) {
	var out []bus.Delivery
	select {
	case d := <-m:
		out = append(out, d)
	case <-ctx.Done():
	}
	for len(out) > 0 && len(out) < most && len(m) > 0 {
		out = append(out, <-m)
	}
	return out, nil
}

func (waitingMessages) Close(context.Context) error { return nil }

type message struct {
	bus.Delivery
	subject string
}

func (message) ID() string        { return "m" }
func (m message) Subject() string { return m.subject }
