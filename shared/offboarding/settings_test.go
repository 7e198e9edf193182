package offboarding_test

import (
	"testing"
	"time"

	"leaver/shared/offboarding"
)

func TestOverridesAreLaidOverInOrder(t *testing.T) {
	t.Parallel()
	long, short := 90*24*time.Hour, time.Hour
	policy := offboarding.DefaultPolicy()
	policy.Overrides = []offboarding.Override{
		{Department: "Sales", Changes: offboarding.Changes{"mailbox": "shared", "grace": "1h"}},
		{Company: "Contoso Temporary Staff", Changes: offboarding.Changes{"mailbox": offboarding.None}},
		{Group: "5F7C2A0E-1b7d-4c57-9f6e-0d6f1d2b8a11", Changes: offboarding.Changes{"grace": 90 * 24 * time.Hour}},
	}
	group := []string{"5f7c2a0e-1b7d-4c57-9f6e-0d6f1d2b8a11"}
	for _, tt := range []struct {
		name    string
		user    offboarding.User
		groups  []string
		mailbox offboarding.Handling
		grace   time.Duration
	}{
		{"nothing fits", offboarding.User{Department: "Marketing"}, nil, offboarding.Forward, 30 * 24 * time.Hour},
		{"no department", offboarding.User{}, nil, offboarding.Forward, 30 * 24 * time.Hour},
		{"the department, whatever its case", offboarding.User{Department: "SALES"}, nil, offboarding.Shared, short},
		{"the company over the department", offboarding.User{Department: "Sales", CompanyName: "contoso temporary staff"}, nil, offboarding.None, short},
		{"the group over both", offboarding.User{Department: "Sales"}, group, offboarding.Shared, long},
	} {
		if p, err := policy.For(tt.user, tt.groups); err != nil || p.Mailbox != tt.mailbox || p.Grace != tt.grace || p.Overrides != nil {
			t.Errorf("%s: %+v", tt.name, p)
		}
	}
	if policy.Mailbox != offboarding.Forward || len(policy.Overrides) != 3 {
		t.Errorf("the policy itself changed: %+v", policy)
	}
}

func TestAnOverrideThatCannotBeMeantIsRefused(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]offboarding.Override{
		"for nobody":    {},
		"for two":       {Department: "Sales", Company: "Contoso"},
		"a wrong value": {Department: "Sales", Changes: offboarding.Changes{"mailbox": "burn"}},
	} {
		p := offboarding.DefaultPolicy()
		p.Overrides = []offboarding.Override{o}
		if err := p.Validate(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	p := offboarding.DefaultPolicy()
	for i := range 21 {
		p.Overrides = append(p.Overrides, offboarding.Override{Group: string(rune('a' + i))})
	}
	if err := p.Validate(); err == nil {
		t.Error("21 groups: no error")
	}
}

// eachSetting changes every setting of a plan, and names the step that acts again.
var eachSetting = []struct {
	name   string
	change offboarding.Changes
	redone offboarding.StepName
}{
	{"seat prices", offboarding.Changes{"seatPrices": map[string]any{"SPE_E3": 36}}, offboarding.StepLicence},
	{"a BlackBerry server", offboarding.Changes{"blackBerry": true}, offboarding.StepWipe},
	{"re-reads", offboarding.Changes{"rereads": []any{"2h"}}, offboarding.StepBlock},
	{"a shorter hold", offboarding.Changes{"holdFor": "3650d"}, offboarding.StepPreserve},
	{"how mail is kept", offboarding.Changes{"keepMail": "export"}, offboarding.StepPreserve},
	{"how long exports are kept, where nothing is exported", offboarding.Changes{"exportKeep": "30d"}, ""},
	{"delegates", offboarding.Changes{"delegates": []any{"sendOnBehalf"}}, offboarding.StepForward},
	{"an out-of-office text", offboarding.Changes{"autoReply": map[string]any{"outside": "gone"}}, offboarding.StepForward},
	{"meetings", offboarding.Changes{"cancelMeetings": false}, offboarding.StepForward},
	{"where the files go", offboarding.Changes{"filesTo": "b!abc"}, offboarding.StepOnedrive},
	{"when values are erased", offboarding.Changes{"eraseAfter": "40d"}, ""},
}

// TestAnotherPolicyIsAnotherPlan: a later request under a changed policy changes the plan, whatever
// the setting.
func TestAnotherPolicyIsAnotherPlan(t *testing.T) {
	t.Parallel()
	compiled, err := compile(t, offboarding.Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := compile(t, offboarding.Options{}, nil); !compiled.Same(again) {
		t.Error("the same policy makes another plan")
	}
	for _, tt := range eachSetting {
		changed, err := compile(t, offboarding.Options{}, func(p *offboarding.Policy) {
			var err error
			if *p, err = p.With(tt.change); err != nil {
				t.Fatal(err)
			}
		})
		if err != nil || compiled.Same(changed) || changed.Same(compiled) {
			t.Errorf("%s: got the same plan, want another one (%v)", tt.name, err)
		}
	}
}

// TestWhatANewPlanChangesIsDoneAgain: every step took effect, and then a later request changes one
// setting; exactly the step that obeys it acts again.
func TestWhatANewPlanChangesIsDoneAgain(t *testing.T) {
	t.Parallel()
	for _, tt := range eachSetting {
		before, err := compile(t, offboarding.Options{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		after, err := compile(t, offboarding.Options{}, func(p *offboarding.Policy) { *p, _ = p.With(tt.change) })
		if err != nil {
			t.Fatal(err)
		}
		c := &offboarding.Case{ID: "case-1"}
		apply := func(e offboarding.Entry) {
			t.Helper()
			e.Position, e.At = c.Position+1, leaving
			if c, err = c.With(e, ""); err != nil {
				t.Fatal(err)
			}
		}
		apply(offboarding.Entry{Kind: offboarding.EntryOpened, Leaver: "l", Plan: &before})
		for _, step := range before.Steps {
			apply(offboarding.Entry{Kind: offboarding.EntrySettled, Step: step.Name, State: offboarding.StateEffective, N: 1})
		}
		after.Version = 2
		apply(offboarding.Entry{Kind: offboarding.EntryJoined, Plan: &after})
		for _, record := range c.Steps {
			if _, was := before.Step(record.Name); !was {
				continue // the new plan holds it for the first time
			}
			if again := record.State == offboarding.StatePlanned; again != (record.Name == tt.redone) {
				t.Errorf("%s: %s acts again: got %t, want %t", tt.name, record.Name, again, record.Name == tt.redone)
			}
		}
	}
}

func TestDurationsAreWrittenAsPeopleThinkOfThem(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"30d": 30 * day, "1d12h": 36 * time.Hour, "12h": 12 * time.Hour, "1h30m": 90 * time.Minute, "0s": 0,
		"unlimited": offboarding.Unlimited, "65535d": 65535 * day, "1d500ms": day + 500*time.Millisecond, "10m": 10 * time.Minute,
	} {
		if got, err := offboarding.ParseDuration(text); err != nil || got != want {
			t.Errorf("%s is read as %s, %v, want %s", text, got, err, want)
		}
		if got := offboarding.FormatDuration(want); got != text {
			t.Errorf("%s is written %s, want %s", want, got, text)
		}
	}
	for text, want := range map[string]time.Duration{"720h": 30 * day, "0": 0, "0d": 0, "90m": 90 * time.Minute} {
		if got, err := offboarding.ParseDuration(text); err != nil || got != want {
			t.Errorf("%s is read as %s, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "30", "30 d", "-1d", "-1h", "1.5d", "+1d", "1d+1h", "12h1d", "1d1d", "106752d", "99999999999999999999d", "65535d2562047h", "forever"} {
		if got, err := offboarding.ParseDuration(text); err == nil {
			t.Errorf("%q is read as %s, want an error", text, got)
		}
	}
}
