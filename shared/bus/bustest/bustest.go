// Package bustest is the conformance suite of the bus port: what every driver must do,
// whatever its broker. A driver's own tests are for the traps of its broker only.
package bustest

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"leaver/shared/bus"
)

// Main runs the tests of a driver, many cases at once: they wait, they do not compute.
func Main(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		_ = f.Value.Set("16")
	}
	os.Exit(m.Run())
}

// Harness is a driver's side of one case: a broker of its own with nothing in it.
type Harness struct {
	// Bus has the subscriptions that Subscriptions returns.
	Bus bus.Bus
	// Lock is how long deliveries are locked: about a second, the suite waits for it often.
	Lock time.Duration
	// Reopen ends the bus (which may be closed already) and everything of it in this
	// process, and returns a new one on the same broker, which it restarts if it can.
	Reopen func(t *testing.T) bus.Bus
	// Holds reports whether the broker holds a text anywhere: in a message, on a disk.
	Holds func(t *testing.T, text string) bool
	// Capabilities of the driver.
	Capabilities Capabilities
}

// Capabilities are what drivers may differ in. Each is tested both ways: a driver that
// declares one must have it, and one that does not must not.
type Capabilities struct {
	// ReportsDuplicates: Publish says when the broker has seen the id before. Dropping the
	// duplicate is no capability, every driver must.
	ReportsDuplicates bool
	// Restarts: Reopen restarts the broker itself, not only the connection to it. It is
	// told in the names of the cases.
	Restarts bool
}

// The subscriptions of the suite.
const (
	subQueue = "requests"
	subHints = "hints"
	subAlpha = "alpha"
	subBeta  = "beta"
	subOdd   = "odd"

	subjectAlpha = "alpha"
	subjectBeta  = "beta"
	subjectBoth  = "start" // alpha and beta take it
	subjectOdd   = "an odd.subject/with *.> & ü"
)

// Subscriptions are those that the harness's bus must have.
func Subscriptions() []bus.Subscription {
	return []bus.Subscription{
		{Name: subQueue, Entity: bus.Queue},
		{Name: subHints, Entity: bus.Hints},
		{Name: subAlpha, Entity: bus.Topic, Subjects: []string{subjectAlpha, subjectBoth}},
		{Name: subBeta, Entity: bus.Topic, Subjects: []string{subjectBeta, subjectBoth}},
		{Name: subOdd, Entity: bus.Topic, Subjects: []string{subjectOdd}},
	}
}

// Run runs every case on a harness of its own, in parallel. The cases wait more than they
// compute: with -parallel 16 all of them take about as long as the longest one, twelve
// times the lock.
func Run(t *testing.T, fresh func(t *testing.T) Harness) {
	reopened := fmt.Sprintf("a reopened bus has everything (broker restarted: %t)", fresh(t).Capabilities.Restarts)
	n := 0
	for _, group := range []struct {
		name  string
		cases []suiteCase
	}{
		{"publish", publishCases},
		{"duplicate", duplicateCases},
		{"schedule", scheduleCases},
		{"settle", settleCases},
		{"dead letter", deadLetterCases},
		{"erasure", erasureCases},
		{"depth", depthCases},
		{"receive", receiveCases},
		{"inspect", inspectCases},
		{reopened, reopenCases},
	} {
		n += len(group.cases)
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			for _, c := range group.cases {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					c.run(&kit{T: t, Harness: fresh(t)})
				})
			}
		})
	}
	t.Logf("%d cases", n)
}

type suiteCase struct {
	name string
	run  func(k *kit)
}
