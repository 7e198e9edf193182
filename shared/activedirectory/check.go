package activedirectory

import (
	"context"
	"encoding/binary"
	"slices"

	"github.com/go-ldap/ldap/v3"
)

// Right is one thing that the service account has to be allowed, and on how many of the objects
// looked at it is.
type Right struct {
	Name string // what it is for
	Fix  string // what to grant
	May  int    // on how many objects the account may
	Of   int    // how many were looked at
}

// access is one kind of access that a security descriptor can give.
// Sources: MS-ADTS 5.1.3.2, access rights; Active Directory schema, extended rights and classes.
type access struct {
	mask    uint32
	objects []string // GUIDs: the control access right, the attribute or its property set, or the class of a child
}

const publicInformation = "e48d0154-bcf8-11d1-8702-00c04fb96050" // the property set of name and cn

var (
	resetPassword = access{0x100, []string{"00299570-246d-11d0-a768-00aa006e0529"}} // User-Force-Change-Password
	writeName     = access{0x20, []string{"bf967a0e-0de6-11d0-a285-00aa003049e2", publicInformation}}
	writeCN       = access{0x20, []string{"bf96793f-0de6-11d0-a285-00aa003049e2", publicInformation}}
	deleteIt      = access{0x10000, nil}
	deleteUser    = access{0x2, []string{"bf967aba-0de6-11d0-a285-00aa003049e2"}} // a child of the class user
)

// Check says what the service account may write, without writing: it asks the directory for the
// attributes that it may change on some people and groups below the base, and reads the permissions of
// those people and of their containers for the rights to reset a password, to move and to delete. Accounts and
// groups that AdminSDHolder protects or that Windows needs are passed over. The move is looked at where
// the configuration names where to.
// Sources: MS-ADTS 3.1.1.4.5.22, allowedAttributesEffective; 3.1.1.4.5.21,
// allowedChildClassesEffective; 5.1.3.3, checking access.
func (s *Session) Check(_ context.Context) ([]Right, error) {
	const theirs = "(!(adminCount=1))(!(isCriticalSystemObject=TRUE))"
	people, err := s.sample("(&(objectCategory=person)(objectClass=user)" + theirs + ")")
	if err != nil {
		return nil, classify("looking for people to check the rights on", err)
	}
	groups, err := s.sample("(&(objectClass=group)" + theirs + ")")
	if err != nil {
		return nil, classify("looking for groups to check the rights on", err)
	}
	sids, err := s.identifiers()
	if err != nil {
		return nil, classify("reading the service account", err)
	}
	deletes, err := s.deletes(people, sids)
	if err != nil {
		return nil, classify("reading the permissions of the people's containers", err)
	}
	writes := func(attribute string) func(*ldap.Entry) bool {
		return func(e *ldap.Entry) bool { return has(e, "allowedAttributesEffective", attribute) }
	}
	granted := func(wanted ...access) func(*ldap.Entry) bool {
		return func(e *ldap.Entry) bool {
			return !slices.ContainsFunc(wanted, func(w access) bool { return !grants(e.GetRawAttributeValue("nTSecurityDescriptor"), sids, w) })
		}
	}
	rights := []Right{
		count("disable an account", "Write userAccountControl on user objects", people, writes("userAccountControl")),
		count("reset a password", "Reset Password on user objects", people, granted(resetPassword)),
		count("describe an account", "Write description on user objects", people, writes("description")),
		count("take an account out of a group", "Write member on group objects", groups, writes("member")),
		count("delete an account", "Delete user objects on their containers, which moving needs as well", people, deletes),
	}
	if slices.ContainsFunc(people, func(e *ldap.Entry) bool { return has(e, "allowedAttributes", hideFromAddressLists) }) {
		rights = append(rights, count("hide an account from address lists", "Write "+hideFromAddressLists+" on user objects", people, writes(hideFromAddressLists)))
	}
	if to := s.domain.MoveTo; to != "" {
		target, err := s.read(to, "allowedChildClassesEffective")
		if err != nil {
			return nil, classify("reading moveTo", err)
		}
		rights = append(rights,
			count("take an account along when it is moved", "Write name and Write cn on user objects", people, granted(writeName, writeCN)),
			count("put an account where moveTo says", "Create user objects on moveTo", []*ldap.Entry{target}, func(e *ldap.Entry) bool { return has(e, "allowedChildClassesEffective", "user") }))
	}
	return rights, nil
}

// deletes tells who may be deleted: whose own permissions say so, or those of their container.
// Source: MS-ADTS 3.1.1.5.5.2, delete, security considerations.
func (s *Session) deletes(people []*ldap.Entry, sids []string) (func(*ldap.Entry) bool, error) {
	containers := map[string]bool{}
	for _, e := range people {
		_, parent := split(e.DN)
		if _, known := containers[parent]; known {
			continue
		}
		is, err := s.read(parent, "nTSecurityDescriptor")
		if err != nil {
			return nil, err
		}
		containers[parent] = grants(is.GetRawAttributeValue("nTSecurityDescriptor"), sids, deleteUser)
	}
	return func(e *ldap.Entry) bool {
		_, parent := split(e.DN)
		return containers[parent] || grants(e.GetRawAttributeValue("nTSecurityDescriptor"), sids, deleteIt)
	}, nil
}

func count(name, fix string, of []*ldap.Entry, may func(*ldap.Entry) bool) Right {
	r := Right{Name: name, Fix: fix, Of: len(of)}
	for _, e := range of {
		if may(e) {
			r.May++
		}
	}
	return r
}

// sample is the first page of the objects below the base that the filter finds, with what tells the
// rights on them. A size limit would make an error of there being more.
func (s *Session) sample(filter string) ([]*ldap.Entry, error) {
	const most = 200
	found, err := s.conn.Search(ldap.NewSearchRequest(s.base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, int(timeout.Seconds()), false, filter,
		[]string{"allowedAttributesEffective", "allowedAttributes", "nTSecurityDescriptor"},
		[]ldap.Control{ldap.NewControlPaging(most), onlyDACL}))
	if err != nil {
		return nil, err
	}
	return found.Entries, nil
}

// onlyDACL asks of security descriptors what may be read without the right to read audit settings.
// Source: MS-ADTS 3.1.1.3.4.1.11, LDAP_SERVER_SD_FLAGS_OID.
var onlyDACL = &ldap.ControlMicrosoftSDFlags{Criticality: true, ControlValue: 4}

// identifiers are the security identifiers that this connection acts with.
// Source: MS-ADTS 3.1.1.3.2, rootDSE attribute tokenGroups.
func (s *Session) identifiers() ([]string, error) {
	root, err := s.read("", "tokenGroups")
	if err != nil {
		return nil, err
	}
	var sids []string
	for _, raw := range root.GetRawAttributeValues("tokenGroups") {
		sids = append(sids, sid(raw))
	}
	return sids, nil
}

// grants reports whether a security descriptor gives one of the identifiers an access.
// What cannot be read gives nothing. Sources: MS-DTYP 2.4.4 (ACE), 2.4.5 (ACL), 2.4.6 (descriptor).
func grants(descriptor []byte, sids []string, wanted access) bool {
	const (
		allow, deny, allowObject, denyObject = 0, 1, 5, 6
		inheritOnly                          = 0x08
		hasType, hasInheritedType            = 1, 2
		header, ace, guidSize                = 20, 8, 16
	)
	if len(descriptor) < header {
		return false
	}
	at := int(binary.LittleEndian.Uint32(descriptor[16:]))
	if at == 0 || at > len(descriptor)-8 {
		return false
	}
	count, rest := int(binary.LittleEndian.Uint16(descriptor[at+4:])), descriptor[at+8:]
	for range count {
		if len(rest) < ace {
			return false
		}
		kind, flags, size := rest[0], rest[1], int(binary.LittleEndian.Uint16(rest[2:]))
		if size < ace || size > len(rest) {
			return false
		}
		mask, body := binary.LittleEndian.Uint32(rest[4:]), rest[ace:size]
		rest = rest[size:]
		about := true
		if kind == allowObject || kind == denyObject {
			if len(body) < 4 {
				return false
			}
			present := binary.LittleEndian.Uint32(body)
			body = body[4:]
			if present&hasType != 0 {
				if len(body) < guidSize {
					return false
				}
				about, body = slices.Contains(wanted.objects, guid(body[:guidSize])), body[guidSize:]
			}
			if present&hasInheritedType != 0 {
				if len(body) < guidSize {
					return false
				}
				body = body[guidSize:]
			}
		}
		if flags&inheritOnly != 0 || mask&wanted.mask == 0 || !about || !slices.Contains(sids, sid(body)) {
			continue
		}
		switch kind {
		case allow, allowObject:
			return true
		case deny, denyObject:
			return false
		}
	}
	return false
}
