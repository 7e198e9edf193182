package simtenant

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// three people, one of whom is another's manager.
const three = `
users:
  - {userPrincipalName: ada@contoso.com, displayName: Ada Ash, manager: bo@contoso.com, groups: [Team]}
  - {userPrincipalName: bo@contoso.com, displayName: Bo Klee}
  - {userPrincipalName: cy@contoso.com, displayName: Cy Ash-Moor}
groups: [{name: Team}]
`

var eventually = []string{"ConsistencyLevel", "eventual"}

// Source: OData Version 4.01, URL conventions, 4.3.1 and 4.9.
func TestAKeyIsInParenthesesOrASegment(t *testing.T) {
	f := seeded(t, three)
	for _, path := range []string{"/users/" + ada, "/users('" + ada + "')", "/users('" + UserID(ada) + "')"} {
		a := f.call("GET", path, nil)
		f.want(a, http.StatusOK, "")
		equal(t, path, a.at("id"), UserID(ada))
	}
	f.want(f.call("POST", "/users('"+ada+"')/revokeSignInSessions", nil), http.StatusOK, "")
	f.want(f.call("GET", "/users('nobody''s')", nil), http.StatusNotFound, "Request_ResourceNotFound")
}

// Source: Microsoft Graph, Use the $search query parameter, directory object collections.
func TestSearchFindsWordsByTheirBeginnings(t *testing.T) {
	f := seeded(t, three)
	for search, want := range map[string]string{
		`"displayName:ash"`:                                "Ada Ash, Cy Ash-Moor",
		`"displayName:moor"`:                               "Cy Ash-Moor",
		`"displayName:ash" AND "userPrincipalName:ada"`:    "Ada Ash",
		`"displayName:klee" OR "displayName:moor"`:         "Bo Klee, Cy Ash-Moor",
		`"displayName:ash" AND NOT "userPrincipalName:cy"`: "Ada Ash",
		`"displayName:lee"`:                                "",
	} {
		a := f.call("GET", "/users?$orderby=displayName&$select=displayName&$search="+url.QueryEscape(search), nil, eventually...)
		f.want(a, http.StatusOK, "")
		var names []string
		for _, v := range a.values() {
			names = append(names, v["displayName"].(string))
		}
		equal(t, search, strings.Join(names, ", "), want)
	}
	ash := "/users?$search=" + url.QueryEscape(`"displayName:ash"`)
	f.want(f.call("GET", ash, nil), http.StatusBadRequest, "Request_UnsupportedQuery")
	f.want(f.call("GET", "/users?$search=ash", nil, eventually...), http.StatusBadRequest, "BadRequest")
	f.want(f.call("GET", "/users?$search="+url.QueryEscape(`"shoeSize:9"`), nil, eventually...), http.StatusBadRequest, "Request_BadRequest")
}

// Source: Microsoft Graph, Advanced query capabilities on Microsoft Entra ID objects.
func TestAnOrderHoldsOverPages(t *testing.T) {
	f := seeded(t, three)
	var names []string
	for next := "/users?$select=displayName&$top=2&$orderby=" + url.QueryEscape("displayName desc"); next != ""; {
		a := f.call("GET", next, nil)
		f.want(a, http.StatusOK, "")
		for _, v := range a.values() {
			names = append(names, v["displayName"].(string))
		}
		next, _ = a.body["@odata.nextLink"].(string)
	}
	equal(t, "order", strings.Join(names, ", "), "Cy Ash-Moor, Bo Klee, Ada Ash")
	ordered := "/users?$orderby=displayName&" + where("accountEnabled eq true")
	f.want(f.call("GET", ordered, nil), http.StatusBadRequest, "Request_UnsupportedQuery")
	f.want(f.call("GET", ordered+"&$count=true", nil, eventually...), http.StatusOK, "")
}

func TestTheManagerIsExpanded(t *testing.T) {
	f := seeded(t, three)
	a := f.call("GET", "/users/"+ada+"?$select=id&$expand="+url.QueryEscape("manager($select=displayName)"), nil)
	f.want(a, http.StatusOK, "")
	equal(t, "manager", a.at("manager", "displayName"), "Bo Klee")
	if a.at("displayName") != "<nil>" || a.at("manager", "id") == UserID(bo) && a.at("manager", "userPrincipalName") != "<nil>" {
		t.Errorf("more is shown than was selected: %v", a.body)
	}
	if a = f.call("GET", "/users/"+bo+"?$expand=manager", nil); a.status != http.StatusOK || a.at("manager") != "<nil>" {
		t.Errorf("a manager who is not there: %d %v", a.status, a.body)
	}
	a = f.call("GET", "/users/"+ada+"?$expand=directReports", nil)
	f.want(a, http.StatusNotImplemented, "NotImplemented")
	if !strings.Contains(a.at("error", "message"), "not simulated") {
		t.Errorf("got %v, want that it is not simulated", a.body)
	}
}

// Source: Microsoft Graph, user: delta.
func TestDeltaShowsWhoChangedAndWhoIsGone(t *testing.T) {
	f := seeded(t, three)
	a := f.call("GET", "/users/delta?$select=displayName", nil)
	f.want(a, http.StatusOK, "")
	equal(t, "everybody", len(a.values()), 3)
	next := a.at("@odata.deltaLink")
	if a = f.call("GET", next, nil); len(a.values()) != 0 {
		t.Errorf("nothing happened, and delta shows %v", a.values())
	}
	f.want(f.call("PATCH", "/users/"+ada, map[string]any{"accountEnabled": false}), http.StatusNoContent, "")
	f.want(f.call("DELETE", "/users/"+bo, nil), http.StatusNoContent, "")
	a = f.call("GET", next, nil)
	equal(t, "changed and gone", len(a.values()), 2)
	for _, v := range a.values() {
		removed, _ := json.Marshal(v["@removed"])
		if (v["id"] == UserID(bo)) != (string(removed) != "null") {
			t.Errorf("%v is removed: %s", v["id"], removed)
		}
	}
	equal(t, "as a function", len(f.call("GET", "/users/microsoft.graph.delta()", nil).values()), 2)
	f.want(f.call("GET", "/users/delta?$deltatoken=x", nil), http.StatusBadRequest, "Request_BadRequest")
}

// Sources: Microsoft Graph, Use delta query to track changes: pages, state tokens and synchronization reset; Paging.
func TestTheDeltaOfUsersComesInPagesAndItsTokenEnds(t *testing.T) {
	f := seeded(t, three+"knobs: {deltaLife: 168h}\n")
	a := f.call("GET", "/users/delta?$select=displayName", nil, "Prefer", "odata.maxpagesize=2")
	equal(t, "a page", len(a.values()), 2)
	if next := a.at("@odata.nextLink"); !strings.Contains(next, "/users/delta?$skiptoken=") || strings.Contains(next, "select") || a.body["@odata.deltaLink"] != nil {
		t.Errorf("the page ends with %v, want a link of a $skiptoken alone", a.body)
	}
	f.want(f.call("PATCH", "/users/"+ada, map[string]any{"displayName": "Ada Oak"}), http.StatusNoContent, "")
	last := f.call("GET", a.at("@odata.nextLink"), nil, "Prefer", "odata.maxpagesize=2")
	equal(t, "the rest", len(last.values()), 1)
	if v := last.values()[0]; v["id"] == nil || v["displayName"] == nil || v["mail"] != nil {
		t.Errorf("the second page shows %v, want what was selected, and the id", v)
	}
	link := last.at("@odata.deltaLink")
	if !strings.Contains(link, "/users/delta?$deltatoken=") || strings.Contains(link, "select") {
		t.Errorf("the link of the changes is %s, want a $deltatoken alone", link)
	}
	equal(t, "changed while it was read", f.call("GET", link, nil).names("id"), UserID(ada))
	f.Advance(7*24*time.Hour + time.Second)
	a = f.call("GET", link, nil)
	f.want(a, http.StatusGone, "syncStateNotFound")
	equal(t, "begin anew", a.header.Get("Location"), f.conn.Graph+"/users/delta?$deltatoken=")
}

// Source: Microsoft Graph, Paging: @odata.nextLink.
func TestLinksWriteTheDollarAsItIs(t *testing.T) {
	f := seeded(t, three)
	a := f.call("GET", "/users?$top=1&$select=id", nil)
	if next := a.at("@odata.nextLink"); !strings.Contains(next, "&$skiptoken=") || !strings.Contains(next, "$select=id") || strings.Contains(next, "%24") {
		t.Errorf("the next page is at %s, want the dollar as it is", next)
	}
	equal(t, "the next page", len(f.call("GET", a.at("@odata.nextLink"), nil).values()), 1)
}

func TestANumberIsAnIdInABatch(t *testing.T) {
	f := seeded(t, three)
	a := f.call("POST", "/$batch", map[string]any{"requests": []any{
		map[string]any{"id": 1, "method": "GET", "url": "/users/" + ada}, map[string]any{"id": "2", "method": "GET", "url": "/users/" + bo, "dependsOn": []any{1}},
	}})
	f.want(a, http.StatusOK, "")
	for _, r := range a.body["responses"].([]any) {
		one := r.(map[string]any)
		if id, _ := one["id"].(string); id != "1" && id != "2" || one["status"] != float64(200) {
			t.Errorf("got %v, want 200 for 1 and 2, written as texts", one)
		}
	}
}

// What Microsoft has and the tenant does not is told from what Microsoft does not have either.
func TestWhatIsNotSimulatedIsToldFromWhatThereIsNot(t *testing.T) {
	f := seeded(t, three)
	a := f.call("GET", "/users/"+ada+"?$select=signInActivity", nil)
	f.want(a, http.StatusNotImplemented, "NotImplemented")
	f.want(f.call("GET", "/users/"+ada+"?$select=shoeSize", nil), http.StatusBadRequest, "BadRequest")
}

// Source: Microsoft identity platform, access token claims reference.
func TestATokenSaysWhatClientsReadInIt(t *testing.T) {
	f := setUp(t, Config{})
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(f.token(DefaultClientID, graphAudience), claims); err != nil {
		t.Fatal(err)
	}
	if audience, isOne := claims["aud"].(string); !isOne || audience != graphAudience || claims["idtyp"] != "app" || claims["app_displayname"] == "" {
		t.Errorf("aud %v, idtyp %v, app_displayname %v", claims["aud"], claims["idtyp"], claims["app_displayname"])
	}
}

// Sources: Microsoft Graph, List directoryRoles, directoryRole: list members and remove member.
func TestARoleIsTakenAwayByItsMembersToo(t *testing.T) {
	f := seeded(t, `
users: [{userPrincipalName: ada@contoso.com, roles: [Helpdesk Administrator]}, {userPrincipalName: bo@contoso.com, roles: [Directory Readers, Helpdesk Administrator]}]
`)
	helpdesk := roleByName("Helpdesk Administrator").id
	roles := f.call("GET", "/directoryRoles?"+where("roleTemplateId eq '"+helpdesk+"'"), nil)
	members := "/directoryRoles/" + only(t, roles, "id") + "/members"
	equal(t, "members", len(f.call("GET", members, nil).values()), 2)
	equal(t, "by their template", len(f.call("GET", "/directoryRoles(roleTemplateId='"+helpdesk+"')/members", nil).values()), 2)
	f.want(f.call("DELETE", members+"/"+UserID(bo)+"/$ref", nil), http.StatusNoContent, "")
	f.want(f.call("DELETE", members+"/"+UserID(bo)+"/$ref", nil), http.StatusNotFound, "Request_ResourceNotFound")
	f.Edit(func(w *World) {
		for _, a := range w.RoleAssignments {
			if a.Principal == UserID(bo) && a.Role == helpdesk {
				t.Error("bo has the role still")
			}
		}
	})
	equal(t, "who holds it", f.call("GET", members, nil).names("id"), UserID(ada))
}

// Sources: Microsoft Graph, Add members (several in one request), Create group with owners and members.
func TestMembersAndOwnersAreBoundInOneRequest(t *testing.T) {
	f := seeded(t, three)
	bind := func(who ...string) []string {
		var links []string
		for _, w := range who {
			links = append(links, "https://graph.microsoft.com/v1.0/directoryObjects/"+UserID(w))
		}
		return links
	}
	team := "/groups/" + GroupID("Team")
	f.want(f.call("PATCH", team, map[string]any{"members@odata.bind": bind(bo, "cy@contoso.com")}), http.StatusNoContent, "")
	if g, _ := f.GroupByName("Team"); len(g.Members) != 3 {
		t.Errorf("the members are %v, want all three", g.Members)
	}
	f.want(f.call("PATCH", team, map[string]any{"members@odata.bind": bind(bo)}), http.StatusBadRequest, "Request_BadRequest")
	f.want(f.call("PATCH", team, map[string]any{"owners@odata.bind": bind("nobody@contoso.com")}), http.StatusNotFound, "Request_ResourceNotFound")
	a := f.call("POST", "/groups", map[string]any{
		"displayName": "New", "mailNickname": "new", "mailEnabled": false, "securityEnabled": true, "owners@odata.bind": bind(ada), "members@odata.bind": bind(bo),
	})
	f.want(a, http.StatusCreated, "")
	if g, _ := f.GroupByName("New"); len(g.Owners) != 1 || g.Owners[0] != UserID(ada) || len(g.Members) != 1 || g.Members[0] != UserID(bo) {
		t.Errorf("the owners are %v and the members %v, want ada and bo", g.Owners, g.Members)
	}
	equal(t, "owners who are users", f.call("GET", "/groups/"+a.at("id")+"/owners/microsoft.graph.user?$select=id", nil).names("id"), UserID(ada))
	// What binds something that is not simulated is said, not forgotten.
	f.want(f.call("PATCH", "/users/"+ada, map[string]any{"manager@odata.bind": "https://graph.microsoft.com/v1.0/users/" + UserID(bo)}), http.StatusNotImplemented, "NotImplemented")
}
