package operator

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"leaver/functions/plan"
	"leaver/shared/offboarding"
	"leaver/shared/worker"
)

// Planned is what offboarding somebody would do.
type Planned struct {
	Leaver      Leaver    `json:"leaver"`
	LeavingTime time.Time `json:"leavingTime"`
	Zone        string    `json:"zone,omitempty"` // in which Leaves is said
	Leaves      string    `json:"leaves"`         // when, and why then
	Mailbox     string    `json:"mailbox"`        // the handling, with whom it is forwarded to and until when
	KeepMail    string    `json:"keepMail"`
	KeepFiles   string    `json:"keepFiles"`
	// Joins is the open case of the leaver that the request would join.
	Joins  string        `json:"joins,omitempty"`
	Steps  []PlannedStep `json:"steps"`
	ByHand []string      `json:"byHand"`
	// ResidualRisks are what no step can end or see.
	ResidualRisks []string `json:"residualRisks,omitempty"`
	Permissions   []string `json:"permissions"` // of all steps; each function needs its own only
}

// PlannedStep is what a step would do.
type PlannedStep struct {
	Name offboarding.StepName `json:"name"`
	Due  time.Time            `json:"due"`
	// State is act, nothing to do, withheld, manual, wait, park, or gate: decided when it is due.
	State  string           `json:"state"`
	Rule   offboarding.Rule `json:"rule,omitzero"`
	Source string           `json:"source,omitempty"` // of the rule
	Reason string           `json:"reason"`
}

// Plan says what offboarding somebody would do; nothing is written.
func (s *Desk) Plan(ctx context.Context, ask offboarding.Request) (Planned, error) {
	request, err := s.received(ask, Read)
	switch {
	case err != nil:
		return Planned{}, err
	case s.PolicyUnknown:
		return Planned{}, refused("this host does not know the policy of the functions: start it with leaver attach --policy FILE, the same as theirs")
	}
	return s.Preview(ctx, request)
}

// Preview compiles the request and rehearses every step that would start at the leaving time.
func (s *Desk) Preview(ctx context.Context, request offboarding.Request) (Planned, error) {
	view, err := s.Planner.Preview(ctx, request)
	if err != nil {
		return Planned{}, err
	}
	plan := view.Case.Plan
	p := Planned{
		Leaver:      Leaver{ID: view.User.ID, UserPrincipalName: view.User.UserPrincipalName},
		LeavingTime: plan.LeavingTime, Zone: plan.Zone, Leaves: plan.Leaves(), Mailbox: string(plan.Mailbox),
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
		p.KeepFiles += " to " + s.named(ctx, to)
	}
	if f := plan.Forwarding; f != nil {
		p.Mailbox += " to " + cmp.Or(view.Personal[f.Address], s.named(ctx, f.To), whoever(f))
		if f.Until.IsZero() {
			p.Mailbox += ", with no end"
		} else {
			p.Mailbox += " until " + offboarding.Stamp(f.Until)
		}
	}
	if view.Open != nil {
		p.Joins = view.Open.ID
	}
	p.ByHand = append(p.ByHand, byHand(view)...)
	roles, err := s.Directory.DirectoryRoles(ctx, view.User.ID)
	if err != nil {
		return Planned{}, err
	}
	for _, step := range plan.Steps {
		spec, _ := offboarding.SpecOf(step.Name)
		p.Permissions = append(p.Permissions, spec.Permissions...)
		if spec.Exchange {
			p.Permissions = append(p.Permissions, "Exchange.ManageAsApp")
		}
		row := PlannedStep{Name: step.Name, Due: step.Due}
		switch {
		case !step.Withheld.IsZero():
			row.withhold(step.Withheld, step.Why)
		case spec.Gate:
			row.State, row.Reason = "gate", "decided when it is due, after "+names(spec.Needs, plan)+": "+spec.Done
		default:
			rehearsal := worker.Rehearse(ctx, s.Steps[step.Name], step.Name, view.Case, view.Personal, s.Now())
			if risk := rehearsal.Evidence[offboarding.ResidualRisk]; risk != "" {
				p.ResidualRisks = append(p.ResidualRisks, fmt.Sprintf("%s: %s", step.Name, risk))
				delete(rehearsal.Evidence, offboarding.ResidualRisk)
			}
			row.read(rehearsal, spec)
			if spec.Urgent && row.State == "act" && len(roles) > 0 {
				row.Rule, row.Source = offboarding.B10, offboarding.B10.Source
				row.Reason += fmt.Sprintf("; may be refused by %s for the role %s until privileges has taken it away (%s)", row.Rule, strings.Join(roles, ", "), row.Rule.Text)
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

// whoever gets the mail where nobody was named: the manager as Entra shows them then, or nobody where the
// name that was given is none.
func whoever(f *offboarding.Forwarding) string {
	if f.Unclear != "" {
		return "nobody"
	}
	return "the manager"
}

// named is the userPrincipalName of an object id that can be looked up, and else what is given.
func (s *Desk) named(ctx context.Context, id string) string {
	if offboarding.FilesToPerson(id) {
		if user, err := s.Planner.Directory.Find(ctx, offboarding.Employee{ID: id}); err == nil && len(user) == 1 {
			return user[0].UserPrincipalName
		}
	}
	return id
}

func (p *PlannedStep) withhold(rule offboarding.Rule, why string) {
	p.State, p.Rule, p.Source, p.Reason = "withheld", rule, rule.Source, why+" ("+rule.Text+")"
}

// read is what a rehearsal means to the one who asked.
func (p *PlannedStep) read(r worker.Rehearsal, spec offboarding.Spec) {
	switch v := r.Verdict; v.Kind {
	case offboarding.KindEffective, offboarding.KindRehearsed:
		p.State, p.Reason = "nothing to do", cmp.Or(strings.Join(Evidence(r.Evidence), "; "), spec.Done)
		if r.Acts {
			p.State, p.Reason = "act", "until "+spec.Done
		}
	case offboarding.KindWithheld:
		p.withhold(v.Rule, v.Why)
	case offboarding.KindManual:
		p.State, p.Reason = "manual", v.Why
	case offboarding.KindPermanent:
		p.State, p.Reason = "park", v.Why
	case offboarding.KindNotYet, offboarding.KindPlanned:
		p.State, p.Reason = "wait", v.Why
	default:
		p.State, p.Reason = "unknown", "it could not be looked up now: "+v.Why
	}
}

// names are those of the steps that the plan holds.
func names(steps []offboarding.StepName, plan offboarding.Plan) string {
	var out []string
	for _, s := range steps {
		if slices.ContainsFunc(plan.Steps, func(planned offboarding.PlannedStep) bool { return planned.Name == s }) {
			out = append(out, string(s))
		}
	}
	return strings.Join(out, ", ")
}

// Evidence is what was observed, in the order of its names.
func Evidence(observed map[string]string) []string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(observed)) {
		parts = append(parts, name+": "+observed[name])
	}
	return parts
}

// byHand is what a person has to do whatever the steps do.
func byHand(view plan.Preview) (tasks []string) {
	for _, b := range view.Case.Brakes {
		what := "the departure"
		if b.Step != "" {
			what = string(b.Step)
		}
		tasks = append(tasks, "approve "+what+", as somebody else than whoever asks: "+b.Why)
	}
	if view.User.OnPremisesSyncEnabled {
		tasks = append(tasks, "the account is synchronised from an on-premises Active Directory (B9): there, reset its password (unless Entra writes it back), disable it, hide it from address lists (msExchHideFromAddressLists), and in the end delete it")
	}
	if view.Case.Plan.MailElsewhere {
		tasks = append(tasks, "the leaver has an address and no mailbox in Exchange Online: where it lives on premises or elsewhere, see to its mail there")
	}
	return tasks
}
