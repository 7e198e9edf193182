package console

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/google/uuid"
	"golang.org/x/oauth2"

	"leaver/shared/offboarding"
)

// SignIn is how people sign in: OpenID Connect with Entra, by the authorization code and PKCE.
type SignIn struct {
	// Authority is the base URL of the cloud's login host for people; TenantID is the tenant's id, never a name, nor
	// common: the token of another tenant is refused.
	Authority, TenantID string
	ClientID            string
	// Secret or Assertion prove the console to Entra; neither is there of a public client.
	Secret    string
	Assertion func(context.Context) (string, error)
	Client    *http.Client // that reaches the login host
}

// check says what is wrong.
func (s SignIn) check() error {
	if uuid.Validate(s.TenantID) != nil {
		return fmt.Errorf("people sign in to one tenant, which is named by its id and not as %q", s.TenantID)
	}
	if uuid.Validate(s.ClientID) != nil {
		return fmt.Errorf("LEAVER_CONSOLE_CLIENT_ID is the application (client) id of the console's registration, a GUID, and not %q", s.ClientID)
	}
	if s.Client == nil {
		return errors.New("the console has no way to reach Entra")
	}
	return nil
}

// issuer is what a token of the tenant says as iss, by version 2.0 of Entra's endpoints.
func (s SignIn) issuer() string {
	return strings.TrimSuffix(s.Authority, "/") + "/" + s.TenantID + "/v2.0"
}

// provider is Entra, as its discovery document says. It is asked when somebody signs in, and again when
// it could not be reached: the console starts without it.
type provider struct {
	mu    sync.Mutex
	known *oidc.Provider
}

// patience is how long Entra may take to answer.
const patience = 15 * time.Second

func (c *Console) entra(ctx context.Context) (*oidc.Provider, error) {
	c.provider.mu.Lock()
	defer c.provider.mu.Unlock()
	if c.provider.known != nil {
		return c.provider.known, nil
	}
	// Its keys are fetched as long as the process lives, so not under the request that came first.
	known, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), c.SignIn.Client), c.SignIn.issuer())
	if err != nil {
		return nil, fmt.Errorf("reading Entra's discovery document: %w", err)
	}
	c.provider.known = known
	return known, nil
}

func (c *Console) oauth(p *oidc.Provider) *oauth2.Config {
	endpoint := p.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInParams
	return &oauth2.Config{
		ClientID: c.SignIn.ClientID, ClientSecret: c.SignIn.Secret, Endpoint: endpoint,
		RedirectURL: c.public.String() + signInPath + "/done", Scopes: []string{oidc.ScopeOpenID, "profile"},
	}
}

const (
	signInPath   = Base + "/sign-in"
	cookieSignIn = "signin"
	signInLasts  = 10 * time.Minute
	// mostSignIns bounds the sign-ins of a browser that were begun and not ended, each a cookie: too many
	// of them, and no server takes its requests any more.
	mostSignIns = 5
)

// signingIn is a sign-in that was begun: every tab has one of its own.
type signingIn struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
	To       string `json:"to"`
}

// cookie is the name of its cookie.
func (s signingIn) cookie() string {
	sum := sha256.Sum256([]byte(s.State))
	return cookieSignIn + "-" + hex.EncodeToString(sum[:6])
}

// beginSignIn sends a browser to Entra.
func (c *Console) beginSignIn(w http.ResponseWriter, r *http.Request) {
	ctx, stop := context.WithTimeout(r.Context(), patience)
	defer stop()
	entra, err := c.entra(ctx)
	if err != nil {
		c.Log.Error("console", "signing in", "begin", "error", err)
		c.write(w, r, session{}, problem(http.StatusServiceUnavailable, "Entra cannot be reached, so nobody can sign in now. The operator's command works all the same."))
		return
	}
	begun := signingIn{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), To: localPath(r.URL.Query().Get("to"))}
	pending := 0
	for _, cookie := range r.Cookies() {
		of, is := strings.CutPrefix(cookie.Name, c.cookies.name(""))
		if is && strings.HasPrefix(of, cookieSignIn+"-") {
			if pending++; pending >= mostSignIns {
				c.cookies.clear(w, of)
			}
		}
	}
	if err := c.cookies.set(w, begun.cookie(), signInLasts, begun); err != nil {
		c.write(w, r, session{}, failed(err))
		return
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(begun.Nonce), oauth2.S256ChallengeOption(begun.Verifier)}
	if r.URL.Query().Get("another") != "" {
		options = append(options, oauth2.SetAuthURLParam("prompt", "select_account"))
	}
	http.Redirect(w, r, c.oauth(entra).AuthCodeURL(begun.State, options...), http.StatusFound)
}

// localPath is a path of the console to go to after the sign-in; nobody is led elsewhere.
var localPaths = regexp.MustCompile(`^` + Base + `/([a-z0-9][a-z0-9/-]*)?$`)

func localPath(to string) string {
	if !localPaths.MatchString(to) || strings.HasPrefix(to, signInPath) || strings.Contains(to, "//") {
		return Base + "/"
	}
	return to
}

// refusal is why somebody did not get in, in words for them.
type refusal struct {
	text string
	err  error
}

// endSignIn takes a browser back from Entra. Whatever fails leads to a page that says so and never back
// to Entra by itself: nobody goes round in circles.
func (c *Console) endSignIn(w http.ResponseWriter, r *http.Request) {
	var begun signingIn
	name := signingIn{State: r.URL.Query().Get("state")}.cookie()
	known := c.cookies.get(r, name, &begun)
	if _, is := c.session(r); is && !known { // the page was loaded again: nothing is redeemed, and nobody is shut out
		http.Redirect(w, r, Base+"/", http.StatusSeeOther)
		return
	}
	c.cookies.clear(w, name)
	ctx, stop := context.WithTimeout(r.Context(), patience)
	defer stop()
	var who session
	refused := &refusal{text: "This sign-in was not begun in this browser, or too long ago. Begin it again."}
	if known && subtle.ConstantTimeCompare([]byte(begun.State), []byte(r.URL.Query().Get("state"))) == 1 {
		who, refused = c.redeem(ctx, r, begun)
	}
	if refused != nil {
		if before, is := c.session(r); is && known { // the page says that nobody is signed in
			c.ended.add(before, c.Desk.Now())
			c.cookies.clear(w, cookieSession)
		}
		c.Log.Warn("console", "signing in", "refused", "why", refused.text, "error", refused.err)
		c.write(w, r, session{}, answer{status: http.StatusForbidden, page: "refused", title: "No access", data: refused.text})
		return
	}
	if err := c.cookies.set(w, cookieSession, sessionLasts, who); err != nil {
		c.write(w, r, session{}, failed(err))
		return
	}
	c.Log.Info("console", "signing in", "done", "by", who.Person.ID, "roles", who.roles())
	http.Redirect(w, r, begun.To, http.StatusSeeOther)
}

var errorWord = regexp.MustCompile(`^[a-z_]{1,40}$`)

// redeem exchanges the code for who signed in.
func (c *Console) redeem(ctx context.Context, r *http.Request, begun signingIn) (session, *refusal) {
	answered := r.URL.Query()
	if word := answered.Get("error"); word != "" {
		if !errorWord.MatchString(word) { // it comes by an address that anybody can make
			word = "an error"
		}
		return session{}, &refusal{text: "Entra answered " + word + ": you cancelled the sign-in, or it does not let you use the application."}
	}
	entra, err := c.entra(ctx)
	if err != nil {
		return session{}, &refusal{"Entra cannot be reached now. Try again.", err}
	}
	options := []oauth2.AuthCodeOption{oauth2.VerifierOption(begun.Verifier)}
	if c.SignIn.Assertion != nil {
		word, err := c.SignIn.Assertion(ctx)
		if err != nil {
			return session{}, &refusal{"The console cannot prove to Entra what it is: tell whoever runs it.", err}
		}
		options = append(options, oauth2.SetAuthURLParam("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"), oauth2.SetAuthURLParam("client_assertion", word))
	}
	token, err := c.oauth(entra).Exchange(oidc.ClientContext(ctx, c.SignIn.Client), answered.Get("code"), options...)
	if err != nil {
		var answer *oauth2.RetrieveError
		if errors.As(err, &answer) { // its description may name people
			err = fmt.Errorf("the token endpoint answered %s", answer.ErrorCode)
		}
		return session{}, &refusal{"Entra did not take the sign-in's code. Begin it again.", err}
	}
	raw, _ := token.Extra("id_token").(string)
	verified, err := entra.VerifierContext(oidc.ClientContext(ctx, c.SignIn.Client), &oidc.Config{
		ClientID: c.SignIn.ClientID, SupportedSigningAlgs: []string{oidc.RS256}, Now: c.Desk.Now,
	}).Verify(ctx, raw)
	if err != nil {
		return session{}, &refusal{"What Entra says about you does not verify: it is of another tenant or application, or too old by this host's clock.", err}
	}
	return c.who(verified, begun.Nonce)
}

// claims are those of an id token that count.
// Source: Microsoft identity platform, ID token claims reference.
type claims struct {
	Object string   `json:"oid"`
	Tenant string   `json:"tid"`
	Name   string   `json:"name"`
	UPN    string   `json:"preferred_username"`
	Roles  []string `json:"roles"`
}

// who is whom a verified token names. The object id is who it is: name and preferred_username can change
// and are shown only.
func (c *Console) who(token *oidc.IDToken, nonce string) (session, *refusal) {
	var says claims
	if err := token.Claims(&says); err != nil {
		return session{}, &refusal{"What Entra says about you cannot be read.", err}
	}
	switch {
	case subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(nonce)) != 1:
		return session{}, &refusal{text: "Entra's answer belongs to another sign-in. Begin it again."}
	case !strings.EqualFold(says.Tenant, c.SignIn.TenantID):
		return session{}, &refusal{text: "You are of another tenant than the one whose departures these are."}
	case uuid.Validate(says.Object) != nil:
		return session{}, &refusal{text: "Entra's answer does not say who you are (oid)."}
	}
	who := session{Person: offboarding.Person{ID: strings.ToLower(says.Object), Name: says.UPN}, CSRF: rand.Text(), Since: c.Desk.Now().Unix()}
	if who.Person.Name == "" {
		who.Person.Name = says.Name
	}
	for len(who.Person.Name) > longestName {
		_, size := utf8.DecodeLastRuneInString(who.Person.Name)
		who.Person.Name = who.Person.Name[:len(who.Person.Name)-size]
	}
	for _, r := range []role{roleRead, roleOperate, roleApprove} {
		if slices.Contains(says.Roles, string(r)) {
			who.Roles = append(who.Roles, r)
		}
	}
	if len(who.Roles) == 0 {
		return session{}, &refusal{text: "You are signed in, but have no role here. Ask whoever administers the enterprise application of the console in Entra for Leaver.Read, Leaver.Operate or Leaver.Approve; a role that a group inside of a group has does not count."}
	}
	return who, nil
}

// longestName is how much of a name a session keeps, in bytes.
const longestName = 120

// signOut ends the session in this browser; the one with Entra goes on until it is ended there.
func (c *Console) signOut(w http.ResponseWriter, r *http.Request) {
	who, is := c.session(r)
	if is && subtle.ConstantTimeCompare([]byte(r.PostFormValue(csrfField)), []byte(who.CSRF)) != 1 {
		c.write(w, r, session{}, problem(http.StatusForbidden, "This form was not made for your session, and you are still signed in."))
		return
	}
	if is {
		c.ended.add(who, c.Desk.Now())
	}
	c.cookies.clear(w, cookieSession)
	w.Header().Set("Clear-Site-Data", `"cache"`)
	c.write(w, r, session{}, answer{page: "goodbye", title: "Signed out"})
}
