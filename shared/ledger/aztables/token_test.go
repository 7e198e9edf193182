package aztables_test

import (
	"context"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/golang-jwt/jwt/v5"

	"leaver/shared/ledger/aztables"
	"leaver/shared/ledger/azuritetest"
)

// entra gives out tokens for Azure Storage, and for nothing else.
type entra struct{ *testing.T }

func (e entra) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	const audience = "https://storage.azure.com"
	if len(o.Scopes) != 1 || o.Scopes[0] != audience+"/.default" {
		e.Errorf("scopes %v", o.Scopes)
	}
	now := time.Now()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": "https://sts.windows.net/7a1f6f0a-3a3c-4d0b-9d53-0c1a3f9f1d11/", "aud": audience,
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}).SignedString([]byte("not looked at"))
	return azcore.AccessToken{Token: token, ExpiresOn: now.Add(time.Hour)}, err
}

func TestOpenWithATokenAndWithAConnectionString(t *testing.T) {
	t.Parallel()
	url, client := azuritetest.StartTLS(t)
	byToken, err := aztables.Open(url, entra{t}, client)
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
