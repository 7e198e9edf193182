package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"leaver/events"
	"leaver/infra/leaver/internal/terminal"
	"leaver/shared/hris"
	"leaver/shared/hris/webhook"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
	"leaver/shared/simhr"
	"leaver/shared/simtenant"
)

const (
	// frontDoorAhead is when the first of them leaves: the second look is 45 s before, and everybody has
	// to be planned and some taken back by then.
	frontDoorAhead = 90 * time.Second
	// frontDoorLate is how much later than their moment somebody may be out.
	frontDoorLate = 30 * time.Second
	// frontDoorAfter is how long those who were taken back are watched beyond the last moment.
	frontDoorAfter = 5 * time.Second
)

// entrance is one source with the two people who leave through it.
type entrance struct {
	hris.Config
	hr     *simhr.System // nil = the tenant itself
	leaver guest
	stays  *guest // taken back; nil where the source cannot say so beforehand
}

// guest is one person at the door.
type guest struct {
	id, name string
	moment   time.Time // when to be out
	out      time.Time // when seen out
}

// frontDoorResult is how it ended for one person.
type frontDoorResult struct {
	Scenario    string     `json:"scenario"`
	Source      string     `json:"source"`
	Person      string     `json:"person"`
	Zone        string     `json:"zone,omitempty"`
	LeavingTime time.Time  `json:"leavingTime"`
	TakenBack   bool       `json:"takenBack,omitempty"`
	LockedOutAt *time.Time `json:"lockedOutAt,omitempty"`
	Wrong       string     `json:"wrong,omitempty"`
}

// frontDoor lets one person leave through every kind of source, each at the moment that clocks show
// where they work, and another one be taken back through each that can say so. What counts is what
// the tenant shows.
func frontDoor(ctx context.Context, o Options) error {
	out := o.Out
	if o.JSON {
		out = io.Discard
	}
	tenant, err := o.newTenant(simtenant.Config{Users: 80, Knobs: simtenant.Knobs{Latency: o.Latency}})
	if err != nil {
		return err
	}
	door, stopHR, err := openEntrances(tenant, time.Now())
	if err != nil {
		return err
	}
	defer func() { _ = stopHR() }()
	policy := offboarding.DefaultPolicy()
	policy.Limits = offboarding.Limits{}
	on := hostOptions{tenant: tenant, policy: policy, log: o.Log, reports: o.Reports}
	for _, e := range door {
		on.declared = append(on.declared, e.Config)
	}
	return withHost(ctx, on, func(ctx context.Context, h *operator.Desk, intake string) error {
		_, _ = fmt.Fprintf(out, "through each of %d sources somebody leaves, from %s on\n", len(door), offboarding.Stamp(door[0].leaver.moment))
		if err := door.play(ctx, h, tenant, intake, out); err != nil {
			return err
		}
		return door.report(ctx, h, tenant, o, out)
	})
}

type entrances []*entrance

// zonesOfTheDoor are where people work, one source after the other.
var zonesOfTheDoor = []string{
	"Pacific/Auckland", "Asia/Kolkata", "Europe/Berlin", "America/Sao_Paulo", "America/Los_Angeles", "America/Denver", "Europe/London",
}

// openEntrances serves the simulated HR systems, with everybody hired and, but for okta's, dismissed.
func openEntrances(tenant *simtenant.Tenant, now time.Time) (door entrances, stop func() error, err error) {
	vendors := hris.Vendors()
	people := Leavers(tenant, 2*len(vendors))
	if len(people) < 2*len(vendors) {
		return nil, nil, errors.New("too few people to leave")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	mux := http.NewServeMux()
	first := now.Add(frontDoorAhead).Truncate(time.Second)
	for i, vendor := range vendors {
		person := func(n int) guest {
			name := people[2*i+n]
			return guest{id: simtenant.UserID(name), name: name, moment: first.Add(time.Duration(i) * time.Second)}
		}
		e := &entrance{Config: hris.Config{Name: vendor, Vendor: vendor}, leaver: person(0)}
		if vendor != "okta" { // which knows no dates
			e.Zone = zonesOfTheDoor[i%len(zonesOfTheDoor)]
			stays := person(1)
			e.stays = &stays
		}
		if err := e.open(tenant, mux, "http://"+listener.Addr().String()); err != nil {
			return nil, nil, errors.Join(err, listener.Close())
		}
		door = append(door, e)
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }()
	return door, server.Close, nil
}

// open declares the source, and has everybody hired and dismissed in it.
func (e *entrance) open(tenant *simtenant.Tenant, mux *http.ServeMux, served string) error {
	guests := []*guest{&e.leaver}
	if e.stays != nil {
		guests = append(guests, e.stays)
	}
	if e.Vendor == "entra" {
		e.Every = hris.Duration(time.Minute)
		tenant.Edit(func(w *simtenant.World) {
			for _, g := range guests {
				w.Users[g.id].EmployeeLeave = g.moment.UTC()
			}
		})
		return nil
	}
	hr, err := simhr.New(e.Vendor, time.Now)
	if err != nil {
		return err
	}
	e.hr, e.Secrets = hr, []string{hr.Secret}
	switch e.Vendor {
	case "standard":
		hr.Known(strings.TrimPrefix(events.Secret, "whsec_"), "", "")
		e.Secrets = []string{events.Secret}
	case "hmac":
		e.Signature = &hris.Signature{Signature: webhook.Signature{Header: "X-Hub-Signature-256", Prefix: "sha256="}}
	}
	if hr.Polled() {
		e.Every = hris.Duration(time.Minute)
	}
	if !hr.Sends() {
		e.Secrets = nil
	}
	if hr.Asked() {
		e.API = hris.API{URL: served + "/" + e.Name, User: hr.User, Secret: hr.Credential}
		mux.Handle("/"+e.Name+"/", http.StripPrefix("/"+e.Name, hr))
		mux.Handle("/"+e.Name, http.StripPrefix("/"+e.Name, hr)) // Workday has one address for everything
	}
	for _, g := range guests {
		hr.Hire(simhr.Person{ID: g.id, Mail: g.name, Zone: e.Zone})
		if e.Zone == "" {
			continue
		}
		zone, err := offboarding.LoadZone(e.Zone)
		if err != nil {
			return err
		}
		e.At = g.moment.In(zone).Format(time.TimeOnly)
		hr.Dismiss(g.id, offboarding.DateOf(g.moment.In(zone)), offboarding.Date{})
	}
	return nil
}

// play sends what the HR systems tell, takes some back as soon as everybody is planned, and watches
// the tenant until everybody is out who leaves.
func (door entrances) play(ctx context.Context, h *operator.Desk, tenant *simtenant.Tenant, intake string, out io.Writer) error {
	last := door[len(door)-1].leaver.moment
	ctx, stop := context.WithDeadline(ctx, last.Add(frontDoorLate+frontDoorAfter))
	defer stop()
	every := time.NewTicker(100 * time.Millisecond)
	defer every.Stop()
	for planned := false; ; {
		for _, e := range door {
			if e.hr == nil {
				continue
			}
			if _, err := e.hr.Send(ctx, http.DefaultClient, intake+"/webhooks/"+e.Name); err != nil && ctx.Err() == nil {
				return err
			}
		}
		if !planned {
			open, err := door.planned(ctx, h)
			if err != nil && ctx.Err() == nil {
				return err
			}
			if planned = open == 2*len(door)-2; planned { // okta's two are not dismissed before
				_, _ = fmt.Fprintf(out, "%d departures are planned; now one is taken back in each source\n", open)
				door.takeBack(tenant)
			}
		}
		now := h.Now()
		all := true
		for _, e := range door {
			if user, _ := tenant.User(e.leaver.id); !user.AccountEnabled && e.leaver.out.IsZero() {
				e.leaver.out = now
				_, _ = fmt.Fprintf(out, "  %-12s %-32s out %s\n", e.Name, e.leaver.name, e.clock(now))
			}
			all = all && !e.leaver.out.IsZero()
		}
		if all && now.After(last.Add(frontDoorAfter)) {
			return nil
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return nil // the report says who is still in
		}
	}
}

// planned is how many departures are.
func (door entrances) planned(ctx context.Context, h *operator.Desk) (int, error) {
	cases, _, err := h.Ledger.Cases(ctx)
	return len(cases), err
}

// takeBack has one person stay in each source, and Okta deactivate its one.
func (door entrances) takeBack(tenant *simtenant.Tenant) {
	for _, e := range door {
		switch {
		case e.stays != nil && e.hr != nil:
			e.hr.TakeBack(e.stays.id)
		case e.stays != nil:
			tenant.Edit(func(w *simtenant.World) { w.Users[e.stays.id].EmployeeLeave = time.Time{} })
		default:
			e.leaver.moment = time.Now()
			e.hr.TakeEffect(e.leaver.id)
		}
	}
}

// clock is a moment as clocks show it where the source's people work.
func (e *entrance) clock(at time.Time) string {
	zone, err := offboarding.LoadZone(cmp.Or(e.Zone, "UTC"))
	if err != nil {
		zone = time.UTC
	}
	return at.In(zone).Format(time.DateTime) + " in " + cmp.Or(e.Zone, "UTC")
}

// report is an error when anybody was out early, late or not at all, or was taken back and is out.
func (door entrances) report(ctx context.Context, h *operator.Desk, tenant *simtenant.Tenant, o Options, out io.Writer) error {
	found, err := operator.Statuses(ctx, h.Ledger, h.Now())
	if err != nil {
		return err
	}
	state := map[string]string{}
	for _, s := range found {
		state[s.Leaver.ID] = s.State
	}
	var results []frontDoorResult
	var wrong []error
	end := func(e *entrance, g guest, back bool, says string) {
		r := frontDoorResult{Scenario: "front-door", Source: e.Name, Person: g.name, Zone: e.Zone, LeavingTime: g.moment.UTC(), TakenBack: back, Wrong: says}
		if !g.out.IsZero() {
			at := g.out.UTC()
			r.LockedOutAt = &at
		}
		if results = append(results, r); says != "" {
			wrong = append(wrong, fmt.Errorf("%s: %s: %s", e.Name, g.name, says))
		}
	}
	for _, e := range door {
		after := e.leaver.out.Sub(e.leaver.moment)
		switch {
		case e.leaver.out.IsZero():
			end(e, e.leaver, false, "still in, the case is "+cmp.Or(state[e.leaver.id], "not there"))
		case after < 0:
			end(e, e.leaver, false, fmt.Sprintf("out %s early", -after))
		case after > frontDoorLate:
			end(e, e.leaver, false, fmt.Sprintf("out %s late", after))
		default:
			end(e, e.leaver, false, "")
			_, _ = fmt.Fprintf(out, "%-12s %s left %s, as planned, and was out %.1f s later\n", e.Name, e.leaver.name, e.clock(e.leaver.moment), after.Seconds())
		}
		if e.stays == nil {
			continue
		}
		switch user, _ := tenant.User(e.stays.id); {
		case !user.AccountEnabled || tenant.PasswordChanges(e.stays.id) > 0:
			end(e, *e.stays, true, "taken back, and locked out all the same")
		case state[e.stays.id] != string(offboarding.CaseCancelled):
			end(e, *e.stays, true, "taken back, and the case is "+state[e.stays.id])
		default:
			end(e, *e.stays, true, "")
			_, _ = fmt.Fprintf(out, "%-12s %s was taken back and is still in\n", e.Name, e.stays.name)
		}
	}
	if o.JSON {
		return errors.Join(append(wrong, terminal.WriteJSON(o.Out, results))...)
	}
	if err := errors.Join(wrong...); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, "The tenant was read: everybody was out at the moment of their own zone, and nobody else is.")
	return err
}
