package plan

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"leaver/shared/offboarding"
)

// severalError: the names of a request are those of different people.
type severalError struct {
	people  []offboarding.User
	refusal *offboarding.Refusal
}

func (s *severalError) Error() string { return s.refusal.Why }
func (s *severalError) Unwrap() error { return s.refusal }

// newSeveral is of a request one of whose names is that of other people than the names before it.
func newSeveral(portal offboarding.Portal, r offboarding.Request, field string, before, others []offboarding.User) *severalError {
	s := &severalError{people: slices.Concat(before, others)}
	s.refusal = &offboarding.Refusal{Why: fmt.Sprintf(
		"the %s is that of another user (%s) than the names before it (%s): leaver approve %s --leaver with the id of the one who is meant, or correct the HR system and leaver replay %s",
		field, pages(portal, others), pages(portal, before), r.ID, r.ID)}
	return s
}

// pages are those of some people.
func pages(portal offboarding.Portal, people []offboarding.User) string {
	var ids []string
	for _, u := range people {
		ids = append(ids, u.ID)
	}
	return offboarding.Pages(portal.User, ids)
}

func (s *severalError) ids() (ids []string) {
	for _, u := range s.people {
		ids = append(ids, u.ID)
	}
	return ids
}

// meant is the one of several people whom a request means: whom a person chose for it, or for another
// request with the same names; for a cancellation also the only one of them who leaves, because
// nothing else can be cancelled. Else it is the error.
func (p *Planner) meant(ctx context.Context, r offboarding.Request, chosen string, several *severalError) (offboarding.User, error) {
	var leaving []offboarding.User
	for _, u := range several.people {
		if strings.EqualFold(u.ID, chosen) {
			return u, nil
		}
		c, err := p.Ledger.Latest(ctx, u.ID)
		if err != nil {
			return offboarding.User{}, err
		}
		if c == nil || !c.Open() {
			continue
		}
		personal, err := p.Ledger.PersonalOf(ctx, c)
		if err != nil {
			return offboarding.User{}, err
		}
		if sameNames(r.Employee, personal) {
			return u, nil
		}
		leaving = append(leaving, u)
	}
	if r.Kind == offboarding.Cancellation && len(leaving) == 1 {
		return leaving[0], nil
	}
	return offboarding.User{}, several
}

// sameNames reports whether a case was opened under every name that a request gives, which no case is
// by accident when they are different people's.
func sameNames(e offboarding.Employee, personal map[string]string) bool {
	if e.ID != "" || e.Extension.Value != "" {
		return false
	}
	return names(e, personal) && !slices.ContainsFunc([][2]string{{e.UserPrincipalName, userPrincipalName}, {e.Mail, mailAddress}, {e.EmployeeID, employeeID}},
		func(one [2]string) bool { return one[0] != "" && personal[one[1]] == "" })
}
