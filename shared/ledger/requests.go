package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"leaver/shared/offboarding"
)

// RequestState is what became of a request.
type RequestState string

// The states of a request.
const (
	RequestPlanned   RequestState = "planned"   // it opened or joined a case
	RequestCancelled RequestState = "cancelled" // it was a cancellation, or one had overtaken it
	RequestParked    RequestState = "parked"    // it found no case; the reason says why
	RequestDiscarded RequestState = "discarded" // it was parked, and nobody wants it any more
	RequestRefused   RequestState = "refused"   // it was proved, but cannot be used; the reason says why
)

// Request is the ledger's record of one request.
type Request struct {
	ID        string            `json:"id"`
	Position  int               `json:"position"`
	At        time.Time         `json:"at"`
	Kind      offboarding.Kind  `json:"kind"`
	Source    string            `json:"source"`
	EventTime time.Time         `json:"eventTime"`
	State     RequestState      `json:"state"`
	Case      string            `json:"case,omitempty"`
	Reason    string            `json:"reason,omitempty"` // no personal data
	Digest    string            `json:"digest,omitempty"` // of what its sender sent
	Sealed    map[string]string `json:"sealed,omitempty"`
	Previous  string            `json:"previous,omitempty"`
}

// Request is the newest record of a request; false when the ledger does not know it.
func (l *Ledger) Request(ctx context.Context, id string) (Request, bool, error) {
	r, _, err := l.request(ctx, id)
	return r, err == nil && r.Position > 0, err
}

// Requests returns the newest record of every request in one of the states; none = all.
func (l *Ledger) Requests(ctx context.Context, states ...RequestState) ([]Request, error) {
	labels := []string{string(RequestPlanned), string(RequestCancelled), string(RequestParked), string(RequestDiscarded), string(RequestRefused)}
	if len(states) > 0 {
		labels = nil
		for _, s := range states {
			labels = append(labels, string(s))
		}
	}
	heads, err := l.store.List(ctx, labels...)
	if err != nil {
		return nil, fmt.Errorf("listing requests: %w", err)
	}
	var out []Request
	for _, head := range heads {
		r, _, err := l.request(ctx, head.ID)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// Decide records what became of a request. Personal is who it was about, kept beside the
// record. Deciding the same again changes nothing.
func (l *Ledger) Decide(ctx context.Context, r Request, personal map[string]string) error {
	for {
		last, hash, err := l.request(ctx, r.ID)
		if err != nil {
			return err
		}
		if last.Position > 0 && last.State == r.State && last.Case == r.Case && last.Reason == r.Reason {
			return nil
		}
		if r.Sealed, err = l.seal(ctx, r.ID, personal); err != nil {
			return err
		}
		r.Position, r.Previous, r.At = last.Position+1, hash, l.now().UTC()
		raw, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("encoding request %s: %w", r.ID, err)
		}
		err = l.store.Append(ctx, r.ID, r.Position, string(r.State), raw)
		if errors.Is(err, ErrConflict) {
			continue
		}
		if err != nil {
			return fmt.Errorf("recording request %s: %w", r.ID, err)
		}
		return nil
	}
}

// request reads the newest record and its hash, and verifies the chain up to it.
func (l *Ledger) request(ctx context.Context, id string) (Request, string, error) {
	raws, err := l.store.Read(ctx, id, 0)
	if err != nil {
		return Request{}, "", fmt.Errorf("reading request %s: %w", id, err)
	}
	var last Request
	var hash string
	for i, raw := range raws {
		var r Request
		if err := json.Unmarshal(raw, &r); err != nil {
			return Request{}, "", fmt.Errorf("request %s, record %d: %w", id, i+1, err)
		}
		if r.Position != i+1 || r.Previous != hash {
			return Request{}, "", fmt.Errorf("request %s, record %d does not continue the chain", id, i+1)
		}
		sum := sha256.Sum256(raw)
		last, hash = r, hex.EncodeToString(sum[:])
	}
	return last, hash, nil
}
