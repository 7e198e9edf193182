package worker

import (
	"context"
	"sync"
)

// Lane lets urgent hosts go before the others of the same process: while a message of theirs is
// in hand, the others take none. In a mass departure everybody is locked out before anybody's
// mail is forwarded. The nil lane lets everybody go.
type Lane struct {
	mu     sync.Mutex
	urgent int           // messages in hand
	clear  chan struct{} // closed when there is none
}

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
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.urgent--; l.urgent == 0 {
		close(l.clear)
	}
}

// wait returns when no urgent message is in hand, or ctx is done.
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
