package simtenant

import (
	"cmp"
	crand "crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"html/template"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// DefaultConsoleID is the client id of the registration by which people sign in to Leaver's console: a
// public client, so that it needs no secret.
const DefaultConsoleID = "c0a5071e-6c1f-4c55-9f0f-5a8e2d1b7c44"

// consoleRoles are the app roles that it declares.
var consoleRoles = []string{"Leaver.Read", "Leaver.Operate", "Leaver.Approve"}

// codeLifetime is how long an authorization code can be redeemed. Source: Microsoft identity platform
// and OAuth 2.0 authorization code flow, "typically they expire after about 10 minutes".
const codeLifetime = 10 * time.Minute

// The endpoints at which people sign in, below the tenant's own.
const (
	endpointAuthorize = "oauth2/v2.0/authorize"
	endpointLogout    = "oauth2/v2.0/logout"
	endpointKeys      = "discovery/v2.0/keys"
)

// signIns are the sign-ins of people that are under way.
type signIns struct {
	key   *rsa.PrivateKey // of id tokens, which Entra signs by RS256; nil until it is needed
	keyID string
	codes map[string]*signIn // by their code
	at    string             // base URL of the sign-in page, where it is served without TLS
	edit  func(claims map[string]any)
}

// signIn is what a person agreed to and a client redeems.
type signIn struct {
	client, redirect, nonce, challenge string
	user                               string // object id
	until                              time.Time
	redeemed                           bool
}

// EditIDTokens lets a test change the claims of every id token before it is signed, as a tenant that
// is set up in another way, or is not the one it seems, would write them; nil changes none.
func (t *Tenant) EditIDTokens(edit func(claims map[string]any)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.signIns.edit = edit
}

// RollKey signs id tokens by a new key from now on, and shows no other, as Entra does at any time.
// Source: Microsoft identity platform, Signing key rollover.
func (t *Tenant) RollKey() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.signIns.key = nil
}

// idKey is the key of id tokens.
func (t *Tenant) idKey() (*rsa.PrivateKey, string, error) {
	if t.signIns.key == nil {
		key, err := rsa.GenerateKey(crand.Reader, 2048)
		if err != nil {
			return nil, "", err
		}
		t.signIns.key, t.signIns.keyID = key, uuid.NewString()
	}
	return t.signIns.key, t.signIns.keyID, nil
}

// people serves what a browser asks of the login host; false where it asks for something else.
func (t *Tenant) people(r *http.Request, first, endpoint string, form url.Values) (reply, bool) {
	switch {
	case endpoint == endpointKeys && r.Method == http.MethodGet:
		return t.keys(), true
	case endpoint == endpointLogout:
		return htmlPage(http.StatusOK, signedOutPage, nil), true
	case endpoint != endpointAuthorize || !strings.EqualFold(first, t.world.TenantID) && !strings.EqualFold(first, t.world.Domain):
		return reply{}, false
	}
	ask := r.URL.Query()
	maps.Copy(ask, form)
	return t.authorize(ask), true
}

// keys is the JSON web key set of id tokens.
func (t *Tenant) keys() reply {
	key, id, err := t.idKey()
	if err != nil {
		return reply{status: http.StatusServiceUnavailable}
	}
	return reply{status: http.StatusOK, body: map[string]any{"keys": []any{map[string]any{
		"kty": "RSA", "use": "sig", "kid": id,
		"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
	}}}}
}

// authorize shows who may sign in, or sends whoever has chosen back with a code. What is wrong about
// the application is shown and sent nowhere, as Entra does.
func (t *Tenant) authorize(ask url.Values) reply {
	app := t.world.Apps[strings.ToLower(ask.Get("client_id"))]
	redirect := ask.Get("redirect_uri")
	problem := func(code int, text string, args ...any) reply {
		return htmlPage(http.StatusBadRequest, problemPage, fmt.Sprintf("AADSTS%d: ", code)+fmt.Sprintf(text, args...))
	}
	switch {
	case app == nil:
		return problem(700016, "Application with identifier '%s' was not found in the directory '%s'.", ask.Get("client_id"), t.world.Company)
	case !slices.ContainsFunc(app.Redirects, func(known string) bool { return sameRedirect(known, redirect) }):
		return problem(50011, "The redirect URI '%s' specified in the request does not match the redirect URIs configured for the application '%s'.", redirect, app.ClientID)
	case ask.Get("response_type") != "code":
		return problem(700054, "response_type '%s' is not enabled for the application.", ask.Get("response_type"))
	case !slices.Contains(strings.Fields(ask.Get("scope")), "openid"):
		return problem(70011, "The provided value for the input parameter 'scope' is not valid.")
	case app.public() && (ask.Get("code_challenge") == "" || ask.Get("code_challenge_method") != "S256"):
		return problem(501491, "A public client has to send a code_challenge by the method S256.")
	}
	back := func(values url.Values) reply {
		values.Set("state", ask.Get("state"))
		return reply{status: http.StatusFound, header: map[string]string{"Location": redirect + "?" + values.Encode(), "Cache-Control": "no-store"}}
	}
	if ask.Get("cancel") != "" {
		return back(url.Values{"error": {"access_denied"}, "error_description": {"AADSTS65004: User declined to consent to access the app."}})
	}
	if ask.Get("prompt") == "none" {
		return back(url.Values{"error": {"login_required"}, "error_description": {"AADSTS50058: A silent sign-in request was sent but no user is signed in."}})
	}
	name := ask.Get("user")
	if name == "" {
		return htmlPage(http.StatusOK, choicePage, t.choice(ask))
	}
	user := t.world.Users[name]
	if user == nil {
		user = t.world.Users[t.world.userID(name)]
	}
	switch {
	case user == nil:
		return problem(50034, "The user account %s does not exist in the %s directory.", name, t.world.Company)
	case !user.AccountEnabled:
		return problem(50057, "The user account is disabled.")
	}
	if t.signIns.codes == nil {
		t.signIns.codes = map[string]*signIn{}
	}
	maps.DeleteFunc(t.signIns.codes, func(_ string, s *signIn) bool { return t.now().After(s.until) })
	code := "1." + crand.Text() + crand.Text()
	t.signIns.codes[code] = &signIn{
		client: app.ClientID, redirect: redirect, nonce: ask.Get("nonce"), challenge: ask.Get("code_challenge"),
		user: user.ID, until: t.now().Add(codeLifetime),
	}
	return back(url.Values{"code": {code}, "session_state": {uuid.NewString()}})
}

// sameRedirect compares redirect URIs as Entra does: exactly, but for the port of a loopback address.
// Source: Redirect URI (reply URL) restrictions and limitations, Localhost exceptions.
func sameRedirect(known, asked string) bool {
	if known == asked {
		return true
	}
	a, err := url.Parse(known)
	b, err2 := url.Parse(asked)
	if err != nil || err2 != nil || a.Scheme != "http" || b.Scheme != "http" || a.Path != b.Path || a.Hostname() != b.Hostname() {
		return false
	}
	return a.Hostname() == "localhost" || a.Hostname() == "127.0.0.1"
}

// public reports whether the application proves itself by nothing but PKCE.
func (a *App) public() bool {
	return a.Secret == "" && len(a.Certificates) == 0 && len(a.Federated) == 0
}

// redeem answers the grant authorization_code, once the application has proved itself.
func (t *Tenant) redeem(r *http.Request, app *App, form url.Values) reply {
	refuse := func(code int, text string) reply {
		return t.refuseToken(r, http.StatusBadRequest, code, "invalid_grant", text)
	}
	s := t.signIns.codes[form.Get("code")]
	switch {
	case s == nil || s.client != app.ClientID:
		return refuse(9002313, "Invalid request. Request is malformed or invalid.")
	case s.redeemed:
		return refuse(54005, "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.")
	case t.now().After(s.until):
		return refuse(70008, "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.")
	case s.redirect != form.Get("redirect_uri"):
		return refuse(50011, "The redirect URI specified in the request does not match the one of the authorization request.")
	}
	sum := sha256.Sum256([]byte(form.Get("code_verifier")))
	if s.challenge != "" && subtle.ConstantTimeCompare([]byte(s.challenge), []byte(base64.RawURLEncoding.EncodeToString(sum[:]))) != 1 {
		return refuse(501481, "The Code_Verifier does not match the code_challenge supplied in the authorization request.")
	}
	s.redeemed = true
	user := t.world.Users[s.user]
	if user == nil || !user.AccountEnabled {
		return refuse(50057, "The user account is disabled.")
	}
	token, err := t.idToken(t.issuer(r.Host), app, user, s.nonce)
	if err != nil {
		return t.refuseToken(r, http.StatusInternalServerError, 90033, "temporarily_unavailable", "A transient error has occurred.")
	}
	return reply{status: http.StatusOK, header: map[string]string{"Cache-Control": "no-store"}, body: map[string]any{
		"token_type": "Bearer", "scope": "openid profile", "expires_in": 3599, "ext_expires_in": 3599,
		"access_token": "simulated-" + crand.Text(), "id_token": token,
	}}
}

// idToken says who signed in, by the claims of version 2.0.
// Source: Microsoft identity platform, ID token claims reference.
func (t *Tenant) idToken(base string, app *App, user *User, nonce string) (string, error) {
	now := t.now()
	claims := map[string]any{
		"ver": "2.0", "iss": base + "/v2.0", "aud": app.ClientID, "tid": t.world.TenantID,
		"sub": derived("subject", app.ClientID, user.ID), "oid": user.ID, "name": user.DisplayName, "preferred_username": user.UserPrincipalName,
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour + 5*time.Minute).Unix(), "uti": crand.Text(), "rh": "1." + crand.Text(),
	}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	var roles []string
	for _, given := range user.AppRoles {
		for _, role := range app.AppRoles {
			if given.Resource == servicePrincipalID(app.ClientID) && given.Role == appRoleID(app.ClientID, role) {
				roles = append(roles, role)
			}
		}
	}
	if len(roles) > 0 { // Entra leaves the claim out where nothing is assigned
		claims["roles"] = roles
	}
	if t.signIns.edit != nil {
		t.signIns.edit(claims)
	}
	key, id, err := t.idKey()
	if err != nil {
		return "", err
	}
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims(claims))
	token.Header["kid"] = id
	return token.SignedString(key)
}

// appRoleID is the id of an app role that a registration declares.
func appRoleID(client, role string) string { return derived("appRole", client, role) }

// assignRole gives a user an app role of the console.
func assignRole(u *User, role string) {
	u.AppRoles = append(u.AppRoles, AppRole{
		ID: strings.ReplaceAll(derived("appRoleAssignment", u.ID, role), "-", "_"), Role: appRoleID(DefaultConsoleID, role), Resource: servicePrincipalID(DefaultConsoleID),
	})
}

// consoleRegistration is the application by which people sign in to the console of a simulated tenant.
func consoleRegistration() *App {
	app := &App{ClientID: DefaultConsoleID, Name: "Leaver console", AppRoles: consoleRoles}
	for _, host := range []string{"localhost", "127.0.0.1"} {
		app.Redirects = append(app.Redirects, "http://"+host+"/console/sign-in/done")
	}
	return app
}

// mostChoices bounds the people that the sign-in page lists.
const mostChoices = 60

// choice is whom the sign-in page shows: first those who have a role.
type choice struct {
	Company string
	Ask     map[string]string
	People  []chosen
	More    bool
}

type chosen struct{ ID, Name, UPN, Roles string }

func (t *Tenant) choice(ask url.Values) choice {
	c := choice{Company: t.world.Company, Ask: map[string]string{}}
	for name := range ask {
		c.Ask[name] = ask.Get(name)
	}
	app := t.world.Apps[strings.ToLower(ask.Get("client_id"))]
	for _, u := range t.world.Users {
		if !u.AccountEnabled || u.UserType == "Guest" {
			continue
		}
		var roles []string
		for _, role := range app.AppRoles {
			if slices.ContainsFunc(u.AppRoles, func(r AppRole) bool { return r.Role == appRoleID(app.ClientID, role) }) {
				roles = append(roles, role)
			}
		}
		c.People = append(c.People, chosen{u.ID, u.DisplayName, u.UserPrincipalName, strings.Join(roles, ", ")})
	}
	slices.SortFunc(c.People, func(a, b chosen) int {
		return cmp.Or(cmp.Compare(len(b.Roles), len(a.Roles)), strings.Compare(a.Name, b.Name))
	})
	if len(c.People) > mostChoices {
		c.People, c.More = c.People[:mostChoices], true
	}
	return c
}

// htmlPage is an answer that a browser shows.
func htmlPage(status int, of *template.Template, data any) reply {
	var text strings.Builder
	if err := of.Execute(&text, data); err != nil {
		panic("simtenant: a page that cannot be written: " + err.Error())
	}
	return reply{status: status, body: plainText(text.String()), header: map[string]string{"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store"}}
}

const pageHead = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in: a simulated tenant</title><style>
:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:6vh auto;padding:0 1rem}
h1{font-size:1.4rem}p{color:light-dark(#555,#bbb)}ul{list-style:none;padding:0}
li button{width:100%;text-align:left;font:inherit;padding:.6rem .8rem;margin:.15rem 0;border:1px solid light-dark(#ccc,#555);border-radius:8px;background:none;color:inherit;cursor:pointer}
li button:hover,li button:focus-visible{background:light-dark(#eef3fb,#26313f)}small{display:block;color:light-dark(#555,#bbb)}
input{font:inherit;padding:.4rem;width:60%}</style></head><body><main>`

var (
	choicePage = template.Must(template.New("choice").Parse(pageHead + `<h1>Sign in to {{.Company}}</h1>
<p>This tenant is simulated: choose who you are. Nobody has a password.</p>
<form method="post">{{range $name, $value := .Ask}}<input type="hidden" name="{{$name}}" value="{{$value}}">{{end}}
<ul>{{range .People}}<li><button name="user" value="{{.ID}}">{{.Name}}<small>{{.UPN}}{{with .Roles}} · {{.}}{{end}}</small></button></li>{{end}}</ul>
{{if .More}}<p>Others sign in by name.</p>{{end}}
<p><button name="cancel" value="1">Cancel</button></p></form>
</main></body></html>`))
	problemPage = template.Must(template.New("problem").Parse(pageHead + `<h1>Sorry, but we’re having trouble signing you in.</h1><p>{{.}}</p></main></body></html>`))

	signedOutPage = template.Must(template.New("signed out").Parse(pageHead + `<h1>You signed out of your account</h1><p>It is a good idea to close all browser windows.</p></main></body></html>`))
)
