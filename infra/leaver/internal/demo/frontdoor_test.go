package demo

import (
	"strings"
	"testing"

	"leaver/shared/hris"
)

// TestEverySourceLocksOutAtTheMomentOfItsZone plays the scenario front-door, whose judge decides.
func TestEverySourceLocksOutAtTheMomentOfItsZone(t *testing.T) {
	t.Parallel()
	out, err := played(t, Options{Scenario: "front-door", JSON: true})
	if want := 2*len(hris.Vendors()) - 1; err != nil || strings.Count(out, "\n") != want {
		t.Errorf("got %v and %d lines, want %d\n%s", err, strings.Count(out, "\n"), want, out)
	}
}
