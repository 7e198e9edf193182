package simtenant

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func TestTokenRefusals(t *testing.T) {
	f := setUp(t, Config{})
	for _, c := range []struct {
		name, client, secret, scope string
		status                      int
		code                        string
	}{
		{"bad secret", DefaultClientID, "wrong", graphAudience + "/.default", 401, "AADSTS7000215: Invalid client secret provided."},
		{"unknown app", "11111111-2222-4333-8444-555555555555", "x", graphAudience + "/.default", 400, "AADSTS700016:"},
		{"unknown resource", DefaultClientID, DefaultSecret, "https://example.com/.default", 400, "AADSTS500011:"},
	} {
		a := f.tokenAnswer(c.client, c.secret, c.scope)
		if a.status != c.status || !strings.HasPrefix(a.at("error_description"), c.code) || a.at("correlation_id") == "" {
			t.Errorf("%s: %d %v", c.name, a.status, a.body)
		}
	}
	f.conn.TenantID = "99999999-2222-4333-8444-555555555555"
	if a := f.tokenAnswer(DefaultClientID, DefaultSecret, graphAudience+"/.default"); a.status != 400 || !strings.HasPrefix(a.at("error_description"), "AADSTS90002") {
		t.Errorf("unknown tenant: %d %v", a.status, a.body)
	}
}

func TestDiscovery(t *testing.T) {
	f := setUp(t, Config{})
	req, _ := http.NewRequest("GET", f.conn.Authority+"/"+f.conn.TenantID+"/v2.0/.well-known/openid-configuration?", nil)
	a := f.send(req)
	equal(t, "issuer", a.at("issuer"), f.conn.Authority+"/"+f.conn.TenantID+"/v2.0")
	equal(t, "token endpoint", a.at("token_endpoint"), f.conn.Authority+"/"+f.conn.TenantID+"/oauth2/v2.0/token")
}

func TestBearerRefusals(t *testing.T) {
	f := setUp(t, Config{})
	old := f.token(DefaultClientID, graphAudience)
	exchange := f.token(DefaultClientID, exchangeAudience)
	f.ExpireTokens()
	for name, bearer := range map[string]string{"none": "", "garbage": "Bearer x", "expired": "Bearer " + old, "for Exchange": "Bearer " + exchange} {
		req, _ := http.NewRequest("GET", f.conn.Graph+"/organization", nil)
		req.Header.Set("Authorization", bearer)
		a := f.send(req)
		if a.status != 401 || a.code() != "InvalidAuthenticationToken" || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer ") {
			t.Errorf("%s: %d %v %v", name, a.status, a.body, a.header)
		}
	}
}

func TestTokenLifetime(t *testing.T) {
	now := start
	f := setUp(t, Config{TokenLifetime: time.Minute, Now: func() time.Time { return now }})
	f.Advance(24 * time.Hour)
	f.want(f.call("GET", "/organization", nil), 200, "")
	f.Advance(24 * time.Hour) // moves the tenant, not the life of tokens
	f.want(f.call("GET", "/organization", nil), 200, "")
	now = now.Add(2 * time.Minute)
	f.want(f.call("GET", "/organization", nil), 401, "InvalidAuthenticationToken")
}

func TestClientAssertion(t *testing.T) {
	f := setUp(t, Config{})
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "leaver"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	const client = "22222222-3333-4444-8555-666666666666"
	f.AddApp(App{ClientID: client, Certificates: []*x509.Certificate{cert}, Roles: []string{"Organization.Read.All"}})
	endpoint := f.conn.Authority + "/" + f.conn.TenantID + "/oauth2/v2.0/token"
	ask := func(change func(*jwt.Token, *jwt.RegisteredClaims)) answer {
		claims := jwt.RegisteredClaims{Issuer: client, Subject: client, Audience: jwt.ClaimStrings{endpoint}, ID: "1", NotBefore: jwt.NewNumericDate(time.Now()), ExpiresAt: jwt.NewNumericDate(time.Now().Add(10 * time.Minute))}
		tok := jwt.NewWithClaims(jwt.SigningMethodPS256, &claims)
		sum := sha256.Sum256(der)
		tok.Header["x5t#S256"] = base64.StdEncoding.EncodeToString(sum[:])
		change(tok, &claims)
		signed, err := tok.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		form := url.Values{"client_id": {client}, "grant_type": {"client_credentials"}, "scope": {graphAudience + "/.default"}, "client_assertion": {signed},
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}}
		req, _ := http.NewRequest("POST", endpoint, strings.NewReader(form.Encode()))
		return f.send(req)
	}
	f.want(ask(func(*jwt.Token, *jwt.RegisteredClaims) {}), 200, "")
	f.want(ask(func(tok *jwt.Token, _ *jwt.RegisteredClaims) { // as older clients name a certificate
		old := sha1.Sum(der)
		delete(tok.Header, "x5t#S256")
		tok.Header["x5t"] = base64.RawURLEncoding.EncodeToString(old[:])
	}), 200, "")
	for name, change := range map[string]func(*jwt.Token, *jwt.RegisteredClaims){
		"foreign certificate": func(tok *jwt.Token, _ *jwt.RegisteredClaims) { tok.Header["x5t#S256"] = "AAAA" },
		"foreign audience":    func(_ *jwt.Token, c *jwt.RegisteredClaims) { c.Audience = jwt.ClaimStrings{"https://example.com"} },
		"foreign issuer":      func(_ *jwt.Token, c *jwt.RegisteredClaims) { c.Issuer = "x" },
		"expired": func(_ *jwt.Token, c *jwt.RegisteredClaims) {
			c.ExpiresAt = jwt.NewNumericDate(time.Now().Add(-time.Hour))
		},
	} {
		if a := ask(change); a.status != 401 || !strings.HasPrefix(a.at("error_description"), "AADSTS700027") {
			t.Errorf("%s: %d %v", name, a.status, a.body)
		}
	}
}

func TestTokensForTheBusAndTheTables(t *testing.T) {
	f := setUp(t, Config{})
	for _, scope := range []string{"https://servicebus.azure.net//.default", "https://servicebus.azure.net/.default", "https://storage.azure.com/.default"} {
		a := f.tokenAnswer(DefaultClientID, DefaultSecret, scope)
		f.want(a, 200, "")
		var claims accessClaims
		if _, _, err := jwt.NewParser().ParseUnverified(a.at("access_token"), &claims); err != nil || len(claims.Roles) > 0 || !strings.HasPrefix(scope, claims.Audience) {
			t.Errorf("%s: %+v, %v", scope, claims, err)
		}
	}
}
