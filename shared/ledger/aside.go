package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"leaver/shared/offboarding"
)

// labelAside is that of the histories which say that a case is set aside.
const labelAside = "aside"

// aside says, signed, that a person has looked at a case whose history cannot be read, and wants no more of
// it: nobody acts by it, and it keeps nobody from another departure.
type aside struct {
	Position int               `json:"position"`
	At       time.Time         `json:"at"`
	Case     string            `json:"case"`
	Sealed   map[string]string `json:"sealed"` // who
}

// asideID is the history in which a case is set aside.
func asideID(id string) string { return "aside-" + id }

// SetAside sets a case aside whose history cannot be read or is not proven, on a person's word, so that
// its leaver can be offboarded again. It cannot be taken back. Errors: ErrNobody, ErrNoCase, ErrNotHeld
// where the case can be read, ErrNoSigner, and those of the store.
func (l *Ledger) SetAside(ctx context.Context, id string, by offboarding.Person) error {
	if !by.Named() {
		return ErrNobody
	}
	c, err := l.fold(ctx, id)
	switch {
	case err == nil && c.Position == 0:
		return fmt.Errorf("%w: %s", ErrNoCase, id)
	case err == nil:
		return fmt.Errorf("%w: case %s can be read; cancel it instead", ErrNotHeld, id)
	case !errors.Is(err, ErrUnreadable):
		return err
	}
	if is, err := l.isAside(ctx, id); is || err != nil {
		return err
	}
	before, err := l.store.Read(ctx, asideID(id), 0) // what nobody signed
	if err != nil {
		return fmt.Errorf("setting case %s aside: %w", id, err)
	}
	a := aside{Position: len(before) + 1, At: l.now().UTC(), Case: id}
	if a.Sealed, err = l.seal(ctx, asideID(id), personValues("set-aside-by", a.Position, by, nil)); err != nil {
		return err
	}
	raw, err := json.Marshal(a)
	if err == nil {
		raw, err = l.proof.sign(ctx, asideID(id), raw)
	}
	if err == nil {
		err = l.store.Append(ctx, asideID(id), a.Position, labelAside, raw)
	}
	if err != nil {
		return fmt.Errorf("setting case %s aside: %w", id, err)
	}
	return nil
}

// isAside reports whether a person has set a case aside. A word for that which nobody signed is none.
func (l *Ledger) isAside(ctx context.Context, id string) (bool, error) {
	raws, err := l.store.Read(ctx, asideID(id), 0)
	if errors.Is(err, ErrUnreadable) {
		return false, nil // no word at all, and it keeps nobody from the others
	}
	if err != nil {
		return false, fmt.Errorf("reading whether case %s is set aside: %w", id, err)
	}
	for _, raw := range raws {
		var a aside
		if _, err := l.proof.signer(asideID(id), raw); err == nil && json.Unmarshal(raw, &a) == nil && a.Case == id {
			return true, nil
		}
	}
	return false, nil
}
