package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"leaver/functions/replay"
	"leaver/infra/leaver/internal/terminal"
	"leaver/shared/operator"
)

type replayCommand struct {
	What string `arg:"" optional:"" placeholder:"CASE" help:"A case, a request or a person; or a file, an event to publish again: a webhook body or a kept message."`
	Only string `arg:"" optional:"" name:"step" help:"Only this step of it."`

	Step    string `help:"Only this step, or plan for requests."`
	Case    string `help:"Only this case: its dead letters, and its steps that wait for a person."`
	Request string `help:"Only this parked request."`
	All     bool   `help:"Everything that was parked."`
	Preview bool   `help:"List what would be sent, and send nothing."`
	Discard bool   `help:"Take away instead: what can never be sent, and the named request."`
	asking
}

// Help implements kong.HelpProvider.
func (*replayCommand) Help() string {
	return `Without a selection nothing is sent: each dead letter is listed with its reason and with what to type. Remove the cause first, or the step is parked again.

  leaver replay
  leaver replay adele.vance@contoso.com signout
  leaver replay --case c250ee6d-4fe6-5424-a724-20f63aa3849a-1 --step signout
  leaver replay --step block
  leaver replay --all --preview
  leaver replay --discard --request req-d6b976c99892ee5d6d05e12f
  leaver replay events/terminated-none.json`
}

// Validate refuses words that mean nothing together.
func (c *replayCommand) Validate() error {
	_, err := c.question()
	return err
}

// question is what the words mean.
func (c *replayCommand) question() (ask operator.Replay, err error) {
	ask.Selection = replay.Selection{Step: c.Step, Case: c.Case, Request: c.Request, All: c.All, Preview: c.Preview, Discard: c.Discard}
	switch {
	case c.Only != "" && c.Step != "" && c.Only != c.Step:
		return ask, fmt.Errorf("two steps: %s and --step %s", c.Only, c.Step)
	case c.Only != "":
		ask.Step = c.Only
	}
	selects := c.All || c.Step != "" || c.Case != "" || c.Request != ""
	switch file, readErr := os.ReadFile(c.What); {
	case c.What == "" && c.Discard && !selects:
		return ask, errors.New("--discard: say what: a case, a request, --step or --all")
	case c.What == "":
		return ask, nil
	case readErr == nil && (selects || c.Discard || c.Only != ""):
		return ask, errors.New("an event is published alone: leave the other selections out")
	case readErr == nil && !json.Valid(file):
		return ask, fmt.Errorf("%s is not JSON", c.What)
	case readErr == nil:
		ask.Event = file
		return ask, nil
	case strings.HasSuffix(c.What, ".json"), strings.ContainsRune(c.What, os.PathSeparator):
		return ask, readErr
	case c.All || c.Case != "" || c.Request != "":
		return ask, fmt.Errorf("%s, and another selection beside it: leave one out", c.What)
	}
	return ask, ask.Who.UnmarshalText([]byte(c.What))
}

// Run lists what was parked when nothing is selected. Something that was selected and could not
// be sent is exit 1.
func (c *replayCommand) Run(on console) error {
	ask, err := c.question()
	if err != nil {
		return err
	}
	host, err := c.dial()
	if err != nil {
		return err
	}
	items, err := host.Replay(on, ask)
	if err != nil {
		return err
	}
	lists := c.Preview || !c.All && ask.Step == "" && c.Case == "" && c.Request == "" && c.What == ""
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
	case ask.Request != "" && len(items) == 0:
		return fmt.Errorf("no request %s is parked", ask.Request)
	}
	return nil
}
