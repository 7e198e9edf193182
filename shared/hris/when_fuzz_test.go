package hris

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"leaver/shared/offboarding"
)

// FuzzWhen reads any text as a day, as a moment and as what an answer says of its next try: what comes out can
// be written into a message and read again, and no wait is longer than the longest.
func FuzzWhen(f *testing.F) {
	for _, text := range []string{
		"2026-11-30", "2026-11-30T17:00:00+01:00", "2026-11-30Z", "0000-00-00", "9999-12-31", "1764547200", "1764547200000000", "9223372036854775807",
		"-9223372036854775808", "2026-11-30T00:00:00.000Z", "2026-02-30", "null", "99999-01-01", "253402300799",
	} {
		f.Add(text, "Europe/Berlin", "18:00")
	}
	f.Add("2026-03-29", "Local", "24:00")
	f.Fuzz(func(t *testing.T, text, zone, clock string) {
		day, at, err := parseWhen(text)
		if err != nil && (!day.IsZero() || !at.IsZero()) {
			t.Errorf("an error, and %v or %v", day, at)
		}
		if !day.IsZero() && !at.IsZero() {
			t.Errorf("%q is both %v and %v", text, day, at)
		}
		said := map[string]any{"day": day, "at": at}
		if instant, is := parseInstant(text); is {
			said["instant"] = instant
		}
		if out, end, _, err := (Config{Zone: zone, At: clock}).schedule(Leaving{LastDay: day, Time: at}); err == nil {
			said["out"], said["end"] = out, end
		}
		raw, err := json.Marshal(said)
		if err != nil {
			t.Fatalf("%q cannot be told: %v", text, err)
		}
		var read struct {
			Day offboarding.Date
			At  time.Time
		}
		if err := json.Unmarshal(raw, &read); err != nil || read.Day != day || !read.At.Equal(at) {
			t.Errorf("%q is told as %s and read as %+v, %v", text, raw, read, err)
		}
		c := &client{now: func() time.Time { return heardAt }}
		for _, header := range []http.Header{{"Retry-After": {text}}, {"X-Ratelimit-Reset": {text}}} {
			if wait := c.pause(header); wait < time.Second || wait > 15*time.Minute {
				t.Errorf("%v: waits for %s", header, wait)
			}
		}
	})
}
