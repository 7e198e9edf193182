package offboarding_test

import (
	"testing"
	"time"

	"leaver/shared/offboarding"
)

func TestOverridesAreLaidOverInOrder(t *testing.T) {
	t.Parallel()
	long, short := 90*24*time.Hour, time.Hour
	shared, none := offboarding.Shared, offboarding.None
	policy := offboarding.DefaultPolicy()
	policy.Overrides = []offboarding.Override{
		{Department: "Sales", Settings: offboarding.Settings{Mailbox: &shared, Grace: &short}},
		{Company: "Contoso Temporary Staff", Settings: offboarding.Settings{Mailbox: &none}},
		{Group: "5F7C2A0E-1b7d-4c57-9f6e-0d6f1d2b8a11", Settings: offboarding.Settings{Grace: &long}},
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
		if p := policy.For(tt.user, tt.groups); p.Mailbox != tt.mailbox || p.Grace != tt.grace || p.Overrides != nil {
			t.Errorf("%s: %+v", tt.name, p)
		}
	}
	if policy.Mailbox != offboarding.Forward || len(policy.Overrides) != 3 {
		t.Errorf("the policy itself changed: %+v", policy)
	}
}

func TestAnOverrideThatCannotBeMeantIsRefused(t *testing.T) {
	t.Parallel()
	burn := offboarding.Handling("burn")
	for name, o := range map[string]offboarding.Override{
		"for nobody":    {},
		"for two":       {Department: "Sales", Company: "Contoso"},
		"a wrong value": {Department: "Sales", Settings: offboarding.Settings{Mailbox: &burn}},
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
