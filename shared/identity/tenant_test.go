package identity_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"leaver/shared/identity"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/simtenant/tenanttest"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// token gets one for Graph.
func token(ctx context.Context, tenant identity.Tenant) (string, error) {
	conn, err := tenant.Connect(nil)
	if err != nil {
		return "", err
	}
	defer conn.HTTP.CloseIdleConnections()
	got, err := conn.Credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{conn.GraphScope}})
	return got.Token, err
}

func TestASecretGetsAToken(t *testing.T) {
	_, tenant := tenanttest.Start(t)
	if got, err := token(t.Context(), tenant); err != nil || got == "" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestACertificateGetsAToken(t *testing.T) {
	sim, tenant := tenanttest.Start(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "leaver"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	sim.Edit(func(w *simtenant.World) { w.Apps[simtenant.DefaultClientID].Certificates = []*x509.Certificate{cert} })
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})...)
	tenant.ClientSecret, tenant.CertificateFile = "", filepath.Join(t.TempDir(), "leaver.pem")
	if err := os.WriteFile(tenant.CertificateFile, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := token(t.Context(), tenant); err != nil || got == "" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestAFederatedIdentityIsAskedForItsAssertion(t *testing.T) {
	_, tenant := tenanttest.Start(t)
	asked := false
	tenant.ClientSecret, tenant.Assertion = "", func(context.Context) (string, error) { asked = true; return "not one that Entra knows", nil }
	var p *offboarding.PermanentError
	if _, err := token(t.Context(), tenant); !asked || !errors.As(err, &p) || !strings.Contains(err.Error(), "AADSTS700027") {
		t.Error(err)
	}
}

func TestWhyThereIsNoToken(t *testing.T) {
	sim, tenant := tenanttest.Start(t)
	fault := func(f simtenant.Fault) {
		f.Operation = "POST /token"
		sim.Edit(func(w *simtenant.World) { w.Faults = []simtenant.Fault{f} })
	}
	var permanent *offboarding.PermanentError
	var throttled *offboarding.ThrottledError

	wrong := tenant
	wrong.ClientSecret = "wrong"
	if _, err := token(t.Context(), wrong); !errors.As(err, &permanent) || !strings.Contains(err.Error(), "AADSTS7000215") || strings.Contains(err.Error(), "\n") {
		t.Errorf("a wrong secret: %v", err)
	}
	fault(simtenant.Fault{Status: 429, RetryAfter: 9 * time.Second})
	if _, err := token(t.Context(), tenant); !errors.As(err, &throttled) || throttled.Delay != 9*time.Second {
		t.Errorf("throttled: %v", err)
	}
	fault(simtenant.Fault{Status: 503})
	before := sim.Requests()["POST /token"]
	if _, err := token(t.Context(), tenant); err == nil || errors.As(err, &permanent) || sim.Requests()["POST /token"]-before > 1 {
		t.Errorf("unavailable: %v", err)
	}
	fault(simtenant.Fault{Reset: true})
	if _, err := token(t.Context(), tenant); err == nil || errors.As(err, &permanent) {
		t.Errorf("a broken connection: %v", err)
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := token(done, tenant); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}

func TestATenantIsRefusedBeforeAnyCall(t *testing.T) {
	good := identity.Tenant{TenantID: "11111111-2222-3333-4444-555555555555", ClientID: "c", ClientSecret: "s"}
	if conn, err := good.Connect(nil); err != nil || conn.Graph != identity.Worldwide.Graph || conn.Authority != identity.Worldwide.Authority {
		t.Fatalf("%+v, %v", conn, err)
	}
	for name, spoil := range map[string]func(*identity.Tenant){
		"no proof":              func(t *identity.Tenant) { t.ClientSecret = "" },
		"two proofs":            func(t *identity.Tenant) { t.CertificateFile = "x.pem" },
		"no such certificate":   func(t *identity.Tenant) { t.ClientSecret, t.CertificateFile = "", "/does/not/exist" },
		"an unknown cloud":      func(t *identity.Tenant) { t.Cloud = "germany" },
		"no such CA":            func(t *identity.Tenant) { t.CAFile = "/does/not/exist" },
		"a CA without anything": func(t *identity.Tenant) { t.CAFile = os.DevNull },
		"an unsafe authority":   func(t *identity.Tenant) { t.Authority = "http://127.0.0.1" },
	} {
		bad := good
		spoil(&bad)
		if conn, err := bad.Connect(nil); err == nil {
			t.Errorf("%s: %+v", name, conn)
		}
	}
	if _, err := identity.Parse([]byte("x")); err == nil {
		t.Error("no JSON was read")
	}
}

func TestEveryCloudHasItsOwnAddresses(t *testing.T) {
	for _, c := range []identity.Cloud{identity.Worldwide, identity.USGov, identity.USGovDoD, identity.China} {
		got, err := identity.CloudOf(c.Name)
		if err != nil || got != c {
			t.Errorf("%s: %+v, %v", c.Name, got, err)
		}
		if offboarding.CloudOf(c.Name).Name != c.Name {
			t.Errorf("%s: the domain does not know it", c.Name)
		}
		if c.GraphScope != strings.TrimSuffix(c.Graph, "/v1.0")+"/.default" || c.ExchangeScope != c.Exchange+"/.default" {
			t.Errorf("%s: a scope is another's", c.Name)
		}
	}
}

// TestWhoeverRanAzLoginGetsAToken stands a script in for the Azure CLI.
func TestWhoeverRanAzLoginGetsAToken(t *testing.T) {
	bin := t.TempDir()
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	tenant := identity.Tenant{TenantID: "11111111-2222-3333-4444-555555555555", AzureCLI: true}
	for name, tt := range map[string]struct{ script, token, says string }{
		"signed in": {`case "$*" in *11111111-2222-3333-4444-555555555555*) echo '{"accessToken":"hers","expires_on":4102444800,"tokenType":"Bearer"}';; esac`, "hers", ""},
		"not yet":   {`echo "Please run 'az login' to setup account." >&2; exit 1`, "", "az login"},
	} {
		if err := os.WriteFile(filepath.Join(bin, "az"), []byte("#!/bin/sh\n"+tt.script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		got, err := token(t.Context(), tenant)
		if got != tt.token || (err != nil) != (tt.says != "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// TestATokenOfAPersonSaysWhoTheyAre, and that of an application nobody.
func TestATokenOfAPersonSaysWhoTheyAre(t *testing.T) {
	bin := t.TempDir()
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	jwt := func(claims string) string {
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2lnbmF0dXJl"
	}
	for name, tt := range map[string]struct{ token, id, person string }{
		"a person":       {jwt(`{"oid":"a1","upn":"miriam.graham@contoso.com","scp":"User.Read"}`), "a1", "miriam.graham@contoso.com"},
		"an application": {jwt(`{"oid":"b2","idtyp":"app","roles":["User.Read.All"]}`), "", ""},
		"no token":       {"opaque", "", ""},
	} {
		script := "#!/bin/sh\necho '{\"accessToken\":\"" + tt.token + "\",\"expires_on\":4102444800,\"tokenType\":\"Bearer\"}'\n"
		if err := os.WriteFile(filepath.Join(bin, "az"), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
		connection, err := identity.Tenant{TenantID: "11111111-2222-3333-4444-555555555555", AzureCLI: true}.Connect(nil)
		if err != nil {
			t.Fatal(err)
		}
		id, person, err := connection.Person(t.Context())
		if err != nil || id != tt.id || person != tt.person {
			t.Errorf("%s: got %q, %q, %v; want %q, %q", name, id, person, err, tt.id, tt.person)
		}
	}
}
