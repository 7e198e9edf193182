package simtenant

import (
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cmdlet is one command of Exchange.
type cmdlet struct {
	parameters []string
	run        func(*invocation) ([]object, *failure)
}

// commonParameters are taken by every cmdlet and change nothing here.
var commonParameters = strings.Fields("Confirm ErrorAction WarningAction Force Verbose WhatIf")

// protocolSwitches are the parameters of Set-CASMailbox that open or close a protocol.
var protocolSwitches = strings.Fields("ActiveSyncEnabled OWAEnabled OWAforDevicesEnabled PopEnabled ImapEnabled MAPIEnabled EwsEnabled ECPEnabled " +
	"UniversalOutlookEnabled OutlookMobileEnabled MacOutlookEnabled OneWinNativeOutlookEnabled SmtpClientAuthenticationDisabled")

// cmdlets is every cmdlet the tenant simulates, with the parameters it takes.
var cmdlets = map[string]cmdlet{
	"Get-Mailbox":                       {strings.Fields("Identity ResultSize Filter SoftDeletedMailbox InactiveMailboxOnly IncludeInactiveMailbox RecipientTypeDetails"), getMailbox},
	"Set-Mailbox":                       {strings.Fields("Identity AccountDisabled Type ForwardingAddress ForwardingSmtpAddress DeliverToMailboxAndForward HiddenFromAddressListsEnabled LitigationHoldEnabled LitigationHoldDuration LitigationHoldOwner LitigationHoldDate RetentionComment RetentionUrl GrantSendOnBehalfTo"), setMailbox},
	"Get-CASMailbox":                    {strings.Fields("Identity ResultSize"), getCASMailbox},
	"Set-CASMailbox":                    {append([]string{"Identity", "ActiveSyncBlockedDeviceIDs", "ActiveSyncAllowedDeviceIDs"}, protocolSwitches...), setCASMailbox},
	"Get-MailboxStatistics":             {strings.Fields("Identity Archive"), getMailboxStatistics},
	"Get-Recipient":                     {strings.Fields("Identity ResultSize"), getRecipient},
	"Get-MobileDevice":                  {strings.Fields("Identity Mailbox ResultSize"), getMobileDevice},
	"Get-MobileDeviceStatistics":        {strings.Fields("Identity Mailbox"), getMobileDeviceStatistics},
	"Clear-MobileDevice":                {strings.Fields("Identity AccountOnly Cancel NotificationEmailAddresses"), clearMobileDevice},
	"Remove-MobileDevice":               {strings.Fields("Identity"), removeMobileDevice},
	"Get-InboxRule":                     {strings.Fields("Identity Mailbox"), getInboxRule},
	"Disable-InboxRule":                 {strings.Fields("Identity Mailbox"), disableInboxRule},
	"Enable-InboxRule":                  {strings.Fields("Identity Mailbox"), enableInboxRule},
	"Get-MailboxAutoReplyConfiguration": {strings.Fields("Identity"), getAutoReply},
	"Set-MailboxAutoReplyConfiguration": {strings.Fields("Identity AutoReplyState InternalMessage ExternalMessage ExternalAudience StartTime EndTime"), setAutoReply},
	"Get-MailboxPermission":             {strings.Fields("Identity User ResultSize"), getMailboxPermission},
	"Add-MailboxPermission":             {strings.Fields("Identity User AccessRights AutoMapping InheritanceType"), addMailboxPermission},
	"Remove-MailboxPermission":          {strings.Fields("Identity User AccessRights InheritanceType"), removeMailboxPermission},
	"Remove-CalendarEvents":             {strings.Fields("Identity CancelOrganizedMeetings QueryStartDate QueryEndDate QueryWindowInDays PreviewOnly"), removeCalendarEvents},
	"Get-RecipientPermission":           {strings.Fields("Identity Trustee ResultSize"), getRecipientPermission},
	"Remove-RecipientPermission":        {strings.Fields("Identity Trustee AccessRights"), removeRecipientPermission},
	"Get-MailboxFolderStatistics":       {strings.Fields("Identity FolderScope"), getMailboxFolderStatistics},
	"Get-MailboxFolderPermission":       {strings.Fields("Identity User"), getMailboxFolderPermission},
	"Remove-MailboxFolderPermission":    {strings.Fields("Identity User"), removeMailboxFolderPermission},
	"Remove-DistributionGroupMember":    {strings.Fields("Identity Member BypassSecurityGroupManagerCheck"), removeDistributionGroupMember},
}

// named is the mailbox a parameter names: as a read under the lag finds it, or as it is. One that is soft-deleted is not found.
func (c *invocation) named(parameter string, reading bool) (*Mailbox, *failure) {
	identity, _, bad := c.text(parameter)
	if bad != nil {
		return nil, bad
	}
	m := c.t.world.mailbox(identity)
	if m != nil && reading {
		m = seen(c.t, "mailbox", m.Owner, c.t.world.Mailboxes)
	}
	if !usable(m) {
		return nil, noObject(identity)
	}
	return m, nil
}

// change runs an edit on a clone of the mailbox and keeps it when it succeeds. When nothing differs Exchange warns instead of failing.
func (c *invocation) change(m *Mailbox, edit func(*Mailbox) *failure) ([]object, *failure) {
	after := m.clone()
	if bad := edit(after); bad != nil {
		return nil, bad
	}
	if reflect.DeepEqual(m, after) {
		c.warnings = append(c.warnings, fmt.Sprintf("The command completed successfully but no settings of '%s' have been modified.", m.Alias))
		return nil, nil
	}
	c.t.before("mailbox", m.Owner, c.now)
	*m = *after
	return nil, nil
}

// enabled is what the owner's account was when the mailbox is read.
func (c *invocation) enabled(owner string) bool {
	u := seen(c.t, "user", owner, c.t.world.Users)
	return u != nil && u.AccountEnabled
}

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

func moment(t time.Time) any { return stamp(t) }

func (c *invocation) show(m *Mailbox) object {
	u := c.t.world.Users[m.Owner]
	delegates := []any{}
	for _, id := range m.GrantSendOnBehalfTo {
		delegates = append(delegates, c.alias(id))
	}
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
		"RecipientType": "UserMailbox", "RecipientTypeDetails": m.Type, "IsShared": m.Type == "SharedMailbox",
		"AccountDisabled": !c.enabled(m.Owner), "HiddenFromAddressListsEnabled": m.Hidden,
		"ForwardingAddress": c.alias(m.ForwardingAddress), "ForwardingSmtpAddress": text(m.ForwardingSMTPAddress), "DeliverToMailboxAndForward": m.DeliverAndForward,
		"LitigationHoldEnabled": m.LitigationHold, "LitigationHoldDate": moment(m.LitigationHoldDate), "LitigationHoldDuration": m.LitigationHoldFor, "LitigationHoldOwner": m.LitigationHoldOwner,
		"RetentionComment": m.RetentionComment, "RetentionUrl": m.RetentionURL, "InPlaceHolds": texts(m.InPlaceHolds),
		"LicensedForLitigationHold": u != nil && c.t.world.hasPlan(u, "EXCHANGE_S_ENTERPRISE"),
		"ArchiveStatus":             archive, "ProhibitSendReceiveQuota": "100 GB (107,374,182,400 bytes)",
		"GrantSendOnBehalfTo": delegates, "IsDirSynced": u != nil && u.Synced(), "IsSoftDeletedByRemove": !m.SoftDeletedAt.IsZero(), "IsInactiveMailbox": m.Inactive,
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
	onBehalf, filtered, bad := c.onBehalfFilter()
	if bad != nil {
		return nil, bad
	}
	wanted := func(m *Mailbox) bool {
		if filtered && !slices.Contains(m.GrantSendOnBehalfTo, onBehalf) {
			return false
		}
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
			m = seen(c.t, "mailbox", m.Owner, c.t.world.Mailboxes)
		}
		if m == nil || !wanted(m) {
			return nil, noObject(identity)
		}
		return []object{c.show(m)}, nil
	}
	var out []object
	all := seenAll(c.t, "mailbox", c.t.world.Mailboxes)
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if wanted(all[id]) {
			out = append(out, c.show(all[id]))
		}
	}
	return c.limit(out)
}

// limit applies ResultSize.
func (c *invocation) limit(out []object) ([]object, *failure) {
	size, given, bad := c.text("ResultSize")
	if bad != nil || !given || strings.EqualFold(size, "unlimited") {
		return out, bad
	}
	n, err := strconv.Atoi(size)
	if err != nil || n < 1 {
		return nil, badValue("ResultSize", size)
	}
	return out[:min(n, len(out))], nil
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
		if bad := c.hold(after, u); bad != nil {
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
		c.t.before("user", u.ID, c.now)
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

// each runs over the mailbox Identity names, or over all of them.
func (c *invocation) each(show func(*Mailbox) object) ([]object, *failure) {
	if _, given := c.args["Identity"]; given {
		m, bad := c.named("Identity", true)
		if bad != nil {
			return nil, bad
		}
		return []object{show(m)}, nil
	}
	var out []object
	all := seenAll(c.t, "mailbox", c.t.world.Mailboxes)
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if usable(all[id]) {
			out = append(out, show(all[id]))
		}
	}
	return c.limit(out)
}

func getCASMailbox(c *invocation) ([]object, *failure) {
	return c.each(func(m *Mailbox) object {
		o := object{
			"Identity": m.Alias, "Name": m.Alias, "Guid": m.ExchangeGUID, "PrimarySmtpAddress": m.PrimarySMTPAddress, "ExternalDirectoryObjectId": m.Owner,
			"ActiveSyncBlockedDeviceIDs": texts(m.BlockedDeviceIDs), "ActiveSyncAllowedDeviceIDs": texts(m.AllowedDeviceIDs),
		}
		for _, p := range protocolSwitches {
			o[p] = m.Protocols[p]
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
		return []object{{"Identity": m.ExchangeGUID, "DisplayName": "In-Place Archive - " + m.DisplayName, "MailboxGuid": m.ExchangeGUID, "ItemCount": 0, "TotalItemSize": sizeText(0)}}, nil
	}
	return []object{{
		"Identity": m.ExchangeGUID, "DisplayName": m.DisplayName, "MailboxGuid": m.ExchangeGUID, "ItemCount": m.ItemCount, "TotalItemSize": sizeText(m.Size),
		"DeletedItemCount": 0, "TotalDeletedItemSize": sizeText(0), "MailboxTypeDetail": m.Type, "IsArchiveMailbox": false,
	}}, nil
}

func getRecipient(c *invocation) ([]object, *failure) {
	identity, _, bad := c.text("Identity")
	if bad != nil {
		return nil, bad
	}
	for _, g := range c.t.world.Groups {
		if g.MailEnabled && identity != "" && (strings.EqualFold(g.ID, identity) || strings.EqualFold(g.Mail, identity)) {
			kind := "MailUniversalDistributionGroup"
			if g.Unified {
				kind = "GroupMailbox"
			} else if g.SecurityEnabled {
				kind = "MailUniversalSecurityGroup"
			}
			return []object{{"Identity": g.DisplayName, "DisplayName": g.DisplayName, "PrimarySmtpAddress": g.Mail, "RecipientTypeDetails": kind, "ExternalDirectoryObjectId": g.ID}}, nil
		}
	}
	return c.each(func(m *Mailbox) object {
		full, cut := c.show(m), object{}
		for _, n := range strings.Fields("Identity Name Alias DisplayName DistinguishedName Guid ExternalDirectoryObjectId PrimarySmtpAddress EmailAddresses RecipientType RecipientTypeDetails HiddenFromAddressListsEnabled") {
			cut[n] = full[n]
		}
		return cut
	})
}

// phones are the partnerships that Identity or Mailbox names, or all of them.
func (c *invocation) phones() ([]*Phone, *failure) {
	if identity, given, bad := c.text("Identity"); bad != nil {
		return nil, bad
	} else if given {
		p, bad := c.namedPhone(identity)
		return []*Phone{p}, bad
	}
	owner := ""
	if _, given := c.args["Mailbox"]; given {
		m, bad := c.named("Mailbox", true)
		if bad != nil {
			return nil, bad
		}
		owner = m.Owner
	}
	var out []*Phone
	for _, id := range slices.Sorted(maps.Keys(c.t.world.Phones)) {
		p := c.t.world.Phones[id]
		if !p.Removed && (owner == "" && usable(c.t.world.Mailboxes[p.Mailbox]) || p.Mailbox == owner) {
			out = append(out, p)
		}
	}
	return out, nil
}

func (c *invocation) namedPhone(identity string) (*Phone, *failure) {
	p := c.t.world.phone(identity)
	if p == nil || p.Removed || !usable(c.t.world.Mailboxes[p.Mailbox]) {
		return nil, noObject(identity)
	}
	return p, nil
}

func (c *invocation) showPhone(p *Phone) object {
	state := "Allowed"
	if m := c.t.world.Mailboxes[p.Mailbox]; m != nil && slices.Contains(m.BlockedDeviceIDs, p.DeviceID) {
		state = "Blocked"
	}
	return object{
		"Identity": p.Identity, "Guid": p.GUID, "Name": p.Identity[strings.LastIndex(p.Identity, `\`)+1:], "DeviceId": p.DeviceID, "DeviceType": map[bool]string{true: "Outlook", false: "EAS"}[p.ClientType == "REST"],
		"FriendlyName": p.FriendlyName, "DeviceModel": p.Model, "DeviceOS": p.OS, "ClientType": p.ClientType, "DeviceAccessState": state,
		"FirstSyncTime": moment(p.FirstSync), "UserDisplayName": c.upn(p.Mailbox),
	}
}

func getMobileDevice(c *invocation) ([]object, *failure) {
	list, bad := c.phones()
	if bad != nil {
		return nil, bad
	}
	var out []object
	for _, p := range list {
		out = append(out, c.showPhone(p))
	}
	return c.limit(out)
}

func getMobileDeviceStatistics(c *invocation) ([]object, *failure) {
	list, bad := c.phones()
	if bad != nil {
		return nil, bad
	}
	var out []object
	for _, p := range list {
		o := c.showPhone(p)
		status := "DeviceOk"
		switch {
		case !p.WipeAcked.IsZero():
			status = map[bool]string{true: "AccountOnlyDeviceWipeSucceeded", false: "DeviceWipeSucceeded"}[p.WipeAccountOnly]
		case !p.WipeRequested.IsZero():
			status = map[bool]string{true: "AccountOnlyDeviceWipePending", false: "DeviceWipePending"}[p.WipeAccountOnly]
		case o["DeviceAccessState"] == "Blocked":
			status = "DeviceBlocked"
		}
		o["Status"], o["DeviceWipeStatus"] = status, status
		o["LastSyncAttemptTime"], o["LastSuccessSync"] = moment(p.LastSync), moment(p.LastSync)
		for _, kind := range []string{"", "AccountOnly"} { // a wipe of the account only has times of its own
			requested, acked := p.WipeRequested, p.WipeAcked
			if p.WipeAccountOnly != (kind != "") {
				requested, acked = time.Time{}, time.Time{}
			}
			o[kind+"DeviceWipeRequestTime"], o[kind+"DeviceWipeSentTime"], o[kind+"DeviceWipeAckTime"] = moment(requested), moment(acked), moment(acked)
		}
		o["IsRemoteWipeSupported"] = true
		out = append(out, o)
	}
	return out, nil
}

// clearMobileDevice asks the phone to wipe itself; it acknowledges at its next sync. Outlook mobile is always wiped by account only.
func clearMobileDevice(c *invocation) ([]object, *failure) {
	identity, _, bad := c.text("Identity")
	if bad != nil {
		return nil, bad
	}
	p, bad := c.namedPhone(identity)
	if bad != nil {
		return nil, bad
	}
	accountOnly, _, bad := c.truth("AccountOnly")
	if bad != nil {
		return nil, bad
	}
	cancel, _, bad := c.truth("Cancel")
	switch {
	case bad != nil:
		return nil, bad
	case cancel && p.WipeAcked.IsZero():
		p.WipeRequested, p.WipeAccountOnly = time.Time{}, false
	case !cancel && (p.WipeRequested.IsZero() || !p.WipeAcked.IsZero() && p.LastSync.After(p.WipeAcked)): // the account may have been put back since
		p.WipeRequested, p.WipeAcked, p.WipeAccountOnly = c.now, time.Time{}, accountOnly || p.ClientType == "REST"
	}
	return nil, nil
}

// removeMobileDevice ends the partnership. A wipe that was not acknowledged yet is lost with it: the data stays on the phone.
func removeMobileDevice(c *invocation) ([]object, *failure) {
	identity, _, bad := c.text("Identity")
	if bad != nil {
		return nil, bad
	}
	p, bad := c.namedPhone(identity)
	if bad != nil {
		return nil, bad
	}
	p.Removed = true
	return nil, nil
}

func (c *invocation) showRule(m *Mailbox, r InboxRule) object {
	addresses := func(key string) any {
		list, _ := r.Actions[key].([]any)
		out := []string{}
		for _, x := range list {
			e, _ := x.(map[string]any)
			e, _ = e["emailAddress"].(map[string]any)
			name, _ := str(e, "name")
			address, _ := str(e, "address")
			out = append(out, fmt.Sprintf("\"%s\" [SMTP:%s]", name, address))
		}
		if len(out) == 0 {
			return nil
		}
		return out
	}
	stop, _ := r.Actions["stopProcessingRules"].(bool)
	return object{
		"Identity": m.Alias + `\` + r.ID, "RuleIdentity": r.ID, "Name": r.Name, "Enabled": r.Enabled, "Priority": r.Sequence, "MailboxOwnerId": m.Alias,
		"ForwardTo": addresses("forwardTo"), "RedirectTo": addresses("redirectTo"), "ForwardAsAttachmentTo": addresses("forwardAsAttachmentTo"), "StopProcessingRules": stop, "InError": false,
	}
}

// rules are the mailbox and the inbox rule that Mailbox and Identity name; Identity alone may carry both ("alias\rule").
func (c *invocation) rules(reading bool) (*Mailbox, string, *failure) {
	identity, _, bad := c.text("Identity")
	if bad != nil {
		return nil, "", bad
	}
	box, rule, both := strings.Cut(identity, `\`)
	if !both {
		box, rule = "", identity
	}
	if _, given := c.args["Mailbox"]; !given {
		c.args["Mailbox"] = box
	}
	m, bad := c.named("Mailbox", reading)
	return m, rule, bad
}

func getInboxRule(c *invocation) ([]object, *failure) {
	m, id, bad := c.rules(true)
	if bad != nil {
		return nil, bad
	}
	var out []object
	for _, r := range m.Rules {
		if id == "" || r.ID == id || r.Name == id {
			out = append(out, c.showRule(m, r))
		}
	}
	if id != "" && out == nil {
		return nil, noObject(id)
	}
	return out, nil
}

func disableInboxRule(c *invocation) ([]object, *failure) { return c.switchRule(false) }
func enableInboxRule(c *invocation) ([]object, *failure)  { return c.switchRule(true) }

func (c *invocation) switchRule(on bool) ([]object, *failure) {
	m, id, bad := c.rules(false)
	if bad != nil {
		return nil, bad
	}
	return c.change(m, func(after *Mailbox) *failure {
		for i := range after.Rules {
			if after.Rules[i].ID == id || after.Rules[i].Name == id {
				after.Rules[i].Enabled = on
				return nil
			}
		}
		return noObject(id)
	})
}

// autoReplyStates and autoReplyAudiences translate Exchange's words into Graph's.
var (
	autoReplyStates    = map[string]string{"Disabled": "disabled", "Enabled": "alwaysEnabled", "Scheduled": "scheduled"}
	autoReplyAudiences = map[string]string{"None": "none", "Known": "contactsOnly", "All": "all"}
)

func reversed(m map[string]string, value string) string {
	for k, v := range m {
		if v == value {
			return k
		}
	}
	return value
}

func getAutoReply(c *invocation) ([]object, *failure) {
	m, bad := c.named("Identity", true)
	if bad != nil {
		return nil, bad
	}
	a := m.AutoReply
	return []object{{
		"Identity": m.Alias, "MailboxOwnerId": m.Alias, "AutoReplyState": reversed(autoReplyStates, a.Status), "ExternalAudience": reversed(autoReplyAudiences, a.Audience),
		"InternalMessage": a.Internal, "ExternalMessage": a.External, "StartTime": moment(a.Start), "EndTime": moment(a.End),
	}}, nil
}

func setAutoReply(c *invocation) ([]object, *failure) {
	m, bad := c.named("Identity", false)
	if bad != nil {
		return nil, bad
	}
	return c.change(m, func(after *Mailbox) *failure {
		a := &after.AutoReply
		for name, choice := range map[string]struct {
			to    *string
			words map[string]string
		}{"AutoReplyState": {&a.Status, autoReplyStates}, "ExternalAudience": {&a.Audience, autoReplyAudiences}, "InternalMessage": {&a.Internal, nil}, "ExternalMessage": {&a.External, nil}} {
			v, given, bad := c.text(name)
			if bad != nil {
				return bad
			}
			if !given {
				continue
			}
			if choice.words != nil {
				if choice.words[v] == "" {
					return badValue(name, v)
				}
				v = choice.words[v]
			}
			*choice.to = v
		}
		for name, to := range map[string]*time.Time{"StartTime": &a.Start, "EndTime": &a.End} {
			v, given, bad := c.text(name)
			if bad != nil {
				return bad
			}
			if given {
				t, err := time.Parse(time.RFC3339, v)
				if err != nil {
					return badValue(name, v)
				}
				*to = t
			}
		}
		return nil
	})
}

func (c *invocation) trustee(parameter string) (string, *failure) {
	name, _, bad := c.text(parameter)
	if bad != nil {
		return "", bad
	}
	if id := c.t.world.userID(name); id != "" {
		return id, nil
	}
	if m := c.t.world.mailbox(name); m != nil {
		return m.Owner, nil
	}
	return "", noObject(name)
}

func getMailboxPermission(c *invocation) ([]object, *failure) {
	boxes, bad := c.others()
	if bad != nil {
		return nil, bad
	}
	var only string
	if _, given := c.args["User"]; given {
		if only, bad = c.trustee("User"); bad != nil {
			return nil, bad
		}
	}
	out := []object{}
	for _, m := range boxes {
		if only == "" {
			out = append(out, object{"Identity": m.Alias, "User": `NT AUTHORITY\SELF`, "AccessRights": []string{"FullAccess", "ReadPermission"}, "IsInherited": false, "Deny": false})
		}
		for _, p := range m.Permissions {
			if only == "" || p.User == only {
				out = append(out, object{"Identity": m.Alias, "User": c.upn(p.User), "AccessRights": p.Rights, "IsInherited": false, "Deny": false})
			}
		}
	}
	return c.limit(out)
}

func addMailboxPermission(c *invocation) ([]object, *failure) {
	return c.permission(func(have, rights []string) []string {
		return slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(have), rights...))))
	})
}

func removeMailboxPermission(c *invocation) ([]object, *failure) {
	return c.permission(func(have, rights []string) []string {
		return slices.DeleteFunc(slices.Clone(have), func(r string) bool { return slices.Contains(rights, r) })
	})
}

func (c *invocation) permission(edit func(have, rights []string) []string) ([]object, *failure) {
	m, bad := c.named("Identity", false)
	if bad != nil {
		return nil, bad
	}
	who, bad := c.trustee("User")
	if bad != nil {
		return nil, bad
	}
	rights, bad := c.edited("AccessRights", nil)
	if bad != nil {
		return nil, bad
	}
	for _, r := range rights {
		if !slices.Contains([]string{"FullAccess", "ReadPermission", "DeleteItem", "ChangePermission", "ChangeOwner", "SendAs", "ExternalAccount"}, r) {
			return nil, badValue("AccessRights", r)
		}
	}
	if len(rights) == 0 {
		return nil, badValue("AccessRights", c.args["AccessRights"])
	}
	out, bad := c.change(m, func(after *Mailbox) *failure {
		i := slices.IndexFunc(after.Permissions, func(p MailboxPermission) bool { return p.User == who })
		if i < 0 {
			after.Permissions = append(after.Permissions, MailboxPermission{User: who})
			i = len(after.Permissions) - 1
		}
		if after.Permissions[i].Rights = edit(after.Permissions[i].Rights, rights); len(after.Permissions[i].Rights) == 0 {
			after.Permissions = slices.Delete(after.Permissions, i, i+1)
		}
		if len(after.Permissions) == 0 {
			after.Permissions = nil
		}
		return nil
	})
	return out, bad
}

func removeDistributionGroupMember(c *invocation) ([]object, *failure) {
	identity, _, bad := c.text("Identity")
	if bad != nil {
		return nil, bad
	}
	member, _, bad := c.text("Member")
	if bad != nil {
		return nil, bad
	}
	id := c.t.world.userID(member)
	if m := c.t.world.mailbox(member); id == "" && m != nil {
		id = m.Owner
	}
	for _, g := range c.t.world.Groups {
		if !g.MailEnabled || g.Unified || !(strings.EqualFold(g.ID, identity) || strings.EqualFold(g.Mail, identity) || strings.EqualFold(g.DisplayName, identity)) {
			continue
		}
		switch {
		case g.OnPremisesSyncEnabled != nil && *g.OnPremisesSyncEnabled:
			return nil, refused(scopeException, "The operation on \"%s\" failed because it's out of the current user's write scope. The object is being synchronized from your on-premises organization.", g.DisplayName)
		case id == "" || !slices.Contains(g.Members, id):
			return nil, &failure{http.StatusNotFound, "NotFound", "ExFC0E14", "Microsoft.Exchange.Management.Tasks.MemberNotFoundException",
				fmt.Sprintf("The recipient \"%s\" isn't a member of the group \"%s\".", member, g.DisplayName)}
		}
		c.t.dropMember(g, id)
		return nil, nil
	}
	return nil, noObject(identity)
}
