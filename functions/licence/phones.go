package licence

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"leaver/shared/offboarding"
)

// phonesAwaited is when the step first waited for phones, in the progress.
const phonesAwaited = "phonesAwaited"

// phonesWiped is nil once no phone of the mailbox has a wipe ahead of it: with the licence goes the
// mailbox, and the pending wipe with it (B13). The wait is part of the plan. It ends with the last
// acknowledgement, at the end of phoneWait, or when a person signs wipe off; the evidence says which.
func (s *Step) phonesWiped(ctx context.Context, job *offboarding.Job) error {
	wipe := job.Case.Step(offboarding.StepWipe)
	if wipe == nil {
		return nil
	}
	phones, err := s.mailboxes.Phones(ctx, job.Leaver)
	if errors.Is(err, offboarding.ErrNotFound) {
		return nil // no mailbox, no wipe to lose
	}
	if err != nil {
		return err
	}
	open, accepted := 0, 0
	for _, p := range phones {
		switch {
		case p.Wiped():
		case slices.Contains(wipe.Accepted, p.ID):
			accepted++
		default:
			open++
		}
	}
	const fact = "phones"
	since := job.Case.Plan.LeavingTime
	if job.Case.OpenedAt.After(since) {
		since = job.Case.OpenedAt
	}
	until := since.Add(job.Case.Plan.PhoneWait)
	switch {
	case open == 0 && accepted > 0:
		job.Evidence[fact] = fmt.Sprintf("%d phones have not acknowledged their wipe, which a person accepted", accepted)
		return nil
	case open == 0 && job.Step.Progress[phonesAwaited] != "":
		job.Evidence[fact] = "every phone acknowledged its wipe"
		return nil
	case open == 0:
		return nil
	case wipe.State.Closed():
		job.Evidence[fact] = fmt.Sprintf("%d phones have not acknowledged their wipe, and wipe is %s", open, wipe.State)
		return nil
	case !job.Now.Before(until):
		job.Evidence[fact] = fmt.Sprintf("%d phones had not acknowledged their wipe within phoneWait, %s", open, offboarding.FormatDuration(job.Case.Plan.PhoneWait))
		return nil
	}
	awaited, err := job.Seen(ctx, phonesAwaited)
	if err != nil {
		return err
	}
	const shortest, longest = 2 * time.Second, 6 * time.Hour
	again := job.Now.Add(min(max(job.Now.Sub(awaited)/4, shortest), longest))
	if again.After(until) {
		again = until
	}
	return offboarding.ContinueAt(again, fmt.Sprintf("%s: %d phones have not acknowledged their wipe, which goes with the mailbox; the licence stays until they do, until %s (phoneWait), or until a person signs wipe off: leaver sign-off %s wipe",
		offboarding.B13, open, offboarding.Stamp(until), job.Case.ID))
}
