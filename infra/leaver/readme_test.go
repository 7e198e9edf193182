package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"leaver/shared/offboarding"
)

// TestReadmeTellsTheTruth holds the README's table equal to the code's list of functions.
func TestReadmeTellsTheTruth(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "| function | trigger | permissions | done when |\n|---|---|---|---|\n")
	if !found {
		t.Fatal("the README has no table of the functions")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	var rows [][]string
	for line := range strings.Lines(table) {
		rows = append(rows, strings.Split(strings.Trim(strings.TrimSpace(line), "| "), " | "))
	}
	var want [][]string
	for i, f := range offboarding.Functions() {
		permissions := strings.Join(f.Permissions, ", ")
		if permissions == "" {
			permissions = "none"
		}
		if f.Exchange {
			permissions += "; " + offboarding.ManageAsApp
		}
		trigger := ""
		if i < len(rows) && len(rows[i]) == 4 {
			trigger = rows[i][1] // in words, not in the list
		}
		want = append(want, []string{f.Name, trigger, permissions, f.Done})
	}
	if !slices.EqualFunc(rows, want, slices.Equal) {
		t.Errorf("the README's table says\n%q\nand should say\n%q", rows, want)
	}
}
