// Package config reads what the organisation and the environment say into the domain's
// words. What a policy may say is declared in package offboarding; the schema and the annotated
// example beside this file are written from there by go generate.
package config

import (
	"encoding/json"
	"fmt"
	"os"

	"leaver/shared/offboarding"
	"leaver/shared/strictyaml"
)

//go:generate go run leaver/shared/config/generate

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

// ParsePolicy reads a policy in YAML and holds it to [Schema].
func ParsePolicy(text []byte) (offboarding.Policy, error) {
	if err := checkSchema(text); err != nil {
		return offboarding.Policy{}, err
	}
	asJSON, err := strictyaml.JSON(text)
	if err != nil {
		return offboarding.Policy{}, err
	}
	var written offboarding.Changes // nil of an empty file
	if len(asJSON) > 0 {
		if err := json.Unmarshal(asJSON, &written); err != nil {
			return offboarding.Policy{}, err
		}
	}
	p, err := offboarding.ReadPolicy(written)
	return p, located(text, err)
}
