package offboarding

import (
	"fmt"
	"html"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

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
	KeepExport Keeping = "export" // mail: exported into files and verified
	KeepMove   Keeping = "move"   // files: copied to whoever takes over, and verified
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
	Settings
	PolicySettings
	// Overrides change the settings for some leavers, in this order; see [Policy.For].
	Overrides []Override
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

// DefaultPolicy is what holds where the organisation says nothing: 30 days of grace in which
// new mail goes to the manager as well, deletion right after it, and nothing deleted that was
// not kept.
func DefaultPolicy() Policy {
	var p Policy
	SetDefaults(&p)
	return p
}

// ReadPolicy is the default policy with what is written laid over it, by the keys of the settings
// and "overrides". Its error is a *[PolicyError].
func ReadPolicy(written Changes) (Policy, error) {
	p := DefaultPolicy()
	written = maps.Clone(written)
	overrides, _ := written["overrides"].([]any)
	delete(written, "overrides")
	if err := written.validate(); err != nil {
		return Policy{}, err
	}
	if err := Lay(&p, written); err != nil {
		return Policy{}, err
	}
	for _, each := range overrides {
		changes, _ := each.(map[string]any)
		changes = maps.Clone(changes)
		whose, _ := changes["for"].(map[string]any)
		text := func(key string) string { s, _ := whose[key].(string); return s }
		delete(changes, "for")
		p.Overrides = append(p.Overrides, Override{Department: text("department"), Company: text("company"), Group: text("group"), Changes: changes})
	}
	return p, p.Validate()
}

// PolicyError is what is wrong with a policy, and where.
type PolicyError struct {
	At  []string // keys as in the file, and indexes of lists
	Why string   // it says what to write
}

func (e *PolicyError) Error() string { return strings.Join(e.At, ".") + ": " + e.Why }

func policyErrorf(key, format string, args ...any) error {
	return &PolicyError{At: []string{key}, Why: fmt.Sprintf(format, args...)}
}

// Validate says what is wrong with the policy: a *[PolicyError]. Whatever concerns one setting
// alone, its declaration says.
func (p Policy) Validate() error {
	if err := Check(p); err != nil {
		return err
	}
	if p.ForwardFor != nil && *p.ForwardFor <= 0 {
		return policyErrorf("forwardFor", "it must be longer than nothing; to forward nothing, use mailbox none")
	}
	if p.Zone != "" {
		if _, err := LoadZone(p.Zone); err != nil {
			return policyErrorf("zone", "%s", err)
		}
	}
	for i, c := range p.Channels {
		err := c.validate()
		if err == nil && slices.ContainsFunc(p.Channels[:i], func(other Channel) bool { return other.Name == c.Name }) {
			err = policyErrorf("name", "another channel has the name %q", c.Name)
		}
		if err != nil {
			return within("channels", within(strconv.Itoa(i), err))
		}
	}
	if err := p.AutoReply.validate(); err != nil {
		return policyErrorf("autoReply", "%s", err)
	}
	if !slices.IsSorted(p.Rereads) || len(p.Rereads) == 0 || p.Rereads[0] <= 0 {
		return policyErrorf("rereads", "at least one duration longer than nothing, and ascending, like [30m, 1h, 1d]")
	}
	return p.validateOverrides()
}

// Protects reports whether the policy forbids to offboard the user, who is in some of its
// ProtectedGroups.
func (p Policy) Protects(u User, in []string) bool {
	for _, group := range p.ProtectedGroups {
		if slices.ContainsFunc(in, func(id string) bool { return strings.EqualFold(id, group) }) {
			return true
		}
	}
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
