package export

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"leaver/shared/offboarding"
)

// endingOf is what is told of an export beside it, and stays when it is deleted.
type endingOf struct {
	Case      string    `json:"case"`
	Mailbox   string    `json:"mailbox"` // the object id of its owner
	Manifest  string    `json:"manifest"`
	KeepUntil time.Time `json:"keepUntil,omitzero"` // zero = for ever
	Deleted   time.Time `json:"deleted,omitzero"`
}

const endingName = "export.json"

// writeEnding says for how long the export is kept.
func (r *run) writeEnding(ctx context.Context, manifest string) error {
	e := endingOf{Case: r.job.Case.ID, Mailbox: r.job.Leaver, Manifest: manifest}
	if keep := r.job.Case.Plan.ExportKeep; keep > 0 && keep != offboarding.Unlimited {
		e.KeepUntil = r.job.Now.Add(keep).UTC().Truncate(time.Second)
	}
	text, _ := json.Marshal(e) // strings and times always marshal
	_, err := r.storeText(ctx, endingName, append(text, '\n'))
	return err
}

// biggestEnding bounds what is read of one.
const biggestEnding = 64 << 10

// Sweep deletes the exports in a storage whose time is over. One that was stopped goes on the next time: what
// says for how long an export is kept is written last, with when it was deleted, and stays. What is held by
// the storage itself (object lock, an immutability policy) it leaves, and says so.
func Sweep(ctx context.Context, storage Storage, to string, now time.Time) (deleted []string, err error) {
	roots, err := storage.List(ctx, to, "", "/")
	if err != nil {
		return nil, err
	}
	var failures []error
	for _, root := range roots {
		if !strings.HasSuffix(root, "/") {
			continue
		}
		is, err := sweep(ctx, storage, to, root, now)
		if err != nil {
			failures = append(failures, fmt.Errorf("deleting the export %s: %w", strings.TrimSuffix(root, "/"), err))
		}
		if is {
			deleted = append(deleted, strings.TrimSuffix(root, "/"))
		}
	}
	return deleted, errors.Join(failures...)
}

// sweep deletes one export, if its time is over.
func sweep(ctx context.Context, storage Storage, to, root string, now time.Time) (bool, error) {
	in, err := storage.Read(ctx, to, root+endingName)
	if errors.Is(err, offboarding.ErrNotFound) {
		return false, nil // it is not finished, or no export
	}
	if err != nil {
		return false, err
	}
	text, err := io.ReadAll(io.LimitReader(in, biggestEnding))
	_ = in.Close()
	if err != nil {
		return false, err
	}
	var e endingOf
	if json.Unmarshal(text, &e) != nil || e.Case+"/" != root || e.KeepUntil.IsZero() || !e.Deleted.IsZero() || now.Before(e.KeepUntil) {
		return false, nil
	}
	names, err := storage.List(ctx, to, root, "")
	if err != nil {
		return false, err
	}
	for _, name := range names {
		if name == root+endingName {
			continue
		}
		if err := storage.Delete(ctx, to, name); err != nil && !errors.Is(err, offboarding.ErrNotFound) {
			return false, err
		}
	}
	e.Deleted = now.UTC().Truncate(time.Second)
	text, _ = json.Marshal(e) // strings and times always marshal
	return true, storage.Write(ctx, to, root+endingName, bytes.NewReader(append(text, '\n')))
}
