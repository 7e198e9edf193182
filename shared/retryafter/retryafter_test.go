package retryafter

import (
	"net/http"
	"testing"
	"time"
)

func TestANextTryAsksWhenItWasToldTo(t *testing.T) {
	const now = "Sun, 22 Nov 2026 09:00:00 GMT"
	for _, tt := range []struct {
		text, date string
		want       time.Duration
		said       bool
	}{
		{"0", now, 0, true},
		{"10", now, 10 * time.Second, true},
		{"10", "", 10 * time.Second, true},
		{"Sun, 22 Nov 2026 09:01:00 GMT", now, time.Minute, true},
		{"Sun, 22 Nov 2026 08:00:00 GMT", now, 0, true},
		{"864000", now, Longest, true},
		{"2.128", now, 3 * time.Second, true},
		{"0.5", "", time.Second, true},
		{"2.", now, 0, false},
		{".5", now, 0, false},
		{"2.-1", now, 0, false},
		{"Fri, 01 Jan 2100 00:00:00 GMT", now, Longest, true},
		{"Sun, 22 Nov 2026 09:01:00 GMT", "", 0, false},
		{"", now, 0, false},
		{"-5", now, 0, false},
		{"99999999999999999999", now, 0, false},
		{"soon", now, 0, false},
	} {
		header := http.Header{"Retry-After": {tt.text}, "Date": {tt.date}}
		if got, said := Of(header); got != tt.want || said != tt.said {
			t.Errorf("Of(%q, dated %q) = %s, %t, want %s, %t", tt.text, tt.date, got, said, tt.want, tt.said)
		}
	}
}

func FuzzOf(f *testing.F) {
	f.Add("120", "")
	f.Add("Sun, 22 Nov 2026 09:01:00 GMT", "Sun, 22 Nov 2026 09:00:00 GMT")
	f.Fuzz(func(t *testing.T, text, date string) {
		if d, _ := Of(http.Header{"Retry-After": {text}, "Date": {date}}); d < 0 || d > Longest {
			t.Errorf("%q asks to wait for %s", text, d)
		}
	})
}
