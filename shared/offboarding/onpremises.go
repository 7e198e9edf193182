package offboarding

import "time"

// OnPremisesBy is who changes accounts that an on-premises Active Directory masters.
type OnPremisesBy string

// The ways of changing them.
const (
	OnPremisesByPerson   OnPremisesBy = "person"
	OnPremisesByFunction OnPremisesBy = "function"
)

// OnPremisesIdentity says which account of an on-premises Active Directory is the leaver's, as
// Microsoft Entra knows it. SID and anchor must point at the same account, and the name at no other.
// Source: Microsoft Graph, resource type user, the properties onPremises….
type OnPremisesIdentity struct {
	Domain string `json:"domain"` // onPremisesDomainName, a DNS name
	Anchor string `json:"anchor"` // onPremisesImmutableId: base64 of mS-DS-ConsistencyGuid or objectGUID
	SID    string `json:"sid"`    // onPremisesSecurityIdentifier
	// SamAccountName is onPremisesSamAccountName. It is personal: no plan holds it, it is kept
	// beside the history under the name [SamAccountName].
	SamAccountName string `json:"-"`
}

// OnPremisesTreatment is what an organisation wants of leavers' accounts in one domain.
type OnPremisesTreatment struct {
	Description string // replaces the account's, which everybody in the domain can read; empty = left
	// MoveTo is the distinguished name of the container for accounts that stay; empty = not moved.
	// It must be in the scope of the synchronisation, or the move deletes the cloud's account.
	// Source: Microsoft Entra, recover-from-deletions.
	MoveTo string
}

// OnPremisesAccount is a person's account in an on-premises Active Directory.
type OnPremisesAccount struct {
	ID             string // objectGUID
	Enabled        bool
	Control        uint32    // userAccountControl
	PasswordSet    time.Time // pwdLastSet; zero = must change at the next logon
	PrimaryGroup   string    // the relative identifier of the group whose membership cannot be left
	Hidden         bool      // msExchHideFromAddressLists
	HasAddressList bool      // the schema knows msExchHideFromAddressLists
	// HasMailNickname is unset on an account of whose Exchange attributes the synchronisation carries
	// none. Source: Microsoft Entra Connect, the rule In from AD - User Exchange.
	HasMailNickname bool
	Description     string
	Parent          string // distinguished name of the container
	// Privileged is set when AdminSDHolder protects the account, or protected it once: delegated
	// rights do not reach it. Source: Active Directory schema, attribute adminCount.
	Privileged bool
	// Critical is set on accounts that Windows itself needs; they are nobody's.
	// Source: Active Directory schema, attribute isCriticalSystemObject.
	Critical bool
	// Person is unset on computers, trusts and the like.
	Person bool
}

// OnPremisesGroup is a group of the leaver's domain that names the account as a member.
type OnPremisesGroup struct {
	ID         string // objectGUID
	SID        string // objectSid, by which Entra knows a synchronised group
	Privileged bool   // adminCount: AdminSDHolder protects it
}

// DomainUsers is the relative identifier of the primary group that everybody has.
const DomainUsers = "513"

// SamAccountName is the personal value that holds the leaver's sAMAccountName.
const SamAccountName = "onPremisesSamAccountName"
