package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
)

// Who is what somebody calls a departure by: its case, its request, or the person who leaves. Every
// command reads it the same way:
//
//	c250ee6d-4fe6-5424-a724-20f63aa3849a-1   a case
//	req-d6b976c99892ee5d6d05e12f             a request
//	c250ee6d-4fe6-5424-a724-20f63aa3849a     a person, by object id
//	adele.vance@contoso.com                  by userPrincipalName
//	mail:adele.vance@contoso.com             by a mail address
//	employeeId:E0001, or E0001               by the HR system's number
//
// The zero value is everybody.
type Who struct {
	Case     string
	Request  string
	Employee offboarding.Employee // where it is neither
}

// What a mail address and a number are written behind.
const (
	byMail   = "mail:"
	byNumber = "employeeId:"
)

var (
	caseID    = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}-[0-9]+$`)
	requestID = regexp.MustCompile(`^req-[0-9a-f]+$`)
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (w *Who) UnmarshalText(text []byte) error {
	*w = Who{}
	said := strings.TrimSpace(string(text))
	mail, isMail := strings.CutPrefix(said, byMail)
	number, isNumber := strings.CutPrefix(said, byNumber)
	switch {
	case said == "", isMail && mail == "", isNumber && number == "":
		return errors.New("it is blank: name a case, a request or a person")
	case caseID.MatchString(said):
		w.Case = strings.ToLower(said)
	case requestID.MatchString(said):
		w.Request = said
	case isMail:
		w.Employee.Mail = mail
	case isNumber:
		w.Employee.EmployeeID = number
	case uuid.Validate(said) == nil:
		w.Employee.ID = strings.ToLower(said)
	case strings.Contains(said, "@"):
		w.Employee.UserPrincipalName = said
	default:
		w.Employee.EmployeeID = said
	}
	return nil
}

// MarshalJSON is [Who.String].
func (w Who) MarshalJSON() ([]byte, error) { return json.Marshal(w.String()) }

// UnmarshalJSON reads the text; an empty one is everybody.
func (w *Who) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil || text == "" {
		*w = Who{}
		return err
	}
	return w.UnmarshalText([]byte(text))
}

// String is what UnmarshalText reads as w; empty for everybody.
func (w Who) String() string {
	switch e := w.Employee; {
	case w.Case != "":
		return w.Case
	case w.Request != "":
		return w.Request
	case e.ID != "":
		return e.ID
	case e.UserPrincipalName != "":
		return e.UserPrincipalName
	case e.Mail != "":
		return byMail + e.Mail
	case e.EmployeeID != "":
		return byNumber + e.EmployeeID
	}
	return ""
}

// Everybody reports whether nobody is named.
func (w Who) Everybody() bool { return w == Who{} }

// Person is who is named, or an error where a case or a request is.
func (w Who) Person() (offboarding.Employee, error) {
	if w.Case != "" || w.Request != "" {
		return offboarding.Employee{}, fmt.Errorf("%s is a case or a request: name the person, by object id, userPrincipalName, mail:ADDRESS or employeeId:NUMBER", w)
	}
	return w.Employee, nil
}

// OfCase names a case by its id.
func OfCase(id string) Who { return Who{Case: id} }

// othersOnly refuses whoever wants to decide about their own departure: an operator who is to leave does not stop
// it, approve it or accept what is left of it.
func (s *Desk) othersOnly(c *offboarding.Case) error {
	if s.Operator.Verified() && strings.EqualFold(s.Operator.ID, c.Leaver) {
		return refused("it is your own departure: somebody else decides about it")
	}
	return nil
}

// othersCase is othersOnly for a case by its id.
func (s *Desk) othersCase(ctx context.Context, id string) error {
	if !s.Operator.Verified() { // nobody can tell
		return nil
	}
	c, err := s.Ledger.Case(ctx, id)
	if err != nil {
		return err
	}
	return s.othersOnly(c)
}

// othersHistory is othersCase for a history that may not be readable: the id of a case says whose it is.
func (s *Desk) othersHistory(id string) error {
	if at := strings.LastIndexByte(id, '-'); at > 0 {
		return s.othersOnly(&offboarding.Case{Leaver: id[:at]})
	}
	return nil
}

// findOf is find for what is asked of one person: everybody is nobody.
func (s *Desk) findOf(ctx context.Context, who Who) ([]Status, error) {
	if who.Everybody() {
		return nil, refused("it is blank: name a case, a request or a person")
	}
	return s.find(ctx, who)
}

// find returns the cases and parked requests that are meant, oldest first.
func (s *Desk) find(ctx context.Context, who Who) ([]Status, error) {
	switch {
	case who.Everybody():
		return Statuses(ctx, s.Ledger, s.Now())
	case who.Case != "":
		c, err := s.Ledger.Case(ctx, who.Case)
		if err == nil {
			one, err := s.status(ctx, c)
			return []Status{one}, err
		}
		if errors.Is(err, ledger.ErrNoCase) {
			return nil, nil
		}
		if !errors.Is(err, ledger.ErrUnreadable) && !errors.Is(err, ledger.ErrTruncated) {
			return nil, err
		}
	}
	ids, err := s.idsOf(ctx, who.Employee)
	if err != nil {
		return nil, err
	}
	all, err := s.Overview(ctx)
	if err != nil {
		return nil, err
	}
	found := slices.DeleteFunc(all, func(one Status) bool { return !one.is(who, ids) })
	for i, one := range found {
		if len(one.Steps) == 0 { // a request, or a case that cannot be read
			continue
		}
		c, err := s.Ledger.Case(ctx, one.Case)
		if err != nil {
			return nil, err
		}
		if found[i], err = s.status(ctx, c); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// idsOf are the object ids of those whom the tenant knows by a mail address or a number: these the
// ledger does not keep.
func (s *Desk) idsOf(ctx context.Context, e offboarding.Employee) (ids []string, err error) {
	if e.Mail == "" && e.EmployeeID == "" {
		return nil, nil
	}
	users, err := s.Directory.Find(ctx, e)
	if err != nil {
		return nil, fmt.Errorf("looking the person up in the tenant: %w", err)
	}
	for _, u := range users {
		ids = append(ids, u.ID)
	}
	return ids, nil
}

// is reports whether the departure is meant, ids being those of the person who is named.
func (s Status) is(who Who, ids []string) bool {
	named := func(name string) bool { return name != "" && strings.EqualFold(s.Leaver.UserPrincipalName, name) }
	switch e := who.Employee; {
	case who.Everybody():
		return true
	case who.Case != "":
		return strings.EqualFold(s.Case, who.Case)
	case who.Request != "":
		return s.Request == who.Request || slices.Contains(s.requests, who.Request)
	case e.ID != "":
		return strings.EqualFold(s.Leaver.ID, e.ID) || named(e.ID)
	default: // a parked request is known by what it called the person
		return slices.Contains(ids, s.Leaver.ID) || named(e.UserPrincipalName) || named(e.Mail) || named(e.EmployeeID)
	}
}

// open is the one open case that is meant; what says what is to be done with it.
func (s *Desk) open(ctx context.Context, who Who, what string) (Status, error) {
	found, err := s.findOf(ctx, who)
	if err != nil {
		return Status{}, err
	}
	open := slices.DeleteFunc(slices.Clone(found), func(one Status) bool { return !one.Running() })
	switch {
	case len(open) == 1:
		return open[0], nil
	case len(found) == 0:
		return Status{}, refused(fmt.Sprintf("no case for %q; leaver status lists them", who))
	case len(open) == 0:
		return Status{}, refused(fmt.Sprintf("no open case for %q, so there is nothing to %s; leaver status %s shows what there is", who, what, who))
	}
	var ids []string
	for _, one := range open {
		ids = append(ids, one.Case)
	}
	return Status{}, refused(fmt.Sprintf("%d open cases for %q; name one: %s", len(open), who, strings.Join(ids, " ")))
}
