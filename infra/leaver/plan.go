package main

import "leaver/infra/leaver/internal/terminal"

type planCommand struct{ requestFlags }

// Help implements kong.HelpProvider.
func (*planCommand) Help() string {
	return `What each step would do now, wait for, withhold and by which rule, or leave to a person; who gets the mail, and which permissions that takes. The tenant is read and nothing is written.

  leaver plan adele.vance@contoso.com
  leaver plan adele.vance@contoso.com --mailbox hold`
}

// Run asks the running host, which reads the tenant and writes nothing.
func (c *planCommand) Run(on console) error {
	host, err := c.dial()
	if err != nil {
		return err
	}
	planned, err := host.Plan(on, c.request())
	if err != nil {
		return err
	}
	return c.answer(on, planned, func(width int) string { return terminal.Plan(planned, width) })
}
