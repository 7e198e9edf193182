package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"leaver/shared/offboarding"
)

// ErrNotUndoable: the case, or the step, cannot be taken back; the error says why.
var ErrNotUndoable = errors.New("nothing to undo")

// undoneBy begins the names of the personal values that say who ordered an undo.
const undoneBy = "undone-by"

// UndoOrder is the order to take a departure back, or one step of it.
type UndoOrder struct {
	Case   string
	Step   offboarding.StepName // empty = the whole departure
	By     offboarding.Person
	Reason string // kept beside the history
	Source string // where the order came from: the operator, or a source of requests
	// Prepared is set when no person has ordered it, but a cancellation: it is held until one does, or
	// approves it.
	Prepared bool
	// Brakes hold it beside those that every undo has.
	Brakes []offboarding.Brake
}

// Undo commits an order. A departure that still goes on is cancelled with it. The order of a person
// begins one that was only prepared; one that is under way stays as it is. Errors: ErrNobody, ErrNoCase,
// ErrNotUndoable, and those of the store.
func (l *Ledger) Undo(ctx context.Context, o UndoOrder) (*offboarding.Case, error) {
	if !o.Prepared && !o.By.Named() {
		return nil, ErrNobody
	}
	if err := l.newestWithPlan(ctx, o.Case); err != nil {
		return nil, err
	}
	c, err := l.Case(ctx, o.Case)
	if err == nil && o.Step == "" && c.Leaving() {
		_, err = l.update(ctx, o.Case, func(c *offboarding.Case) (*offboarding.Entry, error) {
			if !c.Leaving() {
				return nil, nil
			}
			return &offboarding.Entry{Kind: offboarding.EntryCancelled, Tenant: c.Tenant, Leaver: c.Leaver, EventTime: c.EventTime, Reason: "undone by " + o.Source}, nil
		})
	}
	for tries := 0; err == nil && tries < 3; tries++ {
		if err = l.untell(ctx, o.Case); !errors.Is(err, ErrConflict) {
			break
		}
		err = nil // others tell of it at this moment
	}
	if err != nil {
		return nil, err
	}
	return l.update(ctx, o.Case, func(c *offboarding.Case) (*offboarding.Entry, error) {
		steps, err := l.undoable(c, o)
		if err != nil || steps == nil {
			return nil, err
		}
		e := &offboarding.Entry{Kind: offboarding.EntryUndo, Undo: steps, Source: o.Source, Brakes: append(c.UndoBrakes(), o.Brakes...)}
		if o.Step != "" && o.Step != offboarding.StepPrivileges {
			e.Brakes = o.Brakes
		}
		if o.Prepared {
			e.Brakes = append(e.Brakes, c.Plan.Approvals.Brake(offboarding.ApproveUndo, "", 1,
				"a cancellation came after the lockout: the undo is prepared, and begins by leaver undo or by a person's approval"))
			return e, nil
		}
		e.Sealed, err = l.seal(ctx, c.ID, personValues(undoneBy, c.Position+1, o.By, map[string]string{"undone-reason": o.Reason}))
		return e, err
	})
}

// undoable are the steps that an order takes back; nil when it is under way already.
func (l *Ledger) undoable(c *offboarding.Case, o UndoOrder) ([]offboarding.StepName, error) {
	begins := !o.Prepared && len(c.Held()) > 0 // what was prepared
	switch deleted := c.AccountDeleted(); {
	case c.Plan.Version == 0:
		return nil, fmt.Errorf("%w: case %s was cancelled before anything was planned", ErrNotUndoable, c.ID)
	case !deleted.IsZero() && l.now().After(deleted.Add(offboarding.Restorable)):
		return nil, fmt.Errorf("%w: account %s was deleted at %s, and Microsoft keeps deleted accounts for 30 days: whoever comes back gets a new account", ErrNotUndoable, c.Leaver, offboarding.Stamp(deleted))
	case o.Step == "" && c.Undoing() && !begins && wholly(c), o.Step == "" && c.Undone():
		return nil, nil
	case o.Step == "":
		if !c.Begun() {
			return nil, fmt.Errorf("%w: no step of case %s had begun", ErrNotUndoable, c.ID)
		}
		var all []offboarding.StepName
		for _, s := range c.Steps {
			all = append(all, s.Name)
		}
		return all, nil
	}
	record := c.Step(o.Step)
	switch {
	case record == nil:
		return nil, fmt.Errorf("%w: the plan does not hold step %s", ErrNotUndoable, o.Step)
	case record.Undo && c.Undo.Stopped.IsZero() && !begins:
		return nil, nil
	case !c.AccountDeleted().IsZero() && o.Step != offboarding.StepDelete:
		return nil, fmt.Errorf("%w: the account is deleted; take back the whole departure, or delete first", ErrNotUndoable)
	}
	return []offboarding.StepName{o.Step}, nil
}

// wholly reports whether every step of the departure is being taken back, or was, and not only some.
func wholly(c *offboarding.Case) bool {
	return !slices.ContainsFunc(c.Steps, func(s *offboarding.Record) bool { return !s.Undo })
}

// newestWithPlan is nil unless the leaver has a newer departure than a case: of two, the older one is
// history.
func (l *Ledger) newestWithPlan(ctx context.Context, id string) error {
	if !isCaseID(id) {
		return fmt.Errorf("%w: %q is not the id of a case", ErrNoCase, id)
	}
	latest, err := l.Latest(ctx, id[:strings.LastIndexByte(id, '-')])
	if err != nil || latest == nil {
		return err
	}
	if latest.ID != id && latest.Plan.Version > 0 {
		return fmt.Errorf("%w: case %s is a newer departure of the same account", ErrNotUndoable, latest.ID)
	}
	return nil
}

// StopUndo ends an undo where it is; by nobody where a new departure does. Stopping again changes
// nothing. Errors: ErrNoCase, and those of the store.
func (l *Ledger) StopUndo(ctx context.Context, id string, by offboarding.Person) (*offboarding.Case, error) {
	return l.update(ctx, id, func(c *offboarding.Case) (*offboarding.Entry, error) {
		if !c.Undoing() {
			return nil, nil
		}
		e := &offboarding.Entry{Kind: offboarding.EntryUndoStopped}
		var err error
		if by.Named() {
			e.Sealed, err = l.seal(ctx, c.ID, personValues("undo-stopped-by", c.Position+1, by, nil))
		}
		return e, err
	})
}
