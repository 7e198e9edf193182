package environment_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"leaver/shared/environment"
)

func TestASourceIsReadWhereItSays(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	away := errors.New("away")
	fetch := func(_ context.Context, arn string) (string, error) {
		if arn == "arn:aws:ssm:eu-west-1:123456789012:parameter/away" {
			return "", away
		}
		return "fetched " + arn, nil
	}
	const secret = "arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:leaver-AbCdEf"
	for source, want := range map[environment.Source]string{
		"":                                 "",
		"plain":                            "plain",
		environment.Source("file:" + file): "from a file",
		secret:                             "fetched " + secret,
		"file:/does/not/exist":             "error",
		"arn:aws:s3:::bucket/key":          "error",
		"arn:aws:ssm:eu-west-1:123456789012:parameter/away": "error",
	} {
		got, err := source.Read(t.Context(), fetch)
		if (err != nil) != (want == "error") || err == nil && got != want {
			t.Errorf("%s: %q, %v", source, got, err)
		}
	}
	if _, err := environment.Source("arn:aws:ssm:eu-west-1:123456789012:parameter/away").Read(t.Context(), fetch); !errors.Is(err, away) {
		t.Error(err)
	}
}

func TestASourceIsNotPrintedWhenItIsTheValue(t *testing.T) {
	c := environment.Identity{Secret: "hush", Certificate: "file:/run/secrets/leaver.pem"}
	if got := fmt.Sprintf("%+v %v %s", c, c.Secret, c.Certificate); got != fmt.Sprintf("%+v (a value) file:/run/secrets/leaver.pem", c) || strings.Contains(got, "hush") {
		t.Error(got)
	}
}
