// Package delete is the gate that deletes the leaver's account when that loses nothing. Everything is
// read again before the write: that the account anchors neither forwarding nor a shared mailbox (B1), and
// that mailbox and OneDrive hold nothing that nobody kept (B12); and last of all, with its protection and
// the case, that it is still blocked (offboarding.LastLook). It is done when the account is among the
// deleted items, from where it can be restored for 30 days.
//
// Sources: Microsoft Graph, Delete a user, and List deletedItems; Microsoft 365 admin, Remove
// a former employee, step 7.
package delete

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"leaver/shared/offboarding"
)

// Directory is what delete needs of Microsoft Graph.
type Directory interface {
	User(ctx context.Context, id string) (offboarding.User, error)
	Drive(ctx context.Context, user string) (offboarding.Drive, error)
	Delta(ctx context.Context, drive, token string) (changed []string, err error)
	DeleteUser(ctx context.Context, id string) error
	DeletedUser(ctx context.Context, id string) (offboarding.DeletedUser, error)
	RestoreUser(ctx context.Context, id string) error
	Find(ctx context.Context, e offboarding.Employee) ([]offboarding.User, error)
}

// Mailboxes is what delete needs of Exchange Online.
type Mailboxes interface {
	KeptMailFlow(ctx context.Context, id string) (offboarding.MailFlow, error)
	MailboxContent(ctx context.Context, id string) (offboarding.Content, error)
	InactiveMailbox(ctx context.Context, id string) (bool, error)
}

// Step deletes a leaver's account.
type Step struct {
	directory Directory
	mailboxes Mailboxes
}

func New(directory Directory, mailboxes Mailboxes) *Step {
	return &Step{directory: directory, mailboxes: mailboxes}
}

// The progress of the step: when the account was last seen alive, that its mailbox was on hold
// then, and when the account was deleted.
const (
	seen = "accountSeen"
	held = "mailboxHeld"
	gone = "accountDeleted"
)

// Work implements worker.Step.
func (s *Step) Work(ctx context.Context, job *offboarding.Job) error {
	if verdict := offboarding.MayDelete(job.Case.Plan); verdict != nil {
		return verdict
	}
	if verdict := job.Await(); verdict != nil {
		return verdict
	}
	user, err := s.directory.User(ctx, job.Leaver)
	if errors.Is(err, offboarding.ErrNotFound) {
		return s.observe(ctx, job)
	}
	if err != nil {
		return err
	}
	if verdict := offboarding.EnsureBlocked(user); verdict != nil {
		return verdict
	}
	if job.Step.Progress[gone] != "" {
		return s.showsAgain(ctx, job)
	}
	flow, err := s.mailboxes.KeptMailFlow(ctx, job.Leaver)
	if flow.PoliciesUnseen {
		job.Risk(offboarding.PoliciesUnseen)
	}
	if err == nil {
		err = offboarding.MayDeleteWith(flow)
	}
	if err != nil && !errors.Is(err, offboarding.ErrNotFound) {
		return err
	}
	if verdict := s.nothingLost(ctx, job, flow); verdict != nil {
		return verdict
	}
	if flow.Hold {
		if err := job.KeepProgress(ctx, held, "true"); err != nil {
			return err
		}
	}
	if job.Step.Progress[seen] == "" {
		if err := job.KeepProgress(ctx, seen, offboarding.Stamp(user.AsOf)); err != nil {
			return err
		}
	}
	if user.OnPremisesSyncEnabled {
		if err := job.KeepProgress(ctx, offboarding.DeletionGate, offboarding.Stamp(job.Now)); err != nil {
			return err
		}
		return job.OnPremisesTask("delete it")
	}
	if err := keepLicences(ctx, job, user); err != nil {
		return err
	}
	switch err := s.directory.DeleteUser(ctx, job.Leaver); {
	case err == nil:
		if verdict := s.putBack(ctx, job); verdict != nil {
			return verdict
		}
	case !errors.Is(err, offboarding.ErrNotFound):
		return offboarding.InUnit(user.Restricted, "account "+user.ID, err)
	}
	return s.observe(ctx, job)
}

// putBack restores the account that this run has just deleted if the departure was cancelled after the
// last look, or somebody enabled the account, which the deleted one still tells.
func (s *Step) putBack(ctx context.Context, job *offboarding.Job) error {
	if cancelled := offboarding.WriteGuardFrom(ctx).Allow(ctx); errors.Is(cancelled, offboarding.ErrCancelled) {
		if err := s.directory.RestoreUser(offboarding.PuttingBack(ctx), job.Leaver); err != nil {
			return offboarding.Manual(fmt.Sprintf("%s: the departure was cancelled while the account was being deleted, and it could not be restored (%s): restore it in Entra: %s", offboarding.B16.Name, err, job.Case.Plan.Cloud().DeletedUsers()))
		}
		job.Evidence["putBack"] = "the departure was cancelled while the account was being deleted; it was restored"
		return cancelled
	}
	gone, err := s.directory.DeletedUser(ctx, job.Leaver)
	if err != nil || !gone.Enabled {
		return nil // observe reads again, and says what it does not see
	}
	if err := s.directory.RestoreUser(ctx, job.Leaver); err != nil && !errors.Is(err, offboarding.ErrNotFound) {
		return offboarding.Manual(enabledMeanwhile + fmt.Sprintf("; it could not be restored (%s): if the person came back restore it in Entra (%s), else sign off", err, job.Case.Plan.Cloud().DeletedUsers()))
	}
	switch _, err := s.directory.User(ctx, job.Leaver); {
	case errors.Is(err, offboarding.ErrNotFound):
		return job.NotYet(enabledMeanwhile + "; it was restored, but does not show yet")
	case err != nil:
		return err
	}
	return offboarding.Manual(enabledMeanwhile + " and was restored; cancel the departure if the person came back, or block the account and replay")
}

const enabledMeanwhile = "B16: the account was enabled while it was being deleted"

// nothingLost is B12, and B5 for a mailbox that is to become inactive.
func (s *Step) nothingLost(ctx context.Context, job *offboarding.Job, flow offboarding.MailFlow) error {
	if job.Case.Plan.Mailbox == offboarding.Hold && flow.ID != "" && !flow.Hold {
		return offboarding.Withheld(offboarding.B5, "the mailbox is not on hold, and would go with the account")
	}
	var lost []string
	// A held mailbox that has gone is inactive: it went with the account, which a read may still show.
	wentHeld := flow.ID == "" && job.Step.Progress[held] != ""
	if !wentHeld && !offboarding.MailKept(job.Case, flow, job.Now) {
		content, err := s.mailboxContent(ctx, job)
		switch {
		case errors.Is(err, errUnseen):
			lost = append(lost, err.Error())
		case err != nil:
			return err
		}
		if why := offboarding.MailLost(job.Case, flow, content, job.Now); why != "" {
			lost = append(lost, why)
		}
	}
	if job.Case.Plan.KeepFiles != offboarding.KeepNone {
		why, err := s.filesLost(ctx, job)
		if err != nil {
			return err
		}
		if why != "" {
			lost = append(lost, why)
		}
	}
	if len(lost) > 0 {
		return offboarding.Withheld(offboarding.B12, strings.Join(lost, ", and "))
	}
	return nil
}

// filesLost is what would be lost with the OneDrive: nothing while it is as its verified copy, by
// what it holds and by what Graph reports as changed.
func (s *Step) filesLost(ctx context.Context, job *offboarding.Job) (string, error) {
	drive, err := s.directory.Drive(ctx, job.Leaver)
	if err != nil {
		return "", err
	}
	why, token := offboarding.FilesLost(job.Case, drive)
	if token == "" {
		return why, nil
	}
	changed, err := s.directory.Delta(ctx, drive.ID, token)
	if why := offboarding.FilesChanged(changed, err); why != "" {
		return why, nil
	}
	return "", err
}

// errUnseen: the mailbox is gone and nobody knows what was in it.
var errUnseen = errors.New("no mailbox shows, and nobody saw what it held")

// mailboxContent is what the mailbox holds or, once its licence is gone and nobody can look any more,
// held when the licence gate looked last.
func (s *Step) mailboxContent(ctx context.Context, job *offboarding.Job) (offboarding.Content, error) {
	content, err := s.mailboxes.MailboxContent(ctx, job.Leaver)
	if err != nil || content.Exists {
		return content, err
	}
	items, known := job.Case.MailboxHeld()
	if !known {
		return content, errUnseen
	}
	return offboarding.Content{Items: items}, nil
}

// showsAgain looks at an account that was among the deleted items once: unless it still is, and a
// read lags behind, somebody restored it (B16).
func (s *Step) showsAgain(ctx context.Context, job *offboarding.Job) error {
	_, err := s.directory.DeletedUser(ctx, job.Leaver)
	if errors.Is(err, offboarding.ErrNotFound) {
		return offboarding.Manual(fmt.Sprintf("%s: the account was deleted, and then restored; cancel the departure if the person came back, or delete the account and replay", offboarding.B16))
	}
	if err != nil {
		return err
	}
	return s.observe(ctx, job)
}

// observe looks for the account among the deleted items. That it is neither there nor alive is
// a reason to wait, never to call it done: a wrong id would look the same.
func (s *Step) observe(ctx context.Context, job *offboarding.Job) error {
	deleted, err := s.directory.DeletedUser(ctx, job.Leaver)
	if errors.Is(err, offboarding.ErrNotFound) {
		return job.NotYet("the account shows neither as a user nor among the deleted items")
	}
	if err != nil {
		return err
	}
	if deleted.Enabled && job.Step.Progress[seen] != "" {
		// Whether this step deleted it is not known: the run that may have did not end.
		return offboarding.Manual(enabledMeanwhile + "; if the person came back restore it in Entra (" + job.Case.Plan.Cloud().DeletedUsers() + ") and cancel the departure, else sign off")
	}
	if job.Step.Progress[held] != "" {
		inactive, err := s.mailboxes.InactiveMailbox(ctx, job.Leaver)
		if err != nil {
			return err
		}
		if !inactive {
			if err := job.KeepProgress(ctx, gone, offboarding.Stamp(deleted.At)); err != nil {
				return err
			}
			return job.NotYet("the account is deleted, but its held mailbox does not show as inactive yet")
		}
		job.Evidence["mailbox"] = "inactive"
	}
	job.Evidence[offboarding.DeletedAt] = offboarding.Stamp(deleted.At)
	job.Evidence["restorableUntil"] = offboarding.Stamp(deleted.At.Add(offboarding.Restorable))
	if p := job.Case.Plan; job.Step.Progress[seen] == "" && (p.KeepMail != offboarding.KeepNone || p.KeepFiles != offboarding.KeepNone) {
		// Source: KelvinTegelaar/CIPP issue 3603: the synchronisation deletes whoever leaves its scope.
		return offboarding.DoneWithTask(fmt.Sprintf("%s: somebody else, or a synchronisation, deleted the account before this gate had looked whether its mail and files are kept: where something is missing restore it, until %s (%s), and replay; else sign off",
			offboarding.B12, job.Evidence["restorableUntil"], p.Cloud().DeletedUsers()))
	}
	return nil
}
