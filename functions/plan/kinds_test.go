package plan_test

import (
	"reflect"
	"strings"
	"testing"

	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// TestAnAccountThatIsNobodysWaitsForAPerson: KnowMoreIT/CloudPanel#112 (rooms), CyberDrain/CIPP#337 and
// KelvinTegelaar/CIPP#583 (shared mailboxes, which may be a person's all the same).
func TestAnAccountThatIsNobodysWaitsForAPerson(t *testing.T) {
	t.Parallel()
	id := simtenant.UserID(adele)
	unlicensed := func(w *simtenant.World) {
		w.Users[id].Licences = nil
		for _, g := range w.Groups {
			g.Licences = nil
		}
	}
	kind := func(mailbox string) func(*simtenant.World) {
		return func(w *simtenant.World) {
			unlicensed(w)
			w.Mailboxes[id].Type = mailbox
		}
	}
	for name, tt := range map[string]struct {
		edit func(*simtenant.World)
		why  string // empty = planned like anybody's
	}{
		"a room":    {kind("RoomMailbox"), "room"},
		"equipment": {kind("EquipmentMailbox"), "equipment"},
		"shared":    {kind("SharedMailbox"), "shared"},
		"shared, with a licence and disabled": {func(w *simtenant.World) {
			w.Mailboxes[id].Type, w.Users[id].AccountEnabled = "SharedMailbox", false
		}, "shared"},
		"shared, with a licence and enabled": {func(w *simtenant.World) { w.Mailboxes[id].Type = "SharedMailbox" }, "shared"},
		"a service account with a licence": {func(w *simtenant.World) {
			w.Users[id].UserPrincipalName, w.Users[id].ManagerID = "svc-backup@contoso.com", ""
		}, "reports to nobody"},
		"a room of Teams": {func(w *simtenant.World) {
			w.Mailboxes[id].Type = "RoomMailbox"
			w.Users[id].Licences = []simtenant.Licence{{SKU: "4cde982a-ede4-4409-9ae6-b003453c8ea6"}}
		}, "room"},
		"a call queue of Teams": {func(w *simtenant.World) {
			unlicensed(w)
			delete(w.Mailboxes, id)
			w.Users[id].Licences = []simtenant.Licence{{SKU: "440eaaa8-b3e0-484b-a8be-62870b9ba70a"}}
		}, "call queue or auto attendant"},
		"a phone in a hall": {func(w *simtenant.World) {
			unlicensed(w)
			delete(w.Mailboxes, id)
			w.Users[id].Licences = []simtenant.Licence{{SKU: "295A8EB0-f78d-45c7-8b5b-1eed5ed02dff"}}
		}, "shared device"},
		"a service account": {func(w *simtenant.World) {
			unlicensed(w)
			delete(w.Mailboxes, id)
			w.Users[id].UserPrincipalName = "svc-backup@contoso.com"
		}, "service account"},
		"a person without a licence":      {unlicensed, ""},
		"a person who is disabled":        {func(w *simtenant.World) { w.Users[id].AccountEnabled = false }, ""},
		"a person of that name, licensed": {func(w *simtenant.World) { w.Users[id].UserPrincipalName = "service.desk@contoso.com" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			h.Tenant.Edit(tt.edit)
			before, _ := h.Tenant.Mailbox(id)
			was := accountOf(h, id)
			d := deliver(t, h, newPlanner(h), termination(h, "1", offboarding.Employee{ID: id}))
			c, err := h.Ledger.Latest(t.Context(), id)
			if err != nil || c == nil {
				t.Fatalf("no case: %q, %v", d.DeadSentence, err)
			}
			held := c.Held()
			if (len(held) > 0) != (tt.why != "") || len(held) > 0 && !strings.Contains(held[0].Why, tt.why) || len(held) > 0 && len(h.Bus.Messages()) > 0 {
				t.Errorf("held by %+v, %d messages; want it held: %q", held, len(h.Bus.Messages()), tt.why)
			}
			if tt.why == "" && was.Enabled {
				lockedOut(t, h, id)
				return
			}
			lockedOut(t, h)
			after, _ := h.Tenant.Mailbox(id)
			if is := accountOf(h, id); tt.why != "" && (!reflect.DeepEqual(was, is) || !reflect.DeepEqual(before, after)) {
				t.Errorf("held, the account is %+v with the mailbox %+v, was %+v with %+v", is, after, was, before)
			}
		})
	}
}

// TestAnOrdinaryPersonCostsNoRequestMore: what is read about everybody is read once.
func TestAnOrdinaryPersonCostsNoRequestMore(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	p := newPlanner(h)
	requests := func() int {
		n := 0
		for _, k := range h.Tenant.Requests() {
			n += k
		}
		return n
	}
	deliver(t, h, p, termination(h, "1", offboarding.Employee{UserPrincipalName: adele}))
	before := requests()
	deliver(t, h, p, termination(h, "2", offboarding.Employee{UserPrincipalName: henrik}))
	if n := requests() - before; n > 3 { // the person, beside the manager what the mailbox is for
		t.Errorf("the second departure took %d requests: %v; want 3", n, h.Tenant.Requests())
	}
}

// TestAMailboxThatLivesElsewhereIsKnownWhenItIsPlanned: MicrosoftDocs/microsoft-365-docs#5712.
func TestAMailboxThatLivesElsewhereIsKnownWhenItIsPlanned(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		edit      func(*simtenant.World)
		elsewhere bool
	}{
		"on premises": {func(w *simtenant.World) {
			id := simtenant.UserID(henrik)
			delete(w.Mailboxes, id)
			w.Users[id].RecipientTypeDetails, w.Users[id].Mail = "MailUser", henrik
		}, true},
		"of another organisation": {func(w *simtenant.World) {
			id := simtenant.UserID(henrik)
			delete(w.Mailboxes, id)
			w.Users[id].ExternalUserState = "Accepted"
		}, false},
		"here": {func(*simtenant.World) {}, false},
		"and where Outlook does not answer nobody waits for it": {func(w *simtenant.World) {
			w.Faults = append(w.Faults, simtenant.Fault{Operation: "GET /users/{id}/mailboxSettings", Status: 503})
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			h.Tenant.Edit(tt.edit)
			deliver(t, h, newPlanner(h), termination(h, "1", offboarding.Employee{UserPrincipalName: henrik}))
			c, err := h.Ledger.Latest(t.Context(), simtenant.UserID(henrik))
			if err != nil || c == nil || len(c.Held()) > 0 {
				t.Fatalf("got the case %v, %v, want it planned and not held", c, err)
			}
			if c.Plan.MailElsewhere != tt.elsewhere {
				t.Errorf("the plan says that the mail lives elsewhere: %t, want %t", c.Plan.MailElsewhere, tt.elsewhere)
			}
			lockedOut(t, h, c.Leaver)
		})
	}
}
