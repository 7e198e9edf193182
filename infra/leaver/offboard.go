package main

import (
	"fmt"

	"leaver/infra/leaver/internal/terminal"
)

type offboardCommand struct {
	requestFlags
	signed
}

// Help implements kong.HelpProvider.
func (*offboardCommand) Help() string {
	return `The request is planned as one of the HR system is: leaver plan shows beforehand what becomes of it. Asked again for somebody who is leaving already, it changes the open case.

  leaver offboard adele.vance@contoso.com
  leaver offboard E0001 --at 2026-11-30T17:00:00+01:00 --mailbox shared
  leaver offboard E0001 --at 2026-12-24
  leaver offboard E0001 --at 2026-11-30 --zone Europe/Berlin
  leaver offboard mail:adele.vance@contoso.com --forward-to alex.wilber@contoso.com --forward-for 2160h`
}

// Run sends the request to the running host and prints its id, as JSON unless on a terminal.
func (c *offboardCommand) Run(on console) error {
	host, err := c.dial()
	if err != nil {
		return err
	}
	request := c.request()
	request.By.Name = c.By
	sent, err := host.Offboard(on, request)
	if err != nil {
		return err
	}
	if _, onTerminal := terminal.Width(on.stdout); !onTerminal {
		c.JSON = true
	}
	return c.answer(on, sent, func(int) string {
		return fmt.Sprintf("sent; what becomes of it: leaver status %s%s\n", sent.Request, c.here(on))
	})
}
