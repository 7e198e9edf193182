package main

import (
	"os"
	"strings"
	"testing"

	"leaver/functions/plan"
	"leaver/shared/offboarding"
)

// TestReadmeTellsTheTruth holds the README's table equal to the code's lists.
func TestReadmeTellsTheTruth(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(strings.TrimSpace(line), " | "); len(cells) == 4 {
			rows[strings.TrimPrefix(cells[0], "| ")] = cells
		}
	}
	if got := rows["plan"]; got == nil || got[2] != strings.Join(plan.Permissions, ", ") {
		t.Errorf("plan: %v", got)
	}
	for _, spec := range offboarding.Steps {
		permissions := strings.Join(spec.Permissions, ", ")
		if spec.Exchange {
			permissions += "; Exchange.ManageAsApp"
		}
		row := rows[string(spec.Name)]
		if row == nil || row[2] != permissions || strings.TrimSuffix(row[3], " |") != spec.Done {
			t.Errorf("the row of %s should say\n%s | %s\nand says\n%v", spec.Name, permissions, spec.Done, row)
		}
	}
}
