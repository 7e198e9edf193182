package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Word is the last that an HR system said about a person: what makes one more webhook, and every
// poll, change nothing. Who it is about is kept beside the record.
type Word struct {
	Position int       `json:"position"`
	At       time.Time `json:"at"`
	Source   string    `json:"source"`  // name of the source
	Request  string    `json:"request"` // the request that it made
	// LeavingTime is when the person is out, zero when they stay; EndOfEmployment as of a request.
	LeavingTime     time.Time         `json:"leavingTime,omitzero"`
	EndOfEmployment time.Time         `json:"endOfEmployment,omitzero"`
	Sealed          map[string]string `json:"sealed,omitempty"`
	Previous        string            `json:"previous,omitempty"`
}

// person is the personal value beside a word: the HR system's own id.
const person = "person"

// Word is the last word of a source about a person; the zero word when there was none.
func (l *Ledger) Word(ctx context.Context, source, who string) (Word, error) {
	w, _, err := l.word(ctx, wordID(source, who))
	return w, err
}

// KeepWord keeps a new word after another one of the same source about the person. Errors:
// ErrConflict when it is not the last one any more.
func (l *Ledger) KeepWord(ctx context.Context, who string, after, w Word) error {
	id := wordID(w.Source, who)
	last, previous, err := l.word(ctx, id)
	if err != nil {
		return err
	}
	if last.Position != after.Position {
		return fmt.Errorf("keeping a word of %s: %w", w.Source, ErrConflict)
	}
	if w.Sealed, err = l.seal(ctx, id, map[string]string{person: who}); err != nil {
		return err
	}
	w.Position, w.Previous, w.At = last.Position+1, previous, l.now().UTC()
	raw, err := json.Marshal(w)
	if err != nil {
		return fmt.Errorf("encoding a word of %s: %w", w.Source, err)
	}
	if err := l.store.Append(ctx, id, w.Position, wordLabel(w), raw); err != nil {
		return fmt.Errorf("keeping a word of %s: %w", w.Source, err)
	}
	return nil
}

// Leavers are the HR system's own ids of whoever leaves by the last word of a source, or left since
// a time. A word that cannot be read keeps nobody from the others: they are returned together with
// ErrUnreadable, which names it.
func (l *Ledger) Leavers(ctx context.Context, source string, since time.Time) ([]string, error) {
	heads, err := l.store.List(ctx, leavesBy(source))
	if err != nil {
		return nil, fmt.Errorf("listing the words of %s: %w", source, err)
	}
	var all []string
	var unreadable []error
	for _, head := range heads {
		w, _, err := l.word(ctx, head.ID)
		if errors.Is(err, ErrUnreadable) {
			unreadable = append(unreadable, err)
			continue
		}
		if err != nil {
			return nil, err
		}
		if w.LeavingTime.Before(since) {
			continue
		}
		personal, err := l.Personal(ctx, head.ID)
		if err != nil {
			return nil, err
		}
		if who := personal[person]; who != "" {
			all = append(all, who)
		}
	}
	return all, errors.Join(unreadable...)
}

// word reads the newest word and its hash, and verifies the chain up to it.
func (l *Ledger) word(ctx context.Context, id string) (last Word, previous string, err error) {
	raws, err := l.store.Read(ctx, id, 0)
	if err != nil {
		return Word{}, "", fmt.Errorf("reading word %s: %w", id, err)
	}
	for i, raw := range raws {
		var w Word
		if err := json.Unmarshal(raw, &w); err != nil {
			return Word{}, "", fmt.Errorf("%w: word %s, record %d is not JSON of one", ErrUnreadable, id, i+1)
		}
		if w.Position != i+1 || w.Previous != previous {
			return Word{}, "", fmt.Errorf("%w: word %s, record %d does not continue the chain", ErrUnreadable, id, i+1)
		}
		last, previous = w, hash(raw)
	}
	return last, previous, nil
}

func wordID(source, who string) string {
	sum := sha256.Sum256([]byte(source + "\x00" + who))
	return "word-" + hex.EncodeToString(sum[:12])
}

// wordLabel is what List finds a word by.
func wordLabel(w Word) string {
	if w.LeavingTime.IsZero() {
		return "stays-" + w.Source
	}
	return leavesBy(w.Source)
}

func leavesBy(source string) string { return "leaves-" + source }
