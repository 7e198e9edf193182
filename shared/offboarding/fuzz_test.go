package offboarding_test

import (
	"encoding/json"
	"testing"
	"time"

	"leaver/shared/offboarding"
)

// FuzzDate reads any text as a day and as a time of day, and goes by them in any zone.
func FuzzDate(f *testing.F) {
	f.Add("2026-11-30", "18:00", "Europe/Berlin")
	f.Add("0000-01-01", "23:59:60", "Pacific/Apia")
	f.Add("9999-12-31", "00:00:00", "America/Los_Angeles")
	f.Add("2026-02-30", "24:00", "../../etc/localtime")
	f.Fuzz(func(t *testing.T, text, time24, name string) {
		day, err := offboarding.ParseDate(text)
		if err == nil && day.String() != text {
			t.Errorf("%q is the day %s", text, day)
		}
		clock, err := offboarding.ParseClock(time24)
		if err == nil && (clock < 0 || clock > offboarding.EndOfDay) {
			t.Errorf("%q is %v of a day", time24, time.Duration(clock))
		}
		zone, err := offboarding.LoadZone(name)
		if err != nil || day.Year < 1 || day.Year > 9998 {
			return
		}
		at := day.At(clock, zone)
		if d := at.Sub(time.Date(day.Year, day.Month, day.Day, 0, 0, 0, 0, time.UTC).Add(time.Duration(clock))); d < -28*time.Hour || d > 28*time.Hour {
			t.Errorf("%s at %v in %s is %v", day, time.Duration(clock), name, at)
		}
		_ = offboarding.ExtensionNumber(text)
	})
}

// FuzzFacts keeps any value under any name of any step, and reads what gates, report and status ask of a case.
func FuzzFacts(f *testing.F) {
	for _, name := range []string{
		offboarding.MailboxItems, offboarding.DeletedAt, offboarding.DriveSeen, offboarding.VerifiedItems, offboarding.VerifiedBytes, offboarding.VerifiedDelta,
		offboarding.ExportedAt, offboarding.LicensedOnPremises, offboarding.LicenceGate, offboarding.DeletionGate, offboarding.ManagedApps + "tag", offboarding.SynchronisedAt,
	} {
		for _, value := range []string{"", "none", "-1", "2026-11-22T09:00:00Z", "9223372036854775808", " S-1 S-2 "} {
			f.Add(name, value, "2026-11-22T09:00:00Z")
		}
	}
	f.Fuzz(func(t *testing.T, name, value, other string) {
		now := time.Date(2026, 12, 22, 9, 0, 0, 0, time.UTC)
		c := &offboarding.Case{ID: "c-1", Plan: offboarding.Plan{Version: 1, LeavingTime: now}}
		for _, spec := range offboarding.Steps {
			facts := map[string]string{name: value, offboarding.DeletedAt: other, offboarding.ExportedAt: other}
			c.Steps = append(c.Steps, &offboarding.Record{Name: spec.Name, State: offboarding.StateEffective, Evidence: facts, Progress: facts, Before: facts})
		}
		_, _ = c.MailboxHeld()
		_, _ = c.LicensedOnPremisesGroups()
		_, _, _, _, _ = c.UnwipedApps(), c.LeftToLicence(), c.VerifiedDrive(), c.AccountDeleted(), c.LicenceOpened()
		_, _, _ = offboarding.MailKept(c, offboarding.MailFlow{}, now), c.ShownInCloud(), c.NotHiddenOnPremises()
		if _, err := json.Marshal(offboarding.Deadlines(c)); err != nil {
			t.Errorf("its deadlines cannot be told: %v", err)
		}
	})
}
