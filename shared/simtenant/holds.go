package simtenant

import (
	"slices"
	"strings"
	"time"
)

// delayHold is how long Exchange goes on as if a mailbox were on hold after a hold ended.
const delayHold = 30 * 24 * time.Hour

// holdsMail says whether something keeps the mail of a mailbox when its account goes: litigation
// hold, a delay hold, a retention label, a hold in InPlaceHolds, or a retention policy of the whole
// organisation that does not except it.
// Source: Microsoft Purview, How to identify the type of hold placed on an Exchange Online mailbox.
func (w *World) holdsMail(m *Mailbox) bool {
	if m.LitigationHold || m.DelayHoldApplied || m.ComplianceTagHoldApplied || slices.ContainsFunc(m.InPlaceHolds, keepsMail) {
		return true
	}
	return slices.ContainsFunc(w.Organization.InPlaceHolds, func(policy string) bool {
		id, _, _ := strings.Cut(policy, ":")
		excepted := slices.ContainsFunc(m.InPlaceHolds, func(h string) bool {
			x, _, _ := strings.Cut(h, ":")
			return strings.EqualFold(x, "-"+id)
		})
		return !excepted && keepsMail(policy)
	})
}

// keepsMail reads one entry. UniH is a hold of an eDiscovery case, cld or no prefix an In-Place
// Hold, mbx a retention policy for mailboxes; skp keeps Skype and Teams chats and grp groups, which
// is no mail of a person; -mbx is an exception. The suffix of a policy says what it does: 1 deletes,
// 2 keeps, 3 keeps and then deletes.
func keepsMail(entry string) bool {
	id, action, suffixed := strings.Cut(entry, ":")
	switch {
	case strings.HasPrefix(id, "-"), strings.HasPrefix(id, "skp"), strings.HasPrefix(id, "grp"):
		return false
	case strings.HasPrefix(id, "mbx"):
		return !suffixed || action == "2" || action == "3"
	}
	return true
}

// delay begins a delay hold when the last hold of a mailbox has ended.
func (w *World) delay(m *Mailbox, held bool, now time.Time) {
	if held && !w.holdsMail(m) {
		m.DelayHoldApplied, m.DelayHoldUntil = true, now.Add(delayHold)
	}
}
