package servicebus

import (
	"context"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"leaver/shared/bus"
)

// link is one of the client's senders or receivers, made when it is first used, and anew when it is
// spent or there is another connection.
type link[L clientLink] struct {
	open func(*azservicebus.Client) (L, error)

	mu     sync.Mutex
	last   L           // nil: to be made
	on     *connection // that last is on
	closed bool
}

type clientLink interface {
	comparable
	Close(context.Context) error
}

// get is the link on a connection.
func (l *link[L]) get(on *connection) (L, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var none L
	if l.closed {
		return none, errClosed
	}
	if l.last != none && l.on == on {
		return l.last, nil
	}
	made, err := l.open(on.client)
	if err == nil {
		l.last, l.on = made, on
	}
	return made, err
}

// close makes the link unusable. It returns what there is to detach, if anything.
func (l *link[L]) close() (last L, on *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return l.last, l.on
}

// drop forgets a link and closes it, which waits for nobody.
func (l *link[L]) drop(dead L) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last != dead {
		return
	}
	var none L
	l.last = none
	go func() {
		ctx, stop := context.WithTimeout(context.Background(), closing)
		defer stop()
		_ = dead.Close(ctx)
	}()
}

// request runs one request of the client on a link.
func request[L clientLink](ctx context.Context, b *Bus, l *link[L], do func(context.Context, L) error) error {
	if b.closed.Load() {
		return errClosed
	}
	via := b.use()
	defer via.users.Done()
	on, err := l.get(via)
	if err != nil {
		return b.mark(err)
	}
	waiting, stop := context.WithTimeout(ctx, answer)
	defer stop()
	err = do(waiting, on)
	switch {
	case err == nil:
		return nil
	case spent(err):
		l.drop(on)
	case waiting.Err() != nil && ctx.Err() == nil:
		_ = via.wire.current().Close() // it is silent
	}
	return b.mark(err)
}

// settlement is one of the client's, on a link or with a lock token.
type settlement func(context.Context, *azservicebus.Receiver, *azservicebus.ReceivedMessage) error

// node is the $management node of a subscription or of its dead letters: a receiver that never
// gets credit.
type node = link[*azservicebus.Receiver]

// token is what a message is settled by where its link is not known.
func token(m *azservicebus.ReceivedMessage) *azservicebus.ReceivedMessage {
	return &azservicebus.ReceivedMessage{LockToken: m.LockToken}
}

// renew prolongs a lock and writes its new end into it.
func (b *Bus) renew(ctx context.Context, on *node, lock *azservicebus.ReceivedMessage) error {
	return request(ctx, b, on, func(ctx context.Context, r *azservicebus.Receiver) error {
		return r.RenewMessageLock(ctx, lock, nil)
	})
}

// settle settles by lock token. It renews before, because a renewal reconnects at once where a
// settlement would wait, and says whether the lock is still ours.
func (b *Bus) settle(ctx context.Context, on *node, lock *azservicebus.ReceivedMessage, by settlement) error {
	if err := b.renew(ctx, on, lock); err != nil {
		return err
	}
	return b.settleNow(ctx, on, lock, by)
}

// settleNow settles by lock token on the connection there is.
func (b *Bus) settleNow(ctx context.Context, on *node, lock *azservicebus.ReceivedMessage, by settlement) error {
	return request(ctx, b, on, func(ctx context.Context, r *azservicebus.Receiver) error {
		ctx, stop := b.current().wire.current().while(ctx, onLink)
		defer stop()
		return by(ctx, r, lock)
	})
}

// abandon gives a message back.
func abandon(ctx context.Context, r *azservicebus.Receiver, m *azservicebus.ReceivedMessage) error {
	return r.AbandonMessage(ctx, m, nil)
}

// complete removes a message.
func complete(ctx context.Context, r *azservicebus.Receiver, m *azservicebus.ReceivedMessage) error {
	return r.CompleteMessage(ctx, m, nil)
}

// peek reads messages from a sequence number on without locking them.
func (b *Bus) peek(ctx context.Context, on *node, from int64, most int) (some []*azservicebus.ReceivedMessage, err error) {
	err = request(ctx, b, on, func(ctx context.Context, r *azservicebus.Receiver) (err error) {
		some, err = r.PeekMessages(ctx, most, &azservicebus.PeekMessagesOptions{FromSequenceNumber: &from})
		return err
	})
	return some, err
}

// subscriber is a subscription with its nodes.
type subscriber struct {
	bus.Subscription
	live *node
	dead *node // of its dead letters
}
