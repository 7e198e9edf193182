package servicebustest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

const deadLetterSuffix = "/$DeadLetterQueue"

// queue is a queue, a subscription, or the dead letters of one.
type queue struct {
	inbox
	path     string
	rules    []Rule // of a subscription; nil takes every message
	isDead   bool
	dead     *queue
	locks    map[uuid]*entry
	watchers []chan struct{}
}

// entry is one message in one queue.
type entry struct {
	message
	sequence         int64
	enqueuedSequence int64 // its number where it was first accepted
	enqueued         time.Time
	scheduled        time.Time // when it is to appear; zero once it has
	appointed        time.Time // when it was to appear; zero if it never waited
	deferred         bool
	token            uuid
	lockedUntil      time.Time // zero while nobody holds it
	deliveries       int       // that ended without a settlement
	deadLetter       *deadLetter
}

type deadLetter struct {
	reason, description, source string
	properties                  map[string]any
}

func (e *entry) locked() bool { return !e.lockedUntil.IsZero() }

func bySequence(e *entry, sequence int64) int { return cmp.Compare(e.sequence, sequence) }

// takes says whether any rule of a subscription matches.
func (q *queue) takes(e *entry) bool {
	return q.rules == nil || slices.ContainsFunc(q.rules, func(r Rule) bool {
		return (r.Label == "" || r.Label == e.label) && (r.To == "" || r.To == e.to)
	})
}

func (q *queue) remove(e *entry) {
	delete(q.locks, e.token)
	if i, found := slices.BinarySearchFunc(q.entries, e.sequence, bySequence); found {
		q.entries = slices.Delete(q.entries, i, i+1)
	}
}

// wake tells whoever waits for messages of the queue that there may be one.
func (q *queue) wake() {
	for _, w := range q.watchers {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}

// watch has a channel of capacity one filled whenever the queue may have messages, until stop.
func (b *broker) watch(path string, w chan struct{}) (stop func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.queues[strings.ToLower(path)]
	q.watchers = append(q.watchers, w)
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if i := slices.Index(q.watchers, w); i >= 0 {
			q.watchers = slices.Delete(q.watchers, i, i+1)
		}
	}
}

// use runs f on a queue, once what is due is done.
func (b *broker) use(now time.Time, path string, f func(*queue) error) error {
	q := b.queues[strings.ToLower(path)]
	if q == nil {
		return fmt.Errorf("%w: %s", errNotFound, path)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.advance(now)
	return f(q)
}

// receive locks at most max visible messages, oldest first. With take they leave at once.
func (b *broker) receive(now time.Time, path string, max int, take bool) ([]entry, error) {
	return b.handOut(now, path, max, take, func(e *entry) bool { return !e.deferred && e.scheduled.IsZero() })
}

// receiveDeferred does the same with deferred messages of these numbers, as far as they are there.
func (b *broker) receiveDeferred(now time.Time, path string, sequences []int64, take bool) ([]entry, error) {
	return b.handOut(now, path, len(sequences), take, func(e *entry) bool {
		return e.deferred && slices.Contains(sequences, e.sequence)
	})
}

func (b *broker) handOut(now time.Time, path string, max int, take bool, wanted func(*entry) bool) (out []entry, err error) {
	err = b.use(now, path, func(q *queue) error {
		var chosen []*entry
		for _, e := range q.entries {
			if len(chosen) == max {
				break
			}
			if !e.locked() && wanted(e) {
				chosen = append(chosen, e)
			}
		}
		for _, e := range chosen {
			if take {
				q.remove(e)
			} else {
				b.lock(now, q, e)
			}
			out = append(out, *e)
		}
		return nil
	})
	return out, err
}

// peek reads at most max messages from a number on, whatever their state.
func (b *broker) peek(now time.Time, path string, from int64, max int) (out []entry, err error) {
	err = b.use(now, path, func(q *queue) error {
		i, _ := slices.BinarySearchFunc(q.entries, from, bySequence)
		for _, e := range q.entries[i:min(len(q.entries), i+max)] {
			out = append(out, *e)
		}
		return nil
	})
	return out, err
}

func (b *broker) lock(now time.Time, q *queue, e *entry) {
	e.token, e.lockedUntil = b.token(), now.Add(b.options.Lock)
	if q.locks == nil {
		q.locks = map[uuid]*entry{}
	}
	q.locks[e.token] = e
	b.alarm(e.lockedUntil)
}

// unlock ends a lock without a settlement. The delivery that was one too many ends among the
// dead letters.
func (b *broker) unlock(q *queue, e *entry, counts bool) {
	delete(q.locks, e.token)
	e.token, e.lockedUntil = uuid{}, time.Time{}
	if counts {
		e.deliveries++
	}
	if max := b.options.MaxDelivery; e.deliveries >= max && !q.isDead {
		b.bury(q, e, "MaxDeliveryCountExceeded", fmt.Sprintf("Message could not be consumed after %d delivery attempts.", max), nil)
		return
	}
	if until := b.expiry(q, e); !until.IsZero() {
		b.alarm(until)
	}
	q.wake()
}

// bury moves a message to the dead letters.
func (b *broker) bury(q *queue, e *entry, reason, description string, properties map[string]any) {
	q.remove(e)
	twin := *e
	twin.token, twin.lockedUntil, twin.deferred = uuid{}, time.Time{}, false
	twin.deadLetter = &deadLetter{reason, description, q.path, properties}
	if b.options.Corners.DeadLetterRenumbers {
		q.dead.sequence++
		twin.sequence = q.dead.sequence
	}
	b.add(q.dead, &twin)
}

// settlement is what a receiver does with a message that it holds.
type settlement struct {
	act                 act
	reason, description string         // of a dead letter
	properties          map[string]any // that it gets
}

type act int

const (
	complete act = iota
	abandon
	release // gives back what was not asked for
	deferIt
	park // among the dead letters
)

// settle ends a lock. errLockLost: it had ended before.
func (b *broker) settle(now time.Time, path string, token uuid, s settlement) error {
	return b.use(now, path, func(q *queue) error {
		e := q.locks[token]
		if e == nil {
			return errLockLost
		}
		switch s.act {
		case complete:
			q.remove(e)
		case abandon:
			b.unlock(q, e, true)
		case release:
			b.unlock(q, e, b.options.Corners.ReleaseCounts)
		case deferIt:
			e.deferred = true
			b.unlock(q, e, false)
		case park:
			if q.isDead {
				return fmt.Errorf("%w: dead letters have no dead letters", errNotAllowed)
			}
			b.bury(q, e, s.reason, s.description, s.properties)
		}
		return nil
	})
}

// renew prolongs a lock. errLockLost: it had ended before.
func (b *broker) renew(now time.Time, path string, token uuid) (until time.Time, err error) {
	err = b.use(now, path, func(q *queue) error {
		e := q.locks[token]
		if e == nil {
			return errLockLost
		}
		e.lockedUntil = now.Add(b.options.Lock)
		until = e.lockedUntil
		return nil
	})
	return until, err
}

// Counts is how many messages an entity holds, by their state. A locked message is also active.
type Counts struct{ Active, Locked, Deferred, Scheduled, DeadLetters int }

// count counts the messages of a queue or subscription, or those that wait in a topic.
func (b *broker) count(now time.Time, path string) (c Counts, err error) {
	b.mu.Lock()
	t := b.topics[strings.ToLower(path)]
	if t != nil {
		b.advance(now)
		c.Scheduled = len(t.entries)
	}
	b.mu.Unlock()
	if t != nil {
		return c, nil
	}
	err = b.use(now, path, func(q *queue) error {
		for _, e := range q.entries {
			switch {
			case !e.scheduled.IsZero():
				c.Scheduled++
			case e.deferred:
				c.Deferred++
			default:
				c.Active++
			}
			if e.locked() {
				c.Locked++
			}
		}
		if q.dead != nil {
			c.DeadLetters = len(q.dead.entries)
		}
		return nil
	})
	return c, err
}
