package demo

import (
	"fmt"
	"io"

	"leaver/infra/leaver/internal/terminal"
	"leaver/shared/operator"
)

// report writes the table of each case, the time to lockout, why it ended so, and what it cost.
func report(w io.Writer, ends []result) error {
	width, _ := terminal.Width(w)
	for i, s := range ends {
		if i > 0 {
			if _, err := fmt.Fprintln(w); err != nil {
				return err
			}
		}
		if err := terminal.WriteReport(w, []operator.Status{s.Status}); err != nil {
			return err
		}
		if locked, ok := s.LockedOut(); ok {
			if _, err := fmt.Fprintf(w, "%s: locked out and read back %.2f s after the case was opened\n", s.Leaver.UserPrincipalName, locked.Seconds()); err != nil {
				return err
			}
		}
		first := "why: "
		for _, why := range s.Why {
			if _, err := io.WriteString(w, terminal.Hanging(first, why, width)); err != nil {
				return err
			}
			first = "     "
		}
		if s.Cost != nil {
			if _, err := io.WriteString(w, s.Cost.report()); err != nil {
				return err
			}
		}
	}
	return nil
}
