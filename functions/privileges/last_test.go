package privileges_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"leaver/functions/access"
	"leaver/functions/block"
	"leaver/functions/plan"
	"leaver/shared/bus"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
	"leaver/shared/worker/steptest"
)

// administrators are the enabled holders of Global Administrator, by object id.
func administrators(h *steptest.Harness) []string {
	var ids []string
	h.Tenant.Edit(func(w *simtenant.World) {
		for _, a := range w.RoleAssignments {
			if u := w.Users[a.Principal]; a.Role == offboarding.GlobalAdministrator && u != nil && u.AccountEnabled {
				ids = append(ids, u.ID)
			}
		}
	})
	return ids
}

// exclusion is the group by which somebody is excluded from Conditional Access.
const exclusion = "CA-Exclusion"

// signIns gives every one of them a security key, and membership in the exclusion group.
func signIns(h *steptest.Harness, people ...string) {
	h.Tenant.Edit(func(w *simtenant.World) {
		g := &simtenant.Group{ID: simtenant.GroupID(exclusion), DisplayName: exclusion, SecurityEnabled: true}
		for _, p := range people {
			id := simtenant.UserID(p)
			w.Users[id].Methods = []simtenant.AuthenticationMethod{{ID: "key", Type: "fido2"}}
			g.Members = append(g.Members, id)
		}
		w.Groups[g.ID] = g
	})
}

// canSignIn reports whether an administrator is as they were.
func canSignIn(h *steptest.Harness, id string) bool {
	u, alive := h.Tenant.User(id)
	g, _ := h.Tenant.GroupByName(exclusion)
	return alive && u.AccountEnabled && len(u.Methods) > 0 && slices.Contains(g.Members, id)
}

// TestThreat1AllAdministratorsAtOnceLeaveEnough takes every Global Administrator away at the same
// moment, from a tenant that answers late: each run used to see the others.
func TestThreat1AllAdministratorsAtOnceLeaveEnough(t *testing.T) {
	t.Parallel()
	for name, apart := range map[string]time.Duration{"at once": 0, "one after the other": 6 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			all := []string{nestor, emergency, emergency2}
			signIns(h, all...)
			h.Tenant.Edit(func(w *simtenant.World) {
				w.Faults = append(w.Faults, simtenant.Fault{Operation: "*", Delay: 20 * time.Millisecond})
				w.ConditionalAccess = append(w.ConditionalAccess, simtenant.ConditionalAccessPolicy{
					ID: simtenant.GroupID("MFA"), State: "enabled", IncludeUsers: []string{"All"}, ExcludeGroups: []string{simtenant.GroupID(exclusion)}, GrantControls: []string{"mfa"},
				})
			})
			directory, mailboxes := h.As("block")
			blocking := h.Worker(offboarding.StepBlock, block.New(directory, mailboxes))
			directory, mailboxes = h.As("access")
			leaving := h.Worker(offboarding.StepAccess, access.New(directory, mailboxes, h.Ledger, nil))
			powers := h.Worker(offboarding.StepPrivileges, newStep(h))
			run := func(c *offboarding.Case) {
				for range 3 {
					for _, w := range []*worker.Worker{powers, blocking, leaving} {
						if r := h.Record(t, c.ID, w.Name); !r.State.Settled() && !r.Due.After(h.Now()) {
							_, _ = h.Deliver(t.Context(), w, h.Message(t, c.ID, w.Name))
						}
					}
					h.Advance(5 * time.Second)
				}
			}
			var cases []*offboarding.Case
			var runs sync.WaitGroup
			desk := newPlanner(h)
			for _, who := range all {
				c := approved(t, h, desk, who)
				cases = append(cases, c)
				if apart > 0 {
					run(c)
					h.Advance(apart)
				} else {
					runs.Go(func() { run(c) })
				}
			}
			runs.Wait()
			h.Advance(3 * time.Minute)
			for _, c := range cases {
				run(c)
			}
			stay := administrators(h)
			if len(stay) < 2 {
				t.Fatalf("%d Global Administrators are left", len(stay))
			}
			for _, id := range stay {
				if !canSignIn(h, id) {
					t.Errorf("%s keeps the role, but not methods, groups and account", id)
				}
			}
			for _, c := range cases {
				if record := h.Record(t, c.ID, offboarding.StepPrivileges); slices.Contains(stay, c.Leaver) && (record.State != offboarding.StateManual || !strings.Contains(record.Reason, "Global Administrator")) {
					t.Errorf("privileges is %s: %s; want manual for the one who must stay", record.State, record.Reason)
				}
			}
		})
	}
}

func newPlanner(h *steptest.Harness) *plan.Planner {
	directory, _ := h.As("plan")
	return &plan.Planner{
		Directory: directory, Ledger: h.Ledger, Bus: h.Sender("plan"), Tenant: h.TenantID(),
		Policy: offboarding.DefaultPolicy(), Now: h.Now, Log: h.Logger(),
	}
}

// approved asks for somebody's departure as a webhook does, and has another person approve it.
func approved(t *testing.T, h *steptest.Harness, desk *plan.Planner, who string) *offboarding.Case {
	t.Helper()
	r := bus.Request{Attempt: 1, Request: offboarding.Request{
		ID: offboarding.RequestID("test", who), Kind: offboarding.Termination, Source: "test",
		EventTime: h.Now(), ReceivedAt: h.Now(), LeavingTime: h.Now(), Employee: offboarding.Employee{UserPrincipalName: who},
	}}
	m, err := r.Message(time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if err := desk.Handle(t.Context(), h.Delivery(m)); err != nil {
		t.Fatal(err)
	}
	c, err := h.Ledger.Latest(t.Context(), simtenant.UserID(who))
	if err != nil || c == nil || c.State(h.Now()) != offboarding.CaseHeld {
		t.Fatalf("the case of %s is %+v, %v; want it held", who, c, err)
	}
	if c, err = h.Ledger.Approve(t.Context(), ledger.Approval{Case: c.ID, By: offboarding.Person{Name: "Patti Fernandez"}}); err != nil {
		t.Fatal(err)
	}
	if c, err = worker.Dispatch(t.Context(), h.Bus, h.Ledger, c); err != nil || !c.Published() {
		t.Fatalf("approved, the case of %s is %s, %v; want it published", who, c.State(h.Now()), err)
	}
	return c
}

// openAdministrator opens a case whose plan knows that the leaver is an administrator.
func openAdministrator(t *testing.T, h *steptest.Harness, who string) *offboarding.Case {
	t.Helper()
	h.Administrator = true
	defer func() { h.Administrator = false }()
	return h.Open(t, who, offboarding.Options{}, offboarding.DefaultPolicy())
}

// TestThreat2WhoMustStayKeepsEverything, and has one task: no other step of the case makes another.
func TestThreat2WhoMustStayKeepsEverything(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*simtenant.World){
		"another one cannot sign in": func(w *simtenant.World) { w.Users[simtenant.UserID(emergency)].AccountEnabled = false },
		"another one is no administrator any more": func(w *simtenant.World) {
			w.RoleAssignments = slices.DeleteFunc(w.RoleAssignments, func(a simtenant.RoleAssignment) bool { return a.Principal == simtenant.UserID(emergency) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			signIns(h, nestor)
			h.Tenant.Edit(change)
			c := openAdministrator(t, h, nestor)
			powers := h.Worker(offboarding.StepPrivileges, newStep(h))
			h.Wants(t, h.Settle(t, c.ID, powers), offboarding.StateManual, "only 1")
			blocking := h.Worker(offboarding.StepBlock, block.New(h.As("block")))
			h.Advance(48 * time.Hour)
			if record, _ := h.Step(t, c.ID, blocking); record.State != offboarding.StateWaiting || !canSignIn(h, c.Leaver) || !slices.Contains(administrators(h), c.Leaver) {
				t.Fatalf("block is %s: %s; as before: %t; want waiting", record.State, record.Reason, canSignIn(h, c.Leaver))
			}
			h.Tenant.Edit(func(w *simtenant.World) { // a person has done the task
				w.RoleAssignments = append(w.RoleAssignments, simtenant.RoleAssignment{ID: "made", Principal: simtenant.UserID(adele), Role: offboarding.GlobalAdministrator})
			})
			if _, err := h.Ledger.Replay(t.Context(), c.ID, offboarding.StepPrivileges); err != nil {
				t.Fatal(err)
			}
			h.Wants(t, h.Settle(t, c.ID, powers), offboarding.StateEffective)
			h.Wants(t, h.Settle(t, c.ID, blocking), offboarding.StateEffective)
			if still := left(h, c.Leaver); len(still) > 0 {
				t.Errorf("left: %v", still)
			}
		})
	}
}

// TestThreat12TheRoleIsPutBackWhenTooFewAreLeft takes the role from another one, by hand, while the
// leaver's is on its way.
func TestThreat12TheRoleIsPutBackWhenTooFewAreLeft(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.OnRequest = func(r *http.Request) error {
		if strings.Contains(r.URL.Path, "/roleAssignments/") && r.Method == http.MethodDelete {
			h.Tenant.Edit(func(w *simtenant.World) { w.Users[simtenant.UserID(emergency)].AccountEnabled = false })
		}
		return nil
	}
	signIns(h, nestor)
	c, record := settle(t, h, nestor)
	if !slices.Contains(administrators(h), c.Leaver) || record.Evidence["putBack"] == "" || record.State != offboarding.StateManual || !canSignIn(h, c.Leaver) {
		t.Errorf("the administrators are %v, put back %q, %s: %s; want manual with putBack", administrators(h), record.Evidence["putBack"], record.State, record.Reason)
	}
}

// TestThreat3ARoleAssignableGroupIsNeverHandedOver: whoever owns it can take its roles.
func TestThreat3ARoleAssignableGroupIsNeverHandedOver(t *testing.T) {
	t.Parallel()
	for name, other := range map[string]string{"the leaver is the only owner": "", "there is another owner": emily} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			id, tierZero := simtenant.UserID(adele), simtenant.GroupID(simtenant.GroupTierZero)
			owners := []string{id}
			if other != "" {
				owners = append(owners, simtenant.UserID(other))
			}
			h.Tenant.Edit(func(w *simtenant.World) { w.Groups[tierZero].Owners = owners })
			c := h.Open(t, adele, offboarding.Options{ForwardTo: "grady.archie@contoso.com"}, offboarding.DefaultPolicy())
			record := h.Settle(t, c.ID, h.Worker(offboarding.StepPrivileges, newStep(h)))
			directory, mailboxes := h.As("access")
			h.Settle(t, c.ID, h.Worker(offboarding.StepAccess, access.New(directory, mailboxes, h.Ledger, nil)))
			want, state := []string{id}, offboarding.StateManual
			if other != "" {
				want, state = []string{simtenant.UserID(other)}, offboarding.StateEffective
			}
			if g, _ := h.Tenant.Group(tierZero); !slices.Equal(g.Owners, want) || record.State != state {
				t.Errorf("the owners are %v, want %v; %s: %s", g.Owners, want, record.State, record.Reason)
			}
		})
	}
}

// TestThreat8AnAccountProtectedAfterPlanningKeepsItsPrivileges looks at everything that emily holds.
func TestThreat8AnAccountProtectedAfterPlanningKeepsItsPrivileges(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, emily, offboarding.Options{}, offboarding.DefaultPolicy())
	had := left(h, c.Leaver)
	h.Policy.Protected = []string{emily}
	h.Wants(t, h.Settle(t, c.ID, h.Worker(offboarding.StepPrivileges, newStep(h))), offboarding.StateManual, "protects")
	if still := left(h, c.Leaver); !slices.Equal(still, had) {
		t.Errorf("left: %v of %v", still, had)
	}
}
