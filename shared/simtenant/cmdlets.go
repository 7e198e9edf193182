package simtenant

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// cmdlet is one command of Exchange.
type cmdlet struct {
	parameters []string
	run        func(*invocation) ([]object, *failure)
}

// commonParameters are taken by every cmdlet and change nothing here.
var commonParameters = strings.Fields("Confirm ErrorAction WarningAction Force Verbose WhatIf")

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
	"Add-RecipientPermission":           {strings.Fields("Identity Trustee AccessRights"), addRecipientPermission},
	"Remove-RecipientPermission":        {strings.Fields("Identity Trustee AccessRights"), removeRecipientPermission},
	"Get-MailboxFolderStatistics":       {strings.Fields("Identity FolderScope"), getMailboxFolderStatistics},
	"Get-MailboxFolderPermission":       {strings.Fields("Identity User"), getMailboxFolderPermission},
	"Remove-MailboxFolderPermission":    {strings.Fields("Identity User"), removeMailboxFolderPermission},
	"Remove-DistributionGroupMember":    {strings.Fields("Identity Member BypassSecurityGroupManagerCheck"), removeDistributionGroupMember},
}

// named is the mailbox a parameter names: as a read under the lag finds it, or as it is. One that
// is soft-deleted is not found.
func (c *invocation) named(parameter string, reading bool) (*Mailbox, *failure) {
	identity, _, bad := c.text(parameter)
	if bad != nil {
		return nil, bad
	}
	m := c.t.world.mailbox(identity)
	if m != nil && reading {
		m = seen(c.t, kindMailbox, m.Owner, c.t.world.Mailboxes)
	}
	if !usable(m) {
		return nil, noObject(identity)
	}
	return m, nil
}

// change runs an edit on a clone of the mailbox and keeps it when it succeeds. When nothing differs
// Exchange warns instead of failing.
func (c *invocation) change(m *Mailbox, edit func(*Mailbox) *failure) ([]object, *failure) {
	after := m.clone()
	if bad := edit(after); bad != nil {
		return nil, bad
	}
	if reflect.DeepEqual(m, after) {
		c.warnings = append(c.warnings, fmt.Sprintf("The command completed successfully but no settings of '%s' have been modified.", m.Alias))
		return nil, nil
	}
	c.t.before(kindMailbox, m.Owner, c.now)
	*m = *after
	return nil, nil
}

// enabled is what the owner's account was when the mailbox is read.
func (c *invocation) enabled(owner string) bool {
	u := seen(c.t, kindUser, owner, c.t.world.Users)
	return u != nil && u.AccountEnabled
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
	for _, m := range c.t.mailboxes().every() {
		if usable(m) {
			out = append(out, show(m))
		}
	}
	return c.limit(out)
}

// distinguishedName is how a filter names a recipient.
func (w *World) distinguishedName(m *Mailbox) string {
	return "CN=" + m.Alias + ",OU=" + w.TenantID + ",OU=Microsoft Exchange Hosted Organizations,DC=EURPR01A001,DC=PROD,DC=OUTLOOK,DC=COM"
}

// onBehalfFilter reads the one filter that is simulated: GrantSendOnBehalfTo -eq 'distinguished
// name'. It answers the object id.
func (c *invocation) onBehalfFilter() (string, bool, *failure) {
	filter, given, bad := c.text("Filter")
	if bad != nil || !given {
		return "", given, bad
	}
	name, ok := strings.CutPrefix(filter, "GrantSendOnBehalfTo -eq '")
	if name, ok2 := strings.CutSuffix(name, "'"); ok && ok2 {
		if id := c.t.world.one(kindMailbox, key("identity:", strings.ReplaceAll(name, "''", "'"))); id != "" {
			return id, true, nil
		}
		return "", true, badValue("Filter", filter)
	}
	return "", true, refused(taskException, "%s", c.t.notSimulated("the filter %s of %s", filter, c.cmdlet))
}

// others are the mailboxes that Identity means: one, or with "*" or without it those that stand
// under a key, "" = all.
func (c *invocation) others(under string) ([]*Mailbox, *failure) {
	if identity, given, bad := c.text("Identity"); bad != nil {
		return nil, bad
	} else if given && identity != "*" {
		m, bad := c.named("Identity", true)
		return []*Mailbox{m}, bad
	}
	all := c.t.mailboxes().every
	if under != "" {
		all = func() []*Mailbox { return c.t.mailboxes().under(under) }
	}
	return slices.DeleteFunc(all(), func(m *Mailbox) bool { return !usable(m) }), nil
}
