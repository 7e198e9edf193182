package plan

import (
	"context"
	"errors"

	"leaver/shared/offboarding"
)

// Preview is what a request would become: nothing of it is in the ledger.
type Preview struct {
	User     offboarding.User
	Case     *offboarding.Case // as it would be opened
	Personal map[string]string // that would be kept beside it
	Open     *offboarding.Case // the case that the request would join or change; nil when none is open
}

// Preview looks a request up and compiles it as plan does when it comes, and writes nothing. What
// plan would refuse is its error.
func (p *Planner) Preview(ctx context.Context, r offboarding.Request) (Preview, error) {
	r.Employee = normalised(r.Employee)
	user, err := p.find(ctx, r)
	var nobody *nobodyError
	if errors.As(err, &nobody) {
		var why string
		if _, why, err = p.gone(ctx, r, err); err == nil {
			err = &offboarding.Refusal{Why: why}
		}
	}
	if err != nil {
		return Preview{}, err
	}
	made, err := p.compile(ctx, r, user)
	if err != nil {
		return Preview{}, err
	}
	view := Preview{User: user, Personal: made.personal}
	latest, err := p.Ledger.Latest(ctx, user.ID)
	if err != nil {
		return Preview{}, err
	}
	if latest != nil && latest.Leaving() {
		view.Open = latest
	}
	view.Case, err = (&offboarding.Case{ID: "preview"}).With(offboarding.Entry{
		Position: 1, At: p.Now(), Kind: offboarding.EntryOpened,
		Tenant: p.Tenant, Leaver: user.ID, Request: r.ID, EventTime: r.EventTime, Plan: &made.plan, Brakes: made.brakes,
	}, "")
	return view, err
}
