package offboarding_test

import (
	"strings"
	"testing"
	"time"

	"leaver/shared/offboarding"
)

// TestWhatEndsByItselfInEachCloud: the deadlines that differ. Sources: see [offboarding.Clouds].
func TestWhatEndsByItselfInEachCloud(t *testing.T) {
	t.Parallel()
	blocked := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	const hour, quarter = "2026-11-22T10:00:00Z", "2026-11-22T09:15:00Z"
	for name, tt := range map[string]struct {
		drive  int    // deadlines of a OneDrive whose owner has no licence
		tokens string // by when access tokens are refused
	}{
		"":          {2, "for Exchange Online, SharePoint Online, Teams no later than " + quarter + ", for the rest no later than " + hour},
		"worldwide": {2, "for Exchange Online, SharePoint Online, Teams no later than " + quarter + ", for the rest no later than " + hour},
		"usgov":     {2, "for Exchange Online no later than " + quarter + ", for the rest no later than " + hour},
		"usgovdod":  {0, "for Exchange Online no later than " + quarter + ", for the rest no later than " + hour},
		"china":     {2, "no later than " + hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &offboarding.Case{Plan: offboarding.Plan{CloudName: name}, Steps: []*offboarding.Record{
				{Name: offboarding.StepOnedrive, State: offboarding.StateEffective, Evidence: map[string]string{offboarding.DriveSeen: "b!1"}},
				{Name: offboarding.StepLicence, State: offboarding.StateEffective, EffectiveAt: blocked},
			}}
			if got := offboarding.Deadlines(c); len(got) != tt.drive {
				t.Errorf("got %+v, want %d deadlines", got, tt.drive)
			}
			if got := c.Plan.Cloud().TokensEnd(blocked); !strings.HasPrefix(got, tt.tokens) {
				t.Errorf("got %q, want %q", got, tt.tokens)
			}
		})
	}
}
