package offboarding

import (
	"context"
	"errors"
)

// Call is one answered request to a vendor, kept as evidence: what was done, to which
// object id, and the id under which the vendor can find it in its own logs.
type Call struct {
	Operation string `json:"operation"` // such as "PATCH /users/{id}" or "Set-Mailbox"
	Status    int    `json:"status"`
	RequestID string `json:"requestId,omitempty"`
}

// WriteGuard is the permission to change the world, given by the worker to one run of one step.
// Adapters ask it before every write and tell it about every answered one, so that no step
// can forget to: a write without a write guard does not leave the process.
type WriteGuard interface {
	// Allow returns nil when a write may be made now. It reads the ledger, strongly
	// consistent: the case is open and not cancelled, and this run still holds the lease.
	// A cancelled case is ErrCancelled, except for what is put back ([PuttingBack]) and for a step that
	// is being taken back.
	Allow(ctx context.Context) error
	// Record keeps an answered write as evidence.
	Record(Call)
}

type guardKey struct{}

// WithWriteGuard returns a context in which adapters may write under w.
func WithWriteGuard(ctx context.Context, w WriteGuard) context.Context {
	return context.WithValue(ctx, guardKey{}, w)
}

// WriteGuardFrom is the write guard of the context. It is never nil: without one, Allow refuses.
func WriteGuardFrom(ctx context.Context) WriteGuard {
	if w, ok := ctx.Value(guardKey{}).(WriteGuard); ok {
		return w
	}
	return noGuard{}
}

type noGuard struct{}

func (noGuard) Allow(context.Context) error {
	return Permanent(errors.New("a write outside of a step's run is not allowed"))
}
func (noGuard) Record(Call) {}

type puttingBackKey struct{}

// PuttingBack returns a context whose writes only put back what this very run has just done: the case
// may have been cancelled meanwhile, the run holds its lease still.
func PuttingBack(ctx context.Context) context.Context {
	return context.WithValue(ctx, puttingBackKey{}, true)
}

// PutsBack reports whether the context's writes only put back what their run has just done.
func PutsBack(ctx context.Context) bool { return ctx.Value(puttingBackKey{}) != nil }

type urgentKey struct{}

// WithUrgency returns a context whose calls lock somebody out: an adapter asks its vendor to
// throttle them last, where the vendor takes such a wish.
func WithUrgency(ctx context.Context) context.Context {
	return context.WithValue(ctx, urgentKey{}, true)
}

// Urgent reports whether the context's calls lock somebody out.
func Urgent(ctx context.Context) bool { return ctx.Value(urgentKey{}) != nil }
