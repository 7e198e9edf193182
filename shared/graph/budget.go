package graph

import (
	"net/http"
	"time"

	"golang.org/x/time/rate"
)

// budget is what a call draws on. A service that budgets for a whole tenant has a limiter.
type budget int

const (
	_               budget = iota // no budget: such a call is not sent
	budgetDirectory               // the identity service: one of its reads or writes
	budgetFile                    // SharePoint: one item, or the changes since a token
	budgetFiles                   // SharePoint: several items, or a write
	budgetSharing                 // SharePoint: permissions
	budgetRoles                   // role management
	budgetAudit                   // the audit logs
	budgetIntune
	budgetTeams
	budgetMailbox // Outlook: of each mailbox for itself, see [mailboxes]
)

// What an app may ask in one tenant, each second in the long run: of the identity service by two
// token buckets, of SharePoint by a count that begins anew each minute. The units are those of a
// large tenant for the identity service and of a small one for SharePoint; where it is another,
// the answers say so. The others say only 429.
// Sources: Microsoft Graph, throttling-limits, Identity and access: 8,000 resource units in 10 s,
// 3,000 writes in 2 min 30 s; SharePoint, Avoid getting throttled or blocked: 1,200 resource units
// in a minute.
const (
	documentedReads  = rate.Limit(8000.0 / 10)
	documentedWrites = rate.Limit(3000.0 / 150)
	documentedFiles  = rate.Limit(1200.0 / 60)
	filesWindow      = time.Minute
)

// What SharePoint charges for a request.
// Source: SharePoint, Avoid getting throttled or blocked, resource units.
const (
	unitsFile    = 1
	unitsFiles   = 2
	unitsSharing = maxUnits
)

// limiters keep to the budgets.
type limiters struct {
	reads, writes, files, roles, audit, intune, teams *limiter
	mailboxes                                         *mailboxes
}

func newLimiters(now func() time.Time) limiters {
	return limiters{
		reads: newLimiter(documentedReads, 0, now), writes: newLimiter(documentedWrites, 0, now),
		files: newLimiter(documentedFiles, filesWindow, now),
		roles: newLimiter(rate.Inf, 0, now), audit: newLimiter(rate.Inf, 0, now),
		intune: newLimiter(rate.Inf, 0, now), teams: newLimiter(rate.Inf, 0, now),
		mailboxes: &mailboxes{now: now, of: map[string]*mailbox{}},
	}
}

// of is the limiter of a call, and how many units it draws; nil when none is needed.
func (l limiters) of(c call) (*limiter, int) {
	switch c.budget {
	case budgetDirectory:
		if c.writes() {
			return l.writes, 1
		}
		return l.reads, 1
	case budgetFile:
		return l.files, unitsFile
	case budgetFiles:
		return l.files, unitsFiles
	case budgetSharing:
		return l.files, unitsSharing
	case budgetRoles:
		return l.roles, 1
	case budgetAudit:
		return l.audit, 1
	case budgetIntune:
		return l.intune, 1
	case budgetTeams:
		return l.teams, 1
	case budgetMailbox:
		if len(c.objects) > 0 {
			return l.mailboxes.limiter(c.objects[0]), 1
		}
	}
	return nil, 0
}

// draws is what some calls draw on each limiter.
func (l limiters) draws(calls []call) map[*limiter]int {
	draws := map[*limiter]int{}
	for _, one := range calls {
		if limiter, units := l.of(one); limiter != nil {
			draws[limiter] += units
		}
	}
	return draws
}

// observe tells the limiter of a call what its answer says.
func (l limiters) observe(c call, status int, header http.Header) {
	if limiter, _ := l.of(c); limiter != nil {
		limiter.observe(status, header)
	}
}

// lost tells the limiters that calls got no answer.
func (l limiters) lost(calls []call) {
	for limiter := range l.draws(calls) {
		limiter.lost()
	}
}
