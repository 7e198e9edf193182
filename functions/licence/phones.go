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

// devicesWiped is nil once no phone of the mailbox and no protected app has a wipe ahead of it: with the
// licence goes the mailbox, and the pending wipe with it (B13), and Intune's app protection serves nobody
// without a licence. The wait is part of the plan. It ends with the last acknowledgement, at the end of
// phoneWait, or when a person signs wipe off; the evidence says which.
// Source: Microsoft Intune, App protection policies overview, end-user requirements.
func (s *Step) devicesWiped(ctx context.Context, job *offboarding.Job) error {
	wipe := job.Case.Step(offboarding.StepWipe)
	if wipe == nil {
		return nil
	}
	open, accepted, err := s.unwipedPhones(ctx, job, wipe)
	if err != nil {
		return err
	}
	apps := job.Case.UnwipedApps()
	unwiped := fmt.Sprintf("no acknowledged wipe of phones (%d)", open)
	if apps > 0 {
		unwiped += fmt.Sprintf(" and of devices with protected apps (%d)", apps)
	}
	const fact = "phones"
	since := job.Case.Plan.LeavingTime
	if job.Case.OpenedAt.After(since) {
		since = job.Case.OpenedAt
	}
	until := since.Add(job.Case.Plan.PhoneWait)
	switch {
	case open+apps == 0 && accepted > 0:
		job.Evidence[fact] = fmt.Sprintf("no acknowledged wipe of phones (%d), which a person accepted", accepted)
		return nil
	case open+apps == 0 && job.Step.Progress[phonesAwaited] != "":
		job.Evidence[fact] = "every phone acknowledged its wipe"
		return nil
	case open+apps == 0:
		return nil
	case wipe.State.Closed():
		job.Evidence[fact] = fmt.Sprintf("%s, and wipe is %s", unwiped, wipe.State)
		return nil
	case !job.Now.Before(until):
		job.Evidence[fact] = fmt.Sprintf("%s within phoneWait, %s", unwiped, offboarding.FormatDuration(job.Case.Plan.PhoneWait))
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
	return offboarding.ContinueAt(again, fmt.Sprintf("%s: %s yet, and a wipe that is pending goes with the licence; it stays until they acknowledge, until %s (phoneWait), or until a person signs wipe off: leaver sign-off %s wipe --by NAME --note WHY",
		offboarding.B13, unwiped, offboarding.Stamp(until), job.Case.ID))
}

// unwipedPhones counts the phones of the mailbox that have not acknowledged their wipe, and those of them
// that a person accepted.
func (s *Step) unwipedPhones(ctx context.Context, job *offboarding.Job, wipe *offboarding.Record) (open, accepted int, err error) {
	phones, err := s.mailboxes.Phones(ctx, job.Leaver)
	if errors.Is(err, offboarding.ErrNotFound) {
		return 0, 0, nil // no mailbox, no wipe to lose
	}
	for _, p := range phones {
		switch {
		case p.Wiped():
		case slices.Contains(wipe.Accepted, p.ID):
			accepted++
		default:
			open++
		}
	}
	return open, accepted, err
}
