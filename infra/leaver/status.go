package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/worker"
)

// status is one case, or one request that found none, as an operator sees it.
type status struct {
	Case    string       `json:"case"`
	Request string       `json:"request"`
	Leaver  leaverStatus `json:"leaver"`
	State   string       `json:"state"`
	Reason  string       `json:"reason,omitempty"` // of a parked request
	Opened  time.Time    `json:"openedAt"`
	Steps   []stepStatus `json:"steps"`
	// Deadlines are what ends by itself and when, earliest first.
	Deadlines []offboarding.Deadline `json:"deadlines,omitempty"`

	requests []string
}

type leaverStatus struct {
	ID                string `json:"id"`
	UserPrincipalName string `json:"userPrincipalName"`
}

type stepStatus struct {
	Name     offboarding.StepName  `json:"name"`
	State    offboarding.StepState `json:"state"`
	Rule     offboarding.Rule      `json:"rule,omitzero"`
	Reason   string                `json:"reason"`
	Attempts int                   `json:"attempts"`
	// Since is when the step began to wait or to fail, or when it was left to a person.
	Since *time.Time `json:"since,omitempty"`
	Due   *time.Time `json:"due,omitempty"` // of a step that is not settled
	// Deadline is when a step that waits becomes a task for a person, and one that fails is parked.
	Deadline    *time.Time        `json:"deadline,omitempty"`
	EffectiveAt *time.Time        `json:"effectiveAt"`
	Evidence    map[string]string `json:"evidence,omitempty"`
	SignedOff   *signedOff        `json:"signedOff,omitempty"`
}

// signedOff is who accepted a step, and their note, until the personal values are erased.
type signedOff struct {
	By   string `json:"by"`
	Note string `json:"note"`
}

// statusOf is a case with the personal values that were not erased.
func statusOf(c *offboarding.Case, personal map[string]string, now time.Time) status {
	s := status{
		Case:   c.ID,
		Leaver: leaverStatus{ID: c.Leaver, UserPrincipalName: personal["userPrincipalName"]},
		State:  string(c.State(now)), Opened: c.OpenedAt, Steps: []stepStatus{}, requests: c.Requests,
		Deadlines: offboarding.Deadlines(c),
	}
	if len(c.Requests) > 0 {
		s.Request = c.Requests[0]
	}
	for _, r := range c.Steps {
		step := stepStatus{Name: r.Name, State: r.State, Rule: r.Rule, Reason: r.Reason, Attempts: r.Attempts, Evidence: r.Evidence}
		if !r.Rule.IsZero() {
			step.Reason = r.Rule.Name + ": " + r.Reason
		}
		switch r.State {
		case offboarding.StateWaiting:
			step.Since, step.Deadline = known(r.Since), known(r.Deadline())
		case offboarding.StateRetrying:
			step.Since, step.Deadline = known(r.FailingSince), known(r.FailingSince.Add(worker.DefaultBudget))
		case offboarding.StateManual, offboarding.StateParked:
			step.Since = known(r.DecidedAt)
		}
		step.EffectiveAt = known(r.EffectiveAt)
		if !r.State.Settled() {
			step.Due = known(r.Due)
		}
		if r.State == offboarding.StateSignedOff {
			by, note := ledger.SignedOff(personal, r)
			step.SignedOff = &signedOff{By: cmp.Or(by, "erased"), Note: cmp.Or(note, "erased")}
		}
		s.Steps = append(s.Steps, step)
	}
	return s
}

// known is a time that there is; nil for the zero value.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// matches reports whether the operator meant this one: a case, a request, or a person by
// object id, userPrincipalName or what the request called them.
func (s status) matches(who string) bool {
	return who == "" || s.Case == who || s.Request == who || slices.Contains(s.requests, who) ||
		strings.EqualFold(s.Leaver.ID, who) || strings.EqualFold(s.Leaver.UserPrincipalName, who)
}

// statuses are all cases and parked requests that match, oldest first.
func statuses(ctx context.Context, l *ledger.Ledger, who string, now time.Time) ([]status, error) {
	cases, err := l.AllCases(ctx)
	if err != nil {
		return nil, err
	}
	var out []status
	for _, c := range cases {
		personal, err := l.Personal(ctx, c.ID)
		if err != nil {
			return nil, err
		}
		out = append(out, statusOf(c, personal, now))
	}
	requests, err := l.Requests(ctx, ledger.RequestParked)
	if err != nil {
		return nil, err
	}
	for _, r := range requests {
		personal, err := l.Personal(ctx, r.ID)
		if err != nil {
			return nil, err
		}
		out = append(out, status{
			Request: r.ID, Leaver: leaverStatus{UserPrincipalName: personal["userPrincipalName"]},
			State: string(r.State), Reason: r.Reason, Opened: r.At, Steps: []stepStatus{},
		})
	}
	out = slices.DeleteFunc(out, func(s status) bool { return !s.matches(who) })
	slices.SortFunc(out, func(a, b status) int { return a.Opened.Compare(b.Opened) })
	return out, nil
}

type statusCommand struct {
	Who   string `arg:"" optional:"" help:"Case, request, object id or userPrincipalName; all without it, in short."`
	JSON  bool   `help:"One JSON object a line, with everything that is known of each step."`
	Watch bool   `help:"Show again whenever something changes, until interrupted."`
	Data  string `default:"${data}" help:"Data directory of the running host."`
}

// Help implements kong.HelpProvider.
func (*statusCommand) Help() string {
	return `A line for every case and parked request, with the steps that fail or need a person; or each step of one: its state, why, since when, when it goes on by itself, and what to type where it does not.

  leaver status
  leaver status adele.vance@contoso.com
  leaver status --json | jq 'select(.state != "complete")'

The states of a step: planned (no run has ended yet), waiting (requested, or for another step), retrying (an error that may pass), effective (observed in the tenant), withheld (a rule forbids it), manual (a person must act), parked (no retry can help), signed off (a person accepted it), cancelled.`
}

// Run asks the running host. Nothing found for a given name is exit 1.
func (c *statusCommand) Run(env environment) error {
	host, err := dialOperator(c.Data)
	if err != nil {
		return err
	}
	if c.Watch {
		return c.watch(env, host)
	}
	found, err := host.status(env, c.Who)
	if err != nil {
		return err
	}
	if len(found) == 0 && c.Who != "" {
		return fmt.Errorf("no case or parked request for %q; a request shows here once it was planned, within seconds", c.Who)
	}
	return c.show(env, env.stdout, found)
}

// watch shows what is found whenever that looks different: on a terminal in the place of what was
// there before.
func (c *statusCommand) watch(env environment, host *operator) error {
	const clear = "\x1b[2J\x1b[H"
	_, onTerminal := terminalWidth(env.stdout)
	every := time.NewTicker(500 * time.Millisecond)
	defer every.Stop()
	var last string
	for {
		found, err := host.status(env, c.Who)
		if env.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		var now strings.Builder
		if err := c.show(env, &now, found); err != nil {
			return err
		}
		if text := now.String(); text != last {
			last = text
			if onTerminal && !c.JSON {
				text = clear + text
			}
			if _, err := io.WriteString(env.stdout, text); err != nil {
				return err
			}
		}
		select {
		case <-every.C:
		case <-env.Done():
			return nil
		}
	}
}

func (c *statusCommand) show(env environment, w io.Writer, found []status) error {
	width, _ := terminalWidth(env.stdout)
	switch {
	case c.JSON:
		return writeJSON(w, found)
	case len(found) == 0:
		_, err := fmt.Fprintln(w, "no departures yet")
		return err
	case c.Who == "":
		_, err := fmt.Fprintf(w, "%sleaver status WHO%s: each step of one, and what to type\n", overview(found), dataFlag(env, c.Data))
		return err
	}
	for _, s := range found {
		if _, err := io.WriteString(w, s.report(width)+s.commands(dataFlag(env, c.Data))); err != nil {
			return err
		}
	}
	return nil
}

// writeJSON writes one object a line.
func writeJSON[T any](w io.Writer, found []T) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	for _, s := range found {
		if err := encoder.Encode(s); err != nil {
			return err
		}
	}
	return nil
}
