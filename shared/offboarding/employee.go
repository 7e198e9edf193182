package offboarding

import (
	"slices"
	"strings"
	"unicode"
)

// Employee names the person who leaves, as the HR system knows them. Every field that is set is
// looked up, and all must mean the same person.
type Employee struct {
	ID                string `json:"id,omitempty"` // Entra object id, a GUID
	UserPrincipalName string `json:"userPrincipalName,omitempty"`
	Mail              string `json:"mail,omitempty"`
	EmployeeID        string `json:"employeeId,omitempty"`
}

// Key is the name of the first field that is set, in the order ID, UserPrincipalName, Mail,
// EmployeeID, and its value. Both are empty when the employee is not named at all.
func (e Employee) Key() (field, value string) {
	switch {
	case e.ID != "":
		return "id", e.ID
	case e.UserPrincipalName != "":
		return "userPrincipalName", e.UserPrincipalName
	case e.Mail != "":
		return "mail", e.Mail
	case e.EmployeeID != "":
		return "employeeId", e.EmployeeID
	}
	return "", ""
}

// ByEachName is the employee by one name at a time, in the order of Key.
func (e Employee) ByEachName() []Employee {
	all := []Employee{{ID: e.ID}, {UserPrincipalName: e.UserPrincipalName}, {Mail: e.Mail}, {EmployeeID: e.EmployeeID}}
	return slices.DeleteFunc(all, func(one Employee) bool { return one == Employee{} })
}

// Trimmed is the employee without what stands around the names and cannot be seen, as blanks and marks
// of zero width: Entra has no such names, and HR systems send them.
func (e Employee) Trimmed() Employee {
	trim := func(name string) string {
		return strings.TrimFunc(name, func(r rune) bool { return unicode.IsSpace(r) || unicode.In(r, unicode.Cc, unicode.Cf) })
	}
	return Employee{ID: trim(e.ID), UserPrincipalName: trim(e.UserPrincipalName), Mail: trim(e.Mail), EmployeeID: trim(e.EmployeeID)}
}
