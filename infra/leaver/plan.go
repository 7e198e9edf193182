package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/worker"
)

type planCommand struct {
	requestFlags
	JSON bool `help:"As JSON."`
}

// Help implements kong.HelpProvider.
func (*planCommand) Help() string {
	return `What each step would do now, wait for, withhold and by which rule, or leave to a person; who gets the mail, and which permissions that takes. The tenant is read and nothing is written.

  leaver plan adele.vance@contoso.com
  leaver plan adele.vance@contoso.com --mailbox hold`
}

// planned is what offboarding somebody would do.
type planned struct {
	Leaver      leaverStatus `json:"leaver"`
	LeavingTime time.Time    `json:"leavingTime"`
	Mailbox     string       `json:"mailbox"` // the handling, with whom it is forwarded to and until when
	KeepMail    string       `json:"keepMail"`
	KeepFiles   string       `json:"keepFiles"`
	// Joins is the open case of the leaver that the request would join.
	Joins  string        `json:"joins,omitempty"`
	Steps  []plannedStep `json:"steps"`
	ByHand []string      `json:"byHand"`
	// ResidualRisks are what no step can end or see.
	ResidualRisks []string `json:"residualRisks,omitempty"`
	Permissions   []string `json:"permissions"` // of all steps; each function needs its own only
}

type plannedStep struct {
	Name offboarding.StepName `json:"name"`
	Due  time.Time            `json:"due"`
	// State is act, nothing to do, withheld, manual, wait, park, or gate: decided when it is due.
	State  string           `json:"state"`
	Rule   offboarding.Rule `json:"rule,omitzero"`
	Source string           `json:"source,omitempty"` // of the rule
	Reason string           `json:"reason"`
}

// Run asks the running host, which reads the tenant and writes nothing.
func (c *planCommand) Run(env environment) error {
	host, err := dialOperator(c.Data)
	if err != nil {
		return err
	}
	answer, err := host.call(env, http.MethodPost, "/plan", c.request())
	if err != nil {
		return err
	}
	if c.JSON {
		_, err := env.stdout.Write(answer)
		return err
	}
	var p planned
	if err := json.Unmarshal(answer, &p); err != nil {
		return err
	}
	width, _ := terminalWidth(env.stdout)
	_, err = io.WriteString(env.stdout, p.report(width))
	return err
}

func (h *house) answerPlan(w http.ResponseWriter, r *http.Request) {
	request, err := h.readRequest(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	if h.unlike {
		http.Error(w, "this host does not know the policy of the functions: start it with leaver up --operator --policy FILE, the same as theirs", http.StatusUnprocessableEntity)
		return
	}
	p, err := h.preview(r.Context(), request)
	var refusal *offboarding.Refusal
	switch {
	case errors.As(err, &refusal):
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
	case err != nil:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	default:
		_ = json.NewEncoder(w).Encode(p)
	}
}

// preview compiles the request and rehearses every step that would start at the leaving time.
func (h *house) preview(ctx context.Context, request offboarding.Request) (planned, error) {
	view, err := h.planner.Preview(ctx, request)
	if err != nil {
		return planned{}, err
	}
	plan := view.Case.Plan
	p := planned{
		Leaver:      leaverStatus{ID: view.User.ID, UserPrincipalName: view.User.UserPrincipalName},
		LeavingTime: plan.LeavingTime, Mailbox: string(plan.Mailbox),
		KeepMail: string(plan.KeepMail), KeepFiles: string(plan.KeepFiles), ByHand: []string{},
	}
	if plan.KeepFiles == offboarding.KeepMove {
		to := plan.FilesTo
		switch f := plan.Forwarding; {
		case plan.FilesUnclear != "":
			to = "nobody: " + plan.FilesUnclear
		case to == offboarding.FilesToManager && f != nil && f.To != "":
			to = f.To
		}
		p.KeepFiles += " to " + h.named(ctx, to)
	}
	if f := plan.Forwarding; f != nil {
		p.Mailbox += " to " + cmp.Or(view.Personal[f.Address], h.named(ctx, f.To), "nobody")
		if f.Until.IsZero() {
			p.Mailbox += ", with no end"
		} else {
			p.Mailbox += " until " + offboarding.Stamp(f.Until)
		}
	}
	if view.Open != nil {
		p.Joins = view.Open.ID
	}
	if view.User.OnPremisesSyncEnabled {
		p.ByHand = append(p.ByHand, "the account is synchronised from an on-premises Active Directory (B9): there, reset its password (unless Entra writes it back), disable it, hide it from address lists (msExchHideFromAddressLists), and in the end delete it")
	}
	roles, err := h.directory.DirectoryRoles(ctx, view.User.ID)
	if err != nil {
		return planned{}, err
	}
	for _, step := range plan.Steps {
		spec, _ := offboarding.SpecOf(step.Name)
		p.Permissions = append(p.Permissions, spec.Permissions...)
		if spec.Exchange {
			p.Permissions = append(p.Permissions, "Exchange.ManageAsApp")
		}
		row := plannedStep{Name: step.Name, Due: step.Due}
		switch {
		case !step.Withheld.IsZero():
			row.withhold(step.Withheld, step.Why)
		case spec.Gate:
			row.State, row.Reason = "gate", "decided when it is due, after "+names(spec.Needs)+": "+spec.Done
		default:
			rehearsal := worker.Rehearse(ctx, h.steps[step.Name], step.Name, view.Case, view.Personal, h.now())
			if risk := rehearsal.Evidence[offboarding.ResidualRisk]; risk != "" {
				p.ResidualRisks = append(p.ResidualRisks, fmt.Sprintf("%s: %s", step.Name, risk))
				delete(rehearsal.Evidence, offboarding.ResidualRisk)
			}
			row.read(rehearsal, spec)
			if spec.Urgent && row.State == "act" && len(roles) > 0 {
				row.Rule, row.Source = offboarding.B10, offboarding.B10.Source
				row.Reason += fmt.Sprintf("; may be refused by %s for the role %s until access has taken it away (%s)", row.Rule, strings.Join(roles, ", "), row.Rule.Text)
			}
		}
		if row.State == "manual" || row.State == "park" {
			p.ByHand = append(p.ByHand, fmt.Sprintf("%s: %s", row.Name, row.Reason))
		}
		p.Steps = append(p.Steps, row)
	}
	slices.Sort(p.Permissions)
	p.Permissions = slices.Compact(p.Permissions)
	return p, nil
}

// named is the userPrincipalName of an object id that can be looked up, and else what is given.
func (h *house) named(ctx context.Context, id string) string {
	if offboarding.FilesToPerson(id) {
		if user, err := h.planner.Directory.Find(ctx, offboarding.Employee{ID: id}); err == nil && len(user) == 1 {
			return user[0].UserPrincipalName
		}
	}
	return id
}

func (s *plannedStep) withhold(rule offboarding.Rule, why string) {
	s.State, s.Rule, s.Source, s.Reason = "withheld", rule, rule.Source, why+" ("+rule.Text+")"
}

// read is what a rehearsal means to the one who asked.
func (s *plannedStep) read(r worker.Rehearsal, spec offboarding.Spec) {
	switch v := r.Verdict; v.Kind {
	case offboarding.KindEffective, offboarding.KindRehearsed:
		s.State, s.Reason = "nothing to do", cmp.Or(strings.Join(evidence(r.Evidence), "; "), spec.Done)
		if r.Acts {
			s.State, s.Reason = "act", "until "+spec.Done
		}
	case offboarding.KindWithheld:
		s.withhold(v.Rule, v.Why)
	case offboarding.KindManual:
		s.State, s.Reason = "manual", v.Why
	case offboarding.KindPermanent:
		s.State, s.Reason = "park", v.Why
	case offboarding.KindNotYet, offboarding.KindPlanned:
		s.State, s.Reason = "wait", v.Why
	default:
		s.State, s.Reason = "unknown", "it could not be looked up now: "+v.Why
	}
}

func names(steps []offboarding.StepName) string {
	var out []string
	for _, s := range steps {
		out = append(out, string(s))
	}
	return strings.Join(out, ", ")
}

// report is the plan in lines of that width, or of any when it is 0.
func (p planned) report(width int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n", p.Leaver.UserPrincipalName, p.Leaver.ID)
	b.WriteString(hanging("  ", fmt.Sprintf("leaves %s; mailbox: %s; keepMail %s, keepFiles %s", offboarding.Stamp(p.LeavingTime), p.Mailbox, p.KeepMail, p.KeepFiles), width))
	if p.Joins != "" {
		b.WriteString(hanging("  ", "the request would join or change the open case "+p.Joins, width))
	}
	for _, s := range p.Steps {
		at := "at once"
		if s.Due.After(p.LeavingTime) {
			at = "from " + s.Due.UTC().Format(time.DateOnly)
		}
		text := s.State
		if s.State == "withheld" {
			text += " by " + s.Rule.Name
		}
		text += ": " + s.Reason
		if s.Source != "" {
			text += "; " + s.Source
		}
		b.WriteString(hanging(fmt.Sprintf("  %-8s  %-15s  ", s.Name, at), text, width))
	}
	list := func(title string, lines []string) {
		if len(lines) > 0 {
			b.WriteString(title + "\n")
		}
		for _, line := range lines {
			b.WriteString(hanging("  ", line, width))
		}
	}
	list("a person will have to:", p.ByHand)
	list("what no step can end or see:", p.ResidualRisks)
	b.WriteString(hanging("permissions: ", strings.Join(p.Permissions, ", "), width))
	b.WriteString("nothing was written\n")
	return b.String()
}
