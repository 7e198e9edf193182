package main

import (
	"errors"
	"fmt"
	"os/user"

	"leaver/infra/leaver/internal/terminal"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
)

// signed is who decides, for the commands that take a person's word.
type signed struct {
	By string `default:"${user}" placeholder:"NAME" help:"Who you are; whoever is logged in to this machine without it. A host that was started with az login knows better."`
}

// machineUser is who is logged in to this machine; empty when nobody can tell.
func machineUser(getenv func(string) string) string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return getenv("USER")
}

type releaseCommand struct {
	Case   []operator.Who `arg:"" optional:"" help:"${who}; several."`
	Source string         `help:"All departures that this source asked for and limits hold."`
	All    bool           `help:"All departures that limits hold."`
	signed
	asking
}

// Help implements kong.HelpProvider.
func (*releaseCommand) Help() string {
	return `A departure that would exceed a limit waits, with nothing written, until somebody has looked: leaver limits says which limit, leaver status who waits. What is released counts, so that the next ones find less room. What also needs an approval waits on for that.

  leaver release adele.vance@contoso.com
  leaver release --source bob
  leaver release --all --by "Miriam Graham"`
}

// Validate refuses a question that says nothing, or two things.
func (c *releaseCommand) Validate() error {
	n := 0
	for _, one := range []bool{len(c.Case) > 0, c.Source != "", c.All} {
		if one {
			n++
		}
	}
	if n != 1 {
		return errors.New("which? name departures, or use --source or --all")
	}
	return nil
}

// Run releases and shows what goes on.
func (c *releaseCommand) Run(on console) error {
	host, err := c.dial()
	if err != nil {
		return err
	}
	released, err := host.Release(on, operator.Release{Who: c.Case, Source: c.Source, All: c.All, By: c.By})
	if err != nil {
		return err
	}
	if c.JSON {
		return terminal.WriteJSON(on.stdout, released)
	}
	_, err = fmt.Fprintf(on.stdout, "%s%d released\n", terminal.Overview(released), len(released))
	return err
}

type approveCommand struct {
	Case     operator.Who `arg:"" help:"${who}."`
	Step     string       `arg:"" optional:"" help:"The step that waits for an approval; the departure itself without it."`
	Note     string       `help:"Why; kept with the case until its personal values are erased."`
	Leaver   string       `placeholder:"ID" help:"Object id of the one who is meant, of a held request whose names are those of different people."`
	Withdraw bool         `help:"Take your approval back, while others are still missing."`
	signed
	asking
}

// Help implements kong.HelpProvider.
func (*approveCommand) Help() string {
	return `Whoever asked for a departure does not approve it, and nobody's word counts twice. While others are missing, an approval counts for seven days.

  leaver approve adele.vance@contoso.com --note "spoke to her manager"
  leaver approve c250ee6d-4fe6-5424-a724-20f63aa3849a-1 wipe --by "Miriam Graham"
  leaver approve adele.vance@contoso.com --withdraw
  leaver approve req-0c1f… --leaver ade1e000-0000-4000-8000-000000004711`
}

// Run approves and shows the case.
func (c *approveCommand) Run(on console) error {
	host, err := c.dial()
	if err != nil {
		return err
	}
	s, err := host.Approve(on, operator.Approval{Who: c.Case, Step: offboarding.StepName(c.Step), By: c.By, Note: c.Note, Withdraw: c.Withdraw, Leaver: c.Leaver})
	if err != nil {
		return err
	}
	return c.show(on, on.stdout, s)
}

type allowCommand struct {
	Departures int      `required:"" placeholder:"N" help:"How many departures more may begin, on top of every limit."`
	Until      timeFlag `required:"" placeholder:"TIME" help:"Until when, like 2026-11-22T17:00:00+01:00."`
	signed
	asking
}

// Help implements kong.HelpProvider.
func (*allowCommand) Help() string {
	return `Before a layoff that HR has told of. What limits hold already goes on with it, as far as it goes, who came first first.

  leaver allow --departures 100 --until 2026-11-30T18:00:00+01:00`
}

// Run allows and shows the limits.
func (c *allowCommand) Run(on console) error {
	host, err := c.dial()
	if err != nil {
		return err
	}
	b, err := host.Allow(on, operator.Allowance{Departures: c.Departures, Until: c.Until.Time, By: c.By})
	return c.brakes(on, b, err)
}

type limitsCommand struct{ asking }

// Help implements kong.HelpProvider.
func (*limitsCommand) Help() string {
	return `How many departures have begun in each rolling window, of how many, and whether the installation is frozen. The policy and the sources say the limits.

  leaver limits
  leaver limits --json | jq .frozen`
}

// Run shows the limits.
func (c *limitsCommand) Run(on console) error {
	host, err := c.dial()
	if err != nil {
		return err
	}
	b, err := host.Brakes(on)
	return c.brakes(on, b, err)
}

type freezeCommand struct {
	Reason string `required:"" help:"Why."`
	signed
	asking
}

// Help implements kong.HelpProvider.
func (*freezeCommand) Help() string {
	return `Within a second no function anywhere writes to Microsoft 365 any more, whatever is under way, until leaver thaw. Webhooks are taken and planned all the same, and what is due waits.

  leaver freeze --reason "a webhook secret has leaked"`
}

// Validate refuses a reason that says nothing.
func (c *freezeCommand) Validate() error { return said("--reason", c.Reason) }

// Run freezes and shows the limits.
func (c *freezeCommand) Run(on console) error {
	host, err := c.dial()
	if err != nil {
		return err
	}
	b, err := host.Freeze(on, operator.Freeze{Reason: c.Reason, By: c.By})
	return c.brakes(on, b, err)
}

type thawCommand struct {
	signed
	asking
}

// Help implements kong.HelpProvider.
func (*thawCommand) Help() string {
	return `What was due meanwhile goes on within a minute, as it would have. Cancel first whoever was not to leave.

  leaver cancel --source bob --since 2026-11-22T09:00:00Z --reason "a secret has leaked"
  leaver thaw`
}

// Run thaws and shows the limits.
func (c *thawCommand) Run(on console) error {
	host, err := c.dial()
	if err != nil {
		return err
	}
	b, err := host.Freeze(on, operator.Freeze{Thaw: true, By: c.By})
	return c.brakes(on, b, err)
}

// brakes shows those of the installation.
func (a asking) brakes(on console, b operator.Brakes, err error) error {
	if err != nil {
		return err
	}
	return a.answer(on, b, func(int) string { return terminal.Brakes(b, a.here(on)) })
}
