package terminal

import (
	"fmt"
	"strings"

	"leaver/shared/operator"
)

// Undoing is what an undo brings back and what it cannot, then how the departure stands; of a preview
// only the former.
func Undoing(u operator.Undoing, preview bool, width int) string {
	u = printable(u)
	var b strings.Builder
	if u.Already {
		fmt.Fprintf(&b, "it is taken back already, and nothing more was ordered\n\n%s", Report(u.Status, width))
		return b.String()
	}
	if len(u.Steps) == 0 {
		b.WriteString("no step is to be taken back\n")
	}
	if len(u.Steps) > 0 {
		var names []string
		for _, name := range u.Steps {
			names = append(names, string(name))
		}
		b.WriteString(Hanging("taken back: ", strings.Join(names, ", "), width))
	}
	list := func(title string, lines []string) {
		if len(lines) > 0 {
			b.WriteString(title + "\n")
		}
		for _, line := range lines {
			b.WriteString(Hanging("  ", line, width))
		}
	}
	list("what does not come back, or needs a person:", u.Lost)
	list("what waits for an approval:", u.Holds)
	if preview {
		return b.String() + "nothing was ordered\n"
	}
	fmt.Fprintf(&b, "\n%s", Report(u.Status, width))
	return b.String()
}
