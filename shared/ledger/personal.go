package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"strings"
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

// Personal returns the personal values of a case or request that were not erased yet.
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

// Erase removes the personal values of a case or request; the history, which holds only
// their salted hashes, still verifies.
func (l *Ledger) Erase(ctx context.Context, id string) error {
	if err := l.store.Erase(ctx, id); err != nil {
		return fmt.Errorf("erasing personal values of %s: %w", id, err)
	}
	return nil
}

// VerifyPersonal says what became of each personal value that an entry refers to: "kept"
// when it is there and matches its hash, "erased", or "altered".
func (l *Ledger) VerifyPersonal(ctx context.Context, id string, sealed map[string]string) (map[string]string, error) {
	values, err := l.store.Unseal(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("reading personal values of %s: %w", id, err)
	}
	out := maps.Clone(sealed)
	for name, hash := range sealed {
		v, ok := values[key(name, hash)]
		switch {
		case !ok:
			out[name] = "erased"
		case saltedHash(v.Salt, v.Value) == hash:
			out[name] = "kept"
		default:
			out[name] = "altered"
		}
	}
	return out, nil
}

// key names a value in the store. It holds the hash, so that of two that are sealed at the same
// time, of which only one gets its entry, neither replaces the other.
func key(name, hash string) string { return name + "~" + hash[:16] }

func saltedHash(salt []byte, value string) string {
	sum := sha256.Sum256(append(append([]byte(nil), salt...), value...))
	return hex.EncodeToString(sum[:])
}
