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
// deletion a month, and both are to be seen. Lengths are in the picture's own units.
const (
	laneHeight  = 26
	laneLabel   = 104
	laneTop     = 40
	chartWidth  = 960
	chartMargin = 28
	tickRoom    = 64                     // between two labels of the axis
	instant     = 200 * time.Millisecond // below which times are one
)

// chart is the timeline as it is drawn.
type chart struct {
	Width, Height, Top, Bottom int
	Left, Right                int
	From                       time.Time
	Lanes                      []lane
	Ticks                      []tick
	Lines                      []line
	Alt                        string
}

// Span is how wide the lanes are.
func (c chart) Span() int { return c.Right - c.Left }

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
	X     float64
	Label string
	End   bool // the label stands to its left
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
		to = e.At
		if e.Until != nil && e.Until.After(to) {
			to = *e.Until
		}
	}
	if from.IsZero() {
		return nil
	}
	c := &chart{
		Width: chartWidth, Left: laneLabel, Right: chartWidth - chartMargin, Top: laneTop, From: from,
		Bottom: laneTop + laneHeight*len(r.Steps), Height: laneTop + laneHeight*len(r.Steps) + 34,
	}
	whole := max(to.Sub(from), 2*time.Second)
	x := func(t time.Time) float64 {
		after := max(t.Sub(from), 0)
		share := math.Log1p(float64(after)/float64(instant)) / math.Log1p(float64(whole)/float64(instant))
		return math.Round(10*(float64(c.Left)+share*float64(c.Right-c.Left))) / 10
	}
	free := float64(c.Left) + 24
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
			l.Bars = append(l.Bars, bar{X: x(since), Width: max(x(end)-x(since), 2), State: cmp.Or(in, e.Kind)})
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
	for i := range c.Lines {
		if i > 0 && c.Lines[i].X-c.Lines[i-1].X < 80 { // one label for both
			c.Lines[i].Label = c.Lines[i-1].Label + ", " + c.Lines[i].Label
			c.Lines[i-1].Label = ""
		}
		c.Lines[i].End = c.Lines[i].X > float64(c.Right)-140
	}
}
