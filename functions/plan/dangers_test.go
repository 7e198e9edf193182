package plan_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
	"leaver/shared/worker/steptest"
)

const (
	nestor    = "nestor.wilke@contoso.com"     // Global Administrator
	emergency = "emergency.access@contoso.com" // likewise
	raul      = "raul.razo@contoso.com"        // by a role-assignable group
)

// guarding is a policy of Conditional Access for everybody that wants a second factor.
func guarding(name string, change func(*simtenant.ConditionalAccessPolicy)) func(*simtenant.World) {
	p := simtenant.ConditionalAccessPolicy{ID: simtenant.GroupID(name), DisplayName: name, State: "enabled", IncludeUsers: []string{"All"}, GrantControls: []string{"mfa"}}
	change(&p)
	return func(w *simtenant.World) { w.ConditionalAccess = append(w.ConditionalAccess, p) }
}

// owning registers an application, or a service principal, that adele owns.
func owning(name string, service bool) func(*simtenant.World) {
	return func(w *simtenant.World) {
		id := simtenant.GroupID(name)
		w.Registrations[id] = &simtenant.Registration{ID: id, AppID: simtenant.UserID(name), DisplayName: name, Service: service, Owners: []string{simtenant.UserID(adele)}}
	}
}

// TestThreat5WhoIsPrivilegedDoesNotLeaveByAccident: one request used to lock any administrator out, and
// whoever can act by Leaver itself. The cases are issue 7's; owners of service principals are
// BloodHound's AZOwns, emergency accounts those of AzureADAssessment#39 and entra-docs#1373.
func TestThreat5WhoIsPrivilegedDoesNotLeaveByAccident(t *testing.T) {
	t.Parallel()
	id := simtenant.UserID(adele)
	const group = "Sales"
	excluded := func(p *simtenant.ConditionalAccessPolicy) { p.ExcludeUsers = []string{id} }
	for name, tt := range map[string]struct {
		who, danger string // without a danger the departure is planned
		edit        func(*simtenant.World)
	}{
		"a Global Administrator": {who: nestor, danger: "holds the role Global Administrator"},
		"a role through a group": {who: raul, danger: "through a group"},
		"an emergency account": {who: emergency, danger: "is an emergency account", edit: guarding("MFA", func(p *simtenant.ConditionalAccessPolicy) {
			p.ExcludeUsers = []string{simtenant.UserID(emergency)}
		})},
		"an eligible role": {who: adele, danger: "is eligible for the role User Administrator", edit: func(w *simtenant.World) {
			w.Users[id].Eligible = []simtenant.EligibleRole{{ID: "e", Role: "fe930be7-5e62-47db-91af-98c3a49a38b1", Scope: "/"}}
		}},
		"the owner of a group with a role": {who: adele, danger: "owns a group that holds the role", edit: func(w *simtenant.World) {
			w.Groups[simtenant.GroupID(simtenant.GroupTierZero)].Owners = []string{id}
		}},
		"the synchronisation's account": {who: adele, danger: "account of the directory synchronisation", edit: func(w *simtenant.World) {
			w.RoleAssignments = append(w.RoleAssignments, simtenant.RoleAssignment{ID: "s", Principal: id, Role: "d29b2b05-8046-44ba-8758-1e26182fcf32"})
		}},
		"the owner of the synchronisation's application": {who: adele, danger: "owns the application of the directory synchronisation", edit: func(w *simtenant.World) {
			w.SyncAsApplication = true
			w.Registrations["r"] = &simtenant.Registration{ID: simtenant.GroupID("r"), AppID: simtenant.SyncApp, DisplayName: "ConnectSyncProvisioning", Owners: []string{id}}
		}},
		"the owner of a registration of Leaver's":      {who: adele, danger: "owns an app registration of Leaver's", edit: owning("Leaver delete", false)},
		"the owner of a service principal of Leaver's": {who: adele, danger: "owns an app registration of Leaver's", edit: owning("Leaver delete", true)},
		"the owner of the one registration": {who: adele, danger: "owns an app registration of Leaver's", edit: func(w *simtenant.World) {
			w.Apps[ownApplication].Owners = []string{id}
		}},
		"the owner of another registration": {who: adele, edit: owning("Payroll", false)},
		"left out by name":                  {who: adele, danger: "left out of the Conditional Access policy " + simtenant.GroupID("MFA"), edit: guarding("MFA", excluded)},
		"left out by a group": {who: adele, danger: "left out of the Conditional Access policy", edit: guarding("MFA", func(p *simtenant.ConditionalAccessPolicy) {
			p.ExcludeGroups = []string{simtenant.GroupID(simtenant.GroupMarketing)}
		})},
		"left out of what blocks": {who: adele, danger: "left out of the Conditional Access policy", edit: guarding("Block", func(p *simtenant.ConditionalAccessPolicy) {
			excluded(p)
			p.GrantControls = []string{"block"}
		})},
		"left out of what wants strong methods": {who: adele, danger: "left out of the Conditional Access policy", edit: guarding("Strong", func(p *simtenant.ConditionalAccessPolicy) {
			excluded(p)
			p.GrantControls, p.Strength = nil, true
		})},
		"left out of a policy that is tried only": {who: adele, edit: guarding("MFA", func(p *simtenant.ConditionalAccessPolicy) {
			excluded(p)
			p.State = "enabledForReportingButNotEnforced"
		})},
		"left out of a policy for some": {who: adele, edit: guarding("MFA", func(p *simtenant.ConditionalAccessPolicy) {
			excluded(p)
			p.IncludeUsers = []string{simtenant.UserID(nestor)}
		})},
		"left out of a policy for devices": {who: adele, edit: guarding("Devices", func(p *simtenant.ConditionalAccessPolicy) {
			excluded(p)
			p.GrantControls = []string{"compliantDevice"}
		})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			p := newPlanner(h)
			if strings.Contains(name, "one registration") {
				p.Application = ownApplication
				h.Tenant.AddApp(simtenant.App{ClientID: ownApplication, Name: "Offboarding"})
			}
			if tt.edit != nil {
				h.Tenant.Edit(tt.edit)
			}
			r := termination(h, "1", offboarding.Employee{UserPrincipalName: tt.who})
			r.By = offboarding.Person{Name: "Miriam Graham"}
			d := deliver(t, h, p, r)
			c, err := h.Ledger.Latest(t.Context(), simtenant.UserID(tt.who))
			if tt.danger == "" {
				if err != nil || c == nil || c.Plan.Administrator {
					t.Fatalf("case %v, %q, %v; want it planned like anybody's", c, d.DeadSentence, err)
				}
				return
			}
			if err != nil || c == nil || c.State(h.Now()) != offboarding.CaseHeld || len(h.Bus.Messages()) > 0 || !c.Plan.Administrator {
				t.Fatalf("case %+v, %q, %v; want it held, and nothing published", c, d.DeadSentence, err)
			}
			if held := c.Held(); len(held) != 1 || !strings.Contains(held[0].Why, tt.danger) {
				t.Fatalf("held by %+v, want the reason %q", held, tt.danger)
			}
			approve := func(by string) error {
				_, err := h.Ledger.Approve(t.Context(), ledger.Approval{Case: c.ID, By: offboarding.Person{Name: by}})
				return err
			}
			if err := approve("Miriam Graham"); !errors.Is(err, ledger.ErrOwnWord) {
				t.Errorf("whoever asked approves: got %v, want %v", err, ledger.ErrOwnWord)
			}
			if user, _ := h.Tenant.User(c.Leaver); !user.AccountEnabled || user.PasswordChanges > 0 || h.Writes() > 0 {
				t.Fatalf("held, the account is enabled %t, its password changed %d times, %d writes; want it untouched", user.AccountEnabled, user.PasswordChanges, h.Writes())
			}
			if err := approve("Patti Fernandez"); err != nil {
				t.Fatal(err)
			}
			if c, err = h.Ledger.Case(t.Context(), c.ID); err != nil || c.State(h.Now()) != offboarding.CasePlanning {
				t.Fatalf("approved, the case is %s, %v; want it planning", c.State(h.Now()), err)
			}
			if c, err = worker.Dispatch(t.Context(), h.Bus, h.Ledger, c); err != nil || !c.Published() || len(h.Bus.Messages()) == 0 {
				t.Errorf("approved, the departure does not go on: %v", err)
			}
		})
	}
}

// TestThePolicyLetsAdministratorsLeave like anybody else, and their plan still says what they are.
// TestWhatNoPlanAsksForHoldsNobody: the role went before HR sent the departure once more.
func TestWhatNoPlanAsksForHoldsNobody(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	p := newPlanner(h)
	id := simtenant.UserID(nestor)
	deliver(t, h, p, termination(h, "1", offboarding.Employee{UserPrincipalName: nestor}))
	if c, err := h.Ledger.Latest(t.Context(), id); err != nil || c == nil || len(c.Held()) == 0 {
		t.Fatalf("got %v, %v; want the departure held", c, err)
	}
	lockedOut(t, h)
	h.Tenant.Edit(func(w *simtenant.World) {
		w.RoleAssignments = slices.DeleteFunc(w.RoleAssignments, func(a simtenant.RoleAssignment) bool { return a.Principal == id })
	})
	h.Advance(time.Hour)
	deliver(t, h, p, termination(h, "2", offboarding.Employee{UserPrincipalName: nestor}))
	if c, err := h.Ledger.Latest(t.Context(), id); err != nil || len(c.Held()) > 0 {
		t.Errorf("got it held by %v, %v; want nothing that the newer plan does not ask for", c.Held(), err)
	}
	lockedOut(t, h, id)
}

func TestThePolicyLetsAdministratorsLeave(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	p := newPlanner(h)
	p.Policy.Approvals.Privileged = 0
	deliver(t, h, p, termination(h, "2", offboarding.Employee{UserPrincipalName: nestor}))
	if c, err := h.Ledger.Latest(t.Context(), simtenant.UserID(nestor)); err != nil || c == nil || len(c.Held()) > 0 || !c.Plan.Administrator {
		t.Errorf("the case is %+v, %v; want it planned for an administrator", c, err)
	}
}

// privileged reports whether the departure waits for somebody to say that it is meant.
func privileged(c *offboarding.Case) bool {
	return slices.ContainsFunc(c.Held(), func(b offboarding.Brake) bool { return b.Kind == offboarding.BrakeApproval && b.By == "privileged" })
}

// ownApplication is the client id of the one registration of an installation, whatever its name.
const ownApplication = "2f6c2a0e-6f3a-4b8f-8f3e-0d8a6b1c9e55"

// TestWhoIsPrivilegedIsReadOnceForEverybody: an ordinary person's lockout costs no request more, and
// whoever became an administrator is known a minute later.
func TestWhoIsPrivilegedIsReadOnceForEverybody(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	p := newPlanner(h)
	reads := func() int { return h.Tenant.Requests()["GET /roleManagement/directory/roleAssignments"] }
	for i, who := range []string{adele, "lidia.holloway@contoso.com", "henrik.holm@contoso.com"} {
		deliver(t, h, p, termination(h, who, offboarding.Employee{UserPrincipalName: who}))
		if n := reads(); n != 1 {
			t.Fatalf("the %d. request: roles were read %d times, want once", i+1, n)
		}
	}
	const grady = "grady.archie@contoso.com"
	h.Tenant.Edit(func(w *simtenant.World) {
		w.RoleAssignments = append(w.RoleAssignments, simtenant.RoleAssignment{ID: "n", Principal: simtenant.UserID(grady), Role: offboarding.GlobalAdministrator})
	})
	h.Advance(time.Minute)
	deliver(t, h, p, termination(h, "grady", offboarding.Employee{UserPrincipalName: grady}))
	if c, err := h.Ledger.Latest(t.Context(), simtenant.UserID(grady)); err != nil || c == nil || !privileged(c) {
		t.Errorf("a new administrator: the case is %+v, %v; want it held", c, err)
	}
}

// TestNobodyIsPlannedWhileWhoMustStayIsNotKnown: nothing is known yet, and who could be an administrator has no case.
func TestNobodyIsPlannedWhileWhoMustStayIsNotKnown(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"for good": http.StatusForbidden, "for a while": http.StatusServiceUnavailable} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			h.Tenant.Edit(func(w *simtenant.World) {
				w.Faults = append(w.Faults, simtenant.Fault{Operation: "GET /roleManagement/directory/roleAssignments", Status: status})
			})
			d := deliver(t, h, newPlanner(h), termination(h, "1", offboarding.Employee{UserPrincipalName: nestor}))
			c, err := h.Ledger.Latest(t.Context(), simtenant.UserID(nestor))
			if user, _ := h.Tenant.User(simtenant.UserID(nestor)); err != nil || c != nil || !user.AccountEnabled {
				t.Errorf("the case is %+v, %v, and the account enabled %t; want none, and nothing done (%+v)", c, err, user.AccountEnabled, d)
			}
		})
	}
}

// TestWhatWasKnownStandsWhileItCannotBeRead: nobody stays signed in because Conditional Access is
// asked too often, and nobody is locked out by accident because of that.
func TestWhatWasKnownStandsWhileItCannotBeRead(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	p := newPlanner(h)
	deliver(t, h, p, termination(h, "1", offboarding.Employee{UserPrincipalName: adele}))
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Faults = append(w.Faults, simtenant.Fault{Operation: "GET /identity/conditionalAccess/policies", Status: http.StatusTooManyRequests})
	})
	h.Advance(2 * time.Minute)
	const lidia = "lidia.holloway@contoso.com"
	deliver(t, h, p, termination(h, "2", offboarding.Employee{UserPrincipalName: lidia}))
	if c, err := h.Ledger.Latest(t.Context(), simtenant.UserID(lidia)); err != nil || c == nil {
		t.Errorf("an ordinary person waits: %v", err)
	}
	deliver(t, h, p, termination(h, "3", offboarding.Employee{UserPrincipalName: nestor}))
	if c, err := h.Ledger.Latest(t.Context(), simtenant.UserID(nestor)); err != nil || c == nil || !privileged(c) {
		t.Errorf("an administrator: the case is %+v, %v; want it held", c, err)
	}
	h.Advance(time.Hour)
	const henrik = "henrik.holm@contoso.com"
	deliver(t, h, p, termination(h, "4", offboarding.Employee{UserPrincipalName: henrik}))
	if c, err := h.Ledger.Latest(t.Context(), simtenant.UserID(henrik)); err != nil || c != nil {
		t.Errorf("what is an hour old stands: %v, %v", c, err)
	}
}
