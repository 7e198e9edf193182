package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

type demoCommand struct {
	Scenario string        `enum:"${scenarios}" default:"departures" placeholder:"NAME" help:"What is played, of those above; ${default} without it."`
	Users    int           `default:"2000" help:"Size of the company, in a layoff."`
	Leavers  int           `default:"500" help:"How many of them leave, in a layoff."`
	Throttle float64       `default:"60" help:"How many times sooner than Microsoft's the throttling budgets of a layoff are there again."`
	JSON     bool          `help:"Print JSON only: an object a line for each leaver, with how every step ended and why."`
	Latency  time.Duration `default:"20ms" help:"How long every answer of the simulated tenant takes at least."`
}

// Help implements kong.HelpProvider.
func (*demoCommand) Help() string {
	var all []string
	for _, s := range scenarios {
		all = append(all, s.help())
	}
	return `Exit code 0 only if every step ended as the scenario says and the tenant shows it.

  leaver demo
  leaver demo --scenario synced
  leaver demo --json | jq .state
  leaver demo --scenario layoff --users 200 --leavers 50

Who leaves in which scenario, and how it ends:

  ` + strings.ReplaceAll(strings.Join(all, "\n"), "\n", "\n  ")
}

// Validate refuses what cannot be played.
func (c *demoCommand) Validate() error {
	switch {
	case c.Users < 1 || c.Leavers < 1:
		return errors.New("--users and --leavers: write how many people there are, and how many of them leave")
	case !(c.Throttle > 0) || math.IsInf(c.Throttle, 0): // not so for NaN
		return errors.New("--throttle: write 1 for Microsoft's budgets, 60 for the same ones 60 times sooner")
	case c.Latency < 0:
		return errors.New("--latency: write a duration such as 20ms, or 0s")
	}
	return nil
}

// The demo's policy waits seconds where a real one waits days; the delays are real delayed
// messages all the same.
const (
	demoGrace       = 4 * time.Second
	demoDeleteAfter = 2 * time.Second
	demoPatience    = 90 * time.Second
)

// Run plays the scenario. It is an error when the tenant was not observed to be as wanted.
func (c *demoCommand) Run(env environment) error {
	s := scenarioOf(c.Scenario)
	if s.run != nil {
		return s.run(c, env)
	}
	config := simtenant.Config{Users: 40, Knobs: simtenant.Knobs{Latency: c.Latency}}
	if s.tenant != nil {
		s.tenant(&config)
	}
	tenant, err := simtenant.New(config)
	if err != nil {
		return err
	}
	if s.world != nil {
		tenant.Edit(s.world)
	}
	policy := offboarding.DefaultPolicy()
	policy.Grace, policy.DeleteAfter = demoGrace, demoDeleteAfter
	policy.KeepMail = offboarding.KeepNone
	if s.policy != nil {
		s.policy(&policy)
	}
	on := stage{tenant: tenant, policy: policy}
	if s.counts {
		on.meter = &meter{traffic: map[string]*traffic{}}
	}
	return onStage(env, on, func(ctx context.Context, h *house, intake string) error {
		p := &play{scenario: s, house: h, tenant: tenant, view: newView(env, c.JSON), acted: map[string]bool{}}
		defer p.view.close()
		found, err := p.perform(ctx, intake)
		p.view.close()
		if err != nil {
			return err
		}
		ends, wrong := p.judge(ctx, found)
		if s.counts && len(ends) > 0 {
			ends[0].Cost = on.meter.cost(ends[0].status, p.posted)
		}
		if c.JSON {
			return errors.Join(writeJSON(env.stdout, ends), wrong)
		}
		err = errors.Join(report(env.stdout, ends), wrong)
		if err == nil {
			_, err = fmt.Fprintln(env.stdout, "The tenant was read: every account is as the report says.")
		}
		return err
	})
}

// play is a scenario while it is played.
type play struct {
	scenario
	house  *house
	tenant *simtenant.Tenant
	view   view
	posted time.Time       // the last webhook
	acted  map[string]bool // acts that were done, by person and words
}

// perform posts the webhooks and shows the cases, with what people do meanwhile, until all are
// over or patience ends.
func (p *play) perform(ctx context.Context, intake string) ([]status, error) {
	ctx, stop := context.WithTimeoutCause(ctx, demoPatience, fmt.Errorf("the departures did not end within %s", demoPatience))
	defer stop()
	for _, d := range p.departures {
		p.view.say("%s leaves (%s)", d.person, d.title)
		p.posted = p.house.now()
		if err := d.post(ctx, intake, p.posted); err != nil {
			return nil, err
		}
	}
	every := time.NewTicker(100 * time.Millisecond)
	defer every.Stop()
	for {
		found, err := statuses(ctx, p.house.ledger, "", p.house.now())
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
			return nil, errors.Join(context.Cause(ctx), whatIsOpen(context.WithoutCancel(ctx), p.house))
		}
	}
}

// act does what people do once the departure stands as it does.
func (p *play) act(ctx context.Context, d departure, s status) error {
	for _, a := range d.acts {
		if p.acted[d.person+a.does] || !a.when(s) {
			continue
		}
		p.acted[d.person+a.does] = true
		p.view.say("%s", a.does)
		if err := a.do(ctx, p, s); err != nil {
			return fmt.Errorf("%s: %w", a.does, err)
		}
	}
	return nil
}

// report writes the table of each case, the time to lockout, why it ended so, and what it cost.
func report(w io.Writer, ends []told) error {
	width, _ := terminalWidth(w)
	for i, s := range ends {
		if i > 0 {
			if _, err := fmt.Fprintln(w); err != nil {
				return err
			}
		}
		if err := writeReport(w, []status{s.status}); err != nil {
			return err
		}
		if locked, ok := s.lockedOut(); ok {
			if _, err := fmt.Fprintf(w, "%s: locked out and read back %.2f s after the case was opened\n", s.Leaver.UserPrincipalName, locked.Seconds()); err != nil {
				return err
			}
		}
		first := "why: "
		for _, why := range s.Why {
			if _, err := io.WriteString(w, hanging(first, why, width)); err != nil {
				return err
			}
			first = "     "
		}
		if s.Cost != nil {
			if _, err := io.WriteString(w, s.Cost.report()); err != nil {
				return err
			}
		}
	}
	return nil
}

// lockedOut is how long after the opening of the case signout and block had both been read back.
func (s status) lockedOut() (time.Duration, bool) {
	var locked time.Duration
	both := 0
	for _, step := range s.Steps {
		if (step.Name == offboarding.StepSignout || step.Name == offboarding.StepBlock) && step.State == offboarding.StateEffective {
			locked = max(locked, step.EffectiveAt.Sub(s.Opened))
			both++
		}
	}
	return locked, both == 2
}
