package hris

import (
	"cmp"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"

	"leaver/shared/offboarding"
)

// Leaving is when somebody leaves, as an HR system says it; a part that it does not say is zero. A
// day is kept apart from a moment: it becomes one in the zone of the person.
type Leaving struct {
	Time            time.Time        // when the person must be out
	LastDay         offboarding.Date // the last day at work
	EndOfEmployment offboarding.Date // the last day of the contract, which garden leave sets apart
	Zone            string           // of the person; empty = the source's
}

// IsZero reports whether it says nothing.
func (l Leaving) IsZero() bool {
	return l.Time.IsZero() && l.LastDay.IsZero() && l.EndOfEmployment.IsZero()
}

// schedule is when a person is out and when the employment ends, which is zero where it ends no
// later. The earlier date locks out; the later one is what licence and deletion wait for.
func (c Config) schedule(l Leaving) (out, end time.Time, zone string, err error) {
	zone = cmp.Or(l.Zone, c.Zone)
	first, last := l.LastDay, l.EndOfEmployment
	if first.IsZero() || !last.IsZero() && last.Before(first) {
		first, last = l.EndOfEmployment, l.LastDay
	}
	if out = l.Time; first.IsZero() {
		return out, time.Time{}, zone, nil
	}
	location, err := offboarding.LoadZone(zone)
	switch {
	case zone == "" && c.At == "" && l.Time.IsZero():
		location = offboarding.AnywhereOnEarth // until plan knows the zone
	case zone == "":
		return out, end, zone, errors.New("a day is no moment without a time zone: declare the zone of the source")
	case err != nil:
		return out, end, zone, err
	}
	clock := offboarding.EndOfDay
	if c.At != "" {
		if clock, err = offboarding.ParseClock(c.At); err != nil {
			return out, end, zone, err
		}
	}
	if day := first.At(clock, location); out.IsZero() || day.Before(out) {
		out = day
	}
	if end = cmpDate(first, last).At(offboarding.EndOfDay, location); last.IsZero() || !end.After(out) || last == first {
		end = time.Time{}
	}
	return out, end, zone, nil
}

func cmpDate(a, b offboarding.Date) offboarding.Date {
	if a.Before(b) {
		return b
	}
	return a
}

// A day may carry what makes it look like a moment: the zone suffix that XML Schema allows, or a
// midnight.
var (
	plainDay = regexp.MustCompile(`^(\d{4}-\d\d-\d\d)(Z|[+-]\d\d:?\d\d)?$`)
	layouts  = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04Z07:00"}
	local    = []string{"2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05", "2006-01-02T15:04"}
)

// ErrDate: a text is no date; the error does not repeat it.
var errDate = errors.New("a day is written like 2026-11-30, a time like 2026-11-30T17:00:00+01:00")

// parseDay reads a day. What HR systems write for "no date" is none: nothing, 0000-00-00,
// 1900-01-01, 9999-12-31 and their like. A time of day is dropped, and with it the zone that a
// system dressed the day in.
func parseDay(text string) (offboarding.Date, error) {
	day, at, err := parseWhen(text)
	if err != nil || at.IsZero() {
		return day, err
	}
	return offboarding.DateOf(at), nil
}

// parseWhen reads a day or a moment, whichever it is; neither for "no date". Midnight in UTC is a
// day that was dressed as a moment: taken for one, it would lock Los Angeles out on the afternoon
// before.
func parseWhen(text string) (day offboarding.Date, at time.Time, err error) {
	text = strings.TrimSpace(text)
	if placeholder(text) {
		return offboarding.Date{}, time.Time{}, nil
	}
	if m := plainDay.FindStringSubmatch(text); m != nil {
		if day, err = offboarding.ParseDate(m[1]); err != nil {
			err = errDate
		}
		return day, time.Time{}, err
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		at = counted(n)
		switch year := at.Year(); {
		case year < 1 || year > 9999:
			return offboarding.Date{}, time.Time{}, errDate // such as microseconds
		case noYear(year):
			return offboarding.Date{}, time.Time{}, nil
		}
		return undress(at)
	}
	for _, layout := range layouts {
		if at, err := time.Parse(layout, text); err == nil {
			return undress(at)
		}
	}
	for _, layout := range local {
		// Without a zone, all that is sure is the day.
		if at, err := time.Parse(layout, text); err == nil {
			return offboarding.DateOf(at), time.Time{}, nil
		}
	}
	return offboarding.Date{}, time.Time{}, errDate
}

// counted is a count of seconds, or of milliseconds where seconds would be a year after 5138.
func counted(n int64) time.Time {
	if n > 1e11 || n < -1e11 {
		return time.UnixMilli(n).UTC()
	}
	return time.Unix(n, 0).UTC()
}

// noYear reports whether a year is one of those that HR systems keep where they know no date.
func noYear(year int) bool { return year <= 1900 || year >= 2999 }

func undress(at time.Time) (offboarding.Date, time.Time, error) {
	if _, offset := at.Zone(); offset == 0 && at.Equal(at.Truncate(24*time.Hour)) {
		return offboarding.DateOf(at.UTC()), time.Time{}, nil
	}
	return offboarding.Date{}, at, nil
}

// placeholder reports whether a text is what HR systems keep where they know no date.
func placeholder(text string) bool {
	if text == "" || text == "null" || strings.HasPrefix(text, "0000") || strings.HasPrefix(text, "0001-01-01") {
		return true
	}
	year, err := strconv.Atoi(text[:min(4, len(text))])
	return err == nil && len(text) > 4 && text[4] == '-' && noYear(year)
}

// parseInstant reads when an event happened; a day or a time without a zone is not precise enough
// to order by.
func parseInstant(text string) (time.Time, bool) {
	text = strings.TrimSpace(text)
	for _, layout := range layouts {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if at := counted(n); err == nil && n > 0 && at.Year() <= 9999 {
		return at, true
	}
	return time.Time{}, false
}
