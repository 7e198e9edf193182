package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"leaver/shared/bus"
)

const (
	// maxPull bounds one pull request; a longer wait sends another. It also bounds how long
	// a request that a broken connection swallowed is waited for.
	maxPull = 30 * time.Second
	// pullGrace is how long after its end a pull request's last word may arrive.
	pullGrace = time.Second
	// batchGrace is how long the rest of a batch may take after its first message. The
	// server sends a batch in one go, so this only ever passes when something is wrong.
	batchGrace = 100 * time.Millisecond
)

// The status codes that end a pull request.
// Source: nats-server, server/consumer.go (processNextMsgRequest, processWaiting).
const (
	statusNoMessages = 404
	statusTimeout    = 408
)

// receiver implements bus.Receiver.
//
// It speaks the pull protocol itself instead of jetstream.Consumer.Fetch, for two reasons.
// A request with both no_wait and expires waits for the first message and then takes what
// there is: one round trip, no waiting for max; Fetch has only one or the other. And Fetch
// forgets a message that arrives while its context ends, which then stays locked; here it
// waits for the next Receive, or Close gives it back.
type receiver struct {
	bus     *Bus
	name    string // of the subscription
	ofQueue bool
	lock    time.Duration
	request string // the subject of pull requests
	inbox   string
	sub     *nats.Subscription
	busy    chan struct{} // held by the one Receive that waits
	changed chan struct{} // something arrived

	mu      sync.Mutex
	arrived []*delivery
	held    map[*delivery]struct{} // handed out, not settled
	pull    pull
	closed  bool
}

// pull is the pull request under way.
type pull struct {
	number int       // in the inbox subject, to know its status messages from older ones
	left   int       // messages it may still bring; 0 = none under way
	until  time.Time // when the server forgets it
	status int       // why the last one ended; 0 = it was filled
	first  time.Time // when it brought its first message
	plain  bool      // it has no no_wait
}

// Open implements bus.Bus. Errors: bus.ErrNotFound, bus.ErrUnavailable.
func (b *Bus) Open(ctx context.Context, subscription string) (bus.Receiver, error) {
	doing := "opening the subscription " + subscription
	s, err := b.subscription(subscription)
	if err != nil {
		return nil, classify(doing, err)
	}
	consumer, err := b.js.Consumer(ctx, Stream, encode(s.Name))
	if err != nil {
		return nil, classify(doing, err)
	}
	r := &receiver{
		bus:     b,
		name:    s.Name,
		ofQueue: s.OfQueue(),
		lock:    consumer.CachedInfo().Config.AckWait,
		request: "$JS.API.CONSUMER.MSG.NEXT." + Stream + "." + encode(s.Name),
		busy:    make(chan struct{}, 1),
		changed: make(chan struct{}, 1),
		held:    map[*delivery]struct{}{},
	}
	r.inbox = nats.NewInbox()
	r.sub, err = b.conn.Subscribe(r.inbox+".*", r.take)
	if err != nil {
		return nil, classify(doing, err)
	}
	return r, nil
}

// take is called for each message and each status, one at a time.
func (r *receiver) take(msg *nats.Msg) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if msg.Reply == "" { // a status: a message always has a reply subject, for its ack
		if msg.Subject != r.pullInbox() {
			return // of an older request
		}
		r.pull.left = 0
		r.pull.status, _ = strconv.Atoi(msg.Header.Get("Status"))
	} else if d, err := r.delivery(msg, now); err == nil {
		r.arrived = append(r.arrived, d)
		if r.pull.left > 0 {
			r.pull.left--
		}
		if r.pull.first.IsZero() {
			r.pull.first = now
		}
	}
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

func (r *receiver) pullInbox() string { return r.inbox + "." + strconv.Itoa(r.pull.number) }

// Receive implements bus.Receiver. Errors: bus.ErrNotFound, bus.ErrUnavailable.
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
	for {
		ready, wait, err := r.next(ctx, max)
		if err != nil {
			return nil, classify("receiving from "+r.name, err)
		}
		if len(ready) > 0 {
			if ready, err = r.whole(ctx, ready); err != nil {
				return nil, classify("receiving from "+r.name, err)
			}
		}
		if len(ready) > 0 || ctx.Err() != nil {
			return ready, nil
		}
		if wait == 0 {
			continue // what was there was done with
		}
		timer := time.NewTimer(wait)
		select {
		case <-r.changed:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// next hands out what is ready, or makes sure that a pull request is under way and says
// how long to wait for it.
func (r *receiver) next(ctx context.Context, max int) (ready []bus.Delivery, wait time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, 0, fmt.Errorf("%w: the receiver is closed", bus.ErrUnavailable)
	}
	now := time.Now()
	r.forget(now)
	filled := len(r.arrived) >= max || r.pull.left == 0
	if len(r.arrived) > 0 {
		late := r.pull.first.Add(batchGrace)
		if filled || r.pull.plain || ctx.Err() != nil || !now.Before(late) {
			return r.handOut(max), 0, nil
		}
		return nil, late.Sub(now), nil // the rest of the batch is on its way
	}
	if ctx.Err() != nil {
		return nil, 0, nil
	}
	if r.pull.left > 0 && now.Before(r.pull.until.Add(pullGrace)) {
		return nil, r.pull.until.Add(pullGrace).Sub(now), nil
	}
	status := r.pull.status
	switch status {
	case 0, statusNoMessages, statusTimeout:
	default:
		// No such consumer, no leader, server going down: the code does not tell which.
		if _, err := r.bus.js.Consumer(ctx, Stream, encode(r.name)); err != nil {
			return nil, 0, err
		}
		r.pull.status = 0
		return nil, 0, fmt.Errorf("%w: the server ended the request with status %d", bus.ErrUnavailable, status)
	}
	if err := r.ask(ctx, now, max, status == statusTimeout); err != nil {
		return nil, 0, err
	}
	return nil, r.pull.until.Add(pullGrace).Sub(now), nil
}

// ask sends a pull request. The server refuses no_wait with a time-out while others wait
// and everything handed out is unsettled; a plain request for one message waits with them.
func (r *receiver) ask(ctx context.Context, now time.Time, max int, plain bool) error {
	expires := maxPull
	if deadline, ok := ctx.Deadline(); ok {
		expires = min(expires, time.Millisecond+deadline.Sub(now))
	}
	if plain {
		max = 1
	}
	r.pull = pull{number: r.pull.number + 1, left: max, until: now.Add(expires), plain: plain}
	body, err := json.Marshal(struct {
		Batch   int           `json:"batch"`
		Expires time.Duration `json:"expires"` // ns
		NoWait  bool          `json:"no_wait,omitempty"`
	}{max, expires, !plain})
	if err != nil {
		return err
	}
	if err := r.bus.conn.PublishRequest(r.request, r.pullInbox(), body); err != nil {
		r.pull.left = 0
		return err
	}
	return nil
}

// forget drops what has lost its lock.
func (r *receiver) forget(now time.Time) {
	kept := r.arrived[:0]
	for _, d := range r.arrived {
		if now.Before(d.until) {
			kept = append(kept, d)
		}
	}
	clear(r.arrived[len(kept):])
	r.arrived = kept
	for d := range r.held {
		if d.over(now) {
			delete(r.held, d)
		}
	}
}

func (r *receiver) handOut(max int) []bus.Delivery {
	n := min(max, len(r.arrived))
	out := make([]bus.Delivery, 0, n)
	for _, d := range r.arrived[:n] {
		out = append(out, d)
		r.held[d] = struct{}{}
	}
	clear(r.arrived[:n])
	r.arrived = r.arrived[n:]
	return out
}

// release forgets a settled delivery.
func (r *receiver) release(d *delivery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.held, d)
}

// Close implements bus.Receiver: it takes the request back, waits for what is on its way,
// and gives everything unsettled back at once. Those deliveries are lost afterwards
// (bus.ErrLockLost). Errors: bus.ErrUnavailable; the locks then run out by themselves.
func (r *receiver) Close(ctx context.Context) error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil
	}
	r.closed = true
	r.mu.Unlock()

	ended := make(chan struct{})
	var once sync.Once
	r.sub.SetClosedHandler(func(string) { once.Do(func() { close(ended) }) })
	if err := r.sub.Drain(); err != nil {
		return classify("closing the receiver of "+r.name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, r.bus.opts.Timeout)
	defer cancel()
	select {
	case <-ended:
	case <-ctx.Done():
		return classify("closing the receiver of "+r.name, ctx.Err())
	}

	r.mu.Lock()
	back := r.arrived
	for d := range r.held {
		back = append(back, d)
	}
	r.arrived, r.held = nil, map[*delivery]struct{}{}
	r.mu.Unlock()
	var errs []error
	for _, d := range back {
		if err := d.giveBack(ctx); err != nil && !errors.Is(err, bus.ErrLockLost) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// delivery reads a message.
func (r *receiver) delivery(msg *nats.Msg, now time.Time) (*delivery, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return nil, err
	}
	d := &delivery{
		receiver: r,
		reply:    msg.Reply,
		id:       unquote(msg.Header.Get(headerID)),
		subject:  lastToken(msg.Subject),
		body:     msg.Data,
		kept:     msg.Header.Get(headerKept),
		sequence: meta.Sequence.Stream,
		enqueued: meta.Timestamp,
		until:    now.Add(r.lock),
	}
	if d.id == "" { // not published by this driver
		d.id = strings.TrimSpace(msg.Header.Get(jetstream.MsgIDHeader))
	}
	return d, nil
}

// unquote reads a header; what is not quoted is returned as it is.
func unquote(s string) string {
	if plain, err := strconv.Unquote(s); err == nil {
		return plain
	}
	return s
}
