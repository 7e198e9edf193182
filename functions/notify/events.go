package notify

import (
	"context"
	"fmt"
	"slices"
	"time"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
)

// installation is what a freeze is kept under.
const installation = "installation"

// deadlineNear is how long before the end of a wait people hear of it.
const deadlineNear = 3 * 24 * time.Hour

// events hands out all that there is to tell of each case and request; over is told of those that have
// ended, and of which no more will come.
func (r *run) events(ctx context.Context, take func(of string, told []offboarding.Announcement) error, over func(of string) error) error {
	cases, requests, err := r.Ledger.Untold(ctx)
	if err != nil {
		return err
	}
	for _, id := range cases {
		c, err := r.Ledger.Readable(ctx, id)
		if err != nil {
			return err
		}
		if c == nil {
			continue
		}
		personal, err := r.Ledger.Personal(ctx, id)
		if err != nil {
			return err
		}
		if err := take(id, ofCase(c, personal[userPrincipalName], r.Now())); err != nil {
			return err
		}
		if state := c.State(r.Now()); state == offboarding.CaseComplete || state == offboarding.CaseCancelled {
			if err := over(id); err != nil {
				return err
			}
		}
	}
	for _, id := range requests {
		d, known, err := r.Ledger.Request(ctx, id)
		if err != nil {
			continue // unreadable: another alarm
		}
		if known {
			if err := take(id, []offboarding.Announcement{ofRequest(d)}); err != nil {
				return err
			}
			if err := over(id); err != nil {
				return err
			}
		}
	}
	brakes, err := r.Ledger.Brakes(ctx)
	if err != nil || brakes.Frozen.IsZero() {
		return err
	}
	return take(installation, []offboarding.Announcement{{
		ID: noticeID("frozen/" + brakes.Frozen.UTC().Format(time.RFC3339Nano)), Event: offboarding.EventFrozen, At: brakes.Frozen,
		Title: "Leaver is frozen", Text: "Nothing is written to Microsoft 365 until a person lets it go on.",
		Type: "leaver thaw --by NAME", Playbook: playbook + "frozen.md",
	}})
}

// userPrincipalName is the personal value of a case that names the leaver.
const userPrincipalName = "userPrincipalName"

// playbook is where the pages are that say more.
const playbook = "infra/playbooks/"

// ofCase is all that there is to tell of a case as it is.
func ofCase(c *offboarding.Case, who string, now time.Time) []offboarding.Announcement {
	var all []offboarding.Announcement
	say := func(event offboarding.EventName, key string, at time.Time, a offboarding.Announcement) {
		a.ID, a.Event, a.At = noticeID(c.ID+"/"+string(event)+"/"+key), event, at
		a.Case, a.Leaver, a.Who = c.ID, c.Leaver, who
		if len(c.Requests) > 0 {
			a.Request = c.Requests[0]
		}
		all = append(all, a)
	}
	if c.Cancelled != nil {
		say(offboarding.EventCancelled, "", c.Cancelled.At, offboarding.Announcement{Title: "A departure was cancelled", Text: "Nothing more is done to the account. What was done before stays: the report says what."})
		return all
	}
	for _, b := range c.Brakes {
		if b.Holds() {
			say(offboarding.EventHeld, string(b.Kind)+"/"+b.By+"/"+string(b.Step)+"/"+b.At.UTC().Format(time.RFC3339Nano), b.At, held(c, b))
		}
	}
	if at, out := c.LockedOut(); out {
		say(offboarding.EventLockedOut, "", at, offboarding.Announcement{Title: "Locked out", Text: "The account is disabled, its password changed and its sessions ended; that was read back."})
	}
	for _, s := range c.Steps {
		n := fmt.Sprintf("%s/%d", s.Name, s.N)
		switch s.State {
		case offboarding.StateManual:
			say(offboarding.EventNeedsPerson, n, s.DecidedAt, step(c, s, "A person is needed", "leaver sign-off "+c.ID+" "+string(s.Name)+" --by NAME --note NOTE, when it is done; or leaver replay "+c.ID+" "+string(s.Name), "past-deadline.md"))
		case offboarding.StateParked:
			say(offboarding.EventParked, n, s.DecidedAt, step(c, s, "A step was given up", "leaver replay "+c.ID+" "+string(s.Name), "dead-letters.md"))
		case offboarding.StateWithheld:
			say(offboarding.EventWithheld, n, latest(s.DecidedAt, c.OpenedAt), step(c, s, "A rule forbids a step", "", ""))
		}
		if deadline := s.Deadline(); !deadline.IsZero() && deadline.Sub(now) < deadlineNear && deadline.Sub(s.Since) > deadlineNear {
			days := max(int(deadline.Sub(now).Hours()/24), 0)
			say(offboarding.EventDeadline, fmt.Sprintf("%s/%d", s.Name, s.Since.Unix()), deadline.Add(-deadlineNear),
				step(c, s, fmt.Sprintf("A wait ends in %d days", days), "leaver status "+c.ID, "past-deadline.md"))
		}
	}
	if at, a, is := handedOver(c); is {
		say(offboarding.EventHandedOver, "", at, a)
	}
	if c.State(now) == offboarding.CaseComplete {
		say(offboarding.EventComplete, fmt.Sprint(c.Plan.Version), c.ChangedAt, offboarding.Announcement{Title: "A departure is complete", Text: "Everything that was asked for was done and read back, is kept by a rule, or was signed off by a person."})
	}
	return all
}

func step(c *offboarding.Case, s *offboarding.Record, title, command, page string) offboarding.Announcement {
	a := offboarding.Announcement{Title: title + ": " + string(s.Name), Text: s.Reason, Type: command, Step: s.Name, State: s.State, Rule: s.Rule}
	if page != "" {
		a.Playbook = playbook + page
	}
	return a
}

func held(c *offboarding.Case, b offboarding.Brake) offboarding.Announcement {
	a := offboarding.Announcement{Title: "A departure waits for a person", Text: b.Why, Type: "leaver release " + c.ID, Step: b.Step, Playbook: playbook + "held.md"}
	if b.Kind == offboarding.BrakeApproval {
		a.Type = "leaver approve " + c.ID
		if b.Step != "" {
			a.Title, a.Type = "A step waits for a person", a.Type+" "+string(b.Step)
		}
	}
	return a
}

// handedOver is what whoever takes over has received, when mail and files are there.
func handedOver(c *offboarding.Case) (at time.Time, a offboarding.Announcement, is bool) {
	mail, files := c.Step(offboarding.StepForward), c.Step(offboarding.StepOnedrive)
	if mail == nil || mail.EffectiveAt.IsZero() || files != nil && !files.State.Settled() {
		return at, a, false
	}
	if f := c.Plan.Forwarding; f != nil && f.To != "" {
		a.To = append(a.To, f.To)
		a.Text = "New mail for the person who leaves comes to you"
		if f.Until.IsZero() {
			a.Text += "."
		} else {
			a.Text += " until " + f.Until.UTC().Format(time.DateOnly) + "."
		}
	}
	at = mail.EffectiveAt
	if files != nil && files.State == offboarding.StateEffective && c.Plan.FilesTo != "" && !slices.Contains([]string{"manager"}, c.Plan.FilesTo) {
		at = latest(at, files.EffectiveAt)
		if len(c.Plan.FilesTo) == len(c.Leaver) && !slices.Contains(a.To, c.Plan.FilesTo) {
			a.To = append(a.To, c.Plan.FilesTo)
		}
		a.Text += " The files of the person who leaves were copied to where the policy wants them, and compared."
	}
	a.Title = "What you take over"
	return at, a, len(a.To) > 0
}

// ofRequest tells of a request that found nobody, or of a webhook that cannot be used.
func ofRequest(d ledger.Decision) offboarding.Announcement {
	a := offboarding.Announcement{Event: offboarding.EventParked, At: d.At, Request: d.ID, Text: d.Reason, Title: "A request was parked", Type: "leaver replay --request " + d.ID, Playbook: playbook + "dead-letters.md"}
	if d.State == ledger.RequestRefused {
		a.Event, a.Title, a.Type, a.Playbook = offboarding.EventRefused, "A webhook cannot be used", "leaver status "+d.ID, playbook+"intake.md"
	}
	a.ID = noticeID(d.ID + "/" + string(a.Event) + "/" + d.At.UTC().Format(time.RFC3339Nano))
	return a
}
