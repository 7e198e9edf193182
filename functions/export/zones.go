package export

import (
	_ "embed"
	"fmt"
	"strings"
	"time"

	"github.com/emersion/go-ical"
)

// zoneTable is which zone of the IANA each name of Windows means.
//
//go:embed zones.tsv
var zoneTable string

var zones = func() map[string]string {
	table := map[string]string{}
	for line := range strings.Lines(zoneTable) {
		if windows, iana, is := strings.Cut(strings.TrimSpace(line), "\t"); is {
			table[windows] = iana
		}
	}
	return table
}()

// zoneOf is the first zone of those that Graph names which is known; else UTC.
func zoneOf(names ...string) *time.Location {
	for _, name := range names {
		if iana := zones[name]; iana != "" {
			name = iana
		}
		if !strings.Contains(name, "/") || strings.Contains(name, "://") { // tzone://Microsoft/Custom is nobody's
			continue
		}
		if zone, err := time.LoadLocation(name); err == nil {
			return zone
		}
	}
	return time.UTC
}

// zoneComponent writes out how far a zone is from UTC between two times, for whoever does not know its name.
// Source: RFC 5545, 3.6.5.
func zoneComponent(zone *time.Location, from, until time.Time) *ical.Component {
	const local = "20060102T150405"
	c := ical.NewComponent(ical.CompTimezone)
	c.Props.SetText(ical.PropTimezoneID, zone.String())
	known := map[string]*ical.Component{}
	set := func(to *ical.Component, property, value string) {
		p := ical.NewProp(property)
		p.Value = value
		to.Props.Add(p)
	}
	for at := from.In(zone); ; {
		begins, ends := at.ZoneBounds()
		name, offset := at.Zone()
		before, since := offset, time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
		if !begins.IsZero() {
			_, before = begins.Add(-time.Second).In(zone).Zone()
			since = begins.UTC().Add(time.Duration(before) * time.Second)
		}
		kind := map[bool]string{true: ical.CompTimezoneDaylight, false: ical.CompTimezoneStandard}[at.IsDST()]
		key := fmt.Sprint(kind, name, before, offset)
		if same := known[key]; same != nil {
			set(same, ical.PropRecurrenceDates, since.Format(local))
		} else {
			same = ical.NewComponent(kind)
			set(same, ical.PropDateTimeStart, since.Format(local))
			set(same, ical.PropTimezoneOffsetFrom, hours(before))
			set(same, ical.PropTimezoneOffsetTo, hours(offset))
			same.Props.SetText(ical.PropTimezoneName, name)
			known[key] = same
			c.Children = append(c.Children, same)
		}
		next := ends.Add(time.Hour).In(zone) // within the next stretch: on its border Go may still be in this one
		if ends.IsZero() || ends.After(until) || !next.After(at) {
			return c
		}
		at = next
	}
}

// hours is a distance from UTC as RFC 5545 has it.
func hours(seconds int) string {
	sign := '+'
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	return fmt.Sprintf("%c%02d%02d", sign, seconds/3600, seconds/60%60)
}
