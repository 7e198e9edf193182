package offboarding

import (
	"fmt"
	"math"
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
	KeepMail    Keeping        // hold, export or none
	KeepFiles   Keeping        // move or none
	// Protected accounts are never offboarded: object ids, userPrincipalNames or mail
	// addresses, compared without regard to case.
	Protected []string
}

// DefaultPolicy is what holds where the organisation says nothing: 30 days of grace,
// deletion right after it, and nothing deleted that was not kept.
func DefaultPolicy() Policy {
	return Policy{
		Grace:     30 * 24 * time.Hour,
		Mailbox:   None,
		KeepMail:  KeepHold,
		KeepFiles: KeepMove,
	}
}

// Validate says what is wrong with the policy.
func (p Policy) Validate() error {
	if p.Grace < 0 || p.Grace == Unlimited {
		return fmt.Errorf("grace: %s must be a limited duration", p.Grace)
	}
	if p.DeleteAfter < 0 || p.DeleteAfter == Unlimited {
		return fmt.Errorf("deleteAfter: %s must be a limited duration", p.DeleteAfter)
	}
	if _, err := ParseHandling(string(p.Mailbox)); err != nil {
		return fmt.Errorf("mailbox: %w", err)
	}
	switch p.KeepMail {
	case KeepHold, KeepExport, KeepNone:
	default:
		return fmt.Errorf("keepMail: %q; use hold, export or none", p.KeepMail)
	}
	switch p.KeepFiles {
	case KeepMove, KeepNone:
	default:
		return fmt.Errorf("keepFiles: %q; use move or none", p.KeepFiles)
	}
	return nil
}

// Protects reports whether the policy forbids to offboard the user.
func (p Policy) Protects(u User) bool {
	for _, who := range p.Protected {
		for _, name := range []string{u.ID, u.UserPrincipalName, u.Mail} {
			if name != "" && strings.EqualFold(who, name) {
				return true
			}
		}
	}
	return false
}
