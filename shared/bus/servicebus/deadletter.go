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
	another = 2 * time.Second
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
func (b *Bus) browse(ctx context.Context, node *azservicebus.Receiver, max int, see func(*azservicebus.ReceivedMessage)) error {
	for next := int64(1); max > 0; {
		var some []*azservicebus.ReceivedMessage
		err := b.request(ctx, func(ctx context.Context) (err error) {
			some, err = node.PeekMessages(ctx, min(max, page), &azservicebus.PeekMessagesOptions{FromSequenceNumber: &next})
			return err
		})
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
		b.unlockDead(ctx, s, lock)
		return classify(doing, err)
	}
	return classify(doing, b.removeDead(ctx, s, lock))
}

// Discard implements bus.Bus. Errors: bus.ErrNotFound (subscription or key),
// bus.ErrUnavailable.
func (b *Bus) Discard(ctx context.Context, subscription, key string) error {
	doing := fmt.Sprintf("discarding dead letter %s of %s", key, subscription)
	s, lock, err := b.lockDead(ctx, subscription, key)
	if err != nil {
		return classify(doing, err)
	}
	return classify(doing, b.removeDead(ctx, s, lock))
}

func (b *Bus) removeDead(ctx context.Context, s *subscription, lock *azservicebus.ReceivedMessage) error {
	return b.settle(ctx, s.dead, lock, func(ctx context.Context, r *azservicebus.Receiver, m *azservicebus.ReceivedMessage) error {
		return r.CompleteMessage(ctx, m, nil)
	})
}

// unlockDead gives a dead letter back; when that fails, its lock ends by itself.
func (b *Bus) unlockDead(ctx context.Context, s *subscription, lock *azservicebus.ReceivedMessage) {
	_ = b.request(ctx, func(ctx context.Context) error {
		ctx, stop := b.wire.current().while(ctx, onLink)
		defer stop()
		return s.dead.AbandonMessage(ctx, lock, nil)
	})
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
	var there []*azservicebus.ReceivedMessage
	err = b.request(ctx, func(ctx context.Context) (err error) {
		there, err = s.dead.PeekMessages(ctx, 1, &azservicebus.PeekMessagesOptions{FromSequenceNumber: &number})
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if len(there) == 0 || value(there[0].SequenceNumber) != number {
		return nil, nil, fmt.Errorf("%w: the dead letter is gone", bus.ErrNotFound)
	}
	link, err := b.link(s, azservicebus.SubQueueDeadLetter)
	if err != nil {
		return nil, nil, err
	}
	lock, others, err := b.search(ctx, link, number)
	ending, stop := context.WithTimeout(context.WithoutCancel(ctx), closing)
	defer stop()
	_ = link.Close(ending)
	for _, other := range others {
		b.unlockDead(ctx, s, other)
	}
	return s, lock, err
}

// search receives until the message with this number comes. It starts with few, as the one
// that is wanted is mostly the oldest.
func (b *Bus) search(ctx context.Context, link *azservicebus.Receiver, number int64) (found *azservicebus.ReceivedMessage, others []*azservicebus.ReceivedMessage, err error) {
	for most := 1; found == nil; most = min(2*most, page) {
		var some []*azservicebus.ReceivedMessage
		err := b.request(ctx, func(ctx context.Context) (err error) {
			ctx, stop := context.WithTimeout(ctx, another)
			defer stop()
			some, err = link.ReceiveMessages(ctx, most, nil)
			return err
		})
		if err == nil && len(some) == 0 {
			err = bus.ErrUnavailable
		}
		if err != nil {
			return nil, others, fmt.Errorf("the dead letter is there, but was not handed out; perhaps somebody has it: %w", err)
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
