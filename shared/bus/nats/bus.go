// Package nats is the bus on NATS JetStream: the embedded server or a cluster.
//
// Three streams. LEAVER has interest retention: a message stays until every subscription that
// takes it has completed it. It holds the queues, the topic, what is meant for one
// subscription only, and the schedules:
//
//	leaver.queue.SUBJECT              leaver.only.SUBSCRIPTION.SUBJECT
//	leaver.hints.SUBJECT              leaver.at.ENTITY.ID
//	leaver.topic.SUBJECT
//
// LEAVER_DEAD holds the dead letters, leaver.dead.SUBSCRIPTION, and LEAVER_KEPT the bodies of what is
// scheduled for a queue, leaver.kept.ENTITY.ID.HASH (see kept.go). Names, subjects and ids are
// written as tokens, see encode.
//
// What is peculiar, all of it tried with nats-server 2.15 and pinned by tests:
//
//   - Interest retention acknowledges and discards what no consumer takes, a schedule too.
//     So Open makes every consumer, and one on the schedules that is never read, before
//     anything can be published. Work-queue retention would refuse the second subscription
//     of the termination subject.
//   - A second schedule on one subject replaces the first: each id has a subject of its own.
//     So even after the window of duplicates an id is never scheduled twice. A schedule
//     survives a restart; NakWithDelay would not, and holds MaxAckPending.
//   - When a schedule fires, the server drops its Nats-Msg-Id. The id travels in a header
//     of ours; the window still knows the Nats-Msg-Id and drops later duplicates.
//   - No MaxAge: it deletes schedules that are not due. No MaxDeliver: a message past it
//     stays for ever without a signal, so the worker dead-letters.
//   - The window of duplicates is rebuilt from the stream when the server restarts, so an id
//     that was completed before a restart is not known after it. The worker drops such a
//     message as stale.
package nats

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"leaver/shared/bus"
	"leaver/shared/groupcommit"
)

// The streams.
const (
	Stream     = "LEAVER"
	DeadStream = "LEAVER_DEAD"
	KeptStream = "LEAVER_KEPT"
)

// The headers of a message, quoted as Go strings: an id may hold any byte.
const (
	headerID          = "Leaver-Id"
	headerSubject     = "Leaver-Subject"
	headerReason      = "Leaver-Reason"
	headerDescription = "Leaver-Description"
	headerEnqueued    = "Leaver-Enqueued" // when the parked message had become visible, RFC 3339
)

// schedulesDurable keeps the interest in schedules. Its name is not one that encode writes.
const schedulesDurable = "schedules=never-read"

// Options are what can be chosen about a bus. The zero value is what production uses on the
// embedded server.
type Options struct {
	// Subscriptions to make; nil is bus.Subscriptions().
	Subscriptions []bus.Subscription
	// Lock is how long a delivery is ours without renewal; 0 is 20 s.
	Lock time.Duration
	// Duplicates is how long an id is remembered; 0 is 10 min.
	Duplicates time.Duration
	// Replicas of each stream in a cluster; 0 is 1.
	Replicas int
	// Timeout bounds each request to the server, beside the caller's context; 0 is 10 s.
	Timeout time.Duration
	// Now is the clock of whoever sends and receives, by which messages become visible and locks end; nil is
	// the machine's, which the server goes by.
	Now func() time.Time
}

func (o Options) withDefaults() Options {
	if o.Subscriptions == nil {
		o.Subscriptions = bus.Subscriptions()
	}
	o.Lock, o.Duplicates = cmp.Or(o.Lock, 20*time.Second), cmp.Or(o.Duplicates, 10*time.Minute)
	o.Replicas, o.Timeout = cmp.Or(o.Replicas, 1), cmp.Or(o.Timeout, 10*time.Second)
	return o
}

// Bus is a bus.Bus on JetStream.
type Bus struct {
	conn   *nats.Conn
	js     jetstream.JetStream
	opts   Options
	subs   map[string]bus.Subscription
	live   jetstream.Stream
	dead   jetstream.Stream
	kept   jetstream.Stream
	group  *groupcommit.Group
	closed atomic.Bool
}

var _ bus.Bus = (*Bus)(nil)

// Open makes or updates the streams and consumers, which changes nothing when they are as
// wanted, and returns the bus. It takes over conn: Close closes it. A subscription that is
// no longer in the options keeps its consumer, and with it its messages; an operator
// deletes it. Errors: bus.ErrUnavailable, or that the server refuses the configuration.
func Open(ctx context.Context, conn *nats.Conn, o Options) (*Bus, error) {
	o = o.withDefaults()
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(o.Timeout))
	if err != nil {
		return nil, classify("opening JetStream", err)
	}
	b := &Bus{conn: conn, js: js, opts: o, subs: map[string]bus.Subscription{}}
	b.group = &groupcommit.Group{Conn: conn, JetStream: js, Timeout: o.Timeout}
	if err := b.declare(ctx); err != nil {
		return nil, err
	}
	return b, nil
}

// Publish implements bus.Publisher. It returns after the server's fsync (with SyncAlways).
// Errors: bus.ErrTooLarge, bus.ErrNotFound (entity), bus.ErrUnavailable, after which the
// message may or may not have been taken: publishing it again is safe.
func (b *Bus) Publish(ctx context.Context, m bus.Message) (duplicate bool, err error) {
	var target string
	switch m.Entity {
	case bus.Queue:
		target = "leaver.queue." + encode(m.Subject)
	case bus.Hints:
		target = "leaver.hints." + encode(m.Subject)
	case bus.Topic:
		target = "leaver.topic." + encode(m.Subject)
	default:
		return false, fmt.Errorf("publishing %q to %q: %w", m.ID, m.Entity, bus.ErrNotFound)
	}
	return b.publish(ctx, m, m.Entity, target)
}

// ahead is how far the clock of whoever sends and receives is ahead of the server's.
func (b *Bus) ahead() time.Duration {
	if b.opts.Now == nil {
		return 0
	}
	return time.Until(b.opts.Now())
}

// publish sends m to the target subject, now or later. scope is where the id is unique.
func (b *Bus) publish(ctx context.Context, m bus.Message, scope, target string) (bool, error) {
	doing := fmt.Sprintf("publishing %q to %s", m.ID, target)
	switch {
	case b.closed.Load():
		return false, classify(doing, nats.ErrConnectionClosed)
	case len(m.Body) > bus.MaxBody:
		return false, fmt.Errorf("%s: %w: the body has %d bytes, the limit is %d", doing, bus.ErrTooLarge, len(m.Body), bus.MaxBody)
	case len(m.ID) > bus.MaxID:
		return false, fmt.Errorf("%s: %w: the id has %d bytes, the limit is %d", doing, bus.ErrTooLarge, len(m.ID), bus.MaxID)
	case m.ID == "":
		return false, fmt.Errorf("%s: a message needs an id", doing)
	}
	msg := nats.NewMsg(target)
	msg.Data = m.Body
	msg.Header.Set(headerID, strconv.Quote(m.ID))
	if !m.At.IsZero() {
		m.At = m.At.Add(-b.ahead())
	}
	later := !m.At.IsZero() && m.At.After(time.Now())
	if later {
		msg.Subject = "leaver.at." + encode(scope) + "." + encode(m.ID)
		// Not jetstream.WithScheduleAt: it cuts the fraction of a second off, and the
		// message would be there before its time.
		msg.Header.Set(jetstream.ScheduleHeader, "@at "+m.At.UTC().Format(time.RFC3339Nano))
		msg.Header.Set(jetstream.ScheduleTargetHeader, target)
	}
	var ack *jetstream.PubAck
	var err error
	if later && m.Entity != bus.Topic {
		ack, err = b.sendKept(ctx, msg, scope, m)
	} else {
		ack, err = b.sendLive(ctx, msg, encode(scope)+"."+encode(m.ID))
	}
	if err != nil {
		return false, classify(doing, err)
	}
	return ack.Duplicate, nil
}

// send publishes once, without the client's own repetitions.
func (b *Bus) send(ctx context.Context, msg *nats.Msg, id string) (*jetstream.PubAck, error) {
	ctx, cancel := context.WithTimeout(ctx, b.opts.Timeout)
	defer cancel()
	return b.js.PublishMsg(ctx, msg, jetstream.WithMsgID(id), jetstream.WithRetryAttempts(0))
}

// sendLive is send for the live stream, in company where that is possible. A replicated
// stream groups its fsyncs itself. A schedule goes alone: the message that it becomes
// inherits its headers, and those of a batch would be taken for the beginning of one.
func (b *Bus) sendLive(ctx context.Context, msg *nats.Msg, id string) (*jetstream.PubAck, error) {
	if b.opts.Replicas > 1 || msg.Header.Get(jetstream.ScheduleHeader) != "" {
		return b.send(ctx, msg, id)
	}
	ctx, cancel := context.WithTimeout(ctx, b.opts.Timeout)
	defer cancel()
	msg.Header.Set(jetstream.MsgIDHeader, id)
	return b.group.Publish(ctx, msg)
}

// subscription finds a subscription of the options. Errors: bus.ErrNotFound.
func (b *Bus) subscription(name string) (bus.Subscription, error) {
	s, ok := b.subs[name]
	if !ok {
		return s, fmt.Errorf("%w: %q", bus.ErrNotFound, name)
	}
	return s, nil
}

// Depth implements bus.Bus. Errors: bus.ErrNotFound, bus.ErrUnavailable.
func (b *Bus) Depth(ctx context.Context, subscription string) (bus.Depth, error) {
	doing := "measuring " + subscription
	s, err := b.subscription(subscription)
	if err != nil {
		return bus.Depth{}, classify(doing, err)
	}
	consumer, err := b.js.Consumer(ctx, Stream, encode(s.Name)) // reads its info
	if err != nil {
		return bus.Depth{}, classify(doing, err)
	}
	dead, err := b.countDead(ctx, s)
	if err != nil {
		return bus.Depth{}, classify(doing, err)
	}
	info := consumer.CachedInfo()
	depth := bus.Depth{Active: int(info.NumPending) + info.NumAckPending, DeadLetters: dead}
	if depth.Active == 0 {
		return depth, nil
	}
	oldest, err := b.oldest(ctx, s, info.AckFloor.Stream+1)
	if err != nil {
		return bus.Depth{}, classify(doing, err)
	}
	if !oldest.IsZero() {
		// Both times are the server's, so its clock cancels out.
		depth.OldestAge = max(0, info.TimeStamp.Sub(oldest))
	}
	return depth, nil
}

// oldest is the time of the first message from a sequence on that a subscription takes;
// zero when all have been completed meanwhile. Everything below the ack floor is completed,
// and the message above it is not, else the floor were higher.
func (b *Bus) oldest(ctx context.Context, s bus.Subscription, from uint64) (time.Time, error) {
	var first *jetstream.RawStreamMsg
	for _, filter := range filters(s) {
		msg, err := b.live.GetMsg(ctx, from, jetstream.WithGetMsgSubject(filter))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return time.Time{}, err
		}
		if first == nil || msg.Sequence < first.Sequence {
			first = msg
		}
	}
	if first == nil {
		return time.Time{}, nil
	}
	return first.Time, nil
}

// Close implements bus.Bus: it ends the connection. Receivers should be closed before.
func (b *Bus) Close() error {
	b.closed.Store(true)
	b.conn.Close()
	return nil
}
