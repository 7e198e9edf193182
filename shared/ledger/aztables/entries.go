package aztables

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"leaver/shared/ledger"
)

// Append implements ledger.Store. The entry and the head are one transaction: the entry must be
// new, and the head as it was at position-1. Errors: ledger.ErrConflict, ledger.ErrUnavailable, or
// that the entry is larger than 960 KiB.
func (s *Store) Append(ctx context.Context, id string, position int, label string, entry []byte) error {
	doing := fmt.Sprintf("appending entry %d to %s", position, id)
	if err := s.usable(id); err != nil {
		return classify(doing, err)
	}
	if len(entry) > maxData {
		return classify(doing, errLarge)
	}
	before, err := s.before(ctx, id, position)
	if err != nil {
		return classify(doing, err)
	}
	if position == 1 || label != before.label {
		if err := s.hint(ctx, id, position, label); err != nil {
			return classify(doing, err)
		}
	}
	end := aztables.TransactionAction{
		ActionType: aztables.TransactionTypeAdd,
		Entity:     row(id, rowHead, map[string]any{propPosition: position, propLabel: label}),
	}
	if position > 1 {
		end.ActionType, end.IfMatch = aztables.TransactionTypeUpdateReplace, &before.etag
	}
	_, err = s.table.SubmitTransaction(ctx, []aztables.TransactionAction{
		{ActionType: aztables.TransactionTypeAdd, Entity: row(id, rowEntry(position), pack(map[string]any{}, entry))},
		end,
	}, nil)
	if err != nil {
		err = s.outcome(ctx, id, position, entry, mark(err))
	}
	if err != nil {
		return classify(doing, err)
	}
	s.saw(id, head{position: position, label: label})
	return nil
}

// outcome finds out what became of a commit whose answer was lost: it is ours when the entry that
// stands there is. Not to be seen yet, it may still come.
func (s *Store) outcome(ctx context.Context, id string, position int, entry []byte, lost error) error {
	if !errors.Is(lost, ledger.ErrUnavailable) || ctx.Err() != nil {
		return lost
	}
	e, found, err := s.get(ctx, id, rowEntry(position))
	switch {
	case err != nil || !found:
		return lost
	case bytes.Equal(unpack(e.Properties), entry):
		return nil
	}
	return fmt.Errorf("%w: another entry came first", ledger.ErrConflict)
}

// before is the head at position-1, zero for the first entry. It is asked for only when this store
// has not seen it itself. Errors: ledger.ErrConflict when the history ends elsewhere.
func (s *Store) before(ctx context.Context, id string, position int) (head, error) {
	last := s.seen(id)
	if last.position < position-1 || last.position == position-1 && last.etag == "" {
		var err error
		if last, err = s.last(ctx, id); err != nil {
			return head{}, err
		}
	}
	if last.position != position-1 {
		return head{}, fmt.Errorf("%w: it has %d entries", ledger.ErrConflict, last.position)
	}
	return last, nil
}

// last asks for the head of a history; a zero head is none.
func (s *Store) last(ctx context.Context, id string) (head, error) {
	e, found, err := s.get(ctx, id, rowHead)
	if err != nil || !found {
		return head{}, err
	}
	h, err := readHead(e)
	if err != nil {
		return head{}, err
	}
	s.saw(id, h)
	return h, nil
}

func (s *Store) seen(id string) head {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heads[id]
}

func (s *Store) saw(id string, h head) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.heads[id]; h.position > known.position || h.position == known.position && h.etag != "" {
		s.heads[id] = h
	}
}

// Read implements ledger.Store. The head is the last row of the query, so that an end of the
// history that someone cut off is seen, and the next Append knows its ETag.
// Errors: ledger.ErrUnavailable.
func (s *Store) Read(ctx context.Context, id string, after int) ([][]byte, error) {
	doing := "reading " + id
	if err := s.usable(id); err != nil {
		return nil, classify(doing, err)
	}
	after = max(after, 0)
	var entries [][]byte
	size := 0
	for pass := 0; ; pass++ {
		start := after + len(entries)
		last := start
		var end head
		filter := fmt.Sprintf("PartitionKey eq '%s' and RowKey gt '%s' and RowKey le '%s'", id, rowEntry(start), rowHead)
		err := s.query(ctx, filter, func(e aztables.EDMEntity) (err error) {
			if e.RowKey == rowHead {
				end, err = readHead(e)
				return err
			}
			position, err := positionOf(e.RowKey, entryPrefix)
			if err != nil {
				return err
			}
			if last++; position != last {
				return fmt.Errorf("%w: entry %d stands where %d should", errContent, position, last)
			}
			entry := unpack(e.Properties)
			if size += len(entry); size > ledger.MaxHistory {
				return fmt.Errorf("%w: %w", errContent, ledger.ErrTooLong)
			}
			entries = append(entries, entry)
			return nil
		})
		if err != nil {
			return nil, classify(doing, err)
		}
		switch {
		case end.position < last && len(entries) == 0:
			return nil, fmt.Errorf("%s after entry %d: %w: it has %d entries", doing, after, ledger.ErrTruncated, end.position)
		case end.position == last:
			s.saw(id, end)
			return entries, nil
		case end.position < last, last == start && pass > 0:
			return nil, classify(doing, fmt.Errorf("%w: the head counts %d entries, and %d are there", errContent, end.position, last))
		}
		// An entry came between two pages, of which the later one had only its head.
	}
}
