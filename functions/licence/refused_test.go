package licence_test

import (
	"context"
	"slices"
	"testing"

	"leaver/functions/preserve"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// TestOneRefusedLicenceKeepsNoneOfTheOthers: microsoftgraph/microsoft-graph-docs PR 3167, a plan that
// another licence depends on.
func TestOneRefusedLicenceKeepsNoneOfTheOthers(t *testing.T) {
	t.Parallel()
	const isaiah = "isaiah.langer@contoso.com" // E3 by a dynamic group
	h := steptest.New(t)
	sku := map[string]string{}
	h.Tenant.Edit(func(w *simtenant.World) {
		for _, s := range w.SKUs {
			sku[s.PartNumber] = s.ID
			for i := range s.Plans {
				if s.Plans[i].Name == "TEAMS1" {
					s.Plans[i].DependsOn = []string{"AAD_PREMIUM"} // which EMS brings
				}
			}
		}
		u := w.Users[simtenant.UserID(isaiah)]
		u.Licences = []simtenant.Licence{{SKU: sku[simtenant.SKUEMS]}, {SKU: sku[simtenant.SKUPowerBI]}}
	})
	c := h.Open(t, isaiah, offboarding.Options{Mailbox: offboarding.None}, mailGivenUp())
	prepare(t, h, c)
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepLicence, newStep(h)))
	h.Wants(t, record, offboarding.StateParked, "EMS ("+sku[simtenant.SKUEMS]+")", "depends on", "membership rule", "sign-off "+c.ID+" licence --item "+sku[simtenant.SKUEMS], "leaver replay --case "+c.ID+" --step licence", "https://entra.microsoft.com/#view/")
	var held []string
	u, _ := h.Tenant.User(c.Leaver)
	for _, l := range u.Licences {
		held = append(held, l.SKU)
	}
	if !slices.Equal(held, []string{sku[simtenant.SKUEMS]}) {
		t.Errorf("got the direct licences %v, want only the one that was refused", held)
	}
}

// TestB5APolicyOfTheWholeOrganisationHolds: microsoft-365-docs#2853, #4246.
func TestB5APolicyOfTheWholeOrganisationHolds(t *testing.T) {
	t.Parallel()
	const policy = "mbx7cfb30345d454ac0a989ab3041051209"
	for name, tt := range map[string]struct {
		edit  func(*simtenant.World, *simtenant.Mailbox)
		state offboarding.StepState
	}{
		"it holds":        {func(w *simtenant.World, _ *simtenant.Mailbox) { w.Organization.InPlaceHolds = []string{policy + ":2"} }, offboarding.StateWithheld},
		"it only deletes": {func(w *simtenant.World, _ *simtenant.Mailbox) { w.Organization.InPlaceHolds = []string{policy + ":1"} }, offboarding.StateEffective},
		"it leaves this mailbox out": {func(w *simtenant.World, m *simtenant.Mailbox) {
			w.Organization.InPlaceHolds, m.InPlaceHolds = []string{policy + ":2"}, []string{"-" + policy}
		}, offboarding.StateEffective},
		"Exchange refuses to show it": {func(w *simtenant.World, _ *simtenant.Mailbox) {
			w.Faults = append(w.Faults, simtenant.Fault{Operation: "Get-OrganizationConfig", Status: 403})
		}, offboarding.StateEffective},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			c := h.Open(t, "irvin.sayers@contoso.com", offboarding.Options{}, mailGivenUp())
			forwarded(t, h, c)
			h.Tenant.Edit(func(w *simtenant.World) { tt.edit(w, w.Mailboxes[c.Leaver]) })
			record := h.Settle(t, c.ID, h.Worker(offboarding.StepLicence, newStep(h)))
			h.Wants(t, record, tt.state)
			if licensed := len(h.Tenant.Licences(c.Leaver)) > 0; licensed != (tt.state == offboarding.StateWithheld) {
				t.Errorf("got licensed %t", licensed)
			}
			if risk := record.Evidence[offboarding.ResidualRisk]; (risk != "") != (name == "Exchange refuses to show it") {
				t.Errorf("got the residual risk %q", risk)
			}
		})
	}
}

// TestB12DeletedItemsGoWithTheMailbox: the leaver emptied the mailbox on the last day.
func TestB12DeletedItemsGoWithTheMailbox(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, "christie.cline@contoso.com", offboarding.Options{Mailbox: offboarding.None}, offboarding.DefaultPolicy())
	h.Tenant.Edit(func(w *simtenant.World) {
		m := w.Mailboxes[c.Leaver]
		m.ItemCount, m.Size, m.DeletedItemCount, m.DeletedItemSize = 0, 0, 7, 1<<20
	})
	forwarded(t, h, c)
	_, exchange := h.As("preserve")
	h.Settle(t, c.ID, h.Worker(offboarding.StepPreserve, preserve.New(exchange)))
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepLicence, newStep(h)))
	h.Wants(t, record, offboarding.StateWithheld, "7 deleted items")
	if len(h.Tenant.Licences(c.Leaver)) == 0 {
		t.Error("the licence went, and the mailbox with it")
	}
}

// TestAnInheritedLicenceInErrorIsReleasedByItsGroup: microsoft-graph-docs PR 3167, CountViolation.
func TestAnInheritedLicenceInErrorIsReleasedByItsGroup(t *testing.T) {
	t.Parallel()
	const adele = "adele.vance@contoso.com"
	h := steptest.New(t)
	group := simtenant.GroupID(simtenant.GroupLicenceEMS)
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Groups[group].LicenceErrors = map[string]string{simtenant.UserID(adele): "CountViolation"}
	})
	c := h.Open(t, adele, offboarding.Options{Mailbox: offboarding.None}, mailGivenUp())
	prepare(t, h, c)
	h.Wants(t, h.Settle(t, c.ID, h.Worker(offboarding.StepLicence, newStep(h))), offboarding.StateEffective)
	if g, _ := h.Tenant.Group(group); slices.Contains(g.Members, c.Leaver) {
		t.Error("the leaver is in the group still")
	}
}

// TestALicenceThatAMailEnabledSecurityGroupGivesIsReleased: KelvinTegelaar/CIPP#6280. Graph refuses such a
// group's members, and Exchange takes them.
func TestALicenceThatAMailEnabledSecurityGroupGivesIsReleased(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	id, group := simtenant.UserID("adele.vance@contoso.com"), simtenant.GroupID(simtenant.GroupMailSecurity)
	h.Tenant.Edit(func(w *simtenant.World) {
		for _, sku := range w.SKUs {
			if sku.PartNumber == simtenant.SKUOfficeE5 {
				w.Groups[group].Licences = []string{sku.ID}
			}
		}
		w.Groups[group].Members = append(w.Groups[group].Members, id)
	})
	if len(h.Tenant.Licences(id)) < 3 {
		t.Fatalf("got the licences %v, want the group's too", h.Tenant.Licences(id))
	}
	c := h.Open(t, "adele.vance@contoso.com", offboarding.Options{Mailbox: offboarding.None}, mailGivenUp())
	prepare(t, h, c)
	h.Wants(t, h.Settle(t, c.ID, h.Worker(offboarding.StepLicence, newStep(h))), offboarding.StateEffective)
	if left := h.Tenant.Licences(id); len(left) > 0 {
		t.Errorf("licences are left: %v", left)
	}
	if g, _ := h.Tenant.Group(group); slices.Contains(g.Members, id) {
		t.Error("the leaver is still in the group that gives a licence")
	}
}

// TestAMailboxThatNobodyOpenedKeepsNoLicence: Exchange PowerShell, Get-MailboxStatistics; Exchange has none of it.
func TestAMailboxThatNobodyOpenedKeepsNoLicence(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, "christie.cline@contoso.com", offboarding.Options{Mailbox: offboarding.None}, offboarding.DefaultPolicy())
	h.Tenant.Edit(func(w *simtenant.World) {
		m := w.Mailboxes[c.Leaver]
		m.ItemCount, m.Size, m.NeverOpened = 0, 0, true
	})
	forwarded(t, h, c)
	_, exchange := h.As("preserve")
	h.Settle(t, c.ID, h.Worker(offboarding.StepPreserve, preserve.New(exchange)))
	h.Wants(t, h.Settle(t, c.ID, h.Worker(offboarding.StepLicence, newStep(h))), offboarding.StateEffective)
	if left := h.Tenant.Licences(c.Leaver); len(left) > 0 {
		t.Errorf("the licences %v are left, want none: there is nothing to lose", left)
	}
}

// done is a step that has nothing to do.
type done struct{}

func (done) Work(context.Context, *offboarding.Job) error { return nil }

// TestOneRefusedLicenceKeepsNoGroupOnPremises: issue 6, kind 6. The gate is open for the step onpremises, whatever
// becomes of the licences that the cloud gives.
func TestOneRefusedLicenceKeepsNoGroupOnPremises(t *testing.T) {
	t.Parallel()
	const megan = "megan.bowen@contoso.com" // synchronised
	h := steptest.New(t)
	id, synced := simtenant.UserID(megan), true
	policy := mailGivenUp()
	policy.OnPremises = offboarding.OnPremisesByFunction
	c := h.Open(t, megan, offboarding.Options{Mailbox: offboarding.None}, policy)
	h.Tenant.Edit(func(w *simtenant.World) {
		group := w.Groups[simtenant.GroupID(simtenant.GroupLicenceEMS)]
		group.OnPremisesSyncEnabled, group.Members = &synced, append(group.Members, id)
		w.Users[id].AccountEnabled = false
		for _, s := range w.SKUs {
			if s.PartNumber == simtenant.SKUPowerBI {
				w.Users[id].Licences = []simtenant.Licence{{SKU: s.ID}}
			}
		}
		delete(w.Mailboxes, id)
		w.Faults = append(w.Faults, simtenant.Fault{Operation: "POST /users/{id}/assignLicense", Status: 403})
	})
	for _, s := range c.Steps {
		if spec, _ := offboarding.SpecOf(s.Name); !spec.Gate {
			h.Settle(t, c.ID, h.Worker(s.Name, done{}))
		}
	}
	h.Wants(t, h.Settle(t, c.ID, h.Worker(offboarding.StepLicence, newStep(h))), offboarding.StateParked, "stay")
	if held := h.Tenant.Licences(id); len(held) != 2 {
		t.Fatalf("the licences are %v, want the one that is refused and the group's", held)
	}
	c, err := h.Ledger.Case(t.Context(), c.ID)
	if err != nil || c.LicenceOpened().IsZero() {
		t.Errorf("the gate is open for the groups on premises: %t, %v", !c.LicenceOpened().IsZero(), err)
	}
}
