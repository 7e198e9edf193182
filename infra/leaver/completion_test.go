package main

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"leaver/infra/playbooks"
	"leaver/infra/powershelltest"
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
		{[]string{"up", "--policy"}, "", "--json"}, // a file, which the shell knows
	} {
		code, stdout, stderr := command(t, append([]string{"complete", "--"}, tt.words...)...)
		got := strings.Fields(stdout)
		if code != 0 || tt.want == "" && stdout != "" || tt.want != "" && !slices.Contains(got, tt.want) || slices.Contains(got, tt.not) {
			t.Errorf("after %v: exit %d, %v %s; want %s and not %s", tt.words, code, got, stderr, tt.want, tt.not)
		}
	}
}

// TestEveryShellGetsAScript and each that is there completes by it: it is told what may follow, and what begins
// as the word does.
func TestEveryShellGetsAScript(t *testing.T) {
	t.Parallel()
	asks := map[string][]string{
		"bash": {"-c", `source "$SCRIPT"; COMP_WORDS=(leaver sources ch); COMP_CWORD=2; _leaver; printf '%s\n' "${COMPREPLY[@]}"`},
		// As from $fpath: the first completion loads the file, and has to answer at once.
		"zsh":  {"-f", "-c", `leaver_compadd() { shift; print -l -- ${(P)1} }; functions[compadd]=$functions[leaver_compadd]; words=(leaver sources ch); CURRENT=3; fpath=(${SCRIPT:h}); autoload -U _leaver; _leaver`},
		"fish": {"--no-config", "-c", `source $SCRIPT; complete -C 'leaver sources ch'`},
		"pwsh": {"-NoProfile", "-NonInteractive", "-Command", `Invoke-Expression (Get-Content -Raw $env:SCRIPT); (TabExpansion2 'leaver sources ch' 17).CompletionMatches.CompletionText`},
	}
	programs := map[string]string{"powershell": "pwsh"}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			code, script, stderr := command(t, "completion", shell)
			if code != 0 || !strings.Contains(script, "leaver complete ") {
				t.Errorf("exit %d, %q %s", code, script, stderr)
			}
			program := cmp.Or(programs[shell], shell)
			path, err := exec.LookPath(program)
			if err != nil {
				t.Logf("%s is not there: its script is not tried", program) // which is no fault: hardly anybody has all of them
				return
			}
			dir := t.TempDir()
			for name, content := range map[string]string{
				"_leaver": script,
				"leaver":  "#!/bin/sh\n[ \"$*\" = 'complete -- sources' ] && printf 'check\\nenrol\\n--json\\n'\n",
			} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			asked := exec.Command(path, asks[program]...)
			asked.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "SCRIPT="+filepath.Join(dir, "_leaver"), "HOME="+dir)
			out, err := asked.CombinedOutput()
			if err != nil || !slices.Contains(strings.Fields(string(out)), "check") {
				t.Errorf("%s completes “leaver sources ch” with %q, %v; want check", shell, out, err)
			}
		})
	}
}

// TestThePowerShellScriptIsWhole holds the script's form, because no machine of ours has a PowerShell: it can be read,
// and what it registers is what PowerShell calls, with the parameters that it gives.
// Source: Microsoft, Register-ArgumentCompleter, -Native.
func TestThePowerShellScriptIsWhole(t *testing.T) {
	t.Parallel()
	script := scripts["powershell"]
	for _, want := range []string{
		"Register-ArgumentCompleter -Native -CommandName leaver -ScriptBlock {", "param($wordToComplete, $commandAst, $cursorPosition)",
		"$commandAst.CommandElements", "leaver complete '--' @words", "[System.Management.Automation.CompletionResult]::new(",
	} {
		if !strings.Contains(script, want) {
			t.Errorf("it lacks %s", want)
		}
	}
	if strings.Contains(script, "`") || strings.Contains(script, "\t") {
		t.Error("a backtick escapes in PowerShell, and a tab completes where the script is pasted")
	}
	if commands := powershelltest.Commands(t, script); commands[0].Name != "Register-ArgumentCompleter" {
		t.Errorf("it begins with %s", commands[0].Name)
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
	// What people are told to type is there: by notices, by the doctor and by the log.
	named := regexp.MustCompile(`leaver help ([a-z-]+)|"([a-z-]+)\.md"`)
	for _, path := range []string{"functions/notify/events.go", "functions/resolve/resolve.go", "shared/doctor/installation.go", "infra/resident/doctor.go", "infra/leaver/verify.go"} {
		text, err := os.ReadFile(filepath.Join("..", "..", path))
		if err != nil {
			t.Fatal(err)
		}
		pages := named.FindAllStringSubmatch(string(text), -1)
		if len(pages) == 0 {
			t.Errorf("%s names no page", path)
		}
		for _, page := range pages {
			if _, err := playbooks.Pages.ReadFile(page[1] + page[2] + ".md"); err != nil {
				t.Errorf("%s says to type leaver help %s: %v", path, page[1]+page[2], err)
			}
		}
	}
	for alarm, says := range map[string]string{"WatchHeld": "# WatchHeld", "watchheld": "# WatchHeld", "SignoutDeadLetters": "# NAME DeadLetters", "IntakeUnverified": "# IntakeRefuses"} {
		if code, page, _ := command(t, "help", alarm); code != 0 || !strings.HasPrefix(page, says) {
			t.Errorf("leaver help %s: exit %d, got %.40q, want %q", alarm, code, page, says)
		}
	}
	if _, page, _ := command(t, "help", "held"); strings.Contains(page, ".md)") || !strings.Contains(page, "(leaver help leaked-secret)") {
		t.Errorf("leaver help held leads to files that are not on this machine:\n%s", page)
	}
	if code, _, stderr := command(t, "help", "nothing"); code != 1 || !strings.Contains(stderr, "leaver help lists them") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}
