// Package block is the step that keeps the leaver out: it disables the account and then
// always revokes the sessions again itself, closes the mailbox and every protocol into it, and
// disables the user's Entra devices. It is done when all of that has been read back.
//
// The order is Microsoft's (B7): disable first, then revoke, then the devices.
// Sources: Microsoft Entra, users-revoke-access; Exchange PowerShell, Set-CASMailbox.
package block

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"leaver/shared/offboarding"
)

// Directory is what block needs of Microsoft Graph.
type Directory interface {
	UserAndRoles(ctx context.Context, id string) (offboarding.User, []string, error)
	User(ctx context.Context, id string) (offboarding.User, error)
	Disable(ctx context.Context, id string) (at time.Time, err error)
	RevokeSignInSessions(ctx context.Context, id string) error
	Devices(ctx context.Context, id string) ([]offboarding.Device, error)
	DisableDevice(ctx context.Context, id string) error
	// EnabledBy finds who enabled the account last, after a time; offboarding.ErrNotFound when
	// the audit log shows nobody.
	EnabledBy(ctx context.Context, user string, after time.Time) (offboarding.Initiator, error)
}

// Mailboxes is what block needs of Exchange Online.
type Mailboxes interface {
	Mailbox(ctx context.Context, id string) (offboarding.Mailbox, error)
	CloseMailbox(ctx context.Context, id string) error
	CloseProtocols(ctx context.Context, id string) error
}

// Step blocks a leaver.
type Step struct {
	directory Directory
	mailboxes Mailboxes
}

// New makes the step.
func New(directory Directory, mailboxes Mailboxes) *Step {
	return &Step{directory: directory, mailboxes: mailboxes}
}

// The progress of the step.
const (
	// sessionsRevoked is set once the revocation that followed the disabling was accepted: to the
	// tenant's time before it, of the answer to the disabling or else of the read, in whole seconds
	// as Microsoft keeps the property. The answer to the revocation comes a moment after its effect.
	sessionsRevoked = "sessionsRevoked"
	// observedDisabled is when accountEnabled first read false, by the worker's clock.
	observedDisabled = "observedDisabled"
)

// Work implements worker.Step. Each part is tried whatever became of the others.
func (s *Step) Work(ctx context.Context, job *offboarding.Job) error {
	user, roles, err := s.directory.UserAndRoles(ctx, job.Leaver)
	if errors.Is(err, offboarding.ErrNotFound) {
		return offboarding.After(job.Patience(), "the tenant does not show the account")
	}
	if err != nil {
		return err
	}
	account := s.account(ctx, job, user, roles)
	return offboarding.Join(account, s.mailbox(ctx, job, user.OnPremisesSyncEnabled), s.devices(ctx, job))
}

func (s *Step) account(ctx context.Context, job *offboarding.Job, user offboarding.User, roles []string) error {
	if err := job.KeepBefore(ctx, "accountEnabled", strconv.FormatBool(user.AccountEnabled)); err != nil {
		return err
	}
	if user.AccountEnabled && user.OnPremisesSyncEnabled && job.Step.Progress[observedDisabled] != "" {
		if verdict := s.enabledAgain(ctx, job); verdict != nil {
			return verdict
		}
	}
	var disabling error
	since := user.AsOf
	if user.AccountEnabled {
		var at time.Time
		if at, disabling = s.directory.Disable(ctx, job.Leaver); disabling == nil {
			since = at
		}
	}
	if user.AccountEnabled || job.Step.Progress[sessionsRevoked] == "" {
		if err := s.directory.RevokeSignInSessions(ctx, job.Leaver); err != nil {
			return offboarding.Join(job.Refused(ctx, disabling, roles), err)
		}
		if disabling == nil {
			if err := job.Keep(ctx, nil, map[string]string{sessionsRevoked: offboarding.Stamp(since)}); err != nil {
				return err
			}
		}
	}
	switch {
	case user.OnPremisesSyncEnabled && offboarding.IsPermanent(disabling):
		return offboarding.Manual("the account is synchronised from an on-premises Active Directory: disable it there, then replay")
	case disabling != nil:
		return job.Refused(ctx, disabling, roles)
	}

	user, err := s.directory.User(ctx, job.Leaver)
	if err != nil {
		return err
	}
	if user.AccountEnabled {
		return offboarding.After(job.Patience(), "disabling was accepted, but accountEnabled still reads true")
	}
	if offboarding.Stamp(user.SessionsValidFrom) < job.Step.Progress[sessionsRevoked] {
		return offboarding.After(job.Patience(), fmt.Sprintf("%s: the revocation was accepted, but signInSessionsValidFromDateTime does not show it yet", offboarding.B7))
	}
	job.Evidence["accountEnabled"] = "false"
	job.Evidence["signInSessionsValidFromDateTime"] = offboarding.Stamp(user.SessionsValidFrom)
	if user.OnPremisesSyncEnabled {
		return s.watchSynchronised(ctx, job)
	}
	return nil
}

// mailbox closes the mailbox and every protocol. AccountDisabled follows the account: where an
// on-premises Active Directory masters that, Exchange refuses to set it.
func (s *Step) mailbox(ctx context.Context, job *offboarding.Job, synced bool) error {
	mailbox, err := s.mailboxes.Mailbox(ctx, job.Leaver)
	if errors.Is(err, offboarding.ErrNotFound) {
		job.Evidence["mailbox"] = "none"
		return nil
	}
	if err != nil {
		return err
	}
	if err := job.KeepBefore(ctx, "protocols", sorted(mailbox.Protocols.Open())); err != nil {
		return err
	}
	closed := func() bool {
		return (mailbox.AccountDisabled || synced) && len(mailbox.Protocols.Open()) == 0
	}
	if closed() {
		job.Evidence["mailbox"] = "closed"
		return nil
	}
	if !mailbox.AccountDisabled && !synced {
		if err := s.mailboxes.CloseMailbox(ctx, job.Leaver); err != nil {
			return err
		}
	}
	if len(mailbox.Protocols.Open()) > 0 {
		if err := s.mailboxes.CloseProtocols(ctx, job.Leaver); err != nil {
			return err
		}
	}
	mailbox, err = s.mailboxes.Mailbox(ctx, job.Leaver)
	if err != nil {
		return err
	}
	if !closed() {
		return offboarding.After(job.Patience(), "closing the mailbox was accepted, but it still reads open: "+sorted(mailbox.Protocols.Open()))
	}
	job.Evidence["mailbox"] = "closed"
	return nil
}

func (s *Step) devices(ctx context.Context, job *offboarding.Job) error {
	enabled, err := s.enabledDevices(ctx, job.Leaver)
	if err != nil {
		return err
	}
	if err := job.KeepBefore(ctx, "devicesEnabled", strings.Join(enabled, " ")); err != nil {
		return err
	}
	if len(enabled) == 0 {
		return nil
	}
	var verdicts []error
	for _, id := range enabled {
		verdicts = append(verdicts, s.directory.DisableDevice(ctx, id))
	}
	if err := offboarding.Join(verdicts...); err != nil {
		return err
	}
	enabled, err = s.enabledDevices(ctx, job.Leaver)
	if err != nil {
		return err
	}
	if len(enabled) > 0 {
		return offboarding.After(job.Patience(), fmt.Sprintf("disabling was accepted, but %d devices still read enabled", len(enabled)))
	}
	job.Evidence["devices"] = "disabled"
	return nil
}

func (s *Step) enabledDevices(ctx context.Context, leaver string) ([]string, error) {
	devices, err := s.directory.Devices(ctx, leaver)
	if err != nil {
		return nil, err
	}
	var enabled []string
	for _, d := range devices {
		if d.AccountEnabled {
			enabled = append(enabled, d.ID)
		}
	}
	return enabled, nil
}

func sorted(names []string) string {
	slices.Sort(names)
	return strings.Join(names, " ")
}
