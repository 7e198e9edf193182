package terminal_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/infra/leaver/internal/terminal"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
)

const adele = "adele.vance@contoso.com"

// TestStatusSaysWhatToType: whoever was paged sees since when each step stands so, when it goes on
// by itself, and the commands where it does not.
func TestStatusSaysWhatToType(t *testing.T) {
	t.Parallel()
	at := func(minute int) time.Time { return time.Date(2026, 11, 22, 2, minute, 0, 0, time.UTC) }
	s := operator.StatusOf(&offboarding.Case{ID: "c-1", Leaver: "id", Requests: []string{"r-1"}, OpenedAt: at(0), Plan: offboarding.Plan{LeavingTime: at(0), Zone: "Europe/Berlin"}, Steps: []*offboarding.Record{
		{Name: offboarding.StepSignout, State: offboarding.StateParked, Reason: "refused", Attempts: 2, DecidedAt: at(1)},
		{Name: offboarding.StepBlock, State: offboarding.StateRetrying, Reason: "503", Attempts: 1, FailingSince: at(2), Since: at(2), Due: at(3)},
		{Name: offboarding.StepWipe, State: offboarding.StateWaiting, Reason: "not gone yet", Since: at(4), Due: at(5)},
		{Name: offboarding.StepForward, State: offboarding.StateManual, Reason: "name somebody", DecidedAt: at(6)},
		{Name: offboarding.StepAccess, State: offboarding.StateEffective, EffectiveAt: at(7), Evidence: map[string]string{"directory": "nothing is left"}},
		{Name: offboarding.StepDelete, State: offboarding.StatePlanned, Due: at(8)},
	}}, map[string]string{"userPrincipalName": adele}, at(9))
	s.State = string(offboarding.CaseRunning)
	want := `adele.vance@contoso.com  running, opened 2026-11-22T02:00:00Z
  case c-1  request r-1
  leaves 2026-11-22 03:00:00 in Europe/Berlin, the moment that was asked for
  signout     parked      refused; since 2026-11-22T02:01:00Z; 2 attempts
  block       retrying    503; since 2026-11-22T02:02:00Z; tries again 2026-11-22T02:03:00Z; parked from 2026-11-23T02:02:00Z
  wipe        waiting     not gone yet; since 2026-11-22T02:04:00Z; looks again 2026-11-22T02:05:00Z; a task for a person from 2026-12-20T02:04:00Z
  forward     manual      name somebody; since 2026-11-22T02:06:00Z
  access      effective   at 2026-11-22T02:07:00Z; directory: nothing is left
  delete      planned     due 2026-11-22T02:08:00Z
  leaver replay --case c-1 --step signout --data '/srv/it'\''s'                              # when the cause is gone
  leaver sign-off c-1 signout --by "YOUR NAME" --note "WHAT WAS DONE" --data '/srv/it'\''s'  # or accept it as it is
  leaver replay --case c-1 --step forward --data '/srv/it'\''s'                              # when that is done
  leaver sign-off c-1 forward --by "YOUR NAME" --note "WHAT WAS DONE" --data '/srv/it'\''s'  # or accept it as it is
  leaver cancel c-1 --reason "WHY" --data '/srv/it'\''s'                                     # if the person stays
`
	const data = ` --data '/srv/it'\''s'`
	if got := terminal.Report(s, 0) + terminal.Commands(s, data); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	parked := operator.Status{Request: "req-1", Leaver: operator.Leaver{UserPrincipalName: "nobody@contoso.com"}, State: string(ledger.RequestParked), Reason: "no such user", Opened: at(0)}
	if want := `adele.vance@contoso.com  running     c-1  1 of 6 effective; parked: signout; manual: forward; retrying: block; waiting: wipe; planned: delete
  signout     parked      refused; since 2026-11-22T02:01:00Z; 2 attempts
  block       retrying    503; since 2026-11-22T02:02:00Z; tries again 2026-11-22T02:03:00Z; parked from 2026-11-23T02:02:00Z
  forward     manual      name somebody; since 2026-11-22T02:06:00Z
nobody@contoso.com       parked      req-1  no such user
`; terminal.Overview([]operator.Status{s, parked}) != want {
		t.Errorf("got\n%s\nwant\n%s", terminal.Overview([]operator.Status{s, parked}), want)
	}
	want = `nobody@contoso.com  parked since 2026-11-22T02:00:00Z
  request req-1
  no such user
  leaver replay --request req-1            # when what it says is mended
  leaver replay --discard --request req-1  # when nobody wants it any more
`
	if got := terminal.Report(parked, 0) + terminal.Commands(parked, ""); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestATableBreaksNoID: an id that stands on two lines cannot be copied.
func TestATableBreaksNoID(t *testing.T) {
	t.Parallel()
	const id = "f44be2d0-2e8d-5013-ad96-3de25b75f449"
	s := operator.Status{Steps: []operator.StepStatus{{Name: offboarding.StepForward, State: offboarding.StateManual, Reason: strings.Repeat("task ", 9) + id}}}
	for width := 80; width <= 130; width++ {
		lines := strings.Split(terminal.Report(s, width), "\n")
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, id) }) {
			t.Fatalf("at %d columns:\n%s", width, terminal.Report(s, width))
		}
	}
}

// TestATableBreaksNoNameOfAStep, however long: it is what people type.
func TestATableBreaksNoNameOfAStep(t *testing.T) {
	t.Parallel()
	s := operator.Status{Case: "c-1"}
	for _, spec := range offboarding.Steps {
		s.Steps = append(s.Steps, operator.StepStatus{Name: spec.Name, State: offboarding.StateSignedOff})
	}
	table := terminal.Report(s, 80)
	for _, spec := range offboarding.Steps {
		if !strings.Contains(table, "│ "+string(spec.Name)+" ") {
			t.Errorf("%s is broken:\n%s", spec.Name, table)
		}
	}
}

// TestWhatIsOverIsHeldByNothing: a departure that was cancelled while a limit held it.
func TestWhatIsOverIsHeldByNothing(t *testing.T) {
	t.Parallel()
	s := operator.Status{Case: "c-1", State: string(offboarding.CaseCancelled), Held: []operator.Held{{By: "share", Why: "it would be more than 3 departures in 1d"}}}
	if got := terminal.Report(s, 0); strings.Contains(got, "share") {
		t.Errorf("got %q", got)
	}
	s.State = string(offboarding.CaseHeld)
	if got := terminal.Report(s, 0); !strings.Contains(got, "held by share") {
		t.Errorf("got %q", got)
	}
}

// TestAPlanFitsTheTerminal: what is broken at the edge of the screen cannot be read.
func TestAPlanFitsTheTerminal(t *testing.T) {
	t.Parallel()
	p := operator.Planned{
		Leaver: operator.Leaver{ID: "c250ee6d-4fe6-5424-a724-20f63aa3849a", UserPrincipalName: adele},
		Steps:  []operator.PlannedStep{{Name: offboarding.StepAccess, State: "manual", Reason: strings.Repeat("a task ", 40)}},
		ByHand: []string{strings.Repeat("a task ", 40)}, Permissions: offboarding.Steps[0].Permissions,
	}
	for _, line := range strings.Split(terminal.Plan(p, 80), "\n") {
		if len(line) > 80 {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
}

func TestStatusShowsTheDeadlines(t *testing.T) {
	t.Parallel()
	released := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	s := operator.StatusOf(&offboarding.Case{ID: "c", Steps: []*offboarding.Record{
		{Name: offboarding.StepOnedrive, State: offboarding.StateEffective, Evidence: map[string]string{offboarding.DriveSeen: "b!1"}},
		{Name: offboarding.StepLicence, State: offboarding.StateEffective, EffectiveAt: released},
	}}, nil, released)
	var text, lines strings.Builder
	if err := terminal.WriteReport(&text, []operator.Status{s}); err != nil {
		t.Fatal(err)
	}
	if err := terminal.WriteJSON(&lines, []operator.Status{s}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2027-01-21  the unlicensed OneDrive becomes read-only", "2027-02-23  the unlicensed OneDrive is archived"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in the report:\n%s", want, text.String())
		}
	}
	if !strings.Contains(lines.String(), `"deadlines":[{"at":"2027-01-21T09:00:00Z","what":"the unlicensed OneDrive becomes read-only"`) {
		t.Errorf("%s", lines.String())
	}
}

func TestStatusSaysErased(t *testing.T) {
	t.Parallel()
	at := time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)
	s := operator.StatusOf(&offboarding.Case{ID: "c-1", Leaver: "id-1", ErasedAt: at}, nil, at)
	if got, want := terminal.Report(s, 0), "id-1 (erased)  "; !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want it to begin with %q", got, want)
	}
	if s.Erased == nil || !s.Erased.Equal(at) {
		t.Errorf("erased at %v, want %s", s.Erased, at)
	}
}
