package access

import (
	"slices"
	"strings"
)

// goes is what goes with an account or its licence, or stops with it, and what no step counts or keeps, since
// Graph does not show it to an application: by how the names of the service plans begin that bring it.
// Sources: Microsoft Entra, Product names and service plan identifiers for licensing; microsoft/coe-starter-kit
// issue 731; Admin information for Microsoft Forms; Power BI, Manage workspaces; Microsoft Graph, cloudPC:
// endGracePeriod, and plannerRoster; Settings management for Loop.
var goes = []struct {
	plans []string
	what  string
}{
	{[]string{"FLOW_", "POWERAPPS_"}, "flows and apps of Power Automate and Power Apps stop with their owner, and Graph shows none: look for the leaver's in the Power Platform admin center, and share them with somebody"},
	{[]string{"FORMS_"}, "forms and their answers go for good 30 days after the account: an Office Apps administrator moves them to a group before (Pages/delegatepage.aspx?originalowner= of Microsoft Forms, with the leaver's address or object id)"},
	{[]string{"BI_AZURE_"}, "what lies in My workspace of Power BI is the leaver's alone: a Fabric administrator looks in the admin portal (Workspaces), and restores it there for a while after the account has gone"},
	{[]string{"CPC_"}, "a Cloud PC of Windows 365 goes seven days after its licence, with the files on it: look in the Intune admin center (Devices, Windows 365) before"},
	{[]string{"PROJECTWORKMANAGEMENT"}, "a plan of Planner that belongs to no group goes with its last member: add somebody to it before"},
	{[]string{"MICROSOFT_LOOP", "M365_COPILOT"}, "My workspace of Loop, and pages and notebooks of Copilot, lie in a container that is the leaver's alone: Get-SPOContainer in the SharePoint Online Management Shell finds it"},
}

// unseen names it as residual risks, before a gate opens.
func (r *run) unseen(plans []string) {
	for _, g := range goes {
		brought := func(plan string) bool {
			return slices.ContainsFunc(g.plans, func(begins string) bool { return strings.HasPrefix(plan, begins) })
		}
		if slices.ContainsFunc(plans, brought) {
			r.job.Risk(g.what)
		}
	}
}
