package operator

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"leaver/functions/plan"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
)

// Undo is which departure is to be taken back, or which step of one, by whose word and why.
type Undo struct {
	Who    Who                  `json:"who"`
	Step   offboarding.StepName `json:"step,omitempty"` // empty = the whole departure
	By     string               `json:"by"`
	Reason string               `json:"reason"`
	// Preview says what would come back and what would not, and orders nothing.
	Preview bool `json:"preview,omitempty"`
}

// Undoing is what an undo brings back and what it cannot, and how the departure stands.
type Undoing struct {
	Steps []offboarding.StepName `json:"steps"` // that are taken back, in the order of the plan
	// Lost is what does not come back, or what a person has to do for it, as far as the ledger knows.
	Lost []string `json:"lost"`
	// Holds is what keeps it from beginning, or a part of it, until people approve.
	Holds []string `json:"holds,omitempty"`
	// Already is set when nothing was ordered, because it is taken back already.
	Already bool   `json:"already,omitempty"`
	Status  Status `json:"status"`
}

// Undo orders a departure to be taken back. One that still goes on is cancelled with it.
func (s *Desk) Undo(ctx context.Context, ask Undo) (Undoing, error) {
	if strings.TrimSpace(ask.Reason) == "" && !ask.Preview {
		return Undoing{}, refused("say why the departure is taken back")
	}
	var by offboarding.Person
	if !ask.Preview {
		var err error
		if by, err = s.acting(Operate, ask.By); err != nil {
			return Undoing{}, err
		}
	}
	id, err := s.begunBy(ctx, ask.Who)
	if err != nil {
		return Undoing{}, err
	}
	c, err := s.Ledger.Case(ctx, id)
	if err != nil {
		return Undoing{}, err
	}
	if !ask.Preview {
		if err := s.othersOnly(c); err != nil {
			return Undoing{}, err
		}
	}
	brakes, err := plan.Rehired(ctx, s.Directory, s.Ledger, c)
	if err != nil {
		return Undoing{}, err
	}
	out := Undoing{Steps: c.Undoable(), Lost: []string{}}
	if ask.Step != "" {
		out.Steps = slices.DeleteFunc(out.Steps, func(name offboarding.StepName) bool { return name != ask.Step })
	}
	out.Lost = append(out.Lost, c.Lost(out.Steps)...)
	for _, b := range append(c.UndoBrakes(), brakes...) {
		if b.Step == "" || slices.Contains(out.Steps, b.Step) {
			out.Holds = append(out.Holds, b.Why)
		}
	}
	if ask.Preview {
		out.Status, err = s.status(ctx, c)
		return out, err
	}
	before := c.Undo
	c, err = s.Ledger.Undo(ctx, ledger.UndoOrder{Case: id, Step: ask.Step, By: by, Reason: ask.Reason, Source: "operator", Brakes: brakes})
	if err != nil {
		return out, err
	}
	out.Already = before != nil && c.Undo != nil && before.At.Equal(c.Undo.At)
	out.Status, err = s.goOn(ctx, c)
	return out, err
}

// begunBy is the last departure that is meant and that has begun.
func (s *Desk) begunBy(ctx context.Context, who Who) (string, error) {
	if who.Case != "" {
		return who.Case, nil
	}
	found, err := s.findOf(ctx, who)
	if err != nil {
		return "", err
	}
	for _, one := range slices.Backward(found) {
		if one.Case != "" && len(one.Steps) > 0 {
			return one.Case, nil
		}
	}
	return "", refused(fmt.Sprintf("no departure of %q; leaver status lists them", who))
}
