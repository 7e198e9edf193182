package servicebus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/Azure/go-amqp"

	"leaver/shared/bus"
	"leaver/shared/offboarding"
)

var (
	errClosed = fmt.Errorf("%w: it was closed here", bus.ErrUnavailable)
	errGone   = fmt.Errorf("%w: the connection or the link is gone", bus.ErrUnavailable)
)

// classify says what was being done, and marks the error.
func classify(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, mark(err))
}

// mark is the one place that maps what Service Bus says to the errors of the port. It goes by
// codes and conditions, never by text. A refusal (no role on the entity, a wrong secret) is
// none of the port's errors: a person has to grant the role, and can take minutes to work.
// Source of the conditions: Service Bus, AMQP errors.
func mark(err error) error {
	if err == nil {
		return nil
	}
	for _, kind := range []error{bus.ErrUnavailable, bus.ErrNotFound, bus.ErrLockLost, bus.ErrTooLarge} {
		if errors.Is(err, kind) {
			return err
		}
	}
	if kind := kindOf(err); kind != nil {
		return fmt.Errorf("%w: %w", kind, err)
	}
	return err
}

func kindOf(err error) error {
	if errors.Is(err, azservicebus.ErrMessageTooLarge) {
		return bus.ErrTooLarge
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return bus.ErrUnavailable
	}
	if token := (tokenError{}); errors.As(err, &token) {
		if permanent := (*offboarding.PermanentError)(nil); errors.As(err, &permanent) {
			return nil
		}
		return bus.ErrUnavailable
	}
	if failed := (*azservicebus.Error)(nil); errors.As(err, &failed) {
		switch failed.Code {
		case azservicebus.CodeLockLost:
			return bus.ErrLockLost
		case azservicebus.CodeNotFound:
			return bus.ErrNotFound
		case azservicebus.CodeUnauthorizedAccess:
			return nil
		}
		return bus.ErrUnavailable // connection lost, timeout, closed
	}
	if ended := (*amqp.ConnError)(nil); errors.As(err, &ended) {
		return bus.ErrUnavailable // whatever the broker said when it ended the connection
	}
	if failed := (*amqp.Error)(nil); errors.As(err, &failed) {
		switch failed.Condition {
		case amqp.ErrCondNotFound:
			return bus.ErrNotFound
		case amqp.ErrCondMessageSizeExceeded:
			return bus.ErrTooLarge
		case amqp.ErrCondUnauthorizedAccess, amqp.ErrCondNotAllowed:
			return nil
		}
		return bus.ErrUnavailable // busy, full, disabled, forced to detach
	}
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
		return bus.ErrUnavailable
	}
	return nil
}
