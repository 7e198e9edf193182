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

// danger says what would be dangerous about a user's departure; empty when nothing would.
func (p *Planner) danger(ctx context.Context, user offboarding.User) (string, error) {
	return p.dangers.of(ctx, p.Directory, p.Application, user.ID, p.Now())
}

// What holds a departure, or a part of it, until another person approves.
const (
	heldPrivileged = "privileged"
	heldWeaker     = "weaker"
)

// meant holds the whole departure until another person has said that it is meant, unless the policy lets
// such people leave like anybody else.
func (p *Planner) meant(danger string) []offboarding.Brake {
	if p.Policy.Administrators == offboarding.AdministratorsLeave {
		return nil
	}
	return []offboarding.Brake{{
		Kind: offboarding.BrakeApproval, By: heldPrivileged, Needs: 1,
		Why: "the account " + danger + ": make sure that this departure is meant",
	}}
}

// weakened holds what takes mail away for good until another person has agreed to keep less of it than the
// policy does. Nobody stays signed in for that.
func weakened(weaker string) []offboarding.Brake {
	if weaker == "" {
		return nil
	}
	var brakes []offboarding.Brake
	for _, step := range []offboarding.StepName{offboarding.StepLicence, offboarding.StepDelete} {
		brakes = append(brakes, offboarding.Brake{
			Kind: offboarding.BrakeApproval, By: heldWeaker, Step: step, Needs: 1,
			Why: weaker + ": send the request again without the option, or approve it",
		})
	}
	return brakes
}
