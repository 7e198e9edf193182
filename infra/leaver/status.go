package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"
	"golang.org/x/term"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
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
	Name        offboarding.StepName  `json:"name"`
	State       offboarding.StepState `json:"state"`
	Rule        offboarding.Rule      `json:"rule,omitempty"`
	Reason      string                `json:"reason"`
	Attempts    int                   `json:"attempts"`
	Due         *time.Time            `json:"due,omitempty"` // of a step that is not settled
	EffectiveAt *time.Time            `json:"effectiveAt"`
	Evidence    map[string]string     `json:"evidence,omitempty"`
	SignedOff   *signedOff            `json:"signedOff,omitempty"`
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
		if r.Rule != "" {
			step.Reason = string(r.Rule) + ": " + r.Reason
		}
		if !r.EffectiveAt.IsZero() {
			step.EffectiveAt = &r.EffectiveAt
		}
		if !r.State.Settled() {
			step.Due = &r.Due
		}
		if r.State == offboarding.StateSignedOff {
			by, note := ledger.SignedOff(personal, r)
			step.SignedOff = &signedOff{By: cmp.Or(by, "erased"), Note: cmp.Or(note, "erased")}
		}
		s.Steps = append(s.Steps, step)
	}
	return s
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
	Who   string `arg:"" optional:"" help:"Case, request, object id or userPrincipalName; all without it."`
	JSON  bool   `help:"One JSON object a line."`
	Watch bool   `help:"Show again whenever something changes, until interrupted."`
	Data  string `default:"${data}" help:"Data directory of the running host."`
}

// Run asks the running host. Nothing found for a given name is exit 1.
func (c *statusCommand) Run(env environment) error {
	host, err := dialOperator(c.Data)
	if err != nil {
		return err
	}
	if !c.Watch {
		found, err := host.status(env, c.Who)
		if err != nil {
			return err
		}
		if len(found) == 0 && c.Who != "" {
			return fmt.Errorf("no case or parked request for %q; a request shows here once it was planned, within seconds", c.Who)
		}
		return c.show(env, found)
	}
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
		if text := fmt.Sprint(found); text != last {
			last = text
			if err := c.show(env, found); err != nil {
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

func (c *statusCommand) show(env environment, found []status) error {
	if c.JSON {
		return writeJSON(env.stdout, found)
	}
	if len(found) == 0 {
		_, err := fmt.Fprintln(env.stdout, "no departures yet")
		return err
	}
	return writeReport(env.stdout, found)
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

// writeReport writes a table a case on a terminal and plain lines otherwise.
func writeReport(w io.Writer, found []status) error {
	width, onTerminal := terminalWidth(w)
	var failures []error
	for _, s := range found {
		name := s.Leaver.UserPrincipalName
		if name == "" {
			name = s.Leaver.ID
		}
		_, err := fmt.Fprintf(w, "%s  %s  %s%s\n", name, s.State, strings.TrimSpace(s.Case+" "+s.Request), reasonSuffix(s.Reason))
		failures = append(failures, err)
		if len(s.Steps) == 0 {
			continue
		}
		if onTerminal {
			_, err = fmt.Fprintln(w, stepTable(s, width))
			failures = append(failures, err)
		} else {
			for _, step := range s.Steps {
				_, err = fmt.Fprintf(w, "  %-8s  %-10s  %s\n", step.Name, step.State, step.remark(s.Opened))
				failures = append(failures, err)
			}
		}
		for _, d := range s.Deadlines {
			_, err = fmt.Fprintf(w, "  %s  %s (%s)\n", d.At.UTC().Format(time.DateOnly), d.What, d.Source)
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

func reasonSuffix(reason string) string {
	if reason == "" {
		return ""
	}
	return "\n  " + reason
}

// remark is what an operator wants to know of a step in its state.
func (s stepStatus) remark(opened time.Time) string {
	var parts []string
	switch {
	case s.EffectiveAt != nil:
		parts = append(parts, fmt.Sprintf("after %.1f s", s.EffectiveAt.Sub(opened).Seconds()))
	case s.Due != nil:
		parts = append(parts, "next "+s.Due.UTC().Format(time.RFC3339))
	}
	if s.SignedOff != nil {
		parts = append(parts, "by "+s.SignedOff.By+": "+s.SignedOff.Note)
	}
	if s.Reason != "" {
		parts = append(parts, s.Reason)
	}
	if s.State == offboarding.StateEffective {
		keys := make([]string, 0, len(s.Evidence))
		for k := range s.Evidence {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			parts = append(parts, k+" "+s.Evidence[k])
		}
	}
	if s.Attempts > 1 {
		parts = append(parts, fmt.Sprintf("%d attempts", s.Attempts))
	}
	return strings.Join(parts, "; ")
}

// stepTable is the table of one case.
func stepTable(s status, width int) string {
	colour := map[offboarding.StepState]string{
		offboarding.StateEffective: "2", offboarding.StateSignedOff: "2",
		offboarding.StateWithheld: "3", offboarding.StateManual: "3",
		offboarding.StateParked: "1",
	}
	t := table.New().Border(lipgloss.NormalBorder()).Headers("step", "state", "observed").Width(min(width, 120)).
		StyleFunc(func(row, column int) lipgloss.Style {
			style := lipgloss.NewStyle().Padding(0, 1)
			switch {
			case row < 0:
				return style.Bold(true)
			case column == 1 && row < len(s.Steps):
				if c, ok := colour[s.Steps[row].State]; ok {
					return style.Foreground(lipgloss.Color(c))
				}
			}
			return style
		})
	for _, step := range s.Steps {
		t.Row(string(step.Name), string(step.State), step.remark(s.Opened))
	}
	return t.String()
}

// terminalWidth is the width of the terminal that w is, if it is one.
func terminalWidth(w io.Writer) (int, bool) {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return 0, false
	}
	width, _, err := term.GetSize(int(file.Fd()))
	return width, err == nil
}
