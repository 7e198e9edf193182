package offboarding

import (
	"slices"
	"strconv"
	"strings"
)

// Employee names the person who leaves, as the HR system knows them. Every field that is set is
// looked up, and all must mean the same person.
type Employee struct {
	ID                string `json:"id,omitempty"` // Entra object id, a GUID
	UserPrincipalName string `json:"userPrincipalName,omitempty"`
	Mail              string `json:"mail,omitempty"`
	EmployeeID        string `json:"employeeId,omitempty"`
	// Extension is an attribute in which the tenant keeps a name of its own for the person.
	Extension Extension `json:"extension,omitzero"`
}

// Extension is one of extensionAttribute1 to extensionAttribute15 and what it holds; the zero value
// is none.
type Extension struct {
	Number int    `json:"number"`
	Value  string `json:"value"`
}

// ExtensionNumber is the number of an extension attribute by its name; 0 of any other name.
func ExtensionNumber(name string) int {
	digits, is := strings.CutPrefix(name, "extensionAttribute")
	n, err := strconv.Atoi(digits)
	if !is || err != nil || n < 1 || n > 15 || strconv.Itoa(n) != digits {
		return 0
	}
	return n
}

func (e Extension) String() string { return "extensionAttribute" + strconv.Itoa(e.Number) }

// Key is the name of the first field that is set, in the order ID, UserPrincipalName, Mail,
// EmployeeID, Extension, and its value. Both are empty when the employee is not named at all.
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
	case e.Extension.Number >= 1 && e.Extension.Number <= 15 && e.Extension.Value != "":
		return e.Extension.String(), e.Extension.Value
	}
	return "", ""
}

// ByEachName is the employee by one name at a time, in the order of Key.
func (e Employee) ByEachName() []Employee {
	all := []Employee{{ID: e.ID}, {UserPrincipalName: e.UserPrincipalName}, {Mail: e.Mail}, {EmployeeID: e.EmployeeID}, {Extension: e.Extension}}
	return slices.DeleteFunc(all, func(one Employee) bool { field, _ := one.Key(); return field == "" })
}
