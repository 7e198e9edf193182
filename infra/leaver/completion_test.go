package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"leaver/infra/playbooks"
)

func TestTheShellIsToldWhatMayFollow(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		words     []string
		want, not string
	}{
		{nil, "offboard", "complete"},
		{[]string{"sources"}, "check", "offboard"},
		{[]string{"sources", "check"}, "--json", "--by"},
		{[]string{"offboard", "--mailbox"}, "forward", "--mailbox"},
		{[]string{"completion"}, "fish", "offboard"},
		{[]string{"status", "--json"}, "--watch", "offboard"},
	} {
		code, stdout, stderr := command(t, append([]string{"complete", "--"}, tt.words...)...)
		got := strings.Fields(stdout)
		if code != 0 || !slices.Contains(got, tt.want) || slices.Contains(got, tt.not) {
			t.Errorf("after %v: exit %d, %v %s; want %s and not %s", tt.words, code, got, stderr, tt.want, tt.not)
		}
	}
}

func TestEveryShellGetsAScript(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish"} {
		code, script, stderr := command(t, "completion", shell)
		if code != 0 || !strings.Contains(script, "leaver complete --") {
			t.Errorf("%s: exit %d, %q %s", shell, code, script, stderr)
		}
		if path, err := exec.LookPath(shell); err == nil && shell != "fish" {
			if out, err := exec.Command(path, "-n", "-c", script).CombinedOutput(); err != nil {
				t.Errorf("%s refuses it: %v %s", shell, err, out)
			}
		}
	}
}

func TestHelpShowsEveryPlaybook(t *testing.T) {
	t.Parallel()
	code, list, _ := command(t, "help")
	entries, err := playbooks.Pages.ReadDir(".")
	if err != nil || code != 0 {
		t.Fatal(code, err)
	}
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".md")
		if name == "README" {
			continue
		}
		if !strings.Contains(list, name) {
			t.Errorf("the list lacks %s", name)
		}
		if code, page, _ := command(t, "help", name); code != 0 || !strings.Contains(page, "**Type**") {
			t.Errorf("leaver help %s: exit %d", name, code)
		}
	}
	if code, _, stderr := command(t, "help", "nothing"); code != 1 || !strings.Contains(stderr, "leaver help lists them") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}
