package simtenant

import (
	"crypto/rsa"
	"crypto/x509"
	"maps"
	"slices"
	"strings"
	"time"
)

// keptDeleted is how long Entra and Exchange keep what was deleted.
const keptDeleted = 30 * 24 * time.Hour

// World is everything the tenant holds, and its knobs. Maps are keyed by object id unless a comment
// says otherwise. Reach it through Tenant.Edit only.
type World struct {
	TenantID string
	Company  string
	Domain   string

	Users            map[string]*User
	Deleted          map[string]*User // in directory/deletedItems
	Groups           map[string]*Group
	Devices          map[string]*Device          // Entra
	Managed          map[string]*ManagedDevice   // Intune
	AppRegistrations map[string]*AppRegistration // Intune app protection
	Phones           map[string]*Phone           // Exchange, by Identity
	Mailboxes        map[string]*Mailbox         // by owner's object id
	Drives           map[string]*Drive           // by owner's object id
	Copies           map[string]*Copy            // running and finished drive copies, by monitor id
	SKUs             []*SKU
	RoleAssignments  []RoleAssignment
	Apps             map[string]*App // by client id
	Audit            []AuditEntry    // oldest first

	Knobs

	directorySynced time.Time
	index           *index
}

// User is a person in Entra.
type User struct {
	ID                    string
	UserPrincipalName     string
	DisplayName           string
	GivenName             string
	Surname               string
	Mail                  string
	MailNickname          string
	ProxyAddresses        []string // "SMTP:" marks the primary
	OtherMails            []string
	BusinessPhones        []string
	MobilePhone           string
	JobTitle              string
	Department            string
	CompanyName           string
	OfficeLocation        string
	PreferredLanguage     string
	UsageLocation         string // ISO country; licences cannot be assigned without
	EmployeeID            string
	UserType              string // Member or Guest
	AccountEnabled        bool
	OnPremisesSyncEnabled *bool // true = synced, false = once synced, nil = cloud
	OnPremisesDisabled    bool  // what the on-premises directory says of a synced user
	OnPremises            OnPremises
	ManagerID             string
	Licences              []Licence // direct ones
	Eligible              []EligibleRole
	Consents              []Consent
	AppRoles              []AppRole
	Methods               []AuthenticationMethod
	Numbers               []TelephoneNumber
	Created               time.Time
	LastPasswordChange    time.Time // second precision
	SessionsValidFrom     time.Time // second precision; tokens issued before are void
	EmployeeLeave         time.Time // shown to apps with User-LifeCycleInfo.Read.All only
	DeletedAt             time.Time // zero while live
	PasswordChanges       int
}

// Synced says that the user is mastered on premises.
func (u *User) Synced() bool { return u.OnPremisesSyncEnabled != nil && *u.OnPremisesSyncEnabled }

// Licence is one assigned SKU.
type Licence struct {
	SKU           string   // sku id
	DisabledPlans []string // service plan ids
	Group         string   // the group it is inherited from; "" = direct
	Since         time.Time
}

// SKU is a subscription of the tenant. Seats in use are counted, not stored.
type SKU struct {
	ID         string
	PartNumber string
	Seats      int
	Plans      []ServicePlan
}

// ServicePlan is one service of a SKU.
type ServicePlan struct{ ID, Name string }

// Group is a group of any kind.
type Group struct {
	ID                    string
	DisplayName           string
	Description           string
	Mail                  string
	Unified               bool   // a Microsoft 365 group
	MailEnabled           bool   // with Unified unset: distribution list, or mail-enabled security group
	SecurityEnabled       bool   //
	MembershipRule        string // non-empty = dynamic
	OnPremisesSyncEnabled *bool
	OnPremisesSID         string // of a synced group
	AssignableToRole      bool
	Licences              []string // sku ids the direct members inherit
	Members               []string // object ids of users and groups; deleted users stay listed, so that a restore brings them back
	Owners                []string
}

// Device is a device object in Entra.
type Device struct {
	ID              string
	DeviceID        string
	DisplayName     string
	OperatingSystem string
	OSVersion       string
	TrustType       string // Workplace, AzureAd, ServerAd
	AccountEnabled  bool
	LastSignIn      time.Time
	Owners          []string // user ids
	Registered      []string // user ids
}

// ManagedDevice is a device in Intune. A pending retire or wipe is carried out at the device's next
// sync; then the record is gone.
type ManagedDevice struct {
	ID              string
	DeviceName      string
	UserID          string
	AzureADDeviceID string
	OperatingSystem string
	OwnerType       string // company or personal
	State           string // managementState of the CSDL: managed, retirePending, wipePending, …
	Enrolled        time.Time
	LastSync        time.Time
	SyncEvery       time.Duration
	Dead            bool // never syncs again
	Requested       time.Time
}

// AppRegistration is an app under Intune's app protection, on a device that need not be in Intune.
// A wipe that was asked for is carried out when the app calls home next; then the registration is
// gone.
type AppRegistration struct {
	ID            string
	UserID        string
	DeviceTag     string // the same for every app of one user on one device
	DeviceName    string
	DeviceType    string
	Created       time.Time
	LastSync      time.Time
	SyncEvery     time.Duration
	Dead          bool // never calls home again
	WipeRequested time.Time
}

// Phone is a mobile device partnership in Exchange.
type Phone struct {
	Identity        string // "alias\ExchangeActiveSyncDevices\…"
	GUID            string
	Mailbox         string // the owner's object id
	DeviceID        string
	FriendlyName    string
	Model           string
	OS              string
	ClientType      string // EAS or REST (Outlook mobile)
	FirstSync       time.Time
	LastSync        time.Time
	SyncEvery       time.Duration
	Dead            bool      // never syncs again
	WipeRequested   time.Time // zero = none
	WipeAccountOnly bool
	WipeAcked       time.Time // the phone has carried it out
	shutOut         time.Time // it could not reach Exchange then
	Removed         bool      // the partnership is gone; with WipeAcked zero the data is still on the phone
}

// Mailbox is an Exchange Online mailbox.
type Mailbox struct {
	Owner                 string // ExternalDirectoryObjectId
	ExchangeGUID          string
	Alias                 string
	DisplayName           string
	PrimarySMTPAddress    string
	Type                  string // RecipientTypeDetails: UserMailbox, SharedMailbox, RoomMailbox, EquipmentMailbox
	PendingType           string // shown from PendingFrom on
	PendingFrom           time.Time
	ItemCount             int
	Size                  int64 // bytes
	Archive               bool
	ForwardingAddress     string // object id of the recipient
	ForwardingSMTPAddress string // "smtp:…"
	DeliverAndForward     bool
	Hidden                bool
	LitigationHold        bool
	LitigationHoldDate    time.Time
	LitigationHoldFor     string // "Unlimited" or "365.00:00:00"
	LitigationHoldOwner   string
	RetentionComment      string
	RetentionURL          string
	InPlaceHolds          []string
	GrantSendOnBehalfTo   []string
	Meetings              []Meeting
	Protocols             map[string]bool // Set-CASMailbox switches, by parameter name
	BlockedDeviceIDs      []string
	AllowedDeviceIDs      []string
	AutoReply             AutoReply
	Rules                 []InboxRule
	Permissions           []MailboxPermission
	SendAs                []string   // object ids of who may
	Calendars             []Calendar // none = one that is called Calendar and not shared
	SoftDeletedAt         time.Time  // zero while it can be used
	Inactive              bool       // soft-deleted and held: kept until the hold ends
}

// AutoReply is the automatic answer of a mailbox, in the words of Graph.
type AutoReply struct {
	Status    string // disabled, alwaysEnabled, scheduled
	Audience  string // none, contactsOnly, all
	Internal  string
	External  string
	Start     time.Time
	End       time.Time
	StartZone string
	EndZone   string
}

// InboxRule is a rule of the inbox, as Graph's messageRule holds it.
type InboxRule struct {
	ID         string
	Name       string
	Sequence   int
	Enabled    bool
	Actions    map[string]any
	Conditions map[string]any
}

// Meeting is an appointment in a calendar; with attendees it is a meeting.
type Meeting struct {
	ID        string
	Organised bool // by the owner of the calendar
	Start     time.Time
	Lasts     time.Duration
	Until     time.Time // of a daily series; zero = no series
	Attendees int
}

// MailboxPermission is a right somebody holds on the mailbox.
type MailboxPermission struct {
	User   string // object id
	Rights []string
}

// Drive is a OneDrive.
type Drive struct {
	ID     string
	Owner  string
	Items  []DriveItem
	Grants []Grant
	Quota  int64     // bytes; 0 = 1 TB
	GoneAt time.Time // the owner was deleted then; the drive is kept for 30 days

	log *changeLog // nil until delta was asked
}

// DriveItem is a file or folder.
type DriveItem struct {
	ID     string
	Parent string // item id; "" = the root folder
	Name   string
	Size   int64
	Folder bool
	Hash   string // quickXorHash of a file; "" = SharePoint gives none
}

// Grant is a sharing permission on an item of a drive: a link, or a user's.
type Grant struct {
	ID      string
	Item    string // item id; "" = the root folder
	Link    string // type of a link: view or edit
	Scope   string // of a link: anonymous, organization or users
	User    string // object id
	Email   string
	Roles   []string
	Expires string
}

// Copy is a drive item being copied.
type Copy struct {
	ID       string
	ToDrive  string // drive id
	Done     time.Time
	Failure  string // error code, "" when it succeeds
	Resource string

	coming []DriveItem // what shows when it is done
}

// RoleAssignment is a directory role held by a user or a role-assignable group.
type RoleAssignment struct {
	ID        string
	Principal string
	Role      string // role template id
}

// App is an application registration with its service principal.
type App struct {
	ClientID       string
	Name           string
	Secret         string
	Certificates   []*x509.Certificate // whose keys may sign client assertions
	Federated      []FederatedCredential
	Roles          []string // application permissions of Graph and Exchange.ManageAsApp
	DirectoryRoles []string // Entra roles by display name; "Privileged Authentication Administrator" may act on admins
	ExchangeRole   string   // "Exchange Administrator", "Exchange Recipient Administrator", "Global Reader"; "" = none
}

// FederatedCredential lets the tokens of another issuer stand for an app. Entra fetches the
// issuer's keys; here the key is given.
type FederatedCredential struct {
	Issuer   string
	Subject  string
	Audience string // api://AzureADTokenExchange
	Key      *rsa.PublicKey
}

func (u *User) clone() *User {
	c := *u
	c.ProxyAddresses, c.OtherMails, c.BusinessPhones = slices.Clone(u.ProxyAddresses), slices.Clone(u.OtherMails), slices.Clone(u.BusinessPhones)
	c.Licences = slices.Clone(u.Licences)
	c.Eligible, c.Consents, c.AppRoles = slices.Clone(u.Eligible), slices.Clone(u.Consents), slices.Clone(u.AppRoles)
	c.Methods, c.Numbers = slices.Clone(u.Methods), slices.Clone(u.Numbers)
	return &c
}

func (g *Group) clone() *Group {
	c := *g
	c.Licences, c.Members, c.Owners = slices.Clone(g.Licences), slices.Clone(g.Members), slices.Clone(g.Owners)
	return &c
}

func (d *Device) clone() *Device {
	c := *d
	c.Owners, c.Registered = slices.Clone(d.Owners), slices.Clone(d.Registered)
	return &c
}

func (d *ManagedDevice) clone() *ManagedDevice     { c := *d; return &c }
func (r *AppRegistration) clone() *AppRegistration { c := *r; return &c }
func (p *Phone) clone() *Phone                     { c := *p; return &c }

func (m *Mailbox) clone() *Mailbox {
	c := *m
	c.InPlaceHolds, c.GrantSendOnBehalfTo = slices.Clone(m.InPlaceHolds), slices.Clone(m.GrantSendOnBehalfTo)
	c.BlockedDeviceIDs, c.AllowedDeviceIDs = slices.Clone(m.BlockedDeviceIDs), slices.Clone(m.AllowedDeviceIDs)
	c.Protocols, c.Rules, c.Permissions = maps.Clone(m.Protocols), slices.Clone(m.Rules), slices.Clone(m.Permissions)
	c.Meetings = slices.Clone(m.Meetings)
	c.SendAs, c.Calendars = slices.Clone(m.SendAs), slices.Clone(m.Calendars)
	return &c
}

func (d *Drive) clone() *Drive {
	c := *d
	c.Items, c.Grants = slices.Clone(d.Items), slices.Clone(d.Grants)
	return &c
}

// userID finds a live user by object id or UPN; "" when there is none.
func (w *World) userID(name string) string {
	lower := strings.ToLower(name)
	if w.Users[lower] != nil {
		return lower
	}
	return w.one(kindUser, "userprincipalname:"+lower)
}

func (w *World) sku(id string) *SKU {
	for _, s := range w.SKUs {
		if strings.EqualFold(s.ID, id) {
			return s
		}
	}
	return nil
}

// licencesOf lists direct licences, and those inherited from the groups that hold the user. Only
// direct members of a group inherit, as in Entra.
func (w *World) licencesOf(u *User, holding []*Group) []Licence {
	all := slices.Clone(u.Licences)
	for _, g := range holding {
		for _, sku := range g.Licences {
			all = append(all, Licence{SKU: sku, Group: g.ID, Since: u.Created})
		}
	}
	return all
}

// hasPlan says whether one of the licences of a live user brings a service plan whose name starts
// so.
func (w *World) hasPlan(u *User, prefix string) bool {
	for _, l := range w.licencesOf(u, w.holding(u.ID)) {
		if s := w.sku(l.SKU); s != nil {
			for _, p := range s.Plans {
				if strings.HasPrefix(p.Name, prefix) && !slices.Contains(l.DisabledPlans, p.ID) {
					return true
				}
			}
		}
	}
	return false
}

// planHolders are the live users with a service plan whose name starts so; for many users at once
// it is much cheaper than hasPlan.
func (w *World) planHolders(prefix string) map[string]bool {
	brings := func(sku string, disabled []string) bool {
		s := w.sku(sku)
		return s != nil && slices.ContainsFunc(s.Plans, func(p ServicePlan) bool {
			return strings.HasPrefix(p.Name, prefix) && !slices.Contains(disabled, p.ID)
		})
	}
	holders := map[string]bool{}
	for id, u := range w.Users {
		for _, l := range u.Licences {
			if brings(l.SKU, l.DisabledPlans) {
				holders[id] = true
			}
		}
	}
	for _, g := range w.Groups {
		if slices.ContainsFunc(g.Licences, func(sku string) bool { return brings(sku, nil) }) {
			for _, id := range g.Members {
				holders[id] = holders[id] || w.Users[id] != nil
			}
		}
	}
	return holders
}

// reconcile brings a mailbox in line with its owner: an Exchange plan or a type that needs none
// keeps it; otherwise it is soft-deleted, and inactive when the owner was deleted under a hold.
func (w *World) reconcile(owner string, now time.Time) {
	if u := w.Users[owner]; w.Mailboxes[owner] != nil {
		w.reconcileWith(owner, u != nil && w.hasPlan(u, "EXCHANGE_S_"), now)
	}
}

func (w *World) reconcileWith(owner string, licensed bool, now time.Time) {
	m, u := w.Mailboxes[owner], w.Users[owner]
	switch {
	case u != nil && (m.Type != "UserMailbox" || licensed):
		m.SoftDeletedAt, m.Inactive = time.Time{}, false
	case m.SoftDeletedAt.IsZero():
		m.SoftDeletedAt = now
		m.Inactive = u == nil && (m.LitigationHold || len(m.InPlaceHolds) > 0)
	case u == nil:
		m.Inactive = m.LitigationHold || len(m.InPlaceHolds) > 0
	}
}

// usable is the mailbox of a user when Exchange still serves it.
func usable(m *Mailbox) bool { return m != nil && m.SoftDeletedAt.IsZero() }

// groupsOf lists the groups that hold the object, directly or, when transitive, through other
// groups, as a read under the lag finds them.
func (t *Tenant) groupsOf(id string, transitive bool) []*Group {
	found := map[string]*Group{}
	queue := []string{id}
	for len(queue) > 0 {
		member := queue[0]
		queue = queue[1:]
		for _, g := range t.holding(member) {
			if found[g.ID] == nil {
				found[g.ID] = g
				if transitive {
					queue = append(queue, g.ID)
				}
			}
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b *Group) int { return strings.Compare(a.ID, b.ID) })
}
