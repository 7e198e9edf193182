package signout_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"leaver/functions/signout"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
	"leaver/shared/worker/steptest"
)

// TestNoPasswordIsSetThatSomebodyCouldGuess: where there is no randomness, or too little, the old password stays
// until there is, and the step says why.
func TestNoPasswordIsSetThatSomebodyCouldGuess(t *testing.T) {
	t.Parallel()
	for name, random := range map[string]io.Reader{
		"none":       iotest.ErrReader(errors.New("no entropy")),
		"too little": bytes.NewReader(make([]byte, 8)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
			directory, _ := h.As("signout")
			record, _ := h.Step(t, c.ID, h.Worker(offboarding.StepSignout, signout.New(directory, random)))
			if n := h.Tenant.PasswordChanges(c.Leaver); n != 0 || record.State.Settled() && record.State != offboarding.StateParked {
				t.Errorf("the password was changed %d times, and the step is %s; want neither", n, record.State)
			}
			if !strings.Contains(record.Reason, "making a password") {
				t.Errorf("got the reason %q, want that no password could be made", record.Reason)
			}
		})
	}
}

// TestNothingIsChangedOfAnAccountThatCannotBeRead: whether it is a guest's, and when its password was last changed,
// is read first.
func TestNothingIsChangedOfAnAccountThatCannotBeRead(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	before, _ := h.Tenant.User(c.Leaver)
	first := true
	h.OnRequest = func(*http.Request) error {
		if !first {
			return nil
		}
		first = false
		return http.ErrHandlerTimeout
	}
	w := h.Worker(offboarding.StepSignout, newStep(h))
	record, _ := h.Step(t, c.ID, w)
	after, _ := h.Tenant.User(c.Leaver)
	if n := h.Tenant.PasswordChanges(c.Leaver); n != 0 || !after.SessionsValidFrom.Equal(before.SessionsValidFrom) || record.State != offboarding.StateRetrying {
		t.Errorf("%s, the password was changed %d times, sessions are valid from %s; want it as it was, %s", record.State, n, after.SessionsValidFrom, before.SessionsValidFrom)
	}
	h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateEffective)
}

// TestAPasswordThatTheLeaverSetsMeanwhileIsNotTakenForOurs: the leaver changes it between the look and the write,
// which is tried again.
func TestAPasswordThatTheLeaverSetsMeanwhileIsNotTakenForOurs(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Faults = append(w.Faults, simtenant.Fault{Operation: "PATCH /users/{id}", Status: http.StatusServiceUnavailable, Times: 1})
	})
	w := h.Worker(offboarding.StepSignout, newStep(h))
	h.Step(t, c.ID, w)
	h.Advance(time.Minute)
	h.Tenant.Edit(func(w *simtenant.World) { w.Users[c.Leaver].LastPasswordChange = h.Now() })
	h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateEffective)
	if n := h.Tenant.PasswordChanges(c.Leaver); n != 1 {
		t.Errorf("the password was changed %d times by the step, want once", n)
	}
}

// TestEachWriteIsAwaitedByItself lets one of the two writes show later than the other: the step waits for it, and
// does neither again.
func TestEachWriteIsAwaitedByItself(t *testing.T) {
	t.Parallel()
	for property, tt := range map[string]struct {
		write string
		of    func(*simtenant.User) *time.Time
	}{
		"lastPasswordChangeDateTime":      {"PATCH", func(u *simtenant.User) *time.Time { return &u.LastPasswordChange }},
		"signInSessionsValidFromDateTime": {"POST", func(u *simtenant.User) *time.Time { return &u.SessionsValidFrom }},
	} {
		t.Run(property, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
			h.Advance(time.Hour)
			user, _ := h.Tenant.User(c.Leaver)
			was, shows := *tt.of(&user), time.Time{}
			h.OnAnswer = func(r *http.Request) error {
				if r.Method == tt.write && strings.Contains(r.URL.Path, c.Leaver) {
					h.Tenant.Edit(func(w *simtenant.World) {
						shows, *tt.of(w.Users[c.Leaver]) = *tt.of(w.Users[c.Leaver]), was
					})
				}
				return nil
			}
			w := h.Worker(offboarding.StepSignout, newStep(h))
			record, _ := h.Step(t, c.ID, w)
			h.Wants(t, record, offboarding.StateWaiting, property)
			h.Tenant.Edit(func(w *simtenant.World) { *tt.of(w.Users[c.Leaver]) = shows })
			h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateEffective)
			if p, s := h.Tenant.PasswordChanges(c.Leaver), h.Tenant.Requests()["POST /users/{id}/revokeSignInSessions"]; p != 1 || s != 1 {
				t.Errorf("the password was changed %d times and the sessions revoked %d times, want once each", p, s)
			}
		})
	}
}

// TestAGuestWhoComesBackKeepsTheirOwnPassword: it is of the home tenant, and nobody has to hand over another.
func TestAGuestWhoComesBackKeepsTheirOwnPassword(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, "henrietta.mueller_fabrikam.com#EXT#@contoso.com", offboarding.Options{}, offboarding.DefaultPolicy())
	w := h.Worker(offboarding.StepSignout, newStep(h))
	h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateEffective)
	c, err := h.Ledger.Undo(t.Context(), ledger.UndoOrder{Case: c.ID, By: offboarding.Person{Name: "Miriam Graham"}, Reason: "she stays", Source: "operator"})
	if err == nil {
		_, err = worker.Dispatch(t.Context(), h.Bus, h.Ledger, c)
	}
	if err != nil {
		t.Fatal(err)
	}
	h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateUndone)
	if n := h.Tenant.PasswordChanges(c.Leaver); n != 0 {
		t.Errorf("the password was changed %d times, want never", n)
	}
}
