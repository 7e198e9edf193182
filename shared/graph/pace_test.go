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

	"golang.org/x/time/rate"

	"leaver/shared/offboarding"
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
func sendMany(t *testing.T, p *pace, s service, n, units, atOnce int) {
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
				s, p := newBucket(3000, given), newPace(documentedWrites, 0, time.Now)
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
					s, p := &window{limit: limit, length: filesWindow}, newPace(documentedFiles, filesWindow, time.Now)
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
		p, begun := newPace(1, 0, time.Now), time.Now()
		for range 1000 {
			if err := p.wait(t.Context(), 1); err != nil {
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
		p := newPace(1, 0, time.Now)
		p.hear(http.StatusNoContent, spent())
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
			p := newPace(1, 0, time.Now)
			p.hear(http.StatusNoContent, spent())
			for range 11 { // one goes at once
				go func() { _ = p.wait(t.Context(), 1) }()
			}
			synctest.Wait()
			begun := time.Now()
			throttled(t, p.wait(t.Context(), 1), patience, 2*patience)
			if time.Since(begun) > 0 {
				t.Error("it waited for that")
			}
			<-time.After(2 * patience)
		})
	})
	t.Run("overtaken by urgent ones", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := newPace(1, 0, time.Now)
			p.hear(http.StatusNoContent, spent())
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
			throttled(t, p.wait(t.Context(), 1), time.Second, 2*patience)
			if waited := time.Since(begun); waited != patience {
				t.Errorf("after %s", waited)
			}
			<-time.After(3 * patience)
		})
	})
	t.Run("told to come later", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := newPace(1, 0, time.Now)
			p.hear(http.StatusTooManyRequests, http.Header{"Retry-After": {"5"}})
			throttled(t, p.wait(t.Context(), 1), 5*time.Second, 8*time.Second)
			<-time.After(5 * time.Second)
			if err := p.wait(t.Context(), 1); err != nil {
				t.Error(err)
			}
			p.hear(http.StatusTooManyRequests, http.Header{})
			throttled(t, p.wait(t.Context(), 1), pause, pause+5*time.Second)
		})
	})
}

func TestWhoGivesUpLeavesTheLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPace(1, 0, time.Now)
		p.hear(http.StatusNoContent, spent())
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
		p := newPace(16, 0, time.Now)
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

func TestWhatARequestDraws(t *testing.T) {
	t.Parallel()
	b := budgets{reads: newPace(1, 0, time.Now), writes: newPace(1, 0, time.Now), files: newPace(1, time.Minute, time.Now)}
	name := map[*pace]string{b.reads: "reads", b.writes: "writes", b.files: "files"}
	for _, tt := range []struct {
		method, url, from string
		units             int
	}{
		{"GET", "/users/{id}?$select=id", "reads", 1},
		{"GET", "/users", "reads", 1},
		{"GET", "/users/{id}/transitiveMemberOf", "reads", 1},
		{"POST", "/users/{id}/checkMemberGroups", "reads", 1},
		{"PATCH", "/users/{id}", "writes", 1},
		{"DELETE", "/groups/{id}/members/{id}/$ref", "writes", 1},
		{"PATCH", "/devices/{id}", "writes", 1},
		{"GET", "/directory/deletedItems/{id}", "reads", 1},
		{"GET", "/subscribedSkus", "reads", 1},
		{"DELETE", "/oauth2PermissionGrants/{id}", "writes", 1},
		{"GET", "/users/{id}/drive/root?$select=id", "files", 1},
		{"GET", "/drives/{id}/items/{id}/children?$top=200", "files", 2},
		{"POST", "/drives/{id}/items/{id}/children", "files", 2},
		{"POST", "/drives/{id}/items/{id}/copy?@microsoft.graph.conflictBehavior=fail", "files", 2},
		{"GET", "/drives/{id}/root/delta?token=latest", "files", 1},
		{"GET", "/drives/{id}/root/delta", "files", 2},
		{"GET", "/drives/{id}/items/{id}/permissions", "files", 5},
		{"DELETE", "/drives/{id}/items/{id}/permissions/{id}", "files", 5},
		{"POST", "/drives/{id}/items/{id}/invite", "files", 5},
		{"GET", "/users/{id}/managedDevices", "", 0},
		{"POST", "/deviceManagement/managedDevices/{id}/wipe", "", 0},
		{"GET", "/users/{id}/mailFolders/inbox/messageRules", "", 0},
		{"GET", "/users/{id}/managedAppRegistrations", "", 0},
		{"GET", "/users/{id}/calendars?$select=id,owner", "", 0},
		{"GET", "/users/{id}/events?$top=100", "", 0},
	} {
		if from, units := b.budget(part{tt.method, tt.url}); name[from] != tt.from || units != tt.units {
			t.Errorf("%s %s: %d of %q", tt.method, tt.url, units, name[from])
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

func TestTheGuardTellsTheBudgetsApart(t *testing.T) {
	t.Parallel()
	const id = "87d349ed-44d7-43e1-9a83-5f2406dee5bd"
	for _, tt := range []struct{ method, path, body, slowed string }{
		{"GET", "/users/" + id, "", "reads"},
		{"PATCH", "/users/" + id, "", "writes"},
		{"GET", "/users/" + id + "/drive/root", "", "files"},
		{"POST", "/deviceManagement/managedDevices/" + id + "/wipe", "", ""},
		{"POST", "/$batch", `{"requests":[{"id":"0","method":"GET","url":"/users/` + id + `"}]}`, ""}, // says it of each of its requests
	} {
		b := budgets{reads: newPace(1, 0, time.Now), writes: newPace(1, 0, time.Now), files: newPace(1, time.Minute, time.Now)}
		req, err := http.NewRequest(tt.method, "https://graph.example/v1.0"+tt.path, strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		ctx := offboarding.WithWriteGuard(t.Context(), free{})
		if _, err := (guard{base: "/v1.0", budgets: b}).Intercept(answering{http.StatusOK, spent()}, 0, req.WithContext(ctx)); err != nil {
			t.Fatal(err)
		}
		for name, p := range map[string]*pace{"reads": b.reads, "writes": b.writes, "files": b.files} {
			if slowed := p.limiter.Limit() != rate.Inf; slowed != (name == tt.slowed) {
				t.Errorf("%s %s: %s slowed down: %t", tt.method, tt.path, name, slowed)
			}
		}
	}
}

// TestTheAnswersOfABatchAreHeardApart: a refusal of role management or of one drive keeps nobody
// from asking for users, and one of the whole batch does.
func TestTheAnswersOfABatchAreHeardApart(t *testing.T) {
	t.Parallel()
	const id = "87d349ed-44d7-43e1-9a83-5f2406dee5bd"
	b := budgets{reads: newPace(1, 0, time.Now), writes: newPace(1, 0, time.Now), files: newPace(1, time.Minute, time.Now)}
	items := []batchItem{
		{Method: "GET", URL: "/users/" + id + "/memberOf"}, {Method: "GET", URL: "/roleManagement/directory/roleAssignments"},
		{Method: "GET", URL: "/users/" + id + "/drive/root"}, {Method: "DELETE", URL: "/groups/" + id + "/members/" + id + "/$ref"},
	}
	for refused, slowed := range []string{"reads", "", "files", "writes"} {
		if _, err := b.readBatch(fmt.Appendf(nil, `{"responses":[{"id":"%d","status":429,"headers":{"Retry-After":"10"},"body":{}}]}`, refused), items); err == nil {
			t.Error("an answer in part was taken for the whole")
		}
		for name, p := range map[string]*pace{"reads": b.reads, "writes": b.writes, "files": b.files} {
			if now := p.limiter.Limit() != rate.Inf; now != (name == slowed) {
				t.Errorf("429 to %s: %s slowed down: %t", items[refused].URL, name, now)
			}
		}
		b = budgets{reads: newPace(1, 0, time.Now), writes: newPace(1, 0, time.Now), files: newPace(1, time.Minute, time.Now)}
	}
	req, err := http.NewRequest("POST", "https://graph.example/v1.0/$batch", strings.NewReader(`{"requests":[{"id":"0","method":"GET","url":"/users/`+id+`"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	refusal := answering{http.StatusTooManyRequests, http.Header{"Retry-After": {"10"}}}
	if _, err := (guard{base: "/v1.0", budgets: b}).Intercept(refusal, 0, req.WithContext(offboarding.WithWriteGuard(t.Context(), free{}))); err != nil {
		t.Fatal(err)
	}
	if b.reads.limiter.Limit() == rate.Inf || b.writes.limiter.Limit() != rate.Inf {
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
				p := newPace(documentedFiles, filesWindow, time.Now)
				p.hear(tt.status, tt.header)
				begun := time.Now()
				for {
					err := p.wait(offboarding.WithUrgency(t.Context()), 1)
					var throttled *offboarding.ThrottledError
					if !errors.As(err, &throttled) {
						break
					}
					<-time.After(max(throttled.Delay, time.Second))
				}
				if waited := time.Since(begun); waited > longest+time.Second {
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
		b := budgets{reads: newPace(1, 0, time.Now), writes: newPace(1, 0, time.Now), files: newPace(1, time.Minute, time.Now)}
		for _, p := range []*pace{b.writes, b.files} {
			p.hear(http.StatusNoContent, spent())
		}
		send := func(body string) {
			req, err := http.NewRequest("POST", "https://graph.example/v1.0/$batch", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			ctx := offboarding.WithWriteGuard(t.Context(), free{})
			if _, err := (guard{base: "/v1.0", budgets: b}).Intercept(answering{http.StatusOK, nil}, 0, req.WithContext(ctx)); err != nil {
				t.Fatal(err)
			}
		}
		begun := time.Now()
		send(`{"requests":[{"method":"POST","url":"/drives/d/items/i/copy"},{"method":"POST","url":"/drives/d/items/j/copy"}]}`)
		send(`{"requests":[{"method":"DELETE","url":"/groups/g/members/m/$ref"}]}`)
		if waited := time.Since(begun); waited > 0 {
			t.Errorf("waited %s for what was there", waited)
		}
		send(`{"requests":[{"method":"POST","url":"/drives/d/items/k/copy"}]}`)
		if waited := time.Since(begun); waited != 4*time.Second {
			t.Errorf("after %s, not when the units of two copies were given back", waited)
		}
	})
}

// free is a write guard that allows everything.
type free struct{}

func (free) Allow(context.Context) error { return nil }
func (free) Record(offboarding.Call)     {}
