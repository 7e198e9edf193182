package servicebus

import (
	"context"
	"math"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"leaver/shared/bus"
)

// Depth implements bus.Bus. It peeks at every message, locked ones included: one request for
// each hundred. The age mixes the broker's clock with ours. Errors: bus.ErrNotFound,
// bus.ErrUnavailable.
func (b *Bus) Depth(ctx context.Context, subscription string) (bus.Depth, error) {
	doing := "measuring " + subscription
	s, err := b.subscription(subscription)
	if err != nil {
		return bus.Depth{}, classify(doing, err)
	}
	var depth bus.Depth
	var oldest time.Time
	err = b.browse(ctx, s.live, math.MaxInt, func(m *azservicebus.ReceivedMessage) {
		if m.State != azservicebus.MessageStateActive { // the queue shows schedules, too
			return
		}
		depth.Active++
		if at := value(m.EnqueuedTime); oldest.IsZero() || at.Before(oldest) {
			oldest = at
		}
	})
	if err != nil {
		return bus.Depth{}, classify(doing, err)
	}
	err = b.browse(ctx, s.dead, math.MaxInt, func(*azservicebus.ReceivedMessage) { depth.DeadLetters++ })
	if err != nil {
		return bus.Depth{}, classify(doing, err)
	}
	if !oldest.IsZero() {
		depth.OldestAge = max(0, time.Since(oldest))
	}
	return depth, nil
}
