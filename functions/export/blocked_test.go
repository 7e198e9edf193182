package export_test

import (
	"crypto/rand"
	"path/filepath"
	"testing"

	"leaver/functions/block"
	"leaver/functions/export"
	"leaver/functions/signout"
	"leaver/shared/objectstore"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// TestWhatBlockClosesKeepsNoExportOut: see PAIRS.md. The account is disabled and every way into the mailbox closed
// before the export has read a message.
func TestWhatBlockClosesKeepsNoExportOut(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	fill(h, simtenant.SampleContents(12, 9, 100))
	policy := offboarding.DefaultPolicy()
	exporting(&policy)
	c := h.Open(t, person, offboarding.Options{}, policy)
	directory, _ := h.As("signout")
	h.Settle(t, c.ID, h.Worker(offboarding.StepSignout, signout.New(directory, rand.Reader)))
	h.Settle(t, c.ID, h.Worker(offboarding.StepBlock, block.New(h.As("block"))))
	if u, _ := h.Tenant.User(c.Leaver); u.AccountEnabled {
		t.Fatal("the account is enabled")
	}
	storage := t.TempDir()
	mailboxes, _ := h.As("export")
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepExport, export.New(mailboxes, objectstore.New(storage, nil))))
	h.Wants(t, record, offboarding.StateEffective)
	if err := compare(h, filepath.Join(storage, c.ID), c.Leaver); err != nil {
		t.Error(err)
	}
}
