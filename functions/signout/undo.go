package signout

import (
	"context"

	"leaver/shared/offboarding"
)

// Undo implements worker.Undoer. The password that nobody knows does not come back, and a new one is
// nobody's but the person's: somebody hands it over, or a Temporary Access Pass, and Leaver never sees it.
func (s *Step) Undo(ctx context.Context, job *offboarding.Job) error {
	if job.Step.Progress[passwordSet] == "" {
		before, looked := job.Step.Before[lastPasswordChange]
		if !looked {
			return nil // of whoever signs in elsewhere
		}
		// A run may have ended between the write and its record.
		user, err := s.directory.User(ctx, job.Leaver)
		if err != nil {
			return job.NotShown(err)
		}
		if offboarding.Stamp(user.LastPasswordChange) <= before {
			return nil
		}
	}
	where := "Entra (" + job.Case.Plan.Cloud().Methods(job.Leaver) + ")"
	if job.Case.Plan.OnPremisesAccount != nil {
		where = "the on-premises Active Directory"
	}
	return offboarding.DoneWithTask("the password is one that nobody knows: give the person a new one, or a Temporary Access Pass, in " + where + ", hand it over in person, then sign off")
}
