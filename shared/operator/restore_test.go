package operator_test

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"leaver/shared/ledger"
	"leaver/shared/ledger/ledgertest"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
)

// TestARestoredHistoryIsHeldToItsSignatures puts an export back: by somebody who is named, and only what the keys
// that count bear out, unless they take it as it stands; then nobody acts by it.
func TestARestoredHistoryIsHeldToItsSignatures(t *testing.T) {
	now := func() time.Time { return start }
	was := ledger.New(&ledgertest.Memory{}, now, rand.Reader, ledgertest.Proof("tenant"))
	c, err := was.Open(t.Context(), departure(t))
	if err != nil {
		t.Fatal(err)
	}
	var honest ledger.Copy
	if err := was.Export(t.Context(), func(h ledger.Copy) error {
		if h.ID == c.ID {
			honest = h
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	forged := honest
	forged.Entries = []string{strings.Replace(honest.Entries[0], leaver, "22222222-2222-4222-8222-222222222222", 1)}

	for name, tt := range map[string]struct {
		history  ledger.Copy
		by       string
		unproven bool
		key      byte
		want     error
		there    error // of reading the case afterwards
	}{
		"as it was":                   {history: honest, by: "Miriam"},
		"by nobody":                   {history: honest, want: ledger.ErrNobody, there: ledger.ErrNoCase},
		"by a blank":                  {history: honest, by: " ", want: ledger.ErrNobody, there: ledger.ErrNoCase},
		"forged":                      {history: forged, by: "Miriam", want: ledger.ErrUnproven, there: ledger.ErrNoCase},
		"signed by another key":       {history: honest, by: "Miriam", key: 9, want: ledger.ErrUnproven, there: ledger.ErrNoCase},
		"forged, and taken as it is":  {history: forged, by: "Miriam", unproven: true, there: ledger.ErrUnreadable},
		"of another key, taken as is": {history: honest, by: "Miriam", key: 9, unproven: true, there: ledger.ErrUnreadable},
	} {
		t.Run(name, func(t *testing.T) {
			proof := ledgertest.ProofBy("tenant", tt.key)
			proof.Signer = nil // who restores signs nothing
			desk := &operator.Desk{Ledger: ledger.New(&ledgertest.Memory{}, now, rand.Reader, proof), Now: now}
			ask := operator.Restoring{History: tt.history, Unproven: tt.unproven, By: tt.by}
			if err := desk.Restore(t.Context(), ask); !errors.Is(err, tt.want) {
				t.Errorf("restoring: %v, want %v", err, tt.want)
			}
			if err := desk.Restore(t.Context(), ask); !errors.Is(err, tt.want) {
				t.Errorf("once more: %v, want %v", err, tt.want)
			}
			if _, err := desk.Ledger.Case(t.Context(), c.ID); !errors.Is(err, tt.there) {
				t.Errorf("the case: %v, want %v", err, tt.there)
			}
		})
	}
	t.Run("by somebody without the role", func(t *testing.T) {
		l := ledger.New(&ledgertest.Memory{}, now, rand.Reader, ledgertest.Proof("tenant"))
		desk := (&operator.Desk{Ledger: l, Now: now}).As(offboarding.Person{ID: "1", Name: "Lee"}, operator.Read)
		if err := desk.Restore(t.Context(), operator.Restoring{History: honest}); err == nil {
			t.Error("who may only read restores")
		}
	})
}
