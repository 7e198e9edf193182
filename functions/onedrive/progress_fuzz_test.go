package onedrive

import (
	"encoding/json"
	"testing"
)

// FuzzProgress reads any two values as the progress that a run kept, of this version or of an older one.
func FuzzProgress(f *testing.F) {
	f.Add(keeping, `{"drive":"d","at":"p","failed":{"a":"b"}}`)
	f.Add(keeping, `{"waveAt":"tomorrow"}`)
	f.Add("failed", "a=b c= =d =")
	f.Add("waveAt", "2026-11-22T09:00:00Z")
	f.Add("items", "-1")
	f.Fuzz(func(t *testing.T, name, value string) {
		p, err := readProgress(map[string]string{name: value})
		if err != nil {
			return
		}
		if _, err := json.Marshal(p); err != nil {
			t.Errorf("it cannot be kept again: %v", err)
		}
	})
}
