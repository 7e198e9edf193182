package resident_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"leaver/infra/resident"
	"leaver/shared/identity"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
	"leaver/shared/simtenant"
)

const (
	nestor = "nestor.wilke@contoso.com"    // holds every role of the console
	joni   = "joni.sherman@contoso.com"    // reads and approves
	reads  = "diego.siciliani@contoso.com" // reads
	alex   = "alex.wilber@contoso.com"     // has no role
	emily  = "emily.braun@contoso.com"     // holds everything, so that much is a person's
	megan  = "megan.bowen@contoso.com"     // synchronised from on premises
	long   = "maximiliane-charlotte.von-hohenstein-wartenberg@contoso.com"
	raul   = "raul.razo@contoso.com" // an administrator by a group: their departure needs an approval
)

// browsing is a console, the tenant behind it, and a real browser before it.
type browsing struct {
	*testing.T
	tenant *simtenant.Tenant
	desk   *operator.Desk
	url    string
	ctx    context.Context // of the tab
	later  atomic.Int64    // by how much the console's clock is ahead
}

// newBrowsing starts them; it skips where there is no browser.
func newBrowsing(t *testing.T) *browsing {
	t.Helper()
	browser := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil && browser == "" {
			browser = path
		}
	}
	if browser == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("no chromium: apt-get install chromium")
		}
		t.Skip("no chromium: apt-get install chromium")
	}
	tenant, err := simtenant.New(simtenant.Config{Users: 40})
	if err != nil {
		t.Fatal(err)
	}
	server, err := tenant.Listen("127.0.0.1:0")
	if err == nil {
		err = server.ServeSignIn()
	}
	if err != nil {
		t.Fatal(err)
	}
	at := server.Connection()
	policy := offboarding.DefaultPolicy()
	policy.Limits = offboarding.Limits{PerHour: 5, PerDay: 30, Share: 100}
	tenant.Edit(func(w *simtenant.World) {
		u := *w.Users[simtenant.UserID(adele)]
		u.ID, u.UserPrincipalName, u.Mail, u.MailNickname, u.EmployeeID = simtenant.UserID(long), long, long, "maximiliane", "E9000"
		u.ProxyAddresses = []string{"SMTP:" + long}
		w.Users[u.ID] = &u
	})
	connection := identity.Tenant{
		TenantID: at.TenantID, ClientID: at.ClientID, ClientSecret: at.ClientSecret, ConsoleClientID: at.ConsoleClientID,
		Graph: at.Graph, Authority: at.Authority, Exchange: at.Exchange, CAFile: at.CAFile,
	}
	ctx, stop := context.WithCancel(context.Background())
	h, err := resident.Open(ctx, resident.Options{Dir: t.TempDir(), Tenant: connection, Policy: policy, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	b := &browsing{T: t, tenant: tenant, desk: h.Desk()}
	clock := h.Now
	h.Now = func() time.Time { return clock().Add(time.Duration(b.later.Load())) }
	stopConsole, address, err := h.ServeConsole(ctx, resident.Console{Address: "127.0.0.1:0", Tenant: connection})
	h.Now = clock
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- h.Run(ctx) }()
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(browser), chromedp.NoSandbox, chromedp.Flag("disable-dev-shm-usage", true))
	allocator, stopAllocator := chromedp.NewExecAllocator(ctx, options...)
	tab, stopTab := chromedp.NewContext(allocator)
	if err := chromedp.Do(tab); err != nil { // the browser lives as long as this context
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stopTab()
		stopAllocator()
		stop()
		_, _, _, _ = <-served, stopConsole(), h.Close(), server.Close()
	})
	b.url, b.ctx = address, tab
	return b
}

func (b *browsing) run(actions ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	ctx, stop := context.WithTimeout(b.ctx, 30*time.Second)
	defer stop()
	if err := chromedp.Do(ctx, actions...); err != nil {
		at, _ := chromedp.Run(b.ctx, chromedp.Location())
		text, _ := chromedp.Run(b.ctx, chromedp.Text(chromedp.CSS("body")))
		b.Fatalf("%v; the browser is at %s and shows:\n%s", err, at, text)
	}
}

// ask evaluates something in the page.
func ask[T any](b *browsing, action chromedp.Action[T]) T {
	b.Helper()
	ctx, stop := context.WithTimeout(b.ctx, 30*time.Second)
	defer stop()
	answer, err := chromedp.Run(ctx, action)
	if err != nil {
		at, _ := chromedp.Run(b.ctx, chromedp.Location())
		text, _ := chromedp.Run(b.ctx, chromedp.Text(chromedp.CSS("body")))
		b.Fatalf("%v; the browser is at %s and shows:\n%s", err, at, text)
	}
	return answer
}

func (b *browsing) open(path string) { b.Helper(); b.run(chromedp.Navigate(b.url + path)) }

// signIn signs somebody in, out of whatever session there is.
func (b *browsing) signIn(who string) {
	b.Helper()
	b.run(
		chromedp.Navigate(b.url+"sign-in?another=1"),
		chromedp.Click(chromedp.CSS(`button[value="`+simtenant.UserID(who)+`"]`)),
	)
	b.until(who+" is signed in", b.holds(`document.querySelector('nav[aria-label="Pages"]') !== null`))
}

// holds asks the page; an error while another page comes is no answer yet.
func (b *browsing) holds(script string) func() bool {
	return func() bool {
		is, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](script))
		return err == nil && is
	}
}

// see waits until the page shows a text, without being told to look again.
func (b *browsing) see(text string) {
	b.Helper()
	b.until("the page shows "+text, b.holds(fmt.Sprintf(`document.querySelector("main").innerText.includes(%q)`, text)))
}

// until waits for what the ledger holds.
func (b *browsing) until(what string, holds func() bool) {
	b.Helper()
	every := time.NewTicker(50 * time.Millisecond)
	defer every.Stop()
	late := time.After(25 * time.Second)
	for !holds() {
		select {
		case <-every.C:
		case <-late:
			at, _ := chromedp.Run(b.ctx, chromedp.Location())
			text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.body.innerText`))
			b.Fatalf("it did not happen: %s; the browser is at %s and shows:\n%s", what, at, text)
		}
	}
}

// leaves asks for a departure through the pages, and returns its case.
func (b *browsing) leaves(who, when string) string {
	b.Helper()
	b.open("plan")
	b.run(chromedp.SendKeys(chromedp.CSS("#who"), who))
	if when != "" {
		b.run(chromedp.SendKeys(chromedp.CSS("#time"), when))
	}
	b.run(
		chromedp.Click(chromedp.CSS(`form.fields button`)),
		chromedp.WaitVisible(chromedp.CSS(`.planned`)),
		chromedp.Click(chromedp.CSS(`form[action$="/offboard"] button`)),
		chromedp.WaitVisible(chromedp.CSS(`[data-part="head"]`)),
	)
	id := simtenant.UserID(who) + "-1"
	b.until("the case of "+who, func() bool { _, err := b.desk.Ledger.Case(context.Background(), id); return err == nil })
	return id
}

func (b *browsing) state(id string) offboarding.CaseState {
	c, err := b.desk.Ledger.Case(context.Background(), id)
	if err != nil {
		return ""
	}
	return c.State(time.Now())
}

// TestADepartureInARealBrowser goes through the console as people do.
func TestADepartureInARealBrowser(t *testing.T) {
	b := newBrowsing(t)
	b.open("")
	b.pictures("welcome")
	b.see("Sign in with Microsoft")
	b.run(chromedp.Click(chromedp.CSS("a.button")), chromedp.WaitVisible(chromedp.CSS(`button[name="user"]`)))
	b.run(chromedp.Click(chromedp.CSS(`button[value="` + simtenant.UserID(nestor) + `"]`)))
	b.see("Nobody has left yet")
	b.pictures("first")

	adeles := b.leaves(adele, "")
	b.run(chromedp.WaitVisible(chromedp.CSS(`.steps`)))
	ask(b, chromedp.Evaluate[bool](`window.sameDocument = true`))
	b.see("Locked out")
	b.until("every step but the gates", func() bool {
		c, err := b.desk.Ledger.Case(context.Background(), adeles)
		return err == nil && c.Step(offboarding.StepOnedrive).State == offboarding.StateEffective
	})
	ask(b, chromedp.Poll[bool](`document.querySelector("#step-onedrive .state").innerText === "effective"`))
	if !ask(b, chromedp.Evaluate[bool](`window.sameDocument === true`)) {
		t.Error("the page was loaded again: nothing is live")
	}
	if u, _ := b.tenant.UserByUPN(adele); u.AccountEnabled {
		t.Error("adele can still sign in")
	}

	rauls := b.leaves(raul, "")
	b.until("raul's departure is held", func() bool { return b.state(rauls) == offboarding.CaseHeld })
	b.signIn(joni)
	b.open("approvals")
	b.run(chromedp.Click(chromedp.CSS(`a[href$="`+rauls+`"]`)), chromedp.WaitVisible(chromedp.CSS(`form[action$="/approve"]`)))
	b.run(chromedp.SendKeys(chromedp.CSS(`form[action$="/approve"] input[name="note"]`), "spoke to his manager"), chromedp.Click(chromedp.CSS(`form[action$="/approve"] button`)))
	b.see("Approved.")
	b.until("raul's departure goes on", func() bool { return b.state(rauls) == offboarding.CaseRunning })

	b.signIn(nestor)
	dated := b.leaves("lidia.holloway@contoso.com", "2026-12-24T17:00:00Z")
	b.until("a dated departure", func() bool { return b.state(dated) == offboarding.CaseRunning })
	b.open("cases/" + dated)
	b.run(chromedp.Click(chromedp.CSS(`details.cancel summary`)), chromedp.SendKeys(chromedp.CSS(`details.cancel input[name="reason"]`), "she stays"), chromedp.Click(chromedp.CSS(`details.cancel button.danger`)))
	b.see("Cancelled: no further write begins.")
	if got := b.state(dated); got != offboarding.CaseCancelled {
		t.Errorf("lidia's departure is %s", got)
	}

	b.leaves("grady.archie@contoso.com", "")
	b.leaves(long, "")
	hers := b.leaves(megan, "")
	b.until("megan's departure needs a person", func() bool { return b.needs(hers) })
	emilys := b.leaves(emily, "")
	b.until("emily's departure is held", func() bool { return b.state(emilys) == offboarding.CaseHeld })
	b.parked("nobody.at.all@contoso.com")
	limited := b.leaves("patti.fernandez@contoso.com", "")
	b.until("patti's departure is held by the limit", func() bool { return b.state(limited) == offboarding.CaseHeld })
	b.screenshots(map[string]string{"departure": adeles, "held": limited, "person": hers, "approval": emilys})
	b.open("cases/" + limited)
	b.run(chromedp.WaitVisible(chromedp.CSS(`form[action$="/release"]`)), chromedp.Click(chromedp.CSS(`form[action$="/release"] button`)))
	b.see("Released: it goes on.")
	b.until("patti's departure goes on", func() bool { return b.state(limited) == offboarding.CaseRunning })

	b.undone(adeles, adele)
	b.frozen()
	b.elsewhere()
	b.refused()
	b.out()
}

// needs reports whether a step waits for a person.
func (b *browsing) needs(id string) bool {
	c, err := b.desk.Ledger.Case(context.Background(), id)
	return err == nil && slices.ContainsFunc(c.Steps, func(r *offboarding.Record) bool {
		return r.State == offboarding.StateManual || r.State == offboarding.StateParked
	})
}

// parked asks for the departure of nobody, which is parked.
func (b *browsing) parked(who string) {
	b.Helper()
	sent, err := b.desk.Offboard(context.Background(), offboarding.Request{Kind: offboarding.Termination, Employee: offboarding.Employee{UserPrincipalName: who}})
	if err != nil {
		b.Fatal(err)
	}
	var of operator.Who
	if err := of.UnmarshalText([]byte(sent.Request)); err != nil {
		b.Fatal(err)
	}
	b.until("the request is parked", func() bool {
		found, err := b.desk.Status(context.Background(), of)
		return err == nil && len(found) == 1 && found[0].Case == ""
	})
}

// undone takes a departure back; what is left is the password, which is handed over in person.
func (b *browsing) undone(id, who string) {
	b.Helper()
	b.open("cases/" + id)
	b.run(chromedp.Click(chromedp.CSS(`a[href$="/undo"]`)), chromedp.WaitVisible(chromedp.CSS(`form[action$="/undo"]`)))
	b.run(chromedp.SendKeys(chromedp.CSS(`form[action$="/undo"] input[name="reason"]`), "she stays"), chromedp.Click(chromedp.CSS(`form[action$="/undo"] button`)), chromedp.WaitVisible(chromedp.CSS(`.said`)))
	b.until("it is taken back", func() bool {
		u, is := b.tenant.UserByUPN(who)
		c, err := b.desk.Ledger.Case(context.Background(), id)
		return err == nil && is && u.AccountEnabled && c.Step(offboarding.StepBlock).State == offboarding.StateUndone && c.Step(offboarding.StepSignout).State == offboarding.StateManual
	})
	b.open("cases/" + id)
	b.see("Temporary Access Pass")
}

// refused is what the console lets nobody do: without a role, with a lesser one, by a forged form, and when
// the session has ended.
func (b *browsing) refused() {
	b.Helper()
	frozen := func(why string) {
		b.Helper()
		if _, is, _ := b.desk.Ledger.Freezing(context.Background()); is {
			b.Errorf("%s: the installation is frozen", why)
		}
	}
	b.run(chromedp.Navigate(b.url+"sign-in?another=1"), chromedp.Click(chromedp.CSS(`button[value="`+simtenant.UserID(alex)+`"]`)))
	b.see("no role here")
	b.pictures("refused")
	b.signIn(reads)
	b.open("limits")
	b.see("Freezing needs the app role Leaver.Operate")
	b.send("freeze", `document.querySelector('[name="csrf"]').value`)
	b.see("This needs the app role Leaver.Operate")
	frozen("by whoever may only read")
	b.signIn(nestor)
	b.open("limits")
	b.send("freeze", `"forged"`)
	b.see("was not made for your session")
	frozen("by a forged form")
	b.open("")
	b.later.Store(int64(2 * time.Hour))
	defer b.later.Store(0)
	b.until("the page says that the session has ended", b.holds(`document.getElementById("news").innerText.includes("signed out")`))
	b.send("freeze", `document.querySelector('[name="csrf"]').value`)
	b.see("You were signed out")
	frozen("by a session that has ended")
	b.later.Store(0)
	b.signIn(nestor)
}

// send sends a form of the page's own making.
func (b *browsing) send(to, token string) {
	b.Helper()
	ask(b, chromedp.Evaluate[bool](fmt.Sprintf(`(() => {
		const form = document.createElement("form"), field = (name, value) => { const i = document.createElement("input"); i.name = name; i.value = value; form.append(i); };
		form.method = "post"; form.action = %q;
		field("reason", "a test"); field("csrf", %s);
		document.body.append(form); setTimeout(() => form.submit()); // after this answer, which the page would take with it
		return true;
	})()`, b.url+to, token)))
}

// frozen freezes and thaws.
func (b *browsing) frozen() {
	b.Helper()
	is := func() bool { _, frozen, _ := b.desk.Ledger.Freezing(context.Background()); return frozen }
	b.open("limits")
	b.run(chromedp.SendKeys(chromedp.CSS(`form[action$="/freeze"] input[name="reason"]`), "a stolen secret"), chromedp.Click(chromedp.CSS(`form[action$="/freeze"] button`)))
	b.see("Frozen: nothing is written from now on.")
	b.pictures("frozen")
	if !is() {
		b.Error("it is not frozen")
	}
	b.run(chromedp.Click(chromedp.CSS(`form[action$="/thaw"] button`)))
	b.see("Thawed: everything goes on.")
	if is() {
		b.Error("it is still frozen")
	}
}

// elsewhere lets the page of another site send a form.
func (b *browsing) elsewhere() {
	b.Helper()
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(w, `<form id="f" method="post" action="%sfreeze"><input name="reason" value="evil"><input name="csrf" value="x"></form><script>f.submit()</script>`, b.url)
	}))
	defer evil.Close()
	b.run(chromedp.Navigate(strings.Replace(evil.URL, "127.0.0.1", "localhost", 1)))
	b.see("nothing was done")
	if _, is, _ := b.desk.Ledger.Freezing(context.Background()); is {
		b.Error("another site froze the installation")
	}
}

// out signs out; going back shows nothing of what was there.
func (b *browsing) out() {
	b.Helper()
	b.open("departures")
	b.run(chromedp.Click(chromedp.CSS(".who summary")), chromedp.Click(chromedp.CSS(`form[action$="/sign-out"] button`)))
	b.see("Signed out")
	b.pictures("goodbye")
	b.run(chromedp.NavigateBack())
	b.see("Sign in with Microsoft")
}

// TestTheConsoleWithoutJavaScript does the same by forms alone.
func TestTheConsoleWithoutJavaScript(t *testing.T) {
	b := newBrowsing(t)
	if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	b.signIn(nestor)
	id := b.leaves(adele, "")
	b.until("locked out", func() bool {
		c, err := b.desk.Ledger.Case(context.Background(), id)
		if err != nil {
			return false
		}
		_, out := c.LockedOut()
		return out
	})
	b.open("cases/" + id)
	b.run(chromedp.WaitVisible(chromedp.CSS(`#step-signout`)))
	b.run(chromedp.SendKeys(chromedp.CSS("#search"), adele+"\r"), chromedp.WaitVisible(chromedp.CSS(`#step-signout`)))
	held := b.leaves(raul, "")
	b.until("raul's departure is held", func() bool { return b.state(held) == offboarding.CaseHeld })
	b.signIn(joni)
	b.open("cases/" + held)
	b.run(chromedp.Click(chromedp.CSS(`form[action$="/approve"] button`)), chromedp.WaitVisible(chromedp.CSS(`.said`)))
	b.until("raul's departure goes on", func() bool { return b.state(held) == offboarding.CaseRunning })
	b.signIn(nestor)
	b.open("cases/" + held)
	b.run(chromedp.Click(chromedp.CSS(`details.cancel summary`)), chromedp.SendKeys(chromedp.CSS(`details.cancel input[name="reason"]`), "he stays"), chromedp.Click(chromedp.CSS(`details.cancel button.danger`)), chromedp.WaitVisible(chromedp.CSS(`.said`)))
	b.until("raul's departure is cancelled", func() bool {
		return b.state(held) == offboarding.CaseCancelled || b.state(held) == offboarding.CaseCancelling
	})
	b.undone(id, adele)
	for i, who := range []string{"grady.archie@contoso.com", "lidia.holloway@contoso.com", "irvin.sayers@contoso.com", "lee.gu@contoso.com", "debra.berger@contoso.com"} {
		held = b.leaves(who, "")
		b.until("departure "+fmt.Sprint(i+1), func() bool { return b.state(held) == offboarding.CaseRunning || b.state(held) == offboarding.CaseHeld })
		if b.state(held) == offboarding.CaseHeld {
			break
		}
	}
	b.open("cases/" + held)
	b.run(chromedp.Click(chromedp.CSS(`form[action$="/release"] button`)), chromedp.WaitVisible(chromedp.CSS(`.said`)))
	b.until("it is released", func() bool { return b.state(held) == offboarding.CaseRunning })
	b.open("ledger")
	b.run(chromedp.Click(chromedp.CSS(`form.fields button`)), chromedp.WaitVisible(chromedp.CSS(`#verified`)))
	b.open("limits")
	b.run(chromedp.SendKeys(chromedp.CSS(`form[action$="/freeze"] input[name="reason"]`), "by hand"), chromedp.Click(chromedp.CSS(`form[action$="/freeze"] button`)), chromedp.WaitVisible(chromedp.CSS(`form[action$="/thaw"]`)))
	b.run(chromedp.Click(chromedp.CSS(`form[action$="/thaw"] button`)), chromedp.WaitVisible(chromedp.CSS(`form[action$="/freeze"]`)))
}

// screenshots looks at every page, some of them after a form was sent.
func (b *browsing) screenshots(cases map[string]string) {
	b.Helper()
	b.until("wait for the departures", func() bool { return b.state(cases["held"]) == offboarding.CaseHeld })
	for name, id := range cases {
		b.open("cases/" + id)
		b.pictures(name)
	}
	for _, path := range []string{
		"departures", "departures?of=complete", "approvals", "plan", "layoff?of=hour", "parked", "limits", "sources", "ledger", "doctor", "nowhere", "cases/" + cases["departure"] + "/undo",
	} {
		b.open(path)
		b.pictures(strings.NewReplacer("?of=", "-", "cases/"+cases["departure"]+"/", "").Replace(path))
	}
	b.open("cases/" + cases["person"])
	ask(b, chromedp.Evaluate[int](`document.querySelectorAll("details").forEach((d) => { d.open = true; }), 1`))
	b.pictures("person-open")
	b.open("")
	b.pictures("overview")
	b.open("departures?of=needs")
	b.run(chromedp.Click(chromedp.CSS(`a.row[href*="/requests/"]`)), chromedp.WaitVisible(chromedp.CSS(`form[action$="/parked"]`)))
	b.pictures("request")
	b.run(chromedp.SendKeys(chromedp.CSS("#search"), "contoso.com\r"), chromedp.WaitVisible(chromedp.CSS(`.rows`)))
	b.pictures("search")
	b.open("plan")
	b.run(chromedp.SendKeys(chromedp.CSS("#who"), "henrik.holm@contoso.com"), chromedp.Click(chromedp.CSS(`form.fields button`)), chromedp.WaitVisible(chromedp.CSS(`.planned`)))
	b.pictures("planned")
	b.open("plan")
	b.run(chromedp.SendKeys(chromedp.CSS("#who"), "nobody.at.all@contoso.com"), chromedp.Click(chromedp.CSS(`form.fields button`)), chromedp.WaitVisible(chromedp.CSS(`.warn`)))
	b.pictures("planned-nobody")
	b.open("ledger")
	b.run(chromedp.Click(chromedp.CSS(`form.fields button`)), chromedp.WaitVisible(chromedp.CSS(`#verified`)))
	b.pictures("verified")
	b.open("doctor")
	b.run(chromedp.Click(chromedp.CSS(`main form button`)), chromedp.WaitVisible(chromedp.CSS(`#found`)))
	b.pictures("examined")
	b.open("cases/" + cases["departure"] + "/report")
	b.saved("report")
}

// look is how a page may be shown.
type look struct {
	name, scheme  string
	width, height int64
}

var looks = []look{{"light", "light", 1280, 900}, {"dark", "dark", 1280, 900}, {"phone", "light", 390, 844}, {"phone-dark", "dark", 390, 844}}

// looking calls with each look of the page at hand.
func (b *browsing) looking(each func(name string)) {
	b.Helper()
	for _, look := range looks {
		if look.name == "phone-dark" && os.Getenv("LEAVER_SCREENSHOTS") == "" {
			continue
		}
		b.run(chromedp.EmulateViewport(look.width, look.height))
		if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: look.scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}, // else colours are on their way
		}}); err != nil {
			b.Fatal(err)
		}
		each(look.name)
	}
	b.run(chromedp.ResetViewport())
}

// saved writes pictures of the page at hand to where LEAVER_SCREENSHOTS says.
func (b *browsing) saved(page string) {
	b.Helper()
	if os.Getenv("LEAVER_SCREENSHOTS") == "" {
		return
	}
	b.looking(func(name string) { b.save(page + "-" + name) })
}

func (b *browsing) save(name string) {
	b.Helper()
	folder := os.Getenv("LEAVER_SCREENSHOTS")
	if folder == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), ask(b, chromedp.FullScreenshot(100)), 0o644); err != nil {
		b.Fatal(err)
	}
}

// pictures looks at the page at hand in light, in dark and on a phone: axe finds nothing wrong with it, it is
// no wider than the window, and pictures go where LEAVER_SCREENSHOTS says.
func (b *browsing) pictures(page string) {
	b.Helper()
	axe, err := os.ReadFile(filepath.Join("..", "..", ".ci", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		if os.Getenv("CI") == "true" {
			b.Fatalf("axe-core: (cd .ci && npm ci): %v", err)
		}
		b.Log("without axe-core: (cd .ci && npm ci --ignore-scripts)")
	}
	if len(axe) > 0 {
		ask(b, chromedp.Evaluate[int](string(axe)+";0"))
	}
	b.looking(func(name string) {
		if len(axe) > 0 && name != "phone-dark" { // which has the colours of one and the places of another
			b.judge(page + " " + name)
		}
		if ask(b, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > document.documentElement.clientWidth`)) {
			b.Errorf("%s %s: it is wider than the window", page, name)
		}
		b.save(page + "-" + name)
	})
}

// judge runs axe, past the content security policy, which would refuse it.
func (b *browsing) judge(name string) {
	b.Helper()
	type violation struct {
		ID    string `json:"id"`
		Help  string `json:"help"`
		Nodes []struct {
			HTML string `json:"html"`
		} `json:"nodes"`
	}
	for _, v := range ask(b, chromedp.Evaluate[[]violation](`axe.run().then((r) => r.violations)`, chromedp.EvalAwaitPromise)) {
		text, _ := json.Marshal(v.Nodes)
		b.Errorf("%s: %s: %s: %s", name, v.ID, v.Help, bytes.TrimSpace(text[:min(len(text), 400)]))
	}
}
