package main

import (
	"errors"
	"math"
	"strings"
	"time"

	"leaver/infra/leaver/internal/demo"
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
	return `Exit code 0 only if every step ended as the scenario says and the tenant shows it.

  leaver demo
  leaver demo --scenario synced
  leaver demo --json | jq .state
  leaver demo --scenario layoff --users 200 --leavers 50

Who leaves in which scenario, and how it ends:

  ` + strings.ReplaceAll(demo.Help(), "\n", "\n  ")
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

// Run plays the scenario. It is an error when the tenant was not observed to be as wanted.
func (c *demoCommand) Run(on console) error {
	return demo.Play(on, demo.Options{
		Scenario: c.Scenario, Latency: c.Latency, JSON: c.JSON, Out: on.stdout, Log: on.stderr,
		Layoff: demo.Layoff{Users: c.Users, Leavers: c.Leavers, Throttle: c.Throttle},
	})
}
