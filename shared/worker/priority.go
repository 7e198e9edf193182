package worker

import (
	"context"
	"sync"
	"time"
)

// Priority lets urgent hosts go before the others of the same process: while a message of theirs
// is in hand, and for a lull after the last one, the others take none and begin none. In a mass
// departure everybody is locked out before anybody's mail is forwarded. A nil one lets everybody
// go.
type Priority struct {
	mu     sync.Mutex
	urgent int           // messages in hand, and those done with less than a lull ago
	clear  chan struct{} // closed when there is none
}

// lull is how long the others wait after an urgent message: longer than a host takes to
// receive its next one, so that nothing slips in between two of them.
const lull = 100 * time.Millisecond

// begin counts urgent messages taken in hand.
func (p *Priority) begin(n int) {
	if p == nil || n == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.urgent == 0 {
		p.clear = make(chan struct{})
	}
	p.urgent += n
}

// end counts one urgent message that is done with.
func (p *Priority) end() {
	if p == nil {
		return
	}
	time.AfterFunc(lull, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.urgent--; p.urgent == 0 {
			close(p.clear)
		}
	})
}

// wait returns when no urgent message is in hand, or ctx is done.
func (p *Priority) wait(ctx context.Context) {
	if p == nil {
		return
	}
	for ctx.Err() == nil {
		p.mu.Lock()
		busy, clear := p.urgent > 0, p.clear
		p.mu.Unlock()
		if !busy {
			return
		}
		select {
		case <-clear:
		case <-ctx.Done():
		}
	}
}
