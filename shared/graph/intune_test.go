package graph

import (
	"errors"
	"net/http"
	"slices"
	"testing"

	"leaver/shared/offboarding"
)

func TestManagedDevicesAreReadPageByPage(t *testing.T) {
	device := func(id, more string) string { return `{"id":"` + id + `"` + more + `}` }
	s, ctx := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1.0/next" {
			respond(200, `{"value":[`+device("2", `,"managementState":"aStateOfTomorrow"`)+`]}`)(w, r)
			return
		}
		respond(200, `{"value":[`+device("1", `,"operatingSystem":"iOS","managedDeviceOwnerType":"personal","managementState":"retirePending","lastSyncDateTime":"2026-11-22T09:00:00Z"`)+
			`],"@odata.nextLink":"https://`+r.Host+`/v1.0/next"}`)(w, r)
	})
	got, err := s.ManagedDevices(ctx, leaver)
	want := []offboarding.ManagedDevice{{ID: "1", User: leaver, OperatingSystem: "iOS", OwnerType: "personal", State: "retirePending", LastSync: asked}, {ID: "2", User: leaver, State: "aStateOfTomorrow"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if len(got) == 2 && (!got[0].Leaving() || got[1].Leaving()) {
		t.Error("a state that nobody knows counts as leaving")
	}
}

func TestNoDevicesAreNoError(t *testing.T) {
	s, ctx := serve(t, respond(200, `{"value":[]}`))
	devices, err := s.ManagedDevices(ctx, leaver)
	apps, errApps := s.AppRegistrations(ctx, leaver)
	if errors.Join(err, errApps) != nil || len(devices)+len(apps) > 0 {
		t.Errorf("%v, %v, %v", devices, apps, errors.Join(err, errApps))
	}
}

func TestAManagedDeviceThatHasLeftIsNotFound(t *testing.T) {
	s, ctx := serve(t, respond(404, `{"error":{"code":"ResourceNotFound","message":"{}"}}`))
	if _, err := s.ManagedDevice(ctx, team); !errors.Is(err, offboarding.ErrNotFound) {
		t.Error(err)
	}
	if err := s.Retire(ctx, team); !errors.Is(err, offboarding.ErrNotFound) {
		t.Error(err)
	}
}

func TestAppRegistrationsAreReadWhateverTheirPlatform(t *testing.T) {
	s, ctx := serve(t, respond(200, `{"value":[
		{"@odata.type":"#microsoft.graph.iosManagedAppRegistration","id":"T_1","deviceTag":"tag","deviceType":"iPhone","lastSyncDateTime":"2026-11-22T09:00:00Z"},
		{"@odata.type":"#microsoft.graph.androidManagedAppRegistration","id":"T_2"}]}`))
	got, err := s.AppRegistrations(ctx, leaver)
	if want := []offboarding.AppRegistration{{ID: "T_1", DeviceTag: "tag", DeviceType: "iPhone", LastSync: asked}, {ID: "T_2"}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}
