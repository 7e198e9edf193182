package plan

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"leaver/shared/offboarding"
)

// dangers are who must not be locked out by accident, as the tenant said a short while ago: read once
// for everybody, so that an ordinary person's departure costs no request. The zero value is ready.
type dangers struct {
	mu  sync.Mutex
	why map[string]string // by object id in lower case
	at  time.Time
}

// How old what is known may be: it is read again after the first, and for a hit at once; while it cannot
// be read, what was known stands until the second. Nobody stays signed in because Conditional Access,
// which answers one request a second, is asked too often.
// Source: Microsoft Graph, throttling-limits, Identity protection and conditional access.
const (
	fresh = time.Minute
	stale = 10 * time.Minute
)

// of says what would be dangerous about a user's departure; empty when nothing would.
func (s *dangers) of(ctx context.Context, d Directory, own, user string, now time.Time) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	user = strings.ToLower(user)
	age := now.Sub(s.at)
	if s.why != nil && age < fresh && s.why[user] == "" {
		return "", nil
	}
	why, err := d.Dangers(ctx, own)
	switch {
	case err == nil:
		s.why, s.at = why, now
	case s.why == nil || age >= stale || offboarding.IsPermanent(err):
		return "", fmt.Errorf("reading who must not be locked out by accident: %w", err)
	}
	return s.why[user], nil
}

// dangerous marks the plan of somebody who must not be locked out by accident, and refuses to make one
// unless the policy lets them leave like anybody else.
func (p *Planner) dangerous(ctx context.Context, user offboarding.User, plan *offboarding.Plan) error {
	why, err := p.dangers.of(ctx, p.Directory, p.Application, user.ID, p.Now())
	if err != nil || why == "" {
		return err
	}
	if p.Policy.Administrators != offboarding.AdministratorsLeave {
		return &offboarding.Refusal{Why: fmt.Sprintf("the account %s: make sure that this departure is meant, write administrators: leave into the policy and send the request back to work", why)}
	}
	plan.Administrator = true
	return nil
}
