package plan_test

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// TestNamesWithBlanksAroundThemAreFound: see CASES.md. Entra has no such names.
func TestNamesWithBlanksAroundThemAreFound(t *testing.T) {
	t.Parallel()
	for name, e := range map[string]offboarding.Employee{
		"a blank before":       {UserPrincipalName: " " + adele},
		"a blank after":        {EmployeeID: "E0001 "},
		"a line end, a tab":    {Mail: "\t" + adele + "\r\n"},
		"no-break, zero width": {UserPrincipalName: "\u00a0" + adele + "\u200b\ufeff"},
		"upper case":           {UserPrincipalName: strings.ToUpper(adele)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			d := deliver(t, h, newPlanner(h), termination(h, "1", e))
			if c, err := h.Ledger.Latest(t.Context(), simtenant.UserID(adele)); err != nil || c == nil || !d.Completed {
				t.Errorf("got no case (%v, %q), want one for the person", err, d.DeadSentence)
			}
			lockedOut(t, h, simtenant.UserID(adele))
		})
	}
}

// TestTheEventOfSomebodyWhoIsGoneIsAlreadyDone: see CASES.md.
func TestTheEventOfSomebodyWhoIsGoneIsAlreadyDone(t *testing.T) {
	t.Parallel()
	for name, again := range map[string]struct {
		e    offboarding.Employee
		done bool
	}{
		"by object id":                     {offboarding.Employee{ID: simtenant.UserID(adele)}, true},
		"by name":                          {offboarding.Employee{UserPrincipalName: adele}, true},
		"by employee id":                   {offboarding.Employee{EmployeeID: "E0001"}, true},
		"by an address of the account":     {offboarding.Employee{Mail: "a.vance@contoso.com"}, true},
		"as another person":                {offboarding.Employee{UserPrincipalName: adele, EmployeeID: "E9999"}, false},
		"by the number, as another person": {offboarding.Employee{UserPrincipalName: "somebody.else@contoso.com", EmployeeID: "E0001"}, false},
		"by somebody's number":             {offboarding.Employee{EmployeeID: "E9999"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			p := newPlanner(h)
			deliver(t, h, p, termination(h, "1", offboarding.Employee{UserPrincipalName: adele, EmployeeID: "E0001"}))
			c, err := h.Ledger.Latest(t.Context(), simtenant.UserID(adele))
			if err != nil || c == nil {
				t.Fatalf("no case: %v", err)
			}
			deleted(t, h, c)
			h.Advance(time.Hour)
			r := termination(h, "2", again.e)
			d := deliver(t, h, p, r)
			record, _, err := h.Ledger.Request(t.Context(), r.ID)
			if err != nil {
				t.Fatal(err)
			}
			if done := d.Completed && record.State == ledger.RequestPlanned && record.Case == c.ID; done != again.done {
				t.Errorf("got %s of case %q (%s), want already done: %t", record.State, record.Case, record.Reason, again.done)
			}
			lockedOut(t, h)
			if _, there := h.Tenant.DeletedUser(c.Leaver); !there {
				t.Error("the account is not among the deleted any more")
			}
		})
	}
}

// TestWhomOthersDeletedIsToBeRestoredUntilADay: KelvinTegelaar/CIPP#3603. Whoever deleted the account looked at
// nothing that was to be kept of it, and it is there for thirty days. By whatever name HR means them.
func TestWhomOthersDeletedIsToBeRestoredUntilADay(t *testing.T) {
	t.Parallel()
	const (
		megan = "megan.bowen@contoso.com" // mastered on premises
		guest = "henrietta.mueller_fabrikam.com#EXT#@contoso.com"
	)
	none := func(p *offboarding.Policy) { p.KeepMail, p.KeepFiles = offboarding.KeepNone, offboarding.KeepNone }
	for name, tt := range map[string]struct {
		who     string // adele
		e       offboarding.Employee
		policy  func(*offboarding.Policy)
		before  bool // a departure had begun
		after   time.Duration
		state   ledger.RequestState
		reasons []string
	}{
		"by object id":                   {e: offboarding.Employee{ID: simtenant.UserID(adele)}, state: ledger.RequestParked},
		"by name":                        {e: offboarding.Employee{UserPrincipalName: "Adele.Vance@contoso.com"}, state: ledger.RequestParked},
		"by mail":                        {e: offboarding.Employee{Mail: adele}, state: ledger.RequestParked},
		"by another address":             {e: offboarding.Employee{Mail: "a.vance@contoso.com"}, state: ledger.RequestParked},
		"by number":                      {e: offboarding.Employee{EmployeeID: "E0001"}, state: ledger.RequestParked},
		"by all of them":                 {e: offboarding.Employee{UserPrincipalName: adele, Mail: adele, EmployeeID: "E0001"}, state: ledger.RequestParked},
		"in the middle of the departure": {e: offboarding.Employee{UserPrincipalName: adele}, before: true, state: ledger.RequestParked},
		"on the last day":                {e: offboarding.Employee{UserPrincipalName: adele}, after: 30*24*time.Hour - time.Minute, state: ledger.RequestParked},
		"after it":                       {e: offboarding.Employee{UserPrincipalName: adele}, after: 30*24*time.Hour + time.Minute, state: ledger.RequestParked, reasons: []string{"no user"}},
		"whose name only ends so":        {e: offboarding.Employee{UserPrincipalName: "vance@contoso.com"}, state: ledger.RequestParked, reasons: []string{"no user"}},
		"as another person":              {e: offboarding.Employee{UserPrincipalName: adele, EmployeeID: "E9999"}, state: ledger.RequestParked, reasons: []string{"no user"}},
		"mastered on premises":           {who: megan, e: offboarding.Employee{UserPrincipalName: megan}, policy: none, state: ledger.RequestParked, reasons: []string{"until", "on premises"}},
		"mail given up":                  {e: offboarding.Employee{UserPrincipalName: adele}, policy: func(p *offboarding.Policy) { p.KeepMail = offboarding.KeepNone }, state: ledger.RequestParked},
		"files given up":                 {e: offboarding.Employee{UserPrincipalName: adele}, policy: func(p *offboarding.Policy) { p.KeepFiles = offboarding.KeepNone }, state: ledger.RequestParked},
		"everything given up":            {e: offboarding.Employee{UserPrincipalName: adele}, policy: none, state: ledger.RequestPlanned, reasons: []string{"already done"}},
		"everything given up, but of somebody": {e: offboarding.Employee{UserPrincipalName: adele}, policy: func(p *offboarding.Policy) {
			none(p)
			p.Overrides = []offboarding.Override{{Department: "Legal", Changes: offboarding.Changes{"keepMail": "hold"}}}
		}, state: ledger.RequestParked},
		"a guest": {who: guest, e: offboarding.Employee{UserPrincipalName: guest}, state: ledger.RequestPlanned, reasons: []string{"already done"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			p := newPlanner(h)
			if tt.policy != nil {
				tt.policy(&p.Policy)
			}
			id := simtenant.UserID(cmp.Or(tt.who, adele))
			if tt.before {
				deliver(t, h, p, termination(h, "1", tt.e))
			}
			at := h.Now()
			deletedByOthers(h, id)
			h.Advance(tt.after)
			r := termination(h, "2", tt.e)
			deliver(t, h, p, r)
			record, _, err := h.Ledger.Request(t.Context(), r.ID)
			if err != nil || record.State != tt.state {
				t.Fatalf("got %s (%s), %v; want %s", record.State, record.Reason, err, tt.state)
			}
			if tt.reasons == nil {
				tt.reasons = []string{id, offboarding.Stamp(at), offboarding.Stamp(at.Add(30 * 24 * time.Hour)), offboarding.PortalWorldwide.DeletedUsers(), "leaver replay " + r.ID, "leaver discard " + r.ID}
			}
			for _, want := range tt.reasons {
				if !strings.Contains(record.Reason, want) {
					t.Errorf("got the reason %q, want it to say %q", record.Reason, want)
				}
			}
			if record.State != ledger.RequestParked {
				return
			}
			if _, err := p.Preview(t.Context(), r.Request); err == nil || err.Error() != record.Reason {
				t.Errorf("the preview says %v, want %q", err, record.Reason)
			}
		})
	}
}

// TestSeveralDeletedAccountsAreNamedEach: of one person, or of two with one number; nobody is guessed.
func TestSeveralDeletedAccountsAreNamedEach(t *testing.T) {
	t.Parallel()
	for name, refused := range map[string]bool{"shown": false, "the listing is refused": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			p := newPlanner(h)
			p.Policy.KeepMail, p.Policy.KeepFiles = offboarding.KeepNone, offboarding.KeepNone
			both := []string{simtenant.UserID(adele), simtenant.UserID("alex.wilber@contoso.com")}
			for _, id := range both {
				h.Tenant.Edit(func(w *simtenant.World) { w.Users[id].EmployeeID = "E0001" })
				deletedByOthers(h, id)
			}
			if refused {
				h.Tenant.Edit(func(w *simtenant.World) {
					w.Faults = []simtenant.Fault{{Operation: "GET /directory/deletedItems/microsoft.graph.user", Status: http.StatusForbidden, Code: "Authorization_RequestDenied"}}
				})
			}
			r := termination(h, "1", offboarding.Employee{EmployeeID: "E0001"})
			deliver(t, h, p, r)
			record, _, err := h.Ledger.Request(t.Context(), r.ID)
			if err != nil || record.State != ledger.RequestParked {
				t.Fatalf("got %s (%s), %v; want it parked", record.State, record.Reason, err)
			}
			for _, id := range both {
				if named := strings.Contains(record.Reason, id); named == refused {
					t.Errorf("got %q; want account %s named: %t", record.Reason, id, !refused)
				}
			}
			if refused && !strings.Contains(record.Reason, "no user in the tenant has this employeeId") {
				t.Errorf("got %q; want what is known all the same", record.Reason)
			}
		})
	}
}

// TestADepartureThatWasCancelledHasNobodyGone: it had deleted the account, which came back; that others have deleted
// it since is nothing that was done.
func TestADepartureThatWasCancelledHasNobodyGone(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	p := newPlanner(h)
	e := offboarding.Employee{UserPrincipalName: adele}
	deliver(t, h, p, termination(h, "1", e))
	c, err := h.Ledger.Latest(t.Context(), simtenant.UserID(adele))
	if err != nil || c == nil {
		t.Fatalf("no case: %v", err)
	}
	deleted(t, h, c)
	h.Advance(time.Hour)
	if _, err := h.Ledger.Cancel(t.Context(), ledger.Cancellation{Tenant: c.Tenant, Leaver: c.Leaver, Request: offboarding.RequestID("test", "stays"), EventTime: h.Now(), Reason: "stays"}); err != nil {
		t.Fatal(err)
	}
	h.Advance(time.Hour)
	r := termination(h, "2", e)
	deliver(t, h, p, r)
	record, _, err := h.Ledger.Request(t.Context(), r.ID)
	if err != nil || record.State != ledger.RequestParked || !strings.Contains(record.Reason, "can be restored until") {
		t.Errorf("got %s (%s), %v; want it parked with until when the account can be restored", record.State, record.Reason, err)
	}
}

// TestWhoeverIsRestoredLeavesLikeAnybody: the way out of the task.
func TestWhoeverIsRestoredLeavesLikeAnybody(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	p := newPlanner(h)
	id := simtenant.UserID(adele)
	deletedByOthers(h, id)
	r := termination(h, "1", offboarding.Employee{UserPrincipalName: adele})
	deliver(t, h, p, r)
	h.Tenant.Edit(func(w *simtenant.World) { // a person restores it
		u := w.Deleted[id]
		u.DeletedAt, u.UserPrincipalName = time.Time{}, adele
		w.Users[id] = u
		delete(w.Deleted, id)
	})
	r.Attempt = 2
	deliver(t, h, p, r)
	if c, err := h.Ledger.Latest(t.Context(), id); err != nil || c == nil || !c.Open() {
		t.Errorf("got case %v (%v), want an open one", c, err)
	}
}

// deletedByOthers is what an administrator, or the synchronisation, does.
func deletedByOthers(h *steptest.Harness, id string) {
	h.Tenant.Edit(func(w *simtenant.World) {
		u := w.Users[id]
		u.DeletedAt, u.UserPrincipalName = h.Now(), strings.ReplaceAll(id, "-", "")+u.UserPrincipalName
		w.Deleted[id] = u
		delete(w.Users, id)
	})
}

// deletes is a step that says that it deleted the account.
type deletes struct{}

func (deletes) Work(_ context.Context, job *offboarding.Job) error {
	job.Evidence[offboarding.DeletedAt] = offboarding.Stamp(job.Now)
	return nil
}

// deleted settles delete as effective, and deletes the account.
func deleted(t *testing.T, h *steptest.Harness, c *offboarding.Case) {
	t.Helper()
	h.Settle(t, c.ID, h.Worker(offboarding.StepDelete, deletes{}))
	h.Tenant.Edit(func(w *simtenant.World) {
		u := w.Users[c.Leaver]
		u.DeletedAt = h.Now()
		w.Deleted[c.Leaver] = u
		delete(w.Users, c.Leaver)
	})
}
