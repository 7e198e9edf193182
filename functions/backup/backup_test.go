package backup_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"leaver/functions/backup"
	"leaver/shared/ledger"
	"leaver/shared/ledger/ledgertest"
	"leaver/shared/objectstore"
	"leaver/shared/offboarding"
)

var begins = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// house is a ledger with two departures, and what copies it.
type house struct {
	*backup.Backup
	store  *ledgertest.Memory
	ledger *ledger.Ledger
	now    time.Time
	ages   []time.Duration
	log    bytes.Buffer
}

// figures are told to the house.
type figures struct{ *house }

func (f figures) Backup(age time.Duration) { f.ages = append(f.ages, age) }

func newHouse(t *testing.T, storage backup.Storage, place string) *house {
	t.Helper()
	h := &house{store: &ledgertest.Memory{}, now: begins}
	clock := func() time.Time { return h.now }
	h.ledger = ledger.New(h.store, clock, rand.Reader, ledgertest.Proof("tenant"))
	for i := range 2 {
		h.opens(t, i)
	}
	h.Backup = &backup.Backup{Ledger: h.ledger, Storage: storage, Place: place, Now: clock, Log: slog.New(slog.NewTextHandler(&h.log, nil)), Report: figures{h}}
	return h
}

func (h *house) opens(t *testing.T, i int) string {
	t.Helper()
	leaver := fmt.Sprintf("00000000-0000-4000-8000-%012d", i+1)
	request := offboarding.Request{
		ID: offboarding.RequestID("test", leaver), Kind: offboarding.Termination, Source: "test",
		EventTime: begins, ReceivedAt: begins, LeavingTime: begins, Employee: offboarding.Employee{ID: leaver},
	}
	plan, err := offboarding.Compile(request, offboarding.DefaultPolicy())
	if err != nil {
		t.Fatal(err)
	}
	c, err := h.ledger.Open(t.Context(), ledger.Opening{
		Tenant: "tenant", Leaver: leaver, Request: request, Plan: plan, Personal: map[string]string{"userPrincipalName": "<adele>&@contoso.com"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c.ID
}

func (h *house) runs(t *testing.T) {
	t.Helper()
	if err := h.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// wants says what is there, by its last letters, and what is wrong with it.
func (h *house) wants(t *testing.T, exports, records int, wrong string) {
	t.Helper()
	names, err := h.Storage.List(t.Context(), h.Place, "", "")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, name := range names {
		got[filepath.Ext(name)]++
	}
	if got[".jsonl"] != exports || got[".json"] != records {
		t.Errorf("there are %v, want %d exports and %d records", got, exports, records)
	}
	why, err := h.Wrong(t.Context())
	if err != nil || wrong == "" && why != "" || !strings.Contains(why, wrong) {
		t.Errorf("what is wrong: %q, %v; want %q", why, err, wrong)
	}
}

func folder(t *testing.T) string { return "file://" + filepath.ToSlash(t.TempDir()) }

func bucket(t *testing.T) string {
	t.Helper()
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "KEY", "AWS_SECRET_ACCESS_KEY": "SECRET", "AWS_EC2_METADATA_DISABLED": "true"} {
		t.Setenv(name, value)
	}
	backend := s3mem.New()
	if err := backend.CreateBucket("backups"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	return "s3://backups?region=eu-central-1&use_path_style=true&endpoint=" + url.QueryEscape(server.URL)
}

// TestTheLedgerIsCopiedOnceADayAndRestored copies a ledger, day for day, and puts the newest copy into an
// empty one: every history is there byte for byte, with its values, and is found as what it is.
func TestTheLedgerIsCopiedOnceADayAndRestored(t *testing.T) {
	for name, place := range map[string]func(*testing.T) string{"a folder": folder, "S3": bucket} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, objectstore.New("", nil), place(t))
			h.wants(t, 0, 0, "no backup of the ledger yet")
			h.runs(t)
			h.wants(t, 1, 1, "")
			h.now = h.now.Add(30 * time.Minute)
			h.runs(t) // nothing is looked at
			h.now = h.now.Add(23 * time.Hour)
			h.runs(t)
			h.wants(t, 1, 1, "")
			h.now = h.now.Add(51 * time.Minute)
			h.opens(t, 2)
			h.runs(t)
			h.wants(t, 2, 2, "")
			if want := []time.Duration{0, 23*time.Hour + 30*time.Minute, 0}; !slices.Equal(h.ages, want) {
				t.Errorf("it was told the ages %v, want %v", h.ages, want)
			}

			names, err := h.Storage.List(t.Context(), h.Place, "ledger-20261123", "")
			if err != nil || len(names) != 2 {
				t.Fatalf("of the second day there are %q, %v", names, err)
			}
			in, err := h.Storage.Read(t.Context(), h.Place, names[1])
			if err != nil {
				t.Fatal(err)
			}
			store := &ledgertest.Memory{}
			restored := ledger.New(store, h.Now, rand.Reader, ledgertest.Proof("tenant"))
			for lines := json.NewDecoder(in); ; {
				var c ledger.Copy
				if err := lines.Decode(&c); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatal(err)
				}
				if err := restored.Import(t.Context(), c, false); err != nil {
					t.Error(err)
				}
			}
			if err := in.Close(); err != nil {
				t.Error(err)
			}
			was, is := exported(t, h.ledger), exported(t, restored)
			if was != is || !strings.Contains(is, "<adele>&@contoso.com") {
				t.Errorf("restored, the ledger is\n%s\nand was\n%s", is, was)
			}
			if cases, _, err := restored.Cases(t.Context()); err != nil || len(cases) != 3 {
				t.Errorf("%d cases are found, %v; want three", len(cases), err)
			}
		})
	}
}

func exported(t *testing.T, l *ledger.Ledger) string {
	t.Helper()
	var lines []string
	if err := l.Export(t.Context(), func(c ledger.Copy) error {
		text, err := json.Marshal(c)
		lines = append(lines, strings.ReplaceAll(string(text), `\u003c`, "<"))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(lines)
	return strings.NewReplacer(`\u003e`, ">", `\u0026`, "&").Replace(strings.Join(lines, "\n"))
}

// lies is a storage that does not keep what it is given.
type lies struct {
	backup.Storage
	written func(name string, content []byte) ([]byte, error)
}

func (l *lies) Write(ctx context.Context, storage, name string, content io.Reader) error {
	text, err := io.ReadAll(content)
	if err == nil && l.written != nil {
		text, err = l.written(name, text)
	}
	if err != nil {
		return err
	}
	return l.Storage.Write(ctx, storage, name, bytes.NewReader(text))
}

// TestABackupThatIsNotWhatWasWrittenIsNone lets the storage change, cut and lose what it is given: each time
// the backup before it stays the last good one, it is tried again, and its age is told.
func TestABackupThatIsNotWhatWasWrittenIsNone(t *testing.T) {
	refuses := errors.New("the storage refuses it")
	for name, tt := range map[string]struct {
		written func(name string, content []byte) ([]byte, error)
		exports int
		says    string
	}{
		"a byte changed":   {func(_ string, c []byte) ([]byte, error) { c[len(c)/2] ^= 1; return c, nil }, 2, "not what was written"},
		"its end is lost":  {func(_ string, c []byte) ([]byte, error) { return c[:len(c)-1], nil }, 2, "not what was written"},
		"more behind it":   {func(_ string, c []byte) ([]byte, error) { return append(c, ' '), nil }, 2, "not what was written"},
		"nothing is there": {func(string, []byte) ([]byte, error) { return nil, nil }, 2, "not what was written"},
		"it is refused":    {func(string, []byte) ([]byte, error) { return nil, refuses }, 1, refuses.Error()},
		"its record is refused": {func(name string, c []byte) ([]byte, error) {
			if strings.HasSuffix(name, ".json") {
				return nil, refuses
			}
			return c, nil
		}, 2, "putting the record"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storage := &lies{Storage: objectstore.New("", nil)}
			h := newHouse(t, storage, folder(t))
			h.runs(t)
			storage.written = tt.written
			h.now = h.now.Add(25 * time.Hour)
			if err := h.Run(t.Context()); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("it ends with %v, want %q", err, tt.says)
			}
			h.wants(t, tt.exports, 1, "")
			h.now = h.now.Add(12 * time.Hour)
			_ = h.Run(t.Context())
			h.wants(t, tt.exports*2-1, 1, "is from 2026-11-22T09:00:00Z")
			if want := []time.Duration{0, 25 * time.Hour, 37 * time.Hour}; !slices.Equal(h.ages, want) {
				t.Errorf("it was told the ages %v, want %v", h.ages, want)
			}
			storage.written = nil
			h.now = h.now.Add(2 * time.Minute)
			h.runs(t) // soon: it has not ended well
			h.wants(t, tt.exports*2, 2, "")
		})
	}
}

// TestNothingIsWrittenTwice copies into a storage that refuses to replace and to remove, as one with an
// immutability policy does: every try has a name of its own, also after one that failed.
func TestNothingIsWrittenTwice(t *testing.T) {
	t.Parallel()
	storage, there, fails := &lies{Storage: objectstore.New("", nil)}, map[string]bool{}, true
	storage.written = func(name string, content []byte) ([]byte, error) {
		if there[name] {
			return nil, errors.New("409 BlobImmutableDueToPolicy")
		}
		if there[name] = true; fails && strings.HasSuffix(name, ".json") {
			return nil, errors.New("the connection was reset")
		}
		return content, nil
	}
	h := newHouse(t, storage, folder(t))
	if err := h.Run(t.Context()); err == nil {
		t.Error("what was reset is a backup")
	}
	fails = false
	for range 3 {
		h.now = h.now.Add(25 * time.Hour)
		h.runs(t)
	}
	h.wants(t, 4, 3, "")
}

// TestACopyThatFailsIsTriedEverLater looks every minute for two days at a storage that spoils every copy, and
// keeps all of them, as an immutability policy does: a host once left one there a minute.
func TestACopyThatFailsIsTriedEverLater(t *testing.T) {
	t.Parallel()
	storage := &lies{Storage: objectstore.New("", nil)}
	storage.written = func(_ string, content []byte) ([]byte, error) { return append(content, ' '), nil }
	h := newHouse(t, storage, folder(t))
	failed := 0
	for range 2 * 24 * 60 {
		if err := h.Run(t.Context()); err != nil {
			failed++
		}
		h.now = h.now.Add(time.Minute)
	}
	if failed < 48 || failed > 70 {
		t.Errorf("it was tried %d times in two days, want about once an hour", failed)
	}
	h.wants(t, failed, 0, "no backup of the ledger yet")
	storage.written = nil
	h.now = h.now.Add(time.Hour)
	h.runs(t)
	h.wants(t, failed+1, 1, "")
}

// TestAnExportIsHeldToTheRecordBesideIt cuts an export off between two histories, where nothing else shows.
func TestAnExportIsHeldToTheRecordBesideIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := newHouse(t, objectstore.New("", nil), "file://"+filepath.ToSlash(dir))
	h.runs(t)
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(files) != 1 {
		t.Fatalf("there are %v, %v", files, err)
	}
	if err := backup.Whole(files[0]); err != nil {
		t.Errorf("as it was written: %v", err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	cut := bytes.LastIndexByte(bytes.TrimSuffix(text, []byte("\n")), '\n') + 1
	if err := os.WriteFile(files[0], text[:cut], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := backup.Whole(files[0]); err == nil || !strings.Contains(err.Error(), "not what was written") {
		t.Errorf("cut off: %v, want that it is not what was written", err)
	}
	record := strings.TrimSuffix(files[0], "l")
	if err := os.WriteFile(record, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := backup.Whole(files[0]); err == nil {
		t.Error("a record that was emptied lets the export pass")
	}
	// A report and an export of the same person, by their name.
	adele := filepath.Join(dir, "adele.jsonl")
	if err := errors.Join(os.WriteFile(adele, text, 0o600), os.WriteFile(strings.TrimSuffix(adele, "l"), []byte(`{"form":"leaver.report/1"}`), 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{record, filepath.Join(dir, "missing.jsonl"), adele} {
		if err := backup.Whole(name); err != nil {
			t.Errorf("%s has no record: %v", name, err)
		}
	}
}

// TestWhatIsMissingOfABackupIsNamed spoils one history and loses another: all others are copied, and what is
// wrong is said until a person has looked.
func TestWhatIsMissingOfABackupIsNamed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, objectstore.New("", nil), folder(t))
	h.runs(t)
	whole := h.Ledger
	h.Ledger = without{whole, 1, nil}
	h.now = h.now.Add(24 * time.Hour)
	h.runs(t)
	h.wants(t, 2, 2, "lacks 1 of them")
	h.now = h.now.Add(24 * time.Hour)
	h.runs(t)
	h.wants(t, 3, 3, "lacks 1 of them") // it is no habit
	h.Ledger = without{whole, 1, fmt.Errorf("not exported: %w: case x", ledger.ErrUnreadable)}
	h.now = h.now.Add(24 * time.Hour)
	h.runs(t)
	h.wants(t, 4, 4, "1 history could not be read, the first: not exported: the history is unreadable: case x")
	h.Ledger = without{whole, 1, errors.Join(fmt.Errorf("%w: one", ledger.ErrUnreadable), ledger.ErrUnavailable)}
	h.now = h.now.Add(24 * time.Hour)
	if err := h.Run(t.Context()); !errors.Is(err, ledger.ErrUnavailable) {
		t.Errorf("of a ledger that does not answer: %v", err)
	}
	h.Ledger = whole
	h.now = h.now.Add(time.Minute)
	h.runs(t)
	if why, err := h.Wrong(t.Context()); why != "" || err != nil {
		t.Errorf("whole again: %q, %v", why, err)
	}
}

// without is a ledger that has lost its first histories.
type without struct {
	backup.Ledger
	lost int
	err  error
}

func (w without) Export(ctx context.Context, each func(ledger.Copy) error) error {
	n := 0
	return errors.Join(w.Ledger.Export(ctx, func(c ledger.Copy) error {
		if n++; n <= w.lost {
			return nil
		}
		return each(c)
	}), w.err)
}

// TestWhatIsNoRecordHidesNoMissingBackup puts objects beside the backups as whoever may write there could:
// none of them passes for a good backup.
func TestWhatIsNoRecordHidesNoMissingBackup(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := newHouse(t, objectstore.New("", nil), "file://"+filepath.ToSlash(dir))
	for name, text := range map[string]string{
		"ledger-20261122T085900.000Z.json": `{`,
		"ledger-20261122T085800.000Z.json": `{"at":"2026-11-22T08:57:00Z","object":"ledger-20261122T085800.000Z.jsonl"}`,
		"ledger-20261122T085700.000Z.json": `{"at":"2026-11-22T08:57:00Z","object":"another"}`,
		"ledger-20261122T085600.000Z.json": `{"at":"2026-11-22T08:56:00Z","object":"ledger-20261122T085600.000Z.jsonl","most":-1}`,
		"ledger-20991122T090000.000Z.json": `{"at":"2099-11-22T09:00:00Z","object":"ledger-20991122T090000.000Z.jsonl"}`,
		"ledger-zzz.json":                  `{}`,
		"ledger-.json":                     strings.Repeat(" ", 1<<20),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if why, err := h.Wrong(t.Context()); err != nil || !strings.Contains(why, "no backup of the ledger yet") {
		t.Errorf("what is wrong: %q, %v", why, err)
	}
	h.runs(t)
	if why, err := h.Wrong(t.Context()); err != nil || why != "" {
		t.Errorf("after a backup: %q, %v", why, err)
	}
}

func TestNothingIsCopiedNowhere(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil, "")
	h.runs(t)
	if why, err := h.Wrong(t.Context()); err != nil || !strings.Contains(why, "nothing copies the ledger") {
		t.Errorf("what is wrong: %q, %v", why, err)
	}
}

// vast is a ledger of 128 MiB that is nowhere in memory, and a storage that keeps nothing of it.
type vast struct{ peak uint64 }

func (*vast) Export(_ context.Context, each func(ledger.Copy) error) error {
	entry := strings.Repeat("x", 1<<20)
	for i := range 128 {
		if err := each(ledger.Copy{ID: fmt.Sprint(i), Entries: []string{entry}}); err != nil {
			return err
		}
	}
	return nil
}

func (v *vast) Write(_ context.Context, _, _ string, content io.Reader) error {
	for {
		_, err := io.CopyN(io.Discard, content, 8<<20)
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		v.peak = max(v.peak, m.HeapInuse)
		if err != nil {
			return nil // its end
		}
	}
}

func (*vast) Read(context.Context, string, string) (io.ReadCloser, error) {
	return nil, offboarding.ErrNotFound
}
func (*vast) List(context.Context, string, string, string) ([]string, error) { return nil, nil }

// TestABackupNeedsNoMemoryForTheLedger: what does not fit into a function's memory is copied all the same.
func TestABackupNeedsNoMemoryForTheLedger(t *testing.T) {
	v := &vast{}
	b := &backup.Backup{Ledger: v, Storage: v, Place: "somewhere", Now: func() time.Time { return begins }, Log: slog.New(slog.DiscardHandler)}
	if err := b.Run(t.Context()); !errors.Is(err, offboarding.ErrNotFound) {
		t.Errorf("it ends with %v, want that what it reads back is not there", err)
	}
	if most := uint64(96 << 20); v.peak == 0 || v.peak > most {
		t.Errorf("it held %d MiB, want at most %d of 128", v.peak>>20, most>>20)
	}
}
