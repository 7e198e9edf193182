// Package demo plays whole departures on a simulated tenant, and believes nothing but the tenant:
// scenarios with how they must end, a layoff against Microsoft's throttling, and what one
// departure costs in requests.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"leaver/infra/leaver/internal/terminal"
	"leaver/infra/resident"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
)

// Options say what is played, and to whom.
type Options struct {
	Scenario string
	Layoff   Layoff
	Storm    Storm
	Export   Export
	// Latency is how long every answer of the simulated tenant takes at least.
	Latency time.Duration
	// Reports is a directory that gets the report of every departure, as HTML and as JSON, and the keys that
	// signed them, for LEAVER_LEDGER_KEYS; empty = none.
	Reports string
	// JSON is set when an object a line is wanted for each leaver, and nothing else.
	JSON bool

	// Busy is set when the machine does other things: that a lockout takes long is then no fault.
	Busy bool

	// Stay is set when the host stays up after the report, with its console, until ctx is done.
	Stay bool

	// Record and RecordExchange get every request to the tenant, as those of simtenant.Config; nil = nothing does.
	Record, RecordExchange io.Writer

	Out io.Writer // what is played, and the report
	Log io.Writer // of the host
}

// newTenant makes the tenant that is played on.
func (o Options) newTenant(config simtenant.Config) (*simtenant.Tenant, error) {
	config.Record, config.RecordExchange = o.Record, o.RecordExchange
	return simtenant.New(config)
}

// Layoff is how large the scenario layoff is.
type Layoff struct {
	Users   int // of the company
	Leavers int
	// Throttle is how many times sooner than Microsoft's the throttling budgets are there again.
	Throttle float64
}

// DefaultLayoff is a layoff of minutes.
func DefaultLayoff() Layoff { return Layoff{Users: 2000, Leavers: 500, Throttle: 60} }

// The demo's policy waits seconds where a real one waits days; the delays are real delayed
// messages all the same.
const (
	demoGrace       = 4 * time.Second
	demoDeleteAfter = 2 * time.Second
	demoPatience    = 90 * time.Second
)

// Play plays a scenario on a simulated tenant. It is an error when the tenant was not observed to
// be as wanted.
func Play(ctx context.Context, o Options) (err error) {
	s, err := scenarioOf(o.Scenario)
	if err != nil {
		return err
	}
	if s.run != nil {
		if o.Stay {
			return fmt.Errorf("--stay: the scenario %s cannot stay; departures, the default, can", o.Scenario)
		}
		return s.run(ctx, o)
	}
	config := simtenant.Config{Users: 40, Knobs: simtenant.Knobs{Latency: o.Latency}}
	if s.tenant != nil {
		s.tenant(&config)
	}
	tenant, err := o.newTenant(config)
	if err != nil {
		return err
	}
	if s.world != nil {
		tenant.Edit(s.world)
	}
	policy := demoPolicy()
	if s.policy != nil {
		s.policy(&policy)
	}
	on := hostOptions{tenant: tenant, policy: policy, log: o.Log, reports: o.Reports}
	console := ""
	if o.Stay {
		on.console = func(address string) { console = address }
	}
	var onPremises *directory
	if s.directory != nil {
		if onPremises, err = s.directory(ctx, tenant); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, onPremises.close()) }()
		on.elsewhere = map[offboarding.StepName]worker.Step{offboarding.StepOnpremises: resident.Onpremises(onPremises.client)}
	}
	if s.counts {
		on.meter = &meter{traffic: map[string]*traffic{}}
	}
	return withHost(ctx, on, func(ctx context.Context, h *operator.Desk, intake string) error {
		if o.Busy {
			s.lockout = 0
		}
		p := &play{scenario: s, host: h, tenant: tenant, directory: onPremises, view: newView(ctx, o), acted: map[string]bool{}}
		defer p.view.close()
		found, err := p.perform(ctx, intake)
		p.view.close()
		if err != nil {
			return err
		}
		ends, wrong := p.judge(ctx, found)
		if s.counts && len(ends) > 0 {
			ends[0].Cost = on.meter.cost(ends[0].Status, p.posted)
		}
		if o.JSON {
			err = errors.Join(terminal.WriteJSON(o.Out, ends), wrong)
		} else if err = errors.Join(report(o.Out, ends), wrong); err == nil {
			_, err = fmt.Fprintln(o.Out, "The tenant was read: every account is as the report says.")
		}
		if o.Stay {
			_, _ = fmt.Fprintf(o.Log, `
It stays until it is interrupted (Ctrl+C), and the console has what was done:
  %s
Sign in there as Nestor Wilke, who may do everything. To watch somebody leave: Plan, pradeep.gupta@contoso.com.
What is done there is gone afterwards; leaver up --simulate keeps it, and the other commands find it.
`, console)
			<-ctx.Done()
		}
		return err
	})
}

// demoPolicy is the scenarios'.
func demoPolicy() offboarding.Policy {
	policy := offboarding.DefaultPolicy()
	policy.Grace, policy.DeleteAfter = demoGrace, demoDeleteAfter
	policy.KeepMail = offboarding.KeepNone
	policy.Approvals.Privileged = 0
	policy.Requests, policy.Successors = offboarding.RequestsAny, offboarding.SuccessorsMembers // the events choose what is shown
	policy.Limits = offboarding.Limits{PerHour: 10, PerDay: 10, Share: 100}                     // five people of forty at once
	return policy
}

// play is a scenario while it is played.
type play struct {
	scenario
	host      *operator.Desk
	tenant    *simtenant.Tenant
	directory *directory // nil = there is none
	view      view
	posted    time.Time       // the last webhook
	acted     map[string]bool // acts that were done, by person and words
}

// perform posts the webhooks and shows the cases, with what people do meanwhile, until all are
// over or patience ends.
func (p *play) perform(ctx context.Context, intake string) ([]operator.Status, error) {
	ctx, stop := context.WithTimeoutCause(ctx, demoPatience, fmt.Errorf("the departures did not end within %s", demoPatience))
	defer stop()
	for _, d := range p.departures {
		p.view.say("%s leaves (%s)", d.person, d.title)
		p.posted = p.host.Now()
		if err := d.post(ctx, intake, p.posted); err != nil {
			return nil, err
		}
	}
	every := time.NewTicker(100 * time.Millisecond)
	defer every.Stop()
	for {
		found, err := operator.Statuses(ctx, p.host.Ledger, p.host.Now())
		if err != nil {
			return nil, errors.Join(context.Cause(ctx), err)
		}
		p.view.update(found)
		over := 0
		for _, d := range p.departures {
			s := d.in(found)
			if s == nil {
				continue
			}
			if err := p.act(ctx, d, *s); err != nil {
				return nil, err
			}
			if s.State == string(offboarding.CaseComplete) || s.State == "parked" {
				over++
			}
		}
		if over == len(p.departures) {
			return found, nil
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), whatIsOpen(context.WithoutCancel(ctx), p.host))
		}
	}
}

// act does what people do once the departure stands as it does.
func (p *play) act(ctx context.Context, d departure, s operator.Status) error {
	for _, a := range d.acts {
		if p.acted[d.person+a.does] || !a.when(s) {
			continue
		}
		p.acted[d.person+a.does] = true
		p.view.say("%s: %s", d.person, a.does)
		if err := a.do(ctx, p, s); err != nil {
			return fmt.Errorf("%s: %w", a.does, err)
		}
	}
	return nil
}
