// Package resident is the host that runs every function in one process, on the embedded bus and
// ledger or on Azure's: what leaver up, the demo and the tests of whole departures stand on.
package resident

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"leaver/functions/access"
	"leaver/functions/backup"
	"leaver/functions/block"
	"leaver/functions/delete"
	"leaver/functions/export"
	"leaver/functions/forward"
	"leaver/functions/licence"
	"leaver/functions/notify"
	"leaver/functions/onedrive"
	"leaver/functions/plan"
	"leaver/functions/preserve"
	"leaver/functions/privileges"
	"leaver/functions/replay"
	"leaver/functions/resolve"
	"leaver/functions/signout"
	"leaver/functions/watch"
	"leaver/functions/wipe"
	"leaver/shared/bus"
	natsbus "leaver/shared/bus/nats"
	"leaver/shared/embedded"
	"leaver/shared/environment"
	"leaver/shared/exchange"
	"leaver/shared/graph"
	"leaver/shared/hris"
	"leaver/shared/identity"
	"leaver/shared/ledger"
	natsledger "leaver/shared/ledger/nats"
	"leaver/shared/notices"
	"leaver/shared/objectstore"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
	"leaver/shared/telemetry"
	"leaver/shared/worker"
)

// Host is every function in one process; [Host.ServeIntake] adds the one that faces the internet.
type Host struct {
	TenantID  string
	Ledger    *ledger.Ledger
	Bus       bus.Bus
	Directory *graph.Client
	Planner   *plan.Planner
	Steps     map[offboarding.StepName]worker.Step
	Watch     *watch.Watch
	Sweeper   *export.Sweeper
	Replayer  *replay.Replayer
	Resolver  *resolve.Resolver
	Notifier  *notify.Notifier
	Backup    *backup.Backup
	Metrics   *telemetry.Metrics
	// Telemetry sends traces and metrics; nil sends none.
	Telemetry *telemetry.Exporter
	Now       func() time.Time
	// Operator is the person who started the host with their own token; nobody where it is an
	// application's.
	Operator offboarding.Person

	index       operator.Index
	log         *slog.Logger
	store       ledger.Store
	signs       bool
	shared      bool // the ledger is not the embedded one
	mailboxes   *exchange.Client
	concurrency int
	only        []string
	priority    worker.Priority
	hosts       []*worker.Host
	close       []func() error
}

// Options say what a host is built of.
type Options struct {
	Dir    string            // of the embedded bus and ledger; one host holds it
	Shared *environment.Host // the bus and the ledger instead of the embedded ones; nil is none
	Tenant identity.Tenant
	Policy offboarding.Policy
	// Proof says whose signatures on the ledger count. Without a key, the embedded one is signed by the
	// key DIR/ledger.key, which is made where there is none.
	Proof ledger.Proof
	// Backup is where copies of the ledger go, a folder or a URL of objectstore; empty is nowhere.
	Backup string
	// Elsewhere are the steps of other vendors than Microsoft's cloud, as [Elsewhere] makes them of the
	// environment. A step that runs inside and is not among them is another host's.
	Elsewhere map[offboarding.StepName]worker.Step
	// Only are the functions to serve; empty is all of them.
	Only []string
	Lock time.Duration    // of messages on the embedded bus and their leases; zero is the bus's default
	Now  func() time.Time // nil is the machine's clock; only the embedded bus keeps to another one
	// Concurrency is how many messages of one subscription are worked on at the same time;
	// zero is 8.
	Concurrency int
	Log         *slog.Logger
	// Client reaches the tenant; nil is one of its own.
	Client *http.Client
	// Readers are the HR systems that are asked; none where webhooks say all there is to know.
	Readers map[string]hris.Readable
	// SourceLimits are those of plan.Planner.
	SourceLimits map[string]int
	// Telemetry is the base URL of a collector of OpenTelemetry; empty sends it nothing.
	Telemetry string
	// Console is where browsers find the console, which notices lead to; empty where only this machine does.
	Console string
	// Around is laid around every step; nil is nothing.
	Around func(offboarding.StepName, worker.Step) worker.Step
}

// Open opens bus and ledger and puts the functions on them. Nothing runs before [Host.Run].
func Open(ctx context.Context, o Options) (_ *Host, err error) {
	h := &Host{TenantID: o.Tenant.TenantID, Now: o.Now, log: o.Log, concurrency: o.Concurrency, Metrics: telemetry.New()}
	if h.concurrency == 0 {
		h.concurrency = 8
	}
	if h.Now == nil {
		h.Now = time.Now
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.Close())
		}
	}()
	if h.Telemetry, err = telemetry.Export(ctx, telemetry.Settings{Endpoint: o.Telemetry, Metrics: h.Metrics, Log: o.Log}); err != nil {
		return nil, err
	}
	h.close = append(h.close, func() error { h.Telemetry.Close(ctx); return nil })
	connection, err := o.Tenant.Connect(o.Client)
	if err != nil {
		return nil, err
	}
	if err := h.openLedger(ctx, o, connection); err != nil {
		return nil, err
	}
	h.Bus = h.Telemetry.Bus(h.Bus)

	if o.Tenant.AzureCLI {
		if h.Operator.ID, h.Operator.Name, err = connection.Person(ctx); err != nil {
			return nil, err
		}
	}
	directory, err := graph.New(connection.Credential, connection.Graph, connection.GraphScope, h.Telemetry.Client(connection.HTTP), graph.Clock(h.Now))
	if err != nil {
		return nil, err
	}
	mailboxes, err := exchange.New(connection.Credential, connection.Exchange, connection.ExchangeScope, connection.TenantID, h.Telemetry.Client(connection.HTTP), exchange.Clock(h.Now))
	if err != nil {
		return nil, err
	}
	h.Directory, h.mailboxes = directory, mailboxes
	storage := objectstore.New(filepath.Join(o.Dir, "exports"), connection.Credential)
	h.Steps = Steps(directory, mailboxes, h.Ledger, storage, o.Policy)
	h.Sweeper = &export.Sweeper{Storage: storage, Storages: o.Policy.ExportStorages(), Ledger: h.Ledger, Now: h.Now, Log: o.Log}
	maps.Copy(h.Steps, o.Elsewhere)
	h.Planner = &plan.Planner{
		Directory: directory, Ledger: h.Ledger, Bus: h.Bus, Tenant: h.TenantID,
		Application: o.Tenant.ClientID, Policy: o.Policy, SourceLimits: o.SourceLimits, Now: h.Now, Log: o.Log,
	}
	h.only = o.Only
	h.host(offboarding.FunctionPlan, true, h.Planner.Handle)
	h.Resolver = &resolve.Resolver{Sources: o.Readers, Words: h.Ledger, Bus: h.Bus, Now: h.Now, Log: o.Log, Count: h.Metrics.Reading}
	// With a priority of its own: a step waits for no HR system, and a second look for no step.
	if h.Serves(offboarding.FunctionResolve) {
		h.hosts = append(h.hosts, &worker.Host{
			Bus: h.Bus, Subscription: offboarding.FunctionResolve, Handle: h.Telemetry.Handled(offboarding.FunctionResolve, h.Resolver.Handle), Concurrency: h.concurrency,
			Priority: &worker.Priority{}, Log: h.log,
		})
	}
	if err := h.hostSteps(o); err != nil {
		return nil, err
	}
	h.Watch = &watch.Watch{Ledger: h.Ledger, Bus: h.Bus, Now: h.Now, Log: o.Log, Report: h.Metrics}
	h.Notifier = h.notifier(ctx, o)
	h.Backup = &backup.Backup{Ledger: h.Ledger, Storage: storage, Place: o.Backup, Now: h.Now, Log: o.Log, Report: h.Metrics}
	h.Replayer = &replay.Replayer{Ledger: h.Ledger, Bus: h.Bus, Now: h.Now, Log: o.Log}
	return h, nil
}

// hostSteps puts a worker for every step on the bus.
func (h *Host) hostSteps(o Options) error {
	for _, spec := range offboarding.Steps {
		step, ok := h.Steps[spec.Name]
		if !ok && spec.Connection != "" {
			continue
		}
		if !ok {
			return fmt.Errorf("no function serves step %s", spec.Name)
		}
		if o.Around != nil {
			step = o.Around(spec.Name, step)
		}
		w := &worker.Worker{
			Name: spec.Name, Step: step, Ledger: h.Ledger, Bus: h.Bus, Tenant: h.TenantID,
			Now: h.Now, Log: o.Log,
			LastLook: offboarding.LastLook{Accounts: h.Directory, Policy: o.Policy, Now: h.Now},
			Observe:  h.Metrics.Verdict,
		}
		h.host(string(spec.Name), spec.Urgent, w.Handle)
	}
	return nil
}

// notifier tells people by the channels of the policy. One that cannot be opened keeps nothing else up.
func (h *Host) notifier(ctx context.Context, o Options) *notify.Notifier {
	n := &notify.Notifier{Ledger: h.Ledger, Now: h.Now, Log: o.Log, Report: h.Metrics, Console: o.Console}
	for _, c := range o.Policy.Channels {
		sender, unopened := notices.Open(ctx, c, notices.Options{Read: Stored, Mail: h.Directory, Now: h.Now})
		if unopened != nil {
			o.Log.Error("a channel cannot be used: nobody is told by it", "error", unopened)
		}
		n.Channels = append(n.Channels, notify.Channel{Channel: c, Sender: sender, Unopened: unopened})
	}
	return n
}

// Desk is where the operator of the host asks and acts.
func (h *Host) Desk() *operator.Desk {
	return &operator.Desk{
		Ledger: h.Ledger, Index: &h.index, Bus: h.Bus, Directory: h.Directory, Planner: h.Planner, Replayer: h.Replayer,
		Steps: h.Steps, Now: h.Now, Operator: h.Operator,
	}
}

// openEmbedded starts the embedded server.
func (h *Host) openEmbedded(ctx context.Context, o Options) error {
	server, err := embedded.Start(o.Dir, embedded.Options{Logger: o.Log})
	if err != nil {
		return err
	}
	h.close = append(h.close, server.Close)
	// A connection each: the requests of one are written one after another.
	forBus, err := server.Connect()
	if err != nil {
		return err
	}
	forLedger, err := server.Connect()
	if err != nil {
		return err
	}
	broker, err := natsbus.Open(ctx, forBus, natsbus.Options{Lock: o.Lock, Now: h.Now})
	if err != nil {
		return err
	}
	h.Bus = broker
	h.close = append(h.close, broker.Close)
	store, err := natsledger.Open(ctx, forLedger, natsledger.Options{})
	if err != nil {
		return err
	}
	h.close = append(h.close, store.Close)
	return h.prove(ctx, store, o)
}

// Steps makes every step of the cloud on the adapters.
func Steps(directory *graph.Client, mailboxes *exchange.Client, departures *ledger.Ledger, storage *objectstore.Client, policy offboarding.Policy) map[offboarding.StepName]worker.Step {
	return map[offboarding.StepName]worker.Step{
		offboarding.StepSignout:    signout.New(directory, rand.Reader),
		offboarding.StepBlock:      block.New(directory, mailboxes),
		offboarding.StepWipe:       wipe.New(directory, mailboxes),
		offboarding.StepForward:    forward.New(directory, mailboxes, departures, policy),
		offboarding.StepPreserve:   preserve.New(mailboxes),
		offboarding.StepExport:     export.New(directory, storage),
		offboarding.StepOnedrive:   onedrive.New(directory, departures),
		offboarding.StepPrivileges: privileges.New(directory, departures),
		offboarding.StepAccess:     access.New(directory, mailboxes, departures, privileges.New(directory, departures)),
		offboarding.StepLicence:    licence.New(directory, mailboxes),
		offboarding.StepDelete:     delete.New(directory, mailboxes),
	}
}

// Serves reports whether the host serves a function.
func (h *Host) Serves(function string) bool {
	return len(h.only) == 0 || slices.Contains(h.only, function)
}

func (h *Host) host(subscription string, urgent bool, handle func(context.Context, bus.Delivery) error) {
	if !h.Serves(subscription) {
		return
	}
	h.hosts = append(h.hosts, &worker.Host{
		Bus: h.Bus, Subscription: subscription, Handle: h.Telemetry.Handled(subscription, handle), Concurrency: h.concurrency,
		Priority: &h.priority, Urgent: urgent, Log: h.log,
	})
}

// Run serves every subscription, and once a minute watches, polls, and looks who must not be locked
// out by accident, until ctx is done.
func (h *Host) Run(ctx context.Context) error {
	if !h.signs && h.Serves(offboarding.FunctionPlan) {
		return fmt.Errorf("%w: set LEAVER_LEDGER_SIGNER to %s, or serve other functions with --only", ledger.ErrNoSigner, environment.About[environment.Signer]("LEAVER_LEDGER_SIGNER"))
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, host := range h.hosts {
		group.Go(func() error { return host.Run(ctx) })
	}
	for _, each := range []struct {
		function string
		run      func(context.Context) error
	}{
		{offboarding.FunctionWatch, h.Watch.Run}, {offboarding.FunctionResolve, h.Resolver.Poll},
		{offboarding.FunctionPlan, h.Planner.Look}, {offboarding.FunctionPlan, h.Planner.Minute},
		{string(offboarding.StepExport), h.Sweeper.Run},
		{offboarding.FunctionBackup, h.Backup.Run},
		{offboarding.FunctionNotify, h.Notifier.Run},
	} {
		if h.Serves(each.function) {
			group.Go(func() error { return h.eachMinute(ctx, each.function, each.run) })
		}
	}
	if h.Serves(offboarding.FunctionWatch) {
		group.Go(func() error { h.examine(ctx); return nil })
	}
	return group.Wait()
}

// eachMinute runs what a function does by the clock, now and every minute until ctx is done.
func (h *Host) eachMinute(ctx context.Context, function string, run func(context.Context) error) error {
	every := time.NewTicker(time.Minute)
	defer every.Stop()
	for {
		if err := run(ctx); err != nil && ctx.Err() == nil {
			h.log.Error(function, "error", err)
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Close ends everything that [Open] started, last first.
func (h *Host) Close() error {
	var failures []error
	for i := len(h.close) - 1; i >= 0; i-- {
		failures = append(failures, h.close[i]())
	}
	h.close = nil
	return errors.Join(failures...)
}
