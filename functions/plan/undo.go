package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
)

// prepareUndo prepares the way back of a departure that had begun when its cancellation came, where the
// policy wants that: it is held until a person orders or approves it, because no webhook alone enables an
// account. Nil where there is nothing to prepare.
func (p *Planner) prepareUndo(ctx context.Context, r offboarding.Request, of *offboarding.Case, more ...offboarding.Brake) (*offboarding.Case, error) {
	if p.Policy.OnCancel != offboarding.OnCancelUndo || of == nil || !of.Begun() || of.Undone() {
		return nil, nil
	}
	brakes, err := Rehired(ctx, p.Directory, p.Ledger, of)
	if err != nil {
		return nil, err
	}
	if len(brakes) == 0 {
		brakes = more
	}
	c, err := p.Ledger.Undo(ctx, ledger.UndoOrder{Case: of.ID, Source: r.Source, Prepared: true, Brakes: brakes})
	if errors.Is(err, ledger.ErrNotUndoable) {
		p.Log.Warn("no undo was prepared", "case", of.ID, "request", r.ID, "why", err)
		return nil, nil
	}
	if err == nil {
		p.Log.Warn("an undo is prepared and held", "case", of.ID, "request", r.ID)
	}
	return c, err
}

// Rehired are the brakes that hold an undo while another account has the leaver's number or name: a rehire
// may have got a new account, and two of one person are a person's to sort out.
func Rehired(ctx context.Context, directory interface {
	Find(ctx context.Context, e offboarding.Employee) ([]offboarding.User, error)
}, l *ledger.Ledger, c *offboarding.Case,
) ([]offboarding.Brake, error) {
	personal, err := l.PersonalOf(ctx, c)
	if err != nil {
		return nil, err
	}
	var others []string
	for _, who := range []offboarding.Employee{{EmployeeID: personal[employeeID]}, {UserPrincipalName: personal[userPrincipalName]}} {
		what, value := who.Key()
		if value == "" {
			continue
		}
		found, err := directory.Find(ctx, who)
		if err != nil {
			return nil, fmt.Errorf("looking up who has the %s of the leaver: %w", what, err)
		}
		for _, u := range found {
			if !strings.EqualFold(u.ID, c.Leaver) {
				others = append(others, fmt.Sprintf("account %s (%s) has the %s of the leaver's account %s by now", u.ID, c.Plan.Cloud().User(u.ID), what, c.Leaver))
			}
		}
	}
	if len(others) == 0 {
		return nil, nil
	}
	return []offboarding.Brake{twoAccounts(c, strings.Join(others, ", and "))}, nil
}

func twoAccounts(c *offboarding.Case, which string) offboarding.Brake {
	return c.Plan.Approvals.Brake(offboarding.ApproveRehired, "", 1,
		which+": the person may have been hired anew; find out which account is to stay before this one comes back")
}

// deleted is the leaver of a departure that has deleted the account which a cancellation names; else the
// refusal.
func (p *Planner) deleted(ctx context.Context, e offboarding.Employee, refusal error) (offboarding.User, error) {
	cases, err := p.remembered(ctx)
	if err != nil {
		return offboarding.User{}, err
	}
	for _, c := range cases {
		if c.AccountDeleted().IsZero() {
			continue
		}
		personal, err := p.Ledger.PersonalOf(ctx, c)
		if err != nil {
			return offboarding.User{}, err
		}
		if e.ID == c.Leaver || e.ID == "" && names(e, personal) {
			return offboarding.User{ID: c.Leaver, UserPrincipalName: personal[userPrincipalName]}, nil
		}
	}
	return offboarding.User{}, refusal
}

// formerAccount is the departure of another account that the employee had, by the number of the request or
// of the account that it means, or else by its other names; nil when there is none, or when it was taken
// back. The number of an employee stays theirs whatever else the new account is called; without it an
// object id means one account.
func (p *Planner) formerAccount(ctx context.Context, e offboarding.Employee, user offboarding.User) (*offboarding.Case, error) {
	former := []offboarding.Employee{{EmployeeID: cmp.Or(e.EmployeeID, user.EmployeeID)}}
	if e.EmployeeID == "" && e.ID == "" {
		former = append(former, e)
	}
	cases, err := p.remembered(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range cases {
		if strings.EqualFold(c.Leaver, user.ID) || !c.Begun() || c.Undone() {
			continue
		}
		personal, err := p.Ledger.PersonalOf(ctx, c)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(former, func(e offboarding.Employee) bool { return names(e, personal) }) {
			return c, nil
		}
	}
	return nil, nil
}

// anotherAccount is what becomes of a cancellation, or the news of a rehire, that means a new account of
// somebody whose old one has left: both are named, and nothing happens to either by itself.
func (p *Planner) anotherAccount(ctx context.Context, r offboarding.Request, was *offboarding.Case, now offboarding.User) (*offboarding.Case, error) {
	why := fmt.Sprintf("the request means account %s (%s), and the departure of account %s (leaver report %s) was of the same employee", now.ID, was.Plan.Cloud().User(now.ID), was.Leaver, was.ID)
	prepared, err := p.prepareUndo(ctx, r, was, twoAccounts(was, why))
	if err != nil {
		return nil, err
	}
	if prepared == nil {
		return nil, &offboarding.Refusal{Why: why + ": a rehire with a new account; nothing was cancelled or taken back. Where the old account is to come back: leaver undo " + was.ID + "; where the new one is right, nothing is to be done"}
	}
	return prepared, p.decide(ctx, r, ledger.Decision{State: ledger.RequestCancelled, Case: prepared.ID, Reason: why + ": the undo is prepared and held"}, nameless)
}
