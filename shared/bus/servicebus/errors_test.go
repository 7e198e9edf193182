package servicebus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/Azure/go-amqp"

	"leaver/shared/bus"
	"leaver/shared/offboarding"
)

func TestErrorsAreClassified(t *testing.T) {
	t.Parallel()
	code := func(c azservicebus.Code) error { return &azservicebus.Error{Code: c} }
	condition := func(c amqp.ErrCond) error { return &amqp.Error{Condition: c} }
	kinds := []error{bus.ErrUnavailable, bus.ErrNotFound, bus.ErrLockLost, bus.ErrTooLarge}
	for _, c := range []struct {
		err  error
		want error // nil: none of the port's
	}{
		{context.Canceled, bus.ErrUnavailable},
		{context.DeadlineExceeded, bus.ErrUnavailable},
		{io.EOF, bus.ErrUnavailable},
		{net.ErrClosed, bus.ErrUnavailable},
		{&net.OpError{Op: "dial", Err: errors.New("refused")}, bus.ErrUnavailable},
		{code(azservicebus.CodeConnectionLost), bus.ErrUnavailable},
		{code(azservicebus.CodeTimeout), bus.ErrUnavailable},
		{code(azservicebus.CodeClosed), bus.ErrUnavailable},
		{code(azservicebus.CodeLockLost), bus.ErrLockLost},
		{code(azservicebus.CodeNotFound), bus.ErrNotFound},
		{code(azservicebus.CodeUnauthorizedAccess), nil},
		{azservicebus.ErrMessageTooLarge, bus.ErrTooLarge},
		{condition(amqp.ErrCondNotFound), bus.ErrNotFound},
		{condition(amqp.ErrCondMessageSizeExceeded), bus.ErrTooLarge},
		{condition(amqp.ErrCondUnauthorizedAccess), nil},
		{condition(amqp.ErrCondResourceLimitExceeded), bus.ErrUnavailable},
		{condition("com.microsoft:server-busy"), bus.ErrUnavailable},
		{condition("com.microsoft:entity-disabled"), bus.ErrUnavailable},
		{&amqp.ConnError{RemoteErr: &amqp.Error{Condition: amqp.ErrCondNotAllowed}}, bus.ErrUnavailable},
		{&amqp.SessionError{RemoteErr: &amqp.Error{Condition: amqp.ErrCondNotAllowed}}, bus.ErrUnavailable},
		{&amqp.LinkError{RemoteErr: &amqp.Error{Condition: amqp.ErrCondNotAllowed}}, nil},
		{tokenError{errors.New("Entra is down")}, bus.ErrUnavailable},
		{tokenError{offboarding.Permanent(errors.New("wrong secret"))}, nil},
		{errors.New("something else"), nil},
	} {
		got := classify("doing", fmt.Errorf("wrapped: %w", c.err))
		if !errors.Is(got, c.err) {
			t.Errorf("%v: the cause is lost: %v", c.err, got)
		}
		for _, kind := range kinds {
			if errors.Is(got, kind) != (kind == c.want) {
				t.Errorf("%v: is %v = %t", c.err, kind, errors.Is(got, kind))
			}
		}
	}
	if classify("doing", nil) != nil {
		t.Error("nothing becomes an error")
	}
}

func TestWhatIsSpent(t *testing.T) {
	t.Parallel()
	busy := &amqp.Error{Condition: "com.microsoft:server-busy"}
	for _, c := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{context.DeadlineExceeded, false},
		{&amqp.LinkError{RemoteErr: busy}, true},
		{&amqp.SessionError{RemoteErr: busy}, true},
		{&amqp.ConnError{RemoteErr: busy}, true},
		{busy, false}, // a rejected message
		{azservicebus.ErrMessageTooLarge, true},
		{&azservicebus.Error{Code: azservicebus.CodeUnauthorizedAccess}, true},
		{&azservicebus.Error{Code: azservicebus.CodeTimeout}, true},
		{&azservicebus.Error{Code: azservicebus.CodeClosed}, true},
		{&azservicebus.Error{Code: azservicebus.CodeConnectionLost}, false},
		{&azservicebus.Error{Code: azservicebus.CodeLockLost}, false},
		{&azservicebus.Error{Code: azservicebus.CodeNotFound}, false},
		{tokenError{errors.New("Entra is down")}, false},
	} {
		if got := spent(c.err); got != c.want {
			t.Errorf("%v: %t", c.err, got)
		}
	}
}
