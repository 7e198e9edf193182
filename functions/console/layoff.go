package console

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/operator"
)

// spans are how far back a layoff is looked at.
var spans = []span{{"hour", "The last hour", time.Hour}, {"day", "24 hours", 24 * time.Hour}, {"week", "7 days", 7 * 24 * time.Hour}, {"month", "30 days", 30 * 24 * time.Hour}}

type span struct {
	Name, Label string
	long        time.Duration
}

// layoff is many departures at once, as they go.
type layoff struct {
	Spans                         []span
	Span                          string
	Total, Out, Over, Held, Needs int
	Median, Slowest               string // of the time to the lockout
	Curves                        []curve
	From, To                      time.Time
	Steps                         []stepCount
	Budgets                       operator.Brakes
	Width, Height                 int
	Marks                         []string // times below the plot, evenly
	Levels                        []level  // from the top
}

// curve is how many departures had come so far, over the time.
type curve struct {
	Name, Points string
	Now          int
}

// level is a number beside the plot, and the height of its line.
type level struct{ Y, Text int }

// stepCount is how the departures stand in a step.
type stepCount struct {
	Name                                         offboarding.StepName
	Effective, Going, Withheld, Person, Pictured int
	Bars                                         []stackedBar
}

// stackedBar is a part of the bar of a step.
type stackedBar struct {
	X, Width int
	Class    string
}

// The picture's own units.
const (
	plotWidth, plotHeight = 1000, 240
	plotRim               = 2 // above and below, so that no line is cut
	barWidth              = 400
)

// layoff plots the departures that began within a time, and the budgets that they draw on.
func (c *Console) layoff(r *http.Request, _ session) (answer, error) {
	all, err := c.Desk.Overview(r.Context())
	if err != nil {
		return answer{}, err
	}
	brakes, err := c.Desk.Brakes(r.Context())
	if err != nil {
		return answer{}, err
	}
	chosen := spans[1]
	if at := slices.IndexFunc(spans, func(s span) bool { return s.Name == r.URL.Query().Get("of") }); at >= 0 {
		chosen = spans[at]
	}
	now := c.Desk.Now()
	all = slices.DeleteFunc(all, func(s operator.Status) bool { return s.Case == "" || s.Opened.Before(now.Add(-chosen.long)) })
	return answer{page: "layoff", title: "Layoff", live: true, data: plot(all, brakes, chosen, now)}, nil
}

// plot draws departures, oldest first.
func plot(all []operator.Status, brakes operator.Brakes, chosen span, now time.Time) layoff {
	l := layoff{
		Spans: spans, Span: chosen.Name, Total: len(all), Budgets: brakes, From: now, To: now,
		Width: plotWidth, Height: plotHeight,
	}
	var opened, out, over []time.Time
	var took []time.Duration
	counts := map[offboarding.StepName]*stepCount{}
	for _, s := range all {
		opened = append(opened, s.Opened)
		if s.LockedOutAt != nil {
			out = append(out, *s.LockedOutAt)
			took = append(took, s.LockedOutAt.Sub(later(s.Opened, s.LeavingTime)))
		}
		if s.State == string(offboarding.CaseComplete) {
			over = append(over, ended(s))
		}
		if s.State == string(offboarding.CaseHeld) {
			l.Held++
		} else if s.Needs() {
			l.Needs++
		}
		if s.State == string(offboarding.CaseCancelled) || s.State == string(offboarding.CaseCancelling) {
			continue
		}
		for _, step := range s.Steps {
			count(counts, step)
		}
	}
	l.Out, l.Over = len(out), len(over)
	if len(took) > 0 {
		slices.Sort(took)
		l.Median, l.Slowest = span10(took[len(took)/2]), span10(took[len(took)-1])
	}
	if len(opened) > 0 {
		l.From = opened[0]
	}
	l.curves(opened, out, over)
	for _, spec := range offboarding.Steps {
		if n := counts[spec.Name]; n != nil {
			n.draw()
			l.Steps = append(l.Steps, *n)
		}
	}
	return l
}

func later(a time.Time, b *time.Time) time.Time {
	if b != nil && b.After(a) {
		return *b
	}
	return a
}

// ended is about when a departure was complete: when the last of its steps became effective.
func ended(s operator.Status) time.Time {
	at := s.Opened
	for _, step := range s.Steps {
		if step.EffectiveAt != nil && step.EffectiveAt.After(at) {
			at = *step.EffectiveAt
		}
	}
	return at
}

// span10 is a duration as people say it.
func span10(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

func count(counts map[offboarding.StepName]*stepCount, step operator.StepStatus) {
	n := counts[step.Name]
	if n == nil {
		n = &stepCount{Name: step.Name}
		counts[step.Name] = n
	}
	switch step.State {
	case offboarding.StateEffective, offboarding.StateSignedOff, offboarding.StateRehearsed:
		n.Effective++
	case offboarding.StateWithheld, offboarding.StateCancelled:
		n.Withheld++
	case offboarding.StateManual, offboarding.StateParked, offboarding.StateHeld:
		n.Person++
	default:
		n.Going++
	}
}

// draw makes the parts of the bar.
func (n *stepCount) draw() {
	total := n.Effective + n.Going + n.Withheld + n.Person
	x := 0
	for _, part := range []struct {
		n     int
		class string
	}{{n.Effective, "good"}, {n.Withheld, "kept"}, {n.Going, "going"}, {n.Person, "person"}} {
		width := barWidth * part.n / max(total, 1)
		if part.n > 0 {
			width = max(width, 2)
			n.Bars = append(n.Bars, stackedBar{x, min(width, barWidth-x), part.class})
			x += width
		}
	}
	n.Pictured = barWidth
}

// curves draws how many there were at each time, as steps.
func (l *layoff) curves(opened, out, over []time.Time) {
	long := l.To.Sub(l.From)
	if long <= 0 || l.Total == 0 {
		return
	}
	x := func(at time.Time) int {
		return int(plotWidth * float64(min(max(at.Sub(l.From), 0), long)) / float64(long))
	}
	y := func(n int) int {
		return plotHeight - plotRim - (plotHeight-2*plotRim)*n/l.Total
	}
	for _, each := range []struct {
		name  string
		times []time.Time
	}{{"asked for", opened}, {"locked out", out}, {"complete", over}} {
		slices.SortFunc(each.times, time.Time.Compare)
		var points strings.Builder
		fmt.Fprintf(&points, "0,%d", y(0))
		lastX := -1
		for i, at := range each.times {
			if px := x(at); px != lastX || i == len(each.times)-1 { // a point a pixel is enough
				fmt.Fprintf(&points, " %d,%d %d,%d", px, y(i), px, y(i+1))
				lastX = px
			}
		}
		fmt.Fprintf(&points, " %d,%d", x(l.To), y(len(each.times)))
		l.Curves = append(l.Curves, curve{each.name, points.String(), len(each.times)})
	}
	for i := range 5 {
		at := l.From.Add(long * time.Duration(i) / 4)
		form := "15:04:05"
		if long > 24*time.Hour {
			form = "2 Jan"
		} else if long > 10*time.Minute {
			form = "15:04"
		}
		l.Marks = append(l.Marks, at.UTC().Format(form))
	}
	l.Levels = []level{{y(l.Total), l.Total}, {y(0), 0}}
	if l.Total%2 == 0 {
		l.Levels = slices.Insert(l.Levels, 1, level{y(l.Total / 2), l.Total / 2})
	}
}
