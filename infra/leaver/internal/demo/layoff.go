package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"leaver/infra/leaver/internal/terminal"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
	"leaver/shared/simtenant"
)

// The layoff runs against Microsoft's documented budgets, which are there again so many times
// sooner that hours are minutes: with 60, 3,000 writes in 2.5 s.
const (
	layoffPatience = 30 * time.Minute
	// layoffGrace keeps the gates closed until everybody is locked out and wiped.
	layoffGrace = 20 * time.Second
)

// layoff lets many people leave at once and prints how long the lockout of all took, beside the
// time that the write budget alone asks for.
func layoff(ctx context.Context, o Options) error {
	out, c := o.Out, o.Layoff
	if o.JSON {
		out = io.Discard
	}
	tenant, err := o.newTenant(simtenant.Config{
		Users: c.Users, SyncEvery: 2 * time.Second, Knobs: simtenant.Knobs{Latency: o.Latency, ThrottleScale: c.Throttle},
	})
	if err != nil {
		return err
	}
	leavers := Leavers(tenant, c.Leavers)
	if len(leavers) < c.Leavers {
		return fmt.Errorf("only %d of %d people can leave; give more --users", len(leavers), c.Users)
	}
	policy := offboarding.DefaultPolicy()
	policy.Mailbox, policy.Grace, policy.Limits = offboarding.None, layoffGrace, offboarding.Limits{PerHour: c.Leavers, PerDay: c.Leavers, Share: 100}
	return withHost(ctx, hostOptions{tenant: tenant, policy: policy, concurrency: 64, log: o.Log, reports: o.Reports}, func(ctx context.Context, h *operator.Desk, intake string) error {
		ctx, stop := context.WithTimeoutCause(ctx, layoffPatience, fmt.Errorf("the departures did not end within %s", layoffPatience))
		defer stop()
		ctx, giveUp := context.WithCancelCause(ctx)
		_, _ = fmt.Fprintf(out, "%d of %d people leave at once\n", len(leavers), c.Users)
		begun := time.Now()
		posting := make(chan struct{})
		go func() {
			defer close(posting)
			if err := postAll(ctx, intake, leavers); err != nil {
				giveUp(fmt.Errorf("posting the webhooks: %w", err))
			}
		}()
		defer func() { giveUp(nil); <-posting }()
		cases, err := untilAll(ctx, out, h, leavers, "locked out", func(cs *offboarding.Case) bool {
			_, out := cs.LockedOut()
			return out
		})
		if err != nil {
			return err
		}
		lockout := phase{took: lastLockout(cases).Sub(begun), writes: tenant.IdentityWrites(), files: tenant.FileUnits()}
		if cases, err = untilAll(ctx, out, h, leavers, "ended", Ended); err != nil {
			return err
		}
		total := phase{took: time.Since(begun), idle: layoffGrace, writes: tenant.IdentityWrites(), files: tenant.FileUnits()}
		err = errors.Join(
			layoffReport(out, tenant, len(leavers), lockout, total),
			NobodyLost(out, tenant, cases),
		)
		if o.JSON {
			found, failed := operator.Statuses(ctx, h.Ledger, h.Now())
			err = errors.Join(err, failed, terminal.WriteJSON(o.Out, everybody(found)))
		}
		return err
	})
}

// everybody is how it ended for each of the leavers, and why.
func everybody(found []operator.Status) []result {
	d := departure{why: "the lockout of all went before everything else"}
	var ends []result
	for _, s := range found {
		ends = append(ends, result{Status: s, Scenario: "layoff", Why: d.reasons(s)})
	}
	return ends
}

// lastLockout is when the last of the leavers was.
func lastLockout(cases []*offboarding.Case) time.Time {
	var last time.Time
	for _, c := range cases {
		if at, out := c.LockedOut(); out && at.After(last) {
			last = at
		}
	}
	return last
}

// Ended reports whether nothing moves a case any more but a person: every step is settled, or
// waits for one that is a task for somebody, such as a phone that does not come back.
func Ended(c *offboarding.Case) bool {
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

// Leavers chooses people who can leave without anybody's help: cloud-only members, no
// administrators, none of the well-known ones with a story of their own, and nobody whose phone never
// comes back: the licence waits for it for weeks.
func Leavers(tenant *simtenant.Tenant, n int) []string {
	var people []string
	tenant.Edit(func(w *simtenant.World) {
		not := map[string]bool{}
		for _, a := range w.RoleAssignments {
			not[a.Principal] = true
		}
		for _, p := range w.Phones {
			not[p.Mailbox] = not[p.Mailbox] || p.Dead
		}
		for _, u := range w.Users {
			if u.AccountEnabled && !u.Synced() && u.UserType == "Member" && u.JobTitle == "Specialist" && !not[u.ID] {
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
				status, err := PostTermination(ctx, intake, person, time.Now())
				if err != nil || status == http.StatusAccepted {
					return err
				}
				if status != http.StatusServiceUnavailable {
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

// untilAll waits until every leaver's case is as wanted, returns the cases, and says how far it
// is: at most a line a second, and no line twice. A look reads every open case, so it is taken four
// times a second, and less often when it takes long itself: watching takes half of the time at most.
func untilAll(ctx context.Context, out io.Writer, h *operator.Desk, leavers []string, what string, done func(*offboarding.Case) bool) ([]*offboarding.Case, error) {
	cases, finished := make([]*offboarding.Case, len(leavers)), make([]bool, len(leavers))
	said, last := time.Time{}, -1
	for {
		n, looked := 0, time.Now()
		for i, person := range leavers {
			if !finished[i] {
				var err error
				if cases[i], err = h.Ledger.Latest(ctx, simtenant.UserID(person)); err != nil {
					return nil, errors.Join(context.Cause(ctx), err)
				}
				finished[i] = cases[i] != nil && done(cases[i])
			}
			if finished[i] {
				n++
			}
		}
		if n != last && (n == len(leavers) || time.Since(said) >= time.Second) {
			_, _ = fmt.Fprintf(out, "  %4d of %d %s\n", n, len(leavers), what)
			said, last = time.Now(), n
		}
		if n == len(leavers) {
			return cases, nil
		}
		pause := time.NewTimer(max(250*time.Millisecond, time.Since(looked)))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return nil, errors.Join(context.Cause(ctx), whatIsOpen(context.WithoutCancel(ctx), h))
		}
	}
}

// whatIsOpen says why cases have not ended: how many steps are in which state, and the reason of
// one of them.
func whatIsOpen(ctx context.Context, h *operator.Desk) error {
	cases, _, err := h.Ledger.Cases(ctx)
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

// phase is how long a part of the layoff took, and what was drawn on the budgets since the
// beginning.
type phase struct {
	took, idle    time.Duration // idle is the part of it in which nothing was to be done
	writes, files simtenant.Spending
}

// String says how long it took beside the time in which the budget that is the tightest gives
// back what was drawn on it.
func (p phase) String() string {
	given := func(s simtenant.Spending) float64 { return float64(s.Taken) / s.PerSecond }
	used := func(s simtenant.Spending) float64 { return 100 * float64(s.Taken) / s.Allowed(p.took) }
	tightest, what := p.writes, "writes"
	if given(p.files) > given(p.writes) {
		tightest, what = p.files, "SharePoint units"
	}
	busy := (p.took - p.idle).Seconds()
	return fmt.Sprintf("%.1f s, %.2f times the %.1f s in which the budget gives back its %d %s; used: %.0f%% of the writes, %.0f%% of SharePoint's units",
		busy, busy/given(tightest), given(tightest), tightest.Taken, what, used(p.writes), used(p.files))
}

func layoffReport(out io.Writer, tenant *simtenant.Tenant, leavers int, lockout, total phase) error {
	requests := 0
	for operation, times := range tenant.Requests() {
		if !strings.HasSuffix(operation, "/token") && !strings.HasSuffix(operation, "/openid-configuration") && operation != "POST /$batch" {
			requests += times
		}
	}
	each := func(n int) float64 { return float64(n) / float64(leavers) }
	_, err := fmt.Fprintf(out, `
write budget                 %d at once and %.0f a second
SharePoint budget            %d resource units at once and %.0f a second
requests per leaver          %.1f; %.1f directory writes, %.1f SharePoint units
lockout of all %-4d          %s
everything but %.0f s grace    %s
answers 429                  %d
`,
		total.writes.AtOnce, total.writes.PerSecond,
		total.files.AtOnce, total.files.PerSecond,
		each(requests), each(total.writes.Taken), each(total.files.Taken),
		leavers, lockout, layoffGrace.Seconds(), total, tenant.Throttled())
	return err
}

// NobodyLost is an error unless every leaver is locked out in the tenant and every step of
// every case ended as effective, withheld, or a task for a person.
func NobodyLost(out io.Writer, tenant *simtenant.Tenant, cases []*offboarding.Case) error {
	var wrong []error
	people := 0
	for _, c := range cases {
		id := c.Leaver
		user, alive := tenant.User(id)
		_, deleted := tenant.DeletedUser(id)
		if alive && user.AccountEnabled || !alive && !deleted {
			wrong = append(wrong, fmt.Errorf("leaver %s is not locked out in the tenant", id))
		}
		if n := tenant.PasswordChanges(id); alive && n != 1 {
			wrong = append(wrong, fmt.Errorf("the password of leaver %s changed %d times", id, n))
		}
		if forSomebody(c) {
			people++
		}
		for _, step := range c.Steps {
			if step.State == offboarding.StateParked {
				wrong = append(wrong, fmt.Errorf("step %s of leaver %s is parked: %s", step.Name, id, step.Reason))
			}
		}
	}
	_, err := fmt.Fprintf(out, "cases with a task for a person  %d of %d; lost: %d\n", people, len(cases), len(wrong))
	return errors.Join(append(wrong, err)...)
}
