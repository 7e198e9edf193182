package servicebustest

import (
	"sync"
	"time"
)

// clock is a clock that can be moved forward.
type clock struct {
	base func() time.Time

	mu     sync.Mutex
	offset time.Duration
	moved  chan struct{} // closed at each move
}

func newClock(base func() time.Time) *clock {
	return &clock{base: base, moved: make(chan struct{})}
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.base().Add(c.offset)
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
	close(c.moved)
	c.moved = make(chan struct{})
}

// wait returns once the clock shows at (a zero time never comes), or when the channel is
// filled or closed.
func (c *clock) wait(at time.Time, until <-chan struct{}) {
	for {
		c.mu.Lock()
		left, moved := at.Sub(c.base().Add(c.offset)), c.moved
		c.mu.Unlock()
		if at.IsZero() {
			left = forever
		}
		if left <= 0 {
			return
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C: // the time that has to have come only if the base is a real clock
		case <-moved:
		case <-until:
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

const forever = time.Duration(1<<63 - 1)
