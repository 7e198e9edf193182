package resident_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"leaver/infra/resident"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

// TestTheHostDeletesExportsWhoseTimeIsOver as soon as it runs: from its own folder, and from one that an override
// of the policy names; and its ledger has both.
func TestTheHostDeletesExportsWhoseTimeIsOver(t *testing.T) {
	t.Parallel()
	dir, elsewhere := t.TempDir(), t.TempDir()
	policy := offboarding.DefaultPolicy()
	policy.Overrides = []offboarding.Override{{Department: "Legal", Changes: offboarding.Changes{"exportTo": "file://" + filepath.ToSlash(elsewhere)}}}
	h, _ := opened(t, resident.Options{Dir: dir, Policy: policy})
	cases := map[string]string{filepath.Join(dir, "exports"): "christie.cline@contoso.com", elsewhere: "adele.vance@contoso.com"}
	for storage, person := range cases {
		// A departure that is over; what its plan was does not matter here.
		c, err := h.Ledger.Cancel(t.Context(), ledger.Cancellation{Tenant: h.TenantID, Leaver: simtenant.UserID(person), Request: "req-" + person[:5], EventTime: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		cases[storage] = c.ID
		root := filepath.Join(storage, c.ID)
		if err := os.MkdirAll(root, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"manifest.ndjson": "{}\n", "export.json": `{"case":"` + c.ID + `","manifest":"9f86","keepUntil":"2026-01-01T00:00:00Z"}`} {
			if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- h.Run(ctx) }()
	t.Cleanup(func() { stop(); <-served; _ = h.Close() })
	for storage, id := range cases {
		for {
			c, err := h.Ledger.Case(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			if len(c.DeletedExports) > 0 {
				break
			}
			select {
			case <-time.After(50 * time.Millisecond):
			case <-t.Context().Done():
			}
		}
		if _, err := os.Stat(filepath.Join(storage, id, "manifest.ndjson")); err == nil {
			t.Errorf("the ledger says that the export in %s was deleted, and its file is there", storage)
		}
	}
}
