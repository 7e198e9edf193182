package config

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"leaver/shared/offboarding"
)

// Stationery are settings that no step of Leaver has, in a struct that is declared here alone.
type Stationery struct {
	Pens     string        `yaml:"pens" default:"keep" enum:"keep,collect" about:"what becomes of the pens"`
	InkDries time.Duration `yaml:"inkDries" default:"7d" least:"1d" about:"how long the ink is good"`
}

type withStationery struct {
	Due        time.Time
	Stationery `step:"access"`
}

// TestASettingIsDeclaredOnce adds a made-up setting in one place and finds it everywhere.
func TestASettingIsDeclaredOnce(t *testing.T) {
	t.Parallel()
	declared := offboarding.Declared(reflect.TypeFor[Stationery]())
	text, err := schemaOf(declared, declared[:1])
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Properties map[string]struct {
			Enum        []string
			Description string
			Items       struct{ Properties map[string]any }
		}
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	if pens := schema.Properties["pens"]; pens.Description != "what becomes of the pens" || !reflect.DeepEqual(pens.Enum, []string{"keep", "collect"}) {
		t.Errorf("the schema says %+v of pens", pens)
	}
	overridable := schema.Properties["overrides"].Items.Properties
	if overridable["pens"] == nil || overridable["inkDries"] != nil {
		t.Errorf("overrides may change %v, wanted pens alone", overridable)
	}

	var policy Stationery
	offboarding.SetDefaults(&policy)
	if want := (Stationery{"keep", 7 * 24 * time.Hour}); policy != want {
		t.Errorf("the default is %+v, want %+v", policy, want)
	}
	for _, wrong := range []offboarding.Changes{{"pens": "burn"}, {"inkDries": "1h"}, {"inkDries": "unlimited"}, {"paper": "keep"}, {"pens": 3}} {
		changed := policy
		if err := offboarding.Lay(&changed, wrong); err == nil && offboarding.Check(changed) == nil {
			t.Errorf("%v is taken", wrong)
		}
	}
	override := policy
	if err := offboarding.Lay(&override, offboarding.Changes{"pens": "collect"}); err != nil || override.Pens != "collect" || override.InkDries != policy.InkDries {
		t.Errorf("the override makes %+v, %v", override, err)
	}

	before := withStationery{Due: time.Unix(0, 0).UTC(), Stationery: policy}
	after := withStationery{Due: time.Unix(0, 0).In(time.FixedZone("", 3600)), Stationery: policy}
	if !offboarding.Same(before, after) || offboarding.Redone(offboarding.StepAccess, before, after) {
		t.Error("the same instant in another zone makes another plan")
	}
	after.Stationery = override
	if offboarding.Same(before, after) {
		t.Error("another pens makes no other plan")
	}
	if !offboarding.Redone(offboarding.StepAccess, before, after) || offboarding.Redone(offboarding.StepBlock, before, after) {
		t.Error("the step that obeys pens, and no other, is to act again")
	}
}
