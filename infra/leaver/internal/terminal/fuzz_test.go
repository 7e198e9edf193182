package terminal_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"leaver/infra/leaver/internal/terminal"
)

// FuzzPrintable shows any text: nothing of it acts on a terminal, and it is no longer than it may be.
func FuzzPrintable(f *testing.F) {
	f.Add(hostile, 10)
	f.Add("\xff\u2028\U000e0001", 3)
	f.Add("", 0)
	f.Fuzz(func(t *testing.T, text string, longest int) {
		if longest < 0 || longest > 1<<16 {
			return
		}
		got := terminal.Printable(text, longest)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool {
			return r != '\u200c' && r != '\u200d' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp))
		}) {
			t.Errorf("%q is shown as %q", text, got)
		}
		if n := utf8.RuneCountInString(got); n > 12*longest+1 {
			t.Errorf("%d characters of at most %d", n, longest)
		}
	})
}
