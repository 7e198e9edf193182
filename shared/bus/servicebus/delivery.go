package servicebus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"leaver/shared/bus"
)

// onLink bounds what the client does on a link: it is less than the shortest pause that its
// settler makes before it tries again.
const onLink = 3 * time.Second

// delivery implements bus.Delivery.
type delivery struct {
	receiver *receiver
	message  *azservicebus.ReceivedMessage
	link     *azservicebus.Receiver // that brought it
	conn     *conn                  // that the link is on; nil when it is of no use any more

	settling sync.Mutex // one at a time

	mu    sync.Mutex
	until time.Time
}

func (d *delivery) ID() string      { return d.message.MessageID }
func (d *delivery) Subject() string { return subjectOf(d.message) }
func (d *delivery) Body() []byte    { return d.message.Body }

func (d *delivery) LockedUntil() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.until
}

// over reports that the lock ended long ago, on whatever clock.
func (d *delivery) over(now time.Time) bool { return now.After(d.LockedUntil().Add(time.Hour)) }

// Complete implements bus.Delivery. Errors: bus.ErrLockLost, also when an answer was lost that
// said that it is completed; bus.ErrUnavailable, after which it can be tried again.
func (d *delivery) Complete(ctx context.Context) error {
	return d.settle(ctx, "completing", complete)
}

// DeadLetter implements bus.Delivery. Errors: those of Complete.
func (d *delivery) DeadLetter(ctx context.Context, reason, description string) error {
	reason, description = clip(reason), clip(description)
	options := &azservicebus.DeadLetterOptions{
		Reason: &reason, ErrorDescription: &description,
		PropertiesToModify: map[string]any{propertyParked: time.Now().UTC().Format(time.RFC3339Nano)},
	}
	return d.settle(ctx, "dead-lettering", func(ctx context.Context, r *azservicebus.Receiver, m *azservicebus.ReceivedMessage) error {
		return r.DeadLetterMessage(ctx, m, options)
	})
}

// Renew implements bus.Delivery. Errors: bus.ErrLockLost, bus.ErrUnavailable.
func (d *delivery) Renew(ctx context.Context) (time.Time, error) {
	doing := fmt.Sprintf("renewing the lock of %q", d.ID())
	if !d.receiver.holds(d) {
		return time.Time{}, classify(doing, bus.ErrLockLost)
	}
	lock := token(d.message)
	err := d.receiver.bus.renew(ctx, d.receiver.node, lock)
	if err != nil {
		return time.Time{}, classify(doing, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.until = *lock.LockedUntil
	return d.until, nil
}

// settle settles on the link that brought the message, or by its lock token when that is gone.
func (d *delivery) settle(ctx context.Context, doing string, by settlement) error {
	d.settling.Lock()
	defer d.settling.Unlock()
	doing = fmt.Sprintf("%s %q", doing, d.ID())
	r := d.receiver
	if !r.holds(d) {
		return classify(doing, bus.ErrLockLost)
	}
	err := d.settleOnLink(ctx, by)
	if err != nil && !errors.Is(err, bus.ErrLockLost) && ctx.Err() == nil {
		d.conn = nil
		err = r.bus.settle(ctx, r.node, token(d.message), by)
	}
	if err == nil || errors.Is(err, bus.ErrLockLost) {
		r.release(d)
	}
	return classify(doing, err)
}

func (d *delivery) settleOnLink(ctx context.Context, by settlement) error {
	if d.conn.gone() {
		return errGone
	}
	ctx, stop := d.conn.while(ctx, onLink)
	defer stop()
	return mark(by(ctx, d.link, d.message))
}
