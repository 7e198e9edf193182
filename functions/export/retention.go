package export

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"leaver/shared/offboarding"
)

// endingOf is what is told of an export beside it, and stays when it is deleted.
type endingOf struct {
	Case      string    `json:"case"`
	Mailbox   string    `json:"mailbox"` // the object id of its owner
	Manifest  string    `json:"manifest"`
	Items     int       `json:"items,omitempty"`
	Files     int       `json:"files,omitempty"`
	Bytes     int64     `json:"bytes,omitempty"`
	KeepUntil time.Time `json:"keepUntil,omitzero"` // zero = for ever
	Deleted   time.Time `json:"deleted,omitzero"`
	// Recorded is set when the ledger has the deletion; older versions did not tell it.
	Recorded bool `json:"recorded,omitempty"`
}

// over reports whether something is still to be done because the time of the export is over.
func (e endingOf) over(now time.Time) bool {
	return !e.KeepUntil.IsZero() && !now.Before(e.KeepUntil) && !e.Recorded
}

const endingName = "export.json"

// writeEnding says for how long the export is kept.
func (r *run) writeEnding(ctx context.Context, manifest string) error {
	e := endingOf{Case: r.job.Case.ID, Mailbox: r.job.Leaver, Manifest: manifest, Items: r.journal.stored(), Bytes: r.journal.size()}
	for _, i := range r.journal.all {
		e.Files += len(i.Files)
	}
	if keep := r.job.Case.Plan.ExportKeep; keep > 0 && keep != offboarding.Unlimited {
		e.KeepUntil = r.job.Now.Add(keep).UTC().Truncate(time.Second)
	}
	text, _ := json.Marshal(e) // strings and times always marshal
	_, err := r.storeText(ctx, endingName, append(text, '\n'))
	return err
}

// biggestEnding bounds what is read of one.
const biggestEnding = 64 << 10

// Departures is what the sweep needs of the ledger.
type Departures interface {
	Frozen(ctx context.Context) (bool, error)
	Case(ctx context.Context, id string) (*offboarding.Case, error)
	// ExportDeleted records that an export is gone, once for each.
	ExportDeleted(ctx context.Context, id string, d offboarding.DeletedExport) error
}

// Sweeper deletes exports whose time is over, in every storage that the policy names, and records it in the
// ledger. Nothing is deleted while the installation is frozen, or when nobody knows whether it is; none of a
// case that the ledger does not have, which may be another installation's; and none whose step goes on.
//
// The files go first, then the ledger hears of it, and what says for how long the export is kept is written
// last and stays: whoever is killed in between goes on the next time, and one deletion is recorded once. What
// the storage itself holds (object lock, an immutability policy) stays, and is tried again.
type Sweeper struct {
	Storage  Storage
	Storages []string
	Ledger   Departures
	Now      func() time.Time
	Log      *slog.Logger

	mu   sync.Mutex
	last time.Time
}

const (
	// sweepEvery is how often a process looks.
	sweepEvery = time.Hour
	// deletionsPerRun bounds how long a run keeps the messages of a function waiting: some seconds.
	deletionsPerRun = 500
)

// Run looks into every storage, unless it did within the hour; where there is more to delete than one run
// does, the next one goes on. Storages that nobody has written to yet, or that cannot be reached, are left for
// the next time.
func (s *Sweeper) Run(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.Now()
	if !s.last.IsZero() && now.Sub(s.last) < sweepEvery {
		return nil
	}
	s.last = now
	ctx = offboarding.WithWriteGuard(ctx, unlessFrozen{s.Ledger})
	left := deletionsPerRun
	var failures []error
	for _, storage := range s.Storages {
		roots, err := s.Storage.List(ctx, storage, "", "/")
		failures = append(failures, err)
		for _, root := range roots {
			if !strings.HasSuffix(root, "/") {
				continue
			}
			switch err := s.sweep(ctx, storage, root, now, &left); {
			case errors.Is(err, errPause):
				s.last = time.Time{}
			case err != nil:
				failures = append(failures, fmt.Errorf("deleting the export %s: %w", strings.TrimSuffix(root, "/"), err))
			}
		}
	}
	return errors.Join(failures...)
}

// sweep deletes one export, if its time is over, and records that.
func (s *Sweeper) sweep(ctx context.Context, storage, root string, now time.Time, left *int) error {
	e, err := s.ending(ctx, storage, root)
	if err != nil || !e.over(now) {
		return err
	}
	c, err := s.Ledger.Case(ctx, e.Case)
	if err != nil {
		return fmt.Errorf("nothing is deleted of what the ledger does not say whose it is: %w", err)
	}
	if step := c.Step(offboarding.StepExport); step != nil && !step.State.Settled() {
		return nil // it would only export all again
	}
	if e.Deleted.IsZero() {
		if err := s.clear(ctx, storage, root, left); err != nil {
			return err
		}
		e.Deleted = now.UTC().Truncate(time.Second)
	}
	err = s.Ledger.ExportDeleted(ctx, e.Case, offboarding.DeletedExport{
		From: s.Storage.Where(storage), Manifest: e.Manifest, KeepUntil: e.KeepUntil, Deleted: e.Deleted,
		Items: e.Items, Files: e.Files, Bytes: e.Bytes,
	})
	if err != nil {
		return err
	}
	s.Log.Info("an export was deleted, because its time is over", "case", e.Case)
	switch is, err := s.ending(ctx, storage, root); {
	case err != nil:
		return err
	case is.Manifest != e.Manifest:
		return nil // somebody has replayed the step meanwhile
	}
	e.Recorded = true
	text, _ := json.Marshal(e) // strings and times always marshal
	return s.Storage.Write(ctx, storage, root+endingName, bytes.NewReader(append(text, '\n')))
}

// ending reads what is told of an export; the zero value where it is not finished, or no export.
func (s *Sweeper) ending(ctx context.Context, storage, root string) (e endingOf, err error) {
	in, err := s.Storage.Read(ctx, storage, root+endingName)
	if errors.Is(err, offboarding.ErrNotFound) {
		return endingOf{}, nil
	}
	if err != nil {
		return endingOf{}, err
	}
	text, err := io.ReadAll(io.LimitReader(in, biggestEnding))
	_ = in.Close()
	if err != nil {
		return endingOf{}, err
	}
	if json.Unmarshal(text, &e) != nil || e.Case+"/" != root {
		return endingOf{}, nil
	}
	return e, nil
}

// clear deletes the files of an export, and looks whether they are gone. It is errPause when there are more
// than may still be deleted.
func (s *Sweeper) clear(ctx context.Context, storage, root string, left *int) error {
	names, err := s.Storage.List(ctx, storage, root, "")
	if err != nil {
		return err
	}
	for _, name := range names {
		if name == root+endingName {
			continue
		}
		if *left <= 0 {
			return errPause
		}
		*left--
		if err := s.Storage.Delete(ctx, storage, name); err != nil && !errors.Is(err, offboarding.ErrNotFound) {
			return err
		}
	}
	names, err = s.Storage.List(ctx, storage, root, "")
	if err == nil && len(names) > 1 {
		err = fmt.Errorf("%s can still be seen after the deletion", offboarding.Count(len(names)-1, "file"))
	}
	return err
}

// unlessFrozen is the write guard of a sweep.
type unlessFrozen struct{ ledger Departures }

var errFrozen = errors.New("the installation is frozen")

func (g unlessFrozen) Allow(ctx context.Context) error {
	frozen, err := g.ledger.Frozen(ctx)
	if err == nil && frozen {
		err = errFrozen
	}
	return err
}

func (unlessFrozen) Record(offboarding.Call) {}
