package bus_test

import (
	"slices"
	"testing"

	"leaver/shared/bus"
	"leaver/shared/offboarding"
)

func TestRights(t *testing.T) {
	if r := bus.RightsOf("intake"); !slices.Equal(r.Send, []string{bus.Queue, bus.Hints}) || len(r.Listen) > 0 {
		t.Errorf("intake faces the internet and may do %+v", r)
	}
	for _, s := range bus.Subscriptions() {
		if r := bus.RightsOf(s.Name); !slices.Equal(r.Listen, []string{s.Name}) {
			t.Errorf("%s listens on %v", s.Name, r.Listen)
		}
	}
	for _, f := range offboarding.Functions() {
		// These read the ledger alone.
		apart := f.Name == offboarding.FunctionNotify || f.Name == offboarding.FunctionBackup
		if r := bus.RightsOf(f.Name); (len(r.Send) == 0) != apart {
			t.Errorf("%s may send to %v", f.Name, r.Send)
		}
	}
	steps := 0 // that run on Lambda, and can be woken
	for _, s := range offboarding.Steps {
		if !s.Inside {
			steps++
		}
	}
	for function, want := range map[string]int{"intake": 2, offboarding.FunctionResolve: 1, offboarding.FunctionPlan: steps, "signout": 0, "watch": steps, "replay": 2 + steps} {
		if got := bus.Wakes(function); len(got) != want {
			t.Errorf("%s wakes %v, want %d", function, got, want)
		}
	}
	if r := bus.RightsOf("promote"); len(r.Send)+len(r.Listen) > 0 {
		t.Errorf("an unknown function may do %+v", r)
	}
}
