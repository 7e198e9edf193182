package offboarding

import (
	"fmt"
	"slices"
	"strings"
)

// Access is what Entra says somebody can reach, directly and not through a group.
type Access struct {
	Groups []Group // of which they are a member
	Owned  []Group
	Grants []Grant // consents
	Role   bool    // they hold an active directory role by name
	Unread Unread
	Phone  bool // a licence brings them Teams Phone
	// Plans are the names of the service plans that their licences bring: what Graph does not show lies in some.
	Plans   []string
	Apps    []OwnedApp // applications and service principals that they own
	Reports []string   // enabled accounts whose manager they are, by object id
}

// Privileges are what makes somebody powerful in Entra, directly and not through a group.
type Privileges struct {
	Groups []Group // those of which they are a member that may hold directory roles
	Owned  []Group // those that they own and that may hold directory roles
	Grants []Grant // directory roles, roles in apps and authentication methods
	// Hidden are the kinds of grant that this cloud does not list.
	Hidden []GrantKind
	Unread Unread
}

// Unread says which listings of what somebody holds could not be read to their end, and why: some or all
// of what they would have shown is missing, which is not to say that it is not there.
type Unread map[GrantKind]error

// Of are the grants of a kind.
func (p Privileges) Of(kind GrantKind) []Grant {
	return slices.DeleteFunc(slices.Clone(p.Grants), func(g Grant) bool { return g.Kind != kind })
}

// GlobalAdministrator is the id of the role without whose holders nobody can administer the tenant.
// Source: Microsoft Entra, built-in roles.
const GlobalAdministrator = "62e90394-69f5-4237-9190-012177145e10"

// GrantKind is what sort of right a [Grant] is, or a [Group].
type GrantKind string

// The kinds of grant, in the order in which they are taken away: a role that is only eligible
// goes before the active ones, or it could be activated again.
const (
	GrantMember       GrantKind = "member"       // membership in a group
	GrantOwner        GrantKind = "owner"        // ownership of a group
	GrantEligibleRole GrantKind = "eligibleRole" // directory role that Privileged Identity Management lets them activate
	GrantRole         GrantKind = "role"         // active directory role
	GrantConsent      GrantKind = "consent"      // OAuth 2.0: an app may act for them
	GrantAppRole      GrantKind = "appRole"      // role in an app
	GrantMethod       GrantKind = "method"       // authentication method
)

// Grant is one right in Entra that is nobody else's.
type Grant struct {
	Kind GrantKind
	ID   string
	// Type is what Graph needs beside the id to take the right away: the scope of an eligible
	// role, the type of an authentication method.
	Type string
	// Of is what the right is about: the id of the role, or of the app and its role.
	Of string
	// Until is when an eligible role ends, as Graph writes it; empty when it does not.
	Until string
}

// GivesLicences reports whether leaving the group may take a licence from the user, who is in
// all of the groups: the group assigns licences, the user shows one that comes from it, or the
// membership rule of such a group asks for membership in it. Only the gate licence may leave it
// (B2).
func (g Group) GivesLicences(u User, all []Group) bool {
	assigns := func(g Group) bool {
		return g.Licensed || slices.ContainsFunc(u.Licences, func(l Licence) bool { return strings.EqualFold(l.AssignedByGroup, g.ID) })
	}
	return assigns(g) || slices.ContainsFunc(all, func(other Group) bool {
		return other.Dynamic && assigns(other) && strings.Contains(strings.ToLower(other.MembershipRule), strings.ToLower(g.ID))
	})
}

// MailRightKind is what sort of right a [MailRight] is.
type MailRightKind string

// The kinds of right on a mailbox.
const (
	RightFull     MailRightKind = "fullAccess" // open the mailbox (Add-MailboxPermission)
	RightSendAs   MailRightKind = "sendAs"
	RightOnBehalf MailRightKind = "sendOnBehalf"
	RightCalendar MailRightKind = "calendar" // permission on a calendar folder
)

// MailRight is a right that somebody has on another mailbox.
type MailRight struct {
	Kind    MailRightKind
	Mailbox string // object id of the mailbox's user or of the group; empty when it has none
	// Folder is the folder of a calendar, by its number in the list of the mailbox's calendars;
	// its name is its owner's.
	Folder string
	Rights string // in Exchange's words, separated by blanks
}

// TelephoneNumber is a telephone number of Teams that is assigned to somebody. It is personal.
// Source: Microsoft Graph, resource type numberAssignment.
type TelephoneNumber struct {
	Number string
	Type   string // directRouting, callingPlan or operatorConnect
}

// PersonalName reports whether a name holds a part of how the user is called, so that no reason
// or evidence may repeat it.
func (u User) PersonalName(name string) bool {
	name = strings.ToLower(name)
	for _, address := range []string{u.UserPrincipalName, u.Mail} {
		local, _, _ := strings.Cut(strings.ToLower(address), "@")
		for _, part := range strings.FieldsFunc(local, func(r rune) bool { return strings.ContainsRune("._-#", r) }) {
			if len(part) > 2 && strings.Contains(name, part) {
				return true
			}
		}
	}
	return false
}

// NameOf is a group of the user in the words of a task: with its name, unless that is the user's.
func (u User) NameOf(g Group) string {
	if g.DisplayName == "" || u.PersonalName(g.DisplayName) {
		return g.ID
	}
	return fmt.Sprintf("%q (%s)", g.DisplayName, g.ID)
}
