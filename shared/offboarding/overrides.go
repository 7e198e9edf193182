package offboarding

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Override changes the policy for the leavers of one department, company or group.
type Override struct {
	// Exactly one is set. Department and Company are compared without regard to case with the
	// user's department and companyName; Group is an object id, and membership may be nested.
	Department, Company, Group string
	Changes                    Changes
}

// validate says what one block of changes cannot mean together. What it leaves out may contradict
// it, and then it has the last word.
func (c Changes) validate() error {
	if mailbox, said := c["mailbox"]; !said || fmt.Sprint(mailbox) != string(Hold) {
		return nil
	}
	if _, said := c["forwardFor"]; said {
		return policyErrorf("forwardFor", "mailbox is hold, and %s: %s (%s); leave forwardFor out, or write mailbox: forward", B6, B6.Text, B6.Source)
	}
	if keep, said := c["keepMail"]; said && fmt.Sprint(keep) != string(KeepHold) {
		return policyErrorf("keepMail", "mailbox is hold, and keeps the mail by that; leave keepMail out, or write another mailbox")
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
		return policyErrorf("for", "exactly one of department, company and group")
	}
	return o.Changes.validate()
}

func (o Override) matches(u User, groups []string) bool {
	switch {
	case o.Department != "":
		return strings.EqualFold(o.Department, u.Department)
	case o.Company != "":
		return strings.EqualFold(o.Company, u.CompanyName)
	}
	return slices.ContainsFunc(groups, func(id string) bool { return strings.EqualFold(id, o.Group) })
}

// With is the policy with changes laid over its settings. Its error is a *[PolicyError].
func (p Policy) With(c Changes) (Policy, error) {
	err := Lay(&p.Settings, c)
	return p, err
}

// For is the policy for one leaver: every override that fits is laid over it in the order of
// the file, so that a later one wins. Groups are those of [Policy.Groups] that the leaver is in.
func (p Policy) For(u User, groups []string) (Policy, error) {
	all := p.Overrides
	p.Overrides = nil
	for i, o := range all {
		if !o.matches(u, groups) {
			continue
		}
		var err error
		if p, err = p.With(o.Changes); err != nil {
			return Policy{}, within("overrides", within(strconv.Itoa(i), err))
		}
		if mailbox, said := o.Changes["mailbox"]; said && fmt.Sprint(mailbox) == string(Hold) {
			p.KeepMail = KeepHold // whatever of this a request changes, the mail is kept
		}
	}
	return p, nil
}

// Groups are the object ids of the groups that the policy asks about: the protected ones and those of
// overrides.
func (p Policy) Groups() []string {
	ids := slices.Clone(p.ProtectedGroups)
	for _, o := range p.Overrides {
		if o.Group != "" && !slices.Contains(ids, o.Group) {
			ids = append(ids, o.Group)
		}
	}
	return ids
}

// mostGroups is how many groups one question about membership may hold.
// Source: Microsoft Graph, directoryObject: checkMemberGroups.
const mostGroups = 20

func (p Policy) validateOverrides() error {
	if n := len(p.Groups()); n > mostGroups {
		return policyErrorf("overrides", "%d groups with protectedGroups; Microsoft Graph answers for at most %d", n, mostGroups)
	}
	for i, o := range p.Overrides {
		err := o.validate()
		if err == nil {
			var with Policy
			if with, err = p.With(o.Changes); err == nil {
				with.Overrides = nil
				err = with.Validate()
			}
		}
		if err != nil {
			return within("overrides", within(strconv.Itoa(i), err))
		}
	}
	return nil
}
