package simtenant

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The budgets Microsoft documents (Graph throttling-limits), each per app in this tenant.
const (
	identityWindow = 10 * time.Second // resource units: 3,500 / 5,000 / 8,000 by the size of the tenant
	writeLimit     = 3000             // identity writes
	writeWindow    = 150 * time.Second
	intuneLimit    = 2000 // Intune requests
	intuneWrites   = 200
	intuneWindow   = 20 * time.Second
	outlookLimit   = 10000 // Outlook requests per mailbox
	outlookWindow  = 10 * time.Minute
	filesWindow    = time.Minute // SharePoint resource units: see filesLimit
	reportsLimit   = 5           // requests for audit logs
	reportsWindow  = 10 * time.Second
)

// outlookAtOnce is how many requests an app may have under way to one mailbox.
const outlookAtOnce = 4

// outlookPaths are the beginnings of what Outlook answers, behind the user.
var outlookPaths = []string{"mailFolders", "messages", "contactFolders", "contacts", "calendars", "events", "todo"}

// enter counts a request to a mailbox as under way until the function that it returns is called. Who
// sends it is told by its token, which nobody has looked at yet.
func (t *Tenant) enter(r *http.Request) (leave func()) {
	segments := strings.Split(strings.TrimPrefix(r.URL.Path, "/v1.0/"), "/")
	if len(segments) < 3 || segments[0] != "users" || !slices.Contains(outlookPaths, segments[2]) {
		return func() {}
	}
	key := r.Header.Get("Authorization") + "/" + strings.ToLower(segments[1])
	t.underWay[key]++
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.underWay[key]--; t.underWay[key] == 0 {
			delete(t.underWay, key)
		}
	}
}

// Spending is what was drawn on one budget.
type Spending struct {
	AtOnce    int     // what it holds when it is full, as it was in the beginning
	PerSecond float64 // what it is given back
	Taken     int     // what was let through
}

// Allowed is how much the budget allows within a time that begins with it full.
func (s Spending) Allowed(within time.Duration) float64 {
	return float64(s.AtOnce) + s.PerSecond*within.Seconds()
}

// IdentityWrites is what was drawn on the budget of writes to users, groups and devices; with one
// app, for there is one budget for each.
func (t *Tenant) IdentityWrites() Spending {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Spending{AtOnce: writeLimit, PerSecond: writeLimit * t.world.ThrottleScale / writeWindow.Seconds(), Taken: t.writes}
}

// FileUnits is what was drawn on SharePoint's budget of resource units; with one app, for there is
// one budget for each.
func (t *Tenant) FileUnits() Spending {
	t.mu.Lock()
	defer t.mu.Unlock()
	limit := t.filesLimit()
	return Spending{AtOnce: limit, PerSecond: float64(limit) / filesWindow.Seconds(), Taken: t.fileUnits}
}

// Throttled counts the requests that a spent budget refused.
func (t *Tenant) Throttled() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.throttled
}

// bucket is a budget on the tenant's clock: a token bucket as it was at a time, or what is left
// until then.
type bucket struct {
	level float64
	at    time.Time
}

// take spends cost from the bucket of that name. It answers how long to wait when there is not
// enough, and the part of the budget in use. With a scale the same budget is there again so many
// times sooner: a layoff of hours takes minutes.
func (t *Tenant) take(name string, cost, limit float64, window time.Duration) (time.Duration, float64) {
	now := t.clock()
	b := t.buckets[name]
	if b == nil {
		b = &bucket{level: limit, at: now}
		t.buckets[name] = b
	}
	rate := limit * t.world.ThrottleScale / window.Seconds()
	b.level = min(limit, b.level+rate*now.Sub(b.at).Seconds())
	b.at = now
	if b.level < cost {
		return time.Duration((cost - b.level) / rate * float64(time.Second)), 1 + (cost-b.level)/limit
	}
	b.level -= cost
	return 0, 1 - b.level/limit
}

// filesLimit is how many resource units SharePoint allows within filesWindow, by the licences that
// the tenant has: here, its people. With a scale it is so many times as many: the window is as long
// as ever, because a client may know it from the documentation. Source: SharePoint, Avoid getting
// throttled or blocked, application limits.
func (t *Tenant) filesLimit() int {
	limit := 6000.0
	switch n := len(t.world.Users); {
	case n <= 1000:
		limit = 1200
	case n <= 5000:
		limit = 2400
	case n <= 15000:
		limit = 3600
	case n <= 50000:
		limit = 4800
	}
	return int(limit * t.world.ThrottleScale)
}

// takeFiles is take for SharePoint, whose budget begins anew after a time. From 80% on the answers
// say what is left and until when.
func (t *Tenant) takeFiles(name string, cost int, head map[string]string) time.Duration {
	now, limit := t.clock(), t.filesLimit()
	b := t.buckets[name]
	if b == nil || !now.Before(b.at) {
		b = &bucket{level: float64(limit), at: now.Add(filesWindow)}
		t.buckets[name] = b
	}
	reset := b.at.Sub(now)
	wait := time.Duration(0)
	if b.level < float64(cost) {
		wait = reset
	} else {
		b.level -= float64(cost)
		t.fileUnits += cost
	}
	if b.level <= 0.2*float64(limit) {
		head["RateLimit-Limit"], head["RateLimit-Remaining"], head["RateLimit-Reset"] = strconv.Itoa(limit), strconv.Itoa(int(b.level)), wholeSeconds(reset)
	}
	return wait
}

// throttle charges a Graph call to its budgets. It adds the headers Microsoft documents to head,
// and answers a reply when a budget is spent.
func (t *Tenant) throttle(c *call, head map[string]string) *reply {
	cost := c.cost()
	head["x-ms-resource-unit"] = strconv.Itoa(cost)
	if t.world.ThrottleScale <= 0 {
		return nil
	}
	app, write := c.app.ClientID, c.method != "GET"
	var wait time.Duration
	var used float64
	information := "ResourceUnitLimitExceeded"
	switch c.op.service {
	case serviceIdentity:
		budget := 8000.0
		switch n := len(t.world.Users); {
		case n < 50:
			budget = 3500
		case n <= 500:
			budget = 5000
		}
		wait, used = t.take("identity/"+app, float64(cost), budget, identityWindow)
		if write && wait == 0 {
			if w, u := t.take("write/"+app, 1, writeLimit, writeWindow); w > 0 || u > used {
				wait, used, information = w, u, "WriteLimitExceeded"
			}
		}
		if write && wait == 0 {
			t.writes++
		}
		if used > 0.8 {
			head["x-ms-throttle-limit-percentage"] = fmt.Sprintf("%.1f", min(used, 1.8))
		}
		if wait > 0 {
			scope := "Read"
			if write {
				scope = "ReadWrite"
			}
			head["x-ms-throttle-scope"] = fmt.Sprintf("Tenant_Application/%s/%s/%s", scope, app, t.world.TenantID)
			head["x-ms-throttle-information"] = information
		}
	case serviceIntune:
		if wait, _ = t.take("intune/"+app, 1, intuneLimit, intuneWindow); write && wait == 0 {
			wait, _ = t.take("intuneWrite/"+app, 1, intuneWrites, intuneWindow)
		}
	case serviceOutlook:
		if t.underWay[c.r.Header.Get("Authorization")+"/"+strings.ToLower(c.arg["id"])] > outlookAtOnce {
			t.throttled++
			head["Retry-After"] = "1"
			r := c.fail(http.StatusTooManyRequests, "ApplicationThrottled", "Application is over its MailboxConcurrency limit.")
			return &r
		}
		wait, _ = t.take("outlook/"+app+"/"+strings.ToLower(c.arg["id"]), 1, outlookLimit, outlookWindow)
	case serviceReports:
		wait, _ = t.take("reports/"+app, 1, reportsLimit, reportsWindow)
	case serviceFiles:
		wait = t.takeFiles("files/"+app, cost, head)
	}
	if wait == 0 {
		return nil
	}
	t.throttled++
	head["Retry-After"] = wholeSeconds(wait)
	r := c.tooMany()
	return &r
}

// cost is the price of a call in resource units: the operation's, less 1 for $select and for a
// small $top, one more for $expand, never below 1.
func (c *call) cost() int {
	n := max(1, c.op.cost)
	if c.op.service == serviceIdentity && c.method == "GET" {
		if c.query.Has("$select") {
			n--
		}
		if c.query.Has("$expand") {
			n++
		}
		if top, err := strconv.Atoi(c.query.Get("$top")); err == nil && top < 20 {
			n--
		}
	}
	return max(1, n)
}
