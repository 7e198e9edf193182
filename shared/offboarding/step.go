package offboarding

import (
	"fmt"
	"time"
)

// StepName is the name of a step, of its function, its subscription and its folder.
type StepName string

// The steps that a function serves.
const (
	StepSignout StepName = "signout"
	StepBlock   StepName = "block"
	StepLicence StepName = "licence"
	StepDelete  StepName = "delete"
)

// Spec is what is fixed about a step, whoever leaves.
type Spec struct {
	Name StepName
	// Delayed steps are gates: they have their own, delayed message. The others start
	// with the one termination message.
	Delayed bool
	// Needs are the steps that must be settled (effective, withheld or signed off)
	// before this one acts; those that are not in the plan do not count.
	Needs []StepName
	// Deadline bounds every wait: past it, "not yet" becomes a manual task.
	Deadline time.Duration
	// Permissions are the application permissions of Microsoft Graph that the step's own
	// app registration needs, by their names in Entra.
	Permissions []string
	// Exchange is set when the app registration also needs Exchange.ManageAsApp and the
	// Exchange Recipient Administrator role.
	Exchange bool
	// Done says what has been observed when the step is effective.
	Done string
}

// PastDeadline is the task that a wait becomes at the step's deadline; why is what it waited for.
func (s Spec) PastDeadline(why string) string {
	return fmt.Sprintf("not effective within %s, look into it and replay: %s", s.Deadline, why)
}

// Steps are all steps, in the order of the README and of every report.
var Steps = []Spec{
	{
		Name: StepSignout, Deadline: time.Hour,
		Permissions: []string{"User.Read.All", "Directory.Read.All", "User-PasswordProfile.ReadWrite.All", "User.RevokeSessions.All"},
		Done:        "the password has changed and no session is valid from before",
	},
	{
		Name: StepBlock, Deadline: 24 * time.Hour, Exchange: true,
		Permissions: []string{"User.Read.All", "User.EnableDisableAccount.All", "User.RevokeSessions.All", "Directory.Read.All", "Device.ReadWrite.All"},
		Done:        "accountEnabled is false, sessions are revoked after that, mailbox and protocols are closed, devices disabled",
	},
	{
		Name: StepLicence, Delayed: true, Deadline: 7 * 24 * time.Hour, Exchange: true,
		Needs:       []StepName{StepBlock},
		Permissions: []string{"User.Read.All", "LicenseAssignment.ReadWrite.All", "LicenseAssignment.Read.All", "GroupMember.ReadWrite.All", "Group.Read.All"},
		Done:        "the user holds no licence",
	},
	{
		Name: StepDelete, Delayed: true, Deadline: 7 * 24 * time.Hour, Exchange: true,
		Needs:       []StepName{StepBlock, StepLicence},
		Permissions: []string{"User.Read.All", "User.DeleteRestore.All", "Files.Read.All"},
		Done:        "the account is among the deleted items",
	},
}

// SpecOf is the spec of a step; false when no function serves it.
func SpecOf(name StepName) (Spec, bool) {
	for _, s := range Steps {
		if s.Name == name {
			return s, true
		}
	}
	return Spec{}, false
}

// StepState is where a step of a case stands.
type StepState string

// The states of a step.
const (
	StatePlanned   StepState = "planned"  // no run has ended yet
	StateWaiting   StepState = "waiting"  // requested but not yet observed, or waiting for another step
	StateRetrying  StepState = "retrying" // a transient error
	StateEffective StepState = "effective"
	StateWithheld  StepState = "withheld"   // a rule forbids it
	StateManual    StepState = "manual"     // a person must act
	StateParked    StepState = "parked"     // no retry can help; replay it when the cause is gone
	StateSignedOff StepState = "signed off" // a person accepted it
	StateCancelled StepState = "cancelled"
)

// Settled reports whether no message will move the step any more.
func (s StepState) Settled() bool {
	switch s {
	case StatePlanned, StateWaiting, StateRetrying:
		return false
	}
	return true
}

// Closed reports whether the step is as a complete case wants it.
func (s StepState) Closed() bool {
	return s == StateEffective || s == StateWithheld || s == StateSignedOff
}
