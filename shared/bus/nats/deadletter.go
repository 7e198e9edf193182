package nats

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"

	"leaver/shared/bus"
)

func deadSubject(subscription string) string { return "leaver.dead." + encode(subscription) }

// DeadLetters implements bus.Bus. The key is the sequence in the dead-letter stream.
// Errors: bus.ErrNotFound, bus.ErrUnavailable.
func (b *Bus) DeadLetters(ctx context.Context, subscription string, max int) ([]bus.DeadLetter, error) {
	doing := "reading the dead letters of " + subscription
	s, err := b.subscription(subscription)
	if err != nil {
		return nil, classify(doing, err)
	}
	var all []bus.DeadLetter
	for from := uint64(1); len(all) < max; {
		msg, err := b.dead.GetMsg(ctx, from, jetstream.WithGetMsgSubject(deadSubject(s.Name)))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			break
		}
		if err != nil {
			return nil, classify(doing, err)
		}
		all = append(all, bus.DeadLetter{
			Key:         strconv.FormatUint(msg.Sequence, 10),
			ID:          unquote(msg.Header.Get(headerID)),
			Subject:     unquote(msg.Header.Get(headerSubject)),
			Body:        msg.Data,
			Reason:      unquote(msg.Header.Get(headerReason)),
			Description: unquote(msg.Header.Get(headerDescription)),
			At:          msg.Time,
		})
		from = msg.Sequence + 1
	}
	return all, nil
}

// Resubmit implements bus.Bus. Errors: bus.ErrNotFound (subscription or key), those of
// Publish.
func (b *Bus) Resubmit(ctx context.Context, subscription, key string, m bus.Message) error {
	doing := fmt.Sprintf("resubmitting dead letter %s of %s", key, subscription)
	s, err := b.subscription(subscription)
	if err != nil {
		return classify(doing, err)
	}
	sequence, err := b.findDead(ctx, s, key)
	if err != nil {
		return classify(doing, err)
	}
	target := "leaver.only." + encode(s.Name) + "." + encode(m.Subject)
	// The id is unique within the entity, not within the subscription: the topic must not
	// see it again either.
	if _, err := b.publish(ctx, m, s.Entity, target); err != nil {
		return classify(doing, err)
	}
	// A duplicate is fine: an earlier attempt came this far.
	return classify(doing, overwrite(ctx, b.dead, sequence))
}

// Discard implements bus.Bus. Errors: bus.ErrNotFound (subscription or key),
// bus.ErrUnavailable.
func (b *Bus) Discard(ctx context.Context, subscription, key string) error {
	doing := fmt.Sprintf("discarding dead letter %s of %s", key, subscription)
	s, err := b.subscription(subscription)
	if err != nil {
		return classify(doing, err)
	}
	sequence, err := b.findDead(ctx, s, key)
	if err != nil {
		return classify(doing, err)
	}
	return classify(doing, overwrite(ctx, b.dead, sequence))
}

// findDead checks that a key names a dead letter of this subscription.
func (b *Bus) findDead(ctx context.Context, s bus.Subscription, key string) (uint64, error) {
	sequence, err := strconv.ParseUint(key, 10, 64)
	if err != nil || sequence == 0 {
		return 0, fmt.Errorf("%w: no dead letter has this key", bus.ErrNotFound)
	}
	msg, err := b.dead.GetMsg(ctx, sequence)
	if err != nil {
		return 0, err
	}
	if msg.Subject != deadSubject(s.Name) {
		return 0, fmt.Errorf("%w: that dead letter is of another subscription", bus.ErrNotFound)
	}
	return sequence, nil
}

func (b *Bus) countDead(ctx context.Context, s bus.Subscription) (int, error) {
	subject := deadSubject(s.Name)
	info, err := b.dead.Info(ctx, jetstream.WithSubjectFilter(subject))
	if err != nil {
		return 0, err
	}
	return int(info.State.Subjects[subject]), nil
}
