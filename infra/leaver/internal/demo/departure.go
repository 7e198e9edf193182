package demo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"leaver/functions/replay"
	"leaver/shared/hris"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
	"leaver/shared/simtenant"
)

// departure is one leaver of a demo and what must have become of them.
type departure struct {
	event  string // file in events/; empty = a termination that chooses nothing
	person string // userPrincipalName
	title  string
	// why it must end so, in a sentence or two, beside the rules that withheld something.
	why string
	// rules are behind that, beside those that withheld something.
	rules []offboarding.Rule
	// want is how those steps must end that are not to take effect; every other one must.
	want map[offboarding.StepName]ending
	// refused is the rule by which the request must be parked: no case, and no write.
	refused offboarding.Rule
	acts    []act
	// onPremises is how the account must be in the on-premises directory, where there is one.
	onPremises onPremisesEnding
	// check says what is wrong with the tenant; empty = nothing.
	check func(t *simtenant.Tenant, s operator.Status) string
}

// ending is how a step must end: its state and, when withheld, the rule.
type ending struct {
	state offboarding.StepState
	rule  offboarding.Rule
}

// unplanned is the ending of a step that the plan must not hold.
var unplanned = ending{}

func withheld(rule offboarding.Rule) ending {
	return ending{state: offboarding.StateWithheld, rule: rule}
}

// end is how a step must end.
func (d departure) end(step offboarding.StepName) ending {
	if e, excepted := d.want[step]; excepted {
		return e
	}
	if spec, _ := offboarding.SpecOf(step); spec.Inside || step == offboarding.StepExport {
		return unplanned // unless the scenario has a directory, or its policy exports
	}
	return ending{state: offboarding.StateEffective}
}

// post sends the webhook of the departure as the HR system would.
func (d departure) post(ctx context.Context, intake string, now time.Time) error {
	if d.event != "" {
		return postSample(ctx, intake, d.event, now)
	}
	code, err := PostTermination(ctx, intake, d.person, now)
	if err == nil && code != http.StatusAccepted {
		err = fmt.Errorf("intake answered the departure of %s with %d", d.person, code)
	}
	return err
}

// in is the departure's status; nil when there is none yet.
func (d departure) in(found []operator.Status) *operator.Status {
	i := slices.IndexFunc(found, func(s operator.Status) bool { return strings.EqualFold(s.Leaver.UserPrincipalName, d.person) })
	if i < 0 {
		return nil
	}
	return &found[i]
}

// act is what somebody does in a departure, once, as soon as it stands so.
type act struct {
	does string // in words
	when func(operator.Status) bool
	do   func(ctx context.Context, p *play, s operator.Status) error
}

// stands reports whether a step of the case is in a state.
func stands(step offboarding.StepName, state offboarding.StepState) func(operator.Status) bool {
	return func(s operator.Status) bool { return s.Step(step).State == state }
}

// signsOff accepts a step that became a task, as leaver sign-off does.
func signsOff(step offboarding.StepName, note string) act {
	return act{
		does: fmt.Sprintf("an operator signs %s off: %s", step, note),
		when: stands(step, offboarding.StateManual),
		do: func(ctx context.Context, p *play, s operator.Status) error {
			_, err := p.host.SignOff(ctx, operator.SignOff{Who: operator.OfCase(s.Case), Step: step, By: "the demo's operator", Note: note})
			return err
		},
	}
}

// replays sends steps of the case back to work, as leaver replay does.
func (p *play) replays(ctx context.Context, s operator.Status, steps ...offboarding.StepName) error {
	for _, step := range steps {
		items, err := p.host.Replayer.Replay(ctx, replay.Selection{Case: s.Case, Step: string(step)})
		if err != nil {
			return err
		}
		for _, item := range items {
			if !item.Sent {
				return fmt.Errorf("replay of %s was refused: %s", step, item.Refused)
			}
		}
	}
	return nil
}

// result is a departure as it ended, with why.
type result struct {
	operator.Status
	Scenario string   `json:"scenario"`
	Why      []string `json:"why"`
	Cost     *cost    `json:"cost,omitempty"`
}

// judge compares what Leaver says, and what the tenant itself shows, with what must be. Only an
// ending that is as it must be is told with its why.
func (p *play) judge(ctx context.Context, found []operator.Status) ([]result, error) {
	var ends []result
	var wrong []error
	for _, d := range p.departures {
		s := d.in(found)
		if s == nil {
			wrong = append(wrong, fmt.Errorf("%s: there is no case", d.person))
			continue
		}
		end := result{Status: *s, Scenario: p.name}
		misses := p.misses(ctx, d, *s)
		if len(misses) == 0 {
			end.Why = d.reasons(*s)
		}
		for _, miss := range misses {
			wrong = append(wrong, fmt.Errorf("%s: %s", d.person, miss))
		}
		ends = append(ends, end)
	}
	if unknown := p.tenant.Unknown(); len(unknown) > 0 {
		wrong = append(wrong, fmt.Errorf("calls the tenant does not know: %v", unknown))
	}
	return ends, errors.Join(wrong...)
}

// reasons are why the departure ended so: its own words with their rules, then each rule that
// withheld something.
func (d departure) reasons(s operator.Status) []string {
	why := []string{d.why}
	for _, rule := range d.rules {
		why = append(why, fmt.Sprintf("%s: %s (%s)", rule, rule.Text, rule.Source))
	}
	for _, step := range s.Steps {
		if step.State == offboarding.StateWithheld {
			why = append(why, fmt.Sprintf("%s is withheld by %s; the rule: %s (%s)", step.Name, step.Reason, step.Rule.Text, step.Rule.Source))
		}
	}
	return why
}

func (p *play) misses(ctx context.Context, d departure, s operator.Status) []string {
	var wrong []string
	miss := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if took, out := s.LockedOut(); p.lockout > 0 && (!out || took > p.lockout) {
		miss("locked out after %s, wanted within %s", took, p.lockout)
	}
	if d.check != nil {
		if what := d.check(p.tenant, s); what != "" {
			miss("in the tenant: %s", what)
		}
	}
	if p.directory != nil {
		wrong = append(wrong, p.directory.misses(s, d.onPremises)...)
	}
	if !d.refused.IsZero() {
		return append(wrong, p.refusalMisses(ctx, d, s)...)
	}
	for _, a := range d.acts {
		if !p.acted[d.person+a.does] {
			miss("it never came to this: %s", a.does)
		}
	}
	for _, spec := range offboarding.Steps {
		if is, want := s.Step(spec.Name), d.end(spec.Name); is.State != want.state || is.Rule != want.rule {
			miss("%s ended %q %s, wanted %q %s: %s", spec.Name, is.State, is.Rule, want.state, want.rule, is.Reason)
		}
	}
	effective := func(step offboarding.StepName) bool { return d.end(step).state == offboarding.StateEffective }
	user, alive := p.tenant.User(s.Leaver.ID)
	if _, deleted := p.tenant.DeletedUser(s.Leaver.ID); deleted != effective(offboarding.StepDelete) || alive == deleted {
		miss("in the tenant: deleted %t, wanted %t", deleted, effective(offboarding.StepDelete))
	}
	if alive && user.AccountEnabled {
		miss("in the tenant: the account is enabled")
	}
	if n := p.tenant.PasswordChanges(s.Leaver.ID); n != 1 {
		miss("in the tenant: the password changed %d times, wanted once", n)
	}
	if licences := p.tenant.Licences(s.Leaver.ID); alive && (len(licences) == 0) != effective(offboarding.StepLicence) {
		miss("in the tenant: licensed with %v, and licence must end %s", licences, d.end(offboarding.StepLicence).state)
	}
	return wrong
}

// refusalMisses are what is wrong with a request that a rule refuses: it is parked with the rule's
// text and source, leaver plan says the same, and the tenant saw no write.
func (p *play) refusalMisses(ctx context.Context, d departure, s operator.Status) []string {
	var wrong []string
	if s.State != "parked" || s.Case != "" {
		wrong = append(wrong, fmt.Sprintf("the request is %s %s, wanted parked without a case", s.State, s.Case))
	}
	for _, part := range []string{d.refused.Name, d.refused.Text, d.refused.Source} {
		if !strings.Contains(s.Reason, part) {
			wrong = append(wrong, fmt.Sprintf("it is parked without %q: %s", part, s.Reason))
		}
	}
	body, err := sample(d.event, p.host.Now())
	if err != nil {
		return append(wrong, err.Error())
	}
	request, err := hris.Vouched("demo", body, p.host.Now())
	if err != nil {
		return append(wrong, err.Error())
	}
	if _, err := p.host.Preview(ctx, request); err == nil || err.Error() != s.Reason {
		wrong = append(wrong, fmt.Sprintf("leaver plan says something else: %v", err))
	}
	if made := written(p.tenant); len(made) > 0 {
		wrong = append(wrong, fmt.Sprintf("in the tenant: writes were made: %v", made))
	}
	return wrong
}

// written are the operations that changed the tenant.
func written(t *simtenant.Tenant) []string {
	var made []string
	for operation := range maps.Keys(t.Requests()) {
		method, path, isGraph := strings.Cut(operation, " ")
		// What a batch holds is counted by itself.
		reads := isGraph && (method == http.MethodGet || path == "/token" || path == "/$batch") || !isGraph && strings.HasPrefix(operation, "Get-")
		if !reads {
			made = append(made, operation)
		}
	}
	slices.Sort(made)
	return made
}
