package onedrive_test

import (
	"slices"
	"strings"
	"testing"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// TestAPersonAcceptsAFileThatCanNeverBeVerified: see CASES.md; whatever refuses.
func TestAPersonAcceptsAFileThatCanNeverBeVerified(t *testing.T) {
	t.Parallel()
	const lynne = "lynne.robbins@contoso.com"
	for name, tt := range map[string]struct {
		spoil func(*simtenant.DriveItem)
		state offboarding.StepState // before a person accepts it
	}{
		"SharePoint makes its copy larger": {func(i *simtenant.DriveItem) { i.CopyAdds = 512 }, offboarding.StateManual},
		"its copy is refused":              {func(i *simtenant.DriveItem) { i.CopyRefused = "notSupported" }, offboarding.StateParked},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			var spoiled string
			h.Tenant.Edit(func(w *simtenant.World) {
				d := w.Drives[simtenant.UserID(lynne)]
				for n := range d.Items {
					if !d.Items[n].Folder && spoiled == "" {
						tt.spoil(&d.Items[n])
						spoiled = d.Items[n].ID
					}
				}
			})
			c, record := run(t, h, lynne, nil)
			if !strings.Contains(record.Reason, spoiled) || !strings.Contains(record.Reason, "leaver sign-off "+c.ID+" onedrive --item "+spoiled) || record.State != tt.state {
				t.Fatalf("got %s: %s, want %s and what to type about %s", record.State, record.Reason, tt.state, spoiled)
			}
			accepted := ledger.SignOff{Case: c.ID, Step: offboarding.StepOnedrive, Items: []string{spoiled}, By: "Miriam Graham", Note: "looked at both"}
			for range 2 {
				if _, err := h.Ledger.SignOff(t.Context(), accepted); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := h.Ledger.Replay(t.Context(), c.ID, offboarding.StepOnedrive); err != nil {
				t.Fatal(err)
			}
			record = h.Settle(t, c.ID, h.Worker(offboarding.StepOnedrive, newStep(h)))
			h.Wants(t, record, offboarding.StateEffective)
			if record.Evidence["accepted"] != "1 not copied" || len(record.Accepted) != 1 {
				t.Errorf("got evidence %v, accepted %v, want the one", record.Evidence, record.Accepted)
			}
			latest, err := h.Ledger.Case(t.Context(), c.ID)
			if err != nil {
				t.Fatal(err)
			}
			from, to := drive(t, h, lynne), drive(t, h, patti)
			for _, i := range from.Items {
				same := slices.ContainsFunc(to.Items, func(c simtenant.DriveItem) bool { return c.Name == i.Name && c.Size == i.Size && c.Hash == i.Hash })
				if same == (i.ID == spoiled) {
					t.Errorf("a copy as the file itself of %s is there: %t", i.ID, same)
				}
			}
			if latest.VerifiedDrive().Items == "" {
				t.Error("the gate does not know that the rest was verified")
			}
		})
	}
}

// TestAShortcutIsNoContent: see CASES.md.
func TestAShortcutIsNoContent(t *testing.T) {
	t.Parallel()
	const lynne = "lynne.robbins@contoso.com"
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) {
		d := w.Drives[simtenant.UserID(lynne)]
		d.Items = append(d.Items, simtenant.DriveItem{ID: "01SHORTCUT", Name: "Team site", Remote: true, CopyRefused: "notSupported"})
	})
	_, record := run(t, h, lynne, nil)
	h.Wants(t, record, offboarding.StateEffective)
	from, to := drive(t, h, lynne), drive(t, h, patti)
	if !slices.ContainsFunc(from.Items, func(i simtenant.DriveItem) bool { return i.ID == "01SHORTCUT" }) {
		t.Error("the shortcut is gone from the leaver's drive")
	}
	from.Items = slices.DeleteFunc(from.Items, func(i simtenant.DriveItem) bool { return i.Remote })
	copied(t, from, to)
	if record.Evidence["shortcuts"] != "1 not copied" {
		t.Errorf("got evidence %v, want the shortcut counted", record.Evidence)
	}
}

// TestANotebookIsCopiedAsOne: see CASES.md; what Graph shows as a package is several files and one item.
func TestANotebookIsCopiedAsOne(t *testing.T) {
	t.Parallel()
	const lynne = "lynne.robbins@contoso.com"
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) {
		d := w.Drives[simtenant.UserID(lynne)]
		d.Items = append(d.Items, simtenant.DriveItem{ID: "01NOTEBOOK", Name: "Notes", Package: "oneNote", Size: 4096})
	})
	_, record := run(t, h, lynne, nil)
	h.Wants(t, record, offboarding.StateEffective)
	copied := false
	for _, i := range drive(t, h, "patti.fernandez@contoso.com").Items {
		copied = copied || i.Name == "Notes" && i.Size == 4096
	}
	if !copied {
		t.Error("the notebook is not with the successor")
	}
}
