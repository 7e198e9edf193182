package access_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

const (
	patti = "patti.fernandez@contoso.com" // two people report to her
	lynne = "lynne.robbins@contoso.com"
)

// TestWhatHangsOnTheLeaverIsATask is a table of what would be left without anybody, and cannot be handed
// over: the task names it, and goes when somebody has seen to it.
func TestWhatHangsOnTheLeaverIsATask(t *testing.T) {
	t.Parallel()
	id, other, shared := simtenant.UserID(adele), simtenant.UserID(alex), simtenant.UserID("reception@contoso.com")
	app, principal, list := "4b1d2f0e-1111-4222-8333-444455556666", "4b1d2f0e-1111-4222-8333-444455557777", simtenant.GroupID(simtenant.GroupNews)
	room, security := simtenant.UserID("christie.cline@contoso.com"), simtenant.GroupID(simtenant.GroupMailSecurity)
	const dynamic, rule = "0d1d2f0e-1111-4222-8333-444455556666", "1d1d2f0e-1111-4222-8333-444455556666"
	tests := []struct {
		name, names string // what the task names
		edit, mend  func(*simtenant.World)
	}{
		{
			"people who report to the leaver", simtenant.UserID(lynne),
			func(w *simtenant.World) { w.Users[simtenant.UserID(lynne)].ManagerID = id },
			func(w *simtenant.World) { w.Users[simtenant.UserID(lynne)].ManagerID = other },
		},
		{
			"an application", app,
			func(w *simtenant.World) {
				w.Registrations[app] = &simtenant.Registration{ID: app, AppID: "a1", DisplayName: "Payroll", Owners: []string{id}}
				w.Registrations[principal] = &simtenant.Registration{ID: principal, AppID: "a1", DisplayName: "Payroll", Service: true, Owners: []string{id, other}}
			},
			func(w *simtenant.World) { w.Registrations[app].Owners = []string{id, other} },
		},
		{
			"a distribution list, which Graph does not show", list,
			func(w *simtenant.World) { w.Groups[list].Owners, w.Users[id].ManagerID = []string{id}, "" },
			func(w *simtenant.World) { w.Groups[list].Owners = []string{other} },
		},
		{
			"the mail to a distribution list, which waits for the leaver alone", simtenant.GroupNews,
			func(w *simtenant.World) {
				w.Groups[list].ModerationEnabled, w.Groups[list].ModeratedBy = true, []string{id, simtenant.UserID("gone@contoso.com")}
			},
			func(w *simtenant.World) { w.Groups[list].ModeratedBy = []string{id, other} },
		},
		{
			"the mail to a room, which waits for the leaver alone", "nobody who stays approves the mail to a mailbox",
			func(w *simtenant.World) {
				w.Mailboxes[room].Type, w.Mailboxes[room].ModerationEnabled, w.Mailboxes[room].ModeratedBy = "RoomMailbox", true, []string{id}
			},
			func(w *simtenant.World) { w.Mailboxes[room].ModerationEnabled = false },
		},
		{
			"the mail to a dynamic distribution group, which waits for the leaver alone", dynamic,
			func(w *simtenant.World) {
				w.Organization.DynamicGroups = []simtenant.DynamicDistributionGroup{{GUID: dynamic, DisplayName: "All staff", ManagedBy: other, ModerationEnabled: true, ModeratedBy: []string{id}}}
			},
			func(w *simtenant.World) { w.Organization.DynamicGroups[0].ModeratedBy = []string{other} },
		},
		{
			"a dynamic distribution group", dynamic,
			func(w *simtenant.World) {
				w.Organization.DynamicGroups = []simtenant.DynamicDistributionGroup{{GUID: dynamic, DisplayName: "All staff", ManagedBy: id}}
			},
			func(w *simtenant.World) { w.Organization.DynamicGroups[0].ManagedBy = other },
		},
		{
			"a mail flow rule that sends mail to the leaver", `"Invoices" (` + rule + ") names the leaver (AddToRecipients, SentTo)",
			func(w *simtenant.World) {
				w.Organization.TransportRules = []simtenant.TransportRule{
					{GUID: rule, Name: "Invoices", Names: map[string][]string{"SentTo": {"A.Vance@contoso.com"}, "AddToRecipients": {alex, adele}, "From": {alex}}},
					{GUID: dynamic, Name: "Old", Disabled: true, Names: map[string][]string{"From": {adele}}},
				}
			},
			func(w *simtenant.World) { w.Organization.TransportRules[0].Names = map[string][]string{"From": {alex}} },
		},
		{
			"the shared mailbox of an earlier leaver", shared,
			func(w *simtenant.World) {
				w.Mailboxes[shared].Permissions = []simtenant.MailboxPermission{{User: id, Rights: []string{"FullAccess"}}}
			},
			func(w *simtenant.World) {
				w.Mailboxes[shared].Permissions = []simtenant.MailboxPermission{{User: other, Rights: []string{"FullAccess"}}}
			},
		},
		{
			"a shared mailbox that a group opens in which nobody else is", "Get-Mailbox " + shared,
			func(w *simtenant.World) {
				w.Groups[security].Members = []string{id}
				w.Mailboxes[shared].Permissions = []simtenant.MailboxPermission{{User: id, Rights: []string{"FullAccess"}}, {User: security, Rights: []string{"FullAccess"}}}
			},
			func(w *simtenant.World) { w.Groups[security].Members = []string{other} },
		},
		{
			"mail that is forwarded to the leaver", shared,
			func(w *simtenant.World) { w.Mailboxes[shared].ForwardingAddress = id },
			func(w *simtenant.World) { w.Mailboxes[shared].ForwardingAddress = other },
		},
		{
			"mail that is forwarded to an address of the leaver", shared,
			func(w *simtenant.World) { w.Mailboxes[shared].ForwardingSMTPAddress = "smtp:a.vance@contoso.com" },
			func(w *simtenant.World) { w.Mailboxes[shared].ForwardingSMTPAddress = "smtp:" + alex },
		},
		{
			"a room whose bookings the leaver approves", room,
			func(w *simtenant.World) {
				w.Mailboxes[room].Type, w.Mailboxes[room].ResourceDelegates, w.Users[id].ManagerID = "RoomMailbox", []string{id}, ""
			},
			func(w *simtenant.World) { w.Mailboxes[room].ResourceDelegates = []string{other} },
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			h.Tenant.Edit(tt.edit)
			was := hanging(h, id)
			c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
			takePrivileges(t, h, c)
			w := h.Worker(offboarding.StepAccess, newStep(h))
			record := h.Settle(t, c.ID, w)
			h.Wants(t, record, offboarding.StateManual, tt.names)
			if !record.Observed {
				t.Error("other steps wait for it")
			}
			if still := left(h, id); slices.ContainsFunc(still, func(s string) bool { return strings.HasPrefix(s, "member") || s == "full access" }) {
				t.Errorf("got %v left, want the rest done", still)
			}
			if is := hanging(h, id); !slices.Equal(was, is) {
				t.Errorf("on the leaver hang %v, and hung %v: the task is a person's", is, was)
			}
			h.Tenant.Edit(tt.mend)
			if _, err := h.Ledger.Replay(t.Context(), c.ID, offboarding.StepAccess); err != nil {
				t.Fatal(err)
			}
			h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateEffective)
		})
	}
}

// TestAnotherLeaverSeesToNothing: who can open the mailbox leaves as well.
func TestAnotherLeaverSeesToNothing(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	shared := simtenant.UserID("reception@contoso.com")
	const app = "4b1d2f0e-1111-4222-8333-444455556666"
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Registrations[app] = &simtenant.Registration{ID: app, AppID: "a1", DisplayName: "Payroll", Owners: []string{simtenant.UserID(adele), simtenant.UserID(lynne)}}
		var have []simtenant.MailboxPermission
		for _, who := range []string{adele, lynne} {
			have = append(have, simtenant.MailboxPermission{User: simtenant.UserID(who), Rights: []string{"FullAccess"}})
		}
		w.Mailboxes[shared].Permissions = have
	})
	h.Open(t, lynne, offboarding.Options{}, offboarding.DefaultPolicy())
	record := settle(t, h, adele)
	h.Wants(t, record, offboarding.StateManual, shared, offboarding.PortalWorldwide.App("a1"))
	h.Tenant.Edit(func(w *simtenant.World) {
		if owners := w.Registrations[app].Owners; !slices.Equal(owners, []string{simtenant.UserID(adele), simtenant.UserID(lynne)}) {
			t.Errorf("the application's owners are %v, want both still: nobody else has it", owners)
		}
		if open := w.Mailboxes[shared].Permissions; len(open) != 1 || open[0].User != simtenant.UserID(lynne) {
			t.Errorf("the mailbox is open to %+v, want the other leaver's right as it was", open)
		}
	})
}

// TestAListIsNotLeftWithoutAnybodyWhoGetsItsMail: essential.exchange, Black Hole Distribution Groups: mail to an
// empty list is gone, and no sender hears of it.
func TestAListIsNotLeftWithoutAnybodyWhoGetsItsMail(t *testing.T) {
	t.Parallel()
	id, leaving, heir := simtenant.UserID(adele), simtenant.UserID(lynne), simtenant.UserID(alex)
	list, security, project := simtenant.GroupID(simtenant.GroupNews), simtenant.GroupID(simtenant.GroupMailSecurity), simtenant.GroupID(simtenant.GroupProject)
	many := []string{leaving}
	for i := range 100 {
		many = append(many, simtenant.UserID(fmt.Sprintf("member%d@contoso.com", i)))
	}
	for name, tt := range map[string]struct {
		group  string
		others []string
		fault  []simtenant.Fault
		state  offboarding.StepState
		stays  bool
	}{
		"nobody else":                      {group: list, state: offboarding.StateManual, stays: true},
		"somebody who leaves as well":      {group: list, others: []string{leaving}, state: offboarding.StateManual, stays: true},
		"somebody who stays":               {group: list, others: []string{leaving, heir}, state: offboarding.StateEffective},
		"more than are shown at once":      {group: list, others: many, state: offboarding.StateEffective},
		"a shared mailbox":                 {group: list, others: []string{simtenant.UserID("reception@contoso.com")}, state: offboarding.StateEffective},
		"a group":                          {group: list, others: []string{project}, state: offboarding.StateEffective},
		"nobody else in what gives access": {group: security, state: offboarding.StateManual},
		"others in what gives access":      {group: security, others: []string{heir}, state: offboarding.StateEffective},
		"who else is in what gives access is not told": {group: security, others: []string{heir}, state: offboarding.StateParked,
			fault: []simtenant.Fault{{Operation: "GET /groups/{id}/members", Target: security, Status: 403, Code: "Authorization_RequestDenied"}}},
		"who else is on it is not told": {group: list, others: []string{heir}, state: offboarding.StateParked, stays: true,
			fault: []simtenant.Fault{{Operation: "GET /groups/{id}/members", Target: list, Status: 403, Code: "Authorization_RequestDenied"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			h.Tenant.Edit(func(w *simtenant.World) {
				for _, g := range w.Groups {
					g.Members = slices.DeleteFunc(g.Members, func(m string) bool { return m == id })
				}
				w.Groups[tt.group].Members = append([]string{id}, tt.others...)
				for _, other := range tt.others {
					if w.Users[other] == nil && w.Groups[other] == nil {
						w.Users[other] = &simtenant.User{ID: other, UserPrincipalName: other + "@contoso.com", AccountEnabled: true}
					}
				}
				w.Faults = tt.fault
			})
			h.Open(t, lynne, offboarding.Options{}, offboarding.DefaultPolicy())
			c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
			takePrivileges(t, h, c)
			w := h.Worker(offboarding.StepAccess, newStep(h))
			on := func() bool {
				g, _ := h.Tenant.Group(tt.group)
				return slices.Contains(g.Members, id)
			}
			says := map[bool]string{true: tt.group}[tt.state != offboarding.StateEffective]
			h.Wants(t, h.Settle(t, c.ID, w), tt.state, says)
			if on() != tt.stays {
				t.Errorf("the leaver is on the list: %t, want %t", on(), tt.stays)
			}
			if tt.state != offboarding.StateManual {
				return
			}
			h.Tenant.Edit(func(w *simtenant.World) { w.Groups[tt.group].Members = append(w.Groups[tt.group].Members, heir) })
			if _, err := h.Ledger.Replay(t.Context(), c.ID, offboarding.StepAccess); err != nil {
				t.Fatal(err)
			}
			h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateEffective)
			if on() {
				t.Error("the leaver is on the list still, and somebody else is on it by now")
			}
		})
	}
}

// TestFlowsThatStopWithTheirOwnerAreARisk: microsoft/coe-starter-kit#731. And what else goes with the account that
// Graph shows no application.
func TestFlowsThatStopWithTheirOwnerAreARisk(t *testing.T) {
	t.Parallel()
	for plan, named := range map[string]string{
		"FLOW_O365_P2":          "Power Automate",
		"POWERAPPS_O365_P2":     "Power Apps",
		"FORMS_PLAN_E3":         "Microsoft Forms",
		"BI_AZURE_P2":           "Power BI",
		"CPC_E_2C_4GB_64GB":     "Cloud PC",
		"PROJECTWORKMANAGEMENT": "Planner",
		"MICROSOFT_LOOP":        "Loop",
		"TEAMS1":                "",
	} {
		t.Run(plan, func(t *testing.T) {
			t.Parallel()
			unseenRisk(t, plan, named)
		})
	}
}

// unseenRisk lets somebody leave whose licence brings a plan, and wants what it brings named alone.
func unseenRisk(t *testing.T, plan, named string) {
	t.Helper()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) {
		for _, s := range w.SKUs {
			s.Plans = append(s.Plans, simtenant.ServicePlan{ID: "76846ad7-7776-4c40-a281-a386362dd1b9", Name: plan})
		}
	})
	licences := h.Tenant.Licences(simtenant.UserID(adele))
	record := settle(t, h, adele)
	h.Wants(t, record, offboarding.StateEffective)
	if still := left(h, simtenant.UserID(adele)); len(still) > 0 {
		t.Errorf("got %v left", still)
	}
	if got := h.Tenant.Licences(simtenant.UserID(adele)); !slices.Equal(got, licences) {
		t.Errorf("got the licences %v, want %v, which licence alone takes", got, licences)
	}
	got := record.Evidence[offboarding.ResidualRisk]
	for _, what := range []string{"Power Automate", "Microsoft Forms", "Power BI", "Cloud PC", "Planner", "Loop"} {
		if is, want := strings.Contains(got, what), strings.Contains(named, what) || named == "Power Apps" && what == "Power Automate"; is != want {
			t.Errorf("got the residual risk %q; names %s: %t, want %t", got, what, is, want)
		}
	}
}

// TestANationalCloudCostsOnlyWhatItLacks: in 21Vianet and US Gov.
func TestANationalCloudCostsOnlyWhatItLacks(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) { w.Cloud = "usgov" })
	record := settle(t, h, emily)
	h.Wants(t, record, offboarding.StateManual, "Teams admin center", offboarding.PortalWorldwide.TelephoneNumbers())
	if still := left(h, simtenant.UserID(emily)); !slices.Equal(still, []string{"telephone number"}) {
		t.Errorf("got %v left, want the number alone", still)
	}
}

// hanging is what others have by the leaver: people, applications, lists, mail and rooms.
func hanging(h *steptest.Harness, id string) []string {
	var found []string
	h.Tenant.Edit(func(w *simtenant.World) {
		for who, u := range w.Users {
			if u.ManagerID == id {
				found = append(found, "reports: "+who)
			}
		}
		for app, r := range w.Registrations {
			if slices.Contains(r.Owners, id) && !r.Service {
				found = append(found, "application: "+app)
			}
		}
		for at, m := range w.Mailboxes {
			if m.ForwardingAddress == id || m.ForwardingSMTPAddress == "smtp:a.vance@contoso.com" {
				found = append(found, "mail of "+at)
			}
			if slices.Contains(m.ResourceDelegates, id) {
				found = append(found, "bookings of "+at)
			}
		}
		if slices.Contains(w.Groups[simtenant.GroupID(simtenant.GroupNews)].Owners, id) {
			found = append(found, "list")
		}
	})
	slices.Sort(found)
	return found
}
