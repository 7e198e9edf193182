package terminal

import (
	"fmt"
	"strings"
	"time"

	"leaver/functions/replay"
)

// Parked is an item as an operator reads it: what it is, what was done with it, why it was parked,
// and in a list what to type.
func Parked(item replay.Item, lists bool, data string) string {
	item = printable(item)
	if item.State == replay.StateEvent {
		does := "would be sent"
		if item.Sent {
			does = "sent"
		}
		return fmt.Sprintf("%-8s  %s%s  %s\n", item.Step, item.Case, item.Request, does)
	}
	var b strings.Builder
	attempts := "1 attempt"
	if item.Attempts != 1 {
		attempts = fmt.Sprintf("%d attempts", item.Attempts)
	}
	fmt.Fprintf(&b, "%-8s  %s%s  %s %s ago, %s", item.Step, item.Case, item.Request, item.State, item.Age.Round(time.Second), attempts)
	switch {
	case item.Sent:
		b.WriteString("; sent")
	case item.Discarded:
		b.WriteString("; discarded")
	case item.Refused != "":
		b.WriteString("; refused: " + item.Refused)
	}
	fmt.Fprintf(&b, "\n          %s\n", item.Reason)
	if !lists {
		return b.String()
	}
	named := "--request " + item.Request
	if item.Request == "" {
		named = "--step " + item.Step
	}
	if item.Case != "" {
		named = "--case " + item.Case + " " + named
	}
	if item.Refused == "" {
		fmt.Fprintf(&b, "          leaver replay %s%s\n", named, data)
	}
	if item.Refused != "" || item.Request != "" {
		fmt.Fprintf(&b, "          leaver replay --discard %s%s\n", named, data)
	}
	return b.String()
}
