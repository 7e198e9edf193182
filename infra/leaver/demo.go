package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"leaver/infra/leaver/internal/demo"
)

type demoCommand struct {
	Scenario string         `enum:"${scenarios}" default:"departures" placeholder:"NAME" help:"What is played, of those above; ${default} without it."`
	Users    *int           `placeholder:"2000" help:"Size of the company, in a layoff."`
	Leavers  *int           `placeholder:"500" help:"How many of them leave, in a layoff."`
	Throttle *float64       `placeholder:"60" help:"How many times sooner than Microsoft's the throttling budgets of a layoff are there again."`
	Random   *uint64        `placeholder:"1" help:"Which storm: what happens to whom, and when."`
	Items    *int           `placeholder:"10000" help:"How many items the mailbox of the scenario export holds."`
	MB       *int           `name:"megabytes" placeholder:"20" help:"How large they are together."`
	For      *time.Duration `placeholder:"30s" help:"For how long the host is killed, in a storm."`
	Reports  string         `type:"path" placeholder:"DIR" help:"Write the report of every departure there, as HTML and as JSON, and the keys that signed them: LEAVER_LEDGER_KEYS=$(cat DIR/keys) leaver verify DIR/*.html."`
	Record   string         `placeholder:"FILE" help:"File that gets every request to the simulated tenant as a JSON line; Exchange's go to FILE.exchange."`
	Stay     bool           `help:"Stay up after the report, with the console, until interrupted."`
	JSON     bool           `help:"Print JSON only: an object a line for each leaver, with how every step ended and why."`
	Latency  time.Duration  `default:"20ms" help:"How long every answer of the simulated tenant takes at least."`
}

// Help implements kong.HelpProvider.
func (*demoCommand) Help() string {
	return `Exit code 0 only if every step ended as the scenario says and the tenant shows it.

  leaver demo
  leaver demo --stay
  leaver demo --scenario synced
  leaver demo --json | jq .state
  leaver demo --scenario layoff --users 200 --leavers 50
  leaver demo --scenario export --megabytes 1024
  leaver demo --scenario storm --random 7 --for 5m

Who leaves in which scenario, and how it ends:

  ` + strings.ReplaceAll(demo.Help(), "\n", "\n  ")
}

// Validate refuses what cannot be played.
func (c *demoCommand) Validate() error {
	layoff := c.layoff()
	switch {
	case (c.Users != nil || c.Leavers != nil || c.Throttle != nil) && c.Scenario != "layoff":
		return fmt.Errorf("--users, --leavers and --throttle: they are of the scenario layoff, and %s would ignore them", c.Scenario)
	case (c.Random != nil || c.For != nil) && c.Scenario != "storm":
		return fmt.Errorf("--random and --for: they are of the scenario storm, and %s would ignore them", c.Scenario)
	case (c.Items != nil || c.MB != nil) && c.Scenario != "export":
		return fmt.Errorf("--items and --megabytes: they are of the scenario export, and %s would ignore them", c.Scenario)
	case c.export().Items < 100 || c.export().Megabytes < 1:
		return errors.New("--items and --megabytes: write at least 100 items and one megabyte")
	case c.storm().For <= 0:
		return errors.New("--for: write how long the storm lasts, such as 30s")
	case layoff.Users < 1 || layoff.Leavers < 1:
		return errors.New("--users and --leavers: write how many people there are, and how many of them leave")
	case !(layoff.Throttle > 0) || math.IsInf(layoff.Throttle, 0): // not so for NaN
		return errors.New("--throttle: write 1 for Microsoft's budgets, 60 for the same ones 60 times sooner")
	case c.Latency < 0:
		return errors.New("--latency: write a duration such as 20ms, or 0s")
	}
	return nil
}

// layoff is the default one but for what the flags say.
func (c *demoCommand) layoff() demo.Layoff {
	layoff := demo.DefaultLayoff()
	if c.Users != nil {
		layoff.Users = *c.Users
	}
	if c.Leavers != nil {
		layoff.Leavers = *c.Leavers
	}
	if c.Throttle != nil {
		layoff.Throttle = *c.Throttle
	}
	return layoff
}

// storm is the default one but for what the flags say.
func (c *demoCommand) storm() demo.Storm {
	storm := demo.DefaultStorm()
	if c.Random != nil {
		storm.Random = *c.Random
	}
	if c.For != nil {
		storm.For = *c.For
	}
	return storm
}

// export is the default one but for what the flags say.
func (c *demoCommand) export() demo.Export {
	export := demo.DefaultExport()
	if c.Items != nil {
		export.Items = *c.Items
	}
	if c.MB != nil {
		export.Megabytes = *c.MB
	}
	return export
}

// Run plays the scenario. It is an error when the tenant was not observed to be as wanted.
func (c *demoCommand) Run(on console) (err error) {
	o := demo.Options{
		Scenario: c.Scenario, Latency: c.Latency, JSON: c.JSON, Stay: c.Stay, Reports: c.Reports, Out: on.stdout, Log: on.stderr,
		Layoff: c.layoff(), Storm: c.storm(), Export: c.export(),
	}
	if c.Reports != "" {
		if err := os.MkdirAll(c.Reports, 0o700); err != nil {
			return err
		}
	}
	if c.Record != "" {
		r, failed := recordIn(c.Record)
		if failed != nil {
			return failed
		}
		defer func() { err = errors.Join(err, r.close()) }()
		o.Record, o.RecordExchange = r.graph, r.exchange
	}
	return demo.Play(on, o)
}
