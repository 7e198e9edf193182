package offboarding

import (
	"context"
	"errors"
	"fmt"
	"maps"
)

// Effect is one thing that a step wants to be true of the world. T is what a read of it shows.
type Effect[T any] struct {
	// What was asked for, in the words of the reason "What was accepted, but Shows".
	What string
	Read func(context.Context) (T, error)
	// Seen is what has just been read, when it has: Ensure then begins without a read of its own.
	Seen   *T
	Wanted func(T) bool
	// Before is what to keep of the world as it was; nil keeps nothing. Sealed is the same for
	// values that name people.
	Before, Sealed func(T) map[string]string
	// Write makes the world as wanted. It changes only what differs from what was read.
	Write func(context.Context, T) error
	// Shows says what the world still shows after a write that was accepted.
	Shows func(T) string
}

// Ensure makes the world as wanted, the level-based way: read it, keep the before, write unless it
// is wanted so already, and read it again. It returns what the last read showed. The error is nil
// once the world was read as wanted, [Job.NotYet] when it does not show an accepted write, and
// otherwise the verdict of whichever read or write failed. Twice equals once.
func Ensure[T any](ctx context.Context, j *Job, e Effect[T]) (T, error) {
	var is T
	var err error
	if e.Seen != nil {
		is = *e.Seen
	} else if is, err = e.Read(ctx); err != nil {
		return is, err
	}
	if e.Sealed != nil {
		if err := j.Seal(ctx, e.Sealed(is)); err != nil {
			return is, err
		}
	}
	if e.Before != nil {
		if err := j.KeepBefore(ctx, e.Before(is)); err != nil {
			return is, err
		}
	}
	if e.Wanted(is) {
		return is, nil
	}
	if err := e.Write(ctx, is); err != nil {
		return is, err
	}
	if is, err = e.Read(ctx); err != nil {
		return is, err
	}
	if !e.Wanted(is) {
		return is, j.NotYet("%s was accepted, but %s", e.What, e.Shows(is))
	}
	return is, nil
}

// Removal is things that are to go, one by one.
type Removal[T any] struct {
	// What was asked for, and Left what still shows with %d for how many, in the words of the reason
	// "What was accepted, but Left": "devices that still read enabled: %d".
	What, Left string
	// Find returns what it found also beside an error, when it could not look everywhere.
	Find func(context.Context) ([]T, error)
	// Before is what to keep of the things found; nil keeps nothing. Sealed is the same for values
	// that name people.
	Before, Sealed func([]T) map[string]string
	// Remove makes one of them go. Each is tried whatever became of the others, and what is not
	// there any more ([ErrNotFound]) is as wanted.
	Remove func(context.Context, T) error
}

// EnsureNone is [Ensure] for things that are to go: nil once none is found any more. What is found goes,
// whatever else could not be looked at.
func EnsureNone[T any](ctx context.Context, j *Job, r Removal[T]) error {
	var unseen error // beside what the last look found
	_, err := Ensure(ctx, j, Effect[[]T]{
		What: r.What, Before: r.Before, Sealed: r.Sealed,
		Read: func(ctx context.Context) ([]T, error) {
			found, err := r.Find(ctx)
			if unseen = nil; len(found) > 0 {
				unseen, err = err, nil
			}
			return found, err
		},
		Wanted: func(left []T) bool { return len(left) == 0 },
		Write: func(ctx context.Context, found []T) error {
			var verdicts []error
			for _, one := range found {
				if err := r.Remove(ctx, one); !errors.Is(err, ErrNotFound) {
					verdicts = append(verdicts, err)
				}
			}
			return Join(verdicts...)
		},
		Shows: func(left []T) string { return fmt.Sprintf(r.Left, len(left)) },
	})
	return Join(err, unseen)
}

// unkept are those values of the before that are new.
func (j *Job) unkept(before map[string]string) map[string]string {
	added := maps.Clone(before)
	maps.DeleteFunc(added, func(name, _ string) bool { _, kept := j.Step.Before[name]; return kept })
	return added
}
