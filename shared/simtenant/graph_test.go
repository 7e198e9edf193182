package simtenant

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestReadUser(t *testing.T) {
	f := setUp(t, Config{})
	a := f.call("GET", "/users/adele.vance%40contoso.com", nil)
	f.want(a, 200, "")
	equal(t, "properties by default", len(a.body), 12) // 11 and the context
	equal(t, "id", a.at("id"), id("adele.vance"))

	a = f.call("GET", "/users/"+id("adele.vance")+"?$select=id,accountEnabled,onPremisesSyncEnabled,assignedLicenses,licenseAssignmentStates,proxyAddresses,employeeId", nil)
	equal(t, "enabled", a.at("accountEnabled"), "true")
	equal(t, "synced", a.at("onPremisesSyncEnabled"), "<nil>")
	equal(t, "context", a.at("@odata.context"), f.conn.Graph+"/$metadata#users(id,accountEnabled,onPremisesSyncEnabled,assignedLicenses,licenseAssignmentStates,proxyAddresses,employeeId)/$entity")
	var how []string
	for _, x := range a.body["licenseAssignmentStates"].([]any) {
		how = append(how, fmt.Sprint(x.(map[string]any)["assignedByGroup"]))
	}
	equal(t, "licences", strings.Join(how, " "), "<nil> "+GroupID(GroupLicenceEMS))

	f.want(f.call("GET", "/users/"+id("adele.vance")+"?$select=shoeSize", nil), 400, "BadRequest")
	a = f.call("GET", "/users/henrietta.mueller_fabrikam.com%23EXT%23@contoso.com?$select=userType", nil)
	equal(t, "guest", a.at("userType"), "Guest")
	equal(t, "only what is selected", len(a.body), 2)

	f.Edit(func(w *World) { w.Users[id("adele.vance")].EmployeeLeave = start })
	equal(t, "leave date", f.call("GET", "/users/"+id("adele.vance")+"?$select=employeeLeaveDateTime", nil).at("employeeLeaveDateTime"), "2026-11-22T09:00:00Z")
	equal(t, "leave date without the permission", f.as(f.app("User.Read.All"), "GET", "/users/"+id("adele.vance")+"?$select=employeeLeaveDateTime", nil).at("employeeLeaveDateTime"), "<nil>")
	f.want(f.as(f.app("User.ReadBasic.All"), "GET", "/users/"+id("adele.vance")+"?$select=accountEnabled", nil), 403, "Authorization_RequestDenied")
	f.want(f.as(f.app("User.ReadBasic.All"), "GET", "/users/"+id("adele.vance")+"?$select=id,mail", nil), 200, "")
	f.known()
}

func TestFilterUsers(t *testing.T) {
	f := setUp(t, Config{})
	eventual := []string{"ConsistencyLevel", "eventual"}
	for _, c := range []struct {
		filter string
		head   []string
		want   string
	}{
		{"mail eq 'LYNNE.robbins@contoso.com'", nil, "johanna.lorenz@contoso.com lynne.robbins@contoso.com"},
		{"employeeId eq 'E0001'", nil, "adele.vance@contoso.com"},
		{"userPrincipalName eq 'adele.vance@contoso.com' or employeeId eq 'E0003'", nil, "adele.vance@contoso.com grady.archie@contoso.com"},
		{"proxyAddresses/any(p:p eq 'smtp:a.vance@contoso.com')", nil, "adele.vance@contoso.com"},
		{"accountEnabled eq false", nil, "reception@contoso.com"},
		{"(department eq 'IT' and jobTitle eq 'Service Desk') or mail eq 'o''neil@contoso.com'", nil, "miriam.graham@contoso.com"},
		{"id eq '" + id("lee.gu") + "'", nil, "lee.gu@contoso.com"},
		{"startswith(displayName,'Adele')", nil, "adele.vance@contoso.com"},
		{"employeeId in ('E0001','E0002')", nil, "adele.vance@contoso.com alex.wilber@contoso.com"},
		{"userType ne 'Member'", eventual, "henrietta.mueller_fabrikam.com#EXT#@contoso.com"},
		{"assignedLicenses/any(l:l/skuId eq 4b9405b0-7788-4568-add1-99614e613b69)", nil, "christie.cline@contoso.com"},
	} {
		extra := ""
		if c.head != nil {
			extra = "&$count=true"
		}
		a := f.call("GET", "/users?$select=userPrincipalName&"+where(c.filter)+extra, nil, c.head...)
		f.want(a, 200, "")
		got := strings.Fields(a.names("userPrincipalName"))
		slices.Sort(got)
		equal(t, c.filter, strings.Join(got, " "), c.want)
	}
	f.want(f.call("GET", "/users?"+where("userType ne 'Member'"), nil), 400, "Request_UnsupportedQuery")
	f.want(f.call("GET", "/users?"+where("shoeSize eq '9'"), nil), 400, "BadRequest")
	f.want(f.call("GET", "/users?"+where("mail eq"), nil), 400, "Request_BadRequest")
}

func TestPaging(t *testing.T) {
	f := setUp(t, Config{Users: 250})
	seenIDs := map[string]bool{}
	pages := 0
	for next := "/users?$select=id,mail&$top=100"; next != ""; pages++ {
		a := f.call("GET", next, nil)
		f.want(a, 200, "")
		for _, v := range a.values() {
			if _, ok := v["mail"]; !ok || len(v) != 2 {
				t.Fatalf("the selection is lost: %v", v)
			}
			seenIDs[v["id"].(string)] = true
		}
		next, _ = a.body["@odata.nextLink"].(string)
	}
	equal(t, "pages", pages, 3)
	equal(t, "people", len(seenIDs), 250)
	first := f.call("GET", "/users", nil)
	equal(t, "page without $top", len(first.values()), 100)
	f.Advance(time.Hour)
	f.want(f.call("GET", first.at("@odata.nextLink"), nil), 400, "Directory_ExpiredPageToken")
	f.want(f.call("GET", "/users?$top=1000", nil), 400, "Request_UnsupportedQuery")
	f.want(f.call("GET", "/users?$skiptoken=abc", nil), 400, "Request_BadRequest")
}

func TestBlockAndPassword(t *testing.T) {
	f := setUp(t, Config{})
	f.Advance(90 * time.Second)
	path := "/users/" + id("adele.vance")
	secret := map[string]any{"passwordProfile": map[string]any{"password": "Never-Seen-42", "forceChangePasswordNextSignIn": true, "forceChangePasswordNextSignInWithMfa": false}}
	f.want(f.as(f.app("User-PasswordProfile.ReadWrite.All"), "PATCH", path, secret), 204, "")
	u := f.user("adele.vance")
	equal(t, "password change", u.LastPasswordChange, start.Add(90*time.Second))
	equal(t, "sessions", u.SessionsValidFrom, start.Add(90*time.Second))
	equal(t, "changes", f.PasswordChanges(u.ID), 1)
	f.Advance(time.Minute)
	a := f.as(f.app("User.RevokeSessions.All"), "POST", path+"/revokeSignInSessions", nil)
	equal(t, "revoked", a.at("value"), "true")
	equal(t, "sessions", f.user("adele.vance").SessionsValidFrom, start.Add(150*time.Second))
	off := map[string]any{"@odata.type": "#microsoft.graph.user", "accountEnabled": false}
	f.want(f.as(f.app("User.EnableDisableAccount.All"), "PATCH", path, off), 403, "Authorization_RequestDenied") // needs User.Read.All beside
	f.want(f.as(f.app("User-PasswordProfile.ReadWrite.All"), "PATCH", path, off), 403, "Authorization_RequestDenied")
	f.want(f.as(f.app("User.EnableDisableAccount.All User.Read.All"), "PATCH", path, off), 204, "")
	equal(t, "enabled", f.user("adele.vance").AccountEnabled, false)
	f.want(f.call("PATCH", path, map[string]any{"passwordProfile": map[string]any{"password": "weak"}}), 400, "Request_BadRequest")
	f.want(f.call("PATCH", path, map[string]any{"accountEnabled": "false"}), 400, "Request_BadRequest")
	f.known()
}

// TestProtectedTargets: who may act on whom.
func TestProtectedTargets(t *testing.T) {
	f := setUp(t, Config{})
	plainApp, userAdmin, authAdmin := DefaultClientID, f.app("User.ReadWrite.All", "User Administrator"), f.app("User.ReadWrite.All", "Privileged Authentication Administrator")
	off, secret := map[string]any{"accountEnabled": false}, map[string]any{"passwordProfile": map[string]any{"password": "Never-Seen-42"}}
	for _, c := range []struct {
		target, app, method string
		body                any
		status              int
	}{
		{"nestor.wilke", plainApp, "PATCH", off, 403},
		{"nestor.wilke", plainApp, "PATCH", secret, 403},
		{"nestor.wilke", plainApp, "DELETE", nil, 403},
		{"nestor.wilke", userAdmin, "PATCH", off, 403},
		{"miriam.graham", plainApp, "PATCH", off, 403},
		{"miriam.graham", userAdmin, "PATCH", off, 204},
		{"raul.razo", userAdmin, "PATCH", secret, 403},
		{"raul.razo", authAdmin, "PATCH", secret, 204},
		{"nestor.wilke", authAdmin, "PATCH", off, 204},
		{"nestor.wilke", authAdmin, "DELETE", nil, 204},
		{"megan.bowen", plainApp, "PATCH", off, 400},
		{"megan.bowen", plainApp, "PATCH", secret, 400},
		{"megan.bowen", plainApp, "DELETE", nil, 400},
	} {
		a := f.as(c.app, c.method, "/users/"+id(c.target), c.body)
		if a.status != c.status {
			t.Errorf("%s %s %v: %d %v", c.method, c.target, c.body, a.status, a.body)
		}
		if c.status == 400 && !strings.Contains(a.at("error", "message"), "on-premises mastered Directory Sync objects") {
			t.Errorf("%s: %v", c.target, a.body)
		}
	}
	equal(t, "megan", f.user("megan.bowen").AccountEnabled, true)
	equal(t, "revoking an admin takes no role", f.as(f.app("User.RevokeSessions.All"), "POST", "/users/"+id("joni.sherman")+"/revokeSignInSessions", nil).status, 200)
}

func TestDeleteRestoreAndPurge(t *testing.T) {
	f := setUp(t, Config{})
	adele := id("adele.vance")
	seats := func() string {
		a := f.call("GET", "/subscribedSkus?$select=skuPartNumber,consumedUnits", nil)
		for _, s := range a.values() {
			if s["skuPartNumber"] == SKUOfficeE3 {
				return fmt.Sprint(s["consumedUnits"])
			}
		}
		return ""
	}
	before := seats()
	f.want(f.as(f.app("User.DeleteRestore.All"), "DELETE", "/users/"+adele, nil), 204, "")
	f.want(f.call("DELETE", "/users/"+adele, nil), 404, "Request_ResourceNotFound")
	f.want(f.call("GET", "/users/"+adele, nil), 404, "Request_ResourceNotFound")
	if _, live := f.Tenant.User(adele); live || seats() == before {
		t.Fatalf("still there, seats %s", seats())
	}
	gone, ok := f.DeletedUser(adele)
	if !ok || gone.UserPrincipalName != strings.ReplaceAll(adele, "-", "")+"adele.vance@contoso.com" {
		t.Fatalf("deleted user is %+v", gone)
	}
	a := f.call("GET", "/directory/deletedItems/"+adele, nil)
	equal(t, "type", a.at("@odata.type"), "#microsoft.graph.user")
	equal(t, "deleted at", a.at("deletedDateTime"), "2026-11-22T09:00:00Z")
	equal(t, "list", f.call("GET", "/directory/deletedItems/microsoft.graph.user", nil).names("id"), adele)
	equal(t, "mailbox", f.exec("Get-Mailbox", map[string]any{"Identity": adele}).status, 404)
	equal(t, "soft-deleted mailbox", f.exec("Get-Mailbox", map[string]any{"Identity": adele, "SoftDeletedMailbox": true}).status, 200)
	f.want(f.call("DELETE", "/directory/deletedItems/"+adele, nil), 403, "Authorization_RequestDenied")

	a = f.as(f.app("User.DeleteRestore.All"), "POST", "/directory/deletedItems/"+adele+"/restore", nil)
	f.want(a, 200, "")
	equal(t, "UPN", f.user("adele.vance").UserPrincipalName, "adele.vance@contoso.com")
	equal(t, "seats", seats(), before)
	equal(t, "mailbox", f.exec("Get-Mailbox", map[string]any{"Identity": adele}).status, 200)
	equal(t, "manager", f.call("GET", "/users/"+adele+"/manager", nil).at("id"), id("alex.wilber"))
	f.want(f.call("POST", "/directory/deletedItems/"+adele+"/restore", nil), 404, "Request_ResourceNotFound")

	f.want(f.call("DELETE", "/users/"+adele, nil), 204, "")
	drive, _ := f.Drive(adele)
	f.Advance(29 * 24 * time.Hour)
	f.want(f.call("GET", "/directory/deletedItems/"+adele, nil), 200, "")
	f.want(f.call("GET", "/drives/"+drive.ID, nil), 200, "") // outlives its owner for as long
	f.Advance(24 * time.Hour)
	f.want(f.call("GET", "/directory/deletedItems/"+adele, nil), 404, "Request_ResourceNotFound")
	f.want(f.call("GET", "/drives/"+drive.ID, nil), 404, "itemNotFound")
	if _, ok := f.Mailbox(adele); ok {
		t.Error("the mailbox outlived the 30 days")
	}
	f.known()
}

func TestRestoreRefusesATakenName(t *testing.T) {
	f := setUp(t, Config{})
	f.want(f.call("DELETE", "/users/"+id("pradeep.gupta"), nil), 204, "")
	f.Edit(func(w *World) { w.Users[id("adele.vance")].UserPrincipalName = "pradeep.gupta@contoso.com" })
	f.want(f.call("POST", "/directory/deletedItems/"+id("pradeep.gupta")+"/restore", map[string]any{}), 400, "Request_BadRequest")
	f.want(f.call("POST", "/directory/deletedItems/"+id("pradeep.gupta")+"/restore", map[string]any{"newUserPrincipalName": "pg@contoso.com"}), 200, "")
}

func TestHeldMailboxOutlivesItsUser(t *testing.T) {
	f := setUp(t, Config{})
	debra := id("debra.berger")
	f.want(f.call("DELETE", "/users/"+debra, nil), 204, "")
	f.Advance(60 * 24 * time.Hour)
	m, ok := f.Mailbox(debra)
	if !ok || !m.Inactive {
		t.Fatalf("the held mailbox is %+v", m)
	}
	equal(t, "inactive mailbox", f.exec("Get-Mailbox", map[string]any{"Identity": debra, "InactiveMailboxOnly": true}).status, 200)
	equal(t, "as a live one", f.exec("Get-Mailbox", map[string]any{"Identity": debra}).status, 404)
}

func TestRelations(t *testing.T) {
	f := setUp(t, Config{})
	adele := "/users/" + id("adele.vance")
	equal(t, "memberOf", len(f.call("GET", adele+"/memberOf", nil).values()), 2)
	deep := f.call("GET", adele+"/transitiveMemberOf/microsoft.graph.group?$select=displayName", nil)
	if !strings.Contains(deep.names("displayName"), GroupEverybody) {
		t.Errorf("transitive: %s", deep.names("displayName"))
	}
	f.want(f.call("GET", adele+"/memberOf/microsoft.graph.group?"+where("displayName eq 'Marketing'"), nil), 400, "Request_UnsupportedQuery")
	equal(t, "filtered cast", f.call("GET", adele+"/memberOf/microsoft.graph.group?$count=true&"+where("displayName eq 'Marketing'"), nil, "ConsistencyLevel", "eventual").names("displayName"), "Marketing")
	equal(t, "registered", len(f.call("GET", adele+"/registeredDevices", nil).values()), 2)
	equal(t, "owned devices", len(f.call("GET", adele+"/ownedDevices", nil).values()), 2)
	equal(t, "owned", f.call("GET", adele+"/ownedObjects?$select=displayName", nil).names("displayName"), "Marketing")
	equal(t, "roles", f.call("GET", "/users/"+id("nestor.wilke")+"/memberOf/microsoft.graph.directoryRole", nil).names("displayName"), "Global Administrator")
	equal(t, "roles through a group", f.call("GET", "/users/"+id("raul.razo")+"/transitiveMemberOf/microsoft.graph.directoryRole", nil).names("displayName"), "User Administrator")
	equal(t, "direct roles", f.call("GET", "/users/"+id("raul.razo")+"/memberOf/microsoft.graph.directoryRole", nil).names("displayName"), "")
	a := f.call("GET", "/roleManagement/directory/roleAssignments?$expand=roleDefinition&"+where("principalId eq '"+id("nestor.wilke")+"'"), nil)
	equal(t, "assignment", fmt.Sprint(a.values()[0]["roleDefinition"].(map[string]any)["displayName"]), "Global Administrator")
	equal(t, "definition", f.call("GET", "/roleManagement/directory/roleDefinitions/"+fmt.Sprint(a.values()[0]["roleDefinitionId"]), nil).at("displayName"), "Global Administrator")
	f.want(f.call("GET", "/users/"+id("joni.sherman")+"/manager", nil), 404, "Request_ResourceNotFound")
	g := f.call("GET", "/groups/"+GroupID(GroupLicenceDynamic)+"?$select=id,groupTypes,membershipRule,assignedLicenses,isAssignableToRole,onPremisesSyncEnabled", nil)
	equal(t, "group types", g.at("groupTypes"), "[DynamicMembership]")
	equal(t, "members", f.call("GET", "/groups/"+GroupID(GroupLicenceDynamic)+"/members?$select=id", nil).names("id"), id("isaiah.langer"))
	f.known()
}

func TestLicences(t *testing.T) {
	f := setUp(t, Config{})
	const e5, ems = "c7df2760-2c81-4ef7-b578-5b5392b571df", "efccb6f7-5641-4e0e-bd10-b4976e1bf68e"
	none, e3 := []any{}, []string{skuOfficeE3ID}
	for _, c := range []struct {
		who     string
		body    map[string]any
		status  int
		message string
	}{
		{"adele.vance", map[string]any{"removeLicenses": e3}, 400, "One or more parameters of the operation 'assignLicense' are missing from the request payload. The missing parameters are: addLicenses."},
		{"adele.vance", map[string]any{"addLicenses": none, "removeLicenses": none}, 400, errNoChange},
		{"adele.vance", map[string]any{"addLicenses": none, "removeLicenses": []string{ems}}, 400, errInherited},
		{"isaiah.langer", map[string]any{"addLicenses": none, "removeLicenses": e3}, 400, errInherited},
		{"adele.vance", map[string]any{"addLicenses": none, "removeLicenses": []string{e5}}, 400, errNotAssigned},
		{"adele.vance", map[string]any{"addLicenses": []any{map[string]any{"skuId": "00000000-0000-4000-8000-000000000000"}}, "removeLicenses": none}, 400, "License 00000000-0000-4000-8000-000000000000 does not correspond to a valid company License."},
		{"henrietta.mueller_fabrikam.com#EXT#", map[string]any{"addLicenses": []any{map[string]any{"skuId": e5}}, "removeLicenses": none}, 400, errUsageLocation},
		{"adele.vance", map[string]any{"addLicenses": []any{map[string]any{"skuId": e5, "disabledPlans": none}}, "removeLicenses": e3}, 200, ""},
		{"irvin.sayers", map[string]any{"addLicenses": none, "removeLicenses": e3}, 200, ""}, // the direct one of two
		{"irvin.sayers", map[string]any{"addLicenses": none, "removeLicenses": e3}, 400, errInherited},
	} {
		a := f.as(f.app("LicenseAssignment.ReadWrite.All"), "POST", "/users/"+id(c.who)+"/assignLicense", c.body)
		if a.status != c.status || c.message != "" && a.at("error", "message") != c.message {
			t.Errorf("%s %v: %d %v", c.who, c.body, a.status, a.body)
		}
	}
	equal(t, "adele", strings.Join(f.Licences(id("adele.vance")), " "), e5+" "+ems)
	f.Edit(func(w *World) { w.sku(e5).Seats = 0 })
	f.want(f.call("POST", "/users/"+id("pradeep.gupta")+"/assignLicense", map[string]any{"addLicenses": []any{map[string]any{"skuId": e5}}, "removeLicenses": none}), 400, "Request_BadRequest")
	details := f.call("GET", "/users/"+id("adele.vance")+"/licenseDetails", nil)
	equal(t, "details", len(details.values()), 2)
	f.known()
}

func TestLosingTheExchangePlan(t *testing.T) {
	f := setUp(t, Config{})
	remove := map[string]any{"addLicenses": []any{}, "removeLicenses": []string{skuOfficeE3ID}}
	f.exec("Set-Mailbox", map[string]any{"Identity": id("grady.archie"), "Type": "Shared"})
	for who, kept := range map[string]bool{"lidia.holloway": false, "grady.archie": true} {
		f.want(f.call("POST", "/users/"+id(who)+"/assignLicense", remove), 200, "")
		equal(t, who, f.exec("Get-Mailbox", map[string]any{"Identity": id(who)}).status == 200, kept)
		a := f.call("GET", "/users/"+id(who)+"/mailboxSettings", nil)
		equal(t, who+" in Graph", a.status == 200, kept)
		if !kept {
			equal(t, "code", a.code(), "MailboxNotEnabledForRESTAPI")
		}
	}
	f.want(f.call("POST", "/users/"+id("lidia.holloway")+"/assignLicense", map[string]any{"addLicenses": []any{map[string]any{"skuId": skuOfficeE3ID}}, "removeLicenses": []any{}}), 200, "")
	equal(t, "licensed again", f.exec("Get-Mailbox", map[string]any{"Identity": id("lidia.holloway")}).status, 200)
}

func TestLeaveGroup(t *testing.T) {
	f := setUp(t, Config{})
	withoutRole := f.app("GroupMember.ReadWrite.All")
	for _, c := range []struct {
		who, group, app string
		status          int
		code            string
	}{
		{"isaiah.langer", GroupLicenceDynamic, withoutRole, 403, "Authorization_RequestDenied"},
		{"diego.siciliani", GroupLicenceOnPrem, withoutRole, 400, "Request_BadRequest"},
		{"henrik.holm", GroupNews, withoutRole, 400, "Request_BadRequest"},
		{"henrik.holm", GroupMailSecurity, withoutRole, 400, "Request_BadRequest"},
		{"raul.razo", GroupTierZero, withoutRole, 403, "Authorization_RequestDenied"},
		{"raul.razo", GroupTierZero, f.app("GroupMember.ReadWrite.All RoleManagement.ReadWrite.Directory"), 204, ""},
		{"adele.vance", GroupLicenceE3, withoutRole, 404, "Request_ResourceNotFound"},
		{"adele.vance", GroupLicenceEMS, withoutRole, 204, ""},
		{"adele.vance", GroupLicenceEMS, withoutRole, 404, "Request_ResourceNotFound"},
		{"adele.vance", GroupMarketing, withoutRole, 204, ""}, // mail-enabled, but a Microsoft 365 group
	} {
		a := f.as(c.app, "DELETE", "/groups/"+GroupID(c.group)+"/members/"+id(c.who)+"/$ref", nil)
		if a.status != c.status || c.code != "" && a.code() != c.code {
			t.Errorf("%s leaves %s: %d %v", c.who, c.group, a.status, a.body)
		}
	}
	equal(t, "adele's licences", strings.Join(f.Licences(id("adele.vance")), " "), skuOfficeE3ID)
	g, _ := f.GroupByName(GroupLicenceDynamic)
	equal(t, "dynamic members", len(g.Members), 1)
}

func TestIntune(t *testing.T) {
	f := setUp(t, Config{SyncEvery: time.Hour})
	list := f.call("GET", "/users/"+id("patti.fernandez")+"/managedDevices?$select=id,managedDeviceOwnerType,managementState", nil)
	equal(t, "devices", len(list.values()), 2)
	equal(t, "by filter", len(f.call("GET", "/deviceManagement/managedDevices?"+where("userId eq '"+id("patti.fernandez")+"'"), nil).values()), 2)
	byOwner := map[string]string{}
	for _, v := range list.values() {
		byOwner[v["managedDeviceOwnerType"].(string)] = v["id"].(string)
	}
	laptop, phone := "/deviceManagement/managedDevices/"+byOwner["company"], "/deviceManagement/managedDevices/"+byOwner["personal"]

	a := f.as(f.app("DeviceManagementManagedDevices.ReadWrite.All"), "POST", laptop+"/wipe", map[string]any{"keepUserData": false})
	f.want(a, 403, "Forbidden")
	if !strings.Contains(a.at("error", "message"), `"Message": "Application is not authorized`) {
		t.Errorf("the message is %s", a.at("error", "message"))
	}
	privileged := f.app("DeviceManagementManagedDevices.PrivilegedOperations.All")
	f.want(f.as(privileged, "POST", laptop+"/wipe", map[string]any{"macOsUnlockCode": ""}), 400, "BadRequest")
	for range 2 {
		f.want(f.as(privileged, "POST", laptop+"/wipe", map[string]any{"keepEnrollmentData": false, "keepUserData": false}), 204, "")
		f.want(f.as(privileged, "POST", phone+"/retire", nil), 204, "")
	}
	equal(t, "state", f.call("GET", laptop+"?$select=managementState", nil).at("managementState"), "wipePending")
	equal(t, "state", f.call("GET", phone+"?$select=managementState", nil).at("managementState"), "retirePending")
	f.Edit(func(w *World) { w.Managed[byOwner["personal"]].Dead = true })
	f.Advance(time.Hour)
	f.want(f.call("GET", laptop, nil), 404, "ResourceNotFound")
	f.want(f.call("GET", phone, nil), 200, "")
	f.known()
}

func TestAppRegistrations(t *testing.T) {
	f := setUp(t, Config{SyncEvery: time.Hour})
	user := "/users/" + id("patti.fernandez")
	list := func() []map[string]any {
		return f.call("GET", user+"/managedAppRegistrations?$select=id,deviceTag,deviceType,lastSyncDateTime", nil).values()
	}
	apps := list()
	equal(t, "apps", len(apps), 2)
	equal(t, "type", fmt.Sprint(apps[0]["@odata.type"]), "#microsoft.graph.iosManagedAppRegistration")
	equal(t, "tags", apps[0]["deviceTag"], apps[1]["deviceTag"])
	wipe := func(tag any) answer {
		return f.call("POST", user+"/wipeManagedAppRegistrationsByDeviceTag", map[string]any{"deviceTag": tag})
	}
	f.want(wipe(""), 400, "BadRequest")
	f.want(wipe("of nothing"), 204, "")
	f.Advance(time.Hour)
	equal(t, "after the wipe of another tag", len(list()), 2)
	f.want(wipe(apps[0]["deviceTag"]), 204, "")
	equal(t, "at once", len(list()), 2)
	f.Advance(time.Hour)
	equal(t, "when they called home", len(list()), 0)
	f.known()
}

func TestDevices(t *testing.T) {
	f := setUp(t, Config{})
	list := f.call("GET", "/users/"+id("adele.vance")+"/registeredDevices?$select=id", nil)
	device := list.values()[0]["id"].(string)
	f.want(f.as(f.app("Device.ReadWrite.All"), "PATCH", "/devices/"+device, map[string]any{"accountEnabled": false}), 204, "")
	d, _ := f.Device(device)
	equal(t, "enabled", d.AccountEnabled, false)
	equal(t, "read back", f.call("GET", "/devices/"+device+"?$select=accountEnabled", nil).at("accountEnabled"), "false")
	f.want(f.call("PATCH", "/devices/"+id("adele.vance"), map[string]any{"accountEnabled": false}), 404, "Request_ResourceNotFound")
}

func TestMailboxSettingsAndRules(t *testing.T) {
	f := setUp(t, Config{})
	path := "/users/" + id("adele.vance")
	a := f.call("PATCH", path+"/mailboxSettings", map[string]any{"automaticRepliesSetting": map[string]any{"status": "alwaysEnabled", "externalAudience": "all", "internalReplyMessage": "<p>gone</p>", "externalReplyMessage": "<p>left</p>"}})
	f.want(a, 200, "")
	equal(t, "answered", a.at("automaticRepliesSetting", "status"), "alwaysEnabled")
	m, _ := f.Mailbox(id("adele.vance"))
	equal(t, "external", m.AutoReply.External, "<p>left</p>")
	equal(t, "through Exchange", fmt.Sprint(f.exec("Get-MailboxAutoReplyConfiguration", map[string]any{"Identity": id("adele.vance")}).values()[0]["AutoReplyState"]), "Enabled")
	f.want(f.call("PATCH", path+"/mailboxSettings", map[string]any{"automaticRepliesSetting": map[string]any{"status": "on"}}), 400, "ErrorInvalidArgument")
	f.want(f.call("GET", "/users/"+id("pradeep.gupta")+"/mailboxSettings", nil), 404, "MailboxNotEnabledForRESTAPI")
	equal(t, "purpose", f.call("GET", "/users/"+id("reception")+"/mailboxSettings?$select=userPurpose", nil).at("userPurpose"), "shared")

	rule := map[string]any{"displayName": "to the manager", "sequence": 1, "isEnabled": true, "actions": map[string]any{
		"redirectTo": []any{map[string]any{"emailAddress": map[string]any{"name": "Alex", "address": "alex.wilber@contoso.com"}}}, "stopProcessingRules": true}}
	first, second := f.call("POST", path+"/mailFolders/inbox/messageRules", rule), f.call("POST", path+"/mailFolders/inbox/messageRules", rule)
	f.want(first, 201, "")
	equal(t, "two rules", len(f.call("GET", path+"/mailFolders/inbox/messageRules", nil).values()), 2)
	f.want(f.call("PATCH", path+"/mailFolders/inbox/messageRules/"+first.at("id"), map[string]any{"isEnabled": false}), 200, "")
	f.want(f.call("DELETE", path+"/mailFolders/inbox/messageRules/"+second.at("id"), nil), 204, "")
	f.want(f.call("DELETE", path+"/mailFolders/inbox/messageRules/"+second.at("id"), nil), 404, "ErrorItemNotFound")
	m, _ = f.Mailbox(id("adele.vance"))
	if len(m.Rules) != 1 || m.Rules[0].Enabled {
		t.Errorf("rules are %+v", m.Rules)
	}
	f.known()
}

func TestDrive(t *testing.T) {
	f := setUp(t, Config{Knobs: Knobs{CopyDelay: time.Minute}})
	root := f.call("GET", "/users/"+id("grady.archie")+"/drive/root", nil)
	equal(t, "empty drive", fmt.Sprint(f.call("GET", "/users/"+id("adele.vance")+"/drive/root", nil).body["size"]), "0")
	f.want(f.call("GET", "/users/"+id("pradeep.gupta")+"/drive", nil), 404, "ResourceNotFound")
	equal(t, "size", fmt.Sprint(int64(root.body["size"].(float64))), fmt.Sprint(2*gib))
	drive := f.call("GET", "/users/"+id("grady.archie")+"/drive?$select=id", nil).at("id")
	names := map[string]bool{}
	for next := "/drives/" + drive + "/items/" + root.at("id") + "/children?$top=50"; next != ""; {
		a := f.call("GET", next, nil)
		for _, v := range a.values() {
			names[v["name"].(string)] = true
		}
		next, _ = a.body["@odata.nextLink"].(string)
	}
	equal(t, "children", fmt.Sprint(len(names)), fmt.Sprint(root.body["folder"].(map[string]any)["childCount"]))

	a := f.call("POST", "/drives/"+drive+"/root/invite", map[string]any{"recipients": []any{map[string]any{"email": "alex.wilber@contoso.com"}}, "roles": []string{"write"}, "requireSignIn": true, "sendInvitation": false})
	f.want(a, 200, "")
	equal(t, "partly", f.call("POST", "/drives/"+drive+"/root/invite", map[string]any{"recipients": []any{map[string]any{"email": "nobody@contoso.com"}}, "roles": []string{"write"}}).status, 207)
	d, _ := f.Drive(id("grady.archie"))
	equal(t, "grants", len(d.Grants), 3+1)

	permissions := "/drives/" + drive + "/items/" + d.Grants[0].Item + "/permissions"
	list := f.call("GET", permissions, nil).values() // its own link, and from the root the owner and the invited
	equal(t, "permissions", len(list), 3)
	equal(t, "scope", fmt.Sprint(list[0]["link"].(map[string]any)["scope"]), "anonymous")
	for _, inherited := range list[1:] {
		equal(t, "inherited", fmt.Sprint(inherited["inheritedFrom"].(map[string]any)["id"]), root.at("id"))
		f.want(f.call("DELETE", permissions+"/"+inherited["id"].(string), nil), 400, "invalidRequest")
	}
	f.want(f.call("DELETE", permissions+"/"+d.Grants[0].ID, nil), 204, "")
	f.want(f.call("DELETE", permissions+"/"+d.Grants[0].ID, nil), 404, "itemNotFound")

	manager := f.call("GET", "/users/"+id("alex.wilber")+"/drive/root?$select=id,parentReference", nil)
	body := map[string]any{"parentReference": map[string]any{"driveId": manager.at("parentReference", "driveId"), "id": manager.at("id")}, "name": "Grady (archived)"}
	reports := d.Items[0].ID
	a = f.call("POST", "/drives/"+drive+"/items/"+reports+"/copy", body)
	f.want(a, 202, "")
	again := f.call("POST", "/drives/"+drive+"/items/"+reports+"/copy", body)
	equal(t, "running", f.as(DefaultClientID, "GET", a.header.Get("Location"), nil).at("status"), "inProgress")
	f.Advance(time.Minute)
	equal(t, "done", f.as(DefaultClientID, "GET", a.header.Get("Location"), nil).at("status"), "completed")
	equal(t, "taken", f.as(DefaultClientID, "GET", again.header.Get("Location"), nil).at("error", "code"), "nameAlreadyExists")
	to, _ := f.Drive(id("alex.wilber"))
	equal(t, "copied", len(to.Items), 13+1+83)

	f.Edit(func(w *World) { w.CopiesFail = 1 })
	body["name"] = "Half"
	half := f.call("POST", "/drives/"+drive+"/items/"+reports+"/copy", body)
	f.Advance(time.Minute)
	equal(t, "failed", f.as(DefaultClientID, "GET", half.header.Get("Location"), nil).at("error", "code"), "generalException")
	f.Edit(func(w *World) { w.Drives[id("alex.wilber")].Quota = gib })
	body["name"] = "Too much"
	much := f.call("POST", "/drives/"+drive+"/items/"+reports+"/copy", body)
	f.Advance(time.Minute)
	equal(t, "full", f.as(DefaultClientID, "GET", much.header.Get("Location"), nil).at("error", "code"), "quotaLimitReached")
	f.known()
}

func TestCopyOfChildren(t *testing.T) {
	f := setUp(t, Config{Knobs: Knobs{CopyDelay: time.Minute}})
	from, _ := f.Drive(id("patti.fernandez"))
	to, _ := f.Drive(id("alex.wilber"))
	many, _ := f.Drive(id("grady.archie"))
	target := map[string]any{"driveId": to.ID, "id": f.call("POST", "/drives/"+to.ID+"/items/root/children", map[string]any{"name": "Copy", "folder": map[string]any{}}).at("id")}
	children := map[string]any{"parentReference": target, "childrenOnly": true}
	for name, tt := range map[string]struct {
		path    string
		body    map[string]any
		message string
	}{
		"the root itself": {"/drives/" + from.ID + "/items/root/copy", map[string]any{"parentReference": target}, "Cannot copy the root folder."},
		"of a file":       {"/drives/" + from.ID + "/items/" + from.Items[1].ID + "/copy", children, "childrenOnly option is not valid for file items."},
		"with a name":     {"/drives/" + from.ID + "/items/root/copy", map[string]any{"parentReference": target, "childrenOnly": true, "name": "x"}, "Cannot use name parameter alongside childrenOnly."},
		"too many":        {"/drives/" + many.ID + "/items/root/copy", children, "Direct child count limit exceeded. Cannot copy children only when there are more than 150 direct children."},
	} {
		a := f.call("POST", tt.path, tt.body)
		f.want(a, 400, "invalidRequest")
		equal(t, name, a.at("error", "message"), tt.message)
		if name == "too many" {
			equal(t, name, a.at("error", "innerError", "code"), "directChildrenLimitExceeded")
		}
	}
	a := f.call("POST", "/drives/"+from.ID+"/items/root/copy", children)
	f.want(a, 202, "")
	again := f.call("POST", "/drives/"+from.ID+"/items/root/copy", children)
	f.Advance(time.Minute)
	equal(t, "done", f.as(DefaultClientID, "GET", a.header.Get("Location"), nil).at("status"), "completed")
	equal(t, "taken", f.as(DefaultClientID, "GET", again.header.Get("Location"), nil).at("error", "code"), "nameAlreadyExists")
	now, _ := f.Drive(id("alex.wilber"))
	equal(t, "copied", len(now.Items), len(to.Items)+1+len(from.Items))

	file := from.Items[1].ID
	batch := f.call("POST", "/$batch", map[string]any{"requests": []any{
		item3("1", "POST", "/drives/"+from.ID+"/items/"+file+"/copy?@microsoft.graph.conflictBehavior=rename", map[string]any{"headers": map[string]string{"Content-Type": "application/json"}, "body": map[string]any{"parentReference": target}}),
		item3("2", "POST", "/drives/"+from.ID+"/items/gone/copy", map[string]any{"headers": map[string]string{"Content-Type": "application/json"}, "body": map[string]any{"parentReference": target}}),
	}})
	second, first := batch.body["responses"].([]any)[0].(map[string]any), batch.body["responses"].([]any)[1].(map[string]any)
	equal(t, "in a batch", fmt.Sprint(first["status"], second["status"]), "202 404")
	f.Advance(time.Minute)
	equal(t, "monitor", f.as(DefaultClientID, "GET", first["headers"].(map[string]any)["Location"].(string), nil).at("status"), "completed")
	f.known()
}

func TestDelta(t *testing.T) {
	f := setUp(t, Config{})
	grady := id("grady.archie")
	d, _ := f.Drive(grady)
	deltaOf := "/drives/" + d.ID + "/root/delta"
	// ask follows the pages and answers what they hold: name, id of a deleted one with a minus,
	// root.
	ask := func(address string) (found []string, link string) {
		t.Helper()
		for address != "" {
			a := f.call("GET", address, nil)
			f.want(a, 200, "")
			for _, v := range a.values() {
				name, _ := v["name"].(string)
				if v["deleted"] != nil {
					name = "-" + v["id"].(string)
				}
				found = append(found, name)
			}
			address, _ = a.body["@odata.nextLink"].(string)
			link, _ = a.body["@odata.deltaLink"].(string)
		}
		return found, link
	}
	none, link := ask(deltaOf + "?token=latest&$select=id,name,deleted,root")
	equal(t, "latest", len(none), 0)
	all, _ := ask(deltaOf + "?$top=50")
	equal(t, "everything", len(all), 1+251)
	none, link = ask(link)
	equal(t, "nothing new", len(none), 0)

	file, inner, gone := d.Items[1], d.Items[3], d.Items[2]
	f.Edit(func(w *World) {
		for i := range w.Drives[grady].Items {
			switch item := &w.Drives[grady].Items[i]; item.ID {
			case inner.ID: // it lies in the folder
				item.Hash = "another"
			case file.ID:
				item.Name = "Renamed.docx"
			}
		}
		w.Drives[grady].Items = slices.DeleteFunc(w.Drives[grady].Items, func(i DriveItem) bool { return i.ID == gone.ID })
	})
	f.Edit(func(w *World) { w.Drives[grady].Items[0].Size++; w.Drives[grady].Items[0].Size-- }) // nothing
	found, next := ask(link + "&$top=2")
	equal(t, "changed", fmt.Sprint(found), fmt.Sprint([]string{"root", "Reports", "Renamed.docx", inner.Name, "-" + gone.ID}))
	again, _ := ask(link)
	equal(t, "the same again", fmt.Sprint(again), fmt.Sprint(found))
	f.call("DELETE", "/drives/"+d.ID+"/items/"+d.Grants[0].Item+"/permissions/"+d.Grants[0].ID, nil)
	found, next = ask(next)
	equal(t, "sharing", fmt.Sprint(found), fmt.Sprint([]string{"root", "Reports"}))

	f.want(f.call("GET", deltaOf+"?token=nonsense", nil), 400, "invalidRequest")
	f.Edit(func(w *World) { w.DeltaLife = time.Hour })
	f.Advance(2 * time.Hour)
	a := f.call("GET", next, nil)
	f.want(a, 410, "resyncRequired")
	equal(t, "why", a.at("error", "innerError", "code"), "resyncChangesApplyDifferences")
	all, _ = ask(a.header.Get("Location"))
	equal(t, "from the beginning", len(all), 1+250)
	f.known()
}
