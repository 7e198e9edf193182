package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"leaver/shared/offboarding"
)

// The timeline is drawn on a scale of the logarithm of time: the lockout takes a second and the
// deletion a month, and both are to be seen. Heights are in pixels, and everything across in percent of the
// width that a page has for it: a word is as large on a telephone and on paper as on a desk.
const (
	laneHeight = 26
	laneTop    = 52 // with two lines of labels
	labelLine  = 16
	tickRoom   = 15                     // between two labels of the axis
	labelRoom  = 24                     // between two in a line of labels
	together   = 3                      // within which two moments have one label
	instant    = 200 * time.Millisecond // below which times are one
)

// chart is the timeline as it is drawn.
type chart struct {
	Height, Top, Bottom int
	From                time.Time
	Lanes               []lane
	Ticks               []tick
	Lines               []line
	Alt                 string
}

type lane struct {
	Name  string
	Y     int
	Bars  []bar
	Marks []mark
}

type bar struct {
	X, Width float64
	State    string
}

type mark struct {
	X     float64
	Kind  string // run | person
	State string
	Title string
}

type tick struct {
	X     float64
	Label string
}

// line is a moment of the whole departure.
type line struct {
	X      float64
	Label  string
	Y      int    // of the label
	Anchor string // where the label stands: start, middle or end
}

var ticks = []struct {
	after time.Duration
	label string
}{
	{time.Second, "1 s"}, {10 * time.Second, "10 s"}, {time.Minute, "1 min"}, {10 * time.Minute, "10 min"}, {time.Hour, "1 h"}, {6 * time.Hour, "6 h"},
	{24 * time.Hour, "1 day"}, {7 * 24 * time.Hour, "1 week"}, {30 * 24 * time.Hour, "30 days"}, {90 * 24 * time.Hour, "90 days"}, {365 * 24 * time.Hour, "1 year"},
}

// chartOf draws the timeline of a report; nil where nothing has begun.
func chartOf(r Report) *chart {
	var from, to time.Time
	for _, e := range r.Timeline {
		if e.Kind == string(offboarding.EntryBegun) && (from.IsZero() || e.At.Before(from)) {
			from = e.At
		}
		for _, at := range []*time.Time{&e.At, e.Until} {
			if at != nil && at.After(to) {
				to = *at
			}
		}
	}
	if from.IsZero() {
		return nil
	}
	c := &chart{
		Top: laneTop, From: from,
		Bottom: laneTop + laneHeight*len(r.Steps), Height: laneTop + laneHeight*len(r.Steps) + 34,
	}
	whole := max(to.Sub(from), 2*time.Second)
	x := func(t time.Time) float64 {
		after := max(t.Sub(from), 0)
		share := math.Log1p(float64(after)/float64(instant)) / math.Log1p(float64(whole)/float64(instant))
		return math.Round(10000*share) / 100
	}
	free := float64(tickRoom) // from the label of the beginning on
	for _, t := range ticks {
		if at := x(from.Add(t.after)); t.after < whole && at > free {
			c.Ticks = append(c.Ticks, tick{at, t.label})
			free = at + tickRoom
		}
	}
	for i, s := range r.Steps {
		c.Lanes = append(c.Lanes, laneOf(r, s, laneTop+i*laneHeight, x))
	}
	c.lines(r, x)
	c.Alt = fmt.Sprintf("Timeline of %s over %s", offboarding.Count(len(r.Steps), "step"), offboarding.FormatDuration(whole.Round(time.Second)))
	return c
}

// laneOf is the lane of a step: a bar for each stretch in a state, a mark for each verdict.
func laneOf(r Report, s Step, y int, x func(time.Time) float64) lane {
	l := lane{Name: string(s.Name), Y: y}
	var since time.Time
	var in string // the state of the stretch; the first one is known by its end
	for _, e := range r.Timeline {
		if e.Step != s.Name {
			continue
		}
		if since.IsZero() {
			since = e.At
		}
		person := slices.ContainsFunc(r.People, func(a Act) bool { return a.Step == e.Step && a.At.Equal(e.At) })
		m := mark{X: x(e.At), Kind: "run", State: e.Kind, Title: fmt.Sprintf("%s %s", offboarding.Stamp(e.At), e.What)}
		if person {
			m.Kind = "person"
		}
		if e.Kind != string(offboarding.EntryBegun) {
			end := e.At
			if e.Until != nil {
				end = *e.Until
			}
			l.Bars = append(l.Bars, bar{X: x(since), Width: max(x(end)-x(since), .25), State: cmp.Or(in, e.Kind)})
			l.Marks = append(l.Marks, m)
			since, in = end, e.Kind
		}
	}
	return l
}

// lines are the moments that people ask for.
func (c *chart) lines(r Report, x func(time.Time) float64) {
	add := func(at *time.Time, label string) {
		if at != nil && !at.Before(c.From) {
			c.Lines = append(c.Lines, line{X: x(*at), Label: label})
		}
	}
	add(r.LockedOutAt, "locked out")
	add(r.CancelledAt, "cancelled")
	add(r.DeletedAt, "deleted")
	if r.Undo != nil {
		add(&r.Undo.At, "undo")
	}
	slices.SortFunc(c.Lines, func(a, b line) int { return cmp.Compare(a.X, b.X) })
	var ends [2]float64 // of the last label, in each of two lines
	for i := range c.Lines {
		l := &c.Lines[i]
		if i+1 < len(c.Lines) && c.Lines[i+1].X-l.X < together { // one label for both
			c.Lines[i+1].Label, l.Label = l.Label+", "+c.Lines[i+1].Label, ""
			continue
		}
		row := 1
		if ends[1] > 0 && l.X-ends[1] < labelRoom {
			row = 0
		}
		ends[row] = l.X
		l.Y = labelLine * (row + 1)
		switch {
		case l.X < 10:
			l.Anchor = "start"
		case l.X > 85:
			l.Anchor = "end"
		default:
			l.Anchor = "middle"
		}
	}
}
