package identity_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/golang-jwt/jwt/v5"

	"leaver/shared/identity"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/simtenant/tenanttest"
)

const (
	issuer = "https://0d8f4e3a-1111-2222-3333-444455556666.tokens.sts.global.api.aws"
	role   = "arn:aws:iam::123456789012:role/leaver-signout"
)

// sts is AWS STS as far as GetWebIdentityToken goes. The claims are what its tokens say.
func sts(t *testing.T, key *rsa.PrivateKey, claims func() jwt.RegisteredClaims) aws.Config {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("Action") != "GetWebIdentityToken" || r.FormValue("SigningAlgorithm") != "RS256" || !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/") {
			w.WriteHeader(http.StatusForbidden)
			_, _ = fmt.Fprint(w, `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not authorized</Message></Error></ErrorResponse>`)
			return
		}
		c := claims()
		if c.Audience == nil {
			c.Audience = jwt.ClaimStrings{r.FormValue("Audience.member.1")}
		}
		token, err := jwt.NewWithClaims(jwt.SigningMethodRS256, c).SignedString(key)
		if err != nil {
			t.Error(err)
		}
		_, _ = fmt.Fprintf(w, `<GetWebIdentityTokenResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetWebIdentityTokenResult><WebIdentityToken>%s</WebIdentityToken>`+
			`<Expiration>%s</Expiration></GetWebIdentityTokenResult></GetWebIdentityTokenResponse>`, token, time.Now().Add(5*time.Minute).UTC().Format(time.RFC3339))
	}))
	t.Cleanup(server.Close)
	return aws.Config{
		Region: "eu-west-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIAEXAMPLE", SecretAccessKey: "example", SessionToken: "example"}, nil
		}),
	}
}

// TestAWSStandsForTheApplication gets a token for Graph with no secret anywhere, and is refused
// whenever the federated credential is another.
func TestAWSStandsForTheApplication(t *testing.T) {
	sim, tenant := tenanttest.Start(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	tenant.ClientID, tenant.ClientSecret = "22222222-3333-4444-8555-666666666666", ""
	good := simtenant.FederatedCredential{Issuer: issuer, Subject: role, Audience: identity.Audience, Key: &key.PublicKey}
	sim.AddApp(simtenant.App{ClientID: tenant.ClientID, Roles: []string{"User.Read.All"}, Federated: []simtenant.FederatedCredential{good}})
	for name, tt := range map[string]struct {
		key       *rsa.PrivateKey
		change    func(*jwt.RegisteredClaims)
		code      string
		permanent bool
	}{
		"the registered role": {key, func(*jwt.RegisteredClaims) {}, "", false},
		"another account":     {key, func(c *jwt.RegisteredClaims) { c.Issuer = "https://other.tokens.sts.global.api.aws" }, "AADSTS700211", false},
		"another role":        {key, func(c *jwt.RegisteredClaims) { c.Subject = "arn:aws:iam::123456789012:role/leaver-delete" }, "AADSTS700213", false},
		"another audience":    {key, func(c *jwt.RegisteredClaims) { c.Audience = jwt.ClaimStrings{"https://example.com"} }, "AADSTS700212", false},
		"a forged signature":  {foreign, func(*jwt.RegisteredClaims) {}, "AADSTS700027", true},
		"a stale token":       {key, func(c *jwt.RegisteredClaims) { c.ExpiresAt = jwt.NewNumericDate(time.Now().Add(-time.Hour)) }, "AADSTS700027", true},
	} {
		t.Run(name, func(t *testing.T) {
			tenant := tenant
			tenant.Assertion = identity.FederatedByAWS(sts(t, tt.key, func() jwt.RegisteredClaims {
				c := jwt.RegisteredClaims{Issuer: issuer, Subject: role, ExpiresAt: jwt.NewNumericDate(time.Now().Add(5 * time.Minute))}
				tt.change(&c)
				return c
			}))
			got, err := token(t.Context(), tenant)
			var permanent *offboarding.PermanentError
			if tt.code == "" {
				if err != nil || got == "" {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.code) || errors.As(err, &permanent) != tt.permanent {
				t.Errorf("%v, permanent %t", err, errors.As(err, &permanent))
			}
		})
	}
}

func TestARoleThatAWSRefusesMayBeAllowedLater(t *testing.T) {
	_, tenant := tenanttest.Start(t)
	c := sts(t, nil, nil)
	c.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKIAOTHER", SecretAccessKey: "example"}, nil
	})
	tenant.ClientSecret, tenant.Assertion = "", identity.FederatedByAWS(c)
	var permanent *offboarding.PermanentError
	if _, err := token(t.Context(), tenant); err == nil || errors.As(err, &permanent) || !strings.Contains(err.Error(), "AccessDenied") {
		t.Error(err)
	}
}

func TestAPodsServiceAccountGetsAToken(t *testing.T) {
	sim, tenant := tenanttest.Start(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	const account = "system:serviceaccount:leaver:leaver"
	tenant.ClientID, tenant.ClientSecret, tenant.Workload = "22222222-3333-4444-8555-666666666666", "", true
	sim.AddApp(simtenant.App{ClientID: tenant.ClientID, Federated: []simtenant.FederatedCredential{
		{Issuer: "https://oidc.example/cluster", Subject: account, Audience: identity.Audience, Key: &key.PublicKey},
	}})
	if _, err := tenant.Connect(nil); err == nil {
		t.Error("a pod without a token file was taken")
	}
	signed, err := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.RegisteredClaims{
		Issuer: "https://oidc.example/cluster", Subject: account, Audience: jwt.ClaimStrings{identity.Audience}, ExpiresAt: jwt.NewNumericDate(time.Now().Add(time.Hour)),
	}).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(signed), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AZURE_FEDERATED_TOKEN_FILE", file)
	if got, err := token(t.Context(), tenant); err != nil || got == "" {
		t.Error(err)
	}
}

func TestAManagedIdentityNeedsNothing(t *testing.T) {
	tenant := identity.Tenant{TenantID: "11111111-2222-3333-4444-555555555555", ClientID: "22222222-3333-4444-8555-666666666666", Managed: true}
	if conn, err := tenant.Connect(nil); err != nil || conn.Credential == nil {
		t.Error(err)
	}
}
