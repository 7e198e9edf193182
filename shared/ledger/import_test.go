package ledger_test

import (
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"leaver/shared/ledger"
	"leaver/shared/ledger/ledgertest"
	"leaver/shared/offboarding"
)

// TestAnImportedHistoryIsListedAsWhatItHolds: under which label a history is found nobody signs. An export in
// which somebody changed it hides neither an open departure nor a request that waits for a person.
func TestAnImportedHistoryIsListedAsWhatItHolds(t *testing.T) {
	t.Parallel()
	was := onMemory(&ledgertest.Memory{}, ledgertest.Proof("tenant"))
	c, err := was.Open(t.Context(), opening(t, "1", start))
	if err == nil {
		_, err = was.MarkPublished(t.Context(), c.ID, 1)
	}
	parked := ledger.Decision{ID: offboarding.RequestID("test", "2"), Kind: offboarding.Termination, State: ledger.RequestParked, Reason: "nobody"}
	if err == nil {
		err = was.Decide(t.Context(), parked, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, label := range []string{"", "closed", "erased", "planned", "discarded", "brakes", "\x00"} {
		is := onMemory(&ledgertest.Memory{}, ledgertest.Proof("tenant"))
		if err := was.Export(t.Context(), func(h ledger.Copy) error {
			h.Label = label
			return is.Import(t.Context(), h, false)
		}); err != nil {
			t.Fatal(err)
		}
		if open, unreadable, err := is.Cases(t.Context()); err != nil || len(open) != 1 || len(unreadable) > 0 {
			t.Errorf("labelled %q, %d cases are open and %v unreadable, %v; want the one", label, len(open), unreadable, err)
		}
		if waiting, _, err := is.Requests(t.Context(), ledger.RequestParked); err != nil || len(waiting) != 1 {
			t.Errorf("labelled %q, %d requests are parked, %v; want the one", label, len(waiting), err)
		}
	}
}

// TestWhatHasGoneOnSinceAnExportIsLeftAlone imports an export over the ledger that it is of: nothing is taken
// back, and what was erased since stays erased.
func TestWhatHasGoneOnSinceAnExportIsLeftAlone(t *testing.T) {
	t.Parallel()
	store := &ledgertest.Memory{}
	now := start
	l := ledger.New(store, func() time.Time { return now }, rand.Reader, ledgertest.Proof("tenant"))
	o := opening(t, "1", start)
	o.Personal = map[string]string{"userPrincipalName": "adele@contoso.com"}
	c, err := l.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var copies []ledger.Copy
	if err := l.Export(t.Context(), func(h ledger.Copy) error { copies = append(copies, h); return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Cancel(t.Context(), ledger.Cancellation{Tenant: "tenant", Leaver: leaver, Request: "req-2", EventTime: start.Add(time.Second)}); err != nil {
		t.Fatal(err)
	}
	now = now.Add(400 * 24 * time.Hour)
	if _, erased, err := l.Erase(t.Context(), c.ID); err != nil || !erased {
		t.Fatalf("erased: %t, %v", erased, err)
	}
	before := store.Written()
	for _, h := range copies {
		if err := l.Import(t.Context(), h, false); err != nil {
			t.Errorf("importing %s: %v", h.ID, err)
		}
	}
	if n := store.Written(); n != before {
		t.Errorf("%d entries were written", n-before)
	}
	if values, err := l.Personal(t.Context(), c.ID); err != nil || len(values) > 0 {
		t.Errorf("what was erased is back: %v, %v", values, err)
	}
	if heads, err := store.List(t.Context(), "erased"); err != nil || !slices.ContainsFunc(heads, func(h ledger.Head) bool { return h.ID == c.ID }) {
		t.Errorf("erased are %v, %v; want the case", heads, err)
	}
}
