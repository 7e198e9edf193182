package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"leaver/infra/leaver/internal/loopback"
	"leaver/infra/leaver/internal/terminal"
	"leaver/shared/operator"
)

type statusCommand struct {
	Who   operator.Who `arg:"" optional:"" help:"${who}; all without it, in short."`
	Watch bool         `help:"Show again whenever something changes, until interrupted."`
	asking
}

// Help implements kong.HelpProvider.
func (*statusCommand) Help() string {
	return `A line for every case and parked request, with the steps that fail or need a person; or each step of one: its state, why, since when, when it goes on by itself, and what to type where it does not.

  leaver status
  leaver status adele.vance@contoso.com
  leaver status --json | jq 'select(.state != "complete")'

Above all of them stands that the installation is frozen, and that the last backup of the ledger is too old or not whole.

The states of a step: planned (no run has ended yet), waiting (requested, or for another step), retrying (an error that may pass), effective (observed in the tenant), withheld (a rule forbids it), manual (a person must act), parked (no retry can help), signed off (a person accepted it), undone (taken back), held (people have to lift a brake), rehearsed (nothing is written: what it would do), cancelled.`
}

// Run asks the running host. Nothing found for a given name is exit 1.
func (c *statusCommand) Run(on console) error {
	host, err := c.dial()
	if err != nil {
		return err
	}
	copies, err := c.copies(on, host)
	if err != nil {
		return err
	}
	if c.Watch {
		_, onTerminal := terminal.Width(on.stdout)
		return terminal.Watch(on, on.stdout, onTerminal && !c.JSON, 500*time.Millisecond, func(w io.Writer) error {
			found, err := c.ask(on, host)
			if err != nil {
				return err
			}
			return c.list(on, w, copies, found)
		})
	}
	found, err := c.ask(on, host)
	if err != nil {
		return err
	}
	if len(found) == 0 && !c.Who.Everybody() {
		return fmt.Errorf("no case or parked request for %q; a request shows here once it was planned, within seconds", c.Who)
	}
	return c.list(on, on.stdout, copies, found)
}

// ask asks for what is shown, and no more.
func (c *statusCommand) ask(on console, host *loopback.Client) ([]operator.Status, error) {
	if c.Who.Everybody() && !c.JSON {
		return host.Overview(on)
	}
	return host.Status(on, c.Who)
}

// copies says what is wrong with the backups, to whoever looks at everything: once, as their storage is
// asked for it.
func (c *statusCommand) copies(on console, host *loopback.Client) (string, error) {
	if c.JSON || !c.Who.Everybody() {
		return "", nil
	}
	found, err := host.Backups(on)
	return terminal.Backups(found), err
}

// list shows one in full and all in short.
func (c *statusCommand) list(on console, w io.Writer, copies string, found []operator.Status) error {
	if c.JSON {
		return c.show(on, w, found...)
	}
	brakes, err := c.frozen(on)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, brakes+copies); err != nil {
		return err
	}
	if !c.Who.Everybody() {
		return c.show(on, w, found...)
	}
	text := "no departures yet\n"
	if len(found) > 0 {
		text = terminal.Overview(found) + fmt.Sprintf("leaver status WHO%s: each step of one, and what to type\n", c.here(on))
	}
	_, err = io.Copy(w, strings.NewReader(text))
	return err
}

// frozen says loudly that the installation is; empty while it is not.
func (c *statusCommand) frozen(on console) (string, error) {
	host, err := c.dial()
	if err != nil {
		return "", err
	}
	b, err := host.Brakes(on)
	return terminal.Frozen(b, c.here(on)), err
}
