package offboarding

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Portal is where an administrator of one of Microsoft's clouds looks at things by hand: what a person
// has to see to is named by an address that opens it.
// Sources: Microsoft Entra admin center; Microsoft Intune admin center; Microsoft Intune, China endpoints;
// Microsoft Graph, National cloud deployments; Microsoft 365 admin center, for US government and by 21Vianet;
// Microsoft Teams, Plan for government. 21Vianet has no telephony in Teams.
type Portal struct{ Entra, Intune, Admin, Teams string } // hosts

// The portals. GCC uses the worldwide ones.
var (
	PortalWorldwide = Portal{Entra: "entra.microsoft.com", Intune: "intune.microsoft.com", Admin: "admin.microsoft.com", Teams: "admin.teams.microsoft.com"}
	PortalUSGov     = Portal{Entra: "entra.microsoft.us", Intune: "intune.microsoft.us", Admin: "portal.office365.us", Teams: "admin.gov.teams.microsoft.us"}
	PortalUSGovDoD  = Portal{Entra: "entra.microsoft.us", Intune: "intune.microsoft.us", Admin: "portal.apps.mil", Teams: "admin.dod.teams.microsoft.us"}
	PortalChina     = Portal{Entra: "entra.microsoftonline.cn", Intune: "intune.microsoftonline.cn", Admin: "portal.partner.microsoftonline.cn"}
)

// User is the page of an account, by its object id.
func (p Portal) User(id string) string {
	return p.entra("Microsoft_AAD_UsersAndTenants/UserProfileMenuBlade/~/overview/userId/%s", id)
}

// Methods is the page of an account's authentication methods, by its object id.
func (p Portal) Methods(user string) string {
	return p.entra("Microsoft_AAD_UsersAndTenants/UserProfileMenuBlade/~/UserAuthMethods/userId/%s", user)
}

// Roles is the page of an account's directory roles, by its object id.
func (p Portal) Roles(user string) string {
	return p.entra("Microsoft_AAD_UsersAndTenants/UserProfileMenuBlade/~/AdministrativeRole/userId/%s", user)
}

// TelephoneNumbers is the page of the organisation's telephone numbers in the Teams admin center, where one
// is found by whom it is assigned to; in words where there is no such page.
// Source: Microsoft Teams, Assign, change, or remove a phone number for a user.
func (p Portal) TelephoneNumbers() string {
	if p.Teams == "" {
		return "Voice, Phone numbers"
	}
	return "https://" + p.Teams + "/phone-numbers"
}

// DeletedUsers is the page of the accounts that can be restored.
func (p Portal) DeletedUsers() string {
	return p.entra("Microsoft_AAD_UsersAndTenants/UserManagementMenuBlade/~/DeletedUsers")
}

// Account is the page of an account in the Microsoft 365 admin center, by its object id: from it a person
// gets into the OneDrive of somebody who has left (OneDrive, Create link to files).
func (p Portal) Account(user string) string {
	return "https://" + p.Admin + "/Adminportal/Home#/users/:/UserDetails/" + user
}

// Licences is the page of an account's licences and their plans, by its object id.
func (p Portal) Licences(user string) string { return p.Account(user) + "/LicensesAndApps" }

// Owners is the page of a group's owners, by its object id.
func (p Portal) Owners(group string) string {
	return p.entra("Microsoft_AAD_IAM/GroupDetailsMenuBlade/~/Owners/groupId/%s", group)
}

// Group is the page of a group, by its object id.
func (p Portal) Group(id string) string {
	return p.entra("Microsoft_AAD_IAM/GroupDetailsMenuBlade/~/Overview/groupId/%s", id)
}

// DeletedGroups is the page of the groups that can be restored.
func (p Portal) DeletedGroups() string {
	return p.entra("Microsoft_AAD_IAM/GroupsManagementMenuBlade/~/DeletedGroups")
}

// Device is the page of a device in Entra, by its object id.
func (p Portal) Device(id string) string {
	return p.entra("Microsoft_AAD_Devices/DeviceDetailsMenuBlade/~/Properties/objectId/%s", id)
}

// App is the page of an application's registration, by its appId.
func (p Portal) App(appID string) string {
	return p.entra("Microsoft_AAD_RegisteredApps/ApplicationMenuBlade/~/Overview/appId/%s", appID)
}

// ConditionalAccess is the page of a policy of Conditional Access, by its id.
func (p Portal) ConditionalAccess(policy string) string {
	return p.entra("Microsoft_AAD_ConditionalAccess/PolicyBlade/policyId/%s", policy)
}

// EnterpriseApp is the page of a service principal, by its object id and, where it is known, its appId.
func (p Portal) EnterpriseApp(id, appID string) string {
	page := p.entra("Microsoft_AAD_IAM/ManagedAppMenuBlade/~/Overview/objectId/%s", id)
	if appID != "" {
		page += "/appId/" + appID
	}
	return page
}

// ManagedDevice is the page of a device in Intune, by its id there.
func (p Portal) ManagedDevice(id string) string {
	return "https://" + p.Intune + "/#view/Microsoft_Intune_Devices/DeviceSettingsMenuBlade/~/overview/mdmDeviceId/" + id
}

// Run is a part of a text. URL is the page that it is the address of, and empty of other words.
type Run struct{ Text, URL string }

// address is one within a text, without the punctuation of the sentence around it.
var address = regexp.MustCompile(`https://[^\s"“”<>]*[^\s"“”<>.,;:)\]]`)

// Linked is a text whose pages of Microsoft's portals, in any cloud, can be opened. Any other address stays
// words: somebody may have written it who wants people to go there.
func Linked(text string) (runs []Run) {
	at := 0
	for _, found := range address.FindAllStringIndex(text, -1) {
		to := text[found[0]:found[1]]
		if !isPortal(to) {
			continue
		}
		if found[0] > at {
			runs = append(runs, Run{Text: text[at:found[0]]})
		}
		runs = append(runs, Run{to, to})
		at = found[1]
	}
	if at < len(text) {
		runs = append(runs, Run{Text: text[at:]})
	}
	return runs
}

// isPortal reports whether an address is one of Microsoft's portals, in any cloud.
func isPortal(to string) bool {
	at, err := url.Parse(to)
	return err == nil && at.Host != "" && slices.ContainsFunc(Clouds, func(c Cloud) bool {
		return slices.Contains([]string{c.Entra, c.Intune, c.Admin, c.Teams}, at.Host)
	})
}

// mostPages is how many pages a task lists.
const mostPages = 10

// Pages are the pages of some objects, each by its id, and how many more there are than a task lists.
func Pages(page func(id string) string, ids []string) string {
	var pages []string
	for _, id := range ids[:min(len(ids), mostPages)] {
		pages = append(pages, page(id))
	}
	text := strings.Join(pages, ", ")
	if more := len(ids) - mostPages; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func (p Portal) entra(format string, ids ...any) string {
	return "https://" + p.Entra + "/#view/" + fmt.Sprintf(format, ids...)
}
