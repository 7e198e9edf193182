package simtenant

import (
	"slices"
	"strings"
)

// recipientProperties are what Get-Recipient shows of a mailbox.
var recipientProperties = strings.Fields("Identity Name Alias DisplayName DistinguishedName Guid ExternalDirectoryObjectId PrimarySmtpAddress EmailAddresses RecipientType RecipientTypeDetails HiddenFromAddressListsEnabled")

// recipientKind is what somebody without a mailbox here is to Exchange: a MailUser's mail goes
// elsewhere, as on premises; a guest with an address is a GuestMailUser; "" = no recipient.
// Sources: Exchange PowerShell, New-MailUser: a mail user has an address and an account in the organisation
// and no mailbox, and what is sent to them goes to ExternalEmailAddress; RecipientTypeDetails enumeration.
func recipientKind(u *User) string {
	switch {
	case u.RecipientTypeDetails != "":
		return u.RecipientTypeDetails
	case u.UserType == "Guest" && u.Mail != "":
		return "GuestMailUser"
	case u.external() && u.Mail != "":
		return "MailUser"
	}
	return ""
}

// getRecipient knows mailboxes, groups with mail, people whose mailbox is elsewhere, and contacts.
func getRecipient(c *invocation) ([]object, *failure) {
	identity, given, bad := c.text("Identity")
	if bad != nil {
		return nil, bad
	}
	kinds, bad := c.edited("RecipientTypeDetails", nil)
	if bad != nil {
		return nil, bad
	}
	var out []object
	if given {
		if out = c.recipient(identity); out == nil {
			return nil, noObject(identity)
		}
	} else {
		under, bad := c.filter()
		if bad != nil {
			return nil, bad
		}
		boxes := c.t.mailboxes().every
		if under != "" {
			boxes = func() []*Mailbox { return c.t.mailboxes().under(under) }
		}
		for _, m := range boxes() {
			if usable(m) {
				out = append(out, c.cut(m))
			}
		}
	}
	if len(kinds) > 0 {
		out = slices.DeleteFunc(out, func(o object) bool { return !slices.Contains(kinds, o["RecipientTypeDetails"].(string)) })
	}
	return c.limit(out)
}

func (c *invocation) cut(m *Mailbox) object {
	full, cut := c.show(m), object{}
	for _, n := range recipientProperties {
		cut[n] = full[n]
	}
	return cut
}

// recipient is what an identity names; nil = nothing.
func (c *invocation) recipient(identity string) []object {
	w := c.t.world
	if g := c.list(identity); g != nil {
		return []object{c.showList(g)}
	}
	if m := w.mailbox(identity); m != nil {
		if m = seen(c.t, kindMailbox, m.Owner, w.Mailboxes); usable(m) {
			return []object{c.cut(m)}
		}
	}
	ids := slices.Concat([]string{w.userID(identity)}, w.under(kindUser, key("mail:", identity)), w.under(kindUser, key("proxyaddresses:smtp:", identity)))
	for _, id := range ids {
		if u := w.Users[id]; u != nil && recipientKind(u) != "" {
			return []object{{
				"Identity": u.MailNickname, "Name": u.MailNickname, "Alias": u.MailNickname, "DisplayName": u.DisplayName, "ExternalDirectoryObjectId": u.ID,
				"PrimarySmtpAddress": orElse(u.Mail, u.UserPrincipalName), "RecipientType": "MailUser", "RecipientTypeDetails": recipientKind(u), "DistinguishedName": w.dn(u.MailNickname),
				"ExternalEmailAddress": "SMTP:" + orElse(u.ExternalEmailAddress, orElse(u.Mail, u.UserPrincipalName)), "HiddenFromAddressListsEnabled": false,
			}}
		}
	}
	for _, k := range w.Contacts {
		if strings.EqualFold(k.Address, identity) || strings.EqualFold(k.DisplayName, identity) {
			return []object{{
				"Identity": k.DisplayName, "Name": k.DisplayName, "DisplayName": k.DisplayName, "ExternalDirectoryObjectId": k.ID, "PrimarySmtpAddress": k.Address,
				"ExternalEmailAddress": "SMTP:" + k.Address, "RecipientType": "MailContact", "DistinguishedName": w.dn(k.DisplayName), "RecipientTypeDetails": "MailContact", "HiddenFromAddressListsEnabled": false,
			}}
		}
	}
	return nil
}

// getExchangeUser is a user whether or not there is a mailbox; RecipientTypeDetails says which.
func getExchangeUser(c *invocation) ([]object, *failure) {
	identity, _, bad := c.text("Identity")
	if bad != nil {
		return nil, bad
	}
	w := c.t.world
	id := w.userID(identity)
	if m := w.mailbox(identity); id == "" && usable(m) {
		id = m.Owner
	}
	u := w.Users[id]
	if u == nil {
		return nil, noObject(identity)
	}
	kind := orElse(recipientKind(u), "User")
	if m := w.Mailboxes[id]; usable(m) {
		kind = m.Type
	}
	return []object{{
		"Identity": u.MailNickname, "DisplayName": u.DisplayName, "UserPrincipalName": u.UserPrincipalName, "ExternalDirectoryObjectId": u.ID,
		"RecipientTypeDetails": kind, "AccountDisabled": !u.AccountEnabled, "IsDirSynced": u.Synced(), "Manager": text(c.upn(u.ManagerID)),
	}}, nil
}
