package forward

import "testing"

func TestTextsAreComparedByWhatAPersonReads(t *testing.T) {
	t.Parallel()
	const wrote = "<p>Ann &amp; Co do not work here any more.</p>"
	for _, read := range []string{
		"<html>\n<body>\n<p>Ann &amp; Co do not work\r\nhere any more.</p>\n</body>\n</html>\n",
		"Ann &#38; Co do not work here any more.",
	} {
		if plain(read) != plain(wrote) {
			t.Errorf("%q reads %q", read, plain(read))
		}
	}
	if plain(wrote) == plain("<p>Ann does not work here any more.</p>") {
		t.Error("another text reads the same")
	}
	if got := plain("open <tag"); got != "open" {
		t.Errorf("%q", got)
	}
}
