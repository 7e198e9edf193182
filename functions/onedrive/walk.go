package onedrive

import (
	"context"
	"errors"
	"slices"
	"strings"

	"leaver/shared/offboarding"
)

// entry is an item of the leaver's drive and, when copies are looked at, its copy; one without
// id is missing.
type entry struct{ item, copy offboarding.DriveItem }

// walk goes through the folders of a tree, each before those in it, and those in the order of
// their ids. Where it stands is the path to one folder, however large the tree is, and another
// run goes on after it.
type walk struct {
	list  func(ctx context.Context, folder entry) ([]entry, error)
	visit func(ctx context.Context, folder entry, inside []entry) error
	// at is the path to the folder that was visited last, from below the root; begun is unset
	// until the root was.
	at    []string
	begun bool
	// pages is how many pages of a listing may still be visited; the last folder is finished
	// all the same.
	pages int
}

// errPause ends a walk that has no pages left.
var errPause = errors.New("the rest is for another run")

// pageSize is how many items a page of a listing holds.
const pageSize = 200

// position writes where a walk stands.
func (w *walk) position() string {
	if !w.begun {
		return ""
	}
	return strings.Join(append([]string{"root"}, w.at...), "/")
}

// goOn lets a walk go on from a position; from an empty one it begins.
func (w *walk) goOn(position string) {
	if w.begun = position != ""; w.begun {
		w.at = strings.Split(position, "/")[1:]
	}
}

func (w *walk) run(ctx context.Context, root entry) error {
	return w.folder(ctx, root, nil, w.begun, w.at)
}

// folder visits a folder and those in it. Visited says that it was visited before; after is then
// the path from here to the last one that was.
func (w *walk) folder(ctx context.Context, f entry, path []string, visited bool, after []string) error {
	if !visited && w.pages <= 0 {
		return errPause
	}
	inside, err := w.list(ctx, f)
	if err != nil {
		return err
	}
	slices.SortFunc(inside, func(a, b entry) int { return strings.Compare(a.item.ID, b.item.ID) })
	if !visited {
		if err := w.visit(ctx, f, inside); err != nil {
			return err
		}
		w.at, w.begun = path, true
		w.pages -= 1 + len(inside)/pageSize
	}
	for _, e := range inside {
		if !e.item.Folder || len(after) > 0 && e.item.ID < after[0] {
			continue
		}
		var rest []string
		below := len(after) > 0 && e.item.ID == after[0]
		if below {
			rest = after[1:]
		}
		if err := w.folder(ctx, e, append(slices.Clip(path), e.item.ID), below, rest); err != nil {
			return err
		}
	}
	return nil
}
