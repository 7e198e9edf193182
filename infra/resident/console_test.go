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
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"leaver/infra/chromiumtest"
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
	*chromiumtest.Tab
	tenant *simtenant.Tenant
	desk   *operator.Desk
	url    string
	still  bool         // without JavaScript
	later  atomic.Int64 // by how much the console's clock is ahead
}

// newBrowsing starts them; it skips where there is no browser. What came before the host is put into its
// folder first.
func newBrowsing(t *testing.T, before ...func(dir string)) *browsing {
	t.Helper()
	tab := chromiumtest.New(t)
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
	dir := t.TempDir()
	for _, prepare := range before {
		prepare(dir)
	}
	ctx, stop := context.WithCancel(context.Background())
	h, err := resident.Open(ctx, resident.Options{Dir: dir, Tenant: connection, Policy: policy, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	b := &browsing{Tab: tab, tenant: tenant, desk: h.Desk()}
	clock := h.Now
	h.Now = func() time.Time { return clock().Add(time.Duration(b.later.Load())) }
	stopConsole, address, err := h.ServeConsole(ctx, resident.Console{Address: "127.0.0.1:0", Tenant: connection})
	h.Now = clock
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- h.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		_, _, _, _ = <-served, stopConsole(), h.Close(), server.Close()
	})
	b.url = address
	return b
}

// open goes to a page of the console.
func (b *browsing) open(path string) { b.Helper(); b.Go(b.url + path) }

// signIn signs somebody in, out of whatever session there is.
func (b *browsing) signIn(who string) {
	b.Helper()
	b.open("sign-in?another=1")
	b.Follow(`button[value="` + simtenant.UserID(who) + `"]`)
	b.Shows(`nav[aria-label="Pages"]`)
}

// leaves asks for a departure through the pages, and returns its case.
func (b *browsing) leaves(who, when string) string {
	b.Helper()
	b.open("plan")
	b.Write("#who", who)
	if when != "" {
		b.Write("#time", when)
	}
	b.Follow(`form.fields button`)
	b.Shows(`.planned`)
	b.Follow(`form[action$="/offboard"] button`)
	id := simtenant.UserID(who) + "-1"
	b.Until("the case of "+who, func() bool { _, err := b.desk.Ledger.Case(context.Background(), id); return err == nil })
	b.open("cases/" + id) // where the page of the request leads by itself, if there is JavaScript
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
	b.See("Sign in with Microsoft")
	b.Follow("a.button")
	b.Shows(`button[name="user"]`)
	b.Follow(`button[value="` + simtenant.UserID(nestor) + `"]`)
	b.See("Nobody has left yet")
	b.pictures("first")

	adeles := b.leaves(adele, "")
	b.Shows(`.steps`)
	chromiumtest.Ask[bool](b.Tab, `window.sameDocument = true`)
	b.See("Locked out")
	b.Until("every step but the gates", func() bool {
		c, err := b.desk.Ledger.Case(context.Background(), adeles)
		return err == nil && c.Step(offboarding.StepOnedrive).State == offboarding.StateEffective
	})
	b.Until("the page shows that OneDrive is done", func() bool {
		return b.Holds(`document.querySelector("#step-onedrive .state").innerText === "effective"`)
	})
	if !chromiumtest.Ask[bool](b.Tab, `window.sameDocument === true`) {
		t.Error("the page was loaded again: nothing is live")
	}
	if u, _ := b.tenant.UserByUPN(adele); u.AccountEnabled {
		t.Error("adele can still sign in")
	}

	rauls := b.leaves(raul, "")
	b.Until("raul's departure is held", func() bool { return b.state(rauls) == offboarding.CaseHeld })
	b.signIn(joni)
	b.open("approvals")
	b.Follow(`a[href$="` + rauls + `"]`)
	b.Shows(`form[action$="/approve"]`)
	b.Write(`form[action$="/approve"] input[name="note"]`, "spoke to his manager")
	b.Follow(`form[action$="/approve"] button`)
	b.See("Approved.")
	b.Until("raul's departure goes on", func() bool { return b.state(rauls) == offboarding.CaseRunning })

	b.signIn(nestor)
	dated := b.leaves("lidia.holloway@contoso.com", inAMonth())
	b.Until("a dated departure", func() bool { return b.state(dated) == offboarding.CaseRunning })
	b.open("cases/" + dated)
	b.Click(`details.cancel summary`)
	b.Write(`details.cancel input[name="reason"]`, "she stays")
	b.Follow(`details.cancel button.danger`)
	b.See("Cancelled: no further write begins.")
	if got := b.state(dated); got != offboarding.CaseCancelled {
		t.Errorf("lidia's departure is %s", got)
	}

	b.leaves("grady.archie@contoso.com", "")
	b.leaves(long, "")
	hers := b.leaves(megan, "")
	b.Until("megan's departure needs a person", func() bool { return b.needs(hers) })
	emilys := b.leaves(emily, "")
	b.Until("emily's departure is held", func() bool { return b.state(emilys) == offboarding.CaseHeld })
	b.parked("nobody.at.all@contoso.com")
	limited := b.leaves("patti.fernandez@contoso.com", "")
	b.Until("patti's departure is held by the limit", func() bool { return b.state(limited) == offboarding.CaseHeld })
	b.screenshots(map[string]string{"departure": adeles, "held": limited, "person": hers, "approval": emilys})
	b.open("cases/" + limited)
	b.Shows(`form[action$="/release"]`)
	b.Follow(`form[action$="/release"] button`)
	b.See("Released: it goes on.")
	b.Until("patti's departure goes on", func() bool { return b.state(limited) == offboarding.CaseRunning })

	b.undone(adeles, adele)
	b.frozen()
	b.elsewhere()
	b.refused()
	b.out()
}

// inAMonth is a leaving time that is far off.
func inAMonth() string { return time.Now().UTC().AddDate(0, 1, 0).Format(time.RFC3339) }

// needs reports whether a step waits for a person.
func (b *browsing) needs(id string) bool {
	c, err := b.desk.Ledger.Case(context.Background(), id)
	return err == nil && slices.ContainsFunc(c.Steps, func(r *offboarding.Record) bool {
		return r.State == offboarding.StateManual || r.State == offboarding.StateParked
	})
}

// parked asks for the departure of nobody, which is parked; it returns the request.
func (b *browsing) parked(who string) string {
	b.Helper()
	sent, err := b.desk.Offboard(context.Background(), offboarding.Request{Kind: offboarding.Termination, Employee: offboarding.Employee{UserPrincipalName: who}})
	if err != nil {
		b.Fatal(err)
	}
	var of operator.Who
	if err := of.UnmarshalText([]byte(sent.Request)); err != nil {
		b.Fatal(err)
	}
	b.Until("the request is parked", func() bool {
		found, err := b.desk.Status(context.Background(), of)
		return err == nil && len(found) == 1 && found[0].Case == ""
	})
	return sent.Request
}

// undone takes a departure back; what is left is the password, which is handed over in person.
func (b *browsing) undone(id, who string) {
	b.Helper()
	b.open("cases/" + id)
	b.Follow(`a[href$="/undo"]`)
	b.Shows(`form[action$="/undo"]`)
	b.Write(`form[action$="/undo"] input[name="reason"]`, "she stays")
	b.Follow(`form[action$="/undo"] button`)
	b.Shows(`.said`)
	b.Until("it is taken back", func() bool {
		u, is := b.tenant.UserByUPN(who)
		c, err := b.desk.Ledger.Case(context.Background(), id)
		return err == nil && is && u.AccountEnabled && c.Step(offboarding.StepBlock).State == offboarding.StateUndone && c.Step(offboarding.StepSignout).State == offboarding.StateManual
	})
	b.open("cases/" + id)
	b.See("Temporary Access Pass")
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
	b.Go(b.url + "sign-in?another=1")
	b.Follow(`button[value="` + simtenant.UserID(alex) + `"]`)
	b.See("no role here")
	b.pictures("refused")
	b.signIn(reads)
	b.open("limits")
	b.See("Freezing needs the app role Leaver.Operate")
	b.send("freeze", `document.querySelector('[name="csrf"]').value`)
	b.See("This needs the app role Leaver.Operate")
	frozen("by whoever may only read")
	b.signIn(nestor)
	b.open("limits")
	b.send("freeze", `"forged"`)
	b.See("was not made for your session")
	frozen("by a forged form")
	b.open("")
	b.later.Store(int64(2 * time.Hour))
	defer b.later.Store(0)
	if !b.still {
		b.Until("the page says that the session has ended", func() bool { return b.Holds(`document.getElementById("news").innerText.includes("signed out")`) })
	}
	b.send("freeze", `document.querySelector('[name="csrf"]').value`)
	b.See("You were signed out")
	frozen("by a session that has ended")
	b.later.Store(0)
	b.signIn(nestor)
}

// send sends a form of the page's own making.
func (b *browsing) send(to, token string) {
	b.Helper()
	chromiumtest.Ask[bool](b.Tab, fmt.Sprintf(`(() => {
		const form = document.createElement("form"), field = (name, value) => { const i = document.createElement("input"); i.name = name; i.value = value; form.append(i); };
		form.id = "made"; form.method = "post"; form.action = %q;
		field("reason", "a test"); field("csrf", %s);
		form.append(document.createElement("button"));
		document.querySelector("main").prepend(form);
		return true;
	})()`, b.url+to, token))
	b.Follow("#made button")
}

// frozen freezes and thaws.
func (b *browsing) frozen() {
	b.Helper()
	is := func() bool { _, frozen, _ := b.desk.Ledger.Freezing(context.Background()); return frozen }
	b.open("limits")
	b.Write(`form[action$="/freeze"] input[name="reason"]`, "a stolen secret")
	b.Follow(`form[action$="/freeze"] button`)
	b.See("Frozen: nothing is written from now on.")
	b.pictures("frozen")
	if !is() {
		b.Error("it is not frozen")
	}
	b.Follow(`form[action$="/thaw"] button`)
	b.See("Thawed: everything goes on.")
	if is() {
		b.Error("it is still frozen")
	}
}

// elsewhere lets the page of another site lure somebody into sending a form.
func (b *browsing) elsewhere() {
	b.Helper()
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(w, `<form id="f" method="post" action="%sfreeze"><input name="reason" value="evil"><input name="csrf" value="x"><button>Your prize</button></form>`, b.url)
	}))
	defer evil.Close()
	b.Go(strings.Replace(evil.URL, "127.0.0.1", "localhost", 1))
	b.Follow("#f button")
	b.See("nothing was done")
	if _, is, _ := b.desk.Ledger.Freezing(context.Background()); is {
		b.Error("another site froze the installation")
	}
}

// out signs out; going back shows nothing of what was there.
func (b *browsing) out() {
	b.Helper()
	b.open("departures")
	b.Click(".who summary")
	b.Follow(`form[action$="/sign-out"] button`)
	b.See("Signed out")
	b.pictures("goodbye")
	b.Leads("going back", func() { b.do(chromedp.NavigateBack()) })
	b.See("Sign in with Microsoft")
}

func (b *browsing) withoutJavaScript() {
	b.Helper()
	if _, err := chromedp.Call(b.Context, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		b.Fatal(err)
	}
	b.still = true
}

// TestTheConsoleWithoutJavaScript does the same by forms alone.
func TestTheConsoleWithoutJavaScript(t *testing.T) {
	b := newBrowsing(t)
	b.withoutJavaScript()
	b.signIn(nestor)
	id := b.leaves(adele, "")
	b.Until("locked out", func() bool {
		c, err := b.desk.Ledger.Case(context.Background(), id)
		if err != nil {
			return false
		}
		_, out := c.LockedOut()
		return out
	})
	b.open("cases/" + id)
	b.Shows(`#step-signout`)
	b.Write("#search", adele)
	b.Follow(`form.search button`)
	b.Shows(`#step-signout`)
	held := b.leaves(raul, "")
	b.Until("raul's departure is held", func() bool { return b.state(held) == offboarding.CaseHeld })
	b.signIn(joni)
	b.open("cases/" + held)
	b.Follow(`form[action$="/approve"] button`)
	b.Shows(`.said`)
	b.Until("raul's departure goes on", func() bool { return b.state(held) == offboarding.CaseRunning })
	b.signIn(nestor)
	b.open("cases/" + held)
	b.Click(`details.cancel summary`)
	b.Write(`details.cancel input[name="reason"]`, "he stays")
	b.Follow(`details.cancel button.danger`)
	b.Shows(`.said`)
	b.Until("raul's departure is cancelled", func() bool {
		return b.state(held) == offboarding.CaseCancelled || b.state(held) == offboarding.CaseCancelling
	})
	b.undone(id, adele)
	for i, who := range []string{"grady.archie@contoso.com", "lidia.holloway@contoso.com", "irvin.sayers@contoso.com", "lee.gu@contoso.com", "debra.berger@contoso.com"} {
		held = b.leaves(who, "")
		b.Until("departure "+fmt.Sprint(i+1), func() bool { return b.state(held) == offboarding.CaseRunning || b.state(held) == offboarding.CaseHeld })
		if b.state(held) == offboarding.CaseHeld {
			break
		}
	}
	b.open("cases/" + held)
	b.Follow(`form[action$="/release"] button`)
	b.Shows(`.said`)
	b.Until("it is released", func() bool { return b.state(held) == offboarding.CaseRunning })
	b.open("ledger")
	b.Follow(`form.fields button`)
	b.Shows(`#verified`)
	b.open("limits")
	b.Write(`form[action$="/freeze"] input[name="reason"]`, "by hand")
	b.Follow(`form[action$="/freeze"] button`)
	b.Shows(`form[action$="/thaw"]`)
	b.Follow(`form[action$="/thaw"] button`)
	b.Shows(`form[action$="/freeze"]`)
	b.elsewhere()
	b.refused()
	b.out()
}

// screenshots looks at every page, some of them after a form was sent.
func (b *browsing) screenshots(cases map[string]string) {
	b.Helper()
	b.Until("wait for the departures", func() bool { return b.state(cases["held"]) == offboarding.CaseHeld })
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
	chromiumtest.Ask[int](b.Tab, `document.querySelectorAll("main details").forEach((d) => { d.open = true; }), 1`)
	b.pictures("person-open")
	b.open("")
	b.pictures("overview")
	b.open("departures?of=needs")
	b.Follow(`a.row[href*="/requests/"]`)
	b.Shows(`form[action$="/parked"]`)
	b.pictures("request")
	b.Write("#search", "contoso.com")
	b.Follow(`form.search button`)
	b.Shows(`.rows`)
	b.pictures("search")
	b.open("plan")
	b.Write("#who", "henrik.holm@contoso.com")
	b.Follow(`form.fields button`)
	b.Shows(`.planned`)
	b.pictures("planned")
	b.open("plan")
	b.Write("#who", "nobody.at.all@contoso.com")
	b.Follow(`form.fields button`)
	b.Shows(`.warn`)
	b.pictures("planned-nobody")
	b.open("ledger")
	b.Follow(`form.fields button`)
	b.Shows(`#verified`)
	b.pictures("verified")
	b.open("doctor")
	b.Follow(`main form button`)
	b.Shows(`#found`)
	b.pictures("examined")
	b.open("cases/" + cases["departure"] + "/report")
	b.saved("report")
}

// do does what the browser itself can.
func (b *browsing) do(what chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.Context, what); err != nil {
		b.Lost(err.Error())
	}
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
		b.do(chromedp.EmulateViewport(look.width, look.height))
		if _, err := chromedp.Call(b.Context, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: look.scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}, // else colours are on their way
		}}); err != nil {
			b.Fatal(err)
		}
		each(look.name)
	}
	b.do(chromedp.ResetViewport())
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
	if err := os.WriteFile(filepath.Join(folder, name+".png"), b.Picture(), 0o644); err != nil {
		b.Fatal(err)
	}
}

// pictures looks at the page at hand in light, in dark and on a phone: axe finds nothing wrong with it, it is
// no wider than the window, and pictures go where LEAVER_SCREENSHOTS says.
func (b *browsing) pictures(page string) {
	b.Helper()
	if b.still { // axe is a script
		return
	}
	axe, err := os.ReadFile(filepath.Join("..", "..", ".ci", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		if os.Getenv("CI") == "true" {
			b.Fatalf("axe-core: (cd .ci && npm ci): %v", err)
		}
		b.Log("without axe-core: (cd .ci && npm ci --ignore-scripts)")
	}
	if len(axe) > 0 {
		chromiumtest.Ask[int](b.Tab, string(axe)+";0")
	}
	b.looking(func(name string) {
		if len(axe) > 0 && name != "phone-dark" { // which has the colours of one and the places of another
			b.judge(page + " " + name)
		}
		if chromiumtest.Ask[bool](b.Tab, `document.documentElement.scrollWidth > document.documentElement.clientWidth`) {
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
	for _, v := range chromiumtest.Ask[[]violation](b.Tab, `axe.run().then((r) => r.violations)`, chromedp.EvalAwaitPromise) {
		text, _ := json.Marshal(v.Nodes)
		b.Errorf("%s: %s: %s: %s", name, v.ID, v.Help, bytes.TrimSpace(text[:min(len(text), 400)]))
	}
}
