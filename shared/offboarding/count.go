package offboarding

import (
	"fmt"
	"strings"
)

// Count is how many there are of a thing, in words: "1 phone", "2 phones", "0 mailboxes", "3 copies".
func Count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	stem, ending := thing, "s"
	switch last := thing[len(thing)-1]; {
	case last == 'y' && !strings.ContainsRune("aeiou", rune(thing[len(thing)-2])):
		stem, ending = thing[:len(thing)-1], "ies"
	case last == 'x' || last == 's' || strings.HasSuffix(thing, "ch"):
		ending = "es"
	}
	return fmt.Sprintf("%d %s%s", n, stem, ending)
}

// Bytes is a size as people say it and, from a megabyte on, to the byte: "512 bytes", "1.5 GB (1610612736
// bytes)". A gigabyte is 2^30 bytes, as in Microsoft's admin centres and limits.
func Bytes(n int64) string {
	exact := fmt.Sprintf("%d bytes", n)
	for _, unit := range []struct {
		name string
		size int64
	}{{"TB", 1 << 40}, {"GB", 1 << 30}, {"MB", 1 << 20}} {
		if n >= unit.size {
			return fmt.Sprintf("%.1f %s (%s)", float64(n)/float64(unit.size), unit.name, exact)
		}
	}
	return exact
}
