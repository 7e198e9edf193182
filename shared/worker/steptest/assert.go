package steptest

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

// cancelCase writes the tombstone of the site's case.
func (x *fixture) cancelCase(ctx context.Context) (*offboarding.Case, error) {
	return x.Ledger.Cancel(ctx, ledger.Cancellation{
		Tenant: x.TenantID(), Leaver: x.id, Request: "req-cancel", EventTime: x.Now().Add(time.Second), Reason: "test",
	})
}

// assertNothingPersonal fails when the text holds what names the user.
func assertNothingPersonal(t *testing.T, where, text string, user simtenant.User) {
	t.Helper()
	for _, personal := range []string{user.UserPrincipalName, user.DisplayName, user.Mail, "adele", "vance"} {
		if personal != "" && strings.Contains(strings.ToLower(text), strings.ToLower(personal)) {
			t.Errorf("the %s holds %q: %s", where, personal, text)
		}
	}
}

// Wants fails the test unless a step's record is in a state, with a reason that holds every text.
func (h *Harness) Wants(t testing.TB, got *offboarding.Record, state offboarding.StepState, says ...string) {
	t.Helper()
	if got.State != state {
		t.Errorf("step %s: got %s (%q), want %s", got.Name, got.State, got.Reason, state)
	}
	for _, text := range says {
		if !strings.Contains(got.Reason, text) {
			t.Errorf("step %s: got the reason %q, want %q in it", got.Name, got.Reason, text)
		}
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	must(t, err)
	return string(text)
}
