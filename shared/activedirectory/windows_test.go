package activedirectory

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"leaver/shared/offboarding"
)

// What Windows does and Samba does not is tried on a scripted peer: it answers with what a test
// puts into it, over TLS. Sources: KB315071 (a page holds 1,000 objects), MS-ERREF (the codes that
// begin a diagnostic message).

// peer is a scripted domain controller. Controls follow the packet of the answer they belong to.
type peer struct {
	answer  func(op *ber.Packet, controls []ldap.Control) []*ber.Packet
	address string
	ca      []byte
	die     func(op *ber.Packet) bool // after the answer to it was computed, and before it is sent
}

func newPeer(t *testing.T, answer func(*ber.Packet, []ldap.Control) []*ber.Packet) *peer {
	t.Helper()
	lender := httptest.NewTLSServer(nil) // its certificate is for example.com
	t.Cleanup(lender.Close)
	p := &peer{answer: answer, ca: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: lender.Certificate().Raw})}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: lender.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	p.address = listener.Addr().String()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go p.serve(conn)
		}
	}()
	return p
}

func (p *peer) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	for {
		request, err := ber.ReadPacket(conn)
		if err != nil || len(request.Children) < 2 {
			return
		}
		op := request.Children[1]
		if op.Tag == ldap.ApplicationUnbindRequest {
			return
		}
		var controls []ldap.Control
		if len(request.Children) > 2 {
			for _, c := range request.Children[2].Children {
				if control, err := ldap.DecodeControl(c); err == nil {
					controls = append(controls, control)
				}
			}
		}
		answers := []*ber.Packet{done(ldap.ApplicationBindResponse, 0, "")}
		if op.Tag != ldap.ApplicationBindRequest {
			answers = p.answer(op, controls)
		}
		if p.die != nil && p.die(op) {
			return
		}
		for i, a := range answers {
			if a.ClassType == ber.ClassContext {
				continue // the controls of the answer before
			}
			message := ber.NewSequence("LDAPMessage")
			message.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, request.Children[0].Value, "id"))
			message.AppendChild(a)
			if i+1 < len(answers) && answers[i+1].ClassType == ber.ClassContext {
				message.AppendChild(answers[i+1])
			}
			if _, err := conn.Write(message.Bytes()); err != nil {
				return
			}
		}
	}
}

// done is the end of an answer.
func done(tag ber.Tag, code int64, diagnostic string) *ber.Packet {
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "answer")
	p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, code, "code"))
	p.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", "matched"))
	p.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, diagnostic, "diagnostic"))
	return p
}

// entry is one object of an answer to a search.
func entry(dn string, attributes map[string][]string) *ber.Packet {
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultEntry, nil, "entry")
	p.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, dn, "dn"))
	all := ber.NewSequence("attributes")
	for name, values := range attributes {
		a := ber.NewSequence("attribute")
		a.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, name, "name"))
		set := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "values")
		for _, v := range values {
			set.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, v, "value"))
		}
		a.AppendChild(set)
		all.AppendChild(a)
	}
	p.AppendChild(all)
	return p
}

// asked is what a search asks for.
func asked(op *ber.Packet) (base, filter string) {
	filter, _ = ldap.DecompileFilter(op.Children[6])
	return string(op.Children[0].ByteValue), filter
}

func (p *peer) session(t *testing.T, more ...string) *Session {
	t.Helper()
	c, err := New([]Domain{{Name: "corp.example", Servers: append(more, "example.com"), CA: p.ca, Bind: "svc@corp.example", Secret: "s"}},
		Dial(func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, p.address)
		}))
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Open(t.Context(), "corp.example", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

type allow struct{}

func (allow) Allow(context.Context) error { return nil }
func (allow) Record(offboarding.Call)     {}

const (
	someID  = "4cf084ca-7e5d-464c-a560-43af196c89b6"
	groupID = "00112233-4455-6677-8899-aabbccddeeff"
)

// bytesOf are the 16 bytes of an objectGUID.
func bytesOf(id string) string {
	var raw []byte
	for part := range strings.SplitSeq(strings.TrimPrefix(escapedID(id), `\`), `\`) {
		var b byte
		if _, err := fmt.Sscanf(part, "%02x", &b); err != nil {
			panic(err)
		}
		raw = append(raw, b)
	}
	return string(raw)
}

func sam() *ber.Packet {
	return entry("CN=Sam Ash,OU=People,DC=corp,DC=example", map[string][]string{
		"objectGUID": {bytesOf(someID)}, "objectClass": {"top", "person", "user"}, "userAccountControl": {"512"}, "distinguishedName": {"CN=Sam Ash,OU=People,DC=corp,DC=example"},
	})
}

// reads answers what a run reads first; writes is what becomes of its writes.
func reads(writes func(op *ber.Packet) *ber.Packet) func(*ber.Packet, []ldap.Control) []*ber.Packet {
	return func(op *ber.Packet, _ []ldap.Control) []*ber.Packet {
		end := done(ldap.ApplicationSearchResultDone, 0, "")
		if op.Tag != ldap.ApplicationSearchRequest {
			return []*ber.Packet{writes(op)}
		}
		switch base, filter := asked(op); {
		case base == "":
			return []*ber.Packet{entry("", map[string][]string{"defaultNamingContext": {"DC=corp,DC=example"}}), end}
		case base == byID(someID):
			return []*ber.Packet{sam(), end}
		case strings.Contains(filter, "objectClass=group"):
			return []*ber.Packet{entry("CN=Staff,DC=corp,DC=example", map[string][]string{"objectGUID": {bytesOf(groupID)}}), end}
		}
		return []*ber.Packet{end}
	}
}

func TestWhatWindowsAnswersIsToldApartByItsCodes(t *testing.T) {
	const (
		quiet     = "nothing"
		transient = "transient"
		permanent = "permanent"
	)
	reset := func(ctx context.Context, s *Session) error { return s.ResetPassword(ctx, someID, "p") }
	leave := func(ctx context.Context, s *Session) error { return s.LeaveGroup(ctx, groupID, someID) }
	for name, test := range map[string]struct {
		code       int64
		diagnostic string
		write      func(context.Context, *Session) error
		want       string
		says       string
	}{
		"password rules, 19":        {19, "0000052D: AtrErr: DSID-03191083, #1:", reset, permanent, "password rules"},
		"password rules, 53":        {53, "0000052D: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0", reset, permanent, "password rules"},
		"not a member any more":     {53, "00000561: SvcErr: DSID-031A1254, problem 5003 (WILL_NOT_PERFORM), data 0", leave, quiet, ""},
		"no right":                  {50, "00002098: SecErr: DSID-03150F94, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0", leave, permanent, "no right"},
		"busy":                      {51, "", reset, transient, "51"},
		"unavailable":               {52, "", reset, transient, "52"},
		"a time limit":              {3, "", reset, transient, "3"},
		"a controller cannot write": {10, "0000202B: RefErr: DSID-0310078D", leave, transient, "10"},
		"no object":                 {32, "0000208D: NameErr: DSID-0310021B, problem 2001 (NO_OBJECT), data 0, best match of: 'DC=corp,DC=example'", reset, "not found", "32"},
		"no words at all":           {80, "", reset, transient, "80"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPeer(t, reads(func(*ber.Packet) *ber.Packet { return done(ldap.ApplicationModifyResponse, test.code, test.diagnostic) }))
			err := test.write(offboarding.WithWriteGuard(t.Context(), allow{}), p.session(t))
			got := transient
			var fatal *offboarding.PermanentError
			switch {
			case err == nil:
				got = quiet
			case errors.As(err, &fatal):
				got = permanent
			case errors.Is(err, offboarding.ErrNotFound):
				got = "not found"
			}
			if got != test.want || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %s: %v; want %s that says %q", got, err, test.want, test.says)
			}
			if err != nil && strings.Contains(err.Error(), "best match") {
				t.Errorf("the directory's text is passed on: %v", err)
			}
		})
	}
}

// A user in more groups than a page holds: Windows hands out 1,000 objects and then a cookie.
func TestAllGroupsAreReadHoweverManyPagesTheyFill(t *testing.T) {
	const all = 2500
	p := newPeer(t, nil)
	first := reads(nil)
	p.answer = func(op *ber.Packet, controls []ldap.Control) []*ber.Packet {
		if _, filter := asked(op); !strings.Contains(filter, "objectClass=group") {
			return first(op, controls)
		}
		paging, _ := ldap.FindControl(controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
		if paging == nil {
			return []*ber.Packet{done(ldap.ApplicationSearchResultDone, ldap.LDAPResultSizeLimitExceeded, "")}
		}
		from := 0
		if len(paging.Cookie) > 0 {
			from = int(paging.Cookie[0])<<8 | int(paging.Cookie[1])
		}
		to := min(from+int(paging.PagingSize), all)
		var out []*ber.Packet
		for i := from; i < to; i++ {
			out = append(out, entry(fmt.Sprintf("CN=G%d,DC=corp,DC=example", i), map[string][]string{"objectGUID": {fmt.Sprintf("%016d", i)}}))
		}
		end, next := done(ldap.ApplicationSearchResultDone, 0, ""), ldap.NewControlPaging(0)
		if to < all {
			next.SetCookie([]byte{byte(to >> 8), byte(to)})
		}
		cookie := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "controls")
		cookie.AppendChild(next.Encode())
		return append(out, end, cookie)
	}
	groups, err := p.session(t).Groups(t.Context(), someID)
	if err != nil || len(groups) != all {
		t.Fatalf("%d groups, %v; want %d", len(groups), err, all)
	}
	ids := map[string]bool{}
	for _, g := range groups {
		ids[g.ID] = true
	}
	if len(ids) != all {
		t.Errorf("%d different groups, want %d", len(ids), all)
	}
}

// Windows shows 1,500 values of an attribute and names the rest "member;range=…": a component that
// read none replaced all 3,000 members of a group by the one it meant to add.
// Source: github.com/dsbenghe/Novell.Directory.Ldap.NETStandard/issues/82; Active Directory,
// enumerating groups that contain many members.
func TestALargeGroupLosesOneMemberAndNoOther(t *testing.T) {
	const dn = "CN=Sam Ash,OU=People,DC=corp,DC=example"
	members := map[string]bool{dn: true}
	for i := range 4999 {
		members[fmt.Sprintf("CN=P%d,OU=People,DC=corp,DC=example", i)] = true
	}
	p := newPeer(t, nil)
	first := reads(func(op *ber.Packet) *ber.Packet {
		changes := op.Children[1].Children
		what := changes[0].Children[1]
		if kind, _ := changes[0].Children[0].Value.(int64); len(changes) != 1 || kind != ldap.DeleteAttribute || len(what.Children[1].Children) != 1 {
			t.Error("more than one value is changed, or not taken away")
		}
		if got := string(what.Children[1].Children[0].ByteValue); got == byID(someID) {
			delete(members, dn)
		}
		return done(ldap.ApplicationModifyResponse, 0, "")
	})
	p.answer = func(op *ber.Packet, controls []ldap.Control) []*ber.Packet {
		if op.Tag == ldap.ApplicationSearchRequest {
			for _, a := range op.Children[7].Children {
				if strings.HasPrefix(string(a.ByteValue), "member") {
					t.Error("the members of a group are read, of which an answer holds 1,500")
				}
			}
			if _, filter := asked(op); strings.Contains(filter, "(member=") && !members[dn] {
				return []*ber.Packet{done(ldap.ApplicationSearchResultDone, 0, "")}
			}
		}
		return first(op, controls)
	}
	ctx, s := offboarding.WithWriteGuard(t.Context(), allow{}), p.session(t)
	groups, err := s.Groups(ctx, someID)
	if err != nil || len(groups) != 1 {
		t.Fatalf("groups %v: %v", groups, err)
	}
	if err := s.LeaveGroup(ctx, groups[0].ID, someID); err != nil {
		t.Fatal(err)
	}
	if groups, err = s.Groups(ctx, someID); err != nil || len(groups) > 0 || len(members) != 4999 {
		t.Errorf("groups %v: %v; %d members are left, want 4999", groups, err, len(members))
	}
}

// Each forest has its own controllers and its own service account.
func TestSeveralForestsAreToldApartByTheirDomain(t *testing.T) {
	var asked []string
	domains, peers := []Domain{}, map[string]*peer{}
	for _, name := range []string{"corp.example", "north.example"} {
		p := newPeer(t, func(op *ber.Packet, controls []ldap.Control) []*ber.Packet {
			asked = append(asked, name)
			return reads(nil)(op, controls)
		})
		peers[name] = p
		domains = append(domains, Domain{Name: name, Servers: []string{"example.com"}, CA: p.ca, Bind: "svc@" + name, Secret: "s"})
	}
	dialled := ""
	c, err := New(domains, Dial(func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, peers[dialled].address)
	}))
	if err != nil {
		t.Fatal(err)
	}
	for _, dialled = range []string{"north.example", "corp.example"} {
		asked = nil
		s, err := c.Open(t.Context(), strings.ToUpper(dialled), "")
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		if s.domain.Bind != "svc@"+dialled || !slices.Contains(asked, dialled) || len(asked) != 1 {
			t.Errorf("%s was asked as %s at %v", dialled, s.domain.Bind, asked)
		}
	}
}

// Of a domain of thousands the check looks at the first page. Windows answers a size limit that more
// than that many objects exceed with an error; Samba ignores it.
// Source: MS-ADTS 3.1.1.3.1.3.1; RFC 2696, section 3.
func TestTheCheckLooksAtAPageOfALargeDomain(t *testing.T) {
	p := newPeer(t, nil)
	p.answer = func(op *ber.Packet, controls []ldap.Control) []*ber.Packet {
		end := done(ldap.ApplicationSearchResultDone, 0, "")
		base, filter := asked(op)
		if !strings.Contains(filter, "isCriticalSystemObject") {
			root := map[string][]string{"defaultNamingContext": {"DC=corp,DC=example"}}
			return []*ber.Packet{entry(base, root), end}
		}
		if limit, _ := op.Children[3].Value.(int64); limit != 0 {
			return []*ber.Packet{done(ldap.ApplicationSearchResultDone, ldap.LDAPResultSizeLimitExceeded, "")}
		}
		paging, _ := ldap.FindControl(controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
		if paging == nil {
			return []*ber.Packet{done(ldap.ApplicationSearchResultDone, ldap.LDAPResultSizeLimitExceeded, "")}
		}
		var out []*ber.Packet
		for i := range paging.PagingSize {
			out = append(out, entry(fmt.Sprintf("CN=P%d,OU=People,DC=corp,DC=example", i), map[string][]string{"allowedAttributesEffective": {"userAccountControl", "description", "member"}}))
		}
		next := ldap.NewControlPaging(0)
		next.SetCookie([]byte("more"))
		cookie := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "controls")
		cookie.AppendChild(next.Encode())
		return append(out, end, cookie)
	}
	rights, err := p.session(t).Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rights {
		if read := r.Name == "reset a password" || r.Name == "delete an account"; r.Of == 0 || (r.May == r.Of) == read {
			t.Errorf("%s: on %d of %d", r.Name, r.May, r.Of)
		}
	}
}

// Without servers in the declaration they are those of the domain's SRV records.
// Source: MS-ADTS 6.3.2.3.
func TestControllersAreFoundByDNS(t *testing.T) {
	p := newPeer(t, reads(nil))
	c, err := New([]Domain{{Name: "corp.example", CA: p.ca, Bind: "svc", Secret: "s"}},
		Dial(func(ctx context.Context, network, address string) (net.Conn, error) {
			if address == "dc1.corp.example:636" {
				return nil, net.ErrClosed
			}
			return (&net.Dialer{}).DialContext(ctx, network, p.address)
		}))
	if err != nil {
		t.Fatal(err)
	}
	c.lookup = func(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
		if service != "ldap" || proto != "tcp" || name != "dc._msdcs.corp.example" {
			return "", nil, fmt.Errorf("nobody is at _%s._%s.%s", service, proto, name)
		}
		return "", []*net.SRV{{Target: "dc1.corp.example."}, {Target: "example.com."}}, nil
	}
	s, err := c.Open(t.Context(), "corp.example", "")
	if err != nil || s.Controller() != "example.com" {
		t.Fatalf("got %v; want the second controller, because the first does not answer", err)
	}
	s.Close()
	c.lookup = func(context.Context, string, string, string) (string, []*net.SRV, error) { return "", nil, nil }
	if _, err := c.Open(t.Context(), "corp.example", ""); err == nil || !strings.Contains(err.Error(), "DNS names none") {
		t.Errorf("got %v, want that DNS names none", err)
	}
}

func TestTheControllerOfAnEarlierRunIsPreferred(t *testing.T) {
	p := newPeer(t, reads(nil))
	var dialled []string
	c, err := New([]Domain{{Name: "corp.example", Servers: []string{"dc1.corp.example", "example.com"}, CA: p.ca, Bind: "svc", Secret: "s"}},
		Dial(func(ctx context.Context, network, address string) (net.Conn, error) {
			dialled = append(dialled, address)
			return (&net.Dialer{}).DialContext(ctx, network, p.address)
		}))
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Open(t.Context(), "corp.example", "example.com")
	if err != nil || s.Controller() != "example.com" || len(dialled) != 1 {
		t.Fatalf("dialled %v: %v", dialled, err)
	}
	s.Close()
}

func TestAControllerThatCannotWriteIsPassedOver(t *testing.T) {
	asks := 0
	first := reads(nil)
	p := newPeer(t, nil)
	p.answer = func(op *ber.Packet, controls []ldap.Control) []*ber.Packet {
		if base, _ := asked(op); base == "" {
			if asks++; asks == 1 {
				return []*ber.Packet{entry("", map[string][]string{"supportedCapabilities": {readOnlyController}}), done(ldap.ApplicationSearchResultDone, 0, "")}
			}
		}
		return first(op, controls)
	}
	p.session(t, "example.com")
	if asks != 2 {
		t.Errorf("%d controllers were asked, want 2", asks)
	}
}

// The controller dies between the write and its answer: the run fails, and the next one finds the
// write done and writes nothing again.
func TestAControllerThatDiesAfterTheWriteIsReadAgain(t *testing.T) {
	disabled, writes := false, 0
	p := newPeer(t, nil)
	first := reads(func(*ber.Packet) *ber.Packet {
		disabled, writes = true, writes+1
		return done(ldap.ApplicationModifyResponse, 0, "")
	})
	p.answer = func(op *ber.Packet, controls []ldap.Control) []*ber.Packet {
		if op.Tag == ldap.ApplicationSearchRequest && disabled {
			if base, _ := asked(op); base == byID(someID) {
				return []*ber.Packet{entry("CN=Sam Ash,DC=corp,DC=example", map[string][]string{"userAccountControl": {"514"}, "objectClass": {"user"}, "objectGUID": {bytesOf(someID)}}), done(ldap.ApplicationSearchResultDone, 0, "")}
			}
		}
		return first(op, controls)
	}
	p.die = func(op *ber.Packet) bool { return op.Tag == ldap.ApplicationModifyRequest }
	ctx := offboarding.WithWriteGuard(t.Context(), allow{})
	disable := func() error {
		s := p.session(t)
		account, err := s.Account(ctx, someID)
		if err != nil {
			t.Fatal(err)
		}
		return s.Disable(ctx, account)
	}
	err := disable()
	var fatal *offboarding.PermanentError
	if err == nil || errors.As(err, &fatal) {
		t.Fatalf("got %v, want a transient error", err)
	}
	if err := disable(); err != nil || writes != 1 {
		t.Errorf("again: %v after %d writes, want 1", err, writes)
	}
}

func TestAnUntrustedCertificateIsNotAskedAgain(t *testing.T) {
	p := newPeer(t, reads(nil))
	c, err := New([]Domain{{Name: "corp.example", Servers: []string{"dc9.corp.example"}, CA: p.ca, Bind: "svc", Secret: "s"}},
		Dial(func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, p.address)
		}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Open(t.Context(), "CORP.example", "")
	var fatal *offboarding.PermanentError
	if !errors.As(err, &fatal) || !strings.Contains(err.Error(), "ca") {
		t.Errorf("got %v, want a permanent error that says what to configure", err)
	}
}

func TestADomainIsDeclaredOnceAndWhole(t *testing.T) {
	whole := Domain{Name: "corp.example", Bind: "svc", Secret: "s"}
	for name, domains := range map[string][]Domain{
		"no name":       {{Bind: "svc", Secret: "s"}},
		"no password":   {{Name: "corp.example", Bind: "svc"}},
		"twice":         {whole, {Name: "CORP.EXAMPLE", Bind: "svc", Secret: "s"}},
		"no PEM inside": {{Name: "corp.example", Bind: "svc", Secret: "s", CA: []byte("x")}},
	} {
		if _, err := New(slices.Clone(domains)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	c, err := New([]Domain{whole})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Open(t.Context(), "other.example", "")
	var fatal *offboarding.PermanentError
	if !errors.As(err, &fatal) || !strings.Contains(err.Error(), "LEAVER_DIRECTORY") {
		t.Errorf("got %v, want what to configure", err)
	}
}
