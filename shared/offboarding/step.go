package offboarding

import (
	"fmt"
	"time"
)

// StepName is the name of a step, of its function, its subscription and its folder.
type StepName string

// The steps that a function serves.
const (
	StepSignout    StepName = "signout"
	StepBlock      StepName = "block"
	StepWipe       StepName = "wipe"
	StepForward    StepName = "forward"
	StepPreserve   StepName = "preserve"
	StepExport     StepName = "export"
	StepOnedrive   StepName = "onedrive"
	StepPrivileges StepName = "privileges"
	StepAccess     StepName = "access"
	StepOnpremises StepName = "onpremises"
	StepLicence    StepName = "licence"
	StepDelete     StepName = "delete"
)

// Spec is what is fixed about a step, whoever leaves.
type Spec struct {
	Name StepName
	// Gate steps wait for others and read the world again first; their message is delayed.
	Gate bool
	// Urgent steps lock the leaver out: they go before everything else.
	Urgent bool
	// Irreversible steps do what nobody can take back: before each of their writes stands a
	// [LastLook].
	Irreversible bool
	// When reports whether a departure has the step, by its settings; nil is always.
	When func(Plan) bool
	// Needs are the steps that must be closed (effective, withheld or signed off) before this one
	// acts; those that are not in the plan do not count.
	Needs []StepName
	// Deadline bounds every wait: past it, "not yet" becomes a manual task.
	Deadline time.Duration
	// Takes is what the step takes away, and Relies what it relies on that another step may take away,
	// in words: for functions/PAIRS.md.
	Takes, Relies string
	// Function is the one that serves the step. It bears the step's name, and every step is on
	// the ledger: Functions fills both in.
	Function
}

// OwnMessage reports whether the step starts with a message of its own, which only a plan that
// holds it sends; the others start with the one termination message.
func (s Spec) OwnMessage() bool { return s.Gate || s.Inside }

// takesNothing reports whether the step only keeps.
func (s Spec) takesNothing() bool { return s.Takes == "nothing" }

// longestOut is the longest that a step which locks a leaver out is put off for by our own choice: who
// is still signed in reads on meanwhile.
const longestOut = 30 * time.Second

// Soon bounds for how long a step that locks the leaver out is put off. What its vendor asks for is not our
// choice. Privileges is one, for whoever signout and block wait until it has decided about (B10).
func (c *Case) Soon(step StepName, d time.Duration) time.Duration {
	if spec, _ := SpecOf(step); spec.Urgent || step == StepPrivileges && c.Administrator() {
		return min(d, longestOut)
	}
	return d
}

// PastDeadline is the task that a wait becomes at the step's deadline; why is what it waited for.
func (s Spec) PastDeadline(why string) string {
	return fmt.Sprintf("not effective within %s, look into it and replay: %s", FormatDuration(s.Deadline), why)
}

// Steps are all steps, in the order of functions/README.md and of every report.
var Steps = []Spec{
	{
		Name: StepSignout, Urgent: true, Deadline: time.Hour,
		Takes:  "the password, sessions",
		Relies: "the right to do so, which a role of the leaver's takes (B10)",
		Function: Function{
			Does: "throws the leaver out of every session", Policy: true,
			Permissions: []string{
				"User.Read.All", "RoleManagement.Read.Directory", "User-PasswordProfile.ReadWrite.All",
				"User.RevokeSessions.All",
			},
			Done:    "the password has changed and no session is valid from before",
			AtWorst: "set a password it knows on any account that holds no administrator role, and sign in as whoever has no second factor",
		},
	},
	{
		Name: StepBlock, Urgent: true, Deadline: 24 * time.Hour,
		Takes:  "the account, ways into the mailbox, devices in Entra",
		Relies: "the same; that the synchronisation agrees (B9)",
		Function: Function{
			Does: "closes the account, the mailbox and the devices", Exchange: true, Policy: true,
			Cmdlets: []string{
				"Get-Mailbox", "Get-CASMailbox", "Get-MobileDevice", "Get-MobileDeviceStatistics", "Set-Mailbox AccountDisabled", "Set-CASMailbox",
			},
			Permissions: []string{
				"User.Read.All", "User.EnableDisableAccount.All", "User.RevokeSessions.All",
				"RoleManagement.Read.Directory", "Device.ReadWrite.All", "AuditLog.Read.All", "Organization.Read.All", "Application.Read.All",
			},
			Done:    "accountEnabled is false, sessions are revoked after that, mailbox and protocols are closed, devices disabled",
			AtWorst: "disable or enable any account that holds no administrator role, and any device; close every mailbox",
		},
	},
	{
		// Two days less than the default grace: whoever gets the manual task can still look at
		// the mailbox's phones.
		Name: StepWipe, Irreversible: true, Deadline: 28 * 24 * time.Hour,
		Takes:  "data on phones and devices, partnerships, records of devices in Intune",
		Relies: "a mailbox, a phone's own mail program that gets in, an enrolment, the licence of Intune",
		Function: Function{
			Does: "removes the organisation's data from phones and computers", Exchange: true, Policy: true,
			Cmdlets: []string{
				"Get-CASMailbox", "Get-MobileDevice", "Get-MobileDeviceStatistics", "Clear-MobileDevice", "Remove-MobileDevice", "Set-CASMailbox ActiveSyncBlockedDeviceIDs",
			},
			Permissions: []string{
				"User.Read.All", "DeviceManagementManagedDevices.Read.All",
				"DeviceManagementManagedDevices.PrivilegedOperations.All",
				"DeviceManagementApps.ReadWrite.All",
			},
			Done:    "every managed device and protected app is gone from Intune, and every phone has acknowledged its wipe and is blocked",
			AtWorst: "wipe every managed device and every phone",
		},
	},
	{
		Name: StepForward, Deadline: 24 * time.Hour,
		Takes:  "the type of the mailbox, meetings ahead, rules that send outside, at its end the forwarding",
		Relies: "a mailbox with its licence, a recipient who stays",
		Function: Function{
			Does: "sends new mail where the plan says", Exchange: true, Policy: true,
			Cmdlets: []string{
				"Get-Mailbox", "Get-Recipient", "Get-MailboxPermission", "Get-RecipientPermission", "Get-InboxRule", "Get-MailboxAutoReplyConfiguration",
				"Get-HostedOutboundSpamFilterPolicy", "Get-HostedOutboundSpamFilterRule", "Get-RemoteDomain",
				"Set-Mailbox ForwardingAddress ForwardingSmtpAddress DeliverToMailboxAndForward Type HiddenFromAddressListsEnabled GrantSendOnBehalfTo",
				"Set-MailboxAutoReplyConfiguration", "Disable-InboxRule", "Enable-InboxRule", "Remove-CalendarEvents",
				"Add-MailboxPermission", "Add-RecipientPermission", "Remove-MailboxPermission", "Remove-RecipientPermission",
			},
			Permissions: []string{"User.Read.All", "Calendars.Read"},
			Done:        "new mail goes where the plan says, or the mailbox is shared; when the forwarding has an end, it is gone; nothing sends outside, and no meeting of the leaver's is ahead",
			AtWorst:     "forward every mailbox to anywhere and give anybody access to it; change every automatic reply, switch inbox rules off and on, cancel everybody's meetings; read every calendar",
		},
	},
	{
		Name: StepPreserve, When: Plan.preserves, Deadline: 24 * time.Hour,
		Takes:  "nothing",
		Relies: "a mailbox, a licence that permits a hold",
		Function: Function{
			Does: "keeps the mail before the account goes", Exchange: true,
			Cmdlets: []string{"Get-Mailbox", "Set-Mailbox LitigationHoldEnabled LitigationHoldDuration"},
			Done:    "the mailbox is on litigation hold; or it is exported, and has no archive that the export does not reach",
			AtWorst: "take every litigation hold away",
		},
	},
	{
		// The largest mailboxes take days, by the limits of each mailbox.
		Name: StepExport, When: Plan.exports, Deadline: 21 * 24 * time.Hour,
		Takes:  "nothing",
		Relies: "a mailbox, and everything in it",
		Function: Function{
			Does: "writes the mailbox into files, and compares them with it", Policy: true, Storage: true,
			Permissions: []string{"Mail.Read", "Contacts.Read", "Calendars.Read", "Tasks.Read.All"},
			Done:        "every message, contact, event and task of the mailbox lies in the storage, was read back with its hash, and nothing has changed since",
			AtWorst:     "read every mailbox; read, change and delete every export",
		},
	},
	{
		// Large drives take days. It ends well before day 60, when an unlicensed OneDrive is
		// read-only.
		Name: StepOnedrive, Deadline: 21 * 24 * time.Hour,
		Takes:  "sharing links",
		Relies: "the OneDrive, a drive for the copy, a recipient who stays",
		Function: Function{
			Does:        "copies the files to where the policy wants them, and compares the copies",
			Permissions: []string{"User.Read.All", "Files.ReadWrite.All"},
			Done:        "sharing links are off, and every file was compared with its copy in the drive of the manager or of the policy",
			AtWorst:     "read, change and delete every file",
		},
	},
	{
		Name: StepPrivileges, When: Plan.takesPrivileges, Irreversible: true, Deadline: 24 * time.Hour,
		Takes:  "roles, authentication methods, role-assignable groups",
		Relies: "others who administer the tenant",
		Function: Function{
			Does: "takes away roles and authentication methods, while enough administrators remain", Policy: true,
			Permissions: []string{
				"Directory.Read.All", "Group.ReadWrite.All", "RoleManagement.ReadWrite.Directory",
				"AppRoleAssignment.ReadWrite.All", "UserAuthenticationMethod.ReadWrite.All",
			},
			Done:    "no directory role, active or eligible, no role-assignable group, no app role and no authentication method but the password is left; or a person decides, because the leaver is one of the last administrators",
			AtWorst: "make anybody a Global Administrator: as sensitive as that role itself (Tier 0)",
		},
	},
	{
		Name: StepAccess, Deadline: 24 * time.Hour,
		Takes:  "groups, ownerships, rights on mailboxes, telephone numbers",
		Relies: "a successor who stays; that privileges has decided",
		Function: Function{
			Does: "takes away what the leaver can still reach", Exchange: true,
			Cmdlets: []string{
				"Get-Mailbox", "Get-Recipient", "Get-MailboxPermission", "Get-RecipientPermission", "Get-MailboxFolderPermission", "Get-MailboxFolderStatistics",
				"Get-DistributionGroup", "Get-DynamicDistributionGroup", "Get-TransportRule", "Get-CalendarProcessing", "Set-Mailbox GrantSendOnBehalfTo ForwardingAddress ForwardingSmtpAddress DeliverToMailboxAndForward",
				"Set-DistributionGroup ManagedBy BypassSecurityGroupManagerCheck", "Set-CalendarProcessing ResourceDelegates", // handed over
				"Remove-DistributionGroupMember", "Remove-MailboxPermission", "Remove-RecipientPermission", "Remove-MailboxFolderPermission",
				"Add-DistributionGroupMember", "Add-MailboxPermission", "Add-RecipientPermission", "Add-MailboxFolderPermission", // to undo it
			},
			Permissions: []string{
				"Directory.Read.All", "Member.Read.Hidden", "Group.ReadWrite.All", "DelegatedPermissionGrant.ReadWrite.All",
				"TeamsTelephoneNumber.ReadWrite.All", "Calendars.Read",
			},
			Done:    "no group (but those that give licences), ownership, consent, telephone number or right on another mailbox is left",
			AtWorst: "make anybody a member or an owner of every group that administrator roles do not depend on, and delete it; take every consent away, give and take every telephone number; read every calendar; forward every mailbox, and give anybody rights on it and on every distribution list",
		},
	},
	{
		Name: StepOnpremises, Urgent: true, Deadline: 24 * time.Hour,
		Takes:  "the account on premises, its groups, in the end its place in the directory",
		Relies: "the account on premises",
		Function: Function{
			Does: "locks the account out of the on-premises Active Directory that masters it", Inside: true, Connection: "LEAVER_DIRECTORY",
			AtWorst: "end departures in the ledger; in the directory what the service account may do to the people and groups below its containers: disable, reset passwords, change memberships",
			Done:    "the account is disabled on premises, its password reset, hidden and in no group, the cloud shows it, and behind the gate of delete it is gone",
		},
	},
	{
		Name: StepLicence, Gate: true, Irreversible: true, Deadline: 7 * 24 * time.Hour,
		Needs:  []StepName{StepSignout, StepBlock, StepForward, StepPreserve, StepExport, StepPrivileges, StepAccess, StepOnpremises},
		Takes:  "the licence: mailbox, Intune, in the end the OneDrive",
		Relies: "that nobody needs those any more",
		Function: Function{
			Does: "releases the licence, when nothing is lost with it", Exchange: true, Policy: true,
			Cmdlets: []string{
				"Get-Mailbox", "Get-OrganizationConfig", "Get-MailboxStatistics", "Get-MailboxFolderStatistics",
				"Get-CASMailbox", "Get-MobileDevice", "Get-MobileDeviceStatistics", "Remove-DistributionGroupMember", "Add-DistributionGroupMember",
			},
			Permissions: []string{
				"User.Read.All", "LicenseAssignment.ReadWrite.All", "LicenseAssignment.Read.All",
				"GroupMember.ReadWrite.All", "Group.Read.All",
			},
			Done:    "the user holds no licence",
			AtWorst: "take every licence away, and change the members of every group that administrator roles do not depend on, and of every distribution list",
		},
	},
	{
		Name: StepDelete, Gate: true, Irreversible: true, Deadline: 7 * 24 * time.Hour,
		Needs:  []StepName{StepSignout, StepBlock, StepWipe, StepForward, StepPreserve, StepExport, StepOnedrive, StepPrivileges, StepAccess, StepOnpremises, StepLicence},
		Takes:  "the account, and all that goes with it",
		Relies: "that all else is done, or looked at",
		Function: Function{
			Does: "deletes the account, when nothing is lost with it", Exchange: true, Policy: true,
			Cmdlets:     []string{"Get-Mailbox", "Get-OrganizationConfig", "Get-MailboxStatistics", "Get-MailboxFolderStatistics"},
			Permissions: []string{"User.Read.All", "User.DeleteRestore.All", "Files.Read.All"},
			Done:        "the account is among the deleted items",
			AtWorst:     "delete every account that holds no administrator role, for good; read every file",
		},
	},
}

// SpecOf is the spec of a step; false when no function serves it.
func SpecOf(name StepName) (Spec, bool) {
	for _, s := range Steps {
		if s.Name == name {
			return s, true
		}
	}
	return Spec{}, false
}

// StepState is where a step of a case stands.
type StepState string

// The states of a step.
const (
	StatePlanned   StepState = "planned"  // no run has ended yet
	StateWaiting   StepState = "waiting"  // requested but not yet observed, or waiting for another step
	StateRetrying  StepState = "retrying" // a transient error
	StateEffective StepState = "effective"
	StateWithheld  StepState = "withheld"   // a rule forbids it
	StateManual    StepState = "manual"     // a person must act
	StateParked    StepState = "parked"     // no retry can help; replay it when the cause is gone
	StateSignedOff StepState = "signed off" // a person accepted it
	StateCancelled StepState = "cancelled"
	StateHeld      StepState = "held"      // a brake holds it until people lift it
	StateUndone    StepState = "undone"    // taken back, and observed so
	StateRehearsed StepState = "rehearsed" // observed only: what it would have done is said, and nothing was written
)

// known reports whether it is one of the above.
func (s StepState) known() bool {
	switch s {
	case StatePlanned, StateWaiting, StateRetrying, StateEffective, StateWithheld, StateManual, StateParked, StateSignedOff, StateCancelled, StateHeld, StateRehearsed, StateUndone:
		return true
	}
	return false
}

// Settled reports whether no message will move the step any more.
func (s StepState) Settled() bool {
	switch s {
	case StatePlanned, StateWaiting, StateRetrying:
		return false
	}
	return true
}

// Closed reports whether the step is as a complete case wants it.
func (s StepState) Closed() bool {
	return s == StateEffective || s == StateWithheld || s == StateSignedOff || s == StateRehearsed || s == StateUndone
}
