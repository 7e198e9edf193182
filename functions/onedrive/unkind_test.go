package onedrive_test

import (
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// TestWhatACopySaysIsNotBelieved: the listing of the copy decides. OneDrive/onedrive-api-docs#63 and #545
// (the monitor is lost), rclone/rclone#10 (files of no bytes), microsoft-graph-docs-contrib#2265 (completed,
// and the files are elsewhere), onedrive-api-docs PR 1199 (a locked site).
func TestWhatACopySaysIsNotBelieved(t *testing.T) {
	t.Parallel()
	const patti = "patti.fernandez@contoso.com"
	id := simtenant.UserID(patti)
	for name, tt := range map[string]struct {
		edit  func(*simtenant.World)
		state offboarding.StepState
	}{
		"a monitor that is lost": {func(w *simtenant.World) { w.MonitorsVanish, w.CopyDelay = true, time.Minute }, offboarding.StateEffective},
		"files of no bytes": {func(w *simtenant.World) {
			for i := range w.Drives[id].Items {
				w.Drives[id].Items[i].Size = 0
			}
		}, offboarding.StateEffective},
		"a site that is locked": {func(w *simtenant.World) { w.Drives[id].Locked = true }, offboarding.StateParked},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			h.Tenant.Edit(tt.edit)
			was := tree(t, drive(t, h, patti), "", "")
			c, record := run(t, h, patti, nil)
			says := map[bool]string{true: "locked"}[tt.state == offboarding.StateParked]
			h.Wants(t, record, tt.state, says)
			if is := tree(t, drive(t, h, patti), "", ""); !maps.Equal(was, is) {
				t.Errorf("the leaver's drive holds %v, held %v", is, was)
			}
			if tt.state != offboarding.StateEffective {
				return
			}
			from, _ := h.Tenant.Drive(c.Leaver)
			to, _ := h.Tenant.Drive(simtenant.UserID(manager))
			copied(t, from, to)
		})
	}
}

// TestFilesThatWereCopiedElsewhereAreNotKept: a copy says that it is done, and its folder is empty.
func TestFilesThatWereCopiedElsewhereAreNotKept(t *testing.T) {
	t.Parallel()
	const patti = "patti.fernandez@contoso.com"
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) { w.CopyDelay = 10 * time.Second })
	was := tree(t, drive(t, h, patti), "", "")
	c := h.Open(t, patti, offboarding.Options{}, offboarding.DefaultPolicy())
	w := h.Worker(offboarding.StepOnedrive, newStep(h))
	for range 400 {
		record := h.Record(t, c.ID, offboarding.StepOnedrive)
		if record.State.Settled() {
			break
		}
		h.Advance(max(record.Due.Sub(h.Now()), 0))
		h.Tenant.Edit(func(w *simtenant.World) { // somewhere else
			d := w.Drives[simtenant.UserID(manager)]
			for i := range d.Items {
				if !d.Items[i].Folder && d.Items[i].Parent != "" {
					d.Items[i].Parent = ""
				}
			}
		})
		h.Step(t, c.ID, w)
	}
	record := h.Record(t, c.ID, offboarding.StepOnedrive)
	if record.State == offboarding.StateEffective || !record.State.Settled() || !strings.Contains(record.Reason, "cop") {
		t.Errorf("got %s: %s; want a person to be asked", record.State, record.Reason)
	}
	if is := tree(t, drive(t, h, patti), "", ""); !maps.Equal(was, is) {
		t.Errorf("the leaver's drive holds %v, held %v", is, was)
	}
	named := 0
	for _, i := range drive(t, h, patti).Items {
		if !i.Folder && strings.Contains(record.Reason, i.ID) {
			named++
		}
	}
	if named != 10 || !strings.Contains(record.Reason, "items of folder") {
		t.Errorf("the task names %d files, want ten of them, and how many they are: %s", named, record.Reason)
	}
}

// TestWhoCannotBeLetInGetsTheFilesAllTheSame: microsoftgraph/microsoft-graph-docs#8681; KelvinTegelaar/CIPP#1565.
func TestWhoCannotBeLetInGetsTheFilesAllTheSame(t *testing.T) {
	t.Parallel()
	const patti = "patti.fernandez@contoso.com"
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Faults = append(w.Faults, simtenant.Fault{Operation: "POST /drives/{drive}/items/{item}/invite", Status: 403, Code: "accessDenied"})
	})
	c, record := run(t, h, patti, nil)
	h.Wants(t, record, offboarding.StateParked, "inviting user", "OneDrive")
	copied(t, drive(t, h, patti), drive(t, h, manager))
	h.Tenant.Edit(func(w *simtenant.World) { w.Faults = nil })
	if _, err := h.Ledger.Replay(t.Context(), c.ID, offboarding.StepOnedrive); err != nil {
		t.Fatal(err)
	}
	h.Wants(t, h.Settle(t, c.ID, h.Worker(offboarding.StepOnedrive, newStep(h))), offboarding.StateEffective)
	if got := readers(drive(t, h, patti)); len(got) != 1 {
		t.Errorf("the drive can be read by %v, want the manager", got)
	}
}

// TestALinkThatCannotBeRemovedKeepsNoFileFromItsCopy: KelvinTegelaar/CIPP#5959, links that stay active. The others
// go, every file is copied, and a person accepts that this one stays, which gives up no file.
func TestALinkThatCannotBeRemovedKeepsNoFileFromItsCopy(t *testing.T) {
	t.Parallel()
	const patti = "patti.fernandez@contoso.com"
	h := steptest.New(t)
	id := simtenant.UserID(patti)
	var stuck, other string
	h.Tenant.Edit(func(w *simtenant.World) {
		d := w.Drives[id]
		for _, i := range d.Items {
			if i.Folder {
				continue
			}
			stuck, other = other, i.ID
		}
		d.Grants = append(d.Grants,
			simtenant.Grant{ID: "stuck", Item: stuck, Link: "view", Scope: "anonymous", Roles: []string{"read"}},
			simtenant.Grant{ID: "other", Item: other, Link: "view", Scope: "anonymous", Roles: []string{"read"}})
		w.Faults = append(w.Faults, simtenant.Fault{Operation: "DELETE /drives/{drive}/items/{item}/permissions/{permission}", Target: stuck, Status: 403, Code: "accessDenied"})
	})
	drive, _ := h.Tenant.Drive(id)
	others := strconv.Itoa(linksOf(drive) - 1)
	c, record := run(t, h, patti, nil)
	accept := "leaver sign-off " + c.ID + " onedrive --item links." + stuck
	h.Wants(t, record, offboarding.StateParked, accept, "sharing links of 1 item")
	from, _ := h.Tenant.Drive(id)
	to, _ := h.Tenant.Drive(simtenant.UserID(manager))
	copied(t, from, to)
	if linksOf(from) != 1 {
		t.Errorf("%d links are left, want the one that is refused", linksOf(from))
	}
	if _, err := h.Ledger.SignOff(t.Context(), ledger.SignOff{Case: c.ID, Step: offboarding.StepOnedrive, Items: []string{"links." + stuck}, By: "Miriam Graham", Note: "it is public anyway"}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Ledger.Replay(t.Context(), c.ID, offboarding.StepOnedrive); err != nil {
		t.Fatal(err)
	}
	record = h.Settle(t, c.ID, h.Worker(offboarding.StepOnedrive, newStep(h)))
	h.Wants(t, record, offboarding.StateEffective)
	if record.Evidence["accepted"] != "" || !strings.Contains(record.Evidence[offboarding.ResidualRisk], stuck) {
		t.Errorf("got the evidence %v, want no file given up, and the link named as a risk", record.Evidence)
	}
	if got := record.Evidence["linksRemoved"]; got != others {
		t.Errorf("%s links are called removed, want %s: one stays", got, others)
	}
}

// TestAFileThatCannotBeCopiedKeepsNoOtherFromItsCopy: issue 6, kind 6. Files in two folders are refused; everything
// else is copied, and a person is asked once about both.
func TestAFileThatCannotBeCopiedKeepsNoOtherFromItsCopy(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	id := simtenant.UserID(grady)
	var refused []string
	h.Tenant.Edit(func(w *simtenant.World) {
		in := map[string]bool{}
		items := w.Drives[id].Items
		for n := range items {
			switch {
			case items[n].Folder: // as one that is too large
				items[n].CopyRefused = "notSupported"
			case !in[items[n].Parent]:
				in[items[n].Parent] = true
				items[n].CopyRefused = "notSupported"
				refused = append(refused, items[n].ID)
			}
		}
	})
	c, record := run(t, h, grady, nil)
	if len(refused) < 2 {
		t.Fatalf("%d folders have files: the test proves nothing", len(refused))
	}
	h.Wants(t, record, offboarding.StateParked, append(refused, "leaver sign-off "+c.ID+" onedrive --item ")...)
	from, _ := h.Tenant.Drive(id)
	to, _ := h.Tenant.Drive(simtenant.UserID(manager))
	files := func(d simtenant.Drive) (n int) {
		for _, i := range d.Items {
			if !i.Folder {
				n++
			}
		}
		return n
	}
	if had, got := files(from), files(to); got != had-len(refused)+managersFiles(t) {
		t.Errorf("%d files are with the manager, of %d, of which %d are refused", got, had, len(refused))
	}
	accepted := ledger.SignOff{Case: c.ID, Step: offboarding.StepOnedrive, Items: refused, By: "Miriam Graham", Note: "nobody needs them"}
	if _, err := h.Ledger.SignOff(t.Context(), accepted); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Ledger.Replay(t.Context(), c.ID, offboarding.StepOnedrive); err != nil {
		t.Fatal(err)
	}
	h.Wants(t, h.Settle(t, c.ID, h.Worker(offboarding.StepOnedrive, newStep(h))), offboarding.StateEffective)
}

// managersFiles is how many files the manager has before anything is copied.
func managersFiles(t *testing.T) (n int) {
	t.Helper()
	d, _ := steptest.New(t).Tenant.Drive(simtenant.UserID(manager))
	for _, i := range d.Items {
		if !i.Folder {
			n++
		}
	}
	return n
}
