package graph

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// What an app may ask of one mailbox.
// Source: Microsoft Graph, throttling-limits, Outlook service: 10,000 requests in 10 min and 4 at once, for
// each app and mailbox.
const (
	documentedMailbox = rate.Limit(10000.0 / 600)
	mailboxAtOnce     = 4
)

// mailboxes keeps to the budget of each mailbox that was asked not long ago.
type mailboxes struct {
	now func() time.Time

	mu sync.Mutex
	of map[string]*mailbox
}

// mailbox is the budget of one: places for the requests under way, and the limiter.
type mailbox struct {
	places  chan struct{}
	limiter *limiter
	users   int // who hold it or wait for it
}

// enter waits for a place at the mailbox of a user; leave gives it back.
func (m *mailboxes) enter(ctx context.Context, user string) (leave func(), err error) {
	m.mu.Lock()
	box := m.box(user)
	box.users++
	m.mu.Unlock()
	done := func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		box.users--
		m.forget()
	}
	select {
	case box.places <- struct{}{}:
	case <-ctx.Done():
		done()
		return nil, context.Cause(ctx)
	}
	return sync.OnceFunc(func() { <-box.places; done() }), nil
}

// limiter is that of the mailbox of a user.
func (m *mailboxes) limiter(user string) *limiter {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.box(user).limiter
}

// The rest wants the lock held.

func (m *mailboxes) box(user string) *mailbox {
	box := m.of[user]
	if box == nil {
		box = &mailbox{places: make(chan struct{}, mailboxAtOnce), limiter: newLimiter(documentedMailbox, 0, m.now)}
		m.of[user] = box
	}
	return box
}

// mostMailboxes is how many mailboxes are remembered.
const mostMailboxes = 1000

// forget drops the mailboxes that nobody uses, when there are many.
func (m *mailboxes) forget() {
	if len(m.of) <= mostMailboxes {
		return
	}
	for user, box := range m.of {
		if box.users == 0 {
			delete(m.of, user)
		}
	}
}

// leaving is an answer's body that gives a place back when it is closed.
type leaving struct {
	io.ReadCloser
	leave func()
}

func (l leaving) Close() error {
	defer l.leave()
	return l.ReadCloser.Close()
}

// places takes the places that the calls of a request need at mailboxes; leave gives them back.
func (l limiters) places(ctx context.Context, calls []call) (leave func(), err error) {
	var leaves []func()
	leave = func() {
		for _, one := range leaves {
			one()
		}
	}
	seen := map[string]bool{}
	for _, one := range calls {
		if one.budget != budgetMailbox || len(one.objects) == 0 || seen[one.objects[0]] {
			continue
		}
		seen[one.objects[0]] = true
		entered, err := l.mailboxes.enter(ctx, one.objects[0])
		if err != nil {
			leave()
			return nil, err
		}
		leaves = append(leaves, entered)
	}
	return leave, nil
}

// kept has the places of a request given back when its answer is closed.
func kept(res *http.Response, leave func()) *http.Response {
	res.Body = leaving{res.Body, leave}
	return res
}
