package console_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"leaver/functions/console"
	"leaver/shared/identity"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

// The tests of this file are tricks that worked on other consoles, as they were reported in public.

// acts are all that writes, as a browser asks for it.
func acts(c *offboarding.Case) []string {
	of := "/console/cases/" + c.ID
	return []string{
		of + "/release", of + "/cancel", of + "/undo", of + "/sign-off", of + "/replay", of + "/approve", "/console/requests/req-0123456789abcdef01234567/choose",
		"/console/offboard", "/console/ledger/adopt", "/console/ledger/set-aside", "/console/release", "/console/cancel", "/console/parked", "/console/allow", "/console/freeze", "/console/thaw", "/console/sign-out",
	}
}

// untouched wants nothing to have been done, and the session to be there.
func (w *world) untouched(b browser, c *offboarding.Case, position int, how string) {
	w.Helper()
	now, err := w.desk.Ledger.Case(w.Context(), c.ID)
	if err != nil || now.Position != position {
		w.Errorf("%s: the case has %d entries, had %d (%v)", how, now.Position, position, err)
	}
	if _, frozen, err := w.desk.Ledger.Freezing(w.Context()); err != nil || frozen {
		w.Errorf("%s: frozen: %t, %v", how, frozen, err)
	}
	if brakes, err := w.desk.Brakes(w.Context()); err != nil || brakes.Allowed != 0 {
		w.Errorf("%s: %d are allowed, %v", how, brakes.Allowed, err)
	}
	if p := b.get("/console/"); p.status != http.StatusOK {
		w.Errorf("%s: the session is over: %d", how, p.status)
	}
}

// TestATokenCountsInAFormAlone: not in the address, which is logged and kept, nor in a body of another kind, which
// another site can send without being asked; and no header makes a link an act.
// sonata-project/SonataAdminBundle#5694, diem-project/diem#449, riceharvest/notnet#213, tektoncd/dashboard#2427,
// lightblue-platform/lightblue-core#26.
func TestATokenCountsInAFormAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c := w.leaves("grady.archie@contoso.com", needsApproval)
	w.effective(w.leaves("adele.vance@contoso.com"), offboarding.StepSignout)
	b := w.as(administrator)
	token := b.csrf()
	form := url.Values{"csrf": {token}, "reason": {"a test"}, "departures": {"5"}, "allowed": {"0"}, "until": {"2030-01-01T00:00"}, "all": {"1"}, "source": {"standard"}}
	json := `{"csrf":"` + token + `","reason":"a test"}`
	multipart := "--x\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n" + token + "\r\n--x\r\nContent-Disposition: form-data; name=\"reason\"\r\n\r\na test\r\n--x--\r\n"
	for _, path := range acts(c) {
		for name, send := range map[string]struct{ method, query, kind, body, override string }{
			"the token in the address":    {"POST", "?" + form.Encode(), "application/x-www-form-urlencoded", "", ""},
			"no kind of body":             {"POST", "", "", form.Encode(), ""},
			"a text":                      {"POST", "", "text/plain", form.Encode(), ""},
			"JSON":                        {"POST", "", "application/json", json, ""},
			"parts":                       {"POST", "?csrf=" + url.QueryEscape(token), "multipart/form-data; boundary=x", strings.Replace(multipart, token, "other", 1), ""},
			"a look":                      {"HEAD", "?" + form.Encode(), "", "", ""},
			"a question what is possible": {"OPTIONS", "?" + form.Encode(), "", "", ""},
			"a link that says it is none": {"GET", "?" + form.Encode(), "", "", "POST"},
			"to put":                      {"PUT", "", "application/x-www-form-urlencoded", form.Encode(), ""},
			"to delete":                   {"DELETE", "", "application/x-www-form-urlencoded", form.Encode(), "POST"},
			"a method of one's own":       {"APPROVE", "", "application/x-www-form-urlencoded", form.Encode(), ""},
		} {
			r, err := http.NewRequestWithContext(t.Context(), send.method, w.url+path+send.query, strings.NewReader(send.body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", send.kind)
			for _, header := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"} {
				if send.override != "" {
					r.Header.Set(header, send.override)
				}
			}
			p := b.do(r)
			shown := send.method == "GET" || send.method == "HEAD" // pages of the same address
			if p.status >= 500 || p.status < 400 && !shown {
				t.Errorf("%s, %s: got %d", path, name, p.status)
			}
			if allow := p.header.Get("Access-Control-Allow-Origin") + p.header.Get("Access-Control-Allow-Credentials"); allow != "" {
				t.Errorf("%s, %s: other sites may read it: %s", path, name, allow)
			}
		}
		w.untouched(b, c, c.Position, path)
	}
}

// TestNoWayOfWritingAnAddressGetsPastTheSignIn: neither doubled nor encoded slashes and dots, nor an ending by
// which something else is open to everybody; and the style sheet's folder holds nothing but itself.
// karmada-io/dashboard#573, dcccrypto/percolator-launch#688, chimurai/http-proxy-middleware#1168,
// keycloak/keycloak#47718.
func TestNoWayOfWritingAnAddressGetsPastTheSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c := w.leaves("grady.archie@contoso.com")
	stranger := w.browser()
	for _, path := range []string{
		"/console//", "/console/./", "/console//cases/" + c.ID, "/console/%2e/cases/" + c.ID, "/console/static/../cases/" + c.ID, "/console/static/%2e%2e/cases/" + c.ID,
		"/console/static/..%2fcases%2f" + c.ID, "/console/sign-in/../cases/" + c.ID, "/console/sign-in/..%2fcases/" + c.ID, "/console/cases/" + c.ID + "/static/console.css",
		"/console/cases/" + c.ID + ";/console/sign-in", "/console/cases/" + c.ID + "%00", "/console/cases/" + c.ID + "/report?as=json", "/CONSOLE/cases/" + c.ID, "/console/cases/" + strings.ToUpper(c.ID),
		"/console\\cases\\" + c.ID, "/console/cases/" + c.ID + "/", "/console/cases/" + c.ID + "?done=approved", "/console/departures?x=/static/",
		"/console/static/../session.go", "/console/static/%2e%2e/console.go", "/console/static/..%2fconsole.go", "/console/static/", "/console/pages/layout.html", "/console/static/../pages/layout.html",
	} {
		r := &http.Request{Method: http.MethodGet, URL: &url.URL{Scheme: "http", Host: strings.TrimPrefix(w.url, "http://")}, Header: http.Header{}}
		r.URL.Opaque, r.URL.RawQuery, _ = strings.Cut(path, "?") // as it is written, or nearly
		if _, query, is := strings.Cut(path, "?"); is {
			r.URL.RawQuery = query
		}
		r.URL.Opaque, _, _ = strings.Cut(path, "?")
		answer, err := stranger.Do(r.WithContext(t.Context()))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		text, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if answer.StatusCode < 400 || answer.StatusCode >= 500 || strings.Contains(string(text), "grady") || strings.Contains(string(text), "package console") || strings.Contains(string(text), "{{") {
			t.Errorf("%s: got %d: %.200s", path, answer.StatusCode, text)
		}
	}
	for _, path := range []string{"/console/static/console.css", "/console/static/console.js", "/console/static/icon.svg"} {
		if p := stranger.get(path); p.status != http.StatusOK {
			t.Errorf("%s: got %d", path, p.status)
		}
	}
}

// TestNoHeaderOfAProxySaysWhereTheConsoleIs: neither where people are led to sign in, nor whose the page is.
// plotly/dash-auth#174.
func TestNoHeaderOfAProxySaysWhereTheConsoleIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser()
	b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r := b.request(http.MethodGet, "/console/sign-in", nil)
	for _, header := range []string{"X-Forwarded-Host", "X-Forwarded-Server", "X-Host", "X-Original-Host", "X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix"} {
		r.Header.Set(header, "evil.example")
	}
	r.Header.Set("Forwarded", "host=evil.example;proto=https")
	r.Header.Set("X-Forwarded-Proto", "https")
	p := b.do(r)
	if to := p.header.Get("Location"); p.status != http.StatusFound || strings.Contains(to, "evil") || !strings.Contains(to, url.QueryEscape(w.url+"/console/sign-in/done")) {
		t.Errorf("got %d to %s; want the way back to lead to the console's own address", p.status, to)
	}
}

// TestPeopleSignInInEveryCloud: in China Entra gives tokens out at one host and names itself by another in them.
// jenkinsci/azure-ad-plugin#679, external-secrets/external-secrets#5591, Azure/azure-dev#5912.
func TestPeopleSignInInEveryCloud(t *testing.T) {
	t.Parallel()
	for _, cloud := range []identity.Cloud{identity.Worldwide, identity.USGov, identity.USGovDoD, identity.China} {
		w := newWorld(t, func(o *console.Options) {
			at, err := url.Parse(o.SignIn.Authority)
			if err != nil {
				t.Fatal(err)
			}
			reach := o.SignIn.Client.Transport.(*http.Transport).Clone()
			reach.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, at.Host)
			}
			t.Cleanup(reach.CloseIdleConnections)
			o.SignIn.Authority, o.SignIn.Client = cloud.SignIn, &http.Client{Transport: reach}
		})
		w.tenant.Edit(func(world *simtenant.World) { world.Cloud, world.CloudHosts = cloud.Name, true })
		if p := w.browser().signIn(administrator, "/console/"); p.status != http.StatusOK || p.at.Path != "/console/" {
			t.Errorf("%s: got %d at %s; %s", cloud.Name, p.status, p.at, w.log.String())
		}
	}
}

// TestTheSignInIsBoundToItsBrowser: Entra is told the challenge of a secret that only this browser's cookie
// holds, and the console takes no code that another browser has begun with.
// IBM/mcp-context-forge#6111; RFC 9700, section 2.1.1.
func TestTheSignInIsBoundToItsBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser()
	asked := b.get("/console/sign-in").at.Query()
	for name, want := range map[string]string{"response_type": "code", "code_challenge_method": "S256", "client_id": simtenant.DefaultConsoleID, "redirect_uri": w.url + "/console/sign-in/done"} {
		if got := asked.Get(name); got != want {
			t.Errorf("Entra is asked with %s %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"code_challenge", "nonce", "state"} {
		if len(asked.Get(name)) < 20 {
			t.Errorf("Entra is asked with %s %q: nobody may guess it", name, asked.Get(name))
		}
	}
	again := b.get("/console/sign-in").at.Query()
	for _, name := range []string{"code_challenge", "nonce", "state"} {
		if again.Get(name) == asked.Get(name) {
			t.Errorf("%s is the same twice", name)
		}
	}

	// Whoever signs in as themselves, and has somebody else open the way back.
	mallory := w.browser()
	back := ""
	mallory.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == "/console/sign-in/done" {
			back = r.URL.String()
			return http.ErrUseLastResponse
		}
		return nil
	}
	choice := mallory.get("/console/sign-in")
	mallory.do(mallory.request(http.MethodPost, choice.at.String(), url.Values{"user": {administrator}}))
	victim := w.browser()
	victim.get("/console/sign-in")
	if back == "" {
		t.Fatal("the way back is not known")
	}
	if p := victim.get(back); p.status != http.StatusForbidden {
		t.Errorf("somebody else's code: got %d", p.status)
	}
	// With a state of the victim's own, so that only the secret of the code is another's.
	code, _ := url.Parse(back)
	begun := victim.get("/console/sign-in").at.Query()
	if p := victim.get("/console/sign-in/done?" + url.Values{"code": {code.Query().Get("code")}, "state": {begun.Get("state")}}.Encode()); p.status != http.StatusForbidden {
		t.Errorf("somebody else's code under one's own state: got %d", p.status)
	}
	if p := victim.get("/console/"); p.status != http.StatusUnauthorized {
		t.Errorf("the victim is signed in as somebody: %d", p.status)
	}
}

// TestASignInAnswersToItsOwnStateAlone: the cookie of one sign-in under the name of another's, as whoever can
// plant cookies would have it. Entra is not even asked.
func TestASignInAnswersToItsOwnStateAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser()
	at, _ := url.Parse(w.url + "/console/sign-in/done")
	b.get("/console/sign-in")
	first := b.Jar.Cookies(at)
	state := b.get("/console/sign-in").at.Query().Get("state")
	for _, c := range b.Jar.Cookies(at) {
		if c.Name != first[0].Name {
			b.Jar.SetCookies(at, []*http.Cookie{{Name: c.Name, Value: first[0].Value, Path: "/console"}})
		}
	}
	p := b.get("/console/sign-in/done?" + url.Values{"code": {"a-code"}, "state": {state}}.Encode())
	if p.status != http.StatusForbidden || !strings.Contains(p.text, "was not begun in this browser") {
		t.Errorf("got %d: %s; want that this browser has not begun it", p.status, p.text)
	}
}
