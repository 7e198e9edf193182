package nats

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"leaver/shared/ledger"
)

// The headers of an entry.
const (
	headerPosition = "Leaver-Position"
	headerLabel    = "Leaver-Label" // quoted as a Go string
)

// Append implements ledger.Store. Errors: ledger.ErrConflict, ledger.ErrUnavailable.
func (s *Store) Append(ctx context.Context, id string, position int, label string, entry []byte) error {
	doing := fmt.Sprintf("appending entry %d to %s", position, id)
	if err := s.usable(id); err != nil {
		return classify(doing, err)
	}
	before, err := s.before(ctx, id, position)
	if err != nil {
		return classify(doing, err)
	}
	msg := nats.NewMsg(entriesPrefix + id)
	msg.Data = entry
	msg.Header.Set(headerPosition, strconv.Itoa(position))
	msg.Header.Set(headerLabel, strconv.Quote(label))
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	// The server compares the sequence of the last entry. It is that of position-1, and no
	// other entry has it, so the position is compared as well.
	msg.Header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(before, 10))
	if s.group != nil {
		_, err = s.group.Publish(ctx, msg)
		return classify(doing, err)
	}
	ack, err := s.js.PublishMsg(ctx, msg, jetstream.WithRetryAttempts(0))
	if err != nil {
		return classify(doing, err)
	}
	s.stored(msg, ack.Sequence)
	return nil
}

// refuse is the conflict of an entry that another one of this store has overtaken while it
// waited to be sent.
func (s *Store) refuse(msg *nats.Msg) error {
	id := strings.TrimPrefix(msg.Subject, entriesPrefix)
	if h, ok := s.seen(id); ok && msg.Header.Get(jetstream.ExpectedLastSubjSeqHeader) != strconv.FormatUint(h.sequence, 10) {
		return fmt.Errorf("%w: it has %d entries", ledger.ErrConflict, h.position)
	}
	return nil
}

// stored takes note of an entry of this store's own.
func (s *Store) stored(msg *nats.Msg, sequence uint64) {
	if h, err := readHead(msg.Header, sequence); err == nil {
		s.saw(strings.TrimPrefix(msg.Subject, entriesPrefix), h)
	}
}

// before is the stream sequence of the entry that must be the last one, 0 for none. It is
// asked for only when this store has not seen that entry itself. Errors: ledger.ErrConflict
// when another one is the last.
func (s *Store) before(ctx context.Context, id string, position int) (uint64, error) {
	if known, ok := s.seen(id); ok && known.position >= position-1 {
		if known.position != position-1 {
			return 0, fmt.Errorf("%w: it has %d entries", ledger.ErrConflict, known.position)
		}
		return known.sequence, nil
	}
	last, _, err := s.last(ctx, id)
	if err != nil {
		return 0, err
	}
	if last.position != position-1 {
		return 0, fmt.Errorf("%w: it has %d entries", ledger.ErrConflict, last.position)
	}
	return last.sequence, nil
}

func (s *Store) seen(id string) (head, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.heads[id]
	return h, ok
}

func (s *Store) saw(id string, h head) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep(id, h)
}

// keep wants the lock held.
func (s *Store) keep(id string, h head) {
	if h.position > s.heads[id].position {
		s.heads[id] = h
	}
}

// last asks the stream's leader for the last entry of a history; a zero head is none.
func (s *Store) last(ctx context.Context, id string) (head, []byte, error) {
	msg, err := s.fromLeader(ctx, map[string]any{"last_by_subj": entriesPrefix + id})
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return head{}, nil, nil
	}
	if err != nil {
		return head{}, nil, err
	}
	h, err := readHead(msg.Header, msg.sequence)
	if err != nil {
		return head{}, nil, err
	}
	s.saw(id, h)
	return h, msg.Data, nil
}

// readHead reads the headers of an entry. Errors: ledger.ErrUnreadable, where somebody else wrote it.
func readHead(header nats.Header, sequence uint64) (head, error) {
	position, err := strconv.Atoi(header.Get(headerPosition))
	if err != nil || position < 1 {
		return head{}, fmt.Errorf("%w: the position of entry %d of the stream is none", ledger.ErrUnreadable, sequence)
	}
	label, err := strconv.Unquote(header.Get(headerLabel))
	if err != nil {
		return head{}, fmt.Errorf("%w: the label of entry %d of the stream is none", ledger.ErrUnreadable, sequence)
	}
	return head{position, sequence, label}, nil
}

// Read implements ledger.Store. Only the leader knows what is committed, so it is asked for
// the end of the history first; with nothing new, or one new entry, that is all. The
// entries before the end cannot change, so they may come from any replica, in batches; if
// one lags behind the leader, that is seen, and the leader is asked for the rest.
// Errors: ledger.ErrUnavailable.
func (s *Store) Read(ctx context.Context, id string, after int) ([][]byte, error) {
	doing := "reading " + id
	if err := s.usable(id); err != nil {
		return nil, classify(doing, err)
	}
	after = max(after, 0)
	from := after // the entries after this position are asked for
	var start uint64 = 1
	if known, ok := s.seen(id); ok && known.position <= after {
		from, start = known.position, known.sequence+1
	}
	last, entry, err := s.last(ctx, id)
	if err != nil {
		return nil, classify(doing, err)
	}
	switch {
	case last.position < after:
		return nil, fmt.Errorf("%s after entry %d: %w: it has %d entries", doing, after, ledger.ErrTruncated, last.position)
	case last.position == after:
		return nil, nil
	case last.position == after+1:
		return [][]byte{entry}, nil
	}
	if start == 1 {
		from = 0
	}
	// As much as one batch may hold, whatever the position says: nobody signs it.
	entries := make([][]byte, 0, min(last.position-after, maxBatch))
	size := 0
	for position := from; position < last.position; {
		batch, err := s.batch(ctx, id, start, last.position-position)
		if err != nil {
			return nil, classify(doing, err)
		}
		for _, e := range batch {
			position++
			if e.position != position {
				return nil, fmt.Errorf("%s: %w: entry %d stands where %d should", doing, ledger.ErrUnreadable, e.position, position)
			}
			if position > after && position <= last.position {
				if size += len(e.data); size > ledger.MaxHistory {
					return nil, fmt.Errorf("%s: %w: %w", doing, ledger.ErrUnreadable, ledger.ErrTooLong)
				}
				entries = append(entries, e.data)
			}
			start = e.sequence + 1
		}
	}
	return entries, nil
}

type entry struct {
	head
	data []byte
}

// batch reads at least one entry of a history from a sequence on, where at least one is
// known to be.
func (s *Store) batch(ctx context.Context, id string, start uint64, most int) ([]entry, error) {
	msgs, err := s.direct(ctx, start, entriesPrefix+id, most)
	if err != nil {
		return nil, err
	}
	if len(msgs) == 0 { // from a replica that lags
		msg, err := s.fromLeader(ctx, map[string]any{"seq": start, "next_by_subj": entriesPrefix + id})
		if err != nil {
			return nil, err
		}
		msgs = append(msgs, msg)
	}
	batch := make([]entry, 0, len(msgs))
	for _, msg := range msgs {
		h, err := readHead(msg.Header, msg.sequence)
		if err != nil {
			return nil, err
		}
		batch = append(batch, entry{h, msg.Data})
	}
	return batch, nil
}

// List implements ledger.Store. The first call learns every history; a later one reads only
// what was appended since. A history with an entry whose headers somebody spoiled keeps nobody from the
// others: it is among them at position 0, and Read says what is wrong with it. Errors: ledger.ErrUnavailable.
func (s *Store) List(ctx context.Context, labels ...string) ([]ledger.Head, error) {
	const doing = "listing histories"
	s.mu.Lock()
	listed, closed := s.listed, s.closed
	s.mu.Unlock()
	var err error
	switch {
	case closed:
		err = fmt.Errorf("%w: the store is closed", ledger.ErrUnavailable)
	case listed == 0:
		err = s.learn(ctx)
	default:
		err = s.catchUp(ctx, listed)
	}
	if err != nil {
		return nil, classify(doing, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []ledger.Head
	for id := range s.spoiled {
		all = append(all, ledger.Head{ID: id})
	}
	for id, h := range s.heads {
		if s.spoiled[id] {
			continue
		}
		if len(labels) == 0 || slices.Contains(labels, h.label) {
			all = append(all, ledger.Head{ID: id, Position: h.position, Label: h.label})
		}
	}
	slices.SortFunc(all, func(a, b ledger.Head) int { return strings.Compare(a.ID, b.ID) })
	return all, nil
}

// Hints implements ledger.Store: the heads themselves are at hand.
func (s *Store) Hints(ctx context.Context, labels ...string) ([]ledger.Head, error) {
	return s.List(ctx, labels...)
}

// note takes heads that were read in the order of the stream.
func (s *Store) note(msgs []message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, msg := range msgs {
		s.listed = max(s.listed, msg.sequence)
		id := strings.TrimPrefix(msg.subject, entriesPrefix)
		if !legal(id) {
			continue // somebody else's: no history has such an id
		}
		h, err := readHead(msg.Header, msg.sequence)
		if err != nil {
			s.spoiled[id] = true
			continue
		}
		s.keep(id, h)
	}
}
