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
	"leaver/shared/retryafter"

	"golang.org/x/time/rate"
)

const (
	// nearlySpent is the part of a budget from where on it is drawn no faster than it is given
	// back. What is left has to do for the requests that are under way.
	nearlySpent = 0.95
	// maxWait is how long a request waits in line. It is less than the timeout of a request and
	// than the lock of a message, which is renewed meanwhile.
	maxWait = 10 * time.Second
	// pause is how long nothing is asked after a 429 that does not say for how long.
	pause = 10 * time.Second
	// maxUnits is what the dearest request to SharePoint draws.
	maxUnits = 5
	// leastShare of the documented rate is kept, however many others draw on the budget.
	leastShare = 1.0 / 16
)

// errSpent stands for a 429 that was not provoked.
var errSpent = errors.New("the budget of requests to Graph is spent")

// limiter keeps the requests to one budget below it: they wait here instead of being refused,
// urgent ones before the others. While the budget is far from spent nobody waits. How much of it
// is spent only Microsoft knows, because every function and every process with this app draws on
// it; the answers say so: the identity service which part of a bucket is used, SharePoint how much
// is left until when, and that much is spread over the time. When the time of a refusal is over,
// one request asks whether there is anything again, and the others wait for its answer.
type limiter struct {
	documented rate.Limit
	window     time.Duration // after which the budget begins anew; 0 when it is a token bucket
	now        func() time.Time

	mu      sync.Mutex
	rate    *rate.Limiter // unlimited while the budget is far from spent
	steady  rate.Limit    // when it is nearly spent: the documented rate; of a bucket less after a 429
	until   time.Time     // nothing is asked before
	refused bool          // by a 429, and no answer since to a request sent after its time
	probe   time.Time     // while one request asks whether that is over: when it is given up; else zero
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

func newLimiter(documented rate.Limit, window time.Duration, now func() time.Time) *limiter {
	return &limiter{documented: documented, window: window, now: now, steady: documented, rate: rate.NewLimiter(rate.Inf, 1)}
}

// wait returns when a request of so many units may be sent. What would wait too long, or was told
// by Microsoft to come later, is throttled without having been sent: its message comes again then.
func (l *limiter) wait(ctx context.Context, units int) error {
	line := &l.others
	if offboarding.Urgent(ctx) {
		line = &l.urgent
	}
	l.mu.Lock()
	if l.waiting() == 0 && l.admit(units) {
		l.mu.Unlock()
		return nil
	}
	if d := l.delay(line); d > maxWait || l.now().Before(l.until) {
		l.mu.Unlock()
		return offboarding.Throttled(d, errSpent)
	}
	w := &waiter{units: units, turn: make(chan struct{})}
	*line = append(*line, w)
	l.serve()
	l.mu.Unlock()

	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	select {
	case <-w.turn:
		return nil
	case <-ctx.Done():
	case <-timer.C:
	}
	l.mu.Lock()
	defer l.mu.Unlock()
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
	return offboarding.Throttled(l.delay(line), errSpent)
}

// lost takes note that a request which was let go got no answer.
func (l *limiter) lost() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.probe = time.Time{}
	l.serve()
}

// observe takes what an answer says about the budget.
func (l *limiter) observe(status int, header http.Header) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.serve()
	now := l.now()
	if status == http.StatusTooManyRequests {
		l.refused, l.probe = true, time.Time{}
		if l.window == 0 && !now.Before(l.until) { // the first of those that were under way together
			l.steady = max(l.steady/2, l.documented*leastShare)
		}
		d, ok := retryafter.Of(header)
		if !ok {
			d = pause
		}
		if until := now.Add(d); until.After(l.until) {
			l.until = until
		}
		l.rate.SetLimitAt(now, l.steady)
		return
	}
	if !l.probe.IsZero() {
		l.refused, l.probe = false, time.Time{}
	}
	if l.window > 0 {
		l.spread(header)
		return
	}
	used := 0.0 // the header is there from 0.8 on
	if text := header.Get("x-ms-throttle-limit-percentage"); text != "" {
		var err error
		if used, err = strconv.ParseFloat(text, 64); err != nil {
			return
		}
	}
	switch tight := l.rate.Limit() != rate.Inf; {
	case used >= nearlySpent && !tight:
		l.rate.SetLimitAt(now, l.steady)
	case used < nearlySpent && tight && !now.Before(l.until):
		// There is more than was thought.
		l.steady = min(l.steady*1.1, l.documented)
		l.rate.SetLimitAt(now, rate.Inf)
	}
}

// spread spreads what SharePoint says is left over the rest of the window. It says so from 80% on;
// the headers are a preview, without them nothing is known before a 429. In the windows after it
// the whole is spread as long as somebody waits.
// Source: SharePoint, Avoid getting throttled or blocked, RateLimit headers.
func (l *limiter) spread(header http.Header) {
	now := l.now()
	limit, noLimit := strconv.Atoi(header.Get("RateLimit-Limit"))
	left, noLeft := strconv.Atoi(header.Get("RateLimit-Remaining"))
	seconds, noReset := strconv.Atoi(header.Get("RateLimit-Reset"))
	switch {
	case noLimit == nil && noLeft == nil && noReset == nil:
		reset := time.Duration(min(max(seconds, 1), int(retryafter.Longest/time.Second))) * time.Second
		l.renewed = now.Add(reset)
		if left < maxUnits {
			l.until = l.renewed
		}
		l.steady = rate.Limit(float64(max(limit, 1)) / l.window.Seconds())
		l.rate.SetLimitAt(now, rate.Limit(float64(max(left, 1))/reset.Seconds()))
	case l.waiting() == 0 && l.renewed.IsZero() && !now.Before(l.until):
		l.rate.SetLimitAt(now, rate.Inf)
	}
}

// The rest wants the lock held.

func (l *limiter) waiting() int { return len(l.urgent) + len(l.others) }

func (l *limiter) admit(units int) bool {
	now := l.now()
	if !l.renewed.IsZero() && !now.Before(l.renewed) {
		l.renewed, l.rate = time.Time{}, rate.NewLimiter(l.steady, 1) // what was owed is forgotten
	}
	if now.Before(l.until) || now.Before(l.probe) || !l.rate.AllowN(now, 1) {
		return false
	}
	if l.refused {
		l.probe = now.Add(timeout)
	}
	for range units - 1 {
		l.rate.ReserveN(now, 1) // owed: the next one waits for it
	}
	return true
}

// delay is how long the next one in a line may have to wait.
func (l *limiter) delay(line *[]*waiter) time.Duration {
	ahead := 1
	for _, w := range l.urgent {
		ahead += w.units
	}
	if line == &l.others {
		for _, w := range l.others {
			ahead += w.units
		}
	}
	now := l.now()
	begins := now
	if l.until.After(now) {
		begins = l.until
	}
	turn := begins
	if limit := l.rate.Limit(); limit != rate.Inf {
		turn = turn.Add(time.Duration(float64(ahead) / float64(limit) * float64(time.Second)))
	}
	if !l.renewed.IsZero() && turn.After(l.renewed) {
		turn = l.renewed
	}
	if turn.Before(begins) {
		turn = begins
	}
	return turn.Sub(now)
}

// serve lets go whoever may and comes again for the next in line.
func (l *limiter) serve() {
	for l.waiting() > 0 {
		line := &l.urgent
		if len(*line) == 0 {
			line = &l.others
		}
		if !l.admit((*line)[0].units) {
			break
		}
		close((*line)[0].turn)
		*line = (*line)[1:]
	}
	if l.serving != nil {
		l.serving.Stop()
		l.serving = nil
	}
	if l.waiting() == 0 {
		return
	}
	now := l.now()
	next := l.rate.ReserveN(now, 1)
	d := next.DelayFrom(now)
	next.CancelAt(now)
	if !l.renewed.IsZero() {
		d = min(d, l.renewed.Sub(now))
	}
	l.serving = time.AfterFunc(max(d, l.until.Sub(now), l.probe.Sub(now)), func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.serve()
	})
}
