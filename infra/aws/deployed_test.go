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
	"net/http"
	"net/http/httptest"
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
	"leaver/shared/ledger"
	"leaver/shared/ledger/aztables"
	"leaver/shared/ledger/azuritetest"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

// deployment is Leaver as it is deployed: every function's binary with the environment that
// template.yaml gives it, on a peer of Service Bus, Azurite, a simulated tenant and the part of
// AWS that the functions reach. Each function proves with a token of its role that it is its
// app registration, which has the permissions and the rights on the bus of the catalogue.
type deployment struct {
	functions map[string]*function
	account   *account
	tenant    *simtenant.Tenant
	ledger    *ledger.Ledger

	mu   sync.Mutex
	dies map[string]bool // functions to be killed at their next write
}

// The policy of the tests: a whole departure in seconds.
const deployedPolicy = `{grace: 6s, deleteAfter: 1s, mailbox: forward, forwardFor: 5s, keepMail: none, keepFiles: none, overrides: [{for: {department: Sales}, keepFiles: move}]}`

// deploy deploys Leaver for a tenant of so many people; fewer than the invented ones are those.
func deploy(t testing.TB, people int) *deployment {
	t.Helper()
	connection := azuritetest.Start(t)
	d := &deployment{functions: map[string]*function{}, dies: map[string]bool{}, account: newAccount(t)}
	store, err := aztables.OpenConnectionString(connection, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.ledger = ledger.New(store, time.Now, rand.Reader)

	if d.tenant, err = simtenant.New(simtenant.Config{Users: people, SyncEvery: time.Second}); err != nil {
		t.Fatal(err)
	}
	tenant := httptest.NewTLSServer(http.HandlerFunc(d.serveTenant))
	t.Cleanup(tenant.Close)
	var identities []servicebustest.Identity
	for i, f := range offboarding.Functions() {
		d.tenant.AddApp(simtenant.App{
			ClientID: clientID(i), Name: f.Name, Roles: f.Roles(), ExchangeRole: exchangeRole(f),
			Federated: []simtenant.FederatedCredential{{
				Issuer: issuer, Subject: roleOf(f.Name), Audience: "api://AzureADTokenExchange", Key: &d.account.key.PublicKey,
			}},
		})
		identities = append(identities, servicebustest.Identity{Name: clientID(i), Rights: rightsOn(f.Name)})
	}
	peer, err := servicebustest.Start(servicebustest.Options{
		Entities: servicebustest.Entities(bus.Subscriptions()), Lock: 5 * time.Second, MaxDelivery: 2000, DuplicateWindow: 10 * time.Minute,
		Identities: identities, VerifyJWT: bearer,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(peer.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	trusted := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: tenant.Certificate().Raw}), peer.CA()...)
	if err := os.WriteFile(ca, trusted, 0o600); err != nil {
		t.Fatal(err)
	}

	d.account.secrets[samples["WebhookSecretArn"]] = events.Secret
	d.account.secrets[samples["PolicyArn"]] = deployedPolicy
	reach := d.tenant.Connection(tenant.URL)
	template := read(t)
	for i, f := range offboarding.Functions() {
		environ := append(template.environ(f.Name),
			"LEAVER_TENANT_ID="+reach.TenantID, "LEAVER_CLIENT_ID="+clientID(i), "LEAVER_CA_FILE="+ca,
			"LEAVER_AUTHORITY="+reach.Authority, "LEAVER_SERVICEBUS="+peer.Addr(),
			"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID="+accessKey(f.Name), "AWS_SECRET_ACCESS_KEY=example",
			"AWS_ENDPOINT_URL="+d.account.URL, "AWS_LAMBDA_FUNCTION_NAME=leaver-"+f.Name,
		)
		if f.Ledger {
			environ = append(environ, "LEAVER_GRAPH="+reach.Graph, "LEAVER_EXCHANGE="+reach.Exchange, "LEAVER_TABLES=", "LEAVER_TABLES_CONNECTION="+connection)
		}
		d.functions[f.Name] = newFunction(t, f.Name, build(t, f.Name), environ)
	}
	d.account.invoke = func(name string, payload []byte) bool {
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

// clientID is the app registration of the function of that number.
func clientID(i int) string { return fmt.Sprintf("22222222-3333-4444-8555-%012d", i) }

func exchangeRole(f offboarding.Function) string {
	if f.Exchange {
		return "Exchange Administrator"
	}
	return ""
}

func rightsOn(function string) []servicebustest.Right {
	var rights []servicebustest.Right
	own := bus.RightsOf(function)
	for _, entity := range own.Send {
		rights = append(rights, servicebustest.Right{Entity: entity, Send: true})
	}
	for _, s := range bus.Subscriptions() {
		if slices.Contains(own.Listen, s.Name) {
			path := s.Entity
			if s.Entity == bus.Topic {
				path += "/Subscriptions/" + s.Name
			}
			rights = append(rights, servicebustest.Right{Entity: path, Listen: true})
		}
	}
	return rights
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

// serveTenant is the tenant; a function that is to die is killed when its write took effect and
// before it can know.
func (d *deployment) serveTenant(w http.ResponseWriter, r *http.Request) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	var claims struct {
		jwt.RegisteredClaims
		AppID string `json:"appid"`
	}
	_, _, _ = jwt.NewParser().ParseUnverified(token, &claims)
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	write := r.Method != http.MethodGet && !strings.HasPrefix(r.Header.Get("X-CmdletName"), "Get-")
	if strings.HasSuffix(r.URL.Path, "/$batch") {
		write = bytes.Contains(body, []byte(`"method":"POST"`)) || bytes.Contains(body, []byte(`"method":"DELETE"`)) || bytes.Contains(body, []byte(`"method":"PATCH"`))
	}
	for i, f := range offboarding.Functions() {
		if claims.AppID != clientID(i) || !write {
			continue
		}
		if d.mustDie(f.Name) {
			d.tenant.ServeHTTP(httptest.NewRecorder(), r)
			d.functions[f.Name].kill()
			return
		}
	}
	d.tenant.ServeHTTP(w, r)
}

// mustDie reports once whether a function is to be killed.
func (d *deployment) mustDie(function string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	die := d.dies[function]
	d.dies[function] = false
	return die
}

var built sync.Map // of paths, by function

// build builds a function as SAM's go1.x does, for the machine at hand, but with paths: so it
// takes the Graph SDK as the other tests have compiled it.
func build(t testing.TB, name string) string {
	t.Helper()
	if path, is := built.Load(name); is {
		return path.(string)
	}
	dir, err := os.MkdirTemp("", "leaver-lambda-")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "bootstrap")
	command := exec.Command("go", "build", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", path, "leaver/functions/"+name+"/lambda")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", name, err, out)
	}
	built.Store(name, path)
	return path
}

// schedule invokes, as the schedules do but more often, until the context is done.
func (d *deployment) schedule(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			for name, f := range d.functions {
				if isScheduled(name) {
					f.event([]byte(`{"version":"0","detail-type":"Scheduled Event"}`))
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
	ctx, stop := context.WithTimeout(t.Context(), 3*time.Minute)
	defer stop()
	look := time.NewTicker(200 * time.Millisecond)
	defer look.Stop()
	for {
		c, err := d.ledger.Latest(ctx, leaver)
		if err != nil {
			t.Fatal(err)
		}
		if c != nil && !slices.ContainsFunc(c.Steps, func(s *offboarding.Record) bool { return !wanted(s.State) }) {
			return c
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			for _, s := range c.Steps {
				t.Logf("%s: %s, %s", s.Name, s.State, s.Reason)
			}
			t.Fatal("the departure did not end")
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
			t.Errorf("%s: %s, %s", s.Name, s.State, s.Reason)
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
)

var leaves = `{"type":"employee.terminated","timestamp":"` + time.Now().UTC().Format(time.RFC3339) + `","data":{"employee":{"userPrincipalName":"` + leaver + `"}}}`

// TestADepartureAsDeployed posts one webhook; what follows is woken by what went before.
func TestADepartureAsDeployed(t *testing.T) {
	t.Parallel()
	d := deploy(t, 0)
	d.post(t, "msg_1", leaves)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go d.schedule(ctx, 20*time.Second)
	d.check(t, d.ended(t, simtenant.UserID(leaver)))
	if len(d.account.unknown) > 0 {
		t.Errorf("AWS was asked for %v", d.account.unknown)
	}
	for _, name := range []string{"intake", "plan", "signout", "block", "forward", "licence", "delete"} {
		if d.account.federate[name] == 0 {
			t.Errorf("%s got its token some other way", name)
		}
	}
}

// TestADepartureSurvivesTheDeathOfEveryFunction kills each function once, when its first write
// took effect and before its message was settled. The outcome is the same.
func TestADepartureSurvivesTheDeathOfEveryFunction(t *testing.T) {
	t.Parallel()
	d := deploy(t, 0)
	invoke := d.account.invoke
	d.account.invoke = func(name string, payload []byte) bool {
		// What intake and plan write, they publish: the wake says that they did.
		for publisher, woken := range map[string]string{"intake": "plan", "plan": "signout"} {
			if name == woken && d.mustDie(publisher) {
				d.functions[publisher].kill()
			}
		}
		return invoke(name, payload)
	}
	d.dies["intake"], d.dies["plan"] = true, true
	for _, s := range offboarding.Steps {
		d.dies[string(s.Name)] = true
	}
	// The first leaver has nothing to wipe, no group, and the policy keeps no mail: so there is a second.
	d.tenant.Edit(func(w *simtenant.World) {
		marketing := w.Groups[simtenant.GroupID(simtenant.GroupMarketing)]
		marketing.Members = append(marketing.Members, simtenant.UserID(heldLeaver)) // for access to take away
	})
	d.post(t, "msg_2", `{"type":"employee.terminated","timestamp":"`+time.Now().UTC().Format(time.RFC3339)+`","data":{"employee":{"userPrincipalName":"`+heldLeaver+`"},"options":{"mailbox":"hold"}}}`)
	d.post(t, "msg_1", leaves)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go d.schedule(ctx, 5*time.Second)
	d.check(t, d.ended(t, simtenant.UserID(leaver)))
	d.check(t, d.ended(t, simtenant.UserID(heldLeaver)))
	for name, waits := range d.dies {
		if waits {
			t.Errorf("%s was not killed: it wrote nothing", name)
		}
	}
}
