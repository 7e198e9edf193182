package ledger

import (
	"context"
	"errors"
)

// MaxHistory bounds what is read of one history at once, in bytes of its entries or of its values. A
// departure writes some hundred kilobytes; without a bound, whoever can write to the store fills the memory
// of every process with one history, and nobody's departure goes on.
const MaxHistory = 64 << 20

// ErrTooLong: more than MaxHistory stands there. It comes with ErrUnreadable, of which nobody acts.
var ErrTooLong = errors.New("it is larger than any departure writes: somebody else wrote there")

// Errors that stores wrap. A store classifies, and never tries again itself.
var (
	// ErrConflict: another entry stands at that position already.
	ErrConflict = errors.New("the history has moved on")
	// ErrUnavailable: the store cannot be reached or did not answer. An append may or may
	// not have been committed.
	ErrUnavailable = errors.New("the ledger is unavailable")
	// ErrTruncated: a history ends before what was read of it already. Entries are never removed,
	// so somebody has cut it off, or put an older copy in its place.
	ErrTruncated = errors.New("the history is shorter than it was")
)

// Store keeps histories: append-only lists of entries by id. It is the port that drivers
// implement; every driver passes the suite of ledgertest. Ids are at most 64 characters of
// a-z, 0-9 and '-'.
type Store interface {
	// Append commits entry as number position (from 1) of the history, durable when it
	// returns, and label as the history's new label. It is the only commit there is. If the
	// history does not end at position-1, it is ErrConflict and nothing is written.
	Append(ctx context.Context, id string, position int, label string, entry []byte) error
	// Read returns the entries after position after (0 = all) in order, strongly
	// consistent: everything that was committed before the call is in it. A history that
	// does not exist is empty. One that ends before after is ErrTruncated, one of more than MaxHistory
	// bytes ErrUnreadable.
	Read(ctx context.Context, id string, after int) ([][]byte, error)
	// List returns the heads of all histories whose label is one of labels (none = all).
	// It may be stale by a moment.
	List(ctx context.Context, labels ...string) ([]Head, error)
	// Hints is List, of one label at least, at the cost of the index alone, however many histories there
	// are: position is that of the commit that gave the label, and nothing of it is proved. It leaves none
	// out, and may hold one that is no longer so.
	Hints(ctx context.Context, labels ...string) ([]Head, error)

	// Seal puts personal values beside the history, by name; they can be erased. It
	// replaces a value of the same name.
	Seal(ctx context.Context, id string, values map[string]Value) error
	// Unseal returns the values that were not erased; one that somebody made unreadable is the zero Value.
	Unseal(ctx context.Context, id string) (map[string]Value, error)
	// Erase removes the values for good: no later read and no copy on disk shows them.
	Erase(ctx context.Context, id string) error

	Close() error
}

// Head is the end of one history.
type Head struct {
	ID       string
	Position int
	Label    string
}

// Value is a personal value with the salt of its hash.
type Value struct {
	Salt  []byte `json:"salt"`
	Value string `json:"value"`
}
