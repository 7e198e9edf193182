package nats

import (
	"context"
	"maps"
	"slices"

	"leaver/shared/bus"
)

// Rights implements bus.Inspector. Whoever has the connection has all of them: the server is in
// the process and divides nothing between its functions.
func (b *Bus) Rights(context.Context) (bus.Rights, error) {
	return bus.Rights{Send: []string{bus.Queue, bus.Hints, bus.Topic}, Listen: slices.Sorted(maps.Keys(b.subs))}, nil
}

// Filters implements bus.Inspector. Errors: bus.ErrNotFound, bus.ErrUnavailable.
func (b *Bus) Filters(ctx context.Context, subscription string) (missing, surplus []string, err error) {
	doing := "reading the filters of " + subscription
	s, err := b.subscription(subscription)
	if err != nil {
		return nil, nil, classify(doing, err)
	}
	consumer, err := b.live.Consumer(ctx, encode(s.Name))
	if err != nil {
		return nil, nil, classify(doing, err)
	}
	has, wanted := consumer.CachedInfo().Config.FilterSubjects, filters(s)
	return bus.Without(wanted, has), bus.Without(has, wanted), nil
}
