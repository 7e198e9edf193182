package offboarding

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Settings are the parts of a policy that may differ between leavers; nil leaves a part as it is.
type Settings struct {
	Grace          *time.Duration
	DeleteAfter    *time.Duration
	Mailbox        *Handling
	ForwardFor     *time.Duration
	ForwardCopy    *bool
	ReplyInside    *string
	ReplyOutside   *string
	KeepMail       *Keeping
	KeepFiles      *Keeping
	HoldFor        *time.Duration
	CancelMeetings *bool
	FilesTo        *string
	Delegates      *[]MailRightKind
}

// Override changes the policy for the leavers of one department, company or group.
type Override struct {
	// Exactly one is set. Department and Company are compared without regard to case with the
	// user's department and companyName; Group is an object id, and membership may be nested.
	Department, Company, Group string
	Settings                   Settings
}

// Validate says what one block of settings cannot mean together: a *[PolicyError]. What it leaves
// out may contradict it, and then it has the last word.
func (s Settings) Validate() error {
	switch {
	case s.Mailbox == nil || *s.Mailbox != Hold:
		return nil
	case s.ForwardFor != nil:
		return wrong("forwardFor", "mailbox is hold, and %s: %s (%s); leave forwardFor out, or write mailbox: forward", B6, B6.Text, B6.Source)
	case s.KeepMail != nil && *s.KeepMail != KeepHold:
		return wrong("keepMail", "mailbox is hold, and keeps the mail by that; leave keepMail out, or write another mailbox")
	}
	return nil
}

func (o Override) validate() error {
	named := 0
	for _, by := range []string{o.Department, o.Company, o.Group} {
		if by != "" {
			named++
		}
	}
	if named != 1 {
		return wrong("for", "exactly one of department, company and group")
	}
	return o.Settings.Validate()
}

func (o Override) fits(u User, groups []string) bool {
	switch {
	case o.Department != "":
		return strings.EqualFold(o.Department, u.Department)
	case o.Company != "":
		return strings.EqualFold(o.Company, u.CompanyName)
	}
	return slices.ContainsFunc(groups, func(id string) bool { return strings.EqualFold(id, o.Group) })
}

// With is the policy with settings laid over it.
func (p Policy) With(s Settings) Policy {
	lay(&p.Grace, s.Grace)
	lay(&p.DeleteAfter, s.DeleteAfter)
	lay(&p.Mailbox, s.Mailbox)
	if s.ForwardFor != nil {
		p.ForwardFor = s.ForwardFor
	}
	lay(&p.ForwardCopy, s.ForwardCopy)
	lay(&p.AutoReply.Inside, s.ReplyInside)
	lay(&p.AutoReply.Outside, s.ReplyOutside)
	lay(&p.KeepMail, s.KeepMail)
	lay(&p.KeepFiles, s.KeepFiles)
	lay(&p.FilesTo, s.FilesTo)
	lay(&p.HoldFor, s.HoldFor)
	lay(&p.CancelMeetings, s.CancelMeetings)
	lay(&p.Delegates, s.Delegates)
	return p
}

func lay[T any](under, over *T) {
	if over != nil {
		*under = *over
	}
}

// For is the policy for one leaver: every override that fits is laid over it in the order of
// the file, so that a later one wins. Groups are those of [Policy.Groups] that the leaver is in.
func (p Policy) For(u User, groups []string) Policy {
	all := p.Overrides
	p.Overrides = nil
	for _, o := range all {
		if o.fits(u, groups) {
			p = p.With(o.Settings)
		}
	}
	return p
}

// Groups are the object ids of the groups that overrides ask for.
func (p Policy) Groups() []string {
	var ids []string
	for _, o := range p.Overrides {
		if o.Group != "" && !slices.Contains(ids, o.Group) {
			ids = append(ids, o.Group)
		}
	}
	return ids
}

// mostOverrideGroups is how many groups one question about membership may hold.
// Source: Microsoft Graph, directoryObject: checkMemberGroups.
const mostOverrideGroups = 20

func (p Policy) validateOverrides() error {
	if n := len(p.Groups()); n > mostOverrideGroups {
		return wrong("overrides", "%d groups; Microsoft Graph answers for at most %d", n, mostOverrideGroups)
	}
	for i, o := range p.Overrides {
		err := o.validate()
		if err == nil {
			with := p.With(o.Settings)
			with.Overrides = nil
			err = with.Validate()
		}
		var where *PolicyError
		if errors.As(err, &where) {
			where.At = append([]string{"overrides", strconv.Itoa(i)}, where.At...)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
