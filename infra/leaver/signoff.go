package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"leaver/shared/bus"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
)

type signOffCommand struct {
	Case string `arg:"" help:"Case, as leaver status shows it."`
	Step string `arg:"" help:"The manual, withheld or parked step."`
	By   string `required:"" help:"Who accepts it; kept with the case until its personal values are erased."`
	Note string `required:"" help:"What was done instead, or why it is accepted as it is."`
	Data string `default:"${data}" help:"Data directory of the running host."`
}

// Help implements kong.HelpProvider.
func (*signOffCommand) Help() string {
	return `For what a person has done instead, or accepts as it is. It opens no gate: licence and delete read the tenant again, whatever was signed off. Where the cause is gone, leaver replay lets the step look again instead.

  leaver sign-off c250ee6d-4fe6-5424-a724-20f63aa3849a-1 block --by "Miriam Graham" --note "disabled in the on-premises Active Directory"`
}

// Validate refuses a signature without a name or a word.
func (c *signOffCommand) Validate() error {
	return errors.Join(said("--by", c.By), said("--note", c.Note))
}

// Run signs off and shows the case.
func (c *signOffCommand) Run(env environment) error {
	host, err := dialOperator(c.Data)
	if err != nil {
		return err
	}
	answer, err := host.call(env, http.MethodPost, "/sign-off", ledger.SignOff{Case: c.Case, Step: offboarding.StepName(c.Step), By: c.By, Note: c.Note})
	if err != nil {
		return err
	}
	var s status
	if err := json.Unmarshal(answer, &s); err != nil {
		return err
	}
	if err := writeReport(env.stdout, []status{s}); err != nil {
		return err
	}
	_, err = io.WriteString(env.stdout, s.commands(dataFlag(env, c.Data)))
	return err
}

func (h *house) answerSignOff(w http.ResponseWriter, r *http.Request) {
	var ask ledger.SignOff
	if err := json.NewDecoder(io.LimitReader(r.Body, 64<<10)).Decode(&ask); err != nil {
		http.Error(w, "the sign-off cannot be read", http.StatusUnprocessableEntity)
		return
	}
	c, err := h.signOff(r.Context(), ask)
	switch {
	case errors.Is(err, ledger.ErrNotSignable), errors.Is(err, ledger.ErrNoCase):
		http.Error(w, err.Error(), http.StatusConflict)
		return
	case err != nil:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	personal, err := h.ledger.Personal(r.Context(), c.ID)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	_ = writeJSON(w, []status{statusOf(c, personal, h.now())})
}

// signOff accepts a step by name. Its dead letters go: nobody is to replay them.
func (h *house) signOff(ctx context.Context, ask ledger.SignOff) (*offboarding.Case, error) {
	c, err := h.ledger.SignOff(ctx, ask)
	if err != nil {
		return nil, err
	}
	return c, h.discard(ctx, ask)
}

// discard removes the dead letters of a step that was signed off.
func (h *house) discard(ctx context.Context, s ledger.SignOff) error {
	letters, err := h.bus.DeadLetters(ctx, string(s.Step), 1000)
	if err != nil {
		return fmt.Errorf("listing the dead letters of %s: %w", s.Step, err)
	}
	for _, letter := range letters {
		m, err := bus.DecodeStep(letter.Body)
		if err != nil || m.Case != s.Case {
			continue
		}
		if err := h.bus.Discard(ctx, string(s.Step), letter.Key); err != nil {
			return fmt.Errorf("removing the dead letter of case %s: %w", s.Case, err)
		}
	}
	return nil
}
