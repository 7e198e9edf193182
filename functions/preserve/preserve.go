// Package preserve is the step that keeps the leaver's mail before anything can take it away: a
// litigation hold, under which the mailbox becomes an inactive one when its account is deleted. Where
// the step export keeps it instead, what is left is the archive, which that does not reach: a person
// exports it and signs off.
//
// A hold needs Exchange Online Plan 2, or Plan 1 with archiving; that is looked at first, and
// without it the step is withheld with what to buy or to do instead (B5). It is done when the
// hold was read back. The gates read it again.
//
// Sources: Exchange Online, litigation hold and inactive mailboxes; Exchange PowerShell,
// Set-Mailbox; Microsoft 365 admin, Remove a former employee, step 6.
package preserve

import (
	"context"
	"errors"
	"strconv"
	"time"

	"leaver/shared/offboarding"
)

// Mailboxes is what preserve needs of Exchange Online.
type Mailboxes interface {
	MailFlow(ctx context.Context, id string) (offboarding.MailFlow, error)
	Hold(ctx context.Context, id string, lasts time.Duration) error
	EndHold(ctx context.Context, id string) error
	// DeletedMailbox reports whether the mailbox is deleted and can be restored; InactiveMailbox, whether a hold
	// keeps that of a deleted account.
	DeletedMailbox(ctx context.Context, id string) (bool, error)
	InactiveMailbox(ctx context.Context, id string) (bool, error)
}

// Step keeps a leaver's mail.
type Step struct{ mailboxes Mailboxes }

func New(mailboxes Mailboxes) *Step { return &Step{mailboxes: mailboxes} }

// The before.
const (
	litigationHold = "litigationHoldEnabled"
	duration       = "litigationHoldDuration"
)

// Work implements worker.Step.
func (s *Step) Work(ctx context.Context, job *offboarding.Job) error {
	flow, err := s.mailboxes.MailFlow(ctx, job.Leaver)
	if errors.Is(err, offboarding.ErrNotFound) {
		return s.without(ctx, job)
	}
	if err != nil {
		return err
	}
	if verdict := offboarding.APersons(flow.RecipientTypeDetails); verdict != nil {
		return verdict
	}
	if job.Case.Plan.KeepMail == offboarding.KeepExport {
		return beside(job, flow)
	}
	lasts := job.Case.Plan.HoldFor
	flow, err = offboarding.Ensure(ctx, job, offboarding.Effect[offboarding.MailFlow]{
		What:   "the hold",
		Seen:   &flow,
		Read:   func(ctx context.Context) (offboarding.MailFlow, error) { return s.mailboxes.MailFlow(ctx, job.Leaver) },
		Wanted: func(flow offboarding.MailFlow) bool { return flow.LitigationHold && flow.HoldFor >= lasts },
		Before: before,
		Write: func(ctx context.Context, flow offboarding.MailFlow) error {
			if !flow.HoldLicensed {
				return offboarding.Withheld(offboarding.B5, "the licence permits no litigation hold: assign Exchange Online Plan 2, or Plan 1 with Exchange Online Archiving, and replay; or export the mailbox and sign off")
			}
			return s.mailboxes.Hold(ctx, job.Leaver, lasts)
		},
		Shows: func(offboarding.MailFlow) string { return "LitigationHoldEnabled does not read so yet" },
	})
	if err != nil {
		return err
	}
	job.Evidence["litigationHold"] = written(flow.HoldFor)
	return nil
}

// without says what is true of whoever Exchange shows no mailbox: there is none, or it was deleted with the account
// or the licence, by this departure or by somebody else, and can come back for a while.
// Source: Exchange Online, Delete or restore user mailboxes.
func (s *Step) without(ctx context.Context, job *offboarding.Job) error {
	inactive, err := s.mailboxes.InactiveMailbox(ctx, job.Leaver)
	if err != nil {
		return err
	}
	if inactive {
		job.Evidence[offboarding.MailboxSeen] = "inactive: the account is deleted, and a hold keeps its mail"
		return nil
	}
	deleted, err := s.mailboxes.DeletedMailbox(ctx, job.Leaver)
	if err != nil {
		return err
	}
	licence := job.Case.Step(offboarding.StepLicence)
	switch {
	case !deleted:
		job.Evidence[offboarding.MailboxSeen] = "none"
		return nil
	case !job.Case.AccountDeleted().IsZero(), licence != nil && !licence.EffectiveAt.IsZero():
		job.Evidence[offboarding.MailboxSeen] = "deleted, as this departure wanted"
		return nil
	}
	return job.NotYet("the mailbox is deleted, and Exchange keeps it for 30 days: where somebody, or a synchronisation, deleted the account, restore it (%s); where its licence was taken, give it back (%s)",
		job.Case.Plan.Cloud().DeletedUsers(), job.Case.Plan.Cloud().Licences(job.Leaver))
}

// beside is what the step export leaves: an archive, which Graph does not reach. A case that was planned
// when there was no such step leaves the whole export to a person.
func beside(job *offboarding.Job, flow offboarding.MailFlow) error {
	switch {
	case job.Case.Step(offboarding.StepExport) == nil:
		return offboarding.Manual("export the mailbox (" + job.Case.Plan.Cloud().ByHand + ", to a PST file) and look into the export, then sign off")
	case flow.Archive:
		return offboarding.Manual("the mailbox has an archive, which the step export does not reach and which goes with the licence: export it by " + job.Case.Plan.Cloud().ByHand + " (the archive of this mailbox, to a PST file) and look into the export, then sign off")
	}
	job.Evidence["archive"] = "none"
	return nil
}

func before(flow offboarding.MailFlow) map[string]string {
	was := map[string]string{litigationHold: strconv.FormatBool(flow.LitigationHold)}
	if flow.LitigationHold {
		was[duration] = written(flow.HoldFor)
	}
	return was
}

// written is the duration of a hold in words.
func written(d time.Duration) string {
	if d == offboarding.Unlimited {
		return "unlimited"
	}
	return offboarding.Count(int(d/(24*time.Hour)), "day")
}
