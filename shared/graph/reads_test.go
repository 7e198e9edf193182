package graph

import (
	"errors"
	"net/http"
	"slices"
	"testing"

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

func TestWhoOwnsAnApplication(t *testing.T) {
	s, ctx := serve(t, answers(map[string]string{
		"/v1.0/applications/" + team + "/owners":      `{"value":[{"@odata.type":"#microsoft.graph.user","id":"u","accountEnabled":true}]}`,
		"/v1.0/servicePrincipals/" + team + "/owners": `{"value":[]}`,
	}))
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

func TestWhatADriveHoldsBesideItsItems(t *testing.T) {
	s, ctx := serve(t, answers(map[string]string{
		"/v1.0/drives/b!1": `{"id":"b!1","quota":{"used":7,"deleted":5368709120,"state":"normal"}}`,
		"/v1.0/drives/b!2": `{"id":"b!2","quota":{"used":7}}`,
		"/v1.0/drives/b!1/items/01R/children": `{"value":[{"id":"1","name":"Team site","size":0,"remoteItem":{"id":"x"},"webUrl":"https://contoso-my.sharepoint.com/x"},
			{"id":"2","name":"Notes","size":9,"package":{"type":"oneNote"}}]}`,
	}))
	for drive, want := range map[string]offboarding.Quota{"b!1": {Used: 7, Deleted: 5 << 30}, "b!2": {Used: 7, Unknown: true}} {
		if got, err := s.DriveQuota(ctx, drive); err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", drive, got, err, want)
		}
	}
	got, err := s.DriveItems(ctx, "b!1", "01R")
	want := []offboarding.DriveItem{{ID: "1", Name: "Team site", Remote: true, WebURL: "https://contoso-my.sharepoint.com/x"}, {ID: "2", Name: "Notes", Size: 9, Package: "oneNote"}}
	if err != nil || !slices.Equal(got, want) {
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
