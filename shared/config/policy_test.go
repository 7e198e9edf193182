package config_test

import (
	"bytes"
	"os"
	"reflect"
	"regexp"
	"slices"
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
		"grace: 720h\ngrance: 1h\n":      `[2:1] unknown key "grance"`,
		"grace: 30 days\n":               "[1:8] grace",
		"grace: unlimited\n":             "[1:8] grace",
		"deleteAfter: -1h\n":             "30d, 12h or 0s",
		"mailbox: burn\n":                "[1:10] mailbox",
		"keepFiles: hold\n":              "one of move, none",
		"filesTo: adele\n":               "userPrincipalName or object id",
		"- grace\n":                      "[1:1]",
		"autoReply: {inside: '{boss}'}":  "{boss}",
		"autoReply:\n  outsid: x\n":      `[2:3] unknown key "autoReply.outsid"`,
		"forwardDomains:\n  - a@b.com\n": "[2:5] forwardDomains.0",
		"grace: [1\n":                    "[1:8]",
		"overrides:\n  - for: {department: Sales}\n    mailbos: none\n":                   `[3:5] unknown key "overrides.0.mailbos"`,
		"overrides:\n  - for: {departement: Sales}\n    mailbox: none\n":                  `[2:11] unknown key "overrides.0.for.departement"`,
		"overrides:\n  - for: {department: Sales, company: Contoso}\n    mailbox: none\n": "exactly one of department",
		"overrides:\n  - mailbox: none\n":                                                 "for",
		"overrides:\n  - for: {department: Sales}\n    protected: [a]\n":                  `unknown key "overrides.0.protected"`,
		"overrides:\n  - for: {group: executives}\n    grace: 1h\n":                       "an object id",
		"overrides:\n  - for: {department: Sales}\n    autoReply: {inside: '{boss}'}\n":   "[3:17] overrides.0.autoReply: {boss}",
		"forwardCopy: \"yes\"\n":            "[1:14] forwardCopy: write true or false, not text; it is whether",
		"grace: 30\n":                       "[1:8] grace: write text, not a number; it is how long",
		"delegates: fullAccess\n":           "[1:12] delegates: write a list",
		"forwadFor: 1h\n":                   "forwardDomains, forwardFor, grace",
		"grace: 1h\nrereads: [1h, 30m]\n":   "[2:10] rereads: at least one",
		"holdFor: 1h\n":                     "[1:10] holdFor",
		"mailbox: hold\nforwardFor: 720h\n": "[2:13] forwardFor: mailbox is hold, and B6: ",
		"mailbox: hold\nkeepMail: none\n":   "[2:11] keepMail: mailbox is hold",
		"overrides:\n  - mailbox: shared\n": "[2:5] overrides.0: the key \"for\" is missing",
		"seatPrices: {SPE_E3: -3}\n":        "write at least 0",
		"seatPrices: {SPE_E3: \"36\"}\n":    "seatPrices.SPE_E3: write a number, not text",
		"overrides:\n  - for: {department: Sales}\n    mailbox: hold\n    forwardFor: 1h\n": "[4:17] overrides.0.forwardFor: mailbox is hold, and B6",
	} {
		if _, err := config.ParsePolicy([]byte(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestTheExample: the annotated example is valid, and says the defaults; so are the examples in it
// that stand behind a #.
func TestTheExample(t *testing.T) {
	t.Parallel()
	p, err := config.LoadPolicy("policy.example.yaml")
	if err != nil || !reflect.DeepEqual(p, offboarding.DefaultPolicy()) {
		t.Errorf("the example is not the default: %+v, %v", p, err)
	}
	text := regexp.MustCompile(`(?m)^#(\S|  )`).ReplaceAll(config.Example(), []byte("$1"))
	if p, err = config.ParsePolicy(text); err != nil {
		t.Fatal(err)
	}
	if len(p.Overrides) != 3 || len(p.Groups()) != 2 || len(p.Protected) != 1 || len(p.ProtectedGroups) != 1 || len(p.ForwardDomains) != 1 || len(p.SeatPrices) != 2 || p.ForwardFor == nil {
		t.Errorf("got %+v, want every example in it", p)
	}
}

// TestGeneratedFilesAreCurrent: the schema and the example are what the declarations say.
func TestGeneratedFilesAreCurrent(t *testing.T) {
	t.Parallel()
	schema, err := config.Schema()
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string][]byte{"policy.schema.json": schema, "policy.example.yaml": config.Example()} {
		if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is out of date (%v): run go generate ./shared/config", file, err)
		}
	}
}

func TestDurationsAreReadAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	p, err := config.ParsePolicy([]byte("grace: 30d\ndeleteAfter: 1d12h\nforwardFor: 2d\nholdFor: 3650d\nrereads: [90m, 12h, 1d]\noverrides:\n  - for: {department: Sales}\n    grace: 7d\n"))
	if err != nil {
		t.Fatal(err)
	}
	sales, err := p.For(offboarding.User{Department: "Sales"}, nil)
	const day = 24 * time.Hour
	got := []time.Duration{p.Grace, p.DeleteAfter, *p.ForwardFor, p.HoldFor, p.Rereads[2], sales.Grace}
	want := []time.Duration{30 * day, 36 * time.Hour, 2 * day, 3650 * day, day, 7 * day}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

func FuzzParsePolicy(f *testing.F) {
	f.Add("grace: 720h\nprotected: [a]\n")
	f.Add("grace: *x\n")
	f.Add("protected: !00\n" + strings.Repeat("0", 51)) // at which the YAML library panics
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := config.ParsePolicy([]byte(text)); err == nil && p.Validate() != nil {
			t.Errorf("%+v", p)
		}
	})
}
