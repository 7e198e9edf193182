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
// bus.ErrNotFound (subscription or key), those of Publish.
func (b *Bus) Resubmit(ctx context.Context, subscription, key string, m bus.Message) error {
	doing := fmt.Sprintf("resubmitting dead letter %s of %s", key, subscription)
	s, lock, err := b.lockDead(ctx, subscription, key)
	if err != nil {
		return classify(doing, err)
	}
	only := s.Name
	if s.Entity == bus.Queue {
		only = ""
	}
	m.Entity = s.Entity
	if err := b.publish(ctx, m, only); err != nil {
		_ = b.settleNow(ctx, s.dead, lock, abandon) // or its lock ends by itself
		return classify(doing, err)
	}
	return classify(doing, b.settle(ctx, s.dead, lock, complete))
}

// Discard implements bus.Bus. Errors: bus.ErrNotFound (subscription or key),
// bus.ErrUnavailable.
func (b *Bus) Discard(ctx context.Context, subscription, key string) error {
	doing := fmt.Sprintf("discarding dead letter %s of %s", key, subscription)
	s, lock, err := b.lockDead(ctx, subscription, key)
	if err != nil {
		return classify(doing, err)
	}
	return classify(doing, b.settle(ctx, s.dead, lock, complete))
}

// lockDead finds the dead letter that a key names, and locks it.
func (b *Bus) lockDead(ctx context.Context, subscription, key string) (*subscription, *azservicebus.ReceivedMessage, error) {
	s, err := b.subscription(subscription)
	if err != nil {
		return nil, nil, err
	}
	text, ours := strings.CutPrefix(key, s.Name+"/")
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil || !ours {
		return nil, nil, fmt.Errorf("%w: no dead letter has this key", bus.ErrNotFound)
	}
	there, err := b.peek(ctx, s.dead, number, 1)
	if err != nil {
		return nil, nil, err
	}
	if len(there) == 0 || value(there[0].SequenceNumber) != number {
		return nil, nil, fmt.Errorf("%w: the dead letter is gone", bus.ErrNotFound)
	}
	link, err := b.attach(s.Subscription, azservicebus.SubQueueDeadLetter)
	if err != nil {
		return nil, nil, b.mark(err)
	}
	lock, others, err := b.search(ctx, link, number)
	_ = b.detach(context.WithoutCancel(ctx), link) // else what comes now is locked in vain
	for _, other := range others {
		_ = b.settleNow(ctx, s.dead, other, abandon)
	}
	return s, lock, err
}

// search receives until the message with this number comes. It starts with few, as the one
// that is wanted is mostly the oldest.
func (b *Bus) search(ctx context.Context, link *azservicebus.Receiver, number int64) (found *azservicebus.ReceivedMessage, others []*azservicebus.ReceivedMessage, err error) {
	for most := 1; found == nil; most = min(2*most, page) {
		waiting, stop := context.WithTimeout(ctx, another)
		some, err := link.ReceiveMessages(waiting, most, nil)
		stop()
		if err == nil && len(some) == 0 {
			err = bus.ErrUnavailable
		}
		if err != nil {
			return nil, others, fmt.Errorf("the dead letter is there, but was not handed out; perhaps somebody has it: %w", b.mark(err))
		}
		for _, m := range some {
			if value(m.SequenceNumber) == number {
				found = token(m)
			} else {
				others = append(others, token(m))
			}
		}
	}
	return found, others, nil
}
