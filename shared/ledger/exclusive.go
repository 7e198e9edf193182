package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"leaver/shared/offboarding"
)

// A run has [exclusiveWork] for what it does exclusively, and its lease lasts longer than that, so
// that nobody else begins while it may still write.
const (
	exclusiveWork  = 2 * time.Minute
	exclusiveLease = 3 * time.Minute
	// longestLease is as long as one may look to a host whose clock is behind.
	longestLease = 2 * exclusiveLease
)

// labelExclusive is that of histories which are neither of a case nor of a request.
const labelExclusive = "exclusive"

// exclusive is one entry of the history of a name: somebody took the lease or, without an Until, gave
// it back.
type exclusive struct {
	Position int       `json:"position"`
	At       time.Time `json:"at"`
	Holder   string    `json:"holder"`
	Until    time.Time `json:"until,omitzero"`
}

// Exclusively runs do while no other run of the whole installation does so under the same name, on
// whatever host. It does not wait: while another one is at it, it is offboarding.ErrTaken. Of a
// process that ended in between, the lease ends by itself.
func (l *Ledger) Exclusively(ctx context.Context, name string, do func(context.Context) error) error {
	holder, err := l.runID()
	if err != nil {
		return fmt.Errorf("naming a run of %s: %w", name, err)
	}
	position, err := l.take(ctx, name, holder)
	if err != nil {
		return fmt.Errorf("taking the lease of %s: %w", name, err)
	}
	working, stop := context.WithTimeout(ctx, exclusiveWork)
	defer stop()
	err = do(working)
	released := l.appendExclusive(context.WithoutCancel(ctx), name, exclusive{Position: position + 1, Holder: holder})
	if errors.Is(released, ErrConflict) { // it had ended, and another run has it
		released = nil
	}
	return errors.Join(err, released)
}

// take appends the holder's lease, by compare-and-set, and returns its position.
func (l *Ledger) take(ctx context.Context, name, holder string) (int, error) {
	past := l.past(name)
	raws, err := l.store.Read(ctx, exclusiveID(name), past)
	if err != nil {
		return 0, err
	}
	// Nobody signs a lease. One that cannot be read, or is longer than any that a run takes, is nobody's:
	// it would keep everybody out for ever.
	var last exclusive
	if len(raws) > 0 && json.Unmarshal(raws[len(raws)-1], &last) != nil {
		last = exclusive{}
	}
	if now := l.now(); last.Until.After(now) && !last.Until.After(now.Add(longestLease)) {
		return 0, offboarding.ErrTaken
	}
	next := exclusive{Position: past + len(raws) + 1, Holder: holder, Until: l.now().Add(exclusiveLease).UTC()}
	err = l.appendExclusive(ctx, name, next)
	if errors.Is(err, ErrConflict) {
		return 0, offboarding.ErrTaken
	}
	return next.Position, err
}

func (l *Ledger) appendExclusive(ctx context.Context, name string, e exclusive) error {
	e.At = l.now().UTC()
	raw, err := json.Marshal(e)
	if err == nil {
		err = l.store.Append(ctx, exclusiveID(name), e.Position, labelExclusive, raw)
	}
	if err == nil {
		l.exclusives.Store(name, e.Position-1) // so that the last entry is read, not all of them
	}
	return err
}

// past is the position behind which the end of a name's history is, as far as this process knows.
func (l *Ledger) past(name string) int {
	position, _ := l.exclusives.Load(name)
	past, _ := position.(int)
	return past
}

func exclusiveID(name string) string { return "exclusive-" + name }
