package servicebus

import (
	"context"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

// line is a client and the connection that it serves. When that is gone the next request gets
// another line: the client alone cannot be told that it has to connect anew, and does so only for
// some of the reasons that the broker gives. What is under way on the old line goes on: its client
// may connect once more for it, and is closed after that.
type line struct {
	client *azservicebus.Client
	wire   *wire
	users  sync.WaitGroup // what is under way
}

// newLine makes a line that has not connected yet. It calls gone when its connection is.
func newLine(life context.Context, o Options, gone func()) (*line, error) {
	w := newWire(life, o, gone)
	client, err := newClient(o, w)
	if err != nil {
		return nil, err
	}
	return &line{client: client, wire: w}, nil
}

// close ends the client, and with it the connection, within a second.
func (l *line) close() {
	ctx, stop := context.WithTimeout(context.Background(), closing)
	defer stop()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = l.client.Close(ctx)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
	l.wire.end()
}

// use returns the line for a request, which has to call its users.Done.
func (b *Bus) use() *line {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.replace()
	b.last.users.Add(1)
	return b.last
}

// current is the line that there is, be its connection gone or not.
func (b *Bus) current() *line {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last
}

// lost closes a line whose connection is gone also when no request comes: its client goes on
// with the links and the tokens that it had.
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
