package offboarding

import (
	"slices"
	"strings"
	"time"
)

// Cloud is what of a departure differs by which of Microsoft's clouds the tenant is in. Where the services
// of a cloud answer is a matter of shared/identity, and which operations it lacks of shared/graph.
type Cloud struct {
	Name string // as LEAVER_CLOUD has it
	Portal
	// Evaluates are the services that hear within [eventsTake] that an account was disabled, and refuse its
	// access tokens from then on. All others take a token for as long as it lasts.
	Evaluates []string
	// ArchivesDrives is set where SharePoint makes the OneDrive of somebody without a licence read-only, and
	// archives it later.
	ArchivesDrives bool
	// ByHand is by what a person exports what the step export does not reach.
	ByHand string
}

const (
	// eventsTake is how long an event of continuous access evaluation takes at most.
	eventsTake = 15 * time.Minute
	// tokensLast is how long an access token lasts by default.
	tokensLast = time.Hour

	eDiscovery = "eDiscovery in Microsoft Purview"
)

// Clouds are Microsoft's. GCC is in the worldwide one, and its OneDrives are not archived either; that of
// GCC High is not said to be exempt.
//
// Sources: Microsoft Entra, Continuous access evaluation (in the clouds of the US government for Exchange
// Online alone, of 21Vianet it says nothing); SharePoint, Manage unlicensed OneDrive user accounts
// (education, GCC and DoD are exempt); Microsoft Graph, ediscoverySearch: exportResult (not in 21Vianet).
var Clouds = []Cloud{
	{Name: "worldwide", Portal: PortalWorldwide, Evaluates: []string{"Exchange Online", "SharePoint Online", "Teams"}, ArchivesDrives: true, ByHand: eDiscovery},
	{Name: "usgov", Portal: PortalUSGov, Evaluates: []string{"Exchange Online"}, ArchivesDrives: true, ByHand: eDiscovery},
	{Name: "usgovdod", Portal: PortalUSGovDoD, Evaluates: []string{"Exchange Online"}, ByHand: eDiscovery},
	{Name: "china", Portal: PortalChina, ArchivesDrives: true, ByHand: "Outlook for Windows, with full access to the mailbox"},
}

// Cloud is the cloud that the plan was made in.
func (p Plan) Cloud() Cloud { return CloudOf(p.CloudName) }

// CloudOf is the cloud of a name. No name is the worldwide one, as in plans of versions that did not write it.
func CloudOf(name string) Cloud {
	return Clouds[max(0, slices.IndexFunc(Clouds, func(c Cloud) bool { return c.Name == name }))]
}

// TokensEnd says until when access tokens work that were issued before the account was blocked at that time.
func (c Cloud) TokensEnd(blocked time.Time) string {
	rest := "no later than " + Stamp(blocked.Add(tokensLast)) + ", unless a policy gives them longer"
	if len(c.Evaluates) == 0 {
		return rest
	}
	return "for " + strings.Join(c.Evaluates, ", ") + " no later than " + Stamp(blocked.Add(eventsTake)) + ", for the rest " + rest
}
