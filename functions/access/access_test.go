package access_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/functions/access"
	"leaver/functions/privileges"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
	"leaver/shared/worker/steptest"
)

const (
	emily = "emily.braun@contoso.com" // has access to everything
	adele = "adele.vance@contoso.com"
	alex  = "alex.wilber@contoso.com" // the manager of both
)

func newStep(h *steptest.Harness) worker.Step {
	directory, mailboxes := h.As("access")
	return access.New(directory, mailboxes, h.Ledger, nil)
}

// takePrivileges runs the step that goes before access where somebody holds a role.
func takePrivileges(t *testing.T, h *steptest.Harness, c *offboarding.Case) {
	t.Helper()
	directory, _ := h.As("privileges")
	h.Settle(t, c.ID, h.Worker(offboarding.StepPrivileges, privileges.New(directory, h.Ledger)))
}

// hideMembers has a group tell who is in it to nobody without Member.Read.Hidden.
func hideMembers(h *steptest.Harness, name string) {
	h.Tenant.Edit(func(w *simtenant.World) {
		for _, g := range w.Groups {
			g.HiddenMembership = g.HiddenMembership || g.DisplayName == name
		}
	})
}

// settle opens a case for a person and runs the step to its end.
func settle(t *testing.T, h *steptest.Harness, person string) *offboarding.Record {
	t.Helper()
	c := h.Open(t, person, offboarding.Options{}, offboarding.DefaultPolicy())
	takePrivileges(t, h, c)
	return h.Settle(t, c.ID, h.Worker(offboarding.StepAccess, newStep(h)))
}

// left is what a person can still reach, in words; licence groups are left on purpose.
func left(h *steptest.Harness, id string) []string {
	var still []string
	add := func(what string, n int) {
		if n > 0 {
			still = append(still, what)
		}
	}
	h.Tenant.Edit(func(w *simtenant.World) {
		u := w.Users[id]
		for _, g := range w.Groups {
			if len(g.Licences) == 0 && slices.Contains(g.Members, id) {
				still = append(still, "member of "+g.DisplayName)
			}
			if slices.Contains(g.Owners, id) {
				still = append(still, "owner of "+g.DisplayName)
			}
		}
		for _, a := range w.RoleAssignments {
			if a.Principal == id {
				still = append(still, "role")
			}
		}
		add("eligible role", len(u.Eligible))
		add("consent", len(u.Consents))
		add("app role", len(u.AppRoles))
		add("authentication method", len(u.Methods))
		add("telephone number", len(u.Numbers))
		for _, m := range w.Mailboxes {
			if slices.ContainsFunc(m.Permissions, func(p simtenant.MailboxPermission) bool { return p.User == id }) {
				still = append(still, "full access")
			}
			if slices.Contains(m.SendAs, id) {
				still = append(still, "send as")
			}
			if slices.Contains(m.GrantSendOnBehalfTo, id) {
				still = append(still, "send on behalf")
			}
			for _, f := range m.Calendars {
				for _, p := range f.Shared {
					if p.User == id {
						still = append(still, "calendar")
					}
				}
			}
		}
	})
	slices.Sort(still)
	return still
}

// accessStops is what several parts need to know: whose a mailbox is that Exchange prints by name, who can still open
// it, and whether the leaver holds a role, for which the groups wait.
var accessStops = map[string]string{
	"GET /users/{id}": steptest.Everything,
	"GET /roleManagement/directory/roleAssignments": "Groups.Members Groups.Owners Users.Consents",
	"Get-Mailbox":   "Mailboxes.GrantSendOnBehalfTo Mailboxes.Permissions",
	"Get-Recipient": "Mailboxes.Calendars Mailboxes.GrantSendOnBehalfTo Mailboxes.Permissions Mailboxes.SendAs",
}

func TestStep(t *testing.T) {
	t.Parallel()
	steptest.Run(t, steptest.Subject{
		Name: offboarding.StepAccess, New: newStep, Person: emily,
		Prepare: func(t *testing.T, h *steptest.Harness, c *offboarding.Case) {
			hideMembers(h, simtenant.GroupProject)
			takePrivileges(t, h, c)
		},
		Hidden: func(h *steptest.Harness, id string) bool { return len(left(h, id)) > 0 },
		Check: func(t *testing.T, h *steptest.Harness, id string) {
			if still := left(h, id); len(still) > 0 {
				t.Errorf("left: %v", still)
			}
			if project, _ := h.Tenant.GroupByName(simtenant.GroupProject); !slices.Contains(project.Owners, simtenant.UserID(alex)) {
				t.Errorf("the owners of the project are %v", project.Owners)
			}
			if len(h.Tenant.Licences(id)) != 2 {
				t.Errorf("the licences are %v", h.Tenant.Licences(id))
			}
			if others, _ := h.Tenant.GroupByName(simtenant.GroupMarketing); !slices.Contains(others.Members, simtenant.UserID(adele)) {
				t.Error("somebody else left a group")
			}
		},
		Refusals: []string{
			"DELETE /groups/{id}/members/{member}/$ref", "DELETE /groups/{id}/owners/{member}/$ref", "POST /groups/{id}/owners/$ref",
			"DELETE /oauth2PermissionGrants/{id}",
			"POST /admin/teams/telephoneNumberManagement/numberAssignments/unassignNumber",
			"Remove-DistributionGroupMember", "Remove-MailboxPermission", "Remove-RecipientPermission", "Set-Mailbox", "Remove-MailboxFolderPermission",
		},
		Lagging: true,
		Stops:   accessStops, UndoStops: accessStops,
	})
}

func TestB11WhatOnlyAPersonCanLeave(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	id, synced := simtenant.UserID(emily), true
	dynamic, personal, onPremises := simtenant.GroupID("dynamic"), simtenant.GroupID("personal"), simtenant.GroupID(simtenant.GroupOnPremFileShare)
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Groups[dynamic] = &simtenant.Group{ID: dynamic, DisplayName: "Head Office", SecurityEnabled: true, MembershipRule: "(user.city -eq \"Bonn\")", Members: []string{id}}
		w.Groups[personal] = &simtenant.Group{ID: personal, DisplayName: "Emily's gang", SecurityEnabled: true, OnPremisesSyncEnabled: &synced, Members: []string{id}}
		w.Groups[onPremises].Members = append(w.Groups[onPremises].Members, id)
	})
	c := h.Open(t, emily, offboarding.Options{}, offboarding.DefaultPolicy())
	takePrivileges(t, h, c)
	w := h.Worker(offboarding.StepAccess, newStep(h))
	record := h.Settle(t, c.ID, w)
	for _, want := range []string{`"Head Office" (` + dynamic + ")", personal, onPremises, "membership rule", "on-premises Active Directory"} {
		if record.State != offboarding.StateManual || !strings.Contains(record.Reason, want) {
			t.Errorf("%s without %s: %s", record.State, want, record.Reason)
		}
	}
	if strings.Contains(record.Reason+record.Evidence["tasks"], "Emily") {
		t.Errorf("the task names the leaver: %s", record.Reason)
	}
	if still := left(h, id); len(still) != 3 {
		t.Errorf("not everything else is done: %v", still)
	}
	h.Tenant.Edit(func(w *simtenant.World) {
		delete(w.Groups, dynamic)
		delete(w.Groups, personal)
		delete(w.Groups, onPremises)
	})
	if _, err := h.Ledger.Replay(t.Context(), c.ID, offboarding.StepAccess); err != nil {
		t.Fatal(err)
	}
	if record := h.Settle(t, c.ID, w); record.State != offboarding.StateEffective {
		t.Errorf("after the person acted: %s: %s; want effective", record.State, record.Reason)
	}
}

// TestTheBeforeHoldsEverything compares what was taken away with what was kept.
func TestTheBeforeHoldsEverything(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	record := settle(t, h, emily)
	kinds := map[string]int{}
	for name := range record.Before {
		kind, _, _ := strings.Cut(name, " ")
		kinds[kind]++
	}
	want := map[string]int{
		"member": 5, "owner": 1, "consent": 2, "number": 1,
		"fullAccess": 1, "sendAs": 1, "sendOnBehalf": 1, "calendar": 1,
	}
	for kind, n := range want {
		if kinds[kind] != n {
			t.Errorf("%s: %d, wanted %d", kind, kinds[kind], n)
		}
	}
	if len(kinds) != len(want) {
		t.Errorf("kept: %v", kinds)
	}
	c, err := h.Ledger.Latest(t.Context(), simtenant.UserID(emily))
	if err != nil {
		t.Fatal(err)
	}
	personal, err := h.Ledger.Personal(t.Context(), c.ID)
	if err != nil || personal["access-number 1"] != "callingPlan +49301234567" {
		t.Errorf("the number was kept as %v, %v", personal, err)
	}
}

func TestTelephoneNumbersAreReleasedLater(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) { w.NumberDelay = 10 * time.Minute })
	c := h.Open(t, emily, offboarding.Options{}, offboarding.DefaultPolicy())
	takePrivileges(t, h, c)
	w := h.Worker(offboarding.StepAccess, newStep(h))
	record, _ := h.Step(t, c.ID, w)
	if record.State != offboarding.StateWaiting || !strings.Contains(record.Reason, "Teams still shows") || strings.Contains(record.Reason, "+49") {
		t.Errorf("%s: %s; want waiting saying \"Teams still shows\"", record.State, record.Reason)
	}
	if record := h.Settle(t, c.ID, w); record.State != offboarding.StateEffective || h.Now().Sub(c.OpenedAt) < 10*time.Minute {
		t.Errorf("%s after %s: %s; want effective", record.State, h.Now().Sub(c.OpenedAt), record.Reason)
	}
}

// TestCallQueuesAreARiskOfWhoHasTeamsPhone: Graph does not show who is an agent by name.
func TestCallQueuesAreARiskOfWhoHasTeamsPhone(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, who string
		number    bool
		risk      bool
	}{
		{name: "by a licence", who: "lee.gu@contoso.com", risk: true},
		{name: "by a number", who: adele, number: true, risk: true},
		{name: "without", who: adele},
	} {
		h := steptest.New(t)
		h.Tenant.Edit(func(w *simtenant.World) {
			if tt.number {
				w.Users[simtenant.UserID(tt.who)].Numbers = []simtenant.TelephoneNumber{{Number: "+49301234567", Type: "directRouting"}}
			}
		})
		record := settle(t, h, tt.who)
		if risk := record.Evidence[offboarding.ResidualRisk]; record.State != offboarding.StateEffective || strings.Contains(risk, "call queue") != tt.risk {
			t.Errorf("%s: %s, %q", tt.name, record.State, risk)
		}
	}
}

// TestManyGroupsTakeFewRoundTrips leaves 30 groups, of which Graph throttles some.
func TestManyGroupsTakeFewRoundTrips(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	id := simtenant.UserID(adele)
	h.Tenant.Edit(func(w *simtenant.World) {
		for i := range 30 {
			g := simtenant.GroupID(strings.Repeat("x", i+1))
			w.Groups[g] = &simtenant.Group{ID: g, DisplayName: g, SecurityEnabled: true, Members: []string{id}}
		}
		w.Faults = append(w.Faults, simtenant.Fault{Operation: "DELETE /groups/{id}/members/{member}/$ref", Status: 429, RetryAfter: 9 * time.Second, Times: 5})
	})
	c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	w := h.Worker(offboarding.StepAccess, newStep(h))
	before := h.Tenant.Requests()["POST /$batch"]
	record, _ := h.Step(t, c.ID, w)
	if record.State != offboarding.StateRetrying || record.Due.Sub(h.Now()) < 9*time.Second {
		t.Errorf("%s, due in %s: %s; want retrying", record.State, record.Due.Sub(h.Now()), record.Reason)
	}
	// What was not asked yet when Graph throttled comes later as well.
	if still := left(h, id); len(still) < 5 || len(still) > 16 {
		t.Errorf("%d groups are left: %v", len(still), still)
	}
	if n := h.Tenant.Requests()["POST /$batch"] - before; n > 3 {
		t.Errorf("%d batches", n)
	}
	if record := h.Settle(t, c.ID, w); record.State != offboarding.StateEffective || len(left(h, id)) > 0 {
		t.Errorf("%s: %s; left: %v; want effective", record.State, record.Reason, left(h, id))
	}
}

// TestNothingIsLeftIsSaidOnlyOnceItIsRead: while a read lags behind, memberships show that were left.
func TestNothingIsLeftIsSaidOnlyOnceItIsRead(t *testing.T) {
	t.Parallel()
	const lag = 30 * time.Second
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) { w.ReadLag = lag })
	began := h.Now()
	record := settle(t, h, adele)
	if after := record.EffectiveAt.Sub(began); record.State != offboarding.StateEffective || after < lag {
		t.Errorf("%s after %s: %v; want effective, and not before the %s by which reads lag behind", record.State, after, record.Evidence, lag)
	}
}

func TestNothingToTakeAway(t *testing.T) {
	t.Parallel()
	for _, person := range []string{"pradeep.gupta@contoso.com", "grady.archie@contoso.com", "henrietta.mueller_fabrikam.com#EXT#@contoso.com"} {
		h := steptest.New(t)
		h.Tenant.Edit(func(w *simtenant.World) { w.WithoutPIM = true })
		writes := h.Writes()
		if record := settle(t, h, person); record.State != offboarding.StateEffective || h.Writes() != writes {
			t.Errorf("%s: %s: %s, %d writes; want effective", person, record.State, record.Reason, h.Writes()-writes)
		}
		if still := left(h, simtenant.UserID(person)); len(still) > 0 {
			t.Errorf("%s: %v is left", person, still)
		}
	}
}

// TestAGroupWhoseMembershipIsHiddenIsLeftToo: Microsoft Graph, Member.Read.Hidden.
func TestAGroupWhoseMembershipIsHiddenIsLeftToo(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	id := simtenant.UserID(adele)
	hideMembers(h, simtenant.GroupMarketing)
	record := settle(t, h, adele)
	if g, _ := h.Tenant.GroupByName(simtenant.GroupMarketing); slices.Contains(g.Members, id) {
		t.Errorf("got the leaver in the group still: %s: %s", record.State, record.Reason)
	}
}
