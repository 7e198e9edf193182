package block

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"leaver/shared/offboarding"
)

// More progress, of an account that an on-premises Active Directory masters: its
// synchronisation may enable it again (B9).
const (
	// enabledSeen is when the account was first seen enabled again, by the worker's clock.
	enabledSeen = "enabledAgainSeen"
	// blockedAgain counts how often it was blocked after the synchronisation had enabled it.
	blockedAgain = "blockedAgain"
)

const (
	// auditLag is how long the audit log may take to show who enabled an account, and auditAgain when it
	// is looked at again: the leaver can sign in meanwhile.
	auditLag   = 30 * time.Minute
	auditAgain = 30 * time.Second
	// mostBlocks is how often an account is blocked against its synchronisation.
	mostBlocks = 3
)

// watchSynchronised keeps the case open until a person has disabled the account where it is
// mastered, and looks at it again in the meantime.
func (s *Step) watchSynchronised(ctx context.Context, job *offboarding.Job, user offboarding.User) error {
	since, err := job.Seen(ctx, observedDisabled)
	if err != nil {
		return err
	}
	if job.Case.Step(offboarding.StepOnpremises) != nil {
		return s.awaitSynchronisation(ctx, job, user)
	}
	const task = "disable the account in the on-premises Active Directory as well, or its synchronisation enables it again"
	for _, reread := range job.Case.Plan.Rereads {
		if at := since.Add(reread); at.After(job.Now) {
			return offboarding.ContinueAt(at, fmt.Sprintf("%s: the account is blocked in the cloud, looked at again at %s; a person must act: %s", offboarding.B9, offboarding.Stamp(at), task))
		}
	}
	return offboarding.Manual(fmt.Sprintf("%s: %s; then sign off", offboarding.B9, task))
}

// awaitSynchronisation is nil once the cloud shows that the account is disabled where it is mastered:
// then no synchronisation enables it again.
// Source: Microsoft Graph, resource type user, onPremisesLastSyncDateTime.
func (s *Step) awaitSynchronisation(ctx context.Context, job *offboarding.Job, user offboarding.User) error {
	disabled := job.Case.OnPremisesDisabled()
	switch waited := job.Now.Sub(disabled); {
	case disabled.IsZero():
		return job.NotYet("%s: the account is blocked in the cloud; waits for onpremises to disable it where it is mastered", offboarding.B9)
	case !user.OnPremisesLastSync.Before(disabled):
		job.Evidence["onPremisesLastSyncDateTime"] = offboarding.Stamp(user.OnPremisesLastSync)
		return job.KeepProgress(ctx, offboarding.SynchronisedAt, offboarding.Stamp(user.OnPremisesLastSync))
	case waited > synchronisationLate:
		return s.synchronisation(ctx, job, user)
	}
	return job.NotYet("%s: disabled on premises; waits for the synchronisation to carry that", offboarding.B9)
}

// synchronisation says what of the synchronisation does not run, when it has not carried an account
// for too long: the whole of it, or only this account. It is nil before, and asks nothing then, so that
// a lockout costs no request more.
func (s *Step) synchronisation(ctx context.Context, job *offboarding.Job, user offboarding.User) error {
	disabled := job.Case.OnPremisesDisabled()
	waited := job.Now.Sub(disabled)
	if disabled.IsZero() || waited <= synchronisationLate {
		return nil
	}
	is, err := s.directory.Synchronisation(ctx)
	if err != nil {
		return err
	}
	since := fmt.Sprintf("%s: disabled on premises %s ago, and the account was last synchronised at %s", offboarding.B9,
		offboarding.FormatDuration(waited.Round(time.Minute)), offboarding.Stamp(user.OnPremisesLastSync))
	switch last := offboarding.Stamp(is.Last); {
	case !is.Enabled:
		return job.NotYet("%s: the organisation's synchronisation is switched off (onPremisesSyncEnabled is not true)", since)
	case job.Now.Sub(is.Last) > synchronisationLate:
		return job.NotYet("%s: the synchronisation itself is down, it last ran at %s (the organisation's onPremisesLastSyncDateTime): look at the server of Entra Connect, or at the agents of Cloud Sync", since, last)
	default:
		return job.NotYet("%s: the synchronisation runs (last at %s) and does not carry the account: look whether the account is in its scope, and for export errors or a deletion threshold", since, last)
	}
}

// synchronisationLate is from when on the synchronisation looks as if it did not run: it does so
// every 30 minutes by default.
// Source: Microsoft Entra Connect Sync, scheduler.
const synchronisationLate = 3 * time.Hour

// enabledAgain is nil when the account may be blocked again: its synchronisation enabled it. What a
// person did, or nobody knows who, is left to a person, and the gates wait for that (B16).
func (s *Step) enabledAgain(ctx context.Context, job *offboarding.Job) error {
	back := func(how string) error {
		return offboarding.Manual(fmt.Sprintf("%s: %s; cancel the departure if the person came back, or block the account and replay", offboarding.B16, how))
	}
	revoked, err := job.ProgressTime(sessionsRevoked)
	if err != nil {
		return err
	}
	by, err := s.directory.EnabledBy(ctx, job.Leaver, revoked)
	switch {
	case errors.Is(err, offboarding.ErrNotFound):
		seen, err := job.Seen(ctx, enabledSeen)
		if err != nil {
			return err
		}
		if job.Now.Sub(seen) < auditLag {
			return offboarding.After(auditAgain, "the account is enabled again, and the audit log does not show yet by whom")
		}
		return back("the account is enabled again, and the audit log does not say by whom")
	case err != nil:
		return err
	case by.Synchronisation:
	case by.User == "":
		return back("an application enabled the account again at " + offboarding.Stamp(by.At))
	default:
		return back("somebody (" + job.Case.Plan.Cloud().User(by.User) + ") enabled the account again at " + offboarding.Stamp(by.At))
	}
	times, _ := strconv.Atoi(job.Step.Progress[blockedAgain]) // absent is none
	if times >= mostBlocks {
		return offboarding.Manual(fmt.Sprintf("%s: the synchronisation enabled the account %d times; disable it in the on-premises Active Directory, then replay", offboarding.B9, times+1))
	}
	job.Evidence[blockedAgain] = strconv.Itoa(times + 1)
	return job.Keep(ctx, nil, map[string]string{
		blockedAgain: strconv.Itoa(times + 1), sessionsRevoked: "", observedDisabled: "", enabledSeen: "",
	})
}
