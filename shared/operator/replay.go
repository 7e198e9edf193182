package operator

import (
	"context"
	"fmt"

	"leaver/functions/replay"
)

// Replay is what to send back to work; Who selects a case or a parked request too.
type Replay struct {
	replay.Selection
	Who Who `json:"who"`
}

// Replay sends what was parked back to work, or lists it.
func (s *Desk) Replay(ctx context.Context, ask Replay) ([]replay.Item, error) {
	if _, err := s.acting(Operate, ""); err != nil && !ask.Preview {
		return nil, err
	}
	return s.replay(ctx, ask)
}

// replay is Replay, for whoever may.
func (s *Desk) replay(ctx context.Context, ask Replay) ([]replay.Item, error) {
	selection := ask.Selection
	switch who := ask.Who; {
	case who.Everybody():
	case who.Case != "":
		selection.Case = who.Case
	case who.Request != "":
		selection.Request = who.Request
	default:
		found, err := s.findOf(ctx, who)
		if err != nil {
			return nil, err
		}
		if len(found) == 1 && found[0].Case == "" { // a request that found nobody
			selection.Request = found[0].Request
			break
		}
		open, err := s.open(ctx, who, "replay")
		if err != nil {
			return nil, err
		}
		selection.Case = open.Case
	}
	if selection.Case != "" {
		if err := s.othersCase(ctx, selection.Case); err != nil {
			return nil, err
		}
	}
	items, err := s.Replayer.Replay(ctx, selection)
	if err != nil {
		return nil, fmt.Errorf("replaying: %w", err)
	}
	return items, nil
}
