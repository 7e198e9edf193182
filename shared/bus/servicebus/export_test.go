package servicebus

import (
	"context"

	"leaver/shared/bus"
)

// CompleteByToken completes by its lock token what another bus, perhaps of another process, has
// handed out.
func (b *Bus) CompleteByToken(ctx context.Context, subscription string, d bus.Delivery) error {
	s, err := b.subscription(subscription)
	if err != nil {
		return err
	}
	return b.settle(ctx, s.live, token(d.(*delivery).message), complete)
}
