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

// spent reports that what a link was used on will not work again, because of an error that the
// client hands on: it attaches anew after others. A message that the broker has rejected, and a
// request that it has answered with a status, leave the link as it was.
func spent(err error) bool {
	if failed := (*azservicebus.Error)(nil); errors.As(err, &failed) {
		switch failed.Code {
		case azservicebus.CodeUnauthorizedAccess, azservicebus.CodeTimeout, azservicebus.CodeClosed:
			return true
		}
		return false
	}
	var link *amqp.LinkError
	var session *amqp.SessionError
	var conn *amqp.ConnError
	return errors.As(err, &link) || errors.As(err, &session) || errors.As(err, &conn) ||
		errors.Is(err, azservicebus.ErrMessageTooLarge) // does not tell whether the broker has ended the link
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
	var conn *amqp.ConnError
	var session *amqp.SessionError
	if errors.As(err, &conn) || errors.As(err, &session) {
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
	if status := (interface{ RPCCode() int })(nil); errors.As(err, &status) {
		return bus.ErrUnavailable // the client hands on only those of a busy broker
	}
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
		return bus.ErrUnavailable
	}
	return nil
}
