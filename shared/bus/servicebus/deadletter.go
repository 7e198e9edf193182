package servicebus

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"leaver/shared/bus"
)

const (
	// page is how many messages are peeked or looked through at once.
	page = 100
	// another is how long the next dead letter is waited for: they are there already.
	another = 5 * time.Second
)

// DeadLetters implements bus.Bus. The key is the subscription and the sequence number: numbers
// alone are not unique to a subscription. Errors: bus.ErrNotFound, bus.ErrUnavailable.
func (b *Bus) DeadLetters(ctx context.Context, subscription string, max int) ([]bus.DeadLetter, error) {
	doing := "reading the dead letters of " + subscription
	s, err := b.subscription(subscription)
	if err != nil {
		return nil, classify(doing, err)
	}
	var all []bus.DeadLetter
	err = b.browse(ctx, s.dead, max, func(m *azservicebus.ReceivedMessage) {
		all = append(all, bus.DeadLetter{
			Key:         s.Name + "/" + strconv.FormatInt(value(m.SequenceNumber), 10),
			ID:          m.MessageID,
			Subject:     subjectOf(m),
			Body:        m.Body,
			Reason:      value(m.DeadLetterReason),
			Description: value(m.DeadLetterErrorDescription),
			At:          parkedAt(m),
		})
	})
	return all, classify(doing, err)
}

// browse peeks at most max messages in their order.
func (b *Bus) browse(ctx context.Context, on *node, max int, see func(*azservicebus.ReceivedMessage)) error {
	for next := int64(1); max > 0; {
		some, err := b.peek(ctx, on, next, min(max, page))
		if err != nil || len(some) == 0 {
			return err
		}
		for _, m := range some {
			see(m)
			next = value(m.SequenceNumber) + 1
		}
		max -= len(some)
	}
	return nil
}

// Resubmit implements bus.Bus: it locks the dead letter, publishes, and completes it. Errors:
// bus.ErrNotFound (subscription or key), those of Publish and of Delivery.Complete.
func (b *Bus) Resubmit(ctx context.Context, subscription, key string, m bus.Message) error {
	doing := fmt.Sprintf("resubmitting dead letter %s of %s", key, subscription)
	return classify(doing, b.remove(ctx, subscription, key, func(s *subscriber) error {
		m.Entity = s.Entity
		if s.OfQueue() {
			return b.publish(ctx, m, "")
		}
		return b.publish(ctx, m, s.Name)
	}))
}

// Discard implements bus.Bus. Errors: bus.ErrNotFound (subscription or key),
// bus.ErrUnavailable, those of Delivery.Complete.
func (b *Bus) Discard(ctx context.Context, subscription, key string) error {
	doing := fmt.Sprintf("discarding dead letter %s of %s", key, subscription)
	return classify(doing, b.remove(ctx, subscription, key, func(*subscriber) error { return nil }))
}

// remove locks the dead letter that a key names, and removes it when first has succeeded.
func (b *Bus) remove(ctx context.Context, subscription, key string, first func(*subscriber) error) error {
	s, err := b.subscription(subscription)
	if err != nil {
		return err
	}
	text, ours := strings.CutPrefix(key, s.Name+"/")
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil || !ours {
		return fmt.Errorf("%w: no dead letter has this key", bus.ErrNotFound)
	}
	there, err := b.peek(ctx, s.dead, number, 1)
	if err != nil {
		return err
	}
	if len(there) == 0 || value(there[0].SequenceNumber) != number {
		return fmt.Errorf("%w: the dead letter is gone", bus.ErrNotFound)
	}
	r := b.receive(s, azservicebus.SubQueueDeadLetter)
	defer func() { _ = r.Close(context.WithoutCancel(ctx)) }() // gives back what else it has
	letter, err := r.search(ctx, number)
	if err != nil {
		return err
	}
	if err := first(s); err != nil {
		return err
	}
	return letter.Complete(ctx)
}

// search receives until the message with this number comes. It starts with few, as the one
// that is wanted is mostly the oldest.
func (r *receiver) search(ctx context.Context, number int64) (*delivery, error) {
	for most := 1; ; most = min(2*most, page) {
		waiting, stop := context.WithTimeout(ctx, another)
		some, err := r.Receive(waiting, most)
		stop()
		if err == nil && len(some) == 0 {
			err = bus.ErrUnavailable
		}
		if err != nil {
			return nil, fmt.Errorf("the dead letter is there, but was not handed out; perhaps somebody has it: %w", err)
		}
		for _, d := range some {
			if d := d.(*delivery); value(d.message.SequenceNumber) == number {
				return d, nil
			}
		}
	}
}
