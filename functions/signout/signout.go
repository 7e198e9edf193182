// Package signout is the step that throws the leaver out of every session: it sets a
// password that nobody ever sees and revokes the sign-in sessions, at once and in that order,
// so that nothing can be opened again with the old password. It is done when the tenant shows
// the password changed and no session valid from before, both by the tenant's own clock.
//
// An access token that was already issued works on; block says until when.
// Sources: Microsoft 365 admin, Remove a former employee, step 1; Microsoft Graph, user:
// revokeSignInSessions.
package signout

import (
	"context"
	"encoding/base64"
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

// Microsoft's properties, in the before and in the evidence.
const (
	lastPasswordChange = "lastPasswordChangeDateTime"
	sessionsValidFrom  = "signInSessionsValidFromDateTime"
)

// The progress of the step, set once each write was accepted: the tenant's time of the read before
// it. The answer to a write comes a moment after its effect.
const (
	passwordSet     = "passwordSet"
	sessionsRevoked = "sessionsRevoked"
)

// Work implements worker.Step.
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
	if user.External() {
		job.Evidence["external"] = "password and sessions belong to the home tenant; block keeps the leaver out"
		return nil
	}
	err = job.KeepBefore(ctx, map[string]string{
		lastPasswordChange: offboarding.Stamp(user.LastPasswordChange),
		sessionsValidFrom:  offboarding.Stamp(user.SessionsValidFrom),
	})
	if err != nil {
		return err
	}
	password := s.changePassword(ctx, job, user, roles) // first, or the old one opens a session anew
	if verdict := offboarding.Join(password, s.revoke(ctx, job, user.AsOf)); verdict != nil {
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
	if changed := offboarding.Stamp(user.LastPasswordChange); user.OnPremisesSyncEnabled && changed > job.Step.Before[lastPasswordChange] {
		// Somebody reset it where it is mastered, as the manual task asks.
		return job.KeepProgress(ctx, passwordSet, changed)
	}
	if at := job.Case.OnPremisesPasswordSet(); !at.IsZero() {
		// A tenant without password hash synchronisation never shows it.
		job.Evidence[offboarding.PasswordSetOnPremises] = offboarding.Stamp(at)
		return job.KeepProgress(ctx, passwordSet, job.Step.Before[lastPasswordChange])
	}
	password, err := s.password()
	if err != nil {
		return err
	}
	if err := s.directory.SetPassword(ctx, job.Leaver, password); err != nil {
		err = job.Refused(ctx, job.OnPremises(user, err, "reset its password and send it to nobody"), roles)
		return offboarding.InUnit(user.Restricted, "account "+user.ID, err)
	}
	return job.KeepProgress(ctx, passwordSet, offboarding.Stamp(user.AsOf))
}

func (s *Step) revoke(ctx context.Context, job *offboarding.Job, since time.Time) error {
	if job.Step.Progress[sessionsRevoked] != "" {
		return nil
	}
	if err := s.directory.RevokeSignInSessions(ctx, job.Leaver); err != nil {
		return err
	}
	return job.KeepProgress(ctx, sessionsRevoked, offboarding.Stamp(since))
}

// observe compares what the tenant shows with when it answered the writes. Microsoft keeps
// both properties in whole seconds.
func (s *Step) observe(ctx context.Context, job *offboarding.Job) error {
	user, err := s.directory.User(ctx, job.Leaver)
	if err != nil {
		return err
	}
	if offboarding.Stamp(user.LastPasswordChange) < job.Step.Progress[passwordSet] {
		return job.NotYet("the new password was accepted, but lastPasswordChangeDateTime does not show it yet")
	}
	if offboarding.Stamp(user.SessionsValidFrom) < job.Step.Progress[sessionsRevoked] {
		return job.NotYet("the revocation was accepted, but signInSessionsValidFromDateTime does not show it yet")
	}
	job.Evidence[lastPasswordChange] = offboarding.Stamp(user.LastPasswordChange)
	job.Evidence[sessionsValidFrom] = offboarding.Stamp(user.SessionsValidFrom)
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
