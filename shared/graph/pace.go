package graph

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"leaver/shared/offboarding"

	"golang.org/x/time/rate"
)

// What an app may ask of the identity service in one tenant, each second in the long run. Both
// are token buckets; the units are those of a large tenant, a smaller one has fewer and says so.
// Source: Microsoft Graph, throttling-limits, Identity and access: 8,000 resource units in 10 s,
// 3,000 writes in 2 min 30 s.
const (
	documentedReads  = rate.Limit(8000.0 / 10)
	documentedWrites = rate.Limit(3000.0 / 150)
)

const (
	// nearlySpent is the part of a budget from where on it is drawn no faster than it is given
	// back. What is left has to do for the requests that are under way.
	nearlySpent = 0.95
	// patience is how long a request waits in line. It is less than the timeout of a request and
	// than the lock of a message, which is renewed meanwhile.
	patience = 10 * time.Second
	// pause is how long nothing is asked after a 429 that does not say for how long.
	pause = 10 * time.Second
	// leastShare of the documented rate is kept, however many others draw on the budget.
	leastShare = 1.0 / 16
)

// errSpent stands for a 429 that was not provoked.
var errSpent = errors.New("the budget of requests to Graph is spent")

// pace keeps the requests of one budget below it: they wait here instead of being refused,
// urgent ones before the others. While the budget is far from spent nobody waits. How much of it
// is spent only Microsoft knows, because every function and every process with this app draws on
// it; the answers say so.
type pace struct {
	documented rate.Limit
	now        func() time.Time

	mu      sync.Mutex
	limiter *rate.Limiter // unlimited while the budget is far from spent
	steady  rate.Limit    // when it is nearly spent: the documented rate, less after a 429
	until   time.Time     // nothing is asked before
	urgent  []chan struct{}
	others  []chan struct{}
	serving *time.Timer // calls serve when the next in line may go; nil while nobody waits
}

func newPace(documented rate.Limit, now func() time.Time) *pace {
	return &pace{documented: documented, now: now, steady: documented, limiter: rate.NewLimiter(rate.Inf, 1)}
}

// wait returns when a request may be sent. What would wait too long, or was told by Microsoft to
// come later, is throttled without having been sent: its message comes again then.
func (p *pace) wait(ctx context.Context) error {
	line := &p.others
	if offboarding.Urgent(ctx) {
		line = &p.urgent
	}
	p.mu.Lock()
	if p.waiting() == 0 && p.admit() {
		p.mu.Unlock()
		return nil
	}
	if d := p.delay(line); d > patience || p.now().Before(p.until) {
		p.mu.Unlock()
		return offboarding.Throttled(d, errSpent)
	}
	turn := make(chan struct{})
	*line = append(*line, turn)
	p.serve()
	p.mu.Unlock()

	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	case <-timer.C:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	at := slices.Index(*line, turn)
	if at >= 0 {
		*line = slices.Delete(*line, at, at+1)
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case at < 0: // its turn came at the last moment
		return nil
	}
	return offboarding.Throttled(p.delay(line), errSpent)
}

// hear takes what an answer says about the budget.
func (p *pace) hear(status int, header http.Header) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.serve()
	now := p.now()
	if status == http.StatusTooManyRequests {
		if !now.Before(p.until) { // the first of those that were under way together
			p.steady = max(p.steady/2, p.documented*leastShare)
		}
		d, ok := retryAfter(header.Get("Retry-After"), now)
		if !ok {
			d = pause
		}
		if until := now.Add(d); until.After(p.until) {
			p.until = until
		}
		p.limiter.SetLimit(p.steady)
		return
	}
	used := 0.0 // the header is there from 0.8 on
	if text := header.Get("x-ms-throttle-limit-percentage"); text != "" {
		var err error
		if used, err = strconv.ParseFloat(text, 64); err != nil {
			return
		}
	}
	switch tight := p.limiter.Limit() != rate.Inf; {
	case used >= nearlySpent && !tight:
		p.limiter.SetLimit(p.steady)
	case used < nearlySpent && tight && !now.Before(p.until):
		// There is more than was thought.
		p.steady = min(p.steady*1.1, p.documented)
		p.limiter.SetLimit(rate.Inf)
	}
}

// The rest wants the lock held.

func (p *pace) waiting() int { return len(p.urgent) + len(p.others) }

func (p *pace) admit() bool {
	now := p.now()
	return !now.Before(p.until) && p.limiter.AllowN(now, 1)
}

// delay is how long the last in a line may have to wait.
func (p *pace) delay(line *[]chan struct{}) time.Duration {
	ahead := len(p.urgent)
	if line == &p.others {
		ahead = p.waiting()
	}
	d := max(p.until.Sub(p.now()), 0)
	if limit := p.limiter.Limit(); limit != rate.Inf {
		d += time.Duration(float64(ahead+1) / float64(limit) * float64(time.Second))
	}
	return d
}

// serve lets go whoever may and comes again for the next in line.
func (p *pace) serve() {
	for p.waiting() > 0 && p.admit() {
		line := &p.urgent
		if len(*line) == 0 {
			line = &p.others
		}
		close((*line)[0])
		*line = (*line)[1:]
	}
	if p.serving != nil {
		p.serving.Stop()
		p.serving = nil
	}
	if p.waiting() == 0 {
		return
	}
	now := p.now()
	next := p.limiter.ReserveN(now, 1)
	d := max(next.DelayFrom(now), p.until.Sub(now))
	next.CancelAt(now)
	p.serving = time.AfterFunc(d, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.serve()
	})
}

// identity reports whether a path belongs to the identity service. The others have budgets of
// their own and say nothing about them before the 429.
func identity(path string) bool {
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	switch segments[0] {
	case "users":
		if len(segments) < 3 {
			return true
		}
		switch segments[2] {
		case "drive", "mailboxSettings", "mailFolders", "managedDevices", "managedAppRegistrations", "wipeManagedAppRegistrationsByDeviceTag":
			return false
		}
		return true
	case "groups", "devices", "directory", "subscribedSkus", "$batch":
		return true
	}
	return false
}
