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
	_, err := offboarding.Ensure(ctx, job, offboarding.Effect[int]{
		What: "the cancellation",
		Read: func(ctx context.Context) (int, error) {
			return s.directory.OrganisedMeetings(ctx, job.Leaver, user.AsOf)
		},
		Wanted: func(ahead int) bool { return ahead == 0 },
		Before: func(ahead int) map[string]string {
			return map[string]string{meetingsOrganised: strconv.Itoa(ahead)}
		},
		Write: func(ctx context.Context, _ int) error {
			return s.mailboxes.CancelMeetings(ctx, job.Leaver, user.AsOf)
		},
		Shows: func(ahead int) string { return fmt.Sprintf("%d meetings that the leaver organised still show", ahead) },
	})
	if were := job.Step.Before[meetingsOrganised]; err == nil && were != "0" {
		job.Evidence["meetingsCancelled"] = were
	}
	return err
}
