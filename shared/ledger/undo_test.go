package ledger_test

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"leaver/shared/ledger"
	"leaver/shared/ledger/ledgertest"
	"leaver/shared/offboarding"
)

// takenBack is a departure whose step forward has kept where mail went, and which a person takes back.
func takenBack(t *testing.T, s ledger.Store) (*ledger.Ledger, *ledger.Run) {
	t.Helper()
	l := onMemory(s, ledgertest.Proof("tenant"))
	c := published(t, l)
	m := claim(c)
	m.Step = offboarding.StepForward
	run := begin(t, l, m, start.Add(time.Minute))
	_, err := run.Keep(t.Context(), map[string]string{"deliver": "true"}, nil)
	if err == nil {
		_, err = run.KeepPersonal(t.Context(), map[string]string{"to": "adele@contoso.com"})
	}
	if err == nil {
		_, err = run.Settle(t.Context(), ledger.Settlement{State: offboarding.StateEffective})
	}
	if err == nil {
		c, err = l.Undo(t.Context(), ledger.UndoOrder{Case: c.ID, By: miriam, Reason: "she stays", Source: "operator"})
	}
	if err == nil {
		c, err = l.MarkPublished(t.Context(), c.ID, c.Plan.Version)
	}
	if err != nil {
		t.Fatal(err)
	}
	m.N = c.Step(offboarding.StepForward).N
	return l, begin(t, l, m, start.Add(time.Minute))
}

// published is a departure whose messages are on the bus, and of which these steps had their effect.
func published(t *testing.T, l *ledger.Ledger, effective ...offboarding.StepName) *offboarding.Case {
	t.Helper()
	c, err := l.Open(t.Context(), opening(t, "1", start))
	if err == nil {
		c, err = l.MarkPublished(t.Context(), c.ID, 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range effective {
		settle(t, begin(t, l, claimOf(c, name), start.Add(time.Minute)), ledger.Settlement{State: offboarding.StateEffective})
	}
	return c
}

// TestAnUndoIsOrderedOnce: whoever types it again while it is under way begins nothing anew, takes nobody's
// approval away and leaves tasks as they are, of a departure that was complete as of one that went on.
func TestAnUndoIsOrderedOnce(t *testing.T) {
	t.Parallel()
	for name, complete := range map[string]bool{"of one that went on": false, "of one that was complete": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := start
			l := ledger.New(&ledgertest.Memory{}, func() time.Time { return now }, rand.Reader, ledgertest.Proof("tenant"))
			c := published(t, l)
			if complete {
				now = now.Add(60 * 24 * time.Hour) // the gates are due
			}
			for _, s := range c.Steps {
				if s.Name == offboarding.StepForward || complete {
					settle(t, begin(t, l, claimOf(c, s.Name), now.Add(time.Minute)), ledger.Settlement{State: offboarding.StateEffective})
				}
			}
			order := ledger.UndoOrder{Case: c.ID, By: miriam, Reason: "she stays", Source: "operator"}
			first, err := l.Undo(t.Context(), order)
			if err == nil {
				first, err = l.MarkPublished(t.Context(), c.ID, first.Plan.Version)
			}
			if err != nil {
				t.Fatal(err)
			}
			settle(t, begin(t, l, claimOf(first, offboarding.StepForward), now.Add(time.Minute)), ledger.Settlement{State: offboarding.StateManual, Reason: "give it back"})
			order.By = joni
			again, err := l.Undo(t.Context(), order)
			if err != nil {
				t.Fatal(err)
			}
			if r := again.Step(offboarding.StepForward); r.State != offboarding.StateManual || !again.Undo.At.Equal(first.Undo.At) || again.State(now) != offboarding.CaseUndoing {
				t.Errorf("ordered again, forward is %s and the order of %s; want the task as it was, and the first order", r.State, again.Undo.At)
			}
		})
	}
}

// TestTheUndoOfAStepDoesNotStandForTheWhole orders the whole departure back while one step of it, which was
// cancelled, is on its way: the order of the whole was taken for that of the step, and dropped.
func TestTheUndoOfAStepDoesNotStandForTheWhole(t *testing.T) {
	t.Parallel()
	l := onMemory(&ledgertest.Memory{}, ledgertest.Proof("tenant"))
	c := published(t, l, offboarding.StepForward, offboarding.StepBlock)
	if _, err := l.Cancel(t.Context(), ledger.Cancellation{Tenant: c.Tenant, Leaver: c.Leaver, Request: offboarding.RequestID("test", "2"), EventTime: start.Add(time.Second)}); err != nil {
		t.Fatal(err)
	}
	for _, step := range []offboarding.StepName{offboarding.StepForward, ""} {
		var err error
		if c, err = l.Undo(t.Context(), ledger.UndoOrder{Case: c.ID, Step: step, By: miriam, Reason: "she stays", Source: "operator"}); err != nil {
			t.Fatal(err)
		}
	}
	if r := c.Step(offboarding.StepBlock); !r.Undo || r.State != offboarding.StatePlanned {
		t.Errorf("block is %s, being taken back: %t; want it planned to be", r.State, r.Undo)
	}
}

// TestWhatIsNotThereIsNotTakenBack: a step that the plan does not hold, and a departure of which nothing had
// begun, are refused, and nothing is ordered.
func TestWhatIsNotThereIsNotTakenBack(t *testing.T) {
	t.Parallel()
	l := onMemory(&ledgertest.Memory{}, ledgertest.Proof("tenant"))
	c := published(t, l)
	order := ledger.UndoOrder{Case: c.ID, By: miriam, Reason: "she stays", Source: "operator", Step: "bloc"}
	if _, err := l.Undo(t.Context(), order); !errors.Is(err, ledger.ErrNotUndoable) || !strings.Contains(err.Error(), "does not hold step bloc") {
		t.Errorf("a step that is not planned: %v", err)
	}
	order.By = offboarding.Person{}
	if _, err := l.Undo(t.Context(), order); !errors.Is(err, ledger.ErrNobody) {
		t.Errorf("by nobody: %v", err)
	}
	if after, err := l.Case(t.Context(), c.ID); err != nil || after.Position != c.Position {
		t.Errorf("the case has %d entries, %v; want the %d of before", after.Position, err, c.Position)
	}
}

// TestAnUndoThatIsStoppedLeavesNothingPlanned: what had not been taken back is over, what a person has to do
// stays theirs, and nothing is admitted any more.
func TestAnUndoThatIsStoppedLeavesNothingPlanned(t *testing.T) {
	t.Parallel()
	l := onMemory(&ledgertest.Memory{}, ledgertest.Proof("tenant"))
	c := published(t, l, offboarding.StepForward, offboarding.StepBlock)
	c, err := l.Undo(t.Context(), ledger.UndoOrder{Case: c.ID, By: miriam, Reason: "she stays", Source: "operator"})
	if err == nil {
		c, err = l.MarkPublished(t.Context(), c.ID, c.Plan.Version)
	}
	if err != nil {
		t.Fatal(err)
	}
	settle(t, begin(t, l, claimOf(c, offboarding.StepForward), start.Add(time.Minute)), ledger.Settlement{State: offboarding.StateManual, Reason: "give it back"})
	waits := claimOf(c, offboarding.StepBlock)
	if c, err = l.StopUndo(t.Context(), c.ID, joni); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[offboarding.StepName]offboarding.StepState{offboarding.StepForward: offboarding.StateManual, offboarding.StepBlock: offboarding.StateCancelled} {
		if r := c.Step(name); r.State != want {
			t.Errorf("%s is %s, want %s", name, r.State, want)
		}
	}
	if run, _, err := l.Begin(t.Context(), waits, start.Add(time.Minute)); run != nil {
		t.Errorf("the undo was stopped, and block is admitted: %v", err)
	}
}

// claimOf is the message that may move a step now.
func claimOf(c *offboarding.Case, step offboarding.StepName) ledger.Claim {
	m := claim(c)
	m.Step, m.N = step, c.Step(step).N
	return m
}

// TestAnUndoRestoresWhatStoodBeforeItsOrderAlone: the order is signed, and with it everything before it. What
// a step says of the before after that, its own or another's, is nothing that an undo would restore.
func TestAnUndoRestoresWhatStoodBeforeItsOrderAlone(t *testing.T) {
	t.Parallel()
	l, run := takenBack(t, &ledgertest.Memory{})
	c, err := run.Keep(t.Context(), map[string]string{"role 62e90394": "active", "deliver": "false"}, map[string]string{"seen": "1"})
	if err == nil {
		c, err = run.KeepPersonal(t.Context(), map[string]string{"cc": "mallory@fabrikam.com"})
	}
	if err != nil {
		t.Fatal(err)
	}
	if step := c.Step(offboarding.StepForward); len(step.Before) != 2 || step.Before["deliver"] != "true" || step.Progress["seen"] != "1" {
		t.Errorf("the before is %v and the progress %v; want what was kept before the order", step.Before, step.Progress)
	}
	// As whoever writes the rows without Leaver would.
	forged, err := c.With(offboarding.Entry{
		Position: c.Position + 1, Previous: c.Hash, At: start, Kind: offboarding.EntryKept, Step: offboarding.StepForward,
		Before: map[string]string{"role 62e90394": "active", "cc": "sealed"}, Sealed: map[string]string{"forward-cc": strings.Repeat("a", 64)},
	}, strings.Repeat("b", 64))
	if err != nil || len(forged.Step(offboarding.StepForward).Before) != 2 || forged.Sealed("forward-cc") {
		t.Errorf("a row put in later: %v, %v; want it to count for nothing", forged.Step(offboarding.StepForward).Before, err)
	}
	personal, err := run.Personal(t.Context())
	if err != nil || personal["forward-to"] != "adele@contoso.com" || personal["forward-cc"] != "" {
		t.Errorf("personal values %v, %v; want where mail went", personal, err)
	}
	if v := shown(t, l, c.ID); !v.OK {
		t.Errorf("it does not verify: %+v", v)
	}
}

// TestAPersonalValueThatSomebodyChangedIsNone changes, beside the history, where mail is to go again: the
// history holds its salted hash, and no step gets what does not match.
func TestAPersonalValueThatSomebodyChangedIsNone(t *testing.T) {
	t.Parallel()
	s := &ledgertest.Memory{}
	l, run := takenBack(t, s)
	values, err := s.Unseal(t.Context(), run.Case().ID)
	if err != nil {
		t.Fatal(err)
	}
	changed := 0
	for name, v := range values {
		if strings.HasPrefix(name, "forward-to~") {
			v.Value, changed = "mallory@fabrikam.com", changed+1
			values[name] = v
		}
	}
	values["forward-to~0123456789abcdef"] = ledger.Value{Value: "mallory@fabrikam.com"}
	if err := s.Seal(t.Context(), run.Case().ID, values); err != nil || changed != 1 {
		t.Fatalf("%d values changed, %v", changed, err)
	}
	for name, of := range map[string]func() (map[string]string, error){
		"a run":      func() (map[string]string, error) { return run.Personal(t.Context()) },
		"the ledger": func() (map[string]string, error) { return l.PersonalOf(t.Context(), run.Case()) },
	} {
		if personal, err := of(); err != nil || personal["forward-to"] != "" {
			t.Errorf("%s takes %q, %v; want nothing", name, personal["forward-to"], err)
		}
	}
}
