package terminal

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"

	"leaver/shared/offboarding"
	"leaver/shared/operator"
)

// Overview is a line for each case and parked request, and below it the steps that fail or need a
// person.
func Overview(found []operator.Status) string {
	found = printable(found)
	longest := 0
	for _, s := range found {
		longest = max(longest, utf8.RuneCountInString(name(s)))
	}
	var b strings.Builder
	for _, s := range found {
		id := s.Case
		if id == "" {
			id = s.Request
		}
		fmt.Fprintf(&b, "%-*s  %-10s  %s  %s\n", longest, name(s), s.State, id, summary(s))
		for _, h := range s.Held {
			if s.Running() {
				b.WriteString(Hanging("  ", held(h), 0))
			}
		}
		for _, step := range s.Steps {
			if fails(step) && s.Running() {
				b.WriteString(line(step, s.Opened))
			}
		}
	}
	return b.String()
}

// name is what the leaver is called, no longer than anybody is called.
func name(s operator.Status) string { return Printable(s.Name(), longestName) }

// fails reports whether a step needs a person, or will if it does not get better.
func fails(s operator.StepStatus) bool {
	return s.State == offboarding.StateParked || s.State == offboarding.StateManual || s.State == offboarding.StateRetrying
}

// line is a step in a line of its own.
func line(s operator.StepStatus, opened time.Time) string {
	return fmt.Sprintf("  %-10s  %-10s  %s\n", s.Name, s.State, remark(s, opened))
}

// summary is how many steps are effective and which of the others stand how.
func summary(s operator.Status) string {
	if len(s.Steps) == 0 {
		return s.Reason
	}
	in := map[offboarding.StepState][]string{}
	for _, step := range s.Steps {
		in[step.State] = append(in[step.State], string(step.Name))
	}
	parts := []string{fmt.Sprintf("%d of %d effective", len(in[offboarding.StateEffective]), len(s.Steps))}
	for _, state := range []offboarding.StepState{
		offboarding.StateParked, offboarding.StateManual, offboarding.StateRetrying, offboarding.StateWaiting,
		offboarding.StateHeld, offboarding.StatePlanned, offboarding.StateWithheld, offboarding.StateRehearsed, offboarding.StateSignedOff, offboarding.StateUndone,
	} {
		if len(in[state]) > 0 {
			parts = append(parts, fmt.Sprintf("%s: %s", state, strings.Join(in[state], ", ")))
		}
	}
	return strings.Join(parts, "; ")
}

// WriteReport writes each case with its steps, and parked requests: as tables on a terminal and in
// plain lines otherwise.
func WriteReport(w io.Writer, found []operator.Status) error {
	width, _ := Width(w)
	for _, s := range found {
		if _, err := io.WriteString(w, Report(s, width)); err != nil {
			return err
		}
	}
	return nil
}

// Report is a case with its steps, or a parked request: as a table of that width, or in plain
// lines when it is 0.
func Report(s operator.Status, width int) string {
	s = printable(s)
	var b strings.Builder
	if s.Case == "" {
		fmt.Fprintf(&b, "%s  %s since %s\n  request %s\n", name(s), s.State, offboarding.Stamp(s.Opened), s.Request)
		b.WriteString(Hanging("  ", s.Reason, width))
	} else {
		fmt.Fprintf(&b, "%s  %s, opened %s\n  case %s  request %s\n", name(s), s.State, offboarding.Stamp(s.Opened), s.Case, s.Request)
		if s.Reason != "" { // of one that cannot be read
			b.WriteString(Hanging("  ", s.Reason, width))
		}
	}
	if s.Leaves != "" {
		b.WriteString(Hanging("  ", "leaves "+s.Leaves, width))
	}
	for _, h := range s.Held {
		if s.Running() { // nothing holds what is over
			b.WriteString(Hanging("  ", held(h), width))
		}
	}
	switch {
	case len(s.Steps) == 0:
	case width > 0:
		b.WriteString(stepTable(s, width) + "\n")
	default:
		for _, step := range s.Steps {
			b.WriteString(line(step, s.Opened))
		}
	}
	for _, d := range s.Deadlines {
		b.WriteString(Hanging("  "+d.At.UTC().Format(time.DateOnly)+"  ", fmt.Sprintf("%s (%s)", d.What, d.Source), width))
	}
	return b.String()
}

// Commands are what an operator may type next, and when; data is what names the host, as " --data DIR".
func Commands(s operator.Status, data string) string {
	type line struct{ command, when string }
	var lines []line
	for _, move := range s.Moves() {
		lines = append(lines, line{"leaver " + typed(s, move) + data, move.When})
	}
	longest := 0
	for _, l := range lines {
		longest = max(longest, len(l.command))
	}
	var b strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&b, "  %-*s  # %s\n", longest, l.command, l.when)
	}
	return b.String()
}

// typed is a move as it is typed.
func typed(s operator.Status, move operator.Move) string {
	switch move.Verb {
	case operator.VerbRelease:
		return fmt.Sprintf(`release %s --by "YOUR NAME"`, s.Case)
	case operator.VerbApprove:
		words := slices.DeleteFunc([]string{"approve", s.Case, string(move.Step)}, func(word string) bool { return word == "" })
		return strings.Join(words, " ") + ` --by "YOUR NAME"`
	case operator.VerbSignOff:
		return fmt.Sprintf(`sign-off %s %s --by "YOUR NAME" --note "WHAT WAS DONE"`, s.Case, move.Step)
	case operator.VerbCancel:
		return fmt.Sprintf(`cancel %s --reason "WHY"`, s.Case)
	case operator.VerbDiscard:
		return "replay --discard --request " + s.Request
	case operator.VerbVerify:
		return "verify " + s.Case
	case operator.VerbPlan:
		return "plan WHO"
	}
	if s.Case == "" {
		return "replay --request " + s.Request
	}
	return fmt.Sprintf("replay --case %s --step %s", s.Case, move.Step)
}

// remark is what an operator wants to know of a step in its state.
func remark(s operator.StepStatus, opened time.Time) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if s.EffectiveAt != nil && s.State != offboarding.StateUndone && s.State != offboarding.StateSignedOff {
		did := ""
		if s.State != offboarding.StateEffective { // and left something to a person
			did = "done by itself "
		}
		if took := s.EffectiveAt.Sub(opened); took < time.Minute {
			add("%safter %.1f s", did, took.Seconds())
		} else {
			add("%sat %s", did, offboarding.Stamp(*s.EffectiveAt))
		}
	}
	if s.SignedOff != nil {
		add("by %s: %s", s.SignedOff.By, s.SignedOff.Note)
	}
	switch {
	case s.Would != "":
		add("would %s", s.Would)
	case s.Reason != "":
		add("%s", s.Reason)
	}
	for _, i := range s.Items {
		if i.URL != "" && !i.Accepted {
			add("%s is at %s", i.ID, i.URL)
		}
	}
	if s.State == offboarding.StateEffective || s.State == offboarding.StateUndone {
		parts = append(parts, operator.Evidence(s.Evidence)...)
	}
	if s.Since != nil {
		add("since %s", offboarding.Stamp(*s.Since))
	}
	if s.Due != nil {
		next := map[offboarding.StepState]string{offboarding.StateWaiting: "looks again", offboarding.StateRetrying: "tries again"}[s.State]
		if next == "" {
			next = "due"
		}
		add("%s %s", next, offboarding.Stamp(*s.Due))
	}
	if s.Deadline != nil {
		end := "a task for a person from"
		if s.State == offboarding.StateRetrying {
			end = "parked from"
		}
		add("%s %s", end, offboarding.Stamp(*s.Deadline))
	}
	if s.Attempts > 1 {
		add("%d attempts", s.Attempts)
	}
	return strings.Join(parts, "; ")
}

// stepTable is the table of one case.
func stepTable(s operator.Status, width int) string {
	const narrowest, widest, borders, padding = 64, 120, 4, 1
	columns := [3]int{len("privileges") + 2*padding, len("signed off") + 2*padding}
	columns[2] = max(narrowest, min(width, widest)) - borders - columns[0] - columns[1]
	colour := map[offboarding.StepState]string{
		offboarding.StateEffective: "2", offboarding.StateSignedOff: "2", offboarding.StateUndone: "6",
		offboarding.StateWithheld: "3", offboarding.StateManual: "3",
		offboarding.StateParked: "1",
	}
	t := table.New().Border(lipgloss.NormalBorder()).Headers("step", "state", "observed, or why not").
		StyleFunc(func(row, column int) lipgloss.Style {
			style := lipgloss.NewStyle().Padding(0, padding).Width(columns[column])
			switch {
			case row < 0:
				return style.Bold(true)
			case column == 1 && row < len(s.Steps):
				if c, ok := colour[s.Steps[row].State]; ok {
					return style.Foreground(lipgloss.Color(c))
				}
			}
			return style
		})
	for _, step := range s.Steps {
		t.Row(string(step.Name), string(step.State), wrapped(remark(step, s.Opened), columns[2]-2*padding))
	}
	return t.String()
}
