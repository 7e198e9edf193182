package offboarding_test

import (
	"encoding/json"
	"testing"
	"time"

	"leaver/shared/offboarding"
)

func TestADateIsADifferentMomentInEveryZone(t *testing.T) {
	t.Parallel()
	day, err := offboarding.ParseDate("2026-11-30")
	if err != nil {
		t.Fatal(err)
	}
	for zone, want := range map[string]string{
		"Pacific/Auckland":    "2026-11-30T10:59:59Z",
		"Asia/Kolkata":        "2026-11-30T18:29:59Z",
		"Europe/Berlin":       "2026-11-30T22:59:59Z",
		"America/Sao_Paulo":   "2026-12-01T02:59:59Z",
		"America/Los_Angeles": "2026-12-01T07:59:59Z",
	} {
		location, err := offboarding.LoadZone(zone)
		if err != nil {
			t.Fatal(err)
		}
		if got := day.At(offboarding.EndOfDay, location).UTC().Format(time.RFC3339); got != want {
			t.Errorf("%s: got %s, want %s", zone, got, want)
		}
	}
}

func TestAClockThatIsPutForwardOrBack(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, day, clock, zone, want string }{
		{"shown twice: the later one", "2026-10-25", "02:30", "Europe/Berlin", "2026-10-25T01:30:00Z"},
		{"shown never: as much later", "2026-03-29", "02:30", "Europe/Berlin", "2026-03-29T01:30:00Z"},
		{"put back by half an hour", "2026-04-05", "01:45", "Australia/Lord_Howe", "2026-04-04T15:15:00Z"},
		{"a day that ends twice", "2018-02-17", "23:59:59", "America/Sao_Paulo", "2018-02-18T02:59:59Z"},
		{"a day without a midnight", "2018-11-04", "23:59:59", "America/Sao_Paulo", "2018-11-05T01:59:59Z"},
	} {
		day, err := offboarding.ParseDate(tt.day)
		if err != nil {
			t.Fatal(err)
		}
		clock, err := offboarding.ParseClock(tt.clock)
		if err != nil {
			t.Fatal(err)
		}
		zone, err := offboarding.LoadZone(tt.zone)
		if err != nil {
			t.Fatal(err)
		}
		if got := day.At(clock, zone).UTC().Format(time.RFC3339); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestWhatIsNoDateClockOrZone(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "2026-11-31", "30.11.2026", "2026-11-30T00:00:00Z", "26-11-30"} {
		if d, err := offboarding.ParseDate(s); err == nil {
			t.Errorf("%q: got the day %s, want an error", s, d)
		}
	}
	for _, s := range []string{"", "18", "24:00", "18:60", "6pm", "18:00:61"} {
		if c, err := offboarding.ParseClock(s); err == nil {
			t.Errorf("%q: got the time %s, want an error", s, time.Duration(c))
		}
	}
	for _, s := range []string{"", "Local", "Berlin", "+01:00", "../etc/passwd"} {
		if z, err := offboarding.LoadZone(s); err == nil {
			t.Errorf("%q: got the zone %s, want an error", s, z)
		}
	}
}

func TestADateIsWrittenAsItIsRead(t *testing.T) {
	t.Parallel()
	type holder struct {
		On offboarding.Date `json:"on,omitzero"`
	}
	for _, text := range []string{`{}`, `{"on":"2026-11-30"}`} {
		var h holder
		if err := json.Unmarshal([]byte(text), &h); err != nil {
			t.Fatal(err)
		}
		if again, err := json.Marshal(h); err != nil || string(again) != text {
			t.Errorf("got %s, %v; want %s", again, err, text)
		}
	}
}
