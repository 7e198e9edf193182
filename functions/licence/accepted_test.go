package licence_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// TestAPersonAcceptsALicenceThatStays: a licence that is always refused, and one that a group gives
// together with another, are accepted by skuId or by part number; the rest goes, and the step ends.
func TestAPersonAcceptsALicenceThatStays(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	sku := map[string]string{}
	id, group := simtenant.UserID("adele.vance@contoso.com"), simtenant.GroupID(simtenant.GroupLicenceE3)
	h.Tenant.Edit(func(w *simtenant.World) {
		for _, s := range w.SKUs {
			sku[s.PartNumber] = s.ID
		}
		w.Users[id].Licences = []simtenant.Licence{{SKU: sku[simtenant.SKUEMS]}, {SKU: sku[simtenant.SKUPowerBI]}}
		w.Groups[group].Licences = []string{sku["SPE_E3"], sku["ENTERPRISEPACK"]}
		if !slices.Contains(w.Groups[group].Members, id) {
			w.Groups[group].Members = append(w.Groups[group].Members, id)
		}
	})
	fromGroup, _ := h.Tenant.Group(group)
	c := h.Open(t, "adele.vance@contoso.com", offboarding.Options{Mailbox: offboarding.None}, mailGivenUp())
	prepare(t, h, c)
	for i, items := range [][]string{{sku[simtenant.SKUEMS]}, {slices.DeleteFunc(partsOf(h, fromGroup.Licences), func(s string) bool { return s == "" })[0]}} {
		if _, err := h.Ledger.SignOff(t.Context(), ledger.SignOff{Case: c.ID, Step: offboarding.StepLicence, By: "Miriam Graham", Note: "it stays", Items: items}); err != nil {
			t.Fatalf("accepting %d: %v", i, err)
		}
	}
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepLicence, newStep(h)))
	h.Wants(t, record, offboarding.StateEffective)
	want := slices.Sorted(slices.Values(append(slices.Clone(fromGroup.Licences), sku[simtenant.SKUEMS])))
	if got := h.Tenant.Licences(id); !slices.Equal(got, want) {
		t.Errorf("got the licences %v, want the accepted ones %v", got, want)
	}
	if got := record.Evidence["staying"]; !strings.Contains(got, "EMS (") || strings.Contains(record.Evidence["seatsFreed"], "EMS") {
		t.Errorf("got the evidence %v, want EMS said to stay, and not to be freed", record.Evidence)
	}
}

// TestWhatAPersonAcceptedStaysWhileNobodyCanTellItsName: which licences are meant is read first.
func TestWhatAPersonAcceptedStaysWhileNobodyCanTellItsName(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, "adele.vance@contoso.com", offboarding.Options{Mailbox: offboarding.None}, mailGivenUp())
	prepare(t, h, c)
	held := h.Tenant.Licences(c.Leaver)
	if _, err := h.Ledger.SignOff(t.Context(), ledger.SignOff{Case: c.ID, Step: offboarding.StepLicence, By: "Miriam Graham", Note: "they stay", Items: partsOf(h, held)}); err != nil {
		t.Fatal(err)
	}
	h.Advance(mailGivenUp().Grace)
	reads := 0
	h.OnRequest = func(r *http.Request) error {
		if strings.HasSuffix(r.URL.Path, "/subscribedSkus") {
			if reads++; reads > 1 { // the first is for what is kept
				return http.ErrHandlerTimeout
			}
		}
		return nil
	}
	w := h.Worker(offboarding.StepLicence, newStep(h))
	record, _ := h.Step(t, c.ID, w)
	if got := h.Tenant.Licences(c.Leaver); reads < 2 || !slices.Equal(got, held) || record.State != offboarding.StateRetrying {
		t.Fatalf("%s after %d looks, with the licences %v; want it retrying with all of %v", record.State, reads, got, held)
	}
	h.OnRequest = nil
	h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateEffective)
	if got := h.Tenant.Licences(c.Leaver); !slices.Equal(got, held) {
		t.Errorf("got the licences %v, want the accepted ones %v", got, held)
	}
}

// partsOf are the part numbers of SKUs.
func partsOf(h *steptest.Harness, skus []string) []string {
	var parts []string
	h.Tenant.Edit(func(w *simtenant.World) {
		for _, s := range w.SKUs {
			if slices.Contains(skus, s.ID) {
				parts = append(parts, s.PartNumber)
			}
		}
	})
	return parts
}
