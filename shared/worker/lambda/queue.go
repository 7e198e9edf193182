package lambda

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"leaver/shared/bus"
	"leaver/shared/worker"
)

const (
	// takeUntil is how long before its deadline an invocation takes its last message.
	takeUntil = 10 * time.Second
	// workUntil is how long before its deadline an invocation breaks off what is in hand: the
	// rest is for closing the receiver.
	workUntil = 3 * time.Second
)

// invocation is the payload of a queue function. Whatever else a schedule sends is ignored.
type invocation struct {
	// Messages are CloudEvents to work on instead of draining the subscription.
	Messages []json.RawMessage `json:"messages,omitempty"`
	// Due says that a message becomes visible then, which is to be waited for.
	Due time.Time `json:"due,omitzero"`
}

// Queue is a function that works on the messages of one subscription.
type Queue struct {
	Subscription string
	Handle       func(context.Context, bus.Delivery) error
	Bus          *Waker // the handler publishes through it, too
	Concurrency  int
	Now          func() time.Time
	Log          *slog.Logger
}

// Invoke implements [Handler]: it drains the subscription, or works on the messages that the
// payload brings and answers with their outcomes.
func (q *Queue) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	defer q.Bus.Flush()
	var in invocation
	if len(payload) > 0 {
		if err := json.Unmarshal(payload, &in); err != nil {
			return nil, fmt.Errorf(`the payload of %s is not {"messages":[CloudEvent, …]}: %w`, q.Subscription, err)
		}
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = q.Now().Add(worker.Quiet + takeUntil)
	}
	working, stop := context.WithDeadline(ctx, deadline.Add(-workUntil))
	defer stop()
	if len(in.Messages) > 0 {
		return q.work(working, in.Messages)
	}
	due := func(before time.Time) time.Time {
		if last := q.Bus.Due(before); last.After(in.Due) || in.Due.After(before) {
			return last
		}
		return in.Due
	}
	host := &worker.Host{
		Bus: q.Bus, Subscription: q.Subscription, Handle: q.Handle, Concurrency: q.Concurrency, Log: q.Log,
	}
	return nil, host.Drain(working, deadline.Add(-takeUntil), due)
}
