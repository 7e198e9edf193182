package simtenant

import "strings"

// perms are application permissions separated by blanks.
func perms(s string) []string { return strings.Fields(s) }

// directoryWrite are permissions that Directory.ReadWrite.All stands in for.
func directoryWrite(s string) []string { return append(perms(s), "Directory.ReadWrite.All") }

// Permissions shared by several operations of the table in graph.go.
var (
	userRead        = perms("User.Read.All User.ReadBasic.All User.ReadWrite.All Directory.Read.All Directory.ReadWrite.All")
	userPatch       = perms("User.EnableDisableAccount.All User-PasswordProfile.ReadWrite.All User.ReadWrite.All Directory.ReadWrite.All") // patchUser says which property needs which
	appRead         = perms("Application.Read.All Application.ReadWrite.All Application.ReadWrite.OwnedBy Directory.Read.All")
	appWrite        = perms("Application.ReadWrite.All Application.ReadWrite.OwnedBy")
	userDelete      = perms("User.DeleteRestore.All User.ReadWrite.All")
	userRelations   = perms("User.Read.All User.ReadWrite.All Directory.Read.All Directory.ReadWrite.All")
	memberships     = perms("Directory.Read.All Directory.ReadWrite.All GroupMember.ReadBasic.All Group.ReadBasic.All")
	transitive      = perms("User.Read.All GroupMember.Read.All GroupMember.ReadBasic.All Group.Read.All Group.ReadBasic.All Directory.Read.All Directory.ReadWrite.All")
	groupRead       = perms("GroupMember.Read.All Group.Read.All Group.ReadBasic.All Group.ReadWrite.All Directory.Read.All Directory.ReadWrite.All")
	ownersWrite     = perms("Group.ReadWrite.All Directory.ReadWrite.All")
	deviceRead      = perms("Device.Read.All Device.ReadWrite.All Directory.Read.All Directory.ReadWrite.All")
	deletedRead     = perms("User.Read.All User.ReadWrite.All Directory.Read.All Directory.ReadWrite.All")
	roleRead        = perms("RoleManagement.Read.Directory RoleManagement.ReadWrite.Directory RoleManagement.Read.All Directory.Read.All Directory.ReadWrite.All")
	roleProperties  = perms("RoleManagement.Read.Directory RoleManagement.ReadWrite.Directory Directory.Read.All Directory.ReadWrite.All")
	groupProperties = perms("GroupMember.Read.All GroupMember.ReadWrite.All GroupMember.ReadBasic.All Group.Read.All Group.ReadBasic.All Group.ReadWrite.All Directory.Read.All Directory.ReadWrite.All")
	managedRead     = perms("DeviceManagementManagedDevices.Read.All DeviceManagementManagedDevices.ReadWrite.All")
	rulesRead       = perms("MailboxSettings.Read")
	rulesWrite      = perms("MailboxSettings.ReadWrite")
	mailBasic       = perms("Mail.ReadBasic Mail.ReadBasic.All Mail.Read Mail.ReadWrite")
	mailRead        = perms("Mail.Read Mail.ReadWrite")
	contactsRead    = perms("Contacts.Read Contacts.ReadWrite")
	tasksRead       = perms("Tasks.Read.All Tasks.ReadWrite.All")
	filesRead       = perms("Files.Read.All Files.ReadWrite.All Sites.Read.All Sites.ReadWrite.All")
	filesWrite      = perms("Files.ReadWrite.All Sites.ReadWrite.All")
)

// basicProperties are those of a user that User.ReadBasic.All opens.
var basicProperties = strings.Fields("displayName givenName id mail photo surname userPrincipalName")

// Permissions that no single operation of the table needs.
const (
	userLifeCycleRead = "User-LifeCycleInfo.Read.All"        // shows employeeLeaveDateTime
	roleAssignables   = "RoleManagement.ReadWrite.Directory" // opens the members of role-assignable groups
	hiddenRead        = "Member.Read.Hidden"                 // shows who is in a group whose membership is hidden
)

// opened are the names of the operations that each permission opens, each collection of authentication methods
// by its own.
func opened() map[string][]string {
	by := map[string][]string{}
	for i := range operations {
		name := operations[i].name()
		names := []string{name}
		if strings.Contains(name, "{collection}") {
			names = nil
			for _, collection := range methodCollections {
				names = append(names, strings.Replace(name, "{collection}", collection, 1))
			}
		}
		for _, p := range operations[i].allow {
			by[p] = append(by[p], names...)
		}
	}
	return by
}

// knownPermissions are all permissions that mean anything here.
func knownPermissions() map[string]bool {
	known := map[string]bool{userLifeCycleRead: true, roleAssignables: true, hiddenRead: true, exchangeRole: true, "Mail.Send": true, "User-LifeCycleInfo.ReadWrite.All": true}
	for _, o := range operations {
		for _, p := range o.allow {
			known[p] = true
		}
	}
	return known
}
