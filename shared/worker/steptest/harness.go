// Package steptest says what every step must satisfy, and gives the tests of functions a harness: a
// simulated tenant reached through the real adapters, a real ledger, and a clock that the test
// moves. Tests assert the state of the world, not the calls made.
package steptest

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"leaver/shared/bus"
	"leaver/shared/embedded/embeddedtest"
	"leaver/shared/exchange"
	"leaver/shared/graph"
	"leaver/shared/identity"
	"leaver/shared/ledger"
	"leaver/shared/ledger/ledgertest"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
)

// Harness is where a function is tested.
type Harness struct {
	Tenant *simtenant.Tenant
	// Graph and Exchange may do everything: they prepare a test. What is tested takes the
	// adapters of As.
	Graph    *graph.Client
	Exchange *exchange.Client
	Ledger   *ledger.Ledger
	Store    ledger.Store // of Ledger, for rows written by hand
	// Policy is what irreversible steps, and those that lock out, ask who is protected.
	Policy offboarding.Policy
	// Administrator is said by the plans of Open.
	Administrator bool
	// Lacks is a permission that As leaves out.
	Lacks string
	// Bus takes what is published and hands it out when the test says so.
	Bus *Broker
	// OnEvery, when set, sees every request of the functions, those for tokens too.
	OnEvery func(*http.Request)
	// OnRequest, when set, sees every request to the tenant before it is sent; an error keeps
	// it from being sent. OnAnswer sees it after it took effect; an error hides the answer. They
	// see one request at a time.
	OnRequest, OnAnswer func(*http.Request) error

	cloud  string
	hooks  sync.Mutex
	t      testing.TB
	client *http.Client
	mu     sync.Mutex
	now    time.Time
	log    *bytes.Buffer
}

// Begins is the time at which the clock of every harness begins.
var Begins = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// New makes a harness with a company of the well-known people.
func New(t testing.TB) *Harness {
	t.Helper()
	return NewIn(t, "")
}

// NewIn is New in one of Microsoft's clouds, whose hosts and operations the tenant has, and no others.
func NewIn(t testing.TB, cloud string) *Harness {
	t.Helper()
	h := &Harness{t: t, cloud: cloud, now: Begins, log: &bytes.Buffer{}}
	h.Bus = &Broker{now: h.Now, waiting: map[string][]arrival{}, letters: map[string][]bus.DeadLetter{}}
	tenant, err := simtenant.New(simtenant.Config{
		Notify: http.DefaultClient,
		Now:    h.Now,
		// The Azure libraries cache tokens by the wall clock, which the test does not move.
		TokenLifetime: 10 * 365 * 24 * time.Hour,
		Record:        recording{h}, RecordExchange: io.Discard,
		Knobs: simtenant.Knobs{Cloud: cloud, CloudHosts: cloud != ""},
	})
	must(t, err)
	h.Tenant = tenant
	h.client = tenant.Client()
	h.client.Transport = &hooked{harness: h, next: h.client.Transport}
	c := tenant.Connection("https://tenant.example")
	h.Graph, h.Exchange = h.adapters(h.connect(c.ClientID, c.ClientSecret))

	h.Store = faultyStore{embeddedtest.Store(t)}
	h.Ledger = ledger.New(h.Store, h.Now, rand.Reader, ledgertest.Proof(h.TenantID()))
	return h
}

// As returns the adapters with the app registration of a function: they may do what the
// catalogue says and no more.
func (h *Harness) As(function string) (*graph.Client, *exchange.Client) {
	h.t.Helper()
	return h.adapters(h.Connection(function))
}

// Connection is the way to the tenant for a function, with its rights and no others.
func (h *Harness) Connection(function string) identity.Connection {
	h.t.Helper()
	f, ok := offboarding.FunctionOf(function)
	if !ok {
		h.t.Fatalf("steptest: there is no function %q", function)
	}
	lacks := func(right string) bool { return right == h.Lacks }
	app := simtenant.App{
		ClientID: uuid.NewString(), Name: offboarding.Registrations + f.Name, Secret: uuid.NewString(),
		Roles: slices.DeleteFunc(f.Roles(), lacks), Cmdlets: slices.DeleteFunc(slices.Clone(f.Cmdlets), lacks),
	}
	h.Tenant.AddApp(app)
	return h.connect(app.ClientID, app.Secret)
}

// ConnectionOf is the way to the tenant for an application of it.
func (h *Harness) ConnectionOf(clientID, secret string) identity.Connection {
	return h.connect(clientID, secret)
}

func (h *Harness) connect(clientID, secret string) identity.Connection {
	h.t.Helper()
	c := h.Tenant.Connection("https://tenant.example")
	tenant := identity.Tenant{
		TenantID: c.TenantID, ClientID: clientID, ClientSecret: secret,
		Graph: c.Graph, Authority: c.Authority, Exchange: c.Exchange,
	}
	if h.cloud != "" {
		tenant.Cloud, tenant.Graph, tenant.Authority, tenant.Exchange = h.cloud, "", "", ""
	}
	connection, err := tenant.Connect(h.client)
	must(h.t, err)
	return connection
}

func (h *Harness) adapters(connection identity.Connection) (*graph.Client, *exchange.Client) {
	h.t.Helper()
	directory, err := graph.New(connection.Credential, connection.Graph, connection.GraphScope, connection.HTTP, graph.Clock(h.Now))
	must(h.t, err)
	mailboxes, err := exchange.New(connection.Credential, connection.Exchange, connection.ExchangeScope, connection.TenantID, connection.HTTP, exchange.Clock(h.Now))
	must(h.t, err)
	return directory, mailboxes
}

// Sender is the bus for a function: it takes what the function may send and fails the test
// for anything else.
func (h *Harness) Sender(function string) *Sender {
	return &Sender{Broker: h.Bus, t: h.t, function: function, rights: bus.RightsOf(function)}
}

// Now is the clock of ledger, worker and tenant.
func (h *Harness) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

// Advance moves the clock.
func (h *Harness) Advance(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// Log is what the functions logged.
func (h *Harness) Log() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log.String()
}

func (h *Harness) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log.Write(p)
}

// TenantID is the tenant that the workers serve.
func (h *Harness) TenantID() string { return h.Tenant.Connection("").TenantID }

// Logger writes to Log.
func (h *Harness) Logger() *slog.Logger { return slog.New(slog.NewTextHandler(h, nil)) }

// Writes counts the requests that could have changed the tenant since it was made.
func (h *Harness) Writes() int {
	n := 0
	for operation, times := range h.Tenant.Requests() {
		method, rest, _ := strings.Cut(operation, " ")
		switch {
		case method == "GET", strings.HasPrefix(operation, "Get-"), rest == "/token", rest == "/$batch":
		default:
			n += times
		}
	}
	return n
}

// Open opens and publishes a case for a person under a policy, as plan does.
func (h *Harness) Open(t testing.TB, person string, options offboarding.Options, policy offboarding.Policy) *offboarding.Case {
	t.Helper()
	c := h.OpenUnpublished(t, person, options, policy)
	c, err := worker.Dispatch(t.Context(), h.Bus, h.Ledger, c)
	must(t, err)
	return c
}

// OpenUnpublished opens a case as a plan function that was killed right after does.
func (h *Harness) OpenUnpublished(t testing.TB, person string, options offboarding.Options, policy offboarding.Policy) *offboarding.Case {
	t.Helper()
	request := offboarding.Request{
		ID: offboarding.RequestID("test", uuid.NewString()), Kind: offboarding.Termination, Source: "test",
		EventTime: h.Now(), ReceivedAt: h.Now(), LeavingTime: h.Now(),
		Employee: offboarding.Employee{UserPrincipalName: person}, Options: options,
	}
	plan, err := offboarding.Compile(request, policy)
	must(t, err)
	plan.Administrator, plan.CloudName = h.Administrator, h.Graph.Cloud().Name
	personal := map[string]string{}
	user, err := h.Graph.User(t.Context(), simtenant.UserID(person))
	must(t, err)
	if user.OnPremisesSyncEnabled {
		plan.AddOnPremises(user.OnPremises)
		personal[offboarding.SamAccountName] = user.OnPremises.SamAccountName
	}
	if f := plan.Forwarding; f != nil {
		if options.ForwardTo != "" {
			f.To = simtenant.UserID(options.ForwardTo)
		}
		if policy.ForwardsTo(options.ForwardTo) {
			f.To, f.Address = "", "forwardTo-"+request.ID
			personal[f.Address] = options.ForwardTo
		}
	}
	c, err := h.Ledger.Open(t.Context(), ledger.Opening{
		Tenant: h.TenantID(), Leaver: simtenant.UserID(person), Request: request, Plan: plan, Personal: personal,
	})
	must(t, err)
	return c
}

// Lease takes the lease of a step, as another run that works on it, and returns that run.
func (h *Harness) Lease(t testing.TB, caseID string, name offboarding.StepName) *ledger.Run {
	t.Helper()
	c, err := h.Ledger.Case(t.Context(), caseID)
	must(t, err)
	run, admission, err := h.Ledger.Begin(t.Context(), ledger.Claim{
		Tenant: c.Tenant, Case: c.ID, Leaver: c.Leaver, PlanVersion: c.Plan.Version, Step: name, N: c.Step(name).N,
	}, h.Now().Add(lock))
	must(t, err)
	if run == nil {
		t.Fatalf("steptest: the message for %s is %s, want it admitted", name, admission.Kind)
	}
	return run
}

// Worker is a worker for a step.
func (h *Harness) Worker(name offboarding.StepName, step worker.Step) *worker.Worker {
	w := &worker.Worker{
		Name: name, Step: step, Ledger: h.Ledger, Bus: h.Sender(string(name)), Tenant: h.TenantID(),
		Now: h.Now, Log: h.Logger(),
	}
	if spec, _ := offboarding.SpecOf(name); spec.Irreversible || spec.Urgent && !spec.Inside {
		accounts, _ := h.As(string(name))
		w.LastLook = offboarding.LastLook{Accounts: accounts, Policy: h.Policy, Now: h.Now}
	}
	return w
}

// Message is the message that may move the step now.
func (h *Harness) Message(t testing.TB, caseID string, name offboarding.StepName) bus.Message {
	t.Helper()
	c, err := h.Ledger.Case(t.Context(), caseID)
	must(t, err)
	m, err := bus.Step{
		Tenant: c.Tenant, Case: c.ID, PlanVersion: c.Plan.Version, Step: name, N: c.Step(name).N, Leaver: c.Leaver,
	}.Message(time.Time{})
	must(t, err)
	return m
}

// Deliver hands a message to a worker as the bus would.
func (h *Harness) Deliver(ctx context.Context, w *worker.Worker, m bus.Message) (*Delivery, error) {
	d := h.Delivery(m)
	return d, w.Handle(ctx, d)
}

// Delivery is a message as the bus hands it out.
func (h *Harness) Delivery(m bus.Message) *Delivery { return &Delivery{message: m, broker: h.Bus} }

// Step runs the step once with the message that may move it now and returns its record.
func (h *Harness) Step(t testing.TB, caseID string, w *worker.Worker) (*offboarding.Record, *Delivery) {
	t.Helper()
	d, err := h.Deliver(t.Context(), w, h.Message(t, caseID, w.Name))
	must(t, err)
	return h.Record(t, caseID, w.Name), d
}

// Settle moves the clock to whenever the step is due and runs it, until it is settled.
func (h *Harness) Settle(t testing.TB, caseID string, w *worker.Worker) *offboarding.Record {
	t.Helper()
	for range 200 {
		record := h.Record(t, caseID, w.Name)
		if record.State.Settled() {
			return record
		}
		if wait := record.Due.Sub(h.Now()); wait > 0 {
			h.Advance(wait)
		}
		h.Step(t, caseID, w)
	}
	t.Fatalf("step %s of case %s did not settle in 200 runs; last: %+v", w.Name, caseID, h.Record(t, caseID, w.Name))
	return nil
}

// Record is the step's record as the ledger has it. What it leaves to a person has to be findable.
func (h *Harness) Record(t testing.TB, caseID string, name offboarding.StepName) *offboarding.Record {
	t.Helper()
	c, err := h.Ledger.Case(t.Context(), caseID)
	must(t, err)
	record := c.Step(name)
	if record != nil {
		h.findable(t, c, record)
	}
	return record
}

// hooked lets the test see, hold back and hide requests.
type hooked struct {
	harness *Harness
	next    http.RoundTripper
}

func (h *hooked) RoundTrip(r *http.Request) (*http.Response, error) {
	if h.harness.OnEvery != nil {
		h.harness.OnEvery(r)
	}
	if strings.Contains(r.URL.Path, "/oauth2/") || strings.Contains(r.URL.Path, "/.well-known/") || r.URL.Path == "/common/discovery/instance" {
		return h.next.RoundTrip(r)
	}
	if err := h.harness.hook(h.harness.OnRequest, r); err != nil {
		return nil, err
	}
	response, err := h.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if err := h.harness.hook(h.harness.OnAnswer, r); err != nil {
		_ = response.Body.Close()
		return nil, err
	}
	return response, nil
}

func (h *Harness) hook(on func(*http.Request) error, r *http.Request) error {
	if on == nil {
		return nil
	}
	h.hooks.Lock()
	defer h.hooks.Unlock()
	return on(r)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(fmt.Errorf("steptest: %w", err))
	}
}
