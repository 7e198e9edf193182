package block

import (
	"context"
	"fmt"
	"slices"
	"time"

	"leaver/shared/offboarding"
)

// activeSync is the evidence of what phones were given, and what followed. In the progress it and
// phonesTold are when the step first looked, and first saw that every phone had been told.
const (
	activeSync = "activeSync"
	phonesTold = "phonesTold"
)

// untold is for how many times phoneGrace ActiveSync stays open for a wipe that was not even asked
// for yet: among thousands who leave at once it may come minutes later.
const untold = 10

// phonesMayHear returns for how much longer ActiveSync stays open, so that the mail program of a
// phone can hear of its wipe (B13): a phone that is shut out never does. It is a moment that begins
// when the wipe was asked for, the policy bounds it, and neither the account nor the other protocols
// wait for it.
// Source: Exchange ActiveSync, remote wipe: the phone is told when it synchronises next.
func (s *Step) phonesMayHear(ctx context.Context, job *offboarding.Job) (time.Duration, error) {
	grace, wipe := job.Case.Plan.PhoneGrace, job.Case.Step(offboarding.StepWipe)
	if grace <= 0 || wipe == nil {
		return 0, nil
	}
	phones, err := s.native(ctx, job.Leaver)
	if err != nil {
		// Whoever cannot be asked after is not waited for.
		job.Evidence[activeSync] = "closed at once: Exchange did not tell whether there are phones"
		return 0, nil
	}
	if len(phones) == 0 {
		return 0, nil
	}
	looked, err := job.SeenSinceThaw(ctx, activeSync)
	if err != nil {
		return 0, err
	}
	passed := job.Now.Sub(looked)
	waiting := slices.DeleteFunc(phones, offboarding.Phone.Wiped)
	if len(waiting) == 0 {
		job.Evidence[activeSync] = fmt.Sprintf("closed when every phone had acknowledged its wipe, %s after the first look", offboarding.FormatDuration(passed.Round(time.Second)))
		return 0, nil
	}
	if slices.ContainsFunc(waiting, offboarding.Phone.Untold) && !wipe.State.Closed() {
		if passed >= untold*grace {
			job.Evidence[activeSync] = fmt.Sprintf("closed after %s, by when wipe had not told %s, which now cannot hear of it any more", offboarding.FormatDuration(untold*grace), offboarding.Count(len(waiting), "phone"))
			return 0, nil
		}
		job.Evidence[activeSync] = fmt.Sprintf("left open until wipe has told %s, and then for at most phoneGrace, %s", offboarding.Count(len(waiting), "phone"), offboarding.FormatDuration(grace))
		return min(grace, untold*grace-passed), nil
	}
	told, err := job.SeenSinceThaw(ctx, phonesTold)
	if err != nil {
		return 0, err
	}
	if passed = job.Now.Sub(told); passed >= grace {
		job.Evidence[activeSync] = fmt.Sprintf("closed after phoneGrace, %s, by when %s had not acknowledged the wipe and now cannot any more", offboarding.FormatDuration(grace), offboarding.Count(len(waiting), "phone"))
		return 0, nil
	}
	job.Evidence[activeSync] = fmt.Sprintf("left open for at most phoneGrace, %s, so that %s can hear of the wipe", offboarding.FormatDuration(grace), offboarding.Count(len(waiting), "phone"))
	return grace - passed, nil
}

// native are the phones that synchronise by ActiveSync.
func (s *Step) native(ctx context.Context, leaver string) ([]offboarding.Phone, error) {
	phones, err := s.mailboxes.Phones(ctx, leaver)
	return slices.DeleteFunc(phones, func(p offboarding.Phone) bool { return !p.Native }), err
}
