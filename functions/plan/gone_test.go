package plan_test

import (
	"context"
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

// TestTheEventOfSomebodyWhomOthersDeletedIsNotCalledDone: the departure goes on, and has deleted nothing.
func TestTheEventOfSomebodyWhomOthersDeletedIsNotCalledDone(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	p := newPlanner(h)
	id := simtenant.UserID(adele)
	deliver(t, h, p, termination(h, "1", offboarding.Employee{UserPrincipalName: adele}))
	h.Tenant.Edit(func(w *simtenant.World) { w.Deleted[id] = w.Users[id]; delete(w.Users, id) })
	r := termination(h, "2", offboarding.Employee{UserPrincipalName: adele})
	deliver(t, h, p, r)
	record, _, err := h.Ledger.Request(t.Context(), r.ID)
	if _, alive := h.Tenant.User(id); err != nil || alive || record.State != ledger.RequestParked {
		t.Errorf("got %s (%s), %v; want it parked: nobody has this name", record.State, record.Reason, err)
	}
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
