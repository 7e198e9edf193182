package config_test

import (
	"strings"
	"testing"
	"time"

	"leaver/shared/config"
	"leaver/shared/offboarding"
)

func TestParsePolicy(t *testing.T) {
	t.Parallel()
	p, err := config.ParsePolicy([]byte("grace: 720h\ndeleteAfter: 0s\nmailbox: none\nforwardFor: unlimited\nkeepMail: none\nkeepFiles: none\nprotected: [ceo@contoso.com]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if p.Grace != 720*time.Hour || *p.ForwardFor != offboarding.Unlimited || p.KeepMail != offboarding.KeepNone || len(p.Protected) != 1 {
		t.Errorf("%+v", p)
	}
	for _, empty := range []string{"", "# nothing\n", "{}"} {
		p, err := config.ParsePolicy([]byte(empty))
		if err != nil || p.Grace != offboarding.DefaultPolicy().Grace {
			t.Errorf("%q: %+v, %v", empty, p, err)
		}
	}
}

func TestAPolicyThatCannotBeUsedSaysWhere(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		"grace: 720h\ngrance: 1h\n": "[2:1]",
		"grace: 30 days\n":          "30 days",
		"grace: unlimited\n":        "grace",
		"deleteAfter: -1h\n":        "-1h",
		"mailbox: burn\n":           "burn",
		"keepFiles: hold\n":         "keepFiles",
		"- grace\n":                 "[1:1]",
	} {
		if _, err := config.ParsePolicy([]byte(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParsePolicy(f *testing.F) {
	f.Add("grace: 720h\nprotected: [a]\n")
	f.Add("grace: *x\n")
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := config.ParsePolicy([]byte(text)); err == nil && p.Validate() != nil {
			t.Errorf("%+v", p)
		}
	})
}
