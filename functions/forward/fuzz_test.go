package forward

import (
	"strings"
	"testing"
)

// FuzzPlain reads any text as what Exchange has made of an automatic reply.
func FuzzPlain(f *testing.F) {
	for _, text := range []string{"<html>\n<p>Ann &amp; Co</p>", "a < b", "&#0;&#1114112;&;", "<<>>", "\xff<"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got := plain(text); strings.Join(strings.Fields(got), " ") != got || plain("<p>"+text+"<") != got && !strings.ContainsAny(text, "<>&") {
			t.Errorf("%q reads %q", text, got)
		}
	})
}
