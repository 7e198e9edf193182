package identity

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Cloud is one of Microsoft's clouds: where its services answer, and the scopes of the
// tokens they take. Tokens of one cloud mean nothing in another.
type Cloud struct {
	Name          string
	Graph         string // base URL of Microsoft Graph, with the version
	GraphScope    string
	Authority     string // base URL of Entra's token endpoint, without the tenant
	SignIn        string // base URL where people sign in, and by which Entra names itself in what it says of them
	Exchange      string // base URL of Exchange Online, without /adminapi
	ExchangeScope string
}

// The clouds of Microsoft 365.
//
// For Exchange in DoD and China Microsoft's pages disagree: the Admin API's overview has
// outlook-dod.office365.us and outlook.office365.cn, Connect-ExchangeOnline webmail.apps.mil and
// partner.outlook.cn. Microsoft's own scripts (microsoft/CSS-Exchange, Get-CloudServiceEndpoint) and CISA's
// ScubaGear, which calls InvokeCommand in DoD, have the first for DoD and the second for China, and so has
// Leaver. Where that is wrong for a tenant, LEAVER_EXCHANGE names the other: see [Cloud.WithExchange].
//
// In China tokens of people name another host than the one that gives them out, and whoever compares the two
// lets nobody in (jenkinsci/azure-ad-plugin#679, external-secrets/external-secrets#5591).
//
// Sources: Microsoft Graph, National cloud deployments; Microsoft identity platform, National clouds; the above.
var (
	Worldwide = Cloud{
		Name:          "worldwide", // GCC too
		Graph:         "https://graph.microsoft.com/v1.0",
		GraphScope:    "https://graph.microsoft.com/.default",
		Authority:     "https://login.microsoftonline.com",
		SignIn:        "https://login.microsoftonline.com",
		Exchange:      "https://outlook.office365.com",
		ExchangeScope: "https://outlook.office365.com/.default",
	}
	USGov = Cloud{
		Name:          "usgov", // GCC High
		Graph:         "https://graph.microsoft.us/v1.0",
		GraphScope:    "https://graph.microsoft.us/.default",
		Authority:     "https://login.microsoftonline.us",
		SignIn:        "https://login.microsoftonline.us",
		Exchange:      "https://outlook.office365.us",
		ExchangeScope: "https://outlook.office365.us/.default",
	}
	USGovDoD = Cloud{
		Name:          "usgovdod",
		Graph:         "https://dod-graph.microsoft.us/v1.0",
		GraphScope:    "https://dod-graph.microsoft.us/.default",
		Authority:     "https://login.microsoftonline.us",
		SignIn:        "https://login.microsoftonline.us",
		Exchange:      "https://outlook-dod.office365.us",
		ExchangeScope: "https://outlook-dod.office365.us/.default",
	}
	China = Cloud{
		Name:          "china", // 21Vianet
		Graph:         "https://microsoftgraph.chinacloudapi.cn/v1.0",
		GraphScope:    "https://microsoftgraph.chinacloudapi.cn/.default",
		Authority:     "https://login.chinacloudapi.cn",
		SignIn:        "https://login.partner.microsoftonline.cn",
		Exchange:      "https://partner.outlook.cn",
		ExchangeScope: "https://partner.outlook.cn/.default",
	}
)

// exchangeHosts are all hosts of Exchange Online that Microsoft's pages name: each takes tokens for itself.
var exchangeHosts = []string{
	"outlook.office365.com", "outlook.office365.us", "outlook-dod.office365.us", "webmail.apps.mil", "partner.outlook.cn", "outlook.office365.cn",
}

// WithExchange is the cloud with another base URL of Exchange Online, and the scope of the tokens that it
// takes; no URL is the cloud as it is. A simulated tenant takes tokens for the cloud's own host.
func (c Cloud) WithExchange(base string) Cloud {
	if base == "" {
		return c
	}
	c.Exchange = base
	if at, err := url.Parse(base); err == nil && slices.Contains(exchangeHosts, at.Hostname()) {
		c.ExchangeScope = "https://" + at.Hostname() + "/.default"
	}
	return c
}

// CloudOf is the cloud of that name; no name is [Worldwide].
func CloudOf(name string) (Cloud, error) {
	if name == "" {
		return Worldwide, nil
	}
	for _, c := range []Cloud{Worldwide, USGov, USGovDoD, China} {
		if c.Name == name {
			return c, nil
		}
	}
	if slices.Contains([]string{"germany", "de", "blackforest"}, strings.ToLower(name)) {
		return Cloud{}, fmt.Errorf("%q is Microsoft Cloud Deutschland, which Microsoft closed on 29 October 2021, after its tenants had been moved to the worldwide cloud (Microsoft 365, Migration from Microsoft Cloud Deutschland): use worldwide", name)
	}
	return Cloud{}, fmt.Errorf("%q is not a cloud; use worldwide, usgov, usgovdod or china", name)
}
