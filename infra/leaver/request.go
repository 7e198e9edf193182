package main

import (
	"fmt"
	"time"

	"leaver/infra/leaver/internal/operator"
	"leaver/shared/offboarding"
)

// requestFlags say whom to offboard, and how.
type requestFlags struct {
	Who        operator.Who `arg:"" help:"Object id, userPrincipalName, mail:ADDRESS or employeeId:NUMBER."`
	At         timeFlag     `placeholder:"TIME" help:"Leaving time, like 2026-11-22T17:00:00+01:00; now without it."`
	Mailbox    string       `enum:"forward,shared,hold,none," default:"" placeholder:"HANDLING" help:"forward, shared, hold or none; the policy's without it."`
	ForwardTo  string       `placeholder:"ADDRESS" help:"Who gets the mail; the manager without it."`
	ForwardFor durationFlag `placeholder:"DURATION" help:"How long, like 30d or 12h, or unlimited; until the grace ends without it."`
	asking
}

// timeFlag is a time on the command line.
type timeFlag struct{ time.Time }

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *timeFlag) UnmarshalText(text []byte) (err error) {
	if f.Time, err = time.Parse(time.RFC3339, string(text)); err != nil {
		return fmt.Errorf("%q is not a time with its zone, like 2026-11-22T17:00:00+01:00 or 2026-11-22T16:00:00Z", text)
	}
	return nil
}

// durationFlag is a duration on the command line, or unlimited; nil without one.
type durationFlag struct{ *time.Duration }

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *durationFlag) UnmarshalText(text []byte) error {
	lasting, err := offboarding.ParseDuration(string(text))
	f.Duration = &lasting
	return err
}

// Validate refuses whoever is no person.
func (f requestFlags) Validate() error {
	_, err := f.Who.Person()
	return err
}

func (f requestFlags) request() offboarding.Request {
	person, _ := f.Who.Person() // which was validated
	return offboarding.Request{
		Kind: offboarding.Termination, Employee: person, LeavingTime: f.At.Time,
		Options: offboarding.Options{Mailbox: offboarding.Handling(f.Mailbox), ForwardTo: f.ForwardTo, ForwardFor: f.ForwardFor.Duration},
	}
}
