package graph

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

// empty answers a listing of Access with nothing.
const empty = `"status":200,"body":{"value":[]}`

// accessOf answers the listings of Access, all empty but those that are named.
func accessOf(named map[string]string) http.HandlerFunc {
	answers := map[string]string{
		"/users/" + leaver + "/memberOf": empty, "/users/" + leaver + "/ownedObjects": empty,
		"/roleManagement/directory/roleEligibilitySchedules": empty, "/roleManagement/directory/roleAssignments": empty,
		"/users/" + leaver + "/oauth2PermissionGrants": empty, "/users/" + leaver + "/appRoleAssignments": empty,
		"/users/" + leaver + "/authentication/methods": empty, "/users/" + leaver + "/licenseDetails": empty,
		"/users/" + leaver + "/directReports": empty,
	}
	for address, body := range named {
		answers[address] = body
	}
	return batch(answers)
}

func TestAccessComesInOneRoundTripAndPagesOn(t *testing.T) {
	group := func(id, more string) string {
		return `{"@odata.type":"#microsoft.graph.group","id":"` + id + `","assignedLicenses":[]` + more + `}`
	}
	s, ctx := serve(t, func(w http.ResponseWriter, r *http.Request) {
		accessOf(map[string]string{
			"/users/" + leaver + "/memberOf": `"status":200,"body":{"value":[` + group("1", `,"groupTypes":["DynamicMembership"],"membershipRule":"rule"`) +
				`,{"@odata.type":"#microsoft.graph.administrativeUnit","id":"9"}],"@odata.nextLink":"https://` + r.Host + `/v1.0/next"}`,
			"/v1.0/next": `{"value":[` + group("2", `,"mailEnabled":true,"groupTypes":[]`) + `,` + group("3", `,"mailEnabled":true,"groupTypes":["Unified"],"assignedLicenses":[{"skuId":"x"}]`) + `]}`,
			"/roleManagement/directory/roleAssignments": `"status":200,"body":{"value":[{"id":"a","principalId":"` + leaver + `","roleDefinitionId":"r","directoryScopeId":"/"}]}`,
		})(w, r)
	})
	got, err := s.Access(ctx, leaver)
	if err != nil {
		t.Fatal(err)
	}
	want := []offboarding.Group{{ID: "1", Dynamic: true, MembershipRule: "rule"}, {ID: "2", Distribution: true}, {ID: "3", Licensed: true}}
	if !slices.Equal(got.Groups, want) || len(got.Grants)+len(got.Owned) > 0 || !got.Role {
		t.Errorf("%+v", got)
	}
	if len(s.seen) != 2 || len(s.guard.notes) > 0 {
		t.Errorf("sent %d requests, noted %v", len(s.seen), s.guard.notes)
	}
}

// TestWhoHangsOnTheUserIsSeen: people who report to them, applications, and what their licences run.
func TestWhoHangsOnTheUserIsSeen(t *testing.T) {
	s, ctx := serve(t, accessOf(map[string]string{
		"/users/" + leaver + "/ownedObjects": `"status":200,"body":{"value":[{"@odata.type":"#microsoft.graph.group","id":"g","assignedLicenses":[]},
			{"@odata.type":"#microsoft.graph.application","id":"a","appId":"1","displayName":"Payroll"},{"@odata.type":"#microsoft.graph.servicePrincipal","id":"s","appId":"1","displayName":"Payroll"}]}`,
		"/users/" + leaver + "/directReports": `"status":200,"body":{"value":[{"@odata.type":"#microsoft.graph.orgContact","id":"c"},
			{"@odata.type":"#microsoft.graph.user","id":"1","accountEnabled":false},{"@odata.type":"#microsoft.graph.user","id":"2","accountEnabled":true}]}`,
		"/users/" + leaver + "/licenseDetails": `"status":200,"body":{"value":[{"servicePlans":[{"servicePlanName":"FLOW_O365_P2"}]}]}`,
	}))
	got, err := s.Access(ctx, leaver)
	apps := []offboarding.OwnedApp{{ID: "a", AppID: "1", DisplayName: "Payroll"}, {ID: "s", AppID: "1", DisplayName: "Payroll", Service: true}}
	if err != nil || !slices.Equal(got.Apps, apps) || !slices.Equal(got.Reports, []string{"2"}) || !slices.Equal(got.Plans, []string{"FLOW_O365_P2"}) || got.Phone || len(got.Owned) != 1 {
		t.Errorf("got %+v, %v, want %+v, the report 2 and flows", got, err, apps)
	}
}

// TestACloudThatListsNoMethodsCostsOnlyThem: 21Vianet lists those of some types alone, each without its type.
func TestACloudThatListsNoMethodsCostsOnlyThem(t *testing.T) {
	const lacks = `"status":400,"body":{"error":{"code":"BadRequest","message":"Resource not found for the segment 'methods'."}}`
	answers := map[string]string{
		"/users/" + leaver + "/authentication/methods": lacks,
		"/users/" + leaver + "/appRoleAssignments":     `"status":200,"body":{"value":[{"id":"b","principalId":"` + leaver + `","appRoleId":"x","resourceId":"y"}]}`,
	}
	const refused = `"status":403,"body":{"error":{"code":"Authorization_RequestDenied","message":"x"}}`
	for kind, collection := range methodCollections {
		path := "/users/" + leaver + "/authentication/" + collection
		answers[path] = lacks
		has := !slices.Contains(simtenant.Lacking("china"), "GET /users/{id}/authentication/"+collection)
		if !has { // as fido2Methods are, which take a permission of their own: to be asked for fails the test
			answers[path] = refused
		}
		if asks := slices.Contains(methodsListedAlone, kind); asks != has {
			t.Errorf("%s: got asked %t, want %t, as the cloud has it", collection, asks, has)
		}
	}
	answers["/users/"+leaver+"/authentication/phoneMethods"] = `"status":200,"body":{"value":[{"id":"p"}]}`
	s, ctx := serve(t, accessOf(answers))
	got, err := s.Privileges(ctx, leaver)
	want := offboarding.Grant{Kind: offboarding.GrantMethod, ID: "p", Type: "phoneAuthenticationMethod"}
	if err != nil || !slices.Equal(got.Hidden, []offboarding.GrantKind{offboarding.GrantMethod}) || len(got.Grants) != 2 || !slices.Contains(got.Grants, want) {
		t.Errorf("got %+v, %v, want the app role, the telephone, and that other methods are hidden", got, err)
	}
	s, ctx = serve(t, respond(400, `{"error":{"code":"BadRequest","message":"Resource not found for the segment 'telephoneNumberManagement'."}}`))
	if _, err := s.TelephoneNumbers(ctx, leaver); !errors.Is(err, offboarding.ErrNotOffered) {
		t.Errorf("got %v, want that it is not offered", err)
	}
}

// TestPrivilegesComeWithoutThoseOfOthers, in a tenant without Privileged Identity Management.
func TestPrivilegesComeWithoutThoseOfOthers(t *testing.T) {
	s, ctx := serve(t, accessOf(map[string]string{
		"/users/" + leaver + "/memberOf": `"status":200,"body":{"value":[{"@odata.type":"#microsoft.graph.group","id":"1","assignedLicenses":[]},` +
			`{"@odata.type":"#microsoft.graph.group","id":"2","assignedLicenses":[],"isAssignableToRole":true}]}`,
		"/roleManagement/directory/roleEligibilitySchedules": `"status":400,"body":{"error":{"code":"AadPremiumLicenseRequired","message":"x"}}`,
		"/roleManagement/directory/roleAssignments":          `"status":200,"body":{"value":[{"id":"a","principalId":"` + leaver + `","roleDefinitionId":"r","directoryScopeId":"/"}]}`,
		"/users/" + leaver + "/appRoleAssignments":           `"status":200,"body":{"value":[{"id":"b","principalId":"` + leaver + `","appRoleId":"x","resourceId":"y"},{"id":"c","principalId":"` + team + `"}]}`,
		"/users/" + leaver + "/authentication/methods":       `"status":200,"body":{"value":[{"@odata.type":"#microsoft.graph.passwordAuthenticationMethod","id":"p"},{"@odata.type":"#microsoft.graph.phoneAuthenticationMethod","id":"d"}]}`,
	}))
	got, err := s.Privileges(ctx, leaver)
	want := []offboarding.Grant{
		{Kind: offboarding.GrantRole, ID: "a", Of: "r", Type: "/"},
		{Kind: offboarding.GrantAppRole, ID: "b", Of: "x of y"},
		{Kind: offboarding.GrantMethod, ID: "d", Type: "phoneAuthenticationMethod"},
	}
	if err != nil || !slices.Equal(got.Grants, want) || len(got.Groups) != 1 || got.Groups[0].ID != "2" || len(got.Owned) > 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestLicencesThatAreNotShownAreAnError: leaving a group whose licences are unknown could lose a
// mailbox.
func TestB2LicencesThatAreNotShownAreAnError(t *testing.T) {
	s, ctx := serve(t, accessOf(map[string]string{
		"/users/" + leaver + "/memberOf": `"status":200,"body":{"value":[{"@odata.type":"#microsoft.graph.group","id":"` + team + `","assignedLicenses":null}]}`,
	}))
	_, err := s.Access(ctx, leaver)
	var permanent *offboarding.PermanentError
	if !errors.As(err, &permanent) || !strings.Contains(err.Error(), team) {
		t.Errorf("%v", err)
	}
}

func TestWritesOfABatchAreAnsweredOneByOne(t *testing.T) {
	other := leaver[:len(leaver)-1] + "0"
	gone := leaver[:len(leaver)-1] + "1"
	path := func(group string) string { return "/groups/" + group + "/members/" + leaver }
	s, ctx := serve(t, batch(map[string]string{
		path(team):  `"status":204`,
		path(gone):  `"status":404,"body":{"error":{"code":"Request_ResourceNotFound"}}`,
		path(other): `"status":429,"headers":{"Retry-After":"11"},"body":{"error":{"code":"TooManyRequests"}}`,
	}))
	errs := s.LeaveGroups(ctx, leaver, []string{team, gone, other})
	var throttled *offboarding.ThrottledError
	if len(errs) != 3 || errs[0] != nil || !errors.Is(errs[1], offboarding.ErrNotFound) || !errors.As(errs[2], &throttled) {
		t.Errorf("%v", errs)
	}
	if !strings.Contains(s.seen[0].body, "$ref") {
		t.Errorf("without $ref the user is deleted: %s", s.seen[0].body)
	}
	if n := len(s.guard.notes); n != 4 { // the batch and what it held
		t.Errorf("noted %v", s.guard.notes)
	}
	if errs := s.LeaveGroups(ctx, leaver, []string{"Sales", team}); errs[0] == nil || errs[1] == nil || len(s.seen) != 1 {
		t.Errorf("a name was sent: %v", errs)
	}
}

func TestABatchThatIsNotAnsweredFailsEveryWrite(t *testing.T) {
	for status, body := range map[int]string{503: "", 200: `{"responses":[]}`} {
		s, ctx := serve(t, respond(status, body))
		errs := s.LeaveGroups(ctx, leaver, []string{team, leaver})
		var permanent *offboarding.PermanentError
		for _, err := range errs {
			if err == nil || errors.As(err, &permanent) {
				t.Errorf("%d: %v", status, errs)
			}
		}
	}
}

func TestManyWritesAreSentTwentyAtATime(t *testing.T) {
	s, ctx := serve(t, batch(map[string]string{"/groups/": `"status":204`}))
	var groups []string
	for i := range 45 {
		groups = append(groups, fmt.Sprintf("%s%02d", team[:len(team)-2], i))
	}
	for _, err := range s.LeaveGroups(ctx, leaver, groups) {
		if err != nil {
			t.Error(err)
		}
	}
	if len(s.seen) != 3 {
		t.Errorf("%d round trips", len(s.seen))
	}
}

func TestAnEligibleRoleIsRemovedByRequest(t *testing.T) {
	s, ctx := serve(t, respond(400, `{"error":{"code":"RoleAssignmentDoesNotExist"}}`))
	errs := s.Revoke(ctx, leaver, []offboarding.Grant{{Kind: offboarding.GrantEligibleRole, ID: "e", Of: "role", Type: "/administrativeUnits/1"}})
	if !errors.Is(errs[0], offboarding.ErrNotFound) {
		t.Errorf("%v", errs)
	}
	for _, want := range []string{`"action":"adminRemove"`, `"principalId":"` + leaver + `"`, `"roleDefinitionId":"role"`, `"directoryScopeId":"/administrativeUnits/1"`} {
		if !strings.Contains(s.seen[0].body, want) {
			t.Errorf("%s is missing: %s", want, s.seen[0].body)
		}
	}
}

func FuzzBatch(f *testing.F) {
	f.Add([]byte(`{"responses":[{"id":"1","status":204},{"id":"0","status":429,"headers":{"Retry-After":"1"},"body":{}}]}`), 2)
	f.Fuzz(func(t *testing.T, text []byte, n int) {
		if n = min(max(n, 0), 20); n == 0 {
			return
		}
		answers, err := readBatch(text, n)
		if err == nil && len(answers) != n {
			t.Errorf("%d answers to %d requests", len(answers), n)
		}
	})
}
