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
	"Get-Mailbox":                        {strings.Fields("Identity ResultSize Filter SoftDeletedMailbox InactiveMailboxOnly IncludeInactiveMailbox RecipientTypeDetails"), getMailbox},
	"Set-Mailbox":                        {strings.Fields("Identity AccountDisabled Type ForwardingAddress ForwardingSmtpAddress DeliverToMailboxAndForward HiddenFromAddressListsEnabled LitigationHoldEnabled LitigationHoldDuration LitigationHoldOwner LitigationHoldDate RetentionComment RetentionUrl GrantSendOnBehalfTo RemoveDelayHoldApplied RemoveDelayReleaseHoldApplied ExcludeFromOrgHolds ExcludeFromAllOrgHolds"), setMailbox},
	"Get-CASMailbox":                     {strings.Fields("Identity ResultSize"), getCASMailbox},
	"Set-CASMailbox":                     {append([]string{"Identity", "ActiveSyncBlockedDeviceIDs", "ActiveSyncAllowedDeviceIDs"}, protocolSwitches...), setCASMailbox},
	"Get-MailboxStatistics":              {strings.Fields("Identity Archive"), getMailboxStatistics},
	"Get-Recipient":                      {strings.Fields("Identity ResultSize Filter RecipientTypeDetails"), getRecipient},
	"Get-User":                           {strings.Fields("Identity ResultSize"), getExchangeUser},
	"Get-OrganizationConfig":             {nil, getOrganizationConfig},
	"Get-HostedOutboundSpamFilterPolicy": {strings.Fields("Identity"), getOutboundPolicy},
	"Get-HostedOutboundSpamFilterRule":   {strings.Fields("Identity State"), getOutboundRules},
	"Get-RoleGroupMember":                {strings.Fields("Identity ResultSize"), getRoleGroupMember},
	"Get-RemoteDomain":                   {strings.Fields("Identity"), getRemoteDomain},
	"Get-TransportRule":                  {strings.Fields("Identity State ResultSize"), getTransportRule},
	"Get-CalendarProcessing":             {strings.Fields("Identity ResultSize"), getCalendarProcessing},
	"Set-CalendarProcessing":             {strings.Fields("Identity ResourceDelegates"), setCalendarProcessing},
	"Get-DistributionGroup":              {strings.Fields("Identity ManagedBy ResultSize Filter RecipientTypeDetails"), getDistributionGroup},
	"Set-DistributionGroup":              {strings.Fields("Identity ManagedBy BypassSecurityGroupManagerCheck"), setDistributionGroup},
	"Get-DynamicDistributionGroup":       {strings.Fields("Identity ResultSize Filter"), getDynamicDistributionGroup},
	"Get-DistributionGroupMember":        {strings.Fields("Identity ResultSize"), getDistributionGroupMember},
	"Add-DistributionGroupMember":        {strings.Fields("Identity Member BypassSecurityGroupManagerCheck"), addDistributionGroupMember},
	"Get-MobileDevice":                   {strings.Fields("Identity Mailbox ResultSize"), getMobileDevice},
	"Get-MobileDeviceStatistics":         {strings.Fields("Identity Mailbox"), getMobileDeviceStatistics},
	"Clear-MobileDevice":                 {strings.Fields("Identity AccountOnly Cancel NotificationEmailAddresses"), clearMobileDevice},
	"Remove-MobileDevice":                {strings.Fields("Identity"), removeMobileDevice},
	"Get-InboxRule":                      {strings.Fields("Identity Mailbox"), getInboxRule},
	"Disable-InboxRule":                  {strings.Fields("Identity Mailbox"), disableInboxRule},
	"Enable-InboxRule":                   {strings.Fields("Identity Mailbox"), enableInboxRule},
	"Get-MailboxAutoReplyConfiguration":  {strings.Fields("Identity"), getAutoReply},
	"Set-MailboxAutoReplyConfiguration":  {strings.Fields("Identity AutoReplyState InternalMessage ExternalMessage ExternalAudience StartTime EndTime"), setAutoReply},
	"Get-MailboxPermission":              {strings.Fields("Identity User ResultSize"), getMailboxPermission},
	"Add-MailboxPermission":              {strings.Fields("Identity User AccessRights AutoMapping InheritanceType"), addMailboxPermission},
	"Remove-MailboxPermission":           {strings.Fields("Identity User AccessRights InheritanceType"), removeMailboxPermission},
	"Remove-CalendarEvents":              {strings.Fields("Identity CancelOrganizedMeetings QueryStartDate QueryEndDate QueryWindowInDays PreviewOnly"), removeCalendarEvents},
	"Get-RecipientPermission":            {strings.Fields("Identity Trustee ResultSize"), getRecipientPermission},
	"Add-RecipientPermission":            {strings.Fields("Identity Trustee AccessRights"), addRecipientPermission},
	"Remove-RecipientPermission":         {strings.Fields("Identity Trustee AccessRights"), removeRecipientPermission},
	"Get-MailboxFolderStatistics":        {strings.Fields("Identity FolderScope"), getMailboxFolderStatistics},
	"Get-MailboxFolderPermission":        {strings.Fields("Identity User"), getMailboxFolderPermission},
	"Add-MailboxFolderPermission":        {strings.Fields("Identity User AccessRights SharingPermissionFlags SendNotificationToUser"), addMailboxFolderPermission},
	"Remove-MailboxFolderPermission":     {strings.Fields("Identity User"), removeMailboxFolderPermission},
	"Remove-DistributionGroupMember":     {strings.Fields("Identity Member BypassSecurityGroupManagerCheck"), removeDistributionGroupMember},
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

// distinguishedName is how a filter names a mailbox.
func (w *World) distinguishedName(m *Mailbox) string { return w.dn(m.Alias) }

// dn is the distinguished name of a recipient with an alias.
func (w *World) dn(alias string) string {
	return "CN=" + alias + ",OU=" + w.TenantID + ",OU=Microsoft Exchange Hosted Organizations,DC=EURPR01A001,DC=PROD,DC=OUTLOOK,DC=COM"
}

// byDN is the user whom a distinguished name means, with a mailbox or without
// one; "" = nobody.
func (w *World) byDN(name string) string {
	if id := w.one(kindMailbox, key("identity:", name)); id != "" {
		return id
	}
	alias, _, _ := strings.Cut(strings.TrimPrefix(name, "CN="), ",")
	if id := w.one(kindUser, key("mailnickname:", alias)); id != "" && strings.EqualFold(w.dn(alias), name) {
		return id
	}
	return ""
}

// filterKeys are the filters of Get-Mailbox that are simulated: one property compared with a value.
// A recipient is named by its distinguished name.
// Source: Exchange, Filterable properties for the Filter parameter.
var filterKeys = map[string]string{
	"GrantSendOnBehalfTo": "onbehalf:", "ForwardingAddress": "forwardingaddress:", "ForwardingSmtpAddress": "forwardingsmtpaddress:",
	"ModeratedBy": "moderator:",
}

// filter is the key of the mailboxes that Filter means.
func (c *invocation) filter() (string, *failure) {
	filter, given, bad := c.text("Filter")
	if bad != nil || !given {
		return "", bad
	}
	property, rest, _ := strings.Cut(strings.TrimSpace(filter), " -eq '")
	value, ended := strings.CutSuffix(rest, "'")
	word := filterKeys[property]
	if word == "" || !ended {
		return "", refused(taskException, "%s", c.t.notSimulated("the filter %s of %s", filter, c.cmdlet))
	}
	value = strings.ReplaceAll(value, "''", "'")
	if property == "ForwardingSmtpAddress" {
		return key(word, value), nil
	}
	id := c.t.world.byDN(value)
	if id == "" {
		return "", badValue("Filter", filter)
	}
	return word + id, nil
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
