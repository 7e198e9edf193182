package nats

import (
	"testing"

	"github.com/nats-io/nats.go"
)

// FuzzHead reads any headers as those of an entry.
func FuzzHead(f *testing.F) {
	f.Add("1", `"open"`)
	f.Add("-9223372036854775809", `"\xff"`)
	f.Add("", "`")
	f.Fuzz(func(t *testing.T, position, label string) {
		h, err := readHead(nats.Header{headerPosition: {position}, headerLabel: {label}}, 7)
		if err != nil && h != (head{}) || err == nil && h.sequence != 7 {
			t.Errorf("a head %+v, %v", h, err)
		}
	})
}
