package worker

import (
	"context"
	"sync"
	"time"
)

// Lane lets urgent hosts go before the others of the same process: while a message of theirs is
// in hand, and for a lull after the last one, the others take none and begin none. In a mass
// departure everybody is locked out before anybody's mail is forwarded. The nil lane lets
// everybody go.
type Lane struct {
	mu     sync.Mutex
	urgent int           // messages in hand, and those done with less than a lull ago
	clear  chan struct{} // closed when there is none
}

// lull is how long the lane stays closed after an urgent message: longer than a host takes to
// receive its next one, so that nothing slips in between two of them.
const lull = 100 * time.Millisecond

// enter counts urgent messages taken in hand.
func (l *Lane) enter(n int) {
	if l == nil || n == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.urgent == 0 {
		l.clear = make(chan struct{})
	}
	l.urgent += n
}

// leave counts one urgent message that is done with.
func (l *Lane) leave() {
	if l == nil {
		return
	}
	time.AfterFunc(lull, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.urgent--; l.urgent == 0 {
			close(l.clear)
		}
	})
}

// wait returns when the lane is clear, or ctx is done.
func (l *Lane) wait(ctx context.Context) {
	if l == nil {
		return
	}
	for ctx.Err() == nil {
		l.mu.Lock()
		busy, clear := l.urgent > 0, l.clear
		l.mu.Unlock()
		if !busy {
			return
		}
		select {
		case <-clear:
		case <-ctx.Done():
		}
	}
}
