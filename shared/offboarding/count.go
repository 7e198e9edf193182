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
