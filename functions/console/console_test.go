package console_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"leaver/functions/console"
	"leaver/functions/replay"
	natsbus "leaver/shared/bus/nats"
	"leaver/shared/embedded"
	"leaver/shared/ledger"
	"leaver/shared/ledger/ledgertest"
	natsledger "leaver/shared/ledger/nats"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
	"leaver/shared/simtenant"
)

const (
	administrator = "nestor.wilke@contoso.com"  // holds every role
	helpdesk      = "miriam.graham@contoso.com" // reads and operates
	chief         = "joni.sherman@contoso.com"  // reads and approves
	reader        = "diego.siciliani@contoso.com"
	nobody        = "adele.vance@contoso.com" // holds no role
)

// world is a console on a ledger of its own, and the simulated tenant that people sign in with.
type world struct {
	testing.TB
	tenant  *simtenant.Tenant
	desk    *operator.Desk
	url     string // of the console, without its path
	log     strings.Builder
	handler http.Handler
	offset  time.Duration // of the console's clock
}

// nobodyElse is a directory that knows nobody by a mail address or a number.
type nobodyElse struct{}

func (nobodyElse) Find(context.Context, offboarding.Employee) ([]offboarding.User, error) {
	return nil, nil
}
func (nobodyElse) DirectoryRoles(context.Context, string) ([]string, error) { return nil, nil }

// newWorld serves a console; change alters its options.
func newWorld(t testing.TB, change func(*console.Options)) *world {
	t.Helper()
	return newWorldOn(t, nil, change)
}

// newWorldOn is newWorld with a ledger elsewhere; nil is an embedded one.
func newWorldOn(t testing.TB, elsewhere ledger.Store, change func(*console.Options)) *world {
	t.Helper()
	w := &world{TB: t}
	tenant, err := simtenant.New(simtenant.Config{})
	if err != nil {
		t.Fatal(err)
	}
	w.tenant = tenant
	login, err := tenant.Listen("127.0.0.1:0")
	if err == nil {
		err = login.ServeSignIn()
	}
	if err != nil {
		t.Fatal(err)
	}
	server, err := embedded.Start(t.TempDir(), embedded.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	connection, err := server.Connect()
	if err != nil {
		t.Fatal(err)
	}
	store, err := natsledger.Open(t.Context(), connection, natsledger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	broker, err := natsbus.Open(t.Context(), connection, natsbus.Options{})
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return time.Now().Add(w.offset) }
	cases := ledger.New(cmp.Or[ledger.Store](elsewhere, store), now, rand.Reader, ledgertest.Proof(simtenant.DefaultTenantID))
	w.desk = &operator.Desk{
		Ledger: cases, Directory: nobodyElse{}, Index: &operator.Index{}, Bus: broker, Now: now, PolicyUnknown: true,
		Replayer: &replay.Replayer{Ledger: cases, Bus: broker, Now: now, Log: slog.New(slog.DiscardHandler)},
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.url = "http://" + listener.Addr().String()
	at := login.Connection()
	options := console.Options{
		Desk: w.desk, Public: w.url, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
		SignIn: console.SignIn{Authority: at.Authority, TenantID: at.TenantID, ClientID: at.ConsoleClientID, Client: login.Client()},
	}
	if change != nil {
		change(&options)
	}
	c, err := console.New(options)
	if err != nil {
		t.Fatal(err)
	}
	w.handler = c.Handler()
	serving := &http.Server{Handler: w.handler}
	go func() { _ = serving.Serve(listener) }()
	t.Cleanup(func() {
		_, _ = serving.Close(), login.Close()
		_, _, _ = broker.Close(), store.Close(), server.Close()
	})
	return w
}

// sessionName is the name of the cookie of a session.
func (w *world) sessionName() string {
	at, _ := url.Parse(w.url)
	return "leaver-" + at.Port() + "-session"
}

// browser keeps cookies, and goes where it is led.
type browser struct {
	*http.Client
	w *world
}

func (w *world) browser() browser {
	jar, _ := cookiejar.New(nil)
	return browser{&http.Client{Jar: jar, Timeout: 20 * time.Second}, w}
}

// page is what a browser shows.
type page struct {
	status int
	at     *url.URL
	header http.Header
	text   string
}

func (b browser) do(r *http.Request) page {
	b.w.Helper()
	answer, err := b.Do(r)
	if err != nil {
		b.w.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		b.w.Fatal(err)
	}
	return page{answer.StatusCode, answer.Request.URL, answer.Header, string(text)}
}

func (b browser) get(path string) page {
	b.w.Helper()
	return b.do(b.request(http.MethodGet, path, nil))
}

func (b browser) request(method, path string, form url.Values) *http.Request {
	b.w.Helper()
	if strings.HasPrefix(path, "/") {
		path = b.w.url + path
	}
	r, err := http.NewRequestWithContext(b.w.Context(), method, path, strings.NewReader(form.Encode()))
	if err != nil {
		b.w.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return r
}

// post sends a form with the token that the page of a path holds.
func (b browser) post(path string, form url.Values) page {
	b.w.Helper()
	form.Set("csrf", b.csrf())
	return b.do(b.request(http.MethodPost, path, form))
}

var csrfToken = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

func (b browser) csrf() string {
	b.w.Helper()
	found := csrfToken.FindStringSubmatch(b.get("/console/limits").text)
	if found == nil {
		b.w.Fatal("no page with a form")
	}
	return found[1]
}

// signIn goes through the sign-in as somebody and returns the page that it ends on.
func (b browser) signIn(who, to string) page {
	b.w.Helper()
	choice := b.get("/console/sign-in?to=" + url.QueryEscape(to))
	if choice.status != http.StatusOK {
		b.w.Fatalf("the sign-in page: got %d %s", choice.status, choice.text)
	}
	return b.do(b.request(http.MethodPost, choice.at.String(), url.Values{"user": {who}}))
}

// as is a browser in which somebody has signed in.
func (w *world) as(who string) browser {
	w.Helper()
	b := w.browser()
	if p := b.signIn(who, "/console/"); p.status != http.StatusOK {
		w.Fatalf("%s: got %d at %s; %s", who, p.status, p.at.Path, w.log.String())
	}
	return b
}

// leaves opens a departure.
func (w *world) leaves(upn string, brakes ...offboarding.Brake) *offboarding.Case {
	w.Helper()
	now := w.desk.Now().UTC()
	request := offboarding.Request{
		ID: offboarding.RequestID("webhooks/standard", upn), Kind: offboarding.Termination, Source: "webhooks/standard", EventTime: now, ReceivedAt: now,
		LeavingTime: now, Employee: offboarding.Employee{UserPrincipalName: upn},
	}
	plan, err := offboarding.Compile(request, offboarding.DefaultPolicy())
	if err != nil {
		w.Fatal(err)
	}
	c, err := w.desk.Ledger.Open(context.Background(), ledger.Opening{
		Tenant: simtenant.DefaultTenantID, Leaver: simtenant.UserID(upn), Request: request, Plan: plan, Brakes: brakes,
		Personal: map[string]string{"userPrincipalName": upn},
	})
	if err != nil {
		w.Fatal(err)
	}
	return c
}

// effective lets a step of a departure have its effect.
func (w *world) effective(c *offboarding.Case, step offboarding.StepName) {
	w.Helper()
	now, err := w.desk.Ledger.Case(context.Background(), c.ID)
	if err != nil {
		w.Fatal(err)
	}
	run, admission, err := w.desk.Ledger.Begin(context.Background(), ledger.Claim{
		Tenant: c.Tenant, Case: c.ID, Leaver: c.Leaver, PlanVersion: now.Plan.Version, Step: step, N: now.Step(step).N,
	}, w.desk.Now().Add(time.Minute))
	if err != nil || run == nil {
		w.Fatalf("beginning %s: %+v, %v", step, admission, err)
	}
	if _, err := run.Settle(context.Background(), ledger.Settlement{State: offboarding.StateEffective, Evidence: map[string]string{offboarding.AccountEnabled: "false"}}); err != nil {
		w.Fatal(err)
	}
}

var needsApproval = offboarding.Brake{Kind: offboarding.BrakeApproval, By: offboarding.ApprovePrivileged, Why: "a Global Administrator", Needs: 1, Verified: true}

func TestWhoSignsInSeesWhatTheirRoleAllows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	held := w.leaves("grady.archie@contoso.com", needsApproval)
	approve := "/console/cases/" + held.ID + "/approve"
	for _, each := range []struct {
		who, method, path string
		want              int
	}{
		{reader, "GET", "/console/", 200},
		{reader, "GET", "/console/cases/" + held.ID, 200},
		{reader, "GET", "/console/cases/" + held.ID + "/report", 200},
		{reader, "POST", "/console/freeze", 403},
		{reader, "POST", approve, 403},
		{helpdesk, "POST", approve, 403},
		{chief, "POST", "/console/freeze", 403},
		{chief, "POST", "/console/cases/" + held.ID + "/cancel", 403},
		{helpdesk, "POST", "/console/freeze", 200},
		{chief, "POST", approve, 200},
	} {
		b := w.as(each.who)
		var p page
		if each.method == http.MethodGet {
			p = b.get(each.path)
		} else {
			p = b.post(each.path, url.Values{"reason": {"a test"}})
		}
		if p.status != each.want {
			t.Errorf("%s %s %s: got %d, want %d: %s", each.who, each.method, each.path, p.status, each.want, p.text)
		}
	}
	c, err := w.desk.Ledger.Case(t.Context(), held.ID)
	if err != nil || len(c.Held()) != 0 {
		t.Errorf("after the approval: got %v held, %v", c.Held(), err)
	}
	frozen, is, err := w.desk.Ledger.Freezing(t.Context())
	if err != nil || !is || frozen.By.ID != simtenant.UserID(helpdesk) || frozen.By.Name != helpdesk {
		t.Errorf("frozen: got %+v, %v, %v, want by %s as the token says", frozen, is, err, helpdesk)
	}
	if text := w.log.String(); strings.Contains(text, "@contoso.com") {
		t.Errorf("the log names people: %s", text)
	}
}

// TestAFormNamesNobody: who acts comes from the token, whatever a form says.
func TestAFormNamesNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	held := w.leaves("grady.archie@contoso.com", needsApproval)
	w.as(chief).post("/console/cases/"+held.ID+"/approve", url.Values{"by": {"somebody else"}, "By": {"x"}, "note": {"spoke to them"}})
	personal, err := w.desk.Ledger.Personal(t.Context(), held.ID)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for name, value := range personal {
		found = found || strings.HasPrefix(name, "approved-by") && value == chief
		if value == "somebody else" {
			t.Errorf("%s: a form said who", name)
		}
	}
	if !found {
		t.Errorf("got %v, want an approval by %s", personal, chief)
	}
}

// TestNobodyDecidesAboutTheirOwnDeparture: an operator who is to leave is not locked out before the day.
func TestNobodyDecidesAboutTheirOwnDeparture(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	own := w.leaves(chief, needsApproval)
	who := operator.OfCase(own.ID)
	desk := w.desk.As(offboarding.Person{ID: simtenant.UserID(chief), Name: chief}, operator.Operate, operator.Approve)
	before, err := w.desk.Ledger.Case(t.Context(), own.ID)
	if err != nil {
		t.Fatal(err)
	}
	for what, act := range map[string]func() error{
		"release": func() error {
			_, err := desk.Release(t.Context(), operator.Release{Who: []operator.Who{who}})
			return err
		},
		"approve": func() error {
			_, err := desk.Approve(t.Context(), operator.Approval{Who: who})
			return err
		},
		"cancel": func() error {
			_, err := desk.Cancel(t.Context(), operator.Cancellation{Who: who, Reason: "I stay"})
			return err
		},
		"cancel all of a source": func() error {
			_, err := desk.Cancel(t.Context(), operator.Cancellation{Source: "webhooks/standard", Reason: "I stay"})
			return err
		},
		"sign-off": func() error {
			_, err := desk.SignOff(t.Context(), operator.SignOff{Who: who, Step: offboarding.StepSignout, Note: "done"})
			return err
		},
		"replay": func() error {
			_, err := desk.Replay(t.Context(), operator.Replay{Who: who})
			return err
		},
		"undo": func() error {
			_, err := desk.Undo(t.Context(), operator.Undo{Who: who, Reason: "I stay"})
			return err
		},
	} {
		if err := act(); err == nil || !strings.Contains(err.Error(), "your own departure") {
			t.Errorf("%s: got %v, want that it is their own departure", what, err)
		}
	}
	after, err := w.desk.Ledger.Case(t.Context(), own.ID)
	if err != nil || after.Position != before.Position {
		t.Errorf("the case was written to: position %d, was %d (%v)", after.Position, before.Position, err)
	}
	if p := w.as(chief).post("/console/cases/"+own.ID+"/approve", url.Values{"note": {"it is right"}}); p.status != http.StatusUnprocessableEntity {
		t.Errorf("in a browser: got %d, want 422", p.status)
	}
}

func TestNobodyActsWithoutASessionOrItsToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	signedIn, other := w.as(administrator), w.as(helpdesk)
	form := func(token string) url.Values { return url.Values{"reason": {"a test"}, "csrf": {token}} }
	for name, each := range map[string]struct {
		b      browser
		form   url.Values
		change func(*http.Request)
		want   int
	}{
		"no session":                  {w.browser(), form("x"), nil, 401},
		"no token":                    {signedIn, form(""), nil, 403},
		"a made-up token":             {signedIn, form("AAAAAAAAAAAAAAAAAAAAAAAAAA"), nil, 403},
		"the token of another":        {signedIn, form(other.csrf()), nil, 403},
		"another site, by its fetch":  {signedIn, form(signedIn.csrf()), func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
		"a site beside, by its fetch": {signedIn, form(signedIn.csrf()), func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") }, 403},
		"another origin":              {signedIn, form(signedIn.csrf()), func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, 403},
		"an origin that is hidden":    {signedIn, form(signedIn.csrf()), func(r *http.Request) { r.Header.Set("Origin", "null") }, 403},
		"another name of the host":    {signedIn, form(signedIn.csrf()), func(r *http.Request) { r.Host = "evil.example" }, 421},
		"a form of a megabyte":        {signedIn, url.Values{"reason": {strings.Repeat("x", 1<<20)}, "csrf": {signedIn.csrf()}}, nil, 400},
	} {
		r := each.b.request(http.MethodPost, "/console/freeze", each.form)
		if each.change != nil {
			each.change(r)
		}
		if p := each.b.do(r); p.status != each.want {
			t.Errorf("%s: got %d, want %d: %s", name, p.status, each.want, p.text)
		}
	}
	if _, is, err := w.desk.Ledger.Freezing(t.Context()); is || err != nil {
		t.Errorf("it was frozen: %v, %v", is, err)
	}
}

func TestASessionEndsByItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.as(administrator)
	token := b.csrf()
	w.offset = 59 * time.Minute
	if p := b.get("/console/"); p.status != http.StatusOK {
		t.Errorf("after 59 minutes: got %d", p.status)
	}
	w.offset = 61 * time.Minute
	if p := b.get("/console/"); p.status != http.StatusUnauthorized || !strings.Contains(p.text, "Sign in") {
		t.Errorf("after 61 minutes: got %d", p.status)
	}
	p := b.do(b.request(http.MethodPost, "/console/freeze", url.Values{"reason": {"late"}, "csrf": {token}}))
	if _, is, _ := w.desk.Ledger.Freezing(t.Context()); p.status != http.StatusUnauthorized || is {
		t.Errorf("a form after 61 minutes: got %d, frozen %v", p.status, is)
	}
}

// TestNothingStaysBehindAfterTheSignOut: pages are kept nowhere, and the cookie is gone.
func TestNothingStaysBehindAfterTheSignOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.as(administrator)
	for _, path := range []string{"/console/", "/console/departures", "/console/limits"} {
		if p := b.get(path); p.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: got Cache-Control %q", path, p.header.Get("Cache-Control"))
		}
	}
	if p := b.do(b.request(http.MethodPost, "/console/sign-out", url.Values{"csrf": {"forged"}})); p.status != http.StatusForbidden {
		t.Errorf("signed out by another site: got %d", p.status)
	}
	if p := b.post("/console/sign-out", url.Values{}); p.status != http.StatusOK {
		t.Errorf("signing out: got %d", p.status)
	}
	if p := b.get("/console/"); p.status != http.StatusUnauthorized {
		t.Errorf("after the sign-out: got %d", p.status)
	}
}

// TestWhoLeftIsOut: a session outlives the account, and counts no longer all the same.
func TestWhoLeftIsOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.as(helpdesk)
	c := w.leaves(helpdesk)
	if p := b.get("/console/"); p.status != http.StatusOK {
		t.Errorf("before the lockout: got %d; somebody's departure can be asked for by mistake", p.status)
	}
	for _, step := range []offboarding.StepName{offboarding.StepSignout, offboarding.StepBlock} {
		if _, err := w.desk.Ledger.MarkPublished(t.Context(), c.ID, 1); err != nil {
			t.Fatal(err)
		}
		w.effective(c, step)
	}
	w.offset = time.Minute
	if p := b.get("/console/"); p.status != http.StatusForbidden {
		t.Errorf("after the lockout: got %d", p.status)
	}
}

// TestPagesSayNothingToAnybodyElse holds the headers of every page.
func TestPagesSayNothingToAnybodyElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c := w.leaves("grady.archie@contoso.com")
	b := w.as(administrator)
	for _, path := range []string{"/console/", "/console/departures", "/console/cases/" + c.ID, "/console/approvals", "/console/layoff", "/console/parked", "/console/limits", "/console/sources", "/console/plan", "/console/nowhere"} {
		p := b.get(path)
		csp := p.header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"} {
			if !strings.Contains(csp, part) {
				t.Errorf("%s: the policy %q lacks %s", path, csp, part)
			}
		}
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin"} {
			if got := p.header.Get(name); got != want {
				t.Errorf("%s: got %s %q, want %q", path, name, got, want)
			}
		}
		for _, inline := range []string{"<style", " style=", " onclick=", "javascript:"} {
			if strings.Contains(p.text, inline) {
				t.Errorf("%s: %s in line, which the policy refuses", path, inline)
			}
		}
	}
}

// TestSearchLeavesNothingInTheAddress: what is searched for names people.
func TestSearchLeavesNothingInTheAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	first, _ := w.leaves("grady.archie@contoso.com"), w.leaves("lidia.holloway@contoso.com")
	b := w.as(reader)
	for text, want := range map[string]string{
		"GRADY.archie@contoso.com": "/console/cases/" + first.ID, first.ID: "/console/cases/" + first.ID, "archie": "/console/cases/" + first.ID,
		first.Leaver: "/console/cases/" + first.ID, "contoso.com": "/console/search", "nobody": "/console/search", " ": "/console/search",
	} {
		p := b.post("/console/search", url.Values{"who": {text}})
		if p.status != http.StatusOK || p.at.Path != want || p.at.RawQuery != "" {
			t.Errorf("%q: got %d at %s, want %s", text, p.status, p.at, want)
		}
	}
}

func TestWhatCannotBeMeantIsRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*console.Options){
		"plain HTTP elsewhere": func(o *console.Options) { o.Public = "http://leaver.contoso.com" },
		"a path":               func(o *console.Options) { o.Public = "https://leaver.contoso.com/here" },
		"every tenant":         func(o *console.Options) { o.SignIn.TenantID = "common" },
		"a tenant's name":      func(o *console.Options) { o.SignIn.TenantID = "contoso.com" },
		"no client":            func(o *console.Options) { o.SignIn.ClientID = "" },
		"a short key":          func(o *console.Options) { o.Key = []byte("short") },
	} {
		o := console.Options{
			Desk: &operator.Desk{Now: time.Now}, Public: "https://leaver.contoso.com", Log: slog.New(slog.DiscardHandler),
			SignIn: console.SignIn{Authority: "https://login.microsoftonline.com", TenantID: simtenant.DefaultTenantID, ClientID: simtenant.DefaultConsoleID, Client: http.DefaultClient},
		}
		if _, err := console.New(o); err != nil {
			t.Fatalf("as it should be: %v", err)
		}
		if change(&o); true {
			if _, err := console.New(o); err == nil {
				t.Errorf("%s: taken", name)
			}
		}
	}
}

// TestNoLinkDoesAnything follows every route that is no form, as browsers do that fetch ahead what somebody may
// click: nothing is written. thirtybees/thirtybees#1902.
func TestNoLinkDoesAnything(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c := w.leaves("grady.archie@contoso.com")
	w.effective(c, offboarding.StepSignout)
	before, err := w.desk.Ledger.Case(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	b := w.as(administrator)
	for _, path := range []string{
		"", "departures", "departures?of=needs", "search", "cases/" + c.ID, "cases/" + c.ID + "/report", "cases/" + c.ID + "/undo", "cases/" + c.ID + "/cancel",
		"cases/" + c.ID + "/release", "cases/" + c.ID + "/approve", "cases/" + c.ID + "/sign-off", "cases/" + c.ID + "/replay", "approvals", "layoff", "parked", "limits",
		"sources", "plan", "ledger", "ledger/adopt", "ledger/set-aside", "doctor", "offboard", "release", "cancel", "allow", "freeze", "thaw", "sign-out",
	} {
		r := b.request(http.MethodGet, "/console/"+path, nil)
		r.Header.Set("Sec-Purpose", "prefetch;prerender")
		if p := b.do(r); p.status >= 500 {
			t.Errorf("%s: got %d", path, p.status)
		}
	}
	after, err := w.desk.Ledger.Case(t.Context(), c.ID)
	if err != nil || !reflect.DeepEqual(before, after) {
		t.Errorf("looking has changed it: %+v, %v; want %+v", after, err, before)
	}
	if _, is, err := w.desk.Ledger.Freezing(t.Context()); err != nil || is {
		t.Errorf("looking has frozen it: %t, %v", is, err)
	}
	if p := b.get("/console/"); p.status != 200 {
		t.Errorf("looking has signed somebody out: got %d", p.status)
	}
}

// TestAnOlderTabIsNoForgery sends a form that is older than others of its session, as from another tab or after
// going back; and one of the session before, which is refused. cssbruno/GoWDK#198, mozilla/openbadges-backpack#22.
func TestAnOlderTabIsNoForgery(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.as(administrator)
	older := b.csrf()
	for _, path := range []string{"/console/limits", "/console/", "/console/plan"} {
		_ = b.get(path)
	}
	frozen := func() bool {
		_, is, err := w.desk.Ledger.Freezing(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return is
	}
	send := func(path string) page {
		return b.do(b.request(http.MethodPost, path, url.Values{"csrf": {older}, "reason": {"a test"}}))
	}
	if p := send("/console/freeze"); p.status != 200 || !frozen() {
		t.Errorf("from the older tab: got %d, frozen %t, want it done", p.status, frozen())
	}
	if p := send("/console/thaw"); p.status != 200 || frozen() {
		t.Errorf("from the older tab again: got %d, frozen %t, want it done", p.status, frozen())
	}
	b.post("/console/sign-out", url.Values{})
	b.signIn(administrator, "/console/")
	if p := send("/console/freeze"); p.status != 403 || frozen() || !strings.Contains(p.text, "nothing was done") {
		t.Errorf("from a tab of the session before: got %d, frozen %t, want it refused", p.status, frozen())
	}
}
