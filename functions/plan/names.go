package plan

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"leaver/shared/offboarding"
)

// lookalikes are marks that word processors put in the place of those that a name in Entra is made of.
// Source: Microsoft Entra, userPrincipalName policies: A-Z a-z 0-9 ' . - _ ! # ^ ~ and one @.
var lookalikes = strings.NewReplacer("‘", "'", "’", "'", "ʼ", "'", "‐", "-", "‑", "-", "‒", "-", "–", "-", "—", "-")

// normalised is an employee by the names that Entra can have: HR systems send them with blanks around
// them, marks of zero width in them, in full width, or with the apostrophes of a word processor. An
// employeeId, or an attribute, may hold anything, and is only trimmed and composed.
func normalised(e offboarding.Employee) offboarding.Employee {
	name := func(s string) string {
		return strings.TrimSpace(lookalikes.Replace(strings.Map(visible, norm.NFKC.String(s))))
	}
	number := func(s string) string {
		return norm.NFC.String(strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || visible(r) < 0 }))
	}
	return offboarding.Employee{
		ID: name(e.ID), UserPrincipalName: name(e.UserPrincipalName), Mail: name(e.Mail), EmployeeID: number(e.EmployeeID),
		Extension: offboarding.Extension{Number: e.Extension.Number, Value: number(e.Extension.Value)},
	}
}

// visible drops what cannot be seen.
func visible(r rune) rune {
	if unicode.In(r, unicode.Cc, unicode.Cf) && !unicode.IsSpace(r) {
		return -1
	}
	return r
}

// remembered are the cases whose personal values are not erased yet.
func (p *Planner) remembered(ctx context.Context) ([]*offboarding.Case, error) {
	open, _, err := p.Ledger.Cases(ctx)
	if err != nil {
		return nil, err
	}
	closed, _, err := p.Ledger.Unerased(ctx)
	return slices.Concat(open, closed), err
}

// named is the newest departure of another account whose leaver had the address or name; nil when there
// is none.
func (p *Planner) named(ctx context.Context, name string, but offboarding.User) (*offboarding.Case, error) {
	cases, err := p.remembered(ctx)
	if err != nil {
		return nil, err
	}
	var newest *offboarding.Case
	for _, c := range cases {
		if strings.EqualFold(c.Leaver, but.ID) || newest != nil && newest.OpenedAt.After(c.OpenedAt) {
			continue
		}
		personal, err := p.Ledger.PersonalOf(ctx, c)
		if err != nil {
			return nil, err
		}
		if strings.EqualFold(personal[userPrincipalName], name) || strings.EqualFold(personal[mailAddress], name) {
			newest = c
		}
	}
	return newest, nil
}

// decides refuses a name that decides nothing: an address that is only another one of the account that
// has it, and one that was another leaver's before. After a departure the address is often given to
// a colleague, and the name to whoever comes next. A second name that agrees decides.
func (p *Planner) decides(ctx context.Context, r offboarding.Request, user offboarding.User) error {
	e := r.Employee
	if e.ID != "" || e.EmployeeID != "" || e.Extension.Value != "" || e.UserPrincipalName != "" && e.Mail != "" && !strings.EqualFold(e.UserPrincipalName, e.Mail) {
		return nil
	}
	_, name := e.Key()
	alias := e.UserPrincipalName == "" && !strings.EqualFold(user.Mail, name) && !strings.EqualFold(user.UserPrincipalName, name)
	// A name that was used up has been given to an account that is younger than the departure which the
	// ledger still knows by name; nobody else is looked up there.
	if !alias && p.Now().Sub(user.Created) > p.Policy.Grace+p.Policy.DeleteAfter+p.Policy.EraseAfter {
		return nil
	}
	before, err := p.named(ctx, name, user)
	if err != nil || before == nil && !alias {
		return err
	}
	account := user.ID + " (" + p.Directory.Cloud().User(user.ID) + ")"
	why := "the name is that of account " + account
	if alias {
		why = "the mail address is only another address of account " + account
	}
	if before != nil {
		why += fmt.Sprintf(", and was that of account %s, whose departure is case %s (leaver report %[2]s tells of it)", before.Leaver, before.ID)
	} else {
		why += ", and may have been somebody else's before"
	}
	return &offboarding.Refusal{Why: why + ": send a new request with the object id, or with a second name"}
}
