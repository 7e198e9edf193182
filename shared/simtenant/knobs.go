package simtenant

import "time"

// Knobs are what makes the tenant slow, forgetful or unkind. They are set at start through [Config]
// and changed while it runs through [Tenant.Edit]. Unless a comment says otherwise, a duration is
// measured by the tenant's clock and 0 means "at once".
type Knobs struct {
	// Latency is how long every request takes at least, on a real timer.
	Latency time.Duration
	// ReadLag is how old the state is that reads answer.
	ReadLag time.Duration
	// SharedDelay is how much later Set-Mailbox -Type shows.
	SharedDelay time.Duration
	// NumberDelay is how much later a telephone number is released.
	NumberDelay time.Duration
	// CopyDelay is how much later a drive copy is complete.
	CopyDelay time.Duration
	// DeltaLife is for how long a delta token of a drive is known; 0 = without end.
	DeltaLife time.Duration
	// CopiesFail is how many of the next drive copies stop half way and fail.
	CopiesFail int
	// ThrottleScale is 0 for no throttling and 1 for Microsoft's documented budgets; 60 = the same
	// budgets, there again 60 times sooner (SharePoint: 60 times as many a minute).
	ThrottleScale float64
	// Faults strike single requests; the first that matches decides.
	Faults []Fault
	// WithoutPIM is a tenant without the licence for Privileged Identity Management.
	WithoutPIM bool
	// SyncedWritable lets accountEnabled of users mastered on premises be changed, until the next
	// synchronisation: Microsoft's page users-revoke-access has administrators do so, while the
	// refusal is what was observed.
	SyncedWritable bool
	// DirectorySyncEvery is how often the on-premises directory writes its users' state; 0 = never.
	DirectorySyncEvery time.Duration
}
