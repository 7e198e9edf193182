package demo

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/operator"
	"leaver/shared/simtenant"
)

// mode lets the people of the scenario departures leave in a mode, and returns how it ended for each,
// by name, and the tenant.
func mode(t *testing.T, m offboarding.Mode, world func(*simtenant.World)) (map[string]operator.Status, *simtenant.Tenant) {
	t.Helper()
	tenant, err := simtenant.New(simtenant.Config{Users: 40})
	if err != nil {
		t.Fatal(err)
	}
	if world != nil {
		tenant.Edit(world)
	}
	policy := demoPolicy()
	policy.Mode = m
	s, err := scenarioOf("departures")
	if err != nil {
		t.Fatal(err)
	}
	ended := map[string]operator.Status{}
	var log bytes.Buffer
	err = withHost(t.Context(), hostOptions{tenant: tenant, policy: policy, log: &log}, func(ctx context.Context, h *operator.Desk, intake string) error {
		ctx, stop := context.WithTimeoutCause(ctx, demoPatience, errors.New("the departures did not end"))
		defer stop()
		for _, d := range s.departures {
			if err := d.post(ctx, intake, h.Now()); err != nil {
				return err
			}
		}
		every := time.NewTicker(100 * time.Millisecond)
		defer every.Stop()
		for {
			found, err := operator.Statuses(ctx, h.Ledger, h.Now())
			if err != nil {
				return err
			}
			for _, one := range found {
				if one.State == string(offboarding.CaseComplete) {
					ended[one.Name()] = one
				}
			}
			if len(ended) == len(s.departures) {
				return nil
			}
			select {
			case <-every.C:
			case <-ctx.Done():
				return errors.Join(context.Cause(ctx), whatIsOpen(context.WithoutCancel(ctx), h))
			}
		}
	})
	if err != nil {
		t.Fatalf("%s: %v\n%s", m, err, log.String())
	}
	return ended, tenant
}

// readsOnly leaves Leaver no permission to write.
func readsOnly(w *simtenant.World) {
	app := w.Apps[simtenant.DefaultClientID]
	app.ExchangeRole = "Global Reader"
	app.Roles = slices.DeleteFunc(slices.Clone(app.Roles), func(role string) bool {
		return role != offboarding.ManageAsApp && (!strings.Contains(role, ".Read") || strings.Contains(role, "ReadWrite"))
	})
}

// TestObserveWritesNothingAndSaysWhatItWouldDo lets the people of the demo leave in mode observe, with a
// token that has no permission to write, and holds it against the real departures.
func TestObserveWritesNothingAndSaysWhatItWouldDo(t *testing.T) {
	t.Parallel()
	observed, tenant := mode(t, offboarding.Observe, readsOnly)
	if made := written(tenant); len(made) > 0 {
		t.Errorf("the tenant's record has %v, want not one write", made)
	}
	acted, _ := mode(t, offboarding.Act, nil)
	for name, was := range acted {
		seen := observed[name]
		if len(seen.Steps) != len(was.Steps) {
			t.Errorf("%s: %d steps observed, want the %d of the departure", name, len(seen.Steps), len(was.Steps))
			continue
		}
		for i, step := range was.Steps {
			got := seen.Steps[i]
			spec, _ := offboarding.SpecOf(step.Name)
			switch {
			case got.Name != step.Name || got.Rule != step.Rule:
				t.Errorf("%s: observed %s, refused by %q; want %s, by %q", name, got.Name, got.Rule.Name, step.Name, step.Rule.Name)
			case step.State == offboarding.StateWithheld && got.State == offboarding.StateWithheld:
			case got.State != offboarding.StateRehearsed || got.Would == "":
				t.Errorf("%s: %s is %s and would %q (%s); want it rehearsed", name, got.Name, got.State, got.Would, got.Reason)
			case spec.Gate && !strings.HasPrefix(got.Would, "wait: "):
				t.Errorf("%s: %s would %q, want what it would wait for", name, got.Name, got.Would)
			}
		}
	}
}
