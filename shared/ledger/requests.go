package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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
	RequestHeld      RequestState = "held"      // its names are those of different people; somebody has to say who is meant
	RequestDiscarded RequestState = "discarded" // it was parked, and nobody wants it any more
	RequestRefused   RequestState = "refused"   // it was proved, but cannot be used; the reason says why
)

var requestStates = []RequestState{RequestPlanned, RequestCancelled, RequestParked, RequestHeld, RequestDiscarded, RequestRefused}

// Decision is the ledger's record of what became of one request.
type Decision struct {
	ID        string           `json:"id"`
	Position  int              `json:"position"`
	At        time.Time        `json:"at"`
	Kind      offboarding.Kind `json:"kind"`
	Source    string           `json:"source"`
	EventTime time.Time        `json:"eventTime"`
	State     RequestState     `json:"state"`
	Case      string           `json:"case,omitempty"`
	Reason    string           `json:"reason,omitempty"` // no personal data
	Digest    string           `json:"digest,omitempty"` // of what its sender sent
	// People are the object ids of whom a held request may mean, and Meant the one whom a person chose: a
	// record that says so is signed, and says nothing without.
	People   []string          `json:"people,omitempty"`
	Meant    string            `json:"meant,omitempty"`
	Sealed   map[string]string `json:"sealed,omitempty"`
	Previous string            `json:"previous,omitempty"`
}

// Request is the newest decision about a request; false when the ledger does not know it.
func (l *Ledger) Request(ctx context.Context, id string) (Decision, bool, error) {
	d, _, err := l.request(ctx, id)
	return d, err == nil && d.Position > 0, err
}

// Requests returns the newest decision about every request in one of the states; none = all. One
// that cannot be read keeps nobody from the others: it is among the unreadable.
func (l *Ledger) Requests(ctx context.Context, states ...RequestState) (decisions []Decision, unreadable []Unreadable, err error) {
	if len(states) == 0 {
		states = requestStates
	}
	var labels []string
	for _, s := range states {
		labels = append(labels, string(s))
	}
	heads, err := l.store.List(ctx, labels...)
	if err != nil {
		return nil, nil, fmt.Errorf("listing requests: %w", err)
	}
	for _, head := range heads {
		d, _, err := l.request(ctx, head.ID)
		switch {
		case err == nil:
			decisions = append(decisions, d)
		case errors.Is(err, ErrUnreadable):
			unreadable = append(unreadable, Unreadable{head.ID, err})
		default:
			return nil, nil, err
		}
	}
	return decisions, unreadable, nil
}

// Decide records what became of a request. Personal is who it was about, kept beside the
// record. Deciding the same again changes nothing. Errors: ErrUnreadable when the history of that
// id holds anything but decisions about this request, and those of the store.
func (l *Ledger) Decide(ctx context.Context, d Decision, personal map[string]string) error {
	for range maxTries {
		last, previous, err := l.request(ctx, d.ID)
		if err != nil {
			return err
		}
		if last.Position > 0 && last.State == d.State && last.Case == d.Case && last.Reason == d.Reason && last.Meant == d.Meant {
			return nil
		}
		if d.Sealed, err = l.seal(ctx, d.ID, personal); err != nil {
			return err
		}
		d.Position, d.Previous, d.At = last.Position+1, previous, l.now().UTC()
		raw, err := json.Marshal(d)
		if err != nil {
			return fmt.Errorf("encoding request %s: %w", d.ID, err)
		}
		if d.Meant != "" {
			if raw, err = l.proof.sign(ctx, d.ID, raw); err != nil {
				return err
			}
		}
		err = l.store.Append(ctx, d.ID, d.Position, string(d.State), raw)
		if errors.Is(err, ErrConflict) {
			continue
		}
		if err != nil {
			return fmt.Errorf("recording request %s: %w", d.ID, err)
		}
		return nil
	}
	return contended("request " + d.ID)
}

// Forget erases the personal values of a request that came to nothing, and discards it.
func (l *Ledger) Forget(ctx context.Context, d Decision) error {
	if err := l.store.Erase(ctx, d.ID); err != nil {
		return fmt.Errorf("erasing personal values of %s: %w", d.ID, err)
	}
	d.State, d.Reason, d.Meant, d.Sealed = RequestDiscarded, "nobody has wanted it for long: what was personal of it is erased", "", nil
	return l.Decide(ctx, d, nil)
}

// request reads the newest decision and its hash, and verifies the chain up to it.
func (l *Ledger) request(ctx context.Context, id string) (last Decision, previous string, err error) {
	if !offboarding.IsRequestID(id) {
		return Decision{}, "", fmt.Errorf("%w: %q is not the id of a request", ErrUnreadable, id)
	}
	raws, err := l.store.Read(ctx, id, 0)
	if err != nil {
		return Decision{}, "", fmt.Errorf("reading request %s: %w", id, err)
	}
	for i, raw := range raws {
		var d Decision
		if err := json.Unmarshal(raw, &d); err != nil {
			return Decision{}, "", fmt.Errorf("%w: request %s, record %d is not JSON of a decision", ErrUnreadable, id, i+1)
		}
		switch {
		case d.Position != i+1 || d.Previous != previous:
			err = errors.New("does not continue the chain")
		case d.ID != id || d.Kind != offboarding.Termination && d.Kind != offboarding.Cancellation && d.State != RequestRefused:
			err = errors.New("is about something else")
		case !slices.Contains(requestStates, d.State):
			err = fmt.Errorf("has the unknown state %q; a newer version of Leaver may have written it", d.State)
		}
		if err != nil {
			return Decision{}, "", fmt.Errorf("%w: request %s, record %d %w", ErrUnreadable, id, i+1, err)
		}
		if _, err := l.proof.signer(id, raw); err != nil {
			d.Meant = ""
		}
		last, previous = d, hash(raw)
	}
	return last, previous, nil
}

// meantBy is the personal value beside a held request: who said whom it means.
const meantBy = "meantBy"

// Choose keeps a person's word for whom a held request means, signed. Errors: ErrNobody; ErrNotHeld when the
// request is not held, or cannot mean that person; ErrNoSigner.
func (l *Ledger) Choose(ctx context.Context, id, leaver string, by offboarding.Person) error {
	if !by.Named() {
		return ErrNobody
	}
	d, _, err := l.request(ctx, id)
	if err != nil {
		return err
	}
	if d.State != RequestHeld || !slices.Contains(d.People, leaver) {
		return fmt.Errorf("%w: request %s waits for nobody's word about %s", ErrNotHeld, id, leaver)
	}
	d.Meant = leaver
	name := by.Name
	if by.Verified() {
		name += " " + by.ID
	}
	return l.Decide(ctx, d, map[string]string{meantBy: name})
}
