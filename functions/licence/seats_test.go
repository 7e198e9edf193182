package licence_test

import (
	"strings"
	"testing"

	"leaver/functions/delete"
	"leaver/functions/onedrive"
	"leaver/functions/wipe"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// TestS15WhatASeatSavesIsATaskWithFigures: nobody but a person buys fewer seats. The task holds
// up neither the deletion nor, once it is signed off, the end of the case.
func TestS15WhatASeatSavesIsATaskWithFigures(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	policy := mailGivenUp()
	policy.KeepFiles = offboarding.KeepNone
	policy.SeatPrices = map[string]float64{simtenant.SKUOfficeE3: 23, "EMS": 8.5}
	c := h.Open(t, "grady.archie@contoso.com", offboarding.Options{Mailbox: offboarding.None}, policy)
	prepare(t, h, c)
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepLicence, newStep(h)))
	if record.State != offboarding.StateManual || record.EffectiveAt.IsZero() || !strings.Contains(record.Reason, "saves 23.00 a month") || !strings.Contains(record.Reason, simtenant.SKUOfficeE3+": ") {
		t.Fatalf("%s, effective at %s: %s; want manual saying \"saves 23.00 a month\" and saying %q", record.State, record.EffectiveAt, record.Reason, simtenant.SKUOfficeE3+": ")
	}
	if user, _ := h.Tenant.User(c.Leaver); len(user.Licences) > 0 {
		t.Error("the licence is still there")
	}
	h.Settle(t, c.ID, h.Worker(offboarding.StepWipe, wipe.New(h.As("wipe"))))
	files, _ := h.As("onedrive")
	h.Settle(t, c.ID, h.Worker(offboarding.StepOnedrive, onedrive.New(files, h.Ledger)))
	if record := h.Settle(t, c.ID, h.Worker(offboarding.StepDelete, delete.New(h.As("delete")))); record.State != offboarding.StateEffective {
		t.Errorf("delete is %s: %s; want effective", record.State, record.Reason)
	}
	ended, err := h.Ledger.SignOff(t.Context(), ledger.SignOff{Case: c.ID, Step: offboarding.StepLicence, By: "Miriam Graham", Note: "one seat fewer"})
	if err != nil {
		t.Fatal(err)
	}
	if s := ended.Step(offboarding.StepLicence); s.State != offboarding.StateSignedOff || s.EffectiveAt != record.EffectiveAt {
		t.Errorf("%s, effective at %s", s.State, s.EffectiveAt)
	}
}

func TestWithoutPricesTheSeatsAreEvidence(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, "grady.archie@contoso.com", offboarding.Options{Mailbox: offboarding.None}, mailGivenUp())
	prepare(t, h, c)
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepLicence, newStep(h)))
	if says := record.Evidence["seats"]; record.State != offboarding.StateEffective || !strings.Contains(says, simtenant.SKUOfficeE3+": ") || !strings.Contains(says, " bought") {
		t.Errorf("%s: %s; %q; want effective", record.State, record.Reason, says)
	}
}
