package forward

import (
	"context"
	"fmt"
	"strconv"

	"leaver/shared/offboarding"
)

// meetingsOrganised is in the before how many meetings with others the leaver had ahead.
const meetingsOrganised = "meetingsOrganised"

// meetings cancels the meetings ahead that the leaver organised; those invited hear of it.
func (s *Step) meetings(ctx context.Context, job *offboarding.Job, user offboarding.User) error {
	if !job.Case.Plan.CancelMeetings {
		return nil
	}
	ahead, err := s.directory.OrganisedMeetings(ctx, job.Leaver, user.AsOf)
	if err != nil {
		return err
	}
	if err := job.KeepBefore(ctx, meetingsOrganised, strconv.Itoa(ahead)); err != nil {
		return err
	}
	if ahead > 0 {
		if err := s.mailboxes.CancelMeetings(ctx, job.Leaver, user.AsOf); err != nil {
			return err
		}
		if ahead, err = s.directory.OrganisedMeetings(ctx, job.Leaver, user.AsOf); err != nil {
			return err
		}
	}
	if ahead > 0 {
		return offboarding.After(job.Patience(), fmt.Sprintf("the cancellation was accepted, but %d meetings that the leaver organised still show", ahead))
	}
	if were := job.Step.Before[meetingsOrganised]; were != "0" {
		job.Evidence["meetingsCancelled"] = were
	}
	return nil
}
