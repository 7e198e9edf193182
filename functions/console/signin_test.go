package console_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/functions/console"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

// The tests of this file are what went wrong elsewhere, as it was reported in public; each names where.

// TestTokensThatMeanSomebodyElse are tokens that verify, or nearly: of another issuer, application,
// tenant or sign-in.
func TestTokensThatMeanSomebodyElse(t *testing.T) {
	t.Parallel()
	const other = "00000000-1111-4222-8333-444444444444"
	w := newWorld(t, nil)
	for name, edit := range map[string]func(map[string]any){
		// MicrosoftDocs/azure-docs#38427: version 1.0 of the endpoint has another issuer.
		"the issuer of version 1.0": func(c map[string]any) { c["iss"] = "https://sts.windows.net/" + simtenant.DefaultTenantID + "/" },
		// coreos/go-oidc#344, #121: common and organizations name the tenant of whoever signs in.
		"the issuer of another tenant": func(c map[string]any) {
			c["iss"] = strings.Replace(c["iss"].(string), simtenant.DefaultTenantID, other, 1)
		},
		"the issuer of no tenant":   func(c map[string]any) { c["iss"] = "https://login.microsoftonline.com/{tenantid}/v2.0" },
		"another tenant":            func(c map[string]any) { c["tid"] = other },
		"another application":       func(c map[string]any) { c["aud"] = other },
		"another sign-in":           func(c map[string]any) { c["nonce"] = "of another" },
		"no nonce":                  func(c map[string]any) { delete(c, "nonce") },
		"no object id":              func(c map[string]any) { delete(c, "oid") },
		"an object id that is none": func(c map[string]any) { c["oid"] = "../admin" },
		"expired":                   func(c map[string]any) { c["exp"] = time.Now().Add(-time.Second).Unix() },
		"for later":                 func(c map[string]any) { c["nbf"] = time.Now().Add(10 * time.Minute).Unix() },
	} {
		w.tenant.EditIDTokens(edit)
		b := w.browser()
		if p := b.signIn(administrator, "/console/"); p.status != http.StatusForbidden || !strings.Contains(p.text, "No access") {
			t.Errorf("%s: got %d: %s", name, p.status, p.text)
		}
		if p := b.get("/console/"); p.status != http.StatusUnauthorized {
			t.Errorf("%s: the console shows itself: %d", name, p.status)
		}
	}
}

// TestAClockThatIsAFewMinutesOff signs people in all the same. coreos/go-oidc#316, panva/openid-client#454.
func TestAClockThatIsAFewMinutesOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, off := range []time.Duration{-4 * time.Minute, -time.Second, 4 * time.Minute, time.Hour} {
		w.offset = off
		if p := w.browser().signIn(administrator, "/console/"); p.status != http.StatusOK {
			t.Errorf("%s: got %d: %s", off, p.status, p.text)
		}
	}
}

// TestSoManyGroupsThatTheClaimOverflows: roles are assigned to the application, and come whatever becomes
// of the groups. grafana/grafana#28457, #36215.
func TestSoManyGroupsThatTheClaimOverflows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.tenant.EditIDTokens(func(c map[string]any) {
		c["_claim_names"] = map[string]any{"groups": "src1"}
		c["_claim_sources"] = map[string]any{"src1": map[string]any{"endpoint": "https://graph.windows.net/x/users/y/getMemberObjects"}}
	})
	if p := w.browser().signIn(administrator, "/console/"); p.status != http.StatusOK {
		t.Errorf("got %d: %s", p.status, p.text)
	}
}

// TestATokenOfManyKilobytesIsASmallCookie: browsers drop what is larger than 4 KB, and the sign-in goes
// round in circles. pomerium/pomerium#211, weaveworks/weave-gitops#3783, oauth2-proxy/oauth2-proxy#1071.
func TestATokenOfManyKilobytesIsASmallCookie(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.tenant.EditIDTokens(func(c map[string]any) {
		roles := []string{"Leaver.Read"}
		var groups []string
		for i := range 200 {
			roles = append(roles, fmt.Sprintf("Other.Role.%d", i))
			groups = append(groups, simtenant.UserID(fmt.Sprint(i)))
		}
		c["roles"], c["groups"], c["preferred_username"] = roles, groups, strings.Repeat("ä", 2000)+"@contoso.com"
	})
	b := w.browser()
	if p := b.signIn(administrator, "/console/"); p.status != http.StatusOK {
		t.Fatalf("got %d: %s", p.status, p.text)
	}
	at, _ := url.Parse(w.url + "/console/")
	for _, cookie := range b.Jar.Cookies(at) {
		if size := len(cookie.Name) + len(cookie.Value); size > 1500 {
			t.Errorf("the cookie %s has %d bytes", cookie.Name, size)
		}
	}
}

// TestWhoHasNoRoleIsToldSoAndSentNowhere. grafana/grafana#37693; a page that sends them to sign in again
// goes round in circles, as in auth0/express-openid-connect#380.
func TestWhoHasNoRoleIsToldSoAndSentNowhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	p := w.browser().signIn(nobody, "/console/")
	if p.status != http.StatusForbidden || !strings.Contains(p.text, "no role here") || p.at.Path != "/console/sign-in/done" {
		t.Errorf("got %d at %s: %s", p.status, p.at, p.text)
	}
}

// TestARoleThatWasTakenAway is gone with the next sign-in, and so is the session of before.
// fabriziosalmi/certmate#408, linagora/openrag#486.
func TestARoleThatWasTakenAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.as(helpdesk)
	if p := b.get("/console/"); p.status != http.StatusOK {
		t.Fatalf("got %d", p.status)
	}
	w.tenant.Edit(func(world *simtenant.World) { world.Users[simtenant.UserID(helpdesk)].AppRoles = nil })
	if p := b.signIn(helpdesk, "/console/"); p.status != http.StatusForbidden || !strings.Contains(p.text, "no role here") {
		t.Errorf("signed in again: got %d %s", p.status, p.text)
	}
	if p := b.get("/console/"); p.status != http.StatusUnauthorized {
		t.Errorf("the session of before: got %d, want it ended", p.status)
	}
}

// TestSeveralTabsSignInAtTheSameTime, each for itself. oauth2-proxy/oauth2-proxy#817, #611, #3258.
func TestSeveralTabsSignInAtTheSameTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c := w.leaves("grady.archie@contoso.com")
	b := w.browser()
	first := b.get("/console/sign-in?to=/console/cases/" + c.ID)
	second := b.get("/console/sign-in?to=/console/limits")
	for _, tab := range []struct {
		page
		want string
	}{{first, "/console/cases/" + c.ID}, {second, "/console/limits"}} {
		if p := b.do(b.request(http.MethodPost, tab.at.String(), url.Values{"user": {administrator}})); p.status != http.StatusOK || p.at.Path != tab.want {
			t.Errorf("got %d at %s, want %s", p.status, p.at, tab.want)
		}
	}
}

// TestSignInsThatNobodyEndedDoNotFillTheCookies until no server takes the requests any more.
// oauth2-proxy/oauth2-proxy#2163.
func TestSignInsThatNobodyEndedDoNotFillTheCookies(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser()
	for range 30 {
		b.get("/console/sign-in")
	}
	at, _ := url.Parse(w.url + "/console/sign-in/done")
	size := 0
	for _, cookie := range b.Jar.Cookies(at) {
		size += len(cookie.Name) + len(cookie.Value)
	}
	if size > 6000 {
		t.Errorf("got %d bytes of cookies", size)
	}
	if p := b.signIn(administrator, "/console/"); p.status != http.StatusOK {
		t.Errorf("got %d: %s", p.status, p.text)
	}
}

// TestCookiesComeAlongOnTheWayBack: with SameSite=Strict the way back from Entra has none, and the sign-in
// begins anew for ever. quarkusio/quarkus#30625, Forceu/Gokapi#408.
func TestCookiesComeAlongOnTheWayBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser()
	var set []*http.Cookie
	b.Transport = tapped(func(r *http.Response) { set = append(set, r.Cookies()...) })
	if p := b.signIn(administrator, "/console/"); p.status != http.StatusOK {
		t.Fatalf("got %d", p.status)
	}
	if len(set) < 2 {
		t.Fatalf("got %d cookies", len(set))
	}
	for _, cookie := range set {
		if cookie.SameSite != http.SameSiteLaxMode || !cookie.HttpOnly || !strings.HasPrefix(cookie.Path, "/console") || cookie.Domain != "" {
			t.Errorf("got %+v", cookie)
		}
	}
}

// tapped tells of every answer.
type tapped func(*http.Response)

func (f tapped) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err == nil {
		f(answer)
	}
	return answer, err
}

// TestOverTLSCookiesAreSecure and their names say that they are this host's alone (__Host-): neither a plain
// page of it nor a host beside it puts a session of its own in their place, so that somebody acts under
// another's name. better-auth/better-auth#10806, Flowfin/jellyfin-plugin-sso#414; with a Domain no browser would keep them, istio-ecosystem/authservice#351.
func TestOverTLSCookiesAreSecure(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *console.Options) { o.Public = "https://leaver.contoso.com" })
	b := w.browser()
	b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r := b.request(http.MethodGet, "/console/sign-in", nil)
	r.Host = "leaver.contoso.com"
	answer, err := b.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if len(answer.Cookies()) != 1 || !hostsOwn(answer.Cookies()[0]) || answer.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("got %d, %+v", answer.StatusCode, answer.Header)
	}
	if to := answer.Header.Get("Location"); !strings.Contains(to, url.QueryEscape("https://leaver.contoso.com/console/sign-in/done")) {
		t.Errorf("behind a proxy that ends TLS the way back leads to %s", to)
	}
}

// hostsOwn reports whether a browser takes a cookie from this host alone, by its name.
// Source: RFC 6265bis, section 4.1.3.2.
func hostsOwn(c *http.Cookie) bool {
	return strings.HasPrefix(c.Name, "__Host-leaver-") && c.Secure && c.HttpOnly && c.Path == "/" && c.Domain == ""
}

// TestASignInCountsOnce: neither its state nor its code is taken again, nor in another browser.
func TestASignInCountsOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser()
	var back string
	b.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == "/console/sign-in/done" {
			back = r.URL.String()
		}
		return nil
	}
	if p := b.signIn(administrator, "/console/"); p.status != http.StatusOK || back == "" {
		t.Fatalf("got %d, back by %s", p.status, back)
	}
	if p := b.get(back); p.status != http.StatusOK || p.at.Path != "/console/" {
		t.Errorf("loaded again by whoever has signed in: got %d at %s, want the overview", p.status, p.at.Path)
	}
	stranger := w.browser()
	if p := stranger.get(back); p.status != http.StatusForbidden {
		t.Errorf("in another browser: got %d", p.status)
	}
	if p := stranger.get("/console/sign-in/done?code=x&state=y"); p.status != http.StatusForbidden {
		t.Errorf("made up: got %d", p.status)
	}
	begun := w.browser()
	choice := begun.get("/console/sign-in")
	state := choice.at.Query().Get("state")
	if p := begun.get("/console/sign-in/done?code=stolen&state=" + state); p.status != http.StatusForbidden {
		t.Errorf("a code of nobody's: got %d", p.status)
	}
}

// TestNobodyIsLedElsewhere after the sign-in. linagora/openrag#483, OpenIDC/mod_auth_openidc#453,
// GHSA-j7px-6hwj-hpjg of oauth2-proxy.
func TestNobodyIsLedElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, to := range []string{
		"https://evil.example/", "//evil.example", `/\evil.example`, "/\t/evil.example", "/console//evil.example", "/console/../../evil", "/console/sign-in",
		"javascript:alert(1)", "/console/%0d%0aSet-Cookie:x=y", "/webhooks/standard", "",
	} {
		if p := w.browser().signIn(administrator, to); p.status != http.StatusOK || p.at.Path != "/console/" || !strings.HasPrefix(p.at.String(), w.url) {
			t.Errorf("%q: got %d at %s", to, p.status, p.at)
		}
	}
}

// TestWhatEntraAnswersIsNotRepeated: the way back is an address that anybody can make.
func TestWhatEntraAnswersIsNotRepeated(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser()
	choice := b.get("/console/sign-in")
	p := b.do(b.request(http.MethodPost, choice.at.String(), url.Values{"cancel": {"1"}}))
	if p.status != http.StatusForbidden || !strings.Contains(p.text, "access_denied") {
		t.Errorf("cancelled: got %d: %s", p.status, p.text)
	}
	state := b.get("/console/sign-in").at.Query().Get("state")
	p = b.get("/console/sign-in/done?error=Call+0800+EVIL&error_description=now&state=" + state)
	if p.status != http.StatusForbidden || strings.Contains(p.text, "EVIL") {
		t.Errorf("made up: got %d: %s", p.status, p.text)
	}
}

// TestEntraRollsItsKeys at any time, and people sign in all the same. kellnr/kellnr#1265,
// lixmal/keepass4web-rs#313, coreos/go-oidc#243.
func TestEntraRollsItsKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.as(administrator)
	w.tenant.RollKey()
	w.as(administrator)
}

// TestTheConsoleStartsWithoutEntra and lets people in once it is there. camunda/camunda#34189,
// go-vikunja/vikunja#2050, oauth2-proxy/oauth2-proxy#3487.
func TestTheConsoleStartsWithoutEntra(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.tenant.Edit(func(world *simtenant.World) {
		world.Faults = append(world.Faults, simtenant.Fault{Operation: "GET /openid-configuration", Status: 503, Times: 1})
	})
	b := w.browser()
	if p := b.get("/console/"); p.status != http.StatusUnauthorized {
		t.Errorf("the first page: got %d", p.status)
	}
	if p := b.get("/console/sign-in"); p.status != http.StatusServiceUnavailable {
		t.Errorf("signing in while it is away: got %d", p.status)
	}
	if p := b.signIn(administrator, "/console/"); p.status != http.StatusOK {
		t.Errorf("once it is there: got %d", p.status)
	}
}

// TestACookieSaysOnlyWhatItWasMadeFor: one of a sign-in is no session, and one of another key nothing.
func TestACookieSaysOnlyWhatItWasMadeFor(t *testing.T) {
	t.Parallel()
	key := make([]byte, 32)
	w := newWorld(t, func(o *console.Options) { o.Key = key })
	b := w.browser()
	b.get("/console/sign-in")
	at, _ := url.Parse(w.url + "/console/sign-in/done")
	begun := b.Jar.Cookies(at)
	if len(begun) != 1 {
		t.Fatalf("got %d cookies", len(begun))
	}
	b.Jar.SetCookies(at, []*http.Cookie{{Name: w.sessionName(), Value: begun[0].Value, Path: "/console"}})
	if p := b.get("/console/"); p.status != http.StatusUnauthorized {
		t.Errorf("the cookie of a sign-in as a session: got %d", p.status)
	}
	same, another := newWorld(t, func(o *console.Options) { o.Key = key }), newWorld(t, nil)
	signedIn := w.as(administrator)
	session := signedIn.Jar.Cookies(at)
	for name, each := range map[string]struct {
		*world
		want int
	}{"the same key, as on Lambda": {same, 200}, "another key": {another, 401}} {
		visitor := each.browser()
		there, _ := url.Parse(each.url + "/console/")
		visitor.Jar.SetCookies(there, []*http.Cookie{{Name: each.sessionName(), Value: session[0].Value, Path: "/console"}})
		if p := visitor.get("/console/"); p.status != each.want {
			t.Errorf("%s: got %d, want %d", name, p.status, each.want)
		}
	}
	altered := slices.Clone(session)
	for i := range altered {
		c := *altered[i]
		last := "AA"
		if strings.HasSuffix(c.Value, last) {
			last = "BB"
		}
		c.Value = c.Value[:len(c.Value)-len(last)] + last
		altered[i] = &c
	}
	visitor := w.browser()
	visitor.Jar.SetCookies(at, altered)
	if p := visitor.get("/console/"); p.status != http.StatusUnauthorized {
		t.Errorf("an altered cookie: got %d", p.status)
	}
}

// TestTheWayBackIsNotTakenTwice, not even with the cookie of the sign-in put back: the code counts once, and
// a session of before is not carried on. librefang/librefang#4049; DataBiosphere/duos-ui#3889,
// ellite/Wallos#1071.
func TestTheWayBackIsNotTakenTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser()
	var back string
	b.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == "/console/sign-in/done" {
			back = r.URL.String()
		}
		return nil
	}
	choice := b.get("/console/sign-in")
	at, _ := url.Parse(w.url + "/console/sign-in/done")
	begun := slices.Clone(b.Jar.Cookies(at))
	if p := b.do(b.request(http.MethodPost, choice.at.String(), url.Values{"user": {administrator}})); p.status != http.StatusOK || back == "" {
		t.Fatalf("got %d, back by %q", p.status, back)
	}
	thief := w.browser()
	for _, cookie := range begun {
		cookie.Path = "/console"
	}
	thief.Jar.SetCookies(at, begun)
	if p := thief.get(back); p.status != http.StatusForbidden {
		t.Errorf("with the cookie put back: got %d", p.status)
	}
	first := b.csrf()
	before := b.Jar.Cookies(at)
	if p := b.signIn(reader, "/console/"); p.status != http.StatusOK {
		t.Fatalf("got %d", p.status)
	}
	if second := b.csrf(); second == first || slices.EqualFunc(before, b.Jar.Cookies(at), func(a, b *http.Cookie) bool { return a.Value == b.Value }) {
		t.Error("somebody else's sign-in went on with the session of before")
	}
}

// TestACopiedSessionEndsWithTheSignOut: the session is in the cookie alone, and whoever has copied it would
// stay signed in. auth0/nextjs-auth0#561, wg-easy/wg-easy#1938, thomseddon/traefik-forward-auth#105.
func TestACopiedSessionEndsWithTheSignOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b, thief := w.as(administrator), w.browser()
	at, _ := url.Parse(w.url + "/console/")
	copied := slices.Clone(b.Jar.Cookies(at))
	for _, cookie := range copied {
		cookie.Path = "/console"
	}
	thief.Jar.SetCookies(at, copied)
	if p := thief.get("/console/"); p.status != http.StatusOK {
		t.Fatalf("the copy: got %d", p.status)
	}
	if p := b.post("/console/sign-out", url.Values{}); p.status != http.StatusOK {
		t.Fatalf("signing out: got %d", p.status)
	}
	if p := thief.get("/console/"); p.status != http.StatusUnauthorized {
		t.Errorf("the copy after the sign-out: got %d", p.status)
	}
	if p := w.as(administrator).get("/console/"); p.status != http.StatusOK {
		t.Errorf("signed in anew: got %d", p.status)
	}
}

// TestCookiesOfAHostBesideAreNotTaken: over TLS no cookie counts whose name does not say that it is this
// host's own. better-auth/better-auth#10806.
func TestCookiesOfAHostBesideAreNotTaken(t *testing.T) {
	t.Parallel()
	key := make([]byte, 32)
	plain := newWorld(t, func(o *console.Options) { o.Key = key })
	w := newWorld(t, func(o *console.Options) { o.Key, o.Public = key, "https://leaver.contoso.com" })
	at, _ := url.Parse(plain.url + "/console/")
	session := plain.as(administrator).Jar.Cookies(at)
	if len(session) != 1 {
		t.Fatalf("got %d cookies", len(session))
	}
	for name, want := range map[string]int{
		"__Host-leaver-session": 200, "__Secure-leaver-session": 401, "leaver-session": 401, session[0].Name: 401,
	} {
		r := w.browser().request(http.MethodGet, "/console/", nil)
		r.Host = "leaver.contoso.com"
		r.AddCookie(&http.Cookie{Name: name, Value: session[0].Value})
		if p := w.browser().do(r); p.status != want {
			t.Errorf("%s: got %d, want %d", name, p.status, want)
		}
	}
}

// TestBehindAProxy: a Host with the port that goes without saying is the same, and one that the proxy has put
// in its place is refused with what to do. gorilla/csrf#187, Tr3kkR/Yuzu#2537, nightscout/nocturne#999.
func TestBehindAProxy(t *testing.T) {
	t.Parallel()
	for _, public := range []string{"https://leaver.contoso.com", "https://Leaver.Contoso.com:443"} {
		w := newWorld(t, func(o *console.Options) { o.Public = public })
		for host, want := range map[string]int{
			"leaver.contoso.com": 401, "leaver.contoso.com:443": 401, "LEAVER.contoso.com": 401,
			"leaver.contoso.com:80": 421, "leaver.contoso.com.evil.example": 421, "10.0.0.7:8081": 421,
		} {
			r := w.browser().request(http.MethodGet, "/console/", nil)
			r.Host = host
			p := w.browser().do(r)
			if p.status != want || want == 421 && !strings.Contains(p.text, "LEAVER_CONSOLE_URL") {
				t.Errorf("%s, asked for as %s: got %d, want %d: %s", public, host, p.status, want, p.text)
			}
		}
	}
}

// TestFormsThatAreSentTwice, by a double click or the back button, do once what they say.
// civiform/civiform#2469, uktrade/tamato#636, alphagov/notifications-admin#1490.
func TestFormsThatAreSentTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.as(administrator)
	token := b.csrf()
	twice := func(path string, form url.Values) (first, second page) {
		form.Set("csrf", token)
		return b.do(b.request(http.MethodPost, path, form)), b.do(b.request(http.MethodPost, path, form))
	}
	limited := w.leaves("lidia.holloway@contoso.com", offboarding.Brake{Kind: offboarding.BrakeLimit, By: "perHour", Why: "too many"})
	stays := w.leaves("irvin.sayers@contoso.com")
	for path, form := range map[string]url.Values{
		"/console/cases/" + limited.ID + "/release": {},
		"/console/cases/" + stays.ID + "/cancel":    {"reason": {"she stays"}},
		"/console/freeze":                           {"reason": {"a stolen secret"}},
	} {
		if first, second := twice(path, form); first.status != http.StatusOK || second.status >= 500 {
			t.Errorf("%s: got %d, then %d", path, first.status, second.status)
		}
	}
	until := w.desk.Now().Add(time.Hour).UTC().Format("2006-01-02T15:04")
	first, second := twice("/console/allow", url.Values{"departures": {"5"}, "until": {until}, "allowed": {"0"}})
	if first.status != http.StatusOK || second.status != http.StatusConflict {
		t.Errorf("allow: got %d, then %d, want 200 and 409", first.status, second.status)
	}
	if brakes, err := w.desk.Brakes(t.Context()); err != nil || brakes.Allowed != 5 {
		t.Errorf("got %d allowed, %v; want 5", brakes.Allowed, err)
	}
	c, err := w.desk.Ledger.Case(t.Context(), stays.ID)
	if err != nil || c.State(w.desk.Now()) != offboarding.CaseCancelled {
		t.Errorf("the cancelled one: %v, %v", c, err)
	}
}
