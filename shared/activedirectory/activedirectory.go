// Package activedirectory is the adapter to an on-premises Active Directory, over LDAPS or
// StartTLS with the directory's own certificate authority.
//
// Everything is addressed by objectGUID, in Active Directory's alternative form of a distinguished
// name <GUID=…>. One run keeps to one domain controller: what it wrote it reads there, because
// other controllers learn of it seconds to hours later. Errors are told apart by result code and by
// the eight hexadecimal digits with which Windows begins its diagnostic message, never by text.
//
// Sources: MS-ADTS; RFC 4511; Microsoft Learn, KB269190 (passwords over LDAP), KB315071 (limits).
package activedirectory

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"leaver/shared/offboarding"
)

// Domain is one domain of an on-premises Active Directory and the account that acts in it.
type Domain struct {
	Name    string   // DNS name, as onPremisesDomainName
	Servers []string // domain controllers, tried in this order; empty = found by DNS
	// StartTLS speaks LDAP on port 389 and begins TLS there; otherwise LDAPS on port 636.
	StartTLS bool
	CA       []byte // PEM, of the authority that signed the controllers' certificates; nil = the machine's
	Bind     string // the service account: userPrincipalName or distinguished name
	Secret   string // its password
	Base     string // where the people and their groups are; empty = the whole domain
	// Synchronised are the containers in the scope of the synchronisation; MoveTo must be one of
	// them or lie in one.
	Synchronised []string
	offboarding.OnPremisesTreatment
}

// timeout bounds the dialling of one controller and each of its answers.
// Source: KB315071, MaxQueryDuration 120 s; a person's account is read by key, in milliseconds.
const timeout = 20 * time.Second

// Client reaches the domains of an organisation.
type Client struct {
	domains []Domain
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	lookup  func(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
}

// Dial replaces how connections are made; for tests.
func Dial(dial func(ctx context.Context, network, address string) (net.Conn, error)) func(*Client) {
	return func(c *Client) { c.dial = dial }
}

// New makes a client of these domains. It connects to none of them yet.
func New(domains []Domain, options ...func(*Client)) (*Client, error) {
	seen := map[string]bool{}
	for _, d := range domains {
		switch name := strings.ToLower(d.Name); {
		case name == "":
			return nil, errors.New("a directory needs its domain's DNS name")
		case seen[name]:
			return nil, fmt.Errorf("the directory of %s is declared twice", d.Name)
		case d.Bind == "" || d.Secret == "":
			return nil, fmt.Errorf("the directory of %s needs bind and secret: an empty password binds as nobody", d.Name)
		case d.CA != nil && !x509.NewCertPool().AppendCertsFromPEM(d.CA):
			return nil, fmt.Errorf("the directory of %s: ca holds no certificate in PEM", d.Name)
		case d.MoveTo != "" && !slices.ContainsFunc(d.Synchronised, func(scope string) bool { return within(d.MoveTo, scope) }):
			return nil, fmt.Errorf("the directory of %s: moveTo %s is in none of the containers named as synchronised; moving an account out of the synchronisation's scope deletes it in the cloud", d.Name, d.MoveTo)
		default:
			seen[name] = true
		}
	}
	c := &Client{domains: domains, dial: (&net.Dialer{Timeout: timeout}).DialContext, lookup: net.DefaultResolver.LookupSRV}
	for _, o := range options {
		o(c)
	}
	return c, nil
}

// Session is a connection to one domain controller, bound as the service account. It is for one
// run and one person, and not safe for concurrent use.
type Session struct {
	conn   *ldap.Conn
	domain Domain
	base   string // below it are the people
	root   string // of the naming context, in which their groups are
	server string
}

// Open connects to a domain controller of the named domain, the preferred one before the others: a
// later run reads what an earlier one wrote there. What no configuration names is a permanent error,
// a controller that does not answer a transient one once all were tried.
func (c *Client) Open(ctx context.Context, domain, preferred string) (*Session, error) {
	for _, d := range c.domains {
		if !strings.EqualFold(d.Name, domain) {
			continue
		}
		servers, err := c.controllers(ctx, d)
		if err != nil {
			return nil, err
		}
		if i := slices.Index(servers, preferred); i > 0 {
			servers = slices.Concat([]string{preferred}, servers[:i], servers[i+1:])
		}
		var failed []error
		for _, server := range servers {
			s, err := c.connect(ctx, d, server)
			if err == nil {
				return s, nil
			}
			if offboarding.IsPermanent(err) {
				return nil, err
			}
			failed = append(failed, err)
		}
		return nil, errors.Join(failed...)
	}
	return nil, offboarding.Permanent(fmt.Errorf("no directory is configured for the domain %s: add it to LEAVER_DIRECTORY", domain))
}

// controllers are the domain controllers in the order in which they are tried.
// Source: MS-ADTS 6.3.2.3, SRV records.
func (c *Client) controllers(ctx context.Context, d Domain) ([]string, error) {
	if len(d.Servers) > 0 {
		return d.Servers, nil
	}
	_, records, err := c.lookup(ctx, "ldap", "tcp", "dc._msdcs."+d.Name)
	if err != nil {
		return nil, fmt.Errorf("finding the domain controllers of %s: %w", d.Name, err)
	}
	var servers []string
	for _, r := range records {
		servers = append(servers, strings.TrimSuffix(r.Target, "."))
	}
	if len(servers) == 0 {
		return nil, fmt.Errorf("finding the domain controllers of %s: DNS names none", d.Name)
	}
	return servers, nil
}

func (c *Client) connect(ctx context.Context, d Domain, server string) (*Session, error) {
	doing := "connecting to domain controller " + server
	config := &tls.Config{ServerName: server, MinVersion: tls.VersionTLS12}
	if d.CA != nil {
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(d.CA)
	}
	port := "636"
	if d.StartTLS {
		port = "389"
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	plain, err := c.dial(ctx, "tcp", net.JoinHostPort(server, port))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	var conn *ldap.Conn
	if d.StartTLS {
		conn = ldap.NewConn(plain, false)
		conn.Start()
		err = conn.StartTLS(config)
	} else {
		secure := tls.Client(plain, config)
		if err = secure.HandshakeContext(ctx); err == nil {
			conn = ldap.NewConn(secure, true)
			conn.Start()
		}
	}
	if err != nil {
		_ = plain.Close()
		return nil, fmt.Errorf("%s: beginning TLS: %w", doing, untrusted(err))
	}
	conn.SetTimeout(timeout)
	s := &Session{conn: conn, domain: d, base: d.Base, server: server}
	if err := s.begin(); err != nil {
		s.Close()
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	return s, nil
}

// untrusted makes a certificate that the configuration does not trust permanent: asking again does
// not mend it.
func untrusted(err error) error {
	var invalid *tls.CertificateVerificationError
	if errors.As(err, &invalid) {
		return offboarding.Permanent(fmt.Errorf("give the authority of its certificate as ca, and its name in the certificate as server: %w", err))
	}
	return err
}

// begin binds and reads which naming context the controller holds.
// Source: MS-ADTS 3.1.1.3.2, rootDSE attributes; 3.1.1.3.4.3, capabilities.
func (s *Session) begin() error {
	if err := s.conn.Bind(s.domain.Bind, s.domain.Secret); err != nil {
		return classify("binding as the service account", err)
	}
	root, err := s.read("", "defaultNamingContext", "supportedCapabilities")
	if err != nil {
		return classify("reading the rootDSE", err)
	}
	for _, capability := range root.GetAttributeValues("supportedCapabilities") {
		if capability == readOnlyController {
			return errors.New("it is a read-only controller; another one is needed")
		}
	}
	s.root = root.GetAttributeValue("defaultNamingContext")
	if s.base == "" {
		s.base = s.root
	}
	return nil
}

// readOnlyController is LDAP_CAP_ACTIVE_DIRECTORY_PARTIAL_SECRETS_OID.
const readOnlyController = "1.2.840.113556.1.4.1920"

// within reports whether a distinguished name is that of a container or of something in it.
func within(dn, container string) bool {
	inner, err := ldap.ParseDN(dn)
	outer, wrong := ldap.ParseDN(container)
	return err == nil && wrong == nil && (outer.EqualFold(inner) || outer.AncestorOfFold(inner))
}

// Treatment is what the organisation wants of leavers' accounts in this domain.
func (s *Session) Treatment() offboarding.OnPremisesTreatment { return s.domain.OnPremisesTreatment }

// Controller is the name of the domain controller that this is a connection to.
func (s *Session) Controller() string { return s.server }

// Close ends the connection.
func (s *Session) Close() { _ = s.conn.Close() }

// read is one object by its name. Of security descriptors it asks the permissions alone.
func (s *Session) read(dn string, attributes ...string) (*ldap.Entry, error) {
	var controls []ldap.Control
	if slices.Contains(attributes, "nTSecurityDescriptor") {
		controls = []ldap.Control{onlyDACL}
	}
	found, err := s.conn.Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, int(timeout/time.Second), false,
		"(objectClass=*)", attributes, controls))
	if err != nil {
		return nil, err
	}
	if len(found.Entries) != 1 {
		return nil, ldap.NewError(ldap.LDAPResultNoSuchObject, errors.New("the answer holds no entry"))
	}
	return found.Entries[0], nil
}

// search is every object below a container that the filter finds, however many pages they fill.
// References to other naming contexts are not followed.
func (s *Session) search(below, filter string, attributes ...string) ([]*ldap.Entry, error) {
	const page = 500
	found, err := s.conn.SearchWithPaging(ldap.NewSearchRequest(below, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, int(timeout/time.Second), false,
		filter, attributes, nil), page)
	if err != nil {
		return nil, err
	}
	return found.Entries, nil
}
