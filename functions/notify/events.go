package notify

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

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
		personal, err := r.Ledger.PersonalOf(ctx, c)
		if err != nil {
			return err
		}
		if err := take(id, ofCase(c, personal[userPrincipalName], r.Now())); err != nil {
			return err
		}
		switch c.State(r.Now()) {
		case offboarding.CaseComplete, offboarding.CaseCancelled, offboarding.CaseUndone:
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

// teller says what there is to tell of one case.
type teller struct {
	c   *offboarding.Case
	who string
	all []offboarding.Announcement
}

// say adds an announcement; of all that a case tells of an event, key tells them apart.
func (t *teller) say(event offboarding.EventName, key string, at time.Time, a offboarding.Announcement) {
	a.ID, a.Event, a.At = noticeID(t.c.ID+"/"+string(event)+"/"+key), event, at
	a.Case, a.Leaver, a.Who = t.c.ID, t.c.Leaver, t.who
	if len(t.c.Requests) > 0 {
		a.Request = t.c.Requests[0]
	}
	t.all = append(t.all, a)
}

// ofCase is all that there is to tell of a case as it is. Of one that was cancelled nothing is told but
// that, and how it is taken back.
func ofCase(c *offboarding.Case, who string, now time.Time) []offboarding.Announcement {
	t := &teller{c: c, who: who}
	if c.Cancelled != nil {
		text := "Nothing more is done to the account. What was done before stays: the report says what."
		if c.Undo != nil {
			text = "Nothing more is done to the account. What was done before is being taken back."
		}
		t.say(offboarding.EventCancelled, "", c.Cancelled.At, offboarding.Announcement{Title: "A departure was cancelled", Text: text})
	}
	if c.Undone() {
		t.say(offboarding.EventUndone, c.Undo.At.UTC().Format(time.RFC3339Nano), c.ChangedAt, offboarding.Announcement{
			Title: "A departure was taken back", Text: "What was done to the account was undone as far as that is possible, and read back; the report says what stays different.",
		})
	}
	if c.Cancelled != nil && c.Undo == nil {
		return t.all
	}
	for _, b := range c.Brakes {
		if b.Holds() {
			t.say(offboarding.EventHeld, string(b.Kind)+"/"+b.By+"/"+string(b.Step)+"/"+b.At.UTC().Format(time.RFC3339Nano), b.At, held(c, b))
		}
	}
	t.steps(now)
	if c.Cancelled != nil {
		return t.all
	}
	if at, out := c.LockedOut(); out {
		t.say(offboarding.EventLockedOut, "", at, offboarding.Announcement{Title: "Locked out", Text: "The account is disabled, its password changed and its sessions ended; that was read back."})
	}
	t.handedOver()
	if c.State(now) == offboarding.CaseComplete {
		t.say(offboarding.EventComplete, fmt.Sprint(c.Plan.Version), c.ChangedAt, offboarding.Announcement{Title: "A departure is complete", Text: "Everything that was asked for was done and read back, is kept by a rule, or was signed off by a person."})
	}
	return t.all
}

// steps tells of every step that is a person's, was given up, is forbidden, or waits for not much longer.
func (t *teller) steps(now time.Time) {
	c := t.c
	for _, s := range c.Steps {
		if c.Cancelled != nil && !s.Undo {
			continue // it ended with the departure
		}
		n := fmt.Sprintf("%s/%d", s.Name, s.N)
		switch s.State {
		case offboarding.StateManual:
			t.say(offboarding.EventNeedsPerson, n, s.DecidedAt, step(c, s, "A person is needed", "leaver sign-off "+c.ID+" "+string(s.Name)+" --by NAME --note NOTE, when it is done; or leaver replay "+c.ID+" "+string(s.Name), "task.md"))
		case offboarding.StateParked:
			t.say(offboarding.EventParked, n, s.DecidedAt, step(c, s, "A step was given up", "leaver replay "+c.ID+" "+string(s.Name), "dead-letters.md"))
		case offboarding.StateWithheld:
			t.say(offboarding.EventWithheld, n, latest(s.DecidedAt, c.OpenedAt), step(c, s, "A rule forbids a step", "", ""))
		}
		if deadline := s.Deadline(); !deadline.IsZero() && deadline.Sub(now) < deadlineNear && deadline.Sub(s.Since) > deadlineNear {
			t.say(offboarding.EventDeadline, fmt.Sprintf("%s/%d", s.Name, s.Since.Unix()), deadline.Add(-deadlineNear),
				step(c, s, "A wait ends "+within(deadline.Sub(now)), "leaver status "+c.ID, "task.md"))
		}
	}
}

// within is how soon something is, in whole days that are not too few.
func within(left time.Duration) string {
	days := int((left + 24*time.Hour - 1) / (24 * time.Hour))
	switch {
	case days <= 0:
		return "now"
	case days == 1:
		return "within a day"
	}
	return fmt.Sprintf("within %d days", days)
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

// handedOver tells whoever takes over what they have received, when mail and files are there: both in one
// notice where one person gets both.
func (t *teller) handedOver() {
	mail, files := t.c.Step(offboarding.StepForward), t.c.Step(offboarding.StepOnedrive)
	if !arrived(mail) || !arrived(files) {
		return
	}
	const title = "What you take over"
	reads, copied := filesOf(t.c, files)
	told := false
	if f := t.c.Plan.Forwarding; f != nil && uuid.Validate(f.To) == nil && mail != nil && !mail.EffectiveAt.IsZero() {
		a := offboarding.Announcement{Title: title, To: []string{f.To}, Text: "New mail for the person who leaves comes to you"}
		if a.Text += "."; !f.Until.IsZero() {
			a.Text = strings.TrimSuffix(a.Text, ".") + " until " + f.Until.UTC().Format(time.DateOnly) + "."
		}
		at := mail.EffectiveAt
		if told = reads == f.To; told {
			at, a.Text = latest(at, files.EffectiveAt), a.Text+" "+copied
		}
		t.say(offboarding.EventHandedOver, "", at, a)
	}
	if reads != "" && !told {
		t.say(offboarding.EventHandedOver, "files", files.EffectiveAt, offboarding.Announcement{Title: title, To: []string{reads}, Text: copied})
	}
}

// arrived reports whether nothing more comes of a step; a plan may not hold it.
func arrived(s *offboarding.Record) bool {
	return s == nil || s.State.Settled() || !s.EffectiveAt.IsZero()
}

// filesOf is who was let in to the files, by object id, and what to tell them; empty where nobody was.
func filesOf(c *offboarding.Case, files *offboarding.Record) (reader, text string) {
	if files == nil || files.State != offboarding.StateEffective {
		return "", ""
	}
	if reader = files.Evidence[offboarding.FilesReader]; reader == "" || uuid.Validate(reader) != nil {
		return "", ""
	}
	folder := offboarding.FilesFolder(c.ID)
	if offboarding.FilesToDrive(c.Plan.FilesTo) {
		return reader, "The files of the person who leaves were copied to the library that your organisation keeps for them, into “" + folder + "”, and compared; until the account is deleted you can read the originals."
	}
	return reader, "The files of the person who leaves were copied into your OneDrive, into “" + folder + "”, and compared."
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
