package nats

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"leaver/shared/bus"
)

// classify is the one place that maps what NATS says to the errors of the port. It goes by
// values and codes, never by text, and keeps the cause for errors.Is.
func classify(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, mark(err))
}

func mark(err error) error {
	for _, kind := range []error{bus.ErrUnavailable, bus.ErrNotFound, bus.ErrLockLost, bus.ErrTooLarge} {
		if errors.Is(err, kind) {
			return err
		}
	}
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound),
		errors.Is(err, jetstream.ErrConsumerNotFound),
		errors.Is(err, jetstream.ErrConsumerDoesNotExist),
		errors.Is(err, jetstream.ErrConsumerDeleted),
		errors.Is(err, jetstream.ErrMsgNotFound):
		return fmt.Errorf("%w: %w", bus.ErrNotFound, err)
	case errors.Is(err, nats.ErrMaxPayload),
		errors.Is(err, jetstream.ErrStreamMessageExceedsMaximum):
		return fmt.Errorf("%w: %w", bus.ErrTooLarge, err)
	case errors.Is(err, context.Canceled),
		errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, nats.ErrTimeout),
		errors.Is(err, nats.ErrNoResponders),
		errors.Is(err, nats.ErrConnectionClosed),
		errors.Is(err, nats.ErrConnectionDraining),
		errors.Is(err, nats.ErrConnectionReconnecting),
		errors.Is(err, nats.ErrDisconnected),
		errors.Is(err, nats.ErrBadSubscription),
		errors.Is(err, nats.ErrNoServers),
		errors.Is(err, jetstream.ErrNoStreamResponse),
		errors.Is(err, jetstream.ErrConnectionClosed),
		errors.Is(err, jetstream.ErrServerShutdown),
		errors.Is(err, jetstream.ErrConsumerLeadershipChanged),
		errors.Is(err, jetstream.ErrJetStreamNotEnabled),
		errors.Is(err, net.ErrClosed):
		return fmt.Errorf("%w: %w", bus.ErrUnavailable, err)
	}
	// The server names its own troubles (no quorum, no leader, storage full) with 503 and 5xx.
	var api jetstream.JetStreamError
	if errors.As(err, &api) && api.APIError() != nil && api.APIError().Code >= 500 {
		return fmt.Errorf("%w: %w", bus.ErrUnavailable, err)
	}
	return err
}
