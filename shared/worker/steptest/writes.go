package steptest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"leaver/shared/bus"
	"leaver/shared/ledger"
)

var errAway = errors.Join(bus.ErrUnavailable, ledger.ErrUnavailable)

// CrashBeforeWrite kills the host right before each write to broker and ledger: each write once,
// so that the next host gets further.
func CrashBeforeWrite(next Handler) Handler {
	return spoiling(next, func(kill func(), _ func() error) error {
		kill()
		return errKilled
	})
}

// CrashAfterWrite kills the host right after each write.
func CrashAfterWrite(next Handler) Handler {
	return spoiling(next, func(kill func(), do func() error) error {
		defer kill()
		return errors.Join(do(), errKilled)
	})
}

// LoseWrite loses each write on its way, once.
func LoseWrite(next Handler) Handler {
	return spoiling(next, func(func(), func() error) error { return errAway })
}

// LoseAnswer loses the answer to each write that was done, once.
func LoseAnswer(next Handler) Handler {
	return spoiling(next, func(_ func(), do func() error) error { return errors.Join(do(), errAway) })
}

func spoiling(next Handler, spoil func(kill func(), do func() error) error) Handler {
	w := &writes{spoil: spoil, spoiled: map[string]bool{}}
	return func(ctx context.Context, d bus.Delivery) error {
		ctx, kill := context.WithCancel(ctx)
		defer kill()
		return next(context.WithValue(ctx, hostKey{}, &host{w, kill}), d)
	}
}

// host is one run of a function; it is found in the context of its writes.
type host struct {
	*writes
	kill context.CancelFunc
}

type hostKey struct{}

// writes are those of one function, over all its hosts.
type writes struct {
	spoil func(kill func(), do func() error) error
	// picks, when set, says which go wrong, each time; otherwise each does once.
	picks func(what string) bool

	mu      sync.Mutex
	spoiled map[string]bool
	last    bool // the last write was spoiled: the next one is not, whatever it is
}

func (w *writes) next(what string) (spoil bool) {
	if w.picks != nil {
		return w.picks(what)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = !w.last && !w.spoiled[what]
	if w.last {
		w.spoiled[what] = true
	}
	return w.last
}

// write does one write to broker or ledger, or what the fault makes of it. What is the same
// write when it is tried again has the same name, also when it is tried under a new number: each
// goes wrong once, or none would ever come through.
func write(ctx context.Context, what string, do func() error) error {
	h, ok := ctx.Value(hostKey{}).(*host)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case ok && h.next(what):
		return h.spoil(h.kill, do)
	}
	return do()
}

// faultyStore is the ledger's store with writes that can go wrong.
type faultyStore struct{ ledger.Store }

func (s faultyStore) Append(ctx context.Context, id string, position int, label string, entry []byte) error {
	var e struct{ Kind, Step, State string }
	if err := json.Unmarshal(entry, &e); err != nil {
		return err
	}
	return write(ctx, fmt.Sprint("append ", id, e), func() error { return s.Store.Append(ctx, id, position, label, entry) })
}

func (s faultyStore) Seal(ctx context.Context, id string, values map[string]ledger.Value) error {
	return write(ctx, "seal "+id, func() error { return s.Store.Seal(ctx, id, values) })
}
