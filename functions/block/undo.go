package block

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"leaver/shared/offboarding"
)

// Undo implements worker.Undoer: devices and mailbox are open again, and last of all the account is; what is refused
// for good does not keep it closed. What was closed before the departure stays closed.
func (s *Step) Undo(ctx context.Context, job *offboarding.Job) error {
	user, err := s.directory.User(ctx, job.Leaver)
	if err != nil {
		return job.NotShown(err)
	}
	around := offboarding.Join(s.openMailbox(ctx, job, user.OnPremisesSyncEnabled), s.enableDevices(ctx, job))
	if v := offboarding.VerdictOf(around); v.Kind > offboarding.KindPermanent {
		return around
	}
	return offboarding.Join(around, s.enable(ctx, job, user))
}

// enable lets the account sign in again, if it could before the departure.
func (s *Step) enable(ctx context.Context, job *offboarding.Job, user offboarding.User) error {
	if job.Step.Before["accountEnabled"] != "true" {
		job.Evidence[offboarding.AccountEnabled] = "false, as before the departure"
		return nil
	}
	_, err := offboarding.Ensure(ctx, job, offboarding.Effect[offboarding.User]{
		What: "enabling", Seen: &user,
		Read:   func(ctx context.Context) (offboarding.User, error) { return s.directory.User(ctx, job.Leaver) },
		Wanted: func(u offboarding.User) bool { return u.AccountEnabled },
		Write: func(ctx context.Context, u offboarding.User) error {
			err := s.directory.Enable(ctx, job.Leaver)
			if u.OnPremisesSyncEnabled && offboarding.IsPermanent(err) && job.Case.Step(offboarding.StepOnpremises) != nil {
				return job.NotYet("the account is enabled on premises, and the next synchronisation carries it")
			}
			return offboarding.InUnit(u.Restricted, "account "+u.ID, job.OnPremises(u, err, "enable it"))
		},
		Shows: func(offboarding.User) string { return "accountEnabled still reads false" },
	})
	if err == nil {
		job.Evidence[offboarding.AccountEnabled] = "true"
	}
	return err
}

// openMailbox opens the mailbox and the ways into it that were open.
func (s *Step) openMailbox(ctx context.Context, job *offboarding.Job, synced bool) error {
	kept, had := job.Step.Before[protocols]
	if !had {
		return nil
	}
	names := strings.Fields(kept)
	smtpWas := job.Step.Before[smtpDisabled]
	if smtpWas == "" && slices.Contains(names, "SmtpClientAuthentication") {
		smtpWas = "null" // an older version kept no more than that it was open
	}
	account := job.Step.Before["accountEnabled"] == "true" && !synced
	closed := func(m offboarding.Mailbox) []string {
		return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return m.Protocols[name] })
	}
	// Of two that are not closed, null and false, only what was written differs.
	smtp := func(m offboarding.Mailbox) bool {
		return smtpWas == "" || smtpWas == "true" || m.SMTPDisabled == smtpWas || m.SMTPDisabled != "true"
	}
	_, err := offboarding.Ensure(ctx, job, offboarding.Effect[offboarding.Mailbox]{
		What: "opening the mailbox",
		Read: func(ctx context.Context) (offboarding.Mailbox, error) { return s.mailboxes.Mailbox(ctx, job.Leaver) },
		Wanted: func(m offboarding.Mailbox) bool {
			return !(account && m.AccountDisabled) && len(closed(m)) == 0 && smtp(m)
		},
		Write: func(ctx context.Context, m offboarding.Mailbox) error {
			var opened, ways error
			if account && m.AccountDisabled {
				opened = s.mailboxes.OpenMailbox(ctx, job.Leaver)
			}
			if len(closed(m)) > 0 || !smtp(m) {
				ways = s.mailboxes.OpenProtocols(ctx, job.Leaver, closed(m), smtpWas)
			}
			return offboarding.Join(opened, ways)
		},
		Shows: func(m offboarding.Mailbox) string { return "it still reads closed: " + strings.Join(closed(m), " ") },
	})
	switch {
	case errors.Is(err, offboarding.ErrNotFound):
		return job.NotYet("the mailbox does not show yet")
	case err == nil:
		job.Evidence["mailbox"] = "open as before the departure"
	}
	return err
}

// enableDevices enables the devices that this step disabled and that are the leaver's still. It says how
// many are not there any more, as after somebody cleaned stale devices up: those are registered anew.
func (s *Step) enableDevices(ctx context.Context, job *offboarding.Job) error {
	were := strings.Fields(job.Step.Before[devicesEnabled])
	if len(were) == 0 {
		return nil
	}
	there := 0
	err := offboarding.EnsureBack(ctx, job, offboarding.Return[offboarding.Device]{
		What: "enabling", Missing: "devices that still read disabled: %d",
		Find: func(ctx context.Context) ([]offboarding.Device, error) {
			all, err := s.directory.Devices(ctx, job.Leaver)
			all = slices.DeleteFunc(all, func(d offboarding.Device) bool { return !slices.Contains(were, d.ID) })
			there = len(all)
			return slices.DeleteFunc(all, func(d offboarding.Device) bool { return d.AccountEnabled }), err
		},
		Give: func(ctx context.Context, all []offboarding.Device) []error {
			ids := make([]string, len(all))
			for i, d := range all {
				ids[i] = d.ID
			}
			errs := s.directory.EnableDevices(ctx, ids)
			for i, d := range all {
				errs[i] = offboarding.InUnit(d.Restricted, "device "+d.ID, errs[i])
			}
			return errs
		},
		Refused: func(d offboarding.Device, _ error) string {
			return "enable device " + d.ID + " (" + job.Case.Plan.Cloud().Device(d.ID) + ")"
		},
	})
	if err == nil {
		job.Evidence["devices"] = strconv.Itoa(there) + ", enabled as before the departure"
	}
	if gone := len(were) - there; err == nil && gone > 0 {
		job.Evidence["devicesGone"] = strconv.Itoa(gone) + ", which their user registers anew"
	}
	return err
}
