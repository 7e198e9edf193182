package aztables

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"
	"golang.org/x/sync/errgroup"

	"leaver/shared/ledger"
)

// indexPrefix begins the index's partitions. No id begins with it or with what follows it.
const indexPrefix = "_"

// hint says that a commit was going to give a history a label. It is written before the commit,
// so that no history is ever without a hint at its label, whenever a process dies; and it is a
// row of its own, so that a writer that comes late replaces nothing. What it says is believed
// only of a head that says the same.
type hint struct {
	partition string
	id        string
	position  int // of the commit
}

func (h hint) key() string { return h.id + "_" + digits(h.position) }

// hint writes one. That it is there already is no error: two writers want the same.
func (s *Store) hint(ctx context.Context, id string, position int, label string) error {
	h := hint{indexPrefix + encode(label), id, position}
	_, err := s.table.AddEntity(ctx, row(h.partition, h.key(), nil), nil)
	if has(err, aztables.EntityAlreadyExists) {
		return nil
	}
	return err
}

// List implements ledger.Store: it reads the hints, and the head of each history that they are
// about. It costs as much as there are histories of these labels, not entries or histories at all.
// A history whose label changes meanwhile may be missed; the next call finds it. One whose head somebody
// spoiled or removed keeps nobody from the others: it is among them at position 0, and Read says what is
// wrong with it. Errors: ledger.ErrUnavailable.
func (s *Store) List(ctx context.Context, labels ...string) ([]ledger.Head, error) {
	const doing = "listing histories"
	if err := s.opened(); err != nil {
		return nil, classify(doing, err)
	}
	hints, err := s.hints(ctx, labels)
	if err != nil {
		return nil, classify(doing, err)
	}
	var (
		mu  sync.Mutex
		all []ledger.Head
	)
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(16)
	for id, about := range hints {
		work.Go(func() error {
			h, err := s.last(ctx, id)
			spoiled := errors.Is(err, errContent)
			if err == nil && h.position == 0 {
				spoiled, err = s.beheaded(ctx, id)
			}
			if err != nil && !spoiled {
				return err
			}
			if !spoiled {
				s.tidy(ctx, about, h)
			}
			if spoiled || h.position > 0 && (len(labels) == 0 || slices.Contains(labels, h.label)) {
				mu.Lock()
				defer mu.Unlock()
				all = append(all, ledger.Head{ID: id, Position: h.position, Label: h.label})
			}
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		return nil, classify(doing, err)
	}
	slices.SortFunc(all, func(a, b ledger.Head) int { return strings.Compare(a.ID, b.ID) })
	return all, nil
}

// Hints implements ledger.Store: it reads the hints, and no head. Errors: ledger.ErrUnavailable.
func (s *Store) Hints(ctx context.Context, labels ...string) ([]ledger.Head, error) {
	const doing = "listing hints"
	if err := s.opened(); err != nil {
		return nil, classify(doing, err)
	}
	hints, err := s.hints(ctx, labels)
	if err != nil {
		return nil, classify(doing, err)
	}
	labelOf := map[string]string{}
	for _, label := range labels {
		labelOf[indexPrefix+encode(label)] = label
	}
	all := make([]ledger.Head, 0, len(hints))
	for id, about := range hints {
		newest := slices.MaxFunc(about, func(a, b hint) int { return cmp.Compare(a.position, b.position) })
		all = append(all, ledger.Head{ID: id, Position: newest.position, Label: labelOf[newest.partition]})
	}
	slices.SortFunc(all, func(a, b ledger.Head) int { return strings.Compare(a.ID, b.ID) })
	return all, nil
}

// beheaded reports whether a history without a head has entries: a commit writes both at once.
func (s *Store) beheaded(ctx context.Context, id string) (bool, error) {
	_, found, err := s.get(ctx, id, rowEntry(1))
	if err != nil || !found {
		return false, err
	}
	h, err := s.last(ctx, id) // its first commit may have come meanwhile
	return err == nil && h.position == 0, err
}

// hints reads those of some labels, or all, by history.
func (s *Store) hints(ctx context.Context, labels []string) (map[string][]hint, error) {
	// '`' is what follows '_'.
	filters := map[string]bool{"PartitionKey ge '_' and PartitionKey lt '`'": true}
	if len(labels) > 0 {
		clear(filters)
		for _, label := range labels {
			filters[fmt.Sprintf("PartitionKey eq '%s'", indexPrefix+encode(label))] = true
		}
	}
	hints := map[string][]hint{}
	for filter := range filters {
		err := s.query(ctx, filter, func(e aztables.EDMEntity) error {
			id, _, _ := strings.Cut(e.RowKey, "_")
			position, err := positionOf(e.RowKey, id+"_")
			if err != nil || s.usable(id) != nil {
				return nil // somebody else's: no history has such an id
			}
			hints[id] = append(hints[id], hint{e.PartitionKey, id, position})
			return nil
		}, "PartitionKey", "RowKey")
		if err != nil {
			return nil, err
		}
	}
	return hints, nil
}

// tidy removes the hints that a head, read after them, has outlived: the commit that each was
// written for was made or can no longer be made, and the history has another label. If it
// fails, the next List does it.
func (s *Store) tidy(ctx context.Context, hints []hint, h head) {
	for _, hint := range hints {
		if hint.position <= h.position && hint.partition != indexPrefix+encode(h.label) {
			_, _ = s.table.DeleteEntity(ctx, hint.partition, hint.key(), nil)
		}
	}
}
