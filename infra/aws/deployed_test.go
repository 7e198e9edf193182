package aws_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"leaver/events"
	"leaver/shared/bus"
	"leaver/shared/bus/servicebustest"
	"leaver/shared/doctor"
	"leaver/shared/ledger"
	"leaver/shared/ledger/aztables"
	"leaver/shared/ledger/azuritetest"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/telemetry/collectortest"
	"leaver/shared/worker/steptest"
)

// deployment is Leaver as it is deployed: every function's binary with the environment that
// template.yaml gives it, on a peer of Service Bus, Azurite, a simulated tenant and the part of
// AWS that the functions reach. Each function proves with a token of its role that it is its
// app registration, which has the permissions and the rights on the bus of the catalogue.
type deployment struct {
	functions map[string]*function
	account   *account
	tenant    *simtenant.Tenant
	bus       *servicebustest.Peer
	ledger    *ledger.Ledger
	reach     simtenant.Connection // of hosts beside the functions
	tables    string               // likewise: the connection string of the ledger
	browsing  http.RoundTripper    // of people, to the sign-in page
	collector *collectortest.Collector
	record    record // of the tenant

	mu    sync.Mutex
	dies  map[write]bool
	first time.Time // when a function first wrote to the tenant
}

// write is what a function may be killed at: when it took effect, and before the function can
// know.
type write struct{ function, to string }

// What functions write to.
const (
	toTenant = "tenant"
	toLedger = "ledger"
	toBus    = "bus"
	toHR     = "HR system"
	toSettle = "message that it settles"
)

// The policy of the tests: a whole departure in seconds.
const deployedPolicy = `{limits: {perHour: 0, perDay: 0, share: 0}, grace: 6s, deleteAfter: 1s, mailbox: forward, forwardFor: 5s, keepMail: none, keepFiles: none, overrides: [{for: {department: Sales}, keepFiles: move}]}`

// deploy deploys Leaver for a tenant of so many people; fewer than the invented ones are those.
func deploy(t testing.TB, people int) *deployment { return deployWith(t, people, nil) }

// deployWith is deploy with further secrets and parameters, or others, by ARN.
func deployWith(t testing.TB, people int, stored map[string]string) *deployment {
	t.Helper()
	connection := azuritetest.Start(t)
	d := &deployment{functions: map[string]*function{}, dies: map[write]bool{}, account: newAccount(t), tables: connection, collector: collectortest.New(t)}
	store, err := aztables.OpenConnectionString(connection, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d.tenant, err = simtenant.New(simtenant.Config{
		Users: people, SyncEvery: time.Second, Record: io.MultiWriter(steptest.Record(), &d.record), RecordExchange: &d.record,
	}); err != nil {
		t.Fatal(err)
	}
	tenant := httptest.NewTLSServer(http.HandlerFunc(d.serveTenant))
	t.Cleanup(tenant.Close)
	var identities []servicebustest.Identity
	for i, f := range offboarding.InCloud() {
		d.tenant.AddApp(simtenant.App{
			ClientID: clientID(i), Name: offboarding.Registrations + f.Name, Roles: f.Roles(), Cmdlets: f.Cmdlets,
			Federated: []simtenant.FederatedCredential{{
				Issuer: issuer, Subject: roleOf(f.Name), Audience: "api://AzureADTokenExchange", Key: &d.account.key.PublicKey,
			}},
			Redirects: []string{consoleURL + "/console/sign-in/done"},
		})
		identities = append(identities, servicebustest.Identity{Name: clientID(i), Rights: rightsOn(f.Name)})
	}
	identities = append(identities, servicebustest.Identity{Name: residents, Rights: []servicebustest.Right{{Send: true, Listen: true}}})
	d.bus, err = servicebustest.Start(servicebustest.Options{
		Entities: servicebustest.Entities(bus.Subscriptions()), Lock: 5 * time.Second, MaxDelivery: 2000, DuplicateWindow: 10 * time.Minute,
		Identities: identities, VerifyJWT: bearer,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.bus.Close)
	d.bus.Fault(d.passBus)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	trusted := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: tenant.Certificate().Raw}), d.bus.CA()...)
	if err := os.WriteFile(ca, trusted, 0o600); err != nil {
		t.Fatal(err)
	}

	d.account.secrets[samples["WebhookSecretArn"]] = events.Secret
	d.account.secrets[samples["PolicyArn"]] = deployedPolicy
	d.account.secrets[samples["SourcesArn"]] = "sources: []"
	d.account.secrets[consoleKey] = "what nobody guesses, and 32 characters long"
	maps.Copy(d.account.secrets, stored)
	d.reach, d.browsing = d.tenant.Connection(tenant.URL), tenant.Client().Transport
	d.reach.CAFile = ca
	proof := d.account.proof(d.reach.TenantID)
	d.ledger = ledger.New(store, time.Now, rand.Reader, proof)
	template := read(t)
	for i, f := range offboarding.InCloud() {
		if f.Connection != "" {
			continue // of another vendor, who is not simulated here: no departure of these tests needs it
		}
		environ := append(template.environ(f.Name),
			"LEAVER_TENANT_ID="+d.reach.TenantID, "LEAVER_CLIENT_ID="+clientID(i), "LEAVER_CA_FILE="+ca,
			"LEAVER_AUTHORITY="+d.reach.Authority, "LEAVER_SERVICEBUS="+d.bus.Addr(),
			"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID="+accessKey(f.Name), "AWS_SECRET_ACCESS_KEY=example",
			"AWS_ENDPOINT_URL="+d.account.URL, "OTEL_EXPORTER_OTLP_ENDPOINT="+d.collector.URL, "AWS_LAMBDA_FUNCTION_NAME=leaver-"+f.Name,
		)
		if f.Name == offboarding.FunctionBackup {
			environ = append(environ, "LEAVER_BACKUP=file://"+filepath.ToSlash(t.TempDir()))
		}
		if f.Ledger {
			environ = append(environ, "LEAVER_GRAPH="+d.reach.Graph, "LEAVER_EXCHANGE="+d.reach.Exchange, "LEAVER_TABLES=", "LEAVER_LEDGER_KEYS="+keysOf(proof), "LEAVER_TABLES_CONNECTION="+d.serveLedger(t, f.Name, connection))
		}
		if f.People {
			environ = append(environ, consoleEnviron(clientID(i))...)
		}
		d.functions[f.Name] = newFunction(t, f.Name, build(t, f.Name), environ)
	}
	d.account.invoke = func(_, name string, payload []byte) bool {
		f, known := d.functions[name]
		if known {
			f.event(payload)
		}
		return known
	}
	t.Cleanup(func() {
		if t.Failed() {
			for name, f := range d.functions {
				t.Logf("%s said:\n%s", name, f.said())
			}
		}
	})
	return d
}

// residents is whose access to the bus hosts have that run beside the functions.
const residents = "residents"

// clientID is the app registration of the function of that number.
func clientID(i int) string { return fmt.Sprintf("22222222-3333-4444-8555-%012d", i) }

func rightsOn(function string) []servicebustest.Right {
	var rights []servicebustest.Right
	own := bus.RightsOf(function)
	for _, entity := range own.Send {
		rights = append(rights, servicebustest.Right{Entity: entity, Send: true})
	}
	for _, s := range bus.Subscriptions() {
		if slices.Contains(own.Listen, s.Name) {
			rights = append(rights, servicebustest.Right{Entity: pathOf(s), Listen: true})
		}
	}
	return rights
}

// pathOf is the address of a subscription on Service Bus.
func pathOf(s bus.Subscription) string {
	if s.Entity == bus.Topic {
		return s.Entity + "/Subscriptions/" + s.Name
	}
	return s.Entity
}

// bearer says whose a token of the simulated tenant is. Nobody but the functions reaches the
// peer, so that nothing is gained by checking the signature.
func bearer(token string) (string, time.Time, error) {
	var claims struct {
		jwt.RegisteredClaims
		AppID string `json:"appid"`
	}
	if _, _, err := jwt.NewParser().ParseUnverified(token, &claims); err != nil {
		return "", time.Time{}, err
	}
	if !slices.Contains(claims.Audience, "https://servicebus.azure.net") {
		return "", time.Time{}, errors.New("the token is for another resource")
	}
	return claims.AppID, claims.ExpiresAt.Time, nil
}

// serveTenant is the tenant for the functions.
func (d *deployment) serveTenant(w http.ResponseWriter, r *http.Request) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	var claims struct {
		jwt.RegisteredClaims
		AppID string `json:"appid"`
	}
	_, _, _ = jwt.NewParser().ParseUnverified(token, &claims)
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	writes := r.Method != http.MethodGet && !strings.HasPrefix(r.Header.Get("X-CmdletName"), "Get-")
	if strings.HasSuffix(r.URL.Path, "/$batch") {
		writes = bytes.Contains(body, []byte(`"method":"POST"`)) || bytes.Contains(body, []byte(`"method":"DELETE"`)) || bytes.Contains(body, []byte(`"method":"PATCH"`))
	}
	if name := nameOf(claims.AppID); name != "" && writes {
		d.mu.Lock()
		if d.first.IsZero() {
			d.first = time.Now()
		}
		d.mu.Unlock()
		if d.mustDie(write{name, toTenant}) {
			d.tenant.ServeHTTP(httptest.NewRecorder(), r)
			d.functions[name].kill()
			return
		}
	}
	d.tenant.ServeHTTP(w, r)
}

// nameOf is the function whose app registration that is; "" for none.
func nameOf(client string) string {
	for i, f := range offboarding.InCloud() {
		if client == clientID(i) {
			return f.Name
		}
	}
	return ""
}

// passBus lets every frame pass, but the acknowledgement of a message whose sender is to die.
func (d *deployment) passBus(f servicebustest.Frame) servicebustest.Action {
	if f.Received && f.Kind == servicebustest.Disposition && d.mustDie(write{nameOf(f.Identity), toSettle}) {
		d.functions[nameOf(f.Identity)].kill()
	}
	acknowledges := !f.Received && f.Kind == servicebustest.Disposition && (f.Address == bus.Topic || f.Address == bus.Queue || f.Address == bus.Hints)
	if name := nameOf(f.Identity); acknowledges && d.mustDie(write{name, toBus}) {
		d.functions[name].kill()
	}
	return servicebustest.Pass
}

// serveLedger is Azurite for one function. It returns the connection string.
func (d *deployment) serveLedger(t testing.TB, name, connection string) string {
	t.Helper()
	_, endpoint, _ := strings.Cut(connection, "TableEndpoint=")
	azurite, err := url.Parse(strings.TrimSuffix(endpoint, ";"))
	if err != nil {
		t.Fatal(err)
	}
	account := azurite.Path
	azurite.Path = ""
	proxy := httputil.NewSingleHostReverseProxy(azurite)
	proxy.ErrorLog = log.New(io.Discard, "", 0) // of clients that were killed
	proxy.ModifyResponse = func(answer *http.Response) error {
		if !strings.HasSuffix(answer.Request.URL.Path, "/$batch") { // an entry is committed as a transaction
			return nil
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body = io.NopCloser(bytes.NewReader(body))
		if committed := err == nil && !bytes.Contains(body, []byte("HTTP/1.1 4")); committed && d.mustDie(write{name, toLedger}) {
			d.functions[name].kill()
		}
		return err
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return azuritetest.ConnectionString(server.URL + account)
}

// die has functions killed at their next such writes.
func (d *deployment) die(writes ...write) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, w := range writes {
		d.dies[w] = true
	}
}

// mustDie reports once whether a function is to be killed at a write.
func (d *deployment) mustDie(w write) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	die := d.dies[w]
	if die {
		d.dies[w] = false
	}
	return die
}

// mayLive reports whether a function has been killed wherever it was to be.
func (d *deployment) mayLive(function string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for w, waits := range d.dies {
		if waits && w.function == function {
			return false
		}
	}
	return true
}

// died expects that every function that was to be killed was.
func (d *deployment) died(t *testing.T) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	for w, waits := range d.dies {
		if waits {
			t.Errorf("%s was not killed: it wrote nothing to the %s", w.function, w.to)
		}
	}
}

var built sync.Map // of func() (string, error), by function

// build builds a function as the README's sam build does, for the machine at hand, but with paths: so
// it takes the Graph SDK as the other tests have compiled it. However many tests ask, it is built once.
func build(t testing.TB, name string) string {
	t.Helper()
	once, _ := built.LoadOrStore(name, sync.OnceValues(func() (string, error) {
		from := "leaver/functions/" + name + "/lambda"
		if name == "leaver" {
			from = "leaver/infra/leaver" // the operator's command
		}
		dir, err := os.MkdirTemp("", "leaver-lambda-")
		if err != nil {
			return "", err
		}
		path := filepath.Join(dir, "bootstrap")
		command := exec.Command("go", "build", "-tags", "lambda.norpc,grpcnotrace", "-ldflags", "-s -w", "-o", path, from)
		command.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := command.CombinedOutput(); err != nil {
			return "", fmt.Errorf("building %s: %w\n%s", name, err, out)
		}
		return path, nil
	}))
	path, err := once.(func() (string, error))()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// scheduled is the event of a schedule.
const scheduled = `{"version":"0","detail-type":"Scheduled Event"}`

// schedule invokes, as the schedules do but more often, until the context is done.
func (d *deployment) schedule(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			for name, f := range d.functions {
				if isScheduled(name) {
					f.event([]byte(scheduled))
				}
			}
		case <-ctx.Done():
			return
		}
	}
}

// post sends a webhook through the HTTP API until intake has taken it, as an HR system does.
func (d *deployment) post(t testing.TB, id string, body string) {
	t.Helper()
	for range 5 {
		event, err := events.Sign([]byte(body), id, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		raw, err := d.functions["intake"].invoke(event)
		var answer struct{ StatusCode int }
		if err == nil && json.Unmarshal(raw, &answer) == nil && answer.StatusCode == http.StatusAccepted {
			return
		}
		if !errors.Is(err, errDied) {
			t.Fatalf("%s, %v", raw, err)
		}
	}
	t.Fatal("intake did not take the webhook")
}

// ended waits for the end of the leaver's case.
func (d *deployment) ended(t testing.TB, leaver string) *offboarding.Case {
	t.Helper()
	return d.every(t, leaver, offboarding.StepState.Settled)
}

// every waits until every step of the leaver's case is as wanted.
func (d *deployment) every(t testing.TB, leaver string, wanted func(offboarding.StepState) bool) *offboarding.Case {
	t.Helper()
	return d.await(t, leaver, "ended", func(c *offboarding.Case) bool {
		return !slices.ContainsFunc(c.Steps, func(s *offboarding.Record) bool { return !wanted(s.State) })
	})
}

// await waits until the leaver's case is as wanted.
func (d *deployment) await(t testing.TB, leaver, wanted string, is func(*offboarding.Case) bool) *offboarding.Case {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 3*time.Minute)
	defer stop()
	look := time.NewTicker(200 * time.Millisecond)
	defer look.Stop()
	for {
		c, err := d.ledger.Latest(ctx, leaver)
		if err != nil {
			t.Fatal(err)
		}
		if c != nil && is(c) {
			return c
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			if c != nil {
				for _, s := range c.Steps {
					t.Logf("%s: %s, %s", s.Name, s.State, s.Reason)
				}
			}
			t.Fatalf("the departure was not %s", wanted)
		}
	}
}

// check expects the whole departure in the tenant. A licence that its own deletion frees is
// withheld by B5.
func (d *deployment) check(t *testing.T, c *offboarding.Case) {
	t.Helper()
	held := c.Plan.Mailbox == offboarding.Hold
	for _, s := range c.Steps {
		if s.State != offboarding.StateEffective && !(held && s.Name == offboarding.StepLicence && s.Rule == offboarding.B5) {
			t.Errorf("%s: %s, %s; want effective", s.Name, s.State, s.Reason)
		}
	}
	if state := c.State(time.Now()); state != offboarding.CaseComplete {
		t.Errorf("the case is %s", state)
	}
	d.tenant.Edit(func(w *simtenant.World) {
		gone := w.Deleted[c.Leaver]
		if gone == nil || w.Users[c.Leaver] != nil {
			t.Fatal("the account is not deleted")
		}
		if m := w.Mailboxes[c.Leaver]; held && (m == nil || !m.Inactive) {
			t.Error("the held mailbox is not inactive")
		}
		if gone.AccountEnabled || len(gone.Licences) > 0 && !held {
			t.Errorf("enabled %t, licences %v", gone.AccountEnabled, gone.Licences)
		}
	})
}

const (
	leaver     = "irvin.sayers@contoso.com"
	heldLeaver = "patti.fernandez@contoso.com" // of Sales, with a phone, a managed device, mail and files
	mailLeaver = "lidia.holloway@contoso.com"  // with mail, and a licence of her own
)

// leaves is a webhook about somebody; more are further keys of its data.
func leaves(upn, more string) string {
	return `{"type":"employee.terminated","timestamp":"` + time.Now().UTC().Format(time.RFC3339) + `","data":{"employee":{"userPrincipalName":"` + upn + `"}` + more + `}}`
}

// TestADepartureAsDeployed posts one webhook; what follows is woken by what went before.
func TestADepartureAsDeployed(t *testing.T) {
	t.Parallel()
	exports := t.TempDir()
	d := deployWith(t, 0, map[string]string{samples["PolicyArn"]: strings.TrimSuffix(deployedPolicy, "}") + `, exportTo: "file://` + exports + `"}`})
	d.post(t, "msg_1", leaves(leaver, ""))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go d.schedule(ctx, 20*time.Second)
	c := d.ended(t, simtenant.UserID(leaver))
	d.check(t, c)
	d.isLookedAfter(t, c)
	d.isSwept(t, c, exports)
	if len(d.account.unknown) > 0 {
		t.Errorf("AWS was asked for %v", d.account.unknown)
	}
	for _, name := range []string{"intake", "plan", "signout", "block", "forward", "licence", "delete"} {
		if d.account.federate[name] == 0 {
			t.Errorf("%s got its token some other way", name)
		}
	}
	d.isOneTrace(t)
	d.isExamined(t)
}

// isExamined has every function examine the installation with its own rights, as the schedule does: first as
// it should be, then with one that may do too much on the bus, one that may do too little, and one that has
// lost a permission in Microsoft 365 and has another instead.
func (d *deployment) isExamined(t *testing.T) {
	t.Helper()
	wrong := func() []string {
		t.Helper()
		var all []string
		for _, name := range slices.Sorted(maps.Keys(d.functions)) {
			answer, err := d.functions[name].invoke([]byte(`{"examine":true}`))
			var found []doctor.Finding
			if err == nil {
				err = json.Unmarshal(answer, &found)
			}
			if err != nil || len(found) == 0 {
				t.Fatalf("%s found %s, %v", name, answer, err)
			}
			for _, f := range found {
				if f.State == doctor.Wrong {
					all = append(all, name+": "+f.Check+" "+f.Subject)
				}
			}
		}
		return all
	}
	// What these tests leave out on purpose.
	healthy := []string{"backup: backup ledger", "plan: anchors anchors", "plan: limits limits"}
	if got := wrong(); !slices.Equal(got, healthy) {
		t.Errorf("the functions found %q, want %q", got, healthy)
	}
	if _, err := d.functions[offboarding.FunctionBackup].invoke([]byte(`{}`)); err != nil {
		t.Errorf("the ledger is copied: %v", err) // and so the next look finds a copy
	}
	index := func(name string) int {
		return slices.IndexFunc(offboarding.InCloud(), func(f offboarding.Function) bool { return f.Name == name })
	}
	d.bus.Entitle(clientID(index("intake")), append(rightsOn("intake"), servicebustest.Right{Entity: bus.Topic, Send: true})...)
	d.bus.Entitle(clientID(index("wipe")), servicebustest.Right{Entity: bus.Topic, Send: true})
	d.tenant.Edit(func(w *simtenant.World) {
		app := w.Apps[clientID(index("block"))]
		app.Roles = append(slices.DeleteFunc(slices.Clone(app.Roles), func(r string) bool { return r == "User.EnableDisableAccount.All" }), "User.ReadWrite.All")
	})
	for _, name := range []string{"intake", "wipe", "plan"} {
		d.functions[name].kill() // a role works for new connections
	}
	want := []string{
		"intake: rights send to leaver", "plan: permissions Leaver block: User.EnableDisableAccount.All", "plan: permissions Leaver block: User.ReadWrite.All",
		"plan: anchors anchors", "plan: limits limits", "wipe: rights listen on wipe",
	}
	if got := wrong(); !slices.Equal(got, want) {
		t.Errorf("the functions found %q, want %q", got, want)
	}
}

// isSwept expects that a process of export which has just started deletes an export whose time is over, from the
// storage that the policy names, and that the ledger has it: with the function's own rights, at its own minute.
func (d *deployment) isSwept(t *testing.T, c *offboarding.Case, exports string) {
	t.Helper()
	root := filepath.Join(exports, c.ID)
	if err := os.Mkdir(root, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"manifest.ndjson": "{}\n", "export.json": `{"case":"` + c.ID + `","manifest":"9f86","files":1,"keepUntil":"2026-01-01T00:00:00Z"}`,
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d.functions["export"].kill()
	soon(t, "the deletion of the export in the ledger", time.Second, 2*time.Minute, func() bool {
		c, err := d.ledger.Case(t.Context(), c.ID)
		return err == nil && len(c.DeletedExports) == 1 && c.DeletedExports[0].Manifest == "9f86"
	})
	if _, err := os.Stat(filepath.Join(root, "manifest.ndjson")); err == nil {
		t.Error("the ledger says that the export was deleted, and its file is there")
	}
}

// isOneTrace expects that the collector got the whole departure, connected: each function is frozen at
// the end of an invocation, so that what it did not send by then would be missing.
func (d *deployment) isOneTrace(t *testing.T) {
	t.Helper()
	wanted := []string{"intake", "plan", "signout", "block", "forward", "licence", "delete"}
	defer func() {
		for _, wrong := range collectortest.Connected(d.collector.Spans()) {
			t.Error(wrong)
		}
	}()
	// What a function did last it sends when its invocation ends, which still waits for messages.
	soon(t, fmt.Sprintf("connected spans of %v", wanted), time.Second, 30*time.Second, func() bool {
		in := map[string]bool{}
		spans := d.collector.Spans()
		for _, s := range spans {
			in[s.Service] = true
		}
		return len(collectortest.Connected(spans)) == 0 && !slices.ContainsFunc(wanted, func(name string) bool { return !in["leaver-"+name] })
	})
	if n, came := d.collector.Figure("leaver_verdicts_total"); !came || n == 0 {
		t.Errorf("%g verdicts came as a metric", n)
	}
}

// TestADepartureSurvivesTheDeathOfEveryFunction kills each function of a departure once, when its
// first write took effect and before its message was settled. The outcome is the same.
func TestADepartureSurvivesTheDeathOfEveryFunction(t *testing.T) {
	t.Parallel()
	d := deploy(t, 0)
	d.die(write{"intake", toBus}, write{"plan", toBus})
	for _, s := range offboarding.Steps {
		if s.Inside || s.Name == offboarding.StepExport { // which writes to a storage, and not by this policy
			continue
		}
		d.die(write{string(s.Name), toTenant})
	}
	// The first leaver has nothing to wipe, no group, and the policy keeps no mail: so there is a second.
	d.tenant.Edit(func(w *simtenant.World) {
		marketing := w.Groups[simtenant.GroupID(simtenant.GroupMarketing)]
		marketing.Members = append(marketing.Members, simtenant.UserID(heldLeaver)) // for access to take away
		held := w.Users[simtenant.UserID(heldLeaver)]
		held.Methods = append(held.Methods, simtenant.AuthenticationMethod{ID: "a", Type: "phone", Default: true}) // for privileges
		for _, u := range w.Users {                                                                                // whoever reports to the leaver is a person's task
			if u.ManagerID == held.ID {
				u.ManagerID = ""
			}
		}
	})
	d.post(t, "msg_2", leaves(heldLeaver, `,"options":{"mailbox":"hold"}`))
	d.post(t, "msg_1", leaves(leaver, ""))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go d.schedule(ctx, 5*time.Second)
	d.check(t, d.ended(t, simtenant.UserID(leaver)))
	d.check(t, d.ended(t, simtenant.UserID(heldLeaver)))
	d.died(t)
}

// TestADepartureSurvivesTheDeathOfWatchAndReplay parks two departures, because the tenant refuses
// a permission, and sends them back to work when it is granted. replay is killed between the
// ledger and the bus, and between sending a message and removing its dead letter; watch, which
// finds what got lost with the first, at both writes too. The outcome is the same.
func TestADepartureSurvivesTheDeathOfWatchAndReplay(t *testing.T) {
	t.Parallel()
	d := deploy(t, 0)
	const release = "POST /users/{id}/assignLicense"
	d.tenant.Edit(func(w *simtenant.World) {
		w.Faults = []simtenant.Fault{{Operation: release, Status: http.StatusForbidden}}
	})
	leavers := []string{simtenant.UserID(leaver), simtenant.UserID(mailLeaver)}
	d.post(t, "msg_1", leaves(leaver, ""))
	d.post(t, "msg_2", leaves(mailLeaver, ""))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go d.schedule(ctx, 5*time.Second)
	d.await(t, leavers[0], "parked", func(*offboarding.Case) bool { return d.deadLetters(t) == len(leavers) })
	d.tenant.Edit(func(w *simtenant.World) { w.Faults = nil })

	d.die(write{"replay", toLedger}, write{"replay", toBus}, write{"watch", toLedger}, write{"watch", toBus})
	for asked := 0; d.deadLetters(t) > 0; asked++ {
		answer, err := d.functions["replay"].invoke([]byte(`{"all":true}`))
		if err != nil && !errors.Is(err, errDied) || asked == 20 {
			t.Fatalf("%s, %v", answer, err)
		}
	}
	for _, id := range leavers {
		c := d.ended(t, id)
		d.check(t, c)
		for step, got := range d.verdicts(t, c) {
			want := []offboarding.StepState{offboarding.StateEffective}
			if step == offboarding.StepLicence {
				want = []offboarding.StepState{offboarding.StateParked, offboarding.StateEffective}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s of %s ended %v; wanted %v", step, c.ID, got, want)
			}
		}
		if n := d.tenant.PasswordChanges(id); n != 1 {
			t.Errorf("the password changed %d times", n)
		}
	}
	d.died(t)
	if n := d.deadLetters(t); n > 0 {
		t.Errorf("%d dead letters are left", n)
	}
	// Each licence was refused once and released once.
	requests := d.tenant.Requests()
	if released, deleted := requests[release], requests["DELETE /users/{id}"]; released != 4 || deleted != 2 {
		t.Errorf("%d requests to release a licence, %d to delete an account", released, deleted)
	}
}

// verdicts are those that ended a step, in order.
func (d *deployment) verdicts(t *testing.T, c *offboarding.Case) map[offboarding.StepName][]offboarding.StepState {
	t.Helper()
	history, err := d.ledger.History(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	verdicts := map[offboarding.StepName][]offboarding.StepState{}
	for _, e := range history {
		if e.Kind == offboarding.EntrySettled && e.State.Settled() {
			verdicts[e.Step] = append(verdicts[e.Step], e.State)
		}
	}
	return verdicts
}

// deadLetters counts those of all subscriptions.
func (d *deployment) deadLetters(t *testing.T) (n int) {
	t.Helper()
	for _, s := range bus.Subscriptions() {
		counts, err := d.bus.Count(pathOf(s))
		if err != nil {
			t.Fatal(err)
		}
		n += counts.DeadLetters
	}
	return n
}

// TestADepartureAtItsTime posts a webhook about somebody who leaves half a minute later. No
// schedule comes by at that time: signout and block are invoked once, before it, to wait for it.
// They lock the leaver out within seconds, and nothing is written before.
func TestADepartureAtItsTime(t *testing.T) {
	t.Parallel()
	for _, teller := range []string{"plan", "watch"} {
		t.Run("told by "+teller, func(t *testing.T) {
			t.Parallel()
			d := deploy(t, 0)
			var mu sync.Mutex
			told := map[string][]time.Time{}
			invoke := d.account.invoke
			d.account.invoke = func(by, name string, payload []byte) bool {
				// Where watch tells, plan tells nobody: as if it had run when the time was further off.
				if by == "plan" && teller == "watch" {
					return false
				}
				mu.Lock()
				told[name] = append(told[name], time.Now())
				mu.Unlock()
				return invoke(by, name, payload)
			}
			leaving := time.Now().Add(30 * time.Second).Truncate(time.Second)
			d.post(t, "msg_1", leaves(leaver, `,"leavingTime":"`+leaving.Format(time.RFC3339)+`"`))
			id := simtenant.UserID(leaver)
			d.await(t, id, "published", (*offboarding.Case).Published)
			if teller == "watch" {
				if answer, err := d.functions["watch"].invoke([]byte(scheduled)); err != nil {
					t.Fatalf("%s, %v", answer, err)
				}
			}
			lockout := []offboarding.StepName{offboarding.StepSignout, offboarding.StepBlock}
			c := d.await(t, id, "locked out", func(c *offboarding.Case) bool {
				return !slices.ContainsFunc(lockout, func(s offboarding.StepName) bool { return c.Step(s).State != offboarding.StateEffective })
			})
			mu.Lock()
			defer mu.Unlock()
			for _, step := range lockout {
				times := told[string(step)]
				if len(times) != 1 || !times[0].Before(leaving) {
					t.Fatalf("%s was invoked at %v, and the leaving time is %v", step, times, leaving)
				}
				effective, next := c.Step(step).EffectiveAt, times[0].Add(time.Minute) // the schedule would have come round
				t.Logf("%s effective %.1f s after the leaving time", step, effective.Sub(leaving).Seconds())
				if effective.Before(leaving) || !effective.Before(next) {
					t.Errorf("%s was effective at %v, and the leaving time is %v", step, effective, leaving)
				}
			}
			user, lives := d.tenant.User(id)
			if !lives { // the grace is short
				user, _ = d.tenant.DeletedUser(id)
			}
			d.mu.Lock()
			defer d.mu.Unlock()
			if d.first.Before(leaving) || user.LastPasswordChange.Before(leaving) || user.SessionsValidFrom.Before(leaving) {
				t.Errorf("first write at %v, password of %v, sessions since %v, and the leaving time is %v", d.first, user.LastPasswordChange, user.SessionsValidFrom, leaving)
			}
		})
	}
}
