// Package config reads what the organisation and the environment say into the domain's
// words.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/goccy/go-yaml"

	"leaver/shared/offboarding"
)

// policyFile is a policy as it is written; what is absent is the default.
type policyFile struct {
	Settings settings `yaml:",inline"`
	// Domains outside of the organisation that mail may be forwarded to.
	ForwardDomains []string           `yaml:"forwardDomains"`
	Protected      []string           `yaml:"protected"`
	Rereads        []duration         `yaml:"rereads"`
	SeatPrices     map[string]float64 `yaml:"seatPrices"`
	BlackBerry     bool               `yaml:"blackBerry"`
	Overrides      []overrideFile     `yaml:"overrides"`
}

type overrideFile struct {
	For struct {
		Department string `yaml:"department"`
		Company    string `yaml:"company"`
		Group      string `yaml:"group"`
	} `yaml:"for"`
	Settings settings `yaml:",inline"`
}

// settings are the parts that overrides may change, too.
type settings struct {
	Grace       *duration             `yaml:"grace"`
	DeleteAfter *duration             `yaml:"deleteAfter"`
	Mailbox     *offboarding.Handling `yaml:"mailbox"`
	ForwardFor  *duration             `yaml:"forwardFor"`
	ForwardCopy *bool                 `yaml:"forwardCopy"`
	AutoReply   struct {
		Inside  *string `yaml:"inside"`
		Outside *string `yaml:"outside"`
	} `yaml:"autoReply"`
	KeepMail       *offboarding.Keeping         `yaml:"keepMail"`
	KeepFiles      *offboarding.Keeping         `yaml:"keepFiles"`
	HoldFor        *duration                    `yaml:"holdFor"`
	CancelMeetings *bool                        `yaml:"cancelMeetings"`
	FilesTo        *string                      `yaml:"filesTo"`
	Delegates      *[]offboarding.MailRightKind `yaml:"delegates"`
}

func (s settings) domain() offboarding.Settings {
	return offboarding.Settings{
		Grace: (*time.Duration)(s.Grace), DeleteAfter: (*time.Duration)(s.DeleteAfter),
		Mailbox: s.Mailbox, ForwardFor: (*time.Duration)(s.ForwardFor), ForwardCopy: s.ForwardCopy,
		ReplyInside: s.AutoReply.Inside, ReplyOutside: s.AutoReply.Outside,
		KeepMail: s.KeepMail, KeepFiles: s.KeepFiles, FilesTo: s.FilesTo, HoldFor: (*time.Duration)(s.HoldFor), CancelMeetings: s.CancelMeetings, Delegates: s.Delegates,
	}
}

type duration time.Duration

// UnmarshalYAML reads a duration as Go writes it, or "unlimited".
func (d *duration) UnmarshalYAML(text []byte) error {
	var s string
	if err := yaml.Unmarshal(text, &s); err != nil {
		return err
	}
	parsed, err := offboarding.ParseDuration(s)
	*d = duration(parsed)
	return err
}

// LoadPolicy reads a policy file; an empty path is the default policy. An unknown key, a
// value that cannot be used, or a contradiction is an error with line and column.
func LoadPolicy(path string) (offboarding.Policy, error) {
	if path == "" {
		return offboarding.DefaultPolicy(), nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return offboarding.Policy{}, fmt.Errorf("reading the policy: %w", err)
	}
	p, err := ParsePolicy(text)
	if err != nil {
		return offboarding.Policy{}, fmt.Errorf("policy %s: %w", path, err)
	}
	return p, nil
}

// ParsePolicy reads a policy in YAML and holds it to policy.schema.json.
func ParsePolicy(text []byte) (offboarding.Policy, error) {
	if err := checkSchema(text); err != nil {
		return offboarding.Policy{}, err
	}
	var f policyFile
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.DisallowUnknownField()).Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return offboarding.Policy{}, err
	}
	p := offboarding.DefaultPolicy().With(f.Settings.domain())
	p.ForwardDomains, p.Protected, p.SeatPrices, p.BlackBerry = f.ForwardDomains, f.Protected, f.SeatPrices, f.BlackBerry
	if f.Rereads != nil {
		p.Rereads = nil
		for _, d := range f.Rereads {
			p.Rereads = append(p.Rereads, time.Duration(d))
		}
	}
	for _, o := range f.Overrides {
		p.Overrides = append(p.Overrides, offboarding.Override{
			Department: o.For.Department, Company: o.For.Company, Group: o.For.Group, Settings: o.Settings.domain(),
		})
	}
	wrong := f.Settings.domain().Validate()
	if wrong == nil {
		wrong = p.Validate()
	}
	return p, located(text, wrong)
}
