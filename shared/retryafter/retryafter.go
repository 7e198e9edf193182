// Package retryafter reads the header Retry-After, for every vendor in the same way.
package retryafter

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Longest is how far a header may put something off: whoever asks no more hears nothing new, and
// a leaver is not locked out meanwhile. It is more than any documented budget takes to be whole
// again.
const Longest = 15 * time.Minute

// Of is how long the answer with this header asks to wait, from nothing to [Longest], and whether
// it asks at all. A date counts from the answer's own Date, so that no clock but the sender's is
// in play; without that it says nothing.
// Source: RFC 9110, 10.2.3.
func Of(header http.Header) (time.Duration, bool) {
	text := header.Get("Retry-After")
	if whole, part, split := strings.Cut(text, "."); split && digits(part) {
		// Microsoft's own page once showed 2.128. Source: microsoftgraph/microsoft-graph-docs issue 17442.
		if seconds, err := strconv.ParseUint(whole, 10, 31); err == nil {
			return min(time.Duration(seconds+1)*time.Second, Longest), true
		}
	}
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, Longest), true
	}
	at, errAt := http.ParseTime(text)
	now, errNow := http.ParseTime(header.Get("Date"))
	if errAt != nil || errNow != nil {
		return 0, false
	}
	return min(max(at.Sub(now), 0), Longest), true
}

func digits(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }
