package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"leaver/functions/replay"
	"leaver/infra/leaver/internal/terminal"
)

type replayCommand struct {
	Step    string `help:"Only this step, or plan for requests."`
	Case    string `help:"Only this case: its dead letters, and its steps that wait for a person."`
	Request string `help:"Only this parked request."`
	All     bool   `help:"Everything that was parked."`
	Preview bool   `help:"List what would be sent, and send nothing."`
	Discard bool   `help:"Take away instead: what can never be sent, and the named request."`
	File    string `arg:"" optional:"" type:"existingfile" help:"An event to publish again: a webhook body or a kept message."`
	asking
}

// Help implements kong.HelpProvider.
func (*replayCommand) Help() string {
	return `Without a selection nothing is sent: each dead letter is listed with its reason and with what to type. Remove the cause first, or the step is parked again.

  leaver replay
  leaver replay --case c250ee6d-4fe6-5424-a724-20f63aa3849a-1 --step signout
  leaver replay --step block
  leaver replay --all --preview
  leaver replay --discard --request req-d6b976c99892ee5d6d05e12f
  leaver replay events/terminated-none.json`
}

// Validate refuses words that mean nothing together.
func (c *replayCommand) Validate() error {
	selects := c.All || c.Step != "" || c.Case != "" || c.Request != ""
	switch {
	case c.File != "" && (selects || c.Discard):
		return errors.New("an event is published alone: leave the other selections out")
	case c.Discard && !selects:
		return errors.New("--discard: say what, with --request, --case, --step or --all")
	}
	return nil
}

// Run lists what was parked when nothing is selected. Something that was selected and could not
// be sent is exit 1.
func (c *replayCommand) Run(on console) error {
	host, err := c.dial()
	if err != nil {
		return err
	}
	selection := replay.Selection{
		Step: c.Step, Case: c.Case, Request: c.Request, All: c.All, Preview: c.Preview, Discard: c.Discard,
	}
	if c.File != "" {
		if selection.Event, err = os.ReadFile(c.File); err != nil {
			return err
		}
		if !json.Valid(selection.Event) {
			return fmt.Errorf("%s is not JSON", c.File)
		}
	}
	items, err := host.Replay(on, selection)
	if err != nil {
		return err
	}
	lists := c.Preview || !c.All && c.Step == "" && c.Case == "" && c.Request == "" && c.File == ""
	left := 0
	for _, item := range items {
		if !item.Sent && !item.Discarded {
			left++
		}
	}
	switch {
	case c.JSON:
		err = terminal.WriteJSON(on.stdout, items)
	case len(items) == 0 && lists:
		_, err = fmt.Fprintln(on.stdout, "nothing is parked")
	case len(items) == 0:
		_, err = fmt.Fprintln(on.stdout, "nothing of that is parked")
	default:
		for _, item := range items {
			if _, err := io.WriteString(on.stdout, terminal.Parked(item, lists, c.here(on))); err != nil {
				return err
			}
		}
	}
	switch {
	case err != nil:
		return err
	case !lists && left > 0:
		return fmt.Errorf("%d of %d stay as they are", left, len(items))
	case c.Request != "" && len(items) == 0:
		return fmt.Errorf("no request %s is parked", c.Request)
	}
	return nil
}
