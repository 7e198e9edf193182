package access_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// TestAGroupThatIsRestoredIsLeftAgain: deleted groups come back with their members (Microsoft Entra,
// What's new, March 2026).
func TestAGroupThatIsRestoredIsLeftAgain(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	id, group, never := simtenant.UserID(adele), simtenant.GroupID("Project Osprey"), simtenant.GroupID("Old Gang")
	h.Tenant.Edit(func(w *simtenant.World) {
		for _, g := range []string{group, never} {
			w.DeletedGroups[g] = &simtenant.Group{ID: g, DisplayName: g, SecurityEnabled: true, Members: []string{id, simtenant.UserID(lynne)}, DeletedAt: h.Now().Add(-time.Hour)}
		}
	})
	c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	takePrivileges(t, h, c)
	w := h.Worker(offboarding.StepAccess, newStep(h))
	record, _ := h.Step(t, c.ID, w)
	for range 20 { // until all that has a lag of its own is done
		if strings.Contains(record.Reason, "come back with the members") {
			break
		}
		h.Advance(record.Due.Sub(h.Now()))
		record, _ = h.Step(t, c.ID, w)
	}
	h.Wants(t, record, offboarding.StateWaiting, "2 groups had been deleted")
	if !record.Observed {
		t.Error("the gates wait for it")
	}
	h.Tenant.Edit(func(w *simtenant.World) { // somebody restores one
		w.Groups[group] = w.DeletedGroups[group]
		w.Groups[group].DeletedAt = time.Time{}
		delete(w.DeletedGroups, group)
	})
	record = h.Settle(t, c.ID, w)
	h.Wants(t, record, offboarding.StateEffective)
	if g, _ := h.Tenant.Group(group); !slices.Equal(g.Members, []string{simtenant.UserID(lynne)}) {
		t.Errorf("got the members %v, want the leaver out again", g.Members)
	}
	if risk := record.Evidence[offboarding.ResidualRisk]; !strings.Contains(risk, never) {
		t.Errorf("got the residual risk %q, want the group that can still be restored", risk)
	}
}

// TestAGroupDeletedLaterIsNotAwaited: the leaver had left it.
func TestAGroupDeletedLaterIsNotAwaited(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) {
		w.DeletedGroups["7d8b2b57-8e2c-4a52-9a6f-2c63f0f5b0aa"] = &simtenant.Group{ID: "7d8b2b57-8e2c-4a52-9a6f-2c63f0f5b0aa", DisplayName: "Later", SecurityEnabled: true, DeletedAt: h.Now().Add(time.Hour)}
	})
	h.Wants(t, settle(t, h, adele), offboarding.StateEffective)
}
