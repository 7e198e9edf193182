package graph

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"leaver/shared/offboarding"

	"golang.org/x/time/rate"
)

// What an app may ask in one tenant, each second in the long run: of the identity service by two
// token buckets, of SharePoint by a count that begins anew each minute. The units are those of a
// large tenant for the identity service and of a small one for SharePoint; where it is another,
// the answers say so.
// Sources: Microsoft Graph, throttling-limits, Identity and access: 8,000 resource units in 10 s,
// 3,000 writes in 2 min 30 s; SharePoint, Avoid getting throttled or blocked: 1,200 resource units
// in a minute.
const (
	documentedReads  = rate.Limit(8000.0 / 10)
	documentedWrites = rate.Limit(3000.0 / 150)
	documentedFiles  = rate.Limit(1200.0 / 60)
	filesWindow      = time.Minute
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
	// longest is how far a header may put something off: whoever asks no more hears nothing new, and
	// a leaver is not locked out meanwhile. It is more than any budget here takes to be whole again.
	longest = 15 * time.Minute
	// dearest is what the dearest request to SharePoint draws.
	dearest = 5
	// leastShare of the documented rate is kept, however many others draw on the budget.
	leastShare = 1.0 / 16
)

// errSpent stands for a 429 that was not provoked.
var errSpent = errors.New("the budget of requests to Graph is spent")

// pace keeps the requests to one budget below it: they wait here instead of being refused,
// urgent ones before the others. While the budget is far from spent nobody waits. How much of it
// is spent only Microsoft knows, because every function and every process with this app draws on
// it; the answers say so: the identity service which part of a bucket is used, SharePoint how much
// is left until when, and that much is spread over the time.
type pace struct {
	documented rate.Limit
	window     time.Duration // after which the budget begins anew; 0 when it is a token bucket
	now        func() time.Time

	mu      sync.Mutex
	limiter *rate.Limiter // unlimited while the budget is far from spent
	steady  rate.Limit    // when it is nearly spent: the documented rate; of a bucket less after a 429
	until   time.Time     // nothing is asked before
	renewed time.Time     // the budget is whole again then; zero when no answer said so
	urgent  []*waiter
	others  []*waiter
	serving *time.Timer // calls serve when the next in line may go; nil while nobody waits
}

// waiter is a request in line: what it will draw, and what is closed when its turn has come.
type waiter struct {
	units int
	turn  chan struct{}
}

func newPace(documented rate.Limit, window time.Duration, now func() time.Time) *pace {
	return &pace{documented: documented, window: window, now: now, steady: documented, limiter: rate.NewLimiter(rate.Inf, 1)}
}

// wait returns when a request of so many units may be sent. What would wait too long, or was told
// by Microsoft to come later, is throttled without having been sent: its message comes again then.
func (p *pace) wait(ctx context.Context, units int) error {
	line := &p.others
	if offboarding.Urgent(ctx) {
		line = &p.urgent
	}
	p.mu.Lock()
	if p.waiting() == 0 && p.admit(units) {
		p.mu.Unlock()
		return nil
	}
	if d := p.delay(line); d > patience || p.now().Before(p.until) {
		p.mu.Unlock()
		return offboarding.Throttled(d, errSpent)
	}
	w := &waiter{units: units, turn: make(chan struct{})}
	*line = append(*line, w)
	p.serve()
	p.mu.Unlock()

	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-w.turn:
		return nil
	case <-ctx.Done():
	case <-timer.C:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	at := slices.Index(*line, w)
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
		if p.window == 0 && !now.Before(p.until) { // the first of those that were under way together
			p.steady = max(p.steady/2, p.documented*leastShare)
		}
		d, ok := retryAfter(header.Get("Retry-After"), now)
		if !ok {
			d = pause
		}
		if until := now.Add(d); until.After(p.until) {
			p.until = until
		}
		p.limiter.SetLimitAt(now, p.steady)
		return
	}
	if p.window > 0 {
		p.spread(header)
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
		p.limiter.SetLimitAt(now, p.steady)
	case used < nearlySpent && tight && !now.Before(p.until):
		// There is more than was thought.
		p.steady = min(p.steady*1.1, p.documented)
		p.limiter.SetLimitAt(now, rate.Inf)
	}
}

// spread spreads what SharePoint says is left over the rest of the window. It says so from 80% on;
// the headers are a preview, without them nothing is known before a 429. In the windows after it
// the whole is spread as long as somebody waits.
// Source: SharePoint, Avoid getting throttled or blocked, RateLimit headers.
func (p *pace) spread(header http.Header) {
	now := p.now()
	limit, noLimit := strconv.Atoi(header.Get("RateLimit-Limit"))
	left, noLeft := strconv.Atoi(header.Get("RateLimit-Remaining"))
	seconds, noReset := strconv.Atoi(header.Get("RateLimit-Reset"))
	switch {
	case noLimit == nil && noLeft == nil && noReset == nil:
		reset := time.Duration(min(max(seconds, 1), int(longest/time.Second))) * time.Second
		p.renewed = now.Add(reset)
		if left < dearest {
			p.until = p.renewed
		}
		p.steady = rate.Limit(float64(max(limit, 1)) / p.window.Seconds())
		p.limiter.SetLimitAt(now, rate.Limit(float64(max(left, 1))/reset.Seconds()))
	case p.waiting() == 0 && p.renewed.IsZero() && !now.Before(p.until):
		p.limiter.SetLimitAt(now, rate.Inf)
	}
}

// The rest wants the lock held.

func (p *pace) waiting() int { return len(p.urgent) + len(p.others) }

func (p *pace) admit(units int) bool {
	now := p.now()
	if !p.renewed.IsZero() && !now.Before(p.renewed) {
		p.renewed, p.limiter = time.Time{}, rate.NewLimiter(p.steady, 1) // what was owed is forgotten
	}
	if now.Before(p.until) || !p.limiter.AllowN(now, 1) {
		return false
	}
	for range units - 1 {
		p.limiter.ReserveN(now, 1) // owed: the next one waits for it
	}
	return true
}

// delay is how long the next one in a line may have to wait.
func (p *pace) delay(line *[]*waiter) time.Duration {
	ahead := 1
	for _, w := range p.urgent {
		ahead += w.units
	}
	if line == &p.others {
		for _, w := range p.others {
			ahead += w.units
		}
	}
	now := p.now()
	begins := now
	if p.until.After(now) {
		begins = p.until
	}
	turn := begins
	if limit := p.limiter.Limit(); limit != rate.Inf {
		turn = turn.Add(time.Duration(float64(ahead) / float64(limit) * float64(time.Second)))
	}
	if !p.renewed.IsZero() && turn.After(p.renewed) {
		turn = p.renewed
	}
	if turn.Before(begins) {
		turn = begins
	}
	return turn.Sub(now)
}

// serve lets go whoever may and comes again for the next in line.
func (p *pace) serve() {
	for p.waiting() > 0 {
		line := &p.urgent
		if len(*line) == 0 {
			line = &p.others
		}
		if !p.admit((*line)[0].units) {
			break
		}
		close((*line)[0].turn)
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
	d := next.DelayFrom(now)
	next.CancelAt(now)
	if !p.renewed.IsZero() {
		d = min(d, p.renewed.Sub(now))
	}
	p.serving = time.AfterFunc(max(d, p.until.Sub(now)), func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.serve()
	})
}
