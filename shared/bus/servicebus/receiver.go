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
	name string
	link *node         // that messages come on
	node *node         // of the same subscription, or of its dead letters
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
	return b.receive(s, 0), nil
}

// receive makes a receiver for a subscription or its dead letters.
func (b *Bus) receive(s *subscriber, sub azservicebus.SubQueue) *receiver {
	r := &receiver{bus: b, name: s.Name, link: attachTo(s.Subscription, sub), node: s.live, busy: make(chan struct{}, 1), held: map[*delivery]struct{}{}}
	if sub == azservicebus.SubQueueDeadLetter {
		r.node = s.dead
	}
	return r
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
		began := time.Now()
		got, err := r.take(ctx, min(max, mostCredit))
		if len(got) > 0 {
			return got, nil
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
		return nil, classify("receiving from "+r.name, r.bus.mark(err))
	}
	return nil, nil
}

// take receives once. Nothing and no error means that the link has ended.
func (r *receiver) take(ctx context.Context, max int) ([]bus.Delivery, error) {
	via := r.bus.use()
	defer via.users.Done()
	link, err := r.link.get(via)
	if err != nil {
		return nil, err
	}
	conn := via.wire.current()
	got, err := link.ReceiveMessages(ctx, max, nil)
	if len(got) > 0 {
		if conn.gone() {
			conn = via.wire.current()
		}
		return r.handOut(got, link, conn), nil
	}
	if spent(err) || err == nil && ctx.Err() == nil {
		r.link.drop(link)
	}
	return nil, err
}

func (r *receiver) handOut(got []*azservicebus.ReceivedMessage, link *azservicebus.Receiver, conn *conn) []bus.Delivery {
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
		d := &delivery{receiver: r, message: message, link: link, conn: conn, until: value(message.LockedUntil)}
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
	return held && !r.closed
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
// themselves; so does that of a message which arrives in the moment of closing. Errors:
// bus.ErrUnavailable; the locks then run out, too.
func (r *receiver) Close(ctx context.Context) error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()

	ctx, stop := context.WithTimeout(ctx, closing)
	defer stop()
	var err error
	if link, on := r.link.close(); link != nil {
		conn := on.wire.current()
		if err = detach(ctx, link, conn); conn.gone() {
			err = nil
		}
	}
	select {
	case r.busy <- struct{}{}: // a Receive that waited has ended with the link
		defer func() { <-r.busy }()
	case <-ctx.Done():
	}
	r.mu.Lock()
	held := r.held
	r.held = map[*delivery]struct{}{}
	r.mu.Unlock()
	if r.bus.current().wire.current().gone() {
		return nil
	}
	errs := []error{err}
	var mu sync.Mutex
	var abandoning sync.WaitGroup
	for d := range held {
		abandoning.Go(func() {
			if err := r.bus.settleNow(ctx, r.node, token(d.message), abandon); err != nil && !errors.Is(err, bus.ErrLockLost) {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, fmt.Errorf("giving back %q: %w", d.ID(), err))
			}
		})
	}
	abandoning.Wait()
	return classify("closing the receiver of "+r.name, errors.Join(errs...))
}

// detach closes a link. It ends the connection when ctx does, or the client would go on waiting
// for an answer.
func detach(ctx context.Context, link *azservicebus.Receiver, conn *conn) error {
	ctx, stop := conn.while(ctx, closing)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- link.Close(ctx) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		_ = conn.Close()
		return errGone
	}
}
