package offboarding

import (
	"slices"
	"strings"
	"time"
)

// Limits bound how many departures begin in a rolling time without a person's word; 0 is no bound.
type Limits struct {
	PerHour int `yaml:"perHour" default:"10" about:"departures an hour"`
	PerDay  int `yaml:"perDay" default:"30" about:"departures in 24 hours"`
	Share   int `yaml:"share" default:"5" about:"departures in 24 hours, in percent of the enabled members, rounded up and never under three"`
}

// leastShare is what a share never goes below: in a small company one departure is many percent.
const leastShare = 3

// The names of the bounds.
const (
	BoundPerHour = "perHour"
	BoundPerDay  = "perDay"
	BoundShare   = "share"
)

// Bound is one limit as a number.
type Bound struct {
	Name string `json:"name"`
	// Source is whose departures it bounds; empty = everybody's.
	Source string        `json:"source,omitempty"`
	Window time.Duration `json:"window"`
	Of     int           `json:"of"`
}

// String is the bound's name, and whose it is.
func (b Bound) String() string {
	if b.Source == "" {
		return b.Name
	}
	return b.Name + " of " + b.Source
}

// Bounds are the limits in an organisation of so many enabled members. Where nobody knows how many
// there are, the share is the least it can be.
func (l Limits) Bounds(members int) []Bound {
	all := []Bound{} // never nil: that there is no limit is known
	if l.PerHour > 0 {
		all = append(all, Bound{Name: BoundPerHour, Window: time.Hour, Of: l.PerHour})
	}
	if l.PerDay > 0 {
		all = append(all, Bound{Name: BoundPerDay, Window: day, Of: l.PerDay})
	}
	if l.Share > 0 {
		all = append(all, Bound{Name: BoundShare, Window: day, Of: max((members*l.Share+99)/100, leastShare)})
	}
	return all
}

// SourceBound is the limit of one source's own departures.
func SourceBound(source string, perHour int) Bound {
	return Bound{Name: BoundPerHour, Source: source, Window: time.Hour, Of: perHour}
}

// Beginning is the moment at which a departure locks its leaver out, or will.
type Beginning struct {
	Case   string    `json:"case"`
	Source string    `json:"source"`
	At     time.Time `json:"at"`
	// Proven says that whoever counted it has signed that.
	Proven bool `json:"-"`
}

// Allowance is how many departures a person lets begin on top of every bound, from when they said so
// until a time.
type Allowance struct {
	Departures int       `json:"departures"`
	From       time.Time `json:"from"`
	Until      time.Time `json:"until"`
}

// Tally counts departures against bounds. It does not change: its methods return the next one.
type Tally struct {
	beginnings []Beginning // in the order of their times
	allowances []Allowance
}

// Counted is the beginning of a case that the tally holds.
func (t Tally) Counted(caseID string) (Beginning, bool) {
	i := slices.IndexFunc(t.beginnings, func(b Beginning) bool { return b.Case == caseID })
	if i < 0 {
		return Beginning{}, false
	}
	return t.beginnings[i], true
}

// With is the tally with a departure, which counts once: one that is moved is no longer where it was.
func (t Tally) With(b Beginning) Tally {
	t = t.Without(b.Case)
	i, _ := slices.BinarySearchFunc(t.beginnings, b, func(a, b Beginning) int { return a.At.Compare(b.At) })
	t.beginnings = slices.Insert(t.beginnings, i, b)
	return t
}

// Without is the tally without a departure, which ended before it began.
func (t Tally) Without(caseID string) Tally {
	t.beginnings = slices.DeleteFunc(slices.Clone(t.beginnings), func(b Beginning) bool { return b.Case == caseID })
	return t
}

// Allowing is the tally with an allowance.
func (t Tally) Allowing(a Allowance) Tally {
	t.allowances = append(slices.Clip(t.allowances), a)
	return t
}

// Since is the tally without what no window reaches back to any more at a time.
func (t Tally) Since(now time.Time) Tally {
	if len(t.beginnings) > 0 && now.Sub(t.beginnings[0].At) > day {
		t.beginnings = slices.DeleteFunc(slices.Clone(t.beginnings), func(b Beginning) bool { return now.Sub(b.At) > day })
	}
	if slices.ContainsFunc(t.allowances, func(a Allowance) bool { return now.Sub(a.Until) > day }) {
		t.allowances = slices.DeleteFunc(slices.Clone(t.allowances), func(a Allowance) bool { return now.Sub(a.Until) > day })
	}
	return t
}

// Allowed is how many departures people have allowed on top of every bound at a time.
func (t Tally) Allowed(at time.Time) int {
	n := 0
	for _, a := range t.allowances {
		if !at.Before(a.From) && at.Before(a.Until) {
			n += a.Departures
		}
	}
	return n
}

// Used is how many departures a bound counts in its window that ends at a time, that moment included.
func (t Tally) Used(b Bound, at time.Time) int {
	n := 0
	for _, each := range t.beginnings {
		if b.counts(each) && !each.At.After(at) && at.Sub(each.At) < b.Window {
			n++
		}
	}
	return n
}

// Exceeded are the bounds that one more departure would exceed: at its time, or at that of a dated
// one whose window it would be in.
func (t Tally) Exceeded(next Beginning, bounds []Bound) []Bound {
	with := t.With(next)
	var exceeded []Bound
	for _, b := range bounds {
		if !b.counts(next) {
			continue
		}
		if with.over(b, next.At) {
			exceeded = append(exceeded, b)
		}
	}
	return exceeded
}

// over reports whether the tally exceeds a bound at a time, or at that of a departure whose window the
// time is in. It goes once over the departures, which are in order: the whole of a layoff may be dated to
// one moment.
func (t Tally) over(b Bound, at time.Time) bool {
	var times []time.Time
	for _, each := range t.beginnings {
		if b.counts(each) {
			times = append(times, each.At)
		}
	}
	first, after := 0, 0 // of those in the window that ends at each
	for _, end := range times {
		later := end.Sub(at)
		if later < 0 {
			continue
		}
		if later >= b.Window {
			break
		}
		for after < len(times) && !times[after].After(end) {
			after++
		}
		for end.Sub(times[first]) >= b.Window {
			first++
		}
		if after-first > b.Of+t.Allowed(end) {
			return true
		}
	}
	return false
}

func (b Bound) counts(each Beginning) bool {
	return b.Source == "" || strings.EqualFold(b.Source, each.Source)
}
