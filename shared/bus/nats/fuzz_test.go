package nats

import (
	"strings"
	"testing"
)

// FuzzToken reads any part of a subject, and writes any text as one.
func FuzzToken(f *testing.F) {
	for _, text := range []string{"", "=", "==", "=4", "=zz", "a=20b", "termination", "a b.*>", "é"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		token := encode(text)
		if token == "" || strings.ContainsAny(token, " .*>/\t\r\n") {
			t.Errorf("%q is no token", token)
		}
		if got := decode(token); got != text {
			t.Errorf("got %q back, want %q", got, text)
		}
		_, _ = decode(text), lastToken(text)
	})
}
