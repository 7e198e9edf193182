package plan_test

import (
	"cmp"
	"strings"
	"testing"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// TestNamesThatEntraCannotHaveAreFound: cases.md 3 and its kind.
func TestNamesThatEntraCannotHaveAreFound(t *testing.T) {
	t.Parallel()
	const erin = "erin.o'neil-fitz@contoso.com"
	for name, e := range map[string]offboarding.Employee{
		"a mark of zero width within":     {UserPrincipalName: "erin.\u200bo'neil-fitz@contoso.com"},
		"a word processor's apostrophe":   {UserPrincipalName: "erin.o\u2019neil-fitz@contoso.com"},
		"a word processor's hyphen":       {Mail: "erin.o'neil\u2011fitz@contoso.com"},
		"full width":                      {UserPrincipalName: "ｅｒｉｎ.o'neil-fitz＠contoso.com"},
		"a decomposed employee number":    {EmployeeID: "A\u0308-77"},
		"an object id in full width":      {ID: strings.Replace(simtenant.UserID(erin), "-", "－", 4)},
		"upper case and a no-break blank": {UserPrincipalName: "\u00a0" + strings.ToUpper(erin)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			h.Tenant.Edit(func(w *simtenant.World) {
				u := *w.Users[simtenant.UserID(adele)]
				u.ID, u.UserPrincipalName, u.Mail, u.ProxyAddresses, u.EmployeeID = simtenant.UserID(erin), erin, erin, nil, "\u00c4-77"
				w.Users[u.ID] = &u
			})
			d := deliver(t, h, newPlanner(h), termination(h, "1", e))
			if c, err := h.Ledger.Latest(t.Context(), simtenant.UserID(erin)); err != nil || c == nil || !d.Completed {
				t.Errorf("got no case (%v, %q), want one for the person", err, d.DeadSentence)
			}
			lockedOut(t, h, simtenant.UserID(erin))
		})
	}
}

// TestThreat4AUsedUpNameDoesNotDecideWhoIsMeant gives the name of somebody who left to whoever
// comes next, and sends the event of the former again, dated today: the latter used to be locked
// out.
func TestThreat4AUsedUpNameDoesNotDecideWhoIsMeant(t *testing.T) {
	t.Parallel()
	successor := "7d1a4f6e-0c3b-4f5e-9a7d-2b8c6e1f0a94"
	known := offboarding.DefaultPolicy().Grace + offboarding.DefaultPolicy().DeleteAfter + offboarding.DefaultPolicy().EraseAfter
	for name, tt := range map[string]struct {
		e       offboarding.Employee
		lives   time.Duration // for how long the successor has been there; a day unless it says so
		planned bool
	}{
		"by the name alone":                   {e: offboarding.Employee{UserPrincipalName: adele}},
		"as long as the ledger may know it":   {e: offboarding.Employee{UserPrincipalName: adele}, lives: known},
		"and no longer":                       {e: offboarding.Employee{UserPrincipalName: adele}, lives: known + time.Hour, planned: true},
		"by the address alone":                {e: offboarding.Employee{Mail: adele}},
		"by the name and as address":          {e: offboarding.Employee{UserPrincipalName: adele, Mail: adele}},
		"by the name and the employee number": {e: offboarding.Employee{UserPrincipalName: adele, EmployeeID: "E7777"}, planned: true},
		"by the object id":                    {e: offboarding.Employee{ID: successor}, planned: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			p := newPlanner(h)
			deliver(t, h, p, termination(h, "1", offboarding.Employee{UserPrincipalName: adele}))
			c, err := h.Ledger.Latest(t.Context(), simtenant.UserID(adele))
			if err != nil || c == nil {
				t.Fatalf("no case: %v", err)
			}
			next, _ := h.Tenant.User(c.Leaver)
			deleted(t, h, c)
			lives := cmp.Or(tt.lives, 24*time.Hour)
			h.Advance(40*24*time.Hour + lives)
			h.Tenant.Edit(func(w *simtenant.World) {
				next.ID, next.EmployeeID, next.Created = successor, "E7777", h.Now().Add(-lives)
				w.Users[successor] = &next
			})
			d := deliver(t, h, p, termination(h, "2", tt.e))
			planned, err := h.Ledger.Latest(t.Context(), successor)
			if err != nil || (planned != nil) != tt.planned {
				t.Fatalf("planned %t, want %t: %q, %v", planned != nil, tt.planned, d.DeadSentence, err)
			}
			if !tt.planned && (!strings.Contains(d.DeadSentence, successor) || !strings.Contains(d.DeadSentence, c.Leaver)) {
				t.Errorf("dead-lettered with %q, want both accounts named", d.DeadSentence)
			}
			if tt.planned {
				lockedOut(t, h, successor)
			} else {
				lockedOut(t, h)
			}
		})
	}
}
