package simtenant

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// seeded is a tenant of a seed in YAML.
func seeded(t *testing.T, text string) *fixture {
	t.Helper()
	seed, err := ReadSeed(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return setUp(t, Config{Seed: seed})
}

const (
	ada = "ada@contoso.com"
	bo  = "bo@contoso.com"
)

// only prints one property of the only object of an answer.
func only(t *testing.T, a answer, property string) string {
	t.Helper()
	if len(a.values()) != 1 {
		t.Fatalf("got %d objects, want 1: %v", len(a.values()), a.body)
	}
	return fmt.Sprint(a.values()[0][property])
}

// Sources: Exchange PowerShell, New-MailUser (an address and an account, no mailbox), Get-Recipient: RecipientTypeDetails.
func TestAMailboxThatIsElsewhereIsAMailUserToExchange(t *testing.T) {
	f := seeded(t, `
users:
  - {userPrincipalName: ada@contoso.com, mail: ada@contoso.com, synced: true, recipientTypeDetails: MailUser, externalEmailAddress: ada@mail.contoso.com, licences: [ENTERPRISEPACK]}
  - {userPrincipalName: "gus_fabrikam.com#EXT#@contoso.com", mail: gus@fabrikam.com, guest: true}
mailContacts: [{displayName: Agency, externalEmailAddress: post@agency.example}]
`)
	f.want(f.exec("Get-Mailbox", args{"Identity": ada}), 404, "NotFound")
	f.want(f.call("GET", "/users/"+ada+"/mailboxSettings", nil), 404, "MailboxNotEnabledForRESTAPI")
	equal(t, "ada", only(t, f.exec("Get-Recipient", args{"Identity": ada}), "RecipientTypeDetails"), "MailUser")
	equal(t, "by id", only(t, f.exec("Get-User", args{"Identity": UserID(ada)}), "RecipientTypeDetails"), "MailUser")
	equal(t, "the guest", only(t, f.exec("Get-Recipient", args{"Identity": "gus@fabrikam.com"}), "RecipientTypeDetails"), "GuestMailUser")
	equal(t, "the contact", only(t, f.exec("Get-Recipient", args{"Identity": "post@agency.example"}), "RecipientTypeDetails"), "MailContact")
}

// Source: Microsoft Purview, How to identify the type of hold placed on an Exchange Online mailbox.
func TestAMailboxOutlivesItsAccountByAHoldAndByNothingElse(t *testing.T) {
	for name, tt := range map[string]struct {
		mailbox, organisation string
		kept                  bool
	}{
		"nothing":                          {"", "", false},
		"litigation hold":                  {"litigationHold: true", "", true},
		"Teams and Skype chats":            {`inPlaceHolds: ["skp127d7cf1076947929bf136b7a2a8c36f:2"]`, "", false},
		"a policy that keeps":              {`inPlaceHolds: ["mbxcdbbb86ce60342489bff371876e7f224:2"]`, "", true},
		"a policy that keeps then deletes": {`inPlaceHolds: ["mbxcdbbb86ce60342489bff371876e7f224:3"]`, "", true},
		"a policy that deletes":            {`inPlaceHolds: ["mbxcdbbb86ce60342489bff371876e7f224:1"]`, "", false},
		"an eDiscovery case":               {`inPlaceHolds: ["UniH7d895d48-7e23-4a8d-8346-533c3beac15d"]`, "", true},
		"an In-Place Hold":                 {`inPlaceHolds: ["cld9c0a984ca74b457fbe4504bf7d3e00de"]`, "", true},
		"an old In-Place Hold":             {`inPlaceHolds: ["c0ba3ce811b6432a8751430937152491"]`, "", true},
		"a policy for groups":              {"", `inPlaceHolds: ["grp7ed7c8b64d1f4d5bb5d5e2d2d3d9f6a1:2"]`, false},
		"a policy of the organisation":     {"", `inPlaceHolds: ["mbx7cfb30345d454ac0a989ab3041051209:2"]`, true},
		"an exception from it":             {`inPlaceHolds: ["-mbx7cfb30345d454ac0a989ab3041051209"]`, `inPlaceHolds: ["mbx7cfb30345d454ac0a989ab3041051209:2"]`, false},
		"a delay hold":                     {"delayHoldApplied: true", "", true},
		"a label":                          {"complianceTagHoldApplied: true", "", true},
	} {
		f := seeded(t, fmt.Sprintf(`
users: [{userPrincipalName: ada@contoso.com, licences: [ENTERPRISEPACK], mailbox: {items: 9, %s}}]
organization: {%s}
`, tt.mailbox, tt.organisation))
		f.want(f.call("DELETE", "/users/"+ada, nil), 204, "")
		if m, _ := f.Mailbox(UserID(ada)); m.Inactive != tt.kept {
			t.Errorf("%s: the mailbox is inactive %t, want %t", name, m.Inactive, tt.kept)
		}
		f.known()
	}
}

// Source: the same page, Managing mailboxes on delay hold.
func TestADelayHoldBeginsWhenTheLastHoldEndsAndLasts30Days(t *testing.T) {
	f := seeded(t, `users: [{userPrincipalName: ada@contoso.com, licences: [ENTERPRISEPACK], mailbox: {litigationHold: true}}]`)
	f.exec("Set-Mailbox", args{"Identity": ada, "LitigationHoldEnabled": false})
	equal(t, "at once", only(t, f.exec("Get-Mailbox", args{"Identity": ada}), "DelayHoldApplied"), "true")
	f.Advance(30 * 24 * time.Hour)
	equal(t, "30 days later", only(t, f.exec("Get-Mailbox", args{"Identity": ada}), "DelayHoldApplied"), "false")
	f.exec("Set-Mailbox", args{"Identity": ada, "LitigationHoldEnabled": true})
	f.exec("Set-Mailbox", args{"Identity": ada, "LitigationHoldEnabled": false})
	f.exec("Set-Mailbox", args{"Identity": ada, "RemoveDelayHoldApplied": true})
	equal(t, "taken away", only(t, f.exec("Get-Mailbox", args{"Identity": ada}), "DelayHoldApplied"), "false")
}

// Source: Exchange, Recoverable Items folder; OneDrive, quota resource: deleted.
func TestWhatWasDeletedIsThereAndCounted(t *testing.T) {
	f := seeded(t, `
users:
  - userPrincipalName: ada@contoso.com
    licences: [ENTERPRISEPACK]
    mailbox: {deletedItemCount: 7, totalDeletedItemSize: 2048, archiveItemCount: 5, archiveTotalItemSize: 1024}
    drive: {deleted: 5368709120, items: [{name: plan.docx, size: 10, versions: 3}]}
`)
	stats := f.exec("Get-MailboxStatistics", args{"Identity": ada})
	equal(t, "items", only(t, stats, "ItemCount"), "0")
	equal(t, "deleted items", only(t, stats, "DeletedItemCount")+" "+only(t, stats, "TotalDeletedItemSize"), "7 2 KB (2,048 bytes)")
	equal(t, "archive", only(t, f.exec("Get-MailboxStatistics", args{"Identity": ada, "Archive": true}), "ItemCount"), "5")
	equal(t, "folders", f.exec("Get-MailboxFolderStatistics", args{"Identity": ada, "FolderScope": "RecoverableItems"}).names("ItemsInFolder"), "0 7 0 0 0")
	equal(t, "recycle bin", fmt.Sprint(f.call("GET", "/users/"+ada+"/drive", nil).body["quota"].(map[string]any)["deleted"]), "5.36870912e+09")
	d, _ := f.Drive(UserID(ada))
	equal(t, "versions", len(f.call("GET", "/drives/"+d.ID+"/items/"+d.Items[0].ID+"/versions", nil).values()), 4)
}

// Sources: OneDrive/onedrive-api-docs issues 935 (a copy differs), 390 (shortcuts), 63 and 545
// (monitors), PR 1199 (locked).
func TestCopiesDifferRefuseAndLoseTheirMonitor(t *testing.T) {
	f := seeded(t, `
knobs: {monitorsVanish: true}
users:
  - userPrincipalName: ada@contoso.com
    licences: [ENTERPRISEPACK]
    drive: {items: [{name: a.docx, size: 10, copyAdds: 512, versions: 2}, {name: Team site, remoteItem: true}, {name: Notes, package: oneNote, size: 5}]}
  - {userPrincipalName: bo@contoso.com, licences: [ENTERPRISEPACK]}
  - {userPrincipalName: cy@contoso.com, licences: [ENTERPRISEPACK], drive: {locked: true}}
`)
	from, _ := f.Drive(UserID(ada))
	to, _ := f.Drive(UserID(bo))
	copyTo := func(item string) answer {
		return f.call("POST", "/drives/"+from.ID+"/items/"+item+"/copy", map[string]any{"parentReference": map[string]any{"driveId": to.ID, "id": "root"}})
	}
	a := copyTo(from.Items[0].ID)
	f.want(a, 202, "")
	got, _ := f.Drive(UserID(bo))
	equal(t, "size of the copy", got.Items[0].Size, 522)
	equal(t, "its hash", got.Items[0].Hash, "")
	equal(t, "its versions", got.Items[0].Versions, 0)
	equal(t, "the monitor", f.open("GET", a.header.Get("Location")).at("status"), "notStarted")
	equal(t, "the monitor again", f.open("GET", a.header.Get("Location")).status, 404)
	f.want(copyTo(from.Items[1].ID), 400, "notSupported")
	list := f.call("GET", "/drives/"+from.ID+"/root/children", nil)
	for _, i := range list.values() {
		_, isFile := i["file"]
		_, isRemote := i["remoteItem"]
		_, isPackage := i["package"]
		equal(t, fmt.Sprint(i["name"]), fmt.Sprint(isFile, isRemote, isPackage), map[string]string{"a.docx": "true false false", "Team site": "false true false", "Notes": "false false true"}[i["name"].(string)])
	}
	f.want(f.call("GET", "/users/cy@contoso.com/drive", nil), 423, "resourceLocked")
}

// Sources: practical365.com, Exchange ActiveSync user-initiated remote device wipe; Exchange,
// Clear-MobileDevice: the device acknowledges the next time it receives data.
// Source: Microsoft Graph, List drives; microsoftgraph/microsoft-graph-docs issue 18173.
func TestASiteOfAOneDriveHasFurtherLibraries(t *testing.T) {
	f := seeded(t, `
users:
  - {userPrincipalName: ada@contoso.com, licences: [ENTERPRISEPACK], drive: {files: 2, size: 10, libraries: [{name: "Another%20library", files: 3}]}}
  - {userPrincipalName: bo@contoso.com}
`)
	all := f.call("GET", "/users/"+ada+"/drives?$select=id,name,webUrl", nil).values()
	equal(t, "drives", len(all), 2)
	further := all[1]
	equal(t, "its name", further["name"], any("OneDrive"))
	equal(t, "its address", further["webUrl"], any("https://contoso-my.sharepoint.com/personal/ada_contoso_com/Another%20library"))
	items := func(root string) any { return f.call("GET", root, nil).body["folder"].(map[string]any)["childCount"] }
	equal(t, "its items", items("/drives/"+further["id"].(string)+"/root"), any(float64(3)))
	equal(t, "the items of the OneDrive", items("/users/"+ada+"/drive/root"), any(float64(2)))
	f.want(f.call("GET", "/users/"+UserID("bo@contoso.com")+"/drives", nil), 404, "ResourceNotFound")
}

func TestAPhoneThatIsShutOutDoesNotHearOfItsWipe(t *testing.T) {
	for name, shut := range map[string]func(*fixture){
		"the protocol is closed": func(f *fixture) { f.exec("Set-CASMailbox", args{"Identity": ada, "ActiveSyncEnabled": false}) },
		"the device is blocked": func(f *fixture) {
			for _, p := range f.phones() {
				f.exec("Set-CASMailbox", args{"Identity": ada, "ActiveSyncBlockedDeviceIDs": []string{p.DeviceID}})
			}
		},
		"the account is disabled": func(f *fixture) {
			f.call("PATCH", "/users/"+ada, map[string]any{"accountEnabled": false})
			f.Advance(16 * time.Minute) // its token has ended
		},
		"the mailbox is shared": func(f *fixture) { f.exec("Set-Mailbox", args{"Identity": ada, "Type": "Shared"}) },
	} {
		f := seeded(t, `
knobs: {phonesShutOut: true}
users: [{userPrincipalName: ada@contoso.com, licences: [ENTERPRISEPACK], phones: [{name: Phone, syncEvery: 1m}]}]
`)
		phone := f.phones()[0].Identity
		shut(f)
		f.exec("Clear-MobileDevice", args{"Identity": phone, "AccountOnly": true})
		f.Advance(time.Hour)
		if p, _ := f.Phone(phone); !p.WipeAcked.IsZero() || p.WipeRequested.IsZero() {
			t.Errorf("%s: requested %v, acknowledged %v, want no acknowledgement", name, p.WipeRequested, p.WipeAcked)
		}
		f.exec("Set-CASMailbox", args{"Identity": ada, "ActiveSyncEnabled": true, "ActiveSyncBlockedDeviceIDs": nil})
		f.exec("Set-Mailbox", args{"Identity": ada, "Type": "Regular"})
		f.call("PATCH", "/users/"+ada, map[string]any{"accountEnabled": true})
		opened := f.Now()
		f.Advance(time.Hour)
		if p, _ := f.Phone(phone); !p.WipeAcked.After(opened) {
			t.Errorf("%s: let in again at %v it acknowledged at %v", name, opened, p.WipeAcked)
		}
	}
}

// A phone whose account was disabled is let in as long as its token lasts: the moment of the policy's
// phoneGrace is not in vain. Source: Microsoft Entra, continuous access evaluation: up to 15 minutes.
func TestAPhoneHearsOfItsWipeWhileItsTokenLasts(t *testing.T) {
	for name, tt := range map[string]struct {
		every time.Duration
		hears bool
	}{"on push": {time.Minute, true}, "once an hour": {time.Hour, false}} {
		for _, kind := range []string{"outlook: false", "outlook: true"} {
			f := seeded(t, fmt.Sprintf(`
knobs: {phonesShutOut: true}
users: [{userPrincipalName: ada@contoso.com, licences: [ENTERPRISEPACK], phones: [{name: Phone, syncEvery: %s, %s}]}]
`, tt.every, kind))
			phone := f.phones()[0].Identity
			f.want(f.call("PATCH", "/users/"+ada, map[string]any{"accountEnabled": false}), 204, "")
			f.want(f.call("POST", "/users/"+ada+"/revokeSignInSessions", nil), 200, "")
			f.exec("Clear-MobileDevice", args{"Identity": phone, "AccountOnly": true})
			f.Advance(3 * time.Hour)
			if p, _ := f.Phone(phone); p.WipeAcked.IsZero() == tt.hears {
				t.Errorf("%s, %s: acknowledged at %v, want that it hears of it: %t", name, kind, p.WipeAcked, tt.hears)
			}
		}
	}
}

// Source: Microsoft Intune, App protection policies overview: whoever uses a protected app has a licence.
func TestAProtectedAppWithoutALicenceHearsOfNoWipe(t *testing.T) {
	for _, licensed := range []bool{true, false} {
		f := seeded(t, `users: [{userPrincipalName: ada@contoso.com, licences: [EMS], managedApps: [{name: Phone, syncEvery: 1m}]}]`)
		var tag string
		f.Edit(func(w *World) {
			for _, r := range w.AppRegistrations {
				tag = r.DeviceTag
			}
		})
		f.want(f.call("POST", "/users/"+ada+"/wipeManagedAppRegistrationsByDeviceTag", map[string]any{"deviceTag": tag}), 204, "")
		if !licensed {
			f.Edit(func(w *World) { w.Users[UserID("ada@contoso.com")].Licences = nil })
		}
		f.Advance(time.Hour)
		left := 0
		f.Edit(func(w *World) { left = len(w.AppRegistrations) })
		if (left == 0) != licensed {
			t.Errorf("licensed %t: %d registrations are left", licensed, left)
		}
	}
}

// Source: Exchange, Perform a remote wipe on a mobile phone: "If the client doesn't support v16.1,
// the wipe will fail and an error will be given."
func TestAnOldPhoneRefusesTheAccountOnlyWipe(t *testing.T) {
	f := seeded(t, `users: [{userPrincipalName: ada@contoso.com, licences: [ENTERPRISEPACK], phones: [{name: Old, noAccountOnlyWipe: true, syncEvery: 1m}]}]`)
	phone := f.phones()[0].Identity
	f.want(f.exec("Clear-MobileDevice", args{"Identity": phone, "AccountOnly": true}), 400, "BadRequest")
	if p, _ := f.Phone(phone); !p.WipeRequested.IsZero() {
		t.Errorf("the wipe was requested at %v, want none", p.WipeRequested)
	}
}

// Source: microsoftgraph/powershell-intune-samples issues 7 and 35.
func TestARetireFailsAndSaysNothing(t *testing.T) {
	f := seeded(t, `users: [{userPrincipalName: ada@contoso.com, managedDevices: [{name: PC, retireFailures: 1, syncEvery: 1m}]}]`)
	device := f.call("GET", "/users/"+ada+"/managedDevices", nil).names("id")
	f.want(f.call("POST", "/deviceManagement/managedDevices/"+device+"/retire", nil), 204, "")
	f.Advance(2 * time.Minute)
	a := f.call("GET", "/deviceManagement/managedDevices/"+device, nil)
	equal(t, "state", a.at("managementState")+a.at("deviceActionResults"), "retireFailed[]")
	f.want(f.call("POST", "/deviceManagement/managedDevices/"+device+"/retire", nil), 204, "")
	f.Advance(2 * time.Minute)
	f.want(f.call("GET", "/deviceManagement/managedDevices/"+device, nil), 404, "ResourceNotFound")
}

// Source: MicrosoftDocs/azure-docs PR 35963.
func TestTheSynchronisationEnablesAComputerOfActiveDirectoryAgain(t *testing.T) {
	f := seeded(t, `
knobs: {directorySyncEvery: 1m}
users: [{userPrincipalName: ada@contoso.com, devices: [{name: HYBRID, trustType: ServerAd}, {name: CLOUD}, {name: SHARED, registeredUsers: [bo@contoso.com]}]}, {userPrincipalName: bo@contoso.com}]
`)
	enabled := func() string {
		return f.call("GET", "/users/"+ada+"/ownedDevices?$select=displayName,accountEnabled", nil).names("accountEnabled")
	}
	ids := strings.Fields(f.call("GET", "/users/"+ada+"/ownedDevices?$select=id", nil).names("id"))
	for _, id := range ids {
		f.want(f.call("PATCH", "/devices/"+id, map[string]any{"accountEnabled": false}), 204, "")
	}
	equal(t, "disabled", enabled(), "false false false")
	f.Advance(2 * time.Minute)
	equal(t, "a synchronisation later", strings.Count(enabled(), "true"), 1)
	users := 0
	for _, id := range ids {
		users += len(f.call("GET", "/devices/"+id+"/registeredUsers?$select=id", nil).values())
	}
	equal(t, "registered users", users, 4)
}

// Sources: microsoft-graph-docs issue 10763 (lists), Microsoft Graph, user: list ownedObjects.
func TestOwnersOfListsAreExchangesAndOfApplicationsGraphs(t *testing.T) {
	f := seeded(t, `
groups: [{name: Old List, kind: distribution, owners: [ada@contoso.com]}, {name: Team, kind: unified, owners: [ada@contoso.com, bo@contoso.com]}]
applications: [{displayName: Payroll, owners: [ada@contoso.com]}]
servicePrincipals: [{displayName: Payroll, owners: [ada@contoso.com]}]
users: [{userPrincipalName: ada@contoso.com, licences: [ENTERPRISEPACK]}, {userPrincipalName: bo@contoso.com, licences: [ENTERPRISEPACK], manager: ada@contoso.com}]
`)
	owned := f.call("GET", "/users/"+ada+"/ownedObjects", nil)
	equal(t, "owned", len(owned.values()), 3)
	if strings.Contains(owned.names("displayName"), "Old List") {
		t.Errorf("ownedObjects shows %s, want no distribution list", owned.names("displayName"))
	}
	equal(t, "managed", only(t, f.exec("Get-DistributionGroup", args{"ManagedBy": UserID(ada)}), "DisplayName"), "Old List")
	for cmdlet, more := range map[string]args{"Set-DistributionGroup": {"ManagedBy": []any{bo}}, "Add-DistributionGroupMember": {"Member": bo}, "Remove-DistributionGroupMember": {"Member": ada}} {
		more["Identity"] = "Old List"
		a := f.exec(cmdlet, more)
		f.want(a, 400, "BadRequest")
		equal(t, cmdlet+" by somebody else than its manager", a.header.Get("X-ExceptionType"), managerException)
	}
	f.want(f.exec("Set-DistributionGroup", args{"Identity": "Old List", "ManagedBy": []any{bo}, "BypassSecurityGroupManagerCheck": true}), 200, "")
	if g, _ := f.GroupByName("Old List"); len(g.Owners) != 1 || g.Owners[0] != UserID(bo) {
		t.Errorf("the list is managed by %v, want bo alone", g.Owners)
	}
	app := f.call("GET", "/applications?"+where("displayName eq 'Payroll'"), nil).names("id")
	f.want(f.call("POST", "/applications/"+app+"/owners/$ref", map[string]any{"@odata.id": "https://graph.microsoft.com/v1.0/directoryObjects/" + UserID(bo)}), 204, "")
	f.want(f.call("DELETE", "/applications/"+app+"/owners/"+UserID(ada)+"/$ref", nil), 204, "")
	if r, _ := f.Registration(app); len(r.Owners) != 1 || r.Owners[0] != UserID(bo) {
		t.Errorf("the application is owned by %v, want bo alone", r.Owners)
	}
	equal(t, "reports", f.call("GET", "/users/"+ada+"/directReports?$select=userPrincipalName", nil).names("userPrincipalName"), bo)
}

// Sources: Exchange, Filterable properties for the Filter parameter, ManagedBy and ModeratedBy; Get-DynamicDistributionGroup.
func TestWhoManagesAndApprovesIsFoundByTheirDistinguishedName(t *testing.T) {
	f := seeded(t, `
groups: [{name: Old List, kind: distribution, owners: [bo@contoso.com]}]
users: [{userPrincipalName: ada@contoso.com, licences: [ENTERPRISEPACK]}, {userPrincipalName: bo@contoso.com, licences: [ENTERPRISEPACK]}]
`)
	f.Edit(func(w *World) {
		w.Groups[GroupID("Old List")].ModerationEnabled, w.Groups[GroupID("Old List")].ModeratedBy = true, []string{UserID(ada)}
		w.Mailboxes[UserID(bo)].ModeratedBy = []string{UserID(ada)}
		w.Organization.DynamicGroups = []DynamicDistributionGroup{{GUID: "d1", DisplayName: "All", ManagedBy: UserID(ada)}, {GUID: "d2", DisplayName: "Some", ModeratedBy: []string{UserID(ada), UserID(bo)}}}
	})
	name := only(t, f.exec("Get-Recipient", args{"Identity": ada}), "DistinguishedName")
	manages, approves := "ManagedBy -eq '"+name+"'", "ModeratedBy -eq '"+name+"'"
	for _, tt := range []struct{ cmdlet, filter, want string }{
		{"Get-DistributionGroup", manages, ""}, {"Get-DistributionGroup", approves, "Old List"}, {"Get-DistributionGroup", manages + " -or " + approves, "Old List"},
		{"Get-DynamicDistributionGroup", manages, "All"}, {"Get-DynamicDistributionGroup", approves, "Some"}, {"Get-DynamicDistributionGroup", manages + " -or " + approves, "All Some"},
		{"Get-Mailbox", approves, "bo"},
	} {
		equal(t, tt.cmdlet+" "+tt.filter, f.exec(tt.cmdlet, args{"Filter": tt.filter}).names("Identity"), tt.want)
	}
	equal(t, "what it shows", only(t, f.exec("Get-DistributionGroup", args{"Filter": approves}), "ModeratedBy"), "[ada]")
	f.want(f.exec("Get-DynamicDistributionGroup", args{"Identity": "None"}), 404, "NotFound")
}

// Sources: Exchange PowerShell, Get-TransportRule; Add-MailboxPermission, User.
func TestARuleShowsAddressesAndAPermissionItsGroup(t *testing.T) {
	f := seeded(t, `
groups: [{name: Openers, kind: mailSecurity}]
users: [{userPrincipalName: ada@contoso.com, licences: [ENTERPRISEPACK]}]
`)
	f.Edit(func(w *World) {
		w.Mailboxes[UserID(ada)].Permissions = []MailboxPermission{{User: GroupID("Openers"), Rights: []string{"FullAccess"}}}
		w.Organization.TransportRules = []TransportRule{{GUID: "r1", Name: "On", Names: map[string][]string{"SentTo": {ada}}}, {GUID: "r2", Name: "Off", Disabled: true}}
	})
	equal(t, "rules in use", f.exec("Get-TransportRule", args{"State": "Enabled"}).names("Guid"), "r1")
	equal(t, "whom one names", only(t, f.exec("Get-TransportRule", args{"Identity": "r1"}), "SentTo"), "[ada@contoso.com]")
	equal(t, "who opens", f.exec("Get-MailboxPermission", args{"Identity": ada}).names("User"), `NT AUTHORITY\SELF Openers`)
	equal(t, "its kind", only(t, f.exec("Get-Recipient", args{"Identity": "Openers"}), "RecipientTypeDetails"), "MailUniversalSecurityGroup")
}

// Sources: Microsoft Graph, licenseAssignmentState; microsoft-graph-docs PR 3167 (dependent plans).
func TestLicencesInErrorAndPlansThatDependOnOthers(t *testing.T) {
	f := seeded(t, `
skus:
  - {id: aaaaaaaa-0000-4000-8000-000000000001, partNumber: BASE, seats: 9, plans: [{id: aaaaaaaa-0000-4000-8000-000000000011, name: EXCHANGE_S_ENTERPRISE}]}
  - {id: aaaaaaaa-0000-4000-8000-000000000002, partNumber: ADDON, seats: 9, plans: [{id: aaaaaaaa-0000-4000-8000-000000000012, name: CALLS, dependsOn: [EXCHANGE_S_ENTERPRISE]}]}
groups: [{name: Licences, licences: [BASE], licenceErrors: {bo@contoso.com: CountViolation}}]
users:
  - {userPrincipalName: ada@contoso.com, licences: [BASE, ADDON]}
  - {userPrincipalName: bo@contoso.com, groups: [Licences], usageLocation: ""}
`)
	state := f.call("GET", "/users/"+bo+"?$select=licenseAssignmentStates", nil).body["licenseAssignmentStates"].([]any)[0].(map[string]any)
	equal(t, "state", fmt.Sprint(state["state"], " ", state["error"]), "Error CountViolation")
	f.want(f.exec("Get-Mailbox", args{"Identity": bo}), 404, "NotFound") // it brings no mailbox
	base, addon := "aaaaaaaa-0000-4000-8000-000000000001", "aaaaaaaa-0000-4000-8000-000000000002"
	take := func(skus ...string) answer {
		return f.call("POST", "/users/"+ada+"/assignLicense", map[string]any{"addLicenses": []any{}, "removeLicenses": skus})
	}
	a := take(base)
	f.want(a, 400, "Request_BadRequest")
	if !strings.Contains(a.at("error", "message"), "depends on the service plan") {
		t.Errorf("the refusal says %q, want which plan depends", a.at("error", "message"))
	}
	equal(t, "licences", strings.Join(f.Licences(UserID(ada)), " "), base+" "+addon)
	f.want(take(base, addon), 200, "")
	a = f.call("POST", "/users/"+bo+"/assignLicense", map[string]any{"addLicenses": []any{map[string]any{"skuId": addon}}, "removeLicenses": []any{}})
	f.want(a, 400, "Request_BadRequest")
}

// Source: Microsoft Entra, Restricted management administrative units: what is blocked and allowed.
func TestARestrictedUnitForbidsTheDirectoryAndNotExchange(t *testing.T) {
	f := seeded(t, `
administrativeUnits: [{displayName: Board, isMemberManagementRestricted: true, members: [ada@contoso.com, Board Group]}]
groups: [{name: Board Group}, {name: Open}]
users: [{userPrincipalName: ada@contoso.com, licences: [ENTERPRISEPACK], groups: [Board Group, Open], devices: [{name: PC, isManagementRestricted: true}]}]
`)
	equal(t, "shown", f.call("GET", "/users/"+ada+"?$select=isManagementRestricted", nil).at("isManagementRestricted"), "true")
	f.want(f.call("PATCH", "/users/"+ada, map[string]any{"accountEnabled": false}), 403, "Authorization_RequestDenied")
	f.want(f.call("DELETE", "/users/"+ada, nil), 403, "Authorization_RequestDenied")
	f.want(f.call("DELETE", "/groups/"+GroupID("Board Group")+"/members/"+UserID(ada)+"/$ref", nil), 403, "Authorization_RequestDenied")
	f.want(f.call("DELETE", "/groups/"+GroupID("Open")+"/members/"+UserID(ada)+"/$ref", nil), 204, "")
	device := f.call("GET", "/users/"+ada+"/ownedDevices", nil).names("id")
	f.want(f.call("PATCH", "/devices/"+device, map[string]any{"accountEnabled": false}), 403, "Authorization_RequestDenied")
	f.want(f.call("POST", "/users/"+ada+"/revokeSignInSessions", nil), 200, "")
	f.want(f.exec("Set-Mailbox", args{"Identity": ada, "HiddenFromAddressListsEnabled": true}), 200, "")
	if u, _ := f.UserByUPN(ada); !u.AccountEnabled {
		t.Error("the account was disabled")
	}
	if !strings.Contains(f.call("GET", "/users/"+ada+"/memberOf", nil).names("displayName"), "Board") {
		t.Error("memberOf does not show the unit")
	}
}

// Sources: Defender for Office 365, automatic external email forwarding; Exchange, Get-RemoteDomain,
// Get-CalendarProcessing.
func TestPoliciesOfTheOrganisationAndWhoBooksRooms(t *testing.T) {
	f := seeded(t, `
organization: {remoteDomains: [{name: Fabrikam, domainName: fabrikam.com}]}
users:
  - {userPrincipalName: ada@contoso.com, licences: [ENTERPRISEPACK]}
  - {userPrincipalName: room@contoso.com, disabled: true, mailbox: {recipientTypeDetails: RoomMailbox, resourceDelegates: [ada@contoso.com]}}
`)
	equal(t, "forwarding outside", only(t, f.exec("Get-HostedOutboundSpamFilterPolicy", args{"Identity": "Default"}), "AutoForwardingMode"), "Automatic")
	equal(t, "remote domain", only(t, f.exec("Get-RemoteDomain", args{"Identity": "Fabrikam"}), "AutoForwardEnabled"), "false")
	equal(t, "delegates", only(t, f.exec("Get-CalendarProcessing", args{"Identity": "room@contoso.com"}), "ResourceDelegates"), "[ada]")
	f.want(f.exec("Set-CalendarProcessing", args{"Identity": "room@contoso.com", "ResourceDelegates": map[string]any{"@odata.type": "#Exchange.GenericHashTable", "remove": []any{ada}}}), 200, "")
	if m, _ := f.Mailbox(UserID("room@contoso.com")); len(m.ResourceDelegates) != 0 {
		t.Errorf("the bookings are approved by %v, want nobody", m.ResourceDelegates)
	}
}

// Source: Microsoft Entra, What's new, December 2024: Entra Connect's application identity.
func TestTheSynchronisationMaySignInAsAnApplication(t *testing.T) {
	f := seeded(t, `
knobs: {syncAsApplication: true, directorySyncEvery: 1m, syncedWritable: true}
users: [{userPrincipalName: ada@contoso.com, synced: true}]
`)
	f.want(f.call("PATCH", "/users/"+ada, map[string]any{"accountEnabled": false}), 204, "")
	f.Advance(2 * time.Minute)
	a := f.call("GET", "/auditLogs/directoryAudits?"+where("activityDisplayName eq 'Enable account' and targetResources/any(t:t/id eq '"+UserID(ada)+"')"), nil)
	app := a.values()[0]["initiatedBy"].(map[string]any)["app"].(map[string]any)
	roles := f.call("GET", "/servicePrincipals/"+fmt.Sprint(app["servicePrincipalId"])+"/appRoleAssignments", nil)
	service := f.call("GET", "/servicePrincipals?"+where("appId eq '"+synchronisationAppID+"'"), nil)
	equal(t, "what it may", only(t, roles, "resourceId"), only(t, service, "id"))
	if _, ok := f.UserByUPN(SyncAccount); ok {
		t.Error("there is an account of the synchronisation, want none")
	}
}

// Source: Exchange team, EWS in Exchange Online, 2026: switches may go.
func TestASwitchThatExchangeStoppedReturningIsAbsent(t *testing.T) {
	f := seeded(t, `
knobs: {absentSwitches: [EwsEnabled]}
users: [{userPrincipalName: ada@contoso.com, licences: [ENTERPRISEPACK]}]
`)
	cas := f.exec("Get-CASMailbox", args{"Identity": ada}).values()[0]
	if v, there := cas["EwsEnabled"]; there || cas["OWAEnabled"] != true {
		t.Errorf("EwsEnabled is %v, OWAEnabled %v, want absent and true", v, cas["OWAEnabled"])
	}
}

// Source: Microsoft Graph, telephoneNumberManagement: unassignNumber, whose answer is an operation that goes on.
func TestATelephoneNumberIsReleasedLater(t *testing.T) {
	f := seeded(t, `
knobs: {numberDelay: 1m}
users: [{userPrincipalName: ada@contoso.com, access: {telephoneNumbers: ["+4930123"]}}]
`)
	f.want(f.call("POST", "/admin/teams/telephoneNumberManagement/numberAssignments/unassignNumber", map[string]any{"telephoneNumber": "+4930123", "numberType": "callingPlan"}), 202, "")
	numbers := func() int {
		return len(f.call("GET", "/admin/teams/telephoneNumberManagement/numberAssignments", nil).values())
	}
	equal(t, "at once", numbers(), 1)
	f.Advance(time.Minute)
	equal(t, "a minute later", numbers(), 0)
}

// Source: Microsoft Graph, Paging: a link belongs to what was asked.
func TestASkipTokenBelongsToOnePath(t *testing.T) {
	f := seeded(t, `
groups: [{name: A}, {name: B}]
users: [{userPrincipalName: ada@contoso.com}, {userPrincipalName: bo@contoso.com}]
`)
	next := f.call("GET", "/users?$top=1", nil).at("@odata.nextLink")
	f.want(f.call("GET", strings.Replace(next, "/users?", "/groups?", 1), nil), 400, "Request_BadRequest")
}

// Sources: Exchange PowerShell, New-MailUser, Get-Recipient, RecipientTypeDetails.
func TestALicenceGivesNoMailboxToWhoHasOneElsewhere(t *testing.T) {
	f := seeded(t, `
groups: [{name: News, kind: distribution}, {name: Team, kind: unified}]
users: [{userPrincipalName: ada@contoso.com, mail: ada@contoso.com, recipientTypeDetails: MailUser}]
`)
	f.want(f.call("POST", "/users/"+ada+"/assignLicense", map[string]any{"addLicenses": []any{map[string]any{"skuId": skuOfficeE3ID}}, "removeLicenses": []any{}}), 200, "")
	if _, there := f.Mailbox(UserID(ada)); there {
		t.Error("the licence brought a mailbox, want none beside the one elsewhere")
	}
	equal(t, "a list", only(t, f.exec("Get-Recipient", args{"Identity": "news@contoso.com"}), "RecipientTypeDetails"), "MailUniversalDistributionGroup")
	equal(t, "a team", only(t, f.exec("Get-Recipient", args{"Identity": "team@contoso.com"}), "RecipientTypeDetails"), "GroupMailbox")
}

// Source: Microsoft Purview, How to identify the type of hold placed on an Exchange Online mailbox.
func TestExchangeShowsWhatHolds(t *testing.T) {
	const policy = "mbx7cfb30345d454ac0a989ab3041051209"
	f := seeded(t, `
organization: {inPlaceHolds: ["`+policy+`:2"]}
users: [{userPrincipalName: ada@contoso.com, licences: [ENTERPRISEPACK], mailbox: {delayReleaseHoldApplied: true, complianceTagHoldApplied: true, archiveItemCount: 1, archiveTotalItemSize: 1024}}]
`)
	mailbox := f.exec("Get-Mailbox", args{"Identity": ada})
	equal(t, "of apps", only(t, mailbox, "DelayReleaseHoldApplied"), "true")
	equal(t, "a label", only(t, mailbox, "ComplianceTagHoldApplied"), "true")
	equal(t, "an archive", only(t, mailbox, "ArchiveStatus"), "Active")
	equal(t, "its size", only(t, f.exec("Get-MailboxStatistics", args{"Identity": ada, "Archive": true}), "TotalItemSize"), "1 KB (1,024 bytes)")
	equal(t, "of everybody", only(t, f.exec("Get-OrganizationConfig", nil), "InPlaceHolds"), "["+policy+":2]")
	f.want(f.exec("Set-Mailbox", args{"Identity": ada, "ExcludeFromOrgHolds": []string{policy}}), 200, "")
	equal(t, "excepted", only(t, f.exec("Get-Mailbox", args{"Identity": ada}), "InPlaceHolds"), "[-"+policy+"]")
}

// Sources: Microsoft Graph, driveItem: copy, errors; Delete permission.
func TestACopyIsRefusedOrFindsANamesakeAndAnOwnerStays(t *testing.T) {
	f := seeded(t, `
knobs: {copyDelay: 1m}
users:
  - {userPrincipalName: ada@contoso.com, licences: [ENTERPRISEPACK], drive: {items: [{name: a.docx, size: 10}, {name: bad.exe, size: 10, copyError: malwareDetected}]}}
  - {userPrincipalName: bo@contoso.com, licences: [ENTERPRISEPACK]}
`)
	from, _ := f.Drive(UserID(ada))
	to, _ := f.Drive(UserID(bo))
	copyTo := func(item DriveItem) answer {
		return f.call("POST", "/drives/"+from.ID+"/items/"+item.ID+"/copy", map[string]any{"parentReference": map[string]any{"driveId": to.ID, "id": "root"}})
	}
	f.want(copyTo(from.Items[1]), 400, "malwareDetected")
	a := copyTo(from.Items[0])
	f.want(a, 202, "")
	f.Edit(func(w *World) {
		w.Drives[UserID(bo)].Items = append(w.Drives[UserID(bo)].Items, DriveItem{ID: "01OTHER", Name: "A.docx", Size: 3})
	})
	f.Advance(time.Minute)
	if d, _ := f.Drive(UserID(bo)); len(d.Items) != 1 || d.Items[0].Size != 3 {
		t.Errorf("there is %+v, want what somebody put there meanwhile", d.Items)
	}
	equal(t, "the monitor", f.open("GET", a.header.Get("Location")).at("error", "code"), "nameAlreadyExists")
	root := "/drives/" + from.ID + "/items/root/permissions"
	owner := f.call("GET", root, nil).names("id")
	f.want(f.call("DELETE", root+"/"+owner, nil), 400, "invalidRequest")
}

// Sources: Exchange, KB 2710029: Shared mailboxes are unexpectedly converted to user mailboxes after directory
// synchronization; Shared mailbox in Exchange Online is unexpectedly disconnected.
func TestASharedMailboxThatExchangeOnPremisesHasAsAUsersIsTakenBack(t *testing.T) {
	for remote, kept := range map[string]bool{"ProvisionMailbox": false, "ProvisionMailbox, ProvisionArchive": false, "Migrated": true, "ProvisionMailbox, SharedMailbox": true, "": true} {
		f := seeded(t, fmt.Sprintf(`
knobs: {directorySyncEvery: 1m}
users: [{userPrincipalName: ada@contoso.com, synced: true, licences: [ENTERPRISEPACK], mailbox: {remoteRecipientType: %q}}]
`, remote))
		equal(t, "shown", only(t, f.exec("Get-Mailbox", args{"Identity": ada}), "RemoteRecipientType"), orElse(remote, "None"))
		f.want(f.exec("Set-Mailbox", args{"Identity": ada, "Type": "Shared"}), 200, "")
		f.want(f.call("POST", "/users/"+ada+"/assignLicense", map[string]any{"addLicenses": []any{}, "removeLicenses": []any{skuOfficeE3ID}}), 200, "")
		if m, _ := f.Mailbox(UserID(ada)); m.Type != "SharedMailbox" || !usable(&m) {
			t.Fatalf("%q: before the synchronisation the mailbox is a %s, want a shared one that needs no licence", remote, m.Type)
		}
		f.Advance(2 * time.Minute)
		if m, _ := f.Mailbox(UserID(ada)); (m.Type == "SharedMailbox") != kept || usable(&m) != kept {
			t.Errorf("%q: a synchronisation later the mailbox is a %s, usable %t, want it kept: %t", remote, m.Type, usable(&m), kept)
		}
	}
}

// Sources: Microsoft Graph, permissions reference, Member.Read.Hidden; directoryObject: checkMemberGroups.
func TestAHiddenMembershipIsToldToFewApps(t *testing.T) {
	f := seeded(t, `
groups: [{name: Works council, kind: unified, visibility: HiddenMembership}, {name: Open, kind: unified}]
users: [{userPrincipalName: ada@contoso.com, groups: [Works council, Open]}]
`)
	council := GroupID("Works council")
	few, many := f.app("Directory.Read.All"), f.app("Directory.Read.All Member.Read.Hidden")
	for _, app := range []struct {
		id     string
		groups int
	}{{few, 1}, {many, 2}} {
		equal(t, "memberOf", len(f.as(app.id, "GET", "/users/"+ada+"/memberOf", nil).values()), app.groups)
		equal(t, "transitiveMemberOf", len(f.as(app.id, "GET", "/users/"+ada+"/transitiveMemberOf", nil).values()), app.groups)
		for path, body := range map[string]any{"checkMemberGroups": map[string]any{"groupIds": []string{council, GroupID("Open")}}, "getMemberGroups": map[string]any{"securityEnabledOnly": false}} {
			list, _ := f.as(app.id, "POST", "/users/"+ada+"/"+path, body).body["value"].([]any)
			equal(t, path, len(list), app.groups)
		}
	}
	equal(t, "visibility", f.as(few, "GET", "/groups/"+council, nil).at("visibility"), "HiddenMembership")
	f.want(f.as(few, "GET", "/groups/"+council+"/members", nil), 403, "Authorization_RequestDenied")
	f.want(f.as(few, "GET", "/groups/"+council+"/transitiveMembers", nil), 403, "Authorization_RequestDenied")
	equal(t, "members", len(f.as(many, "GET", "/groups/"+council+"/members", nil).values()), 1)
	equal(t, "transitive members", len(f.as(many, "GET", "/groups/"+council+"/transitiveMembers", nil).values()), 1)
}

// Source: Exchange PowerShell, Get-MailboxStatistics: a mailbox has statistics once somebody has logged on to it.
func TestAMailboxThatNobodyOpenedHasNoStatistics(t *testing.T) {
	f := seeded(t, `users: [{userPrincipalName: ada@contoso.com, licences: [ENTERPRISEPACK], mailbox: {neverOpened: true}}]`)
	a := f.exec("Get-MailboxStatistics", args{"Identity": ada})
	f.want(a, 200, "")
	equal(t, "statistics", len(a.values()), 0)
	if warning := fmt.Sprint(a.body["@adminapi.warnings"]); !strings.Contains(warning, "hasn't logged on") {
		t.Errorf("it warns %q, want that nobody has logged on", warning)
	}
	equal(t, "the mailbox", only(t, f.exec("Get-Mailbox", args{"Identity": ada}), "RecipientTypeDetails"), "UserMailbox")
}

// Sources: microsoft/Microsoft365DSC issue 2998; Exchange Online Management module: what it tries again.
func TestAFaultOfExchangeHasTheShapeOfItsStatus(t *testing.T) {
	f := seeded(t, `users: [{userPrincipalName: ada@contoso.com, licences: [ENTERPRISEPACK]}]`)
	for status, want := range map[int]struct{ code, exception string }{
		400: {"BadRequest", taskException}, 401: {"Unauthorized", ""}, 403: {"Forbidden", ""}, 404: {"NotFound", notFoundException},
		429: {"TooManyRequests", ""}, 500: {"InternalServerError", "Microsoft.Exchange.Data.Storage.StorageTransientException"}, 503: {"ServiceUnavailable", "Microsoft.Exchange.Data.Storage.StorageTransientException"},
	} {
		f.Edit(func(w *World) {
			w.Faults = []Fault{{Operation: "Get-Mailbox", Status: status, RetryAfter: time.Second}}
		})
		a := f.exec("Get-Mailbox", args{"Identity": ada})
		f.want(a, status, want.code)
		if a.header.Get("X-ExceptionType") != want.exception || a.header.Get("Retry-After") != "1" {
			t.Errorf("%d: the exception is %q and Retry-After %q, want %q and 1", status, a.header.Get("X-ExceptionType"), a.header.Get("Retry-After"), want.exception)
		}
	}
	f.Edit(func(w *World) {
		w.Faults = []Fault{{Operation: "Get-Mailbox", Status: 400, Code: "Microsoft.Exchange.Data.Directory.SuitabilityDirectoryException"}}
	})
	a := f.exec("Get-Mailbox", args{"Identity": ada})
	f.want(a, 400, "BadRequest")
	equal(t, "an exception by name", a.header.Get("X-ExceptionType"), "Microsoft.Exchange.Data.Directory.SuitabilityDirectoryException")
}

// Source: MicrosoftDocs/microsoft-365-docs issue 9636.
func TestAParameterThatExchangeDoesNotKnowRefusesTheRun(t *testing.T) {
	f := seeded(t, `users: [{userPrincipalName: ada@contoso.com, licences: [ENTERPRISEPACK]}]`)
	f.Edit(func(w *World) {
		w.Faults = []Fault{{Operation: "Set-CASMailbox", Parameter: "EwsEnabled", Status: 400}}
	})
	a := f.exec("Set-CASMailbox", args{"Identity": ada, "EwsEnabled": false, "PopEnabled": false})
	f.want(a, 400, "BadRequest")
	equal(t, "the exception", a.header.Get("X-ExceptionType"), bindingException)
	f.want(f.exec("Set-CASMailbox", args{"Identity": ada, "PopEnabled": false}), 200, "")
	f.Edit(func(w *World) {
		m := w.mailbox(ada)
		equal(t, "EwsEnabled, which was refused", m.Protocols["EwsEnabled"], true)
		equal(t, "PopEnabled, by itself", m.Protocols["PopEnabled"], false)
	})
}

// Source: OneDrive/onedrive-api-docs issue 697.
func TestAGatewayAnswersWithAPageOfItsOwn(t *testing.T) {
	f := seeded(t, `users: [{userPrincipalName: ada@contoso.com, licences: [ENTERPRISEPACK]}]`)
	f.Edit(func(w *World) {
		w.Faults = []Fault{{Operation: "*", Status: 503, Page: true, RetryAfter: 2 * time.Second}}
	})
	for target, audience := range map[string]string{f.conn.Graph + "/users/" + ada: graphAudience, f.conn.Exchange + "/adminapi/beta/" + f.conn.TenantID + "/InvokeCommand": exchangeAudience} {
		f.Edit(func(w *World) { w.Faults[0].Operation = "POST /$batch" })
		token := f.token(DefaultClientID, audience)
		f.Edit(func(w *World) { w.Faults[0].Operation = "*" })
		method, body := http.MethodGet, ""
		if audience == exchangeAudience {
			method, body = http.MethodPost, `{"CmdletInput":{"CmdletName":"Get-Mailbox","Parameters":{}}}`
		}
		req, err := http.NewRequest(method, target, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := f.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		page, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != 503 || res.Header.Get("Content-Type") != "text/html" || !strings.HasPrefix(string(page), "<html>") || res.Header.Get("Retry-After") != "2" {
			t.Errorf("%s: got %d %s %q, %v, want a page of HTML", target, res.StatusCode, res.Header.Get("Content-Type"), page, err)
		}
	}
}

// Source: Microsoft Graph, Create user, Update user, Assign manager, Create group, Add members.
func TestPeopleAreMadeAndChangedWhileItRuns(t *testing.T) {
	f := seeded(t, `users: [{userPrincipalName: bo@contoso.com}]`)
	a := f.call("POST", "/users", map[string]any{
		"accountEnabled": true, "displayName": "Ada Ash", "mailNickname": "ada", "userPrincipalName": ada, "usageLocation": "DE", "city": "Kiel",
		"passwordProfile": map[string]any{"password": "Nobody-Knows-1", "forceChangePasswordNextSignIn": true},
	})
	f.want(a, 201, "")
	id := a.at("id")
	f.want(f.call("PUT", "/users/"+id+"/manager/$ref", map[string]any{"@odata.id": "https://graph.microsoft.com/v1.0/users/" + UserID(bo)}), 204, "")
	f.want(f.call("PATCH", "/users/"+id, map[string]any{"employeeId": "E77", "jobTitle": "Buyer", "city": "Bonn", "employeeLeaveDateTime": "2026-12-01T17:00:00Z"}), 204, "")
	f.want(f.call("POST", "/users/"+id+"/assignLicense", map[string]any{"addLicenses": []any{map[string]any{"skuId": skuOfficeE3ID}}, "removeLicenses": []any{}}), 200, "")
	g := f.call("POST", "/groups", map[string]any{"displayName": "Buyers", "mailEnabled": false, "mailNickname": "buyers", "securityEnabled": true})
	f.want(g, 201, "")
	f.want(f.call("POST", "/groups/"+g.at("id")+"/members/$ref", map[string]any{"@odata.id": "https://graph.microsoft.com/v1.0/directoryObjects/" + id}), 204, "")
	equal(t, "found by number", f.call("GET", "/users?$select=userPrincipalName&"+where("employeeId eq 'E77'"), nil).names("userPrincipalName"), ada)
	equal(t, "leaves", f.call("GET", "/users?$select=userPrincipalName&"+where("employeeLeaveDateTime ge 2026-11-30T00:00:00Z"), nil).names("userPrincipalName"), ada)
	equal(t, "city", f.call("GET", "/users/"+ada+"?$select=city", nil).at("city"), "Bonn")
	equal(t, "manager", f.call("GET", "/users/"+ada+"/manager", nil).at("id"), UserID(bo))
	equal(t, "groups", f.call("GET", "/users/"+ada+"/memberOf", nil).names("displayName"), "Buyers")
	if m, ok := f.Mailbox(id); !ok || !usable(&m) {
		t.Error("the licence brought no mailbox")
	}
	f.want(f.call("DELETE", "/groups/"+g.at("id"), nil), 204, "")
	equal(t, "without the group", len(f.call("GET", "/users/"+ada+"/memberOf", nil).values()), 0)
	f.want(f.call("POST", "/directory/deletedItems/"+g.at("id")+"/restore", nil), 200, "")
	equal(t, "restored with its member", f.call("GET", "/users/"+ada+"/memberOf", nil).names("displayName"), "Buyers")
	f.want(f.call("DELETE", "/users/"+id+"/manager/$ref", nil), 204, "")
	f.want(f.call("GET", "/users/"+ada+"/manager", nil), 404, "Request_ResourceNotFound")
	f.known()
}

// phones are ada's.
func (f *fixture) phones() []Phone {
	var list []Phone
	for _, o := range f.exec("Get-MobileDevice", args{"Mailbox": ada}).values() {
		p, _ := f.Phone(fmt.Sprint(o["Identity"]))
		list = append(list, p)
	}
	return list
}

// open asks an address as it is, without a token.
func (f *fixture) open(method, url string) answer {
	f.Helper()
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		f.Fatal(err)
	}
	return f.send(req)
}

// TestACloudLacksWhatItsMetadataLacks: the CSDL of each cloud.
func TestACloudLacksWhatItsMetadataLacks(t *testing.T) {
	method := func(collection string) string { return "/users/" + ada + "/authentication/" + collection }
	paths := []string{"/admin/teams/telephoneNumberManagement/numberAssignments", "/users/" + ada, method("methods")}
	for _, collection := range methodCollections {
		if collection != "passwordMethods" { // which nobody lists: nobody can delete a password
			paths = append(paths, method(collection))
		}
	}
	for cloud, lacks := range map[string][]string{
		"": nil, "usgov": {paths[0], method("externalAuthenticationMethods")},
		"china": {
			paths[0], method("methods"), method("emailMethods"), method("externalAuthenticationMethods"), method("fido2Methods"), method("softwareOathMethods"),
			method("temporaryAccessPassMethods"), method("windowsHelloForBusinessMethods"),
		},
	} {
		f := seeded(t, "users: [{userPrincipalName: ada@contoso.com, licences: [ENTERPRISEPACK]}]\nknobs: {cloud: '"+cloud+"'}")
		for _, path := range paths {
			if slices.Contains(lacks, path) {
				f.want(f.call("GET", path, nil), 400, "BadRequest")
			} else {
				f.want(f.call("GET", path, nil), 200, "")
			}
		}
	}
}

// TestPasskeysAreListedByAPermissionOfTheirOwn: permissions reference, UserAuthMethod-Passkey.Read.All.
func TestPasskeysAreListedByAPermissionOfTheirOwn(t *testing.T) {
	f := seeded(t, "users: [{userPrincipalName: ada@contoso.com}]")
	methods := "/users/" + UserID("ada@contoso.com") + "/authentication/"
	all := f.app("UserAuthenticationMethod.ReadWrite.All")
	f.want(f.as(all, "GET", methods+"fido2Methods", nil), 403, "Authorization_RequestDenied")
	f.want(f.as(all, "GET", methods+"phoneMethods", nil), 200, "")
	f.want(f.as(f.app("UserAuthMethod-Passkey.Read.All"), "GET", methods+"fido2Methods", nil), 200, "")
}

// Sources: microsoftgraph/msgraph-sdk-dotnet issue 2108; microsoftgraph/microsoft-graph-docs issue 4897.
func TestPagesMayGoRoundInACircle(t *testing.T) {
	f := seeded(t, `users: [{userPrincipalName: ada@contoso.com, licences: [ENTERPRISEPACK]}]`)
	f.Edit(func(w *World) {
		w.Faults = []Fault{{Operation: "GET /users", Circle: true}, {Operation: "Get-Mailbox", Circle: true}}
	})
	next := "/users?$select=id"
	for range 3 {
		a := f.call("GET", next, nil)
		f.want(a, 200, "")
		if next = a.at("@odata.nextLink"); next == "" || len(a.values()) == 0 {
			t.Fatalf("got %d users and the link %q, want the same page again and again", len(a.values()), next)
		}
	}
	if a := f.exec("Get-Mailbox", args{"Identity": ada}); a.at("@odata.nextLink") == "" {
		t.Errorf("got %v, want a link back to it", a.body)
	}
	if a := f.call("GET", "/users/"+ada, nil); a.body["@odata.nextLink"] != nil {
		t.Error("what is no listing has pages")
	}
}

// Sources: RFC 9110, 10.2.3; wisecom-oy/atlas issue 203.
func TestARefusalMaySayADateToComeAgain(t *testing.T) {
	f := seeded(t, `users: [{userPrincipalName: ada@contoso.com}]`)
	f.Edit(func(w *World) {
		w.Faults = []Fault{{Operation: "GET /users/{id}", Status: 429, RetryAfter: 90 * time.Second, RetryDate: true, Times: 1}}
	})
	a := f.call("GET", "/users/"+ada, nil)
	f.want(a, 429, "TooManyRequests")
	equal(t, "Retry-After", a.header.Get("Retry-After"), f.Now().Add(90*time.Second).UTC().Format(http.TimeFormat))
}

// Sources: Microsoft Graph, administrativeUnit: list members; Get user.
func TestAUnitHasItsMembersAndAnApplicationIsNobody(t *testing.T) {
	f := seeded(t, `
users: [{userPrincipalName: ada@contoso.com}, {userPrincipalName: bo@contoso.com}]
administrativeUnits: [{displayName: Board, members: [ada@contoso.com]}]
`)
	unit := f.call("GET", "/directory/administrativeUnits", nil).names("id")
	equal(t, "members", f.call("GET", "/directory/administrativeUnits/"+unit+"/members", nil).names("id"), UserID(ada))
	f.want(f.call("GET", "/directory/administrativeUnits/"+GroupID("no such")+"/members", nil), 404, "Request_ResourceNotFound")
	f.want(f.call("GET", "/me", nil), 400, "BadRequest")
}
