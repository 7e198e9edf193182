package terminal_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"

	"leaver/functions/replay"
	"leaver/infra/leaver/internal/terminal"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
)

// hostile is what an HR system, or whoever has its secret, may call somebody.
const hostile = "\x1b]0;pwned\x07\x1b[2J\u009b31m\u202eeve\u2066@contoso.com\nblock     effective"

// TestAStrangersWordsDoNothingToTheTerminal shows answers in which every text came with a webhook.
func TestAStrangersWordsDoNothingToTheTerminal(t *testing.T) {
	t.Parallel()
	who := operator.Leaver{UserPrincipalName: hostile}
	s := operator.Status{
		Case: "c-1", Leaver: who, State: "running", Reason: hostile, Steps: []operator.StepStatus{{
			Name: "block", State: offboarding.StateEffective, Reason: hostile, Evidence: map[string]string{hostile: hostile},
			SignedOff: &operator.SignedOff{By: hostile, Note: hostile},
		}},
	}
	parked := operator.Status{Request: "req-1", Leaver: who, State: "parked", Reason: hostile}
	var lines strings.Builder
	if err := terminal.WriteJSON(&lines, []operator.Status{s, parked}); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"overview": terminal.Overview([]operator.Status{s, parked}), "report": terminal.Report(s, 0), "request": terminal.Report(parked, 0),
		"replay": terminal.Parked(replay.Item{Step: "plan", Request: "req-1", Reason: hostile, Age: time.Second}, true, ""),
		"plan":   terminal.Plan(operator.Planned{Leaver: who, Mailbox: hostile, ByHand: []string{hostile}, Steps: []operator.PlannedStep{{Reason: hostile}}}, 0),
		"json":   lines.String(),
	} {
		if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) }); i >= 0 {
			t.Errorf("%s: got %q, want no character that acts", name, text)
		}
		if strings.Contains(text, "\nblock     effective") {
			t.Errorf("%s: got %q, want no line of a stranger's", name, text)
		}
	}
	var back operator.Status
	first, _, _ := strings.Cut(lines.String(), "\n")
	if err := json.Unmarshal([]byte(first), &back); err != nil || back.Leaver.UserPrincipalName != hostile {
		t.Errorf("the JSON says %q, %v, want %q", back.Leaver.UserPrincipalName, err, hostile)
	}
}

// TestALongNameIsShownShort: one of 60,000 characters would make every line as long.
func TestALongNameIsShownShort(t *testing.T) {
	t.Parallel()
	var many []operator.Status
	for range 30 {
		many = append(many, operator.Status{Request: "req-1", State: "parked", Leaver: operator.Leaver{UserPrincipalName: strings.Repeat("a", 60_000)}})
	}
	if got := len(terminal.Overview(many)); got > 30*200 {
		t.Errorf("30 lines are %d bytes, want at most 200 a line", got)
	}
}

// TestNamesOfOtherScriptsAreShown as they are written.
func TestNamesOfOtherScriptsAreShown(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Müller", "佐藤", "علی\u200cرضا", "👩\u200d💻"} {
		if got := terminal.Printable(name, 100); got != name {
			t.Errorf("got %q, want %q", got, name)
		}
	}
}
