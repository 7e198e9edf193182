package forward

import (
	"html"
	"strings"
)

// plain is what a person reads of a text in HTML. Exchange wraps and breaks what it is given,
// so texts are compared by this.
func plain(text string) string {
	var b strings.Builder
	for text != "" {
		before, rest, isTag := strings.Cut(text, "<")
		b.WriteString(before)
		if !isTag {
			break
		}
		b.WriteByte(' ')
		_, text, _ = strings.Cut(rest, ">")
	}
	return strings.Join(strings.Fields(html.UnescapeString(b.String())), " ")
}
