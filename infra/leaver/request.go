package main

import (
	"errors"
	"fmt"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/operator"
)

// requestFlags say whom to offboard, and how.
type requestFlags struct {
	Who        operator.Who `arg:"" help:"Object id, userPrincipalName, mail:ADDRESS or employeeId:NUMBER."`
	At         momentFlag   `placeholder:"TIME" help:"Leaving time, like 2026-11-22T17:00:00+01:00, or a day like 2026-11-22, which is left when it ends; now without it."`
	Zone       zoneFlag     `placeholder:"ZONE" help:"Where the day ends, like Europe/Berlin; where the person works without it, as the HR system or the policy says."`
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

// momentFlag is a time on the command line, or a day, which is a moment in a zone only.
type momentFlag struct {
	at  time.Time
	day offboarding.Date
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *momentFlag) UnmarshalText(text []byte) error {
	if day, err := offboarding.ParseDate(string(text)); err == nil {
		f.day = day
		return nil
	}
	var at timeFlag
	if err := at.UnmarshalText(text); err != nil {
		return fmt.Errorf("%w; nor a day, like 2026-11-22", err)
	}
	f.at = at.Time
	return nil
}

// zoneFlag is a time zone on the command line; nil without one.
type zoneFlag struct{ *time.Location }

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *zoneFlag) UnmarshalText(text []byte) (err error) {
	f.Location, err = offboarding.LoadZone(string(text))
	return err
}

// leavingTime is the moment; zero for now, and for a day that ends where the person works, as the
// host knows.
func (f requestFlags) leavingTime() time.Time {
	if f.At.day.IsZero() || f.Zone.Location == nil {
		return f.At.at
	}
	return f.At.day.At(offboarding.EndOfDay, f.Zone.Location)
}

// durationFlag is a duration on the command line, or unlimited; nil without one.
type durationFlag struct{ *time.Duration }

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *durationFlag) UnmarshalText(text []byte) error {
	lasting, err := offboarding.ParseDuration(string(text))
	f.Duration = &lasting
	return err
}

// Validate refuses whoever is no person, and a zone of no day.
func (f requestFlags) Validate() error {
	_, err := f.Who.Person()
	if f.At.day.IsZero() && f.Zone.Location != nil {
		err = errors.Join(err, errors.New("--zone: it says where a day of --at ends; a time has its own"))
	}
	return err
}

func (f requestFlags) request() offboarding.Request {
	person, _ := f.Who.Person() // which was validated
	var zone string
	if f.Zone.Location != nil {
		zone = f.Zone.String()
	}
	return offboarding.Request{
		Kind: offboarding.Termination, Employee: person, LeavingTime: f.leavingTime(), LeavingDate: f.At.day, Zone: zone,
		Options: offboarding.Options{Mailbox: offboarding.Handling(f.Mailbox), ForwardTo: f.ForwardTo, ForwardFor: f.ForwardFor.Duration},
	}
}
