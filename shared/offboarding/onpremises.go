package offboarding

import "time"

// OnPremisesIdentity says which account of an on-premises Active Directory is the leaver's, as
// Microsoft Entra knows it. Name, SID and anchor must all point at the same account.
// Source: Microsoft Graph, resource type user, the properties onPremises….
type OnPremisesIdentity struct {
	Domain         string // onPremisesDomainName, a DNS name
	Anchor         string // onPremisesImmutableId: base64 of mS-DS-ConsistencyGuid or objectGUID
	SID            string // onPremisesSecurityIdentifier
	SamAccountName string // onPremisesSamAccountName; personal
}

// OnPremisesAccount is a person's account in an on-premises Active Directory.
type OnPremisesAccount struct {
	ID             string // objectGUID
	Enabled        bool
	PasswordSet    time.Time // pwdLastSet; zero = must change at the next logon
	ChangeNumber   string    // uSNChanged, of the domain controller that answered
	Groups         []OnPremisesGroup
	PrimaryGroup   string // the relative identifier of the group whose membership cannot be left
	Hidden         bool   // msExchHideFromAddressLists
	HasAddressList bool   // the schema knows msExchHideFromAddressLists
	Description    string
	Parent         string // distinguished name of the container
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
	Privileged bool   // adminCount: AdminSDHolder protects it
}

// DomainUsers is the relative identifier of the primary group that everybody has.
const DomainUsers = "513"
