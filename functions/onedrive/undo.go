package onedrive

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"leaver/shared/offboarding"
)

// The progress of the way back: what the departure saw, and since when the OneDrive does not show.
const (
	wasSeen      = "undo: drive"
	missingSince = "undo: the drive does not show since"
)

// attaches is how long SharePoint may take to attach a OneDrive to an account that is back.
const attaches = time.Hour

// Undo implements worker.Undoer: the OneDrive is the user's again, and nobody reads it any more whom the
// departure let in. Sharing links were turned off for good, and the copies of the files are their
// recipient's to keep or to delete. A OneDrive that does not come back by itself is a task, for which the
// account does not wait.
func (s *Step) Undo(ctx context.Context, job *offboarding.Job) error {
	return findable(job, s.undo(ctx, job))
}

func (s *Step) undo(ctx context.Context, job *offboarding.Job) error {
	if _, kept := job.Step.Progress[wasSeen]; !kept {
		if err := job.KeepProgress(ctx, wasSeen, cmp.Or(job.Step.Evidence[offboarding.DriveSeen], "unknown")); err != nil {
			return err
		}
	}
	readers := job.Step.Kept(letInFirst)
	if was := job.Step.Progress[wasSeen]; was == "none" || was == "unknown" && len(readers) == 0 {
		job.Evidence["oneDrive"] = "as the departure found it: nothing was changed that can be taken back"
		return nil
	}
	drive, err := s.files.Drive(ctx, job.Leaver)
	if err != nil {
		return err
	}
	if !drive.Exists {
		since, err := job.Seen(ctx, missingSince)
		if err != nil || job.Now.Sub(since) < attaches {
			return cmp.Or(err, job.NotYet("the OneDrive does not show yet"))
		}
		return offboarding.DoneWithTask("the OneDrive is not attached to the account again: restore it in SharePoint within 93 days (Get-SPODeletedSite -IncludeOnlyPersonalSite, Restore-SPODeletedSite), make the person its administrator (Set-SPOUser -IsSiteCollectionAdmin), then sign off")
	}
	job.Evidence["oneDrive"] = "there"
	if len(readers) == 0 {
		return nil
	}
	err = s.letOut(ctx, job, drive, readers)
	if err == nil {
		job.Evidence["readers"] = fmt.Sprintf("%d let out again", len(readers))
	}
	return err
}
