package forward_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// outside is the policy of an organisation that lets mail be forwarded to one domain.
func outside() offboarding.Policy {
	policy := offboarding.DefaultPolicy()
	policy.ForwardDomains = []string{"northwind.example"}
	return policy
}

// TestForwardingOutsideIsInEffectOnlyWhereItIsAllowed: microsoft-365-docs#3284, #3644.
func TestForwardingOutsideIsInEffectOnlyWhereItIsAllowed(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		edit             func(*simtenant.World)
		state            offboarding.StepState
		forwarding, risk string
	}{
		"the outbound spam policy allows it": {func(*simtenant.World) {}, offboarding.StateEffective, "in effect", "nobody saw"},
		"it forbids it, as by default":       {func(w *simtenant.World) { w.Organization.AutoForwardingMode = "Automatic" }, offboarding.StateManual, "forbidden", ""},
		"Exchange refuses to show it": {func(w *simtenant.World) {
			w.Faults = append(w.Faults, simtenant.Fault{Operation: "Get-HostedOutboundSpamFilterPolicy", Status: 403})
		}, offboarding.StateEffective, "in effect", "refused to show"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			h.Tenant.Edit(tt.edit)
			c := h.Open(t, henrik, offboarding.Options{ForwardFor: lasting(offboarding.Unlimited), ForwardTo: "successor@northwind.example"}, outside())
			record := h.Settle(t, c.ID, h.Worker(offboarding.StepForward, withPolicy(outside())(h)))
			h.Wants(t, record, tt.state)
			if m := mailbox(t, h, c.Leaver); m.ForwardingSMTPAddress != "smtp:successor@northwind.example" {
				t.Errorf("got mail forwarded to %q", m.ForwardingSMTPAddress)
			}
			if got := record.Evidence["forwarding"]; !strings.Contains(got, tt.forwarding) {
				t.Errorf("got evidence %q, want %q", got, tt.forwarding)
			}
			if got := record.Evidence[offboarding.ResidualRisk]; !strings.Contains(got, tt.risk) {
				t.Errorf("got the residual risk %q, want %q", got, tt.risk)
			}
		})
	}
}

// TestB9AMailboxThatExchangeOnPremisesHasAsAUsersIsATask: Exchange, KB 2710029.
func TestB9AMailboxThatExchangeOnPremisesHasAsAUsersIsATask(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	id := simtenant.UserID("lidia.holloway@contoso.com")
	c := h.Open(t, "lidia.holloway@contoso.com", offboarding.Options{Mailbox: offboarding.Shared}, offboarding.DefaultPolicy())
	blocked(t, h, c)
	h.Tenant.Edit(func(w *simtenant.World) { // locked out on premises too
		synced := true
		w.Users[id].OnPremisesSyncEnabled, w.Mailboxes[id].RemoteRecipientType = &synced, "ProvisionMailbox"
		w.Users[id].OnPremisesDisabled, w.DirectorySyncEvery = true, time.Hour
	})
	w := h.Worker(offboarding.StepForward, newStep(h))
	h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateManual, "Set-RemoteMailbox -Type Shared")
	h.Advance(2 * time.Hour)
	if m := mailbox(t, h, id); m.Type != "UserMailbox" {
		t.Fatalf("a synchronisation later the mailbox is a %s, want a user's again", m.Type)
	}
	h.Tenant.Edit(func(w *simtenant.World) { w.Mailboxes[id].RemoteRecipientType = "ProvisionMailbox, SharedMailbox" })
	if _, err := h.Ledger.Replay(t.Context(), c.ID, offboarding.StepForward); err != nil {
		t.Fatal(err)
	}
	record := h.Settle(t, c.ID, w)
	h.Advance(2 * time.Hour)
	if m := mailbox(t, h, id); m.Type != "SharedMailbox" || strings.Contains(record.Reason, "Set-RemoteMailbox") {
		t.Errorf("changed on premises, replayed and synchronised it is a %s: %s", m.Type, record.Reason)
	}
}

// TestNoReplyIsSentWithoutACopy: KelvinTegelaar/CIPP#1549.
func TestNoReplyIsSentWithoutACopy(t *testing.T) {
	t.Parallel()
	policy := offboarding.DefaultPolicy()
	policy.ForwardCopy = false
	h := steptest.New(t)
	c := h.Open(t, "irvin.sayers@contoso.com", offboarding.Options{ForwardFor: lasting(offboarding.Unlimited)}, policy)
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepForward, withPolicy(policy)(h)))
	h.Wants(t, record, offboarding.StateEffective)
	if got := record.Evidence["autoReply"]; !strings.Contains(got, "sends none") || mailbox(t, h, c.Leaver).DeliverAndForward {
		t.Errorf("got evidence %q, want that no reply is sent", got)
	}
}

// TestWhatSomebodyForwardedInsideEndsWithTheGrace: KelvinTegelaar/CIPP#3702; it stood before the gates for ever.
func TestWhatSomebodyForwardedInsideEndsWithTheGrace(t *testing.T) {
	t.Parallel()
	const lidia = "lidia.holloway@contoso.com"
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Mailboxes[simtenant.UserID(lidia)].ForwardingAddress = simtenant.UserID("alex.wilber@contoso.com")
	})
	c := h.Open(t, lidia, offboarding.Options{Mailbox: offboarding.None}, offboarding.DefaultPolicy())
	w := h.Worker(offboarding.StepForward, newStep(h))
	record, _ := h.Step(t, c.ID, w)
	for !record.State.Settled() && record.Due.Sub(h.Now()) < time.Hour {
		h.Advance(max(record.Due.Sub(h.Now()), time.Second))
		record, _ = h.Step(t, c.ID, w)
	}
	h.Wants(t, record, offboarding.StateWaiting, "until the grace ends")
	if mailbox(t, h, c.Leaver).ForwardingAddress == "" {
		t.Error("the forwarding ended before the grace")
	}
	h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateEffective)
	if m := mailbox(t, h, c.Leaver); m.ForwardingAddress != "" || h.Now().Before(steptest.Begins.Add(offboarding.DefaultPolicy().Grace)) {
		t.Errorf("got it forwarded to %q at %s, want it ended with the grace", m.ForwardingAddress, h.Now())
	}
}

// TestTheManagerOfTheMomentGetsTheMail: issue 6, kind 7; and whoever was named by choice still does.
func TestTheManagerOfTheMomentGetsTheMail(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, "irvin.sayers@contoso.com", offboarding.Options{ForwardFor: lasting(offboarding.Unlimited)}, offboarding.DefaultPolicy())
	if to := c.Plan.Forwarding.To; to != "" {
		t.Fatalf("got a plan that names %s", to)
	}
	h.Tenant.Edit(func(w *simtenant.World) { w.Users[c.Leaver].ManagerID = simtenant.UserID("lee.gu@contoso.com") })
	h.Wants(t, h.Settle(t, c.ID, h.Worker(offboarding.StepForward, newStep(h))), offboarding.StateEffective)
	if m := mailbox(t, h, c.Leaver); m.ForwardingAddress != simtenant.UserID("lee.gu@contoso.com") {
		t.Errorf("got the mail forwarded to %s, want the manager of now", m.ForwardingAddress)
	}
	named := h.Open(t, "lidia.holloway@contoso.com", offboarding.Options{ForwardFor: lasting(offboarding.Unlimited), ForwardTo: "adele.vance@contoso.com"}, offboarding.DefaultPolicy())
	h.Tenant.Edit(func(w *simtenant.World) { w.Users[named.Leaver].ManagerID = simtenant.UserID("lee.gu@contoso.com") })
	h.Wants(t, h.Settle(t, named.ID, h.Worker(offboarding.StepForward, newStep(h))), offboarding.StateEffective)
	if m := mailbox(t, h, named.Leaver); m.ForwardingAddress != simtenant.UserID("adele.vance@contoso.com") {
		t.Errorf("got the mail forwarded to %s, want who was named", m.ForwardingAddress)
	}
}

// TestASpecialCharacterInANameHangsNothing: NunoFilipeMota/PublicScripts#2. The reply names the leaver as
// the text that it is, and is read back.
func TestASpecialCharacterInANameHangsNothing(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	id := simtenant.UserID("irvin.sayers@contoso.com")
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Users[id].DisplayName, w.Mailboxes[id].DisplayName = `Zoë <b> & "Co"`, `Zoë <b> & "Co"`
	})
	policy := offboarding.DefaultPolicy()
	policy.AutoReply = offboarding.AutoReplyTexts{Inside: "<p>{name} is gone</p>", Outside: "<p>{name} is gone</p>"}
	c := h.Open(t, "irvin.sayers@contoso.com", offboarding.Options{}, policy)
	w := h.Worker(offboarding.StepForward, withPolicy(policy)(h))
	record, _ := h.Step(t, c.ID, w)
	m, _ := h.Tenant.Mailbox(c.Leaver)
	if want := "<p>Zoë &lt;b&gt; &amp; &#34;Co&#34; is gone</p>"; m.AutoReply.Internal != want || record.Evidence["autoReply"] == "" {
		t.Errorf("got the reply %q, evidence %v, want %q and it read back", m.AutoReply.Internal, record.Evidence, want)
	}
}

// TestNobodyElseIsWrittenTo: KelvinTegelaar/CIPP#6016, where the recipient of the mail lost a licence.
func TestNobodyElseIsWrittenTo(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	before, held := mailbox(t, h, simtenant.UserID(alex)), h.Tenant.Licences(simtenant.UserID(alex))
	was := others(h, simtenant.UserID("irvin.sayers@contoso.com"))
	c := h.Open(t, "irvin.sayers@contoso.com", offboarding.Options{}, offboarding.DefaultPolicy())
	h.Settle(t, c.ID, h.Worker(offboarding.StepForward, newStep(h)))
	if after := mailbox(t, h, simtenant.UserID(alex)); !reflect.DeepEqual(before, after) {
		t.Errorf("the recipient's mailbox is %+v, was %+v", after, before)
	}
	if now := h.Tenant.Licences(simtenant.UserID(alex)); !slices.Equal(now, held) {
		t.Errorf("the recipient holds %v, held %v", now, held)
	}
	if is := others(h, c.Leaver); !reflect.DeepEqual(was, is) {
		t.Error("somebody else's account or mailbox has changed")
	}
}

// others are the accounts and mailboxes of everybody but one.
func others(h *steptest.Harness, but string) map[string]any {
	found := map[string]any{}
	h.Tenant.Edit(func(w *simtenant.World) {
		for id, u := range w.Users {
			if id != but {
				found["account "+id] = *u
			}
		}
		for id := range w.Mailboxes {
			if id != but {
				found["mailbox "+id] = nil
			}
		}
	})
	for name := range found {
		if id, is := strings.CutPrefix(name, "mailbox "); is {
			found[name], _ = h.Tenant.Mailbox(id)
		}
	}
	return found
}

// TestWhatWasForwardedOutsideEndsWhateverBecomesOfTheMailbox: KelvinTegelaar/CIPP#3702, a competitor.
func TestWhatWasForwardedOutsideEndsWhateverBecomesOfTheMailbox(t *testing.T) {
	t.Parallel()
	for _, handling := range []offboarding.Handling{offboarding.Forward, offboarding.Shared, offboarding.Hold, offboarding.None} {
		t.Run(string(handling), func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			c := h.Open(t, henrik, offboarding.Options{Mailbox: handling}, offboarding.DefaultPolicy())
			if m := mailbox(t, h, c.Leaver); m.ForwardingSMTPAddress == "" || !slices.ContainsFunc(m.Rules, func(r simtenant.InboxRule) bool { return r.Enabled }) {
				t.Fatal("nothing sends outside: the test proves nothing")
			}
			blocked(t, h, c)
			h.Settle(t, c.ID, h.Worker(offboarding.StepForward, newStep(h)))
			m := mailbox(t, h, c.Leaver)
			if m.ForwardingSMTPAddress != "" || slices.ContainsFunc(m.Rules, func(r simtenant.InboxRule) bool { return r.Enabled }) {
				t.Errorf("the mail goes to %q, with the rules %+v; want nothing sent outside", m.ForwardingSMTPAddress, m.Rules)
			}
		})
	}
}
