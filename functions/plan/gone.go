package plan

import (
	"context"
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

// alreadyGone is the case that deleted the account which a termination names: a feed that repeats its
// events asks for nothing new. Where there is none, the request is refused as before.
func (p *Planner) alreadyGone(ctx context.Context, r offboarding.Request, refusal error) (*offboarding.Case, error) {
	var cases []*offboarding.Case
	if r.Employee.ID != "" {
		c, err := p.Ledger.Latest(ctx, r.Employee.ID)
		if err != nil {
			return nil, err
		}
		cases = append(cases, c)
	} else {
		var err error
		if cases, err = p.remembered(ctx); err != nil {
			return nil, err
		}
	}
	for _, c := range cases {
		if c == nil || c.Cancelled != nil || c.AccountDeleted().IsZero() {
			continue
		}
		personal, err := p.Ledger.PersonalOf(ctx, c)
		if err != nil {
			return nil, err
		}
		if r.Employee.ID == "" && !names(r.Employee, personal) {
			continue
		}
		p.Log.Info("already done", "case", c.ID, "request", r.ID)
		return c, p.decide(ctx, r, ledger.Decision{State: ledger.RequestPlanned, Case: c.ID, Reason: "already done: case " + c.ID + " has deleted this account"}, nameless)
	}
	return nil, refusal
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
