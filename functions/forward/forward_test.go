package forward_test

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/functions/block"
	"leaver/functions/forward"
	"leaver/functions/signout"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
	"leaver/shared/worker/steptest"
)

// henrik already forwards outside and has a rule that redirects outside; alex leads him.
const (
	henrik = "henrik.holm@contoso.com"
	alex   = "alex.wilber@contoso.com"
)

func withPolicy(policy offboarding.Policy) func(h *steptest.Harness) worker.Step {
	return func(h *steptest.Harness) worker.Step {
		directory, mailboxes := h.As("forward")
		return forward.New(directory, mailboxes, h.Ledger, policy)
	}
}

var newStep = withPolicy(offboarding.DefaultPolicy())

func mailbox(t *testing.T, h *steptest.Harness, id string) simtenant.Mailbox {
	t.Helper()
	m, ok := h.Tenant.Mailbox(id)
	if !ok {
		t.Fatal("there is no mailbox")
	}
	return m
}

// quietened checks what every handling does.
func quietened(t *testing.T, h *steptest.Harness, id string) {
	t.Helper()
	m := mailbox(t, h, id)
	if !m.Hidden {
		t.Error("the mailbox shows in address lists")
	}
	if m.AutoReply.Status != "alwaysEnabled" || m.AutoReply.Audience != "all" ||
		!strings.Contains(m.AutoReply.Internal, m.DisplayName) || !strings.Contains(m.AutoReply.External, m.DisplayName) {
		t.Errorf("automatic reply: %+v", m.AutoReply)
	}
	for _, meeting := range m.Meetings {
		if meeting.Organised && (meeting.Until.IsZero() && meeting.Start.After(h.Now()) || meeting.Until.After(h.Now())) {
			t.Errorf("a meeting is ahead at %s, until %s", meeting.Start, meeting.Until)
		}
	}
	if len(m.Rules) == 0 {
		t.Error("the person has no rule to disable")
	}
	for _, rule := range m.Rules {
		if rule.Enabled {
			t.Errorf("rule %s sends outside", rule.ID)
		}
	}
}

func lasting(d time.Duration) *time.Duration { return &d }

var refusals = []string{"Set-Mailbox", "Disable-InboxRule", "Set-MailboxAutoReplyConfiguration"}

func TestStep(t *testing.T) {
	t.Parallel()
	steptest.Run(t, forwardingWithNoEnd(), sharing(), endOfForwarding(), nothingToHandle())
}

func forwardingWithNoEnd() steptest.Subject {
	return steptest.Subject{
		Case: "forwarding with no end",
		Name: offboarding.StepForward, New: newStep, Person: henrik, Options: offboarding.Options{ForwardFor: lasting(offboarding.Unlimited)},
		Check: func(t *testing.T, h *steptest.Harness, id string) {
			quietened(t, h, id)
			if m := mailbox(t, h, id); m.ForwardingAddress != simtenant.UserID(alex) || m.ForwardingSMTPAddress != "" || !m.DeliverAndForward {
				t.Errorf("forwards to %q and %q, copy %t", m.ForwardingAddress, m.ForwardingSMTPAddress, m.DeliverAndForward)
			}
		},
		Refusals: refusals, Lagging: true,
		Stops: mailStops, UndoStops: mailStops,
	}
}

// mailStops: the mailbox is read first; Set-Mailbox forwards, shares, hides and lets people send for it; and a
// mailbox is shared once it is known that no rule sends outside (B8), with the rights of a successor who is known.
var mailStops = map[string]string{
	"GET /users/{id}": steptest.Everything, "Get-Mailbox": steptest.Everything, "Set-Mailbox": theMail + " Mailboxes.Hidden",
	"Get-Recipient": theMail + " Mailboxes.Rules", "Get-InboxRule": "Mailboxes.Rules Mailboxes.Type Mailboxes.PendingFrom", "Disable-InboxRule": "Mailboxes.Rules Mailboxes.Type Mailboxes.PendingFrom",
	"GET /users/{id}/manager": "Mailboxes.ForwardingAddress Mailboxes.AutoReply Mailboxes.GrantSendOnBehalfTo Mailboxes.Permissions Mailboxes.SendAs",
}

const theMail = "Mailboxes.DeliverAndForward Mailboxes.ForwardingAddress Mailboxes.ForwardingSMTPAddress Mailboxes.GrantSendOnBehalfTo Mailboxes.Type Mailboxes.PendingFrom"

// blocked makes signout and block effective.
func blocked(t *testing.T, h *steptest.Harness, c *offboarding.Case) {
	t.Helper()
	signedOut(t, h, c)
	h.Settle(t, c.ID, h.Worker(offboarding.StepBlock, block.New(h.As("block"))))
}

func signedOut(t *testing.T, h *steptest.Harness, c *offboarding.Case) {
	t.Helper()
	directory, _ := h.As("signout")
	h.Settle(t, c.ID, h.Worker(offboarding.StepSignout, signout.New(directory, rand.Reader)))
}

func sharing() steptest.Subject {
	return steptest.Subject{
		Case: "shared",
		Name: offboarding.StepForward, New: newStep, Person: henrik, Options: offboarding.Options{Mailbox: offboarding.Shared},
		Policy:  func(p *offboarding.Policy) { p.Delegates = append(p.Delegates, offboarding.RightOnBehalf) },
		Prepare: blocked,
		Check: func(t *testing.T, h *steptest.Harness, id string) {
			quietened(t, h, id)
			if m := mailbox(t, h, id); !slices.Contains(m.SendAs, simtenant.UserID(alex)) || !slices.Contains(m.GrantSendOnBehalfTo, simtenant.UserID(alex)) ||
				!slices.ContainsFunc(m.Permissions, func(p simtenant.MailboxPermission) bool {
					return p.User == simtenant.UserID(alex) && slices.Contains(p.Rights, "FullAccess")
				}) {
				t.Errorf("the manager has not every right: %v %v %v", m.Permissions, m.SendAs, m.GrantSendOnBehalfTo)
			}
			if m := mailbox(t, h, id); m.Type != "SharedMailbox" || m.ForwardingAddress != "" || m.ForwardingSMTPAddress != "" {
				t.Errorf("%s forwards to %q and %q", m.Type, m.ForwardingAddress, m.ForwardingSMTPAddress)
			}
		},
		Refusals: refusals, Lagging: true,
		Stops: mailStops,
	}
}

// nothingToHandle is about a mailbox that the plan leaves alone, but for what leads outside.
func nothingToHandle() steptest.Subject {
	return steptest.Subject{
		Case: "no mailbox handling",
		Name: offboarding.StepForward, New: newStep, Person: henrik, Options: offboarding.Options{Mailbox: offboarding.None},
		Check: func(t *testing.T, h *steptest.Harness, id string) {
			m := mailbox(t, h, id)
			if m.ForwardingAddress != "" || m.ForwardingSMTPAddress != "" || m.Type != "UserMailbox" || m.AutoReply.Status != "disabled" || !m.Hidden {
				t.Errorf("%s forwards to %q and %q, automatic reply %s, hidden %t", m.Type, m.ForwardingAddress, m.ForwardingSMTPAddress, m.AutoReply.Status, m.Hidden)
			}
			for _, rule := range m.Rules {
				if rule.Enabled {
					t.Errorf("rule %s sends outside", rule.ID)
				}
			}
		},
		Refusals: []string{"Set-Mailbox", "Disable-InboxRule", "Remove-CalendarEvents"}, Lagging: true,
	}
}

// endOfForwarding is about the run that ends a forwarding in effect.
func endOfForwarding() steptest.Subject {
	return steptest.Subject{
		Case: "the end of forwarding",
		Name: offboarding.StepForward, New: newStep, Person: henrik,
		Prepare: func(t *testing.T, h *steptest.Harness, c *offboarding.Case) {
			record, _ := h.Step(t, c.ID, h.Worker(offboarding.StepForward, newStep(h)))
			if record.State != offboarding.StateWaiting || mailbox(t, h, c.Leaver).ForwardingAddress == "" {
				t.Fatalf("not in effect, %s: %s; want waiting", record.State, record.Reason)
			}
		},
		Check: func(t *testing.T, h *steptest.Harness, id string) {
			quietened(t, h, id)
			if m := mailbox(t, h, id); m.ForwardingAddress != "" || m.ForwardingSMTPAddress != "" {
				t.Errorf("forwards to %q and %q", m.ForwardingAddress, m.ForwardingSMTPAddress)
			}
		},
		Refusals: []string{"Set-Mailbox"}, Lagging: true,
	}
}

func TestTheEndIsADelayedMessageOfItsOwn(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, henrik, offboarding.Options{ForwardFor: lasting(90 * 24 * time.Hour)}, offboarding.DefaultPolicy())
	w := h.Worker(offboarding.StepForward, newStep(h))
	end := c.Plan.Forwarding.Until
	record, _ := h.Step(t, c.ID, w)
	if record.State != offboarding.StateWaiting || !record.Due.Equal(end) || !strings.Contains(record.Reason, "in effect and ends at "+offboarding.Stamp(end)) {
		t.Fatalf("%s until %s: %s; want waiting saying %q", record.State, record.Due, record.Reason, "in effect and ends at "+offboarding.Stamp(end))
	}
	published := h.Bus.Messages()
	if last := published[len(published)-1]; !last.At.Equal(end) || last.Subject != string(offboarding.StepForward) {
		t.Errorf("the last message is for %s at %s", last.Subject, last.At)
	}
	// Ninety days are far more than the deadline of the step. Should the end then take its time,
	// the deadline counts from there.
	h.Tenant.Edit(func(w *simtenant.World) { w.ReadLag = 5 * time.Second })
	h.Advance(end.Sub(h.Now()))
	record, _ = h.Step(t, c.ID, w)
	if record.State != offboarding.StateWaiting || record.Attempts != 0 {
		t.Errorf("%s: %s; want waiting", record.State, record.Reason)
	}
	if record = h.Settle(t, c.ID, w); record.State != offboarding.StateEffective || record.Evidence["forwarding"] != "ended" || record.Evidence["forwardedTo"] != simtenant.UserID(alex) {
		t.Errorf("%s: %s %v; want effective with forwarding ended", record.State, record.Reason, record.Evidence)
	}
}

func TestWhatWasThereIsKeptInTheBeforeAndNamesNobody(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	id := simtenant.UserID(henrik)
	policy := offboarding.DefaultPolicy()
	policy.ForwardDomains = []string{"northwind.example"}
	var ruleID string
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Mailboxes[id].AutoReply.Internal = "On holiday until Monday"
		ruleID = w.Mailboxes[id].Rules[0].ID
	})
	c := h.Open(t, henrik, offboarding.Options{ForwardFor: lasting(offboarding.Unlimited), ForwardTo: "successor@northwind.example"}, policy)
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepForward, withPolicy(policy)(h)))
	h.Wants(t, record, offboarding.StateEffective)
	if m := mailbox(t, h, id); m.ForwardingSMTPAddress != "smtp:successor@northwind.example" || m.ForwardingAddress != "" {
		t.Errorf("forwards to %q and %q", m.ForwardingAddress, m.ForwardingSMTPAddress)
	}
	for _, rule := range mailbox(t, h, id).Rules {
		if rule.ID == ruleID && rule.Enabled {
			t.Error("the rule that sends outside is enabled still")
		}
	}
	if record.Before["rulesOutside"] != ruleID || record.Before["recipientTypeDetails"] != "UserMailbox" || record.Before["forwardingSmtpAddress"] != "sealed" {
		t.Errorf("before: %v", record.Before)
	}
	personal, err := h.Ledger.Personal(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"forwardingSmtpAddress": "henrik.holm@fabrikam.com", "autoReplyInside": "On holiday until Monday"} {
		if got := personal[ledger.PersonalName(offboarding.StepForward, name)]; got != want {
			t.Errorf("%s was kept as %q", name, got)
		}
	}
	history, err := h.Ledger.History(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range history {
		line, _ := json.Marshal(e)
		for _, said := range []string{string(line), h.Log()} {
			for _, word := range []string{"@", "fabrikam", "northwind", "henrik", "holiday"} {
				if strings.Contains(strings.ToLower(said), word) {
					t.Errorf("%q is in: %s", word, said)
				}
			}
		}
	}
	after, err := h.Ledger.Case(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := h.Ledger.PersonalOf(t.Context(), after)
	if err != nil || len(kept) < 4 || len(kept) != len(after.SealedHashes()) {
		t.Errorf("got %v, %v, want every value of %v", kept, err, after.SealedHashes())
	}
}

func TestTheRecipientIsChecked(t *testing.T) {
	t.Parallel()
	mailboxOf := func(person string, change func(*simtenant.Mailbox)) func(*testing.T, *steptest.Harness) {
		return func(_ *testing.T, h *steptest.Harness) {
			h.Tenant.Edit(func(w *simtenant.World) { change(w.Mailboxes[simtenant.UserID(person)]) })
		}
	}
	tests := []struct {
		name, person, to string
		arrange          func(*testing.T, *steptest.Harness)
		says             string // empty = forwarding takes effect
	}{
		{name: "the manager", person: henrik},
		{name: "a shared mailbox, whose account is disabled", person: henrik, to: "reception@contoso.com"},
		{name: "nobody named and no manager", person: "joni.sherman@contoso.com", says: "no manager"},
		{name: "somebody who is gone", person: henrik, to: "nobody@contoso.com", says: "does not exist"},
		{name: "somebody without a mailbox", person: henrik, to: "pradeep.gupta@contoso.com", says: "has no mailbox"},
		{name: "the leaver", person: henrik, to: henrik, says: "the leaver cannot"},
		{name: "somebody disabled", person: henrik, says: "is disabled", arrange: func(_ *testing.T, h *steptest.Harness) {
			h.Tenant.Edit(func(w *simtenant.World) { w.Users[simtenant.UserID(alex)].AccountEnabled = false })
		}},
		{name: "somebody who is leaving", person: henrik, says: "is leaving as well", arrange: func(t *testing.T, h *steptest.Harness) {
			h.Open(t, alex, offboarding.Options{}, offboarding.DefaultPolicy())
		}},
		{name: "a guest", person: henrik, says: "is a guest", arrange: func(_ *testing.T, h *steptest.Harness) {
			h.Tenant.Edit(func(w *simtenant.World) { w.Users[simtenant.UserID(alex)].UserType = "Guest" })
		}},
		{name: "a loop", person: henrik, says: "a loop", arrange: mailboxOf(alex, func(m *simtenant.Mailbox) { m.ForwardingAddress = simtenant.UserID(henrik) })},
		{name: "a loop by address", person: henrik, says: "a loop", arrange: mailboxOf(alex, func(m *simtenant.Mailbox) { m.ForwardingSMTPAddress = "smtp:" + henrik })},
		{name: "a loop over somebody else", person: henrik, says: "a loop", arrange: func(t *testing.T, h *steptest.Harness) {
			mailboxOf(alex, func(m *simtenant.Mailbox) { m.ForwardingAddress = simtenant.UserID("lee.gu@contoso.com") })(t, h)
			mailboxOf("lee.gu@contoso.com", func(m *simtenant.Mailbox) { m.ForwardingAddress = simtenant.UserID(henrik) })(t, h)
		}},
		{name: "a loop of others", person: henrik, arrange: func(t *testing.T, h *steptest.Harness) {
			mailboxOf(alex, func(m *simtenant.Mailbox) { m.ForwardingAddress = simtenant.UserID("lee.gu@contoso.com") })(t, h)
			mailboxOf("lee.gu@contoso.com", func(m *simtenant.Mailbox) { m.ForwardingAddress = simtenant.UserID(alex) })(t, h)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			if tt.arrange != nil {
				tt.arrange(t, h)
			}
			c := h.Open(t, tt.person, offboarding.Options{ForwardTo: tt.to, ForwardFor: lasting(offboarding.Unlimited)}, offboarding.DefaultPolicy())
			record := h.Settle(t, c.ID, h.Worker(offboarding.StepForward, newStep(h)))
			m := mailbox(t, h, c.Leaver)
			if tt.says == "" {
				if record.State != offboarding.StateEffective || m.ForwardingAddress != cmp.Or(c.Plan.Forwarding.To, simtenant.UserID(alex)) {
					t.Errorf("got %s, forwarded to %s: %s; want it effective", record.State, m.ForwardingAddress, record.Reason)
				}
				return
			}
			if record.State != offboarding.StateManual || !strings.Contains(record.Reason, tt.says) || !strings.Contains(record.Reason, "leaver offboard "+c.Leaver) {
				t.Errorf("%s: %s; want manual saying %q and saying %q", record.State, record.Reason, tt.says, "leaver offboard "+c.Leaver)
			}
			if m.ForwardingAddress != "" || m.ForwardingSMTPAddress != "" {
				t.Error("the mailbox forwards, or still forwards outside")
			}
			for _, rule := range m.Rules {
				if rule.Enabled {
					t.Error("the rule that sends outside was left because nobody gets the mail")
				}
			}
		})
	}
}

func TestADomainThatThePolicyDoesNotNameAnyMore(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	then := offboarding.DefaultPolicy()
	then.ForwardDomains = []string{"northwind.example"}
	c := h.Open(t, henrik, offboarding.Options{ForwardTo: "successor@northwind.example"}, then)
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepForward, newStep(h)))
	if record.State != offboarding.StateManual || !strings.Contains(record.Reason, "forwardDomains") || mailbox(t, h, c.Leaver).ForwardingSMTPAddress != "" {
		t.Errorf("%s: %s; want manual saying \"forwardDomains\"", record.State, record.Reason)
	}
}

func TestWithoutACopyAndWithTheContact(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	policy := offboarding.DefaultPolicy()
	policy.ForwardCopy = false
	policy.AutoReply = offboarding.AutoReplyTexts{Inside: "<p>Write to {contact}</p>"}
	c := h.Open(t, "irvin.sayers@contoso.com", offboarding.Options{}, policy)
	h.Step(t, c.ID, h.Worker(offboarding.StepForward, withPolicy(policy)(h)))
	m := mailbox(t, h, c.Leaver)
	if m.DeliverAndForward || m.ForwardingAddress != simtenant.UserID(alex) {
		t.Errorf("forwards to %q, copy %t", m.ForwardingAddress, m.DeliverAndForward)
	}
	if m.AutoReply.Internal != "<p>Write to "+alex+"</p>" || m.AutoReply.Audience != "none" || m.AutoReply.External != "" {
		t.Errorf("%+v", m.AutoReply)
	}
}

func TestRulesThatStayInsideAreLeftAlone(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	id := simtenant.UserID(henrik)
	h.Tenant.Edit(func(w *simtenant.World) {
		inside := map[string]any{"forwardTo": []any{map[string]any{"emailAddress": map[string]any{"name": "Alex", "address": alex}}}}
		w.Mailboxes[id].Rules = append(w.Mailboxes[id].Rules,
			simtenant.InboxRule{ID: "7", Name: "to Alex", Enabled: true, Actions: inside},
			simtenant.InboxRule{ID: "8", Name: "tidy", Enabled: true, Actions: map[string]any{"markAsRead": true}})
	})
	c := h.Open(t, henrik, offboarding.Options{ForwardFor: lasting(offboarding.Unlimited)}, offboarding.DefaultPolicy())
	h.Settle(t, c.ID, h.Worker(offboarding.StepForward, newStep(h)))
	rules := mailbox(t, h, id).Rules
	if len(rules) != 3 || rules[0].Enabled || !rules[1].Enabled || !rules[2].Enabled {
		t.Errorf("%+v", rules)
	}
}

func TestB9ASyncedAccountIsHiddenByAPersonButItsForwardingEnds(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, "megan.bowen@contoso.com", offboarding.Options{}, offboarding.DefaultPolicy())
	w := h.Worker(offboarding.StepForward, newStep(h))
	record, _ := h.Step(t, c.ID, w)
	h.Wants(t, record, offboarding.StateWaiting, "in effect", "on-premises Active Directory")
	record = h.Settle(t, c.ID, w)
	if record.State != offboarding.StateManual || !strings.Contains(record.Reason, "msExchHideFromAddressLists") || mailbox(t, h, c.Leaver).ForwardingAddress != "" {
		t.Errorf("%s: %s; want manual saying \"msExchHideFromAddressLists\"", record.State, record.Reason)
	}
}

func TestAConversionThatTakesItsTimeIsNotYet(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) { w.SharedDelay = 10 * time.Minute })
	c := h.Open(t, "lidia.holloway@contoso.com", offboarding.Options{Mailbox: offboarding.Shared}, offboarding.DefaultPolicy())
	blocked(t, h, c)
	w := h.Worker(offboarding.StepForward, newStep(h))
	record, _ := h.Step(t, c.ID, w)
	h.Wants(t, record, offboarding.StateWaiting, "UserMailbox")
	if record = h.Settle(t, c.ID, w); record.State != offboarding.StateEffective || record.Evidence["recipientTypeDetails"] != "SharedMailbox" {
		t.Errorf("%s: %s; want effective with recipientTypeDetails SharedMailbox", record.State, record.Reason)
	}
}

func TestSomebodyWithoutMailboxHasNoMail(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, "pradeep.gupta@contoso.com", offboarding.Options{}, offboarding.DefaultPolicy())
	writes := h.Writes()
	before, _ := h.Tenant.User(c.Leaver)
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepForward, newStep(h)))
	if made := h.Writes() - writes; record.State != offboarding.StateEffective || record.Evidence["mailbox"] != "none" || made > 0 {
		t.Errorf("%s, %d writes: %s; want effective with mailbox none, and no write", record.State, made, record.Reason)
	}
	if after, _ := h.Tenant.User(c.Leaver); !reflect.DeepEqual(before, after) {
		t.Errorf("the account is %+v, was %+v", after, before)
	}
	if _, there := h.Tenant.Mailbox(c.Leaver); there {
		t.Error("there is a mailbox")
	}
}

func TestARefusedTextIsNotHiddenByTheWait(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Faults = []simtenant.Fault{{Operation: "Set-MailboxAutoReplyConfiguration", Status: http.StatusForbidden}}
	})
	c := h.Open(t, henrik, offboarding.Options{}, offboarding.DefaultPolicy())
	record, _ := h.Step(t, c.ID, h.Worker(offboarding.StepForward, newStep(h)))
	h.Wants(t, record, offboarding.StateParked)
}

// TestWhatIsForwardedOutsideEndsWhateverIsRefused: the leaver's own forwarding to somebody outside ends, although
// nobody knows yet where the mail is to go, or the mailbox may not be shared yet. KelvinTegelaar/CIPP#3702.
func TestWhatIsForwardedOutsideEndsWhateverIsRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		handling offboarding.Handling
		fault    simtenant.Fault
	}{
		"the manager is not told":                 {offboarding.Forward, simtenant.Fault{Operation: "GET /users/{id}/manager", Status: 403}},
		"the manager is not told for a while":     {offboarding.Forward, simtenant.Fault{Operation: "GET /users/{id}/manager", Status: 503}},
		"the manager's mailbox cannot be read":    {offboarding.Forward, simtenant.Fault{Operation: "Get-Mailbox", Target: simtenant.UserID(alex), Status: 403}},
		"the account is not blocked yet":          {offboarding.Shared, simtenant.Fault{}},
		"rules that send outside cannot be read":  {offboarding.Shared, simtenant.Fault{Operation: "Get-InboxRule", Status: 403}},
		"a rule that sends outside is not let go": {offboarding.Shared, simtenant.Fault{Operation: "Disable-InboxRule", Status: 403}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			c := h.Open(t, henrik, offboarding.Options{Mailbox: tt.handling}, offboarding.DefaultPolicy())
			if tt.fault.Operation != "" {
				blocked(t, h, c)
				h.Tenant.Edit(func(w *simtenant.World) { w.Faults = append(w.Faults, tt.fault) })
			}
			record, _ := h.Step(t, c.ID, h.Worker(offboarding.StepForward, newStep(h)))
			if m := mailbox(t, h, c.Leaver); m.ForwardingSMTPAddress != "" || m.Type != "UserMailbox" || m.PendingType != "" {
				t.Errorf("it is %s (%s): got %s (then %q) that forwards to %q, want a user's that forwards nowhere", record.State, record.Reason, m.Type, m.PendingType, m.ForwardingSMTPAddress)
			}
		})
	}
}
