package onedrive_test

import (
	"strings"
	"testing"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// TestWhatWasDeletedGoesWithTheDrive: OneDrive/onedrive-api-docs#1212; a drive that was emptied on the last
// day is a person's, what everybody deletes is a residual risk.
func TestWhatWasDeletedGoesWithTheDrive(t *testing.T) {
	t.Parallel()
	const lynne, adele = "lynne.robbins@contoso.com", "adele.vance@contoso.com"
	for name, tt := range map[string]struct {
		person   string
		recycled int64
		manual   bool
	}{
		"an emptied drive":             {adele, 5 << 30, true},
		"more is deleted than is left": {lynne, 5 << 30, true},
		"a little is deleted":          {lynne, 1 << 10, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			h.Tenant.Edit(func(w *simtenant.World) { w.Drives[simtenant.UserID(tt.person)].Recycled = tt.recycled })
			c, record := run(t, h, tt.person, nil)
			if d := drive(t, h, tt.person); d.Recycled != tt.recycled {
				t.Errorf("the recycle bin holds %d, held %d", d.Recycled, tt.recycled)
			}
			if tt.person == lynne {
				copied(t, drive(t, h, lynne), drive(t, h, patti))
			}
			if tt.manual {
				h.Wants(t, record, offboarding.StateManual, "recycle bin", "--item recycleBin")
				if _, err := h.Ledger.SignOff(t.Context(), ledger.SignOff{Case: c.ID, Step: offboarding.StepOnedrive, Items: []string{"recycleBin"}, By: "Miriam Graham", Note: "old drafts"}); err != nil {
					t.Fatal(err)
				}
				if _, err := h.Ledger.Replay(t.Context(), c.ID, offboarding.StepOnedrive); err != nil {
					t.Fatal(err)
				}
				record = h.Settle(t, c.ID, h.Worker(offboarding.StepOnedrive, newStep(h)))
			}
			h.Wants(t, record, offboarding.StateEffective)
			if risk := record.Evidence[offboarding.ResidualRisk]; !strings.Contains(risk, "recycle bin") {
				t.Errorf("got the residual risk %q, want the recycle bin named", risk)
			}
		})
	}
}

// TestCopiesHoldTheCurrentVersionOnly: pnp/cli-microsoft365#4607.
func TestCopiesHoldTheCurrentVersionOnly(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) {
		for n := range w.Drives[simtenant.UserID("lynne.robbins@contoso.com")].Items {
			if i := &w.Drives[simtenant.UserID("lynne.robbins@contoso.com")].Items[n]; !i.Folder {
				i.Versions = 7
			}
		}
	})
	_, record := run(t, h, "lynne.robbins@contoso.com", nil)
	h.Wants(t, record, offboarding.StateEffective)
	copies, _ := h.Tenant.Drive(simtenant.UserID(patti)) // her manager's
	for _, i := range copies.Items {
		if i.Versions == 7 {
			t.Error("a copy has the earlier versions: the risk is none")
		}
	}
	if risk := record.Evidence[offboarding.ResidualRisk]; !strings.Contains(risk, "version") {
		t.Errorf("got the residual risk %q, want the earlier versions named", risk)
	}
}
