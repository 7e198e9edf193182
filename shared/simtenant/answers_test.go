package simtenant

import (
	"net/http"
	"strings"
	"testing"
)

// TestAnswersAreMicrosofts asks as the foreign clients do, and as people have reported of Microsoft.
func TestAnswersAreMicrosofts(t *testing.T) {
	f := seeded(t, adaAndBo)
	group, ref := "/groups/"+GroupID("Buyers"), func(address string) map[string]any { return map[string]any{"@odata.id": address} }
	for _, c := range []struct {
		source       string
		method, path string
		body         any
		status       int
		code, says   string
	}{
		// What the tenant does not simulate is not said to be missing.
		{"group: delta", "GET", "/groups/delta", nil, 501, "NotImplemented", "not simulated"},
		{"device: delta", "GET", "/devices/delta()", nil, 501, "NotImplemented", "not simulated"},
		{"event: delta", "GET", "/users/" + ada + "/events/delta", nil, 501, "NotImplemented", "not simulated"},
		{"mailFolder: delta", "GET", "/users/" + ada + "/mailFolders/delta", nil, 501, "NotImplemented", "not simulated"},
		{"List deletedItems", "GET", "/directory/deletedItems/microsoft.graph.application", nil, 501, "NotImplemented", "not simulated"},
		{"user, relationships", "GET", "/users/" + ada + "?$select=manager", nil, 501, "NotImplemented", "not simulated"},
		{"user, relationships, options of $expand", "GET", "/users/" + ada + "?$expand=manager($levels=max;$select=id)", nil, 501, "NotImplemented", "not simulated"},
		{"user, relationships", "GET", "/users?" + where("manager/id eq 'x'"), nil, 501, "NotImplemented", "not simulated"},
		{"user, relationships", "PATCH", "/users/" + ada, map[string]any{"manager": nil}, 501, "NotImplemented", "not simulated"},
		{"query parameters", "GET", "/users?$format=json", nil, 501, "NotImplemented", "not simulated"},
		{"query parameters", "GET", "/users?$select=*", nil, 501, "NotImplemented", "not simulated"},
		{"query parameters", "GET", "/users?$orderby=displayName,mail", nil, 501, "NotImplemented", "not simulated"},
		{"OData 4.01, year", "GET", "/users?" + where("year(createdDateTime) eq 2020"), nil, 501, "NotImplemented", "not simulated"},
		{"Update mailboxSettings", "PATCH", "/users/" + ada + "/mailboxSettings", map[string]any{"timeZone": "UTC"}, 501, "NotImplemented", "not simulated"},
		{"Get group, alternate key", "GET", "/groups(uniqueName='buyers')", nil, 501, "NotImplemented", "not simulated"},

		// Names and values.
		{"docs-contrib#3854", "GET", "/groups/Buyers", nil, 400, "Request_BadRequest", "Invalid object identifier 'Buyers'."},
		{"docs#3044", "GET", "/users?" + where("accountEnabled eq 'true'"), nil, 400, "BadRequest", "'Edm.Boolean' and 'Edm.String'"},
		{"msgraph-sdk-dotnet#2306", "GET", "/users?" + where("assignedLicenses/any(s:s/skuId eq '"+skuOfficeE3ID+"')"), nil, 400, "BadRequest", "'Edm.Guid' and 'Edm.String'"},
		{"docs#10665", "GET", "/users/" + ada + "/appRoleAssignments?" + where("resourceId eq '"+skuOfficeE3ID+"'"), nil, 400, "BadRequest", "'Edm.Guid' and 'Edm.String'"},
		{"the same, the other way", "GET", "/roleManagement/directory/roleAssignments?" + where("principalId eq "+UserID(ada)), nil, 400, "BadRequest", "'Edm.String' and 'Edm.Guid'"},
		{"the same, a number", "GET", "/users?" + where("employeeId eq 123"), nil, 400, "BadRequest", "'Edm.String' and 'Edm.Int32'"},
		{"the same, a moment", "GET", "/users?" + where("createdDateTime ge '2020-01-01T00:00:00Z'"), nil, 400, "BadRequest", "GreaterThanOrEqual"},
		{"the same, a collection", "GET", "/users?" + where("proxyAddresses eq 'smtp:x'"), nil, 400, "BadRequest", "Collection(Edm.String)"},
		{"the same, a name", "GET", "/users?" + where("displayName eq Ada"), nil, 400, "BadRequest", "Could not find a property named 'Ada'"},

		// Queries that take ConsistencyLevel: eventual and $count=true, or are never answered.
		{"ms-identity-dotnetcore-b2c#9", "GET", "/users?" + where("officeLocation eq 'HQ'"), nil, 400, "Request_UnsupportedQuery", "property 'officeLocation' of resource 'User'"},
		{"docs-contrib#9135", "GET", "/users?" + where("onPremisesSamAccountName eq 'ada'"), nil, 400, "Request_UnsupportedQuery", "onPremisesSamAccountName"},
		{"docs-contrib#3562", "GET", "/users?" + where("employeeType eq 'x'"), nil, 400, "Request_UnsupportedQuery", "employeeType"},
		{"docs#13583", "GET", "/users?" + where("userType ne 'Guest'"), nil, 400, "Request_UnsupportedQuery", "property 'userType' of resource 'User'"},
		{"Advanced query capabilities", "GET", "/users?" + where("assignedLicenses/$count eq 0"), nil, 400, "Request_UnsupportedQuery", "assignedLicenses"},
		{"Advanced query capabilities", "GET", "/users?" + where("city eq null"), nil, 400, "Request_UnsupportedQuery", "city"},
		{"Advanced query capabilities", "GET", "/users?$orderby=createdDateTime", nil, 400, "Request_UnsupportedQuery", "Sorting not supported"},
		{"Advanced query capabilities", "GET", "/directory/deletedItems/microsoft.graph.user?$orderby=deletedDateTime", nil, 400, "Request_UnsupportedQuery", "Sorting not supported"},
		{"docs#14451", "GET", "/users?" + where("contains(displayName,'d')"), nil, 400, "Request_UnsupportedQuery", "operator 'Contains'"},
		{"user, no Supports $filter", "GET", "/users?" + where("signInSessionsValidFromDateTime ge 2026-01-01T00:00:00Z"), nil, 400, "Request_UnsupportedQuery", "signInSessionsValidFromDateTime"},

		// Bodies.
		{"msgraph-sdk-dotnet#187", "PATCH", "/users/" + ada, map[string]any{"jobTitle": ""}, 400, "Request_BadRequest", "property 'jobTitle' of resource 'User'"},
		{"Update user", "PATCH", "/users/" + ada, map[string]any{"displayName": nil}, 400, "Request_BadRequest", "displayName"},
		{"Update user", "PATCH", "/users/" + ada, map[string]any{"usageLocation": "Germany"}, 400, "Request_BadRequest", "usageLocation"},
		{"Update user", "PATCH", "/users/" + ada, map[string]any{"businessPhones": []string{"1", "2"}}, 400, "Request_BadRequest", "businessPhones"},
		{"Update user", "PATCH", "/users/" + ada, map[string]any{"employeeHireDate": "yesterday"}, 400, "Request_BadRequest", "employeeHireDate"},
		{"Update user", "PATCH", "/users/" + ada, map[string]any{"userPrincipalName": "a da@contoso.com"}, 400, "Request_BadRequest", "userPrincipalName"},
		{"docs#7602", "PATCH", "/users/" + ada, map[string]any{"userPrincipalName": "ada@fabrikam.com"}, 400, "Request_BadRequest", "verified domain"},
		{"docs-contrib#8421", "PATCH", "/users/" + ada, map[string]any{"mail": bo}, 400, "Request_BadRequest", "property proxyAddresses already exists"},
		{"docs#12014", "PATCH", group, map[string]any{"mailEnabled": true}, 400, "Request_BadRequest", "writes of mail-enabled groups"},
		{"docs#4957", "PATCH", group, map[string]any{"mail": "buyers@contoso.com"}, 400, "Request_BadRequest", "read-only"},
		{"Update group", "PATCH", group, map[string]any{"displayName": nil}, 400, "Request_BadRequest", "displayName"},
		{"group, visibility", "PATCH", "/groups/" + GroupID("Team"), map[string]any{"visibility": "HiddenMembership"}, 400, "Request_BadRequest", "visibility"},
		{"msgraph.go#14", "POST", "/users/" + ada + "/assignLicense", map[string]any{"addLicenses": []any{map[string]any{"skuId": "E3"}}, "removeLicenses": []any{}}, 400, "Request_BadRequest", "'Edm.Guid'"},
		{"CIPP#682", "POST", "/users/" + ada + "/assignLicense", map[string]any{"addLicenses": []any{}, "removeLicenses": []any{"Success"}}, 400, "Request_BadRequest", "'Edm.Guid'"},
		{"docs-contrib#7083", "PATCH", "/users/" + ada, nil, 400, "BadRequest", "Empty Payload"},
		{"msgraph-sdk-dotnet#1846", "POST", group + "/members/$ref", ref(UserID(bo)), 400, "BadRequest", "Invalid URL format"},
		{"msgraph-sdk-powershell#3156", "PUT", "/users/" + ada + "/manager/$ref", map[string]any{}, 400, "BadRequest", "Invalid URL format"},
	} {
		a := f.call(c.method, c.path, c.body)
		if a.status != c.status || a.code() != c.code || !strings.Contains(a.at("error", "message"), c.says) {
			t.Errorf("%s: %s %s: got %d %v, want %d %s %q", c.source, c.method, c.path, a.status, a.body, c.status, c.code, c.says)
		}
	}
	if u, _ := f.UserByUPN(ada); u.JobTitle != "" || u.DisplayName != "Ada Ash" || len(u.BusinessPhones) > 0 {
		t.Errorf("ada is %+v, want as before", u)
	}
}

// TestWhatMicrosoftAnswersIsAnswered is the other half: what clients ask, and Microsoft answers.
func TestWhatMicrosoftAnswersIsAnswered(t *testing.T) {
	f := seeded(t, adaAndBo)
	for _, filter := range []string{
		"officeLocation eq null", "assignedLicenses/$count ne 0", "employeeType ne 'x'", "endswith(mail,'contoso.com')", "city eq null",
	} {
		a := f.call("GET", "/users?$count=true&$select=id&"+where(filter), nil, eventually...)
		if a.status != http.StatusOK || len(a.values()) != 2 {
			t.Errorf("%s: got %d %v, want ada and bo", filter, a.status, a.body)
		}
	}
	f.want(f.call("GET", "/users?$count=true&$orderby=createdDateTime", nil, eventually...), http.StatusOK, "")
	// Sources: msgraph-metadata, v1.0, Alias="graph"; OData 4.01, URL conventions, 4.5.1 (qualified names of actions).
	equal(t, "a cast by its short name", f.call("GET", "/groups/"+GroupID("Team")+"/members/graph.user?$select=id", nil).names("id"), UserID(ada))
	f.want(f.call("POST", "/users/"+ada+"/microsoft.graph.revokeSignInSessions", nil), http.StatusOK, "")
	// Source: microsoftgraph/msgraph-sdk-javascript#947: a Microsoft 365 group stays mail-enabled, and 204 says nothing of it.
	f.want(f.call("PATCH", "/groups/"+GroupID("Team"), map[string]any{"mailEnabled": false, "visibility": "Private"}), http.StatusNoContent, "")
	if team, _ := f.GroupByName("Team"); !team.MailEnabled || f.call("GET", "/groups/"+team.ID, nil).at("visibility") != "Private" {
		t.Errorf("the team is %+v, want mail-enabled and private", team)
	}
	f.want(f.call("POST", "/groups", map[string]any{
		"displayName": "Hidden", "mailNickname": "hidden", "mailEnabled": true, "securityEnabled": false, "groupTypes": []string{"Unified"}, "visibility": "HiddenMembership",
	}), http.StatusCreated, "")
	if hidden, _ := f.GroupByName("Hidden"); !hidden.HiddenMembership {
		t.Errorf("the group is %+v, want its members hidden", hidden)
	}
	a := f.call("GET", "/groups/"+GroupID("Team")+"/members/microsoft.graph.user?$select=id", nil)
	if _, says := a.values()[0]["@odata.type"]; says || !strings.HasSuffix(a.at("@odata.context"), "#users(id)") {
		t.Errorf("by a cast: got %v, want users that do not say that they are", a.body)
	}
	// Source: Microsoft Graph, directoryObject: getMemberObjects.
	objects := func(only bool) int {
		listed, _ := f.call("POST", "/users/"+ada+"/getMemberObjects", map[string]any{"securityEnabledOnly": only}).body["value"].([]any)
		return len(listed)
	}
	equal(t, "the team, the buyers and a role", objects(false), 3)
	equal(t, "the buyers", objects(true), 1)
	// Source: pnp/cli-microsoft365, entra user add and entra group add.
	f.want(f.call("POST", "/users", map[string]any{
		"accountEnabled": true, "displayName": "Cy", "mailNickName": "cy", "userPrincipalName": "cy@contoso.com", "passwordProfile": map[string]any{"password": "Lang3r-und-gut"},
	}), http.StatusCreated, "")
	f.want(f.call("POST", "/groups", map[string]any{"displayName": "New", "mailNickName": "new", "mailEnabled": false, "securityEnabled": true}), http.StatusCreated, "")
	cy, _ := f.UserByUPN("cy@contoso.com")
	equal(t, "nickname", cy.MailNickname, "cy")
	// Source: Microsoft Graph, resource type passwordProfile.
	f.want(f.call("PATCH", "/users/cy@contoso.com", map[string]any{"passwordProfile": map[string]any{"forceChangePasswordNextSignIn": true}}), http.StatusNoContent, "")
	if u, _ := f.UserByUPN("cy@contoso.com"); u.PasswordChanges != 0 {
		t.Errorf("the password was changed %d times, want never", u.PasswordChanges)
	}
}

// Sources: Microsoft Graph, error responses (415); microsoftgraph/microsoft-graph-docs-contrib#6215.
func TestABodySaysThatItIsJSON(t *testing.T) {
	f := seeded(t, adaAndBo)
	for kind, status := range map[string]int{"": 400, "text/plain": 415, "application/json;odata.metadata=full": 204} {
		f.want(f.call("PATCH", "/users/"+ada, map[string]any{"jobTitle": "Gone"}, "Content-Type", kind), status, "")
	}
}
