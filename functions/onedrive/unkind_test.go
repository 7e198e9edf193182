package onedrive_test

import (
	"strings"
	"testing"
	"time"

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
			c, record := run(t, h, patti, nil)
			says := map[bool]string{true: "locked"}[tt.state == offboarding.StateParked]
			h.Wants(t, record, tt.state, says)
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
}
