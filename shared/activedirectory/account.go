package activedirectory

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/go-ldap/ldap/v3"

	"leaver/shared/offboarding"
)

// Bits of userAccountControl. Source: Active Directory schema, attribute User-Account-Control.
const (
	accountDisable = 0x2
	notAPerson     = 0x800 | 0x1000 | 0x2000 // trusts, workstations and servers
)

const hideFromAddressLists = "msExchHideFromAddressLists"

var accountAttributes = []string{
	"objectGUID", "objectSid", "objectClass", "sAMAccountName", "distinguishedName", "userAccountControl", "pwdLastSet",
	"primaryGroupID", hideFromAddressLists, "mailNickname", "description", "adminCount", "isCriticalSystemObject", "allowedAttributes",
}

// Find is the account that Entra's user is synchronised from: the only one whose
// mS-DS-ConsistencyGuid or objectGUID is the anchor, and whose SID is Entra's too. It may have been
// renamed since, unless another account has the name by which Entra knew it. None is
// offboarding.ErrNotFound; several, or one that another property contradicts, is permanent: nobody
// is guessed.
// Sources: Microsoft Entra Connect, design concepts, sourceAnchor; Windows Server, How security
// identifiers work; dataplat/dbatools issue 7528, of names that change.
func (s *Session) Find(_ context.Context, who offboarding.OnPremisesIdentity) (offboarding.OnPremisesAccount, error) {
	anchor, err := base64.StdEncoding.DecodeString(who.Anchor)
	if err != nil || len(anchor) != 16 {
		return offboarding.OnPremisesAccount{}, offboarding.Permanent(errors.New("finding the account: onPremisesImmutableId is not the base64 of 16 bytes"))
	}
	bytes := escaped(anchor)
	found, err := s.search(s.base, "(|(mS-DS-ConsistencyGuid="+bytes+")(objectGUID="+bytes+"))", accountAttributes...)
	if err != nil {
		return offboarding.OnPremisesAccount{}, classify("finding the account by its source anchor", err)
	}
	switch {
	case len(found) == 0:
		return offboarding.OnPremisesAccount{}, fmt.Errorf("finding the account by its source anchor: %w", offboarding.ErrNotFound)
	case len(found) > 1:
		return offboarding.OnPremisesAccount{}, offboarding.Permanent(fmt.Errorf("finding the account: %d accounts have the source anchor; a person has to say which one is meant", len(found)))
	}
	e := found[0]
	id := guid(e.GetRawAttributeValue("objectGUID"))
	const byHand = "look at both with Get-ADUser -Identity; where %[1]s is the leaver's, Disable-ADAccount -Identity %[1]s and sign off"
	if has := sid(e.GetRawAttributeValue("objectSid")); has != who.SID {
		return offboarding.OnPremisesAccount{}, offboarding.Permanent(fmt.Errorf(
			"account %[1]s has the source anchor that Entra shows, and not the SID: it has %s instead of %s; where it was made anew since the departure was planned, ask for the departure again (leaver offboard) and replay; else "+byHand, id, has, who.SID))
	}
	if who.SamAccountName == "" || strings.EqualFold(e.GetAttributeValue("sAMAccountName"), who.SamAccountName) {
		return account(e)
	}
	others, err := s.search(s.root, "(sAMAccountName="+ldap.EscapeFilter(who.SamAccountName)+")", "objectGUID")
	switch {
	case err != nil:
		return offboarding.OnPremisesAccount{}, classify("finding out who has the former sAMAccountName of account "+id, err)
	case len(others) > 0:
		return offboarding.OnPremisesAccount{}, offboarding.Permanent(fmt.Errorf(
			"account %[1]s has the source anchor and the SID that Entra shows, and account %s the sAMAccountName: "+byHand, id, guid(others[0].GetRawAttributeValue("objectGUID"))))
	}
	return account(e)
}

// Account is the account with that objectGUID as it is now.
func (s *Session) Account(_ context.Context, id string) (offboarding.OnPremisesAccount, error) {
	e, err := s.read(byID(id), accountAttributes...)
	if err != nil {
		return offboarding.OnPremisesAccount{}, classify("reading account "+id, err)
	}
	return account(e)
}

func account(e *ldap.Entry) (offboarding.OnPremisesAccount, error) {
	a := offboarding.OnPremisesAccount{
		ID:              guid(e.GetRawAttributeValue("objectGUID")),
		PasswordSet:     fileTime(e.GetAttributeValue("pwdLastSet")),
		PrimaryGroup:    e.GetAttributeValue("primaryGroupID"),
		Hidden:          e.GetAttributeValue(hideFromAddressLists) == "TRUE",
		HasAddressList:  has(e, "allowedAttributes", hideFromAddressLists),
		HasMailNickname: e.GetAttributeValue("mailNickname") != "",
		Description:     e.GetAttributeValue("description"),
		Privileged:      e.GetAttributeValue("adminCount") == "1",
		Critical:        e.GetAttributeValue("isCriticalSystemObject") == "TRUE",
	}
	control, err := strconv.ParseInt(e.GetAttributeValue("userAccountControl"), 10, 32)
	if err != nil {
		return offboarding.OnPremisesAccount{}, offboarding.Permanent(fmt.Errorf("reading account %s: userAccountControl is not shown; the service account may not read it", a.ID))
	}
	a.Control, a.Enabled = uint32(control), control&accountDisable == 0
	a.Person = control&notAPerson == 0 && has(e, "objectClass", "user") && !has(e, "objectClass", "computer")
	_, a.Parent = split(e.DN)
	return a, nil
}

// Groups are the groups of the account's domain that name it as a member: not the primary one, which
// names nobody, and none of another domain. The directory looks for the account in them, so that the
// members of a group are never read, of which an answer holds no more than 1,500.
func (s *Session) Groups(_ context.Context, id string) ([]offboarding.OnPremisesGroup, error) {
	e, err := s.read(byID(id), "distinguishedName")
	if err != nil {
		return nil, classify("reading account "+id, err)
	}
	found, err := s.search(s.root, "(&(objectClass=group)(member="+ldap.EscapeFilter(e.DN)+"))", "objectGUID", "objectSid", "adminCount")
	if err != nil {
		return nil, classify("reading the groups of account "+id, err)
	}
	var groups []offboarding.OnPremisesGroup
	for _, g := range found {
		groups = append(groups, offboarding.OnPremisesGroup{
			ID: guid(g.GetRawAttributeValue("objectGUID")), SID: sid(g.GetRawAttributeValue("objectSid")), Privileged: g.GetAttributeValue("adminCount") == "1",
		})
	}
	return groups, nil
}

// Disable disables the account as it was read. It takes the value away that was read and adds the
// new one, so that a change by somebody else in between is an error and not lost.
func (s *Session) Disable(ctx context.Context, a offboarding.OnPremisesAccount) error {
	const what = "userAccountControl"
	if !a.Enabled {
		return nil
	}
	m := ldap.NewModifyRequest(byID(a.ID), nil)
	m.Delete(what, []string{control(a.Control)})
	m.Add(what, []string{control(a.Control | accountDisable)})
	err := s.modify(ctx, "disabling account "+a.ID, what, m)
	if err != nil && result(err) == ldap.LDAPResultNoSuchAttribute {
		return fmt.Errorf("disabling account %s: somebody changed userAccountControl meanwhile", a.ID)
	}
	return settled("disabling account "+a.ID, err)
}

// Enable enables the account if it still is as it was read.
func (s *Session) Enable(ctx context.Context, a offboarding.OnPremisesAccount) error {
	const what = "userAccountControl"
	m := ldap.NewModifyRequest(byID(a.ID), nil)
	m.Delete(what, []string{control(a.Control)})
	m.Add(what, []string{control(a.Control &^ accountDisable)})
	err := s.modify(ctx, "enabling account "+a.ID, what, m)
	if err != nil && result(err) == ldap.LDAPResultNoSuchAttribute {
		return fmt.Errorf("enabling account %s: somebody changed userAccountControl meanwhile", a.ID)
	}
	return settled("enabling account "+a.ID, err)
}

// control writes userAccountControl as the directory does, as a signed number.
// Source: Active Directory schema, attribute syntax Enumeration.
func control(bits uint32) string { return strconv.FormatInt(int64(int32(bits)), 10) }

// ResetPassword sets a password as an administrator does: neither history nor minimum age count.
// Source: KB269190: UTF-16LE, in quotation marks, over TLS.
func (s *Session) ResetPassword(ctx context.Context, id, password string) error {
	var quoted []byte
	for _, unit := range utf16.Encode([]rune(`"` + password + `"`)) {
		quoted = binary.LittleEndian.AppendUint16(quoted, unit)
	}
	m := ldap.NewModifyRequest(byID(id), nil)
	m.Replace("unicodePwd", []string{string(quoted)})
	err := s.modify(ctx, "resetting the password of account "+id, "unicodePwd", m)
	if code(err) == codePassword {
		return offboarding.Permanent(fmt.Errorf("resetting the password of account %s: the domain's password rules refuse a random password of 52 characters; look for a password filter", id))
	}
	return settled("resetting the password of account "+id, err)
}

// HideFromAddressLists hides the account from Exchange's address lists. It needs the Exchange
// schema; see OnPremisesAccount.HasAddressList.
func (s *Session) HideFromAddressLists(ctx context.Context, id string) error {
	m := ldap.NewModifyRequest(byID(id), nil)
	m.Replace(hideFromAddressLists, []string{"TRUE"})
	return settled("hiding account "+id, s.modify(ctx, "hiding account "+id, hideFromAddressLists, m))
}

// ShowInAddressLists shows the account in Exchange's address lists again.
func (s *Session) ShowInAddressLists(ctx context.Context, id string) error {
	m := ldap.NewModifyRequest(byID(id), nil)
	m.Replace(hideFromAddressLists, []string{"FALSE"})
	return settled("showing account "+id, s.modify(ctx, "showing account "+id, hideFromAddressLists, m))
}

// SetDescription replaces the description, which everybody in the domain can read; an empty one takes it
// away.
func (s *Session) SetDescription(ctx context.Context, id, text string) error {
	var values []string
	if text != "" {
		values = []string{text}
	}
	m := ldap.NewModifyRequest(byID(id), nil)
	m.Replace("description", values)
	return settled("describing account "+id, s.modify(ctx, "describing account "+id, "description", m))
}

// LeaveGroup takes the account out of a group. An account that is no member any more is done.
func (s *Session) LeaveGroup(ctx context.Context, group, id string) error {
	doing := fmt.Sprintf("taking account %s out of group %s", id, group)
	e, err := s.read(byID(id), "distinguishedName")
	if err != nil {
		return classify("reading account "+id, err)
	}
	m := ldap.NewModifyRequest(byID(group), nil)
	m.Delete("member", []string{byID(id)})
	err = s.modify(ctx, doing, "member", m)
	if err == nil {
		return nil
	}
	if code(err) == codeNotMember || result(err) == ldap.LDAPResultUnwillingToPerform {
		// Whether it was gone already or may not be taken away is told by the group, not by the text.
		if still, reading := s.search(s.root, "(&(objectGUID="+escapedID(group)+")(member="+ldap.EscapeFilter(e.DN)+"))", "objectGUID"); reading == nil && len(still) == 0 {
			return nil
		}
	}
	return settled(doing, err)
}

// JoinGroup puts the account into a group. An account that is a member already is done.
func (s *Session) JoinGroup(ctx context.Context, group, id string) error {
	doing := fmt.Sprintf("putting account %s into group %s", id, group)
	m := ldap.NewModifyRequest(byID(group), nil)
	m.Add("member", []string{byID(id)})
	err := s.modify(ctx, doing, "member", m)
	if err != nil && result(err) == ldap.LDAPResultEntryAlreadyExists {
		return nil
	}
	return settled(doing, err)
}

// Move puts the account into another container under the same name.
func (s *Session) Move(ctx context.Context, id, container string) error {
	doing := "moving account " + id
	e, err := s.read(byID(id), "distinguishedName")
	if err != nil {
		return classify("reading account "+id, err)
	}
	name, _ := split(e.DN)
	if err := offboarding.WriteGuardFrom(ctx).Allow(ctx); err != nil {
		return err
	}
	err = s.conn.ModifyDN(ldap.NewModifyDNRequest(byID(id), name, true, container))
	s.record(ctx, "modifyDN", err)
	return settled(doing, protected(doing, err))
}

// Delete deletes the account. With the recycle bin enabled it can be brought back whole for 180
// days, without it only as an empty account.
func (s *Session) Delete(ctx context.Context, id string) error {
	if err := offboarding.WriteGuardFrom(ctx).Allow(ctx); err != nil {
		return err
	}
	err := s.conn.Del(ldap.NewDelRequest(byID(id), nil))
	s.record(ctx, "delete", err)
	if err != nil && result(err) == ldap.LDAPResultNoSuchObject {
		return nil
	}
	if err != nil && result(err) == ldap.LDAPResultNotAllowedOnNonLeaf {
		return offboarding.Permanent(fmt.Errorf("deleting account %s: there are objects below it, such as the phones that Exchange keeps there; look what they are, delete them, then replay", id))
	}
	return settled("deleting account "+id, protected("deleting account "+id, err))
}

// protected says of a refused move or deletion what else than a missing right can refuse it.
func protected(doing string, err error) error {
	if err == nil || result(err) != ldap.LDAPResultInsufficientAccessRights {
		return err
	}
	return forbidden{fmt.Errorf("%w, or the account is protected from accidental deletion", classify(doing, err))}
}

// modify asks the write guard, writes, and records the answer, which it returns as it is.
func (s *Session) modify(ctx context.Context, doing, attribute string, m *ldap.ModifyRequest) error {
	if err := offboarding.WriteGuardFrom(ctx).Allow(ctx); err != nil {
		return forbidden{fmt.Errorf("%s: %w", doing, err)}
	}
	err := s.conn.Modify(m)
	s.record(ctx, "modify "+attribute, err)
	return err
}

func (s *Session) record(ctx context.Context, operation string, err error) {
	status := 0
	if err != nil {
		status = int(result(err))
	}
	offboarding.WriteGuardFrom(ctx).Record(offboarding.Call{Operation: operation, Status: status})
}

// forbidden is an answer that passes through unchanged, such as the write guard's no.
type forbidden struct{ error }

func (f forbidden) Unwrap() error { return f.error }

func settled(doing string, err error) error {
	var no forbidden
	if errors.As(err, &no) {
		return no.error
	}
	return classify(doing, err)
}

// byID is the distinguished name of an object in its alternative form.
// Source: MS-ADTS 3.1.1.3.1.2.4.
func byID(id string) string { return "<GUID=" + id + ">" }

// split cuts a distinguished name as the directory wrote it into that of the object in its
// container, and the container's. Source: RFC 4514: a comma in a value is escaped.
func split(dn string) (name, parent string) {
	for i := 0; i < len(dn); i++ {
		switch dn[i] {
		case '\\':
			i++
		case ',':
			return dn[:i], dn[i+1:]
		}
	}
	return dn, ""
}

func has(e *ldap.Entry, attribute, value string) bool {
	for _, v := range e.GetAttributeValues(attribute) {
		if strings.EqualFold(v, value) {
			return true
		}
	}
	return false
}

// escaped writes bytes as a filter takes them. Source: RFC 4515.
func escaped(raw []byte) string {
	var b strings.Builder
	for _, c := range raw {
		fmt.Fprintf(&b, `\%02x`, c)
	}
	return b.String()
}

// escapedID is an objectGUID as a filter takes it.
func escapedID(id string) string {
	var a, b, c uint64
	var rest [8]byte
	fields := strings.Split(id, "-")
	if len(fields) != 5 {
		return ""
	}
	a, _ = strconv.ParseUint(fields[0], 16, 32)
	b, _ = strconv.ParseUint(fields[1], 16, 16)
	c, _ = strconv.ParseUint(fields[2], 16, 16)
	last, _ := strconv.ParseUint(fields[3]+fields[4], 16, 64)
	binary.BigEndian.PutUint64(rest[:], last)
	raw := binary.LittleEndian.AppendUint32(nil, uint32(a))
	raw = binary.LittleEndian.AppendUint16(raw, uint16(b))
	raw = binary.LittleEndian.AppendUint16(raw, uint16(c))
	return escaped(append(raw, rest[:]...))
}

// guid writes 16 bytes as Active Directory keeps them: the first three fields little-endian.
func guid(raw []byte) string {
	if len(raw) != 16 {
		return ""
	}
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", binary.LittleEndian.Uint32(raw), binary.LittleEndian.Uint16(raw[4:]),
		binary.LittleEndian.Uint16(raw[6:]), raw[8:10], raw[10:])
}

// sid writes a security identifier. Source: MS-DTYP 2.4.2.
func sid(raw []byte) string {
	if len(raw) < 8 || len(raw) != 8+4*int(raw[1]) {
		return ""
	}
	authority := binary.BigEndian.Uint64(append([]byte{0, 0}, raw[2:8]...))
	text := fmt.Sprintf("S-%d-%d", raw[0], authority)
	for i := 8; i < len(raw); i += 4 {
		text += fmt.Sprintf("-%d", binary.LittleEndian.Uint32(raw[i:]))
	}
	return text
}

// fileTime reads a count of 100 ns since 1601. Zero and what is no time, such as the largest number, which
// means never, are the zero time. Source: MS-DTYP 2.3.3; MS-ADA3, pwdLastSet.
func fileTime(text string) time.Time {
	const second, toUnix, year10000 = 10_000_000, 11_644_473_600, 253_402_300_800
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 || n/second-toUnix >= year10000 {
		return time.Time{}
	}
	return time.Unix(n/second-toUnix, n%second*100).UTC()
}
