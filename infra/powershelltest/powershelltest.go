// Package powershelltest reads scripts of PowerShell, for tests on machines that have none: by
// tree-sitter's grammar of it, which npm brings (.ci/package.json).
package powershelltest

import (
	_ "embed"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

//go:embed commands.cjs
var reads string

// Command is one that a script calls, with the names of the parameters that it gives.
type Command struct {
	Name       string
	Parameters []string // in their order, without the hyphen; those of commands within are among them
}

// Commands are those that a script calls, in their order. A script that cannot be read fails the test; without
// Node or the grammar the test is skipped, and fails in CI.
func Commands(t testing.TB, script string) []Command {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	modules := filepath.Join(filepath.Dir(here), "..", "..", ".ci", "node_modules")
	_, noGrammar := os.Stat(filepath.Join(modules, "tree-sitter-powershell", "package.json"))
	_, noReader := os.Stat(filepath.Join(modules, "web-tree-sitter", "package.json"))
	if _, noNode := exec.LookPath("node"); noNode != nil || noGrammar != nil || noReader != nil {
		const absent = "NO GRAMMAR OF POWERSHELL: that what we give an administrator to run is PowerShell is not tested. Install node, then: (cd .ci && npm ci --ignore-scripts)"
		if os.Getenv("CI") == "true" {
			t.Fatal(absent)
		}
		t.Skip(absent)
	}
	// V8's optimising compiler takes a minute for the grammar's table, which is read once.
	node := exec.CommandContext(t.Context(), "node", "--liftoff-only", "-e", reads, modules)
	node.Stdin = strings.NewReader(script)
	var problems strings.Builder
	node.Stderr = &problems
	out, err := node.Output()
	if err != nil {
		t.Fatalf("reading the script: %v\n%s", err, problems.String())
	}
	var found struct {
		Wrong    []string
		Commands []Command
	}
	if err := json.Unmarshal(out, &found); err != nil {
		t.Fatalf("reading the script: %v in %s", err, out)
	}
	for _, wrong := range found.Wrong {
		t.Errorf("no PowerShell: %s", wrong)
	}
	return found.Commands
}
