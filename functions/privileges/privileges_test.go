package privileges_test

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/functions/block"
	"leaver/functions/privileges"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
	"leaver/shared/worker/steptest"
)

const (
	emily      = "emily.braun@contoso.com" // has access to everything
	adele      = "adele.vance@contoso.com"
	nestor     = "nestor.wilke@contoso.com" // the Global Administrators are nestor and two for emergencies
	emergency  = "emergency.access@contoso.com"
	emergency2 = "emergency.access2@contoso.com"
)

func newStep(h *steptest.Harness) worker.Step {
	directory, _ := h.As("privileges")
	return privileges.New(directory, h.Ledger)
}

// settle opens a case for a person and runs the step to its end.
func settle(t *testing.T, h *steptest.Harness, person string) (*offboarding.Case, *offboarding.Record) {
	t.Helper()
	c := h.Open(t, person, offboarding.Options{}, offboarding.DefaultPolicy())
	return c, h.Settle(t, c.ID, h.Worker(offboarding.StepPrivileges, newStep(h)))
}

// left is what still makes a person powerful, in words.
func left(h *steptest.Harness, id string) []string {
	var still []string
	add := func(what string, n int) {
		if n > 0 {
			still = append(still, what)
		}
	}
	h.Tenant.Edit(func(w *simtenant.World) {
		for _, g := range w.Groups {
			if g.AssignableToRole && slices.Contains(g.Members, id) {
				still = append(still, "member of "+g.DisplayName)
			}
			if g.AssignableToRole && slices.Contains(g.Owners, id) {
				still = append(still, "owner of "+g.DisplayName)
			}
		}
		for _, a := range w.RoleAssignments {
			if a.Principal == id {
				still = append(still, "role")
			}
		}
		u := w.Users[id]
		add("eligible role", len(u.Eligible))
		add("app role", len(u.AppRoles))
		add("authentication method", len(u.Methods))
	})
	slices.Sort(still)
	return still
}

func TestStep(t *testing.T) {
	t.Parallel()
	steptest.Run(t, steptest.Subject{
		Name: offboarding.StepPrivileges, New: newStep, Person: emily,
		Check: func(t *testing.T, h *steptest.Harness, id string) {
			if still := left(h, id); len(still) > 0 {
				t.Errorf("left: %v", still)
			}
			if others, _ := h.Tenant.GroupByName(simtenant.GroupMarketing); !slices.Contains(others.Members, id) {
				t.Error("a group that access leaves was left")
			}
		},
		Refusals: []string{
			"DELETE /roleManagement/directory/roleAssignments/{id}",
			"POST /roleManagement/directory/roleEligibilityScheduleRequests", "DELETE /users/{id}/appRoleAssignments/{assignment}",
		},
		Lagging: true,
		Stops: map[string]string{
			"GET /users/{id}": steptest.Everything,
			"GET /roleManagement/directory/roleAssignments": steptest.Everything, // they may be the last administrator
		},
		UndoStops: map[string]string{},
		Undoing: func(t *testing.T, h *steptest.Harness, c *offboarding.Case) {
			if _, err := h.Ledger.Approve(t.Context(), ledger.Approval{Case: c.ID, Step: offboarding.StepPrivileges, By: offboarding.Person{Name: "Patti Fernandez"}}); err != nil {
				t.Fatal(err)
			}
		},
	})
}

// TestTheBeforeHoldsEverything compares what was taken away with what was kept.
func TestTheBeforeHoldsEverything(t *testing.T) {
	t.Parallel()
	_, record := settle(t, steptest.New(t), emily)
	kinds := map[string]int{}
	for name := range record.Before {
		kind, _, _ := strings.Cut(name, " ")
		kinds[kind]++
	}
	for kind, n := range map[string]int{"member": 1, "eligibleRole": 1, "role": 1, "appRole": 2, "method": 3} {
		if kinds[kind] != n {
			t.Errorf("%s: got %d, want %d", kind, kinds[kind], n)
		}
	}
}

func TestB10ARoleAssignableGroupThatMayNotBeTouched(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Faults = append(w.Faults, simtenant.Fault{Operation: "DELETE /groups/{id}/members/{member}/$ref", Target: simtenant.GroupID(simtenant.GroupTierZero), Status: 403})
	})
	c, record := settle(t, h, emily)
	if record.State != offboarding.StateManual || !strings.Contains(record.Reason, simtenant.GroupID(simtenant.GroupTierZero)) {
		t.Errorf("%s: %s; want manual saying %q", record.State, record.Reason, simtenant.GroupID(simtenant.GroupTierZero))
	}
	if still := left(h, c.Leaver); !slices.Equal(still, []string{"member of " + simtenant.GroupTierZero}) {
		t.Errorf("not everything else is done: %v", still)
	}
}

func TestB10AuthenticationMethods(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		methods []simtenant.AuthenticationMethod
		refused bool
		role    bool
		ends    offboarding.StepState // of the first run
	}{
		{name: "the default one is the only one", methods: []simtenant.AuthenticationMethod{{ID: "a", Type: "phone", Default: true}}, ends: offboarding.StateEffective},
		{name: "the default one comes first", methods: []simtenant.AuthenticationMethod{{ID: "a", Type: "phone", Default: true}, {ID: "b", Type: "fido2"}, {ID: "c", Type: "email"}}, ends: offboarding.StateEffective},
		{name: "of a type that Graph cannot delete", methods: []simtenant.AuthenticationMethod{{ID: "a", Type: "qrCodePin"}}, ends: offboarding.StateManual},
		{name: "refused", methods: []simtenant.AuthenticationMethod{{ID: "a", Type: "phone"}}, refused: true, ends: offboarding.StateParked},
		{name: "refused for a role that goes now", methods: []simtenant.AuthenticationMethod{{ID: "a", Type: "phone"}}, refused: true, role: true, ends: offboarding.StateWaiting},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			id := simtenant.UserID(adele)
			h.Tenant.Edit(func(w *simtenant.World) {
				w.Users[id].Methods = tt.methods
				if tt.refused {
					w.Faults = append(w.Faults, simtenant.Fault{Operation: "DELETE /users/{id}/authentication/{collection}/{method}", Status: 403, Times: 1})
				}
				if tt.role {
					w.RoleAssignments = append(w.RoleAssignments, simtenant.RoleAssignment{ID: "assignment-1", Principal: id, Role: offboarding.GlobalAdministrator})
				}
			})
			c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
			w := h.Worker(offboarding.StepPrivileges, newStep(h))
			if record, _ := h.Step(t, c.ID, w); record.State != tt.ends {
				t.Errorf("%s: %s; want %s", record.State, record.Reason, tt.ends)
			}
			if record := h.Settle(t, c.ID, w); record.State == offboarding.StateEffective {
				if user, _ := h.Tenant.User(id); len(user.Methods) > 0 {
					t.Errorf("left: %v", user.Methods)
				}
			}
		})
	}
}

// TestB10WhoHeldARoleCanBeBlockedAfterwards lets block be refused on a holder of a role, and
// expects that it is not any more once privileges has taken the role away: by itself where the role
// shows, and by a replay where only the refusal does.
func TestB10WhoHeldARoleCanBeBlockedAfterwards(t *testing.T) {
	t.Parallel()
	id := simtenant.UserID(adele)
	for name, give := range map[string]func(*simtenant.World){
		"an active role": func(w *simtenant.World) {
			w.RoleAssignments = append(w.RoleAssignments, simtenant.RoleAssignment{ID: "assignment-1", Principal: id, Role: offboarding.GlobalAdministrator})
		},
		"an active role that can be activated again": func(w *simtenant.World) {
			w.RoleAssignments = append(w.RoleAssignments, simtenant.RoleAssignment{ID: "assignment-1", Principal: id, Role: offboarding.GlobalAdministrator})
			w.Users[id].Eligible = []simtenant.EligibleRole{{ID: "eligible-1", Role: offboarding.GlobalAdministrator, Scope: "/"}}
		},
		"a role-assignable group": func(w *simtenant.World) {
			g := w.Groups[simtenant.GroupID(simtenant.GroupTierZero)]
			g.Members = append(g.Members, id)
		},
		"ownership of a role-assignable group": func(w *simtenant.World) {
			w.Groups[simtenant.GroupID(simtenant.GroupTierZero)].Owners = []string{id, simtenant.UserID(emily)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			h.Tenant.Edit(give)
			c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
			blocking := h.Worker(offboarding.StepBlock, block.New(h.As("block")))
			refused, _ := h.Step(t, c.ID, blocking)
			if refused.State != offboarding.StateParked && (refused.State != offboarding.StateWaiting || !strings.Contains(refused.Reason, offboarding.B10.Name)) {
				t.Fatalf("block is %s, %s: the test proves nothing", refused.State, refused.Reason)
			}
			if record := h.Settle(t, c.ID, h.Worker(offboarding.StepPrivileges, newStep(h))); record.State != offboarding.StateEffective {
				t.Fatalf("privileges is %s: %s; want effective", record.State, record.Reason)
			}
			if refused.State == offboarding.StateParked {
				if _, err := h.Ledger.Replay(t.Context(), c.ID, offboarding.StepBlock); err != nil {
					t.Fatal(err)
				}
			}
			if record := h.Settle(t, c.ID, blocking); record.State != offboarding.StateEffective {
				t.Errorf("block is %s: %s; want effective", record.State, record.Reason)
			}
			user, _ := h.Tenant.User(id)
			if user.AccountEnabled || len(user.Eligible) > 0 {
				t.Errorf("enabled %t, eligible for %v", user.AccountEnabled, user.Eligible)
			}
		})
	}
}

// TestB10RolesGoFirst looks at the roles whenever something is taken away: nothing else goes while
// there is one, and no active one while it could be activated again.
func TestB10RolesGoFirst(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	roles, others := 0, 0
	h.OnRequest = func(r *http.Request) error {
		sent := r.Method + " " + r.URL.Path // one alone, or in the body those of a batch
		if r.Body != nil {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return err
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			sent += string(body)
		}
		if !strings.Contains(sent, http.MethodDelete) {
			return nil
		}
		still := left(h, simtenant.UserID(emily))
		switch {
		case strings.Contains(sent, "/roleAssignments/"):
			if roles++; slices.Contains(still, "eligible role") {
				t.Error("an active role goes before the eligible one")
			}
		default:
			if others++; slices.Contains(still, "role") || slices.Contains(still, "eligible role") {
				t.Errorf("a role is left, and this goes: %s", sent)
			}
		}
		return nil
	}
	if _, record := settle(t, h, emily); record.State != offboarding.StateEffective || roles == 0 || others == 0 {
		t.Errorf("%s: %s; removed roles %d times and others %d times; want effective", record.State, record.Reason, roles, others)
	}
}

// TestB10ARoleThatHasJustGoneMayBeRefusedOnceMore: Microsoft heeds its removal a while later.
func TestB10ARoleThatHasJustGoneMayBeRefusedOnceMore(t *testing.T) {
	t.Parallel()
	id := simtenant.UserID(adele)
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) {
		w.RoleAssignments = append(w.RoleAssignments, simtenant.RoleAssignment{ID: "assignment-1", Principal: id, Role: offboarding.GlobalAdministrator})
		delete(w.Mailboxes, id) // by which Exchange would let the account be blocked
	})
	c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	blocking := h.Worker(offboarding.StepBlock, block.New(h.As("block")))
	refused := func() {
		t.Helper()
		if record, _ := h.Step(t, c.ID, blocking); record.State != offboarding.StateWaiting || !strings.HasPrefix(record.Reason, offboarding.B10.Name) {
			t.Fatalf("block is %s: %s; want waiting saying %q", record.State, record.Reason, offboarding.B10.Name)
		}
	}
	refused()
	if record := h.Settle(t, c.ID, h.Worker(offboarding.StepPrivileges, newStep(h))); record.State != offboarding.StateEffective {
		t.Fatalf("privileges is %s: %s; want effective", record.State, record.Reason)
	}
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Faults = append(w.Faults, simtenant.Fault{Operation: "PATCH /users/{id}", Status: http.StatusForbidden, Times: 1})
	})
	h.Advance(time.Minute)
	refused()
	record := h.Settle(t, c.ID, blocking)
	if user, _ := h.Tenant.User(id); record.State != offboarding.StateEffective || user.AccountEnabled {
		t.Errorf("block is %s, enabled %t: %s; want effective", record.State, user.AccountEnabled, record.Reason)
	}
}

// TestACloudWithoutListingOfMethodsCostsOnlyThem: 21Vianet.
func TestACloudWithoutListingOfMethodsCostsOnlyThem(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Cloud = "china"
		u := w.Users[simtenant.UserID(emily)]
		u.Methods = append(u.Methods, simtenant.AuthenticationMethod{ID: "d3ba0a37-6a1f-4a33-9d7c-1b6f4f2f8c11", Type: "microsoftAuthenticator"})
	})
	c := h.Open(t, emily, offboarding.Options{}, offboarding.DefaultPolicy())
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepPrivileges, newStep(h)))
	h.Wants(t, record, offboarding.StateManual, "this cloud", "of type phone") // the default one, which fido2 keeps
	u, _ := h.Tenant.User(simtenant.UserID(emily))
	if len(u.AppRoles)+len(u.Eligible) > 0 {
		t.Errorf("got %d app roles, %d eligible roles: want all gone", len(u.AppRoles), len(u.Eligible))
	}
	shown := func(m simtenant.AuthenticationMethod) bool {
		return slices.Contains([]string{"microsoftAuthenticator", "platformCredential"}, m.Type)
	}
	if len(u.Methods) == 0 || slices.ContainsFunc(u.Methods, shown) {
		t.Errorf("got the methods %v left, want those that this cloud does not show, and no other", u.Methods)
	}
}

// TestAMethodThatGraphCannotDeleteIsATask: microsoftgraph/msgraph-metadata#138, hardware tokens.
func TestAMethodThatGraphCannotDeleteIsATask(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) {
		u := w.Users[simtenant.UserID(emily)]
		u.Methods = append(u.Methods, simtenant.AuthenticationMethod{ID: "b4d5a6c7-0000-4000-8000-00000000abcd", Type: "hardwareOath"})
	})
	c := h.Open(t, emily, offboarding.Options{}, offboarding.DefaultPolicy())
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepPrivileges, newStep(h)))
	h.Wants(t, record, offboarding.StateManual, "b4d5a6c7-0000-4000-8000-00000000abcd", "hardwareOath")
	if u, _ := h.Tenant.User(simtenant.UserID(emily)); len(u.Methods) != 2 || !strings.Contains(record.Reason, u.Methods[0].ID) {
		t.Errorf("got the methods %v left, want the one that Graph cannot delete, and the default one that it keeps", u.Methods)
	}
}

// TestARoleThatIsRefusedKeepsNoMethodAndNoAppRole: issue 6, kind 6.
func TestARoleThatIsRefusedKeepsNoMethodAndNoAppRole(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Faults = append(w.Faults, simtenant.Fault{Operation: "DELETE /roleManagement/directory/roleAssignments/{id}", Status: http.StatusForbidden, Code: "Authorization_RequestDenied"})
	})
	c, record := settle(t, h, emily)
	h.Wants(t, record, offboarding.StateParked, offboarding.PortalWorldwide.Roles(c.Leaver))
	if still := left(h, c.Leaver); !slices.Equal(still, []string{"role"}) {
		t.Errorf("left: %v, want the role that was refused alone", still)
	}
}

// TestB14ARoleAssignableGroupWhoseOwnersLeaveTogetherKeepsOne: each would count on the other.
func TestB14ARoleAssignableGroupWhoseOwnersLeaveTogetherKeepsOne(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	group := simtenant.GroupID(simtenant.GroupTierZero)
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Groups[group].Owners = []string{simtenant.UserID(emily), simtenant.UserID(adele)}
	})
	h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	c, record := settle(t, h, emily)
	h.Wants(t, record, offboarding.StateManual, offboarding.B14.Name, offboarding.PortalWorldwide.Owners(group))
	if g, _ := h.Tenant.Group(group); !slices.Contains(g.Owners, c.Leaver) {
		t.Errorf("the owners are %v: nobody who stays is among them", g.Owners)
	}
}

// TestTheLockoutOfAnAdministratorIsNotPutOffBehindPrivileges: signout and block wait for it (B10), so that it backs
// off for no longer than they do.
func TestTheLockoutOfAnAdministratorIsNotPutOffBehindPrivileges(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Administrator = true
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Faults = append(w.Faults, simtenant.Fault{Operation: "DELETE /roleManagement/directory/roleAssignments/{id}", Status: http.StatusServiceUnavailable, Times: 40})
	})
	c := h.Open(t, nestor, offboarding.Options{}, offboarding.DefaultPolicy())
	w := h.Worker(offboarding.StepPrivileges, newStep(h))
	for tries := range 12 {
		record, _ := h.Step(t, c.ID, w)
		if wait := record.Due.Sub(h.Now()); record.State != offboarding.StateRetrying || wait > 30*time.Second {
			t.Fatalf("try %d: %s, again in %s, want retrying within 30s: %s", tries, record.State, wait, record.Reason)
		}
		h.Advance(record.Due.Sub(h.Now()))
	}
}
