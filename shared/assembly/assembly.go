// Package assembly puts a deployed function together from its environment variables: identity,
// bus, ledger, worker, host. It is for the mains of the functions on AWS Lambda; each says only
// which adapters its function needs. A host that shares their bus and ledger takes its parts.
package assembly

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"leaver/shared/bus"
	"leaver/shared/doctor"
	"leaver/shared/environment"
	"leaver/shared/identity"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/telemetry"
	"leaver/shared/worker"
	"leaver/shared/worker/lambda"
)

// Function is what a function is made of.
type Function struct {
	Bus    *lambda.Waker // it wakes the functions that a message is for
	Ledger *ledger.Ledger
	Tenant string // the id of the one tenant that this deployment serves
	// Application is the client id by which the function signs in.
	Application string
	Now         func() time.Time
	Log         *slog.Logger
	// Metrics go to CloudWatch, and by Telemetry.
	Metrics *lambda.Metrics
	// Telemetry sends traces and metrics; nil sends none.
	Telemetry *telemetry.Exporter
	// Examine is what the function finds out about the installation, where that is more than about itself.
	Examine func(context.Context) []doctor.Finding

	config   environment.Function
	identity identity.Connection
	fetch    environment.Fetch
	// assertion is the word of AWS by which the application proves itself; nil where it has another proof.
	assertion func(context.Context) (string, error)
}

// Run makes the function and serves its invocations with what build returns; it does not
// return. What is wrong with the environment is logged, and told to whoever invokes.
func Run(name string, build func(context.Context, *Function) (lambda.Handler, error)) {
	log := logger()
	lambda.Start(log, func(ctx context.Context) (lambda.Handler, error) {
		c, err := environment.Read[environment.Function](os.Environ())
		if err != nil {
			return nil, err
		}
		aws, err := lambda.AWS(ctx)
		if err != nil {
			return nil, err
		}
		f := &Function{Tenant: c.Identity.TenantID, Application: c.Identity.ClientID, Now: time.Now, Log: log, config: c, fetch: lambda.Stored(aws)}
		if f.Metrics, f.Telemetry, err = telemetryOf(ctx, name, c.Telemetry, log); err != nil {
			return nil, err
		}
		tenant, err := TenantOf(ctx, c.Identity, f.fetch, identity.FederatedByAWS(aws))
		if err != nil {
			return nil, err
		}
		f.assertion = tenant.Assertion
		if f.identity, err = connect(tenant); err != nil {
			return nil, err
		}
		store, err := Store(ctx, c.Ledger, f.identity, f.fetch)
		if err != nil {
			return nil, err
		}
		proof, err := ProofOf(ctx, c.Signatures, c.Identity.TenantID, f.fetch)
		if err != nil {
			return nil, err
		}
		if proof.Signer, err = signerOf(ctx, lambda.NewSigner(aws)); err != nil {
			return nil, err
		}
		f.Ledger = ledger.New(store, f.Now, rand.Reader, proof)
		waker, open, err := wakerOf(ctx, name, c.Bus, c.Wake, f.identity, f.fetch, lambda.NewInvoke(aws), f.Telemetry, log)
		if err != nil {
			return nil, err
		}
		f.Bus = waker
		handler, err := build(ctx, f)
		if err != nil {
			return nil, err
		}
		if f.Examine == nil {
			f.Examine = ownDoctor(name, f.Bus).ExamineOwn
		}
		handler = examined(handler, f.Examine, f.Metrics, log)
		return flushed(f.Metrics.Measured(name, lambda.Reconnecting(handler, f.Now, open)), f.Telemetry), nil
	})
}

// Anchored holds the ledger to the anchors that the environment names, if any. Open opens them: a
// function that is not held to them links none of it.
func (f *Function) Anchored(ctx context.Context, open func(ctx context.Context, place string, now func() time.Time) (ledger.Anchorage, error)) error {
	c, err := environment.Read[environment.Anchors](os.Environ())
	if err != nil || c.Place == "" {
		return err
	}
	at, err := open(ctx, c.Place, f.Now)
	if err != nil {
		return fmt.Errorf("LEAVER_ANCHORS: %w", err)
	}
	f.Ledger.HoldTo(at)
	return nil
}

// BackupPlace is the URL of the storage that backups of the ledger go to.
func (f *Function) BackupPlace() (string, error) {
	c, err := environment.Read[environment.Backup](os.Environ())
	if err == nil && c.Place == "" {
		err = fmt.Errorf("LEAVER_BACKUP is not set: set it to %s", environment.About[environment.Backup]("LEAVER_BACKUP"))
	}
	return c.Place, err
}

// Graph is what graph.New takes.
func (f *Function) Graph() (cred azcore.TokenCredential, baseURL, scope string, client *http.Client) {
	at, _ := environment.Read[environment.Graph](os.Environ()) // nothing in it can be wrong
	return f.identity.Credential, cmp.Or(at.URL, f.identity.Graph), f.identity.GraphScope, f.Telemetry.Client(f.identity.HTTP)
}

// Exchange is what exchange.New takes.
func (f *Function) Exchange() (cred azcore.TokenCredential, baseURL, scope, tenantID string, client *http.Client) {
	at, _ := environment.Read[environment.Exchange](os.Environ()) // nothing in it can be wrong
	cloud := f.identity.WithExchange(at.URL)
	return f.identity.Credential, cloud.Exchange, cloud.ExchangeScope, f.identity.TenantID, f.Telemetry.Client(f.identity.HTTP)
}

// Credential is the function's own, for what only one function reaches: no other links that.
func (f *Function) Credential() azcore.TokenCredential { return f.identity.Credential }

// Before is a handler before whose every invocation something is done. That it fails is logged, and keeps
// no message waiting.
func (f *Function) Before(first func(context.Context) error, then lambda.Handler) lambda.Handler {
	return lambda.HandlerFunc(func(ctx context.Context, payload []byte) ([]byte, error) {
		if err := first(ctx); err != nil {
			f.Log.Error("before the messages", "error", err)
		}
		return then.Invoke(ctx, payload)
	})
}

// Policy reads the policy from where LEAVER_POLICY says; parse is config.ParsePolicy.
func (f *Function) Policy(ctx context.Context, parse func([]byte) (offboarding.Policy, error)) (policy offboarding.Policy, err error) {
	c, err := environment.Read[environment.Policy](os.Environ())
	if err != nil {
		return offboarding.Policy{}, err
	}
	text, err := c.Text.Read(ctx, f.fetch)
	if err == nil {
		policy, err = parse([]byte(text))
	}
	if err != nil {
		return offboarding.Policy{}, fmt.Errorf("LEAVER_POLICY: %w", err)
	}
	return policy, nil
}

// Step is the handler of a step's function.
func (f *Function) Step(name offboarding.StepName, step worker.Step) lambda.Handler {
	return f.Queue(string(name), f.worker(name, step).Handle)
}

func (f *Function) worker(name offboarding.StepName, step worker.Step) *worker.Worker {
	return &worker.Worker{
		Name: name, Step: step, Ledger: f.Ledger, Bus: f.Bus, Tenant: f.Tenant,
		Now: f.Now, Log: f.Log, Observe: f.Metrics.Verdict,
	}
}

// Looking is the handler of the function of a step that is irreversible, or locks somebody out: with the
// accounts and the policy for its last look. Parse is config.ParsePolicy.
func (f *Function) Looking(ctx context.Context, name offboarding.StepName, step worker.Step, accounts offboarding.Accounts, parse func([]byte) (offboarding.Policy, error)) (lambda.Handler, error) {
	policy, err := f.Policy(ctx, parse)
	w := f.worker(name, step)
	w.LastLook = offboarding.LastLook{Accounts: accounts, Policy: policy, Now: f.Now}
	return f.Queue(string(name), w.Handle), err
}

// Queue is the handler of a function that takes the messages of a subscription.
func (f *Function) Queue(subscription string, handle func(context.Context, bus.Delivery) error) lambda.Handler {
	return &lambda.Queue{
		Subscription: subscription, Handle: f.Telemetry.Handled(subscription, handle), Bus: f.Bus, Concurrency: f.config.Concurrency.Messages, Now: f.Now, Log: f.Log,
	}
}
