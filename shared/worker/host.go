package worker

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"leaver/shared/bus"
)

// Host keeps a receiver open on one subscription and hands every message to a handler: the
// resident way to run a queue function.
type Host struct {
	Bus          bus.Bus
	Subscription string
	Handle       func(context.Context, bus.Delivery) error
	Concurrency  int // messages worked on at the same time, at least 1
	// Priority is shared by the hosts of a process; Urgent ones go before the others.
	Priority *Priority
	Urgent   bool
	Log      *slog.Logger
}

// Run receives until ctx is done, then waits for the messages in hand. It returns an error
// only when the subscription cannot be opened.
func (h *Host) Run(ctx context.Context) error {
	receiver, err := h.Bus.Open(ctx, h.Subscription)
	if err != nil {
		return err
	}
	defer h.close(ctx, receiver)
	// Messages in hand may finish after ctx is done, for a while: a step cut off in the middle
	// waits for its lease to run out before anybody can go on with it.
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	unhook := context.AfterFunc(ctx, func() { time.AfterFunc(shutdownGrace, stop) })
	defer unhook()

	slots := make(chan struct{}, max(h.Concurrency, 1))
	var inHand sync.WaitGroup
	defer inHand.Wait()
	for failures := 0; ctx.Err() == nil; {
		if !h.Urgent {
			h.Priority.wait(ctx)
		}
		free := acquire(ctx, slots)
		deliveries, err := receiver.Receive(ctx, free)
		for range free - len(deliveries) {
			<-slots
		}
		if h.Urgent {
			h.Priority.begin(len(deliveries))
		}
		for _, d := range deliveries {
			inHand.Go(func() {
				defer func() { <-slots }()
				if h.Urgent {
					defer h.Priority.end()
				} else {
					h.Priority.wait(working) // for urgent ones that came together with this one
				}
				h.handle(working, d)
			})
		}
		if err == nil {
			failures = 0
			continue
		}
		if ctx.Err() != nil {
			break
		}
		h.Log.Warn("receiving failed", "subscription", h.Subscription, "error", err)
		timer := time.NewTimer(Backoff(failures))
		failures++
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
	return nil
}

func (h *Host) handle(ctx context.Context, d bus.Delivery) {
	if err := h.Handle(ctx, d); err != nil && ctx.Err() == nil {
		h.Log.Warn("message not settled", "subscription", h.Subscription, "message", d.ID(), "error", err)
	}
}

// close gives back what the receiver holds, also when ctx is done.
func (h *Host) close(ctx context.Context, receiver bus.Receiver) {
	closing, stop := context.WithTimeout(context.WithoutCancel(ctx), closeGrace)
	defer stop()
	if err := receiver.Close(closing); err != nil {
		h.Log.Warn("receiver not closed", "subscription", h.Subscription, "error", err)
	}
}

// closeGrace is how long closing a receiver may take.
const closeGrace = 2 * time.Second

// shutdownGrace is how long messages in hand may go on after the host was told to stop.
const shutdownGrace = 10 * time.Second

// acquire waits for one free slot, takes all that are free and returns how many. Slots are
// taken before messages are asked for, so that none waits in hand with its lock running. It
// returns 0 when ctx is done.
func acquire(ctx context.Context, slots chan struct{}) int {
	select {
	case slots <- struct{}{}:
	case <-ctx.Done():
		return 0
	}
	for taken := 1; ; taken++ {
		select {
		case slots <- struct{}{}:
		default:
			return taken
		}
	}
}
