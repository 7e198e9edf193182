package export_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"leaver/functions/export"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

const (
	day  = 24 * time.Hour
	keep = 365 * day
)

func keptForAYear(p *offboarding.Policy) { p.ExportKeep = keep }

// told is the ledger of a sweep that something may happen to.
type told struct {
	*ledger.Ledger
	frozen         bool
	unknown        error
	before, behind error // what a record fails with, before it is there or when it is
}

func (l *told) Frozen(context.Context) (bool, error) { return l.frozen, l.unknown }

func (l *told) ExportDeleted(ctx context.Context, id string, d offboarding.DeletedExport) error {
	if l.before != nil {
		return l.before
	}
	return errors.Join(l.Ledger.ExportDeleted(ctx, id, d), l.behind)
}

// sweeping is an export that was finished, and what deletes it.
func sweeping(t *testing.T) (*house, *told, *export.Sweeper) {
	t.Helper()
	h := newHouse(t, simtenant.SampleContents(20, 9, 100), keptForAYear)
	h.settles(offboarding.StateEffective, "")
	l := &told{Ledger: h.Ledger}
	return h, l, h.sweeper(l)
}

// sweeper is one of a process that has just started.
func (h *house) sweeper(l *told) *export.Sweeper {
	return &export.Sweeper{Storage: h.store, Storages: []string{""}, Ledger: l, Now: h.Now, Log: h.Logger()}
}

// sweeps runs a sweep and wants its error to say so; empty wants none.
func (h *house) sweeps(s *export.Sweeper, says string) {
	h.t.Helper()
	if err := s.Run(h.t.Context()); says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
		h.t.Errorf("got %v, want %q", err, says)
	}
}

// left is how many files and folders there are of an export beside what says for how long it is kept.
func (h *house) left() (n int) {
	_ = filepath.WalkDir(h.root(), func(path string, _ os.DirEntry, err error) error {
		if err == nil && path != h.root() && filepath.Base(path) != "export.json" {
			n++
		}
		return nil
	})
	return n
}

// deletions are the entries of the ledger that an export was deleted.
func (h *house) deletions() (all []offboarding.DeletedExport) {
	h.t.Helper()
	history, err := h.Ledger.History(h.t.Context(), h.c.ID) // it verifies the chain
	if err != nil {
		h.t.Fatal(err)
	}
	for _, e := range history {
		if e.Kind == offboarding.EntryExportDeleted {
			all = append(all, *e.Export)
		}
	}
	return all
}

func (h *house) caseOf(id string) *offboarding.Case {
	h.t.Helper()
	c, err := h.Ledger.Case(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// ending is what is told of an export beside it.
func (h *house) ending() (e struct {
	Deleted  time.Time
	Recorded bool
}) {
	h.t.Helper()
	text, err := os.ReadFile(filepath.Join(h.root(), "export.json"))
	if err == nil {
		err = json.Unmarshal(text, &e)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return e
}

// TestAnExportIsDeletedWhenItsTimeIsOver and not a day before; the ledger says what, when and by which rule,
// and so do the deadlines of the case. What others keep beside it stays.
func TestAnExportIsDeletedWhenItsTimeIsOver(t *testing.T) {
	t.Parallel()
	h, _, s := sweeping(t)
	ended := h.Now()
	manifest := h.caseOf(h.c.ID).Step(offboarding.StepExport).Evidence["manifestSHA256"]
	items := len(lines(h.root()))
	notes := filepath.Join(h.folder, "notes.txt")
	if err := os.WriteFile(notes, []byte("of somebody else"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.Advance(keep - day)
	if h.sweeps(s, ""); h.left() < items || len(h.deletions()) > 0 {
		t.Errorf("a day before its time %d files are left, and the ledger says %v", h.left(), h.deletions())
	}
	h.Advance(2 * day)
	for range 3 {
		h.sweeps(s, "")
		h.Advance(time.Hour)
	}
	if _, err := os.Stat(notes); err != nil || h.left() != 0 {
		t.Errorf("%d files and folders are left of the export, and the other file: %v; want what says that it was deleted alone", h.left(), err)
	}
	all := h.deletions()
	if len(all) != 1 {
		t.Fatalf("the ledger has %v, want one deletion", all)
	}
	d := all[0]
	if d.Manifest != manifest || d.From != "file://"+filepath.ToSlash(h.folder) || d.Files != items || d.Items == 0 || d.Bytes == 0 {
		t.Errorf("got %+v, want manifest %s and %d files", d, manifest, items)
	}
	if over := ended.Add(keep).UTC().Truncate(time.Second); !d.KeepUntil.Equal(over) || d.Deleted.Before(over) || !h.ending().Deleted.Equal(d.Deleted) {
		t.Errorf("kept until %s and deleted %s, want until %s and not before, as export.json says", d.KeepUntil, d.Deleted, over)
	}
	said := ""
	for _, at := range offboarding.Deadlines(h.caseOf(h.c.ID)) {
		if at.At.Equal(d.Deleted) {
			said = at.What
		}
	}
	if said != "the export of the mailbox was deleted" {
		t.Errorf("the deadline says %q", said)
	}
}

// TestAnExportThatIsKeptForEverIsNeverDeleted: no time to come is that of an export without one.
func TestAnExportThatIsKeptForEverIsNeverDeleted(t *testing.T) {
	t.Parallel()
	h := newHouse(t, simtenant.SampleContents(20, 9, 100), func(p *offboarding.Policy) { p.ExportKeep = offboarding.Unlimited })
	h.settles(offboarding.StateEffective, "")
	items := len(lines(h.root()))
	h.Advance(100 * 365 * day)
	if h.sweeps(h.sweeper(&told{Ledger: h.Ledger}), ""); items == 0 || h.left() < items || len(h.deletions()) > 0 {
		t.Errorf("of %d files %d are left, and the ledger says %v; want all of them", items, h.left(), h.deletions())
	}
}

// TestTheHourlySweep looks once an hour, never deletes while the installation is frozen or nobody knows whether
// it is, and what the storage holds on to (object lock) is tried again and keeps nothing else from being deleted.
func TestTheHourlySweep(t *testing.T) {
	t.Parallel()
	h, l, s := sweeping(t)
	other := h.Open(t, "alex.wilber@contoso.com", offboarding.Options{Mailbox: offboarding.None}, offboarding.DefaultPolicy())
	locked := h.plant(other.ID, fmt.Sprintf(`"keepUntil":%q`, h.Now().Format(time.RFC3339)), "held")
	h.store.onDelete = func(name string) error {
		if strings.HasSuffix(name, "/held") {
			return offboarding.Permanent(errors.New("AccessDenied: the object is locked"))
		}
		return nil
	}
	all := h.left()
	l.frozen = true
	h.Advance(keep + day)
	if h.sweeps(s, "frozen"); h.left() != all {
		t.Error("files were deleted while the installation was frozen")
	}
	l.frozen, l.unknown = false, errors.New("nobody knows")
	h.Advance(time.Hour)
	if h.sweeps(s, "nobody knows"); h.left() != all {
		t.Error("files were deleted while nobody knew whether the installation was frozen")
	}
	l.unknown = nil
	if h.sweeps(s, ""); h.left() != all { // within the hour nothing is looked at
		t.Error("files were deleted within the hour")
	}
	h.Advance(time.Hour)
	h.sweeps(s, "the object is locked")
	if _, err := os.Stat(filepath.Join(locked, "held")); err != nil || h.left() != 0 || len(h.deletions()) != 1 {
		t.Errorf("%d files are left, %d deletions are recorded, and of what is locked: %v; want what is locked alone", h.left(), len(h.deletions()), err)
	}
	if c := h.caseOf(other.ID); len(c.DeletedExports) > 0 {
		t.Errorf("the ledger says %v of what is locked", c.DeletedExports)
	}
	if !strings.Contains(h.Log(), "an export was deleted") {
		t.Errorf("got the log %q, want the deletion in it", h.Log())
	}
	h.store.onDelete = nil // the lock has ended
	h.Advance(time.Hour)
	h.sweeps(s, "")
	if _, err := os.Stat(filepath.Join(locked, "held")); err == nil || len(h.caseOf(other.ID).DeletedExports) != 1 {
		t.Error("what was locked is still there, or its deletion is not recorded")
	}
}

// plant puts an export of a case into the storage, as export.json says and with such files.
func (h *house) plant(id, says string, files ...string) (root string) {
	h.t.Helper()
	root = filepath.Join(h.folder, id)
	if err := os.MkdirAll(root, 0o700); err != nil {
		h.t.Fatal(err)
	}
	for _, name := range append(files, "export.json") {
		if err := os.WriteFile(filepath.Join(root, name), fmt.Appendf(nil, `{"case":%q,%s}`, id, says), 0o600); err != nil {
			h.t.Fatal(err)
		}
	}
	return root
}

// TestADeletionThatIsKilledAnywhereIsRecordedOnce stops the process in the middle of the files, before the
// ledger has it, when the ledger has it and nobody knows, and before the storage has it.
func TestADeletionThatIsKilledAnywhereIsRecordedOnce(t *testing.T) {
	t.Parallel()
	killed := errors.New("the process was killed")
	for name, at := range map[string]func(h *house, l *told){
		"in the middle of the files": func(h *house, _ *told) {
			deleted := 0
			h.store.onDelete = func(string) error {
				if deleted++; deleted > 7 {
					return killed
				}
				return nil
			}
		},
		"before the ledger has it":  func(_ *house, l *told) { l.before = killed },
		"when the ledger has it":    func(_ *house, l *told) { l.behind = killed },
		"before the storage has it": func(h *house, _ *told) { h.store.onWrite = func(string) error { return killed } },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, l, s := sweeping(t)
			files := len(lines(h.root()))
			h.Advance(keep + day)
			at(h, l)
			h.sweeps(s, killed.Error())
			l.before, l.behind, h.store.onDelete, h.store.onWrite = nil, nil, nil, nil
			for range 2 { // a new process, and another after it
				h.sweeps(h.sweeper(l), "")
			}
			if all := h.deletions(); h.left() != 0 || len(all) != 1 || all[0].Files != files || !h.ending().Recorded {
				t.Errorf("%d files are left, and the ledger has %v; want one deletion of %d files", h.left(), all, files)
			}
		})
	}
}

// TestNothingIsDeletedThatMayBeSomebodyElses is about a storage that two installations share, and about a
// folder that says it is the export of another case.
func TestNothingIsDeletedThatMayBeSomebodyElses(t *testing.T) {
	t.Parallel()
	h, _, s := sweeping(t)
	over := fmt.Sprintf(`"keepUntil":%q`, h.Now().Format(time.RFC3339))
	theirs := h.plant("0f0e0d0c-1111-4222-8333-444455556666-1", over, "theirs")
	h.plant("copy", over, "a copy")
	if err := os.WriteFile(filepath.Join(h.folder, "copy", "export.json"), fmt.Appendf(nil, `{"case":%q,%s}`, h.c.ID, over), 0o600); err != nil {
		t.Fatal(err)
	}
	h.Advance(day)
	h.sweeps(s, "no such case")
	for _, path := range []string{filepath.Join(theirs, "theirs"), filepath.Join(h.folder, "copy", "a copy")} {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}

// TestAnExportWhoseLastLookIsToComeIsNotDeleted: it would be exported all again. Its time is counted from that look.
func TestAnExportWhoseLastLookIsToComeIsNotDeleted(t *testing.T) {
	t.Parallel()
	h := newHouse(t, simtenant.SampleContents(20, 9, 100), keptForAYear, func(p *offboarding.Policy) { p.Grace = keep + 30*day })
	for h.Record(t, h.c.ID, offboarding.StepExport).Due.Before(h.c.Plan.LeavingTime.Add(time.Hour)) {
		h.Step(t, h.c.ID, h.w)
	}
	s := h.sweeper(&told{Ledger: h.Ledger})
	all := h.left()
	h.Advance(keep + day)
	if h.sweeps(s, ""); h.left() != all || len(h.deletions()) > 0 {
		t.Errorf("%d files are left of %d, and the ledger says %v", h.left(), all, h.deletions())
	}
	h.settles(offboarding.StateEffective, "")
	h.whole()
	h.Advance(keep - day)
	if h.sweeps(s, ""); len(h.deletions()) > 0 {
		t.Errorf("the ledger says %v a day before its time", h.deletions())
	}
	h.Advance(2 * day)
	h.sweeps(s, "")
	if all := h.deletions(); h.left() != 0 || len(all) != 1 {
		t.Errorf("%d files are left, and the ledger says %v", h.left(), all)
	}
}

// TestALargeExportIsDeletedInSeveralRuns keeps no message of the function waiting for it.
func TestALargeExportIsDeletedInSeveralRuns(t *testing.T) {
	t.Parallel()
	h, _, s := sweeping(t)
	for i := range 1200 {
		if err := os.WriteFile(filepath.Join(h.root(), fmt.Sprintf("%04d.eml", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h.Advance(keep + day)
	runs := 0
	for ; h.left() > 0 && runs < 10; runs++ {
		before := h.left()
		h.sweeps(s, "")
		if gone := before - h.left(); gone > 600 { // folders are counted too
			t.Errorf("a run deleted %d files", gone)
		}
		h.Advance(time.Minute)
	}
	if runs < 3 || len(h.deletions()) != 1 {
		t.Errorf("%d runs deleted it, and the ledger says %v", runs, h.deletions())
	}
}

// TestADeletionOfAnOlderVersionIsRecordedToo: it told only the storage.
func TestADeletionOfAnOlderVersionIsRecordedToo(t *testing.T) {
	t.Parallel()
	h, _, s := sweeping(t)
	at := h.Now().Add(-day).UTC().Truncate(time.Second)
	h.plant(h.c.ID, fmt.Sprintf(`"mailbox":%q,"manifest":"9f86","keepUntil":%q,"deleted":%q`, h.c.Leaver, at.Format(time.RFC3339), at.Format(time.RFC3339)))
	for range 2 {
		h.sweeps(s, "")
		h.Advance(time.Hour)
	}
	if all := h.deletions(); len(all) != 1 || all[0].Manifest != "9f86" || !all[0].Deleted.Equal(at) {
		t.Errorf("the ledger says %v, want the deletion of %s", all, at)
	}
}
