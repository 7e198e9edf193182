package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"leaver/shared/ledger"
)

// headerName is the name of a value, quoted as a Go string.
const headerName = "Leaver-Name"

// Seal implements ledger.Store: each value is written, then what it replaces is overwritten
// on disk. Values are not sealed together: after an error some may be. Errors:
// ledger.ErrUnavailable.
func (s *Store) Seal(ctx context.Context, id string, values map[string]ledger.Value) error {
	doing := "sealing values of " + id
	if err := s.usable(id); err != nil {
		return classify(doing, err)
	}
	for name, value := range values {
		if err := s.seal(ctx, id, name, value); err != nil {
			return classify(doing, err)
		}
	}
	return nil
}

func (s *Store) seal(ctx context.Context, id, name string, value ledger.Value) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encoding a value: %w", err)
	}
	msg := nats.NewMsg(valuesPrefix + id + "." + encode(name))
	msg.Data = raw
	msg.Header.Set(headerName, strconv.Quote(name))
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	ack, err := s.js.PublishMsg(ctx, msg, jetstream.WithRetryAttempts(0))
	if err != nil {
		return err
	}
	return s.overwrite(ctx, msg.Subject, ack.Sequence)
}

// Unseal implements ledger.Store. Errors: ledger.ErrUnavailable.
func (s *Store) Unseal(ctx context.Context, id string) (map[string]ledger.Value, error) {
	doing := "unsealing values of " + id
	if err := s.usable(id); err != nil {
		return nil, classify(doing, err)
	}
	values, size := map[string]ledger.Value{}, 0
	for from := uint64(1); ; {
		msg, err := s.nextValue(ctx, from, valuesPrefix+id+".*")
		if err != nil {
			return nil, classify(doing, err)
		}
		if msg == nil {
			return values, nil
		}
		from = msg.Sequence + 1
		name, err := strconv.Unquote(msg.Header.Get(headerName))
		if err != nil {
			continue // of nobody: it keeps nobody from the others
		}
		if size += len(msg.Data); size > ledger.MaxHistory {
			return nil, fmt.Errorf("%s: %w: %w", doing, ledger.ErrUnreadable, ledger.ErrTooLong)
		}
		var value ledger.Value
		if json.Unmarshal(msg.Data, &value) != nil {
			value = ledger.Value{} // altered, as its hash says: it keeps nobody from the others
		}
		values[name] = value // a later one of the same name replaces it
	}
}

// Erase implements ledger.Store: every value, replaced ones too, is overwritten with random
// bytes in the server's file before it returns. After an error it can be called again.
// Errors: ledger.ErrUnavailable.
func (s *Store) Erase(ctx context.Context, id string) error {
	doing := "erasing values of " + id
	if err := s.usable(id); err != nil {
		return classify(doing, err)
	}
	return classify(doing, s.overwrite(ctx, valuesPrefix+id+".*", 0))
}

// overwrite removes the values of a subject before a sequence, 0 for all. It does not
// purge: the server then only forgets where the values are on the disk.
func (s *Store) overwrite(ctx context.Context, subject string, before uint64) error {
	for from := uint64(1); ; {
		msg, err := s.nextValue(ctx, from, subject)
		if err != nil {
			return err
		}
		if msg == nil || before > 0 && msg.Sequence >= before {
			return nil
		}
		if err := s.values.SecureDeleteMsg(ctx, msg.Sequence); err != nil {
			// The server has one code for every failed deletion. That another one was faster
			// shows by the value being gone.
			if _, gone := s.values.GetMsg(ctx, msg.Sequence); !errors.Is(gone, jetstream.ErrMsgNotFound) {
				return err
			}
		}
		from = msg.Sequence + 1
	}
}

// nextValue asks the leader for the next value of a subject from a sequence on; nil is none.
func (s *Store) nextValue(ctx context.Context, from uint64, subject string) (*jetstream.RawStreamMsg, error) {
	msg, err := s.values.GetMsg(ctx, from, jetstream.WithGetMsgSubject(subject))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	return msg, err
}

// encode makes a token of a subject from a name: letters, digits, '-' and '_' stay, every
// other byte is written as =XX. The empty name is a single '='.
func encode(name string) string {
	if name == "" {
		return "="
	}
	var b strings.Builder
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}
