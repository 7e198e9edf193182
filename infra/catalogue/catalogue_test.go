package main

import (
	"os"
	"strings"
	"testing"

	"leaver/shared/offboarding"
)

// TestGeneratedFilesAreCurrent finds a file that is not as the catalogue has it.
func TestGeneratedFilesAreCurrent(t *testing.T) {
	t.Parallel()
	files, err := generate(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		if got := page(t, name); got != string(want) {
			t.Errorf("%s is not as the catalogue has it: run go generate ./... and commit it", name)
		}
	}
}

// TestOnlyWhatIsBetweenTheLinesIsWritten holds a section against what stands around it.
func TestOnlyWhatIsBetweenTheLinesIsWritten(t *testing.T) {
	t.Parallel()
	s := section{"a.yaml", "steps", "  new: 1\n"}
	const before = "a:\n  # catalogue:steps\n  old: 1\n  # catalogue:end\nb:\n  # catalogue:other\n  c: 1\n  # catalogue:end\n"
	want := strings.Replace(before, "old", "new", 1)
	for range 2 {
		if got, err := s.into([]byte(before)); err != nil || string(got) != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	for _, text := range []string{"", "# catalogue:steps\n", "# catalogue:step\n# catalogue:end\n"} {
		if got, err := s.into([]byte(text)); err == nil {
			t.Errorf("%q has no such section, got %q", text, got)
		}
	}
}

// TestNoRuleIsWithoutATest spoils the project: a rule that no test is named after is refused.
func TestNoRuleIsWithoutATest(t *testing.T) {
	t.Parallel()
	if got, err := ruleTable(os.DirFS(t.TempDir())); err == nil || !strings.Contains(err.Error(), "TestB1") {
		t.Errorf("got %q, %v, want an error that names the test", got, err)
	}
}

// TestAFunctionOfAnotherVendorReadsItsOwnSecretAlone: its variable names the secret that bears its
// name, and its role may read that one.
func TestAFunctionOfAnotherVendorReadsItsOwnSecretAlone(t *testing.T) {
	t.Parallel()
	of := func(connection string) string {
		text, err := functionBlocks([]block{{Function: offboarding.Function{Name: "payroll", Connection: connection}, ID: "Payroll"}})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	got := of("LEAVER_PAYROLL")
	for _, want := range []string{`LEAVER_PAYROLL: !Sub "arn:`, `:secret:leaver/payroll"`, `Action: "secretsmanager:GetSecretValue"`, `:secret:leaver/payroll*"`} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s\nwant %s in it", got, want)
		}
	}
	if got := of(""); strings.Contains(got, "secretsmanager") {
		t.Errorf("got %s\nwant no secret for a function without a connection", got)
	}
}
