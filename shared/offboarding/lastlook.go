package offboarding

import (
	"context"
	"errors"
	"time"
)

// Accounts is what a last look takes of Microsoft Graph.
type Accounts interface {
	// UserIn reads a user, and which of the groups they are in, in one round trip.
	UserIn(ctx context.Context, id string, groups []string) (user User, in []string, err error)
}

// LastLook asks right before each write of an irreversible step what may have changed since the step
// began to read: whether the policy protects the account by now, and whether the person came back
// (B16). A write guard asks the ledger right after it, so that both are asked last and together.
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

// BlockedLongAgo reports whether an enabled account would be that of a person who came back (B16):
// block saw it disabled, and longer ago than a read can lag behind.
func (c *Case) BlockedLongAgo(now time.Time) bool {
	block := c.Step(StepBlock)
	return block != nil && block.State == StateEffective && now.Sub(block.EffectiveAt) > time.Hour
}
