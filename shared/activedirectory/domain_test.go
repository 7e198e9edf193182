package activedirectory_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/go-ldap/ldap/v3"

	"leaver/shared/activedirectory"
	"leaver/shared/activedirectory/sambatest"
	"leaver/shared/offboarding"
)

// The organisation of the tests: who acts, who leaves, and where they are.
const (
	people    = "OU=People," + sambatest.Base
	lists     = "OU=Lists," + sambatest.Base
	former    = "OU=Former," + sambatest.Base
	service   = "svc-leaver"
	serviceDN = "CN=" + service + ",OU=Services," + sambatest.Base
	secret    = "Serv1ce-Passw0rd!"
	initial   = "In1tial-Passw0rd!"
)

// fixture is a domain with a leaver and a service account that has the rights of infra/activedirectory.
type fixture struct {
	*sambatest.Controller
	admin  *ldap.Conn
	leaver string // objectGUID
	client *activedirectory.Client
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{Controller: sambatest.New(t)}
	f.admin = f.Admin(t)
	for _, ou := range []string{people, lists, former, "OU=Services," + sambatest.Base} {
		f.add(t, ou, "organizationalUnit", nil)
	}
	f.person(t, service, "OU=Services,"+sambatest.Base, secret)
	f.leaver = f.person(t, "sam.ash", people, initial)
	f.Grant(t, people, serviceDN, activedirectory.RightsOnPeople...)
	f.Grant(t, lists, serviceDN, activedirectory.RightsOnGroups...)
	f.Grant(t, former, serviceDN, activedirectory.RightsOnTarget...)
	f.client = f.connect(t, nil)
	return f
}

func (f *fixture) connect(t *testing.T, dial func(context.Context, string, string) (net.Conn, error)) *activedirectory.Client {
	t.Helper()
	if dial == nil {
		dial = f.dial
	}
	c, err := activedirectory.New([]activedirectory.Domain{{
		Name: sambatest.Domain, Servers: []string{sambatest.HostName}, CA: f.CA, Bind: service + "@" + sambatest.Domain, Secret: secret,
	}}, activedirectory.Dial(dial))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// dial reaches the controller at its loopback address whatever name it is called by.
func (f *fixture) dial(ctx context.Context, network, address string) (net.Conn, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(f.Address, port))
}

func (f *fixture) open(t *testing.T) *activedirectory.Session {
	t.Helper()
	s, err := f.client.Open(t.Context(), sambatest.Domain)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func (f *fixture) add(t *testing.T, dn, class string, attributes map[string][]string) {
	t.Helper()
	r := ldap.NewAddRequest(dn, nil)
	r.Attribute("objectClass", []string{class})
	for name, values := range attributes {
		r.Attribute(name, values)
	}
	if err := f.admin.Add(r); err != nil {
		t.Fatalf("adding %s: %v", dn, err)
	}
}

// person adds an enabled account with a password and returns its objectGUID.
func (f *fixture) person(t *testing.T, sam, in, password string) string {
	t.Helper()
	var quoted []byte
	for _, unit := range utf16.Encode([]rune(`"` + password + `"`)) {
		quoted = append(quoted, byte(unit), byte(unit>>8))
	}
	dn := "CN=" + sam + "," + in
	f.add(t, dn, "user", map[string][]string{
		"sAMAccountName": {sam}, "userPrincipalName": {sam + "@" + sambatest.Domain}, "userAccountControl": {"512"}, "unicodePwd": {string(quoted)},
	})
	return f.id(t, dn)
}

// group adds a group with members.
func (f *fixture) group(t *testing.T, name, in string, members ...string) string {
	t.Helper()
	dn := "CN=" + name + "," + in
	f.add(t, dn, "group", map[string][]string{"sAMAccountName": {fmt.Sprintf("group%d", len(name))}, "member": members})
	return dn
}

func (f *fixture) entry(t *testing.T, dn string, attributes ...string) *ldap.Entry {
	t.Helper()
	found, err := f.admin.Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", attributes, nil))
	if err != nil || len(found.Entries) != 1 {
		t.Fatalf("reading %s: %v", dn, err)
	}
	return found.Entries[0]
}

// raw is the objectGUID as the directory keeps it.
func (f *fixture) raw(t *testing.T, dn string) []byte {
	t.Helper()
	return f.entry(t, dn, "objectGUID").GetRawAttributeValue("objectGUID")
}

func (f *fixture) id(t *testing.T, dn string) string {
	t.Helper()
	r := f.raw(t, dn)
	return fmt.Sprintf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%x-%x", r[3], r[2], r[1], r[0], r[5], r[4], r[7], r[6], r[8:10], r[10:])
}

// identity is what Entra says of somebody whom it synchronises from this directory.
func (f *fixture) identity(t *testing.T, sam, in string) offboarding.OnPremisesIdentity {
	t.Helper()
	return offboarding.OnPremisesIdentity{
		Domain: sambatest.Domain, SamAccountName: sam, SID: f.SID(t, "CN="+sam+","+in),
		Anchor: base64.StdEncoding.EncodeToString(f.raw(t, "CN="+sam+","+in)),
	}
}

// set replaces an attribute as the administrator.
func (f *fixture) set(t *testing.T, dn, attribute string, values ...string) {
	t.Helper()
	m := ldap.NewModifyRequest(dn, nil)
	m.Replace(attribute, values)
	if err := f.admin.Modify(m); err != nil {
		t.Fatalf("changing %s of %s: %v", attribute, dn, err)
	}
}

// open guard that lets everything through and keeps what was done.
type recorder struct{ calls []offboarding.Call }

func (r *recorder) Allow(context.Context) error  { return nil }
func (r *recorder) Record(call offboarding.Call) { r.calls = append(r.calls, call) }

func writing(t *testing.T) (context.Context, *recorder) {
	t.Helper()
	r := &recorder{}
	return offboarding.WithWriteGuard(t.Context(), r), r
}

func random() string {
	return "aA1-" + strings.Repeat(rand.Text(), 2)
}
