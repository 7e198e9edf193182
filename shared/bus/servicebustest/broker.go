package servicebustest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// What the broker answers when it does not do what it is asked.
var (
	errNotFound   = errors.New("no such entity")
	errNotAllowed = errors.New("the entity does not do that")
	errLockLost   = errors.New("the lock is lost")
	errNoMessage  = errors.New("no such message")
)

// broker holds the entities and their messages. It knows nothing of AMQP: what a message says
// is bytes to it. Time only passes when it is told the time: in each call, and by tick.
type broker struct {
	options Options

	mu     sync.Mutex
	topics map[string]*topic // by lower-case name, as the maps below
	queues map[string]*queue // queues, subscriptions and the dead letters of both, by path
	tokens uint64
	next   time.Time     // the earliest moment at which time alone may change something; zero is none
	rearm  chan struct{} // filled when next has come closer
}

// message is what a sender hands in.
type message struct {
	id, label, to string
	ttl           time.Duration // 0 is none
	body          []byte
}

// topic holds only what is scheduled; all else is with the subscriptions.
type topic struct {
	inbox
	subscriptions []*queue
}

// inbox is where senders put messages: a queue or a topic.
type inbox struct {
	sequence int64
	entries  []*entry            // by sequence number
	seen     map[string]sighting // of message ids, for duplicate detection
}

type sighting struct {
	at       time.Time
	sequence int64
}

// newBroker makes the entities of the options.
func newBroker(options Options) (*broker, error) {
	b := &broker{options: options, topics: map[string]*topic{}, queues: map[string]*queue{}, rearm: make(chan struct{}, 1)}
	for _, e := range options.Entities {
		path := e.path()
		key := strings.ToLower(path)
		if e.Name == "" || b.queues[key] != nil {
			return nil, fmt.Errorf("entity %q: it needs a name, once", path)
		}
		q := &queue{path: path, rules: e.Rules}
		q.dead = &queue{path: path + deadLetterSuffix, isDead: true}
		b.queues[key], b.queues[key+strings.ToLower(deadLetterSuffix)] = q, q.dead
		if e.Subscription == "" {
			continue
		}
		name := strings.ToLower(e.Name)
		if b.topics[name] == nil {
			b.topics[name] = &topic{}
		}
		b.topics[name].subscriptions = append(b.topics[name].subscriptions, q)
	}
	for name := range b.topics {
		if b.queues[name] != nil {
			return nil, fmt.Errorf("entity %q: it is a queue and a topic", name)
		}
	}
	return b, nil
}

// exists says whether a path names anything, for a sender or for a receiver.
func (b *broker) exists(path string, sender bool) error {
	path = strings.ToLower(path)
	q, t := b.queues[path], b.topics[path]
	switch {
	case q == nil && t == nil:
		return fmt.Errorf("%w: %s", errNotFound, path)
	case sender && q != nil && (q.isDead || strings.Contains(path, "/")), !sender && t != nil:
		return fmt.Errorf("%w: %s", errNotAllowed, path)
	}
	return nil
}

// accept takes messages at a queue or topic, all together. Those with a time in the future wait
// for it. The sequence numbers are those that a cancellation needs.
func (b *broker) accept(now time.Time, path string, messages []message, at time.Time) ([]int64, error) {
	if err := b.exists(path, true); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.advance(now)
	var sequences []int64
	for _, m := range messages {
		sequences = append(sequences, b.acceptOne(now, strings.ToLower(path), m, at))
	}
	return sequences, nil
}

func (b *broker) acceptOne(now time.Time, path string, m message, at time.Time) int64 {
	in := b.inbox(path)
	in.sequence++
	if first, is := in.duplicate(now, m.id, b.options.DuplicateWindow); is {
		// It is acknowledged and dropped.
		if b.options.Corners.DuplicateKeepsNumber {
			return first
		}
		return in.sequence
	}
	e := &entry{message: m, sequence: in.sequence, enqueuedSequence: in.sequence, enqueued: now}
	if at.After(now) {
		e.scheduled = at
		in.entries = append(in.entries, e)
		b.alarm(at)
	} else {
		b.enqueue(b.topics[path], b.queues[path], e)
	}
	return e.sequence
}

// inbox is that of a queue or topic which exists.
func (b *broker) inbox(path string) *inbox {
	if t := b.topics[path]; t != nil {
		return &t.inbox
	}
	return &b.queues[path].inbox
}

// enqueue makes an entry visible in its queue, or copies of it in the subscriptions that take it.
func (b *broker) enqueue(t *topic, q *queue, e *entry) {
	if t == nil {
		b.add(q, e)
		return
	}
	for _, s := range t.subscriptions {
		if s.takes(e) {
			s.sequence++
			twin := *e
			twin.sequence = s.sequence
			b.add(s, &twin)
		}
	}
}

// add puts an entry at its place by sequence number.
func (b *broker) add(q *queue, e *entry) {
	i, _ := slices.BinarySearchFunc(q.entries, e.sequence, bySequence)
	q.entries = slices.Insert(q.entries, i, e)
	if until := b.expiry(q, e); !until.IsZero() {
		b.alarm(until)
	}
	q.wake()
}

// expiry is when a message's time to live ends; zero is never, as among the dead letters.
// The entity's default is also the longest that a message can ask for.
func (b *broker) expiry(q *queue, e *entry) time.Time {
	ttl := e.ttl
	if limit := b.options.TTL; limit > 0 && (ttl == 0 || ttl > limit) {
		ttl = limit
	}
	if ttl == 0 || q.isDead {
		return time.Time{}
	}
	return e.enqueued.Add(ttl)
}

// cancel removes scheduled messages. When one of them is not there, none is removed.
func (b *broker) cancel(now time.Time, path string, sequences []int64) error {
	if err := b.exists(path, true); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.advance(now)
	in := b.inbox(strings.ToLower(path))
	isMeant := func(e *entry) bool { return !e.scheduled.IsZero() && slices.Contains(sequences, e.sequence) }
	for _, sequence := range sequences {
		if !slices.ContainsFunc(in.entries, func(e *entry) bool { return e.sequence == sequence && isMeant(e) }) {
			return fmt.Errorf("%w: scheduled message %d", errNoMessage, sequence)
		}
	}
	in.entries = slices.DeleteFunc(in.entries, func(e *entry) bool {
		if isMeant(e) && b.options.Corners.CancelForgetsID {
			delete(in.seen, e.id)
		}
		return isMeant(e)
	})
	return nil
}

// duplicate says whether an id was taken within the window, and by which number; otherwise the
// newest number takes it.
func (in *inbox) duplicate(now time.Time, id string, window time.Duration) (first int64, is bool) {
	if window == 0 || id == "" {
		return 0, false
	}
	if before, seen := in.seen[id]; seen && now.Sub(before.at) < window {
		return before.sequence, true
	}
	if in.seen == nil {
		in.seen = map[string]sighting{}
	}
	in.seen[id] = sighting{now, in.sequence}
	return 0, false
}

// alarm asks for a tick at a time.
func (b *broker) alarm(at time.Time) {
	if b.next.IsZero() || at.Before(b.next) {
		b.next = at
		select {
		case b.rearm <- struct{}{}:
		default:
		}
	}
}

// tick lets time pass and says when it may change something next; zero is never.
func (b *broker) tick(now time.Time) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.advance(now)
	return b.next
}

// advance does what is due: scheduled messages appear, locks end, messages expire.
func (b *broker) advance(now time.Time) {
	if b.next.IsZero() || b.next.After(now) {
		return
	}
	b.next = time.Time{}
	for _, t := range b.topics {
		for _, e := range b.takeDue(now, &t.entries) {
			b.enqueue(t, nil, e)
		}
	}
	for _, q := range b.queues {
		for _, e := range b.takeDue(now, &q.entries) {
			q.sequence++ // a message gets a new number when it is enqueued
			e.sequence = q.sequence
			b.add(q, e)
		}
		b.endLocks(now, q)
		b.expire(now, q)
	}
}

// takeDue removes the entries whose scheduled time has come, earliest first.
func (b *broker) takeDue(now time.Time, entries *[]*entry) []*entry {
	var due []*entry
	*entries = slices.DeleteFunc(*entries, func(e *entry) bool {
		if e.scheduled.IsZero() {
			return false
		}
		if e.scheduled.After(now) {
			b.alarm(e.scheduled)
			return false
		}
		due = append(due, e)
		return true
	})
	slices.SortStableFunc(due, func(x, y *entry) int { return x.scheduled.Compare(y.scheduled) })
	for _, e := range due {
		e.enqueued, e.appointed, e.scheduled = e.scheduled, e.scheduled, time.Time{}
	}
	return due
}

func (b *broker) endLocks(now time.Time, q *queue) {
	for _, e := range slices.Clone(q.entries) {
		switch {
		case e.lockedUntil.IsZero():
		case e.lockedUntil.After(now):
			b.alarm(e.lockedUntil)
		default:
			b.unlock(q, e, true)
		}
	}
}

func (b *broker) expire(now time.Time, q *queue) {
	for _, e := range slices.Clone(q.entries) {
		until := b.expiry(q, e)
		switch {
		case until.IsZero() || !e.scheduled.IsZero() || e.locked():
		case until.After(now):
			b.alarm(until)
		case b.options.DeadLetterExpired:
			b.bury(q, e, "TTLExpiredException", "The message expired and was dead lettered.", nil)
		default:
			q.remove(e)
		}
	}
}

// token makes a lock token that no other has. Its halves differ, so that a wrong byte order shows.
func (b *broker) token() uuid {
	b.tokens++
	var t uuid
	binary.BigEndian.PutUint64(t[:8], b.tokens*0x9e3779b97f4a7c15)
	binary.BigEndian.PutUint64(t[8:], b.tokens)
	return t
}
