package export_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-ical"

	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

// TestASeriesIsExportedAsItTookPlace: every second week on Monday and Thursday at nine in Berlin, ten times,
// over the end of summer time; one was moved, one renamed, one cancelled. Whoever reads the file sees the same
// calendar, also where the cloud does not say of a series what was changed of it.
// Sources: microsoft-graph-docs-contrib issues 4485, 6480, 7293 and 7345.
func TestASeriesIsExportedAsItTookPlace(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	nine := func(month time.Month, day int) time.Time { return time.Date(2026, month, day, 9, 0, 0, 0, berlin) }
	for _, cloud := range []string{"", "usgov", "china"} {
		t.Run("in "+cloud, func(t *testing.T) {
			t.Parallel()
			s := simtenant.NewContents()
			series := s.Add(simtenant.ContentItem{Folder: s.WellKnown("calendar").ID, Subject: "Jour fixe", At: nine(10, 5).UTC(), Class: "series"})
			s.Except(series.ID, nine(10, 19), nine(10, 20).Add(2*time.Hour), "Jour fixe, moved") // a Monday in summer
			renamed := s.Except(series.ID, nine(11, 5), nine(11, 5), "Jour fixe, the last")      // a Thursday in winter
			renamed.Class, renamed.Size = "attachment", 30
			s.Cancel(series.ID, "2026-11-02")
			h := newHouseIn(t, cloud, s)
			h.settles(offboarding.StateEffective, "")
			want := map[string]string{}
			for _, at := range []time.Time{nine(10, 5), nine(10, 8), nine(10, 22), nine(11, 16), nine(11, 19), nine(11, 30), nine(12, 3)} {
				want[at.UTC().Format(time.RFC3339)] = "Jour fixe"
			}
			want[nine(10, 20).Add(2*time.Hour).UTC().Format(time.RFC3339)] = "Jour fixe, moved"
			want[nine(11, 5).UTC().Format(time.RFC3339)] = "Jour fixe, the last"
			var attached int
			for _, l := range lines(h.root()) {
				text, err := os.ReadFile(filepath.Join(h.root(), filepath.FromSlash(l.Path)))
				if err != nil {
					t.Fatal(err)
				}
				switch {
				case strings.HasSuffix(l.Path, ".ics"):
					if got := shown(t, text); !maps.Equal(got, want) {
						t.Errorf("got a calendar of %v, want %v\n%s", got, want, text)
					}
				case strings.HasSuffix(l.Path, ".json"):
					var e struct{ ExceptionOccurrences []struct{ Subject string } }
					if err := json.Unmarshal(text, &e); err != nil || len(e.ExceptionOccurrences) != 2 {
						t.Errorf("got %s, %v, want both changed occurrences in it", text, err)
					}
				default:
					attached++
				}
			}
			if attached != 1 {
				t.Errorf("got %d files of changed occurrences, want the one", attached)
			}
			h.whole()
		})
	}
}

// shown is what somebody sees who opens a calendar: what begins when.
func shown(t *testing.T, text []byte) map[string]string {
	t.Helper()
	c, err := ical.NewDecoder(bytes.NewReader(text)).Decode()
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Children) == 0 || c.Children[0].Name != ical.CompTimezone || len(c.Children[0].Children) < 2 {
		t.Errorf("the zone is not written out:\n%s", text)
	}
	all, instead, changed := map[string]string{}, map[string]bool{}, map[string]string{}
	var uids []string
	for _, e := range c.Events() {
		uid, _ := e.Props.Text(ical.PropUID)
		uids = append(uids, uid)
		summary, _ := e.Props.Text(ical.PropSummary)
		begins, err := e.DateTimeStart(time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		if id := e.Props.Get(ical.PropRecurrenceID); id != nil {
			at, err := id.DateTime(time.UTC)
			if err != nil {
				t.Fatal(err)
			}
			instead[at.UTC().Format(time.RFC3339)] = true
			changed[begins.UTC().Format(time.RFC3339)] = summary
			continue
		}
		set, err := e.RecurrenceSet(time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range set.All() {
			all[at.UTC().Format(time.RFC3339)] = summary
		}
	}
	if len(slices.Compact(uids)) != 1 {
		t.Errorf("got the UIDs %v, want one", uids)
	}
	for at := range instead {
		if _, is := all[at]; !is {
			t.Errorf("got a changed occurrence instead of %s, which is none: %v", at, all)
		}
		delete(all, at)
	}
	maps.Copy(all, changed)
	return all
}
