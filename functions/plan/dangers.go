package plan

import (
	"context"
	"errors"
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

// How old what is known may be: it is read again after the first, and for a hit at once; while it
// cannot be read, what was known stands until the second. Nobody stays signed in because
// Conditional Access, which answers one request a second, is asked too often.
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
	if s.why != nil && now.Sub(s.at) < fresh && s.why[user] == "" {
		return "", nil
	}
	if err := s.read(ctx, d, own, now); err != nil && (s.why == nil || now.Sub(s.at) >= stale || offboarding.IsPermanent(err)) {
		return "", err
	}
	return s.why[user], nil
}

// read reads who they are; the lock is held.
func (s *dangers) read(ctx context.Context, d Directory, own string, now time.Time) error {
	why, err := d.Dangers(ctx, own)
	if err != nil {
		return fmt.Errorf("reading who must not be locked out by accident: %w", err)
	}
	s.why, s.at = why, now
	return nil
}

// Look reads who must not be locked out by accident. A host that runs on does so once a minute, so
// that no departure waits for it.
func (p *Planner) Look(ctx context.Context) error {
	p.dangers.mu.Lock()
	defer p.dangers.mu.Unlock()
	return p.dangers.read(ctx, p.Directory, p.Application, p.Now())
}

// danger says what would be dangerous about a user's departure; empty when nothing would.
func (p *Planner) danger(ctx context.Context, user offboarding.User) (string, error) {
	return p.dangers.of(ctx, p.Directory, p.Application, user.ID, p.Now())
}

// lookAgain holds the departures ahead of whoever has become somebody who must not be locked out by
// accident since theirs was planned, such as a new emergency account: minutes after that is so, and not only
// in the night in which they are due.
func (p *Planner) lookAgain(ctx context.Context) error {
	cases, _, err := p.Ledger.Cases(ctx)
	if err != nil {
		return err
	}
	var failures []error
	for _, c := range cases {
		if !c.Leaving() || c.Begun() || c.Administrator() || !c.Ahead(p.Now()) {
			continue
		}
		danger, err := p.danger(ctx, offboarding.User{ID: c.Leaver})
		if err != nil {
			return errors.Join(append(failures, err)...) // it would be the same for the others
		}
		brakes := meant(c.Plan.Approvals, danger)
		if len(brakes) == 0 {
			continue
		}
		held, err := p.Ledger.Hold(ctx, c.ID, brakes)
		if held {
			p.Log.Warn("departure held", "case", c.ID, "by", brakes[0].By, "why", brakes[0].Why)
		}
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

// asking is a brake of the plan of a request: it goes when another plan asks for no such thing,
// and what people have approved is not asked again.
func asking(a offboarding.Approvals, what string, step offboarding.StepName, people int, why string) offboarding.Brake {
	b := a.Brake(what, step, people, why)
	b.Plan = true
	return b
}

// meant holds the whole departure until other people have said that it is meant, unless the policy lets
// such people leave like anybody else.
func meant(a offboarding.Approvals, danger string) []offboarding.Brake {
	if danger == "" || a.Privileged == 0 {
		return nil
	}
	return []offboarding.Brake{asking(a, offboarding.ApprovePrivileged, "", a.Privileged, "the account "+danger+": make sure that this departure is meant")}
}

// weakened holds what takes mail away for good until another person has agreed to keep less of it
// than the policy does. Nobody stays signed in for that.
func weakened(a offboarding.Approvals, weaker string) []offboarding.Brake {
	if weaker == "" {
		return nil
	}
	var brakes []offboarding.Brake
	for _, step := range []offboarding.StepName{offboarding.StepLicence, offboarding.StepDelete} {
		brakes = append(brakes, asking(a, offboarding.ApproveWeaker, step, 1, weaker+": send the request again without the option, or approve it"))
	}
	return brakes
}
