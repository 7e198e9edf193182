package access_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// takeBack orders the undo of access, and says what it told before.
func takeBack(t *testing.T, h *steptest.Harness, id string) (*offboarding.Case, string) {
	t.Helper()
	c, err := h.Ledger.Latest(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	told := strings.Join(c.Lost([]offboarding.StepName{offboarding.StepAccess}), "; ")
	ordered, err := h.Ledger.Undo(t.Context(), ledger.UndoOrder{Case: c.ID, Step: offboarding.StepAccess, By: offboarding.Person{Name: "Miriam Graham"}, Reason: "a mistake", Source: "operator"})
	if err == nil {
		_, err = h.Ledger.MarkPublished(t.Context(), c.ID, ordered.Plan.Version)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c, told
}

// TestUndoTakesBackWhatWasHandedOver, and leaves to a person what somebody has changed since.
func TestUndoTakesBackWhatWasHandedOver(t *testing.T) {
	t.Parallel()
	id, heir, other := simtenant.UserID(adele), simtenant.UserID(alex), simtenant.UserID(lynne)
	list, room, earlier := simtenant.GroupID(simtenant.GroupNews), simtenant.UserID("christie.cline@contoso.com"), simtenant.UserID(isaiah)
	managers := func(w *simtenant.World) []string { return w.Groups[list].Owners }
	delegates := func(w *simtenant.World) []string { return w.Mailboxes[room].ResourceDelegates }
	forwarded := func(w *simtenant.World) []string {
		m := w.Mailboxes[earlier]
		if !m.DeliverAndForward {
			return []string{"no copy any more", m.ForwardingAddress}
		}
		return []string{m.ForwardingAddress}
	}
	rights := func(w *simtenant.World) []string {
		m := w.Mailboxes[earlier]
		var who []string
		for _, p := range m.Permissions {
			who = append(who, "opens "+p.User)
		}
		for _, user := range m.SendAs {
			who = append(who, "sends "+user)
		}
		slices.Sort(who)
		return who
	}
	manages := func(who ...string) func(*simtenant.World) {
		return func(w *simtenant.World) { w.Groups[list].Owners = who }
	}
	approves := func(who ...string) func(*simtenant.World) {
		return func(w *simtenant.World) {
			w.Mailboxes[room].Type, w.Mailboxes[room].ResourceDelegates = "RoomMailbox", who
		}
	}
	forwards := func(to string) func(*simtenant.World) {
		return func(w *simtenant.World) {
			w.Mailboxes[earlier].ForwardingAddress, w.Mailboxes[earlier].DeliverAndForward = to, true
		}
	}
	sends := func(who ...string) func(*simtenant.World) {
		return func(w *simtenant.World) {
			m := w.Mailboxes[earlier]
			m.Type, m.SendAs = "SharedMailbox", who
			m.Permissions = []simtenant.MailboxPermission{{User: id, Rights: []string{"FullAccess"}}}
		}
	}
	for name, tt := range map[string]struct {
		before, since func(*simtenant.World)
		got           func(*simtenant.World) []string
		want          []string
		told, task    string // the object it names
	}{
		"a list": {before: manages(id), got: managers, want: []string{id}, told: "list " + list},
		"a list, to somebody who has got another by now": {before: manages(id), since: func(w *simtenant.World) {
			another := *w.Groups[list]
			another.ID, another.Mail, another.DisplayName = simtenant.GroupID("another list"), "another.list@contoso.com", "Another list"
			another.Owners = []string{id}
			w.Groups[another.ID] = &another
		}, got: managers, want: []string{id}, told: "list " + list},
		"a list beside somebody":                     {before: manages(id, other), got: managers, want: []string{other, id}},
		"a list that has got another manager":        {before: manages(id), since: manages(heir, other), got: managers, want: []string{heir, other}, told: "list " + list, task: list},
		"a list that went on":                        {before: manages(id), since: manages(other), got: managers, want: []string{other}, told: "list " + list, task: list},
		"a list that is gone":                        {before: manages(id), since: func(w *simtenant.World) { delete(w.Groups, list) }, got: func(*simtenant.World) []string { return nil }, told: "list " + list, task: list},
		"a room":                                     {before: approves(id), got: delegates, want: []string{id}, told: "bookings " + room},
		"a room that others approve too":             {before: approves(id), since: approves(heir, other), got: delegates, want: []string{heir, other}, told: "bookings " + room, task: room},
		"a forwarding":                               {before: forwards(id), got: forwarded, want: []string{id}, told: "forwarding " + earlier},
		"a forwarding that goes elsewhere":           {before: forwards(id), since: forwards(other), got: forwarded, want: []string{other}, told: "forwarding " + earlier, task: earlier},
		"a forwarding of somebody who came back":     {before: forwards(id), since: func(w *simtenant.World) { w.Users[earlier].AccountEnabled = true }, got: forwarded, want: []string{heir}, told: "forwarding " + earlier, task: earlier},
		"a mailbox":                                  {before: sends(id), got: rights, want: []string{"opens " + id, "sends " + id}, told: "mailbox " + earlier},
		"a mailbox that the successor could send as": {before: sends(id, heir), got: rights, want: []string{"opens " + id, "sends " + heir, "sends " + id}, told: "mailbox " + earlier},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			leftBefore(t, h, isaiah)
			h.Tenant.Edit(tt.before)
			h.Wants(t, settle(t, h, adele), offboarding.StateEffective)
			if tt.since != nil {
				h.Tenant.Edit(tt.since)
			}
			c, told := takeBack(t, h, id)
			if tt.told != "" && (!strings.Contains(told, tt.told+" (Get-Recipient ") || !strings.Contains(told, " comes back from "+heir)) {
				t.Errorf("told before: %q, want %s", told, tt.told)
			}
			record := h.Settle(t, c.ID, h.Worker(offboarding.StepAccess, newStep(h)))
			if tt.task == "" {
				h.Wants(t, record, offboarding.StateUndone)
			} else {
				h.Wants(t, record, offboarding.StateManual, tt.task, heir)
			}
			var got []string
			h.Tenant.Edit(func(w *simtenant.World) { got = slices.Clone(tt.got(w)) })
			slices.Sort(got)
			slices.Sort(tt.want)
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// handedOver is a departure whose list, room, forwarding and mailbox went to the successor, and whose access
// is to be taken back. The check says what is not as before.
func handedOver(t *testing.T) (h *steptest.Harness, caseID string, check func()) {
	t.Helper()
	id := simtenant.UserID(adele)
	list, room, earlier := simtenant.GroupID(simtenant.GroupNews), simtenant.UserID("christie.cline@contoso.com"), simtenant.UserID(isaiah)
	h = steptest.New(t)
	leftBefore(t, h, isaiah)
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Groups[list].Owners = []string{id}
		w.Mailboxes[room].Type, w.Mailboxes[room].ResourceDelegates = "RoomMailbox", []string{id}
		m := w.Mailboxes[earlier]
		m.Type, m.ForwardingAddress, m.DeliverAndForward = "SharedMailbox", id, true
		m.SendAs, m.Permissions = []string{id}, []simtenant.MailboxPermission{{User: id, Rights: []string{"FullAccess"}}}
	})
	h.Wants(t, settle(t, h, adele), offboarding.StateEffective)
	c, _ := takeBack(t, h, id)
	return h, c.ID, func() {
		t.Helper()
		h.Tenant.Edit(func(w *simtenant.World) {
			if got := w.Groups[list].Owners; !slices.Equal(got, []string{id}) {
				t.Errorf("the list is managed by %v, want %s alone", got, id)
			}
			if got := w.Mailboxes[room].ResourceDelegates; !slices.Equal(got, []string{id}) {
				t.Errorf("the bookings are approved by %v, want %s alone", got, id)
			}
			m := w.Mailboxes[earlier]
			if m.ForwardingAddress != id || !m.DeliverAndForward {
				t.Errorf("the mail goes to %s, and a copy stays: %t; want %s with a copy", m.ForwardingAddress, m.DeliverAndForward, id)
			}
			if len(m.Permissions) != 1 || m.Permissions[0].User != id || !slices.Equal(m.SendAs, []string{id}) {
				t.Errorf("the mailbox is opened by %v, and %v send as it; want %s alone", m.Permissions, m.SendAs, id)
			}
		})
	}
}

// TestHandingBackBearsLagAndThrottling: what is read late is not taken for somebody else's change, and what
// Microsoft is too busy for is done later.
func TestHandingBackBearsLagAndThrottling(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(*simtenant.World){
		"read lag": func(w *simtenant.World) { w.ReadLag = 5 * time.Second },
		"throttled": func(w *simtenant.World) {
			w.Faults = append(w.Faults, simtenant.Fault{Operation: "*", Status: http.StatusTooManyRequests, RetryAfter: 7 * time.Second, Times: 6})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, id, check := handedOver(t)
			h.Tenant.Edit(fault)
			h.Advance(time.Minute)
			h.Wants(t, h.Settle(t, id, h.Worker(offboarding.StepAccess, newStep(h))), offboarding.StateUndone)
			check()
		})
	}
}

// TestHandingBackKilledAroundEveryCall ends the same wherever the host is killed.
func TestHandingBackKilledAroundEveryCall(t *testing.T) {
	t.Parallel()
	killed := errors.New("the process was killed")
	for _, after := range []bool{false, true} {
		t.Run(fmt.Sprintf("after the call %t", after), func(t *testing.T) {
			t.Parallel()
			for call := 1; ; call++ {
				h, id, check := handedOver(t)
				w := h.Worker(offboarding.StepAccess, newStep(h))
				ctx, kill := context.WithCancel(t.Context())
				n := 0
				strike := func(*http.Request) error {
					if n++; n == call {
						kill()
						return killed
					}
					return nil
				}
				if after {
					h.OnAnswer = strike
				} else {
					h.OnRequest = strike
				}
				_, err := h.Deliver(ctx, w, h.Message(t, id, offboarding.StepAccess))
				struck := ctx.Err() != nil
				kill()
				if !struck { // the step makes fewer calls
					if err != nil || call < 10 {
						t.Errorf("%d calls, %v: that proves little", call-1, err)
					}
					return
				}
				h.OnRequest, h.OnAnswer = nil, nil
				h.Advance(time.Hour) // until the lease of the dead host is over
				h.Wants(t, h.Settle(t, id, w), offboarding.StateUndone)
				if check(); t.Failed() {
					t.Fatalf("killed at call %d", call)
				}
			}
		})
	}
}
