package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"leaver/shared/offboarding"
)

// hold puts brakes on a case. Those that hold already are not put on twice.
func (l *Ledger) hold(ctx context.Context, caseID string, brakes []offboarding.Brake) (*offboarding.Case, error) {
	return l.update(ctx, caseID, func(c *offboarding.Case) (*offboarding.Entry, error) {
		fresh := notYetOn(c, brakes)
		if len(fresh) == 0 || !c.Open() {
			return nil, nil
		}
		return &offboarding.Entry{Kind: offboarding.EntryHeld, Brakes: fresh}, nil
	})
}

// Hold puts brakes on a departure that goes on. Those that hold already are not put on twice; held is
// whether one was put on now. Errors: ErrNoCase, and those of the store.
func (l *Ledger) Hold(ctx context.Context, caseID string, brakes []offboarding.Brake) (held bool, err error) {
	before, err := l.Case(ctx, caseID)
	if err != nil {
		return false, err
	}
	c, err := l.hold(ctx, caseID, brakes)
	return err == nil && c.Position > before.Position && len(c.Held()) > len(before.Held()), err
}

// notYetOn are those of the brakes that do not hold the case already.
func notYetOn(c *offboarding.Case, brakes []offboarding.Brake) []offboarding.Brake {
	return slices.DeleteFunc(slices.Clone(brakes), func(b offboarding.Brake) bool {
		return slices.ContainsFunc(c.HeldStep(b.Step), func(was offboarding.Brake) bool { return was.Kind == b.Kind && was.By == b.By })
	})
}

// Release lifts the limits that hold a departure, on a person's word: it counts as begun, and the
// next ones find less room. Errors: ErrNobody, ErrNoCase, ErrNotHeld, offboarding.ErrCancelled.
func (l *Ledger) Release(ctx context.Context, caseID string, by offboarding.Person) (*offboarding.Case, error) {
	if !by.Named() {
		return nil, ErrNobody
	}
	return l.release(ctx, caseID, &by, nil)
}

// Readmit lets a departure that limits hold go on when a person has allowed more since and there is
// room now; released reports whether it did.
func (l *Ledger) Readmit(ctx context.Context, c *offboarding.Case) (_ *offboarding.Case, released bool, err error) {
	known, err := l.Brakes(ctx)
	if err != nil || !c.Limited() {
		return c, false, err
	}
	now := l.now()
	if known.Tally.Allowed(now) == 0 {
		return c, false, nil
	}
	bounds := known.Bounds
	if bounds == nil {
		bounds = offboarding.DefaultPolicy().Limits.Bounds(0)
	}
	after, err := l.release(ctx, c.ID, nil, bounds)
	if errors.Is(err, ErrNotHeld) {
		return c, false, nil // another host, or a person, came first
	}
	if err != nil {
		return c, false, err
	}
	return after, after.Counted(), nil
}

// release counts a departure and lifts the limits that hold it: by a person's word whatever the
// bounds, or only within them.
func (l *Ledger) release(ctx context.Context, caseID string, by *offboarding.Person, bounds []offboarding.Bound) (*offboarding.Case, error) {
	c, err := l.Case(ctx, caseID)
	switch {
	case err != nil:
		return nil, err
	case c.Cancelled != nil:
		return nil, fmt.Errorf("%w: %w", ErrNotHeld, offboarding.ErrCancelled)
	case !c.Limited():
		return nil, fmt.Errorf("%w: no limit holds case %s", ErrNotHeld, caseID)
	}
	exceeded, err := l.count(ctx, l.beginning(c), bounds)
	if err != nil || len(exceeded) > 0 {
		return c, err
	}
	return l.update(ctx, caseID, func(c *offboarding.Case) (*offboarding.Entry, error) {
		if !c.Limited() || c.Cancelled != nil {
			return nil, nil
		}
		e := &offboarding.Entry{Kind: offboarding.EntryReleased, Reason: "allowed"}
		if by == nil {
			return e, nil
		}
		e.Reason = ""
		e.Sealed, err = l.seal(ctx, caseID, personValues("released-by", c.Position+1, *by, nil))
		return e, err
	})
}

// beginning is when the departure locks its leaver out, or will.
func (l *Ledger) beginning(c *offboarding.Case) offboarding.Beginning {
	return offboarding.Beginning{Case: c.ID, Source: c.Source, At: l.beginsAt(c.Plan)}
}

func (l *Ledger) beginsAt(p offboarding.Plan) time.Time {
	if now := l.now().UTC(); p.LeavingTime.Before(now) {
		return now
	}
	return p.LeavingTime.UTC()
}

// Approval is a person's word for a departure, or for one step of it.
type Approval struct {
	Case string
	Step offboarding.StepName // empty = the departure
	By   offboarding.Person
	Note string
}

// askedBy begins the names of the personal values that say which people asked for a departure; a
// source is nobody.
const askedBy = "asked-by"

// AskedBy is the person who asked for the departure, by the personal values of its case. It is nobody where
// a source did, and where the name is erased.
func AskedBy(personal map[string]string) offboarding.Person {
	return personOf(personal, askedBy+"-1") // the first entry opens the case
}

// Approve gives an approval to every brake of the departure, or of the step, that wants one. Whoever
// asked for the departure cannot, and nobody counts twice. Errors: ErrNobody, ErrNoCase, ErrNotHeld,
// ErrOwnWord, ErrSpoiled, ErrUnverified, offboarding.ErrCancelled.
func (l *Ledger) Approve(ctx context.Context, a Approval) (*offboarding.Case, error) {
	if !a.By.Named() {
		return nil, ErrNobody
	}
	return l.update(ctx, a.Case, func(c *offboarding.Case) (*offboarding.Entry, error) {
		wants, err := wanting(c, a.Step)
		if err != nil {
			return nil, err
		}
		personal, err := l.PersonalOf(ctx, c)
		if err != nil {
			return nil, err
		}
		asks := askedBy
		if c.Undoing() {
			asks = undoneBy
		}
		if err := witnessed(c, personal, asks, wants); err != nil {
			return nil, err
		}
		for name := range personal {
			if strings.HasPrefix(name, asks+"-") && personOf(personal, name).Is(a.By) {
				return nil, fmt.Errorf("%w: whoever asked for it does not approve it", ErrOwnWord)
			}
		}
		if !a.By.Verified() && !slices.ContainsFunc(wants, func(b offboarding.Brake) bool { return !b.Verified }) {
			return nil, ErrUnverified
		}
		given := func(b offboarding.Brake) bool {
			return slices.ContainsFunc(b.Given(l.now()), func(was offboarding.Approval) bool { return personOf(personal, was.By).Is(a.By) })
		}
		if !slices.ContainsFunc(wants, func(b offboarding.Brake) bool { return !given(b) }) {
			return nil, fmt.Errorf("%w: this person has approved it already", ErrOwnWord)
		}
		sealed, err := l.seal(ctx, a.Case, personValues("approved-by", c.Position+1, a.By, map[string]string{"approved-note": a.Note}))
		if err != nil {
			return nil, err
		}
		return &offboarding.Entry{
			Kind: offboarding.EntryApproved, Step: a.Step, Sealed: sealed,
			Approval: &offboarding.Approval{By: personName("approved-by", c.Position+1), Verified: a.By.Verified()},
		}, nil
	})
}

// Withdraw takes a person's approval back, while others are still missing. Errors: as of Approve.
func (l *Ledger) Withdraw(ctx context.Context, a Approval) (*offboarding.Case, error) {
	if !a.By.Named() {
		return nil, ErrNobody
	}
	return l.update(ctx, a.Case, func(c *offboarding.Case) (*offboarding.Entry, error) {
		wants, err := wanting(c, a.Step)
		if err != nil {
			return nil, err
		}
		personal, err := l.PersonalOf(ctx, c)
		if err != nil {
			return nil, err
		}
		for _, b := range wants {
			for _, was := range b.Approvals {
				if personOf(personal, was.By).Is(a.By) {
					return &offboarding.Entry{Kind: offboarding.EntryWithdrawn, Step: a.Step, Approval: &was}, nil
				}
			}
		}
		return nil, fmt.Errorf("%w: this person has approved nothing that still waits", ErrNotHeld)
	})
}

// witnessed is ErrSpoiled unless it can still be read who spoke: every personal value beside the case that
// says who asked for it, or has approved what is wanted, is the one which the history refers to. Whoever
// changed one could otherwise approve what they asked for themselves, or approve twice.
func witnessed(c *offboarding.Case, personal map[string]string, asks string, wants []offboarding.Brake) error {
	words := []string{asks}
	for _, b := range wants {
		for _, was := range b.Approvals {
			words = append(words, was.By)
		}
	}
	for name := range c.SealedHashes() {
		_, kept := personal[name]
		if !kept && slices.ContainsFunc(words, func(word string) bool { return name == word || strings.HasPrefix(name, word+"-") }) {
			return fmt.Errorf("%w: case %s, value %s", ErrSpoiled, c.ID, name)
		}
	}
	return nil
}

// wanting are the brakes of a departure, or of a step, that want approvals.
func wanting(c *offboarding.Case, step offboarding.StepName) ([]offboarding.Brake, error) {
	if c.Cancelled != nil && !c.Undoing() {
		return nil, fmt.Errorf("%w: %w", ErrNotHeld, offboarding.ErrCancelled)
	}
	wants := slices.DeleteFunc(c.HeldStep(step), func(b offboarding.Brake) bool { return b.Kind != offboarding.BrakeApproval })
	if len(wants) == 0 {
		return nil, fmt.Errorf("%w: case %s waits for no approval of this", ErrNotHeld, c.ID)
	}
	return wants, nil
}

// Approver is who gave an approval, until the personal values are erased.
func Approver(personal map[string]string, a offboarding.Approval) offboarding.Person {
	return personOf(personal, a.By)
}
