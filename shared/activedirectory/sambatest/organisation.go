package sambatest

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/go-ldap/ldap/v3"

	"leaver/shared/activedirectory"
	"leaver/shared/offboarding"
)

// The organisation: its containers, the account that acts, and the password that people have.
const (
	Company  = "OU=Contoso," + Base
	People   = "OU=People," + Company
	Groups   = "OU=Groups," + Company
	Former   = "OU=Former," + Company // synchronised as well
	Outside  = "OU=Outside," + Base   // not synchronised
	services = "OU=Services," + Base
	service  = "svc-leaver"
	secret   = "Serv1ce-Passw0rd!"
	Initial  = "In1tial-Passw0rd!"
)

// serviceAccount is the distinguished name of the account that acts for Leaver.
const serviceAccount = "CN=" + service + "," + services

// Organisation is a domain with people, groups, and a service account that has exactly the rights
// of infra/activedirectory.
type Organisation struct {
	*Controller
	admin *ldap.Conn
}

// Settle makes the organisation on a fresh controller. The access control entries in without are
// not given to the service account.
func Settle(c *Controller, without ...string) (*Organisation, error) {
	admin, err := c.Dial(Administrator, Password)
	if err != nil {
		return nil, err
	}
	o := &Organisation{Controller: c, admin: admin}
	for _, ou := range []string{Company, People, Groups, Former, Outside, services} {
		if err := o.add(ou, "organizationalUnit", nil); err != nil {
			return nil, err
		}
	}
	if err := o.extendSchema(); err != nil {
		return nil, err
	}
	if _, err := o.Person(service, services, secret); err != nil {
		return nil, err
	}
	// All on one container, because delegating takes a second; an administrator gives each where it
	// is needed.
	aces := slices.Concat(activedirectory.RightsOnPeople, activedirectory.RightsOnGroups, activedirectory.RightsOnTarget, []string{activedirectory.RightToHide(hideGUID)})
	if err := c.grant(Company, serviceAccount, subtract(aces, without)); err != nil {
		return nil, err
	}
	return o, nil
}

// hideGUID is the schemaIDGUID of msExchHideFromAddressLists in this forest.
const hideGUID = "7f3a1c52-58a4-4d0e-9b1f-2d6c0e8a4b11"

// extendSchema adds what Exchange's own set-up adds for hiding an account from address lists.
// Source: Active Directory schema of Exchange, ms-Exch-Hide-From-Address-Lists.
func (o *Organisation) extendSchema() error {
	const schema, name = "CN=Schema,CN=Configuration," + Base, "msExchHideFromAddressLists"
	refresh := ldap.NewModifyRequest("", nil)
	refresh.Add("schemaUpdateNow", []string{"1"})
	attribute := map[string][]string{
		"lDAPDisplayName": {name}, "attributeID": {"1.2.840.113556.1.4.7000.102.73"}, "attributeSyntax": {"2.5.5.8"},
		"oMSyntax": {"1"}, "isSingleValued": {"TRUE"},
		"schemaIDGUID": {"\x52\x1c\x3a\x7f\xa4\x58\x0e\x4d\x9b\x1f\x2d\x6c\x0e\x8a\x4b\x11"},
	}
	if err := o.add("CN=ms-Exch-Hide-From-Address-Lists,"+schema, "attributeSchema", attribute); err != nil {
		return err
	}
	person := ldap.NewModifyRequest("CN=User,"+schema, nil)
	person.Add("mayContain", []string{name})
	for _, m := range []*ldap.ModifyRequest{refresh, person, refresh} {
		if err := o.admin.Modify(m); err != nil {
			return fmt.Errorf("extending the schema: %w", err)
		}
	}
	return nil
}

func subtract(aces, without []string) (left []string) {
	taken := strings.Join(without, "")
	for _, ace := range aces {
		if !strings.Contains(taken, ace) {
			left = append(left, ace)
		}
	}
	return left
}

// Domain is the directory as Leaver is configured for it.
func (o *Organisation) Domain() activedirectory.Domain {
	return activedirectory.Domain{
		Name: Domain, Servers: []string{HostName}, CA: o.CA, Base: Company, Synchronised: []string{Company},
		Bind: service + "@" + Domain, Secret: secret,
	}
}

// DialContext reaches the controller at its loopback address whatever name it is called by.
func (c *Controller) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(c.Address, port))
}

// Person adds an enabled account with a password and returns its distinguished name.
func (o *Organisation) Person(sam, in, password string) (dn string, err error) {
	var quoted []byte
	for _, unit := range utf16.Encode([]rune(`"` + password + `"`)) {
		quoted = append(quoted, byte(unit), byte(unit>>8))
	}
	dn = "CN=" + sam + "," + in
	return dn, o.add(dn, "user", map[string][]string{
		"sAMAccountName": {sam}, "userPrincipalName": {sam + "@" + Domain}, "userAccountControl": {"512"}, "unicodePwd": {string(quoted)},
	})
}

// Group adds a group with members, distinguished names, and returns its own.
func (o *Organisation) Group(sam string, members ...string) (dn string, err error) {
	dn = "CN=" + sam + "," + Groups
	attributes := map[string][]string{"sAMAccountName": {sam}}
	if len(members) > 0 {
		attributes["member"] = members
	}
	return dn, o.add(dn, "group", attributes)
}

func (o *Organisation) add(dn, class string, attributes map[string][]string) error {
	r := ldap.NewAddRequest(dn, nil)
	r.Attribute("objectClass", []string{class})
	for name, values := range attributes {
		r.Attribute(name, values)
	}
	if err := o.admin.Add(r); err != nil {
		return fmt.Errorf("adding %s: %w", dn, err)
	}
	return nil
}

// Set replaces an attribute as the domain's administrator.
func (o *Organisation) Set(dn, attribute string, values ...string) error {
	m := ldap.NewModifyRequest(dn, nil)
	m.Replace(attribute, values)
	if err := o.admin.Modify(m); err != nil {
		return fmt.Errorf("changing %s of %s: %w", attribute, dn, err)
	}
	return nil
}

// Read is one object as the domain's administrator sees it; an error that
// ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) recognises when it is not there.
func (o *Organisation) Read(dn string, attributes ...string) (*ldap.Entry, error) {
	found, err := o.admin.Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", attributes, nil))
	if err != nil {
		return nil, err
	}
	return found.Entries[0], nil
}

// Identity is what Entra says of the account that it synchronises from this directory.
func (o *Organisation) Identity(dn string) (offboarding.OnPremisesIdentity, error) {
	e, err := o.Read(dn, "objectGUID", "objectSid", "sAMAccountName")
	if err != nil {
		return offboarding.OnPremisesIdentity{}, fmt.Errorf("reading %s: %w", dn, err)
	}
	return offboarding.OnPremisesIdentity{
		Domain: Domain, SamAccountName: e.GetAttributeValue("sAMAccountName"), SID: identifier(e.GetRawAttributeValue("objectSid")),
		Anchor: base64.StdEncoding.EncodeToString(e.GetRawAttributeValue("objectGUID")),
	}, nil
}

// State is what a synchronisation reads of an account.
type State struct {
	Version     string // uSNChanged
	Enabled     bool
	PasswordSet time.Time
	Hidden      bool
	Groups      []string // SIDs
}

// Synchronised is the account with that source anchor as a synchronisation sees it; found is false
// when it is gone or out of scope.
func (o *Organisation) Synchronised(anchor string) (is State, found bool, err error) {
	raw, err := base64.StdEncoding.DecodeString(anchor)
	if err != nil {
		return State{}, false, fmt.Errorf("reading a source anchor: %w", err)
	}
	var filter strings.Builder
	for _, b := range raw {
		fmt.Fprintf(&filter, `\%02x`, b)
	}
	search := func(filter string, attributes ...string) ([]*ldap.Entry, error) {
		found, err := o.admin.Search(ldap.NewSearchRequest(Company, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, filter, attributes, nil))
		if err != nil {
			return nil, fmt.Errorf("synchronising: %w", err)
		}
		return found.Entries, nil
	}
	accounts, err := search("(objectGUID="+filter.String()+")", "uSNChanged", "userAccountControl", "pwdLastSet", "msExchHideFromAddressLists")
	if err != nil || len(accounts) == 0 {
		return State{}, false, err
	}
	account := accounts[0]
	control, _ := strconv.Atoi(account.GetAttributeValue("userAccountControl"))
	set, _ := strconv.ParseInt(account.GetAttributeValue("pwdLastSet"), 10, 64)
	const since1601 = 116444736000000000
	is = State{
		Version: account.GetAttributeValue("uSNChanged"), Enabled: control&2 == 0, PasswordSet: time.Unix(0, (set-since1601)*100).UTC(),
		Hidden: account.GetAttributeValue("msExchHideFromAddressLists") == "TRUE",
	}
	groups, err := search("(&(objectClass=group)(member="+ldap.EscapeFilter(account.DN)+"))", "objectSid", "uSNChanged")
	for _, g := range groups {
		is.Groups = append(is.Groups, identifier(g.GetRawAttributeValue("objectSid")))
		is.Version += " " + g.GetAttributeValue("uSNChanged")
	}
	return is, true, err
}

// identifier writes a security identifier.
func identifier(raw []byte) string {
	if len(raw) < 8 {
		return ""
	}
	sid := fmt.Sprintf("S-%d-%d", raw[0], raw[7])
	for i := 8; i+4 <= len(raw); i += 4 {
		sid += fmt.Sprintf("-%d", uint32(raw[i])|uint32(raw[i+1])<<8|uint32(raw[i+2])<<16|uint32(raw[i+3])<<24)
	}
	return sid
}
