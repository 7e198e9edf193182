package main

import (
	"errors"

	"leaver/shared/offboarding"
	"leaver/shared/operator"
)

type signOffCommand struct {
	Case operator.Who `arg:"" help:"${who}."`
	Step string       `arg:"" help:"The manual, withheld or parked step."`
	By   string       `required:"" help:"Who accepts it; kept with the case until its personal values are erased."`
	Note string       `required:"" help:"What was done instead, or why it is accepted as it is."`
	Item []string     `help:"Accept this of the step only, by the id in its reason: a file of onedrive, a phone or device of wipe. The step is replayed and leaves it alone."`
	asking
}

// Help implements kong.HelpProvider.
func (*signOffCommand) Help() string {
	return `For what a person has done instead, or accepts as it is. It opens no gate: licence and delete read the tenant again, whatever was signed off. With --item a person accepts that one thing as it is, and the step looks again at the rest. Where the cause is gone, leaver replay lets the step look again instead.

  leaver sign-off c250ee6d-4fe6-5424-a724-20f63aa3849a-1 block --by "Miriam Graham" --note "disabled in the on-premises Active Directory"`
}

// Validate refuses a signature without a name or a word.
func (c *signOffCommand) Validate() error {
	return errors.Join(said("--by", c.By), said("--note", c.Note))
}

// Run signs off and shows the case.
func (c *signOffCommand) Run(on console) error {
	host, err := c.dial()
	if err != nil {
		return err
	}
	s, err := host.SignOff(on, operator.SignOff{Who: c.Case, Step: offboarding.StepName(c.Step), By: c.By, Note: c.Note, Items: c.Item})
	if err != nil {
		return err
	}
	return c.show(on, on.stdout, s)
}
