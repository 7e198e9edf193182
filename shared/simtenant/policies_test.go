package simtenant

import (
	"testing"
)

// Sources: Microsoft Graph, List policies of Conditional Access; group: list transitiveMembers.
func TestConditionalAccessLeavesSomebodyOut(t *testing.T) {
	f := seeded(t, `
groups: [{name: Outer}, {name: Inner, within: [Outer]}]
conditionalAccessPolicies:
  - {displayName: MFA, excludeUsers: [ada@contoso.com], excludeGroups: [Outer], excludeRoles: [Global Administrator]}
  - {displayName: Block legacy, state: disabled, grantControls: [block]}
users: [{userPrincipalName: ada@contoso.com}, {userPrincipalName: bo@contoso.com, groups: [Inner]}]
`)
	policies := f.call("GET", "/identity/conditionalAccess/policies?$select=id,state,conditions,grantControls&"+where("state eq 'enabled'"), nil)
	equal(t, "enabled", len(policies.values()), 1)
	users := policies.values()[0]["conditions"].(map[string]any)["users"].(map[string]any)
	equal(t, "left out by name", users["excludeUsers"].([]any)[0], any(UserID(ada)))
	equal(t, "left out by role", users["excludeRoles"].([]any)[0], any(roleByName("Global Administrator").id))
	equal(t, "left out by group", users["excludeGroups"].([]any)[0], any(GroupID("Outer")))
	equal(t, "members", len(f.call("GET", "/groups/"+GroupID("Outer")+"/transitiveMembers?$select=id", nil).values()), 2)
	f.want(f.call("GET", "/groups/"+UserID(ada)+"/transitiveMembers", nil), 404, "Request_ResourceNotFound")
	f.want(f.call("GET", "/identity/conditionalAccess/policies?$select=excludeUsers", nil), 400, "")
}

// Sources: Microsoft Graph, servicePrincipal: list appRoleAssignedTo; OData's key as a property of its own.
func TestWhoWasGivenARoleOfAServicePrincipal(t *testing.T) {
	f := seeded(t, `
knobs: {syncAsApplication: true}
users: [{userPrincipalName: ada@contoso.com}]
`)
	given := f.call("GET", "/servicePrincipals(appId='"+synchronisationAppID+"')/appRoleAssignedTo", nil)
	equal(t, "given to", only(t, given, "principalId"), servicePrincipalID(SyncApp))
	equal(t, "by name", f.call("GET", "/users('"+ada+"')?$select=id", nil).at("id"), UserID(ada))
	f.want(f.call("POST", "/applications(appId='"+DefaultClientID+"')/owners/$ref", map[string]any{"@odata.id": "https://graph.microsoft.com/v1.0/users/" + UserID(ada)}), 204, "")
	equal(t, "owners", only(t, f.call("GET", "/applications(appId='"+DefaultClientID+"')/owners", nil), "id"), UserID(ada))
	f.want(f.call("GET", "/servicePrincipals(appId='"+SyncAccount+"')/owners", nil), 404, "Request_ResourceNotFound")
}
