package main

import (
	"errors"

	"leaver/infra/leaver/internal/terminal"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
)

type undoCommand struct {
	Who     operator.Who `arg:"" help:"${who}; of a person, the last departure."`
	Step    string       `help:"Only this step of it."`
	Reason  string       `help:"Why; kept with the case until its personal values are erased."`
	By      string       `default:"${user}" help:"Who orders it; without it whoever is logged in to this machine."`
	Preview bool         `help:"Say what would come back and what would not, and order nothing."`
	asking
}

// Help implements kong.HelpProvider.
func (*undoCommand) Help() string {
	return `Within 30 days of the deletion. A departure that still goes on is cancelled with it. The account is restored first and enabled last; in between come licences, mailbox, forwarding, files, groups, ownerships, devices and telephone numbers, each only where it still is as Leaver left it, and each read back. What gives an administrator's power back waits for a second person. What cannot come back is said first, and what somebody else has by now becomes a task.

  leaver undo adele.vance@contoso.com --preview
  leaver undo c250ee6d-4fe6-5424-a724-20f63aa3849a-1 --reason "the offer was withdrawn"
  leaver undo adele.vance@contoso.com --step forward --reason "she answers her own mail"
  leaver cancel adele.vance@contoso.com --reason "the undo was a mistake"`
}

// Validate refuses an order without a reason.
func (c *undoCommand) Validate() error {
	if c.Preview {
		return nil
	}
	return errors.Join(said("--reason", c.Reason), said("--by", c.By))
}

// Run orders the undo and shows what becomes of it.
func (c *undoCommand) Run(on console) error {
	host, err := c.dial()
	if err != nil {
		return err
	}
	undoing, err := host.Undo(on, operator.Undo{Who: c.Who, Step: offboarding.StepName(c.Step), By: c.By, Reason: c.Reason, Preview: c.Preview})
	if err != nil {
		return err
	}
	return c.answer(on, undoing, func(width int) string { return terminal.Undoing(undoing, c.Preview, width) })
}
