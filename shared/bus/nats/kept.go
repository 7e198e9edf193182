package nats

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"leaver/shared/bus"
)

// What is scheduled for a queue holds names of people, and a schedule that fires is removed by the server,
// which only forgets where its bytes are. So the body of such a message does not travel in the schedule: it is
// kept beside it until the message is done with, and then overwritten.

// headerKept names the subject under which the body of a message is kept.
const headerKept = "Leaver-Kept"

// keptOf is the subject of all bodies that are kept for the messages of an id.
func keptOf(scope, id string) string {
	return "leaver.kept." + encode(scope) + "." + encode(id)
}

// keep keeps a body, and returns its subject; fresh where it was not kept yet. The subject holds the
// body's hash, so that another message of the same id, which the broker drops, replaces nothing.
func (b *Bus) keep(ctx context.Context, scope string, m bus.Message) (subject string, fresh bool, err error) {
	sum := sha256.Sum256(m.Body)
	subject = keptOf(scope, m.ID) + "." + hex.EncodeToString(sum[:8])
	was, err := b.kept.GetLastMsgForSubject(ctx, subject)
	if err == nil && bytes.Equal(was.Data, m.Body) {
		return subject, false, nil
	}
	if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
		return "", false, err
	}
	ctx, cancel := context.WithTimeout(ctx, b.opts.Timeout)
	defer cancel()
	msg := nats.NewMsg(subject)
	msg.Data = m.Body
	_, err = b.js.PublishMsg(ctx, msg, jetstream.WithRetryAttempts(0))
	return subject, true, err
}

// drop overwrites what is kept under a subject, which may be a wildcard, but for one.
func (b *Bus) drop(ctx context.Context, subject, but string) error {
	for from := uint64(1); ; {
		msg, err := b.kept.GetMsg(ctx, from, jetstream.WithGetMsgSubject(subject))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if msg.Subject != but {
			if err := overwrite(ctx, b.kept, msg.Sequence); err != nil {
				return err
			}
		}
		from = msg.Sequence + 1
	}
}

// sendKept schedules a message whose body is kept beside it.
func (b *Bus) sendKept(ctx context.Context, msg *nats.Msg, scope string, m bus.Message) (*jetstream.PubAck, error) {
	subject, fresh, err := b.keep(ctx, scope, m)
	if err != nil {
		return nil, err
	}
	msg.Data = nil
	msg.Header.Set(headerKept, subject)
	ack, err := b.send(ctx, msg, encode(scope)+"."+encode(m.ID))
	switch {
	case err != nil: // it may have been taken: whoever publishes again finds the body there
		return nil, err
	case !ack.Duplicate: // it has replaced the schedules of its id
		return ack, b.drop(ctx, keptOf(scope, m.ID)+".*", subject)
	case fresh: // the broker goes by the first one, whose body is another or done with
		return ack, b.drop(ctx, subject, "")
	}
	return ack, nil
}

// whole gives those deliveries their bodies that were scheduled for a queue. A body that is gone was done
// with: its delivery is settled once more and handed out to nobody. What cannot be read now is given back.
func (r *receiver) whole(ctx context.Context, ready []bus.Delivery) (out []bus.Delivery, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.bus.opts.Timeout) // they are ours, whoever still waits
	defer cancel()
	for _, each := range ready {
		d := each.(*delivery)
		if d.kept == "" {
			out = append(out, d)
			continue
		}
		msg, failed := r.bus.kept.GetLastMsgForSubject(ctx, d.kept)
		switch {
		case failed == nil:
			d.body = msg.Data
			out = append(out, d)
		case errors.Is(failed, jetstream.ErrMsgNotFound):
			failed = d.Complete(ctx)
			if errors.Is(failed, bus.ErrLockLost) {
				failed = nil
			}
			err = errors.Join(err, failed)
		default:
			err = errors.Join(err, fmt.Errorf("reading the body of %q: %w", d.id, failed))
			_ = d.giveBack(ctx) // or its lock ends
			r.release(d)
		}
	}
	if len(out) > 0 {
		return out, nil // the others come again
	}
	return nil, err
}
