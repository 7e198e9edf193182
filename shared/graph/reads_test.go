package graph

import (
	"errors"
	"net/http"
	"reflect"
	"slices"
	"testing"
	"time"

	"leaver/shared/offboarding"
)

// answers answers each path with a body.
func answers(bodies map[string]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, ok := bodies[r.URL.Path]
		if !ok {
			respond(404, `{"error":{"code":"Request_ResourceNotFound"}}`)(w, r)
			return
		}
		respond(200, body)(w, r)
	}
}

func TestDirectReportsArePeople(t *testing.T) {
	s, ctx := serve(t, func(w http.ResponseWriter, r *http.Request) {
		answers(map[string]string{
			"/v1.0/users/" + leaver + "/directReports": `{"value":[{"@odata.type":"#microsoft.graph.orgContact","id":"c"},{"@odata.type":"#microsoft.graph.user","id":"1","accountEnabled":false}],"@odata.nextLink":"https://` + r.Host + `/v1.0/next"}`,
			"/v1.0/next": `{"value":[{"@odata.type":"#microsoft.graph.user","id":"2","accountEnabled":true}]}`,
		})(w, r)
	})
	got, err := s.DirectReports(ctx, leaver)
	want := []offboarding.User{{ID: "1", AsOf: asked}, {ID: "2", AccountEnabled: true, AsOf: asked}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestOwnedAppsAreRegistrationsAndServicePrincipals(t *testing.T) {
	s, ctx := serve(t, answers(map[string]string{
		"/v1.0/users/" + leaver + "/ownedObjects": `{"value":[{"@odata.type":"#microsoft.graph.group","id":"g"},
			{"@odata.type":"#microsoft.graph.application","id":"a","appId":"1","displayName":"Payroll"},
			{"@odata.type":"#microsoft.graph.servicePrincipal","id":"s","appId":"1","displayName":"Payroll"}]}`,
		"/v1.0/applications/" + team + "/owners":      `{"value":[{"@odata.type":"#microsoft.graph.user","id":"u","accountEnabled":true}]}`,
		"/v1.0/servicePrincipals/" + team + "/owners": `{"value":[]}`,
	}))
	got, err := s.OwnedApps(ctx, leaver)
	want := []offboarding.OwnedApp{{ID: "a", AppID: "1", DisplayName: "Payroll"}, {ID: "s", AppID: "1", DisplayName: "Payroll", Service: true}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for service, want := range map[bool]int{false: 1, true: 0} {
		owners, err := s.AppOwners(ctx, offboarding.OwnedApp{ID: team, Service: service})
		if err != nil || len(owners) != want {
			t.Errorf("service principal %t: got %+v, %v, want %d owners", service, owners, err, want)
		}
	}
}

func TestWhoUsesADevice(t *testing.T) {
	person := func(id string) string { return `{"@odata.type":"#microsoft.graph.user","id":"` + id + `"}` }
	s, ctx := serve(t, batch(map[string]string{
		"/devices/" + team + "/registeredUsers":                               `"status":200,"body":{"value":[` + person("1") + `,` + person("2") + `]}`,
		"/devices/" + team + "/registeredOwners":                              `"status":200,"body":{"value":[` + person("1") + `]}`,
		"/v1.0/deviceManagement/managedDevices/" + team + "/users?$select=id": `{"value":[` + person("3") + `]}`,
	}))
	if got, err := s.DeviceUsers(ctx, team); err != nil || !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("registered: got %v, %v, want 1 and 2", got, err)
	}
	if got, err := s.PrimaryUsers(ctx, team); err != nil || !slices.Equal(got, []string{"3"}) {
		t.Errorf("in Intune: got %v, %v, want 3", got, err)
	}
}

func TestWhatARestrictedUnitHoldsIsSeen(t *testing.T) {
	s, ctx := serve(t, answers(map[string]string{
		"/v1.0/users/" + leaver: `{"id":"x","isManagementRestricted":true}`, "/v1.0/groups/" + team: `{"id":"x","isManagementRestricted":null}`,
		"/v1.0/devices/" + team: `{"id":"x"}`,
	}))
	for kind, id := range map[string]string{RestrictedUser: leaver, RestrictedGroup: team, RestrictedDevice: team} {
		if got, err := s.Restricted(ctx, kind, id); err != nil || got != (kind == RestrictedUser) {
			t.Errorf("%s: got %t, %v", kind, got, err)
		}
	}
}

func TestWhatADriveHoldsBesideItsItems(t *testing.T) {
	s, ctx := serve(t, answers(map[string]string{
		"/v1.0/drives/b!1":                    `{"id":"b!1","quota":{"used":7,"deleted":5368709120,"state":"normal"}}`,
		"/v1.0/drives/b!2":                    `{"id":"b!2","quota":{"used":7}}`,
		"/v1.0/drives/b!1/items/01A/versions": `{"value":[{"id":"2.0"},{"id":"1.0"}]}`,
		"/v1.0/drives/b!1/items/01R/children": `{"value":[{"id":"1","name":"Team site","size":0,"remoteItem":{"id":"x"},"webUrl":"https://contoso-my.sharepoint.com/x"},
			{"id":"2","name":"Notes","size":9,"package":{"type":"oneNote"}}]}`,
	}))
	for drive, want := range map[string]offboarding.Quota{"b!1": {Used: 7, Deleted: 5 << 30}, "b!2": {Used: 7, Unknown: true}} {
		if got, err := s.DriveQuota(ctx, drive); err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", drive, got, err, want)
		}
	}
	if n, err := s.FileVersions(ctx, "b!1", "01A"); err != nil || n != 2 {
		t.Errorf("got %d versions, %v, want 2", n, err)
	}
	got, err := s.DriveItems(ctx, "b!1", "01R")
	want := []offboarding.DriveItem{{ID: "1", Name: "Team site", Remote: true, WebURL: "https://contoso-my.sharepoint.com/x"}, {ID: "2", Name: "Notes", Size: 9, Package: "oneNote"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestDeletedGroups(t *testing.T) {
	s, ctx := serve(t, answers(map[string]string{
		"/v1.0/directory/deletedItems/microsoft.graph.group": `{"value":[{"id":"g","displayName":"Sales","deletedDateTime":"2026-11-22T09:00:00Z"}]}`,
	}))
	got, err := s.DeletedGroups(ctx)
	if want := []offboarding.DeletedGroup{{ID: "g", DisplayName: "Sales", Deleted: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestAReadThatIsRefusedIsAnError(t *testing.T) {
	s, ctx := serve(t, respond(403, `{"error":{"code":"Authorization_RequestDenied"}}`))
	for name, read := range everyRead {
		read.call(ctx, s.Client) // must not panic
		_ = name
	}
	var p *offboarding.PermanentError
	if _, err := s.DeviceUsers(ctx, team); !errors.As(err, &p) {
		t.Errorf("got %v, want a permanent error", err)
	}
}
