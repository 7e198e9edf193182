package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"leaver/events"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

type demoCommand struct {
	Scenario string        `enum:"departures,layoff" default:"departures" help:"departures (a few people, each with a story) or layoff (many at once, on throttling)."`
	Users    int           `default:"2000" help:"Size of the company of a layoff."`
	Leavers  int           `default:"500" help:"How many of them leave."`
	Throttle float64       `default:"60" help:"How many times sooner than Microsoft's the throttling budgets of a layoff are there again."`
	JSON     bool          `help:"Print the status objects only, one a line."`
	Latency  time.Duration `default:"20ms" help:"How long every answer of the simulated tenant takes at least."`
}

// departure is one leaver of a demo and what must have become of them.
type departure struct {
	event  string // file in events/
	person string // userPrincipalName
	title  string
	want   map[offboarding.StepName]ending
	// gone is whether the tenant must show the account among the deleted items.
	gone bool
	// licensed is whether the tenant must still show a licence.
	licensed bool
	// mail says what is wrong with the mailbox as the tenant has it; empty = nothing.
	mail func(m simtenant.Mailbox, evidence map[string]string) string
}

// ending is how a step must end: its state and, when withheld, the rule.
type ending struct {
	state offboarding.StepState
	rule  offboarding.Rule
}

var departures = []departure{
	{
		event: "terminated-none.json", person: "adele.vance@contoso.com",
		title: "nothing to keep: licence released, account deleted",
		want: map[offboarding.StepName]ending{
			offboarding.StepSignout:  {state: offboarding.StateEffective},
			offboarding.StepBlock:    {state: offboarding.StateEffective},
			offboarding.StepWipe:     {state: offboarding.StateEffective},
			offboarding.StepOnedrive: {state: offboarding.StateEffective},
			offboarding.StepLicence:  {state: offboarding.StateEffective},
			offboarding.StepDelete:   {state: offboarding.StateEffective},
		},
		gone: true,
	},
	{
		event: "terminated-full-drive.json", person: "grady.archie@contoso.com",
		title: "a full OneDrive: copied to the manager and compared file by file, then the account deleted",
		want: map[offboarding.StepName]ending{
			offboarding.StepSignout:  {state: offboarding.StateEffective},
			offboarding.StepBlock:    {state: offboarding.StateEffective},
			offboarding.StepWipe:     {state: offboarding.StateEffective},
			offboarding.StepOnedrive: {state: offboarding.StateEffective},
			offboarding.StepLicence:  {state: offboarding.StateEffective},
			offboarding.StepDelete:   {state: offboarding.StateEffective},
		},
		gone: true,
	},
	{
		event: "terminated-forward.json", person: "irvin.sayers@contoso.com",
		title: "mail forwarded to the manager until the grace ends, then released and deleted",
		want: map[offboarding.StepName]ending{
			offboarding.StepSignout:  {state: offboarding.StateEffective},
			offboarding.StepBlock:    {state: offboarding.StateEffective},
			offboarding.StepWipe:     {state: offboarding.StateEffective},
			offboarding.StepForward:  {state: offboarding.StateEffective},
			offboarding.StepOnedrive: {state: offboarding.StateEffective},
			offboarding.StepLicence:  {state: offboarding.StateEffective},
			offboarding.StepDelete:   {state: offboarding.StateEffective},
		},
		gone: true,
		mail: func(m simtenant.Mailbox, evidence map[string]string) string {
			switch {
			case evidence["forwardedTo"] != simtenant.UserID(demoRecipient):
				return "mail was never forwarded to the manager"
			case m.ForwardingAddress != "" || m.ForwardingSMTPAddress != "":
				return "the mailbox still forwards"
			}
			return ""
		},
	},
	{
		event: "terminated-shared.json", person: "lidia.holloway@contoso.com",
		title: "a shared mailbox: licence released, deletion withheld by B1",
		want: map[offboarding.StepName]ending{
			offboarding.StepSignout:  {state: offboarding.StateEffective},
			offboarding.StepBlock:    {state: offboarding.StateEffective},
			offboarding.StepWipe:     {state: offboarding.StateEffective},
			offboarding.StepForward:  {state: offboarding.StateEffective},
			offboarding.StepOnedrive: {state: offboarding.StateEffective},
			offboarding.StepLicence:  {state: offboarding.StateEffective},
			offboarding.StepDelete:   {state: offboarding.StateWithheld, rule: offboarding.B1},
		},
		mail: func(m simtenant.Mailbox, _ map[string]string) string {
			if m.Type != "SharedMailbox" || !m.SoftDeletedAt.IsZero() {
				return "the mailbox is not shared"
			}
			return ""
		},
	},
	{
		event: "terminated-forward-unlimited.json", person: "christie.cline@contoso.com",
		title: "mail forwarded with no end: licence withheld by B2, deletion by B1",
		want: map[offboarding.StepName]ending{
			offboarding.StepSignout:  {state: offboarding.StateEffective},
			offboarding.StepBlock:    {state: offboarding.StateEffective},
			offboarding.StepWipe:     {state: offboarding.StateEffective},
			offboarding.StepForward:  {state: offboarding.StateEffective},
			offboarding.StepOnedrive: {state: offboarding.StateEffective},
			offboarding.StepLicence:  {state: offboarding.StateWithheld, rule: offboarding.B2},
			offboarding.StepDelete:   {state: offboarding.StateWithheld, rule: offboarding.B1},
		},
		licensed: true,
		mail: func(m simtenant.Mailbox, _ map[string]string) string {
			if m.ForwardingAddress != simtenant.UserID(demoRecipient) {
				return "mail does not go to the named recipient"
			}
			return ""
		},
	},
}

// demoRecipient gets the mail in the demo: as the manager, or because the request says so.
const demoRecipient = "alex.wilber@contoso.com"

// The demo's policy waits seconds where a real one waits days; the delays are real delayed
// messages all the same.
const (
	demoGrace       = 4 * time.Second
	demoDeleteAfter = 2 * time.Second
	demoPatience    = 90 * time.Second
)

// Run shows the departures. It is an error when the tenant was not observed to be as wanted.
func (c *demoCommand) Run(env environment) error {
	if c.Scenario == "layoff" {
		return c.layoff(env)
	}
	return c.departures(env)
}

func (c *demoCommand) departures(env environment) error {
	tenant, err := simtenant.New(simtenant.Config{Users: 40, Latency: c.Latency})
	if err != nil {
		return err
	}
	policy := offboarding.DefaultPolicy()
	policy.Grace, policy.DeleteAfter = demoGrace, demoDeleteAfter
	policy.KeepMail = offboarding.KeepNone
	return onStage(env, tenant, policy, 0, func(ctx context.Context, h *house, intake string) error {
		view := newView(env, c.JSON)
		defer view.close()
		for _, d := range departures {
			view.say("%s leaves (%s)", d.person, d.title)
			if err := postSample(ctx, intake, d.event, h.now()); err != nil {
				return err
			}
		}
		found, err := c.follow(ctx, h, view)
		view.close()
		if err != nil {
			return err
		}
		if c.JSON {
			err = writeJSON(env.stdout, found)
		} else {
			err = report(env.stdout, found)
		}
		return errors.Join(err, judge(found, tenant, view))
	})
}

// follow shows the cases until all are complete or patience ends.
func (c *demoCommand) follow(ctx context.Context, h *house, view view) ([]status, error) {
	ctx, stop := context.WithTimeoutCause(ctx, demoPatience, fmt.Errorf("the departures did not end within %s", demoPatience))
	defer stop()
	every := time.NewTicker(100 * time.Millisecond)
	defer every.Stop()
	for {
		found, err := statuses(ctx, h.ledger, "", h.now())
		if err != nil {
			return nil, errors.Join(context.Cause(ctx), err)
		}
		view.update(found)
		ended := 0
		for _, s := range found {
			if s.State == string(offboarding.CaseComplete) || s.State == "parked" {
				ended++
			}
		}
		if ended == len(departures) {
			return found, nil
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return found, context.Cause(ctx)
		}
	}
}

// postSample posts a sample webhook as the HR system would: happening now, and signed.
func postSample(ctx context.Context, intake, file string, now time.Time) error {
	text, err := events.Files.ReadFile(file)
	if err != nil {
		return err
	}
	var body map[string]any
	if err := json.Unmarshal(text, &body); err != nil {
		return fmt.Errorf("events/%s: %w", file, err)
	}
	body["timestamp"] = now.UTC().Format(time.RFC3339Nano)
	if text, err = json.Marshal(body); err != nil {
		return err
	}
	status, err := postSigned(ctx, intake, "msg_"+uuid.NewString(), text)
	if err == nil && status != http.StatusAccepted {
		err = fmt.Errorf("intake answered events/%s with %d", file, status)
	}
	return err
}

// postTermination posts a webhook for a person and returns the status of the answer.
func postTermination(ctx context.Context, intake, person string, now time.Time) (int, error) {
	body, err := json.Marshal(map[string]any{
		"type": "employee.terminated", "timestamp": now.UTC().Format(time.RFC3339Nano),
		"data": map[string]any{"employee": offboarding.Employee{UserPrincipalName: person}},
	})
	if err != nil {
		return 0, err
	}
	return postSigned(ctx, intake, "msg_"+uuid.NewString(), body)
}

// postSigned posts a webhook with the sample secret's signature and returns the status of the
// answer.
func postSigned(ctx context.Context, intake, id string, body []byte) (int, error) {
	signer, err := standardwebhooks.NewWebhook(events.Secret)
	if err != nil {
		return 0, err
	}
	now := time.Now()
	signature, err := signer.Sign(id, now, body)
	if err != nil {
		return 0, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, intake+"/webhooks/standard", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(standardwebhooks.HeaderWebhookID, id)
	request.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	request.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

// report writes the table of each case and the time to lockout.
func report(w io.Writer, found []status) error {
	if err := writeReport(w, found); err != nil {
		return err
	}
	for _, s := range found {
		var locked time.Duration
		for _, step := range s.Steps {
			if (step.Name == offboarding.StepSignout || step.Name == offboarding.StepBlock) && step.EffectiveAt != nil {
				locked = max(locked, step.EffectiveAt.Sub(s.Opened))
			}
		}
		if _, err := fmt.Fprintf(w, "%s: locked out and read back %.2f s after the case was opened\n", s.Leaver.UserPrincipalName, locked.Seconds()); err != nil {
			return err
		}
	}
	return nil
}

// judge compares what Leaver says, and what the tenant itself shows, with what must be.
func judge(found []status, tenant *simtenant.Tenant, view view) error {
	var wrong []error
	miss := func(d departure, format string, args ...any) {
		wrong = append(wrong, fmt.Errorf(d.person+": "+format, args...))
	}
	for _, d := range departures {
		var s *status
		for i := range found {
			if strings.EqualFold(found[i].Leaver.UserPrincipalName, d.person) {
				s = &found[i]
			}
		}
		if s == nil {
			miss(d, "there is no case")
			continue
		}
		for _, step := range s.Steps {
			want := d.want[step.Name]
			if step.State != want.state || step.Rule != want.rule {
				miss(d, "%s ended %s %s, wanted %s %s", step.Name, step.State, step.Rule, want.state, want.rule)
			}
		}
		if len(s.Steps) != len(d.want) {
			miss(d, "%d steps, wanted %d", len(s.Steps), len(d.want))
		}
		user, alive := tenant.User(s.Leaver.ID)
		if _, deleted := tenant.DeletedUser(s.Leaver.ID); deleted != d.gone || alive == d.gone {
			miss(d, "in the tenant: deleted %t, wanted %t", deleted, d.gone)
		}
		if alive && user.AccountEnabled {
			miss(d, "in the tenant: the account is enabled")
		}
		if n := tenant.PasswordChanges(s.Leaver.ID); n != 1 {
			miss(d, "in the tenant: the password changed %d times, wanted once", n)
		}
		if licences := tenant.Licences(s.Leaver.ID); len(licences) > 0 != d.licensed {
			miss(d, "in the tenant: licensed with %v, wanted any: %t", licences, d.licensed)
		}
		if d.mail == nil {
			continue
		}
		mailbox, _ := tenant.Mailbox(s.Leaver.ID)
		for _, step := range s.Steps {
			if step.Name != offboarding.StepForward {
				continue
			}
			if wrong := d.mail(mailbox, step.Evidence); wrong != "" {
				miss(d, "in the tenant: %s", wrong)
			}
		}
	}
	if unknown := tenant.Unknown(); len(unknown) > 0 {
		wrong = append(wrong, fmt.Errorf("calls the tenant does not know: %v", unknown))
	}
	if len(wrong) == 0 {
		view.say("The tenant was read: every account is as the table says.")
	}
	return errors.Join(wrong...)
}
