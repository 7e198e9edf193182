package forward_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"leaver/functions/export"
	"leaver/shared/objectstore"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// TestMeetingsAreExportedBeforeTheyAreCancelled: see PAIRS.md. A cancelled meeting leaves the calendar, and an
// export that reads it afterwards holds none.
func TestMeetingsAreExportedBeforeTheyAreCancelled(t *testing.T) {
	t.Parallel()
	h, c := exporting(t)
	meetings := mailbox(t, h, c.Leaver).Meetings
	forwards := h.Worker(offboarding.StepForward, newStep(h))
	record, _ := h.Step(t, c.ID, forwards)
	h.Wants(t, record, offboarding.StateWaiting, "export")
	if got := len(mailbox(t, h, c.Leaver).Meetings); got != len(meetings) || got == 0 {
		t.Fatalf("got %d of %d meetings before the export has read them", got, len(meetings))
	}

	storage := t.TempDir()
	mailboxes, _ := h.As("export")
	exports := h.Worker(offboarding.StepExport, export.New(mailboxes, objectstore.New(storage, nil)))
	for range 20 {
		if read, _ := h.Step(t, c.ID, exports); read.Progress[offboarding.ExportManifest] != "" {
			break
		}
		h.Advance(time.Second)
	}
	h.Advance(max(record.Due.Sub(h.Now()), 0))
	h.Step(t, c.ID, forwards)
	quietened(t, h, c.Leaver)
	manifest, err := os.ReadFile(filepath.Join(storage, c.ID, "manifest.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range meetings {
		if !strings.Contains(string(manifest), m.ID) {
			t.Errorf("meeting %s is not in the export", m.ID)
		}
	}
}

// TestMeetingsAreNotKeptForAnExportForEver: nobody is to come to an empty room.
func TestMeetingsAreNotKeptForAnExportForEver(t *testing.T) {
	t.Parallel()
	h, c := exporting(t)
	forwards := h.Worker(offboarding.StepForward, newStep(h))
	h.Step(t, c.ID, forwards)
	h.Advance(13 * time.Hour)
	record, _ := h.Step(t, c.ID, forwards)
	quietened(t, h, c.Leaver)
	if !strings.Contains(record.Evidence[offboarding.ResidualRisk], "before export had read them") {
		t.Errorf("got the evidence %v, want it said", record.Evidence)
	}
}

func exporting(t *testing.T) (*steptest.Harness, *offboarding.Case) {
	t.Helper()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Mailboxes[simtenant.UserID(henrik)].Contents = simtenant.SampleContents(3, 1, 100)
	})
	policy := offboarding.DefaultPolicy()
	policy.KeepMail = offboarding.KeepExport
	return h, h.Open(t, henrik, offboarding.Options{}, policy)
}
