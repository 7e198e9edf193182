package config_test

import (
	"strings"
	"testing"
	"time"

	"leaver/shared/config"
	"leaver/shared/offboarding"
)

func TestForwardingIsReadFromThePolicy(t *testing.T) {
	t.Parallel()
	p, err := config.ParsePolicy([]byte(`
mailbox: forward
forwardFor: unlimited
forwardCopy: false
forwardDomains: [fabrikam.com]
autoReply:
  inside: "{name} left"
  outside: ""
`))
	if err != nil {
		t.Fatal(err)
	}
	if p.Mailbox != offboarding.Forward || *p.ForwardFor != offboarding.Unlimited || p.ForwardCopy || !p.ForwardsTo("a@fabrikam.com") {
		t.Errorf("%+v", p)
	}
	if want := (offboarding.AutoReplyTexts{Inside: "{name} left"}); p.AutoReply != want {
		t.Errorf("%+v", p.AutoReply)
	}
}

func TestAnEmptyPolicyIsTheDefault(t *testing.T) {
	t.Parallel()
	p, err := config.ParsePolicy(nil)
	if err != nil || p.Mailbox != offboarding.Forward || p.Grace != 30*24*time.Hour || !p.ForwardCopy || p.AutoReply.Outside == "" || len(p.ForwardDomains) > 0 {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestAPolicyThatCannotBeMeantIsRefused(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		"forwardDomain: [fabrikam.com]":       "forwardDomain",
		"autoReply: {everybody: x}":           "everybody",
		"autoReply: {inside: \"{manager}\"}":  "{manager}",
		"forwardFor: 0s":                      "forwardFor",
		"forwardDomains: [\"@fabrikam.com\"]": "forwardDomains",
	} {
		if _, err := config.ParsePolicy([]byte(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
