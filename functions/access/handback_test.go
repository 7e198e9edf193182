package access_test

import (
	"slices"
	"strings"
	"testing"

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
		"a list":                                     {before: manages(id), got: managers, want: []string{id}, told: "list " + list},
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
			if tt.told != "" && !strings.Contains(told, tt.told+" comes back from "+heir) {
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
