package operator

import (
	"context"
	"errors"
	"fmt"

	"leaver/functions/replay"
	"leaver/shared/bus"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/worker"
)

// SignOff is which step is accepted, by whom, and why.
type SignOff struct {
	Who  Who                  `json:"who"`
	Step offboarding.StepName `json:"step"`
	By   string               `json:"by"`
	Note string               `json:"note"`
	// Items are accepted as they are, and the step is replayed.
	Items []string `json:"items,omitempty"`
}

// SignOff accepts a step by name and returns how the case stands.
func (s *Desk) SignOff(ctx context.Context, ask SignOff) (Status, error) {
	by, err := s.acting(Operate, ask.By)
	if err != nil {
		return Status{}, err
	}
	id := ask.Who.Case // which may be closed: the same signature twice is one
	if id == "" {
		open, err := s.open(ctx, ask.Who, "sign off")
		if err != nil {
			return Status{}, err
		}
		id = open.Case
	}
	if err := s.othersCase(ctx, id); err != nil {
		return Status{}, err
	}
	c, err := s.signOff(ctx, ledger.SignOff{Case: id, Step: ask.Step, By: by.Name, Note: ask.Note, Items: ask.Items})
	if err != nil {
		return Status{}, err
	}
	return s.status(ctx, c)
}

// signOff accepts a step by name. Its dead letters go: nobody is to replay them.
func (s *Desk) signOff(ctx context.Context, ask ledger.SignOff) (*offboarding.Case, error) {
	c, err := s.Ledger.SignOff(ctx, ask)
	if err != nil {
		return nil, err
	}
	if len(ask.Items) > 0 {
		if _, err := s.Replayer.Replay(ctx, replay.Selection{Step: string(ask.Step), Case: ask.Case}); err != nil {
			return nil, fmt.Errorf("replaying %s without what was accepted: %w", ask.Step, err)
		}
		return s.Ledger.Case(ctx, ask.Case)
	}
	return c, errors.Join(s.discard(ctx, ask), worker.Hurry(ctx, s.Bus, s.Ledger, ask.Case, s.Now()))
}

// discard removes the dead letters of a step that was signed off.
func (s *Desk) discard(ctx context.Context, ask ledger.SignOff) error {
	letters, err := s.Bus.DeadLetters(ctx, string(ask.Step), 1000)
	if err != nil {
		return fmt.Errorf("listing the dead letters of %s: %w", ask.Step, err)
	}
	for _, letter := range letters {
		m, err := bus.DecodeStep(letter.Body)
		if err != nil || m.Case != ask.Case {
			continue
		}
		if err := s.Bus.Discard(ctx, string(ask.Step), letter.Key); err != nil {
			return fmt.Errorf("removing the dead letter of case %s: %w", ask.Case, err)
		}
	}
	return nil
}
