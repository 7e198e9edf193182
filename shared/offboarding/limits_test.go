package offboarding_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"leaver/shared/offboarding"
)

func TestLimitsAreNumbersOfDepartures(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		limits  offboarding.Limits
		members int
		want    map[string]int
	}{
		{offboarding.Limits{PerHour: 10, PerDay: 30, Share: 5}, 1000, map[string]int{"perHour": 10, "perDay": 30, "share": 50}},
		{offboarding.Limits{Share: 5}, 101, map[string]int{"share": 6}}, // rounded up
		{offboarding.Limits{Share: 5}, 100, map[string]int{"share": 5}},
		{offboarding.Limits{Share: 5}, 20, map[string]int{"share": 3}}, // never under three
		{offboarding.Limits{Share: 5}, 0, map[string]int{"share": 3}},  // nobody knows
		{offboarding.Limits{}, 1000, map[string]int{}},
	} {
		got := map[string]int{}
		for _, b := range tt.limits.Bounds(tt.members) {
			got[b.Name] = b.Of
		}
		if fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%+v of %d members: got %v, want %v", tt.limits, tt.members, got, tt.want)
		}
	}
}

// TestLimitsAreRolling tells departures one after another, in minutes after the leaving time of the
// first, and which of them would exceed a bound of three an hour, or of two of the source bob.
func TestLimitsAreRolling(t *testing.T) {
	t.Parallel()
	type departure struct {
		id, source string
		minute     int
		exceeds    string
	}
	bounds := []offboarding.Bound{
		{Name: offboarding.BoundPerHour, Window: time.Hour, Of: 3},
		offboarding.SourceBound("bob", 2),
	}
	for _, tt := range []struct {
		name       string
		allowance  offboarding.Allowance
		departures []departure
	}{
		{"the fourth within an hour is too much", offboarding.Allowance{}, []departure{
			{"a", "x", 0, ""}, {"b", "x", 1, ""}, {"c", "x", 59, ""}, {"d", "x", 59, "perHour"},
		}},
		{"after an hour the first does not count", offboarding.Allowance{}, []departure{
			{"a", "x", 0, ""}, {"b", "x", 1, ""}, {"c", "x", 59, ""}, {"d", "x", 60, ""}, {"e", "x", 60, "perHour"}, {"f", "x", 61, ""},
		}},
		{"a dated departure keeps its place", offboarding.Allowance{}, []departure{
			{"a", "x", 100, ""}, {"b", "x", 100, ""}, {"c", "x", 100, ""}, {"d", "x", 41, "perHour"}, {"e", "x", 40, ""}, {"f", "x", 159, "perHour"}, {"g", "x", 160, ""},
		}},
		{"the same again counts once", offboarding.Allowance{}, []departure{
			{"a", "x", 0, ""}, {"b", "x", 0, ""}, {"c", "x", 0, ""}, {"c", "x", 0, ""}, {"b", "x", 5, ""}, {"d", "x", 10, "perHour"},
		}},
		{"one that moves is no longer where it was", offboarding.Allowance{}, []departure{
			{"a", "x", 0, ""}, {"b", "x", 0, ""}, {"c", "x", 0, ""}, {"c", "x", 300, ""}, {"d", "x", 1, ""}, {"e", "x", 1, "perHour"},
		}},
		{"to where it is full it does not move", offboarding.Allowance{}, []departure{
			{"a", "x", 0, ""}, {"b", "x", 0, ""}, {"c", "x", 0, ""}, {"d", "x", 300, ""}, {"d", "x", 0, "perHour"},
		}},
		{"a source has a bound of its own, whatever its case", offboarding.Allowance{}, []departure{
			{"a", "bob", 0, ""}, {"b", "Bob", 0, ""}, {"c", "bob", 1, "perHour of bob"}, {"d", "x", 1, ""}, {"e", "bob", 2, "perHour perHour of bob"},
		}},
		{"an allowance is on top of every bound while it lasts", offboarding.Allowance{Departures: 1, From: leaving.Add(10 * time.Minute), Until: leaving.Add(20 * time.Minute)}, []departure{
			{"a", "bob", 0, ""}, {"b", "bob", 0, ""}, {"c", "x", 0, ""}, {"d", "x", 9, "perHour"}, {"e", "bob", 10, ""}, {"f", "x", 11, "perHour"}, {"g", "x", 20, "perHour"},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tally := offboarding.Tally{}.Allowing(tt.allowance)
			for i, d := range tt.departures {
				b := offboarding.Beginning{Case: d.id, Source: d.source, At: leaving.Add(time.Duration(d.minute) * time.Minute)}
				exceeded := tally.Exceeded(b, bounds)
				if got, want := fmt.Sprint(exceeded), "["+d.exceeds+"]"; got != want {
					t.Fatalf("departure %d, %s in minute %d: exceeds %s, want %s", i+1, d.id, d.minute, got, want)
				}
				if len(exceeded) == 0 {
					tally = tally.With(b)
				}
			}
		})
	}
}

func TestATallyDoesNotChange(t *testing.T) {
	t.Parallel()
	hour := offboarding.Bound{Name: offboarding.BoundPerHour, Window: time.Hour, Of: 100}
	var tally offboarding.Tally
	for i := range 10 {
		tally = tally.With(offboarding.Beginning{Case: fmt.Sprint(i), At: leaving.Add(time.Duration(i) * time.Minute)})
	}
	end := leaving.Add(30 * time.Minute)
	for _, next := range []offboarding.Tally{
		tally.With(offboarding.Beginning{Case: "5", At: leaving.Add(25 * time.Hour)}), tally.Without("3"),
		tally.Since(leaving.Add(25 * time.Hour)), tally.Allowing(offboarding.Allowance{Departures: 5, From: leaving, Until: end.Add(1)}),
	} {
		if got := tally.Used(hour, end); got != 10 || tally.Allowed(end) != 0 {
			t.Fatalf("%d used, %d allowed; want 10 and 0", got, tally.Allowed(end))
		}
		if next.Used(hour, end) == 10 && next.Allowed(end) == 0 {
			t.Error("the next one is the same")
		}
	}
	if kept := tally.Since(leaving.Add(24*time.Hour + 5*time.Minute)); !slices.ContainsFunc([]string{"5"}, func(id string) bool { _, ok := kept.Counted(id); return ok }) {
		t.Error("what a window still reaches back to is gone")
	}
}

// TestALayoffDatedToOneMomentIsCounted would take hours if each departure were compared with every pair of
// others.
func TestALayoffDatedToOneMomentIsCounted(t *testing.T) {
	t.Parallel()
	const people = 2000
	bounds := []offboarding.Bound{
		{Name: offboarding.BoundPerHour, Window: time.Hour, Of: people - 1},
		{Name: offboarding.BoundPerDay, Window: 24 * time.Hour, Of: people - 1},
	}
	var tally offboarding.Tally
	for i := range people {
		b := offboarding.Beginning{Case: fmt.Sprint(i), At: leaving}
		if exceeded := tally.Exceeded(b, bounds); len(exceeded) > 0 != (i == people-1) {
			t.Fatalf("departure %d exceeds %v", i+1, exceeded)
		}
		tally = tally.With(b)
	}
}

func TestAnAllowanceEndsWhenItSays(t *testing.T) {
	t.Parallel()
	tally := offboarding.Tally{}.Allowing(offboarding.Allowance{Departures: 5, From: leaving, Until: leaving.Add(time.Hour)})
	for after, want := range map[time.Duration]int{-1: 0, 0: 5, time.Hour - 1: 5, time.Hour: 0} {
		if got := tally.Allowed(leaving.Add(after)); got != want {
			t.Errorf("%s after it begins %d are allowed, want %d", after, got, want)
		}
	}
}

// TestASourceIsNotHeldByTheBoundOfAnother that is exceeded already, as after the policy was tightened.
func TestASourceIsNotHeldByTheBoundOfAnother(t *testing.T) {
	t.Parallel()
	var tally offboarding.Tally
	for _, id := range []string{"a", "b"} {
		tally = tally.With(offboarding.Beginning{Case: id, Source: "bob", At: leaving})
	}
	bounds := []offboarding.Bound{offboarding.SourceBound("bob", 1)}
	for source, held := range map[string]bool{"bob": true, "x": false} {
		if got := tally.Exceeded(offboarding.Beginning{Case: "c", Source: source, At: leaving}, bounds); len(got) > 0 != held {
			t.Errorf("a departure of %s exceeds %v, want it held: %t", source, got, held)
		}
	}
}
