package onedrive

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

// TestProgressOfOlderVersionsIsRead: a copy that was under way when Leaver was updated goes on.
func TestProgressOfOlderVersionsIsRead(t *testing.T) {
	t.Parallel()
	want := progress{
		Drive: "b!2", Folder: "f", CopiedDelta: "t0", Wave: 3,
		walked: walked{
			At: "root/a", Items: 7, Bytes: 5_000_000_000, Hashed: 4, Sized: 1, Different: []string{"x", "y"}, Differences: 2,
			BeganItems: 9, BeganBytes: 6_000_000_000, BeganDelta: "t1", Whole: "w",
			WaveAt: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC), Failed: map[string]string{"i": "notFound"}, Tries: 1, Lacked: 2,
		},
	}
	names := map[string]string{
		"targetDrive": "b!2", "targetFolder": "f", "copiedDelta": "t0", "wave": "3", "copyAt": "root/a", "items": "7", "bytes": "5000000000",
		"hashed": "4", "sized": "1", "different": "x y", "differences": "2", "beganItems": "9", "beganBytes": "6000000000", "beganDelta": "t1",
		"whole": "w", "waveAt": "2026-11-22T09:00:00Z", "failed": "i=notFound", "tries": "1", "lacked": "2",
	}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	for name, kept := range map[string]map[string]string{
		"a name for every field": names,
		"one value":              {keeping: string(text)},
		"one value goes before":  {keeping: string(text), "items": "99"},
	} {
		got, err := readProgress(kept)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v; want %+v", name, got, err, want)
		}
	}
}
