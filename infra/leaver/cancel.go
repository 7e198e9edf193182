package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
)

type cancelCommand struct {
	Case   string `arg:"" help:"Case, request, object id or userPrincipalName."`
	Reason string `required:"" help:"Why; kept with the case until its personal values are erased."`
	Data   string `default:"${data}" help:"Data directory of the running host."`
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
func (c *cancelCommand) Run(env environment) error {
	host, err := dialOperator(c.Data)
	if err != nil {
		return err
	}
	answer, err := host.call(env, http.MethodPost, "/cancel", cancelRequest{Who: c.Case, Reason: c.Reason})
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
	done := 0
	for _, step := range s.Steps {
		if step.EffectiveAt != nil {
			done++
		}
	}
	if done == 0 {
		_, err = fmt.Fprintln(env.stdout, "nothing had taken effect")
		return err
	}
	_, err = fmt.Fprintf(env.stdout, "%d of %d steps had taken effect and stay as they are: undo them by hand where the person stays. What is left above as a task is not to be done any more.\n", done, len(s.Steps))
	return err
}

type cancelRequest struct {
	Who    string `json:"who"`
	Reason string `json:"reason"`
}

func (h *house) answerCancel(w http.ResponseWriter, r *http.Request) {
	var ask cancelRequest
	if err := json.NewDecoder(io.LimitReader(r.Body, 64<<10)).Decode(&ask); err != nil || ask.Who == "" || ask.Reason == "" {
		http.Error(w, "say which case, and why", http.StatusUnprocessableEntity)
		return
	}
	found, err := statuses(r.Context(), h.ledger, ask.Who, h.now())
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	var open []status
	for _, s := range found {
		switch offboarding.CaseState(s.State) {
		case offboarding.CasePlanning, offboarding.CaseRunning:
			open = append(open, s)
		}
	}
	if len(open) != 1 {
		http.Error(w, notOne(ask.Who, open, len(found)), http.StatusConflict)
		return
	}
	c, err := h.ledger.Case(r.Context(), open[0].Case)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	at := h.now().UTC()
	if c.EventTime.After(at) { // by the clock of an HR system: the operator has seen the case all the same
		at = c.EventTime
	}
	c, err = h.ledger.Cancel(r.Context(), ledger.Cancellation{
		Tenant: c.Tenant, Leaver: c.Leaver,
		Request: offboarding.RequestID("operator", uuid.NewString()), EventTime: at,
		Reason: "cancelled by an operator", Personal: map[string]string{"cancelReason": ask.Reason},
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	if c.Cancelled == nil {
		http.Error(w, fmt.Sprintf("case %s is %s: nothing was cancelled", c.ID, c.State(h.now())), http.StatusConflict)
		return
	}
	personal, err := h.ledger.Personal(r.Context(), c.ID)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	_ = writeJSON(w, []status{statusOf(c, personal, h.now())})
}

// notOne says why there is nothing to cancel, or too much.
func notOne(who string, open []status, found int) string {
	switch {
	case found == 0:
		return fmt.Sprintf("no case for %q; leaver status lists them", who)
	case len(open) == 0:
		return fmt.Sprintf("no open case for %q, so there is nothing to cancel; leaver status %s shows what there is", who, who)
	}
	var ids []string
	for _, s := range open {
		ids = append(ids, s.Case)
	}
	return fmt.Sprintf("%d open cases for %q; name one: %s", len(open), who, strings.Join(ids, " "))
}
