package offboarding

import (
	"fmt"
	"html"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Unlimited is a duration without an end. It is written "unlimited", Microsoft's word.
const Unlimited time.Duration = math.MaxInt64

// ParseDuration reads a duration as Go writes it ("720h"), or "unlimited". A negative one
// is refused.
func ParseDuration(s string) (time.Duration, error) {
	if s == "unlimited" {
		return Unlimited, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is not a duration; write it like 720h or 30m, or unlimited", s)
	}
	return d, nil
}

// Handling is what becomes of the mailbox.
type Handling string

// The handlings of a mailbox. They exclude one another (B6).
const (
	Forward Handling = "forward" // new mail goes to somebody, for a time or for ever
	Shared  Handling = "shared"  // becomes a shared mailbox
	Hold    Handling = "hold"    // litigation hold, then inactive mailbox
	None    Handling = "none"    // nothing
)

// ParseHandling reads a handling; its error names the four.
func ParseHandling(s string) (Handling, error) {
	switch h := Handling(s); h {
	case Forward, Shared, Hold, None:
		return h, nil
	}
	return "", fmt.Errorf("%q is not a mailbox handling; use forward, shared, hold or none", s)
}

// Keeping is how mail or files are kept before they are deleted.
type Keeping string

// The ways of keeping. None means the organisation gives the content up.
const (
	KeepHold   Keeping = "hold"   // mail: litigation hold
	KeepExport Keeping = "export" // mail: exported and signed off by a person
	KeepMove   Keeping = "move"   // files: copied to a named drive and verified
	KeepNone   Keeping = "none"
)

// Options are what a request may choose; empty fields are the policy's.
type Options struct {
	Mailbox    Handling       `json:"mailbox,omitempty"`
	ForwardFor *time.Duration `json:"forwardFor,omitempty"`
	ForwardTo  string         `json:"forwardTo,omitempty"` // an address; empty = the manager
}

// Policy is the organisation's way of letting people go.
type Policy struct {
	Grace       time.Duration // from the leaving time to the release of the licence
	DeleteAfter time.Duration // from the end of the grace to the deletion
	Mailbox     Handling
	ForwardFor  *time.Duration // nil = until the grace ends
	ForwardCopy bool           // forwarded mail also stays in the mailbox
	// ForwardDomains are the domains outside of the organisation that mail may be forwarded to;
	// a subdomain counts only when it is named itself.
	ForwardDomains []string
	AutoReply      AutoReplyTexts
	KeepMail       Keeping // hold, export or none
	KeepFiles      Keeping // move or none
	CancelMeetings bool    // that the leaver organised
	FilesTo        string  // where files are moved to: manager, a person or a drive; see [FilesToPerson]
	// BlackBerry is set where the organisation runs a BlackBerry server of its own, which nobody but
	// a person can take the leaver from.
	BlackBerry bool
	// SeatPrices are what a seat costs a month, by skuPartNumber, in the organisation's currency.
	SeatPrices map[string]float64
	// Delegates are the rights of the leaver's manager on a shared mailbox: fullAccess, sendAs or
	// sendOnBehalf.
	Delegates []MailRightKind
	// HoldFor is how long each item is held by a litigation hold, from when it came; whole days,
	// or Unlimited.
	HoldFor time.Duration
	// Rereads are how long after an account that an on-premises Active Directory masters was
	// blocked it is looked at again, ascending.
	Rereads []time.Duration
	// Protected accounts are never offboarded: object ids, userPrincipalNames or any of their
	// mail addresses, compared without regard to case.
	Protected []string
	// Overrides change the policy for some leavers, in this order; see [Policy.For].
	Overrides []Override
}

// AutoReplyTexts are the out-of-office texts in HTML, for the organisation and for everybody
// else. They may hold {name}, the leaver's display name, and {contact}, the address of whoever
// gets the mail now. An empty one is not sent.
type AutoReplyTexts struct {
	Inside  string `json:"inside,omitempty"`
	Outside string `json:"outside,omitempty"`
}

// placeholder is anything in braces.
var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

func (t AutoReplyTexts) validate() error {
	for _, text := range []string{t.Inside, t.Outside} {
		for _, p := range placeholder.FindAllString(text, -1) {
			if p != "{name}" && p != "{contact}" {
				return fmt.Errorf("%s is not filled in; use {name} or {contact}", p)
			}
		}
	}
	return nil
}

// Fill returns the texts with the two values in place, escaped for HTML.
func (t AutoReplyTexts) Fill(name, contact string) AutoReplyTexts {
	fill := strings.NewReplacer("{name}", html.EscapeString(name), "{contact}", html.EscapeString(contact))
	return AutoReplyTexts{Inside: fill.Replace(t.Inside), Outside: fill.Replace(t.Outside)}
}

// defaultReply names nobody but the leaver and holds for a forwarded and a shared mailbox.
const defaultReply = "{name} does not work here any more. A colleague will read your message."

// DefaultPolicy is what holds where the organisation says nothing: 30 days of grace in which
// new mail goes to the manager as well, deletion right after it, and nothing deleted that was
// not kept.
func DefaultPolicy() Policy {
	return Policy{
		Grace:       30 * 24 * time.Hour,
		Mailbox:     Forward,
		ForwardCopy: true,
		AutoReply:   AutoReplyTexts{Inside: defaultReply, Outside: defaultReply},
		KeepMail:    KeepHold,
		KeepFiles:   KeepMove,
		FilesTo:     FilesToManager,
		HoldFor:     Unlimited,

		Delegates:      []MailRightKind{RightFull, RightSendAs},
		CancelMeetings: true,
		Rereads:        []time.Duration{30 * time.Minute, time.Hour, 24 * time.Hour},
	}
}

// PolicyError is what is wrong with a policy, and where.
type PolicyError struct {
	At  []string // keys as in the file, and indexes of lists
	Why string   // it says what to write
}

func (e *PolicyError) Error() string { return strings.Join(e.At, ".") + ": " + e.Why }

func wrong(key, format string, args ...any) error {
	return &PolicyError{At: []string{key}, Why: fmt.Sprintf(format, args...)}
}

// Validate says what is wrong with the policy: a *[PolicyError].
func (p Policy) Validate() error {
	if p.Grace < 0 || p.Grace == Unlimited {
		return wrong("grace", "%s must be a limited duration", p.Grace)
	}
	if p.DeleteAfter < 0 || p.DeleteAfter == Unlimited {
		return wrong("deleteAfter", "%s must be a limited duration", p.DeleteAfter)
	}
	if _, err := ParseHandling(string(p.Mailbox)); err != nil {
		return wrong("mailbox", "%s", err)
	}
	if p.ForwardFor != nil && *p.ForwardFor <= 0 {
		return wrong("forwardFor", "it must be longer than nothing; to forward nothing, use mailbox none")
	}
	for _, d := range p.ForwardDomains {
		if d == "" || strings.ContainsAny(d, "@* /") {
			return wrong("forwardDomains", "%q; write whole domains, like fabrikam.com", d)
		}
	}
	if err := p.AutoReply.validate(); err != nil {
		return wrong("autoReply", "%s", err)
	}
	switch p.KeepMail {
	case KeepHold, KeepExport, KeepNone:
	default:
		return wrong("keepMail", "%q; use hold, export or none", p.KeepMail)
	}
	switch p.KeepFiles {
	case KeepMove, KeepNone:
	default:
		return wrong("keepFiles", "%q; use move or none", p.KeepFiles)
	}
	if p.FilesTo != FilesToManager && !FilesToDrive(p.FilesTo) && !FilesToPerson(p.FilesTo) {
		return wrong("filesTo", "%q; use manager, the userPrincipalName or object id of a person, or the id of a drive, like b!…", p.FilesTo)
	}
	for _, d := range p.Delegates {
		if d != RightFull && d != RightSendAs && d != RightOnBehalf {
			return wrong("delegates", "%q; use fullAccess, sendAs or sendOnBehalf", d)
		}
	}
	if p.HoldFor < 24*time.Hour {
		return wrong("holdFor", "%s is too short: at least a day (24h), or unlimited", p.HoldFor)
	}
	if !slices.IsSorted(p.Rereads) || len(p.Rereads) == 0 || p.Rereads[0] <= 0 {
		return wrong("rereads", "at least one duration longer than nothing, and ascending, like [30m, 1h, 24h]")
	}
	return p.validateOverrides()
}

// Protects reports whether the policy forbids to offboard the user.
func (p Policy) Protects(u User) bool {
	for _, who := range p.Protected {
		for _, name := range append([]string{u.ID, u.UserPrincipalName, u.Mail}, u.Addresses...) {
			if name != "" && strings.EqualFold(who, name) {
				return true
			}
		}
	}
	return false
}

// ForwardsTo reports whether mail may be forwarded to an address outside of the organisation.
func (p Policy) ForwardsTo(address string) bool {
	_, domain, ok := strings.Cut(address, "@")
	return ok && slices.ContainsFunc(p.ForwardDomains, func(d string) bool { return strings.EqualFold(d, domain) })
}
