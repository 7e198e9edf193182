// Package block is the step that keeps the leaver out: it disables the account and then
// always revokes the sessions again itself, closes the mailbox and every protocol into it, and
// disables the user's Entra devices. It is done when all of that has been read back. ActiveSync may
// stay open for a bounded moment, in which a phone can hear of its wipe; nothing else waits for it.
//
// The order is Microsoft's (B7): disable first, then revoke, then the devices.
// Sources: Microsoft Entra, users-revoke-access; Exchange PowerShell, Set-CASMailbox.
package block

import (
	"context"
	"errors"
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
	Enable(ctx context.Context, id string) error
	EnableDevices(ctx context.Context, ids []string) []error
	// DeviceUsers are the people who registered a device or own it, by object id.
	DeviceUsers(ctx context.Context, id string) ([]string, error)
	// EnabledBy finds who enabled the account last, after a time; offboarding.ErrNotFound when
	// the audit log shows nobody.
	EnabledBy(ctx context.Context, user string, after time.Time) (offboarding.Initiator, error)
	Synchronisation(ctx context.Context) (offboarding.Synchronisation, error)
}

// Mailboxes is what block needs of Exchange Online.
type Mailboxes interface {
	Mailbox(ctx context.Context, id string) (offboarding.Mailbox, error)
	CloseMailbox(ctx context.Context, id string) error
	CloseProtocols(ctx context.Context, id string, but ...string) error
	OpenMailbox(ctx context.Context, id string) error
	OpenProtocols(ctx context.Context, id string, names []string, smtpWas string) error
	Phones(ctx context.Context, user string) ([]offboarding.Phone, error)
}

// Step blocks a leaver.
type Step struct {
	directory Directory
	mailboxes Mailboxes
}

func New(directory Directory, mailboxes Mailboxes) *Step {
	return &Step{directory: directory, mailboxes: mailboxes}
}

// The before of the mailbox: the ways into it that were open, by the names of Set-CASMailbox, and the
// switch of them that has three values.
const (
	protocols    = "protocols"
	smtpDisabled = "SmtpClientAuthenticationDisabled"
)

// tokensEnd is the evidence that says until when an access token from before works, which nobody can take back.
const tokensEnd = "accessTokens"

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
	// Without the roles nobody knows whether the leaver has become an administrator since the plan: nothing is
	// written then.
	user, roles, err := s.directory.UserAndRoles(ctx, job.Leaver)
	if err != nil {
		return job.NotShown(err)
	}
	if held := job.Unforeseen(ctx, user); held != nil {
		return held
	}
	account := s.account(ctx, job, user, roles)
	return offboarding.Join(offboarding.InUnit(user.Restricted, "account "+user.ID, account), s.mailbox(ctx, job, user.OnPremisesSyncEnabled), s.devices(ctx, job))
}

// account disables the account and revokes its sessions. One that reads disabled is disabled all the same, once:
// a read can be from before somebody enabled it. Source: Designing for Eventual Consistency for Microsoft Entra
// (devblogs.microsoft.com/identity).
func (s *Step) account(ctx context.Context, job *offboarding.Job, user offboarding.User, roles []string) error {
	if err := job.KeepBefore(ctx, map[string]string{"accountEnabled": strconv.FormatBool(user.AccountEnabled)}); err != nil {
		return err
	}
	if user.AccountEnabled && user.OnPremisesSyncEnabled && job.Step.Progress[observedDisabled] != "" {
		if verdict := s.enabledAgain(ctx, job); verdict != nil {
			return verdict
		}
	}
	first := job.Step.Progress[sessionsRevoked] == ""
	var disabling error
	since := user.AsOf
	if user.AccountEnabled || first {
		var at time.Time
		switch at, disabling = s.directory.Disable(ctx, job.Leaver); {
		case disabling == nil:
			since = at
		case !user.AccountEnabled && offboarding.IsPermanent(disabling):
			disabling = nil // whoever may has done it
		}
	}
	external := user.External()
	if !external && (user.AccountEnabled || first) {
		if err := s.directory.RevokeSignInSessions(ctx, job.Leaver); err != nil {
			return offboarding.Join(job.Refused(ctx, disabling, roles), err)
		}
		if disabling == nil {
			if err := job.KeepProgress(ctx, sessionsRevoked, offboarding.Stamp(since)); err != nil {
				return err
			}
		}
	}
	if disabling != nil && user.OnPremisesSyncEnabled && offboarding.IsPermanent(disabling) {
		if verdict := s.synchronisation(ctx, job, user); verdict != nil {
			return verdict
		}
	}
	if disabling != nil {
		return job.Refused(ctx, job.OnPremises(user, disabling, "disable it"), roles)
	}

	user, err := s.directory.User(ctx, job.Leaver)
	if err != nil {
		return err
	}
	if user.AccountEnabled {
		return job.NotYet("disabling was accepted, but accountEnabled still reads true")
	}
	if external {
		// Source: Microsoft Graph, user: revokeSignInSessions: it does nothing for external users, who sign
		// in in their home tenant. The disabled account is what keeps them out of this one.
		job.Evidence[offboarding.AccountEnabled] = "false"
		job.Evidence["external"] = "sessions belong to the home tenant"
		return nil
	}
	if offboarding.Stamp(user.SessionsValidFrom) < job.Step.Progress[sessionsRevoked] {
		return job.NotYet("%s: the revocation was accepted, but signInSessionsValidFromDateTime does not show it yet", offboarding.B7)
	}
	job.Evidence[offboarding.AccountEnabled] = "false"
	job.Evidence["signInSessionsValidFromDateTime"] = offboarding.Stamp(user.SessionsValidFrom)
	job.Evidence[tokensEnd] = job.Case.Plan.Cloud().TokensEnd(user.SessionsValidFrom)
	if user.OnPremisesSyncEnabled {
		return s.watchSynchronised(ctx, job, user)
	}
	return nil
}

// mailbox closes the mailbox and every protocol. AccountDisabled follows the account: where an
// on-premises Active Directory masters that, Exchange refuses to set it.
func (s *Step) mailbox(ctx context.Context, job *offboarding.Job, synced bool) error {
	read := func(ctx context.Context) (offboarding.Mailbox, error) { return s.mailboxes.Mailbox(ctx, job.Leaver) }
	seen, err := read(ctx)
	if errors.Is(err, offboarding.ErrNotFound) {
		job.Evidence["mailbox"] = "none"
		return nil
	}
	if err != nil {
		return err
	}
	if verdict := offboarding.APersons(seen.RecipientTypeDetails); verdict != nil {
		return verdict
	}
	open, err := s.phonesMayHear(ctx, job)
	if err != nil {
		return err
	}
	var but []string // what stays open for now
	if open > 0 {
		but = []string{offboarding.ActiveSync}
	}
	ways := func(m offboarding.Mailbox) []string {
		return slices.DeleteFunc(m.Protocols.Open(), func(name string) bool { return slices.Contains(but, name) })
	}
	disabled := func(m offboarding.Mailbox) bool { return m.AccountDisabled || synced || open > 0 }
	_, err = offboarding.Ensure(ctx, job, offboarding.Effect[offboarding.Mailbox]{
		What:   "closing the mailbox",
		Seen:   &seen,
		Read:   read,
		Wanted: func(m offboarding.Mailbox) bool { return disabled(m) && len(ways(m)) == 0 },
		Before: func(m offboarding.Mailbox) map[string]string {
			return map[string]string{protocols: strings.Join(m.Protocols.Open(), " "), smtpDisabled: m.SMTPDisabled}
		},
		Write: func(ctx context.Context, m offboarding.Mailbox) error {
			var account, protocols error
			if !disabled(m) {
				account = s.mailboxes.CloseMailbox(ctx, job.Leaver)
			}
			if len(ways(m)) > 0 {
				protocols = s.mailboxes.CloseProtocols(ctx, job.Leaver, but...)
			}
			return offboarding.Join(account, protocols)
		},
		Shows: func(m offboarding.Mailbox) string {
			return "it still reads open: " + strings.Join(ways(m), " ")
		},
	})
	switch {
	case err != nil:
		return err
	case open > 0:
		return offboarding.After(min(open, 5*time.Second), offboarding.B13.Name+": a phone may hear of its wipe until ActiveSync closes; the account is not waited for")
	}
	job.Evidence["mailbox"] = "closed"
	return nil
}
