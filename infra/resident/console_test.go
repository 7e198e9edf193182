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
	nestor = "nestor.wilke@contoso.com" // holds every role of the console
	joni   = "joni.sherman@contoso.com" // reads and approves
	raul   = "raul.razo@contoso.com"    // an administrator by a group: their departure needs an approval
)

// browsing is a console, the tenant behind it, and a real browser before it.
type browsing struct {
	*testing.T
	tenant *simtenant.Tenant
	desk   *operator.Desk
	url    string
	ctx    context.Context // of the tab
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
	policy.Limits = offboarding.Limits{PerHour: 3, PerDay: 30, Share: 100}
	connection := identity.Tenant{
		TenantID: at.TenantID, ClientID: at.ClientID, ClientSecret: at.ClientSecret, ConsoleClientID: at.ConsoleClientID,
		Graph: at.Graph, Authority: at.Authority, Exchange: at.Exchange, CAFile: at.CAFile,
	}
	ctx, stop := context.WithCancel(context.Background())
	h, err := resident.Open(ctx, resident.Options{Dir: t.TempDir(), Tenant: connection, Policy: policy, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	stopConsole, address, err := h.ServeConsole(ctx, resident.Console{Address: "127.0.0.1:0", Tenant: connection})
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
	return &browsing{t, tenant, h.Desk(), address, tab}
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
		chromedp.WaitVisible(chromedp.CSS(`nav[aria-label="Pages"]`)),
	)
}

// see waits until the page shows a text, without being told to look again.
func (b *browsing) see(text string) {
	b.Helper()
	b.until("the page shows "+text, func() bool {
		shows, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](fmt.Sprintf(`document.querySelector("main").innerText.includes(%q)`, text)))
		return err == nil && shows // an error while another page comes
	})
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
	b.see("Sign in with Microsoft")
	b.run(chromedp.Click(chromedp.CSS("a.button")), chromedp.WaitVisible(chromedp.CSS(`button[name="user"]`)))
	b.run(chromedp.Click(chromedp.CSS(`button[value="` + simtenant.UserID(nestor) + `"]`)))
	b.see("Overview")

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
	limited := b.leaves("patti.fernandez@contoso.com", "")
	b.until("patti's departure is held by the limit", func() bool { return b.state(limited) == offboarding.CaseHeld })
	b.screenshots(adeles)
	b.open("cases/" + limited)
	b.run(chromedp.WaitVisible(chromedp.CSS(`form[action$="/release"]`)), chromedp.Click(chromedp.CSS(`form[action$="/release"] button`)))
	b.see("Released: it goes on.")
	b.until("patti's departure goes on", func() bool { return b.state(limited) == offboarding.CaseRunning })

	b.frozen()
	b.elsewhere()
	b.out()
}

// frozen freezes and thaws.
func (b *browsing) frozen() {
	b.Helper()
	is := func() bool { _, frozen, _ := b.desk.Ledger.Freezing(context.Background()); return frozen }
	b.open("limits")
	b.run(chromedp.SendKeys(chromedp.CSS(`form[action$="/freeze"] input[name="reason"]`), "a stolen secret"), chromedp.Click(chromedp.CSS(`form[action$="/freeze"] button`)))
	b.see("Frozen: nothing is written from now on.")
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
	b.open("limits")
	b.run(chromedp.SendKeys(chromedp.CSS(`form[action$="/freeze"] input[name="reason"]`), "by hand"), chromedp.Click(chromedp.CSS(`form[action$="/freeze"] button`)), chromedp.WaitVisible(chromedp.CSS(`form[action$="/thaw"]`)))
	b.run(chromedp.Click(chromedp.CSS(`form[action$="/thaw"] button`)), chromedp.WaitVisible(chromedp.CSS(`form[action$="/freeze"]`)))
}

// screenshots looks at every page in light, in dark and on a phone: axe finds nothing wrong with it, and
// pictures go where LEAVER_SCREENSHOTS says.
func (b *browsing) screenshots(departure string) {
	b.Helper()
	axe, err := os.ReadFile(filepath.Join("..", "..", ".ci", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		if os.Getenv("CI") == "true" {
			b.Fatalf("axe-core: (cd .ci && npm ci): %v", err)
		}
		b.Log("without axe-core: (cd .ci && npm ci --ignore-scripts)")
	}
	folder := os.Getenv("LEAVER_SCREENSHOTS")
	pages := map[string]string{
		"overview": "", "departures": "departures", "departure": "cases/" + departure, "held": "cases/" + simtenant.UserID("patti.fernandez@contoso.com") + "-1",
		"approvals": "approvals", "plan": "plan", "layoff": "layoff?of=hour", "parked": "parked", "limits": "limits", "sources": "sources",
		"problem": "nowhere", "refused": "sign-in/done",
	}
	for _, look := range []struct {
		name, scheme  string
		width, height int64
	}{{"light", "light", 1280, 900}, {"dark", "dark", 1280, 900}, {"phone", "light", 390, 844}} {
		b.run(chromedp.EmulateViewport(look.width, look.height))
		if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: look.scheme}}}); err != nil {
			b.Fatal(err)
		}
		for name, path := range pages {
			b.open(path)
			if len(axe) > 0 {
				b.judge(name+" "+look.name, string(axe))
			}
			if ask(b, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > document.documentElement.clientWidth`)) {
				b.Errorf("%s %s: it is wider than the window", name, look.name)
			}
			if folder != "" {
				if err := os.WriteFile(filepath.Join(folder, name+"-"+look.name+".png"), ask(b, chromedp.FullScreenshot(100)), 0o644); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	b.run(chromedp.ResetViewport())
}

// judge runs axe, past the content security policy, which would refuse it.
func (b *browsing) judge(name, axe string) {
	b.Helper()
	type violation struct {
		ID    string `json:"id"`
		Help  string `json:"help"`
		Nodes []struct {
			HTML string `json:"html"`
		} `json:"nodes"`
	}
	ask(b, chromedp.Evaluate[int](axe+";0"))
	for _, v := range ask(b, chromedp.Evaluate[[]violation](`axe.run().then((r) => r.violations)`, chromedp.EvalAwaitPromise)) {
		text, _ := json.Marshal(v.Nodes)
		b.Errorf("%s: %s: %s: %s", name, v.ID, v.Help, bytes.TrimSpace(text[:min(len(text), 400)]))
	}
}
