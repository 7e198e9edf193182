package access_test

import (
	"slices"
	"strings"
	"testing"

	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

const isaiah = "isaiah.langer@contoso.com" // left before

// leftBefore is a departure of earlier: a case, and an account that is disabled.
func leftBefore(t *testing.T, h *steptest.Harness, person string) string {
	t.Helper()
	h.Open(t, person, offboarding.Options{}, offboarding.DefaultPolicy())
	id := simtenant.UserID(person)
	h.Tenant.Edit(func(w *simtenant.World) { w.Users[id].AccountEnabled = false })
	return id
}

// TestWhatWouldBeWithoutAnybodyIsHandedOver: microsoftgraph/microsoft-graph-docs#10763,
// KelvinTegelaar/CIPP#1874 and #3702, MicrosoftDocs/office-docs-powershell PR 8842.
func TestWhatWouldBeWithoutAnybodyIsHandedOver(t *testing.T) {
	t.Parallel()
	id, heir, other := simtenant.UserID(adele), simtenant.UserID(alex), simtenant.UserID(lynne)
	list, room, earlier := simtenant.GroupID(simtenant.GroupNews), simtenant.UserID("christie.cline@contoso.com"), simtenant.UserID(isaiah)
	opened := func(w *simtenant.World) []string {
		var who []string
		for _, p := range w.Mailboxes[earlier].Permissions {
			who = append(who, p.User)
		}
		return who
	}
	for name, tt := range map[string]struct {
		edit func(*simtenant.World)
		got  func(*simtenant.World) []string
		want []string
	}{
		"a distribution list": {
			func(w *simtenant.World) { w.Groups[list].Owners = []string{id} },
			func(w *simtenant.World) []string { return w.Groups[list].Owners }, []string{heir},
		},
		"a distribution list that somebody else manages too": {
			func(w *simtenant.World) { w.Groups[list].Owners = []string{id, other} },
			func(w *simtenant.World) []string { return w.Groups[list].Owners }, []string{other},
		},
		"a room": {
			func(w *simtenant.World) {
				w.Mailboxes[room].Type, w.Mailboxes[room].ResourceDelegates = "RoomMailbox", []string{id}
			},
			func(w *simtenant.World) []string { return w.Mailboxes[room].ResourceDelegates }, []string{heir},
		},
		"the mail of an earlier leaver": {
			func(w *simtenant.World) {
				w.Mailboxes[earlier].ForwardingAddress, w.Mailboxes[earlier].DeliverAndForward = id, true
			},
			func(w *simtenant.World) []string {
				if !w.Mailboxes[earlier].DeliverAndForward {
					return []string{"no copy any more"}
				}
				return []string{w.Mailboxes[earlier].ForwardingAddress}
			}, []string{heir},
		},
		"the mail of an earlier leaver, by an address": {
			func(w *simtenant.World) {
				w.Mailboxes[earlier].ForwardingSMTPAddress, w.Mailboxes[earlier].DeliverAndForward = "smtp:a.vance@contoso.com", true
			},
			func(w *simtenant.World) []string {
				return []string{w.Mailboxes[earlier].ForwardingAddress, w.Mailboxes[earlier].ForwardingSMTPAddress}
			}, []string{heir, ""},
		},
		"an address that counts for nothing beside a recipient": {
			func(w *simtenant.World) {
				w.Mailboxes[earlier].ForwardingAddress, w.Mailboxes[earlier].ForwardingSMTPAddress = other, "smtp:"+adele
			},
			func(w *simtenant.World) []string { return []string{w.Mailboxes[earlier].ForwardingAddress} }, []string{other},
		},
		"a mailbox that somebody else could open, whose account is gone": {
			func(w *simtenant.World) {
				w.Mailboxes[earlier].Type = "SharedMailbox"
				w.Mailboxes[earlier].Permissions = []simtenant.MailboxPermission{
					{User: id, Rights: []string{"FullAccess"}}, {User: simtenant.UserID("gone@contoso.com"), Rights: []string{"FullAccess"}},
				}
			},
			func(w *simtenant.World) []string { return opened(w)[1:] }, []string{heir},
		},
		"the shared mailbox of an earlier leaver": {
			func(w *simtenant.World) {
				w.Mailboxes[earlier].Type, w.Mailboxes[earlier].SendAs = "SharedMailbox", []string{id}
				w.Mailboxes[earlier].Permissions = []simtenant.MailboxPermission{{User: id, Rights: []string{"FullAccess"}}}
			},
			func(w *simtenant.World) []string { return append(opened(w), w.Mailboxes[earlier].SendAs...) }, []string{heir, heir},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			leftBefore(t, h, isaiah)
			h.Tenant.Edit(tt.edit)
			record := settle(t, h, adele)
			h.Wants(t, record, offboarding.StateEffective)
			var got []string
			h.Tenant.Edit(func(w *simtenant.World) { got = slices.Clone(tt.got(w)) })
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if said := record.Evidence["handedOver"]; slices.Contains(tt.want, heir) && !strings.Contains(said, " to "+heir) {
				t.Errorf("got the evidence %q, want to whom", said)
			}
		})
	}
}

// TestWhatAColleagueGaveToTheLeaverStaysTheirs: who works here still, or works here again, decides.
func TestWhatAColleagueGaveToTheLeaverStaysTheirs(t *testing.T) {
	t.Parallel()
	for name, left := range map[string]bool{"who never left": false, "who came back": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			id, colleague := simtenant.UserID(adele), simtenant.UserID(isaiah)
			if left {
				leftBefore(t, h, isaiah)
			}
			h.Tenant.Edit(func(w *simtenant.World) {
				w.Users[colleague].AccountEnabled = true
				w.Mailboxes[colleague].ForwardingAddress = id
			})
			h.Wants(t, settle(t, h, adele), offboarding.StateManual, colleague)
			if m, _ := h.Tenant.Mailbox(colleague); m.ForwardingAddress != id {
				t.Errorf("the mail goes to %s now, want it as it was", m.ForwardingAddress)
			}
		})
	}
}

// TestAGroupThatRefusesToLoseAnOwnerStopsNothingElse: microsoftgraph/microsoft-graph-docs#12054 and #6489,
// "must have at least one owner" of a group that has two.
func TestAGroupThatRefusesToLoseAnOwnerStopsNothingElse(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	group := simtenant.GroupID(simtenant.GroupProject)
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Groups[group].Owners = []string{simtenant.UserID(emily), simtenant.UserID(lynne)}
		w.Faults = append(w.Faults, simtenant.Fault{Operation: "DELETE /groups/{id}/owners/{member}/$ref", Status: 400, Code: "Request_BadRequest"})
	})
	record := settle(t, h, emily)
	h.Wants(t, record, offboarding.StateParked, offboarding.PortalWorldwide.Group(group))
	if g, _ := h.Tenant.Group(group); !slices.Equal(g.Owners, []string{simtenant.UserID(emily), simtenant.UserID(lynne)}) {
		t.Errorf("the owners are %v, want both", g.Owners)
	}
	for _, still := range left(h, simtenant.UserID(emily)) {
		if !strings.HasPrefix(still, "owner of ") {
			t.Errorf("not everything else is done: %s", still)
		}
	}
}
