package simtenant

import (
	_ "embed"
	"net/http"
	"slices"
	"strings"
)

// cloudTable is which operations each cloud has. The command clouds beside it writes it.
//
//go:embed clouds.tsv
var cloudTable string

// clouds are the names of the clouds in the head of the table.
var clouds []string

// offered are the operations of each cloud, those of a collection of authentication methods by its name.
var offered = func() map[string]map[string]bool {
	table := map[string]map[string]bool{}
	for line := range strings.Lines(cloudTable) {
		cells := strings.Split(strings.TrimSpace(line), "\t")
		switch {
		case strings.HasPrefix(line, "#"):
		case clouds == nil:
			clouds = cells[1:]
			for _, cloud := range clouds {
				table[cloud] = map[string]bool{}
			}
		default:
			for i, cloud := range clouds {
				table[cloud][cells[0]] = cells[i+1] == "y"
			}
		}
	}
	return table
}()

// cloudHosts are where Graph, Exchange Online and Entra's token endpoint answer.
// Sources: Microsoft Graph, National cloud deployments; microsoft/CSS-Exchange, Get-CloudServiceEndpoint.
var cloudHosts = map[string]map[string]string{
	"worldwide": {graphAudience: "graph.microsoft.com", exchangeAudience: "outlook.office365.com", entra: "login.microsoftonline.com"},
	"usgov":     {graphAudience: "graph.microsoft.us", exchangeAudience: "outlook.office365.us", entra: "login.microsoftonline.us"},
	"usgovdod":  {graphAudience: "dod-graph.microsoft.us", exchangeAudience: "outlook-dod.office365.us", entra: "login.microsoftonline.us"},
	"china":     {graphAudience: "microsoftgraph.chinacloudapi.cn", exchangeAudience: "partner.outlook.cn", entra: "login.chinacloudapi.cn"},
}

const entra = "entra"

// namesItself is by which host Entra names itself in the tokens of people, where that is not the one that
// the table has: it answers under both. Source: Microsoft identity platform, National clouds.
var namesItself = map[string]string{"china": "login.partner.microsoftonline.cn"}

// elsewhere reports whether a host is not that of a service in the tenant's cloud, where that counts.
func (t *Tenant) elsewhere(host, service string) bool {
	cloud := orElse(t.world.Cloud, "worldwide")
	return t.world.CloudHosts && cloudHosts[cloud][service] != host && (service != entra || namesItself[cloud] != host)
}

// issuer is the base URL of the tenant by which Entra names itself to people who have asked a host.
func (t *Tenant) issuer(host string) string {
	if itself := namesItself[t.world.Cloud]; t.world.CloudHosts && itself != "" {
		host = itself
	}
	return "https://" + host + "/" + t.world.TenantID
}

// methodCollections are the collections of authentication methods that somebody can be rid of.
var methodCollections = []string{
	"emailMethods", "externalAuthenticationMethods", "fido2Methods", "microsoftAuthenticatorMethods", "passwordMethods", "phoneMethods",
	"platformCredentialMethods", "softwareOathMethods", "temporaryAccessPassMethods", "windowsHelloForBusinessMethods",
}

// Operations are the names of all operations of Graph that are simulated, each collection of
// authentication methods by its own name.
func Operations() []string {
	var all []string
	for i := range operations {
		name := operations[i].name()
		if !strings.Contains(name, "{collection}") {
			all = append(all, name)
			continue
		}
		for _, collection := range methodCollections {
			all = append(all, strings.Replace(name, "{collection}", collection, 1))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Lacking are the operations that a cloud does not have.
func Lacking(cloud string) []string {
	var lacks []string
	for operation, is := range offered[cloud] {
		if !is {
			lacks = append(lacks, operation)
		}
	}
	slices.Sort(lacks)
	return lacks
}

// absent is the answer to an operation that the cloud of the tenant does not have. The worldwide one is held
// against its metadata by whoever records; here it has everything.
func (c *call) absent() (reply, bool) {
	cloud := c.t.world.Cloud
	if cloud == "" || cloud == "worldwide" {
		return reply{}, false
	}
	name := strings.Replace(c.op.name(), "{collection}", c.arg["collection"], 1)
	if offered[cloud][name] {
		return reply{}, false
	}
	segment := orElse(c.arg["collection"], name[strings.LastIndexByte(name, '/')+1:])
	return c.fail(http.StatusBadRequest, "BadRequest", "Resource not found for the segment '%s'.", segment), true
}
