package anchors_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"leaver/shared/anchors"
)

var now = time.Date(2026, 11, 30, 1, 0, 0, 0, time.UTC)

func TestTheLastAnchorIsFound(t *testing.T) {
	t.Parallel()
	for name, place := range map[string]func(dir string) string{
		"a folder": func(dir string) string { return dir },
		"a URL":    func(dir string) string { return "file://" + filepath.ToSlash(dir) + "?no_tmp_dir=true&metadata=skip" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			a, err := anchors.Open(t.Context(), place(dir), func() time.Time { return now })
			if err != nil {
				t.Fatal(err)
			}
			if _, last, err := a.Last(t.Context(), "leaver-3"); last != nil || err != nil {
				t.Errorf("of none, the last is %q, %v", last, err)
			}
			// Of years ago, of yesterday, and of a clock that is ahead.
			for i, name := range []string{"leaver-20240101T000000.000Z.json", "leaver-20261129T235959.000Z.json", "leaver-20261201T000000.000Z.json"} {
				want := []byte{byte('a' + i)}
				if err := a.Put(t.Context(), name, want); err != nil {
					t.Fatal(err)
				}
				if _, last, err := a.Last(t.Context(), "leaver-3"); string(last) != string(want) || err != nil {
					t.Errorf("after %s, the last is %q, %v; want %q", name, last, err, want)
				}
			}
			if err := a.Put(t.Context(), "leaver-20261129T235959.000Z.json", []byte("another")); err == nil {
				t.Error("an anchor was replaced")
			}
			if err := os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("not ours"), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, last, err := a.Last(t.Context(), "leaver-3"); string(last) != "c" || err != nil {
				t.Errorf("beside another file, the last is %q, %v; want c", last, err)
			}
			if name, last, err := a.Last(t.Context(), "leaver-20261129T235959.000Z.json"); name != "leaver-20240101T000000.000Z.json" || string(last) != "a" || err != nil {
				t.Errorf("before the one of yesterday, the last is %s: %q, %v; want that of years ago", name, last, err)
			}
		})
	}
}

func TestAPlaceThatIsNoneIsSaid(t *testing.T) {
	t.Parallel()
	for _, place := range []string{filepath.Join(t.TempDir(), "missing"), "ftp://example.com"} {
		if _, err := anchors.Open(t.Context(), place, time.Now); err == nil {
			t.Errorf("%q opens", place)
		}
	}
}
