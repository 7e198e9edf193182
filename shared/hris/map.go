package hris

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"leaver/shared/hris/webhook"
	"leaver/shared/offboarding"
)

// Map says where in a JSON body stands what Leaver needs to know: JSON pointers (RFC 6901) into
// every event. What is empty stands where the vendor's own map says.
type Map struct {
	Each       string   `yaml:"each" about:"into the body: the list of events; without it the body is one, or a list"`
	ID         string   `yaml:"id" about:"by which the sender tells an event from others"`
	Type       string   `yaml:"type" about:"what happened"`
	Terminated []string `yaml:"terminated" about:"the values of type that mean that somebody leaves"`
	Cancelled  []string `yaml:"cancelled" about:"those that mean that somebody stays; all others mean nothing"`
	Timestamp  string   `yaml:"timestamp" about:"when it happened"`

	EmployeeID        string `yaml:"employee.employeeId"`
	UserPrincipalName string `yaml:"employee.userPrincipalName"`
	Mail              string `yaml:"employee.mail"`
	ObjectID          string `yaml:"employee.id"`

	LeavingTime     string `yaml:"leavingTime" about:"a moment"`
	LeavingDate     string `yaml:"leavingDate" about:"the last day at work"`
	EndOfEmployment string `yaml:"endOfEmployment" about:"the last day of the contract"`
	Zone            string `yaml:"zone" about:"the time zone of the person"`
}

// ownMap is that of an event which is named as our own and holds our own data.
var ownMap = Map{
	ID: "/id", Type: "/type", Terminated: []string{typeTerminated}, Cancelled: []string{typeCancelled}, Timestamp: "/timestamp",
	EmployeeID: "/data/employee/employeeId", UserPrincipalName: "/data/employee/userPrincipalName", Mail: "/data/employee/mail", ObjectID: "/data/employee/id",
	LeavingTime: "/data/leavingTime", LeavingDate: "/data/leavingDate", EndOfEmployment: "/data/endOfEmployment", Zone: "/data/zone",
}

// pointers are those of the map, by the names they are declared with.
func (m *Map) pointers() map[string]*string {
	return map[string]*string{
		"each": &m.Each, "id": &m.ID, "type": &m.Type, "timestamp": &m.Timestamp,
		"employee.employeeId": &m.EmployeeID, "employee.userPrincipalName": &m.UserPrincipalName, "employee.mail": &m.Mail, "employee.id": &m.ObjectID,
		"leavingTime": &m.LeavingTime, "leavingDate": &m.LeavingDate, "endOfEmployment": &m.EndOfEmployment, "zone": &m.Zone,
	}
}

// over is the map on top of another: who is named, and when they leave, is taken from one of them
// alone, so that a declared map never meets what stands elsewhere by accident.
func (m *Map) over(base Map) Map {
	if m == nil {
		return base
	}
	all := *m
	for _, group := range [][]string{{"id"}, {"type"}, {"timestamp"}, {"employee.employeeId", "employee.userPrincipalName", "employee.mail", "employee.id"}, {"leavingTime", "leavingDate", "endOfEmployment"}, {"zone"}} {
		own, theirs := all.pointers(), base.pointers()
		if slices.ContainsFunc(group, func(name string) bool { return *own[name] != "" }) {
			continue
		}
		for _, name := range group {
			*own[name] = *theirs[name]
		}
	}
	if len(all.Terminated)+len(all.Cancelled) == 0 {
		all.Terminated, all.Cancelled = base.Terminated, base.Cancelled
	}
	return all
}

var pointerForm = regexp.MustCompile(`^(/([^~/]|~[01])*)*$`)

// validate says what is wrong with a declared map.
func (m *Map) validate() error {
	if m == nil {
		return nil
	}
	for name, pointer := range m.pointers() {
		if !pointerForm.MatchString(*pointer) {
			return fmt.Errorf("map.%s: write a JSON pointer like /person/number", name)
		}
	}
	if m.Type != "" && len(m.Terminated) == 0 {
		return errors.New("map.terminated: list the values of type that mean that somebody leaves")
	}
	for _, value := range m.Terminated {
		if slices.Contains(m.Cancelled, value) {
			return errors.New("map.cancelled: a value cannot mean both")
		}
	}
	return nil
}

// read makes the meaning of a body, or of one event of it, by the map.
func (m Map) read(c Config, v webhook.Verified, body document) Meaning {
	var meaning Meaning
	for _, one := range body.at(m.Each).list() {
		at := one.named
		e := event{id: at(m.ID).text(), name: at(m.Type).text(), raw: one.raw()}
		switch {
		case slices.Contains(m.Terminated, e.name):
			e.kind = offboarding.Termination
		case slices.Contains(m.Cancelled, e.name):
			e.kind = offboarding.Cancellation
		default:
			meaning.Ignored = append(meaning.Ignored, e.name)
			continue
		}
		e.at, _ = parseInstant(at(m.Timestamp).text())
		e.employee = offboarding.Employee{
			ID: at(m.ObjectID).text(), UserPrincipalName: at(m.UserPrincipalName).text(), Mail: at(m.Mail).text(), EmployeeID: at(m.EmployeeID).text(),
		}
		var err error
		if e.leaving, err = m.leaving(one); err == nil && m.named(one) && e.leaving.IsZero() && e.kind == offboarding.Termination {
			err = errors.New("the date says that none is known")
		}
		if err != nil && e.kind == offboarding.Termination {
			meaning.Notices = append(meaning.Notices, c.notice(v, e, invalid("%w", err)))
			continue
		}
		meaning.add(c, v, e)
	}
	return meaning
}

// named reports whether an event holds one of the fields of a date, whatever is in it.
func (m Map) named(one document) bool {
	for _, pointer := range []string{m.LeavingTime, m.LeavingDate, m.EndOfEmployment} {
		if at := strings.LastIndex(pointer, "/"); at >= 0 && one.at(pointer[:at]).has(pointer[at+1:]) {
			return true
		}
	}
	return false
}

func (m Map) leaving(one document) (l Leaving, err error) {
	at := one.named
	l.Zone = strings.TrimSpace(at(m.Zone).text())
	if l.LastDay, err = parseDay(at(m.LeavingDate).text()); err != nil {
		return l, fmt.Errorf("leavingDate: %w", err)
	}
	if l.EndOfEmployment, err = parseDay(at(m.EndOfEmployment).text()); err != nil {
		return l, fmt.Errorf("endOfEmployment: %w", err)
	}
	day, moment, err := parseWhen(at(m.LeavingTime).text())
	if err != nil {
		return l, fmt.Errorf("leavingTime: %w", err)
	}
	if l.Time = moment; l.LastDay.IsZero() {
		l.LastDay = day
	}
	return l, nil
}
