package export_test

import (
	"crypto/rand"
	"net/http"
	"path/filepath"
	"testing"

	"leaver/functions/access"
	"leaver/functions/block"
	"leaver/functions/export"
	"leaver/functions/licence"
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

// TestAGroupThatLetTheExportInTakesNothingWithIt: see PAIRS.md. Exchange lets the application into the mailboxes of a
// group, which access takes the leaver out of: nothing goes before the export is let in otherwise.
// Source: Exchange PowerShell, New-ApplicationAccessPolicy, PolicyScopeGroupId.
func TestAGroupThatLetTheExportInTakesNothingWithIt(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	fill(h, simtenant.SampleContents(12, 9, 100))
	policy := offboarding.DefaultPolicy()
	exporting(&policy)
	policy.Mailbox, policy.Grace = offboarding.None, 0
	c := h.Open(t, person, offboarding.Options{}, policy)
	directory, mailboxes := h.As("access")
	h.Settle(t, c.ID, h.Worker(offboarding.StepAccess, access.New(directory, mailboxes, h.Ledger, nil)))
	h.Tenant.Edit(func(w *simtenant.World) {
		for _, read := range []string{"mailFolders", "contactFolders", "calendars", "todo/lists"} {
			w.Faults = append(w.Faults, simtenant.Fault{Operation: "GET /users/{id}/" + read, Status: http.StatusForbidden, Code: "ErrorAccessDenied"})
		}
	})
	exports := h.Worker(offboarding.StepExport, newStep(t)(h))
	h.Wants(t, h.Settle(t, c.ID, exports), offboarding.StateParked, "of a group", "Get-ApplicationAccessPolicy", "leaver replay --case "+c.ID+" --step export")
	gate, exchange := h.As("licence")
	record, _ := h.Step(t, c.ID, h.Worker(offboarding.StepLicence, licence.New(gate, exchange)))
	h.Wants(t, record, offboarding.StateWaiting, "export")
	if len(h.Tenant.Licences(c.Leaver)) == 0 {
		t.Error("the licence is gone, and the mailbox with it")
	}
	h.Tenant.Edit(func(w *simtenant.World) { w.Faults = nil })
	if _, err := h.Ledger.Replay(t.Context(), c.ID, offboarding.StepExport); err != nil {
		t.Fatal(err)
	}
	h.Wants(t, h.Settle(t, c.ID, exports), offboarding.StateEffective)
}
