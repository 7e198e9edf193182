package aztables_test

import (
	"testing"

	"leaver/shared/ledger/aztables"
	"leaver/shared/ledger/azuritetest"
)

func TestOpenWithATokenAndWithAConnectionString(t *testing.T) {
	t.Parallel()
	url, client := azuritetest.StartTLS(t)
	byToken, err := aztables.Open(url, azuritetest.Entra{TB: t}, client)
	if err != nil {
		t.Fatal(err)
	}
	if err := byToken.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, byToken, 1, "open", "one")
	wantEntries(t, byToken, "one")
	wantListed(t, byToken, "open", 1)

	byKey, err := aztables.OpenConnectionString(azuritetest.ConnectionString(url), client)
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, byKey, 2, "open", "two")
	wantEntries(t, byToken, "one", "two")

	if _, err := aztables.OpenConnectionString("AccountKey=secret", nil); err == nil {
		t.Error("a connection string without an account is taken")
	}
}
