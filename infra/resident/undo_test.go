package resident_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
)

// undoPolicy is one under which Adele's account comes to be deleted.
func undoPolicy() offboarding.Policy {
	policy := offboarding.DefaultPolicy()
	policy.KeepMail, policy.KeepFiles = offboarding.KeepNone, offboarding.KeepNone
	return policy
}

// aFullLife gives Adele 30 groups, 4 ownerships, 3 devices, a direct licence without two of its plans
// beside the inherited one, rights on the mailboxes of others, inbox rules, a forwarding, an automatic
// reply, and a telephone number.
func aFullLife(w *simtenant.World) {
	id, alex, emily, lidia := simtenant.UserID(adele), simtenant.UserID("alex.wilber@contoso.com"), simtenant.UserID("emily.braun@contoso.com"), simtenant.UserID("lidia.holloway@contoso.com")
	for n := range 30 {
		g := &simtenant.Group{
			ID: simtenant.UserID(fmt.Sprintf("group%d@contoso.com", n)), DisplayName: fmt.Sprintf("Team %d", n), SecurityEnabled: n%3 != 0, Unified: n%3 == 0, MailEnabled: n%3 == 0,
			Members: []string{id, alex}, MailNickname: fmt.Sprintf("team%d", n),
		}
		switch {
		case n < 2:
			g.Owners = []string{id, emily}
		case n < 4:
			g.Owners = []string{id} // a successor is found
		}
		if n >= 28 {
			g.Unified, g.SecurityEnabled, g.MailEnabled, g.Mail = false, false, true, fmt.Sprintf("team%d@contoso.com", n)
		}
		w.Groups[g.ID] = g
	}
	w.Devices["5f3a1f0e-6a1c-4a0e-9a53-3a5b0d1c7e11"] = &simtenant.Device{
		ID: "5f3a1f0e-6a1c-4a0e-9a53-3a5b0d1c7e11", DeviceID: "9d0b5a52-97f7-4c2e-8d33-9a1d2c3b4a55", DisplayName: "Adele's phone", OperatingSystem: "iOS",
		TrustType: "Workplace", AccountEnabled: true, Owners: []string{id}, Registered: []string{id},
	}
	var e5 *simtenant.SKU
	for _, sku := range w.SKUs {
		if slices.ContainsFunc(sku.Plans, func(p simtenant.ServicePlan) bool { return p.Name == "MCOEV" }) {
			e5 = sku
		}
	}
	u := w.Users[id]
	off := slices.IndexFunc(e5.Plans, func(p simtenant.ServicePlan) bool { return p.Name == "TEAMS1" })
	u.Licences = []simtenant.Licence{{SKU: e5.ID, DisabledPlans: []string{e5.Plans[off].ID}, Since: u.Created}}
	u.Numbers = []simtenant.TelephoneNumber{{Number: "+12065550123", Type: "callingPlan"}}
	m := w.Mailboxes[id]
	m.ForwardingAddress, m.DeliverAndForward = lidia, true
	m.AutoReply = simtenant.AutoReply{Status: "alwaysEnabled", Audience: "all", Internal: "<p>On a trip</p>", External: "<p>Away</p>"}
	m.Rules = []simtenant.InboxRule{{ID: "AQAAAJ5dZqE=", Name: "home", Sequence: 1, Enabled: true, Actions: map[string]any{"forwardTo": []any{map[string]any{"emailAddress": map[string]any{"address": "adele@fabrikam.com"}}}}}}
	delete(m.Protocols, "SmtpClientAuthenticationDisabled")
	m.Protocols["PopEnabled"] = false
	theirs := w.Mailboxes[lidia]
	theirs.Permissions = append(theirs.Permissions, simtenant.MailboxPermission{User: id, Rights: []string{"FullAccess"}})
	theirs.SendAs = append(theirs.SendAs, id)
	theirs.GrantSendOnBehalfTo = append(theirs.GrantSendOnBehalfTo, id)
}

// othersNeedHer has Adele manage a distribution list alone, approve the bookings of a room, and get and open
// the mail of somebody who has left: what is handed to her successor when she leaves.
func (l *line) othersNeedHer(t *testing.T) {
	t.Helper()
	const isaiah, christie = "isaiah.langer@contoso.com", "christie.cline@contoso.com"
	l.Open(t, isaiah, offboarding.Options{}, offboarding.DefaultPolicy())
	l.Tenant.Edit(func(w *simtenant.World) {
		id := simtenant.UserID(adele)
		w.Groups[simtenant.GroupID(simtenant.GroupNews)].Owners = []string{id}
		room := w.Mailboxes[simtenant.UserID(christie)]
		room.Type, room.ResourceDelegates = "RoomMailbox", []string{id}
		w.Users[simtenant.UserID(isaiah)].AccountEnabled = false
		m := w.Mailboxes[simtenant.UserID(isaiah)]
		m.Type, m.ForwardingAddress, m.DeliverAndForward = "SharedMailbox", id, true
		m.SendAs, m.Permissions = []string{id}, []simtenant.MailboxPermission{{User: id, Rights: []string{"FullAccess"}}}
	})
}

// photograph is everything that the tenant has of a person, and of what others have because of them, by
// name.
func photograph(t *testing.T, tenant *simtenant.Tenant, id string) map[string]string {
	t.Helper()
	out := map[string]string{}
	say := func(name string, value any) {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = string(text)
	}
	tenant.Edit(func(w *simtenant.World) {
		u := w.Users[id]
		say("account", u != nil)
		if u == nil {
			return
		}
		say("names", []any{u.UserPrincipalName, u.Mail, u.ProxyAddresses, u.DisplayName, u.EmployeeID, u.ManagerID})
		say("accountEnabled", u.AccountEnabled)
		say("password changes", u.PasswordChanges)
		say("sessions", u.SessionsValidFrom)
		for _, l := range u.Licences {
			say("licence "+l.SKU, l.DisabledPlans)
		}
		say("numbers", u.Numbers)
		for _, c := range u.Consents {
			say("consent "+c.Client, c.Scope)
		}
		for _, r := range u.AppRoles {
			say("app role "+r.Role, r.Resource)
		}
		for _, e := range u.Eligible {
			say("eligible "+e.Role, e.Scope)
		}
		for _, m := range u.Methods {
			say("method "+m.ID, m.Type)
		}
		for _, a := range w.RoleAssignments {
			if a.Principal == id {
				say("role "+a.Role, true)
			}
		}
		for _, g := range w.Groups {
			if slices.Contains(g.Members, id) {
				say("member "+g.DisplayName, true)
			}
			if slices.Contains(g.Owners, id) {
				say("owner "+g.DisplayName, true)
			}
			if others := len(g.Owners); slices.Contains(g.Members, id) {
				say("owners of "+g.DisplayName, others)
			}
		}
		for _, d := range w.Devices {
			if slices.Contains(d.Registered, id) || slices.Contains(d.Owners, id) {
				say("device "+d.DisplayName, d.AccountEnabled)
			}
		}
		for _, p := range w.Phones {
			if p.Mailbox == id {
				say("phone "+p.FriendlyName, p.Removed)
			}
		}
		for _, d := range w.Managed {
			if d.UserID == id {
				say("managed device "+d.DeviceName, d.State)
			}
		}
		if m := w.Mailboxes[id]; m != nil {
			say("mailbox", []any{m.ExchangeGUID, m.Type, m.SoftDeletedAt.IsZero()})
			say("forwarding", []any{m.ForwardingAddress, m.ForwardingSMTPAddress, m.DeliverAndForward})
			say("hidden", m.Hidden)
			say("hold", []any{m.LitigationHold, m.DelayHoldApplied})
			say("protocols", m.Protocols)
			say("smtp", fmt.Sprint(m.Protocols["SmtpClientAuthenticationDisabled"]))
			say("blocked phones", m.BlockedDeviceIDs)
			say("auto reply", []any{m.AutoReply.Status, m.AutoReply.Audience, m.AutoReply.Internal, m.AutoReply.External})
			say("rules", m.Rules)
			say("delegates", []any{m.Permissions, m.SendAs, m.GrantSendOnBehalfTo})
			say("meetings", len(m.Meetings))
		}
		for _, m := range w.Mailboxes {
			if slices.Contains(m.ResourceDelegates, id) {
				say("approves the bookings of "+m.Alias, m.ResourceDelegates)
			}
			if m.ForwardingAddress == id {
				say("gets the mail of "+m.Alias, m.DeliverAndForward)
			}
			if slices.Contains(m.SendAs, id) {
				say("all who send as "+m.Alias, slices.Sorted(slices.Values(m.SendAs)))
			}
			for _, p := range m.Permissions {
				if p.User == id {
					say("how many open "+m.Alias, len(m.Permissions))
				}
				if p.User == id {
					say("opens "+m.Alias, p.Rights)
				}
			}
			if slices.Contains(m.SendAs, id) {
				say("sends as "+m.Alias, true)
			}
			if slices.Contains(m.GrantSendOnBehalfTo, id) {
				say("sends on behalf of "+m.Alias, true)
			}
		}
	})
	return out
}

// differences are the names that differ between two photographs, with both values.
func differences(before, after map[string]string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if before[name] != after[name] {
			out = append(out, fmt.Sprintf("%s: was %s, is %s", name, before[name], after[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if _, had := before[name]; !had {
			out = append(out, fmt.Sprintf("%s: was not there, is %s", name, after[name]))
		}
	}
	return out
}

// lostForGood are the beginnings of what an undo does not bring back: what leaver undo says first.
var lostForGood = []string{"password changes:", "sessions:", "owners of "}

func surprises(before, after map[string]string) []string {
	return slices.DeleteFunc(differences(before, after), func(line string) bool {
		return slices.ContainsFunc(lostForGood, func(known string) bool { return strings.HasPrefix(line, known) })
	})
}

var undoer = offboarding.Person{Name: "Miriam Graham"}

// undo orders the departure to be taken back and carries that out. It reports the case as it ends.
func (l *line) undo(t *testing.T) *offboarding.Case {
	t.Helper()
	c, err := l.Ledger.Undo(t.Context(), ledger.UndoOrder{Case: l.c.ID, By: undoer, Reason: "she stays", Source: "operator"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := worker.Dispatch(t.Context(), l.Bus, l.Ledger, c); err != nil {
		t.Fatal(err)
	}
	l.finish(t)
	return l.takenBack(t)
}

// takenBack is the case as it stands. What the way back leaves to a person has to be findable.
func (l *line) takenBack(t *testing.T) *offboarding.Case {
	t.Helper()
	c, err := l.Ledger.Case(t.Context(), l.c.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range c.Steps {
		l.Record(t, c.ID, s.Name)
	}
	return c
}

// undoSoFar orders the undo and carries it on for some rounds: what waits for a person waits on.
func (l *line) undoSoFar(t *testing.T) *offboarding.Case {
	t.Helper()
	c, err := l.Ledger.Undo(t.Context(), ledger.UndoOrder{Case: l.c.ID, By: undoer, Reason: "she stays", Source: "operator"})
	if err == nil {
		_, err = worker.Dispatch(t.Context(), l.Bus, l.Ledger, c)
	}
	if err != nil {
		t.Fatal(err)
	}
	l.rounds(t, 100)
	return l.takenBack(t)
}

// rounds carries the case on for so many rounds.
func (l *line) rounds(t *testing.T, n int) {
	t.Helper()
	for range n {
		if l.round(t, func(name offboarding.StepName) {
			if _, err := l.Deliver(t.Context(), l.workers[name], l.Message(t, l.c.ID, name)); err != nil {
				t.Fatal(err)
			}
		}) {
			return
		}
	}
}

// undone checks how the steps of a whole undo ended: only signout leaves a task, the hand-over of a password.
func undone(t *testing.T, c *offboarding.Case) {
	t.Helper()
	for _, s := range c.Steps {
		switch {
		case s.Name == offboarding.StepSignout && s.State == offboarding.StateManual && strings.Contains(s.Reason, "hand it over in person"):
		case s.Name == offboarding.StepSignout && s.State == offboarding.StateUndone && s.Progress["passwordSet"] == "":
		case s.State != offboarding.StateUndone, s.Name == offboarding.StepSignout:
			t.Errorf("%s ended %s, want undone: %s", s.Name, s.State, s.Reason)
		}
	}
}

// leastOfAnUndo are the requests that taking a full life back needs, counted by hand: what must be known
// before a write, the write, and one look after it; in one batch (of at most 20) what Graph takes in one,
// and a look at the user, or at the mailbox, only once for all that it tells.
var leastOfAnUndo = map[string]int{
	"the account":                      3, // the deleted item and who has its names; restore; the user
	"licences":                         3, // is in the group; join it and assign in one batch; the user
	"forwarding, hidden from lists":    3, // the mailbox, which shows; one write; the mailbox
	"inbox rules":                      3,
	"automatic reply":                  3,
	"28 groups and 5 ownerships":       4, // one batch of looks; 33 writes in two; one batch of looks
	"2 distribution lists":             2, // writes; the looks are those of the groups
	"the number":                       3,
	"a list, a room, mail of others":   9,  // who sees to each; one write; a look
	"an earlier leaver's mailbox":      9,  // her two rights and the successor's, as above but for the name
	"three rights on another mailbox":  10, // her name in Exchange and three looks; three writes; three looks
	"the mailbox and the ways into it": 6,  // two objects
	"3 devices":                        3,  // a batch each
	"enabled":                          2,  // the user has been read
	"the OneDrive":                     1,  // it is there
}

// TestUndoBringsEverythingBack but what it says that it does not: a whole life is photographed, leaves
// until the account is deleted, is undone and photographed again.
func TestUndoBringsEverythingBack(t *testing.T) {
	t.Parallel()
	id := simtenant.UserID(adele)
	var before map[string]string
	l := newLineOf(t, adele, undoPolicy(), func(l *line) {
		l.Tenant.Edit(aFullLife)
		l.othersNeedHer(t)
		before = photograph(t, l.Tenant, id)
	})
	l.finish(t)
	if _, deleted := l.Tenant.DeletedUser(id); !deleted {
		for _, s := range l.c.Steps {
			r := l.Record(t, l.c.ID, s.Name)
			t.Logf("%s %s %s", r.Name, r.State, r.Reason)
		}
		t.Fatal("the account was not deleted")
	}
	l.Advance(29 * 24 * time.Hour / 2)
	requests, least := 0, 0
	l.OnRequest = func(*http.Request) error { requests++; return nil }
	c := l.undo(t)
	undone(t, c)
	for _, n := range leastOfAnUndo {
		least += n
	}
	t.Logf("%d requests, %.2f times the least by hand, %d", requests, float64(requests)/float64(least), least)
	if requests > 2*least {
		t.Errorf("the undo took %d requests, want at most twice the least, %d", requests, least)
	}
	after := photograph(t, l.Tenant, id)
	for _, line := range surprises(before, after) {
		t.Error(line)
	}
	// Whoever became an owner in her place stays one, as was said before: of the two groups that were hers alone.
	var owners []string
	for name := range after {
		if strings.HasPrefix(name, "owners of ") && after[name] != before[name] {
			owners = append(owners, name)
		}
	}
	slices.Sort(owners)
	stay := slices.DeleteFunc(c.Lost(c.Undo.Steps), func(line string) bool { return !strings.Contains(line, "keeps its new owner") })
	if want := []string{"owners of Team 2", "owners of Team 3"}; !slices.Equal(owners, want) || len(stay) != len(want) {
		t.Errorf("other owners have %v, and of %d it was said; want %v", owners, len(stay), want)
	}
	if unknown := l.Tenant.Unknown(); len(unknown) > 0 {
		t.Errorf("calls that the tenant does not know: %v", unknown)
	}
}

// TestUndoFromEveryStateOnTheWay cancels after so many runs of steps, and undoes from there.
func TestUndoFromEveryStateOnTheWay(t *testing.T) {
	t.Parallel()
	id := simtenant.UserID(adele)
	enough := errors.New("so far")
	for runs := 1; runs <= 24; runs++ {
		t.Run(fmt.Sprintf("after %d runs", runs), func(t *testing.T) {
			t.Parallel()
			var before map[string]string
			l := newLineOf(t, adele, undoPolicy(), func(l *line) {
				l.Tenant.Edit(aFullLife)
				l.othersNeedHer(t)
				before = photograph(t, l.Tenant, id)
			})
			left := runs
			for left > 0 && !l.round(t, func(name offboarding.StepName) {
				if left--; left < 0 {
					return
				}
				if _, err := l.Deliver(t.Context(), l.workers[name], l.Message(t, l.c.ID, name)); err != nil && !errors.Is(err, enough) {
					t.Fatal(err)
				}
			}) {
				continue
			}
			undone(t, l.undo(t))
			for _, line := range surprises(before, photograph(t, l.Tenant, id)) {
				t.Error(line)
			}
		})
	}
}

// TestUndoKilledAroundEveryCall kills the host just before and just after each call of a whole undo: it
// ends the same.
func TestUndoKilledAroundEveryCall(t *testing.T) {
	t.Parallel()
	id := simtenant.UserID(adele)
	killed := errors.New("the process was killed")
	begin := func(t *testing.T) (*line, map[string]string) {
		var before map[string]string
		l := newLineOf(t, adele, undoPolicy(), func(l *line) {
			l.Tenant.Edit(aFullLife)
			before = photograph(t, l.Tenant, id)
		})
		l.finish(t)
		return l, before
	}
	whole, _ := begin(t)
	calls := 0
	whole.OnRequest = func(*http.Request) error { calls++; return nil }
	whole.undo(t)
	t.Logf("%d calls", calls)
	for point := range 2 * calls {
		call, after := point/2+1, point%2 == 1
		t.Run(fmt.Sprintf("call %d, after %t", call, after), func(t *testing.T) {
			t.Parallel()
			l, before := begin(t)
			c, err := l.Ledger.Undo(t.Context(), ledger.UndoOrder{Case: l.c.ID, By: undoer, Reason: "she stays", Source: "operator"})
			if err == nil {
				_, err = worker.Dispatch(t.Context(), l.Bus, l.Ledger, c)
			}
			if err != nil {
				t.Fatal(err)
			}
			n, struck := 0, false
			var kill context.CancelFunc
			strike := func(*http.Request) error {
				if n++; n == call {
					kill()
					return killed
				}
				return nil
			}
			if after {
				l.OnAnswer = strike
			} else {
				l.OnRequest = strike
			}
			for range 500 {
				if l.round(t, func(name offboarding.StepName) {
					ctx, stop := context.WithCancel(t.Context())
					defer stop()
					kill = stop
					_, err := l.Deliver(ctx, l.workers[name], l.Message(t, l.c.ID, name))
					if ctx.Err() != nil {
						struck = true
						l.Advance(25 * time.Second) // until the lease of the dead host is over
					} else if err != nil {
						t.Fatal(err)
					}
				}) {
					break
				}
			}
			if !struck {
				t.Fatal("the call was never made")
			}
			l.OnRequest, l.OnAnswer = nil, nil
			if c, err = l.Ledger.Case(t.Context(), l.c.ID); err != nil {
				t.Fatal(err)
			}
			undone(t, c)
			for _, line := range surprises(before, photograph(t, l.Tenant, id)) {
				t.Error(line)
			}
		})
	}
}
