package lambda

import (
	"context"
	"time"
)

// outlives is how long a connection outlives an invocation. Lambda freezes the process in
// between: no heartbeat is sent, and Service Bus, or what stands in front of it, drops the
// connection after a few minutes. On such a connection every subscription looks empty.
const outlives = time.Minute

// Reconnecting is h with a connection that is not too old: connect is called before the first
// invocation, and before each that follows a long pause.
func Reconnecting(h Handler, now func() time.Time, connect func() error) Handler {
	var last time.Time // when the last invocation ended
	return HandlerFunc(func(ctx context.Context, payload []byte) ([]byte, error) {
		if now().Sub(last) > outlives {
			if err := connect(); err != nil {
				return nil, err
			}
		}
		defer func() { last = now() }()
		return h.Invoke(ctx, payload)
	})
}
