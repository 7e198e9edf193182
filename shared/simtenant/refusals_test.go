package simtenant

import (
	"strings"
	"testing"
	"time"
)

// Sources: Microsoft Graph, group: add and remove members and owners, restricted management administrative
// units, authentication methods, telephoneNumberManagement, unifiedRoleAssignment; Exchange PowerShell.
func TestWhatIsRefusedAndChangesNothing(t *testing.T) {
	f := seeded(t, `
organization: {remoteDomains: [{name: Fabrikam, domainName: fabrikam.com}]}
administrativeUnits: [{displayName: Board, isMemberManagementRestricted: true, members: [cy@contoso.com, Secret]}]
groups:
  - {name: Secret, owners: [ada@contoso.com]}
  - {name: Dynamic, rule: "user.city eq 'Bern'"}
  - {name: Synced, synced: true, owners: [ada@contoso.com, bo@contoso.com]}
  - {name: News, kind: distribution, owners: [ada@contoso.com]}
  - {name: Away, kind: distribution, synced: true}
  - {name: Team, kind: unified, owners: [ada@contoso.com]}
users:
  - userPrincipalName: ada@contoso.com
    licences: [ENTERPRISEPACK]
    groups: [Team, News]
    roles: [Directory Readers]
    access: {authenticationMethods: [phone, fido2], telephoneNumbers: ["+491"]}
  - {userPrincipalName: bo@contoso.com, synced: true, licences: [ENTERPRISEPACK]}
  - {userPrincipalName: cy@contoso.com}
`)
	link := func(who string) map[string]any {
		return map[string]any{"@odata.id": "https://graph.microsoft.com/v1.0/directoryObjects/" + UserID(who)}
	}
	group := func(name, of string) string { return "/groups/" + GroupID(name) + "/" + of }
	phone := ""
	f.Edit(func(w *World) { phone = w.Users[UserID(ada)].Methods[0].ID })
	readers := roleByName("Directory Readers").id
	number := map[string]any{"telephoneNumber": "+491", "numberType": "callingPlan", "assignmentTargetId": UserID(bo)}
	const numbers = "/admin/teams/telephoneNumberManagement/numberAssignments/assignNumber"
	for _, c := range []struct {
		method, path string
		body         any
		status       int
		code         string
	}{
		{"POST", group("Dynamic", "members/$ref"), link(ada), 403, "Authorization_RequestDenied"},
		{"POST", group("Team", "members/$ref"), link(ada), 400, "Request_BadRequest"},
		{"POST", group("Team", "owners/$ref"), link(ada), 400, "Request_BadRequest"},
		{"DELETE", group("Team", "owners/"+UserID(ada)+"/$ref"), nil, 400, "Request_BadRequest"},
		{"DELETE", group("Synced", "owners/"+UserID(ada)+"/$ref"), nil, 400, "Request_BadRequest"},
		{"POST", group("News", "owners/$ref"), link(bo), 400, "Request_BadRequest"},
		{"POST", group("Secret", "owners/$ref"), link(bo), 403, "Authorization_RequestDenied"},
		{"PUT", "/users/cy@contoso.com/manager/$ref", link(ada), 403, "Authorization_RequestDenied"},
		{"DELETE", "/users/" + ada + "/authentication/phoneMethods/" + phone, nil, 400, "badRequest"},
		{"DELETE", "/users/" + ada + "/authentication/passwordMethods/" + passwordMethodID, nil, 405, "methodNotAllowed"},
		{"POST", numbers, number, 400, "Request_BadRequest"},
		{"POST", numbers, map[string]any{"telephoneNumber": "+492", "numberType": "callingPlan", "assignmentTargetId": UserID(bo)}, 400, "Request_BadRequest"},
		{"POST", "/roleManagement/directory/roleAssignments", map[string]any{"principalId": UserID(ada), "roleDefinitionId": readers, "directoryScopeId": "/"}, 400, "Request_BadRequest"},
		{"POST", "/roleManagement/directory/roleEligibilityScheduleRequests", map[string]any{"action": "adminRemove", "principalId": UserID(ada), "roleDefinitionId": readers, "directoryScopeId": "/"}, 400, "RoleAssignmentDoesNotExist"},
		{"PATCH", "/users/" + ada, map[string]any{"userPrincipalName": "cy@contoso.com"}, 400, "Request_BadRequest"},
		{"GET", "/users/$count", nil, 400, "Request_BadRequest"},
		{"GET", "/users?" + where("not startswith(displayName,'A')"), nil, 400, "Request_UnsupportedQuery"},
		{"GET", "/users?" + where("endswith(mail,'x')"), nil, 400, "Request_UnsupportedQuery"},
		{"GET", "/users?" + where("onPremisesExtensionAttributes/extensionAttribute1 eq 'x'"), nil, 400, "Request_UnsupportedQuery"},
	} {
		if a := f.call(c.method, c.path, c.body); a.status != c.status || a.code() != c.code {
			t.Errorf("%s %s: got %d %v, want %d %s", c.method, c.path, a.status, a.body, c.status, c.code)
		}
	}
	for _, c := range []struct {
		cmdlet    string
		args      args
		status    int
		exception string
	}{
		{"Set-Mailbox", args{"Identity": bo, "AccountDisabled": true}, 400, scopeException},
		{"Set-DistributionGroup", args{"Identity": "Away", "ManagedBy": []any{ada}, "BypassSecurityGroupManagerCheck": true}, 400, scopeException},
		{"Set-DistributionGroup", args{"Identity": "News", "ManagedBy": nil, "BypassSecurityGroupManagerCheck": true}, 400, recipientException},
		{"Add-DistributionGroupMember", args{"Identity": "News", "Member": ada, "BypassSecurityGroupManagerCheck": true}, 400, "Microsoft.Exchange.Management.Tasks.MemberAlreadyExistsException"},
		{"Get-RemoteDomain", args{"Identity": "fabrikam.com"}, 404, notFoundException},
	} {
		if a := f.exec(c.cmdlet, c.args); a.status != c.status || a.header.Get("X-ExceptionType") != c.exception {
			t.Errorf("%s %v: got %d %s, want %d %s", c.cmdlet, c.args, a.status, a.header.Get("X-ExceptionType"), c.status, c.exception)
		}
	}
	if u, _ := f.UserByUPN(ada); len(u.Methods) != 2 || len(u.Numbers) != 1 {
		t.Errorf("a refused call changed %+v", u)
	}
	if g, _ := f.GroupByName("Team"); len(g.Owners) != 1 || len(g.Members) != 1 {
		t.Errorf("a refused call changed %+v", g)
	}
}

// Sources: microsoftgraph/microsoft-graph-docs issue 19012; Microsoft Graph, Restore deleted item; Exchange,
// New-MailboxRestoreRequest.
func TestGuestsAddressesAndMailboxesThatComeBack(t *testing.T) {
	f := seeded(t, `
knobs: {mailboxReborn: true}
users:
  - {userPrincipalName: "gus_fabrikam.com#EXT#@contoso.com", guest: true}
  - {userPrincipalName: ada@contoso.com, licences: [ENTERPRISEPACK], mailbox: {items: 7}}
  - {userPrincipalName: cy@contoso.com, licences: [ENTERPRISEPACK], licenceErrors: {ENTERPRISEPACK: CountViolation}}
  - {userPrincipalName: bo@contoso.com, licences: [ENTERPRISEPACK]}
`)
	gus := UserID("gus_fabrikam.com#EXT#@contoso.com")
	was, _ := f.User(gus)
	f.Advance(time.Hour)
	f.want(f.call("POST", "/users/"+gus+"/revokeSignInSessions", nil), 200, "")
	if is, _ := f.User(gus); !is.SessionsValidFrom.Equal(was.SessionsValidFrom) {
		t.Errorf("the sessions of a guest end at %v, want what was", is.SessionsValidFrom)
	}
	if _, there := f.Mailbox(UserID("cy@contoso.com")); there {
		t.Error("a licence in error brought a mailbox")
	}
	licence := func(add, remove []any) {
		f.want(f.call("POST", "/users/"+ada+"/assignLicense", map[string]any{"addLicenses": add, "removeLicenses": remove}), 200, "")
	}
	before, _ := f.Mailbox(UserID(ada))
	licence([]any{}, []any{skuOfficeE3ID})
	licence([]any{map[string]any{"skuId": skuOfficeE3ID}}, []any{})
	if m, _ := f.Mailbox(UserID(ada)); m.ItemCount != 0 || m.ExchangeGUID == before.ExchangeGUID {
		t.Errorf("licensed again the mailbox holds %d items and is %s, want a new, empty one", m.ItemCount, m.ExchangeGUID)
	}
	licence([]any{}, []any{skuOfficeE3ID})
	f.Advance(31 * 24 * time.Hour)
	if m, there := f.Mailbox(UserID(ada)); there {
		t.Errorf("31 days without a licence the mailbox is there: %+v", m)
	}
	f.want(f.call("DELETE", "/users/"+bo, nil), 204, "")
	f.Edit(func(w *World) {
		w.MailboxReborn = false
		w.Users[UserID(ada)].ProxyAddresses = append(w.Users[UserID(ada)].ProxyAddresses, "smtp:"+bo)
	})
	restore := "/directory/deletedItems/" + UserID(bo) + "/restore"
	f.want(f.call("POST", restore, map[string]any{}), 400, "Request_BadRequest")
	f.want(f.call("POST", restore, map[string]any{"autoReconcileProxyConflict": true}), 200, "")
	if u, _ := f.UserByUPN(bo); strings.Contains(strings.ToLower(strings.Join(u.ProxyAddresses, " ")), bo) {
		t.Errorf("the addresses are %v, want the one that ada has left to her", u.ProxyAddresses)
	}
}

// Sources: Microsoft Entra, authentication and authorization error codes; Exchange Online PowerShell, App-only
// authentication; Microsoft Graph, permissions overview, Limited information returned for inaccessible member
// objects; MicrosoftDocs/office-docs-powershell issue 9089.
func TestWhatAnApplicationIsNotGiven(t *testing.T) {
	f := seeded(t, `
knobs: {withoutPim: true}
groups: [{name: Team}]
users:
  - {userPrincipalName: ada@contoso.com, licences: [ENTERPRISEPACK], groups: [Team], roles: [Directory Readers], access: {fullAccess: [bo@contoso.com], calendars: [bo@contoso.com]}}
  - {userPrincipalName: bo@contoso.com, licences: [ENTERPRISEPACK]}
`)
	for client, want := range map[string]App{"AADSTS7000112": {Disabled: true}, "AADSTS7000229": {NoPrincipal: true}} {
		want.ClientID, want.Secret = derived(client), "s"
		f.AddApp(want)
		if a := f.tokenAnswer(want.ClientID, "s", graphAudience+"/.default"); a.status == 200 || !strings.HasPrefix(a.at("error_description"), client) {
			t.Errorf("got %d %s, want %s", a.status, a.at("error_description"), client)
		}
	}
	own := derived("own role group")
	f.AddApp(App{ClientID: own, Secret: "s", Roles: []string{exchangeRole}, Cmdlets: []string{"Get-Mailbox", "Set-Mailbox HiddenFromAddressListsEnabled"}})
	f.want(f.runAs(own, "Get-Mailbox", args{"Identity": bo}), 200, "")
	f.want(f.runAs(own, "Set-Mailbox", args{"Identity": bo, "HiddenFromAddressListsEnabled": true}), 200, "")
	equal(t, "a parameter that it lacks", f.runAs(own, "Set-Mailbox", args{"Identity": bo, "Type": "Shared"}).header.Get("X-ExceptionType"), bindingException)
	f.want(f.runAs(own, "Set-CASMailbox", args{"Identity": bo, "OWAEnabled": false}), 401, "Unauthorized")

	few := f.app("User.Read.All")
	for _, kind := range []string{"group", "directoryRole"} {
		a := f.as(few, "GET", "/users/"+ada+"/memberOf/microsoft.graph."+kind, nil)
		if len(a.values()) != 1 || a.values()[0]["id"] == nil || a.values()[0]["displayName"] != nil {
			t.Errorf("%s: got %v, want the id alone", kind, a.body)
		}
	}
	// Privileged Identity Management says no in words of its own: microsoftgraph/microsoft-graph-docs#22292.
	f.want(f.as(few, "GET", "/roleManagement/directory/roleEligibilitySchedules", nil), 403, "UnknownError")
	f.want(f.as(few, "GET", "/roleManagement/directory/roleAssignments", nil), 403, "Authorization_RequestDenied")
	f.want(f.call("GET", "/roleManagement/directory/roleEligibilitySchedules", nil), 400, "AadPremiumLicenseRequired")
	calendar := args{"Identity": bo + `:\Kalender\Team`, "User": ada, "AccessRights": []string{"Editor"}}
	equal(t, "a calendar that is shared already", f.exec("Add-MailboxFolderPermission", calendar).header.Get("X-ExceptionType"), "Microsoft.Exchange.Management.StoreTasks.UserAlreadyExistsInPermissionEntryException")
	equal(t, "a calendar that is not shared", f.exec("Remove-MailboxFolderPermission", args{"Identity": bo + `:\Kalender`, "User": ada}).header.Get("X-ExceptionType"), "Microsoft.Exchange.Management.StoreTasks.UserNotFoundInPermissionEntryException")
	f.want(f.call("DELETE", "/users/"+ada, nil), 204, "")
	if rights := f.exec("Get-MailboxPermission", args{"Identity": bo}).names("User"); !strings.Contains(rights, "S-1-5-21-") || strings.Contains(rights, "ada") {
		t.Errorf("who has rights is %q, want a SID for who is gone", rights)
	}
	f.want(f.exec("Set-Mailbox", args{"Identity": bo, "ForwardingAddress": UserID(ada)}), 404, "NotFound")
}
