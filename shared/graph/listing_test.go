package graph

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/shared/offboarding"
)

func TestUserAndRolesComeInOneRoundTripAndPageOn(t *testing.T) {
	role := `{"@odata.type":"#microsoft.graph.directoryRole","id":"` + team + `","displayName":%q}`
	h := func(w http.ResponseWriter, r *http.Request) {
		next := "https://" + r.Host + "/v1.0/next"
		batch(map[string]string{
			"/users/" + leaver + "?":                   `"status":200,"body":{"id":"` + leaver + `"}`,
			"/users/" + leaver + "/transitiveMemberOf": `"status":200,"body":{"value":[{"@odata.type":"#microsoft.graph.group","displayName":"Sales"},` + fmt.Sprintf(role, "User Administrator") + `],"@odata.nextLink":"` + next + `"}`,
			"/v1.0/next": `{"value":[` + fmt.Sprintf(role, "Global Reader") + `,` + fmt.Sprintf(role, "User Administrator") + `]}`,
		})(w, r)
	}
	s, ctx := serve(t, h)
	u, roles, err := s.UserAndRoles(ctx, leaver)
	if err != nil {
		t.Fatal(err)
	}
	if u.ID != leaver || !u.AsOf.Equal(asked) || !slices.Equal(roles, []string{"Global Reader", "User Administrator"}) {
		t.Errorf("%+v, %v", u, roles)
	}
	if len(s.seen) != 2 || len(s.guard.notes) > 0 || strings.Contains(s.seen[0].body, "%24") {
		t.Errorf("sent %v, noted %v", s.seen, s.guard.notes)
	}
}

func TestDevicesAreRegisteredAndOwnedOnesEachOnce(t *testing.T) {
	device := func(id string, more string) string {
		return `{"@odata.type":"#microsoft.graph.device","id":"` + id + `"` + more + `}`
	}
	s, ctx := serve(t, batch(map[string]string{
		"/users/" + leaver + "/registeredDevices": `"status":200,"body":{"value":[` + device("1", `,"accountEnabled":true`) + `,` + device("2", `,"accountEnabled":false`) + `]}`,
		"/users/" + leaver + "/ownedDevices":      `"status":200,"body":{"value":[` + device("2", `,"accountEnabled":false`) + `,` + device("3", "") + `,{"@odata.type":"#microsoft.graph.endpoint","id":"4"}]}`,
	}))
	got, err := s.Devices(ctx, leaver)
	if want := []offboarding.Device{{ID: "1", AccountEnabled: true}, {ID: "2"}, {ID: "3", AccountEnabled: true}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestTheFirstFailureOfABatchIsItsError(t *testing.T) {
	failing := func(status int, more string) *server {
		s, _ := serve(t, batch(map[string]string{
			"/users/" + leaver + "?":                   fmt.Sprintf(`"status":%d%s`, status, more),
			"/users/" + leaver + "/transitiveMemberOf": `"status":500,"body":null`,
		}))
		return s
	}
	var throttled *offboarding.ThrottledError
	if _, _, err := failing(429, `,"headers":{"retry-after":"11"},"body":{"error":{"code":"TooManyRequests","message":"adele"}}`).UserAndRoles(t.Context(), leaver); !errors.As(err, &throttled) || throttled.Delay != 11*time.Second {
		t.Error(err)
	}
	if _, _, err := failing(404, "").UserAndRoles(t.Context(), leaver); !errors.Is(err, offboarding.ErrNotFound) {
		t.Error(err)
	}
	var permanent *offboarding.PermanentError
	if _, _, err := failing(403, `,"body":"text"`).UserAndRoles(t.Context(), leaver); !errors.As(err, &permanent) || !strings.Contains(err.Error(), leaver) {
		t.Error(err)
	}
}

func TestABatchThatIsNotAnsweredInFullIsAnError(t *testing.T) {
	for name, body := range map[string]string{
		"one is missing":   `{"responses":[{"id":"0","status":200,"body":{}}]}`,
		"one is foreign":   `{"responses":[{"id":"7","status":200,"body":{}}]}`,
		"one has no body":  `{"responses":[{"id":"0","status":200},{"id":"1","status":200,"body":{}}]}`,
		"one is no object": `{"responses":[{"id":"0","status":200,"body":null},{"id":"1","status":200,"body":{}}]}`,
		"none":             `{}`,
		"no JSON":          `<html>`,
	} {
		s, ctx := serve(t, respond(200, body))
		if u, roles, err := s.UserAndRoles(ctx, leaver); err == nil {
			t.Errorf("%s: %+v, %v", name, u, roles)
		}
	}
}

func TestFindReturnsExactlyWhoIsMeant(t *testing.T) {
	user := func(upn string) string { return `{"id":"` + leaver + `","userPrincipalName":"` + upn + `"}` }
	for _, test := range []struct {
		name   string
		who    offboarding.Employee
		status int
		body   string
		want   int
		asked  string
	}{
		{"by id", offboarding.Employee{ID: strings.ToUpper(leaver)}, 200, user("a@c.com"), 1, "/users/" + strings.ToUpper(leaver) + "?"},
		{"by name", offboarding.Employee{UserPrincipalName: "A@c.com"}, 200, user("a@C.com"), 1, "/users/A@c.com?"},
		{"a guest", offboarding.Employee{UserPrincipalName: "a_x.com#EXT#@c.com"}, 200, user("a_x.com#EXT#@c.com"), 1, "/users/a_x.com%23EXT%23@c.com?"},
		{"somebody else by name", offboarding.Employee{UserPrincipalName: "a@c.com"}, 200, user("b@c.com"), 0, "/users/a@c.com?"},
		{"nobody by name", offboarding.Employee{UserPrincipalName: "a@c.com"}, 404, "", 0, "/users/a@c.com?"},
		{"by mail", offboarding.Employee{Mail: "o'neil@c.com"}, 200, `{"value":[` + user("x") + `]}`, 1, "/users?"},
		{"several by number", offboarding.Employee{EmployeeID: "7"}, 200, `{"value":[` + user("x") + `,` + user("y") + `]}`, 2, "/users?"},
		{"nobody by number", offboarding.Employee{EmployeeID: "7"}, 200, `{"value":[]}`, 0, "/users?"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, ctx := serve(t, respond(test.status, test.body))
			got, err := s.Find(ctx, test.who)
			if err != nil || len(got) != test.want {
				t.Errorf("%v, %v", got, err)
			}
			if !strings.HasPrefix(s.seen[0].target, "/v1.0"+test.asked) {
				t.Errorf("asked %s", s.seen[0].target)
			}
		})
	}
}

func TestFindDoublesQuotesAndFollowsThinPages(t *testing.T) {
	var filters []string
	s, ctx := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if filters = append(filters, r.URL.Query().Get("$filter")); len(filters) == 1 {
			respond(200, `{"value":[],"@odata.nextLink":"https://`+r.Host+`/v1.0/users?$skiptoken=x"}`)(w, r)
			return
		}
		respond(200, `{"value":[{"id":"`+leaver+`"}]}`)(w, r)
	})
	got, err := s.Find(ctx, offboarding.Employee{Mail: "o'neil@c.com"})
	if err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
	if want := "mail eq 'o''neil@c.com' or proxyAddresses/any(p:p eq 'smtp:o''neil@c.com')"; filters[0] != want {
		t.Errorf("filter %s", filters[0])
	}
}

// TestASecondPageThatIsRefusedSaysWhat: the error is that of the refusal, not of a page that could not be read.
func TestASecondPageThatIsRefusedSaysWhat(t *testing.T) {
	s, ctx := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1.0/next" {
			respond(403, `{"error":{"code":"Authorization_RequestDenied","message":"Insufficient privileges"}}`)(w, r)
			return
		}
		respond(200, `{"value":[{"id":"1"}],"@odata.nextLink":"https://`+r.Host+`/v1.0/next"}`)(w, r)
	})
	if got, err := s.ManagedDevices(ctx, leaver); !offboarding.IsPermanent(err) || !strings.Contains(err.Error(), "Authorization_RequestDenied") {
		t.Errorf("got %v, %v; want the refusal", got, err)
	}
}

func TestFindDoesNotGuess(t *testing.T) {
	s, ctx := serve(t, respond(403, ""))
	for name, who := range map[string]offboarding.Employee{"unnamed": {}, "no id": {ID: "adele@contoso.com"}, "forbidden": {UserPrincipalName: "adele@contoso.com"}} {
		var p *offboarding.PermanentError
		if got, err := s.Find(ctx, who); !errors.As(err, &p) || strings.Contains(err.Error(), "adele") {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestAMissingDriveIsNotAMissingUser(t *testing.T) {
	const body = `{"error":{"code":%q,"message":"User's mysite not found."}}`
	for _, code := range []string{"ResourceNotFound", "itemNotFound"} {
		s, ctx := serve(t, respond(404, fmt.Sprintf(body, code)))
		if got, err := s.Drive(ctx, leaver); err != nil || got.Exists {
			t.Errorf("%s: %+v, %v", code, got, err)
		}
	}
	s, ctx := serve(t, respond(404, fmt.Sprintf(body, "Request_ResourceNotFound")))
	if got, err := s.Drive(ctx, leaver); !errors.Is(err, offboarding.ErrNotFound) {
		t.Errorf("%+v, %v", got, err)
	}
	s, ctx = serve(t, respond(200, `{"id":"01R","size":2147483648000,"folder":{"childCount":4},"parentReference":{"driveId":"b!1"}}`))
	want := offboarding.Drive{ID: "b!1", Root: "01R", Content: offboarding.Content{Exists: true, Items: 4, Bytes: 2147483648000}}
	if got, err := s.Drive(ctx, leaver); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestReadsOfOneObject(t *testing.T) {
	s, ctx := serve(t, func(w http.ResponseWriter, r *http.Request) {
		respond(200, map[string]string{
			"/v1.0/groups/" + team: `{"id":"` + team + `","displayName":"All","groupTypes":["DynamicMembership"],"onPremisesSyncEnabled":true}`,
			"/v1.0/subscribedSkus": `{"value":[{"skuId":"` + sku + `","skuPartNumber":"E5","consumedUnits":3,"prepaidUnits":{"enabled":5},"servicePlans":[{"servicePlanName":"EXCHANGE_S_ENTERPRISE"}]}]}`,
			"/v1.0/directory/deletedItems/" + leaver + "/microsoft.graph.user": `{"@odata.type":"#microsoft.graph.user","id":"` + leaver + `","deletedDateTime":"2026-11-22T09:00:00Z","accountEnabled":true}`,
			"/v1.0/users/" + leaver + "/manager":                               `{"@odata.type":"#microsoft.graph.user","id":"` + team + `","userPrincipalName":"boss@c.com"}`,
		}[r.URL.Path])(w, r)
	})
	if g, err := s.Group(ctx, team); err != nil || g != (offboarding.Group{ID: team, DisplayName: "All", Dynamic: true, OnPremisesSyncEnabled: true}) {
		t.Errorf("%+v, %v", g, err)
	}
	if seats, err := s.Seats(ctx); err != nil || !reflect.DeepEqual(seats, []offboarding.Seat{{SKU: sku, PartNumber: "E5", Consumed: 3, Enabled: 5, Plans: []string{"EXCHANGE_S_ENTERPRISE"}}}) {
		t.Errorf("%+v, %v", seats, err)
	}
	if gone, err := s.DeletedUser(ctx, leaver); err != nil || !gone.At.Equal(asked) || !gone.Enabled {
		t.Errorf("%v, %v", gone, err)
	}
	if m, err := s.Manager(ctx, leaver); err != nil || m.ID != team || m.UserPrincipalName != "boss@c.com" {
		t.Errorf("%+v, %v", m, err)
	}
	if gone, err := s.DeletedUser(ctx, leaver); err != nil || !gone.At.Equal(asked) || !gone.Enabled {
		t.Errorf("%v, %v", gone, err)
	}
}

func TestTheTenantsClockComesWithAWrite(t *testing.T) {
	s, ctx := serve(t, respond(204, ""))
	if at, err := s.Disable(ctx, leaver); err != nil || !at.Equal(asked) {
		t.Errorf("%v, %v", at, err)
	}
}

func TestAClientIsSafeForConcurrentUse(t *testing.T) {
	s, ctx := serve(t, respond(200, `{"id":"`+leaver+`","value":[]}`))
	failed := make(chan error)
	for range 8 {
		go func() {
			_, err := s.User(ctx, leaver)
			_, errFind := s.Find(ctx, offboarding.Employee{EmployeeID: "7"})
			failed <- errors.Join(err, errFind)
		}()
	}
	for range 8 {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
}

func FuzzCodes(f *testing.F) {
	f.Add([]byte(fmt.Sprintf(problemBody, "a", "b@c")))
	f.Add([]byte(`{"error":{"code":7}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, c := range codesOf(body) {
			if strings.ContainsAny(c, "@/ '\"\n") || c == "" {
				t.Errorf("free text %q", c)
			}
		}
	})
}
