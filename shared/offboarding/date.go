package offboarding

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // zones have names wherever a function runs
)

// Date is a day of the calendar. It has no time and no zone, so it is no moment: a person in Auckland
// and one in Los Angeles who leave on one date leave 21 hours apart. The zero value is no date.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// ParseDate reads a day like 2026-11-30.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, fmt.Errorf("%q is not a day; write it like 2026-11-30", s)
	}
	return DateOf(t), nil
}

// DateOf is the day that a calendar shows at a moment, in the location of the moment.
func DateOf(t time.Time) Date {
	year, month, day := t.Date()
	return Date{year, month, day}
}

// String is the day as ParseDate reads it; empty for no date.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day)
}

// IsZero reports whether it is no date.
func (d Date) IsZero() bool { return d == Date{} }

// Before reports whether d is an earlier day than other.
func (d Date) Before(other Date) bool { return d.String() < other.String() }

// MarshalText implements encoding.TextMarshaler.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Date) UnmarshalText(text []byte) (err error) {
	*d = Date{}
	if len(text) > 0 {
		*d, err = ParseDate(string(text))
	}
	return err
}

// Clock is a time of day, since midnight as a clock shows it.
type Clock time.Duration

// EndOfDay is the last second of a day: whoever leaves on a date is at work until it ends.
const EndOfDay = Clock(24*time.Hour - time.Second)

// ParseClock reads a time of day like 18:00 or 18:00:30.
func ParseClock(s string) (Clock, error) {
	for _, layout := range []string{"15:04", time.TimeOnly} {
		if t, err := time.Parse(layout, s); err == nil && strings.Count(s, ":") == strings.Count(layout, ":") {
			return Clock(t.Sub(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC))), nil
		}
	}
	return 0, fmt.Errorf("%q is not a time of day; write it like 18:00", s)
}

// At is the moment at which clocks in a zone show a time on the day. Where they show it twice,
// because they are put back, it is the later one; where they skip it, as much later.
func (d Date) At(c Clock, zone *time.Location) time.Time {
	first := time.Date(d.Year, d.Month, d.Day, 0, 0, int(time.Duration(c)/time.Second), 0, zone)
	for _, back := range []time.Duration{2 * time.Hour, time.Hour, 30 * time.Minute} {
		if again := first.Add(back); sameClock(first, again) {
			return again
		}
	}
	return first
}

func sameClock(a, b time.Time) bool {
	return a.Format(time.DateTime) == b.Format(time.DateTime)
}

// AnywhereOnEarth is where a day ends last. What is known to be a day and not where it ends is taken
// for over when it is over there.
var AnywhereOnEarth = time.FixedZone("AoE", -12*60*60)

// LoadZone is the location of a time zone by its name in the time zone database. The zone of the
// machine is not one, and UTC has to be meant.
func LoadZone(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("%q is not a time zone; write it like Europe/Berlin", name)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("%q is not a time zone; write it like Europe/Berlin", name)
	}
	return zone, nil
}
