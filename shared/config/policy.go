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
	Grace       *duration            `yaml:"grace"`
	DeleteAfter *duration            `yaml:"deleteAfter"`
	Mailbox     offboarding.Handling `yaml:"mailbox"`
	ForwardFor  *duration            `yaml:"forwardFor"`
	// Domains outside of the organisation that mail may be forwarded to.
	ForwardDomains []string `yaml:"forwardDomains"`
	ForwardCopy    *bool    `yaml:"forwardCopy"`
	AutoReply      struct {
		Inside  *string `yaml:"inside"`
		Outside *string `yaml:"outside"`
	} `yaml:"autoReply"`
	KeepMail  offboarding.Keeping `yaml:"keepMail"`
	KeepFiles offboarding.Keeping `yaml:"keepFiles"`
	Protected []string            `yaml:"protected"`
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

// ParsePolicy reads a policy in YAML.
func ParsePolicy(text []byte) (offboarding.Policy, error) {
	var f policyFile
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.DisallowUnknownField()).Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return offboarding.Policy{}, err
	}
	p := offboarding.DefaultPolicy()
	if f.Grace != nil {
		p.Grace = time.Duration(*f.Grace)
	}
	if f.DeleteAfter != nil {
		p.DeleteAfter = time.Duration(*f.DeleteAfter)
	}
	if f.Mailbox != "" {
		p.Mailbox = f.Mailbox
	}
	if f.ForwardFor != nil {
		p.ForwardFor = (*time.Duration)(f.ForwardFor)
	}
	p.ForwardDomains = f.ForwardDomains
	if f.ForwardCopy != nil {
		p.ForwardCopy = *f.ForwardCopy
	}
	if f.AutoReply.Inside != nil {
		p.AutoReply.Inside = *f.AutoReply.Inside
	}
	if f.AutoReply.Outside != nil {
		p.AutoReply.Outside = *f.AutoReply.Outside
	}
	if f.KeepMail != "" {
		p.KeepMail = f.KeepMail
	}
	if f.KeepFiles != "" {
		p.KeepFiles = f.KeepFiles
	}
	p.Protected = f.Protected
	return p, p.Validate()
}
