package offboarding

import (
	"slices"
	"strings"
	"time"
)

// Mailbox is an Exchange Online mailbox as Get-Mailbox and Get-CASMailbox show it.
type Mailbox struct {
	ID                   string // ExternalDirectoryObjectId: the user's object id
	RecipientTypeDetails string // UserMailbox, SharedMailbox, …
	AccountDisabled      bool
	Protocols            Protocols
	// SMTPDisabled is SmtpClientAuthenticationDisabled as it reads: true, false, or null where the
	// organisation's default (Set-TransportConfig) decides.
	SMTPDisabled string
}

// MailFlow is where a mailbox's mail goes and what keeps it, as Get-Mailbox shows it. Names
// and addresses in it are personal: no reason, evidence or log may repeat them.
type MailFlow struct {
	ID                   string // ExternalDirectoryObjectId: the user's object id
	GUID                 string // ExchangeGuid: a new mailbox has another one
	RecipientTypeDetails string // UserMailbox, SharedMailbox, …
	DisplayName          string
	Address              string // PrimarySmtpAddress
	ForwardsTo           string // ForwardingAddress: a recipient, as Exchange prints it
	ForwardsToAddress    string // ForwardingSmtpAddress without "smtp:"; ignored where the other is set
	Copy                 bool   // DeliverToMailboxAndForward
	Hidden               bool   // from address lists
	Archive              bool
	// TakenBack says that an Exchange on premises has it as a user's mailbox: shared here, it becomes a user's
	// again with the next synchronisation.
	TakenBack      bool
	Hold           bool // something keeps its mail, see [MailboxHolds]
	Held           bool // something keeps what is in it, and be it chats only
	PoliciesUnseen bool // whether retention policies of the organisation keep it could not be read
	LitigationHold bool
	HoldFor        time.Duration // LitigationHoldDuration, or Unlimited; zero without a litigation hold
	HoldLicensed   bool          // LicensedForLitigationHold
}

// Forwards reports whether new mail is forwarded at all.
func (m MailFlow) Forwards() bool { return m.ForwardsTo != "" || m.ForwardsToAddress != "" }

// Shared reports whether the mailbox is a shared one.
func (m MailFlow) Shared() bool { return m.RecipientTypeDetails == "SharedMailbox" }

// Recipient is somebody whom Exchange can deliver mail to.
type Recipient struct {
	ID     string // object id; empty when it has none
	Inside bool   // the mail stays in the organisation
	Group  bool   // of any kind: others get the mail
}

// InboxRule is a rule of an inbox.
type InboxRule struct {
	ID      string
	Enabled bool
}

// AutoReply is the automatic reply of a mailbox, in the words of Exchange. The texts are
// personal.
type AutoReply struct {
	State    string // Disabled, Enabled, Scheduled
	Audience string // None, Known, All
	AutoReplyTexts
}

// ActiveSync is the protocol of a phone's own mail program, by its name in [Protocols].
const ActiveSync = "ActiveSyncEnabled"

// Protocols are the ways into a mailbox, by the names of Set-CASMailbox, true when open.
type Protocols map[string]bool

// Open lists the protocols that are not closed, by name.
func (p Protocols) Open() []string {
	var open []string
	for name, isOpen := range p {
		if isOpen {
			open = append(open, name)
		}
	}
	slices.Sort(open)
	return open
}

// Content is how much a mailbox or a drive holds.
type Content struct {
	Exists bool
	Items  int
	Bytes  int64
	// Recoverable is how many deleted items of a mailbox can still be recovered: they go with it.
	Recoverable int
}

// Empty reports whether nothing would be lost with it.
func (c Content) Empty() bool { return !c.Exists || c.Items == 0 }

// MailGroup is a distribution list or a mail-enabled security group that somebody manages.
type MailGroup struct {
	ID          string // object id; empty when Entra does not know the group
	DisplayName string
	Managers    []string // who manages it, as Exchange prints them: names, which are personal
	OnPremises  bool     // mastered in an on-premises Active Directory
}

// Overseen is a recipient whose mail somebody approves before it is delivered, or a dynamic distribution group that
// somebody manages. Entra does not know every one.
type Overseen struct {
	GUID        string   // Exchange's own
	DisplayName string   // of a group; a mailbox has a person's
	OnPremises  bool     // mastered in an on-premises Active Directory
	Managers    []string // of a dynamic distribution group, as Exchange prints them: names, which are personal
	Moderators  []string // likewise, where mail waits for one of them
}

// TransportRule is a mail flow rule of the organisation.
type TransportRule struct {
	GUID, Name string
	By         []string // the properties by which it means somebody: From, RedirectMessageTo and others
}

// ForwardingOutside is what may keep mail from being forwarded out of the organisation. An empty
// mode or list was not shown.
// Source: Microsoft Defender for Office 365, Control automatic external email forwarding.
type ForwardingOutside struct {
	// Modes are the AutoForwardingMode of the outbound spam policies in use, by name: Automatic
	// (which forbids it), On or Off.
	Modes map[string]string
	// Domains say by remote domain, "*" is any other, whether automatic forwarding is allowed.
	Domains map[string]bool
}

// Forbidden reports whether no policy and no remote domain lets mail be forwarded to a domain. It
// is certain only as far as one policy is in use: a rule can give people another.
func (f ForwardingOutside) Forbidden(domain string) bool {
	allowed, named := f.Domains[strings.ToLower(domain)]
	if !named {
		allowed = f.Domains["*"]
	}
	if !allowed {
		return true
	}
	for _, mode := range f.Modes {
		if mode == "On" {
			return false
		}
	}
	return len(f.Modes) > 0
}
