package signout_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
	"leaver/shared/worker/steptest"
)

const adele = "adele.vance@contoso.com"

// TestAPasswordThatNobodyKnowsIsHandedOver takes a departure back whose signout was killed around the write of
// the password, before anything could be recorded of it: whoever's password was changed is a person's task,
// and nobody else is.
func TestAPasswordThatNobodyKnowsIsHandedOver(t *testing.T) {
	t.Parallel()
	killed := errors.New("the process was killed")
	for name, tt := range map[string]struct {
		sent bool
		want offboarding.StepState
	}{
		"killed before the write":                 {false, offboarding.StateUndone},
		"killed between the write and its record": {true, offboarding.StateManual},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
			w := h.Worker(offboarding.StepSignout, newStep(h))
			ctx, kill := context.WithCancel(t.Context())
			defer kill()
			strike := func(r *http.Request) error {
				if r.Method == http.MethodPatch && strings.HasSuffix(r.URL.Path, "/users/"+c.Leaver) {
					kill()
					return killed
				}
				return nil
			}
			if tt.sent {
				h.OnAnswer = strike
			} else {
				h.OnRequest = strike
			}
			_, _ = h.Deliver(ctx, w, h.Message(t, c.ID, offboarding.StepSignout))
			h.OnRequest, h.OnAnswer = nil, nil
			if changed := h.Tenant.PasswordChanges(simtenant.UserID(adele)) > 0; changed != tt.sent || ctx.Err() == nil {
				t.Fatalf("the password was changed: %t, want %t", changed, tt.sent)
			}
			h.Advance(time.Minute) // the lease of the dead host is over
			c, err := h.Ledger.Undo(t.Context(), ledger.UndoOrder{Case: c.ID, By: offboarding.Person{Name: "Miriam Graham"}, Reason: "she stays", Source: "operator"})
			if err == nil {
				_, err = worker.Dispatch(t.Context(), h.Bus, h.Ledger, c)
			}
			if err != nil {
				t.Fatal(err)
			}
			record := h.Settle(t, c.ID, w)
			if record.State != tt.want || tt.want == offboarding.StateManual && !strings.Contains(record.Reason, "hand it over in person") {
				t.Errorf("signout is %s: %s; want %s", record.State, record.Reason, tt.want)
			}
		})
	}
}
