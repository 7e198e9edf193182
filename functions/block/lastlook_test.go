package block_test

import (
	"net/http"
	"testing"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/worker/steptest"
)

// TestNobodyIsLockedOutWhoCannotBeLookedAt: whom the policy protects by now is not known while the look is refused, and
// nothing is written until it is.
func TestNobodyIsLockedOutWhoCannotBeLookedAt(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	h.Advance(time.Hour) // it was planned before
	h.Policy.Protected = []string{adele}
	looked := false
	h.OnRequest = func(*http.Request) error {
		if looked {
			return nil
		}
		looked = true
		return http.ErrHandlerTimeout
	}
	w := h.Worker(offboarding.StepBlock, newStep(h))
	writes := h.Writes()
	record, _ := h.Step(t, c.ID, w)
	if !enabled(t, h, c.Leaver) || h.Writes() != writes || record.State != offboarding.StateRetrying {
		t.Fatalf("block is %s (%s), with %d writes; want it retrying, and nothing written", record.State, record.Reason, h.Writes()-writes)
	}
	h.Advance(record.Due.Sub(h.Now()))
	h.Step(t, c.ID, w)
	if !enabled(t, h, c.Leaver) || h.Writes() != writes {
		t.Errorf("whom the policy protects is locked out, with %d writes", h.Writes()-writes)
	}
}
