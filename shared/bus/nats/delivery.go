package nats

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"leaver/shared/bus"
)

// The words of the ack protocol.
const (
	ackDone     = "+ACK"
	ackBack     = "-NAK"
	ackProgress = "+WPI"
)

// delivery implements bus.Delivery.
type delivery struct {
	receiver *receiver
	reply    string // the ack subject
	id       string
	subject  string
	body     []byte
	kept     string // the subject of its body, where that was kept beside a schedule
	sequence uint64 // in the stream
	enqueued time.Time

	mu      sync.Mutex // held over a settlement, so that there is only one
	until   time.Time
	settled bool
}

func (d *delivery) ID() string      { return d.id }
func (d *delivery) Subject() string { return d.subject }
func (d *delivery) Body() []byte    { return d.body }

func (d *delivery) LockedUntil() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.until.Add(d.receiver.bus.ahead())
}

// over reports that nothing can be done with it any more.
func (d *delivery) over(now time.Time) bool {
	if !d.mu.TryLock() {
		return false // being settled
	}
	defer d.mu.Unlock()
	return d.settled || !now.Before(d.until)
}

// say sends a word about the delivery and waits until the server has heeded it. Every word
// is a request (what clients call a double ack): a plain ack can be lost with the
// connection, and the message would come again after Complete had returned. Measured on the
// embedded server with SyncAlways, a receiver that completes one message after another does
// about 3,000/s; with plain acks the server empties the queue no faster, as it is the fsync
// of each removal that takes the time.
//
// The server heeds a word after the lock ran out, too, although another receiver may have
// the message; that is why our own clock is asked first.
func (d *delivery) say(ctx context.Context, word string) error {
	if d.settled || !time.Now().Before(d.until) {
		return bus.ErrLockLost
	}
	b := d.receiver.bus
	ctx, cancel := context.WithTimeout(ctx, b.opts.Timeout)
	defer cancel()
	_, err := b.conn.RequestWithContext(ctx, d.reply, []byte(word))
	return err
}

// settle says the last word.
func (d *delivery) settle(ctx context.Context, word string) error {
	if err := d.say(ctx, word); err != nil {
		return err
	}
	d.settled = true
	return nil
}

// done says that the message is done with. One of a queue holds names of people: it is overwritten on
// disk first, because the server only forgets where those are that it removes by itself. A crash in
// between leaves a message that is not there, which nobody gets again.
func (d *delivery) done(ctx context.Context) error {
	if d.settled || !time.Now().Before(d.until) {
		return bus.ErrLockLost
	}
	if b := d.receiver.bus; d.receiver.ofQueue {
		ctx, cancel := context.WithTimeout(ctx, b.opts.Timeout)
		defer cancel()
		if d.kept != "" { // first: whoever gets the message again after a crash sees by it that it is done with
			if err := b.drop(ctx, d.kept, ""); err != nil {
				return err
			}
		}
		if err := overwrite(ctx, b.live, d.sequence); err != nil {
			return err
		}
	}
	return d.settle(ctx, ackDone)
}

// overwrite removes a message for good. One that is not there is none.
func overwrite(ctx context.Context, of jetstream.Stream, sequence uint64) error {
	err := of.SecureDeleteMsg(ctx, sequence)
	if err == nil {
		return nil
	}
	// The server has one code for every failed deletion.
	if _, gone := of.GetMsg(ctx, sequence); errors.Is(gone, jetstream.ErrMsgNotFound) {
		return nil
	}
	return err
}

// Complete implements bus.Delivery. Errors: bus.ErrLockLost, bus.ErrUnavailable, after
// which it can be tried again.
func (d *delivery) Complete(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.done(ctx); err != nil {
		return classify(fmt.Sprintf("completing %q", d.id), err)
	}
	d.receiver.release(d)
	return nil
}

// Renew implements bus.Delivery. Errors: bus.ErrLockLost, bus.ErrUnavailable.
func (d *delivery) Renew(ctx context.Context) (time.Time, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now() // before the request: the server's lock ends after ours
	if err := d.say(ctx, ackProgress); err != nil {
		return time.Time{}, classify(fmt.Sprintf("renewing the lock of %q", d.id), err)
	}
	d.until = now.Add(d.receiver.lock)
	return d.until.Add(d.receiver.bus.ahead()), nil
}

// DeadLetter implements bus.Delivery: it publishes to the dead letters, then completes. A
// crash in between hands the message out again; its second dead letter within the window of
// duplicates is the same one. Errors: bus.ErrLockLost, bus.ErrUnavailable.
func (d *delivery) DeadLetter(ctx context.Context, reason, description string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	doing := fmt.Sprintf("dead-lettering %q", d.id)
	if d.settled || !time.Now().Before(d.until) {
		return classify(doing, bus.ErrLockLost)
	}
	msg := nats.NewMsg(deadSubject(d.receiver.name))
	msg.Data = d.body
	msg.Header.Set(headerID, strconv.Quote(d.id))
	msg.Header.Set(headerSubject, strconv.Quote(d.subject))
	msg.Header.Set(headerReason, strconv.Quote(clip(reason)))
	msg.Header.Set(headerDescription, strconv.Quote(clip(description)))
	msg.Header.Set(headerEnqueued, d.enqueued.UTC().Format(time.RFC3339Nano))
	// The sequence alone would come again after the stream was made anew.
	unique := fmt.Sprintf("%s.%d.%d", encode(d.receiver.name), d.sequence, d.enqueued.UnixNano())
	if _, err := d.receiver.bus.send(ctx, msg, unique); err != nil {
		return classify(doing, err)
	}
	if err := d.done(ctx); err != nil {
		return classify(doing, err)
	}
	d.receiver.release(d)
	return nil
}

// giveBack lets the message be handed out again at once.
func (d *delivery) giveBack(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.settle(ctx, ackBack)
	d.settled = true // ours no more, whether the server has heard it or not
	return classify(fmt.Sprintf("giving back %q", d.id), err)
}

// maxText is the longest reason or description, in bytes: Service Bus allows no more.
const maxText = 4096

func clip(s string) string {
	if len(s) > maxText {
		return s[:maxText]
	}
	return s
}
