package offboarding

import (
	"cmp"
	"time"
)

// in is the request with the moment at which its day of leaving ends, in the zone that is meant
// where the request names none. A day that nobody can place is a *[Refusal].
func (r Request) in(zone string) (Request, error) {
	if r.Zone != "" || r.LeavingDate.IsZero() {
		r.Zone = cmp.Or(r.Zone, zone)
		return r, nil
	}
	location, err := LoadZone(zone)
	if err != nil {
		return r, &Refusal{Why: "a day ends at another moment in every time zone: declare the zone of the source, set zone in the policy, or say it (leaver offboard --zone Europe/Berlin), and send the request again"}
	}
	r.Zone, r.LeavingTime = zone, r.LeavingDate.At(EndOfDay, location)
	if !r.EndOfEmployment.IsZero() {
		r.EndOfEmployment = DateOf(r.EndOfEmployment.In(AnywhereOnEarth)).At(EndOfDay, location)
	}
	return r, nil
}

// Leaves says when the leaver is out, as clocks show it in the zone of the plan, and why then.
func (p Plan) Leaves() string {
	says := p.clock(p.LeavingTime)
	switch {
	case p.LeavingDate.IsZero():
		says += ", the moment that was asked for"
	case p.LeavingTime.Equal(p.LeavingDate.At(EndOfDay, p.location())):
		says += ", the end of " + p.LeavingDate.String() + ", the last day at work there"
	default:
		says += ", on " + p.LeavingDate.String() + ", the last day at work there"
	}
	if !p.EndOfEmployment.IsZero() {
		says += "; the employment ends " + p.clock(p.EndOfEmployment) + ", and licence and account stay until after that"
	}
	return says
}

// location is the zone of the plan; UTC where it has none.
func (p Plan) location() *time.Location {
	location, err := LoadZone(p.Zone)
	if err != nil {
		return time.UTC
	}
	return location
}

func (p Plan) clock(at time.Time) string {
	return at.In(p.location()).Format("2006-01-02 15:04:05") + " in " + cmp.Or(p.Zone, "UTC")
}
