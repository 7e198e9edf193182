package steptest

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"sync"
	"testing"
	"time"

	"leaver/shared/bus"
)

// Broker takes what is published and hands it out when the test says so, on the test's clock.
type Broker struct {
	now func() time.Time

	mu       sync.Mutex
	messages []bus.Message
	waiting  map[string][]arrival // by subscription
	letters  map[string][]bus.DeadLetter
}

type arrival struct {
	bus.Message
	visible time.Time
}

// Publish implements bus.Publisher.
func (b *Broker) Publish(ctx context.Context, m bus.Message) (duplicate bool, err error) {
	var to []string
	for _, s := range bus.Subscriptions() {
		if s.Entity == m.Entity && (s.Subjects == nil || slices.Contains(s.Subjects, m.Subject)) {
			to = append(to, s.Name)
		}
	}
	return b.send(ctx, m, to...)
}

func (b *Broker) send(ctx context.Context, m bus.Message, to ...string) (duplicate bool, err error) {
	err = write(ctx, "publish "+path.Dir(m.ID), func() error {
		b.mu.Lock()
		defer b.mu.Unlock()
		if duplicate = slices.ContainsFunc(b.messages, func(was bus.Message) bool { return was.ID == m.ID }); duplicate {
			return nil
		}
		b.messages = append(b.messages, m)
		visible := b.now()
		if m.At.After(visible) {
			visible = m.At
		}
		for _, s := range to {
			b.waiting[s] = append(b.waiting[s], arrival{m, visible})
		}
		return nil
	})
	return duplicate, err
}

// Messages are all that were published, in order.
func (b *Broker) Messages() []bus.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.messages)
}

// HandOut hands every visible message of a subscription to the handler, once. What is not
// settled is there to be handed out again.
func (b *Broker) HandOut(ctx context.Context, subscription string, handle Handler) {
	b.mu.Lock()
	waiting := slices.Clone(b.waiting[subscription])
	b.mu.Unlock()
	for _, m := range waiting {
		if !m.visible.After(b.now()) {
			_ = handle(ctx, &Delivery{message: m.Message, broker: b, subscription: subscription})
		}
	}
}

// Drain moves the clock to whatever waits for the handlers, by subscription, and hands it out,
// until all of it is settled.
func (h *Harness) Drain(t testing.TB, handlers map[string]Handler) {
	t.Helper()
	names := slices.Sorted(maps.Keys(handlers))
	for range 200 {
		next := h.Bus.next(names)
		if next.IsZero() {
			return
		}
		h.Advance(max(0, next.Sub(h.Now())))
		for _, name := range names {
			h.Bus.HandOut(t.Context(), name, handlers[name])
		}
		h.Advance(lock + time.Second)
	}
	t.Fatalf("messages for %v are still not settled", names)
}

// next is when the first message of the subscriptions is visible; zero when there is none.
func (b *Broker) next(subscriptions []string) (first time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range subscriptions {
		for _, m := range b.waiting[s] {
			if first.IsZero() || m.visible.Before(first) {
				first = m.visible
			}
		}
	}
	return first
}

// Lose forgets every message that waits.
func (b *Broker) Lose() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.waiting)
}

// Depth is as of bus.Bus.
func (b *Broker) Depth(_ context.Context, subscription string) (bus.Depth, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	depth := bus.Depth{DeadLetters: len(b.letters[subscription])}
	for _, m := range b.waiting[subscription] {
		if age := b.now().Sub(m.visible); age >= 0 {
			depth.Active++
			depth.OldestAge = max(depth.OldestAge, age)
		}
	}
	return depth, nil
}

// DeadLetters is as of bus.Bus.
func (b *Broker) DeadLetters(_ context.Context, subscription string, most int) ([]bus.DeadLetter, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	letters := b.letters[subscription]
	return slices.Clone(letters[:min(most, len(letters))]), nil
}

// Park puts a message among the dead letters of a subscription.
func (b *Broker) Park(subscription string, m bus.Message, reason, description string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.letters[subscription] = append(b.letters[subscription], bus.DeadLetter{
		Key: fmt.Sprint(len(b.letters[subscription]), " ", m.ID), ID: m.ID, Subject: m.Subject, Body: m.Body,
		Reason: reason, Description: description, At: b.now(),
	})
}

// Resubmit is as of bus.Bus: two writes.
func (b *Broker) Resubmit(ctx context.Context, subscription, key string, m bus.Message) error {
	if _, err := b.send(ctx, m, subscription); err != nil {
		return err
	}
	return b.Discard(ctx, subscription, key)
}

// Discard is as of bus.Bus.
func (b *Broker) Discard(ctx context.Context, subscription, key string) error {
	return write(ctx, "discard "+key, func() error {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.letters[subscription] = slices.DeleteFunc(b.letters[subscription], func(l bus.DeadLetter) bool { return l.Key == key })
		return nil
	})
}

// Sender is the broker as one function may use it.
type Sender struct {
	*Broker
	t        testing.TB
	function string
	rights   bus.Rights
}

func (s *Sender) check(entity string) {
	if !s.rights.MaySend(entity) {
		s.t.Errorf("%s may not send to %s", s.function, entity)
	}
}

// Publish implements bus.Publisher.
func (s *Sender) Publish(ctx context.Context, m bus.Message) (duplicate bool, err error) {
	s.check(m.Entity)
	return s.Broker.Publish(ctx, m)
}

// Resubmit is as of bus.Bus.
func (s *Sender) Resubmit(ctx context.Context, subscription, key string, m bus.Message) error {
	s.check(m.Entity)
	return s.Broker.Resubmit(ctx, subscription, key, m)
}

// Delivery is one handed-out message and what became of it.
type Delivery struct {
	message      bus.Message
	broker       *Broker
	subscription string // where it waits; empty when the test made it

	first *Delivery // the hand-out that this one repeats, which is settled with it

	Completed    bool
	DeadReason   string
	DeadSentence string

	// before and after fail the settling of the message before or after the broker took it.
	before, after error
}

const lock = 20 * time.Second

// The methods of bus.Delivery.
func (d *Delivery) ID() string             { return d.message.ID }
func (d *Delivery) Subject() string        { return d.message.Subject }
func (d *Delivery) Body() []byte           { return d.message.Body }
func (d *Delivery) LockedUntil() time.Time { return d.broker.now().Add(lock) }
func (d *Delivery) Complete(ctx context.Context) error {
	return d.settle(ctx, func(d *Delivery) { d.Completed = true })
}
func (d *Delivery) DeadLetter(ctx context.Context, reason, description string) error {
	return d.settle(ctx, func(d *Delivery) {
		d.DeadReason, d.DeadSentence = reason, description
		if d.first == nil && d.subscription != "" {
			d.broker.Park(d.subscription, d.message, reason, description)
		}
	})
}
func (d *Delivery) Renew(context.Context) (time.Time, error) { return d.LockedUntil(), nil }

func (d *Delivery) settle(ctx context.Context, done func(*Delivery)) error {
	if d.before != nil {
		return d.before
	}
	err := write(ctx, "settle "+d.ID(), func() error {
		for each := d; each != nil; each = each.first {
			done(each)
		}
		d.broker.remove(d.subscription, d.ID())
		return nil
	})
	if err != nil {
		return err
	}
	return d.after
}

func (b *Broker) remove(subscription, id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting[subscription] = slices.DeleteFunc(b.waiting[subscription], func(m arrival) bool { return m.ID == id })
}
