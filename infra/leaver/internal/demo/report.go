package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"leaver/infra/leaver/internal/terminal"
	"leaver/shared/ledger"
	"leaver/shared/operator"
	caseReport "leaver/shared/report"
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

// keysName is the file of the keys that signed the reports in a directory.
const keysName = "keys"

// reporter is where a report is asked for: a host in this process, or in another one.
type reporter interface {
	Report(ctx context.Context, who operator.Who) (caseReport.Report, error)
}

// writeReports writes the report of each case into a directory, named after the case, and the keys that
// signed them.
func writeReports(ctx context.Context, from reporter, keys []ledger.Key, dir string, found []operator.Status) error {
	var words []string
	for _, k := range keys {
		words = append(words, k.String())
	}
	if err := os.WriteFile(filepath.Join(dir, keysName), []byte(strings.Join(words, " ")+"\n"), 0o600); err != nil {
		return err
	}
	for _, s := range found {
		if s.Case == "" {
			continue // a request that found nobody
		}
		r, err := from.Report(ctx, operator.OfCase(s.Case))
		if err != nil {
			return err
		}
		for form, write := range map[string]func(io.Writer, caseReport.Report) error{"html": caseReport.WriteHTML, "json": caseReport.WriteJSON} {
			file, err := os.OpenFile(filepath.Join(dir, s.Case+"."+form), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
			if err != nil {
				return err
			}
			if err := errors.Join(write(file, r), file.Close()); err != nil {
				return err
			}
		}
	}
	return nil
}
