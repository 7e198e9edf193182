package plan_test

import (
	"strings"
	"testing"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// TestOddNamesFindExactlyTheirPerson: pnp/powershell#3569 (apostrophes), alkem-io/server#483 (a plus),
// microsoftgraph/microsoft-graph-docs#5648 (leading noughts), MicrosoftDocs/entra-docs#293 (a number that
// two accounts have), msgraph-sdk-dotnet#577 (upper case).
func TestOddNamesFindExactlyTheirPerson(t *testing.T) {
	t.Parallel()
	const quoted, plus = "erin.o'neil@contoso.com", "erin+hr@contoso.com"
	id := simtenant.UserID(adele)
	for name, tt := range map[string]struct {
		edit func(*simtenant.World)
		e    offboarding.Employee
		why  string // empty = found
	}{
		"an apostrophe in the userPrincipalName": {func(w *simtenant.World) { w.Users[id].UserPrincipalName = quoted }, offboarding.Employee{UserPrincipalName: quoted}, ""},
		"an apostrophe in the mail address":      {func(w *simtenant.World) { w.Users[id].Mail = quoted }, offboarding.Employee{Mail: quoted}, ""},
		"a plus in the mail address":             {func(w *simtenant.World) { w.Users[id].Mail = plus }, offboarding.Employee{Mail: plus}, ""},
		"a mail address that is not the userPrincipalName, by the one (KelvinTegelaar/CIPP#1212)": {otherMail(id), offboarding.Employee{Mail: "adele@mail.contoso.com"}, ""},
		"a mail address that is not the userPrincipalName, by the other":                          {otherMail(id), offboarding.Employee{UserPrincipalName: adele}, ""},
		"both of them": {otherMail(id), offboarding.Employee{UserPrincipalName: adele, Mail: "adele@mail.contoso.com"}, ""},
		"upper case":   {func(*simtenant.World) {}, offboarding.Employee{UserPrincipalName: strings.ToUpper(adele)}, ""},
		"a number with leading noughts, and one without": {numbers(id, "00123", "123"), offboarding.Employee{EmployeeID: "00123"}, ""},
		"a number with one nought less":                  {numbers(id, "00123", "123"), offboarding.Employee{EmployeeID: "0123"}, "no user"},
		"a number that an old account has too":           {numbers(id, "00123", "00123"), offboarding.Employee{EmployeeID: "00123"}, "2 users"},
		"a local part of 64 and a name of 245 letters": {func(w *simtenant.World) {
			w.Users[id].UserPrincipalName, w.Users[id].DisplayName = strings.Repeat("a", 64)+"@contoso.com", strings.Repeat("ß", 245)
		}, offboarding.Employee{UserPrincipalName: strings.Repeat("a", 64) + "@contoso.com"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			h.Tenant.Edit(tt.edit)
			d := deliver(t, h, newPlanner(h), termination(h, "1", tt.e))
			c, err := h.Ledger.Latest(t.Context(), id)
			if err != nil || (c != nil) != (tt.why == "") || !strings.Contains(d.DeadSentence, tt.why) {
				t.Errorf("got the case %v, %q, %v; want it refused for %q", c != nil, d.DeadSentence, err, tt.why)
			}
			if other, err := h.Ledger.Latest(t.Context(), simtenant.UserID(henrik)); err != nil || other != nil {
				t.Errorf("somebody else leaves: %v, %v", other, err)
			}
			if tt.why == "" {
				lockedOut(t, h, id)
			} else {
				lockedOut(t, h)
			}
		})
	}
}

// numbers gives an account one employeeId, and an old one that is disabled another.
func numbers(id, number, other string) func(*simtenant.World) {
	return func(w *simtenant.World) {
		w.Users[id].EmployeeID, w.Users[simtenant.UserID(henrik)].EmployeeID = number, other
		w.Users[simtenant.UserID(henrik)].AccountEnabled = false
	}
}

// TestALateOrRepeatedDepartureIsOneAndGoesAtOnce: MicrosoftDocs/azure-docs#110276 (three days late),
// mozilla-iam/cis#440 and SkappHQ/skapp#1427 (sent twice, older after newer, left and back and left).
func TestALateOrRepeatedDepartureIsOneAndGoesAtOnce(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	p := newPlanner(h)
	late := termination(h, "1", offboarding.Employee{UserPrincipalName: adele})
	late.LeavingTime = h.Now().Add(-72 * time.Hour).In(time.FixedZone("", 13*60*60))
	for range 2 {
		deliver(t, h, p, late)
	}
	older := termination(h, "2", offboarding.Employee{UserPrincipalName: adele})
	older.EventTime, older.LeavingTime = h.Now().Add(-time.Hour), h.Now().Add(24*time.Hour)
	deliver(t, h, p, older)
	c, err := h.Ledger.Latest(t.Context(), simtenant.UserID(adele))
	if err != nil || c == nil || !strings.HasSuffix(c.ID, "-1") {
		t.Fatalf("got the case %v, %v, want the first", c, err)
	}
	signout, _ := c.Plan.Step(offboarding.StepSignout)
	licence, _ := c.Plan.Step(offboarding.StepLicence)
	if signout.Due.After(h.Now()) || licence.Due.Before(h.Now().Add(p.Policy.Grace)) {
		t.Errorf("signout is due at %s, licence at %s: want the lockout at once, and the grace from now", signout.Due, licence.Due)
	}
	begun := h.Now()
	lockedOut(t, h, simtenant.UserID(adele))
	if took := h.Now().Sub(begun); took > 10*time.Minute {
		t.Errorf("it took %s until the lockout was over, want it at once", took)
	}
	h.Advance(time.Hour)
	cancelled := termination(h, "3", offboarding.Employee{UserPrincipalName: adele})
	cancelled.Kind = offboarding.Cancellation
	deliver(t, h, p, cancelled)
	h.Tenant.Edit(func(w *simtenant.World) { w.Users[simtenant.UserID(adele)].AccountEnabled = true }) // by whoever welcomes her back
	lockedOut(t, h)
	h.Advance(time.Hour)
	deliver(t, h, p, termination(h, "4", offboarding.Employee{UserPrincipalName: adele}))
	if c, err = h.Ledger.Latest(t.Context(), simtenant.UserID(adele)); err != nil || !strings.HasSuffix(c.ID, "-2") || c.Cancelled != nil {
		t.Errorf("got the case %v, %v, want a second one", c, err)
	}
	lockedOut(t, h, simtenant.UserID(adele))
}

// otherMail gives an account an address that is not its userPrincipalName.
func otherMail(id string) func(*simtenant.World) {
	return func(w *simtenant.World) { w.Users[id].Mail = "adele@mail.contoso.com" }
}
