package offboarding

import (
	"slices"
	"time"
)

// Mailbox is an Exchange Online mailbox as Get-Mailbox and Get-CASMailbox show it.
type Mailbox struct {
	ID                   string // ExternalDirectoryObjectId: the user's object id
	RecipientTypeDetails string // UserMailbox, SharedMailbox, …
	AccountDisabled      bool
	Protocols            Protocols
}

// MailFlow is where a mailbox's mail goes and what keeps it, as Get-Mailbox shows it. Names
// and addresses in it are personal: no reason, evidence or log may repeat them.
type MailFlow struct {
	ID                   string // ExternalDirectoryObjectId: the user's object id
	RecipientTypeDetails string // UserMailbox, SharedMailbox, …
	DisplayName          string
	Address              string // PrimarySmtpAddress
	ForwardsTo           string // ForwardingAddress: a recipient, as Exchange prints it
	ForwardsToAddress    string // ForwardingSmtpAddress without "smtp:"; ignored where the other is set
	Copy                 bool   // DeliverToMailboxAndForward
	Hidden               bool   // from address lists
	Archive              bool
	Hold                 bool // litigation hold, or an in-place one
	LitigationHold       bool
	HoldFor              time.Duration // LitigationHoldDuration, or Unlimited; zero without a litigation hold
	HoldLicensed         bool          // LicensedForLitigationHold
}

// Forwards reports whether new mail is forwarded at all.
func (m MailFlow) Forwards() bool { return m.ForwardsTo != "" || m.ForwardsToAddress != "" }

// Shared reports whether the mailbox is a shared one.
func (m MailFlow) Shared() bool { return m.RecipientTypeDetails == "SharedMailbox" }

// Recipient is somebody whom Exchange can deliver mail to.
type Recipient struct {
	ID     string // object id; empty when it has none
	Inside bool   // the mail stays in the organisation
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
}

// Empty reports whether nothing would be lost with it.
func (c Content) Empty() bool { return !c.Exists || c.Items == 0 }
