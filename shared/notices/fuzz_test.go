package notices

import (
	"errors"
	"net/http"
	"testing"

	"leaver/shared/offboarding"
	"leaver/shared/retryafter"
)

// FuzzRefusal reads whatever a channel may answer: it is an error, and nobody waits longer for it than the
// longest.
func FuzzRefusal(f *testing.F) {
	f.Add(429, "30", "")
	f.Add(503, "Sun, 22 Nov 2026 09:00:00 GMT", "Sun, 22 Nov 2026 08:00:00 GMT")
	f.Add(410, "-1", "x")
	f.Add(0, "99999999999999999999", "")
	f.Fuzz(func(t *testing.T, status int, after, date string) {
		err := refusal("test", &http.Response{StatusCode: status, Header: http.Header{"Retry-After": {after}, "Date": {date}}})
		if err == nil {
			t.Fatal("a refusal is none")
		}
		var wait *offboarding.ThrottledError
		if errors.As(err, &wait) && (wait.Delay < 0 || wait.Delay > retryafter.Longest) {
			t.Errorf("waits for %s", wait.Delay)
		}
	})
}
