package simtenant

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// service is the part of Microsoft 365 behind a Graph operation; each has its own way to word an
// error and its own budgets.
type service int

const (
	serviceIdentity service = iota
	serviceIntune
	serviceOutlook
	serviceFiles
	serviceReports
	serviceTeams
)

// operation is one thing Graph can do here.
type operation struct {
	method, template string
	service          service
	cost             int      // resource units (throttling-limits); 0 = 1
	options          string   // query options understood; any other is refused
	allow            []string // application permissions, any one of which opens it; nil: the handler says
	handle           func(*call) reply
}

func (o *operation) name() string { return o.method + " " + o.template }

// Query options understood by kinds of operations.
const (
	selectOne      = "$select"
	selectMany     = "$select $top $filter $skiptoken $count $orderby $search"
	selectChildren = "$select $top $skiptoken"
)

// operations is every Graph operation the tenant simulates.
//
// The permissions are those of Microsoft's permissions.json for application access. Left out are
// only permissions of other products that the file names beside (agent identities, cross-cloud,
// Intune's on users), and, for wipe, what contradicts the permission's own description. Where the
// file does not list a path (deletedItems, /users/{id}/managedDevices and managedAppRegistrations,
// /drives/{id}/root and the casts of transitiveMemberOf), the Graph documentation's table for the
// operation is taken.
var operations = []operation{
	{"GET", "/users", serviceIdentity, 2, selectMany + " $expand", userRead, listUsers},
	{"GET", "/users/delta", serviceIdentity, 1, "$select $deltatoken $skiptoken", userRelations, deltaUsers},
	{"GET", "/users/{id}", serviceIdentity, 1, selectOne + " $expand", userRead, getUser},
	{"GET", "/me", serviceIdentity, 1, selectOne + " $expand", userRead, getMe},
	{"PATCH", "/users/{id}", serviceIdentity, 1, "", userPatch, patchUser},
	{"GET", "/subscriptions", serviceIdentity, 1, "", perms("User.Read.All"), listSubscriptions},
	{"POST", "/subscriptions", serviceIdentity, 1, "", perms("User.Read.All"), createSubscription},
	{"PATCH", "/subscriptions/{id}", serviceIdentity, 1, "", perms("User.Read.All"), patchSubscription},
	{"DELETE", "/subscriptions/{id}", serviceIdentity, 1, "", perms("User.Read.All"), deleteSubscription},
	{"DELETE", "/users/{id}", serviceIdentity, 1, "", userDelete, deleteUser},
	{"POST", "/users/{id}/revokeSignInSessions", serviceIdentity, 1, "", perms("User.RevokeSessions.All User.ReadWrite.All Directory.ReadWrite.All"), revokeSessions},
	{"GET", "/users/{id}/manager", serviceIdentity, 1, selectOne, userRelations, getManager},
	{"POST", "/users", serviceIdentity, 1, "", directoryWrite("User.ReadWrite.All"), createUser},
	{"GET", "/users/{id}/directReports", serviceIdentity, 1, selectMany, userRelations, listReports},
	{"PUT", "/users/{id}/manager/$ref", serviceIdentity, 1, "", directoryWrite("User.ReadWrite.All"), setManager},
	{"DELETE", "/users/{id}/manager/$ref", serviceIdentity, 1, "", directoryWrite("User.ReadWrite.All"), removeManager},
	{"POST", "/users/{id}/getMemberGroups", serviceIdentity, 1, "", transitive, getMemberGroups},
	{"POST", "/users/{id}/getMemberObjects", serviceIdentity, 1, "", transitive, getMemberGroups},
	{"GET", "/users/{id}/memberOf", serviceIdentity, 2, selectMany, memberships, listMemberOf},
	{"GET", "/users/{id}/memberOf/microsoft.graph.group", serviceIdentity, 2, selectMany, perms("User.Read.All"), listMemberOfGroups},
	{"GET", "/users/{id}/memberOf/microsoft.graph.directoryRole", serviceIdentity, 2, selectMany, perms("User.Read.All"), listMemberOfRoles},
	{"GET", "/users/{id}/transitiveMemberOf", serviceIdentity, 2, selectMany, transitive, listTransitive},
	{"GET", "/users/{id}/transitiveMemberOf/microsoft.graph.group", serviceIdentity, 2, selectMany, transitive, listTransitiveGroups},
	{"GET", "/users/{id}/transitiveMemberOf/microsoft.graph.directoryRole", serviceIdentity, 2, selectMany, transitive, listTransitiveRoles},
	{"POST", "/users/{id}/checkMemberGroups", serviceIdentity, 4, "", perms("User.Read.All User.ReadWrite.All GroupMember.Read.All GroupMember.ReadBasic.All Group.Read.All Group.ReadBasic.All Group.ReadWrite.All Directory.Read.All Directory.ReadWrite.All"), checkMemberGroups},
	{"GET", "/users/{id}/ownedObjects", serviceIdentity, 2, selectMany, userRelations, listOwnedObjects},
	{"GET", "/users/{id}/ownedDevices", serviceIdentity, 2, selectMany, userRelations, listOwnedDevices},
	{"GET", "/users/{id}/registeredDevices", serviceIdentity, 2, selectMany, userRelations, listRegisteredDevices},
	{"GET", "/users/{id}/licenseDetails", serviceIdentity, 2, selectMany, perms("LicenseAssignment.Read.All User.Read.All User.ReadWrite.All Directory.Read.All Directory.ReadWrite.All"), listLicenseDetails},
	{"POST", "/users/{id}/assignLicense", serviceIdentity, 1, "", perms("LicenseAssignment.ReadWrite.All User.ReadWrite.All Directory.ReadWrite.All"), assignLicense},
	{"GET", "/subscribedSkus", serviceIdentity, 3, "$select", perms("LicenseAssignment.Read.All Organization.Read.All Organization.ReadWrite.All Directory.Read.All Directory.ReadWrite.All"), listSKUs},
	{"GET", "/groups", serviceIdentity, 1, selectMany, groupRead, listGroups},
	{"GET", "/groups/{id}", serviceIdentity, 1, selectOne, groupRead, getGroup},
	{"POST", "/groups", serviceIdentity, 1, "", directoryWrite("Group.Create Group.ReadWrite.All"), createGroup},
	{"PATCH", "/groups/{id}", serviceIdentity, 1, "", directoryWrite("Group.ReadWrite.All"), patchGroup},
	{"DELETE", "/groups/{id}", serviceIdentity, 1, "", perms("Group.ReadWrite.All"), deleteGroup},
	{"POST", "/groups/{id}/members/$ref", serviceIdentity, 1, "", directoryWrite("GroupMember.ReadWrite.All Group.ReadWrite.All"), joinGroup},
	{"GET", "/groups/{id}/members", serviceIdentity, 3, selectMany, perms("GroupMember.Read.All GroupMember.ReadWrite.All GroupMember.ReadBasic.All Group.Read.All Group.ReadBasic.All Group.ReadWrite.All Directory.Read.All"), listMembers},
	{"GET", "/groups/{id}/transitiveMembers", serviceIdentity, 3, selectMany, perms("GroupMember.Read.All GroupMember.ReadWrite.All GroupMember.ReadBasic.All Group.Read.All Group.ReadBasic.All Group.ReadWrite.All Directory.Read.All"), listTransitiveMembers},
	{"GET", "/groups/{id}/members/microsoft.graph.user", serviceIdentity, 3, selectMany, perms("GroupMember.Read.All GroupMember.ReadWrite.All Group.Read.All Group.ReadWrite.All Directory.Read.All"), listMembers},
	{"DELETE", "/groups/{id}/members/{member}/$ref", serviceIdentity, 1, "", perms("GroupMember.ReadWrite.All Group.ReadWrite.All Directory.ReadWrite.All"), leaveGroup},
	{"GET", "/groups/{id}/owners", serviceIdentity, 1, selectMany, perms("GroupMember.Read.All GroupMember.ReadWrite.All Group.Read.All Group.ReadWrite.All Directory.Read.All"), listOwners},
	{"GET", "/groups/{id}/owners/microsoft.graph.user", serviceIdentity, 1, selectMany, perms("GroupMember.Read.All GroupMember.ReadWrite.All Group.Read.All Group.ReadWrite.All Directory.Read.All"), listOwners},
	{"POST", "/groups/{id}/owners/$ref", serviceIdentity, 1, "", ownersWrite, addOwner},
	{"DELETE", "/groups/{id}/owners/{member}/$ref", serviceIdentity, 1, "", ownersWrite, removeOwner},
	{"GET", "/users/{id}/oauth2PermissionGrants", serviceIdentity, 2, selectMany, perms("DelegatedPermissionGrant.ReadWrite.All Directory.Read.All"), listConsents},
	{"DELETE", "/oauth2PermissionGrants/{id}", serviceIdentity, 1, "", perms("DelegatedPermissionGrant.ReadWrite.All Directory.ReadWrite.All"), deleteConsent},
	{"GET", "/users/{id}/appRoleAssignments", serviceIdentity, 1, selectMany, perms("AppRoleAssignment.ReadWrite.All Directory.Read.All"), listAppRoles},
	{"POST", "/users/{id}/appRoleAssignments", serviceIdentity, 1, "", perms("AppRoleAssignment.ReadWrite.All"), createAppRole},
	{"DELETE", "/users/{id}/appRoleAssignments/{assignment}", serviceIdentity, 1, "", perms("AppRoleAssignment.ReadWrite.All"), deleteAppRole},
	{"GET", "/users/{id}/authentication/methods", serviceIdentity, 1, "", perms("UserAuthenticationMethod.Read.All UserAuthenticationMethod.ReadWrite.All"), listMethods},
	{"GET", "/users/{id}/authentication/fido2Methods", serviceIdentity, 1, "", perms("UserAuthMethod-Passkey.Read.All"), listPasskeys},
	{"GET", "/users/{id}/authentication/{collection}", serviceIdentity, 1, "", perms("UserAuthenticationMethod.Read.All UserAuthenticationMethod.ReadWrite.All"), listMethodsOf},
	{"DELETE", "/users/{id}/authentication/{collection}/{method}", serviceIdentity, 1, "", perms("UserAuthenticationMethod.ReadWrite.All"), deleteMethod},
	{"GET", "/applications", serviceIdentity, 1, selectMany, appRead, listApplications},
	{"GET", "/applications/{id}", serviceIdentity, 1, selectOne, appRead, getApplication},
	{"GET", "/applications/{id}/owners", serviceIdentity, 1, selectMany, appRead, listAppOwners},
	{"POST", "/applications/{id}/owners/$ref", serviceIdentity, 1, "", appWrite, addAppOwner},
	{"DELETE", "/applications/{id}/owners/{member}/$ref", serviceIdentity, 1, "", appWrite, removeAppOwner},
	{"GET", "/servicePrincipals", serviceIdentity, 1, selectMany, appRead, listPrincipals},
	{"GET", "/servicePrincipals/{id}", serviceIdentity, 1, selectOne, appRead, getPrincipal},
	{"GET", "/servicePrincipals/{id}/owners", serviceIdentity, 1, selectMany, appRead, listPrincipalOwners},
	{"POST", "/servicePrincipals/{id}/owners/$ref", serviceIdentity, 1, "", appWrite, addPrincipalOwner},
	{"DELETE", "/servicePrincipals/{id}/owners/{member}/$ref", serviceIdentity, 1, "", appWrite, removePrincipalOwner},
	{"GET", "/servicePrincipals/{id}/appRoleAssignments", serviceIdentity, 1, selectMany, appRead, listPrincipalRoles},
	{"GET", "/servicePrincipals/{id}/appRoleAssignedTo", serviceIdentity, 1, selectMany, perms("Application.Read.All Application.ReadWrite.All Directory.Read.All"), listPrincipalAssigned},
	{"GET", "/identity/conditionalAccess/policies", serviceIdentity, 1, selectMany, perms("Policy.Read.All"), listPolicies},
	{"GET", "/identityGovernance/lifecycleWorkflows/workflows", serviceIdentity, 1, selectMany, perms("LifecycleWorkflows.Read.All LifecycleWorkflows.ReadWrite.All LifecycleWorkflows-Workflow.Read.All"), listWorkflows},
	{"GET", "/directory/administrativeUnits", serviceIdentity, 1, selectMany, perms("AdministrativeUnit.Read.All AdministrativeUnit.ReadWrite.All Directory.Read.All Directory.ReadWrite.All"), listUnits},
	{"GET", "/directory/administrativeUnits/{id}/members", serviceIdentity, 1, selectMany, perms("AdministrativeUnit.Read.All AdministrativeUnit.ReadWrite.All Directory.Read.All Directory.ReadWrite.All"), listUnitMembers},
	{"GET", "/devices", serviceIdentity, 1, selectMany, deviceRead, listDevices},
	{"GET", "/devices/{id}", serviceIdentity, 1, selectOne, deviceRead, getDevice},
	{"PATCH", "/devices/{id}", serviceIdentity, 1, "", perms("Device.ReadWrite.All Directory.ReadWrite.All"), patchDevice},
	{"GET", "/devices/{id}/registeredUsers", serviceIdentity, 1, selectMany, deviceRead, listDeviceUsers},
	{"GET", "/devices/{id}/registeredOwners", serviceIdentity, 1, selectMany, deviceRead, listDeviceOwners},
	{"GET", "/directory/deletedItems/microsoft.graph.group", serviceIdentity, 1, selectMany, perms("Group.Read.All Group.ReadWrite.All Directory.Read.All Directory.ReadWrite.All"), listDeletedGroups},
	{"GET", "/directory/deletedItems/microsoft.graph.user", serviceIdentity, 1, selectMany, deletedRead, listDeletedUsers},
	{"GET", "/directory/deletedItems/{id}", serviceIdentity, 1, selectOne, deletedRead, getDeleted},
	{"GET", "/directory/deletedItems/{id}/microsoft.graph.user", serviceIdentity, 1, selectOne, deletedRead, getDeleted},
	{"POST", "/directory/deletedItems/{id}/restore", serviceIdentity, 1, "", userDelete, restoreUser},
	{"DELETE", "/directory/deletedItems/{id}", serviceIdentity, 1, "", perms("User.DeleteRestore.All User.ReadWrite.All Directory.ReadWrite.All"), purgeUser},
	{"GET", "/roleManagement/directory/roleAssignments", serviceIdentity, 1, selectMany + " $expand", perms("RoleManagement.Read.Directory RoleManagement.ReadWrite.Directory Directory.Read.All Directory.ReadWrite.All"), listRoleAssignments},
	{"POST", "/roleManagement/directory/roleAssignments", serviceIdentity, 1, "", perms("RoleManagement.ReadWrite.Directory"), createRoleAssignment},
	{"DELETE", "/roleManagement/directory/roleAssignments/{id}", serviceIdentity, 1, "", perms("RoleManagement.ReadWrite.Directory"), deleteRoleAssignment},
	{"GET", "/roleManagement/directory/roleEligibilitySchedules", serviceIdentity, 1, selectMany, perms("RoleEligibilitySchedule.Read.Directory RoleEligibilitySchedule.ReadWrite.Directory RoleManagement.Read.All RoleManagement.Read.Directory RoleManagement.ReadWrite.Directory"), listEligibilities},
	{"POST", "/roleManagement/directory/roleEligibilityScheduleRequests", serviceIdentity, 1, "", perms("RoleEligibilitySchedule.ReadWrite.Directory RoleManagement.ReadWrite.Directory"), requestEligibility},
	{"GET", "/roleManagement/directory/roleDefinitions", serviceIdentity, 1, selectMany, roleRead, listRoleDefinitions},
	{"GET", "/roleManagement/directory/roleDefinitions/{id}", serviceIdentity, 1, selectOne, roleRead, getRoleDefinition},
	{"GET", "/directoryRoles", serviceIdentity, 1, "$select $filter $count", roleRead, listDirectoryRoles},
	{"GET", "/directoryRoles/{role}/members", serviceIdentity, 1, selectMany, roleRead, listRoleMembers},
	{"DELETE", "/directoryRoles/{role}/members/{member}/$ref", serviceIdentity, 1, "", perms("RoleManagement.ReadWrite.Directory"), removeRoleMember},
	{"GET", "/auditLogs/directoryAudits", serviceReports, 1, "$top $filter $skiptoken", perms("AuditLog.Read.All"), listAudits},
	{"GET", "/organization", serviceIdentity, 1, "$select", perms("Organization.Read.All Organization.ReadWrite.All User.Read.All Directory.Read.All Directory.ReadWrite.All"), getOrganization},

	{"GET", "/users/{id}/managedDevices", serviceIntune, 1, selectMany, managedRead, listUserManagedDevices},
	{"GET", "/deviceManagement/managedDevices", serviceIntune, 1, selectMany, managedRead, listManagedDevices},
	{"GET", "/deviceManagement/managedDevices/{id}", serviceIntune, 1, selectOne, managedRead, getManagedDevice},
	{"GET", "/deviceManagement/managedDevices/{id}/users", serviceIntune, 1, selectMany, managedRead, listManagedUsers},
	{"GET", "/deviceManagement/windowsAutopilotDeviceIdentities", serviceIntune, 1, selectMany, perms("DeviceManagementServiceConfig.Read.All DeviceManagementServiceConfig.ReadWrite.All"), listAutopilot},
	{"POST", "/deviceManagement/managedDevices/{id}/retire", serviceIntune, 1, "", perms("DeviceManagementManagedDevices.PrivilegedOperations.All"), retireDevice},
	{"POST", "/deviceManagement/managedDevices/{id}/wipe", serviceIntune, 1, "", perms("DeviceManagementManagedDevices.PrivilegedOperations.All"), wipeDevice},
	{"GET", "/users/{id}/managedAppRegistrations", serviceIntune, 1, selectMany, perms("DeviceManagementApps.Read.All DeviceManagementApps.ReadWrite.All"), listUserAppRegistrations},
	{"POST", "/users/{id}/wipeManagedAppRegistrationsByDeviceTag", serviceIntune, 1, "", perms("DeviceManagementApps.ReadWrite.All"), wipeAppData},

	{"GET", "/admin/teams/telephoneNumberManagement/numberAssignments", serviceTeams, 1, selectMany, perms("TeamsTelephoneNumber.Read.All TeamsTelephoneNumber.ReadWrite.All"), listNumbers},
	{"POST", "/admin/teams/telephoneNumberManagement/numberAssignments/assignNumber", serviceTeams, 1, "", perms("TeamsTelephoneNumber.ReadWrite.All"), assignNumber},
	{"POST", "/admin/teams/telephoneNumberManagement/numberAssignments/unassignNumber", serviceTeams, 1, "", perms("TeamsTelephoneNumber.ReadWrite.All"), unassignNumber},

	{"GET", "/users/{id}/calendar", serviceOutlook, 1, selectOne, perms("Calendars.ReadBasic Calendars.Read Calendars.ReadWrite"), getCalendar},
	{"POST", "/users/{id}/sendMail", serviceOutlook, 1, "", nil, sendMail},
	{"GET", "/users/{id}/calendars", serviceOutlook, 1, selectChildren, perms("Calendars.ReadBasic Calendars.Read Calendars.ReadWrite"), listCalendars},
	{"GET", "/users/{id}/mailboxSettings", serviceOutlook, 1, selectOne, perms("MailboxSettings.Read MailboxSettings.ReadWrite"), getMailboxSettings},
	{"PATCH", "/users/{id}/mailboxSettings", serviceOutlook, 1, "", rulesWrite, patchMailboxSettings},
	{"GET", "/users/{id}/events", serviceOutlook, 1, "$select $top $filter $skiptoken", perms("Calendars.Read Calendars.ReadBasic.All Calendars.ReadWrite"), listEvents},
	{"GET", "/users/{id}/mailFolders", serviceOutlook, 1, "$select $top $skiptoken includeHiddenFolders", mailBasic, listMailFolders},
	{"GET", "/users/{id}/mailFolders/{folder}", serviceOutlook, 1, selectOne, mailBasic, getMailFolder},
	{"GET", "/users/{id}/mailFolders/{folder}/childFolders", serviceOutlook, 1, "$select $top $skiptoken includeHiddenFolders", mailBasic, listChildFolders(ContentMail)},
	{"GET", "/users/{id}/mailFolders/{folder}/messages/delta", serviceOutlook, 1, "$select $deltatoken $skiptoken", mailBasic, deltaMessages},
	{"GET", "/users/{id}/mailFolders/{folder}/messages", serviceOutlook, 1, selectChildren, mailBasic, listContents(ContentMail, "messages", messageSchema)},
	{"GET", "/users/{id}/messages/{message}", serviceOutlook, 1, selectOne, mailBasic, getMessage},
	{"GET", "/users/{id}/messages/{message}/$value", serviceOutlook, 1, "", mailRead, getMIME},
	{"GET", "/users/{id}/contactFolders", serviceOutlook, 1, selectChildren, contactsRead, listContactFolders},
	{"GET", "/users/{id}/contactFolders/{folder}/childFolders", serviceOutlook, 1, selectChildren, contactsRead, listChildFolders(ContentContacts)},
	{"GET", "/users/{id}/contactFolders/{folder}/contacts", serviceOutlook, 1, selectChildren, contactsRead, listContents(ContentContacts, "contacts", contactSchema)},
	{"GET", "/users/{id}/calendars/{calendar}/events", serviceOutlook, 1, selectChildren, perms("Calendars.Read Calendars.ReadWrite"), listCalendarEvents},
	{"GET", "/users/{id}/events/{event}", serviceOutlook, 1, "$select $expand", perms("Calendars.Read Calendars.ReadWrite"), getEvent},
	{"GET", "/users/{id}/events/{event}/exceptionOccurrences", serviceOutlook, 1, selectChildren, perms("Calendars.Read Calendars.ReadWrite"), listExceptions},
	{"GET", "/users/{id}/events/{event}/instances", serviceOutlook, 1, "startDateTime endDateTime $select $top $skiptoken", perms("Calendars.Read Calendars.ReadWrite"), listInstances},
	{"GET", "/users/{id}/events/{event}/attachments", serviceOutlook, 1, selectChildren, perms("Calendars.Read Calendars.ReadWrite"), listEventAttachments},
	{"GET", "/users/{id}/events/{event}/attachments/{attachment}/$value", serviceOutlook, 1, "", perms("Calendars.Read Calendars.ReadWrite"), getEventAttachment},
	{"GET", "/users/{id}/todo/lists", serviceOutlook, 1, "$top $skiptoken", tasksRead, listTaskLists},
	{"GET", "/users/{id}/todo/lists/{folder}/tasks", serviceOutlook, 1, "$top $skiptoken", tasksRead, listContents(ContentTasks, "todo/lists/tasks", taskSchema)},
	{"GET", "/users/{id}/mailFolders/inbox/messageRules", serviceOutlook, 1, selectChildren, rulesRead, listRules},
	{"POST", "/users/{id}/mailFolders/inbox/messageRules", serviceOutlook, 1, "", rulesWrite, createRule},
	{"GET", "/users/{id}/mailFolders/inbox/messageRules/{rule}", serviceOutlook, 1, selectOne, rulesRead, getRule},
	{"PATCH", "/users/{id}/mailFolders/inbox/messageRules/{rule}", serviceOutlook, 1, "", rulesWrite, patchRule},
	{"DELETE", "/users/{id}/mailFolders/inbox/messageRules/{rule}", serviceOutlook, 1, "", rulesWrite, deleteRule},

	{"GET", "/users/{id}/drive", serviceFiles, 1, selectOne, filesRead, getUserDrive},
	{"GET", "/users/{id}/drives", serviceFiles, 2, selectChildren, filesRead, listUserDrives},
	{"GET", "/users/{id}/drive/root", serviceFiles, 1, selectOne, filesRead, getUserDriveRoot},
	{"GET", "/users/{id}/drive/root/children", serviceFiles, 2, selectChildren, filesRead, listUserDriveChildren},
	{"GET", "/drives/{drive}", serviceFiles, 1, selectOne, filesRead, getDrive},
	{"GET", "/drives/{drive}/root", serviceFiles, 1, selectOne, filesRead, getDriveRoot},
	{"GET", "/drives/{drive}/root/delta", serviceFiles, 1, "token $select $top", filesRead, delta},
	{"GET", "/drives/{drive}/root/children", serviceFiles, 2, selectChildren, filesRead, listChildren},
	{"GET", "/drives/{drive}/items/{item}", serviceFiles, 1, selectOne, filesRead, getDriveItem},
	{"GET", "/drives/{drive}/items/{item}/children", serviceFiles, 2, selectChildren, filesRead, listChildren},
	{"POST", "/drives/{drive}/items/{item}/children", serviceFiles, 2, "", filesWrite, createFolder},
	{"GET", "/drives/{drive}/items/{item}/versions", serviceFiles, 2, selectChildren, filesRead, listVersions},
	{"GET", "/drives/{drive}/items/{item}/permissions", serviceFiles, 5, "$select", filesRead, listGrants},
	{"DELETE", "/drives/{drive}/items/{item}/permissions/{permission}", serviceFiles, 5, "", filesWrite, removeGrant},
	{"POST", "/drives/{drive}/root/invite", serviceFiles, 5, "", filesWrite, invite},
	{"POST", "/drives/{drive}/items/{item}/invite", serviceFiles, 5, "", filesWrite, invite},
	{"POST", "/drives/{drive}/items/{item}/copy", serviceFiles, 2, "@microsoft.graph.conflictBehavior", filesWrite, copyItem},
}

// routes is operations by method and number of segments.
var routes = func() map[string][]*operation {
	m := map[string][]*operation{}
	for i := range operations {
		o := &operations[i]
		key := fmt.Sprint(o.method, strings.Count(o.template, "/"))
		m[key] = append(m[key], o)
	}
	return m
}()

// call is one Graph request, alone or out of a batch.
type call struct {
	t *Tenant
	r *http.Request // the outer request
	caller
	op        *operation
	method    string
	url       *url.URL // absolute
	arg       map[string]string
	query     url.Values
	header    http.Header
	raw       []byte
	body      map[string]any
	now       time.Time
	requestID string
	counting  bool // the path ends in /$count
}

func (c *call) base() string { return "https://" + c.r.Host + "/v1.0" }

func (c *call) has(roles ...string) bool {
	return slices.ContainsFunc(roles, func(r string) bool { return slices.Contains(c.roles, r) })
}

// fail is an error in the envelope of the service behind the operation.
func (c *call) fail(status int, code, format string, args ...any) reply {
	return reply{status: status, body: envelope(c.r, c.requestID, c.now, code, fmt.Sprintf(format, args...))}
}

// denied is the refusal of a call the token's permissions do not open.
func (c *call) denied() reply {
	switch c.op.service {
	case serviceIntune:
		return c.intuneError(http.StatusForbidden, "Forbidden", "Application is not authorized to perform this operation. Application must have one of the following scopes: "+strings.Join(c.op.allow, ", "))
	case serviceOutlook:
		return c.fail(http.StatusForbidden, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
	case serviceFiles:
		return c.fail(http.StatusForbidden, "accessDenied", "Access denied")
	}
	if strings.HasPrefix(c.op.template, "/roleManagement/directory/roleEligibility") {
		return c.pimRefuses("Authorization failed due to missing permission scope " + strings.Join(c.op.allow, ",") + ".")
	}
	return c.insufficient()
}

// pimRefuses is how Privileged Identity Management says no: its own error as the text of an unknown one.
// Sources: microsoftgraph/microsoft-graph-docs issue 22292; hashicorp/terraform-provider-azuread issue 1727.
func (c *call) pimRefuses(why string) reply {
	inside, _ := json.Marshal(map[string]any{"errorCode": "PermissionScopeNotGranted", "message": why, "instanceAnnotations": []string{}})
	return c.fail(http.StatusForbidden, "UnknownError", "%s", inside)
}

func (c *call) insufficient() reply {
	return c.fail(http.StatusForbidden, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
}

func (c *call) notFound(id string) reply {
	return c.fail(http.StatusNotFound, "Request_ResourceNotFound", "Resource '%s' does not exist or one of its queried reference-property objects are not present.", id)
}

func (c *call) badRequest(format string, args ...any) reply {
	return c.fail(http.StatusBadRequest, "Request_BadRequest", format, args...)
}

// notSimulated is the answer to what Graph may know and the tenant does not.
func (c *call) notSimulated(format string, args ...any) reply {
	return c.fail(http.StatusNotImplemented, "NotImplemented", "%s", c.t.notSimulated(format, args...))
}

// tooMany is the 429 of the documentation; it repeats status and date inside.
func (c *call) tooMany() reply {
	r := c.fail(http.StatusTooManyRequests, "TooManyRequests", "Please retry again later.")
	inner := r.body.(map[string]any)["error"].(map[string]any)["innerError"].(map[string]any)
	inner["code"], inner["status"], inner["message"] = "429", "429", "Please retry after"
	return r
}

// intuneError is an error of Intune, whose message is JSON itself.
func (c *call) intuneError(status int, code, message string) reply {
	inner := fmt.Sprintf("%s - Operation ID (for customer support): %s - Activity ID: %s - Url: https://fef.msub02.manage.microsoft.com/DeviceFE/", message, c.requestID, c.requestID)
	quoted, _ := json.Marshal(inner) // a string always marshals
	return c.fail(status, code, "%s", "{\r\n  \"_version\": 3,\r\n  \"Message\": "+string(quoted)+
		",\r\n  \"CustomApiErrorPhrase\": \"\",\r\n  \"RetryAfter\": null,\r\n  \"ErrorSourceService\": \"\",\r\n  \"HttpHeaders\": \"{}\"\r\n}")
}

// graph serves /v1.0.
func (t *Tenant) graph(r *http.Request, raw []byte, requestID string) (decision, caller) {
	who, refusal := t.authenticate(r, graphAudience)
	if refusal != "" {
		t.counts["401"]++
		return decision{reply: reply{
			status: http.StatusUnauthorized,
			header: map[string]string{"WWW-Authenticate": `Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000"`},
			body:   envelope(r, requestID, t.clock(), "InvalidAuthenticationToken", refusal),
		}}, caller{}
	}
	c := &call{t: t, r: r, caller: who, method: r.Method, url: absolute(r), header: r.Header, raw: raw, now: t.clock(), requestID: requestID}
	path := strings.TrimPrefix(r.URL.EscapedPath(), "/v1.0")
	if path == "/$batch" && r.Method == http.MethodPost {
		return t.batch(c), who
	}
	return t.run(c, path), who
}

// run answers one call: find the operation, then draw its fault, charge it, check its permission
// and its form, and let it act.
func (t *Tenant) run(c *call, path string) decision {
	segments := strings.Split(strings.Trim(path, "/"), "/")
	for i, s := range segments {
		plainText, err := url.PathUnescape(s)
		if err != nil {
			return decision{reply: c.fail(http.StatusBadRequest, "BadRequest", "The path segment '%s' is not escaped well.", s)}
		}
		segments[i] = plainText
	}
	segments = keyed(segments)
	if last := len(segments) - 1; segments[last] == "$count" && c.method == http.MethodGet && last > 0 {
		c.counting, segments = true, segments[:last]
	}
	// Options inside of $expand are separated by semicolons, with which Query drops the whole parameter.
	// Source: OData 4.01, URL Conventions, 5.1.3.
	c.query, _ = url.ParseQuery(strings.ReplaceAll(c.url.RawQuery, ";", "%3B")) // what else is no query is dropped, as by Query
	if c.op, c.arg = match(c.method, segments); c.op == nil {
		c.op = &operation{}
		return decision{reply: c.notSimulated("%s %s", c.method, path)}
	}
	t.counts[c.op.name()]++
	if missing, is := c.absent(); is {
		return decision{reply: missing}
	}
	head := map[string]string{}
	finish := func(r reply) reply {
		for k, v := range r.header {
			head[k] = v
		}
		r.header = head
		return r
	}
	f := t.fault(c.op.name(), c.arg["id"], c.arg["member"], c.arg["drive"], c.arg["item"], c.arg["permission"], c.arg["message"], c.arg["folder"])
	d := decision{reset: f.Reset, delay: f.Delay}
	if f.hides() && !f.After {
		d.reply = finish(c.faulty(f))
		return d
	}
	if spent := t.throttle(c, head); spent != nil {
		d.reply = finish(*spent)
		return d
	}
	d.reply = finish(f.circled(c.act(), c.base()+strings.TrimPrefix(c.url.RequestURI(), "/v1.0")))
	t.refresh()
	if f.hides() {
		d.reply = finish(c.faulty(f))
	}
	return d
}

func match(method string, segments []string) (*operation, map[string]string) {
	for _, o := range routes[fmt.Sprint(method, len(segments))] {
		arg, ok := map[string]string{}, true
		for i, want := range strings.Split(o.template[1:], "/") {
			if strings.HasPrefix(want, "{") {
				arg[strings.Trim(want, "{}")] = segments[i]
				ok = ok && isKey(segments[i])
			} else {
				ok = ok && (strings.EqualFold(want, segments[i]) || method == http.MethodPost && strings.EqualFold(namespace+want, segments[i]))
			}
		}
		if ok {
			return o, arg
		}
	}
	return nil, nil
}

// namespace is that of Microsoft Graph's types and functions; in a path graph. is short for it.
const namespace = "microsoft.graph."

// isKey says that a segment is the key of an object, and neither a function nor a type.
func isKey(segment string) bool {
	return segment != "" && segment != "delta" && segment[0] != '$' && !strings.HasPrefix(strings.ToLower(segment), namespace)
}

// keyInPath is OData's way of naming one of a collection: users('ID'), servicePrincipals(appId='ID').
var keyInPath = regexp.MustCompile(`^(\w+)\((\w+=)?'(.+)'\)$`)

// keyed makes segments of their own of the keys in a path; that of another property than the id says
// so. A function without parameters, delta() or microsoft.graph.delta(), is its name; graph.user, as Microsoft's
// clients write it, is microsoft.graph.user.
// Sources: OData Version 4.01, URL conventions, 4.3.1 and 4.9; msgraph-metadata, v1.0, Alias of the schema.
func keyed(segments []string) []string {
	var out []string
	for _, s := range segments {
		if key := keyInPath.FindStringSubmatch(s); key != nil {
			out = append(out, key[1], key[2]+strings.ReplaceAll(key[3], "''", "'"))
			continue
		}
		if short, is := strings.CutPrefix(s, "graph."); is {
			s = namespace + short
		}
		if name, is := strings.CutSuffix(s, "()"); is {
			s = strings.TrimPrefix(name, namespace)
		}
		out = append(out, s)
	}
	return out
}

// faulty is the answer of a fault.
func (c *call) faulty(f outcome) reply {
	r := c.fail(f.Status, orElse(f.Code, statusCode(f.Status)), "%s", orElse(f.Message, "The simulated tenant was told to answer so."))
	switch {
	case f.Page:
		r = gatewayPage(f.Status)
	case f.Status == http.StatusTooManyRequests && f.Code == "":
		r = c.tooMany()
	}
	if r.header == nil {
		r.header = map[string]string{}
	}
	maps.Copy(r.header, retryAfter(f, c.now))
	return r
}

// statusCode is the error code Graph pairs with a status.
func statusCode(status int) string {
	switch status {
	case http.StatusTooManyRequests:
		return "TooManyRequests"
	case http.StatusServiceUnavailable:
		return "serviceNotAvailable"
	case http.StatusGatewayTimeout:
		return "UnknownError"
	case http.StatusUnauthorized:
		return "InvalidAuthenticationToken"
	case http.StatusForbidden:
		return "Authorization_RequestDenied"
	case http.StatusNotFound:
		return "Request_ResourceNotFound"
	case http.StatusBadRequest:
		return "Request_BadRequest"
	}
	return strings.ReplaceAll(http.StatusText(status), " ", "")
}

func (c *call) act() reply {
	if c.op.allow != nil && !c.has(c.op.allow...) {
		return c.denied()
	}
	if bad := c.misnamed(); bad != nil {
		return *bad
	}
	for option := range c.query {
		if !slices.Contains(strings.Fields(c.op.options), option) {
			return c.notSimulated("the query option %s of %s", option, c.op.name())
		}
	}
	if c.method == http.MethodPost || c.method == http.MethodPatch || c.method == http.MethodPut {
		if bad := c.unreadable(); bad != nil {
			return *bad
		}
		switch v := decoded(c.raw).(type) {
		case map[string]any:
			c.body = v
		case nil:
			if len(c.raw) > 0 && strings.TrimSpace(string(c.raw)) != "null" {
				return c.fail(http.StatusBadRequest, "BadRequest", "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.")
			}
		default:
			return c.fail(http.StatusBadRequest, "BadRequest", "The request payload must be a JSON object.")
		}
	}
	return c.op.handle(c)
}

// misnamed refuses what is no object id of a group; a person may be named by userPrincipalName too.
// Source: microsoftgraph/microsoft-graph-docs-contrib#3854; OfficeDev/microsoft-teams-apps-incentives#53.
func (c *call) misnamed() *reply {
	id, isGroup := c.arg["id"], strings.HasPrefix(c.op.template, "/groups/{id}")
	var bad reply
	switch _, err := uuid.Parse(id); {
	case strings.Contains(id, "=") && (isGroup || strings.HasPrefix(c.op.template, "/users/{id}")):
		bad = c.notSimulated("the key %s in %s", id, c.op.name())
	case isGroup && err != nil:
		bad = c.badRequest("Invalid object identifier '%s'.", id)
	default:
		return nil
	}
	return &bad
}

// unreadable refuses a body that does not say that it is JSON, and a change without a body.
// Sources: Microsoft Graph, error responses (415); microsoftgraph/microsoft-graph-docs-contrib#6215 and #7083.
func (c *call) unreadable() *reply {
	kind, _, _ := strings.Cut(c.header.Get("Content-Type"), ";")
	var bad reply
	switch {
	case len(c.raw) == 0 && c.method == http.MethodPatch:
		bad = c.fail(http.StatusBadRequest, "BadRequest", "Empty Payload. JSON content expected.")
	case len(c.raw) > 0 && kind == "":
		bad = c.fail(http.StatusBadRequest, "BadRequest", "Write requests (excluding DELETE) must contain the Content-Type header declaration.")
	case len(c.raw) > 0 && !strings.EqualFold(strings.TrimSpace(kind), "application/json"):
		bad = c.fail(http.StatusUnsupportedMediaType, "UnsupportedMediaType", "The content type '%s' is not supported.", kind)
	default:
		return nil
	}
	return &bad
}

// only refuses a body with other properties than those named; the type annotation the SDK adds is
// no property.
func (c *call) only(body map[string]any, names ...string) *reply {
	for k := range body {
		if !annotation(k) && !slices.Contains(names, k) {
			r := c.notSimulated("the property %s of %s", k, c.op.name())
			return &r
		}
	}
	return nil
}

// annotation says that a name in a body is no property but says something of one. What binds an object is none: it
// has an effect.
func annotation(name string) bool {
	return strings.Contains(name, "@") && !strings.HasSuffix(name, "@odata.bind")
}

var noContent = reply{status: http.StatusNoContent}
