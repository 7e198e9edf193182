package offboarding

import "time"

// Registration is an app registration of Leaver's with its service principal, as the tenant has it.
type Registration struct {
	ID          string // object id of the application
	AppID       string // client id
	Name        string
	Principal   string // object id of the service principal; empty when there is none
	Enabled     bool   // the service principal's
	Permissions []string
	// DirectoryRoles are the names of the directory roles that it holds; of those without a known name
	// their ids.
	DirectoryRoles []string
	Owners         []string // object ids
	Credentials    []Credential
}

// Credential is a secret or a certificate of a registration.
type Credential struct {
	Certificate bool
	Begins      time.Time
	Ends        time.Time
}

// Emergency is who could still sign in when nobody else can.
type Emergency struct {
	Administrators []string // object ids of the enabled Global Administrators that are so for good
	// Excluded are those of them who are left out of every Conditional Access policy for everybody that
	// blocks or wants a second factor.
	Excluded []string
	Policies int // how many of those there are
}

// Workflow is one of Entra's Lifecycle Workflows.
// Source: Microsoft Graph, resource type workflow.
type Workflow struct {
	ID      string
	Leaver  bool // its category is leaver
	Enabled bool // and its schedule is on
}

// RoleGroup is the role group in Exchange that infra/azure/exchange.ps1 makes for a function: it holds the
// cmdlets of the function alone.
func (f Function) RoleGroup() string { return Registrations + f.Name }

// The directory roles by which an application may run cmdlets of Exchange, by their names in Entra.
// The first may place holds, the second may not.
const (
	ExchangeAdministrator          = "Exchange Administrator"
	ExchangeRecipientAdministrator = "Exchange Recipient Administrator"
)
