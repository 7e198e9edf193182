package plan

import (
	"context"
	"fmt"
	"strings"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
)

// nobodyError is the refusal of a request that names somebody whom the tenant does not have.
type nobodyError struct{ refusal *offboarding.Refusal }

func (e *nobodyError) Error() string { return e.refusal.Error() }
func (e *nobodyError) Unwrap() error { return e.refusal }

// The personal values kept beside a case: what its request named the leaver by.
const (
	mailAddress = "mail"
	employeeID  = "employeeId"
)

// alreadyGone settles a termination of somebody whom the tenant does not have, because they are gone:
// a feed that repeats its events asks for nothing new. Else it is the refusal.
func (p *Planner) alreadyGone(ctx context.Context, r offboarding.Request, refusal error) (*offboarding.Case, error) {
	c, why, err := p.gone(ctx, r, refusal)
	if err != nil {
		return nil, err
	}
	done := ledger.Decision{State: ledger.RequestPlanned, Reason: why}
	if c != nil {
		done.Case = c.ID
	}
	p.Log.Info("already done", "case", done.Case, "request", r.ID)
	return c, p.decide(ctx, r, done, nameless)
}

// gone says in words that somebody is gone already, and whose departure deleted the account; nobody's where
// others did and nothing was to be kept of it. Of everybody else it is a refusal.
func (p *Planner) gone(ctx context.Context, r offboarding.Request, refusal error) (*offboarding.Case, string, error) {
	c, err := p.deletedUnder(ctx, r.Employee)
	if err != nil {
		return nil, "", err
	}
	var restorable []offboarding.User
	if c == nil {
		restorable, err = p.Directory.FindDeleted(ctx, r.Employee)
	}
	switch {
	case offboarding.IsPermanent(err): // what cannot be asked makes the refusal no less true
		return nil, "", refusal
	case err != nil:
		return nil, "", fmt.Errorf("looking the employee up among the deleted users: %w", err)
	case c == nil && len(restorable) == 0:
		return nil, "", refusal
	case len(restorable) == 1:
		latest, err := p.Ledger.Latest(ctx, restorable[0].ID)
		if err != nil {
			return nil, "", err
		}
		if hasDeleted(latest) {
			c = latest
		}
	}
	switch {
	case c != nil:
		return c, "already done: case " + c.ID + " has deleted this account", nil
	case len(restorable) == 1 && p.nothingToKeep(restorable[0]):
		return nil, "already done: somebody else has deleted the account, on " + offboarding.Stamp(restorable[0].Deleted), nil
	}
	return nil, "", p.deletedByOthers(r, restorable)
}

// deletedUnder is the departure that deleted the account of somebody who is named so; nil when none did.
func (p *Planner) deletedUnder(ctx context.Context, e offboarding.Employee) (*offboarding.Case, error) {
	if e.ID != "" {
		c, err := p.Ledger.Latest(ctx, e.ID)
		if !hasDeleted(c) {
			c = nil
		}
		return c, err
	}
	cases, err := p.remembered(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range cases {
		if !hasDeleted(c) {
			continue
		}
		personal, err := p.Ledger.PersonalOf(ctx, c)
		if err != nil {
			return nil, err
		}
		if names(e, personal) {
			return c, nil
		}
	}
	return nil, nil
}

func hasDeleted(c *offboarding.Case) bool {
	return c != nil && c.Cancelled == nil && !c.AccountDeleted().IsZero()
}

// nothingToKeep reports whether it is all the same that nobody looked before others deleted an account: its
// mail and files are given up, or elsewhere, and nothing on premises may be open still.
func (p *Planner) nothingToKeep(gone offboarding.User) bool {
	given := p.Policy.KeepMail == offboarding.KeepNone && p.Policy.KeepFiles == offboarding.KeepNone && len(p.Policy.Overrides) == 0
	return !gone.OnPremisesSyncEnabled && (given || gone.Outsider())
}

// deletedByOthers refuses the departure of somebody whose account was deleted before anything of it was
// kept: a person has until a day to get it back.
// Sources: Microsoft Entra, Restore or remove a recently deleted user; Microsoft 365 admin, Delete a user;
// KelvinTegelaar/CIPP issue 3603.
func (p *Planner) deletedByOthers(r offboarding.Request, gone []offboarding.User) error {
	var which []string
	for _, u := range gone {
		one := fmt.Sprintf("account %s on %s, which can be restored until %s", u.ID, offboarding.Stamp(u.Deleted), offboarding.Stamp(u.Deleted.Add(offboarding.Restorable)))
		if u.OnPremisesSyncEnabled {
			one += " where it is mastered, on premises, and may be open there"
		}
		which = append(which, one)
	}
	return &offboarding.Refusal{Why: fmt.Sprintf(
		"somebody else, or a synchronisation, has deleted %s (%s): its mail, where no hold keeps it, and its files go then, and nobody has looked whether they are kept. Restore it and leaver replay %s, or leaver discard %[3]s when nothing of it is wanted",
		strings.Join(which, " and "), p.Directory.Cloud().Portal.DeletedUsers(), r.ID)}
}

// names reports whether a case's leaver is whom the request names: by one name at least, and by no
// other than the case knows.
func names(e offboarding.Employee, personal map[string]string) bool {
	same := false
	for name, value := range map[string]string{userPrincipalName: e.UserPrincipalName, mailAddress: e.Mail, employeeID: e.EmployeeID} {
		known := personal[name]
		if value == "" || known == "" {
			continue
		}
		if !strings.EqualFold(value, known) || name == employeeID && value != known {
			return false
		}
		same = true
	}
	return same
}
