package terminal

import (
	"fmt"
	"strings"
	"time"

	"leaver/shared/operator"
)

// Plan is what offboarding somebody would do, in lines of that width, or of any when it is 0.
func Plan(p operator.Planned, width int) string {
	p = printable(p)
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n", p.Leaver.UserPrincipalName, p.Leaver.ID)
	b.WriteString(Hanging("  ", fmt.Sprintf("leaves %s", p.Leaves), width))
	b.WriteString(Hanging("  ", fmt.Sprintf("mailbox: %s; keepMail %s, keepFiles %s", p.Mailbox, p.KeepMail, p.KeepFiles), width))
	if p.Joins != "" {
		b.WriteString(Hanging("  ", "the request would join or change the open case "+p.Joins, width))
	}
	for _, s := range p.Steps {
		at := "at once"
		if s.Due.After(p.LeavingTime) {
			at = "from " + s.Due.UTC().Format(time.DateOnly)
		}
		text := s.State
		if s.State == "withheld" {
			text += " by " + s.Rule.Name
		}
		text += ": " + s.Reason
		if s.Source != "" {
			text += "; " + s.Source
		}
		b.WriteString(Hanging(fmt.Sprintf("  %-10s  %-15s  ", s.Name, at), text, width))
	}
	list := func(title string, lines []string) {
		if len(lines) > 0 {
			b.WriteString(title + "\n")
		}
		for _, line := range lines {
			b.WriteString(Hanging("  ", line, width))
		}
	}
	list("a person will have to:", p.ByHand)
	list("what no step can end or see:", p.ResidualRisks)
	b.WriteString(Hanging("permissions: ", strings.Join(p.Permissions, ", "), width))
	b.WriteString("nothing was written\n")
	return b.String()
}
