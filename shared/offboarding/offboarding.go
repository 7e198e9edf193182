// Package offboarding is the domain of Leaver: who leaves, what was asked, what the policy
// says, the plan compiled from both, the case that carries it out, and the rules that
// protect people's data. It imports nothing but the standard library, makes no call and
// reads no clock; everything else in the project leans on it.
//
// A departure arrives as a [Request], is compiled with the [Policy] into a [Plan] by
// [Compile], and is carried out as a [Case], whose state is the fold of its history of
// [Entry] values. A step answers with an error that the worker reads as a verdict: nil,
// [After], [Withheld], [Manual], [Permanent], or anything else for "try again".
package offboarding

import (
	"slices"
	"time"
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

// Each is the employee by one name at a time, in the order of Key.
func (e Employee) Each() []Employee {
	all := []Employee{{ID: e.ID}, {UserPrincipalName: e.UserPrincipalName}, {Mail: e.Mail}, {EmployeeID: e.EmployeeID}}
	return slices.DeleteFunc(all, func(one Employee) bool { return one == Employee{} })
}

// User is an Entra user as the tenant showed it at AsOf. Property names are Microsoft's;
// a property that was not asked for is the zero value.
type User struct {
	ID                    string
	UserPrincipalName     string
	Mail                  string
	Addresses             []string // proxyAddresses without "smtp:"
	UserType              string   // Member or Guest
	Created               time.Time
	Department            string
	CompanyName           string
	AccountEnabled        bool
	OnPremisesSyncEnabled bool // mastered in an on-premises Active Directory
	LastPasswordChange    time.Time
	SessionsValidFrom     time.Time // signInSessionsValidFromDateTime
	Licences              []Licence
	AsOf                  time.Time // the tenant's own clock: the Date header of the answer
}

// Initiator is who did something to the directory, as its audit log says.
// Source: Microsoft Graph, resource type auditActivityInitiator.
type Initiator struct {
	User            string // object id; empty when an application did it
	Synchronisation bool   // the user is the account of Entra Connect
	At              time.Time
}

// Licence is one licence a user holds, and by which way.
// Source: Microsoft Graph, resource type licenseAssignmentState.
type Licence struct {
	SKU             string // skuId, a GUID
	AssignedByGroup string // object id of the group it is inherited from; empty when direct
	Error           string // None, CountViolation, …
}

// Group is an Entra group as far as leaving it goes. Reading one group does not tell the last three.
type Group struct {
	ID                    string
	DisplayName           string
	Dynamic               bool // groupTypes contains DynamicMembership
	OnPremisesSyncEnabled bool
	Distribution          bool   // a distribution list or mail-enabled security group: Exchange's to change
	MembershipRule        string // of a dynamic group
	Licensed              bool   // assigns licences to its members
	AssignableToRole      bool
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
}

// Device is an Entra device registered to or owned by a user.
type Device struct {
	ID             string // directory object id, not deviceId
	AccountEnabled bool
}

// ManagedDevice is a device in Intune that a user enrolled.
// Source: Microsoft Graph, resource type managedDevice.
type ManagedDevice struct {
	ID              string
	OperatingSystem string
	User            string    // userId: object id of whoever uses it now
	OwnerType       string    // managedDeviceOwnerType: company or personal
	State           string    // managementState: managed, retirePending, …
	LastSync        time.Time // lastSyncDateTime
}

// Leaving reports whether the device has been told to retire, wipe itself or go.
func (d ManagedDevice) Leaving() bool {
	switch d.State {
	case "retirePending", "retireIssued", "wipePending", "wipeIssued", "deletePending":
		return true
	}
	return false
}

// AppRegistration is an app under Intune's app protection, on a device that need not be in
// Intune. Source: Microsoft Graph, resource type managedAppRegistration.
type AppRegistration struct {
	ID         string
	DeviceTag  string // the same for every app of the user on one device
	DeviceType string
	LastSync   time.Time // lastSyncDateTime
}

// Phone is a mobile device partnership of a mailbox, as Get-MobileDevice and
// Get-MobileDeviceStatistics show it. The wipe's times are those of the newest wipe, of the
// account only or of the whole device.
type Phone struct {
	ID            string    // Guid: the Identity holds the owner's name
	DeviceID      string    // what ActiveSyncBlockedDeviceIDs lists; may be a serial number
	OS            string    // DeviceOS
	Blocked       bool      // in ActiveSyncBlockedDeviceIDs
	LastSync      time.Time // LastSuccessSync
	WipeRequested time.Time // DeviceWipeRequestTime
	WipeAcked     time.Time // DeviceWipeAckTime
}

// Mailbox is an Exchange Online mailbox as Get-Mailbox and Get-CASMailbox show it.
type Mailbox struct {
	ID                   string // ExternalDirectoryObjectId: the user's object id
	RecipientTypeDetails string // UserMailbox, SharedMailbox, …
	AccountDisabled      bool
	Protocols            Protocols
}

// MailFlow is where a mailbox's mail goes and what keeps it, as Get-Mailbox shows it. Names
// and addresses in it are personal: no reason, evidence or log may repeat them.
type MailFlow struct {
	ID                   string // ExternalDirectoryObjectId: the user's object id
	RecipientTypeDetails string // UserMailbox, SharedMailbox, …
	DisplayName          string
	Address              string // PrimarySmtpAddress
	ForwardsTo           string // ForwardingAddress: a recipient, as Exchange prints it
	ForwardsToAddress    string // ForwardingSmtpAddress without "smtp:"; ignored where the other is set
	Copy                 bool   // DeliverToMailboxAndForward
	Hidden               bool   // from address lists
	Archive              bool
	Hold                 bool // litigation hold, or an in-place one
	LitigationHold       bool
	HoldFor              time.Duration // LitigationHoldDuration, or Unlimited; zero without a litigation hold
	HoldLicensed         bool          // LicensedForLitigationHold
}

// Forwards reports whether new mail is forwarded at all.
func (m MailFlow) Forwards() bool { return m.ForwardsTo != "" || m.ForwardsToAddress != "" }

// Shared reports whether the mailbox is a shared one.
func (m MailFlow) Shared() bool { return m.RecipientTypeDetails == "SharedMailbox" }

// Recipient is somebody whom Exchange can deliver mail to.
type Recipient struct {
	ID     string // object id; empty when it has none
	Inside bool   // the mail stays in the organisation
}

// InboxRule is a rule of an inbox.
type InboxRule struct {
	ID      string
	Enabled bool
}

// AutoReply is the automatic reply of a mailbox, in the words of Exchange. The texts are
// personal.
type AutoReply struct {
	State    string // Disabled, Enabled, Scheduled
	Audience string // None, Known, All
	AutoReplyTexts
}

// Protocols are the ways into a mailbox, by the names of Set-CASMailbox, true when open.
type Protocols map[string]bool

// Open lists the protocols that are not closed, by name.
func (p Protocols) Open() []string {
	var open []string
	for name, isOpen := range p {
		if isOpen {
			open = append(open, name)
		}
	}
	slices.Sort(open)
	return open
}

// Content is how much a mailbox or a drive holds.
type Content struct {
	Exists bool
	Items  int
	Bytes  int64
}

// Empty reports whether nothing would be lost with it.
func (c Content) Empty() bool { return !c.Exists || c.Items == 0 }
