package operator

import (
	"fmt"
	"slices"
	"strings"

	"leaver/shared/offboarding"
)

// Role is what somebody may do at a desk: an app role of the console's registration, which Entra assigns.
type Role string

// The roles. Who may operate or approve may read.
const (
	Read    Role = "Leaver.Read"
	Operate Role = "Leaver.Operate"
	Approve Role = "Leaver.Approve"
)

// As is the desk with somebody else asking, whom a token proves, and who may do what the roles say that
// the same token holds.
func (s *Desk) As(who offboarding.Person, roles ...Role) *Desk {
	as := *s
	as.Operator, as.roles = who, append([]Role{}, roles...)
	return &as
}

// acting is the one way to every act: it says who does it, whom a token proves, where this desk has one,
// or else who somebody at this machine says to be; and refuses whoever lacks the role. The desk of a host
// takes whoever can read the file of its token for one who may do everything.
func (s *Desk) acting(needs Role, by string) (offboarding.Person, error) {
	if s.roles != nil && !slices.Contains(s.roles, needs) && !(needs == Read && len(s.roles) > 0) {
		return offboarding.Person{}, refused(fmt.Sprintf("this needs the app role %s, which Entra has not given you", needs))
	}
	if s.Operator.Verified() {
		return s.Operator, nil
	}
	if s.roles != nil { // who came by a browser is nobody without a token
		return offboarding.Person{}, refused("no token says who you are")
	}
	return offboarding.Person{Name: strings.TrimSpace(by)}, nil
}
