package main

import (
	"strings"
	"testing"

	"leaver/shared/ledger"
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
