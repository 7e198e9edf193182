package main

import (
	"errors"
	"fmt"
	"io"

	"leaver/infra/leaver/internal/terminal"
	"leaver/shared/operator"
)

type cancelCommand struct {
	Case   operator.Who `arg:"" optional:"" help:"${who}."`
	Since  timeFlag     `placeholder:"TIME" help:"All open departures that began since then."`
	Source string       `help:"All open departures that this source asked for."`
	By     string       `default:"${user}" help:"Who stops it, where it is an undo; without it whoever is logged in to this machine."`
	Reason string       `required:"" help:"Why; kept with the case until its personal values are erased."`
	asking
}

// Help implements kong.HelpProvider.
func (*cancelCommand) Help() string {
	return `Every function reads the cancellation before each write. What had taken effect stays as it is, and is shown.

  leaver cancel adele.vance@contoso.com --reason "she stays"
  leaver cancel --source bob --since 2026-11-22T09:00:00Z --reason "a wrong import"

A parked request has no case to cancel: leaver replay --discard --request REQUEST.`
}

// Validate refuses a reason that says nothing, and everybody.
func (c *cancelCommand) Validate() error {
	if several := !c.Since.IsZero() || c.Source != ""; c.Case.Everybody() != several {
		return errors.New("which? name a case, or use --since, --source or both")
	}
	return said("--reason", c.Reason)
}

// Run cancels and shows what had been done by then.
func (c *cancelCommand) Run(on console) error {
	host, err := c.dial()
	if err != nil {
		return err
	}
	cancelled, err := host.Cancel(on, operator.Cancellation{Who: c.Case, Since: c.Since.Time, Source: c.Source, Reason: c.Reason, By: c.By})
	switch {
	case err != nil:
		return err
	case c.JSON:
		return terminal.WriteJSON(on.stdout, cancelled)
	case c.Case.Everybody():
		_, err = fmt.Fprintf(on.stdout, "%s%d cancelled\n", terminal.Overview(cancelled), len(cancelled))
		return err
	}
	width, _ := terminal.Width(on.stdout)
	for _, s := range cancelled {
		if _, err := io.WriteString(on.stdout, terminal.Report(s, width)+whatStays(s)); err != nil {
			return err
		}
	}
	return nil
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
	return fmt.Sprintf("%d of %d steps had taken effect and stay as they are: leaver undo %s takes them back where the person stays. What is left above as a task is not to be done any more.\n", done, len(s.Steps), s.Case)
}
