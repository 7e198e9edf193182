package exchange_test

import (
	"errors"
	"testing"
	"time"

	"leaver/shared/exchange"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/simtenant/tenanttest"
)

// connect makes a simulated tenant and a client of its Exchange.
func connect(t *testing.T) (*simtenant.Tenant, *exchange.Client) {
	t.Helper()
	sim, conn := tenanttest.Connect(t)
	c, err := exchange.New(conn.Credential, conn.Exchange, conn.ExchangeScope, conn.TenantID, conn.HTTP)
	if err != nil {
		t.Fatal(err)
	}
	return sim, c
}

type permit = tenanttest.Permit

func defaultApp(sim *simtenant.Tenant) (app simtenant.App) {
	sim.Edit(func(w *simtenant.World) { app = *w.Apps[simtenant.DefaultClientID] })
	return app
}

func TestAMailboxIsClosed(t *testing.T) {
	sim, c := connect(t)
	ctx := offboarding.WithWriteGuard(t.Context(), permit{})
	id := simtenant.UserID("lidia.holloway@contoso.com")
	before, err := c.Mailbox(ctx, id)
	if err != nil || before.AccountDisabled || len(before.Protocols.Open()) == 0 {
		t.Fatalf("before: %+v, %v", before, err)
	}
	sim.Edit(func(w *simtenant.World) { w.Faults = []simtenant.Fault{{Operation: "Set-*", Status: 307, Times: 1}} })
	if err := errors.Join(c.CloseMailbox(ctx, id), c.CloseProtocols(ctx, id), c.CloseProtocols(ctx, id)); err != nil {
		t.Fatal(err)
	}
	after, err := c.Mailbox(ctx, id)
	if err != nil || !after.AccountDisabled || len(after.Protocols.Open()) > 0 || after.RecipientTypeDetails != "UserMailbox" {
		t.Errorf("after: %+v, %v", after, err)
	}
	content, err := c.MailboxContent(ctx, id)
	if want := (offboarding.Content{Exists: true, Items: 20412, Bytes: 15687850951}); err != nil || content != want {
		t.Errorf("content: %+v, %v", content, err)
	}
}

func TestWhoHasNoMailbox(t *testing.T) {
	_, c := connect(t)
	id := simtenant.UserID("pradeep.gupta@contoso.com")
	if _, err := c.Mailbox(t.Context(), id); !errors.Is(err, offboarding.ErrNotFound) {
		t.Error(err)
	}
	if content, err := c.MailboxContent(t.Context(), id); err != nil || content.Exists {
		t.Errorf("%+v, %v", content, err)
	}
}

func TestARoleThatIsMissingIsPermanentAndAnExpiredTokenIsNot(t *testing.T) {
	sim, c := connect(t)
	ctx := offboarding.WithWriteGuard(t.Context(), permit{})
	id := simtenant.UserID("lidia.holloway@contoso.com")
	setRole := func(role string) {
		app := defaultApp(sim)
		app.ExchangeRole = role
		sim.AddApp(app)
	}
	var p *offboarding.PermanentError
	setRole("Global Reader")
	if err := c.CloseMailbox(ctx, id); !errors.As(err, &p) {
		t.Errorf("without the role: %v", err)
	}
	setRole("Exchange Recipient Administrator")
	if err := c.CloseMailbox(ctx, id); err != nil {
		t.Errorf("with the role: %v", err)
	}
	sim.ExpireTokens()
	if err := c.CloseMailbox(ctx, id); err == nil || errors.As(err, &p) {
		t.Errorf("with an expired token: %v", err)
	}
}

func TestAThrottledCommandIsTheWorkersToRepeat(t *testing.T) {
	sim, c := connect(t)
	sim.Edit(func(w *simtenant.World) {
		w.Faults = []simtenant.Fault{{Operation: "Get-Mailbox", Status: 429, RetryAfter: 12 * time.Second}}
	})
	var throttled *offboarding.ThrottledError
	_, err := c.Mailbox(t.Context(), simtenant.UserID("lidia.holloway@contoso.com"))
	if !errors.As(err, &throttled) || throttled.Delay != 12*time.Second || sim.Requests()["Get-Mailbox"] != 1 {
		t.Errorf("%v after %d requests", err, sim.Requests()["Get-Mailbox"])
	}
}

// TestAFaultOfTheTenantIsWhatItsStatusIsInExchange: a refusal is not tried again, trouble is.
func TestAFaultOfTheTenantIsWhatItsStatusIsInExchange(t *testing.T) {
	sim, c := connect(t)
	id := simtenant.UserID("lidia.holloway@contoso.com")
	for _, tt := range []struct {
		fault              simtenant.Fault
		permanent, missing bool
	}{
		{fault: simtenant.Fault{Status: 400}, permanent: true},
		{fault: simtenant.Fault{Status: 401}, permanent: true},
		{fault: simtenant.Fault{Status: 403}, permanent: true},
		{fault: simtenant.Fault{Status: 404}, missing: true},
		{fault: simtenant.Fault{Status: 404, Page: true}, permanent: true},
		{fault: simtenant.Fault{Status: 400, Code: "Microsoft.Exchange.Data.Directory.SuitabilityDirectoryException"}},
		{fault: simtenant.Fault{Status: 500}},
		{fault: simtenant.Fault{Status: 503}},
		{fault: simtenant.Fault{Status: 502, Page: true}},
	} {
		tt.fault.Operation = "Get-Mailbox"
		sim.Edit(func(w *simtenant.World) { w.Faults = []simtenant.Fault{tt.fault} })
		_, err := c.MailFlow(t.Context(), id)
		if err == nil || offboarding.IsPermanent(err) != tt.permanent || errors.Is(err, offboarding.ErrNotFound) != tt.missing {
			t.Errorf("%+v: got %v, want it permanent: %t, missing: %t", tt.fault, err, tt.permanent, tt.missing)
		}
	}
}

// TestAMailboxThatNobodyOpenedIsThereAndEmpty: Exchange has no statistics of it.
func TestAMailboxThatNobodyOpenedIsThereAndEmpty(t *testing.T) {
	sim, c := connect(t)
	id := simtenant.UserID("lidia.holloway@contoso.com")
	sim.Edit(func(w *simtenant.World) { w.Mailboxes[id].NeverOpened = true })
	if content, err := c.MailboxContent(t.Context(), id); err != nil || content != (offboarding.Content{Exists: true}) {
		t.Errorf("got %+v, %v, want a mailbox with nothing in it", content, err)
	}
}

// TestWhatExchangeOnPremisesHasAsAUsersIsTakenBack: Exchange, KB 2710029.
func TestWhatExchangeOnPremisesHasAsAUsersIsTakenBack(t *testing.T) {
	sim, c := connect(t)
	id := simtenant.UserID("lidia.holloway@contoso.com")
	for remote, want := range map[string]bool{"": false, "ProvisionMailbox": true, "ProvisionMailbox, ProvisionArchive": true, "Migrated": false, "ProvisionMailbox, SharedMailbox": false, "Migrated, SharedMailbox": false} {
		sim.Edit(func(w *simtenant.World) { w.Mailboxes[id].RemoteRecipientType = remote })
		if flow, err := c.MailFlow(t.Context(), id); err != nil || flow.TakenBack != want {
			t.Errorf("%q: got %t, %v, want %t", remote, flow.TakenBack, err, want)
		}
	}
}
