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
	Deleted          map[string]*User  // in directory/deletedItems
	DeletedGroups    map[string]*Group // likewise
	Subscriptions    []*Subscription   // for change notifications
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
	AdminUnits       []*AdministrativeUnit
	// ConditionalAccess are the policies of Conditional Access.
	ConditionalAccess []ConditionalAccessPolicy
	Registrations     map[string]*Registration // applications and service principals
	Contacts          []*Contact               // mail contacts of Exchange
	Organization      Organization             // settings of Exchange for everybody
	Apps              map[string]*App          // by client id
	Workflows         []Workflow               // Lifecycle Workflows
	Sent              []SentMail               // messages that were taken
	Permissions       []string                 // that Graph and Exchange give to applications
	Opens             map[string][]string      // the operations that each of them opens
	Audit             []AuditEntry             // oldest first

	Knobs

	directorySynced time.Time
	index           *index
}

// User is a person in Entra.
type User struct {
	ID                     string
	UserPrincipalName      string
	DisplayName            string
	GivenName              string
	Surname                string
	Mail                   string
	MailNickname           string
	ProxyAddresses         []string // "SMTP:" marks the primary
	OtherMails             []string
	BusinessPhones         []string
	MobilePhone            string
	JobTitle               string
	Department             string
	CompanyName            string
	OfficeLocation         string
	PreferredLanguage      string
	UsageLocation          string // ISO country; licences cannot be assigned without
	EmployeeID             string
	UserType               string // Member or Guest
	ExternalUserState      string // PendingAcceptance or Accepted of somebody who was invited
	AccountEnabled         bool
	OnPremisesSyncEnabled  *bool // true = synced, false = once synced, nil = cloud
	OnPremisesDisabled     bool  // what the on-premises directory says of a synced user
	OnPremises             OnPremises
	IsManagementRestricted bool           // in a restricted management administrative unit
	RecipientTypeDetails   string         // of somebody without a mailbox here: MailUser; "" = User, of a guest GuestMailUser
	ExternalEmailAddress   string         // of a MailUser: where the mail goes
	Attributes             map[string]any // what else an administrator wrote, by the name of the property
	ManagerID              string
	Licences               []Licence // direct ones
	Eligible               []EligibleRole
	Consents               []Consent
	AppRoles               []AppRole
	Methods                []AuthenticationMethod
	Numbers                []TelephoneNumber
	Created                time.Time
	LastPasswordChange     time.Time  // second precision
	SessionsValidFrom      time.Time  // second precision; tokens issued before are void
	Extensions             [16]string // onPremisesExtensionAttributes/extensionAttribute1 to 15, by their number
	EmployeeLeave          time.Time  // shown to apps with User-LifeCycleInfo.Read.All only
	DeletedAt              time.Time  // zero while live
	PasswordChanges        int
}

// Synced says that the user is mastered on premises.
func (u *User) Synced() bool { return u.OnPremisesSyncEnabled != nil && *u.OnPremisesSyncEnabled }

// external says that the user signs in in another tenant, whatever the userType is.
// Source: Microsoft Entra, Properties of a B2B collaboration user; Invite internal users to B2B collaboration.
func (u *User) external() bool {
	return strings.Contains(u.UserPrincipalName, "#EXT#") || u.ExternalUserState == "Accepted"
}

// AdministrativeUnit is a unit of the directory.
type AdministrativeUnit struct {
	ID          string
	DisplayName string
	Restricted  bool     // isMemberManagementRestricted
	Members     []string // object ids
}

// Registration is an application or a service principal as a thing that somebody owns.
type Registration struct {
	ID          string
	AppID       string
	DisplayName string
	Service     bool // a service principal
	Owners      []string
	AppRoles    []AppRole // of a service principal: roles it was given
	Offers      []string  // of a service principal: the permissions that it gives to others
	Disabled    bool      // of a service principal
	Credentials []Credential
}

// Contact is a mail contact: a recipient outside.
type Contact struct {
	ID, DisplayName, Address string
}

// Organization is what Exchange applies to everybody.
type Organization struct {
	InPlaceHolds       []string // retention policies for all mailboxes: mbx…:n, grp…:n
	AutoForwardingMode string   // of the default outbound spam policy: Automatic (= Off), On, Off
	RemoteDomains      []RemoteDomain
	DynamicGroups      []DynamicDistributionGroup
	TransportRules     []TransportRule
}

// TransportRule is a mail flow rule.
type TransportRule struct {
	GUID, Name string
	Disabled   bool
	Names      map[string][]string // addresses, by the property that has them: From, RedirectMessageTo, …
}

// DynamicDistributionGroup is a list whose members Exchange looks up each time. Entra does not know it.
type DynamicDistributionGroup struct {
	GUID, DisplayName string
	ManagedBy         string // object id; "" = nobody
	ModerationEnabled bool
	ModeratedBy       []string // object ids
}

// RemoteDomain says what may leave for a domain.
type RemoteDomain struct {
	Name, DomainName   string // "*" is every other domain
	AutoForwardEnabled bool
	AutoReplyEnabled   bool
}

// Licence is one assigned SKU.
type Licence struct {
	SKU           string   // sku id
	DisabledPlans []string // service plan ids
	Group         string   // the group it is inherited from; "" = direct
	Since         time.Time
	State         string // of licenseAssignmentStates; "" = Active
	Error         string // likewise; "" = None
}

// SKU is a subscription of the tenant. Seats in use are counted, not stored.
type SKU struct {
	ID         string
	PartNumber string
	Seats      int
	Plans      []ServicePlan
}

// ServicePlan is one service of a SKU.
type ServicePlan struct {
	ID, Name  string
	DependsOn []string // names of plans of which the user needs one
}

// Group is a group of any kind.
type Group struct {
	ID                     string
	DisplayName            string
	Description            string
	Mail                   string
	Unified                bool   // a Microsoft 365 group
	MailEnabled            bool   // with Unified unset: distribution list, or mail-enabled security group
	SecurityEnabled        bool   //
	MembershipRule         string // non-empty = dynamic
	OnPremisesSyncEnabled  *bool
	OnPremisesSID          string // of a synced group
	AssignableToRole       bool
	Licences               []string          // sku ids the direct members inherit
	LicenceErrors          map[string]string // by user: why the licences of the group did not reach that member, such as CountViolation
	IsManagementRestricted bool
	HiddenMembership       bool   // who is in it is told only to apps with Member.Read.Hidden
	Visibility             string // Public or Private, as it was written
	MailNickname           string
	DeletedAt              time.Time
	Members                []string // object ids of users and groups; deleted users stay listed, so that a restore brings them back
	Owners                 []string
	ModerationEnabled      bool     // of a list: what is sent to it waits until somebody of ModeratedBy approves
	ModeratedBy            []string // object ids
}

// Device is a device object in Entra.
type Device struct {
	ID                     string
	DeviceID               string
	DisplayName            string
	OperatingSystem        string
	OSVersion              string
	TrustType              string // Workplace, AzureAd, ServerAd
	AccountEnabled         bool
	LastSignIn             time.Time
	IsManagementRestricted bool
	OnPremisesDisabled     bool     // what the on-premises directory says of a device it masters (ServerAd)
	Owners                 []string // user ids
	Registered             []string // user ids
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
	RetireFailures  int      // so many of the next retires end in retireFailed
	Users           []string // who uses it beside UserID; see /users of the device
	Shared          bool     // nobody is its primary user: whoever enrolled it need not use it
	SerialNumber    string
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
	NoAccountOnly   bool      // speaks a protocol older than EAS 16.1, which knows no account-only wipe
	WipeAcked       time.Time // the phone has carried it out
	shutOut         time.Time // it could not reach Exchange then
	Removed         bool      // the partnership is gone; with WipeAcked zero the data is still on the phone
}

// Mailbox is an Exchange Online mailbox.
type Mailbox struct {
	Owner                    string // ExternalDirectoryObjectId
	ExchangeGUID             string
	Alias                    string
	DisplayName              string
	PrimarySMTPAddress       string
	Type                     string // RecipientTypeDetails: UserMailbox, SharedMailbox, RoomMailbox, EquipmentMailbox
	PendingType              string // shown from PendingFrom on
	PendingFrom              time.Time
	ItemCount                int
	Size                     int64 // bytes
	Archive                  bool
	DeletedItemCount         int   // in Recoverable Items
	DeletedItemSize          int64 // bytes
	ArchiveItemCount         int
	ArchiveSize              int64  // bytes
	ForwardingAddress        string // object id of the recipient
	ForwardingSMTPAddress    string // "smtp:…"
	DeliverAndForward        bool
	Hidden                   bool
	LitigationHold           bool
	LitigationHoldDate       time.Time
	LitigationHoldFor        string // "Unlimited" or "365.00:00:00"
	LitigationHoldOwner      string
	RetentionComment         string
	RetentionURL             string
	InPlaceHolds             []string // with prefix and suffix, see holdsMail
	DelayHoldApplied         bool     // for 30 days after a hold ended
	DelayReleaseHoldApplied  bool     // likewise, of Teams and other substrate data
	DelayHoldUntil           time.Time
	ComplianceTagHoldApplied bool     // somebody used a retention label
	ResourceDelegates        []string // object ids; of a room or equipment: who approves bookings
	GrantSendOnBehalfTo      []string
	ModerationEnabled        bool     // what is sent to it waits until somebody of ModeratedBy approves
	ModeratedBy              []string // object ids
	Meetings                 []Meeting
	Contents                 *Contents       // what Graph shows of it; nil = only the folders that every mailbox has
	Protocols                map[string]bool // Set-CASMailbox switches, by parameter name
	BlockedDeviceIDs         []string
	AllowedDeviceIDs         []string
	AutoReply                AutoReply
	Rules                    []InboxRule
	Permissions              []MailboxPermission
	SendAs                   []string   // object ids of who may
	RemoteRecipientType      string     // what an Exchange on premises says of it: ProvisionMailbox, Migrated, …; "" = None
	NeverOpened              bool       // by anybody, so that there are no statistics of it
	Calendars                []Calendar // none = one that is called Calendar and not shared
	SoftDeletedAt            time.Time  // zero while it can be used
	Inactive                 bool       // soft-deleted and held: kept until the hold ends
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
	ID       string
	Owner    string
	Items    []DriveItem
	Grants   []Grant
	Quota    int64     // bytes; 0 = 1 TB
	Recycled int64     // bytes in the recycle bin
	Locked   bool      // every request is refused
	GoneAt   time.Time // the owner was deleted then; the drive is kept for 30 days
	// Libraries are further document libraries of the same site, each with a name in its address.
	Libraries []*Drive
	Library   string // of one of them

	log *changeLog // nil until delta was asked
}

// DriveItem is a file or folder.
type DriveItem struct {
	ID          string
	Parent      string // item id; "" = the root folder
	Name        string
	Size        int64
	Folder      bool
	Hash        string // quickXorHash of a file; "" = SharePoint gives none
	Remote      bool   // a shortcut to a folder of another drive
	Package     string // oneNote: a notebook
	Versions    int    // beside the current one
	CopyAdds    int64  // SharePoint writes properties into a copy, which becomes so much larger and loses its hash
	CopyRefused string // the error code with which a copy is refused at once
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

	asked  bool        // its monitor was read
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
	Owners         []string // object ids of who owns the registration and the service principal
	DirectoryRoles []string // Entra roles by display name; "Privileged Authentication Administrator" may act on admins
	Redirects      []string // where people who signed in are sent back to
	AppRoles       []string // that it declares, by their values
	// Cmdlets are those of a role group of its own in Exchange, instead of an ExchangeRole: a name, and
	// behind it the only parameters beside Identity, as offboarding.Function has them.
	Cmdlets        []string
	ExchangeRole   string   // "Exchange Administrator", "Exchange Recipient Administrator", "Global Reader"; "" = none
	SendsAs        []string // object ids of the mailboxes that Exchange lets it send as (Application Mail.Send with a scope)
	ExchangeGroups []string // names of role groups in Exchange that it is a member of
	Disabled       bool     // of the service principal: it gets no token
	NoPrincipal    bool     // the registration has no service principal in the tenant, and gets no token either
	Credentials    []Credential
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
	c.Attributes = maps.Clone(u.Attributes)
	return &c
}

func (g *Group) clone() *Group {
	c := *g
	c.Licences, c.Members, c.Owners = slices.Clone(g.Licences), slices.Clone(g.Members), slices.Clone(g.Owners)
	c.ModeratedBy = slices.Clone(g.ModeratedBy)
	c.LicenceErrors = maps.Clone(g.LicenceErrors)
	return &c
}

func (d *Device) clone() *Device {
	c := *d
	c.Owners, c.Registered = slices.Clone(d.Owners), slices.Clone(d.Registered)
	return &c
}

func (d *ManagedDevice) clone() *ManagedDevice {
	c := *d
	c.Users = slices.Clone(d.Users)
	return &c
}

func (r *Registration) clone() *Registration {
	c := *r
	c.Owners, c.AppRoles = slices.Clone(r.Owners), slices.Clone(r.AppRoles)
	return &c
}

func (r *AppRegistration) clone() *AppRegistration { c := *r; return &c }
func (p *Phone) clone() *Phone                     { c := *p; return &c }

func (m *Mailbox) clone() *Mailbox {
	c := *m
	c.InPlaceHolds, c.GrantSendOnBehalfTo = slices.Clone(m.InPlaceHolds), slices.Clone(m.GrantSendOnBehalfTo)
	c.BlockedDeviceIDs, c.AllowedDeviceIDs = slices.Clone(m.BlockedDeviceIDs), slices.Clone(m.AllowedDeviceIDs)
	c.Protocols, c.Rules, c.Permissions = maps.Clone(m.Protocols), slices.Clone(m.Rules), slices.Clone(m.Permissions)
	c.Meetings = slices.Clone(m.Meetings)
	c.SendAs, c.Calendars = slices.Clone(m.SendAs), slices.Clone(m.Calendars)
	c.ResourceDelegates, c.ModeratedBy = slices.Clone(m.ResourceDelegates), slices.Clone(m.ModeratedBy)
	return &c
}

func (d *Drive) clone() *Drive {
	c := *d
	c.Items, c.Grants = slices.Clone(d.Items), slices.Clone(d.Grants)
	c.Libraries = nil
	for _, l := range d.Libraries {
		c.Libraries = append(c.Libraries, l.clone())
	}
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
			l := Licence{SKU: sku, Group: g.ID, Since: u.Created, Error: g.LicenceErrors[u.ID]}
			if l.Error != "" {
				l.State = "Error"
			}
			all = append(all, l)
		}
	}
	return all
}

// hasPlan says whether one of the licences of a live user brings a service plan whose name starts
// so.
func (w *World) hasPlan(u *User, prefix string) bool {
	for _, l := range w.licencesOf(u, w.holding(u.ID)) {
		if s := w.sku(l.SKU); s != nil && l.State != "Error" {
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
			if l.State != "Error" && brings(l.SKU, l.DisabledPlans) {
				holders[id] = true
			}
		}
	}
	for _, g := range w.Groups {
		if slices.ContainsFunc(g.Licences, func(sku string) bool { return brings(sku, nil) }) {
			for _, id := range g.Members {
				holders[id] = holders[id] || w.Users[id] != nil && g.LicenceErrors[id] == ""
			}
		}
	}
	return holders
}

// reconcile brings a mailbox in line with its owner: an Exchange plan or a type that needs none
// keeps it; otherwise it is soft-deleted, and inactive when the owner was deleted under a hold.
func (w *World) reconcile(owner string, now time.Time) {
	u := w.Users[owner]
	licensed := u != nil && w.hasPlan(u, "EXCHANGE_S_")
	switch {
	case w.Mailboxes[owner] != nil:
		w.reconcileWith(owner, licensed, now)
	case licensed && u.RecipientTypeDetails == "":
		w.Mailboxes[owner] = newMailbox(u, now)
	}
}

// newMailbox is the empty mailbox that comes with an Exchange licence. It gives its owner an address.
func newMailbox(u *User, now time.Time) *Mailbox {
	u.Mail = orElse(u.Mail, u.UserPrincipalName)
	if len(u.ProxyAddresses) == 0 {
		u.ProxyAddresses = []string{"SMTP:" + u.Mail}
	}
	m := &Mailbox{
		Owner: u.ID, ExchangeGUID: derived("mailbox", u.ID), Alias: u.MailNickname, DisplayName: u.DisplayName, PrimarySMTPAddress: u.Mail, Type: "UserMailbox",
		AutoReply: AutoReply{Status: "disabled", Audience: "all", Start: now, End: now.Add(24 * time.Hour), StartZone: "UTC", EndZone: "UTC"},
		Protocols: map[string]bool{}, LitigationHoldFor: "Unlimited",
	}
	for _, p := range protocolSwitches {
		m.Protocols[p] = p != "SmtpClientAuthenticationDisabled"
	}
	return m
}

func (w *World) reconcileWith(owner string, licensed bool, now time.Time) {
	m, u := w.Mailboxes[owner], w.Users[owner]
	switch {
	case u != nil && licensed && m.Type == "UserMailbox" && !m.SoftDeletedAt.IsZero() && w.MailboxReborn:
		w.Mailboxes[owner] = newMailbox(u, now)
		w.Mailboxes[owner].ExchangeGUID = derived("mailbox", u.ID, now.String())
	case u != nil && (m.Type != "UserMailbox" || licensed):
		m.SoftDeletedAt, m.Inactive = time.Time{}, false
	case m.SoftDeletedAt.IsZero():
		m.SoftDeletedAt = now
		m.Inactive = u == nil && w.holdsMail(m)
	case u == nil:
		m.Inactive = w.holdsMail(m)
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
