package offboarding

import (
	"slices"
	"strings"
)

// MailboxHolds is what may keep the content of a mailbox, as Get-Mailbox shows it.
// Source: Microsoft Purview, How to identify the type of hold placed on an Exchange Online mailbox.
type MailboxHolds struct {
	Litigation   bool     // LitigationHoldEnabled
	Delay        bool     // DelayHoldApplied: some hold ended less than 30 days ago
	DelayRelease bool     // DelayReleaseHoldApplied: the same for what apps as Teams keep in the mailbox
	Label        bool     // ComplianceTagHoldApplied: somebody put a retention label on something
	InPlace      []string // InPlaceHolds
}

// OnMail lists what keeps the mail of the mailbox, given the InPlaceHolds of the organisation, in
// Exchange's words. What keeps chats only, what only deletes, and a policy that the mailbox is
// excluded from keep no mail.
func (h MailboxHolds) OnMail(organisation []string) []string {
	var on []string
	for _, switched := range []struct {
		name string
		is   bool
	}{{"LitigationHoldEnabled", h.Litigation}, {"DelayHoldApplied", h.Delay}, {"ComplianceTagHoldApplied", h.Label}} {
		if switched.is {
			on = append(on, switched.name)
		}
	}
	excluded := map[string]bool{}
	for _, hold := range h.InPlace {
		if policy, is := strings.CutPrefix(hold, "-"); is {
			policy, _, _ = strings.Cut(policy, ":")
			excluded[strings.ToLower(policy)] = true
		}
	}
	for _, hold := range append(append([]string(nil), h.InPlace...), organisation...) {
		policy, _, _ := strings.Cut(strings.ToLower(hold), ":")
		if keepsMail(hold) && !excluded[policy] {
			on = append(on, hold)
		}
	}
	return on
}

// OnAnything reports whether anything in the mailbox is kept, be it chats only, given the InPlaceHolds
// of the organisation. The licence of such a mailbox goes with its account, never before (B5).
func (h MailboxHolds) OnAnything(organisation []string) bool {
	return len(h.OnMail(organisation)) > 0 || h.DelayRelease || slices.ContainsFunc(h.InPlace, func(hold string) bool {
		policy, action, _ := strings.Cut(strings.ToLower(hold), ":")
		return strings.HasPrefix(policy, "skp") && action != "1"
	})
}

// keepsMail reports whether an entry of InPlaceHolds keeps mail: a hold of eDiscovery (UniH), an
// in-place hold (cld, or a bare GUID), or a retention policy of mailboxes (mbx) whose action is
// not 1, to delete only. Chats (skp), groups (grp) and exclusions (-mbx) do not.
func keepsMail(hold string) bool {
	hold = strings.ToLower(hold)
	_, action, _ := strings.Cut(hold, ":")
	switch {
	case hold == "", strings.HasPrefix(hold, "-"), strings.HasPrefix(hold, "skp"), strings.HasPrefix(hold, "grp"):
		return false
	case strings.HasPrefix(hold, "mbx"):
		return action != "1"
	}
	return true
}
