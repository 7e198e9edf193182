package graph

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/retryafter"

	"golang.org/x/time/rate"
)

// service is a budget as Microsoft describes its own: it answers 429 when it is empty and says
// how much of it is used from 80% on.
type service interface {
	answer(units int) (int, http.Header)
	counts() (served, refused int)
}

// bucket is that of the identity service.
type bucket struct {
	mu              sync.Mutex
	level, limit    float64
	rate            float64 // given back each second
	at              time.Time
	served, refused int
}

func newBucket(limit, rate float64) *bucket {
	return &bucket{level: limit, limit: limit, rate: rate, at: time.Now()}
}

func (b *bucket) counts() (int, int) { return b.served, b.refused }

func (b *bucket) answer(units int) (int, http.Header) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now, cost := time.Now(), float64(units)
	b.level = min(b.limit, b.level+b.rate*now.Sub(b.at).Seconds())
	b.at = now
	header := http.Header{}
	if b.level < cost {
		b.refused++
		header.Set("Retry-After", "1")
		return http.StatusTooManyRequests, header
	}
	b.level -= cost
	b.served += units
	if used := 1 - b.level/b.limit; used > 0.8 {
		header.Set("x-ms-throttle-limit-percentage", strconv.FormatFloat(used, 'f', 1, 64))
	}
	return http.StatusNoContent, header
}

// window is that of SharePoint.
type window struct {
	mu              sync.Mutex
	left, limit     int
	length          time.Duration
	ends            time.Time
	served, refused int
}

func (w *window) counts() (int, int) { return w.served, w.refused }

func (w *window) answer(units int) (int, http.Header) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if !now.Before(w.ends) {
		w.left, w.ends = w.limit, now.Add(w.length)
	}
	header := http.Header{}
	status, reset := http.StatusNoContent, strconv.Itoa(int(math.Ceil(w.ends.Sub(now).Seconds())))
	if w.left < units {
		w.refused++
		status = http.StatusTooManyRequests
		header.Set("Retry-After", reset)
	} else {
		w.left -= units
		w.served += units
	}
	if w.left*5 <= w.limit {
		header.Set("RateLimit-Limit", strconv.Itoa(w.limit))
		header.Set("RateLimit-Remaining", strconv.Itoa(w.left))
		header.Set("RateLimit-Reset", reset)
	}
	return status, header
}

// sendMany makes n requests of some units, some at a time, each taking a while, and those that
// are throttled again when they were told to.
func sendMany(t *testing.T, p *limiter, s service, n, units, atOnce int) {
	t.Helper()
	slots, done := make(chan struct{}, atOnce), make(chan struct{}, n)
	for range n {
		go func() {
			defer func() { done <- struct{}{} }()
			for {
				slots <- struct{}{}
				err := p.wait(t.Context(), units)
				if err == nil {
					<-time.After(20 * time.Millisecond)
					status, header := s.answer(units)
					p.observe(status, header)
					if status == http.StatusNoContent {
						<-slots
						return
					}
					err = offboarding.Throttled(time.Second, errors.New("429"))
				}
				<-slots
				var throttled *offboarding.ThrottledError
				if !errors.As(err, &throttled) {
					t.Error(err)
					return
				}
				<-time.After(throttled.Delay)
			}
		}()
	}
	for range n {
		<-done
	}
}

// wasUsed fails when less than nine tenths of what a budget allowed were used, or more than one
// answer in five hundred was 429.
func wasUsed(t *testing.T, s service, allowed float64) {
	t.Helper()
	served, refused := s.counts()
	if part := float64(served) / allowed; part < 0.9 {
		t.Errorf("%d of %.0f units that the budget allowed: %.2f", served, allowed, part)
	}
	if refused > served/500 {
		t.Errorf("%d of %d answers were 429", refused, served)
	}
}

// TestABudgetIsUsedAndNotOverrun draws more than a budget holds, at the documented rate, at
// fractions of it that are left when others draw as well, and at multiples.
func TestABudgetIsUsedAndNotOverrun(t *testing.T) {
	t.Parallel()
	for _, scale := range []float64{0.5, 1, 2, 10, 60} {
		t.Run(strconv.FormatFloat(scale, 'g', -1, 64), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				given := scale * float64(documentedWrites)
				s, p := newBucket(3000, given), newLimiter(documentedWrites, 0, time.Now)
				begun := time.Now()
				sendMany(t, p, s, 3000+int(60*given), 1, 64)
				wasUsed(t, s, 3000+given*time.Since(begun).Seconds())
			})
		})
	}
}

// TestABudgetThatBeginsAnewIsUsedAndNotOverrun does so to SharePoint's, by requests of each price
// and by batches, in tenants of several sizes. In the first window most is drawn before anything
// is known.
func TestABudgetThatBeginsAnewIsUsedAndNotOverrun(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{1200, 2400, 6000} {
		for _, units := range []int{1, 2, 5, 40} {
			t.Run(fmt.Sprintf("%d, %d each", limit, units), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					const windows = 10
					s, p := &window{limit: limit, length: filesWindow}, newLimiter(documentedFiles, filesWindow, time.Now)
					begun := time.Now()
					sendMany(t, p, s, windows*limit/units, units, min(64, limit/8/units))
					wasUsed(t, s, float64(limit)*math.Ceil(time.Since(begun).Minutes()))
				})
			})
		}
	}
}

// spent is what an answer says when a budget is: the identity service's way, and SharePoint's.
func spent() http.Header {
	return http.Header{"X-Ms-Throttle-Limit-Percentage": {"1.0"}, "Ratelimit-Limit": {"60"}, "Ratelimit-Remaining": {"10"}, "Ratelimit-Reset": {"10"}}
}

func TestFarFromSpentNobodyWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, begun := newLimiter(1, 0, time.Now), time.Now()
		for range 1000 {
			if err := p.wait(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			p.observe(http.StatusNoContent, http.Header{"X-Ms-Throttle-Limit-Percentage": {"0.9"}})
		}
		if waited := time.Since(begun); waited > 0 {
			t.Errorf("waited %s", waited)
		}
	})
}

func TestUrgentRequestsGoFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newLimiter(1, 0, time.Now)
		p.observe(http.StatusNoContent, spent())
		if err := p.wait(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		order := make(chan string, 6)
		queue := func(name string, ctx context.Context) {
			go func() {
				if err := p.wait(ctx, 1); err != nil {
					t.Error(err)
				}
				order <- name
			}()
			synctest.Wait()
		}
		for _, name := range []string{"a", "b", "c"} {
			queue(name, t.Context())
		}
		for _, name := range []string{"A", "B", "C"} {
			queue(name, offboarding.WithUrgency(t.Context()))
		}
		var got string
		for range 6 {
			got += <-order
		}
		if got != "ABCabc" {
			t.Errorf("in the order %s", got)
		}
	})
}

func TestWhatWouldWaitTooLongIsThrottled(t *testing.T) {
	t.Parallel()
	throttled := func(t *testing.T, err error, least, most time.Duration) {
		t.Helper()
		var e *offboarding.ThrottledError
		if !errors.As(err, &e) || e.Delay < least || e.Delay > most {
			t.Errorf("%v", err)
		}
	}
	t.Run("behind too many", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := newLimiter(1, 0, time.Now)
			p.observe(http.StatusNoContent, spent())
			for range 11 { // one goes at once
				go func() { _ = p.wait(t.Context(), 1) }()
			}
			synctest.Wait()
			begun := time.Now()
			throttled(t, p.wait(t.Context(), 1), maxWait, 2*maxWait)
			if time.Since(begun) > 0 {
				t.Error("it waited for that")
			}
			<-time.After(2 * maxWait)
		})
	})
	t.Run("overtaken by urgent ones", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := newLimiter(1, 0, time.Now)
			p.observe(http.StatusNoContent, spent())
			go func() {
				for range 20 {
					if err := p.wait(offboarding.WithUrgency(t.Context()), 1); err != nil {
						t.Error(err)
					}
				}
			}()
			for range 5 {
				go func() { _ = p.wait(offboarding.WithUrgency(t.Context()), 1) }()
			}
			synctest.Wait()
			begun := time.Now()
			throttled(t, p.wait(t.Context(), 1), time.Second, 2*maxWait)
			if waited := time.Since(begun); waited != maxWait {
				t.Errorf("after %s", waited)
			}
			<-time.After(3 * maxWait)
		})
	})
	t.Run("told to come later", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := newLimiter(1, 0, time.Now)
			p.observe(http.StatusTooManyRequests, http.Header{"Retry-After": {"5"}})
			throttled(t, p.wait(t.Context(), 1), 5*time.Second, 8*time.Second)
			<-time.After(5 * time.Second)
			if err := p.wait(t.Context(), 1); err != nil {
				t.Error(err)
			}
			p.observe(http.StatusTooManyRequests, http.Header{})
			throttled(t, p.wait(t.Context(), 1), pause, pause+5*time.Second)
		})
	})
}

func TestWhoGivesUpLeavesTheLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newLimiter(1, 0, time.Now)
		p.observe(http.StatusNoContent, spent())
		if err := p.wait(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		gone := make(chan error)
		go func() { gone <- p.wait(ctx, 1) }()
		synctest.Wait()
		stop()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		begun := time.Now()
		if err := p.wait(t.Context(), 1); err != nil || time.Since(begun) > time.Second {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
	})
}

func TestSeveral429sOfOneMomentSlowDownOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newLimiter(16, 0, time.Now)
		for range 20 {
			p.observe(http.StatusTooManyRequests, http.Header{"Retry-After": {"1"}})
		}
		if p.steady != 8 {
			t.Errorf("%v", p.steady)
		}
		for range 20 {
			<-time.After(2 * time.Second)
			p.observe(http.StatusTooManyRequests, http.Header{"Retry-After": {"1"}})
		}
		if p.steady != 1 {
			t.Errorf("%v", p.steady)
		}
		<-time.After(2 * time.Second)
		p.observe(http.StatusNoContent, http.Header{})
		if p.rate.Limit() != rate.Inf || p.steady <= 1 {
			t.Errorf("%v, %v", p.rate.Limit(), p.steady)
		}
	})
}

// answering is the rest of a pipeline: it answers every request in the same way.
type answering struct {
	status int
	header http.Header
}

func (a answering) Next(*http.Request, int) (*http.Response, error) {
	return &http.Response{StatusCode: a.status, Header: a.header, Body: http.NoBody}, nil
}

// intercept sends calls through the guard, to a wire that answers them all in one way.
func intercept(t *testing.T, l limiters, wire answering, calls ...call) {
	t.Helper()
	ctx := context.WithValue(offboarding.WithWriteGuard(t.Context(), free{}), outgoingKey{}, &outgoing{calls: calls})
	req, err := http.NewRequestWithContext(ctx, "GET", "https://graph.example/v1.0/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (guard{l}).Intercept(wire, 0, req); err != nil {
		t.Fatal(err)
	}
}

// named are limiters by the names of their budgets.
func (l limiters) named() map[string]*limiter {
	return map[string]*limiter{"reads": l.reads, "writes": l.writes, "files": l.files, "roles": l.roles, "audit": l.audit, "intune": l.intune, "teams": l.teams}
}

var (
	readsUser  = call{budget: budgetDirectory}
	leavesTeam = call{budget: budgetDirectory, method: "DELETE"}
	readsDrive = call{budget: budgetFile}
	readsRoles = call{budget: budgetRoles}
)

func TestTheGuardTellsTheBudgetsApart(t *testing.T) {
	t.Parallel()
	for slowed, calls := range map[string][]call{
		"reads": {readsUser}, "writes": {leavesTeam}, "files": {readsDrive},
		"none, of a mailbox": {{budget: budgetMailbox}},
		"none, of a batch":   {readsUser, leavesTeam}, // says it of each of its requests
	} {
		l := newLimiters(time.Now)
		intercept(t, l, answering{http.StatusOK, spent()}, calls...)
		for name, limiter := range l.named() {
			if got := limiter.rate.Limit() != rate.Inf; got != (name == slowed) {
				t.Errorf("%s: %s slowed down: %t", slowed, name, got)
			}
		}
	}
}

// TestTheAnswersOfABatchAreHeardApart: a refusal of role management or of one drive keeps nobody
// from asking for users, and one of the whole batch does.
func TestTheAnswersOfABatchAreHeardApart(t *testing.T) {
	calls := []call{
		{path: "/users/x/memberOf", budget: budgetDirectory}, {path: "/roleManagement/directory/roleAssignments", budget: budgetRoles},
		{path: "/users/x/drive/root", budget: budgetFile}, {path: "/groups/x", method: "DELETE", budget: budgetDirectory},
	}
	for refused, stopped := range []string{"reads", "roles", "files", "writes"} {
		s, ctx := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			var all []string
			for i := range calls {
				status := 200
				if i == refused {
					status = 429
				}
				all = append(all, fmt.Sprintf(`{"id":"%d","status":%d,"headers":{"Retry-After":"60"},"body":{}}`, i, status))
			}
			fmt.Fprintf(w, `{"responses":[%s]}`, strings.Join(all, ","))
		})
		if _, errs := s.batch(ctx, calls...); errs[refused] == nil || firstOf(errs) != errs[refused] {
			t.Errorf("429 to %s: %v", calls[refused].path, errs)
		}
		for name, limiter := range s.limiters.named() {
			if got := !limiter.until.IsZero(); got != (name == stopped) {
				t.Errorf("429 to %s: %s stopped: %t", calls[refused].path, name, got)
			}
		}
	}
	l := newLimiters(time.Now)
	intercept(t, l, answering{http.StatusTooManyRequests, http.Header{"Retry-After": {"10"}}}, readsUser, readsUser)
	if l.reads.until.IsZero() || !l.writes.until.IsZero() {
		t.Error("the refusal of a whole batch was not heard, or by others")
	}
}

// TestNoHeaderStopsEverythingForGood: what a header says is believed for a quarter of an hour.
func TestNoHeaderStopsEverythingForGood(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status int
		header http.Header
	}{
		"days":            {http.StatusTooManyRequests, http.Header{"Retry-After": {"864000"}}},
		"a date":          {http.StatusTooManyRequests, http.Header{"Retry-After": {"Fri, 01 Jan 2100 00:00:00 GMT"}}},
		"a negative one":  {http.StatusTooManyRequests, http.Header{"Retry-After": {"-864000"}}},
		"a point in time": {http.StatusOK, http.Header{"Ratelimit-Limit": {"1200"}, "Ratelimit-Remaining": {"0"}, "Ratelimit-Reset": {"1796000000"}}},
		"more than fits":  {http.StatusOK, http.Header{"Ratelimit-Limit": {"1200"}, "Ratelimit-Remaining": {"100"}, "Ratelimit-Reset": {"9223372036854775807"}}},
		"less than none":  {http.StatusOK, http.Header{"Ratelimit-Limit": {"-5"}, "Ratelimit-Remaining": {"-5"}, "Ratelimit-Reset": {"-5"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newLimiter(documentedFiles, filesWindow, time.Now)
				p.observe(tt.status, tt.header)
				begun := time.Now()
				for {
					err := p.wait(offboarding.WithUrgency(t.Context()), 1)
					var throttled *offboarding.ThrottledError
					if !errors.As(err, &throttled) {
						break
					}
					<-time.After(max(throttled.Delay, time.Second))
				}
				if waited := time.Since(begun); waited > retryafter.Longest+time.Second {
					t.Errorf("the next request went after %s", waited)
				}
			})
		})
	}
}

// TestABatchWaitsForEachOfItsRequests: the copies of a batch draw on SharePoint's budget and wait
// in no other line.
func TestABatchWaitsForEachOfItsRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiters(time.Now)
		l.writes, l.files = newLimiter(1, 0, time.Now), newLimiter(1, time.Minute, time.Now)
		for _, p := range []*limiter{l.writes, l.files} {
			p.observe(http.StatusNoContent, spent())
		}
		copies := call{budget: budgetFiles, method: "POST"}
		begun := time.Now()
		intercept(t, l, answering{http.StatusOK, nil}, copies, copies)
		intercept(t, l, answering{http.StatusOK, nil}, leavesTeam)
		if waited := time.Since(begun); waited > 0 {
			t.Errorf("waited %s for what was there", waited)
		}
		intercept(t, l, answering{http.StatusOK, nil}, copies)
		if waited := time.Since(begun); waited != 4*time.Second {
			t.Errorf("after %s, not when the units of two copies were given back", waited)
		}
	})
}

// free is a write guard that allows everything.
type free struct{}

func (free) Allow(context.Context) error { return nil }
func (free) Record(offboarding.Call)     {}

// TestOneRequestProbesWhenARefusalIsOver: when everybody was told to come later, one of those who
// come asks, and the others wait for its answer.
func TestOneRequestProbesWhenARefusalIsOver(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer func(*limiter)
		sent   int // of fifty, a second after the probe went
	}{
		"there is something again": {func(l *limiter) { l.observe(http.StatusNoContent, http.Header{}) }, 50},
		"refused again":            {func(l *limiter) { l.observe(http.StatusTooManyRequests, http.Header{"Retry-After": {"8"}}) }, 1},
		"lost on the way":          {(*limiter).lost, 2}, // the next one probes
		"not answered yet":         {func(*limiter) {}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l, ctx := newLimiter(rate.Inf, 0, time.Now), t.Context()
				l.observe(http.StatusTooManyRequests, http.Header{"Retry-After": {"5"}})
				l.observe(http.StatusNoContent, http.Header{}) // of a request that was under way
				<-time.After(5 * time.Second)
				sent := make(chan struct{}, 50)
				for range 50 {
					go func() {
						if l.wait(ctx, 1) == nil {
							sent <- struct{}{}
						}
					}()
				}
				synctest.Wait()
				if n := len(sent); n != 1 {
					t.Errorf("%d requests probe, want 1", n)
				}
				test.answer(l)
				<-time.After(time.Second)
				if n := len(sent); n != test.sent {
					t.Errorf("%d requests were sent, want %d", n, test.sent)
				}
				<-time.After(time.Minute)
			})
		})
	}
}
