package export

import (
	"context"

	"leaver/shared/offboarding"
)

// Undo implements worker.Undoer. The export is a copy outside of the mailbox, kept for as long as the
// policy says: nothing in the tenant was changed.
func (s *Step) Undo(_ context.Context, job *offboarding.Job) error {
	job.Evidence["export"] = "the copy stays where it is, for as long as the policy keeps it"
	return nil
}
