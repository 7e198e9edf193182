package plan_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"leaver/functions/plan"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// TestARehireWithANewAccountIsHeldAndBothAccountsAreNamed, before Microsoft purges the old one and after:
// the undo that the policy wants is prepared and held, and where there is none to prepare the request is
// parked. Nothing is written in the tenant. The departure was asked for by name alone, and the number read
// from the directory.
func TestARehireWithANewAccountIsHeldAndBothAccountsAreNamed(t *testing.T) {
	t.Parallel()
	const anew = "adele.vance2@contoso.com"
	for _, days := range []int{1, 29, 31, 60} {
		for _, onCancel := range []offboarding.OnCancel{offboarding.OnCancelStop, offboarding.OnCancelUndo} {
			for by, e := range map[string]offboarding.Employee{
				"the number":                    {EmployeeID: "E0001"},
				"the number and the new name":   {EmployeeID: "E0001", UserPrincipalName: anew},
				"the number and the new object": {EmployeeID: "E0001", ID: simtenant.UserID(anew)},
				"the new name":                  {UserPrincipalName: anew},
				"the new object":                {ID: simtenant.UserID(anew)},
			} {
				t.Run(fmt.Sprintf("%d days after, onCancel %s, by %s", days, onCancel, by), func(t *testing.T) {
					t.Parallel()
					h := steptest.New(t)
					p := newPlanner(h)
					p.Policy.OnCancel = onCancel
					rehired(t, h, p, anew, time.Duration(days)*24*time.Hour)
					was, is := simtenant.UserID(adele), simtenant.UserID(anew)
					back := termination(h, "2", e)
					back.Kind = offboarding.Cancellation
					writes := h.Writes()
					d := deliver(t, h, p, back)

					record, _, err := h.Ledger.Request(t.Context(), back.ID)
					if err != nil {
						t.Fatal(err)
					}
					for _, account := range []string{was, is} {
						if !strings.Contains(record.Reason, account) {
							t.Errorf("account %s is not named: %s: %s", account, record.State, record.Reason)
						}
					}
					c := must1(h.Ledger.Latest(t.Context(), was))
					if onCancel == offboarding.OnCancelUndo && days <= 30 {
						held := c.Held()
						if c.State(h.Now()) != offboarding.CaseHeld || len(held) == 0 || held[0].By != offboarding.ApproveRehired || record.State != ledger.RequestCancelled {
							t.Errorf("the undo is %s by %+v and the request %s, want it held as %s", c.State(h.Now()), held, record.State, offboarding.ApproveRehired)
						} else if !strings.Contains(held[0].Why, was) || !strings.Contains(held[0].Why, is) {
							t.Errorf("whoever approves it does not read both accounts: %s", held[0].Why)
						}
					} else if c.Undo != nil || record.State != ledger.RequestParked || d.Completed {
						t.Errorf("the undo is %+v and the request %s, want none and it parked", c.Undo, record.State)
					}
					if n := must1(h.Ledger.Latest(t.Context(), is)); n != nil {
						t.Errorf("the new account has case %s, want none", n.ID)
					}
					if made := h.Writes() - writes; made != 0 {
						t.Errorf("%d writes were made", made)
					}
					if u, there := h.Tenant.User(is); !there || !u.AccountEnabled {
						t.Error("the new account is not as it was")
					}
					if _, there := h.Tenant.DeletedUser(was); there != (days < 30) {
						t.Errorf("the old account can be restored: %t, %d days after its deletion", there, days)
					}
				})
			}
		}
	}
}

// rehired carries Adele's departure to the deletion, and gives her number to a new account some time after.
func rehired(t *testing.T, h *steptest.Harness, p *plan.Planner, name string, after time.Duration) {
	t.Helper()
	deliver(t, h, p, termination(h, "1", offboarding.Employee{UserPrincipalName: adele}))
	deleted(t, h, must1(h.Ledger.Latest(t.Context(), simtenant.UserID(adele))))
	h.Advance(after)
	h.Tenant.Edit(func(w *simtenant.World) {
		id := simtenant.UserID(name)
		w.Users[id] = &simtenant.User{
			ID: id, UserPrincipalName: name, DisplayName: "Adele Vance", EmployeeID: "E0001", UserType: "Member",
			UsageLocation: "US", AccountEnabled: true, Created: h.Now(),
		}
	})
}

// TestTheNumberOfALeaverIsKeptBesideTheHistoryAlone: it is read when the departure is planned, is no part of
// the history, and is erased with the other personal values.
func TestTheNumberOfALeaverIsKeptBesideTheHistoryAlone(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	deliver(t, h, newPlanner(h), termination(h, "1", offboarding.Employee{UserPrincipalName: adele}))
	c := must1(h.Ledger.Latest(t.Context(), simtenant.UserID(adele)))
	if personal := must1(h.Ledger.PersonalOf(t.Context(), c)); personal["employeeId"] != "E0001" {
		t.Errorf("the number kept is %q, want E0001", personal["employeeId"])
	}
	for _, entry := range must1(h.Ledger.Copy(t.Context(), c.ID)).Entries {
		if strings.Contains(entry, "E0001") {
			t.Errorf("the history says the number: %s", entry)
		}
	}
	e := offboarding.Employee{UserPrincipalName: "alex.wilber@contoso.com"}
	h.Tenant.Edit(func(w *simtenant.World) { w.Users[simtenant.UserID("alex.wilber@contoso.com")].EmployeeID = "" })
	deliver(t, h, newPlanner(h), termination(h, "2", e))
	other := must1(h.Ledger.Latest(t.Context(), simtenant.UserID("alex.wilber@contoso.com")))
	if other == nil || other.Sealed("employeeId") {
		t.Error("somebody without a number has one")
	}
}

// TestNoNameStandsBesideARequestThatNobodyErases: a request that the history of its case does not name would
// keep it for good. One comes again after the deletion, and one is the news of a rehire with a new account.
func TestNoNameStandsBesideARequestThatNobodyErases(t *testing.T) {
	t.Parallel()
	const anew = "adele.vance2@contoso.com"
	h := steptest.New(t)
	p := newPlanner(h)
	p.Policy.OnCancel = offboarding.OnCancelUndo
	rehired(t, h, p, anew, 24*time.Hour)
	was := simtenant.UserID(adele)
	deliver(t, h, p, termination(h, "again", offboarding.Employee{ID: was}))
	back := termination(h, "2", offboarding.Employee{EmployeeID: "E0001"})
	back.Kind = offboarding.Cancellation
	deliver(t, h, p, back)
	c := must1(h.Ledger.Latest(t.Context(), was))
	if _, err := h.Ledger.StopUndo(t.Context(), c.ID, offboarding.Person{Name: "Miriam Graham"}); err != nil {
		t.Fatal(err)
	}
	h.Advance(91 * 24 * time.Hour)
	if _, erased, err := h.Ledger.Erase(t.Context(), c.ID); err != nil || !erased {
		c = must1(h.Ledger.Case(t.Context(), c.ID))
		t.Fatalf("erased: %t, %v; the case is %s", erased, err, c.State(h.Now()))
	}
	decided := 0
	for _, head := range must1(h.Store.List(t.Context())) {
		if strings.HasPrefix(head.ID, "req-") {
			decided++
		}
		for name, v := range must1(h.Store.Unseal(t.Context(), head.ID)) {
			t.Errorf("beside %s stands %s: %q", head.ID, name, v.Value)
		}
	}
	if decided != 3 {
		t.Errorf("%d requests were decided, want 3", decided)
	}
}
