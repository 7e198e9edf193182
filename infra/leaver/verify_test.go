package main

import (
	"strings"
	"testing"

	"leaver/shared/ledger"
	"leaver/shared/ledger/ledgertest"
)

// TestAnExportIsReadWhateverItsSize reads many histories of which each is within the bound, and all of them
// are not: a ledger that was exported has to come back.
func TestAnExportIsReadWhateverItsSize(t *testing.T) {
	t.Parallel()
	const line = `{"tenant":"t","id":"brakes","entries":["{}"]}` + "\n"
	n := 0
	err := eachHistory(strings.NewReader(strings.Repeat(line, 100)), "export.jsonl", 2*int64(len(line)), func(ledger.Copy) error { n++; return nil })
	if err != nil || n != 100 {
		t.Errorf("%d histories, %v; want 100", n, err)
	}
	long := `{"tenant":"t","id":"brakes","entries":["` + strings.Repeat("x", 4096) + `"]}`
	if err := eachHistory(strings.NewReader(long), "export.jsonl", 1024, func(ledger.Copy) error { return nil }); err == nil {
		t.Error("a history that is longer than any is read")
	}
}

// FuzzHistories reads any text as an export: every history of it has an id, and verifies or says why not.
func FuzzHistories(f *testing.F) {
	f.Add(`{"tenant":"t","id":"brakes","entries":["{}"]}` + "\n" + `{"id":"x","entries":null}`)
	f.Add(`{"id":""}`)
	f.Add(`{"id":"brakes","entries":[7]}`)
	f.Add(`[]`)
	f.Add(``)
	f.Fuzz(func(t *testing.T, text string) {
		n := 0
		err := eachHistory(strings.NewReader(text), "export.jsonl", 1<<16, func(h ledger.Copy) error {
			n++
			if v := ledgertest.Proof("t").Verify(h); h.ID == "" || !v.OK && len(v.Problems) == 0 {
				t.Errorf("history %q does not verify without a word", h.ID)
			}
			return nil
		})
		if err == nil && n == 0 {
			t.Error("no history, and no error")
		}
	})
}
