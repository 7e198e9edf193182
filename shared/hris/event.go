package hris

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"leaver/shared/hris/webhook"
	"leaver/shared/offboarding"
)

// event is one thing that a webhook tells, whatever its vendor.
type event struct {
	id       string // by which its sender tells it from others; empty = what it holds
	name     string // as the vendor names it
	raw      []byte // all of it, as it was sent
	kind     offboarding.Kind
	at       time.Time // when it happened; zero = when it came in
	person   string    // the vendor's own id of the employee
	employee offboarding.Employee
	leaving  Leaving
	// reversible says that its sender cannot know that the employment ended.
	reversible bool
}

// add puts what an event means to the meaning: a request, or a notice of why there is none.
func (m *Meaning) add(c Config, v webhook.Verified, e event) {
	e.id = e.identity(v)
	if e.raw == nil {
		e.raw = v.Body()
	}
	r, err := c.request(e, v.At())
	if err != nil {
		m.Notices = append(m.Notices, c.notice(v, e, err))
		return
	}
	m.Requests = append(m.Requests, r)
}

// hint puts a person to the meaning who is to be asked about, by the vendor's own id; nobody = all.
func (m *Meaning) hint(c Config, v webhook.Verified, e event) {
	m.Hints = append(m.Hints, offboarding.Hint{
		ID:     offboarding.RequestID(c.Origin(), strings.Join([]string{e.identity(v), e.name, e.person}, "\x00")),
		Source: c.Name, Person: e.person, Event: e.name, ReceivedAt: v.At().UTC(), Digest: e.digest(v),
	})
}

// identity tells an event from another one of the same source.
func (e event) identity(v webhook.Verified) string {
	switch {
	case e.id != "":
		return e.id
	case v.ID() != "":
		return v.ID()
	}
	return e.digest(v)
}

func (e event) digest(v webhook.Verified) string {
	if e.raw == nil {
		return v.Digest()
	}
	return webhook.Digest(e.raw)
}

// notice says of a proved webhook, or of one event of it, why it cannot be used.
func (c Config) notice(v webhook.Verified, e event, why error) offboarding.Notice {
	return offboarding.Notice{
		ID:     offboarding.RequestID(c.Origin(), strings.Join([]string{e.identity(v), "notice", e.digest(v)}, "\x00")),
		Source: c.Origin(), ReceivedAt: v.At().UTC(), Reason: why.Error(),
	}
}

// latest is how long ago somebody may have left of whom an HR system tells only now. What is older
// is an old record that came up again far more often than somebody who is still at work. In our own
// words, whoever says so means it.
const latest = 14 * 24 * time.Hour

// request makes the request that an event asks for. Its error is ErrInvalid.
func (c Config) request(e event, receivedAt time.Time) (offboarding.Request, error) {
	who, err := c.identify(e.employee)
	if err != nil {
		return offboarding.Request{}, err
	}
	field, value := who.Key()
	at := receivedAt
	if !e.at.IsZero() {
		// An event cannot happen after it was told: one that says so would stand before every
		// cancellation that comes until then.
		at = earlier(e.at, receivedAt.Add(tolerance))
	}
	r := offboarding.Request{
		// Of a sender who gives two events the same id, neither may pass for the other.
		ID:          offboarding.RequestID(c.Origin(), strings.Join([]string{e.id, e.name, field, value}, "\x00")),
		Kind:        e.kind,
		Source:      c.Origin(),
		EventTime:   at.UTC(),
		ReceivedAt:  receivedAt.UTC(),
		LeavingTime: receivedAt.UTC(),
		Employee:    who,
		Person:      e.person,
		Reversible:  e.reversible,
	}
	if e.raw != nil {
		r.Digest = webhook.Digest(e.raw)
	}
	if e.kind == offboarding.Termination && !e.leaving.IsZero() {
		out, end, zone, err := c.schedule(e.leaving)
		if err != nil {
			return offboarding.Request{}, invalid("%w", err)
		}
		if c.Vendor != nameStandard && receivedAt.Sub(out) > latest {
			return offboarding.Request{}, invalid("the leaving time is more than %d days ago; if the account is still to go, use leaver offboard", latest/(24*time.Hour))
		}
		r.LeavingTime, r.EndOfEmployment, r.Zone = out, end, zone
		if e.leaving.Time.IsZero() {
			r.LeavingDate = e.leaving.LastDay
		}
	}
	if err := r.Validate(); err != nil {
		return offboarding.Request{}, invalid("%w", err)
	}
	return r, nil
}

// earlier of two times.
func earlier(a, b time.Time) time.Time {
	if a.After(b) {
		return b
	}
	return a
}

// longest is how long the name of a person may be.
// Source: Microsoft Graph, resource type user: a userPrincipalName has at most 113 characters; RFC
// 5321, 4.5.3.1: an address has at most 320.
const longest = 320

// identify is the employee as Entra may know them: by the fields that the source is declared to
// match on, without blanks around them, and in the form of Unicode that is written there. Where the
// tenant keeps the HR system's number in an extension attribute, it is looked up there.
func (c Config) identify(e offboarding.Employee) (offboarding.Employee, error) {
	number := e.EmployeeID
	e.Extension = offboarding.Extension{} // an HR system does not say where the tenant keeps its number
	for _, f := range []struct {
		name  string
		value *string
	}{{"id", &e.ID}, {"userPrincipalName", &e.UserPrincipalName}, {"mail", &e.Mail}, {"employeeId", &e.EmployeeID}} {
		if len(c.Match) > 0 && !slices.Contains(c.Match, f.name) {
			*f.value = ""
			continue
		}
		clean, err := cleanName(*f.value)
		if err != nil {
			return e, invalid("employee.%s: %w", f.name, err)
		}
		if f.name == "userPrincipalName" || f.name == "mail" {
			clean = strings.ToLower(norm.NFKC.String(clean))
		}
		*f.value = clean
	}
	for _, m := range c.Match {
		if n := offboarding.ExtensionNumber(m); n > 0 {
			number, err := cleanName(number)
			if err != nil {
				return e, invalid("employee.employeeId: %w", err)
			}
			if number != "" {
				e.Extension = offboarding.Extension{Number: n, Value: number}
			}
		}
	}
	if field, _ := e.Key(); field == "" {
		wanted := "id, userPrincipalName, mail or employeeId"
		if len(c.Match) > 0 {
			wanted = strings.Join(c.Match, " or ")
		}
		return e, invalid("it names nobody: %s is needed; a private address does not say who is meant", wanted)
	}
	return e, nil
}

// cleanName is a name without what no directory has around it.
func cleanName(s string) (string, error) {
	s = norm.NFC.String(strings.TrimFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) // a byte order mark, a zero width space
	}))
	switch {
	case len(s) > longest:
		return "", fmt.Errorf("it is longer than %d bytes", longest)
	case strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar }):
		return "", errors.New("it holds characters that no name has")
	}
	return s, nil
}
