package terminal

import (
	"cmp"
	"fmt"
	"strings"

	"leaver/shared/doctor"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
)

// Brakes are those of the whole installation, and what to type; data is what names the host, as
// " --data DIR".
func Brakes(b operator.Brakes, data string) string {
	b = printable(b)
	var s strings.Builder
	s.WriteString(Frozen(b, data))
	for _, l := range b.Limits {
		name := l.Name
		if l.Source != "" {
			name += " of " + l.Source
		}
		fmt.Fprintf(&s, "%-9s  %d of %d in %s\n", name, l.Used, l.Of, l.Window)
	}
	if len(b.Limits) == 0 {
		s.WriteString("no limits\n")
	}
	if b.Allowed > 0 {
		fmt.Fprintf(&s, "%d of each are allowed on top for a time\n", b.Allowed)
	}
	if b.Held > 0 {
		fmt.Fprintf(&s, "%s held by limits: leaver status%s, leaver release\n", offboarding.Count(b.Held, "departure"), data)
	}
	return s.String()
}

// Frozen says loudly that nothing is written; empty while something is.
func Frozen(b operator.Brakes, data string) string {
	if b.Frozen == nil {
		return ""
	}
	b = printable(b)
	return fmt.Sprintf("FROZEN since %s by %s: %s\n  nothing is written to Microsoft 365; leaver thaw%s ends it\n",
		offboarding.Stamp(b.Frozen.At), person(b.Frozen.By, b.Frozen.Verified), b.Frozen.Reason, data)
}

// Backups says loudly what is wrong with the copies of the ledger; empty while nothing is.
func Backups(found []doctor.Finding) string {
	var b strings.Builder
	for _, f := range printable(found) {
		if f.State == doctor.Wrong {
			fmt.Fprintf(&b, "BACKUP: %s\n  %s\n", f.Why, f.Fix)
		}
	}
	return b.String()
}

// person is a name, and whether anything proves it.
func person(name string, verified bool) string {
	if name = cmp.Or(name, "erased"); verified {
		return name + " (verified)"
	}
	return name
}

// held says what holds a departure or a step, since when, and whose word is there already.
func held(h operator.Held) string {
	what := "held"
	if h.Step != "" {
		what = string(h.Step) + " held"
	}
	text := fmt.Sprintf("%s by %s since %s: %s", what, h.By, offboarding.Stamp(h.Since), h.Why)
	if h.Kind != offboarding.BrakeApproval {
		return text
	}
	text += fmt.Sprintf("; needs %d", h.Needs)
	if h.Needs == 1 {
		text += " approval"
	} else {
		text += " approvals"
	}
	for _, a := range h.Approvals {
		text += fmt.Sprintf("; approved by %s at %s", person(a.By, a.Verified), offboarding.Stamp(a.At))
	}
	return text
}
