package offboarding

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Accounts is what a last look takes of Microsoft Graph.
type Accounts interface {
	// UserIn reads a user, and which of the groups they are in, in one round trip.
	UserIn(ctx context.Context, id string, groups []string) (user User, in []string, err error)
}

// LastLook asks right before each write of an irreversible step what may have changed since the step
// began to read: whether the policy protects the account by now, and whether the person came back
// (B16). A write guard asks the ledger right after it, so that both are asked last and together. A run that
// locks somebody out begins with such a look ([LastLook.Begins]).
type LastLook struct {
	Accounts Accounts
	Policy   Policy
	Now      func() time.Time
}

// Before is a write guard that looks before g is asked. The zero LastLook allows nothing.
func (l LastLook) Before(g WriteGuard, c *Case, step StepName) WriteGuard {
	return lookingGuard{WriteGuard: g, look: l, c: c, step: step}
}

type lookingGuard struct {
	WriteGuard
	look LastLook
	c    *Case
	step StepName
}

// Allow implements [WriteGuard].
func (g lookingGuard) Allow(ctx context.Context) error {
	if err := g.look.at(ctx, g.c, g.step); err != nil {
		return err
	}
	return g.WriteGuard.Allow(ctx)
}

// at is nil when nothing that the tenant shows is in the way of an irreversible write. An account
// that it does not show is the step's to judge.
func (l LastLook) at(ctx context.Context, c *Case, step StepName) error {
	if l.Accounts == nil {
		return Permanent(errors.New("an irreversible write without a last look at the account is not allowed"))
	}
	user, in, err := l.Accounts.UserIn(ctx, c.Leaver, l.Policy.ProtectedGroups)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return err
	case l.Policy.Protects(user, in):
		return Manual("the policy protects the account since the departure was planned: cancel the departure, or take the account off protected and protectedGroups and replay")
	}
	if spec, _ := SpecOf(step); spec.Gate || c.BlockedLongAgo(l.Now()) {
		return EnsureBlocked(user)
	}
	return nil
}

// justPlanned is for how long it counts that plan has asked who must not be locked out.
const justPlanned = 10 * time.Minute

// Ahead reports whether the departure was planned so long ago that who must not be locked out may be
// somebody else by now.
func (c *Case) Ahead(now time.Time) bool { return now.Sub(c.OpenedAt) > justPlanned }

// Begins is the look with which a run begins. Whom the policy protects since the departure was planned is not
// locked out: the whole departure is held. Every other step that takes something away waits for a look of signout
// or block, so that none has when it finds somebody out.
func (l LastLook) Begins(ctx context.Context, j *Job) error {
	spec, _ := SpecOf(j.Step.Name)
	switch {
	case !j.Case.Ahead(j.Now), spec.Gate, spec.takesNothing(): // a gate waits for both
		return nil
	case !spec.Urgent || spec.Inside:
		return j.behindTheLook(spec)
	case l.Accounts == nil:
		return Permanent(errors.New("a lockout that was planned before, without a look at whom the policy protects, is not allowed"))
	}
	user, in, err := l.Accounts.UserIn(ctx, j.Leaver, l.Policy.ProtectedGroups)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil // the step's to judge
	case err != nil:
		return fmt.Errorf("looking whether the policy protects the account by now: %w", err)
	case l.Policy.Protects(user, in):
		return j.Hold(j.Case.Plan.Approvals.Brake(ApproveProtected, "", 1,
			"the policy protects the account since the departure was planned: cancel the departure; or take the account off protected and protectedGroups, then approve"))
	}
	return nil
}

// foundOut is the progress of signout and block that says that they found a role, which nobody has to approve.
const foundOut = "foundOut"

// looked reports whether signout or block, as which it is the record, has looked at who leaves, and may go on: a
// step that has looked keeps what was there before.
func (s *Record) looked() bool {
	return len(s.Before) > 0 || s.Progress[foundOut] != "" || s.State.Closed()
}

// longestUnseen is for how long a lockout on premises waits for the look, which nobody can take there: while the
// cloud cannot be read, whoever is still signed in reads on.
const longestUnseen = time.Minute

// behindTheLook is nil once signout or block has looked at who leaves. Privileges goes first where people know
// that the leaver is an administrator: both wait for it (B10).
func (j *Job) behindTheLook(spec Spec) error {
	signout, block := j.Case.Step(StepSignout), j.Case.Step(StepBlock)
	switch {
	case signout == nil, block == nil, signout.looked(), block.looked(), len(j.Step.Before) > 0,
		spec.Name == StepPrivileges && j.Case.Administrator(), spec.Inside && j.Waited() >= longestUnseen:
		return nil
	case signout.State.Settled() && block.State.Settled() && !spec.Inside:
		return ContinueAt(j.Now.Add(again), "waits for a person: signout and block could not look whether the leaver may be locked out")
	}
	return j.NotYet("waits until signout or block has looked whether the leaver may be locked out: it was planned %s", Stamp(j.Case.OpenedAt))
}

// Unforeseen is the verdict of a step that is about to lock out somebody who holds a privileged directory
// role that they did not hold when the departure was planned: it is held, or waits for privileges, as if
// that had been known. It is nil where it was, and once the step has begun to write.
func (j *Job) Unforeseen(ctx context.Context, u User) error {
	if len(u.Privileged) == 0 || j.Case.Administrator() || len(j.Step.Before) > 0 || !j.Case.Ahead(j.Now) {
		return nil
	}
	roles := strings.Join(u.Privileged, ", ")
	if people := j.Case.Plan.Approvals.Privileged; people > 0 {
		return j.Hold(j.Case.Plan.Approvals.Brake(ApprovePrivileged, "", people,
			"the account holds the role "+roles+" since the departure was planned: make sure that this departure is meant"))
	}
	if err := j.KeepProgress(ctx, foundOut, roles); err != nil {
		return err
	}
	return j.heldBack(true)
}

// BlockedLongAgo reports whether an enabled account would be that of a person who came back (B16):
// block saw it disabled, and longer ago than a read can lag behind.
func (c *Case) BlockedLongAgo(now time.Time) bool {
	block := c.Step(StepBlock)
	return block != nil && block.State == StateEffective && now.Sub(block.EffectiveAt) > time.Hour
}
