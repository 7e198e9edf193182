package onedrive_test

import (
	"strings"
	"testing"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// TestALibraryBesideTheFilesGoesWithTheOneDrive: OneDrive/onedrive-api-docs#878, where somebody made some,
// microsoftgraph/microsoft-graph-docs#18173, which lists them, and alcionai/corso#3335, which keeps none.
func TestALibraryBesideTheFilesGoesWithTheOneDrive(t *testing.T) {
	t.Parallel()
	const lynne = "lynne.robbins@contoso.com"
	notes := []simtenant.DriveItem{{ID: "01NOTE", Name: "Note.txt", Size: 1}}
	for name, tt := range map[string]struct {
		library string
		items   []simtenant.DriveItem
		fault   []simtenant.Fault
		manual  bool
		risk    string
	}{
		"with content":         {library: "Another%20library", items: notes, manual: true},
		"that nobody may read": {library: "Another%20library", fault: []simtenant.Fault{{Operation: "GET /drives/{drive}/root", Target: "b!further", Status: 403, Code: "accessDenied"}}, manual: true},
		"an empty one":         {library: "Another%20library"},
		"of retention":         {library: "PreservationHoldLibrary", items: notes, risk: "Preservation Hold"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			h.Tenant.Edit(func(w *simtenant.World) {
				d := w.Drives[simtenant.UserID(lynne)]
				d.Libraries = []*simtenant.Drive{{ID: "b!further", Owner: d.Owner, Library: tt.library, Items: tt.items}}
				w.Faults = tt.fault
			})
			c, record := run(t, h, lynne, nil)
			copied(t, drive(t, h, lynne), drive(t, h, patti)) // whatever becomes of it
			if tt.manual {
				h.Wants(t, record, offboarding.StateManual, "1 document library", "onedrive --item library.further")
				if _, err := h.Ledger.SignOff(t.Context(), ledger.SignOff{Case: c.ID, Step: offboarding.StepOnedrive, Items: []string{"library.further"}, By: "Miriam Graham", Note: "a list of lunches"}); err != nil {
					t.Fatal(err)
				}
				if _, err := h.Ledger.Replay(t.Context(), c.ID, offboarding.StepOnedrive); err != nil {
					t.Fatal(err)
				}
				record = h.Settle(t, c.ID, h.Worker(offboarding.StepOnedrive, newStep(h)))
			}
			h.Wants(t, record, offboarding.StateEffective)
			if risk := record.Evidence[offboarding.ResidualRisk]; !strings.Contains(risk, tt.risk) {
				t.Errorf("got the residual risk %q, want %q in it", risk, tt.risk)
			}
			if l := drive(t, h, lynne).Libraries[0]; len(l.Items) != len(tt.items) {
				t.Errorf("the library holds %d items, held %d", len(l.Items), len(tt.items))
			}
		})
	}
}

// TestLinksOfALibraryThatIsGivenUpAreToldOf: the files of the OneDrive lose theirs at once, whatever the policy keeps.
func TestLinksOfALibraryThatIsGivenUpAreToldOf(t *testing.T) {
	t.Parallel()
	const lynne = "lynne.robbins@contoso.com"
	notes := []simtenant.DriveItem{{ID: "01NOTE", Name: "Note.txt", Size: 1}}
	for name, tt := range map[string]struct {
		library string
		items   []simtenant.DriveItem
		fault   []simtenant.Fault
		risk    string
	}{
		"with content": {library: "Another%20library", items: notes, risk: "1 document library, whose sharing links stay on until the deletion: library.further"},
		"an empty one": {library: "Another%20library"},
		"of retention": {library: "PreservationHoldLibrary", items: notes},
		"not listed":   {library: "Another%20library", items: notes, fault: []simtenant.Fault{{Operation: "GET /users/{id}/drives", Status: 403, Code: "accessDenied"}}, risk: "refused to list"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			h.Tenant.Edit(func(w *simtenant.World) {
				d := w.Drives[simtenant.UserID(lynne)]
				d.Libraries = []*simtenant.Drive{{ID: "b!further", Owner: d.Owner, Library: tt.library, Items: tt.items}}
				w.Faults = tt.fault
			})
			_, record := run(t, h, lynne, func(p *offboarding.Policy) { p.KeepFiles = offboarding.KeepNone })
			h.Wants(t, record, offboarding.StateEffective)
			if risk := record.Evidence[offboarding.ResidualRisk]; !strings.Contains(risk, tt.risk) || tt.risk == "" && risk != "" {
				t.Errorf("got the residual risk %q, want %q", risk, tt.risk)
			}
		})
	}
}
