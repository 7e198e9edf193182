package onedrive

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"leaver/shared/offboarding"
)

// Undo implements worker.Undoer: nobody reads the OneDrive any more whom the departure let in. Sharing
// links were turned off for good, and the copies of the files are their recipient's to keep or to delete.
func (s *Step) Undo(ctx context.Context, job *offboarding.Job) error {
	readers := job.Step.Kept("reader ")
	if len(readers) == 0 {
		job.Evidence["readers"] = "nobody was let in"
		return nil
	}
	drive, err := s.files.Drive(ctx, job.Leaver)
	if err != nil {
		return err
	}
	if !drive.Exists {
		return job.NotYet("the OneDrive does not show yet")
	}
	err = offboarding.EnsureNone(ctx, job, offboarding.Removal[offboarding.SharingPermission]{
		What: "taking the access away", Left: "%d people whom the departure let in still read the OneDrive",
		Find: func(ctx context.Context) ([]offboarding.SharingPermission, error) {
			all, err := s.files.SharingPermissions(ctx, drive.ID, drive.Root)
			if errors.Is(err, offboarding.ErrNotFound) {
				return nil, nil
			}
			return slices.DeleteFunc(all, func(p offboarding.SharingPermission) bool {
				return p.Link != "" || !slices.Contains(readers, p.GrantedTo)
			}), err
		},
		Remove: func(ctx context.Context, p offboarding.SharingPermission) error {
			return s.files.RemoveSharing(ctx, drive.ID, drive.Root, p.ID)
		},
	})
	if err == nil {
		job.Evidence["readers"] = fmt.Sprintf("%d let out again", len(readers))
	}
	return err
}
