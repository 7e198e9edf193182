package main

import (
	"strings"
	"testing"
	"time"

	"leaver/shared/offboarding"
)

func TestStatusShowsTheDeadlines(t *testing.T) {
	t.Parallel()
	released := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	s := statusOf(&offboarding.Case{ID: "c", Steps: []*offboarding.Record{
		{Name: offboarding.StepOnedrive, State: offboarding.StateEffective, Evidence: map[string]string{offboarding.DriveSeen: "b!1"}},
		{Name: offboarding.StepLicence, State: offboarding.StateEffective, EffectiveAt: released},
	}}, nil, released)
	var text, lines strings.Builder
	if err := writeReport(&text, []status{s}); err != nil {
		t.Fatal(err)
	}
	if err := writeJSON(&lines, []status{s}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2027-01-21  the unlicensed OneDrive becomes read-only", "2027-02-23  the unlicensed OneDrive is archived"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in the report:\n%s", want, text.String())
		}
	}
	if !strings.Contains(lines.String(), `"deadlines":[{"at":"2027-01-21T09:00:00Z","what":"the unlicensed OneDrive becomes read-only"`) {
		t.Errorf("%s", lines.String())
	}
}
