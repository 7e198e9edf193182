package offboarding

import "fmt"

// Portal is where an administrator of one of Microsoft's clouds looks at things by hand: what a person
// has to see to is named by an address that opens it.
// Sources: Microsoft Entra admin center; Microsoft Intune admin center; Microsoft Intune, China endpoints;
// Microsoft Graph, National cloud deployments.
type Portal struct{ Entra, Intune string } // hosts

// The portals. GCC uses the worldwide ones.
var (
	PortalWorldwide = Portal{Entra: "entra.microsoft.com", Intune: "intune.microsoft.com"}
	PortalUSGov     = Portal{Entra: "entra.microsoft.us", Intune: "intune.microsoft.us"}
	PortalChina     = Portal{Entra: "entra.microsoftonline.cn", Intune: "intune.microsoftonline.cn"}
)

// User is the page of an account, by its object id.
func (p Portal) User(id string) string {
	return p.entra("Microsoft_AAD_UsersAndTenants/UserProfileMenuBlade/~/overview/userId/%s", id)
}

// Group is the page of a group, by its object id.
func (p Portal) Group(id string) string {
	return p.entra("Microsoft_AAD_IAM/GroupDetailsMenuBlade/~/Overview/groupId/%s", id)
}

// Device is the page of a device in Entra, by its object id.
func (p Portal) Device(id string) string {
	return p.entra("Microsoft_AAD_Devices/DeviceDetailsMenuBlade/~/Properties/objectId/%s", id)
}

// App is the page of an application's registration, by its appId.
func (p Portal) App(appID string) string {
	return p.entra("Microsoft_AAD_RegisteredApps/ApplicationMenuBlade/~/Overview/appId/%s", appID)
}

// EnterpriseApp is the page of a service principal, by its object id and appId.
func (p Portal) EnterpriseApp(id, appID string) string {
	return p.entra("Microsoft_AAD_IAM/ManagedAppMenuBlade/~/Overview/objectId/%s/appId/%s", id, appID)
}

// ManagedDevice is the page of a device in Intune, by its id there.
func (p Portal) ManagedDevice(id string) string {
	return "https://" + p.Intune + "/#view/Microsoft_Intune_Devices/DeviceSettingsMenuBlade/~/overview/mdmDeviceId/" + id
}

func (p Portal) entra(format string, ids ...any) string {
	return "https://" + p.Entra + "/#view/" + fmt.Sprintf(format, ids...)
}
