package resident_test

import (
	"slices"
	"testing"
	"time"

	"leaver/functions/replay"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
)

// TestNothingIsWrittenBeforeTheLookAtWhoLeaves: issue 6, kind 8. A departure was planned before, and the person has
// become somebody who must not be locked out since. Every other step that takes something away is handed its
// message before signout and block are: phones were wiped, groups left, and methods deleted.
func TestNothingIsWrittenBeforeTheLookAtWhoLeaves(t *testing.T) {
	t.Parallel()
	const person = "patti.fernandez@contoso.com"
	id := simtenant.UserID(person)
	administrator := func(l *line) {
		l.Tenant.Edit(func(w *simtenant.World) {
			w.RoleAssignments = append(w.RoleAssignments, simtenant.RoleAssignment{ID: "new", Principal: id, Role: offboarding.GlobalAdministrator})
		})
	}
	for name, tt := range map[string]struct {
		change func(*line)
		people int // who approve the departure of an administrator
		by     string
	}{
		"a Global Administrator": {change: administrator, people: 1, by: offboarding.ApprovePrivileged},
		"protected": {people: 1, by: offboarding.ApproveProtected, change: func(l *line) {
			for _, w := range l.workers {
				w.LastLook.Policy.Protected = []string{person}
			}
		}},
		"a Global Administrator, whom nobody has to approve": {change: administrator},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			policy := offboarding.DefaultPolicy()
			policy.Approvals.Privileged = tt.people
			l := newLine(t, person, policy)
			l.Advance(time.Hour)
			tt.change(l)
			others := func() {
				for _, s := range l.c.Steps {
					if spec, _ := offboarding.SpecOf(s.Name); !spec.Urgent && !spec.Gate && spec.Takes != "nothing" {
						l.Step(t, l.c.ID, l.workers[s.Name])
					}
				}
			}
			others()
			if n := l.Writes(); n > 0 {
				t.Fatalf("before anybody had looked there were %d writes: %v", n, l.Tenant.Requests())
			}
			l.Step(t, l.c.ID, l.workers[offboarding.StepSignout])
			l.Step(t, l.c.ID, l.workers[offboarding.StepBlock])
			if n := l.Writes(); n > 0 {
				t.Fatalf("looked at, there were %d writes: %v", n, l.Tenant.Requests())
			}
			c, err := l.Ledger.Case(t.Context(), l.c.ID)
			must(t, err)
			held := c.Held()
			if tt.by == "" != (len(held) == 0) || len(held) > 0 && held[0].By != tt.by {
				t.Fatalf("held by %+v, want %q", held, tt.by)
			}
			if tt.by != "" {
				others()
				if n := l.Writes(); n > 0 {
					t.Fatalf("held, there were %d writes: %v", n, l.Tenant.Requests())
				}
				for _, w := range l.workers {
					w.LastLook.Policy.Protected = nil
				}
				_, err := l.Ledger.Approve(t.Context(), ledger.Approval{Case: l.c.ID, By: offboarding.Person{Name: "Miriam Graham"}})
				must(t, err)
				c, err = l.Ledger.Case(t.Context(), l.c.ID)
				must(t, err)
				_, err = worker.Dispatch(t.Context(), l.Bus, l.Ledger, c)
				must(t, err)
			}
			let := l.Now()
			out := func() bool {
				user, _ := l.Tenant.User(id)
				return !user.AccountEnabled && user.PasswordChanges > 0
			}
			for l.Now().Sub(let) <= 30*time.Second && !out() {
				l.round(t, func(name offboarding.StepName) { l.Step(t, l.c.ID, l.workers[name]) })
			}
			if late := l.Now().Sub(let); !out() || late > 30*time.Second {
				t.Errorf("%s after it may go on the leaver is out: %t; want that within half a minute", late, out())
			}
		})
	}
}

// TestAnAdministratorIsOutSoonAfterAPersonHasActed: issue 6, kind 8. What locks an administrator out waits for a
// person, and looked only every quarter of an hour whether that person has acted.
func TestAnAdministratorIsOutSoonAfterAPersonHasActed(t *testing.T) {
	t.Parallel()
	id := simtenant.UserID(nestor)
	for name, tt := range map[string]struct {
		byPerson bool
		task     offboarding.StepName
		act      func(*simtenant.World)
		signed   bool
	}{
		"others are made administrators": {task: offboarding.StepPrivileges, act: func(w *simtenant.World) {
			for _, other := range []string{adele, "patti.fernandez@contoso.com"} {
				w.RoleAssignments = append(w.RoleAssignments, simtenant.RoleAssignment{ID: other, Principal: simtenant.UserID(other), Role: offboarding.GlobalAdministrator})
			}
		}},
		"a person takes the role away and signs that off": {task: offboarding.StepPrivileges, act: withoutRoles(id), signed: true},
		"a person takes the role away, by the policy":     {byPerson: true, task: offboarding.StepSignout, act: withoutRoles(id)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			policy := offboarding.DefaultPolicy()
			policy.PrivilegesByPerson = tt.byPerson
			l := newLineOf(t, nestor, policy, func(l *line) {
				l.Administrator = true
				l.Tenant.Edit(withoutRoles(simtenant.UserID("emergency.access2@contoso.com")))
			})
			for start := l.Now(); l.Now().Sub(start) < 5*time.Hour; {
				l.round(t, func(name offboarding.StepName) { l.Step(t, l.c.ID, l.workers[name]) })
			}
			l.Wants(t, l.Record(t, l.c.ID, tt.task), offboarding.StateManual)
			if user, _ := l.Tenant.User(id); !user.AccountEnabled {
				t.Fatal("locked out before a person has acted")
			}

			l.Tenant.Edit(tt.act)
			acted := l.Now()
			desk := &operator.Desk{
				Ledger: l.Ledger, Bus: brokered{l.Bus}, Now: l.Now, Operator: offboarding.Person{Name: "Miriam Graham"},
				Replayer: &replay.Replayer{Ledger: l.Ledger, Bus: l.Sender("replay"), Now: l.Now, Log: l.Logger()},
			}
			var err error
			if tt.signed {
				_, err = desk.SignOff(t.Context(), operator.SignOff{Who: operator.OfCase(l.c.ID), Step: tt.task, By: "Miriam Graham", Note: "the role is gone"})
			} else {
				var sent []replay.Item
				sent, err = desk.Replay(t.Context(), operator.Replay{Selection: replay.Selection{Case: l.c.ID, Step: string(tt.task)}})
				if len(sent) != 1 || !sent[0].Sent {
					t.Fatalf("replayed %+v", sent)
				}
			}
			must(t, err)
			out := func() bool {
				user, _ := l.Tenant.User(id)
				return !user.AccountEnabled && user.PasswordChanges > 0
			}
			for !out() && l.Now().Sub(acted) < time.Hour {
				l.round(t, func(name offboarding.StepName) { l.Step(t, l.c.ID, l.workers[name]) })
			}
			if late := l.Now().Sub(acted); !out() || late > 30*time.Second {
				t.Errorf("%s after a person has acted the administrator is out: %t; want that within half a minute", late, out())
			}
		})
	}
}

// withoutRoles takes every directory role away from somebody.
func withoutRoles(id string) func(*simtenant.World) {
	return func(w *simtenant.World) {
		w.RoleAssignments = slices.DeleteFunc(w.RoleAssignments, func(r simtenant.RoleAssignment) bool { return r.Principal == id })
	}
}
