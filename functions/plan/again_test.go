package plan_test

import (
	"crypto/rand"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/functions/block"
	"leaver/functions/privileges"
	"leaver/functions/signout"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
	"leaver/shared/worker/steptest"
)

// carryOut lets signout, block and others take what was published, when it is due.
func carryOut(t *testing.T, h *steptest.Harness, others ...*worker.Worker) {
	t.Helper()
	directory, _ := h.As("signout")
	out := []*worker.Worker{
		h.Worker(offboarding.StepSignout, signout.New(directory, rand.Reader)),
		h.Worker(offboarding.StepBlock, block.New(h.As("block"))),
	}
	handlers := map[string]steptest.Handler{}
	for _, w := range append(out, others...) {
		handlers[string(w.Name)] = w.Handle
	}
	h.Drain(t, handlers)
}

// lockedOut carries out what was published and fails the test unless it disables the accounts of these people
// by object id, and no other account in the tenant.
func lockedOut(t *testing.T, h *steptest.Harness, want ...string) {
	t.Helper()
	enabled := func() map[string]bool {
		on := map[string]bool{}
		h.Tenant.Edit(func(w *simtenant.World) {
			for id, u := range w.Users {
				on[id] = u.AccountEnabled
			}
		})
		return on
	}
	before := enabled()
	carryOut(t, h)
	var got []string
	for id, on := range enabled() {
		if before[id] && !on {
			got = append(got, id)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("locked out are %v, want %v", got, want)
	}
}

// account is what a lockout would change of somebody.
type account struct {
	Enabled   bool
	Passwords int
	Sessions  time.Time
	Protocols map[string]bool
	Devices   []bool
}

func accountOf(h *steptest.Harness, id string) (a account) {
	h.Tenant.Edit(func(w *simtenant.World) {
		u := w.Users[id]
		a.Enabled, a.Passwords, a.Sessions = u.AccountEnabled, u.PasswordChanges, u.SessionsValidFrom
		for _, d := range w.Devices {
			if slices.Contains(d.Registered, id) {
				a.Devices = append(a.Devices, d.AccountEnabled)
			}
		}
	})
	if m, ok := h.Tenant.Mailbox(id); ok {
		a.Protocols = m.Protocols
	}
	return a
}

// TestWhoHasBecomeDangerousSinceThePlanIsNotLockedOut: issue 6, kind 7. A departure is planned two days ahead,
// and meanwhile the person becomes somebody who must not be locked out by accident.
func TestWhoHasBecomeDangerousSinceThePlanIsNotLockedOut(t *testing.T) {
	t.Parallel()
	id, project := simtenant.UserID(adele), simtenant.GroupID(simtenant.GroupProject)
	for name, tt := range map[string]struct {
		protect func(*steptest.Harness)
		edit    func(*simtenant.World)
		minute  bool // the look by the clock finds it out before it is due
		by, why string
	}{
		"the policy names the account": {
			protect: func(h *steptest.Harness) { h.Policy.Protected = []string{adele} }, by: offboarding.ApproveProtected, why: "protected",
		},
		"a group that the policy protects": {
			protect: func(h *steptest.Harness) { h.Policy.ProtectedGroups = []string{project} },
			edit:    func(w *simtenant.World) { w.Groups[project].Members = append(w.Groups[project].Members, id) },
			by:      offboarding.ApproveProtected, why: "protectedGroups",
		},
		"a Global Administrator": {
			edit: func(w *simtenant.World) {
				w.RoleAssignments = append(w.RoleAssignments, simtenant.RoleAssignment{ID: "new", Principal: id, Role: offboarding.GlobalAdministrator})
			},
			by: offboarding.ApprovePrivileged, why: "Global Administrator",
		},
		"an emergency account, found by the clock": {
			edit:   guarding("MFA", func(p *simtenant.ConditionalAccessPolicy) { p.ExcludeUsers = []string{id} }),
			minute: true, by: offboarding.ApprovePrivileged, why: "Conditional Access",
		},
		"the owner of a registration of Leaver's, found by the clock": {
			edit: owning("Leaver delete", false), minute: true, by: offboarding.ApprovePrivileged, why: "app registration of Leaver's",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			p := newPlanner(h)
			ahead := termination(h, "1", offboarding.Employee{UserPrincipalName: adele})
			ahead.LeavingTime = h.Now().Add(48 * time.Hour)
			deliver(t, h, p, ahead)
			before := accountOf(h, id)

			h.Advance(24 * time.Hour)
			if tt.protect != nil {
				tt.protect(h)
			}
			if tt.edit != nil {
				h.Tenant.Edit(tt.edit)
			}
			if tt.minute {
				if err := p.Minute(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			carryOut(t, h)
			c := must1(h.Ledger.Latest(t.Context(), id))
			if held := c.Held(); c.State(h.Now()) != offboarding.CaseHeld || len(held) != 1 || held[0].By != tt.by || !strings.Contains(held[0].Why, tt.why) {
				t.Fatalf("the departure is %s by %+v, want it held by %s, saying %q", c.State(h.Now()), held, tt.by, tt.why)
			}
			if after := accountOf(h, id); !reflect.DeepEqual(before, after) || h.Now().Before(ahead.LeavingTime) && !tt.minute {
				t.Errorf("at %s the account is %+v, was %+v: want it as it was, once it is due", h.Now(), after, before)
			}

			if tt.by == offboarding.ApproveProtected { // a word alone is not enough
				approve(t, h, c)
				lockedOut(t, h)
				h.Policy = offboarding.Policy{}
			}
			approve(t, h, c)
			powers, _ := h.As("privileges")
			carryOut(t, h, h.Worker(offboarding.StepPrivileges, privileges.New(powers, h.Ledger)))
			if u, _ := h.Tenant.User(id); u.AccountEnabled || u.PasswordChanges == 0 {
				t.Errorf("approved, the account is enabled: %t, and its password changed %d times; want it locked out", u.AccountEnabled, u.PasswordChanges)
			}
		})
	}
}

// TestTheClockHoldsNobodyWhoIsNotAhead: who is locked out already, whose departure people have said is meant, and who
// stays, is not held again by the look that the clock takes.
func TestTheClockHoldsNobodyWhoIsNotAhead(t *testing.T) {
	t.Parallel()
	id := simtenant.UserID(adele)
	emergency := guarding("MFA", func(p *simtenant.ConditionalAccessPolicy) { p.ExcludeUsers = []string{id} })
	for name, tt := range map[string]struct {
		before    bool // the account is dangerous when the departure is planned
		ahead     time.Duration
		meanwhile func(*testing.T, *steptest.Harness, *offboarding.Case)
	}{
		"locked out": {meanwhile: func(t *testing.T, h *steptest.Harness, _ *offboarding.Case) { lockedOut(t, h, id) }},
		"approved":   {before: true, ahead: 48 * time.Hour, meanwhile: approve},
		"cancelled": {ahead: 48 * time.Hour, meanwhile: func(t *testing.T, h *steptest.Harness, c *offboarding.Case) {
			must1(h.Ledger.Cancel(t.Context(), ledger.Cancellation{Tenant: c.Tenant, Leaver: c.Leaver, EventTime: h.Now()}))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			p := newPlanner(h)
			if tt.before {
				h.Tenant.Edit(emergency)
			}
			leaves := termination(h, "1", offboarding.Employee{UserPrincipalName: adele})
			leaves.LeavingTime = h.Now().Add(tt.ahead)
			deliver(t, h, p, leaves)
			tt.meanwhile(t, h, must1(h.Ledger.Latest(t.Context(), id)))
			before := accountOf(h, id)
			h.Advance(time.Hour)
			h.Tenant.Edit(emergency)
			if err := p.Minute(t.Context()); err != nil {
				t.Fatal(err)
			}
			if held := must1(h.Ledger.Latest(t.Context(), id)).Held(); len(held) > 0 || !reflect.DeepEqual(before, accountOf(h, id)) {
				t.Errorf("held by %+v, the account is %+v, was %+v; want neither changed", held, accountOf(h, id), before)
			}
		})
	}
}

// TestAnAccountWithTheLicenceOfARoomIsNobodys: its mailbox need not show for that.
func TestAnAccountWithTheLicenceOfARoomIsNobodys(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	id := simtenant.UserID(adele)
	h.Tenant.Edit(func(w *simtenant.World) {
		const teamsRoomsPro = "4cde982a-ede4-4409-9ae6-b003453c8ea6"
		w.Users[id].Licences = []simtenant.Licence{{SKU: teamsRoomsPro}}
		delete(w.Mailboxes, id)
	})
	deliver(t, h, newPlanner(h), termination(h, "1", offboarding.Employee{UserPrincipalName: adele}))
	lockedOut(t, h)
	if held := must1(h.Ledger.Latest(t.Context(), id)).Held(); len(held) != 1 || held[0].By != offboarding.ApproveNobodys || !strings.Contains(held[0].Why, "licence of a room") {
		t.Errorf("held by %+v, want it held until a person says that a room is meant", held)
	}
}

// approve lets another person say that a held departure is meant, which goes on.
func approve(t *testing.T, h *steptest.Harness, c *offboarding.Case) {
	t.Helper()
	if _, err := h.Ledger.Approve(t.Context(), ledger.Approval{Case: c.ID, By: offboarding.Person{Name: "Patti Fernandez"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := worker.Dispatch(t.Context(), h.Bus, h.Ledger, must1(h.Ledger.Case(t.Context(), c.ID))); err != nil {
		t.Fatal(err)
	}
}

// TestWhoWasToBeApprovedBeforeWaitsForPrivileges: where the policy asks nobody (privileged: 0), whoever has come to
// be an administrator since the plan waits for privileges as if that had been known.
func TestWhoWasToBeApprovedBeforeWaitsForPrivileges(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	p := newPlanner(h)
	p.Policy.Approvals.Privileged = 0
	ahead := termination(h, "1", offboarding.Employee{UserPrincipalName: adele})
	ahead.LeavingTime = h.Now().Add(48 * time.Hour)
	deliver(t, h, p, ahead)
	id := simtenant.UserID(adele)
	before := accountOf(h, id)
	h.Tenant.Edit(func(w *simtenant.World) {
		w.RoleAssignments = append(w.RoleAssignments, simtenant.RoleAssignment{ID: "new", Principal: id, Role: offboarding.GlobalAdministrator})
	})
	c := must1(h.Ledger.Latest(t.Context(), id))
	h.Advance(49 * time.Hour)
	b := h.Worker(offboarding.StepBlock, block.New(h.As("block")))
	record, _ := h.Step(t, c.ID, b)
	h.Wants(t, record, offboarding.StateWaiting, "waits for privileges")
	if after := accountOf(h, id); !reflect.DeepEqual(before, after) {
		t.Errorf("the account is %+v, was %+v", after, before)
	}
	powers, _ := h.As("privileges")
	h.Settle(t, c.ID, h.Worker(offboarding.StepPrivileges, privileges.New(powers, h.Ledger)))
	h.Wants(t, h.Settle(t, c.ID, b), offboarding.StateEffective)
	if u, _ := h.Tenant.User(id); u.AccountEnabled {
		t.Error("without the role the account is enabled still")
	}
}
