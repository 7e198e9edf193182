package resident_test

import (
	"errors"
	"testing"
	"time"

	"leaver/functions/plan"
	"leaver/shared/bus"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
)

// saysThatAdeleStays sends the webhook of a cancellation through plan.
func (l *line) saysThatAdeleStays(t *testing.T, p *plan.Planner, event string) {
	t.Helper()
	m, err := bus.Request{Attempt: 1, Request: offboarding.Request{
		ID: offboarding.RequestID("test", event), Kind: offboarding.Cancellation, Source: "test",
		EventTime: l.Now(), ReceivedAt: l.Now(), LeavingTime: l.Now(), Employee: offboarding.Employee{UserPrincipalName: adele},
	}}.Message(time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	d := l.Delivery(m)
	if err := p.Handle(t.Context(), d); err != nil || !d.Completed {
		t.Fatalf("the cancellation was not taken: %v, %s", err, d.DeadSentence)
	}
}

// TestUndoThatACancellationPreparedBeginsByAPersonOnly: the webhook prepares it and holds it. However often
// the webhook comes, whatever time passes and whichever messages are about, nothing is written until a
// person orders it or approves it.
func TestUndoThatACancellationPreparedBeginsByAPersonOnly(t *testing.T) {
	t.Parallel()
	id := simtenant.UserID(adele)
	for name, begin := range map[string]func(*testing.T, *line) (*offboarding.Case, error){
		"leaver undo": func(t *testing.T, l *line) (*offboarding.Case, error) {
			return l.Ledger.Undo(t.Context(), ledger.UndoOrder{Case: l.c.ID, By: undoer, Reason: "she stays", Source: "operator"})
		},
		"leaver approve": func(t *testing.T, l *line) (*offboarding.Case, error) {
			if _, err := l.Ledger.Approve(t.Context(), ledger.Approval{Case: l.c.ID}); !errors.Is(err, ledger.ErrNobody) {
				t.Errorf("nobody approves it: got %v, want %v", err, ledger.ErrNobody)
			}
			return l.Ledger.Approve(t.Context(), ledger.Approval{Case: l.c.ID, By: undoer})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var before map[string]string
			policy := undoPolicy()
			policy.OnCancel = offboarding.OnCancelUndo
			l := newLineOf(t, adele, policy, func(l *line) {
				l.Tenant.Edit(aFullLife)
				before = photograph(t, l.Tenant, id)
			})
			l.untilLicence(t)
			directory, _ := l.As("plan")
			planner := &plan.Planner{Directory: directory, Ledger: l.Ledger, Bus: l.Sender("plan"), Tenant: l.TenantID(), Policy: policy, Now: l.Now, Log: l.Logger()}
			writes := l.Writes()
			for _, event := range []string{"stays", "stays", "stays indeed"} {
				l.Advance(24 * time.Hour)
				l.saysThatAdeleStays(t, planner, event)
				c, err := l.Ledger.Case(t.Context(), l.c.ID)
				if err != nil {
					t.Fatal(err)
				}
				if held := c.Held(); c.State(l.Now()) != offboarding.CaseHeld || len(held) != 1 || held[0].By != offboarding.ApproveUndo {
					t.Fatalf("it is %s by %+v, want it held as %s\n%s", c.State(l.Now()), held, offboarding.ApproveUndo, l.Log())
				}
				for _, s := range c.Steps {
					if _, err := l.Deliver(t.Context(), l.workers[s.Name], l.Message(t, l.c.ID, s.Name)); err != nil {
						t.Fatal(err)
					}
				}
			}
			if made := l.Writes() - writes; made != 0 {
				t.Errorf("%d writes were made by the word of a webhook", made)
			}
			if user, _ := l.Tenant.User(id); user.AccountEnabled {
				t.Error("a webhook alone enabled the account")
			}

			c, err := begin(t, l)
			if err == nil {
				_, err = worker.Dispatch(t.Context(), l.Bus, l.Ledger, c)
			}
			if err != nil {
				t.Fatal(err)
			}
			l.finish(t)
			if c, err = l.Ledger.Case(t.Context(), l.c.ID); err != nil {
				t.Fatal(err)
			}
			undone(t, c)
			for _, line := range surprises(before, photograph(t, l.Tenant, id)) {
				t.Error(line)
			}
		})
	}
}
