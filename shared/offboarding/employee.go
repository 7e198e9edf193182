package offboarding

import "slices"

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
