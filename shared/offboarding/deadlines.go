package offboarding

import (
	"slices"
	"time"
)

// Deadline is a time at which something of a departure ends by itself.
type Deadline struct {
	At     time.Time `json:"at"`
	What   string    `json:"what"`
	Source string    `json:"source"` // of the rule
}

// Restorable is how long a deleted account can be restored.
// Source: Microsoft Entra, Restore or remove a recently deleted user.
const Restorable = 30 * day

// What Microsoft does with a OneDrive by itself. Whoever administers the tenant can set the
// retention to more.
const (
	unlicensedReadOnly = 60 * day
	unlicensedArchived = 93 * day
	driveRetention     = 30 * day
	driveRecycled      = 93 * day
)

// Sources of the deadlines.
const (
	sourceUnlicensed = "SharePoint, Manage unlicensed OneDrive user accounts, since 27 January 2025; education and GCC tenants are exempt"
	sourceRetention  = "SharePoint, retention-and-deletion; default retention"
)

// EraseAt is when the personal values of a case are to be erased: some time after it ended, as its
// plan says, and never while its account may still be restored. It is zero while the case goes on.
func (c *Case) EraseAt(now time.Time) time.Time {
	if state := c.State(now); state != CaseComplete && state != CaseCancelled && state != CaseUndone {
		return time.Time{}
	}
	after := c.Plan.EraseAfter
	if after == 0 { // planned by an older version, or never planned
		after = DefaultPolicy().EraseAfter
	}
	return c.ChangedAt.Add(max(after, Restorable))
}

// Deadlines are computed from what the case's steps observed, earliest first. What has ended
// already is among them.
func Deadlines(c *Case) []Deadline {
	var out []Deadline
	add := func(at time.Time, what, source string) {
		out = append(out, Deadline{At: at, What: what, Source: source})
	}
	deleted, released := c.AccountDeleted(), time.Time{}
	if r := c.Step(StepLicence); r != nil {
		released = r.EffectiveAt // also when seats are left to a person
	}
	if f := c.Plan.Forwarding; f != nil && !f.Until.IsZero() && c.Cancelled == nil && c.Undo == nil {
		what, r := "forwarding ends", c.Step(StepForward)
		never := false // was anything forwarded
		switch {
		case r == nil:
		case r.State == StateEffective:
			what, never = "forwarding ended", r.EffectiveAt.Before(f.Until)
		case r.State == StateSignedOff:
			never = r.Evidence[ForwardingSeen] == "" // a person took what was to be done upon themselves
		}
		if !never {
			add(f.Until, what, "the plan")
		}
	}
	hasDrive := c.HasDrive()
	switch {
	case !deleted.IsZero():
		add(deleted.Add(Restorable), "the account can be restored until then", "Microsoft Entra, Restore or remove a recently deleted user")
		if hasDrive {
			add(deleted.Add(driveRetention), "the OneDrive goes to the recycle bin", sourceRetention)
			add(deleted.Add(driveRetention+driveRecycled), "the OneDrive is gone for good", sourceRetention)
		}
	case !released.IsZero() && hasDrive && c.Plan.Cloud().ArchivesDrives:
		add(released.Add(unlicensedReadOnly), "the unlicensed OneDrive becomes read-only", sourceUnlicensed)
		add(released.Add(unlicensedArchived), "the unlicensed OneDrive is archived", sourceUnlicensed)
	}
	if r := c.Step(StepPreserve); r != nil && r.State == StateEffective && c.Plan.KeepMail == KeepHold && c.Plan.HoldFor > 0 && c.Plan.HoldFor != Unlimited && !deleted.IsZero() {
		add(deleted.Add(c.Plan.HoldFor), "the hold of the youngest mail ends", "Exchange Online, litigation hold, LitigationHoldDuration")
	}
	if at := c.ExportedAt(); !at.IsZero() && c.Plan.ExportKeep > 0 && c.Plan.ExportKeep != Unlimited {
		end, what := at.Add(c.Plan.ExportKeep), "the export of the mailbox is deleted"
		if n := len(c.DeletedExports); n > 0 && !c.DeletedExports[n-1].Deleted.Before(at) {
			end, what = c.DeletedExports[n-1].Deleted, "the export of the mailbox was deleted"
		}
		add(end, what, "the policy: exportKeep")
	}
	slices.SortStableFunc(out, func(a, b Deadline) int { return a.At.Compare(b.At) })
	return out
}
