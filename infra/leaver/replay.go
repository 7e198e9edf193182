package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"leaver/functions/replay"
)

type replayCommand struct {
	Step    string `help:"Only this step, or plan for requests."`
	Case    string `help:"Only this case: its dead letters, and its steps that wait for a person."`
	Request string `help:"Only this parked request."`
	All     bool   `help:"Everything that was parked."`
	Preview bool   `help:"List what would be sent, and send nothing."`
	Discard bool   `help:"Take away instead: what can never be sent, and the named request."`
	JSON    bool   `help:"One JSON object a line."`
	File    string `arg:"" optional:"" type:"existingfile" help:"An event to publish again: a webhook body or a kept message."`
	Data    string `default:"${data}" help:"Data directory of the running host."`
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
func (c *replayCommand) Run(env environment) error {
	host, err := dialOperator(c.Data)
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
	answer, err := host.call(env, http.MethodPost, "/replay", selection)
	if err != nil {
		return err
	}
	var items []replay.Item
	if err := json.Unmarshal(answer, &items); err != nil {
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
		err = writeJSON(env.stdout, items)
	case len(items) == 0 && lists:
		_, err = fmt.Fprintln(env.stdout, "nothing is parked")
	case len(items) == 0:
		_, err = fmt.Fprintln(env.stdout, "nothing of that is parked")
	default:
		for _, item := range items {
			if _, err := io.WriteString(env.stdout, parked(item, lists, dataFlag(env, c.Data))); err != nil {
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

// parked is an item as an operator reads it: what it is, what was done with it, why it was parked,
// and in a list what to type.
func parked(item replay.Item, lists bool, data string) string {
	if item.State == replay.StateEvent {
		does := "would be sent"
		if item.Sent {
			does = "sent"
		}
		return fmt.Sprintf("%-8s  %s%s  %s\n", item.Step, item.Case, item.Request, does)
	}
	var b strings.Builder
	attempts := "1 attempt"
	if item.Attempts != 1 {
		attempts = fmt.Sprintf("%d attempts", item.Attempts)
	}
	fmt.Fprintf(&b, "%-8s  %s%s  %s %s ago, %s", item.Step, item.Case, item.Request, item.State, item.Age.Round(time.Second), attempts)
	switch {
	case item.Sent:
		b.WriteString("; sent")
	case item.Discarded:
		b.WriteString("; discarded")
	case item.Refused != "":
		b.WriteString("; refused: " + item.Refused)
	}
	fmt.Fprintf(&b, "\n          %s\n", item.Reason)
	if !lists {
		return b.String()
	}
	named := "--request " + item.Request
	if item.Request == "" {
		named = "--step " + item.Step
	}
	if item.Case != "" {
		named = "--case " + item.Case + " " + named
	}
	if item.Refused == "" {
		fmt.Fprintf(&b, "          leaver replay %s%s\n", named, data)
	}
	if item.Refused != "" || item.Request != "" {
		fmt.Fprintf(&b, "          leaver replay --discard %s%s\n", named, data)
	}
	return b.String()
}

func (h *house) answerReplay(w http.ResponseWriter, r *http.Request) {
	var selection replay.Selection
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&selection); err != nil {
		http.Error(w, "the selection cannot be read", http.StatusUnprocessableEntity)
		return
	}
	items, err := h.replayer.Replay(r.Context(), selection)
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	_ = json.NewEncoder(w).Encode(items)
}
