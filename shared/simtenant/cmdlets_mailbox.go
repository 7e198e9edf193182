package simtenant

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// protocolSwitches are the parameters of Set-CASMailbox that open or close a protocol.
var protocolSwitches = strings.Fields("ActiveSyncEnabled OWAEnabled OWAforDevicesEnabled PopEnabled ImapEnabled MAPIEnabled EwsEnabled ECPEnabled " +
	"UniversalOutlookEnabled OutlookMobileEnabled MacOutlookEnabled OneWinNativeOutlookEnabled SmtpClientAuthenticationDisabled")

func (c *invocation) upn(id string) string {
	for _, u := range []*User{c.t.world.Users[id], c.t.world.Deleted[id]} {
		if u != nil {
			return u.UserPrincipalName
		}
	}
	return ""
}

// alias is how Exchange prints a recipient that it stores by reference.
func (c *invocation) alias(id string) any {
	if m := c.t.world.Mailboxes[id]; m != nil {
		return m.Alias
	}
	return text(id)
}

func (c *invocation) aliases(ids []string) []any {
	out := []any{}
	for _, id := range ids {
		out = append(out, c.alias(id))
	}
	return out
}

func moment(t time.Time) any { return stamp(t) }

func (c *invocation) show(m *Mailbox) object {
	u := c.t.world.Users[m.Owner]
	addresses := []string{"SMTP:" + m.PrimarySMTPAddress}
	if u != nil {
		addresses = texts(u.ProxyAddresses)
	}
	archive := "None"
	if m.Archive {
		archive = "Active"
	}
	return object{
		"Identity": m.Alias, "Name": m.Alias, "Alias": m.Alias, "DisplayName": m.DisplayName, "DistinguishedName": c.t.world.distinguishedName(m), "Guid": m.ExchangeGUID, "ExchangeGuid": m.ExchangeGUID,
		"ExternalDirectoryObjectId": m.Owner, "UserPrincipalName": c.upn(m.Owner), "PrimarySmtpAddress": m.PrimarySMTPAddress, "EmailAddresses": addresses,
		"RecipientType": "UserMailbox", "RecipientTypeDetails": m.Type, "IsShared": m.Type == "SharedMailbox", "RemoteRecipientType": orElse(m.RemoteRecipientType, "None"),
		"AccountDisabled": !c.enabled(m.Owner), "HiddenFromAddressListsEnabled": m.Hidden,
		"ForwardingAddress": c.alias(m.ForwardingAddress), "ForwardingSmtpAddress": text(m.ForwardingSMTPAddress), "DeliverToMailboxAndForward": m.DeliverAndForward,
		"LitigationHoldEnabled": m.LitigationHold, "LitigationHoldDate": moment(m.LitigationHoldDate), "LitigationHoldDuration": m.LitigationHoldFor, "LitigationHoldOwner": m.LitigationHoldOwner,
		"RetentionComment": m.RetentionComment, "RetentionUrl": m.RetentionURL, "InPlaceHolds": texts(m.InPlaceHolds),
		"DelayHoldApplied": m.DelayHoldApplied, "DelayReleaseHoldApplied": m.DelayReleaseHoldApplied, "ComplianceTagHoldApplied": m.ComplianceTagHoldApplied, "RetentionHoldEnabled": false,
		"LicensedForLitigationHold": u != nil && c.t.world.hasPlan(u, "EXCHANGE_S_ENTERPRISE"),
		"ArchiveStatus":             archive, "ProhibitSendReceiveQuota": "100 GB (107,374,182,400 bytes)",
		"GrantSendOnBehalfTo": c.aliases(m.GrantSendOnBehalfTo), "ModerationEnabled": m.ModerationEnabled, "ModeratedBy": c.aliases(m.ModeratedBy), "IsDirSynced": u != nil && u.Synced(), "IsSoftDeletedByRemove": !m.SoftDeletedAt.IsZero(), "IsInactiveMailbox": m.Inactive,
		"WhenSoftDeleted": moment(m.SoftDeletedAt),
	}
}

func getMailbox(c *invocation) ([]object, *failure) {
	flags := map[string]bool{}
	for _, name := range []string{"SoftDeletedMailbox", "InactiveMailboxOnly", "IncludeInactiveMailbox"} {
		on, _, bad := c.truth(name)
		if bad != nil {
			return nil, bad
		}
		flags[name] = on
	}
	kinds, bad := c.edited("RecipientTypeDetails", nil)
	if bad != nil {
		return nil, bad
	}
	under, bad := c.filter()
	if bad != nil {
		return nil, bad
	}
	wanted := func(m *Mailbox) bool {
		if len(kinds) > 0 && !slices.Contains(kinds, m.Type) {
			return false
		}
		switch {
		case flags["InactiveMailboxOnly"]:
			return m.Inactive
		case flags["SoftDeletedMailbox"]:
			return !m.SoftDeletedAt.IsZero()
		case flags["IncludeInactiveMailbox"]:
			return m.SoftDeletedAt.IsZero() || m.Inactive
		}
		return m.SoftDeletedAt.IsZero()
	}
	if identity, given, bad := c.text("Identity"); bad != nil {
		return nil, bad
	} else if given {
		m := c.t.world.mailbox(identity)
		if m != nil {
			m = seen(c.t, kindMailbox, m.Owner, c.t.world.Mailboxes)
		}
		if m == nil || !wanted(m) {
			return nil, noObject(identity)
		}
		return []object{c.show(m)}, nil
	}
	var out []object
	all := c.t.mailboxes().every
	if under != "" {
		all = func() []*Mailbox { return c.t.mailboxes().under(under) }
	}
	for _, m := range all() {
		if wanted(m) {
			out = append(out, c.show(m))
		}
	}
	return c.limit(out)
}

// mailboxTypes are the values of Set-Mailbox -Type.
var mailboxTypes = map[string]string{
	"Regular": "UserMailbox", "Shared": "SharedMailbox", "Room": "RoomMailbox", "Equipment": "EquipmentMailbox", "Workspace": "RoomMailbox", "Desk": "RoomMailbox",
}

func setMailbox(c *invocation) ([]object, *failure) {
	m, bad := c.named("Identity", false)
	if bad != nil {
		return nil, bad
	}
	u := c.t.world.Users[m.Owner]
	synced := refused(scopeException, "The operation on mailbox \"%s\" failed because it's out of the current user's write scope. The action 'Set-Mailbox' can't be performed on the object '%s' "+
		"because the object is being synchronized from your on-premises organization. This action should be performed on the object in your on-premises organization.", m.Alias, m.Alias)
	disabled, changesAccount, bad := c.truth("AccountDisabled")
	if bad != nil {
		return nil, bad
	}
	if changesAccount && u.Synced() {
		return nil, synced
	}
	accountDiffers := changesAccount && u.AccountEnabled == disabled
	out, bad := c.change(m, func(after *Mailbox) *failure {
		if hidden, given, bad := c.truth("HiddenFromAddressListsEnabled"); bad != nil {
			return bad
		} else if given {
			if u.Synced() {
				return synced
			}
			after.Hidden = hidden
		}
		if kind, given, bad := c.text("Type"); bad != nil {
			return bad
		} else if given {
			details := mailboxTypes[kind]
			if details == "" {
				return badValue("Type", kind)
			}
			if details != m.Type && details != m.PendingType {
				after.PendingType, after.PendingFrom = details, c.now.Add(c.t.world.SharedDelay)
			}
		}
		if bad := c.forwarding(after); bad != nil {
			return bad
		}
		held := c.t.world.holdsMail(after)
		if bad := c.hold(after, u); bad != nil {
			return bad
		}
		c.t.world.delay(after, held, c.now)
		if bad := c.releaseHolds(after); bad != nil {
			return bad
		}
		if _, given := c.args["GrantSendOnBehalfTo"]; given {
			names, bad := c.edited("GrantSendOnBehalfTo", after.GrantSendOnBehalfTo)
			if bad != nil {
				return bad
			}
			var ids []string
			for _, n := range names {
				d := c.t.world.mailbox(n)
				if d == nil {
					return noObject(n)
				}
				ids = append(ids, d.Owner)
			}
			after.GrantSendOnBehalfTo = ids
		}
		return nil
	})
	if bad != nil {
		return nil, bad
	}
	if accountDiffers {
		c.warnings = nil
		c.t.before(kindUser, u.ID, c.now)
		u.AccountEnabled = !disabled
	}
	c.t.settle() // a conversion without delay shows at once
	return out, nil
}

func (c *invocation) forwarding(after *Mailbox) *failure {
	if both, given, bad := c.truth("DeliverToMailboxAndForward"); bad != nil {
		return bad
	} else if given {
		after.DeliverAndForward = both
	}
	if to, given, bad := c.text("ForwardingSmtpAddress"); bad != nil {
		return bad
	} else if given {
		address := to
		if len(to) >= 5 && strings.EqualFold(to[:5], "smtp:") {
			address = to[5:]
		}
		if to != "" && !strings.Contains(address, "@") {
			return badValue("ForwardingSmtpAddress", to)
		}
		if after.ForwardingSMTPAddress = ""; to != "" {
			after.ForwardingSMTPAddress = "smtp:" + address
		}
	}
	to, given, bad := c.text("ForwardingAddress")
	if bad != nil || !given {
		return bad
	}
	after.ForwardingAddress = ""
	if to != "" {
		target := c.t.world.mailbox(to)
		if !usable(target) {
			return noObject(to)
		}
		after.ForwardingAddress = target.Owner
	}
	return nil
}

func (c *invocation) hold(after *Mailbox, u *User) *failure {
	on, given, bad := c.truth("LitigationHoldEnabled")
	if bad != nil {
		return bad
	}
	if given {
		if on && !c.t.world.hasPlan(u, "EXCHANGE_S_ENTERPRISE") {
			return refused(recipientException, "Your Microsoft Exchange Online license doesn't permit you to put a litigation hold on this mailbox.")
		}
		switch {
		case on && !after.LitigationHold:
			after.LitigationHoldDate, after.LitigationHoldOwner = c.now.Truncate(time.Second), c.app.Name
		case !on:
			after.LitigationHoldDate, after.LitigationHoldOwner, after.LitigationHoldFor = time.Time{}, "", "Unlimited"
		}
		after.LitigationHold = on
	}
	if d, given, bad := c.text("LitigationHoldDuration"); bad != nil {
		return bad
	} else if given {
		days, _, _ := strings.Cut(d, ".")
		n, err := strconv.Atoi(days)
		switch {
		case strings.EqualFold(d, "unlimited") || d == "":
			after.LitigationHoldFor = "Unlimited"
		case err != nil || n < 1:
			return badValue("LitigationHoldDuration", d)
		default:
			after.LitigationHoldFor = fmt.Sprintf("%d.00:00:00", n)
		}
	}
	for name, to := range map[string]*string{"LitigationHoldOwner": &after.LitigationHoldOwner, "RetentionComment": &after.RetentionComment, "RetentionUrl": &after.RetentionURL} {
		if v, given, bad := c.text(name); bad != nil {
			return bad
		} else if given {
			*to = v
		}
	}
	if v, given, bad := c.text("LitigationHoldDate"); bad != nil {
		return bad
	} else if given {
		t, err := time.Parse(time.RFC3339, v)
		if err != nil {
			return badValue("LitigationHoldDate", v)
		}
		after.LitigationHoldDate = t
	}
	return nil
}

// releaseHolds ends a delay hold, and excepts the mailbox from policies of the organisation.
func (c *invocation) releaseHolds(after *Mailbox) *failure {
	for name, flag := range map[string]*bool{"RemoveDelayHoldApplied": &after.DelayHoldApplied, "RemoveDelayReleaseHoldApplied": &after.DelayReleaseHoldApplied} {
		if on, given, bad := c.truth(name); bad != nil {
			return bad
		} else if given && on {
			*flag = false
		}
	}
	if !after.DelayHoldApplied && !after.DelayReleaseHoldApplied {
		after.DelayHoldUntil = time.Time{}
	}
	excepted, bad := c.edited("ExcludeFromOrgHolds", nil)
	if bad != nil {
		return bad
	}
	if all, _, bad := c.truth("ExcludeFromAllOrgHolds"); bad != nil {
		return bad
	} else if all {
		excepted = c.t.world.Organization.InPlaceHolds
	}
	for _, policy := range excepted {
		id, _, _ := strings.Cut(policy, ":")
		if !slices.Contains(after.InPlaceHolds, "-"+id) {
			after.InPlaceHolds = append(after.InPlaceHolds, "-"+id)
		}
	}
	return nil
}

func getCASMailbox(c *invocation) ([]object, *failure) {
	return c.each(func(m *Mailbox) object {
		o := object{
			"Identity": m.Alias, "Name": m.Alias, "Guid": m.ExchangeGUID, "PrimarySmtpAddress": m.PrimarySMTPAddress, "ExternalDirectoryObjectId": m.Owner,
			"ActiveSyncBlockedDeviceIDs": texts(m.BlockedDeviceIDs), "ActiveSyncAllowedDeviceIDs": texts(m.AllowedDeviceIDs),
		}
		for _, p := range protocolSwitches {
			if !slices.Contains(c.t.world.AbsentSwitches, p) {
				o[p] = m.Protocols[p]
				if _, set := m.Protocols[p]; !set && p == smtpSwitch {
					o[p] = nil // as Set-TransportConfig says
				}
			}
		}
		return o
	})
}

func setCASMailbox(c *invocation) ([]object, *failure) {
	m, bad := c.named("Identity", false)
	if bad != nil {
		return nil, bad
	}
	return c.change(m, func(after *Mailbox) *failure {
		for _, p := range protocolSwitches {
			if value, given := c.args[p]; p == smtpSwitch && given && value == nil {
				delete(after.Protocols, p)
				continue
			}
			if on, given, bad := c.truth(p); bad != nil {
				return bad
			} else if given {
				after.Protocols[p] = on
			}
		}
		for name, to := range map[string]*[]string{"ActiveSyncBlockedDeviceIDs": &after.BlockedDeviceIDs, "ActiveSyncAllowedDeviceIDs": &after.AllowedDeviceIDs} {
			if _, given := c.args[name]; given {
				list, bad := c.edited(name, *to)
				if bad != nil {
					return bad
				}
				*to = list
			}
		}
		return nil
	})
}

// sizeText writes bytes as Exchange does: "14.61 GB (15,687,850,951 bytes)".
func sizeText(bytes int64) string {
	digits := strconv.FormatInt(bytes, 10)
	var grouped strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			grouped.WriteByte(',')
		}
		grouped.WriteRune(d)
	}
	v, unit := float64(bytes), "B"
	for _, u := range []string{"KB", "MB", "GB", "TB"} {
		if v < 1024 {
			break
		}
		v, unit = v/1024, u
	}
	number := digits
	if unit != "B" {
		number = strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(v, 'f', 2, 64), "0"), ".")
	}
	return fmt.Sprintf("%s %s (%s bytes)", number, unit, grouped.String())
}

func getMailboxStatistics(c *invocation) ([]object, *failure) {
	m, bad := c.named("Identity", true)
	if bad != nil {
		return nil, bad
	}
	archive, _, bad := c.truth("Archive")
	if bad != nil {
		return nil, bad
	}
	if archive {
		if !m.Archive {
			return nil, noObject(m.Alias)
		}
		return []object{{"Identity": m.ExchangeGUID, "DisplayName": "In-Place Archive - " + m.DisplayName, "MailboxGuid": m.ExchangeGUID, "ItemCount": m.ArchiveItemCount, "TotalItemSize": sizeText(m.ArchiveSize),
			"DeletedItemCount": 0, "TotalDeletedItemSize": sizeText(0), "IsArchiveMailbox": true}}, nil
	}
	if c.unopened(m) {
		return nil, nil
	}
	return []object{{
		"Identity": m.ExchangeGUID, "DisplayName": m.DisplayName, "MailboxGuid": m.ExchangeGUID, "ItemCount": m.ItemCount, "TotalItemSize": sizeText(m.Size),
		"DeletedItemCount": m.DeletedItemCount, "TotalDeletedItemSize": sizeText(m.DeletedItemSize), "MailboxTypeDetail": m.Type, "IsArchiveMailbox": false,
	}}, nil
}

// unopened says, and warns, that nobody has logged on to a mailbox yet: there are no statistics of it, which is
// no error. Source: Exchange PowerShell, Get-MailboxStatistics: "requires at least one log on to the mailbox".
func (c *invocation) unopened(m *Mailbox) bool {
	if m.NeverOpened {
		c.warnings = append(c.warnings, fmt.Sprintf("The user hasn't logged on to mailbox '%s' ('%s'), so there is no data to return. After the user logs on, this warning will no longer appear.", m.Alias, m.ExchangeGUID))
	}
	return m.NeverOpened
}

// smtpSwitch is the switch that has three values: null follows the organisation's default.
const smtpSwitch = "SmtpClientAuthenticationDisabled"
