// Package doctor says, before the first departure and every day after it, what would fail and how to
// mend it. Every check is one question to the tenant, the bus, the ledger or the policy, and every
// answer says what is wrong, why it matters, and the command or the page that mends it. What has to
// be there follows from the catalogue of functions (offboarding.Functions) and the policy: no list of
// permissions is kept here. Nothing is written anywhere.
//
// What the rights at hand do not show is unknown, and never called fine.
package doctor

import (
	"context"
	"errors"
	"time"

	"leaver/shared/bus"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
)

// State is how something stands.
type State string

// The states of a finding.
const (
	OK      State = "ok"
	Wrong   State = "wrong"
	Unknown State = "unknown" // the rights at hand do not show it
)

// Finding is the answer to one question about one thing.
type Finding struct {
	Check   string `json:"check"`
	Subject string `json:"subject"`
	State   State  `json:"state"`
	Why     string `json:"why"` // what is wrong and why it matters; no personal data
	Fix     string `json:"fix"` // the command or the page that mends it; empty when all is well
}

// Directory is what is read of Microsoft Graph.
type Directory interface {
	Registrations(ctx context.Context, own string) ([]offboarding.Registration, error)
	Permissions(ctx context.Context) ([]string, error)
	Emergency(ctx context.Context) (offboarding.Emergency, error)
	LifecycleWorkflows(ctx context.Context) ([]offboarding.Workflow, error)
	Seats(ctx context.Context) ([]offboarding.Seat, error)
	Find(ctx context.Context, who offboarding.Employee) ([]offboarding.User, error)
	Group(ctx context.Context, id string) (offboarding.Group, error)
	DriveRoot(ctx context.Context, drive string) (offboarding.Drive, error)
	Clock(ctx context.Context) (time.Time, error)
}

// Exchange is what is read of Exchange Online.
type Exchange interface {
	RoleGroupMembers(ctx context.Context, group string) ([]string, error)
	OrganisationHolds(ctx context.Context) ([]string, error)
	ForwardingOutside(ctx context.Context) (offboarding.ForwardingOutside, error)
}

// Bus is what is read of the broker.
type Bus interface {
	Depth(ctx context.Context, subscription string) (bus.Depth, error)
	bus.Inspector
}

// Doctor examines one installation.
type Doctor struct {
	Directory Directory
	Exchange  Exchange // nil where the rights at hand reach none of it
	Bus       Bus
	Ledger    *ledger.Ledger
	Policy    offboarding.Policy
	// Functions are those that are served here or elsewhere.
	Functions []offboarding.Function
	// Own are the functions whose rights are those at hand: the one as which this runs, or all of them where
	// one application is all. A person has none of them, and sees what a person sees.
	Own []offboarding.Function
	// Application is the client id of a host that runs all functions as one application. It is left
	// alone where the functions have registrations of their own.
	Application string
	// Webhooks are the secrets of /webhooks/standard, and Sample one that everybody knows.
	Webhooks []string
	Sample   string
	// More are checks of what only the host knows, such as its sources.
	More []func(context.Context) []Finding
	Now  func() time.Time
}

// Functions are those that a policy and a deployment need: what runs inside of a network, and what takes
// privileges away, only where the policy gives it work.
func Functions(p offboarding.Policy) []offboarding.Function {
	var needed []offboarding.Function
	for _, f := range offboarding.Functions() {
		leftOut := f.Inside && p.OnPremises != offboarding.OnPremisesByFunction || f.Name == string(offboarding.StepPrivileges) && p.PrivilegesByPerson
		if !leftOut {
			needed = append(needed, f)
		}
	}
	return needed
}

// Examine asks everything, in the order in which one would mend it.
func (d *Doctor) Examine(ctx context.Context) []Finding {
	var all []Finding
	for _, check := range append([]func(context.Context) []Finding{
		d.clock, d.registrations, d.emergency, d.workflows, d.bus, d.rights, d.ledger, d.anchors, d.webhooks, d.limits,
		d.protected, d.files, d.forwarding, d.licences, d.retention,
	}, d.More...) {
		all = append(all, check(ctx)...)
	}
	return all
}

// ExamineOwn asks what every function can find out about itself, whatever it is for: whether it may do at
// the broker what it has to, and no more.
func (d *Doctor) ExamineOwn(ctx context.Context) []Finding {
	return append(d.bus(ctx), d.rights(ctx)...)
}

// apart reports whether the functions sign in each by itself, as far as the rights at hand say.
func (d *Doctor) apart() bool { return len(d.Own) > 0 && len(d.Own) < len(d.Functions) }

// Count is how many findings are wrong.
func Count(all []Finding) (n int) {
	for _, f := range all {
		if f.State == Wrong {
			n++
		}
	}
	return n
}

func fine(check, subject, why string) Finding { return Finding{check, subject, OK, why, ""} }

func wrong(check, subject, why, fix string) Finding { return Finding{check, subject, Wrong, why, fix} }

// errNoExchange: no call is made at all.
var errNoExchange = errors.New("the rights at hand reach nothing of Exchange")

// unread is what could not be asked.
func unread(check, subject string, err error, needs string) Finding {
	return Finding{check, subject, Unknown, "it could not be read: " + err.Error(), "run leaver doctor with rights that show it: " + needs}
}

// orFine is the findings, or that all is well when there are none.
func orFine(all []Finding, check, subject, why string) []Finding {
	if len(all) == 0 {
		return []Finding{fine(check, subject, why)}
	}
	return all
}
