package console

import (
	"cmp"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/operator"
)

// functions are what the pages call.
func (c *Console) functions() template.FuncMap {
	return template.FuncMap{
		"base":  func() string { return Base },
		"path":  path,
		"pages": func() []menu { return menus },
		"stamp": func(t any) string { return stamp(t) },
		"iso":   func(t any) string { return instant(t).UTC().Format(time.RFC3339) },
		"ago":   func(t any) string { return ago(instant(t), c.Desk.Now()) },
		"tone":  tone,
		"brief": brief, "progress": progress,
		"ahead": func(t any) bool { return instant(t).After(c.Desk.Now().Add(10 * time.Second)) },
		"does": func(step offboarding.StepName) string {
			spec, _ := offboarding.SpecOf(step)
			return spec.Does
		},
		"source": func(name string) string { return strings.TrimPrefix(name, "webhooks/") },
		"facts":  facts,
		"named":  portalsNamed, "portal": portal,
		"rows": func(rows []operator.Status, empty string) map[string]any {
			return map[string]any{"Rows": rows, "Empty": empty}
		},
		"form":     func(f frame, data any) map[string]any { return map[string]any{"F": f, "Data": data} },
		"add":      func(a, b int) int { return a + b },
		"seen":     seen,
		"spaced":   spaced,
		"observed": observed,
		"linked":   offboarding.Linked,
		"limit":    limit,
		"nearly":   nearly,
		"plural": func(n int, one, several string) string {
			if n == 1 {
				return one
			}
			return several
		},
	}
}

// menu is a page that every page leads to.
type menu struct{ Name, Path, Label string }

var menus = []menu{
	{"overview", "/", "Overview"}, {"departures", "/departures", "Departures"}, {"approvals", "/approvals", "Approvals"},
	{"plan", "/plan", "Plan"}, {"layoff", "/layoff", "Layoff"}, {"parked", "/parked", "Parked"}, {"limits", "/limits", "Limits"}, {"sources", "/sources", "Sources"},
	{"ledger", "/ledger", "Ledger"}, {"doctor", "/doctor", "Doctor"},
}

// spaced is a name that may be broken before its domain, and not within a word.
func spaced(name string) template.HTML {
	local, domain, is := strings.Cut(name, "@")
	if !is {
		return template.HTML(template.HTMLEscapeString(name)) //nolint:gosec // it is escaped
	}
	return template.HTML(template.HTMLEscapeString(local) + "<wbr>@" + template.HTMLEscapeString(domain)) //nolint:gosec // likewise
}

// portalsNamed is a text in which pages of Microsoft's portals are said by the portal's name: where nothing can be
// opened, an address is long and says little.
func portalsNamed(text string) string {
	var b strings.Builder
	for _, run := range offboarding.Linked(text) {
		if run.URL != "" {
			run.Text = portal(run.URL)
		}
		b.WriteString(run.Text)
	}
	return b.String()
}

// portal is the name of one, by an address in it.
func portal(address string) string {
	host, _, _ := strings.Cut(strings.TrimPrefix(address, "https://"), "/")
	return host
}

// fact is something that a step observed.
type fact struct{ Name, Value string }

// facts are all that a step observed, by name. What remains at risk stands on the page once, below the steps.
func facts(evidence map[string]string) []fact {
	var out []fact
	for _, name := range slices.Sorted(maps.Keys(evidence)) {
		if name != offboarding.ResidualRisk {
			out = append(out, fact{name, evidence[name]})
		}
	}
	return out
}

// longestFact is how long a fact is that a line of a step has room for, in bytes.
const longestFact = 40

// observed are the first facts of a step, as many as a line has room for; the step tells all.
func observed(evidence map[string]string) string {
	var facts []string
	for _, fact := range operator.Evidence(evidence) {
		name, value, _ := strings.Cut(fact, ": ")
		if _, err := time.Parse(time.RFC3339, value); err == nil || value == "" || len(fact) > longestFact || name == offboarding.ResidualRisk {
			continue
		}
		if facts = append(facts, fact); len(facts) == 2 {
			break
		}
	}
	return strings.Join(facts, "; ")
}

// nearly reports whether so much of a limit is used that a person should look.
func nearly(l operator.Limit) bool { return l.Used*5 >= l.Of*4 }

// limit is a limit in words; its name is what the policy calls it.
func limit(l operator.Limit) string {
	words := map[string]string{offboarding.BoundPerHour: "in an hour", offboarding.BoundPerDay: "in a day", offboarding.BoundShare: "share of the members"}
	if l.Source != "" {
		return cmp.Or(words[l.Name], l.Name) + ", of " + l.Source
	}
	return cmp.Or(words[l.Name], l.Name)
}

// instant is a time that may not be known.
func instant(t any) time.Time {
	switch t := t.(type) {
	case time.Time:
		return t
	case *time.Time:
		if t != nil {
			return *t
		}
	}
	return time.Time{}
}

func stamp(t any) string {
	at := instant(t)
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format("2 Jan 2006, 15:04 UTC")
}

// ago is how far off a time is.
func ago(at, now time.Time) string {
	if at.IsZero() {
		return ""
	}
	off := at.Sub(now)
	long := off.Abs()
	var text string
	switch {
	case long < 10*time.Second:
		return "now"
	case long < 90*time.Second:
		text = fmt.Sprintf("%d s", int(long.Seconds()))
	case long < 90*time.Minute:
		text = fmt.Sprintf("%d min", int(long.Round(time.Minute).Minutes()))
	case long < 36*time.Hour:
		text = fmt.Sprintf("%d h", int(long.Round(time.Hour).Hours()))
	default:
		text = fmt.Sprintf("%d days", int(long.Round(24*time.Hour).Hours()/24))
	}
	if off > 0 {
		return "in " + text
	}
	return text + " ago"
}

// tone is how a state is coloured: good, going, kept (a rule holds it), person, bad or quiet. The word
// always stands beside it.
func tone(state any) string {
	switch fmt.Sprint(state) {
	case string(offboarding.StateEffective), string(offboarding.CaseComplete), string(offboarding.StateSignedOff):
		return "good"
	case string(offboarding.StateManual), string(offboarding.CaseHeld):
		return "person"
	case string(offboarding.StateParked), string(offboarding.CaseUnreadable), "refused":
		return "bad"
	case string(offboarding.StateWithheld):
		return "kept"
	case string(offboarding.StateWaiting), string(offboarding.StateRetrying), string(offboarding.CaseRunning), string(offboarding.CasePlanning), "act", "gate", "wait":
		return "going"
	}
	return "quiet"
}

// brief is a departure in a few words: why it waits, or how far it is.
func brief(s operator.Status) string {
	if len(s.Held) > 0 && s.Running() {
		return s.Held[0].Why
	}
	for _, state := range []offboarding.StepState{offboarding.StateParked, offboarding.StateManual} {
		if i := slices.IndexFunc(s.Steps, func(step operator.StepStatus) bool { return step.State == state }); i >= 0 && s.Running() {
			return string(s.Steps[i].Name) + ": " + s.Steps[i].Reason
		}
	}
	if len(s.Steps) == 0 {
		return s.Reason
	}
	return progress(s)
}

// progress is how far a departure is.
func progress(s operator.Status) string {
	in := map[offboarding.StepState]int{}
	for _, step := range s.Steps {
		in[step.State]++
	}
	text := fmt.Sprintf("%d of %d steps effective", in[offboarding.StateEffective], len(s.Steps))
	for _, state := range []offboarding.StepState{offboarding.StateSignedOff, offboarding.StateWithheld} {
		if in[state] > 0 {
			text += fmt.Sprintf(", %d %s", in[state], state)
		}
	}
	if took, out := s.LockedOut(); out && took < time.Hour {
		text += fmt.Sprintf("; locked out in %.1f s", took.Seconds())
	}
	return text
}

// seen is a sentence about a departure that a screen reader says when it changes.
func seen(s operator.Status) string { return s.Name() + ": " + s.State + ", " + brief(s) }
