package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"leaver/shared/offboarding"
)

// seal puts personal values beside the history and returns their salted hashes by name, for
// the entry that refers to them.
func (l *Ledger) seal(ctx context.Context, id string, personal map[string]string) (map[string]string, error) {
	if len(personal) == 0 {
		return nil, nil
	}
	values := make(map[string]Value, len(personal))
	hashes := make(map[string]string, len(personal))
	for name, value := range personal {
		salt := make([]byte, 16)
		if _, err := io.ReadFull(l.random, salt); err != nil {
			return nil, fmt.Errorf("salting a personal value of %s: %w", id, err)
		}
		hashes[name] = saltedHash(salt, value)
		values[key(name, hashes[name])] = Value{Salt: salt, Value: value}
	}
	if err := l.store.Seal(ctx, id, values); err != nil {
		return nil, fmt.Errorf("keeping personal values of %s: %w", id, err)
	}
	return hashes, nil
}

// Personal returns the personal values beside a request, or beside a case that cannot be read, which
// were not erased yet. Nothing bears them out: they are to be shown, and nothing is to be done by them.
// Those of a case are [Ledger.PersonalOf].
func (l *Ledger) Personal(ctx context.Context, id string) (map[string]string, error) {
	values, err := l.store.Unseal(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("reading personal values of %s: %w", id, err)
	}
	out := make(map[string]string, len(values))
	for key, v := range values {
		name, _, _ := strings.Cut(key, "~")
		out[name] = v.Value
	}
	return out, nil
}

// PersonalOf are the personal values of a case that were not erased yet, by name: those that its history
// refers to, and that are what it refers to. What somebody has put beside it or changed is not among
// them; of two that were sealed under one name at the same time, that of the commit which came first is.
func (l *Ledger) PersonalOf(ctx context.Context, c *offboarding.Case) (map[string]string, error) {
	values, err := l.store.Unseal(ctx, c.ID)
	if err != nil {
		return nil, fmt.Errorf("reading personal values of %s: %w", c.ID, err)
	}
	out := make(map[string]string, len(values))
	for k, v := range values {
		name, _, _ := strings.Cut(k, "~")
		if hash := c.SealedHash(name); hash != "" && k == key(name, hash) && saltedHash(v.Salt, v.Value) == hash {
			out[name] = v.Value
		}
	}
	return out, nil
}

// Erase removes the personal values of a case that has ended and of its requests, when their time
// has come, and says so in the history, which holds only salted hashes and still verifies. Before
// that it does nothing; erased reports whether it did. A crash in between is made good by the
// next call.
func (l *Ledger) Erase(ctx context.Context, id string) (c *offboarding.Case, erased bool, err error) {
	c, err = l.update(ctx, id, func(c *offboarding.Case) (*offboarding.Entry, error) {
		erased = false
		if due := c.EraseAt(l.now()); due.IsZero() || l.now().Before(due) || !c.ErasedAt.IsZero() {
			return nil, nil
		}
		for _, each := range append([]string{id}, c.Requests...) {
			if err := l.store.Erase(ctx, each); err != nil {
				return nil, fmt.Errorf("erasing personal values of %s: %w", each, err)
			}
		}
		erased = true
		return &offboarding.Entry{Kind: offboarding.EntryErased}, nil
	})
	return c, erased && err == nil, err
}

// key names a value in the store. It holds the hash, so that of two that are sealed at the same
// time, of which only one gets its entry, neither replaces the other. A hash that somebody forged may be
// of any length.
func key(name, hash string) string { return name + "~" + hash[:min(len(hash), 16)] }

func saltedHash(salt []byte, value string) string {
	sum := sha256.Sum256(append(append([]byte(nil), salt...), value...))
	return hex.EncodeToString(sum[:])
}
