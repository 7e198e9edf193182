package offboarding

import (
	"strings"
	"time"
)

// User is an Entra user as the tenant showed it at AsOf. Property names are Microsoft's;
// a property that was not asked for is the zero value.
type User struct {
	ID                    string
	UserPrincipalName     string
	Mail                  string
	EmployeeID            string   // employeeId, the number that HR gave them; it is personal
	Addresses             []string // proxyAddresses without "smtp:"
	UserType              string   // Member or Guest
	ExternalUserState     string   // Accepted of somebody who was invited and signs in elsewhere since
	Created               time.Time
	Deleted               time.Time // of one who can be restored; zero of every other
	Department            string
	CompanyName           string
	AccountEnabled        bool
	Restricted            bool               // in a restricted management administrative unit
	OnPremisesSyncEnabled bool               // mastered in an on-premises Active Directory
	OnPremises            OnPremisesIdentity // of a synchronised account
	OnPremisesLastSync    time.Time          // when the synchronisation last wrote the account
	LastPasswordChange    time.Time
	SessionsValidFrom     time.Time // signInSessionsValidFromDateTime
	Licences              []Licence
	Privileged            []string  // names of the privileged directory roles that it holds, where its roles were read too
	AsOf                  time.Time // the tenant's own clock: the Date header of the answer
}

// guest is the userType of somebody who is not of the organisation, wherever they sign in.
const guest = "Guest"

// Outsider reports whether somebody's mail is somebody else's to see to: a guest's, or of another tenant.
func (u User) Outsider() bool { return u.UserType == guest || u.External() }

// External reports whether somebody signs in in another organisation, where their password and their
// sessions are. What userType says is another matter: there are members who do, and guests who do not.
// Source: Microsoft Entra, Properties of a B2B collaboration user; Invite internal users to B2B
// collaboration, who keep their name.
func (u User) External() bool {
	return strings.Contains(strings.ToUpper(u.UserPrincipalName), "#EXT#") || u.ExternalUserState == "Accepted"
}

// DeletedUser is a user among the deleted items.
type DeletedUser struct {
	At      time.Time
	Enabled bool // as the account was when it was deleted
	// UserPrincipalName is its own name, without the object id that Entra puts before that of a deleted
	// account; Addresses are its proxyAddresses without "smtp:". They are personal.
	UserPrincipalName string
	Addresses         []string
}

// Initiator is who did something to the directory, as its audit log says.
// Source: Microsoft Graph, resource type auditActivityInitiator.
type Initiator struct {
	User            string // object id; empty when an application did it
	Synchronisation bool   // it was Entra Connect, by its account or as its application
	At              time.Time
}

// Licence is one licence a user holds, and by which way.
// Source: Microsoft Graph, resource type licenseAssignmentState.
type Licence struct {
	SKU             string // skuId, a GUID
	AssignedByGroup string // object id of the group it is inherited from; empty when direct
	State           string // Active, ActiveWithError, Disabled, Error
	Error           string // None, CountViolation, DependencyViolation, …
	// DisabledPlans are the service plans that the user does not get with it, by id and separated by
	// blanks.
	DisabledPlans string
}

// OwnedApp is an application or a service principal that somebody owns: what it may do in the
// tenant goes on without them.
// Source: Microsoft Graph, resource types application and servicePrincipal.
type OwnedApp struct {
	ID          string // object id
	AppID       string // appId, by which a portal finds it
	DisplayName string
	Service     bool // a service principal, not the application's registration
}

// Group is an Entra group as far as leaving it goes. Reading one group does not tell Security nor the last four.
type Group struct {
	ID                    string
	DisplayName           string
	Dynamic               bool // groupTypes contains DynamicMembership
	OnPremisesSyncEnabled bool
	OnPremisesSID         string // onPremisesSecurityIdentifier of a synchronised group
	Distribution          bool   // a distribution list or mail-enabled security group: Exchange's to change
	Security              bool   // gives access to things
	MembershipRule        string // of a dynamic group
	Licensed              bool   // assigns licences to its members
	AssignableToRole      bool
	Restricted            bool // in a restricted management administrative unit
}

// Members are who is in a group, or the first of them: people, groups, contacts and others.
type Members struct {
	IDs  []string
	More bool
}

// DeletedGroup is a group that can be restored, for [Restorable].
type DeletedGroup struct {
	ID string
	At time.Time // deletedDateTime
}

// Owner is an owner of a group.
type Owner struct {
	ID      string
	Enabled bool // can act: an enabled user, or an application
}

// Seat is what the tenant has bought and uses of one licence.
// Source: Microsoft Graph, resource type subscribedSku.
type Seat struct {
	SKU        string // skuId
	PartNumber string // skuPartNumber, such as ENTERPRISEPACK
	Consumed   int
	Enabled    int // prepaidUnits.enabled
	// Plans are the names of its service plans (servicePlanName): one licence can need a plan of
	// another.
	Plans []string
}

// Synchronisation is how the synchronisation of the organisation's on-premises directories stands.
// Source: Microsoft Graph, resource type organization.
type Synchronisation struct {
	Enabled bool      // onPremisesSyncEnabled
	Last    time.Time // onPremisesLastSyncDateTime; zero when it never ran
}
