package operator

import (
	"context"

	"leaver/functions/replay"
)

var replayOperation = operation[replay.Selection, []replay.Item]{"/replay", (*Server).replay}

func (s *Server) replay(ctx context.Context, selection replay.Selection) ([]replay.Item, error) {
	return s.Replayer.Replay(ctx, selection)
}
