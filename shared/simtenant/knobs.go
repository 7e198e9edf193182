package simtenant

import (
	"reflect"
	"slices"
	"time"
)

// Knobs are what makes the tenant slow, forgetful or unkind. They are set at start through [Config]
// and changed while it runs through [Tenant.Edit]. Unless a comment says otherwise, a duration is
// measured by the tenant's clock and 0 means "at once".
type Knobs struct {
	// Latency is how long every request takes at least, on a real timer.
	Latency time.Duration `yaml:"latency"`
	// ReadLag is how old the state is that reads answer.
	ReadLag time.Duration `yaml:"readLag"`
	// SharedDelay is how much later Set-Mailbox -Type shows.
	SharedDelay time.Duration `yaml:"sharedDelay"`
	// NumberDelay is how much later a telephone number is released.
	NumberDelay time.Duration `yaml:"numberDelay"`
	// CopyDelay is how much later a drive copy is complete.
	CopyDelay time.Duration `yaml:"copyDelay"`
	// DeltaLife is for how long a token of delta is known, of a drive, a folder of mail or the users; 0 =
	// without end.
	DeltaLife time.Duration `yaml:"deltaLife"`
	// CopiesFail is how many of the next drive copies stop half way and fail.
	CopiesFail int `yaml:"copiesFail"`
	// ThrottleScale is 0 for no throttling and 1 for Microsoft's documented budgets; 60 = the same
	// budgets, there again 60 times sooner (SharePoint: 60 times as many a minute).
	ThrottleScale float64 `yaml:"throttleScale"`
	// Faults strike single requests; the first that matches decides.
	Faults []Fault `yaml:"-"`
	// PhonesShutOut has phones acknowledge a wipe only while they may synchronise: see reaches.
	PhonesShutOut bool `yaml:"phonesShutOut"`
	// MonitorsVanish has the monitor of a copy say notStarted once, and then 404, though the copy is
	// made. Source: OneDrive/onedrive-api-docs issues 63 and 545.
	MonitorsVanish bool `yaml:"monitorsVanish"`
	// AbsentSwitches are switches that Get-CASMailbox has stopped returning, as EwsEnabled may once
	// EWS is off for good.
	AbsentSwitches []string `yaml:"absentSwitches"`
	// SyncAsApplication has the directory's synchronisation sign in as an application, as Entra
	// Connect does since 2.5.76, instead of as a user with a role.
	SyncAsApplication bool `yaml:"syncAsApplication"`
	// Cloud is the national cloud whose operations there are: worldwide when empty, usgov, usgovdod or china.
	Cloud string `yaml:"cloud" enum:"worldwide,usgov,usgovdod,china"`
	// CloudHosts has the tenant answer under the hosts of its cloud alone, and give tokens for them alone.
	CloudHosts bool `yaml:"cloudHosts"`
	// WithoutPIM is a tenant without the licence for Privileged Identity Management.
	WithoutPIM bool `yaml:"withoutPim"`
	// SyncedWritable lets accountEnabled of users mastered on premises be changed, until the next
	// synchronisation: Microsoft's page users-revoke-access has administrators do so, while the
	// refusal is what was observed.
	SyncedWritable bool `yaml:"syncedWritable"`
	// MailboxReborn gives whoever is licensed again a new, empty mailbox, with another ExchangeGuid, and
	// leaves the old one soft-deleted. Source: Exchange, New-MailboxRestoreRequest, and those who had to.
	MailboxReborn bool `yaml:"mailboxReborn"`
	// DirectorySyncEvery is how often the on-premises directory writes its users' state; 0 = never.
	DirectorySyncEvery time.Duration `yaml:"directorySyncEvery"`
}

// overlay takes the knobs that are set and leaves the others as they are, as a seed set them.
func (k *Knobs) overlay(set Knobs) {
	set.Faults = slices.Clone(set.Faults)
	to, from := reflect.ValueOf(k).Elem(), reflect.ValueOf(set)
	for i := range to.NumField() {
		if !from.Field(i).IsZero() {
			to.Field(i).Set(from.Field(i))
		}
	}
}
