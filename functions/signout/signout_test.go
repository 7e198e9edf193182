package signout_test

import (
	"crypto/rand"
	"testing"
	"time"

	"leaver/functions/signout"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
	"leaver/shared/worker/steptest"
)

func newStep(h *steptest.Harness) worker.Step {
	directory, _ := h.As("signout")
	return signout.New(directory, rand.Reader)
}

func TestStep(t *testing.T) {
	t.Parallel()
	steptest.Run(t, steptest.Subject{
		Name: offboarding.StepSignout, New: newStep, Person: "adele.vance@contoso.com", Administrator: "nestor.wilke@contoso.com",
		Check: func(t *testing.T, h *steptest.Harness, id string) {
			user, ok := h.Tenant.User(id)
			if !ok {
				t.Fatal("the account is gone")
			}
			if h.Tenant.PasswordChanges(id) == 0 {
				t.Error("the password did not change")
			}
			if user.SessionsValidFrom.Before(user.LastPasswordChange) {
				t.Error("sessions were not revoked after the password changed")
			}
		},
		Refusals: []string{"PATCH /users/{id}", "POST /users/{id}/revokeSignInSessions"},
		Lagging:  true,
		Stops: map[string]string{
			"GET /users/{id}":                    steptest.Everything,
			"GET /users/{id}/transitiveMemberOf": steptest.Everything, // who may have become an administrator is not locked out unseen
			"PATCH /users/{id}":                  "Users.LastPasswordChange Users.PasswordChanges",
		},
	})
}

func TestB9B10WhoCannotBeSignedOutByTheMachine(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, person string
		state        offboarding.StepState
		reason       string
	}{
		{"a synced user is a task for the on-premises Active Directory", "megan.bowen@contoso.com", offboarding.StateManual, "on-premises Active Directory"},
		{"B10: an administrator", "nestor.wilke@contoso.com", offboarding.StateParked, "Global Administrator"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			c := h.Open(t, tt.person, offboarding.Options{}, offboarding.DefaultPolicy())
			id := simtenant.UserID(tt.person)
			before, _ := h.Tenant.User(id)
			record := h.Settle(t, c.ID, h.Worker(offboarding.StepSignout, newStep(h)))
			h.Wants(t, record, tt.state, tt.reason)
			after, _ := h.Tenant.User(id)
			if !after.SessionsValidFrom.After(before.SessionsValidFrom) {
				t.Error("the sessions were not revoked although they could be")
			}
		})
	}
}

// TestWhoSignsInElsewhereIsLeftToTheHomeTenant, and a guest with a password here is not. Sources: Microsoft
// Graph, user: revokeSignInSessions; Microsoft Entra, Properties of a B2B collaboration user.
func TestWhoSignsInElsewhereIsLeftToTheHomeTenant(t *testing.T) {
	t.Parallel()
	const guest, lee = "henrietta.mueller_fabrikam.com#EXT#@contoso.com", "lee.gu@contoso.com"
	for name, tt := range map[string]struct {
		person string
		edit   func(*simtenant.User)
		here   bool
	}{
		"a guest":                      {person: guest, edit: func(*simtenant.User) {}},
		"a member of another tenant":   {person: guest, edit: func(u *simtenant.User) { u.UserType = "Member" }},
		"a guest with a password here": {person: lee, edit: func(u *simtenant.User) { u.UserType = "Guest" }, here: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			id := simtenant.UserID(tt.person)
			h.Tenant.Edit(func(w *simtenant.World) { tt.edit(w.Users[id]) })
			was, _ := h.Tenant.User(id)
			c := h.Open(t, tt.person, offboarding.Options{}, offboarding.DefaultPolicy())
			record := h.Settle(t, c.ID, h.Worker(offboarding.StepSignout, newStep(h)))
			h.Wants(t, record, offboarding.StateEffective)
			is, _ := h.Tenant.User(id)
			changed, revoked := h.Tenant.PasswordChanges(id) > 0, is.SessionsValidFrom.After(was.SessionsValidFrom)
			if changed != tt.here || revoked != tt.here || (record.Evidence["external"] == "") != tt.here {
				t.Errorf("password changed %t, sessions revoked %t, evidence %v; want them here: %t", changed, revoked, record.Evidence, tt.here)
			}
		})
	}
}

// TestB9ASynchronisedPasswordIsResetWhereItIsMastered: once a person did so, replaying finds it
// changed.
func TestB9ASynchronisedPasswordIsResetWhereItIsMastered(t *testing.T) {
	t.Parallel()
	const megan = "megan.bowen@contoso.com"
	h := steptest.New(t)
	c := h.Open(t, megan, offboarding.Options{}, offboarding.DefaultPolicy())
	w := h.Worker(offboarding.StepSignout, newStep(h))
	h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateManual)
	h.Advance(time.Minute)
	h.Tenant.Edit(func(w *simtenant.World) { w.Users[simtenant.UserID(megan)].LastPasswordChange = h.Now() })
	if _, err := h.Ledger.Replay(t.Context(), c.ID, offboarding.StepSignout); err != nil {
		t.Fatal(err)
	}
	h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateEffective)
}

// TestARefusalThatSaysADateIsHeeded: RFC 9110, 10.2.3; wisecom-oy/atlas#203, where the date was thrown away.
func TestARefusalThatSaysADateIsHeeded(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, "adele.vance@contoso.com", offboarding.Options{}, offboarding.DefaultPolicy())
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Faults = append(w.Faults, simtenant.Fault{Operation: "PATCH /users/{id}", Status: 429, RetryAfter: 90 * time.Second, RetryDate: true, Times: 1})
	})
	w := h.Worker(offboarding.StepSignout, newStep(h))
	record, _ := h.Step(t, c.ID, w)
	if wait := record.Due.Sub(h.Now()); record.State != offboarding.StateRetrying || wait < 89*time.Second || wait > 95*time.Second {
		t.Errorf("got %s, again in %s, want it after the 90 s that the date says: %s", record.State, wait, record.Reason)
	}
	h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateEffective)
	if u, _ := h.Tenant.User(c.Leaver); u.PasswordChanges != 1 {
		t.Errorf("the password changed %d times, want once", u.PasswordChanges)
	}
}
