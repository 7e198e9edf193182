package exchange

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"leaver/shared/offboarding"
)

const (
	// untold is how long nothing is asked after a 429 that does not say for how long.
	untold = 10 * time.Second
	// mostPatience is how long a command waits for the answer to the one that asks whether a refusal is
	// over. It is less than the lock of a message.
	mostPatience = 10 * time.Second
)

// errPaused stands for a 429 that was not provoked.
var errPaused = errors.New("asked by Exchange to come later")

// pause keeps everybody from asking while Exchange refuses everybody. When the time of a refusal is
// over one command asks whether there is anything again, and the others wait for its answer: a
// thousand leavers who come back together would be refused together. Commands have no documented budget.
// Source: Exchange Online, throttling of remote PowerShell; Microsoft Graph, throttling guidance.
type pause struct {
	now func() time.Time

	mu       sync.Mutex
	until    time.Time     // nothing is asked before
	refused  bool          // and no answer since to a command sent after its time
	probe    time.Time     // while one command asks: when it is given up; else zero
	answered chan struct{} // closed when that one has an answer, or is given up
}

func newPause(now func() time.Time) *pause {
	return &pause{now: now, answered: make(chan struct{})}
}

// wait returns when a command may be sent. One that would be refused is throttled without being
// sent: its message comes again then.
func (p *pause) wait(ctx context.Context) error {
	timer := time.NewTimer(mostPatience)
	defer timer.Stop()
	for {
		p.mu.Lock()
		now := p.now()
		switch {
		case now.Before(p.until):
			p.mu.Unlock()
			return offboarding.Throttled(p.until.Sub(now), errPaused)
		case p.refused && now.Before(p.probe):
		default:
			if p.refused {
				p.probe = now.Add(timeout)
			}
			p.mu.Unlock()
			return nil
		}
		answered := p.answered
		p.mu.Unlock()
		select {
		case <-answered:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timer.C:
			return offboarding.Throttled(time.Second, errPaused)
		}
	}
}

// heard takes note of an answer; a status of 0 is a command that got none.
func (p *pause) heard(status int, wait time.Duration, says bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case status == http.StatusTooManyRequests:
		if !says {
			wait = untold
		}
		if until := p.now().Add(wait); until.After(p.until) {
			p.until = until
		}
		p.refused = true
	case status > 0 && !p.probe.IsZero():
		p.refused = false
	}
	if !p.probe.IsZero() {
		p.probe = time.Time{}
		close(p.answered)
		p.answered = make(chan struct{})
	}
}
