package preserve

import (
	"context"
	"errors"
	"fmt"
	"time"

	"leaver/shared/offboarding"
)

// Undo implements worker.Undoer: the hold is as it was, unless somebody changed it since.
func (s *Step) Undo(ctx context.Context, job *offboarding.Job) error {
	was := job.Step.Before[litigationHold]
	if was == "" {
		return nil // nothing was written
	}
	flow, err := s.mailboxes.MailFlow(ctx, job.Leaver)
	if errors.Is(err, offboarding.ErrNotFound) {
		return job.NotYet("the mailbox does not show yet")
	}
	if err != nil {
		return err
	}
	var lasted time.Duration
	if was == "true" {
		if lasted, err = parsed(job.Step.Before[duration]); err != nil {
			return offboarding.Permanent(err)
		}
	}
	wanted := func(flow offboarding.MailFlow) bool {
		return flow.LitigationHold == (was == "true") && flow.HoldFor == lasted
	}
	if !wanted(flow) && flow.HoldFor != job.Case.Plan.HoldFor {
		job.Evidence["litigationHold"] = "somebody changed it since: it stays as it is"
		return nil
	}
	_, err = offboarding.Ensure(ctx, job, offboarding.Effect[offboarding.MailFlow]{
		What: "the hold as it was", Seen: &flow, Wanted: wanted,
		Read: func(ctx context.Context) (offboarding.MailFlow, error) { return s.mailboxes.MailFlow(ctx, job.Leaver) },
		Write: func(ctx context.Context, _ offboarding.MailFlow) error {
			if was == "true" {
				return s.mailboxes.Hold(ctx, job.Leaver, lasted)
			}
			return s.mailboxes.EndHold(ctx, job.Leaver)
		},
		Shows: func(offboarding.MailFlow) string { return "LitigationHoldEnabled does not read so yet" },
	})
	if err == nil {
		job.Evidence[litigationHold] = was
	}
	return err
}

// parsed is a duration as written writes it.
func parsed(text string) (time.Duration, error) {
	if text == written(offboarding.Unlimited) {
		return offboarding.Unlimited, nil
	}
	const day = 24 * time.Hour
	var days int64
	if _, err := fmt.Sscanf(text, "%d day", &days); err != nil {
		return 0, fmt.Errorf("reading the duration of the hold as it was: %w", err)
	}
	if days < 0 || days > int64(offboarding.Unlimited/day) {
		return 0, fmt.Errorf("the duration of the hold as it was is %d days, which is none", days)
	}
	return time.Duration(days) * day, nil
}
