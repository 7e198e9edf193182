package servicebus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"leaver/shared/bus"
)

const (
	// mostCredit is what the client takes at once.
	mostCredit = 5000
	// brief is how long a link lasts that is in trouble. Service Bus detaches a link that was
	// idle for ten minutes, too.
	brief = time.Minute
)

// receiver implements bus.Receiver.
type receiver struct {
	bus  *Bus
	sub  *subscription
	link *azservicebus.Receiver
	busy chan struct{} // held by the one Receive that waits

	mu     sync.Mutex
	held   map[*delivery]struct{} // handed out, not settled
	closed bool
}

// Open implements bus.Bus. It makes no call: a subscription that is missing is bus.ErrNotFound
// at the first Receive. Errors: bus.ErrNotFound (not in the options), bus.ErrUnavailable.
func (b *Bus) Open(_ context.Context, subscription string) (bus.Receiver, error) {
	doing := "opening the subscription " + subscription
	s, err := b.subscription(subscription)
	if err != nil {
		return nil, classify(doing, err)
	}
	if b.closed.Load() {
		return nil, classify(doing, errClosed)
	}
	link, err := b.link(s, 0)
	if err != nil {
		return nil, classify(doing, b.mark(err))
	}
	return &receiver{bus: b, sub: s, link: link, busy: make(chan struct{}, 1), held: map[*delivery]struct{}{}}, nil
}

// Receive implements bus.Receiver. Errors: bus.ErrNotFound, bus.ErrUnavailable, after which the
// next Receive connects anew.
func (r *receiver) Receive(ctx context.Context, max int) ([]bus.Delivery, error) {
	if max < 1 {
		return nil, nil
	}
	select {
	case r.busy <- struct{}{}:
		defer func() { <-r.busy }()
	case <-ctx.Done():
		return nil, nil
	}
	for again := true; ctx.Err() == nil; {
		began, conn := time.Now(), r.bus.wire.current()
		got, err := r.link.ReceiveMessages(ctx, min(max, mostCredit), nil)
		if len(got) > 0 {
			if conn.gone() {
				conn = r.bus.wire.current()
			}
			return r.handOut(got, conn), nil
		}
		if ctx.Err() != nil {
			break
		}
		if err == nil { // the link has ended, perhaps long ago
			lasted := time.Since(began) > brief
			if !r.isClosed() && (again || lasted) {
				again = lasted
				continue
			}
			err = errGone
		}
		return nil, classify("receiving from "+r.sub.Name, r.bus.mark(err))
	}
	return nil, nil
}

func (r *receiver) handOut(got []*azservicebus.ReceivedMessage, conn *conn) []bus.Delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	for d := range r.held {
		if d.over(now) {
			delete(r.held, d)
		}
	}
	out := make([]bus.Delivery, 0, len(got))
	for _, message := range got {
		d := &delivery{receiver: r, message: message, conn: conn, until: value(message.LockedUntil)}
		r.held[d] = struct{}{}
		out = append(out, d)
	}
	return out
}

// holds reports whether a delivery can still be settled.
func (r *receiver) holds(d *delivery) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, held := r.held[d]
	return held
}

// release forgets a delivery that is settled or lost.
func (r *receiver) release(d *delivery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.held, d)
}

func (r *receiver) isClosed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

// Close implements bus.Receiver, within a second: it detaches the link, so that nothing more is
// locked for it, and abandons what is unsettled. Those deliveries are lost afterwards
// (bus.ErrLockLost). Without a connection there is nothing to detach, and the locks run out by
// themselves. Errors: bus.ErrUnavailable; the locks then run out, too.
func (r *receiver) Close(ctx context.Context) error {
	r.mu.Lock()
	held := r.held
	r.held, r.closed = nil, true
	r.mu.Unlock()

	conn := r.bus.wire.current()
	ctx, stop := conn.while(ctx, closing)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- r.link.Close(ctx) }()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
		_ = conn.Close() // or the client goes on waiting for an answer
		err = ctx.Err()
	}
	if conn.gone() {
		return nil
	}
	errs := []error{err}
	var mu sync.Mutex
	var abandoning sync.WaitGroup
	for d := range held {
		abandoning.Go(func() {
			if err := mark(r.sub.node.AbandonMessage(ctx, token(d.message), nil)); err != nil && !errors.Is(err, bus.ErrLockLost) {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, fmt.Errorf("giving back %q: %w", d.ID(), err))
			}
		})
	}
	abandoning.Wait()
	return classify("closing the receiver of "+r.sub.Name, errors.Join(errs...))
}
