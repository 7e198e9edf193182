package worker

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Quiet is how long Drain waits for a message before it takes the subscription for empty.
const Quiet = 2 * time.Second

// Drain receives until the subscription is empty and no message is in hand, then closes the
// receiver: the way to run a queue function where nothing runs in between. At the end it takes
// no more messages and lets those in hand finish; ctx bounds these. Due returns when the last
// message before a time becomes visible, as far as is known now: until then Drain waits on. An
// error means that the subscription could not be read.
func (h *Host) Drain(ctx context.Context, end time.Time, due func(before time.Time) time.Time) error {
	receiver, err := h.Bus.Open(ctx, h.Subscription)
	if err != nil {
		return err
	}
	defer h.close(ctx, receiver)
	receiving, stop := context.WithDeadline(ctx, end)
	defer stop()
	slots := make(chan struct{}, max(h.Concurrency, 1))
	var inHand sync.WaitGroup
	defer inHand.Wait()
	for receiving.Err() == nil {
		free := acquire(receiving, slots)
		until := time.Now().Add(Quiet)
		if last := due(end).Add(Quiet); last.After(until) {
			until = last
		}
		waiting, stop := context.WithDeadline(receiving, until)
		deliveries, err := receiver.Receive(waiting, free)
		stop()
		for range free - len(deliveries) {
			<-slots
		}
		for _, d := range deliveries {
			inHand.Go(func() {
				defer func() { <-slots }()
				h.handle(ctx, d)
			})
		}
		if err != nil && receiving.Err() == nil {
			return fmt.Errorf("draining %s: %w", h.Subscription, err)
		}
		// What is in hand may still publish for this subscription.
		if len(deliveries) == 0 && len(slots) == 0 && !due(end).Add(Quiet).After(time.Now()) {
			return nil
		}
	}
	return nil
}
