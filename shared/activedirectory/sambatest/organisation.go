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
	admin *ldap.Conn // see administrator
}

// administrator is a connection bound as the domain's administrator, which outlives a restart.
func (o *Organisation) administrator() (*ldap.Conn, error) {
	if o.admin != nil && !o.admin.IsClosing() {
		return o.admin, nil
	}
	var err error
	o.admin, err = o.Controller.Dial(Administrator, Password)
	return o.admin, err
}

// Settle makes the organisation on a fresh controller. The access control entries in without are
// not given to the service account.
func Settle(c *Controller, without ...string) (*Organisation, error) {
	o := &Organisation{Controller: c}
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
	aces := slices.Concat(activedirectory.RightsOnPeople, activedirectory.RightsOnGroups, activedirectory.RightsOnTarget, []string{RightToHide})
	if err := c.grant(Company, serviceAccount, subtract(aces, without)); err != nil {
		return nil, err
	}
	return o, nil
}

// hideGUID is the schemaIDGUID of msExchHideFromAddressLists in this forest.
const hideGUID = "7f3a1c52-58a4-4d0e-9b1f-2d6c0e8a4b11"

// RightToHide is the entry by which the service account may hide people in this forest.
var RightToHide = activedirectory.RightToHide(hideGUID)

// extendSchema adds those of Exchange's attributes that its own set-up adds for hiding an account from
// address lists.
// Source: Active Directory schema of Exchange, ms-Exch-Hide-From-Address-Lists, ms-Exch-Mail-Nickname.
func (o *Organisation) extendSchema() error {
	const schema, hide, nickname = "CN=Schema,CN=Configuration," + Base, "msExchHideFromAddressLists", "mailNickname"
	refresh := ldap.NewModifyRequest("", nil)
	refresh.Add("schemaUpdateNow", []string{"1"})
	if err := o.add("CN=ms-Exch-Hide-From-Address-Lists,"+schema, "attributeSchema", map[string][]string{
		"lDAPDisplayName": {hide}, "attributeID": {"1.2.840.113556.1.4.7000.102.73"}, "attributeSyntax": {"2.5.5.8"},
		"oMSyntax": {"1"}, "isSingleValued": {"TRUE"},
		"schemaIDGUID": {"\x52\x1c\x3a\x7f\xa4\x58\x0e\x4d\x9b\x1f\x2d\x6c\x0e\x8a\x4b\x11"},
	}); err != nil {
		return err
	}
	if err := o.add("CN=ms-Exch-Mail-Nickname,"+schema, "attributeSchema", map[string][]string{
		"lDAPDisplayName": {nickname}, "attributeID": {"1.2.840.113556.1.2.447"}, "attributeSyntax": {"2.5.5.12"},
		"oMSyntax": {"64"}, "isSingleValued": {"TRUE"},
	}); err != nil {
		return err
	}
	admin, err := o.administrator()
	if err != nil {
		return err
	}
	person := ldap.NewModifyRequest("CN=User,"+schema, nil)
	person.Add("mayContain", []string{hide, nickname})
	for _, m := range []*ldap.ModifyRequest{refresh, person, refresh} {
		if err := admin.Modify(m); err != nil {
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
		"sAMAccountName": {sam}, "userPrincipalName": {sam + "@" + Domain}, "userAccountControl": {"512"}, "unicodePwd": {string(quoted)}, "mailNickname": {sam},
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
	admin, err := o.administrator()
	if err != nil {
		return err
	}
	if err := admin.Add(r); err != nil {
		return fmt.Errorf("adding %s: %w", dn, err)
	}
	return nil
}

// Set replaces an attribute as the domain's administrator.
func (o *Organisation) Set(dn, attribute string, values ...string) error {
	m := ldap.NewModifyRequest(dn, nil)
	m.Replace(attribute, values)
	admin, err := o.administrator()
	if err != nil {
		return err
	}
	if err := admin.Modify(m); err != nil {
		return fmt.Errorf("changing %s of %s: %w", attribute, dn, err)
	}
	return nil
}

// Crowd adds contacts, who cost the controller less than accounts, and returns their names.
func (o *Organisation) Crowd(n int) (dns []string, err error) {
	for i := range n {
		dn := fmt.Sprintf("CN=c%d,%s", i, People)
		if err := o.add(dn, "contact", nil); err != nil {
			return nil, err
		}
		dns = append(dns, dn)
	}
	return dns, nil
}

// Below adds an object below a person's account, as Exchange does for phones and other products for
// keys.
func (o *Organisation) Below(dn string) (child string, err error) {
	child = "CN=Below," + dn
	return child, o.add(child, "classStore", nil)
}

// Delete deletes an object as the domain's administrator.
func (o *Organisation) Delete(dn string) error {
	admin, err := o.administrator()
	if err != nil {
		return err
	}
	if err := admin.Del(ldap.NewDelRequest(dn, nil)); err != nil {
		return fmt.Errorf("deleting %s: %w", dn, err)
	}
	return nil
}

// Move moves an object into a container as the domain's administrator.
func (o *Organisation) Move(dn, container string) error {
	admin, err := o.administrator()
	if err != nil {
		return err
	}
	name, _, _ := strings.Cut(dn, ",")
	if err := admin.ModifyDN(ldap.NewModifyDNRequest(dn, name, true, container)); err != nil {
		return fmt.Errorf("moving %s: %w", dn, err)
	}
	return nil
}

// Replica is another controller of the domain, called [SecondName], with what this one holds now. The
// two do not replicate: what is written to the one the other never hears of.
func (o *Organisation) Replica(ctx context.Context, dir string) (*Organisation, error) {
	c, err := start(ctx, o.dir, dir)
	return &Organisation{Controller: c}, err
}

// Read is one object as the domain's administrator sees it; an error that
// ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) recognises when it is not there.
func (o *Organisation) Read(dn string, attributes ...string) (*ldap.Entry, error) {
	admin, err := o.administrator()
	if err != nil {
		return nil, err
	}
	found, err := admin.Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", attributes, nil))
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
	Mail        bool     // mailNickname is set
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
	admin, err := o.administrator()
	if err != nil {
		return State{}, false, err
	}
	search := func(filter string, attributes ...string) ([]*ldap.Entry, error) {
		found, err := admin.Search(ldap.NewSearchRequest(Company, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, filter, attributes, nil))
		if err != nil {
			return nil, fmt.Errorf("synchronising: %w", err)
		}
		return found.Entries, nil
	}
	accounts, err := search("(objectGUID="+filter.String()+")", "uSNChanged", "userAccountControl", "pwdLastSet", "msExchHideFromAddressLists", "mailNickname")
	if err != nil || len(accounts) == 0 {
		return State{}, false, err
	}
	account := accounts[0]
	control, _ := strconv.Atoi(account.GetAttributeValue("userAccountControl"))
	set, _ := strconv.ParseInt(account.GetAttributeValue("pwdLastSet"), 10, 64)
	const since1601 = 116444736000000000
	is = State{
		Version: account.GetAttributeValue("uSNChanged"), Enabled: control&2 == 0, PasswordSet: time.Unix(0, (set-since1601)*100).UTC(),
		Hidden: account.GetAttributeValue("msExchHideFromAddressLists") == "TRUE", Mail: account.GetAttributeValue("mailNickname") != "",
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
