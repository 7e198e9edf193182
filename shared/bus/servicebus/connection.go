package servicebus

import (
	"context"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

// connection is a client and the one connection that it serves. When that is gone the next request gets
// another one: the client alone cannot be told that it has to connect anew, and does so only for
// some of the reasons that the broker gives. What is under way on the old one goes on: its client
// may connect once more for it, and is closed after that.
type connection struct {
	client *azservicebus.Client
	wire   *wire
	users  sync.WaitGroup // what is under way
}

// newConnection makes one that is not open yet. It calls gone when it has ended.
func newConnection(life context.Context, o Options, gone func()) (*connection, error) {
	w := newWire(life, o, gone)
	client, err := newClient(o, w)
	if err != nil {
		return nil, err
	}
	return &connection{client: client, wire: w}, nil
}

// close ends the client, and with it the connection, within a second.
func (c *connection) close() {
	ctx, stop := context.WithTimeout(context.Background(), closing)
	defer stop()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = c.client.Close(ctx)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
	c.wire.end()
}

// use returns the connection for a request, which has to call its users.Done.
func (b *Bus) use() *connection {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.replace()
	b.last.users.Add(1)
	return b.last
}

// current is the connection that there is, be it gone or not.
func (b *Bus) current() *connection {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last
}

// lost closes a connection that is gone also when no request comes: its client goes on with the
// links and the tokens that it had.
func (b *Bus) lost() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.replace()
}

func (b *Bus) replace() {
	old := b.last
	if !old.wire.ended() || b.closed.Load() {
		return
	}
	fresh, err := b.connect()
	if err != nil {
		return // the options were right for the first one
	}
	b.last = fresh
	go func() {
		old.users.Wait()
		old.close()
	}()
}
