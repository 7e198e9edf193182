package simtenant

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"leaver/shared/strictyaml"
)

// DefaultTenantID is the directory id of a tenant whose seed names none.
const DefaultTenantID = "a7c1e9d2-5b34-4f0e-9a61-0d6f3c2b8e17"

// The default application, the one Server.Connection prints: it holds every application permission
// the simulator knows and the Exchange Administrator role, but no Entra role over admins.
const (
	DefaultClientID = "5d0c7f3e-2a41-4c8b-b6f9-71e2d4a0935c"
	DefaultSecret   = "simulated~not-a-secret"
)

// Seed describes a company. References go by name: a manager and an owner by user principal name, a
// group by display name, a licence by SKU part number, a role by display name.
type Seed struct {
	TenantID string      `yaml:"tenantId"`
	Company  string      `yaml:"company"`
	Domain   string      `yaml:"domain"`
	SKUs     []SeedSKU   `yaml:"skus"` // absent = the SKUs of the invented company
	Groups   []SeedGroup `yaml:"groups"`
	Users    []SeedUser  `yaml:"users"`
	Apps     []SeedApp   `yaml:"apps"` // beside the default one

	AdministrativeUnits []SeedUnit         `yaml:"administrativeUnits"`
	Applications        []SeedRegistration `yaml:"applications"`
	ServicePrincipals   []SeedRegistration `yaml:"servicePrincipals"`
	ConditionalAccess   []SeedPolicy       `yaml:"conditionalAccessPolicies"`
	Contacts            []SeedContact      `yaml:"mailContacts"`
	Organization        SeedOrganization   `yaml:"organization"`
	Knobs               Knobs              `yaml:"knobs"`
}

// SeedUnit is an administrative unit; its members are named by user principal name or display name.
type SeedUnit struct {
	Name       string   `yaml:"displayName"`
	Restricted bool     `yaml:"isMemberManagementRestricted"`
	Members    []string `yaml:"members"`
}

// SeedRegistration is an application or a service principal that people own.
type SeedRegistration struct {
	Name   string   `yaml:"displayName"`
	AppID  string   `yaml:"appId"` // absent = derived from the name
	Owners []string `yaml:"owners"`
}

// SeedContact is a mail contact.
type SeedContact struct {
	Name    string `yaml:"displayName"`
	Address string `yaml:"externalEmailAddress"`
}

// SeedOrganization is what Exchange applies to everybody.
type SeedOrganization struct {
	InPlaceHolds       []string           `yaml:"inPlaceHolds"`
	AutoForwardingMode string             `yaml:"autoForwardingMode"` // absent = Automatic, Microsoft's default, which means Off
	RemoteDomains      []SeedRemoteDomain `yaml:"remoteDomains"`
}

// SeedRemoteDomain is a remote domain of Exchange.
type SeedRemoteDomain struct {
	Name        string `yaml:"name"`
	DomainName  string `yaml:"domainName"`
	AutoForward bool   `yaml:"autoForwardEnabled"`
	AutoReply   bool   `yaml:"autoReplyEnabled"`
}

// SeedSKU is a subscription.
type SeedSKU struct {
	ID         string     `yaml:"id"`
	PartNumber string     `yaml:"partNumber"`
	Seats      int        `yaml:"seats"`
	Plans      []SeedPlan `yaml:"plans"`
}

// SeedPlan is a service plan of a SKU. A plan named EXCHANGE_S_… brings a mailbox,
// EXCHANGE_S_ENTERPRISE the right to a litigation hold, SHAREPOINT… a OneDrive.
type SeedPlan struct {
	ID   string `yaml:"id"`
	Name string `yaml:"name"`

	DependsOn []string `yaml:"dependsOn"` // names of plans, one of which the user needs
}

// SeedGroup is a group.
type SeedGroup struct {
	ID       string   `yaml:"id"`
	Name     string   `yaml:"name"`
	Kind     string   `yaml:"kind" enum:"security,unified,distribution,mailSecurity"` // security (the default), unified, distribution, mailSecurity
	Rule     string   `yaml:"rule"`                                                   // non-empty = dynamic; who is in it is said by the users all the same
	Synced   bool     `yaml:"synced"`
	RoleAble bool     `yaml:"assignableToRole"`
	Licences []string `yaml:"licences"`
	Roles    []string `yaml:"roles"`
	Within   []string `yaml:"within"` // groups this one is a member of
	Owners   []string `yaml:"owners"`

	Restricted    bool              `yaml:"isManagementRestricted"`
	Visibility    string            `yaml:"visibility" enum:"Public,Private,HiddenMembership"`
	LicenceErrors map[string]string `yaml:"licenceErrors"` // by user principal name: CountViolation, …
}

// SeedUser is a person and what is theirs.
type SeedUser struct {
	ID         string    `yaml:"id"` // absent = derived from the user principal name, see UserID
	UPN        string    `yaml:"userPrincipalName"`
	Name       string    `yaml:"displayName"`
	Mail       string    `yaml:"mail"` // absent = the user principal name, when there is a mailbox
	Aliases    []string  `yaml:"aliases"`
	Title      string    `yaml:"jobTitle"`
	Department string    `yaml:"department"`
	Company    string    `yaml:"companyName"`
	Office     string    `yaml:"officeLocation"`
	EmployeeID string    `yaml:"employeeId"`
	Manager    string    `yaml:"manager"`
	Disabled   bool      `yaml:"disabled"`
	Synced     bool      `yaml:"synced"`
	Guest      bool      `yaml:"guest"`
	Leaves     time.Time `yaml:"employeeLeaveDateTime"`
	Licences   []string  `yaml:"licences"`
	Groups     []string  `yaml:"groups"`
	Roles      []string  `yaml:"roles"`
	AppRoles   []string  `yaml:"appRoles"` // of the console: Leaver.Read, Leaver.Operate, Leaver.Approve

	Restricted      bool              `yaml:"isManagementRestricted"`
	UsageLocation   *string           `yaml:"usageLocation"`        // absent = DE
	Recipient       string            `yaml:"recipientTypeDetails"` // MailUser: the mailbox lives elsewhere
	ExternalAddress string            `yaml:"externalEmailAddress"` // of a MailUser
	LicenceErrors   map[string]string `yaml:"licenceErrors"`        // by SKU part number: the error of a direct licence

	Access  SeedAccess   `yaml:"access"`
	Mailbox SeedMailbox  `yaml:"mailbox"` // there is one when a licence or the type brings it
	Drive   SeedDrive    `yaml:"drive"`   // likewise
	Devices []SeedDevice `yaml:"devices"`
	Intune  []SeedDevice `yaml:"managedDevices"`
	Phones  []SeedDevice `yaml:"phones"`
	Apps    []SeedDevice `yaml:"managedApps"` // a device with two protected apps
}

// SeedAccess is what a user can reach beside groups and active roles. The mailboxes of others are
// named by user principal name.
type SeedAccess struct {
	EligibleRoles []string `yaml:"eligibleRoles"`
	Consents      []string `yaml:"consents"` // scopes, one grant each
	AppRoles      int      `yaml:"appRoles"`
	Methods       []string `yaml:"authenticationMethods"` // phone, fido2, …; the first is the default
	Numbers       []string `yaml:"telephoneNumbers"`
	FullAccess    []string `yaml:"fullAccess"`
	SendAs        []string `yaml:"sendAs"`
	SendOnBehalf  []string `yaml:"sendOnBehalf"`
	Calendars     []string `yaml:"calendars"`
}

// SeedMailbox is what a mailbox holds.
type SeedMailbox struct {
	Type    string `yaml:"type"`                 // RecipientTypeDetails, absent = UserMailbox
	Details string `yaml:"recipientTypeDetails"` // the same
	Items   int    `yaml:"items"`
	Size    int64  `yaml:"size"` // bytes
	Archive bool   `yaml:"archive"`
	Hold    bool   `yaml:"litigationHold"`

	InPlaceHolds      []string `yaml:"inPlaceHolds"`
	DelayHold         bool     `yaml:"delayHoldApplied"`
	DelayReleaseHold  bool     `yaml:"delayReleaseHoldApplied"`
	LabelHold         bool     `yaml:"complianceTagHoldApplied"`
	DeletedItems      int      `yaml:"deletedItemCount"`
	DeletedSize       int64    `yaml:"totalDeletedItemSize"` // bytes
	ArchiveItems      int      `yaml:"archiveItemCount"`
	ArchiveSize       int64    `yaml:"archiveTotalItemSize"` // bytes
	ResourceDelegates []string `yaml:"resourceDelegates"`    // user principal names

	RemoteRecipientType string `yaml:"remoteRecipientType"` // of an Exchange on premises: ProvisionMailbox, Migrated, …
	NeverOpened         bool   `yaml:"neverOpened"`         // by anybody: Exchange has no statistics of it

	ForwardTo  string `yaml:"forwardTo"` // an address
	RedirectTo string `yaml:"ruleRedirectsTo"`
	Meetings   int    `yaml:"meetings"` // organised and ahead, one of them a series that has begun
}

// SeedDrive is what a OneDrive holds; the files are invented.
type SeedDrive struct {
	Files int   `yaml:"files"`
	Size  int64 `yaml:"size"`  // bytes, all files together
	Links int   `yaml:"links"` // so many items are shared by a link, for anybody and for the organisation by turns

	Deleted int64          `yaml:"deleted"` // bytes in the recycle bin: quota.deleted
	Locked  bool           `yaml:"locked"`
	Items   []SeedFileItem `yaml:"items"`

	Libraries []SeedLibrary `yaml:"libraries"`
}

// SeedLibrary is a further document library of a OneDrive's site, with files of one byte.
type SeedLibrary struct {
	Name  string `yaml:"name"` // in its address
	Files int    `yaml:"files"`
}

// SeedFileItem is an item of a drive that is worth a name. It lies in the root folder.
type SeedFileItem struct {
	Name     string `yaml:"name"`
	Size     int64  `yaml:"size"`
	Remote   bool   `yaml:"remoteItem"` // a shortcut to a folder of another drive
	Package  string `yaml:"package"`    // oneNote
	Versions int    `yaml:"versions"`   // beside the current one
	CopyAdds int64  `yaml:"copyAdds"`   // bytes by which a copy is larger, without a hash
	Refused  string `yaml:"copyError"`  // the error code with which a copy is refused
}

// SeedDevice is a device in Entra, Intune or Exchange.
type SeedDevice struct {
	Name      string        `yaml:"name"`
	OS        string        `yaml:"os"`
	Model     string        `yaml:"model"`
	Owner     string        `yaml:"ownerType" enum:"company,personal"` // Intune: company or personal
	Outlook   bool          `yaml:"outlook"`                           // Exchange: Outlook mobile, not the phone's own mail program
	SyncEvery time.Duration `yaml:"syncEvery"`                         // absent = the tenant's
	Dead      bool          `yaml:"dead"`                              // never calls home again

	TrustType       string   `yaml:"trustType" enum:"AzureAd,ServerAd,Workplace"` // Entra: AzureAd (the default), ServerAd, Workplace
	Restricted      bool     `yaml:"isManagementRestricted"`
	RegisteredUsers []string `yaml:"registeredUsers"` // Entra: user principal names beside the owner's
	Users           []string `yaml:"users"`           // Intune: who uses it beside who enrolled it
	SerialNumber    string   `yaml:"serialNumber"`
	RetireFailures  int      `yaml:"retireFailures"`    // Intune: so many retires end in retireFailed
	NoAccountOnly   bool     `yaml:"noAccountOnlyWipe"` // Exchange: older than EAS 16.1
}

// SeedApp is an application.
type SeedApp struct {
	ClientID       string   `yaml:"clientId"`
	Name           string   `yaml:"name"`
	Secret         string   `yaml:"secret"`
	Roles          []string `yaml:"roles"`
	DirectoryRoles []string `yaml:"directoryRoles"`
	ExchangeRole   string   `yaml:"exchangeRole"`
	Certificates   []string `yaml:"certificates"` // PEM, of which the first certificate counts
}

// ReadSeed reads a seed file (YAML), which seed.schema.json describes. A key that Seed does not know is
// refused with its line and column.
func ReadSeed(r io.Reader) (*Seed, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("simtenant: seed: %w", err)
	}
	var s Seed
	if err := strictyaml.Decode(text, &s); err != nil {
		return nil, fmt.Errorf("simtenant: seed: %w", err)
	}
	if err := checkSeed(text); err != nil {
		return nil, fmt.Errorf("simtenant: seed: %w", err)
	}
	return &s, nil
}

// UserID is the object id of the invented user with that user principal name; a seed may give
// another.
func UserID(upn string) string { return derived("user", strings.ToLower(upn)) }

// GroupID is the object id of the invented group with that display name; a seed may give another.
func GroupID(name string) string { return derived("group", name) }

// derived is a GUID that depends on nothing but its words.
func derived(words ...string) string {
	return uuid.NewSHA1(uuid.MustParse(DefaultTenantID), []byte(strings.Join(words, "/"))).String()
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// builder turns a seed into a world.
type builder struct {
	seed  *Seed
	w     *World
	now   time.Time
	every time.Duration
	names map[string]string // group name → id
	byUPN map[string]string // user principal name in lower case → id
}

func (s *Seed) build(now time.Time, every time.Duration) (*World, error) {
	w := &World{
		TenantID: orElse(s.TenantID, DefaultTenantID), Company: orElse(s.Company, "Contoso"), Domain: orElse(s.Domain, "contoso.com"),
		Users: map[string]*User{}, Deleted: map[string]*User{}, Groups: map[string]*Group{}, Devices: map[string]*Device{},
		Managed: map[string]*ManagedDevice{}, AppRegistrations: map[string]*AppRegistration{}, Phones: map[string]*Phone{}, Mailboxes: map[string]*Mailbox{}, Drives: map[string]*Drive{},
		Copies: map[string]*Copy{}, Apps: map[string]*App{}, DeletedGroups: map[string]*Group{}, Registrations: map[string]*Registration{},
	}
	b := &builder{seed: s, w: w, now: now, every: every, names: map[string]string{}}
	if err := b.subscriptions(); err != nil {
		return nil, fmt.Errorf("simtenant: seed: %w", err)
	}
	for _, step := range []func() error{b.groups, b.people, b.references, b.belongings, b.access, b.others, b.apps} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("simtenant: seed: %w", err)
		}
	}
	return w, nil
}

func (b *builder) subscriptions() error {
	skus := b.seed.SKUs
	if skus == nil {
		skus = publicSKUs(len(b.seed.Users))
	}
	for _, s := range skus {
		if s.ID == "" || s.PartNumber == "" {
			return fmt.Errorf("a SKU needs id and partNumber: %+v", s)
		}
		sku := &SKU{ID: s.ID, PartNumber: s.PartNumber, Seats: s.Seats}
		for _, p := range s.Plans {
			sku.Plans = append(sku.Plans, ServicePlan(p))
		}
		b.w.SKUs = append(b.w.SKUs, sku)
	}
	return nil
}

func (b *builder) skuIDs(who string, parts []string) ([]string, error) {
	var ids []string
	for _, part := range parts {
		i := slices.IndexFunc(b.w.SKUs, func(s *SKU) bool { return s.PartNumber == part })
		if i < 0 {
			return nil, fmt.Errorf("%s: no SKU %q", who, part)
		}
		ids = append(ids, b.w.SKUs[i].ID)
	}
	return ids, nil
}

func (b *builder) groups() error {
	for _, s := range b.seed.Groups {
		g := &Group{
			ID: orElse(s.ID, GroupID(s.Name)), DisplayName: s.Name, IsManagementRestricted: s.Restricted, MembershipRule: s.Rule, AssignableToRole: s.RoleAble,
			Unified: s.Kind == "unified", MailEnabled: s.Kind != "" && s.Kind != "security",
			SecurityEnabled: s.Kind == "" || s.Kind == "security" || s.Kind == "mailSecurity", HiddenMembership: s.Visibility == hiddenMembership, Visibility: strings.TrimPrefix(s.Visibility, hiddenMembership),
		}
		if !slices.Contains([]string{"", "security", "unified", "distribution", "mailSecurity"}, s.Kind) {
			return fmt.Errorf("group %q: no kind %q", s.Name, s.Kind)
		}
		if g.MailEnabled {
			g.Mail = strings.ToLower(strings.ReplaceAll(s.Name, " ", ".")) + "@" + b.w.Domain
		}
		if s.Synced {
			g.OnPremisesSyncEnabled = &s.Synced
		}
		if b.names[s.Name] != "" || s.Name == "" {
			return fmt.Errorf("group %q: the name is empty or there twice", s.Name)
		}
		var err error
		if g.Licences, err = b.skuIDs("group "+s.Name, s.Licences); err != nil {
			return err
		}
		b.names[s.Name] = g.ID
		b.w.Groups[g.ID] = g
		if err := b.roles("group "+s.Name, g.ID, s.Roles); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) roles(who, principal string, roles []string) error {
	for _, name := range roles {
		r := roleByName(name)
		if r == nil {
			return fmt.Errorf("%s: no directory role %q", who, name)
		}
		b.w.RoleAssignments = append(b.w.RoleAssignments, RoleAssignment{ID: derived("assignment", principal, r.id), Principal: principal, Role: r.id})
	}
	return nil
}

func (b *builder) people() error {
	taken := map[string]bool{}
	for i := range b.seed.Users {
		s := &b.seed.Users[i]
		if !strings.Contains(s.UPN, "@") {
			return fmt.Errorf("user %d: userPrincipalName %q is no address", i, s.UPN)
		}
		s.ID = orElse(s.ID, UserID(s.UPN))
		if upn := strings.ToLower(s.UPN); b.w.Users[s.ID] == nil && !taken[upn] {
			taken[upn] = true
		} else {
			return fmt.Errorf("user %s is there twice", s.UPN)
		}
		nick, _, _ := strings.Cut(s.UPN, "@")
		given, surname, _ := strings.Cut(s.Name, " ")
		age := 24 * time.Hour * time.Duration(30+i%300)
		u := &User{
			ID: s.ID, UserPrincipalName: s.UPN, DisplayName: s.Name, GivenName: given, Surname: surname, MailNickname: nick,
			JobTitle: s.Title, Department: s.Department, CompanyName: s.Company, OfficeLocation: s.Office, EmployeeID: s.EmployeeID, UsageLocation: "DE", UserType: "Member",
			AccountEnabled: !s.Disabled, EmployeeLeave: s.Leaves, Created: b.now.Add(-3 * age), LastPasswordChange: b.now.Add(-age),
			SessionsValidFrom: b.now.Add(-age), Mail: s.Mail,
		}
		u.IsManagementRestricted, u.RecipientTypeDetails, u.ExternalEmailAddress = s.Restricted, s.Recipient, s.ExternalAddress
		if s.UsageLocation != nil {
			u.UsageLocation = *s.UsageLocation
		}
		if s.Guest {
			u.UserType, u.UsageLocation = "Guest", ""
		}
		if s.Synced {
			u.OnPremisesSyncEnabled = &s.Synced
		}
		skus, err := b.skuIDs(s.UPN, s.Licences)
		if err != nil {
			return err
		}
		for _, sku := range skus {
			l := Licence{SKU: sku, Since: u.Created, Error: s.LicenceErrors[b.w.sku(sku).PartNumber]}
			if l.Error != "" {
				l.State = "Error"
			}
			u.Licences = append(u.Licences, l)
		}
		b.w.Users[u.ID] = u
		if err := b.roles(s.UPN, u.ID, s.Roles); err != nil {
			return err
		}
	}
	return nil
}

// references resolves what users and groups say of each other; all of them exist by now.
func (b *builder) references() error {
	b.byUPN = make(map[string]string, len(b.w.Users))
	for id, u := range b.w.Users {
		b.byUPN[strings.ToLower(u.UserPrincipalName)] = id
	}
	for i := range b.seed.Users {
		s := &b.seed.Users[i]
		if s.Manager != "" {
			id := b.byUPN[strings.ToLower(s.Manager)]
			if id == "" {
				return fmt.Errorf("%s: no manager %q", s.UPN, s.Manager)
			}
			b.w.Users[s.ID].ManagerID = id
		}
		for _, name := range s.Groups {
			g := b.w.Groups[b.names[name]]
			if g == nil {
				return fmt.Errorf("%s: no group %q", s.UPN, name)
			}
			g.Members = append(g.Members, s.ID)
		}
	}
	for _, s := range b.seed.Groups {
		id := b.names[s.Name]
		for _, name := range s.Within {
			g := b.w.Groups[b.names[name]]
			if g == nil {
				return fmt.Errorf("group %q: no group %q", s.Name, name)
			}
			g.Members = append(g.Members, id)
		}
		for _, upn := range s.Owners {
			owner := b.byUPN[strings.ToLower(upn)]
			if owner == "" {
				return fmt.Errorf("group %q: no owner %q", s.Name, upn)
			}
			b.w.Groups[id].Owners = append(b.w.Groups[id].Owners, owner)
		}
		for upn, problem := range s.LicenceErrors {
			g := b.w.Groups[id]
			if g.LicenceErrors == nil {
				g.LicenceErrors = map[string]string{}
			}
			g.LicenceErrors[b.byUPN[strings.ToLower(upn)]] = problem
		}
	}
	return nil
}

// belongings makes mailboxes, drives and devices; they depend on the licences that are in place by
// now.
func (b *builder) belongings() error {
	mail, files := b.w.planHolders("EXCHANGE_S_"), b.w.planHolders("SHAREPOINT")
	for i := range b.seed.Users {
		s := &b.seed.Users[i]
		u := b.w.Users[s.ID]
		s.Mailbox.Type = orElse(s.Mailbox.Type, s.Mailbox.Details)
		if mail[s.ID] && s.Recipient == "" || s.Mailbox.Type != "" {
			b.mailbox(s, u)
		} else if !reflect.ValueOf(s.Mailbox).IsZero() {
			return fmt.Errorf("%s: a mailbox without an Exchange licence", s.UPN)
		}
		if files[s.ID] {
			b.drive(s)
		} else if !reflect.ValueOf(s.Drive).IsZero() {
			return fmt.Errorf("%s: a drive without a SharePoint licence", s.UPN)
		}
		for n, d := range s.Devices {
			b.device(s, n, d)
		}
		for n, d := range s.Intune {
			b.managed(s, n, d)
		}
		for n, d := range s.Apps {
			b.managedApps(s, n, d)
		}
		for n, d := range s.Phones {
			if b.w.Mailboxes[s.ID] == nil {
				return fmt.Errorf("%s: a phone without a mailbox", s.UPN)
			}
			b.phone(s, n, d)
		}
	}
	return nil
}

// access gives people what they can reach of the directory and of each other's mailboxes.
func (b *builder) access() error {
	for i := range b.seed.Users {
		s := &b.seed.Users[i]
		u := b.w.Users[s.ID]
		for _, name := range s.Access.EligibleRoles {
			r := roleByName(name)
			if r == nil {
				return fmt.Errorf("%s: no directory role %q", s.UPN, name)
			}
			u.Eligible = append(u.Eligible, EligibleRole{ID: derived("eligible", s.ID, r.id), Role: r.id, Scope: "/"})
		}
		for _, scope := range s.Access.Consents {
			u.Consents = append(u.Consents, Consent{ID: strings.ReplaceAll(derived("consent", s.ID, scope), "-", "_"), Client: derived("servicePrincipal", scope), Resource: derived("servicePrincipal", "graph"), Scope: scope})
		}
		for _, role := range s.AppRoles {
			if !slices.Contains(consoleRoles, role) {
				return fmt.Errorf("%s: no app role %q", s.UPN, role)
			}
			assignRole(u, role)
		}
		for n := range s.Access.AppRoles {
			u.AppRoles = append(u.AppRoles, AppRole{ID: strings.ReplaceAll(derived("appRoleAssignment", s.ID, fmt.Sprint(n)), "-", "_"), Role: derived("appRole", fmt.Sprint(n)), Resource: derived("servicePrincipal", fmt.Sprint(n))})
		}
		for n, kind := range s.Access.Methods {
			u.Methods = append(u.Methods, AuthenticationMethod{ID: derived("method", s.ID, kind), Type: kind, Default: n == 0})
		}
		for _, number := range s.Access.Numbers {
			u.Numbers = append(u.Numbers, TelephoneNumber{Number: number, Type: "callingPlan"})
		}
		for _, right := range []struct {
			on   []string
			give func(*Mailbox)
		}{
			{s.Access.FullAccess, func(m *Mailbox) {
				m.Permissions = append(m.Permissions, MailboxPermission{User: s.ID, Rights: []string{"FullAccess"}})
			}},
			{s.Access.SendAs, func(m *Mailbox) { m.SendAs = append(m.SendAs, s.ID) }},
			{s.Access.SendOnBehalf, func(m *Mailbox) { m.GrantSendOnBehalfTo = append(m.GrantSendOnBehalfTo, s.ID) }},
			{s.Access.Calendars, func(m *Mailbox) {
				m.Calendars = append(m.Calendars, Calendar{Path: "/Kalender"}, Calendar{Path: "/Kalender/Team", Shared: []MailboxPermission{{User: s.ID, Rights: []string{"Editor"}}}})
			}},
		} {
			for _, upn := range right.on {
				m := b.w.Mailboxes[b.byUPN[strings.ToLower(upn)]]
				if m == nil {
					return fmt.Errorf("%s: no mailbox %q", s.UPN, upn)
				}
				right.give(m)
			}
		}
	}
	return nil
}

// ids are the object ids of people; who is not there was complained of by others.
func (b *builder) ids(names []string) []string {
	var ids []string
	for _, n := range names {
		if id := b.byUPN[strings.ToLower(n)]; id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// others makes what belongs to nobody alone: units, registrations, contacts, the organisation, and
// who approves the bookings of a room.
func (b *builder) others() error {
	b.w.Knobs = b.seed.Knobs
	b.w.Organization = Organization{InPlaceHolds: b.seed.Organization.InPlaceHolds, AutoForwardingMode: orElse(b.seed.Organization.AutoForwardingMode, "Automatic")}
	for _, d := range b.seed.Organization.RemoteDomains {
		b.w.Organization.RemoteDomains = append(b.w.Organization.RemoteDomains, RemoteDomain{d.Name, d.DomainName, d.AutoForward, d.AutoReply})
	}
	if !slices.ContainsFunc(b.w.Organization.RemoteDomains, func(d RemoteDomain) bool { return d.DomainName == "*" }) {
		b.w.Organization.RemoteDomains = append(b.w.Organization.RemoteDomains, RemoteDomain{"Default", "*", true, true})
	}
	for _, c := range b.seed.Contacts {
		b.w.Contacts = append(b.w.Contacts, &Contact{ID: derived("contact", c.Address), DisplayName: c.Name, Address: c.Address})
	}
	for _, s := range b.seed.AdministrativeUnits {
		unit := &AdministrativeUnit{ID: derived("administrativeUnit", s.Name), DisplayName: s.Name, Restricted: s.Restricted}
		for _, name := range s.Members {
			id := orElse(b.byUPN[strings.ToLower(name)], b.names[name])
			switch {
			case b.w.Users[id] != nil:
				b.w.Users[id].IsManagementRestricted = b.w.Users[id].IsManagementRestricted || s.Restricted
			case b.w.Groups[id] != nil:
				b.w.Groups[id].IsManagementRestricted = b.w.Groups[id].IsManagementRestricted || s.Restricted
			default:
				return fmt.Errorf("administrative unit %q: no member %q", s.Name, name)
			}
			unit.Members = append(unit.Members, id)
		}
		b.w.AdminUnits = append(b.w.AdminUnits, unit)
	}
	if err := b.policies(); err != nil {
		return err
	}
	for i, list := range [][]SeedRegistration{b.seed.Applications, b.seed.ServicePrincipals} {
		for _, s := range list {
			owners := b.ids(s.Owners)
			if len(owners) != len(s.Owners) {
				return fmt.Errorf("application %q: not everybody of %q is there", s.Name, s.Owners)
			}
			r := &Registration{ID: derived("registration", s.Name, strconv.Itoa(i)), AppID: orElse(s.AppID, derived("appId", s.Name)), DisplayName: s.Name, Service: i == 1, Owners: owners}
			b.w.Registrations[r.ID] = r
		}
	}
	for _, s := range b.seed.Users {
		if delegates := b.ids(s.Mailbox.ResourceDelegates); len(delegates) != len(s.Mailbox.ResourceDelegates) {
			return fmt.Errorf("%s: not everybody of %q is there", s.UPN, s.Mailbox.ResourceDelegates)
		} else if len(delegates) > 0 {
			b.w.Mailboxes[s.ID].ResourceDelegates = delegates
		}
	}
	return nil
}

// policies makes those of Conditional Access.
func (b *builder) policies() error {
	for _, s := range b.seed.ConditionalAccess {
		p := ConditionalAccessPolicy{
			ID: derived("conditionalAccessPolicy", s.Name), DisplayName: s.Name, State: orElse(s.State, "enabled"),
			IncludeUsers: s.IncludeUsers, ExcludeUsers: b.ids(s.ExcludeUsers), GrantControls: s.GrantControls,
		}
		if len(p.IncludeUsers) == 0 {
			p.IncludeUsers = []string{"All"}
		}
		if len(p.GrantControls) == 0 {
			p.GrantControls = []string{"mfa"}
		}
		for _, name := range s.ExcludeGroups {
			p.ExcludeGroups = append(p.ExcludeGroups, b.names[name])
		}
		for _, name := range s.ExcludeRoles {
			if r := roleByName(name); r != nil {
				p.ExcludeRoles = append(p.ExcludeRoles, r.id)
			}
		}
		if len(p.ExcludeUsers) != len(s.ExcludeUsers) || slices.Contains(p.ExcludeGroups, "") || len(p.ExcludeRoles) != len(s.ExcludeRoles) {
			return fmt.Errorf("the policy %q of Conditional Access leaves out somebody who is not there", s.Name)
		}
		b.w.ConditionalAccess = append(b.w.ConditionalAccess, p)
	}
	return nil
}

func (b *builder) mailbox(s *SeedUser, u *User) {
	m := newMailbox(u, b.now)
	for _, a := range s.Aliases {
		u.ProxyAddresses = append(u.ProxyAddresses, "smtp:"+a)
	}
	m.Type = orElse(s.Mailbox.Type, m.Type)
	m.ItemCount, m.Size = s.Mailbox.Items, s.Mailbox.Size
	m.DeletedItemCount, m.DeletedItemSize = s.Mailbox.DeletedItems, s.Mailbox.DeletedSize
	m.Archive = s.Mailbox.Archive || s.Mailbox.ArchiveItems > 0
	m.ArchiveItemCount, m.ArchiveSize = s.Mailbox.ArchiveItems, s.Mailbox.ArchiveSize
	m.InPlaceHolds, m.ComplianceTagHoldApplied = s.Mailbox.InPlaceHolds, s.Mailbox.LabelHold
	m.DelayHoldApplied, m.DelayReleaseHoldApplied = s.Mailbox.DelayHold, s.Mailbox.DelayReleaseHold
	m.RemoteRecipientType, m.NeverOpened = s.Mailbox.RemoteRecipientType, s.Mailbox.NeverOpened
	for i := range s.Mailbox.Meetings {
		e := Meeting{ID: derived("meeting", s.UPN, strconv.Itoa(i)), Organised: true, Start: b.now.AddDate(0, 0, i), Lasts: time.Hour, Attendees: 2}
		if i == 0 {
			e.Start, e.Until = b.now.AddDate(0, 0, -30), b.now.AddDate(1, 0, 0)
		}
		m.Meetings = append(m.Meetings, e)
	}
	if m.DelayHoldApplied || m.DelayReleaseHoldApplied {
		m.DelayHoldUntil = b.now.Add(delayHold)
	}
	if s.Mailbox.Hold {
		m.LitigationHold, m.LitigationHoldDate, m.LitigationHoldOwner = true, u.LastPasswordChange, "legal@"+b.w.Domain
	}
	if s.Mailbox.ForwardTo != "" {
		m.ForwardingSMTPAddress, m.DeliverAndForward = "smtp:"+s.Mailbox.ForwardTo, true
	}
	if to := s.Mailbox.RedirectTo; to != "" {
		m.Rules = []InboxRule{{
			ID: "AQAAA" + derived("rule", s.ID)[:8] + "=", Name: "Everything to " + to, Sequence: 1, Enabled: true,
			Actions: map[string]any{"redirectTo": []any{map[string]any{"emailAddress": map[string]any{"name": to, "address": to}}}, "stopProcessingRules": true},
		}}
	}
	b.w.Mailboxes[s.ID] = m
}

func (b *builder) drive(s *SeedUser) {
	d := &Drive{ID: "b!" + strings.ReplaceAll(derived("drive", s.ID), "-", ""), Owner: s.ID}
	for i := range s.Drive.Files {
		size := s.Drive.Size / int64(s.Drive.Files)
		if i == 0 {
			size += s.Drive.Size % int64(s.Drive.Files)
		}
		parent := ""
		if len(d.Items) > 0 && i%3 == 2 { // every third file lies in the folder
			parent = d.Items[0].ID
		}
		if i == 0 && s.Drive.Files > 3 {
			d.Items = append(d.Items, DriveItem{ID: itemID(d.ID, "Reports"), Name: "Reports", Folder: true})
		}
		name := fmt.Sprintf("Report %03d.docx", i+1)
		d.Items = append(d.Items, DriveItem{ID: itemID(d.ID, name), Parent: parent, Name: name, Size: size, Hash: contentHash(d.ID, name)})
	}
	if s.Drive.Files <= 3 {
		for i := range d.Items {
			d.Items[i].Parent = ""
		}
	}
	for i := range min(s.Drive.Links, len(d.Items)) {
		link := Grant{ID: derived("link", d.Items[i].ID), Item: d.Items[i].ID, Link: "view", Scope: "anonymous", Roles: []string{"read"}}
		if i%2 == 1 {
			link.Link, link.Scope, link.Roles = "edit", "organization", []string{"write"}
		}
		d.Grants = append(d.Grants, link)
	}
	d.Recycled, d.Locked = s.Drive.Deleted, s.Drive.Locked
	for _, i := range s.Drive.Items {
		d.Items = append(d.Items, DriveItem{
			ID: itemID(d.ID, i.Name), Name: i.Name, Size: i.Size, Hash: contentHash(d.ID, i.Name), Remote: i.Remote, Package: i.Package,
			Versions: i.Versions, CopyAdds: i.CopyAdds, CopyRefused: i.Refused,
		})
	}
	for _, l := range s.Drive.Libraries {
		further := &Drive{ID: "b!" + strings.ReplaceAll(derived("drive", s.ID, l.Name), "-", ""), Owner: s.ID, Library: l.Name}
		for i := range l.Files {
			name := fmt.Sprintf("Note %03d.txt", i+1)
			further.Items = append(further.Items, DriveItem{ID: itemID(further.ID, name), Name: name, Size: 1, Hash: contentHash(further.ID, name)})
		}
		d.Libraries = append(d.Libraries, further)
	}
	b.w.Drives[s.ID] = d
}

// contentHash has the look of a quickXorHash, 20 bytes in base64.
func contentHash(words ...string) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.ReplaceAll(derived(words...), "-", "")[:20]))
}

// itemID has the look of a SharePoint drive item's id.
func itemID(words ...string) string {
	return "01" + strings.ToUpper(strings.ReplaceAll(derived(words...), "-", ""))
}

func (b *builder) device(s *SeedUser, n int, d SeedDevice) {
	id := derived("device", s.ID, fmt.Sprint(n))
	b.w.Devices[id] = &Device{
		ID: id, DeviceID: derived("deviceId", s.ID, fmt.Sprint(n)), DisplayName: d.Name, OperatingSystem: orElse(d.OS, "Windows"), OSVersion: "10.0.26100.1",
		TrustType: orElse(d.TrustType, "AzureAd"), IsManagementRestricted: d.Restricted, AccountEnabled: true, LastSignIn: b.now.Add(-time.Hour), Owners: []string{s.ID}, Registered: append([]string{s.ID}, b.ids(d.RegisteredUsers)...),
	}
}

func (b *builder) sync(d SeedDevice) time.Duration {
	if d.SyncEvery > 0 {
		return d.SyncEvery
	}
	return b.every
}

func (b *builder) managed(s *SeedUser, n int, d SeedDevice) {
	id := derived("managed", s.ID, fmt.Sprint(n))
	b.w.Managed[id] = &ManagedDevice{
		ID: id, DeviceName: d.Name, UserID: s.ID, AzureADDeviceID: derived("deviceId", s.ID, fmt.Sprint(n)), OperatingSystem: orElse(d.OS, "Windows"),
		OwnerType: orElse(d.Owner, "company"), State: "managed", Enrolled: b.now.Add(-90 * 24 * time.Hour), LastSync: b.now, SyncEvery: b.sync(d), Dead: d.Dead,
		RetireFailures: d.RetireFailures, SerialNumber: d.SerialNumber, Users: b.ids(d.Users),
	}
}

// managedApps are Outlook and Teams on one device: two registrations with one device tag.
func (b *builder) managedApps(s *SeedUser, n int, d SeedDevice) {
	for _, app := range []string{"Outlook", "Teams"} {
		id := "T_" + derived("appRegistration", s.ID, fmt.Sprint(n), app)
		b.w.AppRegistrations[id] = &AppRegistration{
			ID: id, UserID: s.ID, DeviceTag: derived("deviceTag", s.ID, fmt.Sprint(n)), DeviceName: d.Name, DeviceType: orElse(d.OS, "iPhone"),
			Created: b.now.Add(-90 * 24 * time.Hour), LastSync: b.now, SyncEvery: b.sync(d), Dead: d.Dead,
		}
	}
}

func (b *builder) phone(s *SeedUser, n int, d SeedDevice) {
	device := strings.ToUpper(strings.ReplaceAll(derived("phone", s.ID, fmt.Sprint(n)), "-", ""))
	client, middle, every := "EAS", orElse(d.OS, "iPhone"), b.sync(d)
	if d.Outlook {
		client, middle, device = "REST", "Outlook", strings.ToLower(device[:16])
	} else if d.SyncEvery == 0 {
		every = min(every, push)
	}
	identity := fmt.Sprintf(`%s\ExchangeActiveSyncDevices\%s§%s§%s`, b.w.Mailboxes[s.ID].Alias, client, middle, device)
	b.w.Phones[identity] = &Phone{
		Identity: identity, GUID: derived("phoneGuid", s.ID, fmt.Sprint(n)), Mailbox: s.ID, DeviceID: device, FriendlyName: d.Name, Model: orElse(d.Model, d.Name),
		OS: orElse(d.OS, "iOS 26.1"), ClientType: client, FirstSync: b.now.Add(-200 * 24 * time.Hour), LastSync: b.now, SyncEvery: every, Dead: d.Dead, NoAccountOnly: d.NoAccountOnly,
	}
}

// push is how long a phone's own mail program takes to hear what Exchange has for it.
const push = 20 * time.Second

func (b *builder) apps() error {
	b.w.Permissions, b.w.Opens = slices.Sorted(maps.Keys(knownPermissions())), opened()
	b.w.Apps[DefaultClientID] = &App{
		ClientID: DefaultClientID, Name: "Leaver", Secret: DefaultSecret, Roles: slices.Clone(b.w.Permissions), ExchangeRole: "Exchange Administrator",
	}
	b.w.Apps[DefaultConsoleID] = consoleRegistration()
	for _, s := range b.seed.Apps {
		if s.ClientID == "" {
			return fmt.Errorf("app %q has no clientId", s.Name)
		}
		for _, r := range s.DirectoryRoles {
			if roleByName(r) == nil {
				return fmt.Errorf("app %q: no directory role %q", s.Name, r)
			}
		}
		var certificates []*x509.Certificate
		for _, text := range s.Certificates {
			block, _ := pem.Decode([]byte(text))
			if block == nil || block.Type != "CERTIFICATE" {
				return fmt.Errorf("app %q: a certificate is no PEM of one", s.ClientID)
			}
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return fmt.Errorf("app %q: %w", s.ClientID, err)
			}
			certificates = append(certificates, cert)
		}
		b.w.Apps[s.ClientID] = &App{Certificates: certificates, ClientID: s.ClientID, Name: s.Name, Secret: s.Secret, Roles: s.Roles, DirectoryRoles: s.DirectoryRoles, ExchangeRole: s.ExchangeRole}
	}
	return nil
}
