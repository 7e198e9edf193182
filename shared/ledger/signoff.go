package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"leaver/shared/offboarding"
)

// ErrNotSignable: the step cannot be signed off; the error says why.
var ErrNotSignable = errors.New("nothing to sign off")

// SignOff is a named person's word that a step is done with: they did the manual task, or they
// accept that it is withheld or parked.
type SignOff struct {
	Case string
	Step offboarding.StepName
	// By and Note are kept beside the history, which holds their salted hashes.
	By   string
	Note string
}

// SignedOff finds who signed a step off and what they noted among the personal values of its
// case; both are empty once they are erased.
func SignedOff(personal map[string]string, r *offboarding.Record) (by, note string) {
	return personal[signedOffBy(r)], personal[signedOffNote(r)]
}

// The names hold the step's n: a step that was signed off and replayed can be signed off again.
func signedOffBy(r *offboarding.Record) string {
	return PersonalName(r.Name, fmt.Sprintf("signed-off-by-%d", r.N))
}

func signedOffNote(r *offboarding.Record) string {
	return PersonalName(r.Name, fmt.Sprintf("signed-off-note-%d", r.N))
}

// SignOff closes a manual, withheld or parked step on a person's word; anything else is
// [ErrNotSignable], as is a step of a cancelled case. It opens no gate: licence and delete read
// the tenant again, whatever was signed off. Signing off again changes nothing.
func (l *Ledger) SignOff(ctx context.Context, s SignOff) (*offboarding.Case, error) {
	if strings.TrimSpace(s.By) == "" || strings.TrimSpace(s.Note) == "" {
		return nil, fmt.Errorf("%w: say who signs off, and what was done", ErrNotSignable)
	}
	return l.update(ctx, s.Case, func(c *offboarding.Case) (*offboarding.Entry, error) {
		record := c.Step(s.Step)
		switch {
		case c.Cancelled != nil:
			return nil, fmt.Errorf("%w: %w", ErrNotSignable, offboarding.ErrCancelled)
		case record == nil:
			return nil, fmt.Errorf("%w: the plan does not hold step %s", ErrNotSignable, s.Step)
		}
		switch record.State {
		case offboarding.StateSignedOff:
			return nil, nil
		case offboarding.StateManual, offboarding.StateWithheld, offboarding.StateParked:
		default:
			return nil, fmt.Errorf("%w: step %s is %s; only manual, withheld and parked steps are signed off", ErrNotSignable, s.Step, record.State)
		}
		sealed, err := l.seal(ctx, s.Case, map[string]string{signedOffBy(record): s.By, signedOffNote(record): s.Note})
		if err != nil {
			return nil, err
		}
		was := record.Reason
		if !record.Rule.IsZero() {
			was = record.Rule.Name + ": " + was
		}
		return &offboarding.Entry{
			Kind: offboarding.EntrySignedOff, Step: s.Step, State: record.State, Sealed: sealed,
			Reason: fmt.Sprintf("was %s: %s", record.State, was),
		}, nil
	})
}
