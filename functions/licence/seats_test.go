package licence_test

import (
	"strings"
	"testing"

	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// TestS15WhatASeatSavesIsSaidWithFigures: nobody but a person buys fewer seats.
func TestS15WhatASeatSavesIsSaidWithFigures(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		prices map[string]float64
		says   string
	}{
		"with a price":    {map[string]float64{simtenant.SKUOfficeE3: 23, "EMS": 8.5}, "saves"},
		"without a price": {nil, "admin center, Billing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			policy := mailGivenUp()
			policy.SeatPrices = tt.prices
			c := h.Open(t, "grady.archie@contoso.com", offboarding.Options{Mailbox: offboarding.None}, policy)
			prepare(t, h, c)
			record := h.Settle(t, c.ID, h.Worker(offboarding.StepLicence, newStep(h)))
			if says := record.Evidence["seats"]; record.State != offboarding.StateEffective || !strings.Contains(says, simtenant.SKUOfficeE3+": ") || !strings.Contains(says, "bought are used") || !strings.Contains(says, tt.says) {
				t.Errorf("%s: %s; %q", record.State, record.Reason, says)
			}
		})
	}
}
