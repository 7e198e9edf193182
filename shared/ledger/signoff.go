package ledger

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
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
	// Items are ids of things that are accepted as they are, such as files that cannot be copied or
	// phones that do not come back. The step itself is not closed then: it leaves them alone when it
	// is replayed, and the gates with it. Empty means the step as a whole.
	Items []string
}

// itemID is what may be accepted: an id as vendors make them, and no name of anybody.
var itemID = regexp.MustCompile(`^[A-Za-z0-9!_.-]{1,200}$`)

// acceptable are the steps that leave alone what a person accepted.
var acceptable = []offboarding.StepName{offboarding.StepOnedrive, offboarding.StepWipe, offboarding.StepLicence, offboarding.StepExport}

// accepted is the entry of the items of s that are not accepted yet; nil when all are.
func (l *Ledger) accepted(ctx context.Context, s SignOff, record *offboarding.Record) (*offboarding.Entry, error) {
	if !slices.Contains(acceptable, s.Step) {
		return nil, fmt.Errorf("%w: nothing of step %s is accepted by itself; sign the step off as a whole", ErrNotSignable, s.Step)
	}
	var items []string
	for _, id := range s.Items {
		if !itemID.MatchString(id) {
			return nil, fmt.Errorf("%w: an item is named by its id, as the step's reason gives it", ErrNotSignable)
		}
		if !slices.Contains(record.Accepted, id) && !slices.Contains(items, id) {
			items = append(items, id)
		}
	}
	if len(items) == 0 {
		return nil, nil
	}
	sealed, err := l.seal(ctx, s.Case, map[string]string{
		PersonalName(s.Step, fmt.Sprintf("accepted-by-%d", len(record.Accepted))): s.By, PersonalName(s.Step, fmt.Sprintf("accepted-note-%d", len(record.Accepted))): s.Note,
	})
	return &offboarding.Entry{Kind: offboarding.EntryAccepted, Step: s.Step, Items: items, Sealed: sealed}, err
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

// SignOff closes a manual, withheld or parked step on a person's word, and a wipe that waits: a phone at the
// bottom of a lake never hears of it, and the licence waits for that. Anything else is
// [ErrNotSignable], as is a step of a cancelled case. It opens no gate: licence and delete read
// the tenant again, whatever was signed off, but for the items that were accepted by their ids.
// Signing off again changes nothing.
func (l *Ledger) SignOff(ctx context.Context, s SignOff) (*offboarding.Case, error) {
	if strings.TrimSpace(s.By) == "" || strings.TrimSpace(s.Note) == "" {
		return nil, fmt.Errorf("%w: say who signs off, and what was done", ErrNotSignable)
	}
	return l.update(ctx, s.Case, func(c *offboarding.Case) (*offboarding.Entry, error) {
		record := c.Step(s.Step)
		switch {
		case c.Over(s.Step):
			return nil, fmt.Errorf("%w: %w", ErrNotSignable, offboarding.ErrCancelled)
		case record == nil:
			return nil, fmt.Errorf("%w: the plan does not hold step %s", ErrNotSignable, s.Step)
		}
		if len(s.Items) > 0 && record.State != offboarding.StateSignedOff {
			return l.accepted(ctx, s, record)
		}
		switch record.State {
		case offboarding.StateSignedOff:
			return nil, nil
		case offboarding.StateManual, offboarding.StateWithheld, offboarding.StateParked:
		case offboarding.StateWaiting:
			switch {
			case s.Step != offboarding.StepWipe:
				return nil, notSignable(record)
			case record.Lease.Holds(l.now()):
				return nil, fmt.Errorf("%w: step %s is just looking again; sign it off in a minute", ErrNotSignable, s.Step)
			}
		default:
			return nil, notSignable(record)
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

func notSignable(r *offboarding.Record) error {
	return fmt.Errorf("%w: step %s is %s; only manual, withheld and parked steps are signed off, and a wipe that waits", ErrNotSignable, r.Name, r.State)
}
