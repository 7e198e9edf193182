package access_test

import (
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
	room := simtenant.UserID("christie.cline@contoso.com")
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
			"the shared mailbox of an earlier leaver", shared,
			func(w *simtenant.World) {
				w.Mailboxes[shared].Permissions = []simtenant.MailboxPermission{{User: id, Rights: []string{"FullAccess"}}}
			},
			func(w *simtenant.World) {
				w.Mailboxes[shared].Permissions = []simtenant.MailboxPermission{{User: other, Rights: []string{"FullAccess"}}}
			},
		},
		{
			"mail that is forwarded to the leaver", shared,
			func(w *simtenant.World) { w.Mailboxes[shared].ForwardingAddress = id },
			func(w *simtenant.World) { w.Mailboxes[shared].ForwardingAddress = other },
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

// TestFlowsThatStopWithTheirOwnerAreARisk: microsoft/coe-starter-kit#731.
func TestFlowsThatStopWithTheirOwnerAreARisk(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) {
		for _, s := range w.SKUs {
			s.Plans = append(s.Plans, simtenant.ServicePlan{ID: "76846ad7-7776-4c40-a281-a386362dd1b9", Name: "FLOW_O365_P2"})
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
	if got := record.Evidence[offboarding.ResidualRisk]; !strings.Contains(got, "Power Automate") {
		t.Errorf("got the residual risk %q, want the flows named", got)
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
			if m.ForwardingAddress == id {
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
