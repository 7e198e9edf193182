package plan_test

import (
	"strings"
	"testing"

	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// TestB15ThePersonIsFoundByAnAttributeThatTheTenantKeeps, and two names of two people mean nobody.
func TestB15ThePersonIsFoundByAnAttributeThatTheTenantKeeps(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		e       offboarding.Employee
		refused string
	}{
		"by it alone":          {offboarding.Employee{Extension: offboarding.Extension{Number: 5, Value: "4711"}}, ""},
		"together with a mail": {offboarding.Employee{Mail: adele, Extension: offboarding.Extension{Number: 5, Value: "4711"}}, ""},
		"another attribute":    {offboarding.Employee{Extension: offboarding.Extension{Number: 6, Value: "4711"}}, "no user in the tenant has this extensionAttribute6"},
		"of somebody else":     {offboarding.Employee{Mail: "alex.wilber@contoso.com", Extension: offboarding.Extension{Number: 5, Value: "4711"}}, "another user"},
		"an attribute of none": {offboarding.Employee{Extension: offboarding.Extension{Number: 16, Value: "4711"}}, "not a request"},
		"a quote in it":        {offboarding.Employee{Extension: offboarding.Extension{Number: 5, Value: "4711' or mail ne '"}}, "no user"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			h.Tenant.Edit(func(w *simtenant.World) { w.Users[simtenant.UserID(adele)].Extensions[5] = "4711" })
			d := deliver(t, h, newPlanner(h), termination(h, "1", tt.e))
			c, err := h.Ledger.Latest(t.Context(), simtenant.UserID(adele))
			if err != nil || (c != nil) != (tt.refused == "") || !strings.Contains(d.DeadSentence, tt.refused) {
				t.Errorf("got the case %v, %v and %q, want it refused: %q", c, err, d.DeadSentence, tt.refused)
			}
		})
	}
}
