package environment

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// Source says where a value is: the ARN of a secret in AWS Secrets Manager or of a parameter in
// the SSM Parameter Store, file:PATH, env:NAME, or the value itself. In production only ARNs and files
// hold secrets: a Lambda function's variables can be read by whoever may list functions.
type Source string

// Fetch returns the value that stands at the ARN of a secret or a parameter.
type Fetch func(ctx context.Context, arn string) (string, error)

var stored = regexp.MustCompile(`^arn:[a-z-]+:(secretsmanager|ssm):`)

// Read returns the value, without the line break that a file ends with. Its errors name the
// place, never the value.
func (s Source) Read(ctx context.Context, fetch Fetch) (string, error) {
	path, isFile := strings.CutPrefix(string(s), "file:")
	switch {
	case isFile:
		text, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		return strings.TrimRight(string(text), "\r\n"), nil
	case strings.HasPrefix(string(s), "env:"):
		name := strings.TrimPrefix(string(s), "env:")
		value := os.Getenv(name)
		if value == "" {
			return "", fmt.Errorf("the variable %s is not set", name)
		}
		return value, nil
	case stored.MatchString(string(s)):
		value, err := fetch(ctx, string(s))
		if err != nil {
			return "", fmt.Errorf("fetching %s: %w", string(s), err)
		}
		return value, nil
	case strings.HasPrefix(string(s), "arn:"):
		return "", errors.New("the ARN is neither one of a secret in Secrets Manager nor one of a parameter in the SSM Parameter Store")
	}
	return string(s), nil
}

// String hides the value: it may be a secret.
func (s Source) String() string {
	switch {
	case s == "":
		return ""
	case strings.HasPrefix(string(s), "file:"), strings.HasPrefix(string(s), "env:"), strings.HasPrefix(string(s), "arn:"):
		return string(s)
	}
	return "(a value)"
}
