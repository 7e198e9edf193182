package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"leaver/functions/replay"
)

type replayCommand struct {
	Step    string `help:"Only this step, or plan for requests."`
	Case    string `help:"Only this case; its manual and withheld steps too where named."`
	All     bool   `help:"Everything that was parked."`
	Preview bool   `help:"List what would be sent, and send nothing."`
	JSON    bool   `help:"One JSON object a line."`
	File    string `arg:"" optional:"" type:"existingfile" help:"An event to publish again: a webhook body or a kept message."`
	Data    string `default:"${data}" help:"Data directory of the running host."`
}

// Run lists what was parked when nothing is selected. Something that was selected and could not
// be sent is exit 1.
func (c *replayCommand) Run(env environment) error {
	host, err := dialOperator(c.Data)
	if err != nil {
		return err
	}
	selection := replay.Selection{Step: c.Step, Case: c.Case, All: c.All, Preview: c.Preview}
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
	lists := c.Preview || !c.All && c.Step == "" && c.Case == "" && c.File == ""
	refused := 0
	for _, item := range items {
		if item.Refused != "" {
			refused++
		}
		if c.JSON {
			if err := json.NewEncoder(env.stdout).Encode(item); err != nil {
				return err
			}
			continue
		}
		does := "parked"
		switch {
		case item.Sent:
			does = "sent"
		case item.Refused != "":
			does = "refused: " + item.Refused
		case c.Preview:
			does = "would be sent"
		}
		if _, err := fmt.Fprintf(env.stdout, "%-8s  %s%s  %s old, %d attempts  %s\n          %s\n",
			item.Step, item.Case, item.Request, item.Age.Round(time.Second), item.Attempts, does, item.Reason); err != nil {
			return err
		}
	}
	if len(items) == 0 {
		_, err := fmt.Fprintln(env.stdout, "nothing is parked")
		return err
	}
	if !lists && refused > 0 {
		return errors.New("not everything could be sent")
	}
	return nil
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
