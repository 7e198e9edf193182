package offboarding_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/shared/offboarding"
)

// TestAnEntryThatDoesNotFitIsRefused puts each after a case's first entry, or in its place.
func TestAnEntryThatDoesNotFitIsRefused(t *testing.T) {
	t.Parallel()
	const signout = offboarding.StepSignout
	plan := opened(t).Plan
	twice := *plan
	twice.Steps = append(slices.Clone(plan.Steps), plan.Steps[0])
	for name, e := range map[string]offboarding.Entry{
		"a gap":                            {Position: 3, Previous: "hash 1", Kind: offboarding.EntryPublished},
		"a broken chain":                   {Position: 2, Previous: "other", Kind: offboarding.EntryPublished},
		"an unknown kind":                  {Kind: "promoted"},
		"no kind":                          {},
		"opened twice":                     {Kind: offboarding.EntryOpened, Leaver: "l", Plan: plan},
		"joined with an old plan":          {Kind: offboarding.EntryJoined, Plan: plan},
		"a step the plan does not hold":    {Kind: offboarding.EntrySettled, Step: "promote", N: 1, State: offboarding.StateEffective},
		"settled without a step":           {Kind: offboarding.EntrySettled, N: 1, State: offboarding.StateEffective},
		"settled without a state":          {Kind: offboarding.EntrySettled, Step: signout, N: 1},
		"settled in an unknown state":      {Kind: offboarding.EntrySettled, Step: signout, N: 1, State: "on fire"},
		"settled without a number":         {Kind: offboarding.EntrySettled, Step: signout, State: offboarding.StateEffective},
		"begun without a lease":            {Kind: offboarding.EntryBegun, Step: signout, N: 1},
		"renewed without a lease":          {Kind: offboarding.EntryRenewed, Step: signout},
		"kept without a step":              {Kind: offboarding.EntryKept},
		"rescheduled without a number":     {Kind: offboarding.EntryRescheduled, Step: signout},
		"signed off without what it was":   {Kind: offboarding.EntrySignedOff, Step: signout},
		"an export that is not named":      {Kind: offboarding.EntryExportDeleted},
		"settled as signed off":            {Kind: offboarding.EntrySettled, Step: signout, N: 1, State: offboarding.StateSignedOff},
		"rescheduled as signed off":        {Kind: offboarding.EntryRescheduled, Step: signout, N: 2, State: offboarding.StateSignedOff},
		"rescheduled to an unknown state":  {Kind: offboarding.EntryRescheduled, Step: signout, N: 2, State: "on fire"},
		"first: published before it opens": {Position: 1, Kind: offboarding.EntryPublished, Leaver: "l"},
		"first: opened without a plan":     {Position: 1, Kind: offboarding.EntryOpened, Leaver: "l"},
		"first: opened for nobody":         {Position: 1, Kind: offboarding.EntryOpened, Plan: plan},
		"first: cancelled for nobody":      {Position: 1, Kind: offboarding.EntryCancelled},
		"first: a step twice":              {Position: 1, Kind: offboarding.EntryOpened, Leaver: "l", Plan: &twice},
		"first: a plan without a version":  {Position: 1, Kind: offboarding.EntryOpened, Leaver: "l", Plan: &offboarding.Plan{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := history(t, opened(t))
			switch e.Position {
			case 0:
				e.Position, e.Previous = 2, c.Hash
			case 1:
				c = &offboarding.Case{ID: "case"}
			}
			if next, err := c.With(e, "hash"); err == nil {
				t.Errorf("it was folded in, and the case is %s", next.State(leaving))
			}
		})
	}
}

// TestACaseDoesNotChange folds every kind of entry into cases, two ways on from each of them.
func TestACaseDoesNotChange(t *testing.T) {
	t.Parallel()
	const signout = offboarding.StepSignout
	later := *opened(t).Plan
	later.Version, later.Mailbox = 2, offboarding.Shared
	lease := &offboarding.Lease{Holder: "run", Until: leaving.Add(time.Hour)}
	call := []offboarding.Call{{Operation: "PATCH /users/{id}", Status: 204}}
	entries := []offboarding.Entry{
		opened(t),
		{Kind: offboarding.EntryPublished, Sealed: map[string]string{"a": strings.Repeat("1", 64)}},
		{Kind: offboarding.EntryBegun, Step: signout, Lease: lease},
		{Kind: offboarding.EntryRenewed, Step: signout, Lease: lease},
		{Kind: offboarding.EntryKept, Step: signout, Before: map[string]string{"a": "b"}, Progress: map[string]string{"c": "d"}},
		{Kind: offboarding.EntrySettled, Step: signout, State: offboarding.StateWaiting, N: 2, Calls: call, Evidence: map[string]string{"e": "f"}, Attempt: true},
		{Kind: offboarding.EntryRescheduled, Step: signout, N: 3},
		{Kind: offboarding.EntrySettled, Step: signout, State: offboarding.StateManual, N: 3, Calls: call, Evidence: map[string]string{"g": "h"}},
		{Kind: offboarding.EntrySignedOff, Step: signout, State: offboarding.StateManual, Sealed: map[string]string{"b": strings.Repeat("2", 64)}},
		{Kind: offboarding.EntryJoined, Request: "req-2", EventTime: leaving.Add(time.Hour), Plan: &later},
		{Kind: offboarding.EntryCancelled, Request: "req-3"},
		{Kind: offboarding.EntryExportDeleted, Export: &offboarding.DeletedExport{From: "file:///exports", Manifest: "9f86"}},
	}
	// Everything that a case shows, sealed names included.
	shown := func(c *offboarding.Case) string {
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"a", "b"} {
			if c.Sealed(name) {
				text = append(text, name...)
			}
		}
		return string(text)
	}
	c := &offboarding.Case{ID: "case"}
	for i, e := range entries {
		before := shown(c)
		e.Position, e.Previous, e.At = c.Position+1, c.Hash, leaving
		next, err := c.With(e, "hash")
		if err != nil {
			t.Fatal(err)
		}
		after := shown(next)
		if _, err := c.With(e, "another hash"); err != nil {
			t.Fatal(err)
		}
		if got := shown(c); got != before {
			t.Errorf("entry %d (%s) changed the case it was folded into\n got %s\nwant %s", i+1, e.Kind, got, before)
		}
		if got := shown(next); got != after {
			t.Errorf("entry %d (%s), folded in twice, changed the first result\n got %s\nwant %s", i+1, e.Kind, got, after)
		}
		c = next
	}
}

// TestTheHistoryOfAnExportThatWasDeletedStaysReadable holds the entry to what a ledger has of it, byte for byte:
// its hash is in the entry after it. It puts off no erasure: the case ended long before.
func TestTheHistoryOfAnExportThatWasDeletedStaysReadable(t *testing.T) {
	t.Parallel()
	const stored = `{"position":2,"at":"2027-11-23T09:00:00Z","kind":"export deleted","export":{"from":"s3://contoso-leaver-export?region=eu-central-1","manifest":"9f86d081","keepUntil":"2027-11-22T17:00:00Z","deleted":"2027-11-23T09:00:00Z","items":9812,"files":10340,"bytes":1468006400},"previous":"hash 1"}`
	var e offboarding.Entry
	if err := json.Unmarshal([]byte(stored), &e); err != nil {
		t.Fatal(err)
	}
	if again, err := json.Marshal(e); err != nil || string(again) != stored {
		t.Errorf("got %s, %v, want %s", again, err, stored)
	}
	before := history(t, opened(t))
	c, err := before.With(e, "hash 2")
	if err != nil {
		t.Fatal(err)
	}
	want := offboarding.DeletedExport{
		From: "s3://contoso-leaver-export?region=eu-central-1", Manifest: "9f86d081", Items: 9812, Files: 10340, Bytes: 1468006400,
		KeepUntil: time.Date(2027, 11, 22, 17, 0, 0, 0, time.UTC), Deleted: time.Date(2027, 11, 23, 9, 0, 0, 0, time.UTC),
	}
	if len(c.DeletedExports) != 1 || c.DeletedExports[0] != want || !c.ChangedAt.Equal(before.ChangedAt) {
		t.Errorf("got %v, changed at %s; want %v, and changed at %s", c.DeletedExports, c.ChangedAt, want, before.ChangedAt)
	}
}
