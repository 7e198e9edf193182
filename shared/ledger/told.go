package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"leaver/shared/offboarding"
)

// Telling is what became of one notice on one channel.
type Telling struct {
	Notice   string    `json:"notice"`
	Channel  string    `json:"channel"`
	Attempts int       `json:"attempts"`
	Sent     bool      `json:"sent,omitempty"`
	GivenUp  bool      `json:"givenUp,omitempty"`
	Next     time.Time `json:"next,omitzero"` // when it is tried again
	At       time.Time `json:"-"`
}

// Over reports whether nothing will be tried any more.
func (t Telling) Over() bool { return t.Sent || t.GivenUp }

// Told is what was told of a case or a request, in a history of its own. It proves nothing about the
// departure, and is not in its chain.
type Told struct {
	of       string
	position int
	tellings map[string]Telling
}

type toldEntry struct {
	Position int       `json:"position"`
	At       time.Time `json:"at"`
	Of       string    `json:"of"`
	Telling
}

// The labels by which [Ledger.Untold] finds what is left to be told.
const (
	labelTelling = "telling"
	labelTold    = "told"
)

func toldID(of string) string { return "told-" + of }

// Of is what became of a notice on a channel; the zero Telling where it was not tried yet.
func (t Told) Of(notice, channel string) Telling { return t.tellings[notice+"\x00"+channel] }

// Told reads what was told of a case or request.
func (l *Ledger) Told(ctx context.Context, of string) (Told, error) {
	t := Told{of: of, tellings: map[string]Telling{}}
	raws, err := l.store.Read(ctx, toldID(of), 0)
	if err != nil {
		return t, fmt.Errorf("reading what was told of %s: %w", of, err)
	}
	for i, raw := range raws {
		var e toldEntry
		if err := json.Unmarshal(raw, &e); err != nil || e.Position != i+1 || e.Of != of {
			return t, fmt.Errorf("%w: what was told of %s, record %d", ErrUnreadable, of, i+1)
		}
		t = t.with(e)
	}
	return t, nil
}

func (t Told) with(e toldEntry) Told {
	t.position = e.Position
	if e.Notice != "" {
		e.Telling.At = e.At
		t.tellings[e.Notice+"\x00"+e.Channel] = e.Telling
	}
	return t
}

// Tell keeps what became of a notice. Errors: ErrConflict when another process did so first.
func (l *Ledger) Tell(ctx context.Context, t Told, what Telling) (Told, error) {
	return l.tell(ctx, t, labelTelling, what)
}

// AllTold says that nothing is left to be told of what has ended.
func (l *Ledger) AllTold(ctx context.Context, t Told) error {
	_, err := l.tell(ctx, t, labelTold, Telling{})
	return err
}

func (l *Ledger) tell(ctx context.Context, t Told, label string, what Telling) (Told, error) {
	e := toldEntry{Position: t.position + 1, At: l.now().UTC(), Of: t.of, Telling: what}
	raw, err := json.Marshal(e)
	if err == nil {
		err = l.store.Append(ctx, toldID(t.of), e.Position, label, raw)
	}
	if err != nil {
		return t, fmt.Errorf("keeping what was told of %s: %w", t.of, err)
	}
	return t.with(e), nil
}

// untell has what ended and was all told looked at again, before it goes on: what goes on and ends within
// a minute would be told to nobody. Errors: ErrConflict when others tell of it at the same time, and those
// of the store.
func (l *Ledger) untell(ctx context.Context, of string) error {
	t, err := l.Told(ctx, of)
	if errors.Is(err, ErrUnreadable) || err == nil && t.position == 0 {
		return nil // nobody was told, or nobody is told any more: another alarm
	}
	if err == nil {
		_, err = l.tell(ctx, t, labelTelling, Telling{})
	}
	return err
}

// Untold are the ids of the cases and requests of which something may be left to be told: the open
// cases, and whatever has ended and is not all told. Those of ended cases whose personal values are
// erased are not among them.
func (l *Ledger) Untold(ctx context.Context) (cases, requests []string, err error) {
	told, err := l.store.List(ctx, labelTold)
	if err != nil {
		return nil, nil, fmt.Errorf("listing what was told: %w", err)
	}
	over := map[string]bool{}
	for _, head := range told {
		over[strings.TrimPrefix(head.ID, toldID(""))] = true
	}
	for _, each := range []struct {
		labels []string
		into   *[]string
	}{
		{[]string{labelPlanning, labelOpen, labelClosed}, &cases},
		{[]string{string(RequestParked), string(RequestRefused)}, &requests},
	} {
		heads, err := l.store.List(ctx, each.labels...)
		if err != nil {
			return nil, nil, fmt.Errorf("listing what may be told: %w", err)
		}
		for _, head := range heads {
			// An open case goes on, also one that was all told before a step of it was replayed.
			if !over[head.ID] || head.Label == labelOpen || head.Label == labelPlanning {
				*each.into = append(*each.into, head.ID)
			}
		}
	}
	slices.Sort(cases)
	return cases, requests, nil
}

// Readable is a case, or nil where nobody can read it: that is another alarm.
func (l *Ledger) Readable(ctx context.Context, id string) (*offboarding.Case, error) {
	c, err := l.Case(ctx, id)
	if errors.Is(err, ErrUnreadable) || errors.Is(err, ErrTruncated) || errors.Is(err, ErrNoCase) {
		return nil, nil
	}
	return c, err
}
