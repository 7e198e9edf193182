package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

// The layoff runs against Microsoft's documented budgets, which are there again so many times
// sooner that hours are minutes: with 60, 3,000 writes in 2.5 s.
const (
	layoffPatience = 4 * time.Minute
	// layoffGrace keeps the gates closed until everybody is locked out and wiped.
	layoffGrace = 20 * time.Second
)

// layoff lets many people leave at once and prints how long the lockout of all took, beside the
// time that the write budget alone asks for.
func (c *demoCommand) layoff(env environment) error {
	var throttled throttledCount
	tenant, err := simtenant.New(simtenant.Config{
		Users: c.Users, Latency: c.Latency, ThrottleScale: c.Throttle, Record: &throttled,
		SyncEvery: 2 * time.Second,
	})
	if err != nil {
		return err
	}
	leavers := pick(tenant, c.Leavers)
	if len(leavers) < c.Leavers {
		return fmt.Errorf("only %d of %d people can leave; give more --users", len(leavers), c.Users)
	}
	policy := offboarding.DefaultPolicy()
	policy.Mailbox, policy.Grace = offboarding.None, layoffGrace
	return onStage(env, stage{tenant: tenant, policy: policy, concurrency: 32}, func(ctx context.Context, h *house, intake string) error {
		ctx, stop := context.WithTimeoutCause(ctx, layoffPatience, fmt.Errorf("the departures did not end within %s", layoffPatience))
		defer stop()
		_, _ = fmt.Fprintf(env.stdout, "%d of %d people leave at once\n", len(leavers), c.Users)
		begun := time.Now()
		posted := make(chan error, 1)
		go func() { posted <- postAll(ctx, intake, leavers) }()
		lockedOut, err := untilAll(ctx, env, h, leavers, "locked out", func(cs *offboarding.Case) bool {
			return settled(cs, offboarding.StepSignout) && settled(cs, offboarding.StepBlock)
		})
		if err != nil {
			return err
		}
		if err := <-posted; err != nil {
			return err
		}
		lockout := countWrites(tenant)
		if _, err := untilAll(ctx, env, h, leavers, "ended", ended); err != nil {
			return err
		}
		total := time.Since(begun)
		return errors.Join(
			c.layoffReport(env, tenant, len(leavers), lockedOut.Sub(begun), total, lockout, throttled.n.Load()),
			nobodyLost(ctx, env, h, tenant, leavers),
		)
	})
}

func settled(c *offboarding.Case, name offboarding.StepName) bool {
	return c.Step(name).State == offboarding.StateEffective
}

// ended reports whether nothing moves a case any more but a person: every step is settled, or
// waits for one that is a task for somebody, such as a phone that does not come back.
func ended(c *offboarding.Case) bool {
	for _, step := range c.Steps {
		switch {
		case step.State.Settled():
		case step.State == offboarding.StateWaiting && forSomebody(c):
		default:
			return false
		}
	}
	return true
}

func forSomebody(c *offboarding.Case) bool {
	return slices.ContainsFunc(c.Steps, func(r *offboarding.Record) bool { return r.State == offboarding.StateManual })
}

// pick chooses people who can leave without anybody's help: cloud-only members, no
// administrators, none of the well-known ones with a story of their own.
func pick(tenant *simtenant.Tenant, n int) []string {
	var people []string
	tenant.Edit(func(w *simtenant.World) {
		admin := map[string]bool{}
		for _, a := range w.RoleAssignments {
			admin[a.Principal] = true
		}
		for _, u := range w.Users {
			if u.AccountEnabled && !u.Synced() && u.UserType == "Member" && u.JobTitle == "Specialist" && !admin[u.ID] {
				people = append(people, u.UserPrincipalName)
			}
		}
	})
	slices.Sort(people)
	return people[:min(n, len(people))]
}

// postAll posts a webhook for everybody as an HR system does: some at a time, and again after
// Retry-After when there are too many.
func postAll(ctx context.Context, intake string, people []string) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for _, person := range people {
		group.Go(func() error {
			for {
				status, err := postTermination(ctx, intake, person, time.Now())
				if err != nil || status == http.StatusAccepted {
					return err
				}
				if status != http.StatusTooManyRequests {
					return fmt.Errorf("intake answered %d", status)
				}
				timer := time.NewTimer(time.Second)
				select {
				case <-timer.C:
				case <-ctx.Done():
					timer.Stop()
					return context.Cause(ctx)
				}
			}
		})
	}
	return group.Wait()
}

// untilAll waits until every leaver's case is as wanted and says how far it is, a line a second.
func untilAll(ctx context.Context, env environment, h *house, leavers []string, what string, done func(*offboarding.Case) bool) (time.Time, error) {
	finished := map[string]bool{}
	every := time.NewTicker(time.Second)
	defer every.Stop()
	for {
		for _, person := range leavers {
			if finished[person] {
				continue
			}
			found, err := h.ledger.Latest(ctx, simtenant.UserID(person))
			if err != nil {
				return time.Time{}, errors.Join(context.Cause(ctx), err)
			}
			if found != nil && done(found) {
				finished[person] = true
			}
		}
		_, _ = fmt.Fprintf(env.stdout, "  %4d of %d %s\n", len(finished), len(leavers), what)
		if len(finished) == len(leavers) {
			return time.Now(), nil
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return time.Time{}, errors.Join(context.Cause(ctx), whatIsOpen(context.WithoutCancel(ctx), h))
		}
	}
}

// whatIsOpen says why cases have not ended: how many steps are in which state, and the reason of
// one of them.
func whatIsOpen(ctx context.Context, h *house) error {
	cases, err := h.ledger.Cases(ctx)
	if err != nil {
		return err
	}
	many, reason := map[string]int{}, map[string]string{}
	for _, c := range cases {
		for _, step := range c.Steps {
			if !step.State.Settled() {
				key := string(step.Name) + " is " + string(step.State)
				many[key]++
				reason[key] = fmt.Sprintf("n %d, due %s: %s", step.N, step.Due.Format(time.RFC3339), step.Reason)
			}
		}
	}
	var open []error
	for key, n := range many {
		open = append(open, fmt.Errorf("%d times %s; one: %s", n, key, reason[key]))
	}
	return errors.Join(open...)
}

// writeCounts are requests that changed the directory, and all others.
type writeCounts struct{ writes, requests int }

func countWrites(tenant *simtenant.Tenant) writeCounts {
	var n writeCounts
	for operation, times := range tenant.Requests() {
		method, path, isGraph := strings.Cut(operation, " ")
		if path == "/token" || strings.Contains(path, ".well-known") || path == "/$batch" {
			continue
		}
		n.requests += times
		for _, prefix := range []string{"/users", "/groups", "/devices"} {
			if isGraph && method != http.MethodGet && strings.HasPrefix(path, prefix) {
				n.writes += times
			}
		}
	}
	return n
}

func (c *demoCommand) layoffReport(env environment, tenant *simtenant.Tenant, leavers int, lockout, total time.Duration, locked writeCounts, throttled int64) error {
	all := countWrites(tenant)
	bound := func(writes int) time.Duration {
		return time.Duration(float64(writes) / (3000 * c.Throttle / 150) * float64(time.Second))
	}
	_, err := fmt.Fprintf(env.stdout, `
requests per leaver          %.1f, of them %.1f directory writes
lockout of all %d           %.1f s; its %d writes ask for %.1f s of the write budget: ratio %.1f
everything                   %.1f s, %.0f s of them the grace; %d writes ask for %.1f s: ratio without the grace %.1f
answers 429                  %d
`,
		float64(all.requests)/float64(leavers), float64(all.writes)/float64(leavers),
		leavers, lockout.Seconds(), locked.writes, bound(locked.writes).Seconds(), lockout.Seconds()/bound(locked.writes).Seconds(),
		total.Seconds(), layoffGrace.Seconds(), all.writes, bound(all.writes).Seconds(), (total-layoffGrace).Seconds()/bound(all.writes).Seconds(),
		throttled)
	return err
}

// nobodyLost is an error unless every leaver is locked out in the tenant and every step of
// every case ended as effective, withheld, or a task for a person.
func nobodyLost(ctx context.Context, env environment, h *house, tenant *simtenant.Tenant, leavers []string) error {
	var wrong []error
	people := 0
	for _, person := range leavers {
		id := simtenant.UserID(person)
		user, alive := tenant.User(id)
		_, deleted := tenant.DeletedUser(id)
		if alive && user.AccountEnabled || !alive && !deleted {
			wrong = append(wrong, fmt.Errorf("leaver %s is not locked out in the tenant", id))
		}
		if n := tenant.PasswordChanges(id); alive && n != 1 {
			wrong = append(wrong, fmt.Errorf("the password of leaver %s changed %d times", id, n))
		}
		found, err := h.ledger.Latest(ctx, id)
		if err != nil {
			return err
		}
		if forSomebody(found) {
			people++
		}
		for _, step := range found.Steps {
			if step.State == offboarding.StateParked {
				wrong = append(wrong, fmt.Errorf("step %s of leaver %s is parked: %s", step.Name, id, step.Reason))
			}
		}
	}
	_, err := fmt.Fprintf(env.stdout, "cases with a task for a person  %d of %d; lost: %d\n", people, len(leavers), len(wrong))
	return errors.Join(append(wrong, err)...)
}

// throttledCount counts the answers 429 among the recorded requests.
type throttledCount struct{ n atomic.Int64 }

func (c *throttledCount) Write(p []byte) (int, error) {
	for line := range bytes.Lines(p) {
		var r struct{ Status int }
		if json.Unmarshal(line, &r) == nil && r.Status == http.StatusTooManyRequests {
			c.n.Add(1)
		}
	}
	return len(p), nil
}
