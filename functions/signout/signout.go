// Package signout is the step that throws the leaver out of every session: it sets a
// password that nobody ever sees and revokes the sign-in sessions, at once and in that order,
// so that nothing can be opened again with the old password. It is done when the tenant shows
// the password changed and no session valid from before, both by the tenant's own clock.
//
// An access token that was already issued lives on for up to an hour; block stops its use.
// Sources: Microsoft 365 admin, Remove a former employee, step 1; Microsoft Graph, user:
// revokeSignInSessions.
package signout

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"time"

	"leaver/shared/offboarding"
)

// Directory is what signout needs of Microsoft Graph.
type Directory interface {
	UserAndRoles(ctx context.Context, id string) (offboarding.User, []string, error)
	User(ctx context.Context, id string) (offboarding.User, error)
	SetPassword(ctx context.Context, id, password string) error
	RevokeSignInSessions(ctx context.Context, id string) error
}

// Step signs a leaver out.
type Step struct {
	directory Directory
	random    io.Reader
}

// New makes the step. Random is where the passwords come from.
func New(directory Directory, random io.Reader) *Step {
	return &Step{directory: directory, random: random}
}

// The progress of the step, set once each write was accepted: the tenant's time of the read before
// it. The answer to a write comes a moment after its effect.
const (
	passwordSet     = "passwordSet"
	sessionsRevoked = "sessionsRevoked"
)

// Work implements worker.Step.
func (s *Step) Work(ctx context.Context, job *offboarding.Job) error {
	user, roles, err := s.directory.UserAndRoles(ctx, job.Leaver)
	if errors.Is(err, offboarding.ErrNotFound) {
		return offboarding.After(job.Patience(), "the tenant does not show the account")
	}
	if err != nil {
		return err
	}
	if user.UserType == "Guest" {
		job.Evidence["guest"] = "password and sessions belong to the home tenant; block keeps the guest out"
		return nil
	}
	if len(job.Step.Before) == 0 {
		before := map[string]string{
			"lastPasswordChangeDateTime":      offboarding.Stamp(user.LastPasswordChange),
			"signInSessionsValidFromDateTime": offboarding.Stamp(user.SessionsValidFrom),
		}
		if err := job.Keep(ctx, before, nil); err != nil {
			return err
		}
	}
	password := s.changePassword(ctx, job, user, roles)
	sessions := s.revoke(ctx, job, user.AsOf)
	if verdict := offboarding.Join(password, sessions); verdict != nil {
		return verdict
	}
	return s.observe(ctx, job)
}

// changePassword sets a new password once. A crash between the write and its record sets
// another one: nobody knows either.
func (s *Step) changePassword(ctx context.Context, job *offboarding.Job, user offboarding.User, roles []string) error {
	if job.Step.Progress[passwordSet] != "" {
		return nil
	}
	if before := job.Step.Before["lastPasswordChangeDateTime"]; user.OnPremisesSyncEnabled && offboarding.Stamp(user.LastPasswordChange) > before {
		// Somebody reset it where it is mastered, as the manual task asks.
		return job.Keep(ctx, nil, map[string]string{passwordSet: offboarding.Stamp(user.LastPasswordChange)})
	}
	password, err := s.password()
	if err != nil {
		return err
	}
	err = s.directory.SetPassword(ctx, job.Leaver, password)
	if user.OnPremisesSyncEnabled && offboarding.IsPermanent(err) {
		return offboarding.Manual("the account is synchronised from an on-premises Active Directory: reset its password there, send it to nobody, then replay")
	}
	if err != nil {
		return job.Refused(ctx, err, roles)
	}
	return job.Keep(ctx, nil, map[string]string{passwordSet: offboarding.Stamp(user.AsOf)})
}

func (s *Step) revoke(ctx context.Context, job *offboarding.Job, since time.Time) error {
	if job.Step.Progress[sessionsRevoked] != "" {
		return nil
	}
	if err := s.directory.RevokeSignInSessions(ctx, job.Leaver); err != nil {
		return err
	}
	return job.Keep(ctx, nil, map[string]string{sessionsRevoked: offboarding.Stamp(since)})
}

// observe compares what the tenant shows with when it answered the writes. Microsoft keeps
// both properties in whole seconds.
func (s *Step) observe(ctx context.Context, job *offboarding.Job) error {
	user, err := s.directory.User(ctx, job.Leaver)
	if err != nil {
		return err
	}
	if offboarding.Stamp(user.LastPasswordChange) < job.Step.Progress[passwordSet] {
		return offboarding.After(job.Patience(), "the new password was accepted, but lastPasswordChangeDateTime does not show it yet")
	}
	if offboarding.Stamp(user.SessionsValidFrom) < job.Step.Progress[sessionsRevoked] {
		return offboarding.After(job.Patience(), "the revocation was accepted, but signInSessionsValidFromDateTime does not show it yet")
	}
	job.Evidence["lastPasswordChangeDateTime"] = offboarding.Stamp(user.LastPasswordChange)
	job.Evidence["signInSessionsValidFromDateTime"] = offboarding.Stamp(user.SessionsValidFrom)
	return nil
}

// password makes one that fulfils every complexity rule and that nobody can guess.
func (s *Step) password() (string, error) {
	secret := make([]byte, 36)
	if _, err := io.ReadFull(s.random, secret); err != nil {
		return "", fmt.Errorf("making a password: %w", err)
	}
	return "aA1-" + base64.RawURLEncoding.EncodeToString(secret), nil
}
