package plan

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"leaver/shared/offboarding"
)

// privileged is who must not be locked out by accident, as the tenant said a short while ago: read once
// for everybody, so that an ordinary person's departure costs no request. The zero value is ready.
type privileged struct {
	mu   sync.Mutex
	held map[string]string // what makes them so, by object id in lower case
	at   time.Time
}

// fresh is how old what is known may be.
const fresh = time.Minute

// danger says what makes a user privileged; empty when nothing does. A hit is read again.
func (s *privileged) danger(ctx context.Context, d Directory, user string, now time.Time) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	user = strings.ToLower(user)
	if s.held != nil && now.Sub(s.at) < fresh && s.held[user] == "" {
		return "", nil
	}
	held, err := d.Privileged(ctx)
	if err != nil {
		return "", fmt.Errorf("reading who is privileged: %w", err)
	}
	s.held, s.at = held, now
	return held[user], nil
}

// dangerous marks the plan of somebody privileged, and refuses to make one unless the policy lets them
// leave like anybody else.
func (p *Planner) dangerous(ctx context.Context, user offboarding.User, plan *offboarding.Plan) error {
	danger, err := p.privileged.danger(ctx, p.Directory, user.ID, p.Now())
	if err != nil || danger == "" {
		return err
	}
	if p.Policy.Administrators != offboarding.AdministratorsLeave {
		return &offboarding.Refusal{Why: fmt.Sprintf("the account %s: make sure that this departure is meant, write administrators: leave into the policy and send the request back to work", danger)}
	}
	plan.Administrator = true
	return nil
}
