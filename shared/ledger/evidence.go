package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"leaver/shared/offboarding"
)

// Evidence is a case as it is kept, with what it takes to check it where there is no ledger.
type Evidence struct {
	Case string `json:"case"`
	// History is every entry, byte for byte: each holds the hash of the one before.
	History []json.RawMessage `json:"history"`
	// Personal are the personal values that were not erased, by name, with the salts of their hashes.
	Personal map[string]Value `json:"personal"`
}

// Evidence is that of a case. Errors: ErrNoCase, ErrUnreadable, and those of the store.
func (l *Ledger) Evidence(ctx context.Context, id string) (Evidence, error) {
	e := Evidence{Case: id, Personal: map[string]Value{}}
	if !isCaseID(id) {
		return e, fmt.Errorf("%w: %q is not the id of a case", ErrNoCase, id)
	}
	raws, err := l.store.Read(ctx, id, 0)
	if err != nil {
		return e, fmt.Errorf("reading case %s: %w", id, err)
	}
	for _, raw := range raws {
		e.History = append(e.History, raw)
	}
	c, _, err := e.Fold()
	switch {
	case err != nil:
		return e, err
	case c.Position == 0:
		return e, fmt.Errorf("%w: %s", ErrNoCase, id)
	}
	values, err := l.store.Unseal(ctx, id)
	if err != nil {
		return e, fmt.Errorf("reading personal values of %s: %w", id, err)
	}
	for name, hash := range c.SealedHashes() {
		if v, kept := values[key(name, hash)]; kept {
			e.Personal[name] = v
		}
	}
	return e, nil
}

// Fold is the case that the history makes, and its entries. It checks that the chain is whole and that
// every personal value is the one which the history refers to. Errors: ErrUnreadable.
func (e Evidence) Fold() (*offboarding.Case, []offboarding.Entry, error) {
	c := &offboarding.Case{ID: e.Case}
	entries := make([]offboarding.Entry, len(e.History))
	for i, raw := range e.History {
		var compact bytes.Buffer // whoever exported it may have laid it out
		err := json.Compact(&compact, raw)
		if err == nil {
			c, err = Proof{}.with(c, compact.Bytes()) // who signed it, Proof.Verify says of its Copy
		}
		if err == nil {
			err = json.Unmarshal(compact.Bytes(), &entries[i])
		}
		if err != nil {
			return nil, nil, fmt.Errorf("reading case %s: %w", e.Case, err)
		}
	}
	for name, v := range e.Personal {
		if hash := c.SealedHash(name); hash == "" || saltedHash(v.Salt, v.Value) != hash {
			return nil, nil, fmt.Errorf("%w: case %s, the personal value %s is not the one that the history refers to", ErrUnreadable, e.Case, name)
		}
	}
	return c, entries, nil
}

// Copy is the history as [Proof.Verify] takes it.
func (e Evidence) Copy() Copy {
	c := Copy{ID: e.Case}
	for _, raw := range e.History {
		var compact bytes.Buffer
		if err := json.Compact(&compact, raw); err != nil {
			compact.Reset()
			compact.Write(raw)
		}
		c.Entries = append(c.Entries, compact.String())
	}
	return c
}

// Values are the personal values by name, without their salts.
func (e Evidence) Values() map[string]string {
	out := make(map[string]string, len(e.Personal))
	for name, v := range e.Personal {
		out[name] = v.Value
	}
	return out
}
