package block

import (
	"context"
	"fmt"
	"time"

	"leaver/shared/offboarding"
)

// activeSync is the evidence of what phones were given, and what followed.
const activeSync = "activeSync"

// phonesMayHear returns for how much longer ActiveSync stays open, so that the mail program of a
// phone can hear of its wipe (B13): a phone that is shut out never does. It is a moment, the policy
// bounds it, and neither the account nor the other protocols wait for it.
// Source: Exchange ActiveSync, remote wipe: the phone is told when it synchronises next.
func (s *Step) phonesMayHear(ctx context.Context, job *offboarding.Job) (time.Duration, error) {
	grace := job.Case.Plan.PhoneGrace
	if grace <= 0 || job.Case.Step(offboarding.StepWipe) == nil {
		return 0, nil
	}
	waiting, native, err := s.unwiped(ctx, job.Leaver)
	if err != nil {
		// Whoever cannot be asked after is not waited for.
		job.Evidence[activeSync] = "closed at once: Exchange did not tell whether there are phones"
		return 0, nil
	}
	if native == 0 {
		return 0, nil
	}
	since, err := job.SeenSinceThaw(ctx, activeSync)
	if err != nil {
		return 0, err
	}
	passed := job.Now.Sub(since)
	switch {
	case waiting == 0:
		job.Evidence[activeSync] = fmt.Sprintf("closed when every phone had acknowledged its wipe, %s after the first look", offboarding.FormatDuration(passed.Round(time.Second)))
		return 0, nil
	case passed >= grace:
		job.Evidence[activeSync] = fmt.Sprintf("closed after phoneGrace, %s, by when %d phones had not acknowledged their wipe and now cannot any more", offboarding.FormatDuration(grace), waiting)
		return 0, nil
	}
	job.Evidence[activeSync] = fmt.Sprintf("left open for at most phoneGrace, %s, so that %d phones can hear of their wipe", offboarding.FormatDuration(grace), waiting)
	return grace - passed, nil
}

// unwiped counts the phones that synchronise by ActiveSync, and those of them that have not
// acknowledged their wipe.
func (s *Step) unwiped(ctx context.Context, leaver string) (waiting, native int, err error) {
	phones, err := s.mailboxes.Phones(ctx, leaver)
	for _, p := range phones {
		if !p.Native {
			continue
		}
		native++
		if !p.Wiped() {
			waiting++
		}
	}
	return waiting, native, err
}
