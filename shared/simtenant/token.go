package simtenant

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// The resources the tenant issues tokens for; it serves only the first two itself.
const (
	graphAudience      = "https://graph.microsoft.com"
	exchangeAudience   = "https://outlook.office365.com"
	serviceBusAudience = "https://servicebus.azure.net"
	storageAudience    = "https://storage.azure.com"
	exchangeRole       = "Exchange.ManageAsApp"
)

// resource maps a scope to one of the resources. The hosts of all national clouds will do, and the
// resources' application ids.
func resource(scope string) (string, bool) {
	for s := range strings.FieldsSeq(scope) {
		base, ok := strings.CutSuffix(s, "/.default")
		if !ok {
			continue
		}
		u, err := url.Parse(strings.TrimSuffix(base, "/"))
		if err != nil {
			return "", false
		}
		switch host := u.Hostname(); {
		case strings.HasPrefix(host, "servicebus."):
			return serviceBusAudience, true
		case strings.HasPrefix(host, "storage."):
			return storageAudience, true
		case strings.HasPrefix(host, "outlook"), host == "partner.outlook.cn", host == "webmail.apps.mil", base == "00000002-0000-0ff1-ce00-000000000000":
			return exchangeAudience, true
		case strings.Contains(host, "graph."), strings.HasPrefix(host, "microsoftgraph."), base == "00000003-0000-0000-c000-000000000000":
			return graphAudience, true
		}
		return "", false
	}
	return "", false
}

type accessClaims struct {
	jwt.RegisteredClaims
	Audience string   `json:"aud"` // one, as Entra writes it
	AppName  string   `json:"app_displayname"`
	Type     string   `json:"idtyp"`
	TenantID string   `json:"tid"`
	AppID    string   `json:"appid"`
	AZP      string   `json:"azp"`
	OID      string   `json:"oid"`
	Roles    []string `json:"roles,omitempty"`
	Epoch    int      `json:"epoch"`
}

// login serves two endpoints of Entra: discovery and tokens.
func (t *Tenant) login(r *http.Request, tenant, endpoint string, form url.Values) reply {
	base := "https://" + r.Host + "/" + tenant
	if endpoint == "v2.0/.well-known/openid-configuration" && slices.Contains([]string{"common", "organizations"}, tenant) {
		return t.discovery(base, "https://"+r.Host+"/{tenantid}") // so Entra writes it
	}
	if !strings.EqualFold(tenant, t.world.TenantID) && !strings.EqualFold(tenant, t.world.Domain) || t.elsewhere(r.Host, entra) {
		return t.refuseToken(r, http.StatusBadRequest, 90002, "invalid_request", fmt.Sprintf("Tenant '%s' not found. Check to make sure you have the correct tenant ID "+
			"and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.", tenant))
	}
	if endpoint == "v2.0/.well-known/openid-configuration" {
		t.counts["GET /openid-configuration"]++
		return t.discovery(base, t.issuer(r.Host))
	}
	t.counts["POST /token"]++
	if grant := form.Get("grant_type"); grant != "client_credentials" && grant != "authorization_code" {
		return t.refuseToken(r, http.StatusBadRequest, 70003, "unsupported_grant_type", fmt.Sprintf("The app requested an unsupported grant type '%s'.", grant))
	}
	redeems := form.Get("grant_type") == "authorization_code"
	id := form.Get("client_id")
	app := t.world.Apps[strings.ToLower(id)]
	if app == nil {
		app = t.world.Apps[id]
	}
	if app == nil {
		return t.refuseToken(r, http.StatusBadRequest, 700016, "unauthorized_client", fmt.Sprintf("Application with identifier '%s' was not found in the directory '%s'. "+
			"This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. "+
			"You may have sent your authentication request to the wrong tenant.", id, t.world.Company))
	}
	if assertion := form.Get("client_assertion"); assertion != "" {
		if form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
			return t.refuseToken(r, http.StatusBadRequest, 900144, "invalid_request", "The request body must contain the following parameter: 'client_assertion_type'.")
		}
		var unfederated *unfederatedError
		if err := app.verify(assertion, base); errors.As(err, &unfederated) {
			return t.refuseToken(r, http.StatusUnauthorized, unfederated.code, "invalid_client", unfederated.Error())
		} else if err != nil {
			return t.refuseToken(r, http.StatusUnauthorized, 700027, "invalid_client", "The certificate with identifier used to sign the client assertion is not registered on application, "+
				"or the assertion failed signature validation. "+err.Error()+".")
		}
	} else if redeems && app.public() { // PKCE is its proof
		if form.Get("client_secret") != "" {
			return t.refuseToken(r, http.StatusUnauthorized, 700025, "invalid_client", "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.")
		}
	} else if redeems && form.Get("client_secret") == "" {
		return t.refuseToken(r, http.StatusUnauthorized, 7000218, "invalid_client", "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")
	} else if app.Secret == "" || subtle.ConstantTimeCompare([]byte(form.Get("client_secret")), []byte(app.Secret)) != 1 {
		return t.refuseToken(r, http.StatusUnauthorized, 7000215, "invalid_client", fmt.Sprintf("Invalid client secret provided. Ensure the secret being sent in the request is the client "+
			"secret value, not the client secret ID, for a secret added to app '%s'.", app.ClientID))
	}
	if app.NoPrincipal {
		return t.refuseToken(r, http.StatusUnauthorized, 7000229, "unauthorized_client", fmt.Sprintf("The client application %s is missing service principal in the tenant %s.", app.ClientID, t.world.TenantID))
	}
	if app.Disabled {
		return t.refuseToken(r, http.StatusBadRequest, 7000112, "unauthorized_client", fmt.Sprintf("Application '%s'(%s) is disabled.", app.ClientID, app.Name))
	}
	if redeems {
		return t.redeem(r, app, form)
	}
	return t.grant(r, app, base, form)
}

// grant gives an application a token of its own, for the resource that it asks for.
func (t *Tenant) grant(r *http.Request, app *App, base string, form url.Values) reply {
	audience, ok := resource(form.Get("scope"))
	if at, err := url.Parse(strings.Fields(form.Get("scope") + " x")[0]); ok && err == nil && (audience == graphAudience || audience == exchangeAudience) && t.elsewhere(at.Hostname(), audience) {
		ok = false
	}
	if !ok {
		return t.refuseToken(r, http.StatusBadRequest, 500011, "invalid_resource", fmt.Sprintf("The resource principal named %s was not found in the tenant named %s.", form.Get("scope"), t.world.Company))
	}
	now := t.now()
	claims := accessClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: base + "/v2.0", Subject: servicePrincipalID(app.ClientID), ID: uuid.NewString(),
			IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(t.tokenLifetime)),
		},
		Audience: audience, AppName: app.Name, Type: "app", TenantID: t.world.TenantID, AppID: app.ClientID, AZP: app.ClientID, OID: servicePrincipalID(app.ClientID), Epoch: t.epoch,
	}
	for _, role := range app.Roles {
		if audience == exchangeAudience && role == exchangeRole || audience == graphAudience && role != exchangeRole {
			claims.Roles = append(claims.Roles, role)
		}
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodES256, claims).SignedString(t.key)
	if err != nil {
		return t.refuseToken(r, http.StatusInternalServerError, 90033, "temporarily_unavailable", "A transient error has occurred.")
	}
	seconds := int(t.tokenLifetime / time.Second)
	return reply{status: http.StatusOK, body: map[string]any{"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token}}
}

// instances is Entra's list of the hosts of its clouds, which a client asks for before it believes one.
// Source: the Microsoft identity platform's instance discovery, as its libraries ask for it.
func (t *Tenant) instances(r *http.Request) reply {
	at := r.URL.Query().Get("authorization_endpoint")
	host := r.Host
	if u, err := url.Parse(at); err == nil && u.Hostname() != "" {
		host = u.Hostname()
	}
	return reply{status: http.StatusOK, body: map[string]any{
		"tenant_discovery_endpoint": strings.TrimSuffix(at, "/oauth2/v2.0/authorize") + "/v2.0/.well-known/openid-configuration", "api-version": "1.1",
		"metadata": []any{map[string]any{"preferred_network": host, "preferred_cache": host, "aliases": []string{host}}},
	}}
}

// discovery is the document by which a client finds the other endpoints.
func (t *Tenant) discovery(base, issuer string) reply {
	authorize := base + "/" + endpointAuthorize
	if t.signIns.at != "" {
		authorize = t.signIns.at + "/" + t.world.TenantID + "/" + endpointAuthorize
	}
	return reply{status: http.StatusOK, body: map[string]any{
		"issuer":                                issuer + "/v2.0",
		"token_endpoint":                        base + "/oauth2/v2.0/token",
		"authorization_endpoint":                authorize,
		"end_session_endpoint":                  base + "/" + endpointLogout,
		"jwks_uri":                              base + "/" + endpointKeys,
		"response_types_supported":              []string{"code", "id_token", "code id_token", "id_token token"},
		"subject_types_supported":               []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"scopes_supported":                      []string{"openid", "profile", "email", "offline_access"},
	}}
}

func (t *Tenant) refuseToken(r *http.Request, status, code int, kind, text string) reply {
	trace, correlation, stamp := uuid.NewString(), orElse(r.Header.Get("client-request-id"), uuid.NewString()), t.clock().Format("2006-01-02 15:04:05Z")
	return reply{status: status, body: map[string]any{
		"error":             kind,
		"error_description": fmt.Sprintf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s", code, text, trace, correlation, stamp),
		"error_codes":       []int{code},
		"timestamp":         stamp, "trace_id": trace, "correlation_id": correlation,
		"error_uri": fmt.Sprintf("https://login.microsoftonline.com/error?code=%d", code),
	}}
}

// verify checks a client assertion: of a federated identity, or signed by a registered certificate,
// which its header names, for this endpoint and this app. Its times are the client's and are judged
// by the real clock.
func (a *App) verify(assertion, base string) error {
	var claims jwt.RegisteredClaims
	if tok, _, err := jwt.NewParser().ParseUnverified(assertion, &claims); err == nil && tok.Header["x5t#S256"] == nil && tok.Header["x5t"] == nil {
		return a.verifyFederated(assertion, claims)
	}
	_, err := jwt.ParseWithClaims(assertion, &claims, func(tok *jwt.Token) (any, error) {
		print, _ := tok.Header["x5t#S256"].(string)
		old, _ := tok.Header["x5t"].(string)
		for _, cert := range a.Certificates {
			long, short := sha256.Sum256(cert.Raw), sha1.Sum(cert.Raw)
			if sameThumbprint(print, long[:]) || print == "" && sameThumbprint(old, short[:]) {
				return cert.PublicKey, nil
			}
		}
		return nil, fmt.Errorf("no certificate with thumbprint %q", print+old)
	}, jwt.WithValidMethods([]string{"PS256", "RS256", "ES256"}), jwt.WithExpirationRequired(), jwt.WithLeeway(5*time.Minute))
	switch {
	case err != nil:
		return err
	case claims.Issuer != a.ClientID || claims.Subject != a.ClientID:
		return errors.New("iss and sub must be the client id")
	case !slices.Contains(claims.Audience, base+"/oauth2/v2.0/token") && !slices.Contains(claims.Audience, base+"/v2.0"):
		return fmt.Errorf("aud %v is not this endpoint", claims.Audience)
	}
	return nil
}

// unfederatedError says which part of an assertion no federated credential of the app matches.
type unfederatedError struct {
	code        int
	part, value string
}

func (e *unfederatedError) Error() string {
	return fmt.Sprintf("No matching federated identity record found for presented assertion %s '%s'. Check your federated identity credential Subject, Audience and Issuer "+
		"against the presented assertion.", e.part, e.value)
}

// verifyFederated checks the token of another issuer. Entra compares issuer, subject and audience,
// and takes RS256 only. Source: Microsoft Entra, Workload identity federation, Considerations.
func (a *App) verifyFederated(assertion string, claims jwt.RegisteredClaims) error {
	matching := func(part, value string, code int, of []FederatedCredential, has func(FederatedCredential) bool) ([]FederatedCredential, error) {
		of = slices.DeleteFunc(slices.Clone(of), func(f FederatedCredential) bool { return !has(f) })
		if len(of) == 0 {
			return nil, &unfederatedError{code, part, value}
		}
		return of, nil
	}
	left, err := matching("issuer", claims.Issuer, 700211, a.Federated, func(f FederatedCredential) bool { return f.Issuer == claims.Issuer })
	if err == nil {
		left, err = matching("subject", claims.Subject, 700213, left, func(f FederatedCredential) bool { return f.Subject == claims.Subject })
	}
	if err == nil {
		left, err = matching("audience", strings.Join(claims.Audience, " "), 700212, left, func(f FederatedCredential) bool { return slices.Contains(claims.Audience, f.Audience) })
	}
	if err != nil {
		return err
	}
	_, err = jwt.ParseWithClaims(assertion, &jwt.RegisteredClaims{}, func(*jwt.Token) (any, error) { return left[0].Key, nil },
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithExpirationRequired(), jwt.WithLeeway(5*time.Minute))
	return err
}

func sameThumbprint(text string, sum []byte) bool {
	return text == base64.StdEncoding.EncodeToString(sum) || text == base64.RawURLEncoding.EncodeToString(sum) || text == base64.URLEncoding.EncodeToString(sum)
}

// caller is who sent a request.
type caller struct {
	app   *App
	roles []string // of the token, which may be older than the app's
}

// authenticate reads the bearer token for one of the two resources. The text of the refusal is what
// Graph says.
func (t *Tenant) authenticate(r *http.Request, audience string) (caller, string) {
	if t.elsewhere(r.Host, audience) {
		return caller{}, "Access token validation failure. Invalid audience."
	}
	raw, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || raw == "" {
		return caller{}, "Access token is empty."
	}
	claims, err := t.verify(raw)
	switch {
	case errors.Is(err, jwt.ErrTokenExpired), err == nil && claims.Epoch != t.epoch:
		return caller{}, "Lifetime validation failed, the token is expired."
	case errors.Is(err, jwt.ErrTokenMalformed):
		return caller{}, "CompactToken parsing failed with error code: 80049217"
	case err != nil:
		return caller{}, "Access token validation failure. Invalid signature."
	case claims.Audience != audience:
		return caller{}, "Access token validation failure. Invalid audience."
	}
	app := t.world.Apps[claims.AppID]
	if app == nil {
		return caller{}, "Access token validation failure. The application is gone from the directory."
	}
	return caller{app: app, roles: claims.Roles}, ""
}

// mostVerified bounds the tokens whose signature is not checked again.
const mostVerified = 1000

// verify reads a token. A client shows the same one with every call: its signature is checked once,
// its lifetime each time.
func (t *Tenant) verify(raw string) (accessClaims, error) {
	lifetime := []jwt.ParserOption{jwt.WithTimeFunc(t.now), jwt.WithExpirationRequired()}
	if claims, ok := t.verified[raw]; ok {
		return claims, jwt.NewValidator(lifetime...).Validate(claims)
	}
	var claims accessClaims
	_, err := jwt.ParseWithClaims(raw, &claims, func(*jwt.Token) (any, error) { return t.key.Public(), nil },
		append(lifetime, jwt.WithValidMethods([]string{"ES256"}))...)
	if err == nil {
		if len(t.verified) >= mostVerified {
			clear(t.verified)
		}
		t.verified[raw] = claims
	}
	return claims, err
}
