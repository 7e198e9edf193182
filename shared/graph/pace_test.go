package graph

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"leaver/shared/offboarding"
)

// service is a token bucket as Microsoft describes its own: it answers 429 when it is empty and
// says how much of it is used from 0.8 on.
type service struct {
	mu           sync.Mutex
	level, limit float64
	rate         float64 // given back each second
	at           time.Time
	refused      int
	served       int
}

func newService(limit, rate float64) *service {
	return &service{level: limit, limit: limit, rate: rate, at: time.Now()}
}

func (s *service) answer() (int, http.Header) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.level = min(s.limit, s.level+s.rate*now.Sub(s.at).Seconds())
	s.at = now
	header := http.Header{}
	if s.level < 1 {
		s.refused++
		header.Set("Retry-After", "1")
		return http.StatusTooManyRequests, header
	}
	s.level--
	s.served++
	if used := 1 - s.level/s.limit; used > 0.8 {
		header.Set("x-ms-throttle-limit-percentage", strconv.FormatFloat(used, 'f', 1, 64))
	}
	return http.StatusNoContent, header
}

// sendMany makes n requests, some at a time, each taking a while, and those that are throttled
// again when they were told to.
func sendMany(t *testing.T, p *pace, s *service, n, atOnce int) {
	t.Helper()
	slots, done := make(chan struct{}, atOnce), make(chan struct{}, n)
	for range n {
		go func() {
			defer func() { done <- struct{}{} }()
			for {
				slots <- struct{}{}
				err := p.wait(t.Context())
				if err == nil {
					<-time.After(20 * time.Millisecond)
					status, header := s.answer()
					p.hear(status, header)
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

// TestABudgetIsUsedAndNotOverrun draws more than a budget holds, at the documented rate, at
// fractions of it that are left when others draw as well, and at multiples.
func TestABudgetIsUsedAndNotOverrun(t *testing.T) {
	t.Parallel()
	for _, scale := range []float64{0.5, 1, 2, 10, 60} {
		t.Run(strconv.FormatFloat(scale, 'g', -1, 64), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				given := scale * float64(documentedWrites)
				s, p := newService(3000, given), newPace(documentedWrites, time.Now)
				begun := time.Now()
				sendMany(t, p, s, 3000+int(60*given), 64)
				allowed := 3000 + given*time.Since(begun).Seconds()
				if part := float64(s.served) / allowed; part < 0.9 {
					t.Errorf("%d of %.0f requests that the budget allowed: %.2f", s.served, allowed, part)
				}
				if s.refused > s.served/500 {
					t.Errorf("%d of %d answers were 429", s.refused, s.served)
				}
			})
		})
	}
}

func spent() http.Header { return http.Header{"X-Ms-Throttle-Limit-Percentage": {"1.0"}} }

func TestFarFromSpentNobodyWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, begun := newPace(1, time.Now), time.Now()
		for range 1000 {
			if err := p.wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			p.hear(http.StatusNoContent, http.Header{"X-Ms-Throttle-Limit-Percentage": {"0.9"}})
		}
		if waited := time.Since(begun); waited > 0 {
			t.Errorf("waited %s", waited)
		}
	})
}

func TestUrgentRequestsGoFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPace(1, time.Now)
		p.hear(http.StatusNoContent, spent())
		if err := p.wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		order := make(chan string, 6)
		queue := func(name string, ctx context.Context) {
			go func() {
				if err := p.wait(ctx); err != nil {
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
			p := newPace(1, time.Now)
			p.hear(http.StatusNoContent, spent())
			for range 11 { // one goes at once
				go func() { _ = p.wait(t.Context()) }()
			}
			synctest.Wait()
			begun := time.Now()
			throttled(t, p.wait(t.Context()), patience, 2*patience)
			if time.Since(begun) > 0 {
				t.Error("it waited for that")
			}
			<-time.After(2 * patience)
		})
	})
	t.Run("overtaken by urgent ones", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := newPace(1, time.Now)
			p.hear(http.StatusNoContent, spent())
			go func() {
				for range 20 {
					if err := p.wait(offboarding.WithUrgency(t.Context())); err != nil {
						t.Error(err)
					}
				}
			}()
			for range 5 {
				go func() { _ = p.wait(offboarding.WithUrgency(t.Context())) }()
			}
			synctest.Wait()
			begun := time.Now()
			throttled(t, p.wait(t.Context()), time.Second, 2*patience)
			if waited := time.Since(begun); waited != patience {
				t.Errorf("after %s", waited)
			}
			<-time.After(3 * patience)
		})
	})
	t.Run("told to come later", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := newPace(1, time.Now)
			p.hear(http.StatusTooManyRequests, http.Header{"Retry-After": {"5"}})
			throttled(t, p.wait(t.Context()), 5*time.Second, 8*time.Second)
			<-time.After(5 * time.Second)
			if err := p.wait(t.Context()); err != nil {
				t.Error(err)
			}
			p.hear(http.StatusTooManyRequests, http.Header{})
			throttled(t, p.wait(t.Context()), pause, pause+5*time.Second)
		})
	})
}

func TestWhoGivesUpLeavesTheLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPace(1, time.Now)
		p.hear(http.StatusNoContent, spent())
		if err := p.wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		gone := make(chan error)
		go func() { gone <- p.wait(ctx) }()
		synctest.Wait()
		stop()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		begun := time.Now()
		if err := p.wait(t.Context()); err != nil || time.Since(begun) > time.Second {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
	})
}

func TestSeveral429sOfOneMomentSlowDownOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPace(16, time.Now)
		for range 20 {
			p.hear(http.StatusTooManyRequests, http.Header{"Retry-After": {"1"}})
		}
		if p.steady != 8 {
			t.Errorf("%v", p.steady)
		}
		for range 20 {
			<-time.After(2 * time.Second)
			p.hear(http.StatusTooManyRequests, http.Header{"Retry-After": {"1"}})
		}
		if p.steady != 1 {
			t.Errorf("%v", p.steady)
		}
		<-time.After(2 * time.Second)
		p.hear(http.StatusNoContent, http.Header{})
		if p.limiter.Limit() != rate.Inf || p.steady <= 1 {
			t.Errorf("%v, %v", p.limiter.Limit(), p.steady)
		}
	})
}

func TestTheIdentityServiceIsToldFromTheOthers(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		"/users/{id}": true, "/users": true, "/users/{id}/transitiveMemberOf": true, "/groups/{id}/members/{id}/$ref": true,
		"/devices/{id}": true, "/directory/deletedItems/{id}": true, "/subscribedSkus": true, "/$batch": true,
		"/users/{id}/drive/root": false, "/users/{id}/managedDevices": false, "/deviceManagement/managedDevices/{id}/wipe": false,
		"/users/{id}/mailFolders/inbox/messageRules": false, "/drives/{id}": false, "/users/{id}/managedAppRegistrations": false,
	} {
		if got := identity(path); got != want {
			t.Errorf("%s: %t", path, got)
		}
	}
}

// answering is the rest of a pipeline: it answers every request in the same way.
type answering struct {
	status int
	header http.Header
}

func (a answering) Next(*http.Request, int) (*http.Response, error) {
	return &http.Response{StatusCode: a.status, Header: a.header, Body: http.NoBody}, nil
}

func TestTheGuardKeepsABudgetForReadsAndOneForWrites(t *testing.T) {
	t.Parallel()
	const id = "87d349ed-44d7-43e1-9a83-5f2406dee5bd"
	for _, tt := range []struct {
		method, path  string
		reads, writes bool // slowed down
	}{
		{"GET", "/users/" + id, true, false},
		{"PATCH", "/users/" + id, false, true},
		{"POST", "/$batch", false, false}, // says it of each of its requests
		{"POST", "/deviceManagement/managedDevices/" + id + "/wipe", false, false},
	} {
		g := guard{base: "/v1.0", reads: newPace(1, time.Now), writes: newPace(1, time.Now)}
		req, err := http.NewRequest(tt.method, "https://graph.example/v1.0"+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx := offboarding.WithWarrant(t.Context(), free{})
		if _, err := g.Intercept(answering{http.StatusOK, spent()}, 0, req.WithContext(ctx)); err != nil {
			t.Fatal(err)
		}
		if reads, writes := g.reads.limiter.Limit() != rate.Inf, g.writes.limiter.Limit() != rate.Inf; reads != tt.reads || writes != tt.writes {
			t.Errorf("%s %s: reads slowed down %t, writes %t", tt.method, tt.path, reads, writes)
		}
	}
}

// free is a warrant that allows everything.
type free struct{}

func (free) Check(context.Context) error { return nil }
func (free) Note(offboarding.Call)       {}
