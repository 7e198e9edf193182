package servicebustest

import (
	"errors"
	"slices"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func brokerWith(t *testing.T, change func(*Options)) *broker {
	t.Helper()
	o := Options{Entities: []Entity{
		{Name: "q"}, {Name: "t", Subscription: "all"}, {Name: "t", Subscription: "some", Rules: []Rule{{Label: "red"}, {Label: "blue"}, {To: "some"}}},
		{Name: "t", Subscription: "both", Rules: []Rule{{Label: "green", To: "both"}}}, {Name: "t", Subscription: "none", Rules: []Rule{}},
	}}
	if change != nil {
		change(&o)
	}
	b, err := newBroker(o.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// contents are the ids that a path holds, by sequence number.
func contents(t *testing.T, b *broker, now time.Time, path string) []string {
	t.Helper()
	entries, err := b.peek(now, path, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, e := range entries {
		ids = append(ids, e.id)
	}
	return ids
}

func put(t *testing.T, b *broker, now time.Time, path, id, label string, at time.Time) int64 {
	t.Helper()
	sequences, err := b.accept(now, path, []message{{id: id, label: label}}, at)
	if err != nil {
		t.Fatal(err)
	}
	return sequences[0]
}

func take(t *testing.T, b *broker, now time.Time, path string) entry {
	t.Helper()
	entries, err := b.receive(now, path, 1, false)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%d messages, %v", len(entries), err)
	}
	return entries[0]
}

func TestRules(t *testing.T) {
	t.Parallel()
	b := brokerWith(t, nil)
	for _, label := range []string{"red", "green", "blue", "Red", ""} {
		put(t, b, noon, "T", "m-"+label, label, time.Time{})
	}
	for _, to := range []string{"some", "both"} {
		if _, err := b.accept(noon, "t", []message{{id: "to-" + to, label: "green", to: to}}, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string][]string{
		"t/Subscriptions/all":  {"m-red", "m-green", "m-blue", "m-Red", "m-", "to-some", "to-both"},
		"t/subscriptions/SOME": {"m-red", "m-blue", "to-some"},
		"t/Subscriptions/both": {"to-both"},
		"t/Subscriptions/none": nil,
	} {
		if got := contents(t, b, noon, path); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

// TestSettlements: what each settlement does to a message that is delivered once or for the last time.
func TestSettlements(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		act        act
		corners    Corners
		deliveries int // before the last one
		want       Counts
		count      int // of deliveries, on the message that stays
	}{
		"complete":              {act: complete},
		"abandon":               {act: abandon, want: Counts{Active: 1}, count: 1},
		"abandon, the last":     {act: abandon, deliveries: 2, want: Counts{DeadLetters: 1}, count: 3},
		"release":               {act: release, want: Counts{Active: 1}},
		"release that counts":   {act: release, corners: Corners{ReleaseCounts: true}, want: Counts{Active: 1}, count: 1},
		"release, the last":     {act: release, deliveries: 2, want: Counts{Active: 1}, count: 2},
		"defer":                 {act: deferIt, want: Counts{Deferred: 1}},
		"dead-letter":           {act: park, want: Counts{DeadLetters: 1}},
		"dead-letter, the last": {act: park, deliveries: 2, want: Counts{DeadLetters: 1}, count: 2},
	} {
		b := brokerWith(t, func(o *Options) { o.MaxDelivery, o.Corners = 3, c.corners })
		put(t, b, noon, "q", "m", "", time.Time{})
		for range c.deliveries {
			if err := b.settle(noon, "q", take(t, b, noon, "q").token, settlement{act: abandon}); err != nil {
				t.Fatal(err)
			}
		}
		held := take(t, b, noon, "q")
		if err := b.settle(noon, "q", held.token, settlement{act: c.act}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := b.settle(noon, "q", held.token, settlement{act: c.act}); !errors.Is(err, errLockLost) {
			t.Errorf("%s, again: %v", name, err)
		}
		if got, _ := b.count(noon, "q"); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
		for _, path := range []string{"q", "q" + deadLetterSuffix} {
			for _, e := range must(b.peek(noon, path, 0, 10)) {
				if e.deliveries != c.count {
					t.Errorf("%s: %d deliveries, want %d", name, e.deliveries, c.count)
				}
			}
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestSchedules(t *testing.T) {
	t.Parallel()
	b := brokerWith(t, nil)
	put(t, b, noon, "q", "second", "", noon.Add(2*time.Hour))
	put(t, b, noon, "q", "first", "", noon.Add(time.Hour))
	put(t, b, noon, "q", "past", "", noon.Add(-time.Hour))
	cancelled := put(t, b, noon, "q", "cancelled", "", noon.Add(time.Hour))
	if err := b.cancel(noon, "q", []int64{cancelled}); err != nil {
		t.Error(err)
	}
	if next := b.tick(noon); !next.Equal(noon.Add(time.Hour)) {
		t.Errorf("the next tick is due at %v", next)
	}
	if got, _ := b.count(noon, "q"); got != (Counts{Active: 1, Scheduled: 2}) {
		t.Errorf("%+v", got)
	}
	later := noon.Add(3 * time.Hour)
	if got := contents(t, b, later, "q"); !slices.Equal(got, []string{"past", "first", "second"}) {
		t.Errorf("%q", got)
	}
	if first := must(b.peek(later, "q", 0, 10))[1]; !first.enqueued.Equal(noon.Add(time.Hour)) || first.sequence == first.enqueuedSequence {
		t.Errorf("%+v", first)
	}
	if err := b.cancel(later, "q", []int64{cancelled}); !errors.Is(err, errNoMessage) {
		t.Errorf("%v", err)
	}
}

// TestDuplicateCorners: what Microsoft does not document about duplicates and cancellations.
func TestDuplicateCorners(t *testing.T) {
	t.Parallel()
	at := noon.Add(time.Hour)
	for name, c := range map[string]struct {
		corners            Corners
		sameNumber, forgot bool
	}{
		"default":                {},
		"duplicate keeps number": {corners: Corners{DuplicateKeepsNumber: true}, sameNumber: true},
		"cancel forgets id":      {corners: Corners{CancelForgetsID: true}, forgot: true},
	} {
		b := brokerWith(t, func(o *Options) { o.DuplicateWindow, o.Corners = time.Hour, c.corners })
		first := put(t, b, noon, "t", "m", "red", at)
		if second := put(t, b, noon, "t", "m", "red", at); (second == first) != c.sameNumber {
			t.Errorf("%s: numbers %d and %d", name, first, second)
		}
		if err := b.cancel(noon, "t", []int64{first}); err != nil {
			t.Fatal(err)
		}
		put(t, b, noon, "t", "m", "red", at)
		if got, _ := b.count(noon, "t"); (got.Scheduled == 1) != c.forgot {
			t.Errorf("%s: %+v after the cancellation", name, got)
		}
	}
}

func TestPathsAreChecked(t *testing.T) {
	t.Parallel()
	b := brokerWith(t, nil)
	for _, c := range []struct {
		path   string
		sender bool
		want   error
	}{
		{"q", true, nil}, {"Q", false, nil}, {"t", true, nil}, {"t", false, errNotAllowed}, {"t/Subscriptions/all", true, errNotAllowed},
		{"t/Subscriptions/all", false, nil}, {"q/$deadletterqueue", false, nil}, {"q/$DeadLetterQueue", true, errNotAllowed},
		{"x", true, errNotFound}, {"t/Subscriptions/x", false, errNotFound}, {"", false, errNotFound},
	} {
		if err := b.exists(c.path, c.sender); !errors.Is(err, c.want) {
			t.Errorf("%q, sender %t: %v", c.path, c.sender, err)
		}
	}
	for name, entities := range map[string][]Entity{
		"no name": {{}}, "twice": {{Name: "q"}, {Name: "Q"}}, "both": {{Name: "x"}, {Name: "x", Subscription: "s"}},
	} {
		if _, err := newBroker(Options{Entities: entities}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestDeadLettersStay: there they have no time to live, and no end of deliveries.
func TestDeadLettersStay(t *testing.T) {
	t.Parallel()
	b := brokerWith(t, func(o *Options) { o.TTL, o.MaxDelivery = time.Hour, 1 })
	put(t, b, noon, "q", "m", "", time.Time{})
	take(t, b, noon, "q")
	now := noon.Add(time.Minute)
	dead := "q" + deadLetterSuffix
	for range 3 {
		now = now.Add(240 * time.Hour)
		if e := take(t, b, now, dead); e.deadLetter.reason != "MaxDeliveryCountExceeded" {
			t.Errorf("%+v", e.deadLetter)
		}
	}
	now = now.Add(240 * time.Hour)
	e := take(t, b, now, dead)
	if err := b.settle(now, dead, e.token, settlement{act: park}); !errors.Is(err, errNotAllowed) {
		t.Errorf("%v", err)
	}
	if err := b.settle(now, dead, e.token, settlement{act: complete}); err != nil {
		t.Error(err)
	}
}
