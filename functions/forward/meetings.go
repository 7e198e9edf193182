package forward

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"leaver/shared/offboarding"
)

// meetingsOrganised is in the before how many meetings with others the leaver had ahead.
const meetingsOrganised = "meetingsOrganised"

// exportTakes is how long the meetings stay for an export that has not read them yet: whoever is invited
// should not come to an empty room.
const exportTakes = 12 * time.Hour

// The progress: since when the meetings stay for the export, and that they were cancelled unread.
const (
	meetingsStaySince = "meetingsStaySince"
	meetingsUnread    = "meetingsUnread"
)

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
			if verdict := exported(ctx, job); verdict != nil {
				return verdict
			}
			return s.mailboxes.CancelMeetings(ctx, job.Leaver, user.AsOf)
		},
		Shows: func(ahead int) string { return fmt.Sprintf("meetings of the leaver's that still show: %d", ahead) },
	})
	if were := job.Step.Before[meetingsOrganised]; err == nil && were != "0" {
		job.Evidence["meetingsCancelled"] = were
	}
	if job.Step.Progress[meetingsUnread] != "" {
		job.Risk("the meetings ahead were cancelled before export had read them: look for them among the deleted items")
	}
	return err
}

// exported is nil once the meetings may be cancelled: a cancelled one leaves the calendar, so that an
// export reads them first, unless it takes too long.
func exported(ctx context.Context, job *offboarding.Job) error {
	export := job.Case.Step(offboarding.StepExport)
	if export == nil || export.State.Settled() || export.Progress[offboarding.ExportManifest] != "" {
		return nil
	}
	since, err := job.Seen(ctx, meetingsStaySince)
	switch {
	case err != nil:
		return err
	case job.Now.Sub(since) < exportTakes:
		return job.NotYet("the meetings ahead are cancelled once export has read them")
	}
	return job.KeepProgress(ctx, meetingsUnread, "true")
}
