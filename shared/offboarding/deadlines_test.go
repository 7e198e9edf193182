package offboarding_test

import (
	"slices"
	"testing"
	"time"

	"leaver/shared/offboarding"
)

func TestDeadlines(t *testing.T) {
	t.Parallel()
	at := func(days int) time.Time { return leaving.AddDate(0, 0, days) }
	released := func(c *offboarding.Case) {
		c.Steps = append(c.Steps, &offboarding.Record{Name: offboarding.StepLicence, State: offboarding.StateEffective, EffectiveAt: leaving})
	}
	deleted := func(c *offboarding.Case) {
		c.Steps = append(c.Steps, &offboarding.Record{Name: offboarding.StepDelete, State: offboarding.StateEffective, Evidence: map[string]string{offboarding.DeletedAt: offboarding.Stamp(leaving)}})
	}
	drive := func(id string) func(*offboarding.Case) {
		return func(c *offboarding.Case) {
			c.Steps = append(c.Steps, &offboarding.Record{Name: offboarding.StepOnedrive, State: offboarding.StateEffective, Evidence: map[string]string{offboarding.DriveSeen: id}})
		}
	}
	held := func(lasts time.Duration) func(*offboarding.Case) {
		return func(c *offboarding.Case) {
			c.Plan.KeepMail, c.Plan.HoldFor = offboarding.KeepHold, lasts
			c.Steps = append(c.Steps, &offboarding.Record{Name: offboarding.StepPreserve, State: offboarding.StateEffective})
		}
	}
	for name, tt := range map[string]struct {
		seen []func(*offboarding.Case)
		want []time.Time
	}{
		"nothing observed":                {nil, nil},
		"a licence released, no OneDrive": {[]func(*offboarding.Case){released, drive("none")}, nil},
		"a licence released":              {[]func(*offboarding.Case){released, drive("b!1")}, []time.Time{at(60), at(93)}},
		"deleted, no OneDrive":            {[]func(*offboarding.Case){deleted, drive("none")}, []time.Time{at(30)}},
		"released and deleted":            {[]func(*offboarding.Case){released, deleted, drive("b!1")}, []time.Time{at(30), at(30), at(123)}},
		"held for a year, not deleted":    {[]func(*offboarding.Case){held(365 * 24 * time.Hour)}, nil},
		"held for a year":                 {[]func(*offboarding.Case){held(365 * 24 * time.Hour), deleted}, []time.Time{at(30), at(365)}},
		"held for ever":                   {[]func(*offboarding.Case){held(offboarding.Unlimited), deleted}, []time.Time{at(30)}},
		"forwarding with an end":          {[]func(*offboarding.Case){func(c *offboarding.Case) { c.Plan.Forwarding = &offboarding.Forwarding{Until: at(7)} }}, []time.Time{at(7)}},
		"forwarding of one who stays": {[]func(*offboarding.Case){func(c *offboarding.Case) {
			c.Plan.Forwarding, c.Cancelled = &offboarding.Forwarding{Until: at(7)}, &offboarding.Entry{}
		}}, nil},
		"forwarding that a person took upon themselves": {[]func(*offboarding.Case){func(c *offboarding.Case) {
			c.Plan.Forwarding = &offboarding.Forwarding{Until: at(7)}
			c.Steps = append(c.Steps, &offboarding.Record{Name: offboarding.StepForward, State: offboarding.StateSignedOff})
		}}, nil},
		"forwarding that a person signed off": {[]func(*offboarding.Case){func(c *offboarding.Case) {
			c.Plan.Forwarding = &offboarding.Forwarding{Until: at(7)}
			c.Steps = append(c.Steps, &offboarding.Record{Name: offboarding.StepForward, State: offboarding.StateSignedOff, Evidence: map[string]string{offboarding.ForwardingSeen: "in effect"}})
		}}, []time.Time{at(7)}},
		"forwarding without one": {[]func(*offboarding.Case){func(c *offboarding.Case) { c.Plan.Forwarding = &offboarding.Forwarding{} }}, nil},
		"a licence that was not released yet": {[]func(*offboarding.Case){drive("b!1"), func(c *offboarding.Case) {
			c.Steps = append(c.Steps, &offboarding.Record{Name: offboarding.StepLicence, State: offboarding.StateWaiting})
		}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &offboarding.Case{}
			for _, see := range tt.seen {
				see(c)
			}
			var got []time.Time
			for _, d := range offboarding.Deadlines(c) {
				if d.What == "" || d.Source == "" {
					t.Errorf("%+v", d)
				}
				got = append(got, d.At)
			}
			if !slices.EqualFunc(got, tt.want, time.Time.Equal) {
				t.Errorf("%v, wanted %v", got, tt.want)
			}
		})
	}
}

// TestAForwardingThatEnded is not announced any more, and one that never was, not at all.
func TestAForwardingThatEnded(t *testing.T) {
	t.Parallel()
	until := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	c := &offboarding.Case{Plan: offboarding.Plan{Forwarding: &offboarding.Forwarding{Until: until}}}
	for _, tt := range []struct {
		state     offboarding.StepState
		effective time.Time
		says      []string
	}{
		{offboarding.StateWaiting, time.Time{}, []string{"forwarding ends"}},
		{offboarding.StateEffective, until.Add(time.Minute), []string{"forwarding ended"}},
		{offboarding.StateEffective, until.AddDate(0, 0, -30), nil}, // there was no mailbox
	} {
		c.Steps = []*offboarding.Record{{Name: offboarding.StepForward, State: tt.state, EffectiveAt: tt.effective}}
		var says []string
		for _, d := range offboarding.Deadlines(c) {
			says = append(says, d.What)
		}
		if !slices.Equal(says, tt.says) {
			t.Errorf("%s at %s: got %q, want %q", tt.state, tt.effective, says, tt.says)
		}
	}
}

func TestHashes(t *testing.T) {
	t.Parallel()
	a := offboarding.Hashes{QuickXor: "x", SHA1: "1"}
	for name, tt := range map[string]struct {
		other          offboarding.Hashes
		same, compared bool
	}{
		"the same":           {offboarding.Hashes{QuickXor: "x"}, true, true},
		"one of two differs": {offboarding.Hashes{QuickXor: "x", SHA1: "2"}, false, true},
		"none in common":     {offboarding.Hashes{SHA256: "y"}, true, false},
		"none at all":        {offboarding.Hashes{}, true, false},
	} {
		if same, compared := a.Compare(tt.other); same != tt.same || compared != tt.compared {
			t.Errorf("%s: same %t, compared %t", name, same, compared)
		}
	}
}
