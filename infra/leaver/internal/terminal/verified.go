package terminal

import (
	"fmt"
	"strings"

	"leaver/shared/ledger"
)

// Verified are histories with what is wrong with them.
func Verified(all []ledger.Verification) string {
	var b strings.Builder
	for _, v := range all {
		word := "verifies"
		if !v.OK {
			word = "DOES NOT VERIFY"
		}
		fmt.Fprintf(&b, "%s  %s, %d entries\n", v.Case, word, v.Entries)
		for _, p := range v.Problems {
			fmt.Fprintf(&b, "  entry %d  %s: %s\n", p.Entry, p.Kind, Printable(p.Why, 400))
		}
	}
	return b.String()
}
