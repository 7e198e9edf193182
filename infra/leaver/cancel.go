package main

import (
	"fmt"

	"leaver/infra/leaver/internal/operator"
	"leaver/infra/leaver/internal/terminal"
)

type cancelCommand struct {
	Case   operator.Who `arg:"" help:"${who}."`
	Reason string       `required:"" help:"Why; kept with the case until its personal values are erased."`
	asking
}

// Help implements kong.HelpProvider.
func (*cancelCommand) Help() string {
	return `Every function reads the cancellation before each write. What had taken effect stays as it is, and is shown.

  leaver cancel adele.vance@contoso.com --reason "she stays"

A parked request has no case to cancel: leaver replay --discard --request REQUEST.`
}

// Validate refuses a reason that says nothing.
func (c *cancelCommand) Validate() error { return said("--reason", c.Reason) }

// Run cancels and shows what had been done by then.
func (c *cancelCommand) Run(on console) error {
	host, err := c.dial()
	if err != nil {
		return err
	}
	cancelled, err := host.Cancel(on, operator.Cancellation{Who: c.Case, Reason: c.Reason})
	if err != nil {
		return err
	}
	return c.answer(on, cancelled, func(width int) string {
		return terminal.Report(cancelled, width) + whatStays(cancelled)
	})
}

// whatStays is what a cancellation does not take back.
func whatStays(s operator.Status) string {
	done := 0
	for _, step := range s.Steps {
		if step.EffectiveAt != nil {
			done++
		}
	}
	if done == 0 {
		return "nothing had taken effect\n"
	}
	return fmt.Sprintf("%d of %d steps had taken effect and stay as they are: undo them by hand where the person stays. What is left above as a task is not to be done any more.\n", done, len(s.Steps))
}
